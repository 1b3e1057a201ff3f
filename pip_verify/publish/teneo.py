"""Keys of the scheme passphrase-identity 2015v1, which teneo uses: a user name and a passphrase make the seed.

For keys that exist. New ones are better made by ``derived``: this scheme asks nothing of the passphrase.
"""

from __future__ import annotations

import hashlib

from pip_verify.errors import UsageError
from pip_verify.publish.argon2 import too_little_memory

COST_N = 2**20

_VERSION = b"2015v1"
_R, _P = 8, 1
_SEED_BYTES = 32
_MARGIN = 1024 * 1024  # bytes beyond scrypt's 128 N r, for its smaller tables


def teneo_seed(user: str, passphrase: bytes, *, n: int = COST_N) -> bytes:
    """The 32 bytes of the seed: scrypt (RFC 7914) with r = 8 and p = 1, salted with BLAKE2b-256 of the user name
    keyed with the scheme's version.

    Takes 1 GiB of memory; n: only tests give another. Raises UsageError.
    """
    from nacl.bindings import crypto_pwhash_scryptsalsa208sha256_ll as scrypt  # twice as fast as OpenSSL's

    if not user or not passphrase:
        hint = "--user=NAME and a passphrase, as they were when the key was made"
        raise UsageError("teneo", expected="a user name and a passphrase", got="an empty one", hint=hint)
    salt = hashlib.blake2b(_utf8(user), key=_VERSION, digest_size=_SEED_BYTES).digest()
    memory = 128 * n * _R
    try:
        return scrypt(passphrase, salt, n, _R, _P, dklen=_SEED_BYTES, maxmem=memory + _MARGIN)
    except RuntimeError as error:
        raise too_little_memory(memory) from error


def _utf8(user: str) -> bytes:
    try:
        return user.encode("utf-8")
    except UnicodeEncodeError as error:
        hint = "type it in a terminal that is set to UTF-8"
        raise UsageError("--user", expected="text in Unicode", got="a lone surrogate", hint=hint) from error
