"""The CI gate: what a lock allows comes in, a verdict for each of it goes out. Nothing is resolved, built or installed.

A lock that states sha256 digests is judged by them; no artifact is downloaded, unless ``download`` is given, and then
only those that are not accepted without. Files at hand, in directories or where a lock says, are read. Evidence is
fetched concurrently, each document once.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import canonicalize_version

from pip_verify.artifact.name import Artifact, parse_filename, same_version
from pip_verify.errors import EvidenceError, SourceError, UsageError
from pip_verify.evidence.formats import FORMATS
from pip_verify.inspection import inspect
from pip_verify.judge import Case, Judge, judge_case, judge_directory, judge_vcs
from pip_verify.lockfiles.model import LockedFile, LockedSet, LockedSource, Unlocked
from pip_verify.lockfiles.package import local_path
from pip_verify.pins import InlinePin, Pin
from pip_verify.policy import Policy
from pip_verify.sources import concurrently
from pip_verify.sources.address import redact
from pip_verify.sources.firstuse import FirstUse
from pip_verify.verdict import EXIT_BAD, EXIT_UNSIGNED, Decision, Reason, Run, Verdict, exit_code, reject

_NOTHING_FOUND = "PV102"
_BYTES_NEEDED = "PV504"

# Fetches the bytes of a locked file into a directory; its name there is the file's own. Raises SourceError.
Download = Callable[[LockedFile, Path], Path]


@dataclass(frozen=True)
class Question:
    """One locked file, and how to judge it: as a case, or by a verdict that is clear from the lock alone. pins: its
    release's."""

    locked: LockedFile
    ask: Case | Verdict
    pins: tuple[Pin, ...]


class Gate:
    """Judges what locks allow. first_use: knows the pins; what it saw first is for the caller to commit."""

    def __init__(self, policy: Policy, judge: Judge, first_use: FirstUse, *, download: Download | None = None) -> None:
        self._policy = policy
        self._judge = judge
        self._first_use = first_use
        self._download = download

    def judge(self, locked: LockedSet) -> tuple[Verdict, ...]:
        """A verdict for each file, source and unlocked requirement, in the lock's order.

        Raises UsageError when the lock lists nothing, or when its pins and the trust file cannot hold together.
        """
        if not (locked.files or locked.sources or locked.unlocked):
            hint = "name a lock that lists something: an empty one would always pass"
            raise UsageError("lock", expected="at least one locked artifact", got="none", hint=hint)
        questions = self.questions(locked.files)
        cases = [question.ask for question in questions if isinstance(question.ask, Case)]
        self._judge.gather(cases)
        if any(question.locked.path is not None for question in questions):
            verdicts = concurrently(self.answer, questions)  # files are read
        else:
            verdicts = [self.answer(question) for question in questions]  # all is here: threads would only cost
        if self._download is not None:
            verdicts = self._with_bytes(questions, verdicts, self._download)
        verdicts += [self.judge_source(source) for source in locked.sources]
        verdicts += [not_locked(unlocked) for unlocked in locked.unlocked]
        return tuple(verdicts)

    # What is asked.

    def questions(self, files: Sequence[LockedFile]) -> list[Question]:
        """How to judge each of these files. Raises UsageError as ``judge``."""
        inline: dict[str, dict[InlinePin, None]] = {}
        for file in files:
            inline.setdefault(file.project, {}).update(dict.fromkeys(file.pins))
        hashes = _hashes_given(files)
        known: dict[tuple[str, str | None], tuple[Pin, ...]] = {}
        questions = []
        for file in files:
            own, release = list(inline[file.project]), (file.project, file.version)
            if release not in known:
                known[release] = self._first_use.pins_for(file.project, own, file.version)
            pins = known[release]
            questions.append(Question(file, self._ask(file, pins, hashes, inline=bool(own)), pins))
        return questions

    def _ask(
        self,
        file: LockedFile,
        pins: tuple[Pin, ...],
        hashes: Mapping[tuple[str, str | None], frozenset[str]],
        *,
        inline: bool,
    ) -> Case | Verdict:
        artifact = _artifact(file)
        if isinstance(artifact, Verdict):
            return artifact
        url = file.url if file.url is not None and file.url.startswith("https:") else None
        given = hashes.get(_release(file), frozenset())
        return Case(artifact, pins, inline, given, url=url, beside=_beside(file))

    # What is answered.

    def answer(self, question: Question) -> Verdict:
        """The verdict on one question, without a download: by the file itself where it is at hand, else by its digest.

        Raises UsageError for a file at hand that cannot be read.
        """
        if isinstance(question.ask, Verdict):
            return _at(question.locked, question.ask)
        if question.locked.path is not None:
            return _at(question.locked, self._judge_at_hand(Path(question.locked.path), question.ask))
        verdict = judge_case(self._judge, self._first_use, question.ask)
        if not verdict.accepted and _only_bytes_can_tell(question.ask, verdict):
            verdict = _undownloaded(question.ask, verdict)
        return _at(question.locked, verdict)

    def _with_bytes(
        self, questions: Sequence[Question], verdicts: Sequence[Verdict], download: Download
    ) -> list[Verdict]:
        """The verdicts again where the file's bytes may change them."""

        def again(pair: tuple[Question, Verdict]) -> Verdict:
            question, verdict = pair
            case = question.ask
            if isinstance(case, Verdict) or verdict.accepted or verdict.exit_code == EXIT_BAD:
                return verdict
            if question.locked.path is not None or (not case.pins and verdict.reasons[0].id != _BYTES_NEEDED):
                return verdict  # they were looked at, or nobody's signature in them could count
            return self._judge_bytes(question.locked, case, verdict, download)

        return concurrently(again, zip(questions, verdicts, strict=True))

    def _judge_bytes(self, locked: LockedFile, case: Case, before: Verdict, download: Download) -> Verdict:
        with tempfile.TemporaryDirectory(prefix="pip-verify-") as folder:
            try:
                path = download(locked, Path(folder))
                return _at(locked, self._judge_path(path, case))
            except SourceError as error:
                reason = Reason.of("PV502", error)
                return replace(before, decision=Decision.UNDECIDED, reasons=(reason,))
            except EvidenceError as error:
                return _at(locked, reject(case.artifact, Reason.of("PV303", error)))

    def _judge_at_hand(self, path: Path, case: Case) -> Verdict:
        try:
            return self._judge_path(path, case)
        except OSError as error:
            got = error.strerror or str(error)
            raise UsageError(str(path), expected="a file that can be read", got=got, hint=f"ls -l {path}") from error

    def _judge_path(self, path: Path, case: Case) -> Verdict:
        stated = case.artifact
        named = parse_filename(path.name, project=stated.project, sha256=stated.sha256)
        if not same_version(named.version, stated.version):
            reason = _other_release(path.name, f"{stated.project} {stated.version}", named)
            return reject(replace(stated, filename=path.name), reason)
        found = inspect(path, named, user_sha256=case.user_sha256)
        if found.fault is not None:
            return reject(found.artifact, found.fault)
        whole = replace(case, artifact=found.artifact, wheel=found.wheel)
        return judge_case(self._judge, self._first_use, whole, found.carried)

    def judge_source(self, source: LockedSource) -> Verdict:
        """The verdict on a source that has no file."""
        artifact = Artifact(source.project or "", source.version or "", redact(source.location), source.kind)
        if source.kind == "vcs":
            verdict = judge_vcs(self._policy, artifact, source.location)
        else:
            verdict = judge_directory(self._policy, artifact, named_by_user=True, comes_from=str(source.origin))
        return replace(verdict, origins=(source.origin,))


def result(
    command: str,
    verdicts: Sequence[Verdict],
    *,
    warnings: Sequence[str],
    started: float,
    report_only: bool = False,
    min_coverage: float | None = None,
    left_out: int = 0,
) -> Run:
    """The run that these verdicts make. min_coverage: the least share accepted by signature, in percent; less is as
    unsigned. report_only: the exit code is 0. started: on the monotonic clock. left_out: as a run has it."""
    run = Run(
        command,
        tuple(verdicts),
        exit_code(verdict.exit_code for verdict in verdicts),
        warnings=tuple(warnings),
        seconds=time.monotonic() - started,
        mode="report" if report_only else "enforce",
        min_coverage=min_coverage,
        left_out=left_out,
    )
    if run.exit_code == 0 and min_coverage is not None and run.coverage < min_coverage:
        run = replace(run, exit_code=EXIT_UNSIGNED)
    return replace(run, exit_code=0) if report_only else run


def _release(file: LockedFile) -> tuple[str, str | None]:
    """What a lock's digests are stated for. Of a version in two spellings (1.0, 1.0.0) it is one."""
    return file.project, None if file.version is None else canonicalize_version(file.version)


def _hashes_given(files: Iterable[LockedFile]) -> Mapping[tuple[str, str | None], frozenset[str]]:
    """The digests that the user's locks state, by release. Those of files at hand or of an index are no hashes that
    the user gave: else any file would vouch for itself."""
    given: dict[tuple[str, str | None], set[str]] = {}
    for file in files:
        if file.stated and file.sha256 is not None:
            given.setdefault(_release(file), set()).add(file.sha256)
    return {release: frozenset(digests) for release, digests in given.items()}


def _artifact(file: LockedFile) -> Artifact | Verdict:
    """What the lock states of one file as an artifact, or why it states too little or contradicts itself. An index may
    leave the digest out: it locks nothing."""
    version = file.version or ""
    words = f"{file.project} {version}".rstrip()
    loose = _loose(file)
    if loose is not None:
        hint = f"let a locker write {words} with sha256 hashes, for example uv pip compile --generate-hashes"
        artifact = Artifact(file.project, version, file.filename or words, "file", file.sha256)
        return reject(artifact, Reason("PV110", words, *loose, hint))
    if file.filename is None:
        return Artifact(file.project, version, f"{words} sha256:{str(file.sha256)[:12]}…", "file", file.sha256)
    try:
        artifact = parse_filename(file.filename, sha256=file.sha256)
    except EvidenceError as error:
        unnamed = Artifact(file.project, version, file.filename, "file", file.sha256)
        return reject(unnamed, Reason.of("PV103", error))
    if artifact.project != file.project or not same_version(artifact.version, version):
        return reject(artifact, _other_release(file.filename, words, artifact))
    return artifact


def _loose(file: LockedFile) -> tuple[str, str] | None:
    """What was expected of a locked file and what it has, where another file could come in its place."""
    if file.version is None:
        return "an exact version", "none"
    if file.sha256 is None and file.stated:
        return "a sha256 digest", f"{file.other_algorithms} alone" if file.digests else "none"
    if file.digests:
        return "digests by sha256 alone", f"{file.other_algorithms}, too: a file that has any one of them is installed"
    return None


def _other_release(filename: str, stated: str, got: Artifact) -> Reason:
    hint = "do not use this lock: make it anew, and look at what changes"
    return Reason("PV303", filename, f"a file of {stated}", f"a file of {got.project} {got.version}", hint)


def _beside(file: LockedFile) -> Path | None:
    """A file on disk lies where a statement beside it may lie, too."""
    if file.path is not None:
        return Path(file.path)
    path = local_path(file.url) if file.url is not None and file.url.startswith("file:") else None
    return None if path is None else Path(path)


def _only_bytes_can_tell(case: Case, verdict: Verdict) -> bool:
    """Whether nothing speaks against the file yet, and a signature inside it could still speak for it."""
    if case.wheel is not None or not case.pins or case.artifact.filename.endswith((".tar.gz", ".zip")):
        return False
    return {reason.id for reason in verdict.reasons} == {_NOTHING_FOUND}


def _undownloaded(case: Case, verdict: Verdict) -> Verdict:
    """Where nothing but the file could be looked at, it is undecided; else unsigned as far as could be seen."""
    hint = "look into the file, too: pip-verify check --download"
    reason = Reason("PV504", case.artifact.filename, "the file, or a statement beside the key list", "neither", hint)
    if verdict.looked and not any(_wants_the_file(pin) for pin in case.pins):
        first, *others = verdict.reasons
        told = replace(first, hint=f"{hint}; or {first.hint}")
        return replace(verdict, reasons=(told, *others, reason))
    return replace(verdict, decision=Decision.UNDECIDED, reasons=(reason,))


def _wants_the_file(pin: Pin) -> bool:
    return bool(pin.formats) and all(FORMATS[name].in_wheel for name in pin.formats)


def not_locked(unlocked: Unlocked) -> Verdict:
    """The refusal of a requirement that nothing locks, or whose dependencies nothing does."""
    words = f"dependencies of {unlocked.text}" if unlocked.dependencies else unlocked.text
    artifact = Artifact(unlocked.project or "", "", words, "file")
    hint = "let a locker write it with an exact version and sha256 hashes"
    reason = Reason("PV110", unlocked.text, "NAME==VERSION with sha256 hashes", "neither", hint)
    if unlocked.dependencies:
        expected, got = "a hash for each of them, too", "none is asked for: pip picks its dependencies freely"
        hint = "let a locker write them with sha256 hashes, or add a line --require-hashes if there are none"
        reason = Reason("PV110", unlocked.text, expected, got, hint)
    return replace(reject(artifact, reason), origins=(unlocked.origin,))


def _at(locked: LockedFile, verdict: Verdict) -> Verdict:
    """The verdict with the lock's own line first among its origins: that is where a reader looks."""
    origins = dict.fromkeys((locked.origin, *verdict.origins))
    return replace(verdict, origins=tuple(origins))
