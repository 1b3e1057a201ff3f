"""The sources' tests: a real HTTPS server, a clock that the test sets, and no settings of the machine they run on."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from pip_verify.sources.https import Fetcher
from tests.https_world import HttpsWorld, is_network_setting


class Clock:
    """Seconds since the epoch, as the test wants them."""

    def __init__(self) -> None:
        self.now = 1_900_000_000.25

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in filter(is_network_setting, list(os.environ)):
        monkeypatch.delenv(name)


@pytest.fixture
def world() -> Iterator[HttpsWorld]:
    with HttpsWorld() as world:
        yield world


@pytest.fixture
def fetcher(world: HttpsWorld) -> Fetcher:
    return Fetcher(ca_bundle=str(world.ca_file))


@pytest.fixture
def clock() -> Clock:
    return Clock()
