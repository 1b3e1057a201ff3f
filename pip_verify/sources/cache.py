"""The directory of what was fetched: a URL names an entry, its bytes come out.

Refused: a directory in which others may write, and in place of an entry a link, a pipe or anything but a file.
What an honest entry holds may still be torn or old; whoever reads it must judge it as if a stranger had sent it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from pip_verify.errors import UsageError
from pip_verify.storage import read_file

_ELSEWHERE = "set PIP_VERIFY_CACHE_DIR to a directory of your own"


class CacheDirectory:
    """A directory of entries, made when first used, writable by its owner alone (mode 0700)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._checked = False

    def entry(self, url: str, suffix: str) -> Path:
        """The path of the entry for ``url``. Raises UsageError when the directory cannot be made or is not private."""
        if not self._checked:
            self._make()
            self._checked = True
        return self._path / (hashlib.sha256(url.encode()).hexdigest() + suffix)

    def _make(self) -> None:
        subject = f"cache directory {self._path}"
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self._path.stat()
        except OSError as error:
            got = error.strerror or str(error)
            raise UsageError(subject, expected="to be able to make it", got=got, hint=_ELSEWHERE) from error
        # Windows keeps the user's own directories private by other means than these bits
        if os.name == "posix" and (found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o022):
            got = f"mode {stat.S_IMODE(found.st_mode):04o}, owner {found.st_uid}"
            hint = f"chmod go-w {self._path}, or remove it; or {_ELSEWHERE}"
            raise UsageError(subject, expected="a directory in which only you can write", got=got, hint=hint)


def read_entry(entry: Path, *, max_bytes: int) -> bytes | None:
    """A cache entry's bytes; None when there is none or it is over the cap. Raises UsageError when it is no file.

    None is safe in a cache, unlike in a store of trust: whoever asks goes to the network, which is the authority, and
    writes the entry anew.
    """
    hint = f"remove {entry}"
    try:
        data, _ = read_file(entry, max_bytes=max_bytes, expected="a cache entry", hint=hint, follow_links=False)
    except UsageError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        if entry.is_symlink():
            got = "a symbolic link"
            raise UsageError(f"cache entry {entry}", expected="a regular file", got=got, hint=hint) from error
        raise
    return data if len(data) <= max_bytes else None
