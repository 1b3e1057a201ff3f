"""An Ed25519 private key as ``ssh-keygen`` keeps it: its file comes in, the 32 bytes of the seed go out.

The format is OpenSSH's own (PROTOCOL.key of its source), which RFC 4253 and RFC 8709 know nothing of. Read is what
``ssh-keygen -t ed25519`` writes: one key, in clear or under aes256-ctr with bcrypt. Refused: a file that group or
others can read, more than one key, other algorithms and ciphers, a bcrypt cost that would stop the machine, padding
that is not the format's, public halves that are not all the same.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from pip_verify.errors import EvidenceError, UsageError
from pip_verify.publish.extras import missing
from pip_verify.publish.keyfile import SigningKey, read_private
from pip_verify.publish.sshwire import ALGORITHM, Reader, decode_base64, parse_public_blob

MAX_ROUNDS = 4096  # of bcrypt; ssh-keygen's default is 16 or 24, and 4096 take half a minute

_BEGIN = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_END = b"-----END OPENSSH PRIVATE KEY-----"
_MAGIC = b"openssh-key-v1\0"
_CLEAR, _ENCRYPTED = (b"none", b"none"), (b"aes256-ctr", b"bcrypt")
_KINDS = (_CLEAR, _ENCRYPTED)
_KEY_BYTES, _BLOCK_BYTES = 32, 16  # of AES-256
_CLEAR_BLOCK_BYTES = 8  # what the format pads to without a cipher


def read_seed(path: Path, passphrase: Callable[[], bytes]) -> bytes:
    """The seed of the key at ``path``; ``passphrase`` is asked only when the file is encrypted.

    Raises UsageError (missing, wide permissions, not an Ed25519 key, wrong passphrase, a missing library) or
    EvidenceError (torn or malformed).
    """
    what = str(path)
    return parse_private(read_private(path, expected="a private key of OpenSSH"), passphrase, what)


def parse_private(data: bytes, passphrase: Callable[[], bytes], what: str) -> bytes:
    """As ``read_seed``, of the bytes of a file. what: its name, for messages and the next step in them."""
    reader = Reader(_armoured(data, what), what)
    if reader.take(len(_MAGIC)) != _MAGIC:
        raise EvidenceError(what, expected="openssh-key-v1", got="something else")
    cipher, kdf, options, count = reader.string(), reader.string(), reader.string(), reader.uint32()
    if (cipher, kdf) not in _KINDS:  # first of all: other ciphers have more behind the box
        raise _other_cipher(cipher, kdf, what)
    if count != 1:
        raise EvidenceError(what, expected="one key", got=str(count))
    public = parse_public_blob(reader.string(), what)
    box = reader.string()
    reader.end()
    encrypted = (cipher, kdf) == _ENCRYPTED
    seed = _open(_decrypt(box, options, passphrase, what) if encrypted else box, what, encrypted=encrypted)
    if SigningKey(seed).public != public:
        raise EvidenceError(what, expected=f"the private half of {public}", got="that of another key")
    return seed


def _other_cipher(cipher: bytes, kdf: bytes, what: str) -> UsageError:
    return UsageError(
        what,
        expected="a key in clear, or under aes256-ctr with bcrypt",
        got=f"{cipher[:40]!r} with {kdf[:40]!r}",
        hint=f"ssh-keygen -p -Z aes256-ctr -f {shlex.quote(what)}  (encrypts it anew)",
    )


def _armoured(data: bytes, what: str) -> bytes:
    """What stands in base64 between the first and the last line."""
    lines = data.splitlines()
    if not lines or lines[0] != _BEGIN:
        hint = f"ssh-keygen -p -f {shlex.quote(what)}  (writes an older private key in this format)"
        raise UsageError(what, expected=f"a file that begins with {_BEGIN.decode()}", got="another", hint=hint)
    if lines[-1] != _END:
        raise EvidenceError(what, expected=f"{_END.decode()} at its end", got="a torn file")
    return decode_base64(b"".join(lines[1:-1]), what)


def _open(box: bytes, what: str, *, encrypted: bool) -> bytes:
    """The seed out of the private section. The two check numbers are equal if the passphrase was right."""
    block = _BLOCK_BYTES if encrypted else _CLEAR_BLOCK_BYTES
    if len(box) % block:
        raise EvidenceError(what, expected=f"a multiple of {block} bytes", got=f"{len(box)} bytes")
    reader = Reader(box, what)
    if reader.uint32() != reader.uint32():
        if encrypted:
            hint = f"try it by itself: ssh-keygen -y -f {shlex.quote(what)}"
            got = "another, or the file was changed"
            raise UsageError(what, expected="the passphrase of this key", got=got, hint=hint)
        raise EvidenceError(what, expected="two check numbers that are equal", got="different ones")
    algorithm, public, private = reader.string(), reader.string(), reader.string()
    reader.string()  # the comment
    padding = reader.rest()
    if algorithm != ALGORITHM or len(private) != 64 or private[32:] != public:
        raise EvidenceError(what, expected="an Ed25519 key of 64 bytes with its public half", got="something else")
    if padding != bytes(range(1, len(padding) + 1)) or len(padding) >= block:
        raise EvidenceError(what, expected="padding 1, 2, 3, … to the next block", got="something else")
    return private[:32]


def _decrypt(box: bytes, options: bytes, passphrase: Callable[[], bytes], what: str) -> bytes:
    try:
        import bcrypt
        from cryptography.hazmat.primitives.ciphers import Cipher
        from cryptography.hazmat.primitives.ciphers.algorithms import AES
        from cryptography.hazmat.primitives.ciphers.modes import CTR
    except ImportError as error:
        raise missing("openssh", "cryptography or bcrypt, for an encrypted OpenSSH key") from error
    reader = Reader(options, what)
    salt, rounds = reader.string(), reader.uint32()
    reader.end()
    if not 1 <= rounds <= MAX_ROUNDS or not salt:
        raise EvidenceError(what, expected=f"a salt and 1 to {MAX_ROUNDS} rounds of bcrypt", got=f"{rounds} rounds")
    secret = passphrase()
    if not secret:  # bcrypt takes none
        hint = f"try it by itself: ssh-keygen -y -f {shlex.quote(what)}"
        raise UsageError(what, expected="the passphrase of this key", got="an empty one", hint=hint)
    key = bcrypt.kdf(secret, salt, _KEY_BYTES + _BLOCK_BYTES, rounds, ignore_few_rounds=True)
    decryptor = Cipher(AES(key[:_KEY_BYTES]), CTR(key[_KEY_BYTES:])).decryptor()
    return decryptor.update(box) + decryptor.finalize()
