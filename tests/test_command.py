"""Which command is called, and what is said when it is none."""

from __future__ import annotations

import pytest
from pip._internal.commands import commands_dict

from pip_verify import cli


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    """What it got instead of a command, and the next step."""
    assert cli.main(arguments) == 2
    said, hint = capsys.readouterr().err.splitlines()
    assert said.startswith("pip-verify: error: command: expected one of install, download, wheel, lock, verify, ")
    return said.rpartition(", got ")[2], hint.removeprefix("pip-verify: next: ")


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("instal", "pip-verify install --help"),
        ("verfy", "pip-verify verify --help"),
        ("key-list", "pip-verify keylist --help"),
        ("keygne", "pip-verify keygen --help"),
        ("upgrade", "pip-verify --help"),
        ("requirements.txt", "pip-verify --help"),
        ("", "pip-verify --help"),
    ],
)
def test_a_slip_is_guessed_and_another_word_is_not(capsys: pytest.CaptureFixture[str], typed: str, hint: str) -> None:
    assert refused(capsys, typed, "x") == (typed or "none", hint)


@pytest.mark.parametrize("typed", [("uninstall", "-y", "six"), ("list",), ("show", "a b"), ("--python", "env", "list")])
def test_for_what_is_not_wrapped_pip_is_named(capsys: pytest.CaptureFixture[str], typed: tuple[str, ...]) -> None:
    got, hint = refused(capsys, *typed)
    assert got.endswith(", which is not wrapped")
    assert hint == "python -m pip " + " ".join(typed).replace("a b", "'a b'")


def test_every_command_of_pip_is_wrapped_or_said_not_to_be() -> None:
    assert set(commands_dict) <= {*cli.PIP_COMMANDS, *cli._NOT_WRAPPED, "check", "help"}
    assert not {*cli.PIP_COMMANDS, *cli._OWN_COMMANDS} & {*cli._NOT_WRAPPED}


def test_options_before_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    hint = "pip-verify check -r 'my requirements.txt' --frozen"
    assert refused(capsys, "-r", "my requirements.txt", "check", "--frozen") == ("-r before it", hint)


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"], ["-h"], ["help", "help"], ["help", "--help"]])
def test_help(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out == cli.USAGE


@pytest.mark.parametrize("name", ["lint", "keylist add"])
def test_help_for_a_command_is_its_own(capsys: pytest.CaptureFixture[str], name: str) -> None:
    for arguments in (["help", *name.split()], [*name.split(), "--help"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert ended.value.code == 0
        assert capsys.readouterr().out.startswith(f"usage: pip-verify {name} ")


def test_help_for_a_wrapped_command_is_pip_s_and_ours(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["help", "download"]) == 0
    shown = capfd.readouterr().out
    assert "pip-verify download [options] " in shown
    assert "--key-list=URL" in shown


def test_help_for_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "help", "isntall") == ("isntall", "pip-verify install --help")
