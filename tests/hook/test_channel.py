"""The channel: what a stranger, a broken peer or a vanished parent can do with it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pip_verify.errors import UsageError
from pip_verify.install.channel import MAX_FRAME, ChannelLost, Client, receive, send
from pip_verify.install.server import Server


class Recorder:
    """Stands where the session stands; the server only passes on."""

    def __init__(self) -> None:
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True

    def note_installed(self, project: str, version: str) -> None:
        assert version == "1"
        if project == "refuse":
            raise UsageError("project", expected="another", got=project, hint="name it")
        if project == "fault":
            raise ZeroDivisionError


@pytest.fixture
def private() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pv-") as name:  # short: a socket's path has some 100 characters
        yield Path(name)


@pytest.fixture
def server(private: Path) -> Iterator[Server]:
    server = Server(Recorder(), private)  # type: ignore[arg-type]
    server.start()
    yield server
    server.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_message_arrives_as_it_was_sent(pair: tuple[socket.socket, socket.socket]) -> None:
    message = {"op": "link", "text": "Kelvin \u212a, \U0001f600, \x00", "nested": [{"a": None}]}
    send(pair[0], message)
    assert receive(pair[1]) == message


@pytest.mark.parametrize(
    "data",
    [b"", b"\0\0", b"\0\0\0\5{}", b"\0\0\0\2[]", b"\0\0\0\4nope", struct.pack(">I", MAX_FRAME + 1)],
    ids=["closed", "torn header", "torn body", "no object", "no JSON", "too large"],
)
def test_anything_else_loses_the_channel(pair: tuple[socket.socket, socket.socket], data: bytes) -> None:
    pair[0].sendall(data)
    pair[0].close()
    with pytest.raises(ChannelLost):
        receive(pair[1])


def test_nesting_without_end_loses_the_channel(pair: tuple[socket.socket, socket.socket]) -> None:
    data = b"[" * 200_000
    pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    pair[0].sendall(struct.pack(">I", len(data)) + data)
    with pytest.raises(ChannelLost):
        receive(pair[1])


def test_sending_to_nobody_loses_the_channel(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[1].close()
    with pytest.raises(ChannelLost):
        send(pair[0], {"op": "hello"})


def test_a_message_too_large_to_be_received_is_not_sent(pair: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(ChannelLost):
        send(pair[0], {"data": "x" * MAX_FRAME})


def test_no_other_user_can_reach_the_socket(server: Server) -> None:
    path = Path(server.address)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.parent.stat().st_uid == os.getuid()


@pytest.mark.parametrize("token", ["", "0" * 64, "\u212a", None, 5, ["x"]])
def test_without_the_token_nothing_is_answered(server: Server, token: Any) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(server.address)
        send(connection, {"op": "hello", "token": token})
        with pytest.raises(ChannelLost):
            receive(connection)


def test_a_question_before_the_token_is_not_answered(server: Server) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(server.address)
        send(connection, {"op": "installed", "project": "a", "version": "1", "token": server.token})
        with pytest.raises(ChannelLost):
            receive(connection)


def test_every_run_has_another_token(private: Path, server: Server) -> None:
    (private / "other").mkdir()
    other = Server(Recorder(), private / "other")  # type: ignore[arg-type]
    other.close()
    assert other.token != server.token
    assert len(server.token) == 64


def test_a_refusal_carries_its_reason_and_stops_the_run(server: Server) -> None:
    with contextlib.closing(Client(server.address, server.token)) as client:
        answer = client.ask("installed", project="refuse", version="1")
    assert answer == {"ok": False, "message": "pip-verify: project: expected another, got refuse"}
    assert [error.exit_code for error in server.errors] == [2]
    assert server._session.stopped  # type: ignore[attr-defined]


@pytest.mark.parametrize("op", ["installed", "no such question", "receipt"])
def test_a_fault_of_ours_refuses(server: Server, op: str) -> None:
    with contextlib.closing(Client(server.address, server.token)) as client:
        answer = client.ask(op, project="fault", version="1")
    assert answer["ok"] is False
    assert server.errors
    assert server._session.stopped  # type: ignore[attr-defined]


def test_the_channel_carries_no_pickles() -> None:
    source = Path(str(Client.__init__.__code__.co_filename)).read_text()
    assert "import pickle" not in source
    assert "multiprocessing" not in source


def test_a_client_without_a_parent_says_so(private: Path) -> None:
    with pytest.raises(ChannelLost, match="cannot reach pip-verify"):
        Client(str(private / "nobody"), "token")


def test_the_runner_alone_runs_nothing(tmp_path: Path) -> None:
    import subprocess
    import sys

    from pip_verify.install import runner

    for settings in (None, {"address": str(tmp_path / "none"), "token": "t", "pip": "/nowhere", "private": "/nowhere"}):
        environment = dict(os.environ)
        if settings is not None:
            environment["PIP_VERIFY_CHANNEL"] = json.dumps(settings)
        command = [sys.executable, "-I", runner.__file__, "install", "six"]
        done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 2
        assert done.stderr.startswith("pip-verify: ")
