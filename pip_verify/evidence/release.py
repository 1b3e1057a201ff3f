"""Release statements (formats.md 3): an in-toto Statement v1 with the Release predicate, signed as a JWS.

Bytes come in, a ``Claim`` goes out: project, version, and each file's name and sha256. Refused: a statement
without subjects, a file named twice, a subject without a lower-case sha256, a purl that is not exactly
``pkg:pypi/<name>@<version>``, and members that neither in-toto nor formats.md knows. in-toto lets a consumer
ignore those; here a member that is not understood could be a condition that does not hold. The predicate may
have more members, and a subject the other fields of in-toto's ResourceDescriptor; none of them is read.
"""

from __future__ import annotations

import re

from pip_verify.artifact.name import canonical_version, normalise
from pip_verify.encoding import b64u_decode, exact_members, json_object
from pip_verify.errors import EvidenceError
from pip_verify.evidence import Claim, Subject
from pip_verify.evidence.jws import JWS_MAX_BYTES, parse_general

TYP = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/release/v0.1"
MAX_SUBJECTS = 4096

_SUBJECT_FIELDS = ("name", "digest")
_DESCRIPTOR_FIELDS = frozenset(
    ("annotations", "content", "downloadLocation", "mediaType", "uri")
)  # ResourceDescriptor v1
_FILE_NAME_RE = re.compile(r"[^/\\]{1,255}\Z")
_SHA256_RE = re.compile(r"[0-9a-f]{64}\Z")
_PURL_RE = re.compile(r"pkg:pypi/([A-Za-z0-9._-]+)@((?:[A-Za-z0-9._+!-]|%[0-9A-Fa-f]{2})+)\Z")
_VERSION_RE = re.compile(r"[A-Za-z0-9._+!-]+\Z")


def parse(data: bytes) -> Claim:
    """Parse a signed release statement of at most 1 MiB; raises EvidenceError. Nothing in it is believed."""
    what = "release statement"
    payload, signatures = parse_general(data, what, typ=TYP)
    statement = json_object(b64u_decode(payload, f"{what}: payload"), what, max_bytes=JWS_MAX_BYTES)
    exact_members(statement, what, ("_type", "subject", "predicateType", "predicate"))
    for name, value in (("_type", STATEMENT_TYPE), ("predicateType", PREDICATE_TYPE)):
        if statement[name] != value:
            raise EvidenceError(f"{what}: {name}", expected=f'"{value}"', got=repr(statement[name])[:100])
    subjects = _parse_subjects(statement["subject"], f"{what}: subject")
    project, version = _parse_predicate(statement["predicate"], f"{what}: predicate")
    return Claim(project, version, subjects, signatures, payload.encode("ascii"))


def _parse_subjects(entries: object, what: str) -> tuple[Subject, ...]:
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_SUBJECTS:
        got = f"{len(entries)}" if isinstance(entries, list) else type(entries).__name__
        raise EvidenceError(what, expected=f"a list of 1 to {MAX_SUBJECTS} files", got=got)
    subjects: dict[str, Subject] = {}
    for number, entry in enumerate(entries):
        subject = _parse_subject(entry, f"{what}[{number}]")
        if subject.name in subjects:
            raise EvidenceError(what, expected="each file once", got=f"{subject.name} twice")
        subjects[subject.name] = subject
    return tuple(subjects.values())


def _parse_subject(entry: object, what: str) -> Subject:
    members = exact_members(entry, what, _SUBJECT_FIELDS, _DESCRIPTOR_FIELDS)
    name, digests = members["name"], members["digest"]
    if not isinstance(name, str) or not _is_file_name(name):
        raise EvidenceError(f"{what}: name", expected="a file name without a path", got=repr(name)[:80])
    if not isinstance(digests, dict) or not all(isinstance(value, str) for value in digests.values()):
        raise EvidenceError(f"{what}: digest", expected="an object of texts", got=repr(digests)[:80])
    sha256 = digests.get("sha256", "")  # digests of other algorithms may stand beside it; they are not read
    if not _SHA256_RE.match(sha256):
        raise EvidenceError(f"{what}: digest: sha256", expected="64 lower-case hex digits", got=repr(sha256)[:80])
    return Subject(name, sha256)


def _is_file_name(name: str) -> bool:
    return _FILE_NAME_RE.match(name) is not None and name.isprintable() and name not in {".", ".."}


def _parse_predicate(predicate: object, what: str) -> tuple[str, str]:
    if not isinstance(predicate, dict):
        raise EvidenceError(what, expected="a JSON object", got=type(predicate).__name__)
    return parse_purl(predicate.get("purl"), f"{what}: purl")


def parse_purl(text: object, what: str = "purl") -> tuple[str, str]:
    """Read a package URL that says ``pkg:pypi/<name>@<version>`` and no more (no qualifiers, no subpath).

    ``+`` and ``!`` of the version may be percent-encoded, as the purl specification writes them. Returns the
    normalised name and the canonical version; raises EvidenceError.
    """
    match = _PURL_RE.match(text) if isinstance(text, str) else None
    if match is None:
        raise EvidenceError(what, expected="pkg:pypi/<name>@<version>", got=repr(text)[:80])
    version = re.sub(r"%(..)", lambda escape: chr(int(escape[1], 16)), match[2])
    if not _VERSION_RE.match(version):
        raise EvidenceError(what, expected="a PEP 440 version after @", got=repr(version)[:80])
    return normalise(match[1], what), canonical_version(version, what)
