"""Mistakes in key lists, found offline: what verifiers refuse, what leaks, and what its publisher will regret."""

from __future__ import annotations

from typing import Any

import pytest

from pip_verify.publish.listlint import SOON, lint_key_list
from pip_verify.publish.listwords import utc
from pip_verify.publish.rotation import CLOCK_SLACK
from tests.signer import Signer, key_list, to_json

NOW = 1_800_000_000
LATER = NOW + CLOCK_SLACK + 1
ALICE, BOB = (Signer.of(name) for name in ("alice", "bob"))


def errors(data: bytes) -> list[str]:
    return [f"{remark.text} {remark.hint}" for remark in lint_key_list(data, "k.json", now=NOW) if not remark.warning]


def warnings(data: bytes) -> list[str]:
    return [remark.text for remark in lint_key_list(data, "k.json", now=NOW) if remark.warning]


def test_a_good_list() -> None:
    data = key_list(
        ALICE.jwk(iat=NOW - 1, nbf=NOW - 1, exp=NOW + SOON, kid="alice"),
        BOB.jwk(revoked={"revoked_at": NOW - 1, "reason": "lost"}),
        releases="r/{project}/{version}.jws",
    )
    assert lint_key_list(data, "k.json", now=NOW) == []


def test_a_remark_names_the_file() -> None:
    (remark,) = lint_key_list(key_list(), "k.json", now=NOW)
    assert str(remark).startswith("k.json: warning: no key of this list may sign now")


# a private key on the list


@pytest.mark.parametrize(
    ("entry", "where"),
    [
        (ALICE.private_jwk(), "keys[0].d"),
        ({"kty": "oct", "k": "c2VjcmV0"}, "keys[0].k"),
        ({"kty": "RSA", "n": "AQAB", "e": "AQAB", "p": "AQAB"}, "keys[0].p"),
        ({"kty": "AKP", "pub": "AQAB", "priv": "AQAB"}, "keys[0].priv"),
        ({**ALICE.jwk(), "encrypted": {"version": 1}}, "keys[0].encrypted"),
        ({**ALICE.jwk(), "backup": [{"d": "AQAB"}]}, "keys[0].backup[0].d"),
    ],
)
def test_a_private_key_on_the_list_is_said_to_have_leaked(entry: dict[str, Any], where: str) -> None:
    (found,) = errors(key_list(entry, BOB))
    assert found.startswith(f"{where}: a private member this list has leaked a key: take the member out, and revoke")
    assert str(entry.get("d", "none")) not in found


def test_a_private_member_at_the_top() -> None:
    assert errors(key_list(BOB, d="AQAB"))[0].startswith("d: a private member")


def test_names_that_only_look_private_elsewhere_are_let_pass() -> None:
    assert errors(key_list(BOB, contact={"p": 1, "k": 2})) == []


def test_every_entry_that_is_refused_is_told_and_so_is_the_leak() -> None:
    data = key_list(ALICE.private_jwk(), BOB.jwk(use="enc"), BOB.jwk(exp="soon"))
    assert [found.split(" ")[0] for found in errors(data)] == ["keys[0].d:", "keys[1]:", "keys[2]:"]


# what a verifier refuses


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected JSON"),
        (b'{"keys": [', "expected JSON"),
        (b"[]", "expected a JSON object"),
        (b"{}", 'expected a JWK set with an array "keys"'),
        (b'{"keys": 1}', 'expected a JWK set with an array "keys"'),
        (key_list(ALICE.jwk(kid="a"), BOB.jwk(kid="a")), "expected each kid once"),
        (key_list(ALICE, ALICE.jwk(kid="a")), "expected each key once"),
        (to_json({"keys": [{"kty": "x", "kid": str(number)} for number in range(129)]}), "expected at most 128 keys"),
        (key_list(ALICE, releases="{nonsense}"), "releases: expected {project}, {version} or {filename}"),
        (to_json({"keys": ["x"]}), "keys[0]: expected a JWK object"),
        (key_list(ALICE.jwk(retired_at="x")), "keys[0]: retired_at: expected seconds since the epoch"),
        (key_list(ALICE.jwk(x="AAAA")), "keys[0]: x: expected 32 bytes"),
        (key_list(ALICE, releases="x" * 300_000), "expected at most 262144 bytes"),
    ],
)
def test_what_a_verifier_refuses_is_an_error(data: bytes, message: str) -> None:
    (found,) = errors(data)
    assert found.startswith(message), found


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (ALICE.jwk(iat=LATER), f'was added at {utc(LATER)}, which has yet to come correct its "iat"'),
        (ALICE.jwk(exp=LATER, retired_at=LATER), f"was retired at {utc(LATER)}, which has yet to come where the clock"),
        (ALICE.jwk(exp=LATER, retired_at=LATER), f"pip-verify keylist retire k.json {ALICE.text} --force"),
        (ALICE.jwk(nbf=NOW, exp=NOW), "its window ends before it begins"),
    ],
)
def test_times_that_cannot_be_meant_are_errors(entry: dict[str, Any], message: str) -> None:
    (found,) = errors(key_list(entry, BOB))
    assert message in found
    assert ALICE.text in found


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (ALICE.jwk(revoked={"revoked_at": LATER, "reason": "x"}), f"was revoked at {utc(LATER)}, which has yet to"),
        (ALICE.jwk(retired_at=LATER, revoked={"revoked_at": NOW, "reason": "x"}), 'correct its "exp" and "retired_at"'),
    ],
)
def test_no_time_holds_up_a_revocation(entry: dict[str, Any], message: str) -> None:
    (found,) = lint_key_list(key_list(entry, BOB), "k.json", now=NOW)
    assert message in str(found)
    assert found.warning


def test_a_template_that_no_verifier_would_follow() -> None:
    assert errors(key_list(ALICE, releases="http://keys.example/{project}/{version}.jws"))[0].startswith("releases:")


def test_what_was_retired_before_it_began_is_meant_to_sign_nothing() -> None:
    assert lint_key_list(key_list(ALICE.jwk(nbf=NOW + 9, exp=NOW, retired_at=NOW), BOB), "k.json", now=NOW) == []


# what its publisher will regret


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (key_list(), "no key of this list may sign now"),
        (key_list(ALICE.jwk(exp=NOW - 1)), "no key of this list may sign now"),
        (key_list(BOB, ALICE.jwk(exp=NOW + SOON - 1)), f"{ALICE.text} may sign until 2027-02-26 07:59:59 UTC"),
        (key_list(BOB, ALICE.jwk(revoked={"revoked_at": 1})), f"{ALICE.text} is revoked without a reason"),
        (key_list(BOB, {"kty": "RSA"}), "1 of its keys are of a type"),
        (key_list(BOB, releases="https://keys.example/{project}/{version}.jws"), "releases: statements are looked for"),
        (key_list(BOB, releases="/r/{project}/{version}.jws"), "releases: statements are looked for"),
        (key_list(BOB, releases="r/{version}.jws"), "releases: without {project}"),
        (key_list(BOB, note="x" * 200_000), "200180 bytes of at most 262144"),
        (key_list(BOB, *({"kty": "x"} for _ in range(96))), "97 keys of at most 128"),
    ],
)
def test_what_works_and_will_be_regretted_is_a_warning(data: bytes, message: str) -> None:
    found = warnings(data)
    assert errors(data) == []
    assert any(text.startswith(message) for text in found), found


def test_what_ended_or_was_revoked_is_not_said_to_end_soon() -> None:
    gone = key_list(
        BOB, ALICE.jwk(exp=NOW), Signer.of("c").jwk(exp=NOW + 1, revoked={"revoked_at": NOW, "reason": "x"})
    )
    assert warnings(gone) == []
