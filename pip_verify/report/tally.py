"""What every report counts and in which order it tells it, once for all formats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pip_verify.verdict import CATALOGUE, EXIT_PRECEDENCE, Decision, Run, Verdict

WAYS = ("signature", "first-use", "exemption", "hash", "built", "local", "vcs")  # Verdict.by of what was accepted
SIGNED = WAYS[:2]  # those that a publisher's signature accepted
NO_WAY = "unstated"  # accepted, but no known way says how: never left out of a count
FILE_NEEDED: Mapping[str, str] = {  # why it is undecided, though everything that was asked could be reached
    "PV503": "only its bytes can tell, and they did not come",
    "PV504": CATALOGUE["PV504"].help,
}


@dataclass(frozen=True)
class Tally:
    """accepted, refused, undecided: how many artifacts; together they are all. file_needed: how many of the undecided
    only lack the file. ways: how many were accepted in each way, the ways with none left out. signers, places: of
    those accepted by signature (at first use or later), the most frequent first."""

    accepted: int
    refused: int
    undecided: int
    file_needed: int
    ways: Mapping[str, int]
    signers: Mapping[str, int]
    places: Mapping[str, int]

    @property
    def signed(self) -> int:
        """How many were accepted by signature, at first use or later."""
        return sum(self.ways.get(way, 0) for way in SIGNED)

    @property
    def unreached(self) -> int:
        """How many are undecided because something could not be reached."""
        return self.undecided - self.file_needed


def tally(run: Run) -> Tally:
    """Count ``run``'s verdicts."""
    decisions = Counter(verdict.decision for verdict in run.verdicts)
    accepted = [verdict for verdict in run.verdicts if verdict.accepted]
    ways = Counter(way_of(verdict) for verdict in accepted)
    signed = [verdict for verdict in accepted if verdict.by in SIGNED]
    return Tally(
        accepted=len(accepted),
        refused=decisions[Decision.REJECT],
        undecided=decisions[Decision.UNDECIDED],
        file_needed=sum(needs_file(verdict) for verdict in run.verdicts),
        ways={way: ways[way] for way in (*WAYS, NO_WAY) if ways[way]},
        signers=_by_frequency(signer_of(verdict) for verdict in signed),
        places=_by_frequency("" if verdict.place is None else verdict.place.kind for verdict in signed),
    )


def needs_file(verdict: Verdict) -> bool:
    """Whether it is undecided only because the file itself did not come."""
    undecided = verdict.decision is Decision.UNDECIDED
    return undecided and any(reason.id in FILE_NEEDED for reason in verdict.reasons[:1])


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
