"""The table of formats, and the one thing no format may change: the exit code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pip_verify.cli.setup import report
from pip_verify.config import Settings
from pip_verify.errors import UsageError
from pip_verify.report import FORMATS, render
from tests.report.scenarios import SCENARIOS


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("to_file", [False, True])
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_exit_code_is_the_runs_whatever_the_format(
    name: str,
    to_file: bool,  # noqa: FBT001
    format_name: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "report" if to_file else None
    assert report(SCENARIOS[name], Settings(format=format_name, output=output)) == SCENARIOS[name].exit_code
    assert output is None or output.exists()
    assert "pip-verify" in "".join(capsys.readouterr())


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_format_tells_the_same_exit_code(name: str) -> None:
    code = SCENARIOS[name].exit_code
    assert json.loads(render("json", SCENARIOS[name]))["exit_code"] == code
    told = re.findall(r"\(exit code ([0-9]+)\)$", render("text", SCENARIOS[name]).strip())
    assert told == ([str(code)] if code else [])


def test_the_scenarios_have_every_exit_code() -> None:
    assert {result.exit_code for result in SCENARIOS.values()} >= {0, 2, 10, 11, 12, 14, 23}


def test_an_unknown_format_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="expected one of text, json, got '\\\\x1b'"):
        render("\x1b", SCENARIOS["refused"])


def test_formats_are_quiet_by_default() -> None:
    assert render("text", SCENARIOS["accepted"]) == render("text", SCENARIOS["accepted"], color=False, verbose=False)
    assert render("json", SCENARIOS["accepted"]) == render("json", SCENARIOS["accepted"], color=True, verbose=True)
