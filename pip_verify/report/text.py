"""The report for people: a ``Run`` comes in, lines for standard error go out, one summary at their end.

Refusals come first, the most telling first; then what stopped the run, warnings, exemptions and the summary. What
was accepted is only counted, unless asked for. What could not be reached is never called unsigned. Every value
from elsewhere passes through ``one_line``, so nobody can write a line of ours or colour one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pip_verify.errors import PipVerifyError
from pip_verify.evidence import Place
from pip_verify.report.safe import one_line
from pip_verify.report.style import BAD, GOOD, WARN, Style
from pip_verify.report.tally import NO_WAY, Tally, by_weight, signer_of, tally, way_of
from pip_verify.verdict import Decision, Reason, Run, Verdict

MAX_IN_FULL = 20  # refusals; of more, the rest is one line each
MAX_REASONS = 3  # of one artifact, after the most telling one
MAX_NAMES = 10  # of what was installed already; of signers in the summary

_WAYS = {
    "signature": "signed",
    "exemption": "exempt",
    "hash": "by hash only",
    "built": "built here",
    "local": "local (by policy)",
    "vcs": "from version control (by policy)",
    NO_WAY: "accepted in no stated way",
}
_PLACES = {
    "statements-dir": "statements directory",
    "beside": "beside the file",
    "in-wheel": "in the wheel",
    "releases": "release statement",
    "url": "at the file's URL",
    "": "no stated place",
}
_BYTES_NEEDED = "PV503"
_NOTHING_FOUND = "PV102"
_NO_RECEIPT = "PV308"  # may come up while pip installs, when other wheels are in place already


def render(run: Run, style: Style) -> str:
    """The report, each line ended; without colour only printable characters and newlines."""
    refused = [verdict for verdict in by_weight(run) if not verdict.accepted]
    lines = _refusals(refused, style)
    for error in run.errors:
        lines += _error(error, style)
    lines += [_ours(style.paint("WARNING", WARN) + f" {one_line(warning)}") for warning in run.warnings]
    if style.verbose:
        lines += [_accepted(verdict, style) for verdict in by_weight(run) if verdict.accepted]
    lines += [_exemption(verdict) for verdict in by_weight(run) if verdict.accepted and verdict.by == "exemption"]
    lines += [_summary(run), *_installed(run, style), *_outcome(run, refused, style)]
    return "".join(f"{line}\n" for line in lines)


def _ours(words: str) -> str:
    return f"pip-verify: {words}"


# What was not accepted.


def _refusals(refused: Sequence[Verdict], style: Style) -> list[str]:
    in_full = len(refused) if style.verbose else MAX_IN_FULL
    lines = [line for verdict in refused[:in_full] for line in (_headline(verdict, style), *_details(verdict, style))]
    return lines + [_headline(verdict, style) + _in_short(verdict.reasons[:1]) for verdict in refused[in_full:]]


def _headline(verdict: Verdict, style: Style) -> str:
    name = one_line(verdict.artifact.filename)
    if verdict.decision is Decision.REJECT:
        return _ours(f"{style.paint('REFUSED', BAD)} {name}")
    if [reason.id for reason in verdict.reasons[:1]] == [_BYTES_NEEDED]:
        return _ours(f"{style.paint('NOT DECIDED', WARN)} {name}: only its bytes can tell, and they did not come")
    return _ours(f"{style.paint('COULD NOT REACH', WARN)} what speaks for {name}: whether it is signed is not known")


def _in_short(reasons: Sequence[Reason]) -> str:
    return "".join(f" ({reason.id} {reason.help})" for reason in reasons)


def _details(verdict: Verdict, style: Style) -> list[str]:
    """The leading reason in full, where was looked if nothing was found, other reasons in short; last what to do."""
    lines: list[str] = []
    for reason in verdict.reasons[:1]:
        where = "" if reason.subject == verdict.artifact.filename else reason.subject
        looked = verdict.looked if style.verbose or reason.id == _NOTHING_FOUND else ()
        lines += [
            f"  {reason.id} {reason.help}",
            *_required_by(verdict),
            *_parts({"at": where, "expected": reason.expected, "got": reason.got}),
            *[f"  looked:   {_at(look.place)}: {one_line(look.outcome)}" for look in looked],
            *_others(verdict.reasons[1:], style),
            *_parts({"next": reason.hint or f"look up {reason.id} in pip-verify's docs/reasons.md"}),
        ]
    return lines


def _required_by(verdict: Verdict) -> list[str]:
    origins = dict.fromkeys(str(origin) for origin in verdict.origins)
    return [f"  required by: {one_line(', '.join(origins))}"] if origins else []


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
    how = _WAYS[way_of(verdict)]
    if verdict.by == "signature":
        keys = f" ({', '.join(key.text for key in verdict.keys)})" if verdict.publishers else ""
        how = f"signed by {one_line(signer_of(verdict))}{keys}, {_at(verdict.place)}"
    return _ours(f"{style.paint('accepted', GOOD)} {one_line(verdict.artifact.filename)}: {how}")


def _at(place: Place | None) -> str:
    return _PLACES[""] if place is None else f"{_PLACES[place.kind]} {one_line(place.location)}"


def _exemption(verdict: Verdict) -> str:
    """The reason is the trust file's, and so is the end, which the verdict states as what it expects."""
    why = "".join(f": {one_line(reason.got)}" for reason in verdict.reasons if reason.got)
    until = "".join(f" ({one_line(reason.expected)})" for reason in verdict.reasons if reason.expected)
    return _ours(f"exempt {one_line(verdict.artifact.filename)}{why}{until}")


# The summary.


def _summary(run: Run) -> str:
    counted = tally(run)
    parts = [f"{count} {_WAYS[way]}{_signed(counted, way)}" for way, count in counted.ways.items()]
    parts += [f"{counted.refused} refused"] if counted.refused else []
    parts += [f"{counted.undecided} not decided (could not be reached)"] if counted.undecided else []
    total = f"{len(run.verdicts)} artifact" + ("" if len(run.verdicts) == 1 else "s")
    what = f"{total}: {', '.join(parts)}" if parts else total
    return _ours(f"{what}; {len(run.installed)} already installed and not looked at")


def _signed(counted: Tally, way: str) -> str:
    """By whom and where, behind the count of what was signed."""
    if way != "signature":
        return ""
    return f" ({_several(counted.signers)}; {_several({_PLACES[kind]: n for kind, n in counted.places.items()})})"


def _several(counts: Mapping[str, int]) -> str:
    return _some([f"{one_line(name)} {count}" for name, count in counts.items()], MAX_NAMES)


def _some(items: Sequence[str], limit: int) -> str:
    more = [f"and {len(items) - limit} more"] if len(items) > limit else []
    return ", ".join([*items[:limit], *more])


def _installed(run: Run, style: Style) -> Iterable[str]:
    if run.installed:
        limit = len(run.installed) if style.verbose else MAX_NAMES
        yield _ours(f"not looked at: {_some([one_line(name) for name in run.installed], limit)}")


def _outcome(run: Run, refused: Sequence[Verdict], style: Style) -> Iterable[str]:
    """How a run that failed ended; only what is known. pip takes all receipts before it installs the first wheel."""
    if run.exit_code == 0:
        return
    late = any(reason.id == _NO_RECEIPT for verdict in refused for reason in verdict.reasons)
    if refused and run.command == "install" and run.pip_exit_code != 0 and not late:
        what = "nothing was installed"
    elif refused:
        what = "not everything was accepted"
    elif run.errors:
        what = "stopped by an error"
    else:
        what = "pip failed"
    yield _ours(f"{style.paint(what, BAD)} (exit code {run.exit_code})")
