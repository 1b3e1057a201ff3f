"""Argon2id (RFC 9106) by libsodium: what a guess of a passphrase costs, and the derivation itself."""

from __future__ import annotations

from dataclasses import dataclass

from pip_verify.errors import UsageError

MIB = 1024 * 1024


@dataclass(frozen=True)
class Cost:
    """What one guess of the passphrase costs under Argon2id: ``ops`` passes over ``mem`` bytes of memory."""

    ops: int
    mem: int


LEAST = Cost(ops=1, mem=8 * 1024)  # libsodium's minimum
MODERATE = Cost(ops=3, mem=256 * MIB)  # libsodium's MODERATE: about one second
SENSITIVE = Cost(ops=4, mem=1024 * MIB)  # libsodium's SENSITIVE: several seconds


def argon2id(passphrase: bytes, salt: bytes, length: int, cost: Cost) -> bytes:
    """``length`` bytes of the passphrase and the 16 bytes of ``salt``, in one lane.

    Raises UsageError when the machine has too little memory.
    """
    from nacl.exceptions import CryptoError
    from nacl.pwhash import argon2id as libsodium  # lazily: libsodium costs start-up time

    try:
        return libsodium.kdf(length, passphrase, salt, opslimit=cost.ops, memlimit=cost.mem)
    except CryptoError as error:
        raise too_little_memory(cost.mem) from error


def too_little_memory(wanted: int) -> UsageError:
    """The error for a derivation that wanted so many bytes."""
    expected = f"{wanted // MIB} MiB of memory for the passphrase"
    return UsageError("key derivation", expected=expected, got="less", hint="use a machine with more memory")
