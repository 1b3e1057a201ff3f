"""One world for each test: servers and environments cost milliseconds, shared ones cost trust in the result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.index import Index
from tests.e2e.world import Publisher, World
from tests.https_world import HttpsWorld


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Index() as index, HttpsWorld() as site:
        yield World(tmp_path, index, Publisher(site))
