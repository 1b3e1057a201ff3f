"""``poetry.lock``: bytes in, a ``LockedSet`` out.

Read of each package: its files with their digests, in lock versions 1.x from ``[metadata.files]``, where the versions
of a project share one list; of a git or directory source the source. Groups and extras are not told apart: what any
of them may install counts. Refused beyond what ``document`` and ``package`` refuse: a lock version other than 1.x and
2.x (Poetry before 1.1 wrote none), an unknown kind of source, two packages with one name, version and source, a file
without ``[metadata]``, which stands last (the file is cut off), a package whose files are not stated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pip_verify.artifact.name import parse_filename, same_version
from pip_verify.errors import EvidenceError
from pip_verify.lockfiles.document import Entry, load_toml
from pip_verify.lockfiles.merge import any_of, combine
from pip_verify.lockfiles.model import LockedSet
from pip_verify.lockfiles.package import Package, name_at, refuse_twins, stated_name, vcs_location

_INDEX = "legacy"
_SOURCES = (_INDEX, "url", "file", "directory", "git")


def parse_poetry_lock(data: bytes, name: str) -> LockedSet:
    """Parse a ``poetry.lock``; raises UsageError, EvidenceError for duplicates."""
    document = load_toml(data, name)
    metadata = document.top.table("metadata")
    if metadata is None:
        raise document.top.refusal("metadata", "a table at the end", "none; the file may be cut off")
    metadata.major((1, 2))
    metadata.required("content-hash")
    packages = [
        Package(e, e.project(), e.as_version("version", e.required("version")), _marker(e))
        for e in document.entries("package")
    ]
    sources = [_source(package.entry) for package in packages]
    refuse_twins(
        (((p.project, p.version, *s), p.entry) for p, s in zip(packages, sources, strict=True)),
        "a package with one version and source",
    )
    shared = _shared_files(metadata)
    return combine([_read(package, *source, shared) for package, source in zip(packages, sources, strict=True)])


def _source(entry: Entry) -> tuple[str, str, str | None]:
    """Kind, URL and commit of a package's source; one without is the index."""
    source = entry.table("source")
    if source is None:
        return _INDEX, "", None
    kind = source.required("type")
    if kind not in _SOURCES:
        raise source.refusal("type", f"one of {', '.join(_SOURCES)}", ascii(kind[:80]))
    return kind, source.required("url"), source.text("resolved_reference")


def _marker(entry: Entry) -> str | None:
    """Where any group installs it. ``markers``: for all groups, or a table by group with those that have one."""
    value = entry.values.get("markers")
    if not isinstance(value, Mapping):
        return entry.marker("markers") if value is not None else entry.marker("marker")
    groups = Entry(entry.document, value, entry.origin, f"{entry.path}.markers")
    if not set(entry.texts("groups")) <= set(value):
        return None
    return any_of([groups.marker(group) for group in value])


def _shared_files(metadata: Entry) -> Mapping[str, Sequence[Entry]] | None:
    """The files by project, of lock versions 1.x."""
    table = metadata.table("files")
    return None if table is None else {table.as_project(key, key): table.entries(key) for key in table.values}


def _read(
    package: Package, kind: str, url: str, commit: str | None, shared: Mapping[str, Sequence[Entry]] | None
) -> LockedSet:
    if kind == "git":
        return LockedSet(sources=(package.source("vcs", vcs_location("git", url, commit)),))
    if kind == "directory":
        return LockedSet(sources=(package.source("directory", url),))
    direct = None if kind == _INDEX else url
    for file in _files(package, shared):
        digest = file.digest("hash", file.required("hash"))
        file.required("file")
        package.add(stated_name(file, "file"), direct, dict([digest]))
    if not package.files:  # nothing that Poetry could install, but nothing that could be judged either
        package.add(None if direct is None else name_at(direct), direct, {})
    return LockedSet(files=tuple(package.finish()))


def _files(package: Package, shared: Mapping[str, Sequence[Entry]] | None) -> list[Entry]:
    if "files" in package.entry.values:
        return package.entry.entries("files")
    if shared is None or package.project not in shared:
        raise package.entry.refusal("files", "an array of tables", "none; the file may be cut off")
    return [file for file in shared[package.project] if _may_be_of(file, package)]


def _may_be_of(file: Entry, package: Package) -> bool:
    """Whether a file of the list that a project's versions share may be this version's: not if its name says no."""
    try:
        artifact = parse_filename(file.required("file"))
    except EvidenceError:
        return True
    return same_version(artifact.version, package.version or "")
