"""Which format a lock has: by its file name, else by what stands in it."""

from __future__ import annotations

import re
from collections.abc import Callable

from pip_verify.errors import UsageError
from pip_verify.lockfiles.model import LockedSet
from pip_verify.lockfiles.pipfile import parse_pipfile_lock
from pip_verify.lockfiles.poetry import parse_poetry_lock
from pip_verify.lockfiles.pylock import parse_pylock
from pip_verify.lockfiles.uv import parse_uv_lock

Reader = Callable[[bytes, str], LockedSet]

_BY_NAME: dict[str, Reader] = {
    "uv.lock": parse_uv_lock,
    "poetry.lock": parse_poetry_lock,
    "Pipfile.lock": parse_pipfile_lock,
    "pylock.toml": parse_pylock,
}
_PYLOCK_RE = re.compile(r"pylock\.[^.]+\.toml\Z")  # PEP 751, "File Name"
_BY_CONTENT: tuple[tuple[Reader, tuple[bytes, ...]], ...] = (  # lines of which each must begin one
    (parse_pipfile_lock, (rb"\A\s*\{",)),
    (parse_pylock, (rb"^lock-version[ \t]*=", rb"^\[\[packages\]\]")),
    (parse_uv_lock, (rb"^version[ \t]*=[ \t]*[0-9]",)),
    (parse_poetry_lock, (rb"^\[\[package\]\]", rb"^\[metadata\]")),
)
_NO_LOCKS = {
    "pyproject.toml": "lock it first: uv lock, poetry lock or pip lock, and name the lock",
    "Pipfile": "name Pipfile.lock",
    "pdm.lock": "write a pylock.toml: pdm export -f pylock -o pylock.toml",
    "pip-verify.lock": "it says who signed, not what is locked; name the lock of your locker",
    "pip-verify.toml": "it says who may sign, not what is locked; name the lock of your locker",
}


def reader_for(filename: str, data: bytes) -> Reader | None:
    """The reader of a lock file, None for a requirement file. filename: without directories.

    Raises UsageError for files that are well known and no lock.
    """
    if filename in _NO_LOCKS:
        raise UsageError(filename, expected="a lock", got="none", hint=_NO_LOCKS[filename])
    if filename.endswith((".txt", ".in")):
        return None
    if _PYLOCK_RE.match(filename):
        return parse_pylock
    if filename in _BY_NAME:
        return _BY_NAME[filename]
    for reader, patterns in _BY_CONTENT:
        if all(re.search(pattern, data, re.MULTILINE) for pattern in patterns):
            return reader
    return None
