"""Scenarios in every format, side by side in ``snapshots/``, compared to the character.

All of them as text and as JSON; as SARIF, JUnit, GitHub's commands, step summary and HTML those that show most.

``UPDATE_SNAPSHOTS=1 pytest tests/report/test_snapshots.py`` writes them anew; read the difference before you commit it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from pip_verify import __version__
from pip_verify.report import FORMATS, render
from pip_verify.report.as_github import summary
from pip_verify.report.html_parts import POLICY, SCRIPT, STYLE
from tests.report.scenarios import SCENARIOS

SNAPSHOTS = Path(__file__).parent / "snapshots"
SUFFIXES = {"text": ".txt", "json": ".json"}
MORE_SUFFIXES = {"sarif": ".sarif", "junit": ".xml", "github": ".github", "summary": ".md", "html": ".html"}
TELLING = ("accepted", "several_kinds", "errors", "hostile", "report_mode", "coverage_missed", "first_use")
SHOWN = [(name, format_name) for name in SCENARIOS for format_name in SUFFIXES]
SHOWN += [(name, format_name) for name in TELLING for format_name in MORE_SUFFIXES]
UPDATE = os.environ.get("UPDATE_SNAPSHOTS") == "1"


def path_of(name: str, format_name: str) -> Path:
    return SNAPSHOTS / (name + (SUFFIXES | MORE_SUFFIXES)[format_name])


def rendered(format_name: str, name: str) -> str:
    """The report without our own version, which changes with every release, and without the page's fixed parts."""
    if format_name == "summary":
        return summary(SCENARIOS[name])
    report = render(format_name, SCENARIOS[name])
    for fixed, stand_in in ((STYLE, "STYLE"), (SCRIPT, "SCRIPT"), (POLICY, "POLICY")):
        report = report.replace(fixed, stand_in)
    return re.sub(rf"(pip-verify\W+(?:(?:version|value)\W+)?){re.escape(__version__)}", r"\1X", report)


@pytest.mark.parametrize(("name", "format_name"), SHOWN)
def test_a_scenario_looks_as_its_snapshot(name: str, format_name: str) -> None:
    path = path_of(name, format_name)
    report = rendered(format_name, name)
    if UPDATE:
        path.write_bytes(report.encode("utf-8"))
    assert report == path.read_bytes().decode("utf-8")


def test_no_snapshot_is_left_over() -> None:
    assert set(MORE_SUFFIXES) | set(SUFFIXES) == {*FORMATS, "summary"}
    assert set(SNAPSHOTS.iterdir()) == {path_of(*shown) for shown in SHOWN}
