"""Our own words for what a run holds, once for all formats for people. Values from elsewhere are not made safe here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pip_verify.report.tally import FILE_NEEDED, NO_WAY, SIGNED, needs_file, signer_of, way_of
from pip_verify.verdict import Decision, Reason, Run, Verdict

WAYS: Mapping[str, str] = {
    "signature": "signed",
    "first-use": "signed at this first use",
    "exemption": "exempt",
    "hash": "by hash only",
    "built": "built here",
    "local": "local (by policy)",
    "vcs": "from version control (by policy)",
    NO_WAY: "accepted in no stated way",
}
PLACES: Mapping[str, str] = {
    "statements-dir": "statements directory",
    "beside": "beside the file",
    "in-wheel": "in the wheel",
    "releases": "release statement",
    "url": "at the file's URL",
    "": "no stated place",
}
NOTHING_FOUND = "PV102"
COULD_NOT_REACH = "COULD NOT REACH"
DOCS = "urn:pip-verify:docs:"  # of our pages; the one line to change once they stand at a public address

_NO_RECEIPT = "PV308"  # may come up while pip installs, when other wheels are in place already


def help_uri(code: str) -> str:
    """Where a reason is explained: an absolute URI (RFC 3986, 8141), as SARIF demands one."""
    return f"{DOCS}reasons#{code.lower()}"


def next_step(reason: Reason) -> str:
    """What to do about it; never empty."""
    return reason.hint or f"look up {reason.id} in pip-verify's docs/reasons.md"


def decision_words(verdict: Verdict) -> tuple[str, str]:
    """How a verdict that is no acceptance is headed, and what stands behind the artifact's name ("": nothing)."""
    if verdict.decision is Decision.REJECT:
        return "REFUSED", ""
    if needs_file(verdict):
        return "NOT DECIDED", FILE_NEEDED[verdict.reasons[0].id]
    return COULD_NOT_REACH, "whether it is signed is not known"


def counted(number: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def artifacts(number: int) -> str:
    """So many artifacts, in words."""
    return counted(number, "artifact")


def required_by(verdict: Verdict) -> str:
    """Who asks for it, each once; "" when nobody is stated."""
    return ", ".join(dict.fromkeys(str(origin) for origin in verdict.origins))


def how(verdict: Verdict) -> str:
    """How something was accepted, and by whom it is signed."""
    if verdict.by not in SIGNED:
        return WAYS[way_of(verdict)]
    return f"signed by {signer_of(verdict)}" + (", recorded at this first use" if verdict.by == "first-use" else "")


def coordinate(verdict: Verdict) -> str:
    """``project@version``, as far as they are known; else the file's name."""
    artifact = verdict.artifact
    return "@".join(filter(None, (artifact.project, artifact.version))) or artifact.filename


def mode_line(run: Run) -> str:
    """What report mode is, for the first line of every report; "" when the run enforces."""
    return "" if run.mode == "enforce" else "mode report: refusals are only reported, and stop nothing"


def coverage_line(run: Run) -> str:
    """The share that is signed and the one asked for; "" when none was. Never rounded up to what it is not."""
    if run.min_coverage is None:
        return ""
    share = f"{run.signed} of {len(run.verdicts)} signed ({math.floor(run.coverage)} %)"
    return f"coverage {share}, {run.min_coverage:g} % asked for"


def left_out_line(run: Run) -> str:
    """How much of the locks was not judged; "" when nothing."""
    return f"{run.left_out} not for this platform and left out" if run.left_out else ""


def coverage_missed(run: Run) -> bool:
    """Whether less is signed than was asked for."""
    return run.min_coverage is not None and run.coverage < run.min_coverage


def outcome(run: Run) -> str:
    """How the run ended, only as far as it is known; "" when all is well. Without the exit code."""
    refused = [verdict for verdict in run.verdicts if not verdict.accepted]
    if run.exit_code == 0:
        reported = run.mode == "report" and (refused or coverage_missed(run))
        return "mode report: this would not pass, and nothing was stopped" if reported else ""
    if run.mode == "enforce" and refused:
        return _outcome_of_refusal(run, refused)
    if run.errors:
        return "stopped by an error"
    return "less is signed than was asked for" if run.mode == "enforce" and coverage_missed(run) else "pip failed"


def _outcome_of_refusal(run: Run, refused: Sequence[Verdict]) -> str:
    """Nothing, where that is known: pip takes all receipts before it installs the first wheel."""
    late = any(reason.id == _NO_RECEIPT for verdict in refused for reason in verdict.reasons)
    nothing = run.command == "install" and run.pip_exit_code != 0 and not late
    return "nothing was installed" if nothing else "not everything was accepted"
