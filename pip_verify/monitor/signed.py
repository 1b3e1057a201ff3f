"""What the publisher has signed of one project: its own copies of the statements, and those that are published.

Files that an index serves come in; a verdict on each goes out, reached by the verifier as an installation would reach
it, and alarms where the published statement is not the publisher's own. Nothing of the files is downloaded, so a
signature inside a wheel is not seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pip_verify.artifact.name import Artifact, parse_filename
from pip_verify.errors import EvidenceError, SourceError, UsageError
from pip_verify.evidence import Claim, Evidence, Found, Look, Nothing, NotReached, Place
from pip_verify.evidence.release import parse
from pip_verify.judge import is_exempt_by_hash, rules_for
from pip_verify.keys import KeyList
from pip_verify.monitor.compare import DIFFERS, Signed
from pip_verify.monitor.pace import Pacer
from pip_verify.pins import Pin
from pip_verify.policy import Policy
from pip_verify.publish.releases import statement_files
from pip_verify.sources.address import redact
from pip_verify.sources.https import Fetcher
from pip_verify.sources.statements import FORMAT, STATEMENT_MAX_BYTES, places
from pip_verify.sources.status import StatusError
from pip_verify.storage import read_file
from pip_verify.verdict import Decision, Reason, Verdict
from pip_verify.verifier import verify

Keys = Mapping[str, KeyList | SourceError | EvidenceError]  # by the key list's URL
MAX_STATEMENTS = 10_000  # of one project, on disk

_ABSENT = (404, 410)


@dataclass(frozen=True, slots=True)
class Document:
    """A published statement as it was when it was last asked for. place: the sha256 of its URL, which may hold a token.
    body: None where none was."""

    place: str
    body: bytes | None
    etag: str = ""
    last_modified: str = ""


class Published:
    """Fetches statements at the run's pace, each again only if it has changed. deadline: seconds for one."""

    def __init__(self, fetcher: Fetcher, pacer: Pacer, *, deadline: float) -> None:
        self._fetcher = fetcher
        self._pacer = pacer
        self._deadline = deadline

    def document(self, url: str, before: Document | None) -> Document:
        """What is at ``url`` now; raises SourceError when that is not known."""
        headers = {"Accept": "application/jose+json, application/json, */*"}
        if before is not None and before.body is not None and before.etag:
            headers["If-None-Match"] = before.etag
        elif before is not None and before.body is not None and before.last_modified:
            headers["If-Modified-Since"] = before.last_modified

        def request() -> Document:
            answer = self._fetcher.fetch(
                url, max_bytes=STATEMENT_MAX_BYTES, deadline_seconds=self._deadline, headers=headers
            )
            if answer.status == 304 and before is not None and len(headers) > 1:
                return before
            if answer.status in _ABSENT:
                return Document(place_of(url), None)
            if answer.status != 200:
                wanted = "HTTP status 200, or 404 where there is no statement"
                again = answer.headers.get("retry-after", "")
                raise StatusError(redact(url), answer.status, expected=wanted, retry_after=again)
            etag, changed = (answer.headers.get(name, "")[:200] for name in ("etag", "last-modified"))
            return Document(place_of(url), answer.body, etag, changed)

        return self._pacer.ask(url, request)


def place_of(url: str) -> str:
    """What a document is known by."""
    return hashlib.sha256(url.encode()).hexdigest()


@dataclass(frozen=True)
class Side:
    """What is the same for all projects of a run. releases: the publisher's own copies, or None. clock: seconds since
    the epoch. narrowed: pins of the command line hold, too, which no exemption of the trust file may widen."""

    policy: Policy
    keys: Keys
    published: Published
    releases: Path | None
    clock: Callable[[], float]
    narrowed: bool = False

    def look(
        self, project: str, artifacts: Sequence[Artifact], pins: Sequence[Pin], before: Mapping[str, Document]
    ) -> tuple[Signed, list[Verdict], list[Document]]:
        """Verdicts on these files, alarms about statements, and the documents to remember.

        artifacts: with their digests. pins: all must hold; none is a refusal. before: by place.
        """
        return _Looking(self, project, pins, before).look(artifacts)

    def out_of_reach(self, pins: Sequence[Pin]) -> Reason | None:
        """Why no verdict on any file can be had: a key list that is missing or refused."""
        for pin in pins:
            known = None if pin.key_list is None else self.keys[pin.key_list]
            if isinstance(known, SourceError | EvidenceError):
                code = "PV501" if isinstance(known, SourceError) else "PV310"
                return Reason(code, known.subject, known.expected, known.got, known.hint)
        return None


class _Looking:
    """One look at one project."""

    def __init__(self, side: Side, project: str, pins: Sequence[Pin], before: Mapping[str, Document]) -> None:
        self._side = side
        self._project = project
        self._pins = pins
        self._before = before
        self._looks: dict[Place, Look] = {}
        self._documents: dict[str, Document] = {}
        self._alarms: list[Verdict] = []

    def look(self, artifacts: Sequence[Artifact]) -> tuple[Signed, list[Verdict], list[Document]]:
        own = self._own_statements()
        verdicts = {artifact: self._verdict(artifact) for artifact in artifacts}
        files: dict[str, str] = {}
        for path, (data, claim) in own.items():
            subjects = [_subject(self._project, subject.name, subject.sha256) for subject in claim.subjects]
            of_project = [artifact for artifact in subjects if artifact is not None]
            files.update({artifact.filename: artifact.sha256 or "" for artifact in of_project})
            if of_project:
                self._hold_against_published(path, data, claim, of_project[0])
        return Signed(verdicts, files), self._alarms, list(self._documents.values())

    # Verdicts.

    def _verdict(self, artifact: Artifact) -> Verdict:
        policy, now = self._side.policy, self._side.clock()
        rules = rules_for(policy, self._project, now)
        if is_exempt_by_hash(policy, artifact, now, narrowed=self._side.narrowed):
            return verify(artifact, (), (), {}, rules, now)
        wanted = [place for pin in self._pins for place in self._places(artifact, pin)]
        looks = [self._look(place) for place in dict.fromkeys(wanted)]
        return verify(artifact, looks, self._pins, self._side.keys, rules, now)

    def _places(self, artifact: Artifact, pin: Pin) -> tuple[Place, ...]:
        known = None if pin.key_list is None else self._side.keys[pin.key_list]
        listed = known.releases if isinstance(known, KeyList) else None
        try:
            return places(
                artifact,
                statements_dir=self._side.releases,
                template=pin.releases or listed,
                base_url=pin.key_list,
            )
        except EvidenceError as error:
            place = Place("releases", redact(pin.key_list or pin.releases or ""))
            hint = 'tell the publisher; until it is mended, state it yourself: releases = "URL" in the trust file'
            unusable = SourceError(error.subject, expected=error.expected, got=error.got, hint=hint)
            self._looks[place] = NotReached(place, unusable)
            return (*places(artifact, statements_dir=self._side.releases), place)

    def _look(self, place: Place) -> Look:
        if place not in self._looks:
            self._looks[place] = self._look_remotely(place) if place.kind == "releases" else _look_locally(place)
        return self._looks[place]

    def _look_remotely(self, place: Place) -> Look:
        """What is told and remembered of the place has no token in it."""
        told = Place(place.kind, redact(place.location))
        try:
            document = self._side.published.document(place.location, self._before.get(place_of(place.location)))
        except SourceError as error:
            return NotReached(told, error)
        self._documents[document.place] = document
        return Nothing(told) if document.body is None else Found(Evidence(FORMAT, told, document.body))

    # The publisher's own copies.

    def _own_statements(self) -> dict[Path, tuple[bytes, Claim]]:
        """The statements in ``--releases``; a malformed one, or one for another release, is an alarm."""
        found: dict[Path, tuple[bytes, Claim]] = {}
        for path in self._own_paths():
            data, _ = read_file(path, max_bytes=STATEMENT_MAX_BYTES, expected="a release statement")
            hint = "sign the release again"
            try:
                claim = parse(data)
            except EvidenceError as error:
                self._alarm(path, Reason("PV304", str(path), error.expected, error.got, hint))
                continue
            if (claim.project, claim.version) == (self._project, path.stem):
                found[path] = (data, claim)
            else:
                expected, got = (
                    f"a statement for {self._project} {path.stem}",
                    f"one for {claim.project} {claim.version}",
                )
                self._alarm(path, Reason("PV303", str(path), expected, got, hint))
        return found

    def _own_paths(self) -> list[Path]:
        if self._side.releases is None:
            return []
        folder = self._side.releases / self._project
        try:
            below = statement_files(folder)
        except UsageError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return []  # nothing signed yet
            raise
        paths = [path for path in below if path.suffix == ".jws" and path.parent == folder]
        if len(paths) > MAX_STATEMENTS:
            expected, hint = f"at most {MAX_STATEMENTS} statements", "move those that no index lists any more away"
            raise UsageError(str(folder), expected=expected, got=str(len(paths)), hint=hint)
        return paths

    def _hold_against_published(self, path: Path, data: bytes, claim: Claim, artifact: Artifact) -> None:
        """Each pin's published statement must say what ``path`` says, by the same signatures."""
        found = (place for pin in self._pins for place in self._places(artifact, pin) if place.kind == "releases")
        for place in dict.fromkeys(found):
            look = self._look(place)
            hint = "publish the releases directory again, or find out who changed what is published"
            if isinstance(look, NotReached):
                error = look.error
                self._alarm(path, Reason("PV502", error.subject, error.expected, error.got, error.hint))
            elif isinstance(look, Nothing):
                got = f"nothing at {redact(place.location)}"
                self._alarm(path, Reason(DIFFERS, str(path), "the same statement, published", got, hint))
            elif look.evidence.data != data and not _same(look.evidence.data, claim):
                got = f"another at {redact(place.location)}"
                self._alarm(path, Reason(DIFFERS, str(path), "the same statement, published", got, hint))

    def _alarm(self, path: Path, reason: Reason) -> None:
        decision = Decision.UNDECIDED if reason.id == "PV502" else Decision.REJECT
        artifact = Artifact(self._project, path.stem, f"{self._project}/{path.name}", "file")
        self._alarms.append(Verdict(artifact, decision, (reason,)))


def _look_locally(place: Place) -> Look:
    try:
        data, _ = read_file(Path(place.location), max_bytes=STATEMENT_MAX_BYTES, expected="a release statement")
    except UsageError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return Nothing(place)
        return NotReached(place, SourceError(place.location, expected=error.expected, got=error.got, hint=error.hint))
    return Found(Evidence(FORMAT, place, data))


def _subject(project: str, name: str, sha256: str) -> Artifact | None:
    """A file that a statement names; None for what is no wheel or sdist of the project: no index lists it."""
    try:
        return parse_filename(name, project=project, sha256=sha256)
    except EvidenceError:
        return None


def _same(data: bytes, claim: Claim) -> bool:
    """Whether ``data`` has the claim's payload and signatures, in whatever order and layout."""
    try:
        other = parse(data)
    except EvidenceError:
        return False
    return _unordered(other) == _unordered(claim)


def _unordered(claim: Claim) -> Claim:
    return replace(claim, signatures=tuple(sorted(claim.signatures, key=lambda item: (item.kid, item.value))))
