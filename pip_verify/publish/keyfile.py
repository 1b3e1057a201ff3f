"""The private key file: made once, encrypted by default, read with suspicion.

The file is a JWK (RFC 7517, RFC 8037) with mode 0600. Plain, its private member is ``d``. Encrypted, it has
``encrypted`` instead: the 32 bytes of ``d`` under XChaCha20-Poly1305, whose key Argon2id (RFC 9106) makes of the
passphrase. The public members and the parameters are the associated data, so that nobody without the passphrase
can pair the secret with another public key or change a parameter.

Refused: a file that group or others can read or that belongs to another user, a file that is torn or larger than
16 KiB, Argon2 parameters beyond libsodium's most expensive ones (they would stop the machine), a wrong passphrase,
a public half that is not the private half's. A symbolic link is followed when a key is read (the file it leads to
is held to all this) and never when one is written.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from pip_verify.encoding import b64u_decode, b64u_encode, exact_members, json_encode, json_object
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.keys import PublicKey
from pip_verify.publish.argon2 import LEAST, MODERATE, SENSITIVE, Cost, argon2id
from pip_verify.publish.derived import spell_phrase
from pip_verify.publish.sshwire import PUBLIC_LINE_PREFIX, parse_public_line
from pip_verify.storage import read_file, write_atomically

KEY_FILE_MAX_BYTES = 16 * 1024

_AGAIN = "try again; if that is its passphrase, the file was changed: take it from your backup"
_VERSION = 1
_KDF = "argon2id"
_CIPHER = "xchacha20-poly1305"
_SALT_BYTES = 16
_NONCE_BYTES = 24
_MAC_BYTES = 16
_KEY_BYTES = 32  # of the cipher
_SEED_BYTES = 32
_ENVELOPE = ("version", "kdf", "ops", "mem", "salt", "cipher", "nonce", "ciphertext")


class SigningKey:
    """A private Ed25519 key in memory; it shows, pickles and copies nothing of its secret.

    Python cannot erase memory: the secret is in this process until the process ends.
    """

    __slots__ = ("_signer", "public")

    def __init__(self, seed: bytes) -> None:
        """seed: the 32 bytes of ``d`` (RFC 8037 section 2)."""
        from nacl.signing import SigningKey as Signer  # lazily: libsodium costs start-up time

        self._signer = Signer(seed)
        self.public = PublicKey.from_raw(self._signer.verify_key.encode())

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the Ed25519 signature (RFC 8032 section 5.1.6)."""
        return self._signer.sign(message).signature

    def __repr__(self) -> str:
        return f"<SigningKey {self.public}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signing key is not serialised")


def new_seed() -> bytes:
    """32 bytes from the system's source of randomness."""
    return secrets.token_bytes(_SEED_BYTES)


def store(path: Path, seed: bytes, passphrase: bytes | None, *, cost: Cost = MODERATE) -> PublicKey:
    """Write the key file of ``seed`` at ``path`` (mode 0600, nothing may be there yet); returns its public half.

    passphrase: None writes it in clear; an empty one is refused. cost: of one guess of the passphrase.
    Raises UsageError.
    """
    if passphrase == b"":
        hint = "give a passphrase, or say --no-passphrase to keep the key in clear"
        raise UsageError(str(path), expected="a passphrase", got="an empty one", hint=hint)
    public = SigningKey(seed).public
    jwk = public.to_jwk()
    if passphrase is None:
        jwk["d"] = b64u_encode(seed)
    else:
        jwk["encrypted"] = _encrypt(seed, public, passphrase, cost)
    write_atomically(path, json_encode(jwk) + b"\n", mode=0o600, overwrite=False)
    return public


def load(path: Path, passphrase: Callable[[], bytes]) -> SigningKey:
    """Read the private key at ``path``; ``passphrase`` is asked only when the file is encrypted.

    Raises UsageError (missing, wide permissions, wrong passphrase, no private key in it) or EvidenceError (torn,
    malformed, a public half that is not the private half's).
    """
    return SigningKey(load_seed(path, passphrase))


def load_seed(path: Path, passphrase: Callable[[], bytes]) -> bytes:
    """The secret itself, for a backup on paper; else as ``load``."""
    what = str(path)
    jwk = _parse(read_private(path, expected="a key file"), what)
    public = _public_half(jwk, what)
    if "encrypted" in jwk:
        seed = _decrypt(jwk["encrypted"], public, passphrase, what)
    elif "d" in jwk:
        seed = _decode_seed(jwk["d"], what)
    else:
        hint = "name the file that pip-verify keygen -o FILE wrote"
        raise UsageError(what, expected='a private key file, with "d" or "encrypted"', got="a public key", hint=hint)
    found = SigningKey(seed).public
    if found != public:
        raise EvidenceError(what, expected=f"the private half of {public}", got=f"that of {found}")
    return seed


def load_public(path: Path) -> PublicKey:
    """The public half of a key file, or of a file with a public JWK or OpenSSH's ``.pub`` line; no passphrase is
    needed.

    Nothing proves an encrypted file's public half here; only ``load`` does. Raises as ``load``.
    """
    data, _ = read_file(path, max_bytes=KEY_FILE_MAX_BYTES, expected="a key file")
    if data.startswith(PUBLIC_LINE_PREFIX):
        return parse_public_line(data, str(path))
    return _public_half(_parse(data, str(path)), str(path))


def read_private(path: Path, *, expected: str) -> bytes:
    """The bytes of a file with a private key, one more than allowed at most; refuses one that others can reach.

    expected: for the message. Raises UsageError.
    """
    data, status = read_file(path, max_bytes=KEY_FILE_MAX_BYTES, expected=expected)
    if sys.platform != "win32":
        _refuse_wide(path, status)
        _refuse_foreign(path, status)
    return data


def _decode_seed(text: object, what: str) -> bytes:
    try:
        return b64u_decode(text, "d", length=_SEED_BYTES)
    except EvidenceError:
        # from None: the message of the decoder quotes what it could not decode, and that is the secret
        raise EvidenceError(f"{what}: d", expected="base64url of 32 bytes", got="something else") from None


def _encrypt(seed: bytes, public: PublicKey, passphrase: bytes, cost: Cost) -> dict[str, Any]:
    from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt

    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    envelope: dict[str, Any] = {
        "version": _VERSION,
        "kdf": _KDF,
        "ops": cost.ops,
        "mem": cost.mem,
        "salt": b64u_encode(salt),
        "cipher": _CIPHER,
        "nonce": b64u_encode(nonce),
    }
    key = argon2id(passphrase, salt, _KEY_BYTES, cost)
    box = crypto_aead_xchacha20poly1305_ietf_encrypt(seed, _associated_data(public, envelope), nonce, key)
    return {**envelope, "ciphertext": b64u_encode(box)}


def _decrypt(envelope: object, public: PublicKey, passphrase: Callable[[], bytes], what: str) -> bytes:
    from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt
    from nacl.exceptions import CryptoError

    label = f"{what}: encrypted"
    members = exact_members(envelope, label, _ENVELOPE)
    for name, value in (("version", _VERSION), ("kdf", _KDF), ("cipher", _CIPHER)):
        if members[name] != value or isinstance(members[name], bool):
            raise EvidenceError(f"{label}.{name}", expected=repr(value), got=repr(members[name])[:80])
    cost = Cost(
        _bounded(members, "ops", label, LEAST.ops, SENSITIVE.ops),
        _bounded(members, "mem", label, LEAST.mem, SENSITIVE.mem),
    )
    salt = b64u_decode(members["salt"], f"{label}.salt", length=_SALT_BYTES)
    nonce = b64u_decode(members["nonce"], f"{label}.nonce", length=_NONCE_BYTES)
    box = b64u_decode(members["ciphertext"], f"{label}.ciphertext", length=_SEED_BYTES + _MAC_BYTES)
    for one in _spellings(passphrase()):
        key = argon2id(one, salt, _KEY_BYTES, cost)
        with contextlib.suppress(CryptoError):
            return crypto_aead_xchacha20poly1305_ietf_decrypt(box, _associated_data(public, members), nonce, key)
    # the cipher cannot tell the two apart
    got = "another, or the file was changed"
    raise UsageError(what, expected="the passphrase of this key", got=got, hint=_AGAIN)


def _spellings(passphrase: bytes) -> list[bytes]:
    """As it was typed, and as the phrase of a derived key is spelt, where that is another: such a key's file is
    encrypted with that."""
    try:
        spelt = spell_phrase(passphrase.decode("utf-8")).encode("utf-8")
    except (UnicodeDecodeError, UsageError):
        return [passphrase]
    return list(dict.fromkeys((passphrase, spelt)))


def _associated_data(public: PublicKey, envelope: Mapping[str, Any]) -> bytes:
    """The public half and every parameter, in a fixed order."""
    return json_encode([public.text, *(envelope[name] for name in _ENVELOPE[:-1])])


def _bounded(members: Mapping[str, Any], name: str, label: str, least: int, most: int) -> int:
    value = members[name]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise EvidenceError(f"{label}.{name}", expected=f"a number from {least} to {most}", got=repr(value)[:40])
    return value


def _public_half(jwk: Mapping[str, Any], what: str) -> PublicKey:
    if "encrypted" in jwk and "d" in jwk:
        raise EvidenceError(what, expected='"d" or "encrypted"', got="both")
    return PublicKey.from_jwk({name: value for name, value in jwk.items() if name != "d"}, what)


def _parse(data: bytes, what: str) -> dict[str, Any]:
    return json_object(data, what, max_bytes=KEY_FILE_MAX_BYTES)


def _refuse_wide(path: Path, status: os.stat_result) -> None:
    """As ssh does: a private key that others could read is taken for leaked."""
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(
            str(path),
            expected="a key file that only you can read (mode 0600)",
            got=f"mode {stat.S_IMODE(status.st_mode):04o}",
            hint=f"chmod 600 {shlex.quote(str(path))}  (and make a new key if somebody may have read it)",
        )


def _refuse_foreign(path: Path, status: os.stat_result) -> None:
    """Its owner can read it, too. Root can anyway, and mounts secrets."""
    if status.st_uid not in (os.geteuid(), 0):
        raise UsageError(
            str(path),
            expected="a key file that only you can read (your own)",
            got=f"one of the user with the number {status.st_uid}",
            hint="make a new key, or copy this one as yourself if its owner may have it",
        )
