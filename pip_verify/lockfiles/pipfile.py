"""``Pipfile.lock``: bytes in, a ``LockedSet`` out.

Read of each package in each category: the version and its digests, which stand there without file names; of a
version-control or directory source the source. A version that is not fixed by ``==`` is unlocked. Refused beyond
what ``document`` and ``package`` refuse: a specification other than 6, a package that states nothing to go by.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace

from pip_verify.artifact.name import parse_filename
from pip_verify.errors import EvidenceError
from pip_verify.lockfiles.document import Document, Entry, load_json
from pip_verify.lockfiles.merge import combine
from pip_verify.lockfiles.model import LockedFile, LockedSet, Unlocked
from pip_verify.lockfiles.package import Package, is_url, name_at, vcs_location
from pip_verify.pins import Origin

_SPECIFICATION = 6
_META = "_meta"
_VCS = ("git", "hg", "svn", "bzr")
_OBJECT_RE = re.compile(r'"([^"\\]*)"\s*:\s*\{')
_EXACT_RE = re.compile(r"===?[ ]*([^=*][^*]*)\Z")


def parse_pipfile_lock(data: bytes, name: str) -> LockedSet:
    """Parse a ``Pipfile.lock``; raises UsageError, EvidenceError for duplicates."""
    document = load_json(data, name)
    meta = document.top.table(_META)
    stated = None if meta is None else meta.values.get("pipfile-spec")
    if stated != _SPECIFICATION:
        raise document.top.unknown_version("_meta.pipfile-spec", str(_SPECIFICATION), stated)
    return combine([_read(key, entry) for key, entry in _packages(document)])


def _packages(document: Document) -> Iterator[tuple[str, Entry]]:
    """Every package of every category, with its key and the line on which its object begins."""
    objects = _Objects(document)
    for key in document.values:
        category = document.top.table(key)
        objects.line_of(key)
        if key == _META or category is None:
            continue
        for name in category.values:
            entry = category.table(name)
            if entry is None:
                raise category.refusal(name, "a table", "null")
            yield name, replace(entry, origin=Origin(document.name, objects.line_of(name)))


class _Objects:
    """Where the objects of a document begin, asked for in the order in which they stand there."""

    def __init__(self, document: Document) -> None:
        self._found: dict[str, list[tuple[int, int]]] = {}
        for match, line in document.lines_of(_OBJECT_RE):
            self._found.setdefault(match[1], []).append((match.start(), line))
        self._position = -1

    def line_of(self, key: str) -> int:
        """The line of the next object with this key, 0 when it is written in another way."""
        found = self._found.get(key, [])
        index = bisect_left(found, (self._position + 1, 0))
        if index == len(found):
            return 0
        self._position, line = found[index]
        return line


def _read(key: str, entry: Entry) -> LockedSet:
    package = Package(entry, entry.as_project("name", key), _version(entry), entry.marker("markers"))
    for kind in _VCS:
        url = entry.text(kind)
        if url is not None:
            return LockedSet(sources=(package.source("vcs", vcs_location(kind, url, entry.text("ref"))),))
    place = entry.text("file") or entry.text("path")
    if place is not None and not is_url(place) and name_at(place) is None:
        return LockedSet(sources=(package.source("directory", place),))
    if place is not None:
        return LockedSet(files=tuple(_direct(package, place)))
    stated = entry.required("version")
    if package.version is None:
        return LockedSet(unlocked=(Unlocked(package.project, f"{key}{stated}", entry.origin, package.marker),))
    return LockedSet(files=tuple(_by_digest(package, None, None)))


def _version(entry: Entry) -> str | None:
    match = _EXACT_RE.match(entry.text("version") or "")
    return None if match is None else entry.as_version("version", match[1])


def _direct(package: Package, place: str) -> list[LockedFile]:
    """A file at a URL or a path, whose name may state the version."""
    name = name_at(place)
    if name is not None and package.version is None:
        try:
            package.version = parse_filename(name, project=package.project).version
        except EvidenceError:
            package.version = None
    return _by_digest(package, name, place)


def _by_digest(package: Package, name: str | None, url: str | None) -> list[LockedFile]:
    stated = [package.entry.digest("hashes", text) for text in package.entry.texts("hashes")]
    strong = [(algorithm, digest) for algorithm, digest in stated if algorithm == "sha256"]
    if strong:
        for one in dict.fromkeys(strong):
            package.add(name, url, dict([one]))
    else:
        package.add(name, url, dict(stated))
    return package.files
