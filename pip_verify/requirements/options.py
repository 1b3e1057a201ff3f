"""The options of one requirement line: text to words, words to options, as pip reads them.

pip cuts the line at the first space-separated word that starts with ``-``, splits the rest as a shell would
(``shlex``), and gives it to ``optparse`` (pip 26.3, ``req/req_file.py``). Refused here though pip accepts or
ignores them: abbreviated options, words that are no option, a separate value that starts with ``-``, an empty
value. Our own options are found, not judged: ``pins`` does that.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pip_verify.errors import UsageError
from pip_verify.pins import Origin
from pip_verify.requirements.text import BLANKS, shown

AS_DOCUMENTED = "write it in another way; pip-verify's docs/requirements.md says what is refused, and why"
PIN_OPTIONS = ("--key", "--key-list", "--threshold", "--signed-by")

_VALUED = {
    "-i": "--index-url",
    "--index-url": "--index-url",
    "--pypi-url": "--index-url",
    "--extra-index-url": "--extra-index-url",
    "-c": "--constraint",
    "--constraint": "--constraint",
    "-r": "--requirement",
    "--requirement": "--requirement",
    "-e": "--editable",
    "--editable": "--editable",
    "-f": "--find-links",
    "--find-links": "--find-links",
    "--no-binary": "--no-binary",
    "--only-binary": "--only-binary",
    "--all-releases": "--all-releases",
    "--only-final": "--only-final",
    "--trusted-host": "--trusted-host",
    "--use-feature": "--use-feature",
    "--hash": "--hash",
    "-C": "--config-settings",
    "--config-settings": "--config-settings",
}
_FLAGS = frozenset(("--no-index", "--prefer-binary", "--require-hashes", "--no-require-hashes", "--pre"))
_HASH_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
_HEX_RE = re.compile(r"[0-9A-Fa-f]+\Z")
_OPTIONS_START_RE = re.compile(r"(?:^| )-")
_WORD_RE = re.compile(r"""(?:[^ \t'"\\]+|'[^']*'|"(?:[^"\\]|\\.)*"|\\.)+""", re.DOTALL)


@dataclass(frozen=True)
class LineContext:
    """Where a line stands and how an error may show it. literal: as written; expanded: whether what is being
    read differs from it by ``${VAR}`` values, which may be secrets and are never shown."""

    origin: Origin
    literal: str
    expanded: bool = False

    def refusal(self, expected: str, *, got: str | None = None, hint: str = AS_DOCUMENTED) -> UsageError:
        """The error to raise. got: a part of the line, shown unless the line was expanded."""
        text = self.literal if got is None or self.expanded else got
        return UsageError(str(self.origin), expected=expected, got=shown(text), hint=hint)


@dataclass(frozen=True)
class Word:
    """A shell word. value: without quotes and escapes; start, end: where it stands; plain: it had none."""

    value: str
    start: int
    end: int
    plain: bool


@dataclass(frozen=True)
class PipOption:
    """An option pip reads. name: spelled out; value: None for a flag."""

    name: str
    value: str | None = None


@dataclass(frozen=True)
class PinOption:
    """One of ``PIN_OPTIONS`` as found among words. first, last: the indexes of the words it takes up."""

    name: str
    value: str
    first: int
    last: int


def options_start(text: str) -> int:
    """The offset of the first option, ``len(text)`` if there is none. Tabs do not count: pip splits at spaces."""
    match = _OPTIONS_START_RE.search(text)
    return match.end() - 1 if match else len(text)


def split_words(text: str, start: int, line: LineContext) -> list[Word]:
    """The shell words of ``text`` from ``start`` on, equal to ``shlex.split``'s; raises UsageError."""
    words = []
    position = start
    while position < len(text):
        if text[position] in BLANKS:
            position += 1
            continue
        match = _WORD_RE.match(text, position)
        # A word that ends before a blank ends at a quote without its fellow or at a backslash that escapes nothing.
        if match is None or (match.end() < len(text) and text[match.end()] not in BLANKS):
            raise line.refusal("every quote closed", hint="close the quotation")
        raw = match.group()
        plain = not any(char in raw for char in "'\"\\")
        words.append(Word(raw if plain else shlex.split(raw)[0], position, match.end(), plain))
        position = match.end()
    return words


def find_pin_options(words: Sequence[str]) -> Iterator[PinOption]:
    """Our options among ``words``, as ``--key=VALUE`` or ``--key VALUE``, up to ``--``. Values are not judged; a
    missing one is empty. A word that pip takes for the value of the option before it is left alone."""
    index = 0
    while index < len(words) and words[index] != "--":
        name, equals, value = words[index].partition("=")
        if name in PIN_OPTIONS:
            last = index if equals else index + 1
            if not equals:
                value = words[last] if last < len(words) else ""
            yield PinOption(name, value, index, last)
            index = last + 1
        else:
            index += 2 if words[index] in _VALUED else 1


def read_pip_options(words: Sequence[Word], line: LineContext) -> list[PipOption]:
    """Every option of a line from which ours are gone; raises UsageError for whatever pip might read differently."""
    options = []
    remaining = iter(words)
    for word in remaining:
        spelled, value = _cut(word.value)
        if spelled in _FLAGS and value is None:
            options.append(PipOption(spelled))
        elif spelled in _VALUED:
            if value is None:
                value = _next_value(remaining, spelled, line)
            if not value or value != value.strip():
                raise line.refusal(f"a value for {spelled}, without blanks at its ends", hint=f"write {spelled}=VALUE")
            options.append(PipOption(_VALUED[spelled], value))
        else:
            raise _unknown(word.value, line)
    return options


def read_hash(value: str, line: LineContext) -> tuple[str, str]:
    """The algorithm and the lower-case digest of a ``--hash``; hex digits may be upper-case, as pip takes them."""
    algorithm, _, digest = value.partition(":")
    if len(digest) != _HASH_DIGITS.get(algorithm) or not _HEX_RE.match(digest):
        expected = "a hash as sha256:<64 hex digits>, sha384:<96> or sha512:<128>"
        raise line.refusal(expected, got=value, hint="compute it anew: pip hash FILE")
    return algorithm, digest.lower()


def _cut(word: str) -> tuple[str, str | None]:
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return name, value if equals else None
    return (word[:2], word[2:]) if len(word) > 2 else (word, None)


def _next_value(remaining: Iterator[Word], spelled: str, line: LineContext) -> str:
    word = next(remaining, None)
    if word is None or word.value.startswith("-"):
        got = None if word is None else word.value
        raise line.refusal(f"a value for {spelled}", got=got, hint=f"write {spelled}=VALUE")
    return word.value


def _unknown(word: str, line: LineContext) -> UsageError:
    if word.partition("=")[0] in PIN_OPTIONS:
        return line.refusal("pin options written out, not in a ${VAR}", hint="write the option itself into the line")
    if word.startswith("-"):
        hint = "spell the option out; pip-verify's own are " + ", ".join(PIN_OPTIONS)
        return line.refusal("an option that requirement files know, without abbreviation", got=word, hint=hint)
    hint = "give each requirement a line of its own; quote a value that has blanks in it"
    return line.refusal("nothing but options after the first option; pip ignores other words", got=word, hint=hint)
