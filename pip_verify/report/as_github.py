"""The report as GitHub workflow commands (annotations at file and line), and as Markdown for the step summary.

A runner acts on every line of a step's output that begins with ``::`` or holds ``##[``. So a value never begins a
line, is ``one_line`` (which breaks up the other), and is escaped as the runner unescapes it: in the data ``%``, in
properties ``:`` and ``,`` too. In the Markdown all that could be markup is a numeric character reference.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence

from pip_verify.errors import PipVerifyError
from pip_verify.pins import Origin
from pip_verify.report import words
from pip_verify.report.located import fallback, lines_of
from pip_verify.report.safe import one_line
from pip_verify.report.tally import by_weight, tally
from pip_verify.verdict import Run, Verdict

MAX_SUMMARY = 900_000  # characters of ASCII; a runner drops a step summary of more than 1 MiB whole
MAX_CELL = 300  # characters of a value in the summary

_MARKUP_RE = re.compile(r"[^A-Za-z0-9 ,/=-]")


def render(run: Run) -> str:
    """The annotations: report mode, errors, refusals, warnings, exemptions; then what was accepted, and the counts."""
    verdicts, nowhere = by_weight(run), fallback(run)
    refused = [verdict for verdict in verdicts if not verdict.accepted]
    exempt = [verdict for verdict in verdicts if verdict.accepted and verdict.by == "exemption"]
    others = [verdict for verdict in verdicts if verdict.accepted and verdict.by != "exemption"]
    level = "error" if run.mode == "enforce" else "warning"
    missed = words.coverage_line(run) if words.coverage_missed(run) else ""
    lines = [
        *([_command("notice", {"title": "pip-verify"}, [words.mode_line(run)])] if words.mode_line(run) else []),
        *(_command("error", {"title": "pip-verify"}, _of_error(error)) for error in run.errors),
        *(_finding(level, verdict, _refusal(verdict), nowhere) for verdict in refused),
        *([_command(level, {"title": "pip-verify"}, [missed])] if missed else []),
        *(_command("warning", {"title": "pip-verify"}, [warning]) for warning in run.warnings),
        *(_finding("notice", verdict, _exemption(verdict), nowhere) for verdict in exempt),
        *_group("accepted", [_accepted(verdict) for verdict in others]),
        *_group("installed already and not looked at", run.installed),
        _plain(f"pip-verify: {_counts(run)}"),
        f"pip-verify: {_ending(run)} (exit code {run.exit_code})",
    ]
    return "".join(f"{line}\n" for line in lines)


# Annotations.


def _finding(level: str, verdict: Verdict, said: Sequence[str], nowhere: Origin) -> str:
    origin = (lines_of(verdict) or [nowhere])[0]
    code = next((f"{reason.id} " for reason in verdict.reasons), "")
    title = f"{code}{words.coordinate(verdict)}"
    return _command(level, {"file": origin.file, "line": str(origin.line), "title": title}, said)


def _refusal(verdict: Verdict) -> list[str]:
    what, why = words.decision_words(verdict)
    said = [f"{what} {verdict.artifact.filename}" + (f": {why}" if why else "")]
    for number, reason in enumerate(verdict.reasons):
        said.append(f"{'also ' if number else ''}{reason.id} {reason.help}" + (f": {reason.subject}" if number else ""))
        parts = {"at": reason.subject, "expected": reason.expected, "got": reason.got, "next": words.next_step(reason)}
        said += [f"{name}: {value}" for name, value in parts.items() if value and not number]
    return said + ([f"required by: {words.required_by(verdict)}"] if verdict.origins else [])


def _exemption(verdict: Verdict) -> list[str]:
    why = [part for reason in verdict.reasons for part in (reason.got, reason.expected) if part]
    return [f"exempt, no signature was checked: {verdict.artifact.filename}", *why]


def _of_error(error: PipVerifyError) -> list[str]:
    parts = {"expected": error.expected, "got": error.got, "next": error.hint}
    return [error.subject, *(f"{name}: {value}" for name, value in parts.items() if value)]


def _accepted(verdict: Verdict) -> str:
    return f"{verdict.artifact.filename}: {words.how(verdict)}"


def _group(title: str, items: Sequence[str]) -> list[str]:
    """A fold of the log. What stands in it is no annotation: a runner shows ten of a kind for each step."""
    return [f"::group::{title}", *(_plain(f"  {item}") for item in items), "::endgroup::"] if items else []


def _command(name: str, properties: Mapping[str, str], said: Sequence[str]) -> str:
    stated = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {stated}::" + "%0A".join(_data(line) for line in said)


def _plain(text: str) -> str:
    """A line of the log that is no command. It begins with a word of ours or with blanks, which a runner strips."""
    return re.sub(r"\A(\s*):(?=:)", r"\1: ", one_line(text))


def _data(text: str) -> str:
    return one_line(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


# The step summary.


def summary(run: Run) -> str:
    """The report as GitHub-flavoured Markdown, for the file that ``GITHUB_STEP_SUMMARY`` names; ASCII, and never
    more than ``MAX_SUMMARY``: what does not fit is counted."""
    head = [f"**{_md(words.mode_line(run))}**", ""] if words.mode_line(run) else []
    head += [f"## pip-verify {_md(run.command)}: {_md(_ending(run))}", "", _md(_counts(run)), ""]
    body = [f"- **error** {_md('; '.join(_of_error(error)))}" for error in run.errors]
    body += [f"- **warning** {_md(warning)}" for warning in run.warnings]
    body += ["", "| | artifact | why | required by | next |", "|---|---|---|---|---|"] if run.verdicts else []
    body += [_row(verdict) for verdict in by_weight(run)]
    sizes = itertools.accumulate((len(line) + 1 for line in body), initial=sum(len(line) + 1 for line in head))
    kept = sum(size <= MAX_SUMMARY for size in sizes) - 1
    more = ["", f"and {len(body) - kept} more lines, which do not fit here: see the log"] if kept < len(body) else []
    return "".join(f"{line}\n" for line in [*head, *body[:kept], *more])


def _row(verdict: Verdict) -> str:
    cells = _refused_cells(verdict) if not verdict.accepted else _accepted_cells(verdict)
    return f"| {' | '.join(cells)} |"


def _refused_cells(verdict: Verdict) -> Iterable[str]:
    reason = next(iter(verdict.reasons), None)
    why = [] if reason is None else [f"**{reason.id}** {_md(reason.help)}"]
    if reason is not None:
        why += [
            f"{name}: {_md(value)}" for name, value in (("expected", reason.expected), ("got", reason.got)) if value
        ]
    return (
        f"**{words.decision_words(verdict)[0]}**",
        _md(verdict.artifact.filename),
        "<br>".join(why),
        _md(words.required_by(verdict)),
        "" if reason is None else _md(words.next_step(reason)),
    )


def _accepted_cells(verdict: Verdict) -> Iterable[str]:
    why = "; ".join(_exemption(verdict)[1:]) if verdict.by == "exemption" else ""
    how = f"{words.how(verdict)}{': ' if why else ''}{why}"
    return ("accepted", _md(verdict.artifact.filename), _md(how), _md(words.required_by(verdict)), "")


def _ending(run: Run) -> str:
    return words.outcome(run) or "everything was accepted"


def _counts(run: Run) -> str:
    counted = tally(run)
    parts = [f"{count} {words.WAYS[way]}" for way, count in counted.ways.items()]
    missing = {"refused": counted.refused, "not decided": counted.undecided}
    parts += [f"{count} {what}" for what, count in missing.items() if count]
    parts += [f"{len(run.installed)} already installed and not looked at"]
    parts += [words.left_out_line(run)] if run.left_out else []
    coverage = words.coverage_line(run)
    return f"{words.artifacts(len(run.verdicts))}: {', '.join(parts)}" + (f"; {coverage}" if coverage else "")


def _md(text: str) -> str:
    shown = one_line(text)
    cut = shown if len(shown) <= MAX_CELL else f"{shown[:MAX_CELL]}..."
    return _MARKUP_RE.sub(lambda match: f"&#{ord(match.group())};", cut)
