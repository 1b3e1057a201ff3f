"""One run: projects come in, each is looked at once, what was found is in the state, a ``Run`` goes out.

At most IN_FLIGHT projects are under way, and only these are in memory, so that a run over 10,000 projects needs hardly
more than one over 200; and of large ones only one, so that no index can fill the memory. Each look is remembered when
it is done; a run that was killed is gone on with, and the report is made from the state when all has been looked at,
never from a part of it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from pip_verify.encoding import json_encode
from pip_verify.errors import EvidenceError, PipVerifyError, SourceError, UsageError
from pip_verify.monitor.compare import Outcome, Signed, compare, whole
from pip_verify.monitor.served import ServedFiles, files_on
from pip_verify.monitor.signed import Document, Side
from pip_verify.monitor.state import Counts, Looked, Memory, Store
from pip_verify.pins import InlinePin
from pip_verify.sources import IN_FLIGHT
from pip_verify.sources.index import Page
from pip_verify.sources.simple import LARGE, SMALL, Caps
from pip_verify.sources.status import TooLargeError
from pip_verify.verdict import Decision, Reason, Run, Verdict, exit_code

MAX_TOLD = 10_000  # alarms in one report; the exit code counts all


@dataclass(frozen=True)
class Watch:
    """How each project is looked at. side: None where nobody's signature is asked for. accepted: digests of old files
    that need none. pin: of the command line."""

    served: ServedFiles
    side: Side | None
    accepted: Collection[str] = ()
    pin: InlinePin | None = None

    def look(self, project: str, memory: Memory, caps: Caps) -> Looked:
        """Look at one project; raises UsageError alone, and TooLargeError for a page that is over ``caps`` but not over
        LARGE."""
        try:
            expected = any(entry.state != "gone" for entry in memory.known)
            pages = self.served.pages(project, memory.pages, expected=expected, caps=caps)
            return self._judge(project, memory, pages)
        except (SourceError, EvidenceError) as error:
            if isinstance(error, TooLargeError) and caps != LARGE:
                raise
            return _unreached(project, memory, error)
        except UsageError:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours must not keep other projects from being watched
            return _unreached(project, memory, _our_fault(project, error))

    def _judge(self, project: str, memory: Memory, pages: tuple[Page, ...]) -> Looked:
        served = files_on(pages)
        signed: Signed | None = None
        alarms: list[Verdict] = []
        documents: list[Document] | None = None
        if self.side is not None:
            pins = self.side.policy.pins_for(project, [] if self.pin is None else [self.pin])
            missing = self.side.out_of_reach(pins)
            if missing is None:
                artifacts = [file.artifact for file in served if file.artifact.sha256 is not None]
                signed, alarms, documents = self.side.look(project, artifacts, pins, memory.documents)
            else:
                alarms.append(_about_keys(project, len(served), missing))
        outcome = compare(project, memory.known, served, signed, self.accepted)
        if alarms:
            outcome = replace(outcome, alarms=(*outcome.alarms, *alarms), quiet=None)
        return Looked(project, outcome, _if_changed(pages, memory), _if_other(documents, memory))


def run_key(projects: Sequence[str], options: Sequence[str]) -> str:
    """What two runs must have in common for the second to go on with the first."""
    return hashlib.sha256(json_encode([list(projects), list(options)])).hexdigest()


def watch_all(
    watch: Watch,
    store: Store,
    projects: Sequence[str],
    *,
    key: str,
    window: float,
    clock: Callable[[], float],
    errors: Sequence[PipVerifyError] = (),
) -> Run:
    """Look at all of these projects and report. key, window: as ``Store.begin``. errors: what went wrong beside.

    Raises UsageError, and whatever the state's file leads to.
    """
    started = time.monotonic()
    number, resumed = store.begin(key, clock(), window)
    left = (project for project in projects if not (resumed and store.is_done(number, project)))
    done = 0
    for looked in _looks(watch, store, left):
        store.save(number, looked, clock())
        done += 1
    store.end(number, clock())
    counts = store.counts(number)
    if counts.projects != len(projects):
        raise AssertionError(f"{counts.projects} projects in the state, and {len(projects)} were to be looked at")
    verdicts, alarms = store.alarms(number, MAX_TOLD)
    if not counts.recorded and not alarms:
        hint = "look at the index in use and at the projects' names"
        nothing = SourceError(
            "monitor", expected="a file to watch", got="none of these projects on any index", hint=hint
        )
        errors = (*errors, nothing)
    codes = store.exit_codes(number) | {error.exit_code for error in errors}
    return Run(
        "monitor",
        (*verdicts, *store.quiet(number)),
        exit_code(codes),
        warnings=tuple(_warnings(counts, len(projects) - done, alarms)),
        errors=tuple(errors),
        seconds=time.monotonic() - started,
    )


def _looks(watch: Watch, store: Store, projects: Iterator[str]) -> Iterator[Looked]:
    """Each project's look, as they end; large projects at last, each alone, so that only one is in memory."""
    large: list[str] = []
    yield from _at_once(watch, store, projects, large)
    for project in large:
        yield watch.look(project, store.recall(project), LARGE)


def _at_once(watch: Watch, store: Store, projects: Iterator[str], large: list[str]) -> Iterator[Looked]:
    """Looks at the projects that are not large, of which at most IN_FLIGHT are begun and not taken. large: gets the
    others."""
    under_way: dict[Future[Looked], str] = {}
    with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="pip-verify-monitor") as pool:
        try:
            for project in projects:
                if store.files(project) > SMALL.files:
                    large.append(project)
                    continue
                under_way[pool.submit(watch.look, project, store.recall(project), SMALL)] = project
                if len(under_way) >= IN_FLIGHT:
                    yield from _ended(under_way, large)
            while under_way:
                yield from _ended(under_way, large)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _ended(under_way: dict[Future[Looked], str], large: list[str]) -> Iterator[Looked]:
    for future in wait(under_way, return_when=FIRST_COMPLETED).done:
        project = under_way.pop(future)
        try:
            yield future.result()
        except TooLargeError:
            large.append(project)


def _warnings(counts: Counts, resumed: int, alarms: int) -> Iterator[str]:
    if resumed:
        yield f"this run goes on with one that was broken off: {resumed} of {counts.projects} projects were done"
    if counts.first_projects:
        yield (
            f"recorded for the first time: {counts.first_files} files of {counts.first_projects} projects;"
            " they are compared from the next run on"
        )
    if counts.absent:
        names = ", ".join(counts.absent[:20])
        yield f"on no index, so nothing of them is watched: {names}" + (", …" if len(counts.absent) > 20 else "")
    if counts.left_out:
        yield f"{counts.left_out} files of {counts.left_out_of} projects are not watched: pip never takes such files"
    if alarms > MAX_TOLD:
        yield f"{alarms} alarms, of which {MAX_TOLD} are in this report; the exit code is that of all"


def _unreached(project: str, memory: Memory, error: SourceError | EvidenceError) -> Looked:
    """What is known of it stays as it is: an index that was not reached has deleted nothing."""
    artifact = whole(project, len(memory.known))
    reason = Reason("PV502", error.subject, error.expected, error.got, error.hint or "run the command again later")
    verdict = Verdict(artifact, Decision.UNDECIDED, (reason,))
    return Looked(project, Outcome((verdict,), None, (), 0), reached=False)


def _our_fault(project: str, error: Exception) -> SourceError:
    got = f"a fault in pip-verify itself: {type(error).__name__}: {error}"[:200]
    hint = "report it to the makers of pip-verify, with this message"
    return SourceError(project, expected="to be looked at", got=got, hint=hint)


def _about_keys(project: str, files: int, reason: Reason) -> Verdict:
    decision = Decision.UNDECIDED if reason.id == "PV501" else Decision.REJECT
    return Verdict(whole(project, files), decision, (reason,))


def _if_changed(pages: tuple[Page, ...], memory: Memory) -> tuple[Page, ...] | None:
    same = {page.location: page for page in pages} == dict(memory.pages)
    return None if same else pages


def _if_other(documents: list[Document] | None, memory: Memory) -> tuple[Document, ...] | None:
    if documents is None or {document.place: document for document in documents} == dict(memory.documents):
        return None
    return tuple(documents)
