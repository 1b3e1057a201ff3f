"""RECORD: three fields, one row a file, digests and sizes spelled in one way only."""

from __future__ import annotations

import base64
import hashlib

import pytest

from pip_verify.artifact.fault import Spot
from pip_verify.artifact.record import Record, Row, match_files, parse_record
from pip_verify.errors import EvidenceError
from tests.makers import record_row

FOLDER = "demo-1.0.dist-info"
OWN = f"{FOLDER}/RECORD,,\n".encode()
SPOT = Spot("demo-1.0-py3-none-any.whl", f"{FOLDER}/RECORD")
DIGEST = hashlib.sha256(b"x").digest()
B64 = base64.urlsafe_b64encode(DIGEST).rstrip(b"=").decode()
ROW = record_row("demo/a.py", b"x")


def refused(data: bytes, rule: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        parse_record(data, FOLDER, SPOT)
    assert rule in caught.value.expected, str(caught.value)
    assert caught.value.subject.startswith(SPOT.filename)


def test_rows_and_digests() -> None:
    data = ROW + OWN
    record = parse_record(data, FOLDER, SPOT)
    assert record.rows == {"demo/a.py": Row("sha256", DIGEST, 1)}
    assert record.sha256 == hashlib.sha256(data).hexdigest()
    assert record.signed_sha256 == hashlib.sha256(ROW).hexdigest()


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("own_first", [True, False])
def test_the_signed_digest_leaves_out_two_lines_with_their_line_ends(*, end: bytes, own_first: bool) -> None:
    other = [record_row(f"demo/{name}.py", b"x").replace(b"\n", end) for name in "ab"]
    signature = record_row(f"{FOLDER}/release.jws", b"{}").replace(b"\n", end)
    own = OWN.replace(b"\n", end)
    lines = [own, other[0], signature, other[1]] if own_first else [*other, signature, own]
    record = parse_record(b"".join(lines), FOLDER, SPOT)
    assert record.signed_sha256 == hashlib.sha256(b"".join(other)).hexdigest()
    assert f"{FOLDER}/release.jws" in record.rows


def test_a_last_line_without_line_end() -> None:
    assert parse_record(ROW + OWN.rstrip(), FOLDER, SPOT).signed_sha256 == hashlib.sha256(ROW).hexdigest()
    assert parse_record(OWN + ROW.rstrip(), FOLDER, SPOT).signed_sha256 == hashlib.sha256(ROW.rstrip()).hexdigest()


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_the_three_digests(algorithm: str) -> None:
    row = parse_record(record_row("a", b"x", algorithm) + OWN, FOLDER, SPOT).rows["a"]
    assert row == Row(algorithm, hashlib.new(algorithm, b"x").digest(), 1)


@pytest.mark.parametrize("path", ["a,b.py", 'say "hi".py', '"', ",", "é.py"])
def test_quoted_and_other_names(path: str) -> None:
    assert list(parse_record(record_row(path, b"x") + OWN, FOLDER, SPOT).rows) == [path]
    quoted = b'"' + ROW.replace(b",", b'",', 1)
    assert list(parse_record(quoted + OWN, FOLDER, SPOT).rows) == ["demo/a.py"]


@pytest.mark.parametrize(
    "algorithm", ["md5", "sha1", "SHA256", "sha224", "sha999", "sha3_256", "blake2b", "", " sha256"]
)
def test_other_digests(algorithm: str) -> None:
    refused(f"a,{algorithm}={B64},1\n".encode() + OWN, "a sha256, sha384 or sha512 digest")


@pytest.mark.parametrize("digest", ["", "sha256", f"sha256:{B64}", B64])
def test_no_digest(digest: str) -> None:
    refused(f"a,{digest},1\n".encode() + OWN, "a sha256, sha384 or sha512 digest" if digest != "sha256" else "32 bytes")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (B64 + "=", "base64url"),
        (B64[:-1], "canonical base64url"),
        (B64[:-3], "32 bytes"),
        (B64 + "AA", "base64url"),
        (B64.replace("-", "+").replace("_", "/")[:-1] + "+", "base64url"),
        (B64[:-1] + chr(ord(B64[-1]) + 1), "canonical base64url"),
        (DIGEST.hex(), "32 bytes"),
        ("", "32 bytes"),
        (" " + B64, "base64url"),
    ],
)
def test_digests_that_are_spelled_otherwise(text: str, rule: str) -> None:
    refused(f"a,sha256={text},1\n".encode() + OWN, rule)


@pytest.mark.parametrize("size", ["", "-1", "+1", "01", "1 ", " 1", "1_0", "0x1", "1.0", "1e1", "\u0661", "9" * 20])
def test_sizes_that_are_no_plain_decimal(size: str) -> None:
    refused(f"a,sha256={B64},{size}\n".encode() + OWN, "a size in plain decimal digits")


@pytest.mark.parametrize(
    "line",
    [
        "\n",
        "\r\n",
        "a\n",
        f"a,sha256={B64}\n",
        f"a,sha256={B64},1,\n",
        f"a,b,sha256={B64},1\n",
        f'a"b,sha256={B64},1\n',
        f'"a"b,sha256={B64},1\n',
        f'"a,sha256={B64},1\n',
        f'"a"",sha256={B64},1\n',
        f'"a\nb",sha256={B64},1\n',
        f"a;sha256={B64};1\n",
    ],
)
def test_lines_that_are_not_three_fields(line: str) -> None:
    refused(line.encode() + OWN, "three CSV fields a line")


@pytest.mark.parametrize("data", [ROW.replace(b"\n", b"\r") + OWN, OWN[:-1] + b"\r", ROW[:-1] + b"\r\r\n" + OWN])
def test_lone_carriage_returns(data: bytes) -> None:
    refused(data, "lines that end in LF or CRLF")


def test_bytes_that_are_not_utf8() -> None:
    refused(ROW + b"\xff" + ROW + OWN, "UTF-8")


def test_the_line_is_named() -> None:
    with pytest.raises(EvidenceError, match=r"in line 2"):
        parse_record(ROW + b"x\n" + OWN, FOLDER, SPOT)


def test_a_byte_order_mark_is_part_of_the_first_name() -> None:
    assert list(parse_record(b"\xef\xbb\xbf" + ROW + OWN, FOLDER, SPOT).rows) == ["\ufeffdemo/a.py"]


@pytest.mark.parametrize("data", [ROW + ROW + OWN, ROW + OWN + OWN])
def test_two_rows_for_one_file(data: bytes) -> None:
    refused(data, "one row for each file")


@pytest.mark.parametrize("data", [b"", ROW, ROW + b"other-1.0.dist-info/RECORD,,\n"])
def test_no_row_for_record_itself(data: bytes) -> None:
    refused(data, "a sha256" if b"other" in data else "a row for demo-1.0.dist-info/RECORD")


@pytest.mark.parametrize("fields", [f"sha256={B64},1", f"sha256={B64},", ",1"])
def test_a_digest_in_records_own_row(fields: str) -> None:
    refused(ROW + f"{FOLDER}/RECORD,{fields}\n".encode(), "neither digest nor size in RECORD's own row")


@pytest.mark.parametrize("name", ["RECORD.jws", "RECORD.p7s"])
def test_a_row_for_a_legacy_signature(name: str) -> None:
    refused(record_row(f"{FOLDER}/{name}", b"x") + OWN, "no row for a legacy signature file")
    refused(f"{FOLDER}/{name},,\n".encode() + OWN, "a sha256, sha384 or sha512 digest")


def match(*files: tuple[str, int]) -> None:
    record = Record({"a": Row("sha256", DIGEST, 1)}, "", "")
    match_files(record, files, FOLDER, SPOT)


def test_files_and_rows_match_both_ways() -> None:
    match(("a", 1))
    match(("a", 1), (f"{FOLDER}/RECORD", 9), (f"{FOLDER}/RECORD.jws", 9))
    with pytest.raises(EvidenceError, match="a file in the wheel for each row"):
        match()
    with pytest.raises(EvidenceError, match="1 bytes, as RECORD says"):
        match(("a", 2))


@pytest.mark.parametrize("path", ["b", "A", f"{FOLDER}/RECORD.p7s", "other-1.dist-info/RECORD.jws", "RECORD", "./a"])
def test_a_file_without_a_row(path: str) -> None:
    with pytest.raises(EvidenceError, match="a row in RECORD for each file") as caught:
        match(("a", 1), (path, 1))
    assert path in caught.value.subject
