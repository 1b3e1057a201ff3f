"""Several ``LockedSet`` values to one, with nothing twice.

A file that two of them list stands once: under either's marker, with the pins of both, at the first one's place. One
that is known by digest alone gives way to the same digest with a file name. Refused: one file name and version
with two digests.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import TypeVar

from pip_verify.errors import EvidenceError
from pip_verify.lockfiles.model import LockedFile, LockedSet, LockedSource, Unlocked

_MAX_MARKER = 32 * 1024  # beyond, a lock with one file under countless markers would cost time and memory

_Pinned = TypeVar("_Pinned", LockedFile, Unlocked)


def combine(sets: Iterable[LockedSet]) -> LockedSet:
    """All of them together, in order; raises EvidenceError when they contradict each other."""
    files: dict[Hashable, LockedFile] = {}
    sources: dict[Hashable, LockedSource] = {}
    unlocked: dict[Hashable, Unlocked] = {}
    for part in sets:
        for file in part.files:
            stated = (file.sha256, file.digests)
            _put(files, (file.project, file.version, file.filename, *stated), file)
        for source in part.sources:
            key = (source.kind, source.location, source.project, source.version)
            known = sources.setdefault(key, source)
            sources[key] = replace(known, marker=any_of((known.marker, source.marker)))
        for requirement in part.unlocked:
            _put(unlocked, (requirement.project, requirement.text, requirement.dependencies), requirement)
    named = _without_doubles(list(files.values()))
    _refuse_contradictions(named)
    return LockedSet(tuple(named), tuple(sources.values()), tuple(unlocked.values()))


def any_of(markers: Iterable[str | None]) -> str | None:
    """The marker that holds where one of these does. None holds everywhere: where one of them does, where there are
    none, and for what would grow too long."""
    distinct = list(dict.fromkeys(markers))
    if None in distinct or len(distinct) < 2:
        return None if None in distinct else next(iter(distinct), None)
    united = " or ".join(f"({marker})" for marker in distinct)
    return united if len(united) <= _MAX_MARKER else None


def _put(items: dict[Hashable, _Pinned], key: Hashable, item: _Pinned) -> None:
    known: _Pinned = items.setdefault(key, item)
    if known is not item:
        pins = tuple(dict.fromkeys((*known.pins, *item.pins)))
        items[key] = replace(_with_both(known, item), marker=any_of((known.marker, item.marker)), pins=pins)


def _with_both(known: _Pinned, item: _Pinned) -> _Pinned:
    """``known`` with what only ``item`` knows of the same file: that a lock states its digest, where it is at hand."""
    if isinstance(known, LockedFile) and isinstance(item, LockedFile):
        return replace(known, stated=known.stated or item.stated, path=known.path or item.path)
    return known


def _without_doubles(files: list[LockedFile]) -> list[LockedFile]:
    """Files known by digest alone give way to the same digest with a name, and leave it their pins and markers."""
    alone = {_by_digest(file): file for file in files if file.filename is None and file.sha256 is not None}
    if not alone or len(alone) == len(files):
        return files
    taken = {_by_digest(file) for file in files if file.filename is not None} & alone.keys()
    kept = []
    for file in files:
        key = _by_digest(file)
        if key not in taken:
            kept.append(file)
        elif file.filename is not None:
            both: dict[Hashable, LockedFile] = {key: file}
            _put(both, key, alone[key])
            kept.append(both[key])
    return kept


def _by_digest(file: LockedFile) -> tuple[str, str | None, str | None]:
    return file.project, file.version, file.sha256


def _refuse_contradictions(files: list[LockedFile]) -> None:
    stated: dict[tuple[str, str | None, str], LockedFile] = {}
    for file in files:
        if file.filename is None or file.sha256 is None:
            continue
        first = stated.setdefault((file.project, file.version, file.filename), file)
        if first.sha256 != file.sha256:
            raise EvidenceError(
                f"{file.origin}: {file.filename}",
                expected=f"sha256:{first.sha256}, as {first.origin} states",
                got=f"sha256:{file.sha256}",
                hint="find out which of them the publisher made before you use either; then lock anew",
            )
