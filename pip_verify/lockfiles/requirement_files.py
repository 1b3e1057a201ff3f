"""Parsed requirement and constraint files to a ``LockedSet``, by pip's rules.

``NAME==VERSION`` with hashes gives a file for each sha256 hash, known by digest; without, one that no digest fixes. A
URL or path of an archive gives that file; a directory or version-control source is a source. Whatever else is
unlocked, unless another line fixes it. A constraint says nothing about a project that no requirement names, and fixes
those that one names. Pins of all lines of a project hold for all its files.

Whether what a requirement needs in turn is locked, too, is a matter of all files together: pip takes nothing without a
hash once a ``--hash`` or ``--require-hashes`` stands in any of them, and no ``--no-require-hashes`` (pip 26.3,
``cli/req_command.py``, get_requirements). Otherwise it resolves that freely, and each requirement that is fixed itself
has dependencies that are unlocked. Where several lines state hashes pip takes
what all of them allow; here each digest is listed, which is more and never less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pip_verify.artifact.name import parse_filename, same_version
from pip_verify.errors import EvidenceError
from pip_verify.lockfiles.document import Document
from pip_verify.lockfiles.merge import any_of, combine
from pip_verify.lockfiles.model import LockedFile, LockedSet, LockedSource, Unlocked
from pip_verify.lockfiles.package import name_at
from pip_verify.pins import InlinePin, Origin
from pip_verify.requirements.model import ParsedFile, Requirement
from pip_verify.requirements.specifier import is_vcs
from pip_verify.requirements.text import shown

_FRAGMENT_HASHES = ("sha256", "sha384", "sha512")  # weaker ones are refused where the file is parsed


@dataclass(frozen=True)
class _Line:
    """A requirement and what was read from its URL. literal: its first line as written, without our pins. digests:
    by its hashes and its URL's fragment."""

    requirement: Requirement
    document: Document
    literal: str
    project: str | None
    version: str | None
    filename: str | None
    digests: tuple[tuple[str, str], ...]

    @property
    def is_source(self) -> bool:
        """Whether it names a directory or a version-control source."""
        url = self.requirement.url
        if url is None:
            return False
        remote = url.partition(":")[0].lower() in ("http", "https")  # pip, too, takes HTTPS: for https:
        return self.requirement.editable or is_vcs(url) or (not remote and name_at(url) is None)

    @property
    def fixes(self) -> bool:
        """Whether it says which release or which file."""
        return self.version is not None or self.requirement.url is not None

    @property
    def is_locked(self) -> bool:
        """Whether nothing else is needed to know what it installs."""
        return self.is_source or (self.fixes and bool(self.digests))


@dataclass(frozen=True)
class _Project:
    """All lines about one project. marker: under which the requirements name it, for what a constraint adds."""

    lines: Sequence[_Line]
    pins: tuple[InlinePin, ...]
    marker: str | None


def from_requirements(*parsed: ParsedFile) -> LockedSet:
    """What the files of one pip command, in the order read, lock together. Raises EvidenceError for contradictions."""
    lines = [line for file in parsed for line in _lines(file)]
    projects = _by_project(lines)
    read = [(line, _read(line, projects)) for line in lines]
    free = [] if _requires_hashes(parsed) else [_dependencies(*pair, projects) for pair in read]
    return combine([*(locked for _, locked in read), *free])


def _requires_hashes(parsed: Sequence[ParsedFile]) -> bool:
    """Whether pip would refuse whatever has no hash. A hash in a URL's fragment does not make it, one of a constraint
    does; with both options pip refuses to run."""
    options = {option.name for file in parsed for option in file.options}
    if "--no-require-hashes" in options:
        return False
    return "--require-hashes" in options or any(item.hashes for file in parsed for item in file.requirements)


def _dependencies(line: _Line, read: LockedSet, projects: Mapping[str, _Project]) -> LockedSet:
    """What this line requires in turn, where it is fixed itself and nothing fixes that."""
    if not (read.sources or any(file.sha256 for file in read.files)):
        return LockedSet()
    marker = _marker(line, projects.get(line.project or ""))
    unlocked = replace(_unlocked(line, ()), marker=marker, dependencies=True)
    return LockedSet(unlocked=(unlocked,))


def _lines(parsed: ParsedFile) -> Iterator[_Line]:
    document = Document(parsed.name, parsed.text_for_pip, {})
    literal = parsed.text_for_pip.split("\n")
    for requirement in parsed.requirements:
        yield _line(requirement, document, literal[requirement.origin.line - 1])


def _line(requirement: Requirement, document: Document, literal: str) -> _Line:
    project, version, filename = requirement.project, requirement.exact_version, None
    url = requirement.url
    digests = requirement.hashes
    if url is not None:
        digests += tuple(_fragment_hashes(url))
        filename = name_at(url)
    if filename is not None:
        try:
            artifact = parse_filename(filename, project=project)
            project, version = artifact.project, artifact.version
        except EvidenceError:
            filename = None  # such as main.zip: its digest is what the requirement fixes
    return _Line(requirement, document, literal, project, version, filename, tuple(dict.fromkeys(digests)))


def _by_project(lines: Sequence[_Line]) -> Mapping[str, _Project]:
    groups: dict[str, list[_Line]] = {}
    for line in lines:
        if line.project is not None:
            groups.setdefault(line.project, []).append(line)
    projects = {}
    for name, group in groups.items():
        pins = tuple(dict.fromkeys(pin for line in group for pin in line.requirement.pins))
        named = [line.requirement.marker for line in group if not line.requirement.constraint]
        if named:
            projects[name] = _Project(group, pins, any_of(named))
    return projects


def _read(line: _Line, projects: Mapping[str, _Project]) -> LockedSet:
    project = projects.get(line.project or "")
    if project is None and line.project is not None:
        return LockedSet()  # only constraints name it
    if line.is_source:
        return LockedSet(sources=(_source(line, project),))
    if line.project is None or project is None:
        return LockedSet(unlocked=(_unlocked(line, ()),))
    if line.fixes and line.digests:
        return LockedSet(files=tuple(_files(line, line.project, project)))
    return _read_unfixed(line, line.project, project)


def _read_unfixed(line: _Line, name: str, project: _Project) -> LockedSet:
    """A line that does not lock by itself."""
    if line.requirement.constraint or _fixed_elsewhere(line, project):
        return LockedSet()
    if line.fixes:
        return LockedSet(files=(_file(line, name, project, ()),))
    return LockedSet(unlocked=(_unlocked(line, project.pins),))


def _fixed_elsewhere(line: _Line, project: _Project) -> bool:
    """Whether another line locks it wherever this one holds."""
    if line.requirement.url is not None:
        return False
    return any(
        other.is_locked
        and other.requirement.marker in (None, line.requirement.marker)
        and (line.version is None or other.version is None or same_version(line.version, other.version))
        for other in project.lines
    )


def _files(line: _Line, name: str, project: _Project) -> Iterator[LockedFile]:
    """A file that has any of the digests is one to pip: of several it is not known which file each is of."""
    known = [(algorithm, digest) for algorithm, digest in line.digests if algorithm == "sha256"]
    others = [pair for pair in line.digests if pair not in known]
    if len(known) + bool(others) > 1:
        line = replace(line, filename=None)
    for pair in known:
        yield _file(line, name, project, [pair])
    if others:
        yield _file(line, name, project, others)


def _file(line: _Line, name: str, project: _Project, digests: Sequence[tuple[str, str]]) -> LockedFile:
    at = line.requirement.origin
    number = line.document.digest_line(digests[0][1], at.line) if digests else at.line
    return LockedFile(
        project=name,
        version=line.version,
        filename=line.filename,
        sha256=dict(digests).get("sha256"),
        origin=Origin(at.file, number),
        digests=tuple(pair for pair in digests if pair[0] != "sha256"),
        url=line.requirement.url,
        marker=_marker(line, project),
        pins=project.pins,
    )


def _source(line: _Line, project: _Project | None) -> LockedSource:
    requirement = line.requirement
    location = requirement.url or ""
    if is_vcs(location):
        return LockedSource(
            "vcs", location.partition("#")[0], line.project, line.version, requirement.origin, _marker(line, project)
        )
    return LockedSource("directory", location, line.project, line.version, requirement.origin, _marker(line, project))


def _unlocked(line: _Line, pins: tuple[InlinePin, ...]) -> Unlocked:
    requirement = line.requirement
    text = requirement.specifier if requirement.url is None else shown(line.literal)[1:-1]  # no secrets of URLs
    return Unlocked(line.project, text, requirement.origin, requirement.marker, pins)


def _marker(line: _Line, project: _Project | None) -> str | None:
    """The line's own; what a constraint adds holds where the project is required, too."""
    own = line.requirement.marker
    if project is None or not line.requirement.constraint or project.marker in (None, own):
        return own
    return project.marker if own is None else f"({project.marker}) and ({own})"


def _fragment_hashes(url: str) -> Iterator[tuple[str, str]]:
    for part in url.partition("#")[2].split("&"):
        algorithm, _, digest = part.partition("=")
        if algorithm in _FRAGMENT_HASHES:
            yield algorithm, digest.lower()
