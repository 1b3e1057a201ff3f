"""One run: which pins hold, what was judged, what has a receipt. The parent's side of every question the child asks.

A *receipt* is the record that these exact bytes (sha256) were accepted, and why. Once anything was refused, no
receipt is good for installing any more: nothing of a refused run is installed.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from pip_verify.artifact.name import Artifact, normalise, parse_filename, same_version
from pip_verify.artifact.sdist import read_sdist
from pip_verify.artifact.wheel import WheelFacts, read_wheel
from pip_verify.errors import EvidenceError, PipVerifyError, UsageError
from pip_verify.judge import Case, Judge
from pip_verify.pins import InlinePin
from pip_verify.policy import Policy
from pip_verify.requirements.model import Requirement
from pip_verify.requirements.parse import parse_requirements
from pip_verify.sources import IN_FLIGHT
from pip_verify.sources.https import redact
from pip_verify.verdict import Decision, Reason, Run, Verdict, exit_code

_CHUNK = 1 << 20
_FULL_COMMIT_RE = re.compile(r"@[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")


@dataclass(frozen=True)
class Link:
    """Where pip gets an artifact, and what is stated about it.

    sha256: by the index or the URL, or None. metadata_sha256: of the PEP 658 metadata pip was shown, or None.
    project: normalised, None when the requirement has no name. user_supplied: named by the user, not by a package.
    """

    url: str
    filename: str
    sha256: str | None = None
    metadata_sha256: str | None = None
    project: str | None = None
    user_sha256: frozenset[str] = frozenset()
    user_supplied: bool = False

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Link:
        """Read what the child says of a link; raises EvidenceError for a project name that is none."""
        about = message["requirement"]
        stated = message["sha256"]
        return cls(
            url=message["url"],
            filename=message["filename"],
            sha256=stated.lower() if stated else None,
            metadata_sha256=message["metadata_sha256"],
            project=normalise(about["project"]) if about.get("project") else None,
            user_sha256=frozenset(digest.lower() for digest in about.get("user_sha256", ())),
            user_supplied=bool(about.get("user_supplied")),
        )

    @property
    def is_file(self) -> bool:
        """Whether it lies on this machine."""
        return self.url.startswith("file:")


class Session:
    """Pins, verdicts and receipts of one run. Safe to call from several threads.

    command_line_pin: the pin options given on the command line; they hold for every requirement named there.
    """

    def __init__(
        self,
        policy: Policy,
        judge: Judge,
        *,
        command_line_pin: InlinePin | None = None,
        environ: Mapping[str, str],
    ) -> None:
        self._policy = policy
        self._judge = judge
        self._command_line_pin = command_line_pin
        self._environ = environ
        self._lock = threading.RLock()
        self._inline: dict[str, list[InlinePin]] = {}
        self._named: set[str] = set()
        self._verdicts: dict[tuple[str, str | None], Verdict] = {}
        self._pending: dict[tuple[str, str | None], Verdict] = {}  # only the bytes can decide, and they have not come
        self._receipts: dict[str, Verdict] = {}
        self._sources: dict[tuple[str, str], Verdict] = {}
        self._installed: dict[str, str] = {}
        self._stopped = False
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="pip-verify")

    # -- pins --------------------------------------------------------------------------------------------

    def requirement_file(self, data: bytes, name: str, *, constraint: bool) -> str:
        """Record the pins of a requirement file; returns the text that pip shall read instead.

        Raises UsageError for a file that could be read in two ways, EvidenceError for a weak key in it.
        """
        parsed = parse_requirements(data, name, constraint=constraint, environ=self._environ)
        with self._lock:
            for requirement in parsed.requirements:
                if requirement.project is not None:
                    self._inline.setdefault(requirement.project, []).extend(requirement.pins)
        self._pool.submit(self._prefetch, parsed.requirements)
        return parsed.text_for_pip

    def name_on_command_line(self, projects: Iterable[str | None]) -> None:
        """Tell which requirements the user named on the command line; raises UsageError when none takes the pin."""
        with self._lock:
            self._named.update(normalise(project) for project in projects if project)
            if self._command_line_pin is not None and not self._named:
                raise UsageError(
                    "pin options on the command line",
                    expected="a requirement named there, for them to hold for",
                    got="none",
                    hint="write them behind the requirement in the requirement file",
                )

    def name_files(self, links: Iterable[Link]) -> None:
        """Tell which files the user named, as ``name_on_command_line``; a file that states no project names none."""
        named = (self._name(link) for link in links)
        self.name_on_command_line([item.project for item in named if isinstance(item, Artifact)])

    def _inline_pins(self, project: str) -> list[InlinePin]:
        pins = list(dict.fromkeys(self._inline.get(project, ())))
        if self._command_line_pin is not None and project in self._named:
            pins.append(self._command_line_pin)
        return pins

    def _prefetch(self, requirements: Sequence[Requirement]) -> None:
        """Warm what a locked file will need while pip still starts; what fails here is judged later."""
        wanted = []
        for requirement in requirements:
            if requirement.project is None or requirement.exact_version is None:
                continue
            try:
                pins = self._policy.pins_for(requirement.project, self._inline_pins(requirement.project))
            except PipVerifyError:
                continue  # the judging of this project raises it where it is reported
            wanted.append((Artifact(requirement.project, requirement.exact_version, "\0", "wheel"), pins))
        lists = {pin.key_list for _, pins in wanted for pin in pins if pin.key_list is not None}
        self._judge.prefetch(lists, wanted)

    # -- judging -----------------------------------------------------------------------------------------

    def judge_links(self, links: Sequence[Link]) -> list[str]:
        """Judge by stated digest, before a byte is downloaded; returns the refusals in words.

        What only its bytes can decide is not refused here.
        """
        verdicts = list(self._pool.map(self._judge_link, links)) if len(links) > 1 else [*map(self._judge_link, links)]
        return [refusal for verdict in verdicts for refusal in self._enter(verdict, final=_is_final(verdict))]

    def judge_file(self, link: Link, path: Path, *, beside: Path | None) -> list[str]:
        """Judge the bytes at ``path``, a private copy; an accepted file gets a receipt. Returns refusals in words.

        beside: where the user's own copy lies, for a statement beside it.
        """
        verdict = self._judge_bytes(link, path, beside)
        if verdict.accepted and verdict.artifact.sha256 is not None:
            with self._lock:
                self._receipts[verdict.artifact.sha256] = verdict
        return self._enter(verdict, final=True)

    def judge_source(self, kind: str, location: str, about: Mapping[str, Any]) -> list[str]:
        """Decide by policy about a source without bytes to sign: kind "directory" or "vcs". Returns refusals."""
        project = normalise(about["project"]) if about.get("project") else ""
        if kind == "vcs":
            verdict = self._judge_vcs(Artifact(project, "", redact(location), "vcs"), location)
        else:
            verdict = self._judge_directory(Artifact(project, "", location, "directory"), about)
        if verdict.accepted:
            with self._lock:
                self._sources[kind, location] = verdict
        return self._enter(verdict, final=True)

    def judge_built(self, path: Path, project: str, source: Mapping[str, Any]) -> list[str]:
        """Give a wheel that was built in this run a receipt, if its source was accepted and it is that source's."""
        with path.open("rb") as file:
            digest = _sha256(file)
        artifact = parse_filename(path.name, project=normalise(project), sha256=digest)
        if source["kind"] == "archive":
            accepted = self._receipts.get(source["sha256"])
        else:
            accepted = self._sources.get((source["kind"], source["location"]))
        reason = _not_of_this_source(artifact, accepted)
        if accepted is None or reason is not None:
            return self._enter(_reject(artifact, reason or Reason("PV308", path.name)), final=True)
        verdict = Verdict(
            artifact, Decision.ACCEPT, (Reason("PV004", path.name, got=accepted.artifact.filename),), by="built"
        )
        with self._lock:
            self._receipts[digest] = verdict
        return self._enter(verdict, final=True)

    def judge_receipt(self, use: str, sha256: str, filename: str, *, project: str | None) -> list[str]:
        """Whether these bytes may be read, unpacked or installed now. Returns refusals in words."""
        with self._lock:
            receipt = self._receipts.get(sha256)
            if self._stopped:
                return [f"{filename} (something else of this run was refused)"]
        if receipt is not None and (project is None or normalise(project) == receipt.artifact.project):
            return []
        got = "no receipt" if receipt is None else f"a receipt for {receipt.artifact.project}"
        expected = f"a receipt for sha256:{sha256}" + (f" as {project}" if project else "")
        reason = Reason("PV308", filename, expected=f"{expected}, to {use} it", got=got)
        return self._enter(_reject(Artifact(project or "", "", filename, "wheel", sha256), reason), final=True)

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
        with self._lock:
            verdicts = (*self._verdicts.values(), *self._pending.values())
            installed = tuple(f"{name} {version}" for name, version in sorted(self._installed.items()))
        self._pool.shutdown(wait=False, cancel_futures=True)
        codes = [verdict.exit_code for verdict in verdicts] + [error.exit_code for error in errors]
        stopped = next((code for code in (2, 1) if code in codes), 0)
        code = exit_code(codes) or stopped or pip_exit_code or 0
        return Run(command, verdicts, code, installed, tuple(warnings), tuple(errors), pip_exit_code, seconds)

    # -- inside ------------------------------------------------------------------------------------------

    def _judge_link(self, link: Link) -> Verdict:
        named = self._name(link)
        if isinstance(named, Verdict):
            return named
        case = self._case(named, link)
        if case.artifact.sha256 is None and case.pins:
            return _bytes_needed(case.artifact)
        return self._judge.judge(case)

    def _judge_bytes(self, link: Link, path: Path, beside: Path | None) -> Verdict:
        named = self._name(link)
        if isinstance(named, Verdict):
            return named
        started = time.perf_counter()
        with path.open("rb") as file:
            artifact = replace(named, sha256=_sha256(file))
            fault, wheel = _read(file, artifact)
        case = replace(self._case(artifact, link), wheel=wheel, beside=beside)
        fault = _other_bytes(named, case) or fault or _lying_metadata(link, case)
        if fault is not None:
            return _reject(artifact, fault, case)
        with self._lock:
            before = self._verdicts.get((artifact.filename, artifact.sha256))
        if before is not None and before.accepted:  # by its digest; these are the bytes of that digest
            return before
        verdict = self._judge.judge(case)
        return replace(verdict, seconds=time.perf_counter() - started)

    def _name(self, link: Link) -> Artifact | Verdict:
        """What the file name states, or a refusal."""
        if link.project is None and not link.is_file and not link.filename.endswith(".whl"):
            reason = Reason(
                "PV106",
                redact(link.url),
                expected="a requirement that states its name",
                got="a URL alone",
                hint=f"name @ {redact(link.url)}",
            )
            return _reject(Artifact("", "", link.filename, "sdist", link.sha256), reason)
        try:
            artifact = parse_filename(link.filename, sha256=link.sha256)
        except EvidenceError as error:
            return _reject(
                Artifact(link.project or "", "", link.filename, "sdist", link.sha256), _reason("PV103", error)
            )
        if link.project is not None and artifact.project != link.project:
            reason = Reason(
                "PV303", link.filename, expected=f"a file of {link.project}", got=f"a file of {artifact.project}"
            )
            return _reject(artifact, reason)
        return artifact

    def _case(self, artifact: Artifact, link: Link) -> Case:
        inline = self._inline_pins(artifact.project)
        pins = self._policy.pins_for(artifact.project, inline)
        return Case(artifact, pins, bool(inline), link.user_sha256, url=None if link.is_file else link.url)

    def _judge_vcs(self, artifact: Artifact, location: str) -> Verdict:
        if self._policy.vcs == "commit" and _FULL_COMMIT_RE.search(location):
            return Verdict(artifact, Decision.ACCEPT, (Reason("PV006", artifact.filename),), by="vcs")
        if self._policy.vcs == "commit":
            wanted, hint = "a full commit id (@ and 40 hex digits)", ""
        else:
            wanted, hint = (
                "a signed artifact",
                'vcs = "commit"   # in [policy] of the trust file: allows full commit ids',
            )
        return _reject(
            artifact, Reason("PV104", artifact.filename, expected=wanted, got="a version-control URL", hint=hint)
        )

    def _judge_directory(self, artifact: Artifact, about: Mapping[str, Any]) -> Verdict:
        if self._policy.local == "allow" and about.get("user_supplied"):
            return Verdict(artifact, Decision.ACCEPT, (Reason("PV005", artifact.filename),), by="local")
        if self._policy.local == "allow":
            got = f"a directory that {about.get('comes_from') or 'a package'} names"
        else:
            got = 'a directory, and policy local = "deny"'
        return _reject(artifact, Reason("PV105", artifact.filename, expected="a signed artifact", got=got))

    def _enter(self, verdict: Verdict, *, final: bool) -> list[str]:
        """Keep a verdict for the report. A refusal stays, whatever comes after it; returns it in words."""
        artifact = verdict.artifact
        key = (artifact.filename, artifact.sha256)
        with self._lock:
            if not final:
                self._pending[key] = verdict
                return []
            for earlier in ((artifact.filename, None), key):
                self._pending.pop(earlier, None)
            if key not in self._verdicts or self._verdicts[key].accepted:
                self._verdicts[key] = verdict
            if verdict.accepted:
                return []
            self._stopped = True
        reason = verdict.reasons[0]
        return [f"{artifact.filename}: {reason.id} {reason.help}"]


def _is_final(verdict: Verdict) -> bool:
    """Whether a verdict by digest stands without the bytes: a wheel may still carry its own signature."""
    if verdict.accepted:
        return True
    if verdict.artifact.kind == "wheel" and verdict.origins:
        return verdict.reasons[0].id in ("PV310", "PV501")  # no key list: nothing in the wheel can change that
    return verdict.decision is not Decision.UNDECIDED or verdict.reasons[0].id in ("PV501", "PV502")


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def _read(file: BinaryIO, artifact: Artifact) -> tuple[Reason | None, WheelFacts | None]:
    size = os.fstat(file.fileno()).st_size
    try:
        if artifact.kind == "wheel":
            return None, read_wheel(file, size, artifact)
        read_sdist(file, size, artifact)
    except EvidenceError as error:
        return _reason("PV305" if artifact.kind == "wheel" else "PV306", error), None
    return None, None


def _other_bytes(stated: Artifact, case: Case) -> Reason | None:
    """The bytes against the digest that the index, the URL or the user states."""
    actual = case.artifact.sha256
    if stated.sha256 is not None and stated.sha256 != actual:
        return Reason(
            "PV302", stated.filename, expected=f"sha256:{stated.sha256} (as its link states)", got=f"sha256:{actual}"
        )
    if case.user_sha256 and actual not in case.user_sha256:
        expected = " or ".join(f"sha256:{digest}" for digest in sorted(case.user_sha256))
        return Reason("PV309", stated.filename, expected=f"{expected} (the --hash given)", got=f"sha256:{actual}")
    return None


def _lying_metadata(link: Link, case: Case) -> Reason | None:
    if link.metadata_sha256 is None or case.wheel is None or case.wheel.metadata_sha256 == link.metadata_sha256:
        return None
    return Reason(
        "PV307",
        case.artifact.filename,
        expected=f"METADATA with sha256:{link.metadata_sha256}, as the index served it (PEP 658)",
        got=f"sha256:{case.wheel.metadata_sha256}",
        hint="tell whoever runs the index; its metadata misled the choice of versions",
    )


def _not_of_this_source(built: Artifact, source: Verdict | None) -> Reason | None:
    if source is None:
        return Reason(
            "PV308", built.filename, expected="a wheel built from an accepted source", got="an unknown source"
        )
    if source.artifact.project and source.artifact.project != built.project:
        got = f"a wheel of {built.project}"
        return Reason("PV303", built.filename, expected=f"a wheel of {source.artifact.project}", got=got)
    if source.artifact.version and not same_version(source.artifact.version, built.version):
        expected = f"version {source.artifact.version}, as {source.artifact.filename}"
        return Reason("PV303", built.filename, expected=expected, got=f"version {built.version}")
    return None


def _reason(code: str, error: PipVerifyError) -> Reason:
    return Reason(code, error.subject, error.expected, error.got, error.hint)


def _reject(artifact: Artifact, reason: Reason, case: Case | None = None) -> Verdict:
    origins = tuple(pin.origin for pin in case.pins) if case is not None else ()
    return Verdict(artifact, Decision.REJECT, (reason,), origins=origins)


def _bytes_needed(artifact: Artifact) -> Verdict:
    reason = Reason("PV503", artifact.filename, expected="a sha256 digest", got="none stated by the index")
    return Verdict(artifact, Decision.UNDECIDED, (reason,))
