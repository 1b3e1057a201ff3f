"""``lint`` as it is called: any mixture of files, the trust file in force, no network."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pip_verify import cli

TRUST = '[publishers.team]\nkey-list = "https://keys.example/keys.json"\nprojects = ["demo"]\n'
ENDED = '[[exempt]]\nproject = "six"\nreason = "x"\nuntil = 2020-01-01\n'
BROKEN = "[policy]\nunsinged = 1\n[publishers.a]\nkeys = []\n"
ORPHAN = f"six\n--hash=sha256:{'ab' * 32}\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory in a repository, and no network."""
    monkeypatch.delenv("PIP_VERIFY_TRUST_FILE", raising=False)
    monkeypatch.setattr(socket, "socket", None)
    monkeypatch.setattr(socket, "create_connection", None)
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, content: str) -> str:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, "utf-8")
    return name


def lint(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    """Exit code and lines, each cut at the end of its file and line."""
    code = cli.main(["lint", *arguments])
    lines = capsys.readouterr().out.splitlines()
    return code, [line.partition(": ")[0] for line in lines[:-1]] + [lines[-1].partition(": ")[2]]


def test_sound_files_are_looked_at_and_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    write("pip-verify.toml", TRUST)
    write("requirements.txt", "demo\n    # pip-verify: --signed-by=team\n")
    assert lint(capsys, "requirements.txt") == (0, ["2 files: 0 errors, 0 warnings"])


def test_whatever_pre_commit_hands_over_is_sorted_out(capsys: pytest.CaptureFixture[str]) -> None:
    write("pip-verify.toml", TRUST + ENDED)
    names = [
        write("requirements.txt", ORPHAN + "demo\n# pip-verify: --signed-by=team\nother\n"),
        write("sub/requirements.in", "demo --pre\n"),
        write("pyproject.toml", "[project]\nname = 'x'\n"),
        write("sub/pyproject.toml", BROKEN.replace("[", "[tool.pip-verify.", 2)),
        write("uv.lock", "not read\n"),
        write("pylock.toml", "not read\n"),
        write("pip-verify.lock", ""),
        write("README.md", "not read\n"),
        "pip-verify.toml",
    ]
    code, lines = lint(capsys, *names)
    assert code == 2
    assert lines == [
        "pip-verify.lock",
        "pip-verify.toml:4",
        "requirements.txt:2",
        "sub/pyproject.toml:1",
        "sub/pyproject.toml:3",
        "sub/requirements.in:1",
        "5 files: 6 errors, 0 warnings; 4 passed by",
    ]


@pytest.mark.parametrize("name", ["requirments.lock", "requirements.txt", "pip-verify.toml", "pyproject.toml", "a/b"])
def test_a_file_that_is_not_there_is_not_sound(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert lint(capsys, name) == (2, [name, "0 files: 1 error, 0 warnings"])


def test_files_in_which_there_is_nothing_to_look_for_are_said_to_be_passed_by(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = [write("requirements.lock", "x"), write("pyproject.toml", "[project]\nname = 'x'\n")]
    assert lint(capsys, *names) == (0, ["0 files: 0 errors, 0 warnings; 2 passed by"])


def test_of_files_that_nobody_named_none_is_passed_by(capsys: pytest.CaptureFixture[str]) -> None:
    write("pyproject.toml", "[project]\nname = 'x'\n")
    write("requirements.txt", "")
    assert lint(capsys) == (0, ["1 file: 0 errors, 0 warnings"])


def test_warnings_alone_are_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    write("pip-verify.toml", '[policy]\nmode = "report"\n')
    assert lint(capsys) == (0, ["pip-verify.toml", "1 file: 0 errors, 1 warning"])


def test_an_exemption_that_ended_is_found_though_no_file_of_its_changed(capsys: pytest.CaptureFixture[str]) -> None:
    write("pip-verify.toml", TRUST + ENDED)
    write("requirements.txt", "")
    assert lint(capsys, "requirements.txt") == (2, ["pip-verify.toml:4", "2 files: 1 error, 0 warnings"])


def test_all_mistakes_of_a_broken_trust_file_are_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    write("pip-verify.toml", BROKEN)
    expected = (2, ["pip-verify.toml:1", "pip-verify.toml:3", "1 file: 2 errors, 0 warnings"])
    assert lint(capsys) == expected
    assert lint(capsys, "pip-verify.toml") == expected


def test_a_broken_trust_file_that_was_not_named_is_told_and_the_rest_is_linted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("pip-verify.toml", BROKEN)
    write("requirements.txt", ORPHAN)
    code, lines = lint(capsys, "requirements.txt")
    assert code == 2
    assert lines == ["requirements.txt:2", "trust file", "1 file: 2 errors, 0 warnings"]


def test_stale_and_unresolved_pins_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    write("pip-verify.toml", TRUST + '[publishers.other]\nkey-list = "https://keys.example/k"\nprojects = ["other"]\n')
    write("requirements.txt", "demo\n# pip-verify: --signed-by=other\n")
    assert lint(capsys) == (2, ["requirements.txt:1", "2 files: 1 error, 0 warnings"])
    write("requirements.txt", "demo\n# pip-verify: --signed-by=other\nsix\n# pip-verify: --signed-by=nobody\n")
    assert lint(capsys) == (2, ["requirements.txt:4", "2 files: 1 error, 0 warnings"])


def test_without_a_trust_file_pins_are_not_judged(capsys: pytest.CaptureFixture[str]) -> None:
    write("requirements.txt", "demo\n# pip-verify: --signed-by=team\n")
    assert lint(capsys) == (0, ["1 file: 0 errors, 0 warnings"])


def test_a_trust_file_of_another_name_is_linted_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    write("trust.toml", BROKEN)
    code, lines = lint(capsys, "--trust-file", "trust.toml", "trust.toml")
    assert (code, lines[:2]) == (2, ["trust.toml:1", "trust.toml:3"])


def test_without_names_the_files_of_this_directory_are_linted(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("requirements-dev.txt", "requirements/a.in", "constraints.txt", "requirements.in", "other.txt"):
        write(name, ORPHAN)
    write("requirements.md", ORPHAN)
    assert lint(capsys)[1][-1] == "4 files: 4 errors, 0 warnings"


def test_a_file_that_is_missing_does_not_hide_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    write("requirements.txt", ORPHAN)
    code, lines = lint(capsys, "gone.txt", "requirements.txt")
    assert (code, lines[:2]) == (2, ["gone.txt", "requirements.txt:2"])


def test_nothing_to_look_at_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lint"]) == 2
    assert "expected a trust file or requirement files here" in capsys.readouterr().err


def test_control_characters_of_a_file_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    write("requirements.txt", "demo --\x1b[31mx\n")
    assert cli.main(["lint", "requirements.txt"]) == 2
    assert "\x1b" not in capsys.readouterr().out
