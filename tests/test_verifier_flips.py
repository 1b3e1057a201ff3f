"""Whatever is done to a signed statement, it never speaks for what was not signed, and never breaks the verifier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_verify.artifact.name import Artifact
from pip_verify.evidence import Found
from tests import signer
from tests.looks import ALICE, BOB, DIGEST, EVE, RECORD, WHEEL, found, in_wheel, judge, pin, release

OTHERS = [
    replace(WHEEL, sha256="e" * 64),
    replace(WHEEL, version="1.1"),
    replace(WHEEL, project="demon"),
    replace(WHEEL, filename="demo-1.0-py2-none-any.whl"),
]
SMALL = release(ALICE, files={WHEEL.filename: DIGEST})
LEGACY = signer.sign_record_jws([ALICE], RECORD)


def flip(data: bytes, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


@pytest.mark.parametrize(
    ("data", "look"),
    [
        pytest.param(SMALL, found, id="release statement"),
        pytest.param(LEGACY, lambda data: in_wheel(data, kind="record-jws"), id="RECORD.jws"),
    ],
)
def test_no_statement_with_a_flipped_bit_is_accepted(data: bytes, look: Callable[[bytes], Found]) -> None:
    assert judge([look(data)], pin(ALICE)).accepted
    accepted = [bit for bit in range(len(data) * 8) if judge([look(flip(data, bit))], pin(ALICE)).accepted]
    assert accepted == []


def test_a_flipped_bit_in_one_of_two_signatures_never_helps_another_artifact() -> None:
    data = release(BOB, ALICE, files={WHEEL.filename: DIGEST})
    spoiled = sum(not judge([found(flip(data, bit))], pin(ALICE, BOB)).accepted for bit in range(0, len(data) * 8, 5))
    assert 0 < spoiled < len(data) * 8 / 5  # some flips spoil the one signature that is not needed
    for bit in range(0, len(data) * 8, 13):
        for artifact in OTHERS:
            assert not judge([found(flip(data, bit))], pin(ALICE, BOB), artifact=artifact).accepted


def test_no_statement_cut_short_is_accepted() -> None:
    assert not any(judge([found(SMALL[:length])], pin(ALICE)).accepted for length in range(len(SMALL)))


PIECES = st.sampled_from([release(ALICE), release(ALICE, version="2.0"), release(EVE), SMALL, LEGACY, b'"', b"{}"])


@given(PIECES, PIECES, st.integers(0, 2000), st.integers(0, 2000), st.sampled_from([*OTHERS, WHEEL]))
def test_parts_of_two_statements_do_not_speak_for_another_artifact(
    first: bytes, second: bytes, cut: int, resume: int, artifact: Artifact
) -> None:
    data = first[:cut] + second[resume:]
    verdict = judge([found(data)], pin(ALICE), artifact=artifact)
    whole = (release(ALICE), SMALL)
    assert verdict.accepted == (artifact is WHEEL and data in whole)


@given(st.binary(max_size=200))
def test_any_bytes_get_a_verdict(data: bytes) -> None:
    looks = [found(data), in_wheel(data), in_wheel(data, kind="record-jws")]
    assert not judge(looks, pin(ALICE)).accepted


VALUES: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just([]) | st.just({}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(["_type", "subject", "predicateType", "predicate"])


@given(MEMBERS, VALUES)
def test_any_value_of_any_member_well_signed_gets_a_verdict(member: str, value: object) -> None:
    payload = signer.to_json(signer.statement({WHEEL.filename: DIGEST}, "pkg:pypi/demo@1.0", **{member: value}))
    data = signer.jws(payload, [signer.signature(ALICE, payload)])
    assert not judge([found(data)], pin(ALICE)).accepted


@given(st.sampled_from(["alg", "kid", "typ", "crit", "jwk"]), VALUES.filter(lambda value: value is not None))
def test_any_value_in_a_header_well_signed_gets_a_verdict(member: str, value: object) -> None:
    payload = signer.to_json(signer.statement({WHEEL.filename: DIGEST}, "pkg:pypi/demo@1.0"))
    data = signer.jws(payload, [signer.signature(ALICE, payload, **{member: value})])
    assert not judge([found(data)], pin(ALICE)).accepted
