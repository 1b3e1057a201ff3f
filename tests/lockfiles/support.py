"""Digests and shorthands that the tests of lock files share."""

from __future__ import annotations

import pytest

from pip_verify.errors import EvidenceError, PipVerifyError, UsageError
from pip_verify.lockfiles.model import LockedFile, LockedSet
from pip_verify.lockfiles.recognise import Reader

A, B, C, D = ("a1" * 32, "b2" * 32, "c3" * 32, "d4" * 32)
MD5 = "0f" * 16
SHA512 = "5e" * 64
COMMIT = "9c" * 20


def refused(reader: Reader, text: str | bytes, family: type[PipVerifyError] = UsageError) -> str:
    """The refusal of a lock, in words."""
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(family) as caught:
        reader(data, "lock")
    assert type(caught.value) is family
    assert caught.value.hint or "bytes" in caught.value.expected
    return str(caught.value)


def duplicate(reader: Reader, text: str) -> str:
    return refused(reader, text, EvidenceError)


def short(file: LockedFile) -> tuple[str, str | None, str | None, str | None, int]:
    return file.project, file.version, file.filename, file.sha256, file.origin.line


def files(locked: LockedSet) -> list[tuple[str, str | None, str | None, str | None, int]]:
    return [short(file) for file in locked.files]
