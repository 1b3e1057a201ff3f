"""The verifier without a pin: exemptions, hashes the user gave, or nothing."""

from __future__ import annotations

import pytest

from pip_verify.verdict import Decision
from pip_verify.verifier import Exempt, Rules
from tests.looks import ALICE, DIGEST, NOW, WHEEL, found, ids, judge, release, undigested

OTHER = "0" * 64
HASH_PINNED = Rules(unsigned_hash_pinned=True, user_sha256=frozenset({DIGEST, OTHER}))


def exempt(*hashes: str, until: float | None = None) -> Rules:
    return Rules(exempt=Exempt("unsigned upstream", hashes, until))


def test_a_project_without_a_pin_is_refused_with_a_line_to_paste() -> None:
    verdict = judge([], rules=Rules())
    assert (verdict.decision, ids(verdict), verdict.exit_code) == (Decision.REJECT, ["PV101"], 10)
    assert "demo --key-list=" in verdict.reasons[0].hint
    assert "--hash" not in verdict.reasons[0].hint


def test_a_signature_that_no_pin_asks_for_is_worth_nothing() -> None:
    assert ids(judge([found(release(ALICE))], rules=Rules())) == ["PV101"]


@pytest.mark.parametrize("rules", [exempt(), exempt(DIGEST), exempt(OTHER, DIGEST), exempt(until=NOW + 0.1)])
def test_an_exemption_accepts_under_its_own_name(rules: Rules) -> None:
    verdict = judge([], rules=rules)
    assert (verdict.accepted, ids(verdict), verdict.by) == (True, ["PV002"], "exemption")
    assert verdict.reasons[0].got == "unsigned upstream"
    assert (verdict.keys, verdict.place) == ((), None)


def test_an_exemption_for_other_bytes_does_not() -> None:
    verdict = judge([], rules=exempt(OTHER))
    assert (verdict.decision, ids(verdict), verdict.exit_code) == (Decision.REJECT, ["PV309"], 12)
    assert (verdict.reasons[0].expected, verdict.reasons[0].got) == (f"sha256:{OTHER}", f"sha256:{DIGEST}")


@pytest.mark.parametrize("rules", [exempt(until=NOW), exempt(DIGEST, until=NOW - 1)])
def test_an_exemption_ends(rules: Rules) -> None:
    verdict = judge([], rules=rules)
    assert (verdict.decision, ids(verdict), verdict.exit_code) == (Decision.REJECT, ["PV107"], 10)
    assert verdict.reasons[0].got.startswith("ended 2027-01-15")


def test_a_hash_the_user_gave_accepts_where_policy_says_so() -> None:
    verdict = judge([], rules=HASH_PINNED)
    assert (verdict.accepted, ids(verdict), verdict.by) == (True, ["PV003"], "hash")


def test_a_hash_is_not_enough_where_policy_does_not_say_so() -> None:
    assert ids(judge([], rules=Rules(user_sha256=frozenset({DIGEST})))) == ["PV101"]


def test_a_policy_of_hashes_accepts_nothing_without_a_hash() -> None:
    verdict = judge([], rules=Rules(unsigned_hash_pinned=True))
    assert ids(verdict) == ["PV101"]
    assert verdict.reasons[0].hint.endswith("or give its --hash")


def test_other_bytes_than_the_hash_are_refused() -> None:
    verdict = judge([], rules=Rules(unsigned_hash_pinned=True, user_sha256=frozenset({OTHER})))
    assert (verdict.decision, ids(verdict)) == (Decision.REJECT, ["PV309"])


@pytest.mark.parametrize("rules", [exempt(), exempt(DIGEST), HASH_PINNED])
def test_nothing_is_accepted_before_its_digest_is_known(rules: Rules) -> None:
    verdict = judge([], artifact=undigested(), rules=rules)
    assert (verdict.decision, ids(verdict), verdict.exit_code) == (Decision.UNDECIDED, ["PV503"], 14)


def test_the_verdict_is_about_the_artifact_given() -> None:
    assert judge([], rules=Rules()).artifact == WHEEL
