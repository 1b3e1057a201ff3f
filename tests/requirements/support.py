"""Keys and shorthands that the tests of requirement files share."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from nacl.signing import SigningKey

from pip_verify.errors import UsageError
from pip_verify.keys import PublicKey
from pip_verify.requirements.model import ParsedFile, Requirement
from pip_verify.requirements.parse import parse_requirements


def public_key(seed: int) -> PublicKey:
    return PublicKey.from_raw(bytes(SigningKey(bytes([seed]) * 32).verify_key))


KEYS = (public_key(1), public_key(2), public_key(3))
A, B, C = (key.text for key in KEYS)
WEAK = PublicKey(b"\x01" + bytes(31)).text  # the identity: a point of order one
SHA256 = "ab" * 32


def parse(text: str | bytes, *, constraint: bool = False, environ: Mapping[str, str] | None = None) -> ParsedFile:
    data = text.encode() if isinstance(text, str) else text
    return parse_requirements(data, "req.txt", constraint=constraint, environ=environ or {})


def one(text: str, **environ: str) -> Requirement:
    """The only requirement of a file."""
    (requirement,) = parse(text, environ=environ).requirements
    return requirement


def refused(text: str | bytes, **environ: str) -> UsageError:
    """Why the first line of a file is refused."""
    with pytest.raises(UsageError) as caught:
        parse(text, environ=environ)
    assert caught.value.expected
    assert caught.value.subject.startswith("req.txt")
    return caught.value
