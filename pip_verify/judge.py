"""Judging one artifact: gather its evidence place by place, in formats.md 3's order, until the verifier accepts.

All I/O is behind the two stores of ``sources``; all deciding is the verifier's. What is gathered depends on the
pins: their key lists, then local statements, then what the wheel carries, then the publisher's statements.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from pip_verify.artifact.name import Artifact
from pip_verify.artifact.wheel import WheelFacts
from pip_verify.errors import EvidenceError, SourceError
from pip_verify.evidence import Evidence, Found, Look, Place
from pip_verify.keys import KeyList
from pip_verify.pins import Pin
from pip_verify.policy import Policy
from pip_verify.sources import IN_FLIGHT
from pip_verify.sources.firstuse import Carried, FirstUse
from pip_verify.sources.keylists import KeyListStore
from pip_verify.sources.statements import FORMAT, StatementStore, places
from pip_verify.verdict import EXIT_BAD, EXIT_REVOKED, Decision, Reason, Verdict, reject
from pip_verify.verifier import Exempt, Rules, kids_of, verify

Keys: TypeAlias = dict[str, KeyList | SourceError | EvidenceError]  # by the key list's URL

_TELLING = (EXIT_BAD, EXIT_REVOKED)
_LOCAL = ("statements-dir", "beside")
_LIKE_A_REQUIREMENT_RE = re.compile(r"@\s*[A-Za-z+.-]+:/|[<>=!~]=")
# git alone: its commit ids bind contents. As pip has the URL, without fragment.
_FULL_COMMIT_RE = re.compile(r"git\+.*@([0-9a-f]{40}(?:[0-9a-f]{24})?)", re.DOTALL)


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
class Examined:
    """A verdict and all it was reached from. looks: in the order in which they were taken; keys: by key list's URL."""

    verdict: Verdict
    looks: tuple[Look, ...]
    keys: Mapping[str, KeyList | SourceError | EvidenceError]


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
        self._looks: dict[Place, Future[Look]] = {}
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="pip-verify-evidence")

    def judge(self, case: Case) -> Verdict:
        """The verdict on ``case``; fetches what it needs. Raises only UsageError (a URL of the user's is unusable)."""
        return self.examine(case).verdict

    def examine(self, case: Case) -> Examined:
        """As ``judge``, with what the verdict was reached from."""
        started = time.perf_counter()
        verdict, looks, keys = self._examine(case)
        return Examined(replace(verdict, seconds=time.perf_counter() - started), tuple(looks), keys)

    def prefetch(self, key_lists: Iterable[str], artifacts: Iterable[tuple[Artifact, tuple[Pin, ...]]]) -> None:
        """Warm what judging these will need; failures are left for the judging to find and report."""
        self._key_lists.prefetch(list(key_lists))
        for artifact, pins in artifacts:
            for place in self._prefetchable(artifact, pins):
                self._look(place)

    def gather(self, cases: Sequence[Case]) -> None:
        """Fetch, concurrently and each document once, what judging these cases by digest will need."""
        self._key_lists.prefetch({pin.key_list for case in cases for pin in case.pins if pin.key_list is not None})
        for case in cases:
            if case.pins and not self._exempt_by_hash(case):
                _, remote = self._places(case, self._keys(case.pins))
                for place in remote:
                    if self._statements.cached(place) is None:
                        self._look(place)

    def _examine(self, case: Case) -> tuple[Verdict, Sequence[Look], Keys]:
        if not case.pins or self._exempt_by_hash(case):
            return verify(case.artifact, (), (), {}, self._rules(case), self._clock()), (), {}
        keys = self._keys(case.pins)
        looks: list[Look] = []
        for stage in self._stages(case, keys):
            if not stage.looks:
                continue
            with_stage = [*looks, *stage.looks]
            verdict = self._verify(case, with_stage, keys)
            if verdict.accepted:
                self._remember(verdict, with_stage)
                return verdict, with_stage, keys
            if stage.kept:
                looks = with_stage
        verdict = self._verify(case, looks, keys)
        fresh = self._refetch(looks, keys)
        if fresh is not None:
            again = self._verify(case, looks, fresh)
            # A list out of reach must not hide what the copy at hand already shows to be bad.
            if again.accepted or verdict.exit_code not in _TELLING:
                verdict, keys = again, fresh
        self._remember(verdict, looks)
        return verdict, looks, keys

    def _verify(self, case: Case, looks: Sequence[Look], keys: Keys) -> Verdict:
        return verify(case.artifact, tuple(looks), case.pins, keys, self._rules(case), self._clock())

    # What policy says.

    def _rules(self, case: Case) -> Rules:
        return replace(rules_for(self._policy, case.artifact.project, self._clock()), user_sha256=case.user_sha256)

    def _exempt_by_hash(self, case: Case) -> bool:
        return is_exempt_by_hash(self._policy, case.artifact, self._clock(), narrowed=case.inline)

    # Keys.

    def _keys(self, pins: Sequence[Pin]) -> Keys:
        return {url: self._key_list(url) for url in dict.fromkeys(pin.key_list for pin in pins) if url is not None}

    def _key_list(self, url: str) -> KeyList | SourceError | EvidenceError:
        try:
            state = self._key_lists.get(url)
        except (SourceError, EvidenceError) as error:
            return error
        if state.stale:
            age = int(self._clock() - state.expires_at)
            self._warn(f"a key list that expired {age} s ago is used (max-stale), because of {url}: {state.problem}")
        return state.list

    def _refetch(self, looks: Sequence[Look], keys: Keys) -> Keys | None:
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
                state = self._key_lists.refetch(url)
            except (SourceError, EvidenceError) as error:
                fresh[url] = error
            else:
                # The key may be on a list that could not be had: that is not the same as a stranger's key.
                fresh[url] = state.list if state.problem is None else state.problem
        return fresh

    # Evidence.

    def _stages(self, case: Case, keys: Keys) -> Iterator[_Stage]:
        local, remote = self._places(case, keys)
        yield _Stage(self._look_all(local))
        yield _Stage(list(_inside(case)))
        remembered = [(place, self._statements.cached(place)) for place in remote]
        # A remembered statement is proved again under today's keys, so a copy that still proves needs no network;
        # one that does not is no evidence of anything: what stands at its place now is.
        yield _Stage([Found(Evidence(FORMAT, place, data)) for place, data in remembered if data], kept=False)
        yield _Stage(self._look_all(remote))

    def _places(self, case: Case, keys: Keys) -> tuple[list[Place], list[Place]]:
        """The local and the remote places of all pins, each once; a template that leads nowhere makes its key list
        one that is refused."""
        found: dict[Place, None] = {}
        for pin in case.pins:
            try:
                found.update(dict.fromkeys(self._places_of(case, pin, keys)))
            except EvidenceError as error:
                keys[pin.key_list or ""] = error
        local = [place for place in found if place.kind in _LOCAL]
        return local, [place for place in found if place.kind not in _LOCAL]

    def _places_of(self, case: Case, pin: Pin, keys: Keys) -> tuple[Place, ...]:
        known = keys.get(pin.key_list) if pin.key_list is not None else None
        if isinstance(known, SourceError | EvidenceError):
            return ()  # without its list nothing can prove this pin, and the template may be the list's
        template = pin.releases or (None if known is None else known.releases)
        if case.artifact.kind == "file" and "{filename}" in (template or ""):
            return ()  # the lock does not tell the file's name, so what is named for it cannot be asked for
        return places(
            case.artifact,
            statements_dir=self._statements_dir,
            local_path=case.beside,
            template=template,
            base_url=pin.key_list,
            artifact_url=case.url,
        )

    def _look_all(self, where: Sequence[Place]) -> list[Look]:
        return [future.result() for future in [self._look(place) for place in where]]

    def _look(self, place: Place) -> Future[Look]:
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

    def _remember(self, verdict: Verdict, looks: Sequence[Look]) -> None:
        if verdict.accepted and verdict.place is not None and verdict.place.kind in ("releases", "url"):
            for look in looks:
                if isinstance(look, Found) and look.place == verdict.place:
                    self._statements.remember(look.place, look.evidence.data)


def rules_for(policy: Policy, project: str, now: float) -> Rules:
    """What a trust file says about one project at ``now``, as the verifier takes it."""
    exemption = policy.exemption_for(project)
    if exemption is None:
        return Rules(None, policy.unsigned == "hash-pinned")
    only: frozenset[str] = frozenset()
    if exemption.active(now) and policy.publisher_for(project) is None:
        only = frozenset(exemption.hashes)  # a requirement's own pin narrows what the trust file lets in
    exempt = Exempt(exemption.reason, exemption.hashes, exemption.ends)
    return Rules(exempt, policy.unsigned == "hash-pinned", only=only)


def is_exempt_by_hash(policy: Policy, artifact: Artifact, now: float, *, narrowed: bool) -> bool:
    """Bytes that the trust file exempts by hash need no proof, unless (narrowed) a requirement asks for one."""
    exemption = policy.exemption_for(artifact.project)
    if exemption is None or narrowed or not exemption.active(now):
        return False
    return artifact.sha256 in exemption.hashes


def judge_case(judge: Judge, first_use: FirstUse, case: Case, carried: Callable[[], Carried] | None = None) -> Verdict:
    """The verdict on ``case`` by its pins, or as policy lets a first use be. carried: reads what the file says of its
    own signer; None while its bytes are not here."""

    def under(pins: tuple[Pin, ...]) -> Verdict:
        return judge.judge(case if pins is case.pins else replace(case, pins=pins))

    return first_use.judge(case.artifact, case.pins, under, carried)


def judge_vcs(policy: Policy, artifact: Artifact, location: str, *, there: str | None = None) -> Verdict:
    """A version-control source has no file to sign, so policy decides. location: its URL, as pip has it. there: what
    lies already where it is to be checked out, if anything does: nobody knows who put it there."""
    if policy.vcs != "commit":
        wanted, hint = "a signed artifact", 'vcs = "commit"   # in [policy] of the trust file: allows full commit ids'
        got = "a version-control URL"
    elif not _FULL_COMMIT_RE.fullmatch(location):
        wanted, hint = "git, at a full commit id", f"{artifact.filename}@<40 hex digits>"
        got = "another version-control URL"
    elif there is not None:
        wanted, hint = "a fresh checkout", f"look at what lies there, move it away, then run the command again: {there}"
        got = f"a directory that is there already ({there})"
    else:
        return Verdict(artifact, Decision.ACCEPT, (Reason("PV006", artifact.filename),), by="vcs")
    return reject(artifact, Reason("PV104", artifact.filename, wanted, got, hint))


def other_commit(artifact: Artifact, location: str, revision: str) -> Reason | None:
    """What is wrong with a checkout of ``location`` that came to ``revision``; None when that is the commit asked for.

    git looks for branches and tags first, so that a server may serve anything under a commit's id."""
    asked = _FULL_COMMIT_RE.fullmatch(location)
    if asked is not None and asked[1] == revision:
        return None
    wanted = asked[1] if asked is not None else "a full commit id"
    hint = "do not use this repository before you know why it has another commit under that id"
    return Reason("PV104", artifact.filename, f"commit {wanted}", f"commit {revision[:80]!a}", hint)


def judge_directory(policy: Policy, artifact: Artifact, *, named_by_user: bool, comes_from: str | None) -> Verdict:
    """A directory has no file to sign either. comes_from: what names it, in pip's words."""
    # pip looks at the disk first: a planted directory "demo @ https:/host/x" would stand in for that requirement.
    if _LIKE_A_REQUIREMENT_RE.search(artifact.filename):
        got, hint = "a directory whose path reads like a requirement", f"look at what lies at {artifact.filename}"
    elif policy.local == "deny":
        got, hint = 'a directory, and policy local = "deny"', "build a wheel of it and sign that"
    elif not named_by_user:
        got, hint = f"a directory that {comes_from or 'a package'} names", "name the directory yourself"
    else:
        return Verdict(artifact, Decision.ACCEPT, (Reason("PV005", artifact.filename),), by="local")
    return reject(artifact, Reason("PV105", artifact.filename, "a signed artifact", got, hint))


def _inside(case: Case) -> Iterator[Look]:
    """What the wheel carries; which of it a pin allows is the verifier's question."""
    if case.wheel is None:
        return
    place = Place("in-wheel", case.artifact.filename)
    if case.wheel.release_jws is not None:
        yield Found(
            Evidence("in-wheel", place, case.wheel.release_jws, case.wheel.record_signed_sha256, case.wheel.tags)
        )
    if case.wheel.record_jws is not None:
        yield Found(Evidence("record-jws", place, case.wheel.record_jws, case.wheel.record_sha256, case.wheel.tags))
