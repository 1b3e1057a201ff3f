"""The verifier with pins: who may sign, how many, for what, and which failure is told first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pip_verify import verifier
from pip_verify.evidence import Claim, Evidence, Found, Place, Subject
from pip_verify.evidence.formats import FORMATS
from pip_verify.pins import Origin, Pin
from pip_verify.verdict import Decision
from pip_verify.verifier import Rules
from tests import signer
from tests.looks import (
    ALICE,
    BOB,
    BYTES,
    CAROL,
    DIGEST,
    EVE,
    FILES,
    LISTED,
    NOW,
    RECORD,
    REVOKED,
    SDIST,
    URL,
    WHEEL,
    forged,
    found,
    ids,
    in_wheel,
    judge,
    key,
    listed,
    pin,
    refused,
    release,
    undigested,
)

FLIPPED = replace(WHEEL, sha256=signer.sha256(BYTES + b"\0"))


# What is accepted


def test_a_pinned_key_that_signed_the_file_is_enough() -> None:
    verdict = judge([found(release(ALICE))], pin(ALICE))
    assert verdict.accepted
    assert (ids(verdict), verdict.keys, verdict.by) == (["PV001"], (key(ALICE),), "signature")
    assert verdict.place == Place("releases", "https://keys.example/demo/1.0.jws")
    assert verdict.origins == (Origin("trust.toml", 3),)
    assert [look.outcome for look in verdict.looked] == ["proved"]
    assert verdict.reasons[0].got == f"signed by {ALICE.text}"


def test_each_file_of_the_release_is_accepted() -> None:
    assert judge([found(release(ALICE))], pin(ALICE), artifact=SDIST).accepted


def test_any_of_the_pinned_keys_is_enough() -> None:
    assert judge([found(release(BOB))], pin(ALICE, BOB)).keys == (key(BOB),)


def test_any_key_of_the_current_list_is_enough() -> None:
    assert judge([found(release(BOB))], LISTED, keys=listed(ALICE, BOB)).keys == (key(BOB),)


def test_a_key_may_be_named_by_the_lists_label() -> None:
    payload = signer.to_json(signer.statement(FILES, "pkg:pypi/demo@1.0"))
    data = signer.jws(payload, [signer.signature(ALICE, payload, kid="2026-a")])
    assert judge([found(data)], LISTED, keys=listed(ALICE.jwk(kid="2026-a"))).accepted
    refused(judge([found(data)], LISTED, keys=listed(ALICE)), "PV201")


def test_a_key_both_pinned_and_listed_is_enough() -> None:
    assert judge([found(release(ALICE))], pin(ALICE, key_list=URL), keys=listed(ALICE, BOB)).accepted


def test_a_publisher_is_named() -> None:
    verdict = judge([found(release(ALICE))], pin(ALICE, publisher="pallets"))
    assert (verdict.publishers, verdict.reasons[0].got) == (("pallets",), f"signed by {ALICE.text} (pallets)")


@pytest.mark.parametrize(
    ("project", "version"), [("Demo", "1.0"), ("demo", "1"), ("demo", "1.0.0"), ("demo", "v1.0"), ("DEMO", "1.00")]
)
def test_other_spellings_of_one_name_and_version_are_the_same(project: str, version: str) -> None:
    assert judge([found(release(ALICE, project=project, version=version))], pin(ALICE)).accepted


def test_a_strangers_signature_beside_a_good_one_does_no_harm() -> None:
    assert judge([found(release(EVE, ALICE))], pin(ALICE)).keys == (key(ALICE),)


def test_garbage_beside_a_good_signature_does_no_harm() -> None:
    payload = signer.to_json(signer.statement(FILES, "pkg:pypi/demo@1.0"))
    garbage = signer.signature(EVE, payload, kid=BOB.thumbprint)
    data = signer.jws(payload, [garbage, signer.signature(ALICE, payload)])
    assert judge([found(data)], pin(ALICE, BOB)).keys == (key(ALICE),)
    refused(judge([found(data)], pin(ALICE, BOB, threshold=2)), "PV301", "PV202")


# k of n


def test_a_threshold_is_met_by_distinct_keys() -> None:
    assert judge([found(release(ALICE, CAROL))], pin(ALICE, BOB, CAROL, threshold=2)).keys == (key(ALICE), key(CAROL))


def test_one_key_that_signs_twice_is_one_key() -> None:
    verdict = judge([found(release(ALICE, ALICE))], pin(ALICE, BOB, threshold=2))
    refused(verdict, "PV202")
    assert verdict.reasons[0].expected.startswith(f"2 distinct keys among {ALICE.text}, {BOB.text} (trust.toml:3)")
    assert verdict.reasons[0].got == f"1: {ALICE.text}"


def test_one_key_under_thumbprint_and_label_is_one_key() -> None:
    payload = signer.to_json(signer.statement(FILES, "pkg:pypi/demo@1.0"))
    data = signer.jws(payload, [signer.signature(ALICE, payload), signer.signature(ALICE, payload, kid="a")])
    verdict = judge([found(data)], replace(LISTED, threshold=2), keys=listed(ALICE.jwk(kid="a"), BOB))
    refused(verdict, "PV202")
    assert verdict.keys == ()


def test_two_statements_of_one_key_each_do_not_add_up() -> None:
    two = [found(release(ALICE), "https://keys.example/a"), found(release(BOB), "https://keys.example/b")]
    refused(judge(two, pin(ALICE, BOB, threshold=2)), "PV202", "PV202")


@pytest.mark.parametrize("threshold", [0, -1])
def test_no_threshold_makes_an_unsigned_statement_enough(threshold: int) -> None:
    refused(judge([found(release(EVE))], pin(ALICE, threshold=threshold)), "PV201")


# Who may not sign


def test_a_stranger_is_no_publisher() -> None:
    verdict = judge([found(release(EVE))], pin(ALICE))
    refused(verdict, "PV201")
    (reason,) = verdict.reasons
    assert reason.subject == "https://keys.example/demo/1.0.jws"
    assert reason.expected == f"a key among {ALICE.text} (trust.toml:3)"
    assert reason.got == f"signed by another key, which calls itself {EVE.thumbprint}"
    assert "before you change the pin" in reason.hint
    assert verdict.looked[0].outcome == "PV201"


def test_a_key_removed_from_the_list_signs_nothing() -> None:
    assert judge([found(release(ALICE))], LISTED, keys=listed(ALICE)).accepted
    refused(judge([found(release(ALICE))], LISTED, keys=listed(BOB)), "PV201")


def test_an_empty_list_trusts_nobody() -> None:
    refused(judge([found(release(ALICE))], LISTED, keys=listed()), "PV201")


def test_a_pinned_key_must_still_be_on_the_list() -> None:
    verdict = judge([found(release(ALICE))], pin(ALICE, key_list=URL), keys=listed(BOB))
    refused(verdict, "PV203")
    assert verdict.reasons[0].got == f"signed by {ALICE.text}: pinned, but not on the current key list"


def test_a_listed_key_must_be_pinned_where_keys_are_pinned() -> None:
    verdict = judge([found(release(BOB))], pin(ALICE, key_list=URL), keys=listed(ALICE, BOB))
    refused(verdict, "PV201")
    assert verdict.reasons[0].got == f"signed by {BOB.text}: on the key list, but not pinned"


def test_a_name_alone_does_not_make_a_pinned_key_a_signer() -> None:
    refused(judge([found(forged(ALICE))], pin(ALICE, key_list=URL), keys=listed(BOB)), "PV201")


@pytest.mark.parametrize(
    ("members", "code", "why"),
    [
        (REVOKED, "PV401", "(laptop lost)"),
        ({"revoked": {"revoked_at": NOW + 5}}, "PV401", "revoked at"),
        (REVOKED | {"exp": NOW - 1}, "PV401", "revoked at"),
        ({"nbf": NOW + 1}, "PV402", "not valid before"),
        ({"exp": NOW}, "PV402", "expired at"),
    ],
)
def test_a_listed_key_signs_only_while_it_may(members: dict[str, Any], code: str, why: str) -> None:
    for pinned in (LISTED, pin(ALICE, key_list=URL)):
        verdict = judge([found(release(ALICE))], pinned, keys=listed(ALICE.jwk(**members)))
        refused(verdict, code)
        assert why in verdict.reasons[0].got


def test_a_window_that_is_open_is_no_obstacle() -> None:
    entry = ALICE.jwk(iat=NOW - 9, nbf=NOW, exp=NOW + 1)
    assert judge([found(release(ALICE))], LISTED, keys=listed(entry)).accepted


def test_a_revoked_key_beside_enough_others_does_no_harm() -> None:
    assert judge([found(release(BOB, ALICE))], LISTED, keys=listed(ALICE.jwk(**REVOKED), BOB)).keys == (key(BOB),)


def test_a_revoked_key_does_not_count_towards_the_threshold() -> None:
    verdict = judge([found(release(BOB, ALICE))], replace(LISTED, threshold=2), keys=listed(ALICE.jwk(**REVOKED), BOB))
    refused(verdict, "PV401", "PV202")


@pytest.mark.parametrize("signers", [(ALICE, BOB), (BOB, ALICE)])
def test_a_revoked_key_is_told_before_one_that_has_ended(signers: tuple[signer.Signer, ...]) -> None:
    keys = listed(ALICE.jwk(**REVOKED), BOB.jwk(exp=NOW))
    refused(judge([found(release(*signers))], LISTED, keys=keys), "PV401", "PV402")
    one_by_one = [found(release(one), f"by {one}") for one in signers]
    refused(judge(one_by_one, LISTED, keys=keys), "PV401", "PV402")


def test_a_revoked_keys_name_under_a_strangers_signature_is_a_stranger() -> None:
    refused(judge([found(forged(ALICE))], LISTED, keys=listed(ALICE.jwk(**REVOKED))), "PV201")


def test_a_revoked_key_that_signs_under_two_names_is_told_once() -> None:
    payload = signer.to_json(signer.statement(FILES, "pkg:pypi/demo@1.0"))
    data = signer.jws(payload, [signer.signature(ALICE, payload), signer.signature(ALICE, payload, kid="a")])
    refused(judge([found(data)], LISTED, keys=listed(ALICE.jwk(kid="a", **REVOKED))), "PV401")


def test_a_trusted_name_under_a_strangers_signature_is_a_bad_signature() -> None:
    verdict = judge([found(forged(ALICE, ALICE))], pin(ALICE))
    refused(verdict, "PV301")
    assert verdict.reasons[0].got == f"none by {ALICE.thumbprint}"


def test_a_pin_without_keys_and_list_is_held_by_nobody() -> None:
    refused(judge([found(release(ALICE))], Pin()), "PV201")


# What a good signature must be for


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"project": "demo2"}, "PV303"),
        ({"version": "1.0.1"}, "PV303"),
        ({"version": "1.0+local"}, "PV303"),
        ({"version": "1!1.0"}, "PV303"),
        ({"version": "1.0rc1"}, "PV303"),
        ({"files": {SDIST.filename: DIGEST}}, "PV303"),
        ({"files": {WHEEL.filename.upper(): DIGEST}}, "PV303"),
        ({"files": {WHEEL.filename + ".jws": DIGEST}}, "PV303"),
        ({"files": {WHEEL.filename: "0" * 64}}, "PV302"),
        ({"files": {WHEEL.filename: "5" * 64, SDIST.filename: DIGEST}}, "PV302"),
    ],
)
def test_a_good_signature_for_something_else_is_a_bad_signature(members: dict[str, Any], code: str) -> None:
    refused(judge([found(release(ALICE, **members))], pin(ALICE)), code)


def test_changed_bytes_are_refused_with_both_digests() -> None:
    verdict = judge([found(release(ALICE))], pin(ALICE), artifact=FLIPPED)
    refused(verdict, "PV302")
    assert (verdict.reasons[0].expected, verdict.reasons[0].got) == (f"sha256:{DIGEST}", f"sha256:{FLIPPED.sha256}")


def test_a_strangers_word_about_another_file_is_still_a_strangers() -> None:
    refused(judge([found(release(EVE, version="2.0"))], pin(ALICE)), "PV201")


def test_malformed_evidence_is_told_with_its_place() -> None:
    verdict = judge([found(b"<html>", "https://keys.example/x")], pin(ALICE))
    refused(verdict, "PV304")
    assert verdict.reasons[0].subject == "https://keys.example/x: release statement"


def test_a_statement_without_signatures_or_subjects_proves_nothing() -> None:
    payload = signer.to_json(signer.statement({}, "pkg:pypi/demo@1.0"))
    refused(judge([found(signer.jws(payload, [signer.signature(ALICE, payload)]))], pin(ALICE)), "PV304")
    refused(judge([found(release())], pin(ALICE)), "PV304")


def test_a_claim_that_names_the_file_twice_speaks_for_nothing_whatever_its_parser_let_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lax_parse(data: bytes) -> Claim:
        claim = release_format.parse(data)
        return replace(claim, subjects=(*claim.subjects, Subject(WHEEL.filename, "0" * 64)))

    release_format = FORMATS["release-statement"]
    monkeypatch.setattr(verifier, "FORMATS", {"release-statement": replace(release_format, parse=lax_parse)})
    refused(judge([found(release(ALICE))], pin(ALICE)), "PV303")


# In the wheel


def test_release_jws_of_a_pinned_key_is_enough() -> None:
    verdict = judge([in_wheel(signer.sign_in_wheel([ALICE], RECORD, "demo", "1.0"))], pin(ALICE))
    assert verdict.accepted
    assert verdict.place == Place("in-wheel", WHEEL.filename)


@pytest.mark.parametrize("tags", [(), ("py2-none-any",), ("py3-none-linux_x86_64",), ("nonsense", "")])
@pytest.mark.parametrize("kind", ["in-wheel", "record-jws"])
def test_a_wheel_that_signs_itself_cannot_be_renamed_to_another_platform(kind: str, tags: tuple[str, ...]) -> None:
    signed = {
        "in-wheel": signer.sign_in_wheel([ALICE], RECORD, "demo", "1.0"),
        "record-jws": signer.sign_record_jws([ALICE], RECORD),
    }
    verdict = judge([in_wheel(signed[kind], kind=kind, tags=tags)], pin(ALICE))
    assert not verdict.accepted
    assert verdict.reasons[0].id == "PV303"
    assert verdict.reasons[0].got == "py3-none-any"
    assert judge([in_wheel(signed[kind], kind=kind, tags=("py2.py3-none-any",))], pin(ALICE)).accepted


def test_a_wheels_own_tags_are_not_multiplied_out() -> None:
    """A kilobyte of them names more than fit into any memory; a stranger wrote it."""
    bomb = "-".join([".".join("abcdefghij")] * 60)
    signed = in_wheel(signer.sign_in_wheel([ALICE], RECORD, "demo", "1.0"), tags=(bomb, "py3-none-any"))
    assert judge([signed], pin(ALICE)).accepted
    alone = replace(signed, evidence=replace(signed.evidence, wheel_tags=(bomb,)))
    assert judge([alone], pin(ALICE)).reasons[0].id == "PV303"


@pytest.mark.parametrize(
    ("record", "project", "version", "code"),
    [
        (RECORD + b"x", "demo", "1.0", "PV302"),
        (None, "demo", "1.0", "PV302"),
        (RECORD, "demo2", "1.0", "PV303"),
        (RECORD, "demo", "1.1", "PV303"),
    ],
)
def test_release_jws_for_something_else_is_a_bad_signature(
    record: bytes | None, project: str, version: str, code: str
) -> None:
    data = signer.sign_in_wheel([ALICE], RECORD, project, version)
    verdict = judge([in_wheel(data, record)], pin(ALICE))
    refused(verdict, code)
    assert (verdict.reasons[0].got == "no digest") == (record is None)


def test_release_jws_is_held_against_record_also_before_the_files_digest_is_known() -> None:
    data = signer.sign_in_wheel([ALICE], RECORD, "demo", "1.0")
    refused(judge([in_wheel(data, RECORD + b"x")], pin(ALICE), artifact=undigested()), "PV302")
    assert ids(judge([in_wheel(data)], pin(ALICE), artifact=undigested())) == ["PV503"]


def test_a_release_statement_inside_a_wheel_is_no_release_jws() -> None:
    refused(judge([in_wheel(release(ALICE))], pin(ALICE)), "PV304")


def test_release_jws_beside_a_wheel_does_not_speak_for_the_file() -> None:
    refused(judge([found(signer.sign_in_wheel([ALICE], RECORD, "demo", "1.0"))], pin(ALICE)), "PV303")


LEGACY = in_wheel(signer.sign_record_jws([ALICE], RECORD), kind="record-jws")


@pytest.mark.parametrize("pinned", [pin(ALICE), pin(ALICE, publisher="p", formats=("record-jws",))])
def test_the_legacy_format_is_read_where_it_is_asked_for(pinned: Pin) -> None:
    assert judge([LEGACY], pinned).accepted


@pytest.mark.parametrize(
    "pinned",
    [
        LISTED,
        pin(ALICE, key_list=URL),
        pin(ALICE, publisher="p"),
        pin(ALICE, formats=("in-wheel", "release-statement")),
    ],
)
def test_the_legacy_format_is_not_read_elsewhere(pinned: Pin) -> None:
    verdict = judge([LEGACY], pinned, keys=listed(ALICE))
    refused(verdict, "PV102")
    assert verdict.reasons[0].got == "only record-jws, which the pin's formats leave out"
    assert [look.outcome for look in verdict.looked] == ["not judged"]


def test_the_legacy_format_is_bound_to_record_and_to_the_pinned_key() -> None:
    other = in_wheel(signer.sign_record_jws([ALICE], RECORD), RECORD + b"x", "record-jws")
    refused(judge([other], pin(ALICE)), "PV302")
    refused(judge([LEGACY], pin(BOB)), "PV201")


def test_a_format_that_the_table_lacks_speaks_for_nothing() -> None:
    piece = Found(Evidence("astrology", Place("url", "https://x.example/"), release(ALICE)))
    refused(judge([piece], pin(ALICE, formats=("astrology",))), "PV102")


def test_bytes_that_policy_leaves_out_whoever_signed_them() -> None:
    evidence = [found(release(ALICE))]
    assert judge(evidence, pin(ALICE), rules=Rules(only=frozenset({DIGEST}))).accepted
    verdict = judge(evidence, pin(ALICE), rules=Rules(only=frozenset({"0" * 64})))
    assert (verdict.decision, verdict.reasons[0].id) == (Decision.REJECT, "PV309")
    assert verdict.reasons[0].expected == "sha256:" + "0" * 64
    unknown = replace(WHEEL, sha256=None)
    verdict = judge(evidence, pin(ALICE), rules=Rules(only=frozenset({DIGEST})), artifact=unknown)
    assert verdict.decision is Decision.UNDECIDED  # the bytes will tell
