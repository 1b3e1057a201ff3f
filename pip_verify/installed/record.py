"""RECORD of an installed distribution (PEP 376, PEP 627), as pip leaves it.

In: its bytes and the directory it speaks of. Out: a row for each file, with its absolute path. Unlike a wheel's, it may
name absolute paths and paths above the directory (scripts), and list byte code without a digest. Refused: anything
but three CSV fields a line, a path twice, digests other than canonical sha256, sha384 and sha512, sizes that are no
plain decimal, a file without a digest that is neither byte code nor one that never has one.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from pip_verify.artifact.fault import shown
from pip_verify.artifact.record import DIGEST_BYTES
from pip_verify.encoding import b64u_decode
from pip_verify.errors import EvidenceError

_SIZE_RE = re.compile(r"(?:0|[1-9][0-9]{0,18})\Z")
_BARRED_RE = re.compile("[\x00-\x1f\x7f]")
_WITHOUT_DIGEST = ("RECORD", "RECORD.jws", "RECORD.p7s")  # of the own .dist-info; wheels never list them with one
_BYTECODE_RE = re.compile(r"(?:.*/)?__pycache__/[^/]+\.pyc\Z")


class InstalledRow(NamedTuple):
    """One file. path: absolute and normalised. algorithm, digest: both None for a file without one. size: bytes, None
    where none is stated."""

    path: str
    algorithm: str | None
    digest: bytes | None
    size: int | None


def parse_installed_record(data: bytes, library: str, folder: str) -> dict[str, InstalledRow]:
    """The rows by path. library: the directory (absolute, without symbolic links) that relative paths start from;
    folder: the name of the ``.dist-info`` in it. Raises EvidenceError."""
    what = os.path.join(library, folder, "RECORD")
    exempt = {f"{folder}/{name}" for name in _WITHOUT_DIGEST}
    rows: dict[str, InstalledRow] = {}
    for _, fields in _lines(data, what):
        row = _row(fields, library, exempt, what)
        if row.path in rows:
            raise EvidenceError(what, expected="one row for each file", got=f"two for {shown(fields[0])}")
        rows[row.path] = row
    return rows


def digest_without(data: bytes, paths: tuple[str, ...], what: str) -> str:
    """Hex sha256 of RECORD without the lines of ``paths``, each with its line ending. Raises EvidenceError."""
    return hashlib.sha256(b"".join(line for line, fields in _lines(data, what) if fields[0] not in paths)).hexdigest()


def _lines(data: bytes, what: str) -> Iterator[tuple[bytes, list[str]]]:
    """Each line with its line ending, and its three fields."""
    for number, line in enumerate(data.splitlines(keepends=True), start=1):  # of bytes: splits at LF, CRLF and CR only
        try:
            (fields,) = csv.reader([line.decode("utf-8")], strict=True)
        except (ValueError, csv.Error) as error:
            raise EvidenceError(what, expected="CSV in UTF-8", got=f"something else in line {number}") from error
        if len(fields) != 3 or _BARRED_RE.search(fields[0]) or not fields[0]:
            raise EvidenceError(what, expected="a path, a digest and a size a line", got=f"others in line {number}")
        yield line, fields


def _row(fields: list[str], library: str, exempt: set[str], what: str) -> InstalledRow:
    written, digest, size = fields
    path = _absolute(written, library)
    if size and not _SIZE_RE.match(size):
        raise EvidenceError(what, expected="sizes in plain decimal digits", got=f"{shown(size)} for {shown(written)}")
    bytes_stated = int(size) if size else None
    if not digest and (written in exempt or _BYTECODE_RE.match(written)):
        return InstalledRow(path, None, None, bytes_stated)
    algorithm, _, text = digest.partition("=")
    if algorithm not in DIGEST_BYTES:
        raise EvidenceError(what, expected="a sha256, sha384 or sha512 digest", got=f"none for {shown(written)}")
    raw = b64u_decode(text, f"{what}: the digest of {shown(written)}", length=DIGEST_BYTES[algorithm])
    return InstalledRow(path, algorithm, raw, bytes_stated)


def _absolute(written: str, library: str) -> str:
    """The file a row speaks of. A relative path starts in a directory without links; of an absolute one they are
    resolved, so that both name one file alike."""
    if not os.path.isabs(written):
        return os.path.normpath(os.path.join(library, written))
    folder, name = os.path.split(os.path.normpath(written))
    return os.path.join(os.path.realpath(folder), name)
