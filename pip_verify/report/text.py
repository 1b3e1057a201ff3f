"""The report for people: a ``Run`` comes in, lines for standard error go out, one summary at their end.

Refusals come first, the most telling first; then what stopped the run, warnings, exemptions and the summary. What
was accepted is only counted, unless asked for. What could not be reached is never called unsigned. Every value
from elsewhere passes through ``one_line``, so nobody can write a line of ours or colour one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pip_verify.artifact.name import Artifact
from pip_verify.errors import PipVerifyError
from pip_verify.evidence import Place
from pip_verify.report.safe import one_line
from pip_verify.report.style import BAD, GOOD, WARN, Style
from pip_verify.report.tally import SIGNED, Tally, by_weight, signer_of, tally, way_of
from pip_verify.report.words import (
    COULD_NOT_REACH,
    NOTHING_FOUND,
    PLACES,
    WAYS,
    artifacts,
    coverage_line,
    decision_words,
    left_out_line,
    mode_line,
    next_step,
    outcome,
    required_by,
)
from pip_verify.verdict import Decision, Reason, Run, Verdict

MAX_IN_FULL = 20  # refusals; of more, the rest is one line each
MAX_REASONS = 3  # of one artifact, after the most telling one
MAX_NAMES = 10  # of what was installed already; of signers in the summary


def render(run: Run, style: Style) -> str:
    """The report, each line ended; without colour only printable characters and newlines."""
    refused = [verdict for verdict in by_weight(run) if not verdict.accepted]
    lines = [_ours(style.paint(mode_line(run), WARN))] if mode_line(run) else []
    lines += _refusals(refused, style)
    for error in run.errors:
        lines += _error(error, style)
    lines += [_ours(style.paint("WARNING", WARN) + f" {one_line(warning)}") for warning in run.warnings]
    if style.verbose:
        lines += [_accepted(verdict, style) for verdict in by_weight(run) if verdict.accepted]
    lines += _exemptions(verdict for verdict in by_weight(run) if verdict.accepted and verdict.by == "exemption")
    lines += [_summary(run), *_installed(run, style), *_ending(run, style)]
    return "".join(f"{line}\n" for line in lines)


def _ours(words: str) -> str:
    return f"pip-verify: {words}"


# What was not accepted.


def _refusals(refused: Sequence[Verdict], style: Style) -> list[str]:
    in_full = len(refused) if style.verbose else MAX_IN_FULL
    lines = [line for verdict in refused[:in_full] for line in (_headline(verdict, style), *_details(verdict, style))]
    return lines + [_headline(verdict, style) + _in_short(verdict) for verdict in refused[in_full:]]


def _headline(verdict: Verdict, style: Style) -> str:
    what, why = decision_words(verdict)
    of = "what speaks for " if what == COULD_NOT_REACH else ""
    painted = style.paint(what, BAD if verdict.decision is Decision.REJECT else WARN)
    return _ours(f"{painted} {of}{one_line(verdict.artifact.filename)}" + (f": {why}" if why else ""))


def _in_short(verdict: Verdict) -> str:
    _, told = decision_words(verdict)
    return "".join(
        f" ({reason.id})" if told == reason.help else f" ({reason.id} {reason.help})" for reason in verdict.reasons[:1]
    )


def _details(verdict: Verdict, style: Style) -> list[str]:
    """The leading reason in full, where was looked if nothing was found, other reasons in short; last what to do."""
    lines: list[str] = []
    for reason in verdict.reasons[:1]:
        where = "" if reason.subject == verdict.artifact.filename else reason.subject
        looked = verdict.looked if style.verbose or reason.id == NOTHING_FOUND else ()
        lines += [
            f"  {reason.id} {reason.help}",
            *_required_by(verdict),
            *_parts({"at": where, "expected": reason.expected, "got": reason.got}),
            *[f"  looked:   {_at(look.place)}: {one_line(look.outcome)}" for look in looked],
            *_others(verdict.reasons[1:], style),
            *_parts({"next": next_step(reason)}),
        ]
    return lines


def _required_by(verdict: Verdict) -> list[str]:
    return [f"  required by: {one_line(required_by(verdict))}"] if verdict.origins else []


def _others(reasons: Sequence[Reason], style: Style) -> list[str]:
    shown = reasons if style.verbose else reasons[:MAX_REASONS]
    lines = [f"  also:     {reason.id} {reason.help}: {one_line(reason.subject)}" for reason in shown]
    return lines + ([f"  also:     {len(reasons) - len(shown)} more"] if len(reasons) > len(shown) else [])


def _parts(values: Mapping[str, str]) -> list[str]:
    return [f"  {name + ':':<9} {one_line(value)}" for name, value in values.items() if value]


def _error(error: PipVerifyError, style: Style) -> list[str]:
    parts = _parts({"expected": error.expected, "got": error.got, "next": error.hint})
    return [_ours(f"{style.paint('ERROR', BAD)} {one_line(error.subject)}"), *parts]


# What was.


def _accepted(verdict: Verdict, style: Style) -> str:
    how = WAYS[way_of(verdict)]
    if verdict.by in SIGNED:
        keys = f" ({', '.join(key.text for key in verdict.keys)})" if verdict.publishers else ""
        first = ", recorded at this first use" if verdict.by == "first-use" else ""
        how = f"signed by {one_line(signer_of(verdict))}{keys}{first}, {_at(verdict.place)}"
    return _ours(f"{style.paint('accepted', GOOD)} {one_line(verdict.artifact.filename)}: {how}")


def _at(place: Place | None) -> str:
    return PLACES[""] if place is None else f"{PLACES[place.kind]} {one_line(place.location)}"


def _exemptions(verdicts: Iterable[Verdict]) -> list[str]:
    """A line for each exempt release, so that one with a wheel for every platform does not drown the others."""
    releases: dict[tuple[str, str, tuple[Reason, ...]], list[Artifact]] = {}
    for verdict in verdicts:
        artifact = verdict.artifact
        why = tuple(replace(reason, subject="") for reason in verdict.reasons)
        releases.setdefault((artifact.project, artifact.version, why), []).append(artifact)
    return [_exemption(artifacts, reasons) for (_, _, reasons), artifacts in releases.items()]


def _exemption(artifacts: Sequence[Artifact], reasons: Sequence[Reason]) -> str:
    """The reason is the trust file's, and so is the end, which the verdict states as what it expects."""
    first = artifacts[0]
    several = f"{first.project} {first.version} ({len(artifacts)} files)"
    what = several if len(artifacts) > 1 else first.filename
    why = "".join(f": {one_line(reason.got)}" for reason in reasons if reason.got)
    until = "".join(f" ({one_line(reason.expected)})" for reason in reasons if reason.expected)
    return _ours(f"exempt {one_line(what)}{why}{until}")


# The summary.


def _summary(run: Run) -> str:
    counted = tally(run)
    parts = [_signed(counted)] if counted.signed else []
    parts += [f"{count} {WAYS[way]}" for way, count in counted.ways.items() if way not in SIGNED]
    parts += [f"{counted.refused} refused"] if counted.refused else []
    parts += [f"{counted.unreached} not decided (could not be reached)"] if counted.unreached else []
    parts += [f"{counted.file_needed} not decided (the file itself is needed)"] if counted.file_needed else []
    total = artifacts(len(run.verdicts))
    what = f"{total}: {', '.join(parts)}" if parts else total
    left_out = f"; {left_out_line(run)}" if run.left_out else ""
    return _ours(f"{what}; {len(run.installed)} already installed and not looked at{left_out}")


def _signed(counted: Tally) -> str:
    """How many were signed; by whom, where, and how many of them at first use."""
    first = counted.ways.get("first-use", 0)
    facts = [f"{first} at this first use"] if first else []
    facts += [_several(counted.signers), _several({PLACES[kind]: n for kind, n in counted.places.items()})]
    return f"{counted.signed} signed ({'; '.join(facts)})"


def _several(counts: Mapping[str, int]) -> str:
    return _some([f"{one_line(name)} {count}" for name, count in counts.items()], MAX_NAMES)


def _some(items: Sequence[str], limit: int) -> str:
    more = [f"and {len(items) - limit} more"] if len(items) > limit else []
    return ", ".join([*items[:limit], *more])


def _installed(run: Run, style: Style) -> Iterable[str]:
    if run.installed:
        limit = len(run.installed) if style.verbose else MAX_NAMES
        yield _ours(f"not looked at: {_some([one_line(name) for name in run.installed], limit)}")


def _ending(run: Run, style: Style) -> Iterable[str]:
    """How much is signed, where that was asked; how a run that did not go well ended."""
    if coverage_line(run):
        yield _ours(coverage_line(run))
    if run.exit_code:
        yield _ours(f"{style.paint(outcome(run), BAD)} (exit code {run.exit_code})")
    elif outcome(run):
        yield _ours(style.paint(outcome(run), WARN))
