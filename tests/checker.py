"""A checker that knows nothing of pip_verify: written from the page on formats alone, with PyNaCl, json and zipfile.

It answers what a verifier must answer about key lists, release statements and signatures inside wheels, so that tests
compare two independent readings of the formats, as ``signer`` does for writing. It does not read wheels strictly: that
is section 6, and whoever needs that compares in one direction only.
"""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from packaging.version import InvalidVersion, Version

DEPTH = 32
_PROJECT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")  # PEP 508
_PURL = re.compile(r"pkg:pypi/([^/@?#%]+)@([^/@?#]+)")
_DESCRIPTOR = {"name", "digest", "annotations", "content", "downloadLocation", "mediaType", "uri"}
_STATEMENT = {
    "_type": "https://in-toto.io/Statement/v1",
    "predicateType": "https://in-toto.io/attestation/release/v0.1",
}


class Refused(Exception):
    """Not to be believed, and why."""


def demand(condition: object, why: str) -> None:
    if not condition:
        raise Refused(why)


# -- JSON and base64url --------------------------------------------------------------------------------------


def read_json(data: bytes) -> Any:
    """UTF-8 without byte order mark, no duplicate members, no NaN or infinity, no lone surrogate, depth at most 32."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        demand(len(set(names)) == len(names), "a member twice")
        return dict(pairs)

    def constant(name: str) -> Any:
        raise Refused(name)

    def number(text: str) -> float:
        value = float(text)
        demand(value not in (float("inf"), float("-inf")), "out of range")
        return value

    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=members, parse_constant=constant, parse_float=number)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise Refused(f"JSON: {error}") from error
    _check_depth(value, DEPTH)
    return value


def _check_depth(value: object, left: int) -> None:
    if isinstance(value, dict | list):
        demand(left, "too deep")
        for item in value.values() if isinstance(value, dict) else value:
            _check_depth(item, left - 1)


def read_object(data: bytes) -> dict[str, Any]:
    value = read_json(data)
    demand(isinstance(value, dict), "no object")
    return dict(value)


def b64u(text: object, length: int | None = None) -> bytes:
    """Without padding and canonical: decode, encode again, compare."""
    demand(isinstance(text, str), "no text")
    try:
        data = base64.b64decode(str(text).encode("ascii") + b"==", altchars=b"-_")
    except (UnicodeEncodeError, binascii.Error) as error:
        raise Refused(f"base64url: {error}") from error
    demand(base64.urlsafe_b64encode(data).rstrip(b"=").decode() == text, "base64url that is not canonical")
    demand(length in (None, len(data)), "another length")
    return data


def exactly(value: object, names: Iterable[str], more: Collection[str] = ()) -> dict[str, Any]:
    demand(isinstance(value, dict), "no object")
    assert isinstance(value, dict)
    demand(set(names) <= set(value) <= {*names, *more}, f"members {sorted(value)}")
    return value


# -- keys and lists ------------------------------------------------------------------------------------------


def read_key(text: str) -> bytes:
    """The 32 bytes of ``ed25519:…``, gated."""
    demand(text.startswith("ed25519:"), "no key")
    return gate(b64u(text[8:], 32))


def gate(raw: bytes) -> bytes:
    demand(len(raw) == 32 and crypto_core_ed25519_is_valid_point(raw), "a weak key, or none")
    return raw


def thumbprint(raw: bytes) -> str:
    """RFC 7638."""
    x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return base64.urlsafe_b64encode(hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest())[
        :-1
    ].decode()


def verifies(raw: bytes, message: bytes, signature: bytes) -> bool:
    try:
        VerifyKey(raw).verify(message, signature)
    except (BadSignatureError, ValueError):
        return False
    return True


def read_key_list(data: bytes, now: float) -> dict[str, bytes]:
    """The keys that may sign at ``now``, by every name they go by."""
    demand(len(data) <= 256 * 1024, "too large")
    entries = read_object(data).get("keys")
    demand(isinstance(entries, list), "no keys")
    assert isinstance(entries, list)
    demand(len(entries) <= 128, "too many keys")
    kids = [entry["kid"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("kid"), str)]
    demand(len(set(kids)) == len(kids), "one kid twice")
    names: dict[str, bytes] = {}
    valid: dict[str, bytes] = {}
    for entry in entries:
        demand(isinstance(entry, dict) and isinstance(entry.get("kty"), str), "no JWK")
        demand("d" not in entry, "a private key")
        demand(entry.get("use", "sig") == "sig", "another use")
        operations = entry.get("key_ops", ["verify"])
        demand(isinstance(operations, list) and "verify" in operations, "another operation")
        if (entry["kty"], entry.get("crv")) != ("OKP", "Ed25519"):
            continue
        demand(entry.get("alg", "Ed25519") in ("Ed25519", "EdDSA"), "another algorithm")
        raw = gate(b64u(entry.get("x"), 32))
        for name in {thumbprint(raw), entry.get("kid", thumbprint(raw))}:
            demand(isinstance(name, str) and name not in names, "one key twice")
            names[name] = raw
            if _may_sign(entry, now):
                valid[name] = raw
    return valid


def _may_sign(entry: Mapping[str, Any], now: float) -> bool:
    times = {name: _time(entry[name]) for name in ("iat", "nbf", "exp") if name in entry}
    if "revoked" in entry:
        demand(isinstance(entry["revoked"], dict) and "revoked_at" in entry["revoked"], "a revocation of no time")
        _time(entry["revoked"]["revoked_at"])
        return False
    return times.get("nbf", now) <= now < times.get("exp", now + 1)


def _time(value: object) -> float:
    demand(isinstance(value, int | float) and not isinstance(value, bool), "no time")
    assert isinstance(value, int | float)
    demand(0 <= value < 253402300800, "no time before the year 10000")
    return float(value)


# -- statements ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Statement:
    """What a JWS says, and which of its signatures are over it: (kid, signing input, signature)."""

    project: str
    version: str
    files: Mapping[str, str]
    signatures: tuple[tuple[str, bytes, bytes], ...]

    def signers(self, keys: Mapping[str, bytes]) -> set[bytes]:
        """The distinct keys, of those given by name, that signed it."""
        return {
            keys[kid] for kid, message, value in self.signatures if kid in keys and verifies(keys[kid], message, value)
        }


def read_statement(data: bytes) -> Statement:
    """A JWS in general JSON serialization over an in-toto Statement with the Release predicate."""
    demand(len(data) <= 1 << 20, "too large")
    document = exactly(read_object(data), ("payload", "signatures"))
    entries = document["signatures"]
    demand(isinstance(entries, list) and 1 <= len(entries) <= 64, "signatures")
    statement = exactly(read_object(b64u(document["payload"])), ("_type", "subject", "predicateType", "predicate"))
    demand(all(statement[name] == value for name, value in _STATEMENT.items()), "another kind of statement")
    project, version = _read_predicate(statement["predicate"])
    signatures = tuple(_read_signature(entry, document["payload"]) for entry in entries)
    return Statement(project, version, _read_subjects(statement["subject"]), signatures)


def _read_signature(entry: object, payload: str) -> tuple[str, bytes, bytes]:
    members = exactly(entry, ("protected", "signature"))
    header = exactly(read_object(b64u(members["protected"])), ("alg", "kid", "typ"))
    demand(header["alg"] in ("Ed25519", "EdDSA"), "another algorithm")
    demand(header["typ"] == "application/vnd.in-toto+json", "another type")
    demand(isinstance(header["kid"], str) and header["kid"], "no kid")
    return header["kid"], f"{members['protected']}.{payload}".encode("ascii"), b64u(members["signature"], 64)


def _read_subjects(entries: object) -> dict[str, str]:
    demand(isinstance(entries, list) and 1 <= len(entries) <= 4096, "subjects")
    assert isinstance(entries, list)
    files: dict[str, str] = {}
    for entry in entries:
        subject = exactly(entry, ("name", "digest"), _DESCRIPTOR)
        name, digest = subject["name"], subject["digest"]
        demand(isinstance(name, str) and name not in ("", ".", "..") and not set(name) & set("/\\"), "no file name")
        demand(name not in files, "a file twice")
        demand(isinstance(digest, dict) and all(isinstance(value, str) for value in digest.values()), "digests")
        demand(re.fullmatch("[0-9a-f]{64}", digest.get("sha256", "")), "no sha256")
        files[name] = digest["sha256"]
    return files


def _read_predicate(predicate: object) -> tuple[str, str]:
    demand(isinstance(predicate, dict), "no predicate")
    assert isinstance(predicate, dict)
    purl = predicate.get("purl")
    match = _PURL.fullmatch(purl) if isinstance(purl, str) else None
    demand(match, "no purl of a release")
    assert match
    demand(_PROJECT.fullmatch(match[1]), "no name of a project")
    try:
        text = unquote(match[2], errors="strict")
        demand(text == text.strip(), "white space around a version")  # which packaging forgives
        version = Version(text)
    except (InvalidVersion, UnicodeDecodeError) as error:
        raise Refused(f"version: {error}") from error
    return normalise(match[1]), str(version)


def normalise(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def speaks_for(data: bytes, keys: Mapping[str, bytes], filename: str, sha256: str, *, threshold: int = 1) -> set[bytes]:
    """The keys by which a release statement speaks for a file; raises Refused when it does not."""
    statement = read_statement(data)
    _check_release(statement, filename)
    demand(statement.files.get(filename) == sha256, "another file")
    found = statement.signers(keys)
    demand(len(found) >= threshold, "too few signatures")
    return found


def _check_release(statement: Statement, filename: str) -> None:
    stem = filename.removesuffix(".tar.gz") if filename.endswith(".tar.gz") else "-".join(filename.split("-")[:2])
    project, _, version = stem.rpartition("-")
    demand(normalise(project) == statement.project, "another project")
    demand(Version(version) == Version(statement.version), "another version")


# -- inside a wheel ------------------------------------------------------------------------------------------


def speaks_in_wheel(data: bytes, keys: Mapping[str, bytes], filename: str) -> set[bytes]:
    """The keys by which ``release.jws`` inside speaks for a wheel whose structure is sound; raises Refused."""
    with zipfile.ZipFile(io.BytesIO(data)) as wheel:
        folder = dist_info(wheel)
        record = wheel.read(f"{folder}/RECORD")
        check_record(wheel, record, folder)
        demand(f"{folder}/release.jws" in wheel.namelist(), "not signed")
        statement = read_statement(wheel.read(f"{folder}/release.jws"))
        tags = re.findall(r"^Tag: *(\S+)", wheel.read(f"{folder}/WHEEL").decode(), re.MULTILINE)
    own = tuple(f"{folder}/{name},".encode() for name in ("release.jws", "RECORD"))
    signed = b"".join(line for line in record.splitlines(keepends=True) if not line.startswith(own))
    _check_release(statement, filename)
    demand(dict(statement.files) == {"RECORD": hashlib.sha256(signed).hexdigest()}, "another RECORD")
    stated = {tag for text in tags for tag in _expanded(text)}
    demand(_expanded("-".join(filename.removesuffix(".whl").split("-")[-3:])) <= stated, "other tags")
    found = statement.signers(keys)
    demand(found, "too few signatures")
    return found


def _expanded(tags: str) -> set[str]:
    """PEP 425."""
    python, abi, platform = tags.split("-")
    return {f"{a}-{b}-{c}" for a in python.split(".") for b in abi.split(".") for c in platform.split(".")}


def dist_info(wheel: zipfile.ZipFile) -> str:
    found = {name.split("/")[0] for name in wheel.namelist() if name.split("/")[0].endswith(".dist-info")}
    demand(len(found) == 1, "not one .dist-info")
    return found.pop()


def check_record(wheel: zipfile.ZipFile, record: bytes, folder: str) -> None:
    """A row for each file and a file for each row, with its digest and size; RECORD and RECORD.jws are exempt."""
    rows = list(csv.reader(io.StringIO(record.decode("utf-8"), newline="")))
    demand(all(len(row) == 3 for row in rows), "rows of three fields")
    listed = {path: (digest, size) for path, digest, size in rows}
    demand(len(listed) == len(rows), "a row twice")
    demand(listed.pop(f"{folder}/RECORD", None) == ("", ""), "RECORD's own row")
    names = [name for name in wheel.namelist() if not name.endswith("/")]
    demand(len(set(names)) == len(names), "a file twice")
    there = set(names) - {f"{folder}/RECORD", f"{folder}/RECORD.jws"}
    demand(there == set(listed), "a file without row or a row without file")
    for name, (digest, size) in listed.items():
        algorithm, _, value = digest.partition("=")
        demand(algorithm in ("sha256", "sha384", "sha512"), "another algorithm")
        contents = wheel.read(name)
        demand(hashlib.new(algorithm, contents).digest() == b64u(value), f"another digest of {name}")
        demand(str(len(contents)) == size, f"another size of {name}")


def speaks_legacy(data: bytes, keys: Collection[bytes]) -> set[bytes]:
    """The keys, of those pinned, by which ``RECORD.jws`` speaks for a wheel whose structure is sound."""
    with zipfile.ZipFile(io.BytesIO(data)) as wheel:
        folder = dist_info(wheel)
        record = wheel.read(f"{folder}/RECORD")
        check_record(wheel, record, folder)
        document = exactly(read_object(wheel.read(f"{folder}/RECORD.jws")), ("payload", "recipients"))
    stated = exactly(read_object(b64u(document["payload"])), ("hash",))["hash"]
    digest = base64.urlsafe_b64encode(hashlib.sha256(record).digest()).rstrip(b"=").decode()
    demand(stated == f"sha256={digest}", "another RECORD")
    found = set()
    for entry in document["recipients"]:
        members = exactly(entry, ("header", "signature"))
        header = exactly(read_object(b64u(members["header"])), ("alg", "jwk"))
        jwk = exactly(header["jwk"], ("kty", "vk"))
        demand((header["alg"], jwk["kty"]) == ("Ed25519", "Ed25519"), "another algorithm")
        raw = b64u(jwk["vk"], 32)
        message = f"{members['header']}.{document['payload']}".encode("ascii")
        if raw in keys and verifies(raw, message, b64u(members["signature"], 64)):
            found.add(raw)
    demand(found, "signed by nobody who is pinned")
    return found
