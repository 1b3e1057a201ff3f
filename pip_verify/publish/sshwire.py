"""SSH's own spelling of public keys: wire strings, blobs, lines of ``.pub`` files, fingerprints.

Bytes come in, from files and agents; a gated ``PublicKey`` or an ``EvidenceError`` goes out. Sources: RFC 4251
section 5 (data types), RFC 4253 section 6.6 and RFC 8709 section 4 (the blob of an Ed25519 key).
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from pip_verify.errors import EvidenceError, UsageError
from pip_verify.keys import PublicKey

ALGORITHM = b"ssh-ed25519"
PUBLIC_LINE_PREFIX = ALGORITHM + b" "


class Reader:
    """Takes data types from the front of ``data``, one after the other; raises EvidenceError when it is short.

    what: the name of what is read, for messages. Nothing of the data itself is ever in a message: it may be secret.
    """

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._at = 0
        self.what = what

    def take(self, length: int) -> bytes:
        """The next ``length`` bytes."""
        if length > len(self._data) - self._at:
            raise EvidenceError(self.what, expected="SSH data", got="data that ends too early")
        self._at += length
        return self._data[self._at - length : self._at]

    def byte(self) -> int:
        """The next byte, as a number."""
        return self.take(1)[0]

    def uint32(self) -> int:
        """The next four bytes, big-endian."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """The next string: its length as uint32, and so many bytes."""
        return self.take(self.uint32())

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._data) - self._at)

    def end(self) -> None:
        """Demand that nothing is left."""
        if self.rest():
            raise EvidenceError(self.what, expected="SSH data", got="more bytes behind its end")


def uint32(number: int) -> bytes:
    """``number`` as RFC 4251's uint32."""
    return number.to_bytes(4, "big")


def string(data: bytes) -> bytes:
    """``data`` as RFC 4251's string."""
    return uint32(len(data)) + data


def public_blob(key: PublicKey) -> bytes:
    """The blob of an Ed25519 key (RFC 8709 section 4)."""
    return string(ALGORITHM) + string(key.raw)


def parse_public_blob(blob: bytes, what: str) -> PublicKey:
    """The key of a blob; raises UsageError when it is of another algorithm, EvidenceError when it is malformed."""
    reader = Reader(blob, what)
    algorithm = reader.string()
    if algorithm != ALGORITHM:
        hint = "make one: ssh-keygen -t ed25519, or pip-verify keygen -o FILE"
        raise UsageError(what, expected="an Ed25519 key", got=f"one of type {algorithm[:60]!r}", hint=hint)
    raw = reader.string()
    reader.end()
    return PublicKey.from_raw(raw, what)


def public_line(key: PublicKey) -> str:
    """The key as in ``.pub`` files, without a comment."""
    return f"{ALGORITHM.decode()} {base64.b64encode(public_blob(key)).decode()}"


def parse_public_line(data: bytes, what: str) -> PublicKey:
    """The key of a ``.pub`` file: one line with the algorithm, the blob in base64 and perhaps a comment.

    Raises as ``parse_public_blob``.
    """
    lines = data.splitlines()
    fields = lines[0].split(None, 2) if lines else []
    if len(lines) != 1 or len(fields) < 2 or fields[0] != ALGORITHM:
        raise EvidenceError(what, expected="one line: ssh-ed25519 AAAA… comment", got="something else")
    return parse_public_blob(decode_base64(fields[1], what), what)


def decode_base64(text: bytes, what: str) -> bytes:
    """Canonical base64 with padding (RFC 4648 section 4); raises EvidenceError."""
    try:
        data = binascii.a2b_base64(text)
    except ValueError:
        # from None: here, too, what cannot be decoded may be a secret
        raise EvidenceError(what, expected="base64", got="something else") from None
    if base64.b64encode(data) != text:  # the decoder skips strange characters and drops left-over bits
        raise EvidenceError(what, expected="base64", got="something else")
    return data


def fingerprint(key: PublicKey) -> str:
    """``SHA256:`` and base64 without padding, as ssh-keygen and ssh-add show it."""
    digest = hashlib.sha256(public_blob(key)).digest()
    return "SHA256:" + base64.b64encode(digest).rstrip(b"=").decode()
