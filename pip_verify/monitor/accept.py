"""Accepting an alarm: a project, a file and the digest that a person looked at come in; from then on it is as recorded.

The digest must be given, since another run may have found yet another file meanwhile, which nobody has looked at.
Refused: what was not an alarm, another digest, and alarms that no word of a person mends (nothing was reached, the
statement is malformed or not the published one).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pip_verify.errors import UsageError
from pip_verify.monitor.compare import CHANGED, DIFFERS, GONE, NEVER_SEEN, WHOLE, YANKED
from pip_verify.monitor.state import Store
from pip_verify.monitor.stored import load
from pip_verify.report.words import next_step
from pip_verify.verdict import EXIT_UNREACHABLE, Verdict

_MUST_BE_MENDED = ("PV304", "PV310", DIFFERS)


@dataclass(frozen=True)
class Acceptance:
    """What a person decided. filename: or WHOLE. sha256: of the file from now on; of what is gone, the one that the
    report names. who, why: for the record."""

    project: str
    filename: str
    sha256: str
    who: str
    why: str


@dataclass(frozen=True)
class _Alarm:
    code: str
    sha256: str
    standing: bool
    verdict: Verdict


def accept(store: Store, wish: Acceptance, now: float) -> list[str]:
    """Record it, and who decided it; returns what was done, a line for each alarm. Raises UsageError."""
    alarms = _alarms(store, wish)
    recorded = {digest for digest, _ in _known(store, wish)}
    matching = [alarm for alarm in alarms if _is_meant(alarm, wish, recorded)]
    if not matching:
        digests = sorted({alarm.sha256 for alarm in alarms} | (recorded if alarms[0].code == CHANGED else set()))
        subject = f"--accept {wish.project} {wish.filename}"
        expected = "--sha256= one of the digests that were reported: " + ", ".join(digests)
        raise UsageError(subject, expected=expected, got=wish.sha256, hint="pip-verify monitor, then look again")
    database = store.database
    database.execute("BEGIN")
    told = [_apply(store, wish, alarm, now) for alarm in matching]
    database.execute("DELETE FROM alarm WHERE project = ? AND filename = ?", (wish.project, wish.filename))
    database.execute("COMMIT")
    return told


def _alarms(store: Store, wish: Acceptance) -> list[_Alarm]:
    rows = store.database.execute(
        "SELECT code, sha256, standing, verdict FROM alarm WHERE project = ? AND filename = ?",
        (wish.project, wish.filename),
    ).fetchall()
    alarms = [_Alarm(code, sha256, bool(standing), load(text)) for code, sha256, standing, text in rows]
    subject = f"--accept {wish.project} {wish.filename}"
    if not alarms:
        hint = "pip-verify monitor tells what is open, and how to accept it"
        raise UsageError(subject, expected="an open alarm", got="none", hint=hint)
    for alarm in alarms:
        if alarm.code in _MUST_BE_MENDED or alarm.verdict.exit_code == EXIT_UNREACHABLE:
            first = alarm.verdict.reasons[0]
            expected = "a file that changed, is gone, was yanked or has no good signature"
            raise UsageError(subject, expected=expected, got=f"{first.id} {first.help}", hint=next_step(first))
    return alarms


def _known(store: Store, wish: Acceptance) -> list[tuple[Any, ...]]:
    return store.database.execute(
        "SELECT sha256, yanked FROM known WHERE project = ? AND filename = ? AND state != 'gone'",
        (wish.project, wish.filename),
    ).fetchall()


def _is_meant(alarm: _Alarm, wish: Acceptance, recorded: set[str]) -> bool:
    """Of a change both digests can be meant: the new one, or the recorded one, to which the file came back."""
    return wish.sha256 == alarm.sha256 or (alarm.code == CHANGED and wish.sha256 in recorded)


def _apply(store: Store, wish: Acceptance, alarm: _Alarm, now: float) -> str:
    before = ", ".join(sorted(digest for digest, _ in _known(store, wish))) or "nothing"
    mark = _mark_gone if alarm.code in (GONE, NEVER_SEEN) else _mark_accepted
    after = mark(store, wish, alarm, now)
    store.database.execute(
        "INSERT INTO decision (at, who, why, project, filename, code, before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (now, wish.who, wish.why, wish.project, wish.filename, alarm.code, before, after),
    )
    name = f"all of {wish.project}" if wish.filename == WHOLE else wish.filename
    return f"{name}: {alarm.code} is accepted by {wish.who}; recorded from now on: {after}"


def _mark_gone(store: Store, wish: Acceptance, _: _Alarm, now: float) -> str:
    if wish.filename == WHOLE:
        store.database.execute("UPDATE known SET state = 'gone' WHERE project = ?", (wish.project,))
    else:
        store.database.execute(
            "INSERT OR REPLACE INTO known VALUES (?, ?, ?, 0, 'gone', ?)",
            (wish.project, wish.filename, wish.sha256, now),
        )
    return "gone"


def _mark_accepted(store: Store, wish: Acceptance, alarm: _Alarm, now: float) -> str:
    """The digest is what the file has from now on. Of a file that changed, what was recorded before counts no more."""
    yanked = next((flag for digest, flag in _known(store, wish) if digest == wish.sha256), False)
    if alarm.code == YANKED and alarm.standing:
        yanked = alarm.verdict.reasons[0].got == "yanked"
    only_the_yank = alarm.code == YANKED and len(alarm.verdict.reasons) == 1
    state = "accepted"
    if only_the_yank:
        (state,) = store.database.execute(
            "SELECT state FROM known WHERE project = ? AND filename = ? AND sha256 = ?",
            (wish.project, wish.filename, wish.sha256),
        ).fetchone()
    if alarm.code == CHANGED:
        store.database.execute("DELETE FROM known WHERE project = ? AND filename = ?", (wish.project, wish.filename))
    store.database.execute(
        "INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?, ?, ?)",
        (wish.project, wish.filename, wish.sha256, yanked, state, now),
    )
    return f"sha256:{wish.sha256}" + (", yanked" if yanked else "")
