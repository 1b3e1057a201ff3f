"""Who signs a project? Found out by looking, without running anything: no resolver, no build backend, no installer.

A project, its version and what the lock allows come in; a ``Finding`` goes out. A publisher is only found if its
signature on files of this very release was verified as any run would verify it; what a file merely *says* about its
publisher is where to look, no more. So this is trust on first use: whoever could replace the release on the index today
could name a publisher of their own, which is why a person reads the trust file that comes of it.

``match`` holds the lock against the index; ``release`` reads what a release says of itself; ``proof`` asks the judge;
``merge`` writes findings into a trust file; ``environment`` lists what is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from packaging.requirements import InvalidRequirement, Requirement

from pip_verify.artifact.name import canonical_version, normalise
from pip_verify.discovery.proof import Finding, Progress, Prover
from pip_verify.discovery.refusal import Refusal, RefusedError
from pip_verify.discovery.release import Release, read_release
from pip_verify.firstuse import Seen
from pip_verify.judge import Judge
from pip_verify.lockfiles.model import LockedFile, Unlocked
from pip_verify.pins import Pin
from pip_verify.sources import concurrently
from pip_verify.sources.index import Index

__all__ = ["Discoverer", "Finding", "Refusal", "Wanted", "exact_requirement"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Wanted:
    """One release to look at. project: normalised. version: None where the lock states digests alone. files: what the
    lock allows of it; none: there is no lock, and every file of the version on the index counts. pin: what the trust
    file states for the project already; then nobody else is looked for. seen: what ``pip-verify.lock`` says of it,
    where nobody is pinned; then what departs from that is refused."""

    project: str
    version: str | None
    files: tuple[LockedFile, ...] = ()
    pin: Pin | None = None
    seen: Seen | None = None


class Discoverer:
    """Looks for publishers. May be used from many threads.

    judge: with no policy and a cache directory of its own, so that what is found does not depend on what is cached.
    known: pins of publishers that the user trusts already; they are tried where a release names no key list and yet has
    a statement on this machine. statements_dir: the judge's.
    """

    def __init__(
        self, index: Index, judge: Judge, *, known: Sequence[Pin] = (), statements_dir: Path | None = None
    ) -> None:
        self._index = index
        self._prover = Prover(index, judge, statements_dir)
        self._known = tuple(known)

    def find(
        self, project: str, version: str | None, files: Sequence[LockedFile], *, seen: Seen | None = None
    ) -> Finding:
        """Look at one release. Raises EvidenceError (bad: other bytes than locked, a bad signature, a departure from
        what was seen) and SourceError (something could not be looked at, so that nothing is known)."""
        (result,) = self.find_all([Wanted(project, version, tuple(files), seen=seen)])
        if isinstance(result, Refusal):
            raise result.error
        return result

    def find_all(self, wanted: Iterable[Wanted]) -> list[Finding | Refusal]:
        """Look at many, concurrently; the results stand in the order asked for and do not depend on it.

        First everything is read from the index, then evidence is asked for, then files are opened: so there are never
        more than IN_FLIGHT requests under way. Each document is fetched once.
        """
        read = _each(self._read, list(wanted))
        proved = _each(lambda release: self._prover.by_digest(release, self._known), read)
        # a list that proved one project may prove another that names none and has a statement on this machine
        pins = [item.pin for item in proved if isinstance(item, Progress) and item.pin is not None]
        tried = {pin.key_list for pin in self._known}
        urls = {pin.key_list for pin in pins if pin.key_list is not None and pin.key_list not in tried}
        lists = [Pin(key_list=url) for url in sorted(urls)]
        return _each(lambda progress: self._prover.complete(progress, lists), proved)

    def _read(self, wanted: Wanted) -> Release:
        release = read_release(self._index, wanted.project, wanted.version, wanted.files)
        return replace(release, stated=wanted.pin, seen=wanted.seen)


def _each(work: Callable[[_Item], _Result], items: Sequence[_Item | Refusal]) -> list[_Result | Refusal]:
    """``work`` on every item that is not refused yet; what it raises becomes a refusal."""

    def guarded(item: _Item | Refusal) -> _Result | Refusal:
        if isinstance(item, Refusal):
            return item
        try:
            return work(item)
        except RefusedError as error:
            return error.refusal

    return concurrently(guarded, items)


def exact_requirement(requirement: Unlocked) -> Wanted | None:
    """What ``NAME==VERSION`` without hashes asks for; None for any other requirement."""
    if requirement.dependencies:
        return None
    try:
        parsed = Requirement(requirement.text)
    except InvalidRequirement:
        return None
    (specifier, *more) = [*parsed.specifier] or [None]
    if specifier is None or more or parsed.url or specifier.operator != "==" or specifier.version.endswith(".*"):
        return None
    return Wanted(normalise(parsed.name), canonical_version(specifier.version))
