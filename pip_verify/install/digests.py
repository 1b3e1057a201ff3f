"""sha256 of files in the child. A file's name or an open file comes in, hex digits go out. Standard library only."""

from __future__ import annotations

import hashlib
import os
from typing import Any

_CHUNK = 1 << 20


class Digests:
    """Of files by name, each computed once for the same inode, size and times."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], str] = {}

    def of_path(self, path: Any) -> str:
        """The digest of what ``path`` holds now."""
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            if identity not in self._known:
                self._known[identity] = digest_of(file)
            return self._known[identity]


def digest_of(file: Any) -> str:
    """The digest of a whole seekable binary file, which stays where it was."""
    position = file.tell()
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    file.seek(position)
    return digest.hexdigest()
