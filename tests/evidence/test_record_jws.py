"""Legacy ``RECORD.jws``: a real one, crafted ones, hostile ones."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from pip_verify.errors import EvidenceError
from pip_verify.evidence import Subject
from pip_verify.evidence.formats import FORMATS
from pip_verify.evidence.record_jws import RECORD_JWS_MAX_BYTES, parse
from pip_verify.keys import PublicKey
from tests import signer
from tests.signer import Signer, b64u, to_json

ALICE, BOB = Signer.of("alice"), Signer.of("bob")
RECORD = b"demo/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\ndemo-1.0.dist-info/RECORD,,\n"

# From the wheel of wheel 0.24.0 on PyPI, and the sha256 of the RECORD beside it
REAL = (
    b'{"payload": "eyJoYXNoIjogInNoYTI1Nj1uVjFXeHk3SF9ma1pJNGhRQ0FnRk9pNk13Z1RlV2toZy1pLXJ6ZWJfOE84In0", "recipients"'
    b': [{"header": "eyJhbGciOiAiRWQyNTUxOSIsICJqd2siOiB7Imt0eSI6ICJFZDI1NTE5IiwgInZrIjogInRtQVlDclNmajhndEoxMHYzVmt2'
    b'VzdqT25kS21RSVlFMTJoZ25GdTNjdmsifX0", "signature": "u8FI49_qMGO7rBsRcdRFrcjHCdXvtdw-sFpqI0dCyzNBPCqUxHFNy-8SZPAY'
    b'Js56PAvnOnCF79H2iqtV5c8yAw"}]}'
)
REAL_RECORD = "9d5d56c72ec7fdf9192388500808053a2e8cc204de5a4860fa2fabcde6fff0ef"
REAL_KEY = PublicKey.from_text("ed25519:tmAYCrSfj8gtJ10v3VkvW7jOndKmQIYE12hgnFu3cvk")

prove = FORMATS["record-jws"].prove


def recipient(**members: Any) -> dict[str, Any]:
    """A recipient entry; ``members`` replace those of its decoded header."""
    header = {"alg": "Ed25519", "jwk": {"kty": "Ed25519", "vk": b64u(ALICE.raw)}} | members
    return {"header": b64u(to_json(header)), "signature": b64u(bytes(64))}


def document(payload: object = None, recipients: object = None) -> bytes:
    stated = {"hash": "sha256=" + b64u(hashlib.sha256(RECORD).digest())} if payload is None else payload
    encoded = b64u(stated if isinstance(stated, bytes) else to_json(stated))
    return to_json({"payload": encoded, "recipients": [recipient()] if recipients is None else recipients})


def refused(data: bytes, why: str) -> None:
    with pytest.raises(EvidenceError, match=why):
        parse(data)


def test_a_real_one_is_proved_by_its_signers_key() -> None:
    claim = parse(REAL)
    assert claim.subjects == (Subject("RECORD", REAL_RECORD),)
    assert (claim.project, claim.version) == (None, None)
    proof = prove(claim, {REAL_KEY.thumbprint: REAL_KEY})
    assert (proof.keys, proof.bad, proof.strangers) == ((REAL_KEY,), (), ())


def test_the_key_inside_is_only_a_name() -> None:
    assert prove(parse(REAL), {}).strangers == (REAL_KEY.thumbprint,)


def test_a_changed_payload_is_a_bad_signature() -> None:
    other = REAL.replace(b"eyJoYXNoIjogInNoYTI1Nj1u", b"eyJoYXNoIjogInNoYTI1Nj1v")
    assert prove(parse(other), {REAL_KEY.thumbprint: REAL_KEY}).bad == (REAL_KEY.thumbprint,)


def test_the_independent_signer_agrees() -> None:
    claim = parse(signer.sign_record_jws([ALICE, BOB], RECORD))
    keys = {of.thumbprint: PublicKey.from_raw(of.raw) for of in (ALICE, BOB)}
    assert claim.subjects == (Subject("RECORD", hashlib.sha256(RECORD).hexdigest()),)
    assert prove(claim, keys).keys == tuple(keys.values())


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"alg": "none"}, "alg and kty"),
        ({"alg": "EdDSA"}, "alg and kty"),
        ({"jwk": {"kty": "OKP", "vk": b64u(ALICE.raw)}}, "alg and kty"),
        ({"jwk": {"kty": "Ed25519"}}, 'a member "vk"'),
        ({"jwk": {"kty": "Ed25519", "vk": b64u(ALICE.raw), "x": ""}}, "only the members"),
        ({"jwk": {"kty": "Ed25519", "vk": 7}}, "vk: expected base64url"),
        ({"jwk": {"kty": "Ed25519", "vk": b64u(bytes(31))}}, "32 bytes"),
        ({"jwk": {"kty": "Ed25519", "vk": b64u(bytes([1]) + bytes(31))}}, "weak"),
        ({"jwk": None}, "a JSON object"),
        ({"kid": "x"}, "only the members"),
        ({"crit": ["x"]}, "only the members"),
    ],
)
def test_a_header_of_another_kind_is_refused(members: dict[str, Any], why: str) -> None:
    refused(document(recipients=[recipient(**members)]), why)


@pytest.mark.parametrize(
    ("recipients", "why"),
    [
        ([], "1 to 64, got 0"),
        ({}, "1 to 64, got dict"),
        ([recipient()] * 65, "1 to 64, got 65"),
        ([recipient() | {"protected": ""}], "only the members"),
        ([{"header": recipient()["header"]}], 'a member "signature"'),
        ([recipient() | {"header": recipient()["header"] + "="}], "base64url"),
        ([recipient() | {"header": b64u(b'{"alg":"x","alg":"Ed25519","jwk":{}}')}], "stands twice"),
        ([recipient() | {"signature": b64u(bytes(63))}], "64 bytes"),
    ],
)
def test_recipients_of_another_form_are_refused(recipients: object, why: str) -> None:
    refused(document(recipients=recipients), why)


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        ({}, 'a member "hash"'),
        ({"hash": "sha256=" + b64u(bytes(32)), "more": 1}, "only the members"),
        ({"hash": 7}, "sha256="),
        ({"hash": "md5=" + b64u(bytes(16))}, "sha256="),
        ({"hash": "sha256=" + b64u(bytes(31))}, "32 bytes"),
        ({"hash": "sha256=" + b64u(bytes(32)) + "="}, "base64url"),
        ({"hash": "sha256=" + "0" * 64}, "32 bytes"),
        (b'{"hash":"a","hash":"b"}', "stands twice"),
        (b"null", "a JSON object"),
    ],
)
def test_a_payload_of_another_form_is_refused(payload: object, why: str) -> None:
    refused(document(payload=payload), why)


def test_a_jws_of_today_is_refused() -> None:
    refused(signer.sign_in_wheel([ALICE], RECORD, "demo", "1.0"), 'a member "recipients"')
    refused(b'{"payload":"x","signatures":[]}', 'a member "recipients"')


def test_more_members_or_bytes_are_refused() -> None:
    refused(document()[:-1] + b',"signatures":[]}', "only the members")
    refused(document() + b" " * RECORD_JWS_MAX_BYTES, "at most 65536 bytes")


def test_a_payload_that_is_no_text_is_refused() -> None:
    refused(to_json({"payload": None, "recipients": [recipient()]}), "base64url")


def test_the_kid_is_the_thumbprint_of_the_key_inside() -> None:
    assert [item.kid for item in parse(document()).signatures] == [ALICE.thumbprint]
