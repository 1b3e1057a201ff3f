"""``pylock.toml`` and ``pylock.NAME.toml`` (PEP 751): bytes in, a ``LockedSet`` out.

Read of each package: its wheels, sdist or archive with their digests, or its vcs or directory. Refused beyond what
``document`` and ``package`` refuse: a lock version other than 1.x, a package with none of these or with two that
exclude each other, a file without digests, two packages with one name, version and marker, a dependency on a
package that is not there (the file is cut off; without dependencies, a cut between two packages cannot be seen).
"""

from __future__ import annotations

from pip_verify.lockfiles.document import Entry, load_toml
from pip_verify.lockfiles.merge import combine
from pip_verify.lockfiles.model import LockedSet, LockedSource
from pip_verify.lockfiles.package import Package, name_at, refuse_twins, stated_name, vcs_location

_ALONE = ("vcs", "directory", "archive")  # each excludes the others, and sdist and wheels


def parse_pylock(data: bytes, name: str) -> LockedSet:
    """Parse a PEP 751 lock file; raises UsageError, EvidenceError for duplicates."""
    document = load_toml(data, name)
    document.top.major((1,))
    if "packages" not in document.values:
        raise document.top.refusal("packages", "an array of tables", "none; it may be cut off")
    entries = document.entries("packages")
    packages = [Package(entry, entry.project(), entry.version(), entry.marker("marker")) for entry in entries]
    refuse_twins(
        (((p.project, p.version, p.marker), p.entry) for p in packages), "a package with one version and marker"
    )
    _refuse_loose_ends(packages)
    return combine([_read(package) for package in packages])


def _read(package: Package) -> LockedSet:
    entry = package.entry
    kinds = [key for key in (*_ALONE, "sdist", "wheels") if entry.values.get(key)]
    if not kinds or (len(kinds) > 1 and kinds[0] in _ALONE):
        got = " and ".join(kinds) or "none; it may be cut off"
        raise entry.refusal("", "wheels, sdist, or one of archive, vcs and directory", got)
    source = _source(package)
    if source is not None:
        return LockedSet(sources=(source,))
    for single in ("archive", "sdist"):
        table = entry.table(single)
        if table is not None:
            _add(package, table)
    for wheel in entry.entries("wheels"):
        _add(package, wheel)
    return LockedSet(files=tuple(package.finish()))


def _source(package: Package) -> LockedSource | None:
    vcs = package.entry.table("vcs")
    if vcs is not None:
        place = vcs.text("url") or vcs.required("path")
        return package.source("vcs", vcs_location(vcs.required("type"), place, vcs.required("commit-id")))
    directory = package.entry.table("directory")
    return None if directory is None else package.source("directory", directory.required("path"))


def _add(package: Package, file: Entry) -> None:
    """One file; without a name of its own it has that of its path, else of its URL."""
    path, url = file.text("path"), file.text("url")
    name = stated_name(file, "name")
    for location in (path, url):
        if name is None and location is not None:
            name = name_at(location)
    package.add(name, url or path, _digests(file))


def _digests(file: Entry) -> dict[str, str]:
    hashes = file.table("hashes")
    if hashes is None or not hashes.values:
        raise file.refusal("hashes", "at least one digest", "none")
    return {name: hashes.as_digest(name, name, hashes.required(name)) for name in hashes.values}


def _refuse_loose_ends(packages: list[Package]) -> None:
    there = {package.project for package in packages}
    for package in packages:
        for dependency in package.entry.entries("dependencies"):
            if dependency.project() not in there:
                raise dependency.refusal("name", "a package of this lock", "none such; the file may be cut off")
