"""Files on disk under crashes, many writers and hostile surroundings; real processes, no mocks."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pip_verify.errors import SourceError, UsageError
from pip_verify.storage import locked, read_file, write_atomically

ROOT = Path(__file__).resolve().parent.parent

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and signals")

APPEND = """
import json, sys
from pathlib import Path
from pip_verify.storage import locked, write_atomically
path, writer = Path(sys.argv[1]), sys.argv[2]
for number in range(50):
    with locked(path):
        records = json.loads(path.read_bytes())
        write_atomically(path, json.dumps([*records, f"{writer}-{number}"]).encode())
"""

REWRITE = """
import sys
from pathlib import Path
from pip_verify.storage import write_atomically
while True:
    for letter in (b"a", b"b"):
        write_atomically(Path(sys.argv[1]), letter * 400_000)
        print(flush=True)
"""

DIE_IN = """
import os, signal, sys
from pathlib import Path
from pip_verify.storage import locked, write_atomically
owner, name = {"fsync": (os, "fsync"), "rename": (Path, "replace")}[sys.argv[2]]
setattr(owner, name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
with locked(Path(sys.argv[1])):
    write_atomically(Path(sys.argv[1]), b"new")
"""


def start(script: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", script, *arguments], cwd=ROOT, stdout=subprocess.PIPE)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_writes_the_bytes_and_leaves_nothing_beside_them(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"one")
    write_atomically(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"two"
    assert names(tmp_path) == ["a"]


def test_overwrite_false_keeps_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(UsageError, match="a: expected no file here yet, got an existing file"):
        write_atomically(tmp_path / "a", b"new", overwrite=False)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_overwrite_false_writes_where_nothing_is(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"new", overwrite=False)
    assert (tmp_path / "a").read_bytes() == b"new"
    assert names(tmp_path) == ["a"]


@posix
@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize("target", ["target", "nowhere"])
def test_a_symbolic_link_is_neither_followed_nor_replaced(tmp_path: Path, target: str, *, overwrite: bool) -> None:
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(UsageError, match="expected a regular file, or nothing yet"):
        write_atomically(tmp_path / "link", b"new", overwrite=overwrite)
    assert (tmp_path / "target").read_bytes() == b"old"
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path) == ["link", "target"]


@posix
def test_a_pipe_or_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    """Root may rename a file over ``/dev/null``, and ``--output /dev/null`` must not."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="expected a regular file, or nothing yet"):
        write_atomically(tmp_path / "pipe", b"new")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert names(tmp_path) == ["pipe"]


def test_overwrite_false_refuses_a_file_that_appears_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_first(descriptor: int) -> None:
        assert descriptor
        (tmp_path / "a").write_bytes(b"first")

    monkeypatch.setattr(os, "fsync", write_first)
    with pytest.raises(UsageError, match="got an existing file"):
        write_atomically(tmp_path / "a", b"second", overwrite=False)
    assert (tmp_path / "a").read_bytes() == b"first"
    assert names(tmp_path) == ["a"]


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on FAT and exFAT, where link(2) fails so; no test may mount one."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("no_links")
def test_where_there_are_no_hard_links_a_first_write_works_all_the_same(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"new", mode=0o600, overwrite=False)
    assert (tmp_path / "a").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert names(tmp_path) == ["a"]
    with pytest.raises(UsageError, match="got an existing file"):
        write_atomically(tmp_path / "a", b"newer", overwrite=False)
    assert (tmp_path / "a").read_bytes() == b"new"


@pytest.mark.usefixtures("no_links")
def test_nor_is_anything_overwritten_there_that_appears_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: (tmp_path / "a").write_bytes(b"first"))
    with pytest.raises(UsageError, match="got an existing file"):
        write_atomically(tmp_path / "a", b"second", overwrite=False)
    assert (tmp_path / "a").read_bytes() == b"first"
    assert names(tmp_path) == ["a"]


@pytest.mark.usefixtures("no_links")
def test_and_nothing_is_left_where_the_rename_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(UsageError, match="Input/output error"):
        write_atomically(tmp_path / "a", b"new", overwrite=False)
    assert names(tmp_path) == []


def test_any_other_failure_of_a_link_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(UsageError, match="Input/output error"):
        write_atomically(tmp_path / "a", b"new", overwrite=False)
    assert names(tmp_path) == []


@posix
def test_the_file_and_its_directory_reach_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this order: the bytes, the name. Only the calls can show it, short of a power cut."""
    synced: list[str] = []
    sync = os.fsync

    def watch(descriptor: int) -> None:
        is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append("directory" if is_directory else f"file of {os.fstat(descriptor).st_size}")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    write_atomically(tmp_path / "a", b"four")
    assert synced == ["file of 4", "directory"]


@posix
def test_without_a_mode_others_may_read(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_atomically(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


@posix
@pytest.mark.parametrize(
    ("mode", "umask", "expected"), [(0o600, 0o022, 0o600), (0o644, 0o077, 0o600), (0o644, 0, 0o644)]
)
def test_mode_is_as_asked_less_the_umask(tmp_path: Path, mode: int, umask: int, expected: int) -> None:
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "a", b"", mode=mode)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == expected


@pytest.mark.parametrize("path", ["missing/a", "file/a", ".", "n" * 300])
def test_what_the_system_refuses_is_a_usage_error(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError) as caught:
        write_atomically(tmp_path / path, b"x")
    assert str(tmp_path) not in caught.value.got
    assert names(tmp_path) == ["file"]


def test_the_working_directory_is_no_file_to_write_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        write_atomically(Path(), b"x")
    with pytest.raises(UsageError):
        write_atomically(Path(), b"x", overwrite=False)
    assert names(tmp_path) == []


@posix
def test_a_full_disk_leaves_the_old_file() -> None:
    script = """
import resource, signal, sys, tempfile
from pathlib import Path
from pip_verify.errors import UsageError
from pip_verify.storage import write_atomically
with tempfile.TemporaryDirectory() as directory:
    path = Path(directory) / "a"
    path.write_bytes(b"old")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        write_atomically(path, b"x" * 2000)
    except UsageError:
        sys.exit(0 if [p.name for p in path.parent.iterdir()] == ["a"] and path.read_bytes() == b"old" else 3)
"""
    with start(script) as process:
        assert process.wait(20) == 0


@posix
@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_killed_before_the_rename_keeps_the_old_bytes_and_frees_the_lock(tmp_path: Path, step: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with start(DIE_IN, str(path), step) as process:
        assert process.wait(20) == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    with locked(path, timeout=1):
        write_atomically(path, b"next")
    assert path.read_bytes() == b"next"


@posix
def test_killed_at_any_moment_the_file_is_never_torn(tmp_path: Path) -> None:
    path = tmp_path / "a"
    whole = {b"a" * 400_000, b"b" * 400_000}
    for attempt in range(8):
        with start(REWRITE, str(path)) as process:
            assert process.stdout is not None
            process.stdout.readline()  # it is at work
            time.sleep(0.003 * attempt)
            process.kill()
        assert path.read_bytes() in whole


def test_eight_processes_of_fifty_writes_lose_none(tmp_path: Path) -> None:
    path = tmp_path / "records"
    path.write_bytes(b"[]")
    processes = [start(APPEND, str(path), str(writer)) for writer in range(8)]
    assert [process.wait(60) for process in processes] == [0] * 8
    for process in processes:
        assert process.stdout is not None
        process.stdout.close()
    records = json.loads(path.read_bytes())
    assert len(records) == 400
    assert set(records) == {f"{writer}-{number}" for writer in range(8) for number in range(50)}
    assert names(tmp_path) == [".records.lock", "records"]


def test_threads_of_one_process_exclude_each_other(tmp_path: Path) -> None:
    path = tmp_path / "n"
    path.write_bytes(b"0")

    def count() -> None:
        for _ in range(10):
            with locked(path):
                write_atomically(path, str(int(path.read_bytes()) + 1).encode())

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() == b"40"


def test_a_lock_held_by_another_is_a_source_error_and_not_waited_for_for_ever(tmp_path: Path) -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(tmp_path / "a"):
            held.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)
    try:
        with pytest.raises(SourceError, match=r"within 0\.05 s"), locked(tmp_path / "a", timeout=0.05):
            pytest.fail("two held one lock")
    finally:
        done.set()
        thread.join()


def test_the_lock_is_released_when_the_block_raises(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "a"):
        raise ZeroDivisionError
    with locked(tmp_path / "a", timeout=0):
        pass


def test_a_lock_that_cannot_be_made_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="to be able to lock it"), locked(tmp_path / "missing" / "a"):
        pytest.fail("locked nothing")
    assert names(tmp_path) == []


@posix
def test_a_lock_file_that_is_a_directory_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / ".a.lock").mkdir()
    with pytest.raises(UsageError, match="to be able to lock it"), locked(tmp_path / "a"):
        pytest.fail("locked nothing")


def test_reads_one_byte_more_than_the_cap_and_the_status_of_that_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100)
    data, status = read_file(tmp_path / "a", max_bytes=10, expected="a file")
    assert (data, status.st_size) == (b"x" * 11, 100)


@pytest.mark.parametrize("path", ["missing", ".", "file/a"])
def test_what_cannot_be_read_is_a_usage_error(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="expected a key list") as caught:
        read_file(tmp_path / path, max_bytes=10, expected="a key list", hint="make one")
    assert (caught.value.hint, caught.value.subject) == ("make one", str(tmp_path / path))
    assert str(tmp_path) not in caught.value.got


@posix
def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="no regular file"):
        read_file(tmp_path / "pipe", max_bytes=10, expected="a file")


@posix
def test_a_device_is_refused() -> None:
    with pytest.raises(UsageError, match="no regular file"):
        read_file(Path("/dev/zero"), max_bytes=10, expected="a file")
