"""What every report counts and in which order it tells it, once for all formats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pip_verify.verdict import EXIT_PRECEDENCE, Decision, Run, Verdict

WAYS = ("signature", "exemption", "hash", "built", "local", "vcs")  # Verdict.by of what was accepted
NO_WAY = "unstated"  # accepted, but no known way says how: never left out of a count


@dataclass(frozen=True)
class Tally:
    """accepted, refused, undecided: how many artifacts; together they are all. ways: how many were accepted in each
    way, the ways with none left out. signers, places: of those accepted by signature, the most frequent first."""

    accepted: int
    refused: int
    undecided: int
    ways: Mapping[str, int]
    signers: Mapping[str, int]
    places: Mapping[str, int]


def tally(run: Run) -> Tally:
    """Count ``run``'s verdicts."""
    decisions = Counter(verdict.decision for verdict in run.verdicts)
    accepted = [verdict for verdict in run.verdicts if verdict.accepted]
    ways = Counter(way_of(verdict) for verdict in accepted)
    signed = [verdict for verdict in accepted if verdict.by == "signature"]
    return Tally(
        accepted=len(accepted),
        refused=decisions[Decision.REJECT],
        undecided=decisions[Decision.UNDECIDED],
        ways={way: ways[way] for way in (*WAYS, NO_WAY) if ways[way]},
        signers=_by_frequency(signer_of(verdict) for verdict in signed),
        places=_by_frequency("" if verdict.place is None else verdict.place.kind for verdict in signed),
    )


def way_of(verdict: Verdict) -> str:
    """How an accepted artifact was accepted: one of ``WAYS``, else ``NO_WAY``."""
    return verdict.by if verdict.by in WAYS else NO_WAY


def signer_of(verdict: Verdict) -> str:
    """Who signed: the trust file's names, else the keys; words for it when the verdict states neither."""
    return " and ".join(verdict.publishers or [key.text for key in verdict.keys]) or "nobody stated"


def by_weight(run: Run) -> list[Verdict]:
    """The verdicts, the most telling first: what was refused, what is undecided, what was accepted; among equals
    by project and file name, so that a report does not depend on which download was quicker."""
    return sorted(run.verdicts, key=_weight)


def _weight(verdict: Verdict) -> tuple[int, int, str, str]:
    decision = (Decision.REJECT, Decision.UNDECIDED, Decision.ACCEPT).index(verdict.decision)
    kind = 0 if verdict.accepted else EXIT_PRECEDENCE.index(verdict.exit_code)
    return decision, kind, verdict.artifact.project, verdict.artifact.filename


def _by_frequency(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))
