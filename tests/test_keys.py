"""Keys and key lists: gates, names, windows; vectors that nobody here wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_verify.encoding import b64u_decode, b64u_encode
from pip_verify.errors import EvidenceError
from pip_verify.keys import KEY_LIST_MAX_BYTES, KeyList, PublicKey, check_template, parse_key_list
from tests import signer
from tests.signer import Signer
from tests.vectors import vectors_dir

ALICE, BOB = Signer.of("alice"), Signer.of("bob")
ALICE_KEY = PublicKey.from_raw(ALICE.raw)

# RFC 8037 appendix A
RFC_X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
RFC_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
RFC_INPUT = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
RFC_SIGNATURE = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

# Points of order 1, 2, 4, 4, 8, 8 in canonical form, then encodings of y >= p and a point off the curve
WEAK = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0200000000000000000000000000000000000000000000000000000000000000",
]


def parse(*entries: Signer | dict[str, Any], **top: Any) -> KeyList:
    return parse_key_list(signer.key_list(*entries, **top))


# One key


def test_rfc_8037_appendix_a() -> None:
    key = PublicKey.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": RFC_X})
    assert key.thumbprint == RFC_THUMBPRINT
    assert key.text == str(key) == "ed25519:" + RFC_X
    assert key.verifies(RFC_INPUT, b64u_decode(RFC_SIGNATURE, "it"))
    assert not key.verifies(RFC_INPUT + b"x", b64u_decode(RFC_SIGNATURE, "it"))


def test_the_independent_signer_agrees_on_every_form() -> None:
    assert (ALICE_KEY.text, ALICE_KEY.thumbprint, ALICE_KEY.to_jwk()) == (ALICE.text, ALICE.thumbprint, ALICE.jwk())
    assert PublicKey.from_text(ALICE.text) == PublicKey.from_jwk(ALICE.jwk()) == ALICE_KEY


@pytest.mark.parametrize("raw", WEAK)
def test_a_weak_key_is_refused(raw: str) -> None:
    with pytest.raises(EvidenceError, match="weak or invalid key"):
        PublicKey.from_raw(bytes.fromhex(raw))


def test_a_forgery_under_a_small_order_key_finds_no_key_to_be_checked_with() -> None:
    identity = bytes([1]) + bytes(31)  # R = identity, S = 0 "verifies" any message under this key
    with pytest.raises(EvidenceError):
        PublicKey.from_raw(identity)
    assert not PublicKey(identity).verifies(b"anything", identity + bytes(32))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(EvidenceError, match="32 bytes"):
        PublicKey.from_raw(b"\x58" * length)


@pytest.mark.parametrize(
    "text",
    ["", RFC_X, "Ed25519:" + RFC_X, "ed25519:", "ed25519:" + RFC_X + "=", "ed25519:" + RFC_X[:-1], "ed25519: " + RFC_X],
)
def test_a_key_text_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(EvidenceError):
        PublicKey.from_text(text)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"kty": "RSA"}, "kty"),
        ({"crv": "X25519"}, "crv"),
        ({"d": "AA"}, "private member"),
        ({"alg": "ES256"}, "alg"),
        ({"alg": None}, "alg"),
        ({"alg": ["EdDSA"]}, "alg"),
        ({"x": None}, "x: expected base64url"),
        ({"x": RFC_X + "A"}, "x: expected"),
    ],
)
def test_a_jwk_that_is_no_ed25519_public_key_is_refused(members: dict[str, Any], why: str) -> None:
    with pytest.raises(EvidenceError, match=why):
        PublicKey.from_jwk(ALICE.jwk(**members))


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_a_signature_of_another_length_is_no_signature(length: int) -> None:
    assert not ALICE_KEY.verifies(b"x", bytes(length))


@given(st.binary(max_size=40), st.integers(0, 511))
def test_a_signature_holds_and_no_flipped_bit_does(message: bytes, bit: int) -> None:
    signature = ALICE.sign(message)
    assert ALICE_KEY.verifies(message, signature)
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not ALICE_KEY.verifies(message, bytes(flipped))


# Vectors


def accepted(raw: str, message: bytes, signature: str) -> bool:
    try:
        return PublicKey.from_raw(bytes.fromhex(raw)).verifies(message, bytes.fromhex(signature))
    except EvidenceError:
        return False


def load(name: str) -> Any:
    return json.loads((vectors_dir("ed25519") / name).read_text("utf-8"))


def test_cctv_edge_cases() -> None:
    cases = load("cctv.json")
    assert len(cases) == 914
    ungated = [
        PublicKey(bytes.fromhex(case["key"])).verifies(case["msg"].encode(), bytes.fromhex(case["sig"]))
        for case in cases
    ]
    assert sum(ungated) == 43  # what libsodium alone lets through
    gated = [case for case in cases if accepted(case["key"], case["msg"].encode(), case["sig"])]
    assert [case["flags"] for case in gated] == [None]  # the one case without a peculiarity


def wycheproof() -> Iterator[tuple[str, dict[str, Any]]]:
    document = load("wycheproof.json")
    for group in document["testGroups"]:
        for case in group["tests"]:
            yield group["publicKey"]["pk"], case


def test_wycheproof() -> None:
    answers = [(case["result"], accepted(raw, bytes.fromhex(case["msg"]), case["sig"])) for raw, case in wycheproof()]
    assert len(answers) == 151
    assert answers.count(("valid", True)) == 88
    assert answers.count(("invalid", False)) == 63


def test_speccheck_cases_that_split_libraries_are_all_refused() -> None:
    cases = load("speccheck.json")
    assert len(cases) == 12
    assert not any(accepted(case["pub_key"], bytes.fromhex(case["message"]), case["signature"]) for case in cases)


# Key lists


def test_a_list_is_read() -> None:
    found = parse(ALICE, BOB.jwk(kid="2026", iat=1, nbf=2, exp=3.5), releases="r/{project}/{version}.jws")
    assert [entry.key.raw for entry in found.keys] == [ALICE.raw, BOB.raw]
    assert [entry.label for entry in found.keys] == [None, "2026"]
    assert (found.keys[1].iat, found.keys[1].nbf, found.keys[1].exp) == (1.0, 2.0, 3.5)
    assert (found.releases, found.skipped) == ("r/{project}/{version}.jws", 0)


def test_a_key_is_found_by_thumbprint_and_by_label() -> None:
    found = parse(BOB.jwk(kid="2026"))
    assert found.find("2026") is found.find(BOB.thumbprint) is found.get(PublicKey.from_raw(BOB.raw)) is found.keys[0]
    assert found.find(ALICE.thumbprint) is found.get(ALICE_KEY) is None


def test_a_key_without_kid_alg_or_use_is_read() -> None:
    found = parse({"kty": "OKP", "crv": "Ed25519", "x": b64u_encode(ALICE.raw), "key_ops": ["verify"]})
    assert found.find(ALICE.thumbprint) is not None


def test_the_older_algorithm_name_is_read() -> None:
    assert parse(ALICE.jwk(alg="EdDSA")).find(ALICE.thumbprint) is not None


def test_an_empty_list_is_sound_and_trusts_nobody() -> None:
    assert parse().keys == ()


def test_unknown_key_types_are_skipped_and_counted() -> None:
    found = parse(
        {"kty": "RSA", "n": "AQ", "e": "AQAB", "kid": "r"}, {"kty": "OKP", "crv": "X25519", "x": RFC_X}, ALICE
    )
    assert (len(found.keys), found.skipped) == (1, 2)


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        pytest.param([ALICE, ALICE.jwk(kid="x")], "each key once", id="one raw key under two kids"),
        pytest.param([ALICE, ALICE], "each kid once", id="one entry twice"),
        pytest.param([ALICE.jwk(kid="x"), BOB.jwk(kid="x")], "each kid once", id="one kid for two keys"),
        pytest.param(
            [ALICE.jwk(kid=BOB.thumbprint), BOB.jwk(kid="b")], "each key once", id="another's thumbprint as label"
        ),
        pytest.param([BOB.jwk(kid="b"), ALICE.jwk(kid=BOB.thumbprint)], "each kid once", id="the same, other order"),
        pytest.param([ALICE, {"kty": "RSA", "kid": ALICE.thumbprint}], "each kid once", id="one kid, one type unknown"),
        pytest.param([ALICE.private_jwk()], "public keys only", id="a private key"),
        pytest.param([ALICE, {"kty": "RSA", "d": "AA"}], "public keys only", id="a private key of another type"),
        pytest.param([ALICE, {"kty": "oct", "k": "AA"}], "public keys only", id="a symmetric key"),
        pytest.param([ALICE, {"kty": "AKP", "priv": "AA"}], "public keys only", id="an ML-DSA private key"),
        pytest.param([ALICE.jwk(encrypted={"kdf": "x"})], "public keys only", id="an encrypted private key"),
        pytest.param([ALICE.jwk(use="enc")], "use", id="an encryption key"),
        pytest.param([ALICE.jwk(key_ops=["sign"])], "key_ops", id="a key for signing only"),
        pytest.param([ALICE.jwk(key_ops="verify")], "key_ops", id="key_ops is a text"),
        pytest.param([ALICE.jwk(alg="RS256")], "alg", id="another algorithm"),
        pytest.param([ALICE.jwk(x=b64u_encode(bytes.fromhex(WEAK[0])))], "weak", id="a small-order key"),
        pytest.param([ALICE.jwk(kid="")], "kid", id="an empty kid"),
        pytest.param([ALICE.jwk(kid=7)], "kid", id="a number as kid"),
        pytest.param([ALICE.jwk(kid="a\nb")], "kid", id="a kid with a line break"),
        pytest.param([ALICE.jwk(kid="k" * 201)], "kid", id="a kid without end"),
        pytest.param([ALICE.jwk(exp="2027-01-01")], "exp", id="a date as text"),
        pytest.param([ALICE.jwk(exp=True)], "exp", id="a boolean as time"),
        pytest.param([ALICE.jwk(nbf=-1)], "nbf", id="a time before the epoch"),
        pytest.param([ALICE.jwk(iat=1_700_000_000_000)], "iat", id="milliseconds"),
        pytest.param([ALICE.jwk(revoked=True)], "revoked", id="revoked is no object"),
        pytest.param([ALICE.jwk(revoked={"reason": "x"})], "revoked", id="revoked without a time"),
        pytest.param([ALICE.jwk(revoked={"revoked_at": "x"})], "revoked_at", id="revoked at a text"),
        pytest.param([ALICE.jwk(revoked={"revoked_at": 1, "reason": 7})], "reason", id="a number as reason"),
        pytest.param([ALICE.jwk(revoked={"revoked_at": 1, "reason": "r" * 201})], "reason", id="a reason without end"),
        pytest.param([ALICE.jwk(revoked={"revoked_at": 1, "reason": "a\x1b[2J"})], "reason", id="a terminal escape"),
        pytest.param([{"crv": "Ed25519"}], "kty", id="no kty"),
        pytest.param([Signer.of(str(number)) for number in range(129)], "at most 128", id="too many keys"),
    ],
)
def test_a_list_is_refused_whole(entries: list[Any], why: str) -> None:
    with pytest.raises(EvidenceError, match=why):
        parse(*entries)


@pytest.mark.parametrize("data", [b"[]", b"{}", b'{"keys":{}}', b'{"keys":["x"]}', b'{"keys":[],"keys":[]}', b"<html>"])
def test_what_is_no_jwk_set_is_refused(data: bytes) -> None:
    with pytest.raises(EvidenceError):
        parse_key_list(data)


def test_a_list_has_a_size_cap() -> None:
    padding = KEY_LIST_MAX_BYTES - len(signer.key_list(ALICE, x=""))
    assert parse(ALICE, x="p" * padding).find(ALICE.thumbprint) is not None
    with pytest.raises(EvidenceError, match="at most 262144 bytes"):
        parse(ALICE, x="p" * (padding + 1))


@pytest.mark.parametrize(
    ("members", "now", "refusal"),
    [
        ({}, 100, None),
        ({"nbf": 100, "exp": 200}, 99.9, "not valid before 1970-01-01 00:01:40 UTC"),
        ({"nbf": 100, "exp": 200}, 100, None),
        ({"nbf": 100, "exp": 200}, 199.9, None),
        ({"nbf": 100, "exp": 200}, 200, "expired at 1970-01-01 00:03:20 UTC"),
        ({"revoked": {"revoked_at": 50, "reason": "lost"}}, 100, "revoked at 1970-01-01 00:00:50 UTC (lost)"),
        ({"revoked": {"revoked_at": 150}}, 100, "revoked at 1970-01-01 00:02:30 UTC"),
        ({"revoked": {"revoked_at": 0, "reason": ""}}, 100, "revoked at 1970-01-01 00:00:00 UTC"),
        ({"exp": 253402300799.9}, 253402300800, "expired at 9999-12-31 23:59:59 UTC"),
    ],
)
def test_a_key_may_sign_in_its_window_only(members: dict[str, Any], now: float, refusal: str | None) -> None:
    assert parse(ALICE.jwk(**members)).keys[0].refusal(now) == refusal


@pytest.mark.parametrize("template", ["{project}/{version}.jws", "https://keys.example/{filename}.jws", "r-{version}"])
def test_a_template_is_read(template: str) -> None:
    assert check_template(template, "it") == template


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("releases.jws", "{version} or {filename}"),
        ("{project}.jws", "{version} or {filename}"),
        ("{version}/{+path}", "got {[+]path}"),
        ("{version}/{user}", "got {user}"),
        ("{version", "RFC 6570"),
        ("{{version}}", "RFC 6570"),
        ("{version}\n", "RFC 6570"),
        ("{version}" + "a" * 2000, "RFC 6570"),
    ],
)
def test_another_template_is_refused(template: str, why: str) -> None:
    with pytest.raises(EvidenceError, match=why):
        parse(ALICE, releases=template)


def test_a_template_that_is_no_text_is_refused() -> None:
    with pytest.raises(EvidenceError, match="a text"):
        parse(ALICE, releases=["{version}"])


@pytest.mark.parametrize("where", ["top", "nested", "listed"])
def test_a_private_member_anywhere_refuses_the_list(where: str) -> None:
    stray: dict[str, dict[str, object]] = {
        "top": {"d": "x"},
        "nested": {"note": {"old": [{"d": "x"}]}},
        "listed": {"x": [[{"d": 1}]]},
    }
    with pytest.raises(EvidenceError, match='private member "d"'):
        parse_key_list(signer.to_json({"keys": [Signer.of("alice").jwk()]} | stray[where]))
