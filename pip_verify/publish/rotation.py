"""What a change of the key list does to releases that are signed already: two lists and statements come in, the
releases that lose a signature go out.

How many signatures a release needs is for those who install it to say, so each loss is told with what is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pip_verify.errors import UsageError
from pip_verify.keys import KeyList, ListedKey
from pip_verify.publish.listwords import utc
from pip_verify.publish.releases import Releases, Statement, counting, signers_of

CLOCK_SLACK = 24 * 3600  # seconds that two machines of one publisher may be apart


@dataclass(frozen=True)
class Loss:
    """A release that loses signatures. before, after: how many distinct keys' signatures count."""

    statement: Statement
    before: int
    after: int

    def __str__(self) -> str:
        return f"{self.statement.release}: {self.before} -> {self.after}"


def losses(releases: Releases, before: KeyList, after: KeyList, *, now: float, then: float) -> list[Loss]:
    """The releases with fewer signatures that count by ``after`` at ``then`` than by ``before`` at ``now``.

    Those with none left come first, else by project and version.
    """
    found = []
    for statement in releases.statements:
        proved = signers_of(statement, before).proved
        loss = Loss(statement, len(counting(proved, before, now)), len(counting(proved, after, then)))
        if loss.after < loss.before:
            found.append(loss)
    return sorted(found, key=lambda loss: loss.after > 0)


def broken(found: Sequence[Loss]) -> int:
    """How many of them have no signature left that counts."""
    return sum(loss.after == 0 for loss in found)


def can_sign(key_list: KeyList, now: float) -> int:
    """How many keys of the list may sign at ``now``."""
    return sum(entry.refusal(now) is None for entry in key_list.keys)


def refuse_wrong_clock(what: str, key_list: KeyList, now: float) -> None:
    """Raise UsageError when the list tells of something past that has yet to come: this clock is behind, or the one
    that wrote the list was ahead. Either way a window written now would be a wrong one."""
    past = [event for entry in key_list.keys for event in happened(entry)]
    latest, done, members = max(past, default=(now, "", ""))
    if latest > now + CLOCK_SLACK:
        raise UsageError(
            what,
            expected=f"nothing that happened later than now, {utc(now)} by this clock",
            got=f"a key that was {done} at {utc(latest)}",
            hint=f"set the clock; or, if the list is wrong, correct its {members} in it; --force goes on as it is",
        )


def happened(entry: ListedKey) -> Iterator[tuple[float, str, str]]:
    """What the list says was done with a key: when, the verb, and the members that say so."""
    for time, done, members in (
        (entry.iat, "added", '"iat"'),
        (entry.retired_at, "retired", '"exp" and "retired_at"'),
        (entry.revoked_at, "revoked", '"revoked_at"'),
    ):
        if time is not None:
            yield time, done, members
