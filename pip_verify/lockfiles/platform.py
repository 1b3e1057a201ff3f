"""What of a ``LockedSet`` one environment could install."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from packaging.markers import Marker
from packaging.utils import parse_wheel_filename

from pip_verify.lockfiles.model import LockedFile, LockedSet, LockedSource, Unlocked

if TYPE_CHECKING:
    from packaging.tags import Tag

_Item = TypeVar("_Item", LockedFile, LockedSource, Unlocked)

_QUOTED = r"""(?:'([^']*)'|"([^"]*)")"""
_EXTRA_RE = re.compile(rf"""\bextra\s*([=!]=)\s*({_QUOTED})|({_QUOTED})\s*([=!]=)\s*extra\b""")
_CHOICE_RE = re.compile(rf"""{_QUOTED}\s*(?:not\s+)?in\s+(?:extras|dependency_groups)\b""")
_OTHER_EXTRA_RE = re.compile(rf"""{_QUOTED}|(\bextra\b)""")
_MAX_NAMES = 5  # of extras and groups in one marker: thirty-two ways to choose among them


def for_platform(locked: LockedSet, *, tags: Sequence[Tag], environment: Mapping[str, str]) -> LockedSet:
    """What is left of ``locked`` where ``environment`` (the names of PEP 508) and ``tags`` hold.

    Dropped: what stands under a marker that does not hold, wheels whose tags do not fit, and sdists of a release of
    which a wheel fits. Kept: files that are known by digest alone, because nothing says what they are; a name that is
    no wheel's; whatever a choice of extras or dependency groups could install.
    """
    known: dict[str | None, bool] = {}

    def holds(marker: str | None) -> bool:
        if marker not in known:
            known[marker] = _may_hold(marker, environment)
        return known[marker]

    def kept(items: Sequence[_Item]) -> list[_Item]:
        return [item for item in items if holds(item.marker)]

    files = _fitting(kept(locked.files), frozenset(tags))
    return LockedSet(tuple(files), tuple(kept(locked.sources)), tuple(kept(locked.unlocked)))


def _fitting(files: Sequence[LockedFile], tags: frozenset[Tag]) -> list[LockedFile]:
    wheels = [file for file in files if file.filename is not None and file.filename.endswith(".whl")]
    fit = {file for file in wheels if _fits(str(file.filename), tags)}
    served = {(file.project, file.version) for file in fit}
    return [
        file
        for file in files
        if file in fit
        or file.filename is None
        or (not file.filename.endswith(".whl") and (file.project, file.version) not in served)
    ]


def _fits(filename: str, tags: frozenset[Tag]) -> bool:
    try:
        return not tags.isdisjoint(parse_wheel_filename(filename)[3])
    except ValueError:
        return True  # judging it tells what is wrong with it


def _may_hold(marker: str | None, environment: Mapping[str, str]) -> bool:
    """Whether the marker holds, or could with some choice of extras and groups."""
    if marker is None:
        return True
    marker = _EXTRA_RE.sub(_as_member, marker)
    names = sorted({first or second for first, second in _CHOICE_RE.findall(marker)})
    if len(names) > _MAX_NAMES or any(found[-1] for found in _OTHER_EXTRA_RE.findall(marker)):
        return True
    try:
        parsed = Marker(marker)
        return any(parsed.evaluate({**environment, **choice}) for choice in _choices(names))
    except (ValueError, KeyError):  # a comparison without meaning: pip would stop there
        return True


def _as_member(comparison: re.Match[str]) -> str:
    """``extra == "a"`` as ``"a" in extras``: PEP 508 has one extra at a time, but lockers' markers ask for several at
    once (``extra == "a" and extra == "b"``), so each of them counts as chosen or not."""
    operator = comparison[1] or comparison[8]
    quoted = comparison[2] or comparison[5]
    return f"{quoted} {'in' if operator == '==' else 'not in'} extras"


def _choices(names: Sequence[str]) -> Iterator[dict[str, frozenset[str]]]:
    for count in range(len(names) + 1):
        for chosen in map(frozenset, itertools.combinations(names, count)):
            yield {"extras": chosen, "dependency_groups": chosen}
