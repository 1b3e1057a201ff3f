"""The JSON report: everything a ``Run`` holds, for machines. ``docs/report.md`` and ``docs/report-schema.json``
describe it.

Members always stand in the same order, and each is always there. The text is printable ASCII: whatever else occurs is
escaped, so the report may be shown on a terminal too. The secrets of URLs are left out (``safe``).
"""

from __future__ import annotations

import json
from typing import Any

from pip_verify import __version__
from pip_verify.errors import EvidenceError, PipVerifyError, SourceError, UsageError
from pip_verify.evidence import Place
from pip_verify.report.safe import redact
from pip_verify.report.tally import WAYS, by_weight, tally, way_of
from pip_verify.verdict import Reason, Run, Verdict

SCHEMA = "pip-verify-report/1"

_FAMILIES = ((UsageError, "usage"), (SourceError, "source"), (EvidenceError, "evidence"), (PipVerifyError, "internal"))


def render(run: Run) -> str:
    """The report as one JSON object (RFC 8259)."""
    return json.dumps(_fit(_document(run)), indent=2, allow_nan=False) + "\n"


def _document(run: Run) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "mode": run.mode,
        "tool": {"name": "pip-verify", "version": __version__},
        "command": run.command,
        "exit_code": run.exit_code,
        "pip_exit_code": run.pip_exit_code,
        "seconds": round(run.seconds, 6),
        "counts": _counts(run),
        "signed": run.signed,
        "coverage": round(run.coverage, 6),
        "min_coverage": run.min_coverage,
        "errors": [_error(error) for error in run.errors],
        "warnings": list(run.warnings),
        "artifacts": [_verdict(verdict) for verdict in by_weight(run)],
        "not_looked_at": [_installed(name) for name in run.installed],
    }


def _counts(run: Run) -> dict[str, Any]:
    counted = tally(run)
    return {
        "artifacts": len(run.verdicts),
        "accepted": counted.accepted,
        "refused": counted.refused,
        "undecided": counted.undecided,
        "accepted_by": {**dict.fromkeys(WAYS, 0), **counted.ways},
        "signers": [{"signer": name, "artifacts": count} for name, count in counted.signers.items()],
        "places": [{"kind": kind or None, "artifacts": count} for kind, count in counted.places.items()],
        "not_looked_at": len(run.installed),
        "left_out": run.left_out,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    artifact = verdict.artifact
    return {
        "project": artifact.project,
        "version": artifact.version,
        "filename": artifact.filename,
        "kind": artifact.kind,
        "sha256": artifact.sha256,
        "decision": verdict.decision.value,
        "exit_code": verdict.exit_code,
        "accepted_by": way_of(verdict) if verdict.accepted else None,
        "reasons": [_reason(reason) for reason in verdict.reasons],
        "publishers": list(verdict.publishers),
        "keys": [{"key": key.text, "thumbprint": key.thumbprint} for key in verdict.keys],
        "evidence": verdict.evidence or None,
        "place": None if verdict.place is None else _place(verdict.place),
        "looked": [{"place": _place(look.place), "outcome": look.outcome} for look in verdict.looked],
        "origins": [{"file": origin.file, "line": origin.line or None} for origin in verdict.origins],
        "seconds": round(verdict.seconds, 6),
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "id": reason.id,
        "help": reason.help,
        "exit_code": reason.exit_code,
        "subject": reason.subject,
        "expected": reason.expected,
        "got": reason.got,
        "hint": reason.hint,
    }


def _place(place: Place) -> dict[str, Any]:
    return {"kind": place.kind, "location": place.location}


def _error(error: PipVerifyError) -> dict[str, Any]:
    return {
        "family": next(name for family, name in _FAMILIES if isinstance(error, family)),
        "exit_code": error.exit_code,
        "subject": error.subject,
        "expected": error.expected,
        "got": error.got,
        "hint": error.hint,
    }


def _installed(name: str) -> dict[str, Any]:
    project, _, version = name.partition(" ")
    return {"project": project, "version": version}


def _fit(value: Any) -> Any:
    """Every text redacted, and Unicode: file names that are not UTF-8 come with lone surrogates."""
    if isinstance(value, str):
        return redact(value).encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {name: _fit(member) for name, member in value.items()}
    return [_fit(item) for item in value] if isinstance(value, list) else value
