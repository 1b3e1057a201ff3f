"""Base64url and JSON from strangers: one reading or an EvidenceError. And the errors' own words."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_verify.encoding import (
    MAX_DEPTH,
    b64u_decode,
    b64u_encode,
    exact_members,
    json_decode,
    json_encode,
    json_object,
)
from pip_verify.errors import EvidenceError, PipVerifyError, SourceError, UsageError
from tests.vectors import vectors_dir

CAP = 1024 * 1024


def read(text: str | bytes) -> Any:
    return json_decode(text.encode() if isinstance(text, str) else text, "it", max_bytes=CAP)


# Errors


def test_an_error_reads_subject_expected_got() -> None:
    error = UsageError("demo.txt:3", expected="a key", got="nothing", hint="add one")
    assert str(error) == "demo.txt:3: expected a key, got nothing"
    assert (error.subject, error.expected, error.got, error.hint) == ("demo.txt:3", "a key", "nothing", "add one")


def test_an_error_leaves_out_what_it_does_not_know() -> None:
    assert str(PipVerifyError("x")) == "x"
    assert str(PipVerifyError("x", got="y")) == "x: got y"


def test_each_family_has_its_exit_code() -> None:
    assert [kind.exit_code for kind in (UsageError, SourceError, EvidenceError)] == [2, 14, 12]


# Base64url (RFC 4648 section 5, RFC 7515 section 2)


@given(st.binary(max_size=100))
def test_base64url_comes_back_as_it_went(data: bytes) -> None:
    assert b64u_decode(b64u_encode(data), "it") == data


@pytest.mark.parametrize(
    "text",
    ["QQ==", "QQ=", "Q Q", "QQ\n", "\nQQ", "Q+", "Q/", "Q", "QUJDR", "QÄ", "Q\0", None, 7, b"QQ", ["QQ"]],
)
def test_what_is_not_base64url_is_refused(text: object) -> None:
    with pytest.raises(EvidenceError, match="base64url text without padding"):
        b64u_decode(text, "it")


@pytest.mark.parametrize("text", ["QR", "QUJ", "__9"])
def test_left_over_bits_are_refused(text: str) -> None:
    with pytest.raises(EvidenceError, match="canonical"):
        b64u_decode(text, "it")


def test_length_is_held() -> None:
    assert b64u_decode("QUI", "it", length=2) == b"AB"
    with pytest.raises(EvidenceError, match="expected 3 bytes, got 2 bytes"):
        b64u_decode("QUI", "it", length=3)


def test_a_message_never_repeats_all_of_a_long_text() -> None:
    with pytest.raises(EvidenceError) as caught:
        b64u_decode("=" * 10_000, "it")
    assert len(str(caught.value)) < 200


# JSON (RFC 8259)


def test_json_test_suite() -> None:
    cases = json.loads((vectors_dir("json") / "jsontestsuite.json").read_text("utf-8"))
    read_well, refused = set(), set()
    for name, encoded in cases.items():
        try:
            json_decode(base64.b64decode(encoded), name, max_bytes=CAP)
            read_well.add(name)
        except EvidenceError:
            refused.add(name)
    assert len(cases) == 317
    assert {name for name in read_well if name.startswith("n_")} == set()
    assert {name for name in refused if name.startswith("y_")} == {
        "y_object_duplicated_key.json",
        "y_object_duplicated_key_and_value.json",
    }
    assert sum(name.startswith("y_") for name in read_well) == 93
    assert sum(name.startswith("n_") for name in refused) == 187


def test_json_is_read() -> None:
    assert read('{"a": [1, 2.5, "x", true, null]}') == {"a": [1, 2.5, "x", True, None]}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a":1,"a":1}', "member 'a' stands twice"),
        ('{"x":{"a":1,"b":2,"a":3}}', "member 'a' stands twice"),
        ('{"a":1,"\\u0061":2}', "member 'a' stands twice"),
        ("NaN", "not JSON"),
        ("[Infinity]", "not JSON"),
        ("[-Infinity]", "not JSON"),
        ("1e999", "out of range"),
        ("-1e999", "out of range"),
        ('"\\ud800"', "surrogate"),
        ('{"\\udfff":1}', "surrogate"),
        ('[{"a":["\\ud800"]}]', "surrogate"),
        ("\ufeff{}", "JSON"),
        ("", "JSON"),
        ("{} {}", "JSON"),
        ("{'a':1}", "JSON"),
        ("[1,]", "JSON"),
        ("9" * 5000, "JSON"),
    ],
)
def test_irregular_json_is_refused(text: str, why: str) -> None:
    with pytest.raises(EvidenceError, match=why):
        read(text)


@pytest.mark.parametrize("data", [b'"\xff"', b'"\xed\xa0\x80"', '"a"'.encode("utf-16"), '"a"'.encode("utf-32")])
def test_anything_but_utf_8_is_refused(data: bytes) -> None:
    with pytest.raises(EvidenceError, match="UTF-8"):
        read(data)


def test_paired_surrogates_and_other_escapes_are_read() -> None:
    assert read('{"\\ud83d\\ude00":["\\u00e9",{"b":1}]}') == {"😀": ["é", {"b": 1}]}


def test_depth_is_capped() -> None:
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH) is not None
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        depth = MAX_DEPTH + 1
        with pytest.raises(EvidenceError, match="levels"):
            read(opening * depth + "1" + closing * depth)


def test_brackets_side_by_side_or_in_strings_are_not_depth() -> None:
    assert len(read("[" + ",".join(["[]"] * 100) + "]")) == 100
    assert read('["' + "[{" * 100 + '","\\"[",{}]') == ["[{" * 100, '"[', {}]


@pytest.mark.parametrize("text", ['"\\\\"', '"\\""', '"\\\\\\""', '""', '"[\\"["'])
def test_nesting_hidden_behind_a_string_with_escapes_counts(text: str) -> None:
    read(f"[{text}," + "[" * (MAX_DEPTH - 1) + "]" * MAX_DEPTH)
    with pytest.raises(EvidenceError, match="levels"):
        read(f"[{text}," + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "]")


def test_the_size_cap_is_exact() -> None:
    assert json_decode(b'"ab"', "it", max_bytes=4) == "ab"
    with pytest.raises(EvidenceError, match="at most 3 bytes, got 4 bytes"):
        json_decode(b'"ab"', "it", max_bytes=3)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b"[]" * 33 + b'"' + b'\\"' * 500_000, id="a string without an end, full of escaped quotes"),
        pytest.param(b"{" + b",".join(b'"%d":0' % n for n in range(90_000)) + b',"z":0,"z":0}', id="many members"),
        pytest.param(b"[" * 1_000_000, id="nesting"),
        pytest.param(b'["' + b"[" * 999_000 + b'"', id="brackets in a string"),
    ],
)
def test_a_hostile_document_takes_no_more_than_a_moment(document: bytes) -> None:
    started = time.process_time()
    with pytest.raises(EvidenceError):
        read(document)
    assert time.process_time() - started < 2.0  # seconds; a quadratic scan of a mebibyte takes minutes


def test_a_duplicate_name_is_not_repeated_in_full() -> None:
    name = "a" * 100_000
    with pytest.raises(EvidenceError) as caught:
        read(f'{{"{name}":1,"{name}":2}}')
    assert len(str(caught.value)) < 200


def test_an_object_is_demanded() -> None:
    assert json_object(b'{"a":1}', "it", max_bytes=CAP) == {"a": 1}
    with pytest.raises(EvidenceError, match="a JSON object, got list"):
        json_object(b"[]", "it", max_bytes=CAP)


def test_members_are_exact() -> None:
    assert exact_members({"a": 1}, "it", ("a",), ("b",)) == {"a": 1}
    assert exact_members({"a": 1, "b": 2}, "it", ("a",), ("b",)) == {"a": 1, "b": 2}
    for value, why in (([], "a JSON object, got list"), ({}, 'a member "a"'), ({"a": 1, "c": 2}, "only the members a")):
        with pytest.raises(EvidenceError, match=why):
            exact_members(value, "it", ("a",), ("b",))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON_VALUES)
def test_what_is_written_can_be_read(value: object) -> None:
    assert read(json_encode(value)) == value


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\u0dae1-.', max_size=40).map(str.encode))
def test_any_bytes_are_read_as_the_standard_library_reads_them_or_refused(data: bytes) -> None:
    try:
        value = read(data)
    except EvidenceError:
        return
    assert value == json.loads(data)


def test_nothing_that_json_lacks_is_written() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        json_encode(float("nan"))
