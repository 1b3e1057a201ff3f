"""A key file's passphrase in the system's keyring (the library ``keyring``), by the thumbprint of the key.

Refused: a keyring that the library itself does not recommend (one that keeps secrets in clear, or none at all), a
chain of only such ones, and passphrases that are no text, which a keyring cannot hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pip_verify.errors import SourceError, UsageError
from pip_verify.keys import PublicKey
from pip_verify.publish.extras import missing

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "pip-verify"

_DIAGNOSE = "keyring diagnose  (or use --passphrase-file)"
_RECOMMENDED = 1  # the library's own threshold of a backend's priority


def require_keyring() -> KeyringBackend:
    """The keyring of this machine; raises UsageError when there is none that keeps a secret."""
    try:
        import keyring
    except ImportError as error:
        raise missing("keyring", "keyring") from error
    with _as_source_error("to open it"):
        backend = keyring.get_keyring()
        recommended = [one for one in _members(backend) if one.priority >= _RECOMMENDED]
    if not recommended:
        raise UsageError(
            "system keyring",
            expected="one that keeps secrets encrypted",
            got=type(backend).__name__ + " of " + type(backend).__module__,
            hint=_DIAGNOSE,
        )
    return recommended[0]


def _members(backend: KeyringBackend) -> Sequence[KeyringBackend]:
    """The keyrings of a chain, the library's first choice first; else the one alone.

    The library takes a chain wherever two keyrings are viable, and recommends it whatever is in it.
    """
    from keyring.backends.chainer import ChainerBackend

    return list(backend.backends) if isinstance(backend, ChainerBackend) else [backend]


def remember(key: PublicKey, passphrase: bytes) -> None:
    """Put the passphrase of ``key`` into the keyring. Raises UsageError as ``require_keyring``, SourceError when the
    keyring does not take it."""
    backend, text = require_keyring(), as_text(passphrase)
    with _as_source_error("to store the passphrase"):
        backend.set_password(SERVICE, key.thumbprint, text)


def recall(key: PublicKey) -> bytes:
    """The passphrase of ``key``. Raises UsageError when the keyring has none, SourceError when it does not answer."""
    backend = require_keyring()
    with _as_source_error("to read the passphrase"):
        text = backend.get_password(SERVICE, key.thumbprint)
    if text is None:
        hint = f"keyring set {SERVICE} {key.thumbprint}"
        raise UsageError("system keyring", expected=f"the passphrase of {key}", got="none", hint=hint)
    return text.encode("utf-8")


def as_text(passphrase: bytes) -> str:
    """The passphrase as a keyring takes it; raises UsageError."""
    try:
        return passphrase.decode("utf-8")
    except UnicodeDecodeError:
        # from None: that error carries the passphrase
        expected, hint = "text in UTF-8, for the keyring", "leave out --keyring, or choose a passphrase in UTF-8"
        raise UsageError("passphrase", expected=expected, got="other bytes", hint=hint) from None


@contextmanager
def _as_source_error(wanted: str) -> Iterator[None]:
    from keyring.errors import KeyringError

    try:
        yield
    except (KeyringError, OSError, RuntimeError) as error:
        # backends speak to daemons: their own words may hold what was asked for, so only the kind is told
        raise SourceError("system keyring", expected=wanted, got=type(error).__name__, hint=_DIAGNOSE) from error
