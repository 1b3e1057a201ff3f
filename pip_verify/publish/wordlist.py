"""The 2048 English words of BIP-39, from the library ``mnemonic``; each stands for eleven bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_verify.publish.extras import missing

if TYPE_CHECKING:
    from mnemonic import Mnemonic


def bip39(extra: str) -> Mnemonic:
    """The library's list and code. extra: of pip-verify, the one that brings it; raises UsageError without it."""
    try:
        from mnemonic import Mnemonic
    except ImportError as error:
        raise missing(extra, "mnemonic") from error
    return Mnemonic("english")
