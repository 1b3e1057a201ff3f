"""entry_points.txt: the commands an installer writes scripts for, and the objects plug-in hosts import.

In: the file's bytes. Out: nothing, or an EvidenceError. A script's name becomes a file name and its target becomes
Python source, so both must be plain. Readers differ on this file (configparser continues a value on a deeper indented
line and skips lines with ``;``, importlib.metadata does neither): what they would read differently is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pip_verify.artifact.fault import Spot, shown

_SCRIPT_GROUPS = ("console_scripts", "gui_scripts")
_GROUP_RE = re.compile(r"\[([^\[\]]+)\]\Z")
_TARGET_RE = re.compile(r"(?P<module>[\w.]+)\s*(?::\s*(?P<attribute>[\w.]+)\s*)?(?:\[[\w\s,.-]*\])?\Z")
_NO_SCRIPT_NAME_RE = re.compile(r"""[\s/\\:*?"<>|\[\]]|\A[-.]|\.\Z""")


def check_entry_points(data: bytes, spot: Spot) -> None:
    """Raises EvidenceError unless each line is a group, an entry, a comment or empty, and each entry is sane."""
    groups: dict[str, set[str]] = {}
    group = ""
    for line, deeper in _lines(data, spot):
        if header := _GROUP_RE.match(line):
            group = header[1].strip()
            if group in groups:
                raise spot.breaks("each group once", f"{shown(group)} twice")
            groups[group] = set()
            continue
        name, equals, target = (part.strip() for part in line.partition("="))
        if not (groups and name and equals) or line[0] in "[;":
            raise spot.breaks("'[group]' or 'name = module:object' in each line", shown(line))
        if deeper:
            raise spot.breaks("entries that are not indented below another", shown(line))
        if name in groups[group]:
            raise spot.breaks("each name once in a group", f"{shown(name)} twice")
        groups[group].add(name)
        _check_entry(group, name, target, spot)


def _lines(data: bytes, spot: Spot) -> Iterator[tuple[str, bool]]:
    """Lines that say something, stripped, and whether each is indented deeper than the entry before it."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise spot.breaks("UTF-8", f"other bytes at {error.start}") from error
    indent_before: int | None = None
    for raw in text.replace("\r\n", "\n").split("\n"):
        line = raw.strip(" \t")
        if not line.replace("\t", " ").isprintable():
            raise spot.breaks("no control characters or line separators", shown(line))
        if not line or line.startswith("#"):
            continue
        indent = len(raw) - len(raw.lstrip())
        yield line, indent_before is not None and indent > indent_before
        indent_before = None if line.startswith("[") else indent


def _check_entry(group: str, name: str, target: str, spot: Spot) -> None:
    reference = _TARGET_RE.match(target)
    if reference is None or not all(_is_dotted(part) for part in reference.groups() if part is not None):
        raise spot.breaks("a target 'module:object' of Python names", shown(target))
    if group not in _SCRIPT_GROUPS:
        return
    if _NO_SCRIPT_NAME_RE.search(name):
        raise spot.breaks("script names that are plain file names", shown(name))
    if reference["attribute"] is None:
        raise spot.breaks("a function for each script to call ('module:object')", shown(target))


def _is_dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))
