"""Trust on first use: who signed a project is taken from ``pip-verify.lock``, or found, judged for real and recorded.

An artifact, the pins it has and a way to judge it under other pins come in; a verdict goes out. What a run saw for the
first time is kept in memory until ``commit``, which whoever runs it calls when nothing was refused and nothing is
installed yet. Refused: an empty, torn, linked or foreign lock, a first use where nobody can review it, and keys that
another run recorded otherwise in the meantime. It is for session and gate alike and knows nothing of pip.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from pathlib import Path

from pip_verify.artifact.metadata import key_list_urls
from pip_verify.artifact.name import Artifact
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.evidence.record_jws import keys_inside
from pip_verify.firstuse import (
    FIRST_USE_MAX_BYTES,
    RANKS,
    Seen,
    Today,
    bytes_needed,
    compare,
    contradicted,
    departed,
    explained,
    first_used,
    merge,
    not_here,
    parse_first_use,
    release_line,
    serialise,
)
from pip_verify.keys import PublicKey
from pip_verify.pins import InlinePin, Origin, Pin
from pip_verify.policy import EMPTY_POLICY, Policy
from pip_verify.sources.address import check_url
from pip_verify.storage import locked, read_file, write_atomically
from pip_verify.verdict import (
    EXIT_BAD,
    EXIT_REVOKED,
    EXIT_UNREACHABLE,
    EXIT_UNSIGNED,
    EXIT_UNTRUSTED,
    Decision,
    Verdict,
)

MAX_KEY_LISTS = 4  # of one artifact: each is a host that whoever made the file lets us ask

# Of several ways to find a signer one is enough; so a way that could not be tried outweighs one that found nothing.
_TELLING = (EXIT_BAD, EXIT_REVOKED, EXIT_UNTRUSTED, EXIT_UNREACHABLE, EXIT_UNSIGNED)

Under = Callable[[tuple[Pin, ...]], Verdict]  # judges the artifact at hand under these pins
Check = Callable[[Path, os.stat_result], None]  # raises UsageError for a file that others could have changed


@dataclass(frozen=True)
class Carried:
    """What the artifact says of its own signer. metadata: METADATA or PKG-INFO, strictly read. record_jws: the legacy
    signature inside a wheel, if any."""

    metadata: bytes
    record_jws: bytes | None = None


class FirstUse:
    """The first uses of one run; may be called from several threads.

    path: of the lock; None where policy does not record first uses. frozen: what forbids a first use, in words; "" when
    nothing does. clock: seconds since the epoch. check: for the lock's owner and mode. Raises UsageError or
    EvidenceError when there is a lock that is not whole.
    """

    def __init__(
        self,
        policy: Policy = EMPTY_POLICY,
        path: Path | None = None,
        *,
        frozen: str = "",
        clock: Callable[[], float] = lambda: 0.0,
        check: Check = lambda _, __: None,
    ) -> None:
        self._policy = policy
        self._path = path
        self._frozen = frozen
        self._clock = clock
        self._check = check
        self._lock = threading.RLock()
        self._seen = {} if path is None else read_lock(path, check)
        self._new: set[str] = set()  # projects without an entry when the run began
        self._changed: dict[str, list[Verdict]] = {}  # by project: what rests on an entry that is not written yet

    # -- pins --------------------------------------------------------------------------------------------

    def pins_for(self, project: str, inline: Sequence[InlinePin], version: str | None = None) -> tuple[Pin, ...]:
        """Every pin that must hold: the trust file's, the inline ones, and the lock's where the trust file says nothing
        of the project: a requirement's own pin narrows what was seen, as it narrows what the trust file says.

        version: of the artifact; without it the lock's pin allows weaker evidence than this release may have. Raises
        UsageError as ``Policy.pins_for``.
        """
        pins = self._policy.pins_for(project, inline)
        seen = self._seen.get(project)
        return (*pins, seen.pin(version)) if seen is not None and self._speaks(project) else pins

    def _speaks(self, project: str) -> bool:
        """Whether what was seen of a project counts: nobody is to sign it, by the trust file, nor is it exempt."""
        if self._path is None or self._policy.publisher_for(project) is not None:
            return False
        exemption = self._policy.exemption_for(project)
        return exemption is None or not exemption.active(self._clock())

    # -- judging -----------------------------------------------------------------------------------------

    def judge(
        self, artifact: Artifact, pins: tuple[Pin, ...], under: Under, carried: Callable[[], Carried] | None = None
    ) -> Verdict:
        """The verdict on ``artifact``, by its pins where somebody is pinned, by the lock, or as a first use.

        pins: as ``pins_for`` gave them. carried: reads what the file says of itself; None while its bytes are not here.
        """
        if not self._speaks(artifact.project):
            return under(pins)
        own = [pin for pin in pins if pin.origin.file != self._name]
        seen = self._seen.get(artifact.project)
        if seen is None:
            if own:
                return under(pins)
            return self._unseen(artifact, under) if carried is None else self._first(artifact, under, carried())
        verdict = self._again(seen, artifact, under, carried)
        return under(pins) if own and verdict.accepted else verdict

    def _again(self, seen: Seen, artifact: Artifact, under: Under, carried: Callable[[], Carried] | None) -> Verdict:
        verdict = under((seen.pin(artifact.version),))
        if verdict.accepted:
            return self._note(seen, verdict)
        return held_against(seen, verdict, under, None if carried is None else carried(), frozen=bool(self._frozen))

    def _unseen(self, artifact: Artifact, under: Under) -> Verdict:
        """Whom a file names only its bytes tell. Where nobody may be used for the first time that may not matter: if it
        is refused when it names nobody, it is refused whatever it says."""
        unpinned = under(())
        if not self._frozen or unpinned.decision is not Decision.REJECT:
            return bytes_needed(artifact)
        refused = not_here(artifact, self._frozen, self._name)
        return replace(refused, reasons=(*refused.reasons, *unpinned.reasons))

    def _first(self, artifact: Artifact, under: Under, carried: Carried) -> Verdict:
        candidates = list(_candidates(carried, self._name))
        if not candidates:
            return under(())
        if self._frozen:
            return not_here(artifact, self._frozen, self._name)
        verdicts = []
        for pin in candidates:
            verdict = _strongest(under, pin)
            if verdict.accepted:
                return self._record(verdict, pin, under, carried)
            verdicts.append(verdict)
        return _most_telling(verdicts) or under(())

    # -- recording ---------------------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return str(self._path)

    def _record(self, verdict: Verdict, pin: Pin, under: Under, carried: Carried) -> Verdict:
        project, version = verdict.artifact.project, verdict.artifact.version
        keys = tuple(sorted(verdict.keys, key=lambda key: key.text))
        lines = {release_line(version): verdict.evidence}
        seen = Seen(project, keys, pin.key_list, self._today_utc(), lines, Origin(self._name))
        with self._lock:
            first = self._seen.setdefault(project, seen)
            if first is seen:
                self._new.add(project)
                return self._note(seen, verdict)
        return self._again(first, verdict.artifact, under, lambda: carried)  # another file of it was quicker

    def _note(self, seen: Seen, verdict: Verdict) -> Verdict:
        """Remember what an accepted artifact adds to its entry."""
        project = seen.project
        with self._lock:
            before = self._seen[project]
            if not self._frozen:
                self._seen[project] = before.having(verdict.artifact.version, verdict.evidence)
            if project in self._new or self._seen[project] is not before:
                self._changed.setdefault(project, []).append(verdict)
            return first_used(verdict, seen) if project in self._new else verdict

    def _today_utc(self) -> date:
        return datetime.fromtimestamp(self._clock(), timezone.utc).date()

    def commit(self) -> list[Verdict]:
        """Write down what this run has seen first, and tell what no longer holds: refusals of artifacts whose project
        another run has recorded otherwise meanwhile. Then nothing is written.

        Raises UsageError when the lock cannot be read or written, SourceError when another process holds it.
        """
        with self._lock:
            if not self._changed or self._path is None:
                return []
            with locked(self._path):
                there = read_lock(self._path, self._check)
                refused = [verdict for project in self._changed for verdict in self._merge_into(there, project)]
                if not refused:
                    _write(self._path, serialise(there))
                    self._changed.clear()
            return refused

    def _merge_into(self, there: dict[str, Seen], project: str) -> list[Verdict]:
        theirs, ours = there.get(project), self._seen[project]
        if theirs is None and project not in self._new:
            return []  # somebody removed the entry while we ran: it stays removed
        merged = ours if theirs is None else merge(theirs, ours)
        if merged is None:
            return [contradicted(verdict, theirs) for verdict in self._changed[project] if theirs is not None]
        there[project] = merged
        return []


def held_against(seen: Seen, verdict: Verdict, under: Under, carried: Carried | None, *, frozen: bool) -> Verdict:
    """A refusal that was reached under the entry's pin, with why it departs from what was seen, if it does.

    carried: what the artifact says of itself, None while that is not known. frozen: nothing may be used for the first
    time; then no address is asked that only the artifact names.
    """
    today = _today(seen, under, carried, frozen=frozen)
    reason = compare(seen, verdict, today)
    return explained(verdict if reason is None else departed(verdict, reason), seen, today)


def _today(seen: Seen, under: Under, carried: Carried | None, *, frozen: bool) -> Today:
    """By whom a refused artifact is signed now, and how."""
    lock = seen.origin.file
    known = Pin((), seen.key_list, formats=RANKS) if seen.key_list else Pin(seen.keys, formats=RANKS)
    found = () if carried is None else tuple(_candidates(carried, lock))
    pins = [replace(known, origin=Origin(seen.key_list or lock)), *found]
    asked = [pin for pin in pins if pin.key_list in (None, seen.key_list) or not frozen]
    verdict = _most_telling([under((pin,)) for pin in asked])
    return Today(verdict, _key_lists(carried) if carried else (), unread=carried is None)


def read_lock(path: Path, check: Check = lambda _, __: None) -> dict[str, Seen]:
    """The entries of the lock at ``path``, by project; none when nothing is there.

    Raises UsageError for anything but a regular file that is whole, EvidenceError for a weak key in it.
    """
    if not os.path.lexists(path):
        return {}
    expected = "a lock file that can be read"
    hint = f"take {path} from version control again; pip-verify never begins it anew by itself"
    if not stat.S_ISREG(path.lstat().st_mode):
        raise UsageError(str(path), expected="a regular file, no link", got="something else", hint=hint)
    data, status = read_file(path, max_bytes=FIRST_USE_MAX_BYTES, expected=expected, hint=hint)
    check(path, status)
    return parse_first_use(data, str(path))


def forget(path: Path, projects: Iterable[str], *, dry_run: bool = False) -> tuple[str, str]:
    """Remove entries from the lock. Returns its text before and after; equal when there were none of these.

    dry_run: write nothing, not even the file that writers hold. Raises as ``FirstUse.commit``.
    """
    if not os.path.lexists(path):
        return "", ""
    with contextlib.nullcontext() if dry_run else locked(path):
        there = read_lock(path)
        before = serialise(there)
        for project in projects:
            there.pop(project, None)
        after = serialise(there)
        if after != before and not dry_run:
            _write(path, after)
    return before.decode("ascii"), after.decode("ascii")


def _write(path: Path, data: bytes) -> None:
    mode = stat.S_IMODE(path.lstat().st_mode) if path.exists() else 0o644
    write_atomically(path, data, mode=mode)


def _candidates(carried: Carried, lock: str) -> Iterator[Pin]:
    """Whom the artifact itself names as its signer, the key lists first. Nothing is believed of it yet."""
    for url in _key_lists(carried):
        yield Pin((), url, origin=Origin(url))
    keys = _keys_inside(carried)
    if keys:
        yield Pin(keys, formats=("record-jws",), origin=Origin(lock))


def _key_lists(carried: Carried) -> tuple[str, ...]:
    return tuple(url for url in key_list_urls(carried.metadata) if _usable(url))[:MAX_KEY_LISTS]


def _usable(url: str) -> bool:
    """A stranger's URL that we would refuse as the user's is no reason to stop the run."""
    try:
        check_url(url)
    except UsageError:
        return False
    return True


def _keys_inside(carried: Carried) -> tuple[PublicKey, ...]:
    if carried.record_jws is None:
        return ()
    try:
        return keys_inside(carried.record_jws)
    except EvidenceError:
        return ()  # malformed: it names nobody


def _strongest(under: Under, pin: Pin) -> Verdict:
    """The verdict by the strongest evidence there is: whatever is recorded now is demanded from now on."""
    if pin.formats:
        return under((pin,))
    verdict = under((replace(pin, formats=RANKS[-1:]),))
    return verdict if verdict.accepted else under((pin,))


def _most_telling(verdicts: Sequence[Verdict]) -> Verdict | None:
    """Of verdicts any of which would do: the first acceptance, else the most telling refusal."""
    accepted = next((verdict for verdict in verdicts if verdict.accepted), None)
    return accepted or min(verdicts, key=lambda verdict: _TELLING.index(verdict.exit_code), default=None)
