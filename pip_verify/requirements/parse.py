"""A requirement file's bytes to a ``ParsedFile``: its requirements, pins, nested files and global options.

The rule of the whole room: what pip reads, and nothing else, is what we report. A line is first searched for
our options, which must stand there literally; these are blanked out, ``${VAR}`` is expanded as pip will, and what
is then left is read as pip reads it. So the result describes ``text_for_pip``, the very text that pip gets.

Refused beyond what ``text``, ``options``, ``specifier`` and ``pins`` refuse: options that pip would ignore where
they stand (``--hash`` without a requirement, a global option behind one, two ``-r`` on a line …), and pins that
cannot be checked: on global options, editables, version-control sources and requirements whose project is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pip_verify.pins import InlinePin, Origin
from pip_verify.requirements.model import GlobalOption, Nested, ParsedFile, Requirement
from pip_verify.requirements.options import (
    LineContext,
    PipOption,
    find_pin_options,
    options_start,
    read_hash,
    read_pip_options,
    split_words,
)
from pip_verify.requirements.pins import build_pin, comment_pin, refuse_trailing_pin
from pip_verify.requirements.specifier import is_vcs, read_editable, read_specifier
from pip_verify.requirements.text import BLANKS, LogicalLine, decode, logical_lines

_VARIABLE_RE = re.compile(r"\$\{([A-Z0-9_]+)\}")  # ASCII upper case only, as pip (req_file.py, ENV_VAR_RE)
_OF_REQUIREMENTS = ("--hash", "--config-settings")
_NESTED = ("--requirement", "--constraint")
_ONCE = ("--index-url", "--find-links")  # pip takes the last and the first of several on one line


def parse_requirements(data: bytes, name: str, *, constraint: bool, environ: Mapping[str, str]) -> ParsedFile:
    """Parse the raw bytes of a requirement or constraint file.

    name: the path or URL, for messages and origins. constraint: whether pip reads it for ``-c``. environ: the
    variables that pip's process has. Raises UsageError with file and line, EvidenceError for a weak key.
    """
    lines = decode(data, name).split("\n")
    returns = [line.endswith("\r") for line in lines]  # decode leaves no CR elsewhere
    lines = [line.removesuffix("\r") for line in lines]
    reader = _Reader(name, constraint, environ, physical=list(lines))
    for line in logical_lines(lines, name):
        reader.read(line)
    text = "\n".join(line + "\r" * crlf for line, crlf in zip(reader.physical, returns, strict=True))
    return ParsedFile(name, tuple(reader.requirements), tuple(reader.nested), tuple(reader.options), text)


@dataclass
class _Reader:
    """One pass over one file. physical: its lines, from which pin options are blanked out on the way. owned:
    whether a pin comment on the next line belongs to the last requirement."""

    name: str
    constraint: bool
    environ: Mapping[str, str]
    physical: list[str]
    requirements: list[Requirement] = field(default_factory=list)
    nested: list[Nested] = field(default_factory=list)
    options: list[GlobalOption] = field(default_factory=list)
    owned: bool = False

    def read(self, line: LogicalLine) -> None:
        literal = line.text.strip(BLANKS)
        if literal:
            count = len(self.requirements)
            self._read_content(line, LineContext(Origin(self.name, line.number), literal))
            self.owned = len(self.requirements) > count
        elif line.comment is None:
            self.owned = False
        else:
            self._read_comment(line.comment, LineContext(Origin(self.name, line.number), f"#{line.comment}"))

    def _read_comment(self, comment: str, line: LineContext) -> None:
        pin = comment_pin(comment, line)
        if pin is None:
            return
        if not self.owned:
            hint = "put it directly below its requirement, with no empty line between"
            raise line.refusal("a requirement above; this pin comment belongs to no requirement", hint=hint)
        self.requirements[-1] = _pinned(self.requirements[-1], pin, line)

    def _read_content(self, line: LogicalLine, context: LineContext) -> None:
        if line.comment is not None:
            refuse_trailing_pin(line.comment, context)
        pin, blanked = self._take_pin(line, context)
        view = _expand(blanked, self.environ, context)
        context = replace(context, expanded=view != blanked)
        start = options_start(view)
        options = read_pip_options(split_words(view, start, context), context)
        specifier = view[:start].rstrip()
        if specifier or any(option.name == "--editable" for option in options):
            requirement = self._read_requirement(specifier, options, context)
            self.requirements.append(requirement if pin is None else _pinned(requirement, pin, context))
        elif pin is not None:
            hint = "put a backslash at the end of the requirement's line above"
            if options:
                hint = "put them behind the requirement that they pin"
            raise context.refusal("a requirement before pin options", hint=hint)
        else:
            self._read_global(options, context)

    def _take_pin(self, line: LogicalLine, context: LineContext) -> tuple[InlinePin | None, str]:
        """Our options of a line as a pin, and the line without them, stripped; blanks them in ``physical``."""
        lead = len(line.text) - len(line.text.lstrip(BLANKS))
        words = split_words(line.text, lead + options_start(context.literal), context)
        found = list(find_pin_options([word.value for word in words]))
        if not found:
            return None, context.literal
        number = line.number + line.index_at(words[found[0].first].start)
        pin = build_pin(found, replace(context, origin=Origin(self.name, number)))
        text = line.text
        for word in (word for option in found for word in words[option.first : option.last + 1]):
            if not word.plain:
                got, hint = text[word.start : word.end], "write them plainly: no value of them needs a quote"
                raise context.refusal("pin options without quotes and backslashes", got=got, hint=hint)
            text = _blank(text, word.start, word.end)
            self._blank_physical(line, word.start, word.end)
        return pin, text.strip(BLANKS)

    def _blank_physical(self, line: LogicalLine, start: int, end: int) -> None:
        index = line.index_at(start)  # a plain word stands on one line: ``text`` refuses words split over two
        number = line.number - 1 + index
        offset = line.starts[index]
        self.physical[number] = _blank(self.physical[number], start - offset, end - offset)

    def _read_requirement(self, specifier: str, options: Sequence[PipOption], line: LineContext) -> Requirement:
        editable = _read_editable(specifier, options, line)
        hashes = _read_own_options(options, line)
        if editable is not None and hashes:
            raise line.refusal("no --hash beside -e; pip ignores it", hint="install it without -e")
        named = read_specifier(specifier, line) if editable is None else read_editable(editable, line)
        return Requirement(
            project=named.project,
            specifier=specifier if editable is None else editable,
            exact_version=named.exact_version,
            url=named.url,
            editable=editable is not None,
            marker=named.marker,
            extras=named.extras,
            hashes=hashes,
            pins=(),
            constraint=self.constraint,
            origin=line.origin,
        )

    def _read_global(self, options: Sequence[PipOption], line: LineContext) -> None:
        _check_global([option.name for option in options], line)
        number = line.origin.line
        for option in options:
            if option.name == "--requirement":
                self.nested.append(Nested("requirement", str(option.value), number))
            elif option.name == "--constraint":
                self.nested.append(Nested("constraint", str(option.value), number))
            else:
                self.options.append(GlobalOption(option.name, option.value, number))


def _expand(text: str, environ: Mapping[str, str], line: LineContext) -> str:
    """Replace ``${VAR}`` where the variable is set and not empty, as pip does.

    pip replaces one variable after the other, in the text that the one before has left; a value that makes a
    new reference would then mean more than it says, so it is refused.
    """
    expanded = _VARIABLE_RE.sub(lambda match: environ.get(match[1]) or match[0], text)
    if expanded == text:
        return text
    if any(environ.get(variable) for variable in _VARIABLE_RE.findall(expanded)):
        hint = "write out what the variable stands for"
        raise line.refusal("variables whose values make no new ${VAR}", hint=hint)
    if expanded != expanded.strip() or not expanded.replace("\t", " ").isprintable():
        expected = "variables whose values are printable and do not start or end the line with white space"
        raise line.refusal(expected, hint="set the variable again, without what is around its value")
    return expanded


def _read_editable(specifier: str, options: Sequence[PipOption], line: LineContext) -> str | None:
    """The value of the line's ``-e``, None without one."""
    values = [option.value for option in options if option.name == "--editable"]
    if values and (specifier or len(values) > 1):
        raise line.refusal("-e alone on its line; pip ignores the rest", hint="give each requirement a line of its own")
    return values[0] if values else None


def _read_own_options(options: Sequence[PipOption], line: LineContext) -> tuple[tuple[str, str], ...]:
    """The hashes among the options that a requirement may have; any other option is refused."""
    hashes = []
    for name, value in ((option.name, str(option.value)) for option in options):
        if name == "--hash":
            hashes.append(read_hash(value, line))
        elif name == "--config-settings":
            if "=" not in value:
                raise line.refusal("--config-settings=KEY=VALUE", got=value)
        elif name != "--editable":
            hint = "pip ignores it here: give it a line of its own"
            raise line.refusal("no global option on a requirement's line", got=name, hint=hint)
    return tuple(hashes)


def _check_global(names: Sequence[str], line: LineContext) -> None:
    """Refuse what pip would ignore on a line without a requirement."""
    for name in names:
        if name in _OF_REQUIREMENTS:
            hint = "end the line above with a backslash, so that this line belongs to its requirement"
            raise line.refusal(f"a requirement before {name}; pip ignores it here", hint=hint)
        if name in _NESTED and len(names) > 1:
            raise line.refusal(f"{name} alone on its line; pip ignores the rest", hint="give each option a line")
        if name in _ONCE and names.count(name) > 1:
            raise line.refusal(f"{name} once on a line; pip ignores the others", hint="give each option a line")


def _pinned(requirement: Requirement, pin: InlinePin, line: LineContext) -> Requirement:
    """The requirement with one more pin; raises UsageError where no pin could be checked."""
    if requirement.editable or is_vcs(requirement.url):
        kind = "an editable" if requirement.editable else "a version-control source"
        hint = "require a release of it, or take the pin out"
        raise line.refusal(f"no pin on {kind}: there is no file that a publisher could have signed", hint=hint)
    if requirement.project is None:
        hint = "write NAME @ URL"
        raise line.refusal("a project's name beside a pin; this URL or path does not state it", hint=hint)
    return replace(requirement, pins=(*requirement.pins, pin))


def _blank(text: str, start: int, end: int) -> str:
    return text[:start] + " " * (end - start) + text[end:]
