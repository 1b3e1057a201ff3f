"""Signing through an agent: the real ``ssh-agent``, and one of our own that does everything an agent must not."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pip_verify.encoding import b64u_encode
from pip_verify.errors import EvidenceError, SourceError, UsageError
from pip_verify.evidence.jws import prove
from pip_verify.evidence.release import parse
from pip_verify.publish.keyfile import SigningKey
from pip_verify.publish.sshagent import MAX_ANSWER, MAX_KEYS, SshAgentKey, find_key, list_keys
from pip_verify.publish.sshwire import fingerprint
from tests.makers import make_sdist
from tests.publish.support import sign_artifacts

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="an agent needs Unix sockets")

TOOLS = [shutil.which(name) for name in ("ssh-agent", "ssh-add", "ssh-keygen")]
real = pytest.mark.skipif(None in TOOLS, reason="ssh-agent, ssh-add and ssh-keygen are not installed")

KEY, OTHER = SigningKey(b"k" * 32), SigningKey(b"o" * 32)
MESSAGE = b"protected.payload"
FAILURE = b"\x05"


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def blob(key: SigningKey, algorithm: bytes = b"ssh-ed25519") -> bytes:
    return string(algorithm) + string(key.public.raw)


def listing(*pairs: tuple[bytes, bytes], count: int | None = None) -> bytes:
    head = b"\x0c" + struct.pack(">I", len(pairs) if count is None else count)
    return head + b"".join(string(data) + string(comment) for data, comment in pairs)


def signature(value: bytes, algorithm: bytes = b"ssh-ed25519") -> bytes:
    return b"\x0e" + string(string(algorithm) + string(value))


ONE = listing((blob(KEY), b"alice"))


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A Unix socket's path has at most some 100 bytes; pytest's own directories are longer."""
    with tempfile.TemporaryDirectory(prefix="pv") as directory:
        yield Path(directory)


@contextmanager
def agent(path: Path, answer: Callable[[socket.socket, bytes], object]) -> Iterator[dict[str, str]]:
    """An agent that gives each request, without its length, to ``answer``."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path / "agent"))
    listener.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    size = int.from_bytes(connection.recv(4, socket.MSG_WAITALL), "big")
                    answer(connection, connection.recv(size, socket.MSG_WAITALL))
                except OSError:
                    pass  # whoever asked has gone

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield {"SSH_AUTH_SOCK": str(path / "agent")}
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def says(*answers: bytes) -> Callable[[socket.socket, bytes], None]:
    """Whole answers, one for each request in turn, the last for ever."""
    left = list(answers)

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(string(left.pop(0) if len(left) > 1 else left[0]))

    return answer


def sends(raw: bytes) -> Callable[[socket.socket, bytes], None]:
    return lambda connection, _: connection.sendall(raw)


# the real one


@pytest.fixture
def real_agent(short_path: Path) -> Iterator[dict[str, str]]:
    path = short_path / "agent"
    command = [str(TOOLS[0]), "-D", "-a", str(path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 10
        while not path.exists() and time.monotonic() < end:
            time.sleep(0.01)
        yield {"SSH_AUTH_SOCK": str(path)}
        process.terminate()


def add_key(directory: Path, environ: dict[str, str], *options: str, name: str = "id", kind: str = "ed25519") -> Path:
    path = directory / name
    make = [str(TOOLS[2]), "-q", "-t", kind, "-N", "", "-C", f"comment of {name}", "-f", str(path)]
    subprocess.run(make, check=True)
    subprocess.run([str(TOOLS[1]), "-q", *options, str(path)], check=True, env=environ)
    return path


@real
def test_the_real_agent_signs_by_key_fingerprint_and_comment(real_agent: dict[str, str], tmp_path: Path) -> None:
    add_key(tmp_path, real_agent, name="ecdsa", kind="ecdsa")
    add_key(tmp_path, real_agent)
    (identity,) = list_keys(real_agent["SSH_AUTH_SOCK"])
    assert identity.comment == "comment of id"
    for name in (identity.key.text, fingerprint(identity.key), "comment of id"):
        key = find_key(name, real_agent)
        assert key.public == identity.key
        assert key.public.verifies(MESSAGE, key.sign(MESSAGE))


@real
def test_a_release_signed_through_the_real_agent_is_proved(real_agent: dict[str, str], tmp_path: Path) -> None:
    add_key(tmp_path, real_agent).unlink()  # the agent alone has it
    (tmp_path / "demo-1.0.tar.gz").write_bytes(make_sdist("demo", "1.0"))
    key = find_key("comment of id", real_agent)
    path = sign_artifacts([tmp_path / "demo-1.0.tar.gz"], key, tmp_path / "releases")
    proof = prove(parse(path.read_bytes()), {key.public.thumbprint: key.public})
    assert set(proof.keys) == {key.public}
    assert not proof.bad


@real
def test_a_real_agent_that_is_locked(real_agent: dict[str, str], tmp_path: Path) -> None:
    add_key(tmp_path, real_agent)
    key = find_key("comment of id", real_agent)
    askpass = tmp_path / "askpass"
    askpass.write_text("#!/bin/sh\necho lock\n")
    askpass.chmod(0o700)
    environ = {**real_agent, "SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}
    subprocess.run([str(TOOLS[1]), "-x"], check=True, env=environ, capture_output=True)
    with pytest.raises(UsageError, match="it is locked") as missing:
        find_key("comment of id", real_agent)
    assert "ssh-add -X" in missing.value.hint
    with pytest.raises(SourceError, match="expected a signature, got a refusal"):
        key.sign(MESSAGE)


@real
def test_a_real_agent_whose_key_was_removed(real_agent: dict[str, str], tmp_path: Path) -> None:
    add_key(tmp_path, real_agent)
    key = find_key("comment of id", real_agent)
    subprocess.run([str(TOOLS[1]), "-q", "-D"], check=True, env=real_agent, capture_output=True)
    with pytest.raises(SourceError, match="got a refusal"):
        key.sign(MESSAGE)


# no agent, no key


@pytest.mark.parametrize("environ", [{}, {"SSH_AUTH_SOCK": ""}])
def test_no_agent(environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="SSH_AUTH_SOCK") as caught:
        find_key("alice", environ)
    assert "ssh-agent" in caught.value.hint


@pytest.mark.parametrize("where", ["nowhere", "file", "nul\0", "x" * 300])
def test_an_agent_that_has_gone(short_path: Path, where: str) -> None:
    (short_path / "file").write_bytes(b"")
    with pytest.raises(SourceError, match="expected a running agent"):
        find_key("alice", {"SSH_AUTH_SOCK": f"{short_path}/{where}"})


def test_a_socket_that_nobody_listens_on(short_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(short_path / "agent"))
    with pytest.raises(SourceError, match="expected a running agent"):
        find_key("alice", {"SSH_AUTH_SOCK": str(short_path / "agent")})


def test_a_key_that_it_does_not_hold_names_one_that_it_does(short_path: Path) -> None:
    with agent(short_path, says(listing((blob(KEY), b"alice; rm -rf ."), (blob(OTHER), b"bob")))) as environ:
        with pytest.raises(
            UsageError, match=rf"expected to hold carol, got only {KEY.public.text} .* and 1 more"
        ) as caught:
            find_key("carol", environ)
        assert caught.value.hint == f"--agent {KEY.public.text}"  # nothing of the comment is there to be pasted
        for near in (fingerprint(KEY.public)[:-1], "alice", KEY.public.text[8:], ""):
            with pytest.raises(UsageError, match="expected to hold"):
                find_key(near, environ)


def test_an_agent_without_ed25519_keys(short_path: Path) -> None:
    others = listing(
        (string(b"ssh-rsa") + string(b"e") + string(b"n"), b"a"), (blob(KEY, b"sk-ssh-ed25519@openssh.com"), b"a")
    )
    with agent(short_path, says(others)) as environ, pytest.raises(UsageError, match="no Ed25519 key at all"):
        find_key("a", environ)


def test_a_comment_of_two_keys(short_path: Path) -> None:
    with agent(short_path, says(listing((blob(KEY), b"x"), (blob(OTHER), b"x"), (blob(KEY), b"x")))) as environ:
        with pytest.raises(UsageError, match="got 2 keys of that name") as caught:
            find_key("x", environ)
        assert caught.value.hint == f"--agent {min(KEY.public.text, OTHER.public.text)}"
        assert find_key(OTHER.public.text, environ).public == OTHER.public


def test_a_misspelt_key_is_said_to_be(short_path: Path) -> None:
    with agent(short_path, says(ONE)) as environ, pytest.raises(UsageError, match="--agent"):
        find_key(KEY.public.text[:-1], environ)


# answers


def test_what_is_asked_and_what_is_used(short_path: Path) -> None:
    asked = []

    def answer(connection: socket.socket, request: bytes) -> None:
        asked.append(request)
        whole = string(signature(KEY.sign(MESSAGE)))
        for byte in whole:  # in as many pieces as can be
            connection.sendall(bytes([byte]))

    with agent(short_path, answer) as environ:
        assert SshAgentKey(KEY.public, environ["SSH_AUTH_SOCK"]).sign(MESSAGE) == KEY.sign(MESSAGE)
    assert asked == [b"\x0d" + string(blob(KEY)) + string(MESSAGE) + bytes(4)]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (signature(OTHER.sign(MESSAGE)), "does not verify"),
        (signature(KEY.sign(MESSAGE + b"x")), "does not verify"),
        (signature(KEY.sign(MESSAGE)[:-1]), "does not verify"),
        (signature(KEY.sign(MESSAGE) + b"\0"), "does not verify"),
        (signature(b""), "does not verify"),
        (signature(KEY.sign(MESSAGE), b"ssh-rsa"), "does not verify"),
        (signature(KEY.sign(MESSAGE)) + b"x", "more bytes behind"),
        (b"\x0e" + string(string(b"ssh-ed25519") + string(KEY.sign(MESSAGE)) + b"x"), "more bytes behind"),
        (b"\x0e", "ends too early"),
        (b"\x0e\xff\xff\xff\xff", "ends too early"),
        (b"\x0c", "one of type 12"),
        (b"\x06", "one of type 6"),
    ],
)
def test_a_signature_that_is_none(short_path: Path, answer: bytes, message: str) -> None:
    with agent(short_path, says(answer)) as environ, pytest.raises(EvidenceError, match=message):
        SshAgentKey(KEY.public, environ["SSH_AUTH_SOCK"]).sign(MESSAGE)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (listing(count=MAX_KEYS + 1), "at most 2048 keys"),
        (listing(count=2**32 - 1), "at most 2048 keys"),
        (listing((blob(KEY), b"alice"), count=2), "ends too early"),
        (ONE + b"x", "more bytes behind"),
        (listing((blob(KEY) + b"x", b"alice")), "more bytes behind"),
        (listing((string(b"ssh-ed25519") + string(b"\1" + bytes(31)), b"weak")), "weak"),
        (b"\x0e" + ONE[1:], "one of type 14"),
        (b"\x0c\x00", "ends too early"),
    ],
)
def test_a_list_that_is_none(short_path: Path, answer: bytes, message: str) -> None:
    with agent(short_path, says(answer)) as environ, pytest.raises(EvidenceError, match=message):
        find_key("alice", environ)


@pytest.mark.parametrize("length", [0, MAX_ANSWER + 1, 2**32 - 1])
def test_an_answer_of_a_strange_length_is_not_waited_for(short_path: Path, length: int) -> None:
    sent = sends(struct.pack(">I", length))
    with agent(short_path, sent) as environ, pytest.raises(EvidenceError, match="expected an answer of 1 to"):
        find_key("alice", environ)


def test_a_refusal(short_path: Path) -> None:
    with agent(short_path, says(ONE, FAILURE)) as environ:
        key = find_key("alice", environ)
        with pytest.raises(SourceError, match="expected a signature, got a refusal") as caught:
            key.sign(MESSAGE)
        assert "ssh-add -X" in caught.value.hint
        with pytest.raises(SourceError, match="the list of its keys, got a refusal"):
            find_key("alice", environ)


@pytest.mark.parametrize("raw", [b"", b"\0\0", string(ONE)[:4], string(ONE)[:-1]])
def test_an_agent_that_goes_away_mid_way(short_path: Path, raw: bytes) -> None:
    with agent(short_path, sends(raw)) as environ, pytest.raises(SourceError, match="an end of the connection"):
        find_key("alice", environ)


def test_an_agent_that_goes_away_between_the_list_and_the_signature_changes_no_file(
    short_path: Path, tmp_path: Path
) -> None:
    (tmp_path / "demo-1.0.tar.gz").write_bytes(make_sdist("demo", "1.0"))
    with agent(short_path, says(ONE)) as environ:
        key = find_key("alice", environ)
    earlier = sign_artifacts([tmp_path / "demo-1.0.tar.gz"], OTHER, tmp_path / "releases")
    before = earlier.read_bytes()
    with pytest.raises(SourceError, match="expected a running agent"):
        sign_artifacts([tmp_path / "demo-1.0.tar.gz"], key, tmp_path / "releases")
    assert earlier.read_bytes() == before
    assert [path.name for path in earlier.parent.iterdir()] == ["1.0.jws"]


def drip(connection: socket.socket, _: bytes) -> None:
    """A byte now and then: no single wait is long, the whole is."""
    for byte in string(ONE):
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


@pytest.mark.parametrize("answer", [lambda *_: time.sleep(1), drip])
def test_an_agent_that_is_too_slow(short_path: Path, answer: Callable[[socket.socket, bytes], object]) -> None:
    start = time.monotonic()
    with agent(short_path, answer) as environ:
        with pytest.raises(SourceError, match=r"an answer within 0\.2 s"):
            find_key("alice", environ, list_deadline=0.2)
        with pytest.raises(SourceError, match=r"an answer within 0\.2 s"):
            SshAgentKey(KEY.public, environ["SSH_AUTH_SOCK"], deadline=0.2).sign(MESSAGE)
    assert time.monotonic() - start < 5


def test_a_message_that_no_agent_takes(short_path: Path) -> None:
    with pytest.raises(UsageError, match="bytes to sign"):
        SshAgentKey(KEY.public, str(short_path / "agent")).sign(bytes(MAX_ANSWER))


def test_a_key_of_an_agent_has_nothing_secret() -> None:
    key = SshAgentKey(KEY.public, "/nowhere")
    assert not hasattr(key, "__dict__")
    assert b64u_encode(b"k" * 32) not in repr(key)
    assert sys.getsizeof(key) < 200
