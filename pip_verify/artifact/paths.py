"""Member names: what a path inside an archive may look like, and that no two are one.

In: names. Out: nothing, or an EvidenceError. A name is refused when any reader or file system could take it for
something else: absolute, climbing, empty or dot segments, backslashes, colons (a Windows drive or an NTFS stream),
control characters and Unicode line separators. Two names are twins when some file system folds them into one: by
letter case, by Unicode normalisation, or, on Windows, by dropping dots and spaces at a segment's end.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from pip_verify.artifact.fault import Spot, shown

_MAX_NAME = 4096  # bytes; PATH_MAX of most systems
_MAX_SEGMENT = 255  # bytes; NAME_MAX of most file systems
# C0, DEL, C1 and the two Unicode line separators: str.splitlines() ends a RECORD row at most of them
_BARRED_RE = re.compile("[\\\\:\x00-\x1f\x7f-\x9f\u2028\u2029]")
_BARRED_NAMES = {"\\": "a backslash", ":": "a colon", "\0": "NUL"}
_DOTS_AND_SPACES_RE = re.compile(r"[. ]+(?=/|\Z)")


def check_path(name: str, spot: Spot) -> None:
    """Raises EvidenceError unless ``name`` is a plain relative path with ``/`` between its segments."""
    if barred := _BARRED_RE.search(name):
        found = _BARRED_NAMES.get(barred.group(), "a control character or line separator")
        raise spot.breaks("a path without backslash, colon, NUL and control characters", found)
    segments = name.split("/")
    if not all(segment.strip(". ") for segment in segments):
        raise spot.breaks("a relative path without empty, '.' and '..' segments", shown(name))
    if (len(name) > _MAX_SEGMENT or not name.isascii()) and _too_long(segments):
        raise spot.breaks(f"at most {_MAX_SEGMENT} bytes a segment and {_MAX_NAME} a path", "more")


def _too_long(segments: list[str]) -> bool:
    sizes = [len(segment.encode()) for segment in segments]
    return max(sizes) > _MAX_SEGMENT or sum(sizes) + len(sizes) > _MAX_NAME


def fold(path: str) -> str:
    """What is left of a path when every difference some file system ignores is taken away."""
    folded = path.lower() if path.isascii() else _fold_unicode(path)
    return _DOTS_AND_SPACES_RE.sub("", folded)


def _fold_unicode(text: str) -> str:
    # each step can undo the other, so the first is done again (Unicode 3.13, compatibility caseless matching)
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded)


def check_tree(paths: Iterable[tuple[str, bool]], spot: Spot) -> None:
    """Raises EvidenceError when two of ``paths`` are twins, or when one that is not a directory has others below it.

    paths: each path (no slash at the end) and whether it is a directory.
    """
    seen: dict[str, str] = {}
    leaves: set[str] = set()
    for path, is_directory in paths:
        key = fold(path)
        if key in seen:
            rule = "a name of its own, whatever its letter case and Unicode form"
            raise spot.at(path).breaks(rule, f"a twin of {shown(seen[key])}")
        seen[key] = path
        if not is_directory:
            leaves.add(key)
    for key in sorted(_ancestors(seen) & leaves):
        raise spot.at(seen[key]).breaks("nothing below a name that is no directory", "entries below it")


def _ancestors(keys: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for key in keys:
        parent = key.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return found
