"""Typed, strict reading of one TOML table: values go out, anything else is a UsageError with its dotted path.

Every key must be known to the caller; a misspelt one is an error that names the nearest valid key, because a
setting that is silently ignored is a setting the user believes in.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from pip_verify.errors import UsageError

Element = TypeVar("Element")

AS_DOCUMENTED = "look up in pip-verify's docs/trust-file.md what may stand there"

_MAX_TEXT = 2000
_BARE_KEY_RE = re.compile(r"[A-Za-z0-9_-]+\Z")  # TOML 1.0, "Keys"
_TOML_TYPES = {
    bool: "a boolean",
    int: "an integer",
    float: "a float",
    str: "a string",
    list: "an array",
    dict: "a table",
}


class Table:
    """A table of the trust file. where: file and, if known, line; path: the dotted path of the table in it; hint: the
    next step after an error that has none of its own."""

    def __init__(
        self,
        values: object,
        where: str,
        path: str,
        known: Sequence[str] | None = None,
        *,
        hint: str = AS_DOCUMENTED,
    ) -> None:
        """known: the keys allowed, or None where the keys are the user's own names. Raises UsageError."""
        self.where = where
        self.path = path
        self.hint = hint
        if not isinstance(values, dict):
            raise self.error("", "a table", toml_type(values))
        self.values: Mapping[str, Any] = values
        if known is not None:
            for key in values:
                self._refuse_unknown(key, known)

    def error(self, key: str, expected: str, got: str, hint: str = "") -> UsageError:
        """The error about ``key`` of this table (``""``: about the table; ``"keys[0]"``: about an element)."""
        path = ".".join(part for part in (self.path, key) if part)
        return UsageError(f"{self.where}: {path}", expected=expected, got=got, hint=hint or self.hint)

    def text(self, key: str) -> str | None:
        """A string of printable characters, not empty; None when the key is absent."""
        return self.check_text(key, self.values[key]) if key in self.values else None

    def check_text(self, key: str, value: object) -> str:
        """``value``, found at ``key``, as a string of printable characters, not empty."""
        if not isinstance(value, str):
            raise self.error(key, "a string", toml_type(value))
        if not 0 < len(value) <= _MAX_TEXT or not value.isprintable():
            raise self.error(key, f"1 to {_MAX_TEXT} printable characters", ascii(value[:80]))
        return value

    def choice(self, key: str, choices: Sequence[str]) -> str:
        """One of ``choices``; the first is the default."""
        value = self.check_text(key, self.values.get(key, choices[0]))
        if value not in choices:
            expected = " or ".join(f'"{choice}"' for choice in choices)
            raise self.error(key, expected, ascii(value), _nearest(value, choices))
        return value

    def integer(self, key: str, *, default: int, least: int, most: int) -> int:
        """An integer from ``least`` to ``most``."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int):  # bool is an int in Python
            raise self.error(key, "an integer", toml_type(value))
        if not least <= value <= most:
            raise self.error(key, f"an integer from {least} to {most}", str(value))
        return value

    def local_date(self, key: str) -> date | None:
        """A TOML local date."""
        value = self.values.get(key)
        # a datetime is a date in Python, and its time would be dropped
        if value is not None and (isinstance(value, datetime) or not isinstance(value, date)):
            raise self.error(key, "a date without quotes and time, such as 2027-05-01", toml_type(value))
        return value

    def array(self, key: str, read: Callable[[str, str], Element]) -> tuple[Element, ...]:
        """An array of different strings, each read by ``read(its path, its text)``; ``()`` when the key is absent.

        An empty array is refused: one cannot tell whether it is meant to say nobody or anybody.
        """
        if key not in self.values:
            return ()
        values = self.values[key]
        if not isinstance(values, list):
            raise self.error(key, "an array of strings", toml_type(values))
        if not values:
            raise self.error(key, "at least one element", "an empty array", f"write one, or remove the key {key}")
        elements: dict[Element, None] = {}
        for number, value in enumerate(values):
            path = f"{key}[{number}]"
            element = read(path, self.check_text(path, value))
            if element in elements:
                raise self.error(path, "each element once", f"{value!a} twice")
            elements[element] = None
        return tuple(elements)

    def _refuse_unknown(self, key: str, known: Sequence[str]) -> None:
        if key not in known:
            raise self.error(quoted(key), "one of " + ", ".join(known), "an unknown key", _nearest(key, known))


def quoted(key: str) -> str:
    """``key`` as it stands in a dotted path: bare, or in quotes when TOML wants them."""
    return key if _BARE_KEY_RE.match(key) else ascii(key[:80])


def toml_type(value: object) -> str:
    """What TOML calls a parsed value's type."""
    return _TOML_TYPES.get(type(value), "a date or time")


def _nearest(text: str, choices: Sequence[str]) -> str:
    nearest = difflib.get_close_matches(text.lower().replace("_", "-"), choices, n=1)
    return f"did you mean {nearest[0]}?" if nearest else ""
