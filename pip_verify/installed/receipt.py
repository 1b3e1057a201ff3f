"""A receipt as it lies in an environment: ``pip-verify.json``, schema pip-verify-receipt/1 (docs/receipts.md).

In: what a run decided about one wheel, or the bytes of a receipt. Out: the document that the hook completes and
writes, or a ``Receipt``. Refused when read: whatever this version would not have written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final, Literal, cast, get_args

from pip_verify import __version__
from pip_verify.artifact.name import Artifact, Kind, canonical_version, normalise, parse_filename, same_version
from pip_verify.encoding import exact_members, json_object
from pip_verify.errors import EvidenceError
from pip_verify.evidence import Place, PlaceKind
from pip_verify.evidence.formats import FORMATS
from pip_verify.keys import PublicKey
from pip_verify.report.safe import redact
from pip_verify.verdict import CATALOGUE, Decision, Verdict

NAME: Final = "pip-verify.json"
SCHEMA: Final = "pip-verify-receipt/1"
MAX_BYTES: Final = 256 * 1024
WAYS: Final = ("signature", "first-use", "exemption", "hash", "built", "local", "vcs")

_STATED = ("schema", "decision", "project", "version", "filename", "sha256", "source", "by", "reasons", "keys")
_MORE = ("publishers", "evidence", "place", "policy", "time", "pip_verify")
_DIGESTS = ("record_sha256", "wheel_record_sha256", "wheel_record_signed_sha256")  # the hook adds these
_SOURCE = ("kind", "filename", "sha256", "by")
_SOURCE_KINDS = ("sdist", "directory", "vcs")
_SHA256_RE = re.compile(r"[0-9a-f]{64}\Z")
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Source:
    """What a wheel was built from. filename: of a directory or a version-control source its path or URL, which have
    no sha256. by: how it was accepted."""

    kind: Literal["sdist", "directory", "vcs"]
    filename: str
    sha256: str | None
    by: str


@dataclass(frozen=True)
class Receipt:
    """What a run decided about the wheel that was installed; of a built wheel, keys to place speak of its source.

    by: how it was accepted, "" when it was not (report mode). reasons: codes, the most telling first. evidence: a
    format's name, or "". policy: the trust file's name. time: as written, UTC. record_sha256: of the installed RECORD
    without the lines of the receipt and of RECORD. wheel_record_sha256: of the wheel's RECORD;
    wheel_record_signed_sha256: of that without the lines of release.jws and RECORD. All digests are hex.
    """

    decision: Decision
    project: str
    version: str
    filename: str
    sha256: str
    source: Source | None
    by: str
    reasons: tuple[str, ...]
    keys: tuple[PublicKey, ...]
    publishers: tuple[str, ...]
    evidence: str
    place: Place | None
    policy: str | None
    time: str
    pip_verify: str
    record_sha256: str
    wheel_record_sha256: str
    wheel_record_signed_sha256: str

    @property
    def artifact(self) -> Artifact:
        """The wheel."""
        return Artifact(self.project, self.version, self.filename, "wheel", self.sha256)

    @property
    def origin(self) -> Artifact:
        """What evidence spoke for: the wheel, or what it was built from."""
        if self.source is None:
            return self.artifact
        kind: Kind = self.source.kind
        return Artifact(self.project, self.version, self.source.filename, kind, self.source.sha256)


def document_of(verdict: Verdict, source: Verdict | None, *, policy: str | None, now: float) -> dict[str, Any]:
    """The receipt's content as far as the parent knows it; JSON values. The hook adds the RECORDs' digests.

    source: what the wheel was built from, if it was built in this run. policy: the trust file's name. now: seconds
    since the epoch.
    """
    spoken = source or verdict
    artifact = verdict.artifact
    document = {
        "schema": SCHEMA,
        "decision": verdict.decision.value,
        "project": artifact.project,
        "version": artifact.version,
        "filename": artifact.filename,
        "sha256": artifact.sha256,
        "source": None if source is None else _source_of(source),
        "by": verdict.by,
        "reasons": [reason.id for reason in verdict.reasons],
        "keys": [key.text for key in spoken.keys],
        "publishers": list(spoken.publishers),
        "evidence": spoken.evidence,
        "place": None if spoken.place is None else _told(spoken.place),
        "policy": policy and _unicode(policy),
        "time": datetime.fromtimestamp(now, timezone.utc).strftime(_TIME_FORMAT),
        "pip_verify": __version__,
    }
    return cast("dict[str, Any]", document)


def _told(place: Place) -> dict[str, str]:
    """A place without the query of a ``releases`` template, which may be a token: everybody may read a receipt. A path
    is no URL, and a place at the artifact's URL has none (``sources.statements``)."""
    location = redact(place.location) if place.kind == "releases" else place.location
    return {"kind": place.kind, "location": _unicode(location)}


def _source_of(source: Verdict) -> dict[str, Any]:
    artifact = source.artifact
    return {
        "kind": artifact.kind,
        "filename": _unicode(artifact.filename),
        "sha256": artifact.sha256,
        "by": source.by,
    }


def _unicode(text: str) -> str:
    """Paths that are not UTF-8 come with lone surrogates, which are no JSON."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def parse_receipt(data: bytes, what: str) -> Receipt:
    """Read a receipt; ``what`` names it in messages. Raises EvidenceError on any irregularity."""
    members = exact_members(json_object(data, what, max_bytes=MAX_BYTES), what, (*_STATED, *_MORE, *_DIGESTS))
    fields = _Fields(members, what)
    if members["schema"] != SCHEMA:
        raise EvidenceError(what, expected=f'schema "{SCHEMA}"', got=ascii(members["schema"])[:80])
    decision = Decision(fields.one_of("decision", [decision.value for decision in Decision]))
    artifact = _artifact(fields)
    receipt = Receipt(
        decision=decision,
        project=artifact.project,
        version=artifact.version,
        filename=artifact.filename,
        sha256=fields.sha256("sha256"),
        source=_source(members["source"], what),
        by=fields.one_of("by", WAYS if decision is Decision.ACCEPT else ("", *WAYS)),
        reasons=tuple(fields.texts("reasons")),
        keys=tuple(PublicKey.from_text(text, f"{what}: keys") for text in fields.texts("keys")),
        publishers=tuple(fields.texts("publishers")),
        evidence=fields.one_of("evidence", ("", *FORMATS)),
        place=_place(members["place"], what),
        policy=None if members["policy"] is None else fields.text("policy"),
        time=_time(fields),
        pip_verify=fields.text("pip_verify"),
        record_sha256=fields.sha256("record_sha256"),
        wheel_record_sha256=fields.sha256("wheel_record_sha256"),
        wheel_record_signed_sha256=fields.sha256("wheel_record_signed_sha256"),
    )
    _check_reasons(receipt, what)
    return receipt


class _Fields:
    """Members of one object, each of its type or EvidenceError."""

    def __init__(self, members: Mapping[str, Any], what: str) -> None:
        self._members = members
        self.what = what

    def refuse(self, name: str, expected: str) -> EvidenceError:
        """The error for a member; the caller raises it."""
        return EvidenceError(f"{self.what}: {name}", expected=expected, got=ascii(self._members[name])[:80])

    def text(self, name: str) -> str:
        value = self._members[name]
        if not isinstance(value, str):
            raise self.refuse(name, "text")
        return value

    def texts(self, name: str) -> list[str]:
        value = self._members[name]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.refuse(name, "a list of texts")
        return value

    def sha256(self, name: str) -> str:
        if not _SHA256_RE.match(self.text(name)):
            raise self.refuse(name, "64 lower-case hex digits")
        return self.text(name)

    def one_of(self, name: str, allowed: Any) -> str:
        if self.text(name) not in allowed:
            raise self.refuse(name, "one of " + ", ".join(choice or '""' for choice in allowed))
        return self.text(name)


def _artifact(fields: _Fields) -> Artifact:
    """Project, version and file name, which must agree and be written as we write them."""
    project, version = fields.text("project"), fields.text("version")
    artifact = parse_filename(fields.text("filename"))
    if artifact.kind != "wheel":
        raise fields.refuse("filename", "a wheel")
    if project != normalise(project, f"{fields.what}: project") or project != artifact.project:
        raise fields.refuse("project", f"{artifact.project}, as the file name says")
    if version != canonical_version(version, f"{fields.what}: version") or not same_version(version, artifact.version):
        raise fields.refuse("version", f"{artifact.version}, as the file name says")
    return artifact


def _source(value: Any, what: str) -> Source | None:
    if value is None:
        return None
    fields = _Fields(exact_members(value, f"{what}: source", _SOURCE), f"{what}: source")
    kind = cast('Literal["sdist", "directory", "vcs"]', fields.one_of("kind", _SOURCE_KINDS))
    if kind == "sdist":
        sha256: str | None = fields.sha256("sha256")
    elif value["sha256"] is None:
        sha256 = None
    else:
        raise fields.refuse("sha256", f"null, for a {kind} has none")
    return Source(kind, fields.text("filename"), sha256, fields.one_of("by", ("", *WAYS)))


def _place(value: Any, what: str) -> Place | None:
    if value is None:
        return None
    fields = _Fields(exact_members(value, f"{what}: place", ("kind", "location")), f"{what}: place")
    return Place(cast("PlaceKind", fields.one_of("kind", get_args(PlaceKind))), fields.text("location"))


def _time(fields: _Fields) -> str:
    text = fields.text("time")
    try:
        again = datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=timezone.utc).strftime(_TIME_FORMAT)
    except ValueError as error:
        raise fields.refuse("time", "YYYY-MM-DDTHH:MM:SSZ") from error
    if again != text:  # strptime lets leading zeros be left out
        raise fields.refuse("time", "YYYY-MM-DDTHH:MM:SSZ")
    return text


def _check_reasons(receipt: Receipt, what: str) -> None:
    """Codes that are known, and a first one that says what the decision says."""
    unknown = [code for code in receipt.reasons if code not in CATALOGUE]
    if unknown or not receipt.reasons:
        raise EvidenceError(f"{what}: reasons", expected="known reason codes", got=ascii(unknown or "none")[:80])
    speaks_for = CATALOGUE[receipt.reasons[0]].exit_code == 0
    if speaks_for != (receipt.decision is Decision.ACCEPT):
        got = f"{receipt.reasons[0]} with {receipt.decision.value}"
        raise EvidenceError(f"{what}: reasons", expected="a first reason that fits the decision", got=got)
