"""The SARIF 2.1.0 report (OASIS, with errata 01), for code scanning. ``docs/report.md`` says what stands where.

A result for everything that was not accepted, and for every exemption; each artifact of the run, accepted or not, is
one of the run's ``artifacts``. The text is printable ASCII, without URLs' secrets, and no message holds a link or a
placeholder of somebody else's (SARIF sections 3.11.5, 3.11.6).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pip_verify import __version__
from pip_verify.pins import Origin
from pip_verify.report import words
from pip_verify.report.located import fallback, lines_of
from pip_verify.report.safe import one_line, redact
from pip_verify.report.tally import by_weight, tally, way_of
from pip_verify.verdict import CATALOGUE, EXIT_BAD, EXIT_PRECEDENCE, Kind, Reason, Run, Verdict

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"  # the name by which consumers know the root of the repository

_UNSTATED = "unstated"
_NO_REASON = Kind("no reason was stated, which is a fault of pip-verify", EXIT_BAD)


def render(run: Run) -> str:
    """The report as one SARIF log with one run."""
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(run)]}, indent=2, allow_nan=False) + "\n"


def _run(run: Run) -> dict[str, Any]:
    verdicts = by_weight(run)
    codes = sorted({code for verdict in verdicts for code in (_rule_of(verdict), *_codes(verdict))})
    index = {code: number for number, code in enumerate(codes)}
    nowhere = fallback(run)
    return {
        "tool": {"driver": {"name": "pip-verify", "version": __version__, "rules": [_rule(code) for code in codes]}},
        "automationDetails": {
            "id": f"pip-verify/{_path(run.command)}/",
            "description": _message(words.mode_line(run) or "mode enforce: what is refused stops the run"),
        },
        "invocations": [_invocation(run)],
        "originalUriBaseIds": {ROOT: {"description": {"text": "the directory that pip-verify was started in"}}},
        "columnKind": "unicodeCodePoints",
        "artifacts": [_artifact(number, verdict) for number, verdict in enumerate(verdicts)],
        "results": [
            _result(run, verdict, position, index, nowhere)
            for position, verdict in enumerate(verdicts)
            if not verdict.accepted or verdict.by == "exemption"
        ],
        "properties": _figures(run),
    }


# Rules and results.


def _rule(code: str) -> dict[str, Any]:
    kind = CATALOGUE.get(code, _NO_REASON)
    what = f"{code}: {kind.help}."
    return {
        "id": code,
        "shortDescription": {"text": kind.help},
        "fullDescription": {"text": what},
        "helpUri": words.help_uri(code),
        "help": {"text": f"{what} What it means, why it matters and what to do: pip-verify's docs/reasons.md, {code}."},
        "defaultConfiguration": {"level": "error" if kind.exit_code else "note"},
        "properties": {"tags": ["security", "supply-chain"], "precision": "very-high"},
    }


def _codes(verdict: Verdict) -> list[str]:
    return [reason.id for reason in verdict.reasons]


def _rule_of(verdict: Verdict) -> str:
    return next(iter(_codes(verdict)), _UNSTATED)


def _result(run: Run, verdict: Verdict, position: int, index: Mapping[str, int], nowhere: Origin) -> dict[str, Any]:
    code = _rule_of(verdict)
    first, *others = lines_of(verdict) or [nowhere]
    level = "note" if verdict.accepted else "error" if run.mode == "enforce" else "warning"
    return {
        "ruleId": code,
        "ruleIndex": index[code],
        "level": level,
        "message": _message(_sentence(verdict)),
        "analysisTarget": {"uri": _path(verdict.artifact.filename), "index": position},
        "locations": [_location(first) | {"logicalLocations": [_logical(verdict)]}],
        "relatedLocations": [
            {"id": number, **_location(origin), "message": {"text": "pinned or required here, too"}}
            for number, origin in enumerate(others, 1)
        ],
        "partialFingerprints": _fingerprints(code, verdict),
        "properties": {
            "decision": verdict.decision.value,
            "exit_code": verdict.exit_code,
            "reasons": _codes(verdict),
        },
    }


def _sentence(verdict: Verdict) -> str:
    if verdict.accepted:
        head, why = "exempt, no signature was checked:", ""
    else:
        head, why = words.decision_words(verdict)
    said = [f"{head} {one_line(verdict.artifact.filename)}" + (f": {why}" if why else "")]
    for number, reason in enumerate(verdict.reasons):
        said += _reason(reason) if number == 0 else [f"also {reason.id} {reason.help}: {one_line(reason.subject)}"]
    if verdict.origins:
        said.append(f"required by {one_line(words.required_by(verdict))}")
    return "\n".join(said)


def _reason(reason: Reason) -> list[str]:
    parts = {"at": reason.subject, "expected": reason.expected, "got": reason.got}
    lines = [f"{reason.id} {reason.help}", *(f"{name}: {one_line(value)}" for name, value in parts.items() if value)]
    return lines + ([f"next: {one_line(words.next_step(reason))}"] if reason.exit_code else [])


def _fingerprints(code: str, verdict: Verdict) -> dict[str, str]:
    """The same for the same finding, wherever its line moves. GitHub tells two results of one line apart by the
    first of these names only, and a release has several files on one line."""
    artifact = verdict.artifact
    stated = ":".join((code, artifact.project, artifact.version, redact(artifact.filename)))
    digest = hashlib.sha256(stated.encode("utf-8", "backslashreplace")).hexdigest()
    return {"primaryLocationLineHash": digest, "pipVerifyArtifact/v1": digest}


# Where.


def _location(origin: Origin) -> dict[str, Any]:
    if origin.file.startswith("/"):  # outside of what it was started in, for all we know: absolute, without a base
        where = {"uri": "file://" + _path(origin.file)}
    else:
        where = {"uri": _path(origin.file), "uriBaseId": ROOT}
    return {"physicalLocation": {"artifactLocation": where, "region": {"startLine": origin.line}}}


def _logical(verdict: Verdict) -> dict[str, Any]:
    name = one_line(verdict.artifact.project or verdict.artifact.filename)
    return {"name": name, "fullyQualifiedName": one_line(words.coordinate(verdict)), "kind": "package"}


def _path(text: str) -> str:
    """A relative reference or an absolute path (RFC 3986 section 4.2) that stands for ``text``."""
    return quote(redact(text).removeprefix("./").encode("utf-8", "backslashreplace"), safe="/")


def _artifact(number: int, verdict: Verdict) -> dict[str, Any]:
    artifact = verdict.artifact
    return {
        "location": {"uri": _path(artifact.filename)},
        "description": {"text": one_line(artifact.filename)},
        "roles": ["analysisTarget"],
        **({"hashes": {"sha-256": artifact.sha256}} if artifact.sha256 else {}),
        "properties": {
            "number": number,  # the schema wants the items to differ
            "project": one_line(artifact.project),
            "version": one_line(artifact.version),
            "kind": artifact.kind,
            "decision": verdict.decision.value,
            "accepted_by": way_of(verdict) if verdict.accepted else None,
            "publishers": [one_line(name) for name in verdict.publishers],
            "keys": [key.text for key in verdict.keys],
        },
    }


# The run.


def _invocation(run: Run) -> dict[str, Any]:
    """It succeeded when it came to verdicts, whatever they are; not when something stopped it or pip failed."""
    return {
        "executionSuccessful": not run.errors and run.exit_code in (0, *EXIT_PRECEDENCE),
        "exitCode": run.exit_code,
        "exitCodeDescription": words.outcome(run) or "everything was accepted",
        "toolExecutionNotifications": _notifications(run),
    }


def _notifications(run: Run) -> list[dict[str, Any]]:
    """Report mode first, then what is missing of the coverage, what stopped the run, and the warnings."""
    told = [("warning", words.mode_line(run))]
    told += [("warning", words.coverage_line(run))] if words.coverage_missed(run) else []
    for error in run.errors:
        parts = [error.subject, error.expected and f"expected: {error.expected}", error.got and f"got: {error.got}"]
        parts.append(error.hint and f"next: {error.hint}")
        told.append(("error", "\n".join(one_line(part) for part in parts if part)))
    told += [("warning", one_line(warning)) for warning in run.warnings]
    return [{"level": level, "message": _message(text)} for level, text in told if text]


def _figures(run: Run) -> dict[str, Any]:
    counted = tally(run)
    return {
        "mode": run.mode,
        "command": one_line(run.command),
        "artifacts": len(run.verdicts),
        "accepted": counted.accepted,
        "refused": counted.refused,
        "undecided": counted.undecided,
        "signed": run.signed,
        "coverage": round(run.coverage, 6),
        "min_coverage": run.min_coverage,
        "not_looked_at": [one_line(name) for name in run.installed],
        "left_out": run.left_out,
    }


def _message(text: str) -> dict[str, str]:
    """A plain text message; what would read as an embedded link or a placeholder is broken up by a space."""
    return {"text": re.sub(r"\{(?=\d+\})", "{ ", text).replace("](", "] (")}
