"""What becomes of a command whose standard output takes nothing, or whose terminal ends: said in one line, exit code 2;
1 would say that pip failed. The device that is always full is real."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pip_verify.publish.keyfile import load_public, new_seed, store
from tests.makers import make_sdist

ROOT = Path(__file__).resolve().parent.parent
FULL = Path("/dev/full")
SDIST, STATEMENT = "demo-1.0.tar.gz", "releases/demo/1.0.jws"

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


@pytest.fixture(autouse=True)
def _desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store(Path("key"), new_seed(), None)
    Path(SDIST).write_bytes(make_sdist("demo", "1.0"))
    other = Path("more", "demo-1.1.tar.gz")
    other.parent.mkdir()
    other.write_bytes(make_sdist("demo", "1.1"))


def run(
    line: str, *, output: str = "/dev/full", errors: str = "", unbuffered: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command. unbuffered: as PYTHONUNBUFFERED; then each write fails, and else the last flush."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}
    with Path(output).open("w") as stdout, Path(errors or os.devnull).open("w") as stderr:
        return subprocess.run(
            [sys.executable, "-m", "pip_verify", *line.split()],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr if errors else subprocess.PIPE,
            text=True,
            check=False,
        )


@pytest.mark.parametrize(
    "line",
    ["--version", "--help", "sign --help", "check --help", "keygen --help", "keylist init keys.json"],
)
def test_a_full_disk_is_told_whatever_the_command(line: str) -> None:
    told = run(line)
    (error, hint) = told.stderr.splitlines()
    expected = "standard output: expected to be able to write there, got No space left on device"
    assert (told.returncode, error) == (2, f"pip-verify: error: {expected}")
    assert hint == "pip-verify: next: look what is done already before you run it again"


def test_help_of_pips_that_cannot_be_printed_is_not_taken_for_a_command() -> None:
    told = run("install --help")
    assert told.returncode == 2
    assert told.stderr.startswith("pip-verify: error: help: expected pip to print it, got exit code ")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_signature_that_was_made_is_told_all_the_same(unbuffered: str) -> None:
    told = run(f"sign --key-file key {SDIST}", unbuffered=unbuffered)
    assert (told.returncode, told.stderr.splitlines()[-1]) == (
        2,
        f"pip-verify: next: make room; nothing is left to be done but to print that it wrote {STATEMENT}",
    )
    assert Path(STATEMENT).exists()
    assert run(f"sign --key-file key {SDIST}", output="out").returncode == 0
    assert Path("out").read_text() == f"{STATEMENT}\n"


def test_every_statement_of_a_tree_is_signed_all_the_same() -> None:
    for file in (SDIST, "more/demo-1.1.tar.gz"):
        assert run(f"sign --key-file key {file}", output="out").returncode == 0
    store(Path("new"), new_seed(), None)
    told = run("sign --add --all --yes --key-file new")
    assert (told.returncode, f"it wrote {STATEMENT}, releases/demo/1.1.jws\n" in told.stderr) == (2, True)
    again = run("sign --add --all --yes --key-file new", output="out")
    assert "2 of 2 had a signature by this key already" in again.stderr


def test_a_key_that_was_made_is_told_all_the_same() -> None:
    told = run("keygen --no-passphrase -o new")
    assert told.returncode == 2
    assert f"it wrote new, whose key is {load_public(Path('new'))}\n" in told.stderr


def test_a_reader_that_goes_away_is_no_failure_of_ours() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    command = [sys.executable, "-m", "pip_verify", "--help"]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""},
        stdout=theirs,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(theirs)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(("line", "code"), [(f"sign --key-file none {SDIST}", 2), (f"sign --key-file key {SDIST}", 2)])
def test_where_nothing_can_be_said_the_exit_code_says_it(line: str, code: int) -> None:
    assert run(line, errors="/dev/full").returncode == code


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")
def test_the_end_of_the_terminal_at_a_passphrase_prompt() -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pip_verify", "keygen", "-o", "new"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    environ.pop("PIP_VERIFY_PASSPHRASE", None)
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=environ
    ) as process:
        os.close(theirs)
        seen = b""
        while b"Passphrase for new: " not in seen:
            seen += os.read(ours, 1000)
        os.write(ours, b"\x04")
        assert process.wait(60) == 2
        seen += os.read(ours, 10_000)
    os.close(ours)
    assert b"passphrase: expected a line, got the end of input" in seen
    assert b"Traceback" not in seen
    assert not Path("new").exists()
