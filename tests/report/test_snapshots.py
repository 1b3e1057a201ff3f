"""Each scenario as text and as JSON, side by side in ``snapshots/``, compared to the character.

``UPDATE_SNAPSHOTS=1 pytest tests/report/test_snapshots.py`` writes them anew; read the difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pip_verify import __version__
from pip_verify.report import FORMATS, render
from tests.report.scenarios import SCENARIOS

SNAPSHOTS = Path(__file__).parent / "snapshots"
SUFFIXES = {"text": ".txt", "json": ".json"}
UPDATE = os.environ.get("UPDATE_SNAPSHOTS") == "1"


def rendered(format_name: str, name: str) -> str:
    """The report without our own version, which changes with every release."""
    report = render(format_name, SCENARIOS[name])
    return report.replace(
        f'"name": "pip-verify",\n    "version": "{__version__}"', '"name": "pip-verify",\n    "version": "X"'
    )


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_looks_as_its_snapshot(name: str, format_name: str) -> None:
    path = SNAPSHOTS / (name + SUFFIXES[format_name])
    report = rendered(format_name, name)
    if UPDATE:
        path.write_bytes(report.encode("utf-8"))
    assert report == path.read_bytes().decode("utf-8")


def test_no_snapshot_is_left_over() -> None:
    expected = {name + suffix for name in SCENARIOS for suffix in SUFFIXES.values()}
    assert {path.name for path in SNAPSHOTS.iterdir()} == expected
