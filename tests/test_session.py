"""The session's receipts: what they are good for while a wheel is still being read, and after a refusal."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pip_verify.errors import EvidenceError, UsageError
from pip_verify.inspection import Link
from pip_verify.judge import Case
from pip_verify.pins import InlinePin
from pip_verify.policy import EMPTY_POLICY, Policy
from pip_verify.session import Session
from pip_verify.verdict import Decision, Reason, Verdict
from tests import makers
from tests.signer import sha256

WHEEL = makers.wheel_filename("demo", "1.0")


class Trusting:
    """Stands where the judge stands: every digest is proved."""

    def judge(self, case: Case) -> Verdict:
        return Verdict(case.artifact, Decision.ACCEPT, (Reason("PV001", case.artifact.filename),), by="signature")


@pytest.fixture
def session() -> Session:
    return Session(EMPTY_POLICY, Trusting(), environ={})  # type: ignore[arg-type]


def offered(session: Session, path: Path, data: bytes) -> Link:
    """A wheel whose digest was accepted before its bytes came."""
    path.write_bytes(data)
    link = Link("https://index.example/" + path.name, path.name, sha256=sha256(data), project="demo")
    assert session.judge_links([link]) == []
    return link


def hold_the_readers(session: Session) -> threading.Event:
    """Keep every reader busy until the event is set."""
    go = threading.Event()
    for _ in range(2):
        session._readers.submit(go.wait)
    return go


def ask(session: Session, use: str, data: bytes, project: str = "demo") -> list[str]:
    return session.judge_receipt(use, sha256(data), WHEEL, project=project)


def test_a_proved_wheel_may_be_read_but_not_installed_before_its_structure_is_known(
    session: Session, tmp_path: Path
) -> None:
    data = makers.make_wheel("demo", "1.0")
    link, go = offered(session, tmp_path / WHEEL, data), hold_the_readers(session)
    assert session.judge_file(link, tmp_path / WHEEL, beside=None) == []
    assert ask(session, "read", data) == []
    answers: list[list[str]] = []
    installing = threading.Thread(target=lambda: answers.append(ask(session, "install", data)))
    installing.start()
    installing.join(0.1)
    assert installing.is_alive()
    go.set()
    installing.join(10)
    assert answers == [[]]


def test_settling_waits_for_the_reader_and_says_what_it_found(session: Session, tmp_path: Path) -> None:
    data = makers.make_wheel("demo", "1.0") + b"hidden"
    link, go = offered(session, tmp_path / WHEEL, data), hold_the_readers(session)
    assert session.judge_file(link, tmp_path / WHEEL, beside=None) == []
    threading.Timer(0.1, go.set).start()
    (refusal,) = session.settle()
    assert "PV305" in refusal
    assert "PV305" in ask(session, "install", data)[0]
    run = session.result("install", errors=(), warnings=(), pip_exit_code=0, seconds=0.0)
    assert run.exit_code == 12
    assert [verdict.decision for verdict in run.verdicts] == [Decision.REJECT]


def test_the_result_waits_for_the_reader_too(session: Session, tmp_path: Path) -> None:
    data = makers.make_wheel("demo", "1.0") + b"hidden"
    link, go = offered(session, tmp_path / WHEEL, data), hold_the_readers(session)
    session.judge_file(link, tmp_path / WHEEL, beside=None)
    threading.Timer(0.1, go.set).start()
    assert session.result("lock", errors=(), warnings=(), pip_exit_code=0, seconds=0.0).exit_code == 12


def test_after_a_refusal_no_receipt_is_good_any_more(session: Session, tmp_path: Path) -> None:
    data = makers.make_wheel("demo", "1.0")
    link = offered(session, tmp_path / WHEEL, data)
    session.judge_file(link, tmp_path / WHEEL, beside=None)
    assert ask(session, "install", data) == []
    assert ask(session, "install", b"other bytes")
    assert "something else of this run was refused" in ask(session, "install", data)[0]


def test_a_receipt_is_for_its_own_project(session: Session, tmp_path: Path) -> None:
    data = makers.make_wheel("demo", "1.0")
    link = offered(session, tmp_path / WHEEL, data)
    session.judge_file(link, tmp_path / WHEEL, beside=None)
    assert "PV308" in ask(session, "install", data, project="other")[0]


def test_a_source_archives_receipt_does_not_install(session: Session, tmp_path: Path) -> None:
    data = makers.make_sdist("demo", "1.0")
    path = tmp_path / makers.sdist_filename("demo", "1.0")
    link = offered(session, path, data)
    assert session.judge_file(link, path, beside=None) == []
    assert ask(session, "unpack", data) == []
    assert "PV308" in ask(session, "install", data)[0]


def test_other_bytes_than_the_proved_ones_are_refused_and_named_once(session: Session, tmp_path: Path) -> None:
    link = offered(session, tmp_path / WHEEL, makers.make_wheel("demo", "1.0"))
    (tmp_path / WHEEL).write_bytes(makers.make_wheel("demo", "1.0", files={"demo/evil.py": b"x"}))
    (refusal,) = session.judge_file(link, tmp_path / WHEEL, beside=None)
    assert "PV302" in refusal
    run = session.result("install", errors=(), warnings=(), pip_exit_code=1, seconds=0.0)
    assert [(verdict.accepted, verdict.reasons[0].id) for verdict in run.verdicts] == [(False, "PV302")]


@pytest.mark.parametrize(("pip_exit_code", "expected"), [(0, 14), (1, 1)])
def test_what_was_not_decided_counts_unless_pip_failed_by_itself(pip_exit_code: int, expected: int) -> None:
    class Undecided:
        def judge(self, case: Case) -> Verdict:
            return Verdict(case.artifact, Decision.UNDECIDED, (Reason("PV503", case.artifact.filename),))

    session = Session(EMPTY_POLICY, Undecided(), environ={})  # type: ignore[arg-type]
    assert session.judge_links([Link("https://index.example/" + WHEEL, WHEEL, project="demo")]) == []
    run = session.result("install", errors=(), warnings=(), pip_exit_code=pip_exit_code, seconds=0.0)
    assert run.exit_code == expected


def test_a_pin_on_the_command_line_that_nothing_takes_is_an_error() -> None:
    session = Session(EMPTY_POLICY, Trusting(), command_line_pin=InlinePin(), environ={})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="pin options on the command line"):
        session.name_on_command_line([(None, "directory")])
    session.name_on_command_line([(None, WHEEL)])


def test_a_checkout_is_held_to_the_commit_that_was_judged_and_to_no_other_source() -> None:
    run = Session(Policy(vcs="commit"), Trusting(), environ={})  # type: ignore[arg-type]
    location = f"git+https://vcs.example/demo@{'a' * 40}"
    with pytest.raises(EvidenceError, match="a source that was judged before"):
        run.judge_checkout(location, "a" * 40)
    assert run.judge_source("vcs", location, {"project": "demo"}) == []
    assert run.judge_checkout(location, "a" * 40) == []
    (refusal,) = run.judge_checkout(location, "b" * 40)
    assert "PV104" in refusal
