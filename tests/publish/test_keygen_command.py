"""``keygen`` and ``sign`` as commands: where secrets come from and go to, and what does not fit together.

Keys of phrases at their full price are in ``tests/e2e/test_keygen.py``.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import keyring
import pytest

from pip_verify import cli
from pip_verify.cli import passphrase
from pip_verify.encoding import b64u_decode
from pip_verify.publish.argon2 import Cost
from pip_verify.publish.keyfile import SigningKey, load, load_public, store
from pip_verify.publish.paper import words_of
from pip_verify.publish.sshwire import public_line
from tests.makers import make_sdist
from tests.publish.test_openssh import KEY, SEED, container, encrypted, section
from tests.publish.test_phrases import GOOD
from tests.publish.test_systemkeyring import InClear, InMemory, Locked

ROOT = Path(__file__).resolve().parent.parent.parent
CHEAP = Cost(ops=1, mem=8192)
USER = "alice@keys.example"


class Told(NamedTuple):
    """What one command said and how it ended."""

    code: int
    out: str
    err: str


Run = Callable[[str], Told]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(line: str) -> Told:
        code = cli.main(line.split())
        return Told(code, *capsys.readouterr())

    return command


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty directory, no terminal, and nothing in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PIP_VERIFY_PASSPHRASE", raising=False)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


def seed_in(path: str) -> bytes:
    return b64u_decode(json.loads(Path(path).read_bytes())["d"], "d")


def private(path: str, data: bytes) -> None:
    Path(path).write_bytes(data)
    Path(path).chmod(0o600)


# where the passphrase comes from


@pytest.mark.parametrize("source", ["file", "variable"])
def test_a_key_is_made_and_used_without_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    option = ""
    if source == "file":
        Path("secret").write_text("hunter2\r\nnot this\n")
        option = "--passphrase-file secret"
    else:
        monkeypatch.setenv("PIP_VERIFY_PASSPHRASE", "hunter2")
    made = run(f"keygen -o key {option}")
    key = load(Path("key"), lambda: b"hunter2").public
    assert (made.code, made.out) == (0, f"{key.text}\n")
    assert made.err == "pip-verify: wrote key; keep a copy where a lost laptop cannot take it along\n"
    Path("demo-1.0.tar.gz").write_bytes(make_sdist("demo", "1.0"))
    assert run(f"sign --key-file key {option} demo-1.0.tar.gz")[:2] == (0, f"{Path('releases/demo/1.0.jws')}\n")


@pytest.mark.parametrize("variable", [None, ""])
def test_without_any_source_it_says_which_there_are(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    if variable is not None:
        monkeypatch.setenv("PIP_VERIFY_PASSPHRASE", variable)
    told = run("keygen -o key")
    assert told.code == 2
    assert "expected a terminal, --passphrase-file or PIP_VERIFY_PASSPHRASE, got none of them" in told.err
    assert "next: pip-verify keygen --no-passphrase" in told.err
    assert not Path("key").exists()


def feed(*pieces: bytes, pause: float = 0.0) -> None:
    """Make the named pipe ``pipe``, and write these into it from another thread."""
    os.mkfifo("pipe")

    def write() -> None:
        with contextlib.suppress(BrokenPipeError), Path("pipe").open("wb", buffering=0) as pipe:
            for piece in pieces:
                pipe.write(piece)
                time.sleep(pause)

    threading.Thread(target=write, daemon=True).start()


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes")
@pytest.mark.parametrize("pieces", [(b"hunter2\n",), (b"hunt", b"er2"), (b"hunter2\r\nuser: me\n", b"x" * 9999)])
def test_a_passphrase_may_come_through_a_pipe(run: Run, pieces: tuple[bytes, ...]) -> None:
    """As from a password manager: ``--passphrase-file <(pass show key)``. What follows the first line is not waited
    for."""
    feed(*pieces, pause=0.1)
    told = run("keygen -o key --passphrase-file pipe")
    assert told.code == 0, told.err
    assert load(Path("key"), lambda: b"hunter2").public.text == told.out.strip()


@pytest.mark.skipif(sys.platform == "win32", reason="a shell")
def test_a_passphrase_may_come_through_standard_input(run: Run) -> None:
    store(Path("key"), b"k" * 32, b"hunter2", cost=CHEAP)
    Path("demo-1.0.tar.gz").write_bytes(make_sdist("demo", "1.0"))
    command = [sys.executable, "-m", "pip_verify", "sign", "--key-file", "key", "--passphrase-file", "/dev/stdin"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*command, "demo-1.0.tar.gz"], input=b"hunter2\n", env=environ, check=False)
    assert done.returncode == 0
    assert run("verify demo-1.0.tar.gz --statements releases --key=" + load_public(Path("key")).text).code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes")
def test_a_pipe_that_gives_no_passphrase(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(b"x" * 5000)
    told = run("keygen -o key --passphrase-file pipe")
    assert (told.code, "at most 4096 bytes" in told.err) == (2, True)
    monkeypatch.setattr(passphrase, "PIPE_DEADLINE", 0.2)
    Path("pipe").unlink()
    feed(b"hunter2", pause=5)
    told = run("keygen -o key --passphrase-file pipe")
    assert (told.code, "pipe: expected a passphrase within 0.2 s, got none" in told.err) == (2, True)
    for device in ("/dev/null", "/dev/zero"):
        assert run(f"keygen -o key --passphrase-file {device}").code == 2
    assert not Path("key").exists()


def test_a_passphrase_file_that_is_no_passphrase(run: Run) -> None:
    Path("long").write_bytes(b"x" * 4097)
    Path("empty").write_bytes(b"\nhunter2\n")
    for name in ("long", "empty", "missing", "."):
        assert run(f"keygen -o key --passphrase-file {name}").code == 2
    assert not Path("key").exists()


def test_a_wrong_passphrase_and_a_wide_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    store(Path("key"), SEED, b"hunter2", cost=CHEAP)
    Path("demo-1.0.tar.gz").write_bytes(make_sdist("demo", "1.0"))
    monkeypatch.setenv("PIP_VERIFY_PASSPHRASE", "hunter3")
    told = run("sign --key-file key demo-1.0.tar.gz")
    assert (told.code, "expected the passphrase of this key, got another" in told.err) == (2, True)
    assert "hunter" not in told.err
    Path("key").chmod(0o644)
    told = run("sign --key-file key demo-1.0.tar.gz")
    assert (told.code, "next: chmod 600 key" in told.err) == (2, True)


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")
@pytest.mark.parametrize(("second", "code"), [("hunter2", 0), ("hunter3", 2)])
def test_on_a_terminal_it_is_asked_for_twice_and_not_echoed(second: str, code: int) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pip_verify", "keygen", "-o", "key"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=environ
    ) as process:
        os.close(theirs)
        seen = b""
        for prompt, answer in ((b"Passphrase for key: ", "hunter2"), (b"Again: ", second)):
            while prompt not in seen:
                seen += os.read(ours, 1000)
            os.write(ours, f"{answer}\n".encode())
        assert process.wait(60) == code
    os.close(ours)
    assert b"hunter" not in seen
    assert Path("key").exists() is (code == 0)


# where secrets go to


def test_a_key_in_clear_is_warned_of(run: Run) -> None:
    told = run("keygen -o key --no-passphrase")
    assert told.code == 0
    assert "warning: key holds the private key in clear" in told.err
    assert SigningKey(seed_in("key")).public.text == told.out.strip()


def test_an_existing_file_is_refused_before_anything_is_asked(run: Run) -> None:
    Path("key").symlink_to("nowhere")
    told = run("keygen -o key")
    assert (told.code, "expected no file here yet" in told.err) == (2, True)


@pytest.mark.parametrize(
    "line", ["keygen --generate-phrase", "keygen -o key --no-passphrase --paper", "keygen --paper --key-file old"]
)
def test_secrets_are_not_printed_into_what_may_be_a_log(run: Run, line: str) -> None:
    store(Path("old"), SEED, None)
    told = run(line)
    assert (told.code, told.out) == (2, "")
    assert "expected a terminal" in told.err
    assert "--show-secret" in told.err
    assert not Path("key").exists()


def test_a_generated_phrase(run: Run) -> None:
    told = run("keygen --generate-phrase --show-secret")
    assert told.code == 0
    assert len(told.out.split()) == 9
    assert "8 random words, 88 bits of entropy" in told.err
    assert not set(told.out.split()[:8]) & set(told.err.split()) - {"random", "word", "check", "write", "all", "them"}


def test_to_paper_and_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    made = run("keygen -o key --no-passphrase --paper --show-secret")
    words = words_of(seed_in("key")).split()
    by_number = dict(zip(*[iter(made.out.split("\n\n")[1].split())] * 2, strict=True))
    assert [by_number[str(number)] for number in range(1, 25)] == words
    again = run("keygen --paper --key-file key --show-secret")
    assert made.out == made.out.split("\n")[0] + "\n" + again.out
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(words[:5]) + "\n" + " ".join(words[5:]) + "\nmore\n"))
    back = run("keygen --from-paper --no-passphrase -o back")
    assert (back.code, back.out) == (0, made.out.split("\n")[0] + "\n")
    assert Path("back").read_bytes() == Path("key").read_bytes()


def test_an_encrypted_key_is_put_on_paper(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    store(Path("key"), SEED, b"hunter2", cost=CHEAP)
    monkeypatch.setenv("PIP_VERIFY_PASSPHRASE", "hunter2")
    told = run("keygen --paper --key-file key --show-secret")
    assert told.code == 0
    assert f"paper backup of {KEY.public.text}\n" in told.out


@pytest.mark.parametrize("typed", ["", "abandon " * 23, "abandon " * 24, "hunter2 " * 24, "x" * 100_000])
def test_words_that_make_no_key(run: Run, monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    told = run("keygen --from-paper --no-passphrase -o key")
    assert (told.code, "expected 24 words" in told.err) == (2, True)
    assert not {"abandon", "hunter2"} & set(told.err.split())
    assert not Path("key").exists()


def test_a_terminal_that_cannot_show_the_code(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    store(Path("key"), SEED, None)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    told = run("keygen --paper --key-file key --show-secret")
    assert (told.code, "expected UTF-8, got ascii" in told.err) == (2, True)


# OpenSSH


def test_an_openssh_key_becomes_one_of_ours(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    private("clear", container(section()))
    told = run("keygen --import-openssh clear --no-passphrase -o key")
    assert (told.code, told.out) == (0, f"{KEY.public.text}\n")
    assert public_line(KEY.public) in told.err
    assert seed_in("key") == SEED
    private("encrypted", encrypted(b"hunter2"))
    monkeypatch.setenv("PIP_VERIFY_PASSPHRASE", "hunter2")
    assert run("keygen --import-openssh encrypted -o other").code == 0
    assert load(Path("other"), lambda: b"hunter2").public == KEY.public


@pytest.mark.parametrize("pipe", [False, True])
def test_the_passphrase_of_the_original_may_come_from_a_file(run: Run, *, pipe: bool) -> None:
    """Also when the new file is to have none, and when the two share one that can be read only once."""
    private("id", encrypted(b"hunter2"))
    Path("file").write_bytes(b"hunter2\n")
    told = run("keygen --import-openssh id --no-passphrase --passphrase-file file -o clear")
    assert (told.code, seed_in("clear")) == (0, SEED), told.err
    if pipe:
        feed(b"hunter2\n")
    told = run(f"keygen --import-openssh id --passphrase-file {'pipe' if pipe else 'file'} -o key")
    assert told.code == 0, told.err
    assert load(Path("key"), lambda: b"hunter2").public.text == told.out.strip()


def test_a_pub_file_is_put_on_a_list(run: Run) -> None:
    Path("id.pub").write_text(public_line(KEY.public) + " alice\n")
    assert run("keylist init keys.json").code == 0
    assert run("keylist add keys.json id.pub").out == f"{KEY.public.text}\n"


# the keyring


def test_a_passphrase_is_put_into_the_keyring_and_found_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = InMemory()
    keyring.set_keyring(backend)
    monkeypatch.setenv("PIP_VERIFY_PASSPHRASE", "hunter2")
    assert run("keygen -o key --keyring").code == 0
    assert backend.kept == {("pip-verify", load_public(Path("key")).thumbprint): "hunter2"}
    monkeypatch.delenv("PIP_VERIFY_PASSPHRASE")
    Path("demo-1.0.tar.gz").write_bytes(make_sdist("demo", "1.0"))
    assert run("sign --key-file key --keyring demo-1.0.tar.gz").code == 0
    backend.kept.clear()
    told = run("sign --key-file key --keyring demo-1.0.tar.gz")
    assert (told.code, "system keyring" in told.err) == (2, True)


def test_a_keyring_in_clear_is_refused_before_a_key_is_made(run: Run) -> None:
    keyring.set_keyring(InClear())
    told = run("keygen -o key --keyring")
    assert (told.code, "one that keeps secrets encrypted" in told.err) == (2, True)
    assert not Path("key").exists()


def test_a_keyring_that_fails_leaves_a_key_that_can_be_opened(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring.set_keyring(Locked())
    monkeypatch.setenv("PIP_VERIFY_PASSPHRASE", "hunter2")
    told = run("keygen -o key --keyring")
    assert (told.code, "wrote key" in told.err, "hunter2" in told.err) == (14, True, False)
    assert load(Path("key"), lambda: b"hunter2").public.text == told.out.strip()


# phrases: what is refused before the price is paid


@pytest.mark.parametrize(
    "phrase", [b"foobar", GOOD.encode().replace(b"cargo", b"coffee"), b"\xff\xfe hunter2", GOOD.encode() + b"\x00"]
)
def test_a_phrase_that_may_make_no_key(run: Run, phrase: bytes) -> None:
    Path("phrase").write_bytes(phrase)
    told = run(f"keygen --from-passphrase --user {USER} --passphrase-file phrase -o key")
    assert (told.code, told.out) == (2, "")
    assert "warning: whoever has the public key can try passphrases against it" in told.err
    assert not {"foobar", "hunter2", "nasty", "cargo", "coffee"} & set(told.err.split())
    assert not Path("key").exists()


def test_an_address_that_is_none_is_refused_before_the_phrase_is_asked(run: Run) -> None:
    told = run("keygen --from-passphrase --user alice -o key")
    assert (told.code, "--user: expected an address" in told.err) == (2, True)


# what does not fit together


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("keygen", "-o FILE"),
        ("keygen --from-passphrase -o key", "--user ADDRESS"),
        ("keygen --teneo -o key", "--user ADDRESS"),
        ("keygen --user a@b -o key", "--user with"),
        ("keygen --counter 2 -o key", "--counter with"),
        ("keygen --teneo --user a --counter 2 -o key", "--counter with"),
        (f"keygen --from-passphrase --user {USER} --no-passphrase -o key", "the passphrase that makes the key"),
        ("keygen --generate-phrase -o key", "no -o"),
        ("keygen --generate-phrase --keyring", "no such option here"),
        ("keygen --key-file old", "--paper, with --key-file"),
        ("keygen --key-file old --paper -o key", "no -o"),
        ("keygen --key-file old --paper --no-passphrase", "no such option here"),
        ("keygen -o key --no-passphrase --passphrase-file x", "one of both"),
        ("keygen -o key --no-passphrase --keyring", "a passphrase for --keyring"),
        ("sign --agent alice --keyring x", "the agent has the key"),
        ("sign --agent alice --passphrase-file x x", "the agent has the key"),
        ("sign --agent alice x", "SSH_AUTH_SOCK"),
    ],
)
def test_options_that_do_not_fit(run: Run, line: str, expected: str) -> None:
    told = run(line)
    assert (told.code, expected in told.err) == (2, True)
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "line", ["keygen --teneo --from-paper -o key", "sign x", "sign --agent a --key-file b x", "keygen --counter x -o k"]
)
def test_options_that_exclude_each_other(run: Run, line: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run(line)
    assert ended.value.code == 2
