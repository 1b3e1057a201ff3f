"""Pages and verdicts as they stand in a state: values come in, texts and bytes go out, and back. No input or output.
Secrets of URLs stay out, as they do of reports.

What is read back was written by this module or by somebody else: ValueError, TypeError, LookupError, ``zlib.error`` or
EvidenceError where it makes no sense.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone

from pip_verify.artifact.name import Artifact
from pip_verify.evidence import Place
from pip_verify.keys import PublicKey
from pip_verify.monitor.compare import CHANGED, STICKY, accept_hint
from pip_verify.pins import Origin
from pip_verify.report.safe import redact
from pip_verify.sources.index import IndexFile
from pip_verify.verdict import Decision, Looked, Reason, Verdict


def pack(files: Sequence[IndexFile]) -> bytes:
    """What must be known of a page's files when the page is not sent again; no URLs, which may hold secrets."""
    rows = [[file.filename, file.version, file.sha256, file.yanked] for file in files]
    return zlib.compress(json.dumps(rows, separators=(",", ":")).encode())


def unpack(project: str, data: bytes) -> tuple[IndexFile, ...]:
    """The files of a page, without their URLs."""
    rows = json.loads(zlib.decompress(data))
    return tuple(
        IndexFile(project, version, filename, "", sha256=sha256, yanked=yanked)
        for filename, version, sha256, yanked in rows
    )


def dump(verdict: Verdict) -> str:
    """A verdict as JSON, fit to be reported: without the secrets of URLs."""
    artifact = verdict.artifact
    return json.dumps(
        {
            "artifact": [artifact.project, artifact.version, artifact.filename, artifact.kind, artifact.sha256],
            "decision": verdict.decision.value,
            "reasons": [
                [item.id, *map(redact, (item.subject, item.expected, item.got, item.hint))] for item in verdict.reasons
            ],
            "keys": [key.text for key in verdict.keys],
            "publishers": list(verdict.publishers),
            "by": verdict.by,
            "evidence": verdict.evidence,
            "place": None if verdict.place is None else [verdict.place.kind, redact(verdict.place.location)],
            "looked": [[look.place.kind, redact(look.place.location), look.outcome] for look in verdict.looked],
            "origins": [[redact(origin.file), origin.line] for origin in verdict.origins],
        },
        separators=(",", ":"),
    )


def load(text: str) -> Verdict:
    """The verdict that ``dump`` wrote."""
    stored = json.loads(text)
    return Verdict(
        Artifact(*stored["artifact"]),
        Decision(stored["decision"]),
        tuple(Reason(*parts) for parts in stored["reasons"]),
        keys=tuple(PublicKey.from_text(key) for key in stored["keys"]),
        publishers=tuple(stored["publishers"]),
        by=stored["by"],
        evidence=stored["evidence"],
        place=None if stored["place"] is None else Place(*stored["place"]),
        looked=tuple(Looked(Place(kind, location), outcome) for kind, location, outcome in stored["looked"]),
        origins=tuple(Origin(file, line) for file, line in stored["origins"]),
    )


def told(verdict: Verdict, *, standing: bool, since: float, recorded: str | None) -> Verdict:
    """A stored alarm as it is reported: since when (seconds since the epoch), and, where what was wrong is over, that
    it stays until somebody accepts what is recorded (a sha256)."""
    first, *others = verdict.reasons
    if first.id not in STICKY:
        return verdict
    seen = datetime.fromtimestamp(since, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    note, hint = "", first.hint
    if not standing:
        note = "; now as recorded again, and it stays an alarm until you accept that"
        digest = recorded if first.id == CHANGED else verdict.artifact.sha256
        hint = accept_hint(verdict.artifact.project, verdict.artifact.filename, digest) if first.id == CHANGED else hint
    return replace(verdict, reasons=(replace(first, got=f"{first.got} (first seen {seen}{note})", hint=hint), *others))
