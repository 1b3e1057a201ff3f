"""What a requirement file says, as values. Data only.

URLs, specifiers and option values stand here as pip will see them, so they may hold an index password:
redact them before showing them to anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pip_verify.pins import InlinePin, Origin


@dataclass(frozen=True)
class Requirement:
    """One requirement line, or the value of one ``-e``.

    project: normalised (PEP 503); None for a URL or path that does not state it. specifier: the line's text
    without options, ``${VAR}`` expanded. exact_version: canonical, where a single ``==`` or ``===`` or a wheel's
    file name fixes it. url: a direct reference or a path, without extras and marker. extras: normalised, sorted.
    hashes: (algorithm, lower-case hex) of each ``--hash``. pins: all of them must hold. origin: the first line.
    """

    project: str | None
    specifier: str
    exact_version: str | None
    url: str | None
    editable: bool
    marker: str | None
    extras: tuple[str, ...]
    hashes: tuple[tuple[str, str], ...]
    pins: tuple[InlinePin, ...]
    constraint: bool
    origin: Origin


@dataclass(frozen=True)
class Nested:
    """A ``-r`` or ``-c`` line. target: the path or URL as written, ``${VAR}`` expanded; pip resolves it against
    the file it stands in."""

    kind: Literal["requirement", "constraint"]
    target: str
    line: int


@dataclass(frozen=True)
class GlobalOption:
    """One option of a line without a requirement. name: spelled out (``--index-url``); value: None for a flag."""

    name: str
    value: str | None
    line: int


@dataclass(frozen=True)
class ParsedFile:
    """A whole file. text_for_pip: its text with pin options blanked out, line for line and byte for byte
    otherwise (a byte order mark is gone, as pip drops it too)."""

    name: str
    requirements: tuple[Requirement, ...]
    nested: tuple[Nested, ...]
    options: tuple[GlobalOption, ...]
    text_for_pip: str
