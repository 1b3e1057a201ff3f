"""The table of formats, and the two things no format may change: the exit code, and which artifacts there were."""

from __future__ import annotations

import html
import io
import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest

from pip_verify.artifact.name import Artifact
from pip_verify.cli.setup import report
from pip_verify.config import OUTPUT_FORMATS, Settings
from pip_verify.errors import UsageError
from pip_verify.report import FORMATS, render
from pip_verify.report.safe import one_line
from pip_verify.verdict import Run, Verdict
from tests.report.scenarios import SCENARIOS, refused, run, signed

REPORT_MODE = [name for name in SCENARIOS if SCENARIOS[name].mode == "report"]


def _notification(text: str) -> str:
    (first, *_) = json.loads(text)["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    return str(first["message"]["text"])


def _mode_property(text: str) -> str:
    (found,) = ET.fromstring(text).iterfind(".//property[@name='mode']")  # noqa: S314  our own
    return str(found.get("value"))


# For each format: the artifacts that it names, accepted or not, each as often as it does.
NAMED: dict[str, Callable[[str], list[str]]] = {
    "text": lambda text: re.findall(
        r"^pip-verify: (?:REFUSED|COULD NOT REACH what speaks for|NOT DECIDED|accepted) (.+?)"
        r"(?:: (?:whether it is signed|only |signed|exempt|by hash|built here|local|from version).*)?$",
        text,
        re.MULTILINE,
    ),
    "json": lambda text: [one_line(artifact["filename"]) for artifact in json.loads(text)["artifacts"]],
    "sarif": lambda text: [artifact["description"]["text"] for artifact in json.loads(text)["runs"][0]["artifacts"]],
    "junit": lambda text: [
        str(case.get("name"))
        for case in ET.fromstring(text).iter("testcase")  # noqa: S314  our own
        if case.get("classname") != "run"
    ],
    "github": lambda text: [
        unquote(name)
        for found in re.findall(
            r"^::(?:error|warning|notice) file=.*?::(?:REFUSED |COULD NOT REACH |NOT DECIDED |exempt.*?: )(.*?)"
            r"(?:: whether it is signed.*?|: only .*?)?(?:%0A.*)?$|^  (.+): "
            r"(?:signed|by hash|built here|local|from version).*$",
            text,
            re.MULTILINE,
        )
        for name in found
        if name
    ],
    "html": lambda text: [
        html.unescape(name)
        for name in re.findall(r'(?:<p class="file mono">|</strong><span class="mono">)<bdi>(.*?)</bdi>', text)
    ],
}

# For each format: the words by which its first line, or what a reader meets first, names report mode.
FIRST: dict[str, Callable[[str], str]] = {
    "text": lambda text: text.splitlines()[0],
    "json": lambda text: text.splitlines()[2],
    "sarif": _notification,
    "junit": _mode_property,
    "github": lambda text: text.splitlines()[0],
    "html": lambda text: text.split("<body>\n")[1].splitlines()[0],
}


def test_the_settings_and_these_tables_know_the_formats() -> None:
    assert tuple(FORMATS) == OUTPUT_FORMATS == tuple(NAMED) == tuple(FIRST)


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
    result = SCENARIOS[name]
    code = result.exit_code
    assert json.loads(render("json", result))["exit_code"] == code
    assert json.loads(render("sarif", result))["runs"][0]["invocations"][0]["exitCode"] == code
    assert f'<property name="exit_code" value="{code}"/>' in render("junit", result)
    assert f"exit code <b>{code}</b>" in render("html", result)
    assert render("github", result).endswith(f" (exit code {code})\n")
    told = re.findall(r"\(exit code ([0-9]+)\)$", render("text", result).strip())
    assert told == ([str(code)] if code else [])


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "hostile"])
def test_every_artifact_of_the_run_is_in_every_format(name: str, format_name: str) -> None:
    result = SCENARIOS[name]
    shown = NAMED[format_name](render(format_name, result, verbose=True))
    wanted = Counter(verdict.artifact.filename for verdict in result.verdicts)
    assert Counter(name for name in shown if name in wanted) == wanted


@pytest.mark.parametrize("format_name", FORMATS)
def test_nothing_is_lost_however_many_are_refused(format_name: str) -> None:
    verdicts = [replace_reason(number) for number in range(300)]
    shown = NAMED[format_name](render(format_name, run(*verdicts)))
    assert len(shown) == len(set(shown)) == 300


def replace_reason(number: int) -> Verdict:
    verdict = SCENARIOS["refused"].verdicts[1]
    return refused(f"demo-1.{number}.tar.gz", *verdict.reasons)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("name", REPORT_MODE)
def test_report_mode_is_named_first_in_every_format(name: str, format_name: str) -> None:
    text = render(format_name, SCENARIOS[name])
    assert re.search(r"mode.{1,6}report", FIRST[format_name](text), re.IGNORECASE)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("name", [name for name in SCENARIOS if name not in REPORT_MODE])
def test_a_run_that_enforces_does_not_read_like_report_mode(name: str, format_name: str) -> None:
    assert not re.search(r"mode.{1,6}report", render(format_name, SCENARIOS[name]), re.IGNORECASE)


def test_the_scenarios_have_every_exit_code() -> None:
    assert {result.exit_code for result in SCENARIOS.values()} >= {0, 2, 10, 11, 12, 14, 23}
    assert len(REPORT_MODE) == 5


def test_an_unknown_format_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="expected one of text, json, sarif, junit, github, html, got '\\\\x1b'"):
        render("\x1b", SCENARIOS["refused"])


@pytest.mark.parametrize("format_name", [name for name in FORMATS if name != "text"])
def test_formats_other_than_text_are_always_complete(format_name: str) -> None:
    result = SCENARIOS["accepted"]
    assert render(format_name, result) == render(format_name, result, color=True, verbose=True)


def test_text_is_quiet_by_default() -> None:
    assert render("text", SCENARIOS["accepted"]) == render("text", SCENARIOS["accepted"], color=False, verbose=False)


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_report_does_not_depend_on_which_download_was_quicker(format_name: str) -> None:
    verdicts = [*SCENARIOS["several_kinds"].verdicts, signed("b-1.0.tar.gz"), signed("a-1.0.tar.gz")]
    assert render(format_name, run(*verdicts)) == render(format_name, run(*reversed(verdicts)))


@pytest.mark.parametrize("format_name", FORMATS)
def test_an_encoding_of_few_characters_is_no_failure(format_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "Gr\u00fc\u00dfe \u4e16-1.0.tar.gz"
    verdict = replace(SCENARIOS["refused"].verdicts[1], artifact=Artifact("x", "1.0", name, "sdist"))
    written = io.BytesIO()
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(
            sys, stream, io.TextIOWrapper(written, "ascii", "strict" if stream == "stdout" else "backslashreplace")
        )
    assert report(run(verdict, pip_exit_code=None), Settings(format=format_name)) == 11
    sys.stdout.flush()
    sys.stderr.flush()
    assert b"1.0.tar.gz" in written.getvalue()


def summary_of(result: Run, path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    assert report(result, Settings(format="github")) == result.exit_code
    return path.read_text("ascii") if path.is_file() else ""


def test_the_step_summary_is_appended_to_what_others_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "summary.md"
    path.write_text("# theirs\n")
    assert summary_of(SCENARIOS["refused"], path, monkeypatch).startswith("# theirs\n## pip-verify install")


def test_a_step_summary_that_cannot_be_written_changes_no_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert summary_of(SCENARIOS["refused"], tmp_path / "no" / "summary.md", monkeypatch) == ""
    assert "WARNING the step summary could not be written" in capsys.readouterr().err


def test_other_formats_write_no_step_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    report(SCENARIOS["refused"], Settings(format="text"))
    assert not (tmp_path / "summary.md").exists()
