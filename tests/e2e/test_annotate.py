"""``annotate`` and ``compile`` as they are called: files on disk, a locker as a child, real uv and pip-tools."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pip_verify import cli
from tests import makers
from tests.e2e.world import World
from tests.signer import sha256
from tests.tools import tool

TRUST = '[publishers.team]\nkey-list = "https://keys.example/keys.json"\nprojects = ["demo", "other"]\n'
PIN = "    # pip-verify: --signed-by=team\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a trust file."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)
    Path("pip-verify.toml").write_text(TRUST, "utf-8")
    return directory


def text(name: str = "requirements.txt") -> str:
    return Path(name).read_bytes().decode()


def write(content: str, name: str = "requirements.txt") -> Path:
    path = Path(name)
    path.write_bytes(content.encode())
    return path


def complaint(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command says that is used wrongly."""
    assert cli.main(arguments) == 2
    return capfd.readouterr().err


# annotate


def test_pins_are_written_and_what_changed_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    write("demo==1.0\nsix\n")
    assert cli.main(["annotate", "requirements.txt"]) == 0
    assert text() == f"demo==1.0\n{PIN}six\n"
    assert capfd.readouterr().out == (
        "requirements.txt:1: demo: added --signed-by=team\n"
        "requirements.txt: changed 1 (1 requirement with a publisher)\n"
    )
    assert cli.main(["annotate", "requirements.txt"]) == 0
    assert capfd.readouterr().out == "requirements.txt: up to date (1 requirement with a publisher)\n"


def test_check_writes_nothing_and_fails_where_it_would(capfd: pytest.CaptureFixture[str]) -> None:
    write("demo==1.0\n")
    write(f"other\n{PIN}", "other.txt")
    assert cli.main(["annotate", "--check", "requirements.txt", "other.txt"]) == 2
    assert text() == "demo==1.0\n"
    assert "requirements.txt: would change 1" in capfd.readouterr().out
    assert cli.main(["annotate", "--check", "other.txt"]) == 0


def test_a_file_that_is_in_order_is_not_written_at_all() -> None:
    path = write(f"demo\n{PIN}")
    before = path.stat()
    assert cli.main(["annotate", "requirements.txt"]) == 0
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_one_wrong_file_stops_all_from_being_written(capfd: pytest.CaptureFixture[str]) -> None:
    write("demo\n")
    write("demo --pre\n", "wrong.txt")
    assert "wrong.txt:1" in complaint(capfd, "annotate", "requirements.txt", "wrong.txt")
    assert text() == "demo\n"


def test_permissions_and_links_stay() -> None:
    path = write("demo\n", "real.txt")
    path.chmod(0o600)
    Path("requirements.txt").symlink_to("real.txt")
    assert cli.main(["annotate", "requirements.txt"]) == 0
    assert Path("requirements.txt").is_symlink()
    assert text("real.txt") == f"demo\n{PIN}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_a_trust_file_no_pin_is_taken_out(capfd: pytest.CaptureFixture[str]) -> None:
    Path("pip-verify.toml").unlink()
    write(f"demo\n{PIN}")
    assert "expected a trust file" in complaint(capfd, "annotate", "requirements.txt")
    assert text() == f"demo\n{PIN}"


def test_the_trust_file_may_be_named() -> None:
    write(TRUST.replace("demo", "six"), "another.toml")
    write("demo\nsix\n")
    assert cli.main(["annotate", "--trust-file", "another.toml", "requirements.txt"]) == 0
    assert text() == f"demo\nsix\n{PIN}"


def test_an_exempt_project_gets_no_pin_for_that_would_make_its_exemption_void(world: World) -> None:
    wheel = makers.make_wheel("demo", "1.0")
    exempt = f'[[exempt]]\nproject = "demo"\nreason = "old"\nhashes = ["sha256:{sha256(wheel)}"]\n'
    write(TRUST + exempt, "pip-verify.toml")
    write(f"demo==1.0\n{PIN}")
    assert cli.main(["annotate", "requirements.txt"]) == 0
    assert text() == "demo==1.0\n"
    world.save("demo-1.0-py3-none-any.whl", wheel)
    world.write("pip-verify.toml", *(TRUST + exempt).splitlines())
    assert world.run("verify", "demo-1.0-py3-none-any.whl").code == 0
    assert world.run("verify", "demo-1.0-py3-none-any.whl", "--signed-by=team").code != 0


@pytest.mark.parametrize("name", ["pylock.toml", "uv.lock", "Pipfile.lock"])
def test_a_lock_of_another_format_is_left_alone(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    write("demo\n", name)
    assert "another format" in complaint(capfd, "annotate", name)
    assert text(name) == "demo\n"


@pytest.mark.parametrize("name", ["missing.txt", "."])
def test_a_file_that_is_none_is_an_error(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert "expected a requirement file that can be read" in complaint(capfd, "annotate", name)


# compile, with a locker of our own


def locker(code: str, *arguments: str) -> list[str]:
    """A command that runs a line of Python; its options follow the code."""
    return ["--", sys.executable, "-c", f"import sys, pathlib\n{code}", *arguments]


WRITES = "pathlib.Path(sys.argv[-1].split('=')[-1].removeprefix('-o')).write_text('demo\\n')"


@pytest.mark.parametrize(
    "options",
    ["-o out.txt", "-oout.txt", "-o=out.txt", "--output-file out.txt", "--output-file=out.txt", "--output=out.txt"],
)
def test_what_the_locker_wrote_is_annotated(options: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compile", *locker(f"{WRITES}\nprint('locked')", *options.split())]) == 0
    assert text("out.txt") == f"demo\n{PIN}"
    out, err = capfd.readouterr()
    assert out == "locked\n"
    assert err.startswith("out.txt:1: demo: added")


def test_the_output_may_be_named_before_the_command() -> None:
    assert cli.main(["compile", "--output", "out.txt", *locker(WRITES, "out.txt")]) == 0
    assert text("out.txt") == f"demo\n{PIN}"


def test_the_output_is_below_the_directory_that_the_locker_is_told() -> None:
    Path("sub").mkdir()
    for options in (["--directory", "sub"], ["--directory=sub"]):
        Path("sub/out.txt").unlink(missing_ok=True)
        code = "pathlib.Path('sub/out.txt').write_text('demo\\n')"
        assert cli.main(["compile", *locker(code, *options, "-o", "out.txt")]) == 0
        assert text("sub/out.txt") == f"demo\n{PIN}"


def test_the_exit_code_of_a_locker_that_fails_is_passed_on_and_nothing_is_annotated() -> None:
    write("demo\n")
    assert cli.main(["compile", *locker("sys.exit(7)", "-o", "requirements.txt")]) == 7
    assert text() == "demo\n"


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_locker_that_a_signal_ended_gives_the_shell_s_code() -> None:
    assert cli.main(["compile", *locker("import os; os.kill(os.getpid(), 9)", "-o", "x.txt")]) == 128 + 9


def test_standard_input_is_the_locker_s() -> None:
    with write("other\n", "stdin").open("rb") as file:
        saved = os.dup(0)
        try:
            os.dup2(file.fileno(), 0)
            code = "pathlib.Path('out.txt').write_text(sys.stdin.read())"
            assert cli.main(["compile", *locker(code, "-o", "out.txt")]) == 0
        finally:
            os.dup2(saved, 0)
            os.close(saved)
    assert text("out.txt") == f"other\n{PIN}"


@pytest.mark.parametrize("options", [[], ["-o", "-"], ["-o"]])
def test_a_locker_that_writes_no_file_is_not_even_run(options: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    error = complaint(capfd, "compile", *locker("pathlib.Path('ran').touch()", *options))
    assert "expected an output file, got none in its options" in error
    assert "--output FILE" in error
    assert not Path("ran").exists()


def test_a_locker_with_two_outputs_is_not_even_run(capfd: pytest.CaptureFixture[str]) -> None:
    error = complaint(capfd, "compile", *locker("pathlib.Path('ran').touch()", "-o", "a.txt", "--output=b.txt"))
    assert "expected one output file, got a.txt, b.txt" in error
    assert not Path("ran").exists()


def test_a_locker_that_did_not_write_what_it_was_told_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert "expected it to write out.txt, got no such file" in complaint(capfd, "compile", *locker("", "-o", "out.txt"))


def test_a_file_that_the_command_left_alone_is_noted(capfd: pytest.CaptureFixture[str]) -> None:
    write("demo\n")
    assert cli.main(["compile", "--output", "requirements.txt", *locker("")]) == 0
    assert "note: requirements.txt was not written by this command" in capfd.readouterr().err
    assert text() == f"demo\n{PIN}"


def test_a_dry_run_changes_nothing() -> None:
    write("demo\n")
    assert cli.main(["compile", *locker("", "--dry-run", "-o", "requirements.txt")]) == 0
    assert text() == "demo\n"


def test_a_lock_that_has_no_comments_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert "another format" in complaint(capfd, "compile", *locker(WRITES, "-opylock.toml"))


@pytest.mark.parametrize("name", ["no-such-locker", "./pip-verify.toml"])
def test_a_locker_that_cannot_be_run_is_an_error(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    error = complaint(capfd, "compile", "--", name, "-o", "requirements.txt")
    assert f"compile: {name}: expected a command that can be run" in error


@pytest.mark.parametrize("arguments", [[], ["--"]])
def test_a_missing_command_is_an_error(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert "expected a locker's command after --" in complaint(capfd, "compile", *arguments)


def test_a_broken_trust_file_stops_the_locker_from_running(capfd: pytest.CaptureFixture[str]) -> None:
    write("unknown = 1\n", "pip-verify.toml")
    complaint(capfd, "compile", *locker("pathlib.Path('ran').touch()", "-o", "a.txt"))
    assert not Path("ran").exists()


FAKE = "import pathlib, sys\nassert '-n' not in sys.argv\npathlib.Path({!r}).write_text('demo\\n')\n"


@pytest.mark.parametrize(
    ("sources", "words", "written"),
    [
        (["requirements.in"], [], "requirements.txt"),
        (["setup.py"], [], "requirements.txt"),
        (["dev.in"], ["dev.in"], "dev.txt"),
        (["sub/pyproject.toml"], ["sub/pyproject.toml", "--strip-extras"], "sub/requirements.txt"),
    ],
)
def test_pip_compile_has_a_default_output(sources: Sequence[str], words: Sequence[str], written: str) -> None:
    Path("sub").mkdir()
    for name in sources:
        Path(name).touch()
    Path("pip-compile").write_text(FAKE.format(written), "utf-8")
    assert cli.main(["compile", "--", sys.executable, "pip-compile", *words]) == 0
    assert text(written) == f"demo\n{PIN}"


def test_pip_compile_with_several_sources_must_say_where_it_writes(capfd: pytest.CaptureFixture[str]) -> None:
    assert "expected an output file" in complaint(capfd, "compile", "--", "pip-compile", "a.in", "b.in")


def test_pip_compile_s_short_dry_run_is_known() -> None:
    write("demo\n")
    Path("pip-compile").write_text("", "utf-8")
    assert cli.main(["compile", "--", sys.executable, "pip-compile", "-n"]) == 0
    assert text() == "demo\n"


# compile, with real lockers

UV = ["uv", "pip", "compile", "--no-config", "--no-cache", "--python", sys.executable]
PIP_COMPILE = ["pip-compile", "--no-config", "--quiet", "--strip-extras", "--no-emit-options"]


@pytest.fixture
def links(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options for a place with demo, which needs other, and six, which is nobody's. Of demo there are two releases, so
    that a re-lock has a choice."""
    wheels = world.root / "wheels"
    wheels.mkdir()
    for project, version, needed in [
        ("other", "2.0", ""),
        ("six", "1.0", ""),
        ("demo", "1.0", "other"),
        ("demo", "1.1", "other"),
    ]:
        data = world.wheel(project, version, requires=needed.split())
        (wheels / makers.wheel_filename(project, version)).write_bytes(data)
    monkeypatch.setenv("HOME", str(world.home))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return ["--no-index", "--find-links", str(wheels)]


def real(command: Sequence[str], *options: str) -> list[str]:
    return ["compile", "--", tool(command[0]), *command[1:], *options]


@pytest.mark.parametrize("command", [UV, PIP_COMPILE], ids=["uv", "pip-compile"])
@pytest.mark.parametrize("options", [["--generate-hashes"], [], ["--annotation-style=line"], ["--no-annotate"]])
def test_a_real_locker_reads_its_own_output_with_our_comments(
    command: Sequence[str], options: Sequence[str], links: Sequence[str], world: World
) -> None:
    write("demo<1.1\nsix\n", "requirements.in")
    arguments = real(command, *links, *options, "requirements.in", "-o", "requirements.txt")
    assert cli.main(arguments) == 0
    first = text()
    assert first.count(PIN) == 2
    assert first.count("--hash=") == 3 * ("--generate-hashes" in options)
    assert cli.main(arguments) == 0
    assert text() == first
    write("demo\nsix\n", "requirements.in")
    assert cli.main(arguments) == 0
    assert text() == first  # what the output file says is preferred, and was read
    assert cli.main(["annotate", "--check", "requirements.txt"]) == 0
    installed = world.plain_pip("install", "-r", str(Path("requirements.txt").absolute()))
    assert installed.code == 0, installed.stderr
    assert world.target.installed() == {"demo": "1.0", "other": "2.0", "six": "1.0"}


def test_real_pip_compile_writes_where_it_is_expected_to(links: Sequence[str]) -> None:
    write("demo\n", "dev.in")
    assert cli.main(real(PIP_COMPILE, *links, "dev.in")) == 0
    assert text("dev.txt").count(PIN) == 2


def test_a_real_locker_that_fails_is_not_annotated(links: Sequence[str], capfd: pytest.CaptureFixture[str]) -> None:
    write("no-such-project\n", "requirements.in")
    write("demo\n")
    code = cli.main(real(UV, *links, "requirements.in", "-o", "requirements.txt"))
    assert code == 1
    assert text() == "demo\n"
    assert "pip-verify" not in capfd.readouterr().err
