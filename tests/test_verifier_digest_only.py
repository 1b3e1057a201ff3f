"""Files known by their digest alone, as requirement files and Pipfile.lock state them."""

from __future__ import annotations

from dataclasses import replace

from pip_verify.artifact.name import Artifact
from pip_verify.verdict import Decision
from tests.looks import ALICE, DIGEST, EVE, RECORD, SDIST, WHEEL, found, in_wheel, judge, pin, release
from tests.signer import sign_in_wheel

UNNAMED = Artifact("demo", "1.0", "demo 1.0 sha256:...", "file", DIGEST)


def test_a_digest_among_the_signed_ones_is_accepted_under_the_signed_name() -> None:
    verdict = judge([found(release(ALICE))], pin(ALICE), artifact=UNNAMED)
    assert verdict.accepted
    assert verdict.artifact.filename == WHEEL.filename
    assert verdict.evidence == "release-statement"


def test_each_file_of_the_release_is_found_by_its_own_digest() -> None:
    verdict = judge([found(release(ALICE))], pin(ALICE), artifact=replace(UNNAMED, sha256=SDIST.sha256))
    assert verdict.artifact.filename == SDIST.filename


def test_another_digest_is_bad_and_not_merely_unsigned() -> None:
    verdict = judge([found(release(ALICE))], pin(ALICE), artifact=replace(UNNAMED, sha256="0" * 64))
    assert (verdict.decision, verdict.reasons[0].id) == (Decision.REJECT, "PV302")
    assert "2 digests signed for demo 1.0" in verdict.reasons[0].expected
    assert "a file that is not signed, or other bytes" in verdict.reasons[0].got


def test_a_statement_for_another_release_does_not_speak_for_the_digest() -> None:
    for statement in (release(ALICE, project="other"), release(ALICE, version="2.0")):
        assert judge([found(statement)], pin(ALICE), artifact=UNNAMED).reasons[0].id == "PV303"


def test_a_strangers_statement_gives_it_no_name() -> None:
    verdict = judge([found(release(EVE))], pin(ALICE), artifact=UNNAMED)
    assert verdict.reasons[0].id == "PV201"
    assert verdict.artifact == UNNAMED
    assert verdict.evidence == ""


def test_without_a_digest_nothing_is_decided() -> None:
    verdict = judge([found(release(ALICE))], pin(ALICE), artifact=replace(UNNAMED, sha256=None))
    assert (verdict.decision, verdict.reasons[0].id) == (Decision.UNDECIDED, "PV503")


def test_evidence_from_inside_a_wheel_still_speaks_for_record_alone() -> None:
    good = sign_in_wheel([ALICE], RECORD, "demo", "1.0")
    assert judge([in_wheel(good, record=b"another")], pin(ALICE), artifact=UNNAMED).reasons[0].id == "PV302"
