"""What other processes get to know of our environment: everything but the passphrase of a signing key.

Pip, a locker, a command that tries a site: none of them signs, and each runs code of others.
"""

from __future__ import annotations

from collections.abc import Mapping

KEPT_BACK = "PIP_VERIFY_PASSPHRASE"


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` for a process that we start."""
    return {name: value for name, value in environ.items() if name != KEPT_BACK}
