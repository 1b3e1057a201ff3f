"""The verifier over several places and pins: the first proof counts, the most telling failure is told first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pip_verify.artifact.name import Artifact
from pip_verify.errors import EvidenceError, SourceError
from pip_verify.evidence import Look, Place
from pip_verify.verdict import Decision
from pip_verify.verifier import Exempt, Rules, kids_of, verify
from tests import signer
from tests.looks import (
    ALICE,
    BOB,
    DIGEST,
    EVE,
    FILES,
    LISTED,
    NOW,
    REVOKED,
    URL,
    WHEEL,
    forged,
    found,
    ids,
    judge,
    key,
    listed,
    not_reached,
    nothing,
    pin,
    refused,
    release,
    undigested,
)

# Several places, several pins


def test_the_first_place_that_proves_is_reported() -> None:
    places: list[Look] = [
        found(release(EVE), "a"),
        nothing("b"),
        found(release(ALICE), "c"),
        found(release(ALICE), "d"),
        not_reached(),
    ]
    verdict = judge(places, pin(ALICE))
    assert verdict.accepted
    assert verdict.place == Place("releases", "c")
    assert [look.outcome for look in verdict.looked] == ["PV201", "nothing", "proved", "not judged", "not reached"]


def test_nothing_anywhere_is_unsigned() -> None:
    for looks in ((), (nothing(),)):
        verdict = judge(looks, pin(ALICE))
        refused(verdict, "PV102")
        assert "pip-verify.toml" in verdict.reasons[0].hint


BAD, STRANGE = found(forged(ALICE), "bad"), found(release(EVE), "stranger")
OTHER = found(release(ALICE, version="2.0"), "other version")


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("looks", "codes"),
    [
        ([STRANGE, BAD], ["PV301", "PV201"]),
        ([STRANGE, OTHER], ["PV303", "PV201"]),
        ([STRANGE, nothing()], ["PV201"]),
        ([STRANGE, not_reached()], ["PV201", "PV502"]),
        ([BAD, not_reached(), nothing()], ["PV301", "PV502"]),
    ],
)
def test_the_most_telling_failure_comes_first(looks: list[Look], codes: list[str], order: int) -> None:
    refused(judge(looks[::order], pin(ALICE)), *codes)


def test_revoked_is_told_before_a_stranger_and_after_a_bad_signature() -> None:
    looks = [STRANGE, found(release(ALICE), "revoked"), found(forged(BOB), "bad")]
    verdict = judge(looks, LISTED, keys=listed(ALICE.jwk(**REVOKED), BOB))
    refused(verdict, "PV301", "PV401", "PV201")


def test_out_of_reach_is_never_unsigned() -> None:
    verdict = judge([nothing(), not_reached()], pin(ALICE))
    assert (verdict.decision, ids(verdict), verdict.exit_code) == (Decision.UNDECIDED, ["PV502"], 14)
    assert (verdict.reasons[0].subject, verdict.reasons[0].got) == ("https://down.example/1.0.jws", "a time-out")
    assert verdict.reasons[0].hint == "try again"


def test_every_pin_must_hold() -> None:
    both = judge([found(release(ALICE, BOB))], pin(ALICE, publisher="a"), pin(BOB, publisher="b"))
    assert (both.accepted, both.keys, both.publishers) == (True, (key(ALICE), key(BOB)), ("a", "b"))
    one = judge([found(release(ALICE))], pin(ALICE, publisher="a"), pin(BOB, publisher="b"))
    refused(one, "PV201")
    assert (one.keys, one.publishers) == ((key(ALICE),), ("a",))


def test_pins_may_be_proved_by_different_pieces() -> None:
    verdict = judge([found(release(BOB), "b"), found(release(ALICE), "a")], pin(ALICE), pin(BOB))
    assert verdict.accepted
    assert verdict.place == Place("releases", "a")
    assert [look.outcome for look in verdict.looked] == ["proved", "proved"]


def test_one_key_may_prove_two_pins_and_is_told_once() -> None:
    verdict = judge([found(release(ALICE))], pin(ALICE), LISTED, keys=listed(ALICE))
    assert (verdict.accepted, verdict.keys) == (True, (key(ALICE),))


def test_a_stranger_who_signed_twice_is_named_once() -> None:
    assert judge([found(release(EVE, EVE))], pin(ALICE)).reasons[0].got.count(EVE.thumbprint) == 1


def test_one_reason_of_two_pins_is_told_once() -> None:
    refused(judge([found(b"{}")], pin(ALICE), pin(BOB)), "PV304")


# Key lists that are not there


DOWN = SourceError(URL, expected="status 200", got="503")


def test_a_list_out_of_reach_leaves_it_undecided() -> None:
    for keys in ({URL: DOWN}, {}):
        for pinned in (LISTED, pin(ALICE, key_list=URL)):
            verdict = judge([found(release(ALICE))], pinned, keys=keys)
            assert (verdict.decision, ids(verdict)) == (Decision.UNDECIDED, ["PV501"])
            assert verdict.looked[0].outcome == "not judged"
    assert judge([nothing()], LISTED, keys={URL: DOWN}).reasons[0].subject == URL


def test_a_refused_list_is_refused() -> None:
    verdict = judge([found(release(ALICE))], LISTED, keys={URL: EvidenceError("keys[0]", expected="public keys only")})
    refused(verdict, "PV310")
    assert verdict.reasons[0].subject == f"{URL}: keys[0]"


def test_one_list_out_of_reach_does_not_hide_what_another_pin_found() -> None:
    refused(judge([found(forged(BOB))], LISTED, pin(BOB), keys={URL: DOWN}), "PV301", "PV501")


# The digest is not known yet


def test_without_a_digest_nothing_is_accepted_but_the_bytes_are_asked_for() -> None:
    verdict = judge([found(release(ALICE))], pin(ALICE), artifact=undigested())
    assert (verdict.decision, ids(verdict), verdict.by) == (Decision.UNDECIDED, ["PV503"], "")


def test_without_a_digest_a_failure_is_still_a_failure() -> None:
    refused(judge([found(release(EVE))], pin(ALICE), artifact=undigested()), "PV201")
    refused(judge([found(release(ALICE, version="2"))], pin(ALICE), artifact=undigested()), "PV303")


def test_an_upper_case_digest_is_another_digest() -> None:
    refused(judge([found(release(ALICE))], pin(ALICE), artifact=replace(WHEEL, sha256=DIGEST.upper())), "PV302")


# For the caller


def test_the_names_of_a_pieces_keys_are_told_without_believing_it() -> None:
    payload = signer.to_json(signer.statement(FILES, "pkg:pypi/demo@9"))
    signatures = [signer.signature(EVE, payload, kid=name) for name in ("b", "a", "b")]
    assert kids_of(found(signer.jws(payload, signatures)).evidence) == ("b", "a")
    assert kids_of(found(b"{").evidence) == ()


def test_an_exemption_or_a_hash_does_not_outweigh_a_pin() -> None:
    rules = Rules(Exempt("unsigned upstream", (DIGEST,)), unsigned_hash_pinned=True, user_sha256=frozenset({DIGEST}))
    refused(judge([found(release(EVE))], pin(ALICE), rules=rules), "PV201")


def test_it_takes_its_arguments_as_documented() -> None:
    other = Artifact("other", "1.0", WHEEL.filename, "wheel", DIGEST)
    assert verify(WHEEL, [found(release(ALICE))], [pin(ALICE)], {}, Rules(), NOW).accepted
    refused(verify(other, [found(release(ALICE))], [pin(ALICE)], {}, Rules(), NOW), "PV303")
