"""Keys and small trust files for the tests of this folder."""

from __future__ import annotations

from nacl.signing import SigningKey

from pip_verify.keys import PublicKey
from pip_verify.policy import Policy, parse_trust_file


def make_key(number: int) -> PublicKey:
    """A key of its own for each number, the same in each run."""
    return PublicKey.from_raw(SigningKey(bytes([number]) * 32).verify_key.encode())


A, B, C = make_key(1), make_key(2), make_key(3)
LIST = "https://keys.example/keys.json"
NAME = "pip-verify.toml"


def parse(text: str) -> Policy:
    return parse_trust_file(text.encode(), NAME)
