"""Fixtures of tests in several directories, and how property tests run."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from pip_verify.errors import UsageError

# A property holds or does not, however slow the machine is that day. What a CI's own profile says besides stays.
settings.register_profile("any-machine", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


@pytest.fixture(scope="session", autouse=True)
def every_usage_error_has_a_next_step() -> Iterator[None]:
    """Whatever a test makes this process refuse: what is computed, no reading of the code can see."""
    make = UsageError.__init__

    @functools.wraps(make)
    def checked(self: UsageError, subject: str, **parts: Any) -> None:
        make(self, subject, **parts)
        assert self.hint, f"no next step: {self}"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UsageError, "__init__", checked)
        yield


@pytest.fixture
def no_pip_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What pip of this process reads of the machine: nothing; and it tries nothing twice."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("HOME", str(tmp_path))
