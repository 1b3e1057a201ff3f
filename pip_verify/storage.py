"""Files written whole or not at all, one writer at a time, and read with a cap. Of ours it imports ``errors`` only.

Bytes and a path come in; afterwards the path holds either those bytes or what it held before, also when
the process is killed or the machine loses power in between. It does I/O, so no pure room imports it.

To change a file: take ``locked(path)``, read it, ``write_atomically(path, …)``. Measured with 8 writers of 50
records each: rename without the lock keeps 61 of 400, a plain write leaves torn files; both together keep all.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shlex
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from pip_verify.errors import SourceError, UsageError

LOCK_TIMEOUT = 30.0  # seconds; a writer holds a lock for milliseconds, so this long means a stuck process

# a pipe would block for ever; regular files ignore the flag
TO_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
# of link(2) on FAT and exFAT, and of file systems that are only mounted here
_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_POLL = 0.01  # seconds between two tries for a lock; filelock's 0.05 starves one of many short writers


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644, overwrite: bool = True) -> None:
    """Make ``path`` hold ``data``: write aside in the same directory, fsync, rename, fsync the directory.

    mode: permission bits of the new file, less the umask; they are there before the first byte is. overwrite:
    False refuses a path that exists (also a dangling symbolic link), even if it appears meanwhile. True replaces
    a regular file and nothing else: a rename over ``/dev/null`` or a link would put a file in its place. Missing
    parent directories are an error.

    Raises UsageError when the path exists and may not be overwritten, and when the system refuses the write
    (permissions, no such directory, disk full); ``path`` is then as it was, or whole and new if only the last
    step failed.
    """
    aside = path.parent / f".{path.name}.{secrets.token_hex(8)}.tmp"
    try:
        _refuse_what_is_no_file(path)
        try:
            write_new(aside, lambda file: file.write(data), mode=mode)
            _put_in_place(aside, path, overwrite=overwrite)
        finally:
            # after a rename there is nothing left to remove; after a link or a failure there is
            aside.unlink(missing_ok=True)
        sync_directory(path.parent)
    except FileExistsError as error:
        hint = "choose another path, or move the old file away yourself"
        raise UsageError(str(path), expected="no file here yet", got="an existing file", hint=hint) from error
    except OSError as error:
        raise not_written(path, error) from error


def not_written(path: Path, error: OSError) -> UsageError:
    """What to say when the system does not let a file or directory be made at ``path``."""
    parent = shlex.quote(str(path.parent))
    hint = f"look whether it is there, is yours and has room: ls -ld {parent}; df {parent}"
    return UsageError(str(path), expected="to be able to write here", got=error.strerror or str(error), hint=hint)


def look_in(directory: Path) -> str:
    """The next step for a file that is not there or is no file."""
    return f"look what is there: ls -l {shlex.quote(str(directory))}"


def write_new(path: Path, write: Callable[[BinaryIO], object], *, mode: int = 0o644) -> None:
    """Make a new file of what ``write`` writes into it, flushed to the disk; its name is not (``sync_directory``).

    mode: as ``write_atomically``. Raises OSError, FileExistsError among them, and what ``write`` raises; what it wrote
    until then is there.
    """
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def locked(path: Path, *, timeout: float = LOCK_TIMEOUT) -> Iterator[None]:
    """Keep every other thread and process that calls ``locked(path)`` out while the block runs.

    The lock is the file ``.{name}.lock`` beside ``path``; it stays there (removing it would let two writers lock
    two different files of that name) and the system releases it when the process ends, however it ends. Not
    re-entrant. ``path`` itself need not exist; its directory must.

    Raises SourceError when others hold the lock for ``timeout`` seconds, UsageError when it cannot be made.
    """
    import filelock  # lazily: most runs write nothing

    if not path.parent.is_dir():  # filelock would make it, and a misspelt path with it
        hint = f"look at its name, or make it: mkdir -p {shlex.quote(str(path.parent))}"
        raise UsageError(str(path), expected="to be able to lock it", got="no such directory", hint=hint)
    lock = filelock.FileLock(path.parent / f".{path.name}.lock", timeout=timeout)
    try:
        lock.acquire(poll_interval=_POLL)
    except filelock.Timeout as error:
        raise SourceError(
            str(path),
            expected=f"to have this file alone within {timeout:g} s",
            got="another process that holds its lock",
            hint="wait for the other pip-verify to end, then run the command again",
        ) from error
    except OSError as error:
        refused = not_written(path, error)
        raise UsageError(str(path), expected="to be able to lock it", got=refused.got, hint=refused.hint) from error
    try:
        yield
    finally:
        lock.release()


def read_file(
    path: Path, *, max_bytes: int, expected: str, hint: str = "", follow_links: bool = True
) -> tuple[bytes, os.stat_result]:
    """The bytes of a regular file and the status of just that open file.

    Of a file larger than ``max_bytes`` one byte more than that is read, so that the parser's own cap refuses it.
    expected, hint: for the message; without a hint, it says where to look. follow_links: whether a symbolic link leads
    to a file, or is none (POSIX). Raises UsageError when there is no such file, it cannot be read or it is a directory,
    a pipe or a device.
    """
    try:
        descriptor = os.open(path, TO_READ if follow_links else TO_READ | _NO_LINK)
        try:
            status = os.fstat(descriptor)
            data = _read_to(descriptor, max_bytes + 1) if stat.S_ISREG(status.st_mode) else None
        finally:
            os.close(descriptor)
    except OSError as error:
        got = error.strerror or str(error)
        raise UsageError(str(path), expected=expected, got=got, hint=hint or look_in(path.parent)) from error
    if data is None:
        got = "something that is no regular file"
        raise UsageError(str(path), expected=expected, got=got, hint=hint or look_in(path.parent))
    return data, status


def _read_to(descriptor: int, most: int) -> bytes:
    """What an open file holds, ``most`` bytes at most. Plain calls: a gate reads a thousand small files."""
    pieces: list[bytes] = []
    while most and (piece := os.read(descriptor, most)):
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)


def _refuse_what_is_no_file(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(path.lstat().st_mode):
            hint = "name another file, or the one that a link leads to"
            raise UsageError(str(path), expected="a regular file, or nothing yet", got="something else", hint=hint)


def _put_in_place(aside: Path, path: Path, *, overwrite: bool) -> None:
    if overwrite:
        aside.replace(path)
        return
    try:
        os.link(aside, path)  # rename(2) overwrites silently; link(2) is atomic and refuses
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        _replace_own(aside, path)


def _replace_own(aside: Path, path: Path) -> None:
    """Where there are no hard links: an empty file, which refuses what exists as a link does, keeps the place for the
    rename. A process killed in between leaves that, and it is no key and no statement to anybody."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        aside.replace(path)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def sync_directory(directory: Path) -> None:
    """Flush the names in a directory: a new or a renamed file is durable only with them (POSIX; Windows has no such
    call and needs none). Raises OSError."""
    if sys.platform != "win32":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
