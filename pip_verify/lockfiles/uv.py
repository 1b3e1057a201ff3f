"""``uv.lock``: bytes in, a ``LockedSet`` out.

Read of each package: sdist and wheels with their digests; of a git, editable or directory source the source; a
virtual one is a project that nobody installs. A package that is locked under ``resolution-markers`` has their
disjunction for marker; what depends on it under which marker is not looked at. Refused beyond what ``document`` and
``package`` refuse: a version other than 1 (any revision), an unknown kind of source, two packages with one name,
version and source, no package at all, a dependency or workspace member that is not there (the file is cut off).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pip_verify.lockfiles.document import Document, Entry, load_toml
from pip_verify.lockfiles.merge import any_of, combine
from pip_verify.lockfiles.model import LockedSet
from pip_verify.lockfiles.package import Package, name_at, refuse_twins, stated_name, vcs_location

_WITH_FILES = ("registry", "url", "path")
_DIRECTORIES = ("editable", "directory")
_SOURCES = (*_WITH_FILES, *_DIRECTORIES, "git", "virtual")
_GIT_QUERY = ("rev", "tag", "branch", "subdirectory", "lfs", "")  # uv's own additions
_COMMIT_RE = re.compile(r"[0-9a-f]{40,64}\Z")


def parse_uv_lock(data: bytes, name: str) -> LockedSet:
    """Parse a ``uv.lock``; raises UsageError, EvidenceError for duplicates."""
    document = load_toml(data, name)
    version = document.values.get("version")
    if type(version) is not int or version != 1:  # neither true nor 1.0
        raise document.top.unknown_version("version", "1", version)
    entries = document.entries("package")
    if not entries:
        raise document.top.refusal("package", "at least the project itself", "none; it may be cut off")
    packages = [(Package(entry, entry.project(), entry.version(), _marker(entry)), _source(entry)) for entry in entries]
    refuse_twins(
        (((p.project, p.version, *source), p.entry) for p, source in packages), "a package with one version and source"
    )
    _refuse_loose_ends(document, packages)
    return combine([_read(package, *source) for package, source in packages])


def _source(entry: Entry) -> tuple[str, str]:
    """The kind of a package's source, and what it says."""
    source = entry.table("source")
    kinds = [key for key in _SOURCES if source is not None and key in source.values]
    if source is None or len(kinds) != 1:
        got = "none; the file may be cut off" if source is None else "another"
        raise entry.refusal("source", f"one of {', '.join(_SOURCES)}", got)
    return kinds[0], source.required(kinds[0])


def _read(package: Package, kind: str, source: str) -> LockedSet:
    if kind == "virtual":
        return LockedSet()
    if kind == "git":
        return LockedSet(sources=(package.source("vcs", _git_location(source)),))
    if kind in _DIRECTORIES:
        return LockedSet(sources=(package.source("directory", source),))
    direct = None if kind == "registry" else source
    sdist = package.entry.table("sdist")
    for file in [*([] if sdist is None else [sdist]), *package.entry.entries("wheels")]:
        _add(package, file, direct)
    if not package.files:  # nothing that could be installed, but nothing that could be judged either
        package.add(None, direct, {})
    return LockedSet(files=tuple(package.finish()))


def _add(package: Package, file: Entry, direct: str | None) -> None:
    """One file. direct: where it is when it does not say so itself."""
    location = file.text("url") or file.text("path") or direct
    name = stated_name(file, "filename") or (None if location is None else name_at(location))
    stated = file.text("hash")
    package.add(name, location, {} if stated is None else dict([file.digest("hash", stated)]))


def _git_location(source: str) -> str:
    """Of a source that uv writes as ``URL?rev=…&subdirectory=…#COMMIT``."""
    url, _, commit = source.partition("#")
    base, _, query = url.partition("?")
    kept = "&".join(part for part in query.split("&") if part.partition("=")[0] not in _GIT_QUERY)
    return vcs_location("git", f"{base}?{kept}" if kept else base, commit if _COMMIT_RE.match(commit) else None)


def _marker(entry: Entry) -> str | None:
    key = "resolution-markers"
    return any_of([entry.as_marker(key, text) for text in entry.texts(key)])


def _refuse_loose_ends(document: Document, packages: list[tuple[Package, tuple[str, str]]]) -> None:
    there = {package.project for package, _ in packages}
    manifest = document.top.table("manifest")
    if manifest is not None and not {manifest.as_project("members", m) for m in manifest.texts("members")} <= there:
        raise manifest.refusal("members", "a package for each", "none for some; the file may be cut off")
    for package, _ in packages:
        for dependency in _dependencies(package.entry):
            if dependency.project() not in there:
                raise dependency.refusal("name", "a package of this lock", "none such; the file may be cut off")


def _dependencies(entry: Entry) -> Iterator[Entry]:
    yield from entry.entries("dependencies")
    for key in ("optional-dependencies", "dev-dependencies"):
        groups = entry.table(key)
        if groups is not None:
            yield from (dependency for group in groups.values for dependency in groups.entries(group))
