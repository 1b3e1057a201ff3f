"""The blocks of a TOML text: each header with the lines below it, so that one can be changed, added or taken out and
every other byte stays.

In comes valid TOML (the caller has parsed it); the blocks joined are the text again, byte for byte. The TOML library
takes a comment above a header for the end of the table before, and moves or removes it with that table; and tables of
one family that stand apart, as ``[tool.…]`` do in a pyproject.toml, are where it has lost lines. Hence the cut here,
and the library for the values inside one block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import tomlkit

# Strings and comments whole, for what stands in them opens and closes nothing (TOML 1.0, "Comment" and "String").
_TOKEN_RE = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\]|\\.)*"'
    r"|'[^']*'"
    r"|#[^\n]*"
    r"|[\[{\]}\n]"
    r"|[^\"'#\[{\]}\n]+",
    re.DOTALL,
)


@dataclass(eq=False)  # a block is itself, whatever it holds
class Block:
    """A header and what it heads; its text is its parts, joined.

    path: the keys of the header, () of the block before the first header. array: whether the header is ``[[…]]``.
    lead: blank lines and comments above the header. keys: up to the last key and its value. notes: comments right below
    that, which go with the block: those that a blank line parts from the next header.
    """

    path: tuple[str, ...] = ()
    array: bool = False
    lead: list[str] = field(default_factory=list)
    header: str = ""
    keys: str = ""
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "".join([*self.lead, self.header, self.keys, *self.notes])


class Layout:
    """A TOML text as blocks; ``str(layout)`` is the text. newline: the one it uses."""

    def __init__(self, text: str) -> None:
        self.newline = "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"
        self.blocks = [Block()]
        loose: list[str] = []  # blank lines and comments, of which only what follows tells whose they are
        for statement in _statements(text):
            if _is_blank(statement) or statement.lstrip().startswith("#"):
                loose.append(statement)
            elif statement.lstrip().startswith("["):
                self.blocks[-1].notes, lead = _cut(loose, keep=False)
                self.blocks.append(Block(*_read_header(statement), lead, statement))
                loose = []
            else:
                self.blocks[-1].keys += "".join([*loose, statement])
                loose = []
        self.blocks[-1].notes, end = _cut(loose, keep=True)
        self._end = Block(lead=end)

    def __str__(self) -> str:
        return "".join(map(str, [*self.blocks, self._end]))

    def headed(self, path: tuple[str, ...], *, array: bool = False) -> list[Block]:
        """The blocks with just this header, in order."""
        return [block for block in self.blocks if block.path == path and block.array is array]

    def insert(self, block: Block, after: Block) -> None:
        """Put a block without lead behind another, with a blank line before it and before what follows."""
        position = self.blocks.index(after) + 1
        before = str(after)
        if before and not before.endswith("\n"):
            after.notes.append(self.newline)  # the text's last line; joined to it, this ends the line
        block.lead = [self.newline] if before else []
        _part(self._at(position), [self.newline])
        self.blocks.insert(position, block)

    def remove(self, block: Block) -> None:
        """Take a block out. Comments above its header stay, but never come to stand right above another header."""
        position = self.blocks.index(block)
        following = self._at(position + 1)
        del self.blocks[position]
        blank = next((number for number, line in enumerate(reversed(block.lead)) if not _is_blank(line)), None)
        if blank is not None:
            _part(following, [self.newline])
            following.lead[:0] = block.lead[: len(block.lead) - blank]
        elif str(self.blocks[position - 1]):
            _part(following, block.lead)
        else:  # nothing is left above
            following.lead = following.lead[_leading_blanks(following.lead) :]

    def _at(self, position: int) -> Block:
        return self.blocks[position] if position < len(self.blocks) else self._end


def _part(block: Block, blank: list[str]) -> None:
    """Make a blank line stand above a block that is not empty."""
    if str(block) and not (block.lead and _is_blank(block.lead[0])):
        block.lead[:0] = blank


def _leading_blanks(lines: list[str]) -> int:
    return next((number for number, line in enumerate(lines) if not _is_blank(line)), len(lines))


def tokens(text: str) -> Iterator[re.Match[str]]:
    """TOML in pieces: strings and comments whole, brackets and line ends alone, and what is between."""
    return _TOKEN_RE.finditer(text)


def _statements(text: str) -> Iterator[str]:
    """The text cut at every line end that is in no string, array or inline table."""
    start = depth = 0
    for token in tokens(text):
        depth += (token[0] in "[{") - (token[0] in "]}")
        if token[0] == "\n" and depth == 0:
            yield text[start : token.end()]
            start = token.end()
    if start < len(text):
        yield text[start:]


def _cut(loose: list[str], *, keep: bool) -> tuple[list[str], list[str]]:
    """What of the lines between two blocks is the first one's, and what the second's. keep: whose all of it is when no
    blank line parts them."""
    blank = next((number for number, line in enumerate(loose) if _is_blank(line)), len(loose) if keep else 0)
    return loose[:blank], loose[blank:]


def _is_blank(line: str) -> bool:
    return not line.strip(" \t\r\n")


def _read_header(header: str) -> tuple[tuple[str, ...], bool]:
    """The keys of a header, and whether it is ``[[…]]``."""
    path: list[str] = []
    value = tomlkit.parse(header).unwrap()
    while isinstance(value, Mapping) and value:
        ((key, value),) = value.items()
        path.append(key)
    return tuple(path), isinstance(value, list)
