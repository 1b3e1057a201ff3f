"""Judging one artifact: gather its evidence place by place, in formats.md 3's order, until the verifier accepts.

All I/O is behind the two stores of ``sources``; all deciding is the verifier's. What is gathered depends on the
pins: their key lists, then local statements, then what the wheel carries, then the publisher's statements.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from pip_verify.artifact.name import Artifact
from pip_verify.artifact.wheel import WheelFacts
from pip_verify.errors import EvidenceError, SourceError
from pip_verify.evidence import Evidence, Found, Look, Nothing, NotReached, Place
from pip_verify.keys import KeyList
from pip_verify.pins import Pin
from pip_verify.policy import Exemption, Policy
from pip_verify.sources import IN_FLIGHT, statements
from pip_verify.sources.keylists import KeyListStore
from pip_verify.sources.statements import StatementStore, places
from pip_verify.verdict import Verdict
from pip_verify.verifier import Exempt, Rules, kids_of, verify

DEFAULT_FORMAT = "release-statement"  # what stands at every place outside a wheel


@dataclass(frozen=True)
class Case:
    """One artifact to be judged, and what is known of it.

    pins: all must hold. inline: whether some of them come from a requirement rather than the trust file.
    user_sha256: hashes the user gave. wheel: what the strict reader found, once the bytes are there.
    beside: the local artifact's own path. url: where the artifact came from.
    """

    artifact: Artifact
    pins: tuple[Pin, ...]
    inline: bool = False
    user_sha256: frozenset[str] = frozenset()
    wheel: WheelFacts | None = None
    beside: Path | None = None
    url: str | None = None


@dataclass(frozen=True)
class _Stage:
    """Looks at one kind of place. kept: whether they count when they did not lead to acceptance."""

    looks: Sequence[Look]
    kept: bool = True


class Judge:
    """Judges cases, one or several at a time from several threads.

    clock: seconds since the epoch. warn: called with what the user must be told though it decides nothing.
    """

    def __init__(
        self,
        policy: Policy,
        key_lists: KeyListStore,
        statements: StatementStore,
        *,
        statements_dir: Path | None,
        clock: Callable[[], float],
        warn: Callable[[str], None],
    ) -> None:
        self._policy = policy
        self._key_lists = key_lists
        self._statements = statements
        self._statements_dir = statements_dir
        self._clock = clock
        self._warn = warn
        self._lock = threading.Lock()
        self._looks: dict[Place, Future[statements.Look]] = {}
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="pip-verify-evidence")

    def judge(self, case: Case) -> Verdict:
        """The verdict on ``case``; fetches what it needs. Raises only UsageError (a URL of the user's is unusable)."""
        started = time.perf_counter()
        verdict = self._judge(case)
        return replace(verdict, seconds=time.perf_counter() - started)

    def prefetch(self, key_lists: Iterable[str], artifacts: Iterable[tuple[Artifact, tuple[Pin, ...]]]) -> None:
        """Warm what judging these will need; failures are left for the judging to find and report."""
        self._key_lists.prefetch(list(key_lists))
        for artifact, pins in artifacts:
            for place in self._prefetchable(artifact, pins):
                self._look(place)

    def _judge(self, case: Case) -> Verdict:
        if not case.pins or self._exempt_by_hash(case):
            return verify(case.artifact, (), (), {}, self._rules(case), self._clock())
        keys = self._keys(case.pins)
        looks: list[Look] = []
        for stage in self._stages(case, keys):
            with_stage = [*looks, *stage.looks]
            verdict = self._verify(case, with_stage, keys)
            if verdict.accepted:
                return self._remember(verdict, with_stage)
            if stage.kept:
                looks = with_stage
        fresh = self._refetch(looks, keys)
        return self._remember(self._verify(case, looks, keys if fresh is None else fresh), looks)

    def _verify(
        self, case: Case, looks: Sequence[Look], keys: dict[str, KeyList | SourceError | EvidenceError]
    ) -> Verdict:
        return verify(case.artifact, tuple(looks), case.pins, keys, self._rules(case), self._clock())

    # What policy says.

    def _rules(self, case: Case) -> Rules:
        exemption = self._policy.exemption_for(case.artifact.project)
        exempt = None if exemption is None else _exempt(exemption)
        return Rules(exempt, self._policy.unsigned == "hash-pinned", case.user_sha256)

    def _exempt_by_hash(self, case: Case) -> bool:
        """Bytes that the trust file exempts by hash need no proof, unless a requirement asks for one: pins narrow."""
        exemption = self._policy.exemption_for(case.artifact.project)
        if exemption is None or case.inline or not exemption.active(self._clock()):
            return False
        return case.artifact.sha256 in exemption.hashes

    # Keys.

    def _keys(self, pins: Sequence[Pin]) -> dict[str, KeyList | SourceError | EvidenceError]:
        return {url: self._key_list(url) for url in dict.fromkeys(pin.key_list for pin in pins) if url is not None}

    def _key_list(self, url: str) -> KeyList | SourceError | EvidenceError:
        try:
            state = self._key_lists.get(url)
        except (SourceError, EvidenceError) as error:
            return error
        if state.stale:
            age = int(self._clock() - state.expires_at)
            self._warn(f"the key list {url} could not be reached; its copy, expired {age} s ago, is used (max-stale)")
        return state.list

    def _refetch(
        self, looks: Sequence[Look], keys: dict[str, KeyList | SourceError | EvidenceError]
    ) -> dict[str, KeyList | SourceError | EvidenceError] | None:
        """The lists again, where a signature names a key that a list lacks: it may be a key just added."""
        kids = {kid for look in looks if isinstance(look, Found) for kid in kids_of(look.evidence)}
        behind = [
            url
            for url, known in keys.items()
            if isinstance(known, KeyList) and any(known.find(kid) is None for kid in kids)
        ]
        if not behind:
            return None
        fresh = dict(keys)
        for url in behind:
            try:
                fresh[url] = self._key_lists.refetch(url).list
            except (SourceError, EvidenceError) as error:
                fresh[url] = error
        return fresh

    # Evidence.

    def _stages(self, case: Case, keys: dict[str, KeyList | SourceError | EvidenceError]) -> Iterator[_Stage]:
        local, remote = self._places(case, keys)
        yield _Stage(self._look_all(local))
        yield _Stage(list(_inside(case)))
        remembered = [(place, self._statements.cached(place)) for place in remote]
        # A remembered statement is proved again under today's keys, so a copy that still proves needs no network;
        # one that does not is no evidence of anything: what stands at its place now is.
        yield _Stage([Found(Evidence(DEFAULT_FORMAT, place, data)) for place, data in remembered if data], kept=False)
        yield _Stage(self._look_all(remote))

    def _places(
        self, case: Case, keys: dict[str, KeyList | SourceError | EvidenceError]
    ) -> tuple[list[Place], list[Place]]:
        found: dict[Place, None] = {}
        for pin in case.pins:
            known = keys.get(pin.key_list or "")
            template = pin.releases or (known.releases if isinstance(known, KeyList) else None)
            if isinstance(known, SourceError | EvidenceError):
                continue  # without its list nothing can prove this pin, and the template may be the list's
            found.update(
                dict.fromkeys(
                    places(
                        case.artifact,
                        statements_dir=self._statements_dir,
                        local_path=case.beside,
                        template=template,
                        base_url=pin.key_list,
                        artifact_url=case.url,
                    )
                )
            )
        local = [place for place in found if place.kind in ("statements-dir", "beside")]
        return local, [place for place in found if place.kind not in ("statements-dir", "beside")]

    def _look_all(self, where: Sequence[Place]) -> list[Look]:
        return [_as_evidence(future.result()) for future in [self._look(place) for place in where]]

    def _look(self, place: Place) -> Future[statements.Look]:
        """Ask once a run for each place, whoever asks first; concurrently."""
        with self._lock:
            if place not in self._looks:
                self._looks[place] = self._pool.submit(self._statements.look, place)
            return self._looks[place]

    def _prefetchable(self, artifact: Artifact, pins: tuple[Pin, ...]) -> list[Place]:
        """Remote places that a version alone names, before any file name is known."""
        _, remote = self._places(Case(artifact, pins), self._keys(pins))
        return [
            place
            for place in remote
            if artifact.filename not in place.location and self._statements.cached(place) is None
        ]

    def _remember(self, verdict: Verdict, looks: Sequence[Look]) -> Verdict:
        if verdict.accepted and verdict.place is not None and verdict.place.kind in ("releases", "url"):
            for look in looks:
                if isinstance(look, Found) and look.place == verdict.place:
                    self._statements.remember(look.place, look.evidence.data)
        return verdict


def _as_evidence(look: statements.Look) -> Look:
    if isinstance(look, statements.Found):
        return Found(Evidence(DEFAULT_FORMAT, look.place, look.data))
    return Nothing(look.place) if isinstance(look, statements.Nothing) else NotReached(look.place, look.error)


def _inside(case: Case) -> Iterator[Look]:
    """What the wheel carries; which of it a pin allows is the verifier's question."""
    if case.wheel is None:
        return
    place = Place("in-wheel", case.artifact.filename)
    if case.wheel.release_jws is not None:
        yield Found(Evidence("in-wheel", place, case.wheel.release_jws, case.wheel.record_signed_sha256))
    if case.wheel.record_jws is not None:
        yield Found(Evidence("record-jws", place, case.wheel.record_jws, case.wheel.record_sha256))


def _exempt(exemption: Exemption) -> Exempt:
    until = None
    if exemption.until is not None:
        end = datetime(exemption.until.year, exemption.until.month, exemption.until.day, tzinfo=timezone.utc)
        until = end.timestamp() + 24 * 3600  # it holds to the end of that day
    return Exempt(exemption.reason, exemption.hashes, until)
