"""Fixtures of tests in several directories."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def no_pip_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What pip of this process reads of the machine: nothing; and it tries nothing twice."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("HOME", str(tmp_path))
