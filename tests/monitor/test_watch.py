"""A fault of ours: it must not keep other projects from being watched, nor pass for quiet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pip_verify.errors import UsageError
from pip_verify.monitor.pace import Pacer
from pip_verify.monitor.served import ServedFiles
from pip_verify.monitor.state import create, opened
from pip_verify.monitor.watch import Watch, watch_all
from pip_verify.sources.index import Index, IndexFile, Page
from pip_verify.sources.simple import Caps


class Faulty(ServedFiles):
    """Has one file of each project; raises ``fault`` for one of them."""

    def __init__(self, fault: Exception) -> None:
        super().__init__(Index(["--no-index"]), Pacer(1000))
        self._fault = fault

    def pages(self, project: str, before: Mapping[str, Page], *, expected: bool, caps: Caps) -> tuple[Page, ...]:
        del before, expected, caps
        if project == "two":
            raise self._fault
        file = IndexFile(project, "1.0", f"{project}-1.0.tar.gz", "", "0" * 64)
        return (Page(f"https://index.example/{project}/", there=True, files=(file,)),)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    create(tmp_path / "state")
    return tmp_path / "state"


def test_a_fault_of_ours_is_undecided_for_that_project_alone(state: Path) -> None:
    with opened(state) as store:
        watch = Watch(Faulty(OverflowError("too large")), None)
        run = watch_all(watch, store, ["one", "two", "three"], key="", window=0.0, clock=lambda: 1.0)
    found = {verdict.artifact.project: verdict for verdict in run.verdicts}
    assert (run.exit_code, sorted(found)) == (14, ["one", "three", "two"])
    reason = found["two"].reasons[0]
    assert (reason.id, reason.got) == ("PV502", "a fault in pip-verify itself: OverflowError: too large")
    assert found["one"].accepted
    assert found["three"].accepted


def test_what_the_caller_did_wrong_ends_the_run(state: Path) -> None:
    with opened(state) as store, pytest.raises(UsageError):
        watch_all(Watch(Faulty(UsageError("x", hint="y")), None), store, ["two"], key="", window=0.0, clock=lambda: 1.0)
