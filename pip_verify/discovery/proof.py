"""From what a release names to what is proved: the judge is asked, as any run would ask it, under each possible pin.

Three outcomes for a file: signed; unsigned (every place was looked at and has nothing for it); or the whole project is
refused, because something bad was found or something could not be looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pip_verify.artifact.name import Artifact, same_version
from pip_verify.artifact.wheel import WheelFacts
from pip_verify.discovery.refusal import Refusal, RefusedError, refuse
from pip_verify.discovery.release import Release, artifact_of, open_wheel
from pip_verify.errors import EvidenceError, SourceError
from pip_verify.evidence import Claim, Found
from pip_verify.evidence.formats import FORMATS
from pip_verify.evidence.record_jws import keys_inside
from pip_verify.firstuse import Seen
from pip_verify.judge import Case, Examined, Judge
from pip_verify.keys import PublicKey
from pip_verify.pins import Pin
from pip_verify.sources.firstuse import Carried, held_against
from pip_verify.sources.index import Index, IndexFile
from pip_verify.sources.statements import places
from pip_verify.verdict import EXIT_PRECEDENCE, Reason, Verdict

_LEGACY = "record-jws"
_LONG = 300  # characters
_ABSENT = {"PV102"}
_BAD = {"PV301", "PV302", "PV303", "PV304", "PV401", "PV402"}
_OF_OTHER_FILES = {"PV102", "PV303"}
_DEPARTURES = {"PV109", "PV204", "PV205"}


@dataclass(frozen=True)
class Finding:
    """What was found out about one release.

    key_list: the publisher's, if there is one; keys: else the keys to pin. evidence: the kind that proved it
    (``evidence.FORMATS``), "" when nothing did. signed, unsigned: hex sha256 digests of the files, sorted. reason: why
    the unsigned ones are, in plain words. problems: what the user must be told. listed:
    digests of all files of this version on the index. seen: what ``pip-verify.lock`` says of the project, which this
    release does not depart from. stated: the pin that the trust file had for the project when it was looked at.
    """

    project: str
    key_list: str | None = None
    keys: tuple[PublicKey, ...] = ()
    evidence: str = ""
    signed: tuple[str, ...] = ()
    unsigned: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    reason: str = ""
    version: str | None = None
    listed: tuple[str, ...] = ()
    seen: Seen | None = None
    stated: Pin | None = None


@dataclass(frozen=True)
class Progress:
    """A release and the pin under which the most of its files were proved so far."""

    release: Release
    pin: Pin | None = None
    signed: tuple[IndexFile, ...] = ()
    evidence: str = ""
    problems: tuple[str, ...] = ()

    @property
    def unsigned(self) -> tuple[IndexFile, ...]:
        """The files that nothing has proved."""
        return tuple(file for file in self.release.files if file not in self.signed)


class Prover:
    """Asks the judge. statements_dir: the user's directory of statements. May be used from many threads."""

    def __init__(self, index: Index, judge: Judge, statements_dir: Path | None) -> None:
        self._index = index
        self._judge = judge
        self._statements_dir = statements_dir

    def by_digest(self, release: Release, known: Sequence[Pin]) -> Progress:
        """Under the pin that the trust file states, else as the lock of first uses has it, else under the key lists
        that the release names, in their order; else, where a statement lies on this machine, under the pins known; else
        by the keys that a wheel itself names.

        Raises RefusedError.
        """
        if release.stated is not None:
            return self._best(release, [release.stated])
        if release.seen is not None:
            return self._as_recorded(release, release.seen)
        progress = self._best(release, [_pin_for(url, known) for url in release.key_lists])
        if not progress.signed:
            progress = self._by_statement_here(progress, known)
        return progress if progress.signed else self._by_key_inside(progress)

    def complete(self, progress: Progress, lists: Sequence[Pin]) -> Finding:
        """With the key lists that proved other projects, and with the bytes of wheels that sign themselves."""
        release = progress.release
        if release.seen is not None:
            return _finding(progress, statement_here=False)
        if not progress.signed and release.stated is None:
            progress = self._by_statement_here(progress, lists)
        if progress.pin is not None and progress.evidence and FORMATS[progress.evidence].in_wheel:
            progress = self._look_inside(progress, progress.pin)
        return _finding(progress, statement_here=not progress.signed and self._has_statement_here(release))

    def _best(self, release: Release, pins: Sequence[Pin]) -> Progress:
        best = Progress(release)
        refusals: list[Reason] = []
        for pin in pins:
            try:
                progress = self._under(release, pin, dict(release.opened))
            except RefusedError as error:
                refusals.append(_without_pin(error.refusal, pin))
                continue
            if len(progress.signed) > len(best.signed):
                best = progress
        if refusals and not best.signed:
            raise RefusedError(Refusal(release.project, min(refusals, key=_weight)))
        return best

    def _under(self, release: Release, pin: Pin, wheels: Mapping[str, WheelFacts]) -> Progress:
        beside = dict(release.beside)
        signed: list[IndexFile] = []
        evidence = ""
        for file in release.files:
            digest = file.sha256 or ""
            case = Case(artifact_of(file), (pin,), wheel=wheels.get(digest), beside=beside.get(digest))
            examined = self._judge.examine(case)
            if examined.verdict.accepted:
                signed.append(file)
                evidence = evidence or examined.verdict.evidence
            elif not _is_unsigned(examined):
                raise RefusedError(Refusal(release.project, examined.verdict.reasons[0]))
        return Progress(release, pin if signed else None, tuple(signed), evidence)

    def _as_recorded(self, release: Release, seen: Seen) -> Progress:
        """Each file as any run judges it by the lock of first uses; raises RefusedError for what departs from it."""
        wheels = dict(release.opened)
        signed: list[IndexFile] = []
        evidence = ""
        for file in release.files:
            examined = self._examine_recorded(release, file, seen, wheels)
            if examined.verdict.accepted:
                signed.append(file)
                evidence = evidence or examined.verdict.evidence
        return Progress(release, seen.pin() if signed else None, tuple(signed), evidence)

    def _examine_recorded(
        self, release: Release, file: IndexFile, seen: Seen, wheels: dict[str, WheelFacts]
    ) -> Examined:
        digest, artifact = file.sha256 or "", artifact_of(file)
        beside = dict(release.beside).get(digest)
        case = Case(artifact, (seen.pin(artifact.version),), wheel=wheels.get(digest), beside=beside)
        examined = self._judge.examine(case)
        if not examined.verdict.accepted and case.wheel is None and artifact.kind == "wheel":
            case = replace(case, wheel=self._inside(release, file))
            examined = self._judge.examine(case)
        if examined.verdict.accepted:
            return examined
        carried = Carried(release.metadata, None if case.wheel is None else case.wheel.record_jws)

        def under(pins: tuple[Pin, ...]) -> Verdict:
            return self._judge.judge(replace(case, pins=pins))

        verdict = held_against(seen, examined.verdict, under, carried, frozen=False)
        if verdict.reasons[0].id in _DEPARTURES or not _is_unsigned(examined):
            raise RefusedError(Refusal(release.project, verdict.reasons[0]))
        return examined

    def _inside(self, release: Release, file: IndexFile) -> WheelFacts | None:
        """What a wheel holds, if a signature may be in it."""
        try:
            return open_wheel(self._index, file)[0] if self._index.may_be_signed_inside(file) else None
        except SourceError as error:
            raise refuse(release.project, "PV502", error) from error

    def _by_statement_here(self, progress: Progress, pins: Sequence[Pin]) -> Progress:
        """A statement that the user laid down here, by a publisher whom this release does not name.

        Raises RefusedError for one that a known publisher signed and that is wrong.
        """
        if not pins or not self._has_statement_here(progress.release):
            return progress
        for pin in pins:
            try:
                found = self._under(progress.release, pin, {})
            except RefusedError as error:
                if error.refusal.reason.id in _BAD:
                    raise
                continue  # it is another publisher's: to be a stranger here is no fault
            if found.signed:
                return found
        return progress

    def _has_statement_here(self, release: Release) -> bool:
        beside = dict(release.beside)
        looked = [
            place
            for file in release.files
            for place in places(
                artifact_of(file), statements_dir=self._statements_dir, local_path=beside.get(file.sha256 or "")
            )
        ]
        return any(Path(place.location).exists() for place in looked)

    def _by_key_inside(self, progress: Progress) -> Progress:
        """A legacy RECORD.jws names its key itself (formats.md 5)."""
        for digest, facts in progress.release.opened:
            if facts.record_jws is None:
                continue
            try:
                pin = Pin(keys=keys_inside(facts.record_jws), formats=(_LEGACY,))
                return self._under(progress.release, pin, {digest: facts})
            except (EvidenceError, RefusedError):
                problem = f"{progress.release.project}: its RECORD.jws does not verify, and counts as no signature"
                return replace(progress, problems=(problem,))
        return progress

    def _look_inside(self, progress: Progress, pin: Pin) -> Progress:
        """One wheel signs itself: so may the others, and only their bytes can tell."""
        release = progress.release
        wheels = dict(release.opened)
        problems = []
        for file in progress.unsigned:
            if artifact_of(file).kind != "wheel" or file.sha256 in wheels:
                continue
            try:
                facts, fault = open_wheel(self._index, file)
            except SourceError as error:
                raise refuse(release.project, "PV502", error) from error
            if facts is None:
                problems.append(f"{release.project}: {fault}")
            else:
                wheels[file.sha256 or ""] = facts
        return replace(self._under(release, pin, wheels), problems=tuple(problems))


def _pin_for(url: str, known: Sequence[Pin]) -> Pin:
    """The trust file's own pin for a key list where it has one, for it may be narrower."""
    return next((pin for pin in known if pin.key_list == url), Pin(key_list=url))


def _without_pin(refusal: Refusal, pin: Pin) -> Reason:
    """The reason, whose hint is for whoever wrote a pin, in the words for a list that only the release names."""
    if refusal.reason.id != "PV501" or pin.publisher is not None:
        return refusal.reason
    hint = f"try again later; if the list is gone, ask the publisher of {refusal.project} for its address"
    return replace(refusal.reason, hint=hint)


def _is_unsigned(examined: Examined) -> bool:
    """Whether every place was looked at, and has nothing for this file: no statement, or one for its siblings alone."""
    ids = {reason.id for reason in examined.verdict.reasons}
    if ids <= _ABSENT:
        return True
    claims = [_claim(look) for look in examined.looks if isinstance(look, Found) and not _in_wheel(look)]
    return ids <= _OF_OTHER_FILES and all(_is_of_siblings(examined.verdict.artifact, claim) for claim in claims)


def _in_wheel(look: Found) -> bool:
    return FORMATS[look.evidence.format].in_wheel


def _claim(look: Found) -> Claim | None:
    try:
        return FORMATS[look.evidence.format].parse(look.evidence.data)
    except EvidenceError:
        return None


def _is_of_siblings(artifact: Artifact, claim: Claim | None) -> bool:
    if claim is None or claim.project != artifact.project:
        return False
    same = claim.version is not None and same_version(claim.version, artifact.version)
    return same and artifact.filename not in {subject.name for subject in claim.subjects}


def _weight(reason: Reason) -> int:
    return EXIT_PRECEDENCE.index(reason.exit_code)


def _finding(progress: Progress, *, statement_here: bool) -> Finding:
    release = progress.release
    problems = [*release.problems, *progress.problems]
    if statement_here:
        problems.append(f"{release.project}: a statement for it is here, but no publisher known so far signed it")
    pin = progress.pin
    return Finding(
        project=release.project,
        key_list=None if pin is None else pin.key_list,
        keys=() if pin is None else pin.keys,
        evidence=progress.evidence,
        signed=_digests(progress.signed),
        unsigned=_digests(progress.unsigned),
        problems=tuple(problems),
        reason=_reason(progress) if progress.unsigned else "",
        version=release.version,
        listed=release.listed,
        seen=release.seen,
        stated=release.stated,
    )


def _digests(files: Sequence[IndexFile]) -> tuple[str, ...]:
    return tuple(sorted({file.sha256 for file in files if file.sha256 is not None}))


def _short(text: str) -> str:
    """Words of the release's own, no longer than a person reads and the trust file takes."""
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


def _reason(progress: Progress) -> str:
    release = progress.release
    if progress.signed:
        return "its publisher has not signed these files of the release"
    if release.silent:
        return f"nobody could be found who signs it: {_short(release.silent)}"
    if release.key_lists:
        return f"it names {_short(release.key_lists[0])}, but no signature on this release was found"
    return "unsigned: it names no key list and carries no signature"
