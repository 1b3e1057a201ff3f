"""One world for each test: servers and environments cost milliseconds, shared ones cost trust in the result."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pip_verify
from tests.e2e.index import Index
from tests.e2e.world import Publisher, World
from tests.https_world import HttpsWorld


@pytest.fixture(scope="session", autouse=True)
def _the_command_under_test_is_this_checkouts() -> None:
    """The tested command runs where no PYTHONPATH reaches it: if another copy is installed, that would be tested."""
    ask = [sys.executable, "-c", "import pip_verify; print(pip_verify.__file__)"]
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(ask, cwd=os.path.sep, env=environ, capture_output=True, text=True, check=True)
    found = Path(done.stdout.strip()).resolve()
    assert found == Path(pip_verify.__file__).resolve(), f"{sys.executable} has {found} installed"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Index() as index, HttpsWorld() as site:
        yield World(tmp_path, index, Publisher(site))
