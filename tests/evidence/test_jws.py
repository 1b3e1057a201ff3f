"""The JWS core against hostile headers, and the proof's count of keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from pip_verify.encoding import b64u_decode
from pip_verify.errors import EvidenceError
from pip_verify.evidence import Claim
from pip_verify.evidence.jws import JWS_MAX_BYTES, make_signature, parse_general, parse_protected, prove
from pip_verify.keys import PublicKey
from tests import signer
from tests.signer import Signer, b64u, to_json
from tests.vectors import vectors_dir

ALICE, BOB, EVE = Signer.of("alice"), Signer.of("bob"), Signer.of("eve")
PAYLOAD = b'{"any":"payload"}'


def key(of: Signer) -> PublicKey:
    return PublicKey.from_raw(of.raw)


def read(data: bytes, *, typ: str | None = signer.TYP) -> Claim:
    payload, signatures = parse_general(data, "it", typ=typ)
    return Claim(None, None, (), signatures, payload.encode())


def refused(data: bytes, why: str) -> None:
    with pytest.raises(EvidenceError, match=why):
        read(data)


def with_header(header: bytes, *, by: Signer = ALICE) -> bytes:
    """A JWS whose protected header is ``header``, well signed."""
    protected = b64u(header)
    value = by.sign(f"{protected}.{b64u(PAYLOAD)}".encode())
    return signer.jws(PAYLOAD, [{"protected": protected, "signature": b64u(value)}])


# Vectors made for this project: compact and general form


def judge_vector(text: str, keys: Mapping[str, PublicKey]) -> bool:
    """Whether a compact or general JWS without ``typ`` proves anything, by the core's own functions."""
    try:
        if text.startswith("{"):
            claim = read(text.encode(), typ=None)
        else:
            protected, payload, value = text.split(".")
            signature = make_signature(parse_protected(protected, "it", typ=None), protected, value, "it")
            b64u_decode(payload, "it")
            claim = Claim(None, None, (), (signature,), payload.encode())
        return bool(prove(claim, keys).keys)
    except (EvidenceError, ValueError):  # ValueError: not three parts
        return False


def test_shared_vectors() -> None:
    document = json.loads((vectors_dir("jws") / "cases.json").read_text("utf-8"))
    keys = {"k1": PublicKey.from_jwk(document["public_jwk"])}
    answers = {case["name"]: judge_vector(case["jws"], keys) for case in document["cases"]}
    assert answers == {case["name"]: case["valid"] for case in document["cases"]}
    assert (len(answers), sum(answers.values())) == (31, 3)


# What is read


def test_a_jws_is_read() -> None:
    claim = read(signer.jws(PAYLOAD, [signer.signature(ALICE, PAYLOAD), signer.signature(BOB, PAYLOAD)]))
    assert claim.payload == b64u(PAYLOAD).encode()
    assert [item.kid for item in claim.signatures] == [ALICE.thumbprint, BOB.thumbprint]
    assert [len(item.value) for item in claim.signatures] == [64, 64]


@pytest.mark.parametrize("alg", ["Ed25519", "EdDSA"])
def test_both_names_of_the_algorithm_are_read(alg: str) -> None:
    claim = read(signer.jws(PAYLOAD, [signer.signature(ALICE, PAYLOAD, alg=alg)]))
    assert prove(claim, {ALICE.thumbprint: key(ALICE)}).keys == (key(ALICE),)


def test_white_space_and_member_order_are_free() -> None:
    header = b' {"typ": "application/vnd.in-toto+json",\n"kid":"' + ALICE.thumbprint.encode() + b'", "alg":"Ed25519"}'
    assert prove(read(with_header(header)), {ALICE.thumbprint: key(ALICE)}).keys == (key(ALICE),)


# What is refused: the protected header


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"alg": "none"}, "alg"),
        ({"alg": "HS256"}, "alg"),
        ({"alg": "ES256"}, "alg"),
        ({"alg": "Ed448"}, "alg"),
        ({"alg": "ed25519"}, "alg"),
        ({"alg": ["Ed25519"]}, "alg"),
        ({"alg": None}, 'a member "alg"'),
        ({"kid": None}, 'a member "kid"'),
        ({"kid": ""}, "kid"),
        ({"kid": 1}, "kid"),
        ({"kid": "k" * 201}, "kid"),
        ({"kid": "a\x1b[31m"}, "kid"),
        ({"typ": None}, 'a member "typ"'),
        ({"typ": "JWT"}, "typ"),
        ({"typ": "application/VND.in-toto+json"}, "typ"),
        ({"typ": "vnd.in-toto+json"}, "typ"),
        ({"typ": [signer.TYP]}, "typ"),
        ({"crit": []}, "only the members"),
        ({"crit": ["exp"], "exp": 1}, "only the members"),
        ({"b64": False, "crit": ["b64"]}, "only the members"),
        ({"jwk": EVE.jwk()}, "only the members"),
        ({"jku": "https://evil.example/keys.json"}, "only the members"),
        ({"x5u": "https://evil.example/cert.pem"}, "only the members"),
        ({"x5c": ["AA"]}, "only the members"),
        ({"zip": "DEF"}, "only the members"),
        ({"cty": "json"}, "only the members"),
    ],
)
def test_a_protected_header_of_another_kind_is_refused(members: dict[str, Any], why: str) -> None:
    refused(signer.jws(PAYLOAD, [signer.signature(ALICE, PAYLOAD, **members)]), why)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (b"null", "a JSON object"),
        (b"[]", "a JSON object"),
        (b"", "JSON"),
        (b'{"alg":"none","alg":"Ed25519","kid":"k","typ":"application/vnd.in-toto+json"}', "stands twice"),
        (b'{"alg":"Ed25519","kid":"a","kid":"b","typ":"application/vnd.in-toto+json"}', "stands twice"),
        (b'{"alg":"Ed25519","kid":"a","k\\u0069d":"b","typ":"application/vnd.in-toto+json"}', "stands twice"),
        (b'\xef\xbb\xbf{"alg":"Ed25519","kid":"k","typ":"application/vnd.in-toto+json"}', "JSON"),
        (b'{"alg":"Ed25519","kid":"\xff","typ":"application/vnd.in-toto+json"}', "UTF-8"),
        (b'{"alg":"Ed25519","kid":"\\ud800","typ":"application/vnd.in-toto+json"}', "surrogate"),
        (b'{"alg":"Ed25519","kid":"k","typ":"application/vnd.in-toto+json"}' + b" " * 2048, "at most 2048 bytes"),
    ],
)
def test_a_protected_header_that_is_no_plain_object_is_refused(header: bytes, why: str) -> None:
    refused(with_header(header), why)


def test_a_typ_that_the_format_does_not_have_is_refused() -> None:
    with pytest.raises(EvidenceError, match="only the members alg, kid"):
        parse_protected(b64u(to_json(signer.protected(ALICE))), "it", typ=None)


# What is refused: the serialization


GOOD = signer.signature(ALICE, PAYLOAD)


@pytest.mark.parametrize(
    ("signatures", "why"),
    [
        pytest.param([], "1 to 64, got 0", id="no signature"),
        pytest.param([GOOD] * 65, "1 to 64, got 65", id="too many signatures"),
        pytest.param({"0": GOOD}, "1 to 64, got dict", id="signatures is an object"),
        pytest.param(None, "1 to 64, got NoneType", id="signatures is null"),
        pytest.param(["x"], "a JSON object", id="a signature is a text"),
        pytest.param([GOOD | {"header": {}}], "only the members", id="an empty unprotected header"),
        pytest.param([GOOD | {"header": {"kid": "x"}}], "only the members", id="an unprotected header"),
        pytest.param([{"signature": GOOD["signature"]}], 'a member "protected"', id="nothing protected"),
        pytest.param(
            [{"header": signer.protected(ALICE), "signature": GOOD["signature"]}], "protected", id="unprotected alg"
        ),
        pytest.param([{"protected": GOOD["protected"]}], 'a member "signature"', id="no signature value"),
        pytest.param([GOOD | {"protected": None}], "base64url", id="protected is null"),
        pytest.param([GOOD | {"protected": GOOD["protected"] + "="}], "base64url", id="padding in the header"),
        pytest.param([GOOD | {"signature": ""}], "64 bytes, got 0", id="an empty signature"),
        pytest.param([GOOD | {"signature": b64u(bytes(63))}], "64 bytes, got 63", id="a short signature"),
        pytest.param([GOOD | {"signature": b64u(bytes(65))}], "64 bytes, got 65", id="a long signature"),
        pytest.param([GOOD | {"signature": GOOD["signature"] + "=="}], "base64url", id="padding in the signature"),
        pytest.param([GOOD | {"signature": "+" + GOOD["signature"][1:]}], "base64url", id="the standard alphabet"),
        pytest.param([GOOD | {"signature": GOOD["signature"] + "\n"}], "base64url", id="a line break"),
        pytest.param([GOOD | {"signature": b64u(bytes(64))[:-1] + "B"}], "canonical", id="left-over bits"),
        pytest.param([GOOD, GOOD | {"signature": ""}], r"signatures\[1\]", id="a good one, then an empty one"),
    ],
)
def test_signatures_of_another_form_are_refused(signatures: object, why: str) -> None:
    refused(to_json({"payload": b64u(PAYLOAD), "signatures": signatures}), why)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "JSON"),
        (b"{}", 'a member "payload"'),
        (to_json({"payload": b64u(PAYLOAD)}), 'a member "signatures"'),
        (to_json({"payload": 7, "signatures": [GOOD]}), "payload: expected base64url text, got int"),
        (to_json({"payload": b64u(PAYLOAD), "signatures": [GOOD], "header": {}}), "only the members"),
        (to_json({"payload": b64u(PAYLOAD), "signatures": [GOOD]} | GOOD), "only the members"),
        (to_json({"payload": b64u(PAYLOAD)} | GOOD), "signatures"),
        (f"{GOOD['protected']}.{b64u(PAYLOAD)}.{GOOD['signature']}".encode(), "JSON"),
        (b'{"payload":"AA","payload":"AQ","signatures":[]}', "stands twice"),
        (signer.jws(PAYLOAD, [GOOD]) + b"\0", "JSON"),
    ],
)
def test_another_serialization_is_refused(data: bytes, why: str) -> None:
    refused(data, why)


def test_the_size_cap_is_exact() -> None:
    data = signer.jws(PAYLOAD, [GOOD])
    assert read(data + b" " * (JWS_MAX_BYTES - len(data))).signatures
    refused(data + b" " * (JWS_MAX_BYTES - len(data) + 1), "at most 1048576 bytes")


def test_sixty_four_signatures_are_read() -> None:
    assert len(read(signer.jws(PAYLOAD, [GOOD] * 64)).signatures) == 64


# Proofs


def claim_by(*signatures: dict[str, str]) -> Claim:
    return read(signer.jws(PAYLOAD, signatures))


def test_each_signature_is_sorted_into_proved_bad_or_stranger() -> None:
    forged = signer.signature(EVE, PAYLOAD, kid=BOB.thumbprint)
    claim = claim_by(forged, GOOD, signer.signature(EVE, PAYLOAD))
    proof = prove(claim, {ALICE.thumbprint: key(ALICE), BOB.thumbprint: key(BOB)})
    assert proof.claim is claim
    assert (proof.keys, proof.bad, proof.strangers) == ((key(ALICE),), (BOB.thumbprint,), (EVE.thumbprint,))


def test_one_key_that_signs_twice_counts_once() -> None:
    assert len(prove(claim_by(GOOD, GOOD), {ALICE.thumbprint: key(ALICE)}).keys) == 1


def test_one_key_under_thumbprint_and_label_counts_once() -> None:
    claim = claim_by(GOOD, signer.signature(ALICE, PAYLOAD, kid="2026"))
    names = {ALICE.thumbprint: PublicKey.from_raw(ALICE.raw), "2026": PublicKey.from_raw(ALICE.raw)}
    assert len(prove(claim, names).keys) == 1


def test_distinct_keys_count_each() -> None:
    claim = claim_by(GOOD, signer.signature(BOB, PAYLOAD, kid="bob"))
    assert prove(claim, {ALICE.thumbprint: key(ALICE), "bob": key(BOB)}).keys == (key(ALICE), key(BOB))


def test_a_key_is_tried_only_under_its_own_name() -> None:
    claim = claim_by(signer.signature(ALICE, PAYLOAD, kid="alice"))
    proof = prove(claim, {ALICE.thumbprint: key(ALICE)})
    assert (proof.keys, proof.strangers) == ((), ("alice",))


def test_no_key_proves_nothing() -> None:
    assert prove(claim_by(GOOD), {}).keys == ()


def test_a_signature_covers_the_payload_and_its_own_header() -> None:
    other_payload = read(signer.jws(PAYLOAD + b" ", [GOOD]))
    other_header = signer.signature(ALICE, PAYLOAD, alg="EdDSA") | {"signature": GOOD["signature"]}
    for claim in (other_payload, claim_by(other_header)):
        proof = prove(claim, {ALICE.thumbprint: key(ALICE)})
        assert (proof.keys, proof.bad) == ((), (ALICE.thumbprint,))
