"""RECORD: the wheel's own list of its files, their digests and sizes (PEP 376, PEP 427, PEP 627), read strictly.

In: RECORD's bytes. Out: a row for each listed file, and the two digests that signatures over RECORD state. Refused:
anything but three CSV fields a line, lines that end in a lone CR, blank lines, a path twice, digests other than
canonical sha256, sha384 and sha512, sizes that are no plain decimal, a RECORD row that is missing or not empty, and
rows for the legacy signature files, which are never listed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pip_verify.artifact.fault import Spot, shown
from pip_verify.encoding import b64u_decode

DIGEST_BYTES = {"sha256": 32, "sha384": 48, "sha512": 64}
SIGNATURE = "release.jws"
LEGACY_SIGNATURE = "RECORD.jws"
_NEVER_LISTED = (LEGACY_SIGNATURE, "RECORD.p7s")

_FIELD = r'("(?:[^"]|"")*"|[^",\r\n]*)'
_ROW_RE = re.compile(rf"{_FIELD},{_FIELD},{_FIELD}(?:\r?\n)?\Z")
_SIZE_RE = re.compile(r"(?:0|[1-9][0-9]{0,18})\Z")


class Row(NamedTuple):
    """What RECORD says of one file. algorithm: a key of DIGEST_BYTES. size: bytes."""

    algorithm: str
    digest: bytes
    size: int


@dataclass(frozen=True)
class Record:
    """rows: by path, without RECORD's own. sha256: hex digest of RECORD's bytes, which a legacy RECORD.jws signs.
    signed_sha256: the same without the lines for release.jws and RECORD (formats.md 4)."""

    rows: dict[str, Row]
    sha256: str
    signed_sha256: str


def parse_record(data: bytes, folder: str, spot: Spot) -> Record:
    """Read RECORD of the ``.dist-info`` directory ``folder``; raises EvidenceError on any irregularity."""
    own_path = f"{folder}/RECORD"
    unsigned = (own_path, f"{folder}/{SIGNATURE}")
    signed = hashlib.sha256()
    rows: dict[str, Row] = {}
    own_row = False
    for line, (path, digest, size) in _lines(data, spot):
        if path not in unsigned:
            signed.update(line)
        if path in rows or (path == own_path and own_row):
            raise spot.breaks("one row for each file", f"two for {shown(path)}")
        if path != own_path:
            rows[path] = _row(path, digest, size, spot)
        elif digest or size:
            raise spot.breaks("neither digest nor size in RECORD's own row", shown(f"{digest},{size}"))
        else:
            own_row = True
    if not own_row:
        raise spot.breaks(f"a row for {own_path}", "none")
    listed = [name for name in _NEVER_LISTED if f"{folder}/{name}" in rows]
    if listed:
        raise spot.breaks("no row for a legacy signature file", f"one for {listed[0]}")
    return Record(rows, hashlib.sha256(data).hexdigest(), signed.hexdigest())


def match_files(record: Record, files: Iterable[tuple[str, int]], folder: str, spot: Spot) -> None:
    """Raises EvidenceError unless RECORD lists exactly ``files`` (path and size), without itself and RECORD.jws."""
    exempt = (f"{folder}/RECORD", f"{folder}/{LEGACY_SIGNATURE}")
    sizes = {path: size for path, size in files if path not in exempt}
    for path, size in sizes.items():
        row = record.rows.get(path)
        if row is None:
            raise spot.at(path).breaks("a row in RECORD for each file", "none")
        if row.size != size:
            raise spot.at(path).breaks(f"{row.size} bytes, as RECORD says", str(size))
    absent = next((path for path in record.rows if path not in sizes), None)
    if absent is not None:
        raise spot.breaks("a file in the wheel for each row", f"none named {shown(absent)}")


def _lines(data: bytes, spot: Spot) -> Iterator[tuple[bytes, tuple[str, str, str]]]:
    """Each line with its line ending, and its three fields."""
    if b"\r" in data.replace(b"\r\n", b""):
        raise spot.breaks("lines that end in LF or CRLF", "a lone CR")
    for number, line in enumerate(data.splitlines(keepends=True), start=1):  # of bytes: splits at LF and CRLF only
        try:
            row = _ROW_RE.match(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise spot.breaks("UTF-8", f"other bytes in line {number}") from error
        if row is None:
            raise spot.breaks("three CSV fields a line", f"{shown(repr(line))} in line {number}")
        path, digest, size = (_unquote(field) for field in row.groups())
        yield line, (path, digest, size)


def _unquote(field: str) -> str:
    return field[1:-1].replace('""', '"') if field.startswith('"') else field


def _row(path: str, digest: str, size: str, spot: Spot) -> Row:
    algorithm, _, text = digest.partition("=")
    if algorithm not in DIGEST_BYTES:
        raise spot.breaks("a sha256, sha384 or sha512 digest in each row", f"{shown(digest)} for {shown(path)}")
    if not _SIZE_RE.match(size):
        raise spot.breaks("a size in plain decimal digits in each row", f"{shown(size)} for {shown(path)}")
    what = f"{spot.filename}: RECORD's digest of {shown(path)}"
    return Row(algorithm, b64u_decode(text, what, length=DIGEST_BYTES[algorithm]), int(size))
