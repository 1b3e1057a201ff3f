"""One run: which pins hold, what was judged, what has a receipt. The parent's side of every question the child asks.

A *receipt* is the record that these exact bytes (sha256) were judged, and with what result. Once anything was
refused, no receipt is good for installing any more: nothing of a refused run is installed.

In mode "report" refusals are kept for the report and pip is told of none, so that receipts are given for what was
refused, too. Still refused is whatever has no receipt: bytes that were not judged, or were changed afterwards (PV308).
Errors, too, stop the run in either mode.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from pip_verify.artifact.name import Artifact, normalise, parse_filename
from pip_verify.errors import EvidenceError, PipVerifyError
from pip_verify.inspection import (
    Link,
    bytes_needed,
    covers,
    inspect,
    judge_built,
    name_artifact,
    sha256_of,
)
from pip_verify.judge import Case, Judge, judge_case, judge_directory, judge_vcs, other_commit
from pip_verify.pins import InlinePin
from pip_verify.policy import Mode, Policy
from pip_verify.report.safe import one_line
from pip_verify.requested import Requested
from pip_verify.requirements.model import Requirement
from pip_verify.sources import IN_FLIGHT
from pip_verify.sources.address import redact
from pip_verify.sources.firstuse import FirstUse
from pip_verify.verdict import Decision, Reason, Run, Verdict, exit_code, reject

_NO_RECEIPT = "PV308"  # refused in every mode
_TAKEN = ("install", "save")  # uses of a receipt after which a file is where the user wanted it


class Session:
    """Pins, verdicts and receipts of one run. Safe to call from several threads.

    command_line_pin: the pin options given on the command line; they hold for every requirement named there.
    first_use: what is known of projects that nobody pinned. mode: "report" lets pip go on after a refusal.
    """

    def __init__(
        self,
        policy: Policy,
        judge: Judge,
        *,
        command_line_pin: InlinePin | None = None,
        environ: Mapping[str, str],
        first_use: FirstUse | None = None,
        mode: Mode = "enforce",
    ) -> None:
        self._policy = policy
        self._first_use = first_use or FirstUse(policy)
        self._mode = mode
        self._judge = judge
        self._requested = Requested(command_line_pin, environ)
        self._lock = threading.RLock()
        self._verdicts: dict[tuple[str, str | None], Verdict] = {}
        self._pending: dict[tuple[str, str | None], Verdict] = {}  # only the bytes can decide, and they have not come
        self._receipts: dict[str, Verdict] = {}
        self._built_from: dict[str, Verdict] = {}  # by the built wheel's sha256: its source
        self._sources: dict[tuple[str, str], Verdict] = {}
        self._installed: dict[str, str] = {}
        self._stopped = False
        self._taken = False  # whether a receipt was asked for to install or save a file
        self._being_read: dict[str, Future[list[str]]] = {}
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="pip-verify")
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="pip-verify-reader")

    # -- pins --------------------------------------------------------------------------------------------

    def requirement_file(self, data: bytes, name: str, *, constraint: bool) -> str:
        """Record the pins of a requirement file; returns the text that pip shall read instead. Raises as
        ``Requested.read``."""
        parsed = self._requested.read(data, name, constraint=constraint)
        self._pool.submit(self._prefetch, parsed.requirements)
        return parsed.text_for_pip

    def name_on_command_line(self, named: Iterable[tuple[str | None, str | None]]) -> None:
        """Tell which requirements the user named on the command line, as ``Requested.name``."""
        self._requested.name(named)

    def name_files(self, links: Iterable[Link]) -> None:
        """Tell which files the user named, as ``name_on_command_line``."""
        self._requested.name((None, link.filename) for link in links)

    def _prefetch(self, requirements: Sequence[Requirement]) -> None:
        """Warm what a locked file will need while pip still starts; what fails here is judged later."""
        wanted = []
        for requirement in requirements:
            if requirement.project is None or requirement.exact_version is None:
                continue
            artifact = Artifact(requirement.project, requirement.exact_version, "\0", "wheel")
            inline = self._requested.pins(artifact.project)
            try:
                pins = self._first_use.pins_for(artifact.project, inline, artifact.version)
            except PipVerifyError:
                continue  # the judging of this project raises it where it is reported
            wanted.append((artifact, pins))
        lists = {pin.key_list for _, pins in wanted for pin in pins if pin.key_list is not None}
        self._judge.prefetch(lists, wanted)

    # -- judging -----------------------------------------------------------------------------------------

    def judge_links(self, links: Sequence[Link]) -> list[str]:
        """Judge by stated digest, before a byte is downloaded; returns the refusals in words.

        What only its bytes can decide is not refused here.
        """
        verdicts = list(self._pool.map(self._judge_link, links)) if len(links) > 1 else [*map(self._judge_link, links)]
        asked = zip(verdicts, links, strict=True)
        return [
            refusal
            for verdict, link in asked
            for refusal in self._enter(verdict, link.comes_from, final=_is_final(verdict))
        ]

    def judge_file(self, link: Link, path: Path, *, beside: Path | None) -> list[str]:
        """Judge the bytes at ``path``, a private copy; an accepted file gets a receipt. Returns refusals in words.

        beside: where the user's own copy lies, for a statement beside it.

        A wheel whose digest was proved before, and whose bytes have it, is read strictly in the background, while
        pip goes on; no receipt but one for reading is given until that has ended. ``settle`` waits for all.
        """
        if not self._is_proved_wheel(link, path):
            return self._judge_whole_file(link, path, beside)
        with self._lock:
            self._being_read[link.sha256 or ""] = self._readers.submit(self._judge_whole_file, link, path, beside)
        return []

    def settle(self) -> list[str]:
        """Wait until every file is judged to the end. Returns the refusals in words."""
        with self._lock:
            reading = list(self._being_read.values())
        return [refusal for future in reading for refusal in future.result()]

    def _judge_whole_file(self, link: Link, path: Path, beside: Path | None) -> list[str]:
        verdict = self._judge_bytes(link, path, beside)
        self._give_receipt(verdict)
        if not verdict.accepted and verdict.artifact.sha256 != link.sha256:
            with self._lock:  # other bytes came: what was accepted by its stated digest is not here
                self._verdicts.pop((link.filename, link.sha256), None)
        return self._enter(verdict, link.comes_from)

    def _is_proved_wheel(self, link: Link, path: Path) -> bool:
        """Whether these are the bytes of a digest that was accepted before they came."""
        with self._lock:
            before = self._verdicts.get((link.filename, link.sha256))
        if before is None or not before.accepted or before.artifact.kind != "wheel":
            return False
        return sha256_of(path) == link.sha256

    def judge_source(
        self, kind: str, location: str, about: Mapping[str, Any], *, there: str | None = None
    ) -> list[str]:
        """Decide by policy about a source without bytes to sign: kind "directory" or "vcs". Returns refusals.

        there: what lies already where a checkout is to be."""
        project = normalise(about["project"]) if about.get("project") else ""
        if kind == "vcs":
            artifact = Artifact(project, "", redact(location), "vcs")
            verdict = judge_vcs(self._policy, artifact, location, there=there)
        else:
            directory, by_user = Artifact(project, "", location, "directory"), bool(about.get("user_supplied"))
            comes_from = about.get("comes_from")
            verdict = judge_directory(self._policy, directory, named_by_user=by_user, comes_from=comes_from)
        if self._passes(verdict):
            with self._lock:
                self._sources[kind, location] = verdict
        return self._enter(verdict, about.get("comes_from"))

    def judge_checkout(self, location: str, revision: str) -> list[str]:
        """Whether ``revision``, which was checked out, is the commit that ``location`` names. Returns refusals.

        Raises EvidenceError for a location that was never judged: nobody may build what nobody was asked about."""
        with self._lock:
            judged = self._sources.get(("vcs", location))
        if judged is None:
            raise EvidenceError(redact(location), expected="a source that was judged before", got="another")
        if not judged.accepted:
            return []  # refused already; in mode "report" pip goes on with it
        fault = other_commit(judged.artifact, location, revision)
        return [] if fault is None else self._enter(reject(judged.artifact, fault))

    def judge_built(self, path: Path, project: str, source: Mapping[str, Any]) -> list[str]:
        """Give a wheel that was built in this run a receipt, if its source was accepted and it is that source's."""
        artifact = parse_filename(path.name, project=normalise(project), sha256=sha256_of(path))
        if source["kind"] == "archive":
            judged = self._receipts.get(source["sha256"])
        else:
            judged = self._sources.get((source["kind"], source["location"]))
        verdict = judge_built(artifact, judged)
        if judged is not None and artifact.sha256 is not None:
            self._built_from[artifact.sha256] = judged
        self._give_receipt(verdict)
        return self._enter(verdict)

    def judge_receipt(
        self, use: str, sha256: str, filename: str, *, project: str | None, outer: bool = False
    ) -> list[str]:
        """Whether these bytes may be read, unpacked, installed or saved now. Returns refusals in words.

        outer: whether the pip that the user started asks, and not one that fills a build environment. When that one
        is about to take the first file, all is resolved and built: this is when first uses are recorded.
        """
        with self._lock:
            reading = self._being_read.get(sha256)
        if reading is not None and not (use == "read" and not reading.done()):
            refusals = reading.result()
            if refusals:
                return refusals
        elif reading is not None:
            return []  # proved to be the publisher's bytes; for more than reading their structure must be good, too
        with self._lock:
            receipt = self._receipts.get(sha256)
            if self._stopped:
                return [f"{filename} (something else of this run was refused)"]
        if receipt is not None and covers(receipt.artifact, use, project):
            self._taken = self._taken or use in _TAKEN
            return self._record_first_uses() if outer and use in _TAKEN else []
        got = "no receipt" if receipt is None else f"a receipt for an artifact of {receipt.artifact.project}"
        expected = f"a receipt for sha256:{sha256}" + (f" as {project}" if project else "")
        hint = "something changed these bytes after they were checked; look for what did before you try again"
        reason = Reason("PV308", filename, f"{expected}, to {use} it", got, hint)
        return self._enter(reject(Artifact(project or "", "", filename, "wheel", sha256), reason))

    def receipt_of(self, sha256: str) -> tuple[Verdict, Verdict | None, str | None]:
        """What a receipt in the environment shall say of a wheel: its verdict, its source's if it was built in this
        run, the trust file's name. Raises EvidenceError when there is no receipt."""
        with self._lock:
            verdict, source = self._receipts.get(sha256), self._built_from.get(sha256)
        if verdict is None:
            raise EvidenceError(f"sha256:{sha256}", expected="a receipt", got="none")
        return verdict, source, self._policy.source

    def note_installed(self, project: str, version: str) -> None:
        """A distribution that was there already; it is not looked at, and the summary says so."""
        with self._lock:
            self._installed[project] = version

    def stop(self) -> None:
        """Nothing more may be installed in this run."""
        with self._lock:
            self._stopped = True

    def result(
        self,
        command: str,
        *,
        errors: Sequence[PipVerifyError],
        warnings: Sequence[str],
        pip_exit_code: int | None,
        seconds: float,
    ) -> Run:
        """What the run came to. The exit code: refusals first, then what stopped it, then pip's own."""
        self.settle()
        errors = [*errors, *self._record_at_the_end(command, pip_exit_code)]
        with self._lock:
            verdicts, pending = tuple(self._verdicts.values()), tuple(self._pending.values())
            installed = tuple(f"{name} {version}" for name, version in sorted(self._installed.items()))
        for pool in (self._pool, self._readers):
            pool.shutdown(wait=False, cancel_futures=True)
        # What is not decided makes the run not good; unless pip failed for a reason of its own, and so no bytes came.
        refused = bool(errors) or not all(verdict.accepted for verdict in verdicts)
        counted = verdicts if pip_exit_code and not refused else (*verdicts, *pending)
        codes = [verdict.exit_code for verdict in counted if self._stops(verdict)]
        codes += [error.exit_code for error in errors]
        stopped = next((code for code in (2, 1) if code in codes), 0)
        return Run(
            command,
            (*verdicts, *pending),
            exit_code(codes) or stopped or pip_exit_code or 0,
            installed,
            tuple(warnings),
            tuple(errors),
            pip_exit_code,
            seconds,
            mode=self._mode,
        )

    # -- inside ------------------------------------------------------------------------------------------

    def _judge_link(self, link: Link) -> Verdict:
        named = name_artifact(link)
        if isinstance(named, Verdict):
            return named
        case = self._case(named, link)
        if named.sha256 is None and case.pins:
            return bytes_needed(named)
        return judge_case(self._judge, self._first_use, case)

    def _judge_bytes(self, link: Link, path: Path, beside: Path | None) -> Verdict:
        named = name_artifact(link)
        if isinstance(named, Verdict):
            return replace(named, artifact=replace(named.artifact, sha256=sha256_of(path)))
        started = time.perf_counter()
        found = inspect(path, named, user_sha256=link.user_sha256, metadata_sha256=link.metadata_sha256)
        artifact = found.artifact
        case = replace(self._case(artifact, link), wheel=found.wheel, beside=beside)
        if found.fault is not None:
            return replace(reject(artifact, found.fault), origins=tuple(pin.origin for pin in case.pins))
        with self._lock:
            before = self._verdicts.get((artifact.filename, artifact.sha256))
        if before is not None and before.accepted:  # by its digest; these are the bytes of that digest
            return before
        verdict = judge_case(self._judge, self._first_use, case, found.carried)
        return replace(verdict, seconds=time.perf_counter() - started)

    def _case(self, artifact: Artifact, link: Link) -> Case:
        inline = self._requested.pins(artifact.project)
        pins = self._first_use.pins_for(artifact.project, inline, artifact.version)
        return Case(artifact, pins, bool(inline), link.user_sha256, url=None if link.is_file else link.url)

    def _give_receipt(self, verdict: Verdict) -> None:
        if self._passes(verdict) and verdict.artifact.sha256 is not None:
            with self._lock:
                self._receipts[verdict.artifact.sha256] = verdict

    def _passes(self, verdict: Verdict) -> bool:
        return verdict.accepted or not self._stops(verdict)

    def _stops(self, verdict: Verdict) -> bool:
        """Whether a refusal counts: all do, but in mode "report" only that of bytes without a receipt."""
        return self._mode == "enforce" or verdict.reasons[0].id == _NO_RECEIPT

    def _record_first_uses(self) -> list[str]:
        """Write down what was seen first, unless anything was refused. Returns refusals in words."""
        with self._lock:
            if not all(verdict.accepted for verdict in self._verdicts.values()):
                return []
        return [refusal for verdict in self._first_use.commit() for refusal in self._enter(verdict)]

    def _record_at_the_end(self, command: str, pip_exit_code: int | None) -> list[PipVerifyError]:
        """First uses of a run that took no file: ``lock``, ``verify``. An ``install`` that took none was a dry run."""
        if pip_exit_code or (command == "install" and not self._taken):
            return []
        try:
            self._record_first_uses()
        except PipVerifyError as error:
            return [error]
        return []

    def _enter(self, verdict: Verdict, comes_from: str | None = None, *, final: bool = True) -> list[str]:
        """Keep a verdict for the report. A refusal stays, whatever comes after it; returns it in words."""
        artifact = verdict.artifact
        if not verdict.origins:
            verdict = replace(verdict, origins=self._requested.origins(artifact.project, comes_from))
        key = (artifact.filename, artifact.sha256)
        with self._lock:
            if not final:
                self._pending[key] = verdict
                return []
            for earlier in ((artifact.filename, None), key):
                self._pending.pop(earlier, None)
            if not verdict.accepted and artifact.sha256 is not None:
                self._verdicts.pop((artifact.filename, None), None)  # the same file, before its digest was known
            if key not in self._verdicts or self._verdicts[key].accepted:
                self._verdicts[key] = verdict
            if self._passes(verdict):
                return []
            self._stopped = True
        reason = verdict.reasons[0]
        return [one_line(f"{artifact.filename}: {reason.id} {reason.help}")]


def _is_final(verdict: Verdict) -> bool:
    """Whether a verdict by digest stands without the bytes: a wheel may still carry its own signature."""
    if verdict.accepted:
        return True
    if verdict.artifact.kind == "wheel" and verdict.origins:
        return verdict.reasons[0].id in ("PV310", "PV501")  # no key list: nothing in the wheel can change that
    return verdict.decision is not Decision.UNDECIDED or verdict.reasons[0].id in ("PV501", "PV502")
