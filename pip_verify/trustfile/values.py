"""The keys of one block: added, changed and dropped; comments stay, and so does every key that is not concerned.

Values come in as Python has them; what cannot be TOML never gets here.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import cast

import tomlkit

from pip_verify.trustfile.layout import Block, tokens

Value = str | int | date | list[str]

_LONGEST_LINE = 100  # characters; an array that would need more gets a line for each element
_INDENT = "    "


def update(block: Block, old: Mapping[str, Value | None], new: Mapping[str, Value | None], newline: str) -> None:
    """Make the block, which says ``old``, say ``new``; None and an empty list: the key is absent. What is new goes
    behind the last key, in the order of ``new``."""
    for key, value in new.items():
        before = old.get(key)
        if before == value or not (before or value):
            continue
        if not value:
            _drop(block, key)
        elif not before:
            _append(block, key, value, newline)
        elif isinstance(value, list):
            _hold(block, key, value, newline)
        else:
            _put(block, key, _literal(key, value, newline))


def extend(block: Block, key: str, texts: Sequence[str], newline: str) -> None:
    """Add strings at the end of an array, laid out as the others are, unless its line would get too long."""
    _end_with_comma(block, key)
    keys = tomlkit.parse(block.keys)
    elements = cast("list[str]", keys[key])
    for text in texts:
        elements.append(text)
    line = keys[key].as_string()
    if "\n" not in line and len(f"{key} = {line}") > _LONGEST_LINE:
        _put(block, key, _literal(key, [str(text) for text in elements], newline))
    else:
        block.keys = keys.as_string()


def delete(block: Block, key: str, gone: Callable[[str], bool]) -> None:
    """Take out of an array every string of which ``gone`` is true; not all are."""
    keys = tomlkit.parse(block.keys)
    elements = cast("list[str]", keys[key])
    for position in reversed(range(len(elements))):
        if gone(str(elements[position])):
            del elements[position]
    block.keys = keys.as_string()


def _end_with_comma(block: Block, key: str) -> None:
    """Put a comma behind an array's last string where lines of comment follow it: the library would put the comma of
    the next one behind them, into the comment."""
    text = tomlkit.parse(block.keys)[key].as_string()
    end, comma = 0, False
    for token in tokens(text):
        if token[0][0] in "\"'":
            end, comma = token.end(), False
        elif not token[0].startswith("#"):
            comma |= "," in token[0]
    if end and not comma and re.search(r"\n[ \t]*#", text[end:]):
        _put(block, key, f"{text[:end]},{text[end:]}")


def _literal(key: str, value: Value, newline: str) -> str:
    """The TOML of a value that shall stand behind ``key = ``."""
    if not isinstance(value, list):
        return tomlkit.item(value).as_string()
    elements = [tomlkit.item(text).as_string() for text in value]
    line = f"[{', '.join(elements)}]"
    if len(f"{key} = {line}") <= _LONGEST_LINE:
        return line
    return newline.join(["[", *(f"{_INDENT}{element}," for element in elements), "]"])


def _append(block: Block, key: str, value: Value, newline: str) -> None:
    if block.keys and not block.keys.endswith("\n"):
        block.keys += newline
    block.keys += f"{key} = {_literal(key, value, newline)}{newline}"


def _put(block: Block, key: str, value: str) -> None:
    keys = tomlkit.parse(block.keys)
    keys[key] = tomlkit.parse(f"value = {value}")["value"]
    block.keys = keys.as_string()


def _drop(block: Block, key: str) -> None:
    keys = tomlkit.parse(block.keys)
    del keys[key]
    block.keys = keys.as_string()


def _hold(block: Block, key: str, texts: list[str], newline: str) -> None:
    """Make an array hold just these sorted strings: in place where it has lines of its own, so that comments stay."""
    _end_with_comma(block, key)
    keys = tomlkit.parse(block.keys)
    elements = cast("list[str]", keys[key])
    held = [str(text) for text in elements]
    if "\n" not in keys[key].as_string() or set(held).isdisjoint(texts):
        _put(block, key, _literal(key, texts, newline))
        return
    for position in reversed(range(len(held))):
        if held[position] not in texts:
            del elements[position], held[position]
    for text in texts:
        if text not in held:
            position = bisect.bisect(held, text)
            elements.insert(position, text)
            held.insert(position, text)
    block.keys = keys.as_string()
