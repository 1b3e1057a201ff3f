"""Runs that break: the parent or the child killed, a full hand of processes at once, an environment turned hostile."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.world import ALICE, EVE, TIME_LIMIT, World
from tests.https_world import Answer
from tests.signer import key_list

FIRST, SECOND = "aaa-1.0-py3-none-any.whl", "bbb-1.0-py3-none-any.whl"


class Held:
    """A run of pip-verify that stands still while it waits for the second of two signed wheels."""

    def __init__(self, world: World) -> None:
        world.publisher.show(ALICE)
        world.wheel("aaa", "1.0", ALICE)
        world.wheel("bbb", "1.0", ALICE)
        self.arrived, self.go_on = threading.Event(), threading.Event()
        world.index.before(SECOND, self._hold)
        options = ("--python", world.target.path, "--extra-ca", world.publisher.ca_file, world.publisher.pin)
        self.parent = subprocess.Popen(
            [sys.executable, "-m", "pip_verify", "install", *options, "aaa", "bbb"],
            cwd=world.project,
            env=world.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.arrived.wait(TIME_LIMIT)
        self.children = children_of(self.parent.pid)
        assert self.children

    def _hold(self) -> None:
        self.arrived.set()
        self.go_on.wait(TIME_LIMIT)

    def finish(self) -> int:
        """Let the wheel come, and wait until every process has ended; returns the parent's exit code."""
        self.go_on.set()
        self.parent.communicate(timeout=TIME_LIMIT)
        deadline = time.monotonic() + TIME_LIMIT
        while any(alive(child) for child in self.children):
            assert time.monotonic() < deadline, "a child outlived its parent"
            time.sleep(0.05)
        return self.parent.returncode


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes by /proc")


@pytest.fixture
def held(world: World) -> Iterator[Held]:
    run = Held(world)
    try:
        yield run
    finally:
        run.go_on.set()
        if run.parent.poll() is None:
            run.parent.kill()
        run.parent.communicate()


@needs_proc
def test_the_held_run_installs_both_when_it_is_left_alone(world: World, held: Held) -> None:
    assert held.finish() == 0
    assert world.target.installed() == {"aaa": "1.0", "bbb": "1.0"}


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
def test_nothing_is_installed_when_the_parent_is_killed(world: World, held: Held, number: signal.Signals) -> None:
    held.parent.send_signal(number)
    held.parent.wait(TIME_LIMIT)
    assert held.finish() != 0
    assert world.target.untouched()


@needs_proc
def test_a_child_that_is_killed_is_no_success(world: World, held: Held) -> None:
    os.kill(held.children[0], signal.SIGKILL)
    assert held.finish() != 0
    assert world.target.untouched()


@needs_proc
def test_the_channel_is_private_to_the_user(held: Held) -> None:
    sockets = [Path(path) for path in unix_sockets() if "pip-verify-" in path and path.endswith("channel")]
    assert sockets
    for path in sockets:
        if path.exists():
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert held.finish() == 0


def unix_sockets() -> list[str]:
    lines = Path("/proc/net/unix").read_text().splitlines()[1:]
    return [parts[7] for parts in (line.split() for line in lines) if len(parts) > 7]


# What is left, and what is shared.


@pytest.mark.parametrize("signer", [ALICE, EVE], ids=["accepted", "refused"])
def test_no_temporary_file_is_left(world: World, signer: object) -> None:
    world.publisher.show(ALICE)
    world.sdist("demo", "1.0", ALICE if signer is ALICE else EVE)
    with tempfile.TemporaryDirectory(prefix="t") as directory:  # a short path, for a socket will lie in it
        result = world.run("install", "demo", world.publisher.pin, TMPDIR=directory)
        assert result.code == (0 if signer is ALICE else 11), result.stderr
        assert [*Path(directory).iterdir()] == []


def test_a_long_temporary_path_is_no_traceback(world: World) -> None:
    """The address of a Unix socket has about a hundred bytes."""
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    long = world.root / ("long" * 30)
    long.mkdir()
    result = world.run("install", "demo", world.publisher.pin, TMPDIR=str(long))
    assert result.code in {0, 2}, result.stderr


def test_many_artifacts_of_a_publisher_ask_for_its_list_once(world: World) -> None:
    world.publisher.show(ALICE)
    names = [f"part{letter}" for letter in "abcdefgh"]
    for name in names:
        world.wheel(name, "1.0", ALICE)
    result = world.run("install", *names, world.publisher.pin)
    world.installed_as(result, **dict.fromkeys(names, "1.0"))
    assert world.publisher.site.count("/keys.json") == 1


def test_processes_at_once_ask_for_a_list_once(world: World) -> None:
    kept = Answer(body=key_list(ALICE), headers={"Cache-Control": "max-age=600"}, delay=0.5)
    world.publisher.site.answer("/keys.json", kept)
    world.wheel("demo", "1.0", ALICE)
    options = ("--python", world.target.path, "--extra-ca", world.publisher.ca_file, world.publisher.pin)

    def run(_: int) -> int:
        return world.run_as_it_is("install", "--dry-run", *options, "demo").code

    with ThreadPoolExecutor(3) as pool:
        assert [*pool.map(run, range(3))] == [0, 0, 0]
    assert world.publisher.site.count("/keys.json") == 1


# A set-up that cannot work is said, not shown as a traceback.


def test_a_pip_that_is_too_old_is_refused(world: World) -> None:
    old = world.save("old/pip/__init__.py", b"").parent.parent
    world.save("old/pip-24.0.dist-info/METADATA", b"Metadata-Version: 2.1\nName: pip\nVersion: 24.0\n")
    result = world.run("install", "demo", PYTHONPATH=str(old))
    world.refused(result, 2)
    assert "24.0" in result.stderr


def test_a_target_that_is_not_there_is_a_usage_error(world: World) -> None:
    world.refused(world.run_bare("install", "--python", world.root / "absent", "demo"), 2)


def test_a_cache_that_cannot_be_written_is_a_usage_error(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    world.write("file", "not a directory")
    result = world.run("install", "demo", world.publisher.pin, PIP_VERIFY_CACHE_DIR=str(world.project / "file" / "x"))
    world.refused(result, 2)


def test_a_ca_file_without_certificates_is_a_usage_error(world: World) -> None:
    world.wheel("demo", "1.0", ALICE)
    empty = world.write("ca.pem", "")
    arguments = ("install", "--python", world.target.path, "demo", world.publisher.pin, "--extra-ca", empty)
    world.refused(world.run_bare(*arguments), 2)


def test_a_damaged_cache_is_fetched_anew(world: World) -> None:
    world.publisher.serve("/keys.json", key_list(ALICE), headers={"Cache-Control": "max-age=600"})
    world.wheel("demo", "1.0", ALICE)
    cache = world.root / "cache"
    run = ("install", "demo", world.publisher.pin)
    assert world.run(*run, "--dry-run", PIP_VERIFY_CACHE_DIR=str(cache)).code == 0
    kept = [path for path in cache.rglob("*") if path.is_file() and path.stat().st_size]
    assert kept
    for path in kept:
        path.write_bytes(path.read_bytes()[:-20])
    world.installed_as(world.run(*run, PIP_VERIFY_CACHE_DIR=str(cache)), demo="1.0")
