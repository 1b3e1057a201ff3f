"""The session where refusals are only reported, and when it lets first uses be recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from pip_verify.artifact.name import parse_filename
from pip_verify.errors import UsageError
from pip_verify.inspection import Link
from pip_verify.judge import Case
from pip_verify.policy import EMPTY_POLICY, Mode
from pip_verify.session import Session
from pip_verify.sources.firstuse import FirstUse
from pip_verify.verdict import Decision, Reason, Verdict
from tests import makers
from tests.signer import sha256

WHEEL, SDIST = makers.wheel_filename("demo", "1.0"), makers.sdist_filename("demo", "1.0")


class Judge:
    """Stands where the judge stands: always the same answer."""

    def __init__(self, code: str) -> None:
        self.code = code

    def judge(self, case: Case) -> Verdict:
        reason = Reason(self.code, case.artifact.filename)
        decision = {0: Decision.ACCEPT, 14: Decision.UNDECIDED}.get(reason.exit_code, Decision.REJECT)
        return Verdict(case.artifact, decision, (reason,), by="signature" if reason.exit_code == 0 else "")


class Recorder(FirstUse):
    """Counts how often it is asked to record; ``answer`` is what it says or raises."""

    answer: list[Verdict] | UsageError

    def __init__(self) -> None:
        super().__init__()
        self.commits = 0
        self.answer = []

    def commit(self) -> list[Verdict]:
        self.commits += 1
        if isinstance(self.answer, UsageError):
            raise self.answer
        return self.answer


def session(code: str, mode: Mode = "enforce", first_use: FirstUse | None = None) -> Session:
    return Session(EMPTY_POLICY, Judge(code), environ={}, first_use=first_use, mode=mode)  # type: ignore[arg-type]


def come(run: Session, directory: Path, name: str = WHEEL, project: str | None = "demo") -> tuple[list[str], bytes]:
    """A file comes; returns what is said to pip, and its bytes."""
    data = makers.make_wheel("demo", "1.0") if name == WHEEL else makers.make_sdist("demo", "1.0")
    path = directory / name
    path.write_bytes(data)
    link = Link("https://index.example/" + name, name, project=project)
    return run.judge_links([link]) + run.judge_file(link, path, beside=None), data


def ask(run: Session, use: str, data: bytes, *, outer: bool = True) -> list[str]:
    return run.judge_receipt(use, sha256(data), WHEEL, project="demo" if use == "install" else None, outer=outer)


def end(run: Session, command: str = "install", pip_exit_code: int | None = 0) -> tuple[int, str, list[str]]:
    result = run.result(command, errors=(), warnings=(), pip_exit_code=pip_exit_code, seconds=0.0)
    return result.exit_code, result.mode, [verdict.reasons[0].id for verdict in result.verdicts]


# Mode "report".


@pytest.mark.parametrize("code", ["PV101", "PV201", "PV301", "PV401", "PV501"])
def test_a_refused_wheel_has_a_receipt_that_says_so(tmp_path: Path, code: str) -> None:
    run = session(code, "report")
    said, data = come(run, tmp_path)
    assert said == []
    assert ask(run, "install", data) == []
    assert not run.receipt_of(sha256(data))[0].accepted
    assert end(run) == (0, "report", [code])


@pytest.mark.parametrize("code", ["PV101", "PV201", "PV301", "PV401", "PV501"])
def test_where_refusals_count_it_has_none(tmp_path: Path, code: str) -> None:
    run = session(code)
    said, data = come(run, tmp_path)
    assert said
    assert ask(run, "install", data)
    assert end(run)[0] != 0


def test_a_file_is_told_once_though_its_digest_is_known_later(tmp_path: Path) -> None:
    run = session("PV101", "report")
    said, data = come(run, tmp_path, SDIST, project=None)
    assert said == []
    assert ask(run, "unpack", data) == []
    assert end(run) == (0, "report", ["PV106"])


def test_a_wheel_that_is_built_from_what_was_refused_is_no_better(tmp_path: Path) -> None:
    run = session("PV102", "report")
    _, sdist = come(run, tmp_path, SDIST)
    path = tmp_path / WHEEL
    path.write_bytes(makers.make_wheel("demo", "1.0"))
    assert run.judge_built(path, "demo", {"kind": "archive", "sha256": sha256(sdist)}) == []
    assert ask(run, "install", path.read_bytes()) == []
    verdict, source, _ = run.receipt_of(sha256(path.read_bytes()))
    assert (verdict.accepted, source and source.artifact.filename) == (False, SDIST)
    assert end(run) == (0, "report", ["PV102", "PV102"])


def test_a_wheel_of_nobody_knows_what_is_refused_in_either_mode(tmp_path: Path) -> None:
    run = session("PV001", "report")
    path = tmp_path / WHEEL
    path.write_bytes(makers.make_wheel("demo", "1.0"))
    assert "PV308" in run.judge_built(path, "demo", {"kind": "archive", "sha256": "0" * 64})[0]
    assert end(run)[0] == 12


@pytest.mark.parametrize("code", ["PV001", "PV101"])
def test_bytes_that_nobody_judged_are_refused_in_either_mode(tmp_path: Path, code: str) -> None:
    run = session(code, "report")
    _, data = come(run, tmp_path)
    assert "PV308" in ask(run, "install", data + b"x")[0]
    assert ask(run, "install", data), "nothing more is installed after that"
    assert end(run)[0] == 12


def test_a_directory_that_policy_denies_goes_on() -> None:
    run = session("PV001", "report")
    assert run.judge_source("directory", "/own", {"user_supplied": False}) == []
    assert end(run) == (0, "report", ["PV105"])


@pytest.mark.parametrize("pip_exit_code", [0, 1, 23])
def test_pips_own_exit_code_is_the_runs(tmp_path: Path, pip_exit_code: int) -> None:
    run = session("PV301", "report")
    come(run, tmp_path)
    assert end(run, pip_exit_code=pip_exit_code)[0] == pip_exit_code


def test_errors_count_in_either_mode() -> None:
    run = session("PV001", "report")
    result = run.result("install", errors=[UsageError("x", hint="y")], warnings=(), pip_exit_code=1, seconds=0.0)
    assert result.exit_code == 2


# When first uses are recorded.


def test_before_the_first_file_is_taken_by_the_pip_that_the_user_started(tmp_path: Path) -> None:
    recorder = Recorder()
    run = session("PV001", first_use=recorder)
    _, data = come(run, tmp_path)
    for use in ("read", "unpack"):
        assert ask(run, use, data) == []
    assert ask(run, "install", data, outer=False) == []
    assert recorder.commits == 0
    assert ask(run, "install", data) == []
    assert recorder.commits == 1


@pytest.mark.parametrize("use", ["install", "save"])
def test_what_cannot_be_recorded_stops_it(tmp_path: Path, use: str) -> None:
    recorder = Recorder()
    run = session("PV001", first_use=recorder)
    _, data = come(run, tmp_path)
    recorder.answer = [Verdict(parse_filename(WHEEL, sha256=sha256(data)), Decision.REJECT, (Reason("PV204", WHEEL),))]
    assert "PV204" in ask(run, use, data)[0]
    assert end(run)[0] == 11


@pytest.mark.parametrize(
    ("command", "pip_exit_code", "commits"),
    [("verify", None, 1), ("lock", 0, 1), ("wheel", 0, 1), ("lock", 1, 0), ("install", 0, 0)],
)
def test_at_the_end_of_a_run_that_took_no_file(
    tmp_path: Path, command: str, pip_exit_code: int | None, commits: int
) -> None:
    recorder = Recorder()
    run = session("PV001", first_use=recorder)
    come(run, tmp_path)
    end(run, command, pip_exit_code)
    assert recorder.commits == commits


@pytest.mark.parametrize("mode", ["enforce", "report"])
def test_never_when_anything_was_refused(tmp_path: Path, mode: Mode) -> None:
    recorder = Recorder()
    run = session("PV101", mode, recorder)
    _, data = come(run, tmp_path)
    ask(run, "install", data)
    end(run, "verify", None)
    assert recorder.commits == 0


def test_what_fails_at_the_end_is_in_the_report(tmp_path: Path) -> None:
    recorder = Recorder()
    recorder.answer = UsageError("pip-verify.lock", hint="take it again")
    run = session("PV001", first_use=recorder)
    come(run, tmp_path)
    result = run.result("verify", errors=(), warnings=(), pip_exit_code=None, seconds=0.0)
    assert (result.exit_code, result.errors) == (2, (recorder.answer,))
