"""The files of an environment: read without following links or executing anything.

Out: why a listed file is not the one that RECORD speaks of, and which files no RECORD lists.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterator
from typing import BinaryIO

from pip_verify.installed.record import InstalledRow

_CHUNK = 1 << 20
_BYTECODE_RE = re.compile(r"([^.]+)\.[A-Za-z0-9_-]+(?:\.opt-[A-Za-z0-9]+)?\.pyc\Z")  # PEP 3147, PEP 488
_RUN_AT_START = ("sitecustomize.py", "usercustomize.py")


def read_small(path: str, max_bytes: int) -> bytes | None:
    """The bytes of a regular file that is no link and no larger than that; None when there is none such."""
    try:
        with open(path, "rb", opener=_open_itself) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes:
                return None
            return file.read(max_bytes)
    except OSError:
        return None


def fault_of(row: InstalledRow) -> str | None:
    """What is wrong with a listed file, in words; None when it is as its row says.

    A file without a digest may be missing: byte code is made and removed as Python likes.
    """
    try:
        with open(row.path, "rb", opener=_open_itself) as file:
            return _difference(file, row)
    except FileNotFoundError:
        return None if row.algorithm is None else "missing"
    except OSError as error:
        return "a symbolic link" if error.errno == errno.ELOOP else f"unreadable: {error.strerror}"


def _difference(file: BinaryIO, row: InstalledRow) -> str | None:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        return "no regular file"
    if row.algorithm is None:
        return None
    if row.size is not None and status.st_size != row.size:
        return f"changed: {status.st_size} bytes"
    digest = hashlib.new(row.algorithm)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return None if digest.digest() == row.digest else f"changed: {row.algorithm} {digest.hexdigest()}"


def _open_itself(name: str, flags: int) -> int:
    """Not what a link points to, and without waiting for a pipe's other end."""
    return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def foreign_files(library: str, listed: Collection[str]) -> list[str]:
    """Every path below ``library`` that is not listed, first what runs when Python starts.

    Byte code in ``__pycache__`` is not foreign where the source it belongs to is listed. Directories count only when
    they are links, or cannot be read.
    """
    return sorted(_foreign(library, listed), key=lambda path: (_rank(path, library), path))


def _foreign(library: str, listed: Collection[str]) -> Iterator[str]:
    unreadable: list[str] = []
    for folder, directories, names in os.walk(library, onerror=lambda error: unreadable.append(error.filename)):
        links = [name for name in directories if os.path.islink(os.path.join(folder, name))]
        for name in (*links, *names):
            path = os.path.join(folder, name)
            if path not in listed and not _is_bytecode_of_listed(folder, name, listed):
                yield path
    yield from unreadable


def _is_bytecode_of_listed(folder: str, name: str, listed: Collection[str]) -> bool:
    parent, last = os.path.split(folder)
    if last != "__pycache__" or os.path.islink(os.path.join(folder, name)):
        return False
    source = _BYTECODE_RE.match(name)
    return source is not None and os.path.join(parent, f"{source[1]}.py") in listed


def _rank(path: str, library: str) -> int:
    folder, name = os.path.split(path)
    if folder == library and name.endswith(".pth"):
        return 0
    return 1 if folder == library and name in _RUN_AT_START else 2
