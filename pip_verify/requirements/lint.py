"""Mistakes in a requirement file, all at once: bytes come in, remarks with file and line go out.

The parser stops at the first thing it refuses; here that requirement is taken out and the rest read again. So no
rule is written twice: what is remarked on is what the parser refuses (a hash without a requirement, an option where
pip ignores it, a comment inside a continuation …). Pin comments that ``annotate`` would write otherwise are stale.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pip_verify.errors import PipVerifyError
from pip_verify.pins import Origin
from pip_verify.requirements.annotate import Signers, annotate
from pip_verify.requirements.model import ParsedFile
from pip_verify.requirements.parse import parse_requirements

MAX_ERRORS = 50  # of one file: each costs another reading of it
_EMPTY = ParsedFile("", (), (), (), "")
_BLANKS = b" \t\r"


@dataclass(frozen=True)
class Remark:
    """One mistake. text: what is wrong; hint: what to do, may be empty. warning: nothing is wrong yet."""

    origin: Origin
    text: str
    hint: str = ""
    warning: bool = False

    def __str__(self) -> str:
        kind = "warning: " if self.warning else ""
        return f"{self.origin}: {kind}{self.text}" + (f" (next: {self.hint})" if self.hint else "")


@dataclass(frozen=True)
class Linted:
    """A requirement file as far as it can be read. data: its bytes, with empty lines where what is wrong stood;
    parsed: what they say."""

    data: bytes
    parsed: ParsedFile
    remarks: tuple[Remark, ...]


def remark_of(error: PipVerifyError, origin: Origin) -> Remark:
    """An error as a remark. origin: where it belongs, unless the error itself names a line of that file."""
    text = str(error)
    match = re.match(re.escape(origin.file) + r"(?::([0-9]+))?: ", text)
    if match is None:
        return Remark(origin, text, error.hint)
    return Remark(Origin(origin.file, int(match[1] or origin.line)), text[match.end() :], error.hint)


def lint_requirements(data: bytes, name: str, *, environ: Mapping[str, str]) -> Linted:
    """Read a requirement file and remark on everything that the parser refuses, up to ``MAX_ERRORS``.

    name, environ: as for ``parse_requirements``. Raises nothing.
    """
    remarks: list[Remark] = []
    lines = data.split(b"\n")
    while len(remarks) < MAX_ERRORS:
        rest = b"\n".join(lines)
        try:
            return Linted(rest, parse_requirements(rest, name, constraint=False, environ=environ), tuple(remarks))
        except PipVerifyError as error:
            remark = remark_of(error, Origin(name))
            remarks.append(remark)
            if not remark.origin.line:
                break
            _take_out(lines, remark.origin.line - 1)
    return Linted(b"", _EMPTY, tuple(remarks))


def stale_pins(linted: Linted, name: str, signers: Signers, *, environ: Mapping[str, str]) -> Iterator[Remark]:
    """The pin comments that contradict the trust file; and those that lack, where others stand: a file that was
    never annotated is not stale. Raises as ``annotate`` does, for the trust file and the pins the remarks do not name.
    """
    found = annotate(linted.data, name, signers, environ=environ)
    missing = [change for change in found.changes if change.old is None]
    for change in found.changes:
        if change.old is not None:
            says = f"{signers.source} says {change.new or 'that nothing is to stand here'}"
            text = f"the pin comment of {change.project} names {change.old}, but {says}"
            yield Remark(change.origin, text, f"pip-verify annotate {name}")
        elif len(missing) < found.pinned:
            text = f"no pin comment names {change.new}, who signs {change.project} as {signers.source} says"
            yield Remark(change.origin, text, f"pip-verify annotate {name}")


def _take_out(lines: list[bytes], index: int) -> None:
    """Empty the requirement that the line at ``index`` is part of, with the comments below it, which belong to it."""
    start = end = 0
    is_open = False
    for number, line in enumerate(lines):
        if not is_open:
            if number > index:
                break
            start = number
        end = number
        if not (is_open and _is_comment(line)):  # a comment is dropped, and the options below it still meant it
            is_open = line.rstrip(_BLANKS).endswith(b"\\")
    while end + 1 < len(lines) and not _is_comment(lines[start]) and _is_comment(lines[end + 1]):
        end += 1
    lines[start : end + 1] = [b""] * (end + 1 - start)


def _is_comment(line: bytes) -> bool:
    return line.lstrip(_BLANKS).startswith(b"#")
