"""A requirement file with the pins of the trust file as comments: bytes come in, bytes go out.

The comments are those of docs/requirements.md#as-a-comment.
Lockers delete comments, so these pins are a view that is made anew: ``# pip-verify: --signed-by=NAME`` on a line of
its own below the requirement. Pins made here are corrected when they went stale, and only those: a lone
``--signed-by`` of a publisher that names projects. What says more (``--key`` beside it), stands as an option, or names
a publisher that nothing but a ``--signed-by`` reaches was written by a person and stays. All else stays byte for byte.

Refused: whatever the parser refuses, and a pin on nobody of the trust file where the trust file knows nobody either:
it may be a slip of the pen in the one place that says who signs.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pip_verify.errors import UsageError
from pip_verify.pins import InlinePin, Origin
from pip_verify.requirements.model import Requirement
from pip_verify.requirements.parse import parse_requirements
from pip_verify.requirements.specifier import is_vcs
from pip_verify.requirements.text import BLANKS, decode, logical_lines

_INDENT = "    "  # as pip-compile and uv write their "# via" comments


@dataclass(frozen=True)
class Signers:
    """What the trust file says, as far as comments go.

    publisher_for: by normalised project, the name of its publisher; None where no pin is to stand. publishers: by
    name, whether it names projects; one that names none is reached by a person's ``--signed-by`` only. source: the
    trust file's name, for messages.
    """

    publisher_for: Callable[[str], str | None]
    publishers: Mapping[str, bool]
    source: str


@dataclass(frozen=True)
class Change:
    """One pin comment that came, went or was corrected. origin: its requirement's line, in the file as it was.
    old, new: the publisher named before and now; None: no such pin."""

    origin: Origin
    project: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        if self.old is None:
            return f"{self.origin}: {self.project}: added --signed-by={self.new}"
        if self.new is None:
            return f"{self.origin}: {self.project}: removed --signed-by={self.old}"
        return f"{self.origin}: {self.project}: --signed-by={self.old} is now --signed-by={self.new}"


@dataclass(frozen=True)
class Annotated:
    """The file as it should be. data: the bytes given, if there is no change. pinned: how many requirements the
    trust file names a publisher for."""

    data: bytes
    changes: tuple[Change, ...]
    pinned: int


@dataclass(frozen=True)
class _Block:
    """A requirement and its lines in the file. last: its last line; end: the last of the comments below that a new
    pin stands behind. Both from 0."""

    requirement: Requirement
    last: int
    end: int

    @property
    def pinnable(self) -> bool:
        """Whether the parser takes a pin here: it must name a project and be a file."""
        found = self.requirement
        return found.project is not None and not found.editable and not is_vcs(found.url)

    def made_here(self, pin: InlinePin) -> bool:
        """Whether a pin is a lone ``--signed-by`` in a comment."""
        lone = pin.keys == () and pin.key_list is None and pin.threshold is None and pin.signed_by is not None
        return lone and pin.origin.line > self.last + 1


def annotate(data: bytes, name: str, signers: Signers, *, environ: Mapping[str, str]) -> Annotated:
    """Put the pin comments that ``signers`` asks for into a requirement file, and take out those it does not.

    name, environ: as for ``parse_requirements``. Doing it twice changes nothing more. Raises UsageError, and
    EvidenceError for a weak key.
    """
    parsed = parse_requirements(data, name, constraint=False, environ=environ)
    head, middle, tail = decode(data, name).rpartition("\n")
    lines = [f"{line}\n" for line in head.split("\n")] if middle else []
    sheet = _Sheet([*lines, tail])
    pinned = 0
    for block in list(_blocks(sheet.lines, parsed.requirements, name)):
        wanted = signers.publisher_for(str(block.requirement.project)) if block.pinnable else None
        pinned += wanted is not None
        sheet.settle(block, wanted, signers)
    if not sheet.changes:
        return Annotated(data, (), pinned)
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    return Annotated(mark + "".join(sheet.lines).encode(), tuple(sheet.changes), pinned)


class _Sheet:
    """The lines of a file, each with its end, while they change. No line moves: an element of ``lines`` may become
    empty, or hold two lines."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.changes: list[Change] = []
        self._newline = "\r\n" if lines[0].endswith("\r\n") else "\n"

    def settle(self, block: _Block, wanted: str | None, signers: Signers) -> None:
        """Let the comments of one requirement say that ``wanted`` signs, once, or nothing where that is None."""
        pins = block.requirement.pins
        made = [pin for pin in pins if block.made_here(pin) and signers.publishers.get(str(pin.signed_by), True)]
        others = [pin for pin in pins if pin not in made]
        if wanted is None:
            for pin in made:
                _refuse_unknown(pin, signers)
        keep = next((pin for pin in made if pin.signed_by == wanted), None)
        missing = wanted if keep is None and all(pin.signed_by != wanted for pin in others) else None
        for pin in made:
            if pin is not keep:
                self._rewrite(block, pin, missing)
                missing = None
        if missing is not None:
            self._insert(block, missing)

    def _rewrite(self, block: _Block, pin: InlinePin, publisher: str | None) -> None:
        """Let a pin comment name another publisher; None takes the line out."""
        index = pin.origin.line - 1
        line = self.lines[index]
        indent = line[: len(line) - len(line.lstrip(BLANKS))]
        end = line[len(line.rstrip("\r\n")) :]
        self.lines[index] = "" if publisher is None else f"{indent}{_comment(publisher)}{end}"
        self._note(block, pin.signed_by, publisher)

    def _insert(self, block: _Block, publisher: str) -> None:
        before = self.lines[block.end]
        bare = before.rstrip("\r\n")
        end = before[len(bare) :]
        self.lines[block.end] = f"{bare}{end or self._newline}{_INDENT}{_comment(publisher)}{end}"
        self._note(block, None, publisher)

    def _note(self, block: _Block, old: str | None, new: str | None) -> None:
        found = block.requirement
        self.changes.append(Change(found.origin, str(found.project), old, new))


def _comment(publisher: str) -> str:
    return f"# pip-verify: --signed-by={publisher}"


def _blocks(lines: Sequence[str], requirements: Sequence[Requirement], name: str) -> Iterator[_Block]:
    """Every requirement with the places of its lines."""
    bare = [line.rstrip("\r\n") for line in lines]
    last_line = {line.number: line.number + len(line.starts) - 1 for line in logical_lines(bare, name)}
    for requirement in requirements:
        last = last_line[requirement.origin.line] - 1
        end = last
        # An indented comment is the requirement's own ("# via …"); one at the margin may be the next one's heading.
        while end + 1 < len(bare) and bare[end + 1][:1] in {" ", "\t"} and bare[end + 1].lstrip(BLANKS)[:1] == "#":
            end += 1
        yield _Block(requirement, last, end)


def _refuse_unknown(pin: InlinePin, signers: Signers) -> None:
    if pin.signed_by not in signers.publishers:
        raise UsageError(
            f"{pin.origin}: --signed-by",
            expected=f"a publisher of {signers.source}",
            got=str(pin.signed_by),
            hint=f"add a table [publishers.{pin.signed_by}] to {signers.source}, or delete line {pin.origin.line}",
        )
