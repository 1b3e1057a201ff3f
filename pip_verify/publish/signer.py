"""What signs: a key in memory, or one that an agent holds."""

from __future__ import annotations

from typing import Protocol

from pip_verify.keys import PublicKey


class Signer(Protocol):
    """A public key and the means to sign with its private half, wherever that is."""

    @property
    def public(self) -> PublicKey:
        """The public half."""

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the Ed25519 signature over ``message`` (RFC 8032 section 5.1.6)."""
