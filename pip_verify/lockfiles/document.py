"""What all lock formats share: bytes to a document, its entries read strictly, and on which line a digest stands.

Refused: more than 32 MiB, anything but UTF-8, broken or cut-off TOML or JSON (a duplicate key is broken, too), values
of another type, project names and versions that are none (PEP 508, PEP 440), markers that are none, digests that are
no lower-case hex of their algorithm's length. Unknown keys are let through: lockers add some with every release.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pip_verify.artifact.name import canonical_version, normalise
from pip_verify.encoding import json_object
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.pins import Origin

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    import tomli as tomllib

MAX_BYTES = 32 * 1024 * 1024  # more than 50,000 artifacts
MAX_TEXT = 32 * 1024  # a URL or a marker; those of universal locks grow to a few KiB

_MAX_SHOWN = 80
_AGAIN = "let the locker write it again"
_FAULT_LINE_RE = re.compile(r"at line ([0-9]+)|: line ([0-9]+) column")
_HEX_RUN_RE = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{32,}")
_HEX_RE = re.compile(r"[0-9a-f]+\Z")
_ALGORITHM_RE = re.compile(r"[a-z][a-z0-9_-]{0,31}\Z")
_HEX_DIGITS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
_VERSION_RE = re.compile(r"([0-9]{1,4})\.[0-9]{1,4}\Z")
_TYPES: dict[type, str] = {str: "a string", dict: "a table", list: "an array"}


@dataclass(frozen=True)
class Document:
    """One lock. name: for origins and messages; text: to find lines in; values: its top. markers_seen: found good."""

    name: str
    text: str
    values: Mapping[str, Any]
    markers_seen: dict[str, None] = field(default_factory=dict)

    @property
    def top(self) -> Entry:
        """The whole document as an entry, without a line."""
        return Entry(self, self.values, Origin(self.name), "")

    def lines_of(self, pattern: re.Pattern[str]) -> Iterator[tuple[re.Match[str], int]]:
        """Every match in the text, with the line on which it begins."""
        line, position = 1, 0
        for match in pattern.finditer(self.text):
            line += self.text.count("\n", position, match.start())
            position = match.start()
            yield match, line

    def digest_line(self, digest: str, after: int) -> int:
        """The first line from ``after`` on where the digest stands, else ``after``."""
        lines = self._digest_lines.get(digest, [])
        index = bisect_left(lines, after)
        return lines[index] if index < len(lines) else after

    def entries(self, key: str) -> list[Entry]:
        """The array of tables ``key``, each with the line of its ``[[key]]``; of another form, without lines."""
        header = re.compile(rf"^[ \t]*\[\[[ \t]*{re.escape(key)}[ \t]*\]\]", re.MULTILINE)
        lines = [line for _, line in self.lines_of(header)]
        entries = self.top.entries(key)
        if len(lines) != len(entries):
            return entries
        return [Entry(self, e.values, Origin(self.name, line), e.path) for e, line in zip(entries, lines, strict=True)]

    @cached_property
    def _digest_lines(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for match, line in self.lines_of(_HEX_RUN_RE):
            found.setdefault(match.group().lower(), []).append(line)
        return found


@dataclass(frozen=True)
class Entry:
    """One table of a document, read strictly. origin: its line; path: its dotted path, for messages."""

    document: Document
    values: Mapping[str, Any]
    origin: Origin
    path: str

    def refusal(self, key: str, expected: str, got: str = "", hint: str = _AGAIN) -> UsageError:
        """The error about ``key`` of this table (``""``: about the table)."""
        path = ".".join(part for part in (self.path, key) if part)
        return UsageError(f"{self.origin}: {path}" if path else str(self.origin), expected=expected, got=got, hint=hint)

    def text(self, key: str) -> str | None:
        """A string of printable characters, not empty; None when the key is absent."""
        value = self._typed(key, str)
        if value is None:
            return None
        if not 0 < len(value) <= MAX_TEXT or not value.isprintable():
            raise self.refusal(key, f"1 to {MAX_TEXT} printable characters", ascii(value[:_MAX_SHOWN]))
        return str(value)

    def required(self, key: str) -> str:
        """As ``text``, and it must be there."""
        value = self.text(key)
        if value is None:
            raise self.refusal(key, "a string", "none")
        return value

    def table(self, key: str) -> Entry | None:
        """A table; None when the key is absent."""
        value = self._typed(key, dict)
        return None if value is None else Entry(self.document, value, self.origin, f"{self.path}.{key}".lstrip("."))

    def entries(self, key: str) -> list[Entry]:
        """An array of tables; none when the key is absent."""
        path = f"{self.path}.{key}".lstrip(".")
        entries = []
        for index, value in enumerate(self._typed(key, list) or ()):
            if not isinstance(value, dict):
                raise self.refusal(f"{key}[{index}]", "a table", _type(value))
            entries.append(Entry(self.document, value, self.origin, f"{path}[{index}]"))
        return entries

    def texts(self, key: str) -> list[str]:
        """An array of strings as ``text`` takes them; none when the key is absent."""
        values = {f"{key}[{index}]": value for index, value in enumerate(self._typed(key, list) or ())}
        elements = Entry(self.document, values, self.origin, self.path)
        return [elements.required(name) for name in values]

    def project(self) -> str:
        """The normalised project name at ``name``."""
        return self.as_project("name", self.required("name"))

    def as_project(self, key: str, name: str) -> str:
        """``name``, found at ``key``, normalised."""
        try:
            return normalise(name)
        except EvidenceError as error:
            raise self.refusal(key, error.expected, error.got) from error

    def version(self) -> str | None:
        """The canonical version at ``version``; None when the key is absent."""
        text = self.text("version")
        return None if text is None else self.as_version("version", text)

    def as_version(self, key: str, text: str) -> str:
        """``text``, found at ``key``, as a canonical version."""
        try:
            return canonical_version(text)
        except EvidenceError as error:
            raise self.refusal(key, error.expected, error.got) from error

    def marker(self, key: str) -> str | None:
        """The environment marker at ``key``, as written; None when the key is absent."""
        text = self.text(key)
        return None if text is None else self.as_marker(key, text)

    def as_marker(self, key: str, text: str) -> str:
        """``text``, found at ``key``, which must be a marker by PEP 508 or PEP 751."""
        from packaging.markers import Marker  # lazily: most locks of one platform have none

        known = self.document.markers_seen
        if text not in known:
            try:
                Marker(text)
            except (ValueError, RecursionError) as error:
                raise self.refusal(key, "an environment marker (PEP 508)", ascii(text[:_MAX_SHOWN])) from error
            known[text] = None
        return text

    def digest(self, key: str, text: str) -> tuple[str, str]:
        """``text``, found at ``key``, as algorithm and digest; its form is ``sha256:<hex>``."""
        algorithm, _, digest = text.partition(":")
        return algorithm, self.as_digest(key, algorithm, digest)

    def as_digest(self, key: str, algorithm: str, digest: str) -> str:
        """``digest``, found at ``key``, which must be one of that algorithm. Those of an
        algorithm we do not know may have any length."""
        length = _HEX_DIGITS.get(algorithm, len(digest))
        if not _ALGORITHM_RE.match(algorithm) or len(digest) != length or not _HEX_RE.match(digest):
            expected = f"a digest of {length} lower-case hex digits" if algorithm in _HEX_DIGITS else "ALGORITHM:DIGEST"
            raise self.refusal(key, expected, ascii(f"{algorithm}:{digest}"[:_MAX_SHOWN]))
        return digest

    def major(self, known: tuple[int, ...]) -> int:
        """The major number of ``lock-version``, which is ``1.0``; a minor one adds what older readers may leave out.

        Raises UsageError for a major number that is not ``known``.
        """
        text = self.text("lock-version")
        match = _VERSION_RE.match(text or "")
        if match is None or int(match[1]) not in known:
            raise self.unknown_version("lock-version", " or ".join(f"{major}.x" for major in known), text)
        return int(match[1])

    def unknown_version(self, key: str, known: str, got: object) -> UsageError:
        """The error for a lock version we cannot read."""
        hint = "update pip-verify, or let a locker write it in a version that this one reads"
        if got is None:
            return self.refusal(key, f"a lock's version: {known}", "none; it may be cut off")
        return self.refusal(key, f"version {known} of this format", ascii(got)[:_MAX_SHOWN], hint)

    def _typed(self, key: str, wanted: type) -> Any:
        value = self.values.get(key)
        if value is not None and not isinstance(value, wanted):
            raise self.refusal(key, _TYPES[wanted], _type(value))
        return value


def load_toml(data: bytes, name: str) -> Document:
    """A lock in TOML 1.0; raises UsageError, with the line where the parser gives one."""
    text = _decode(data, name)
    try:
        return Document(name, text, tomllib.loads(text))
    except (ValueError, RecursionError) as error:  # an integer of 5000 digits is a plain ValueError
        raise _broken(name, "TOML 1.0", str(error), text) from error


def load_json(data: bytes, name: str) -> Document:
    """A lock in JSON whose top is an object; raises UsageError, with the line where the parser gives one."""
    text = _decode(data, name)
    try:
        return Document(name, text, json_object(data, name, max_bytes=MAX_BYTES))
    except EvidenceError as error:
        raise _broken(name, error.expected, error.got, text) from error


def _decode(data: bytes, name: str) -> str:
    if len(data) > MAX_BYTES:
        hint = "split it, and judge the parts one by one"
        raise UsageError(name, expected=f"at most {MAX_BYTES} bytes", got=f"{len(data)} bytes", hint=hint)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(
            str(Origin(name, line)), expected="UTF-8", got=f"byte 0x{data[error.start]:02x}", hint=_AGAIN
        ) from error


def _broken(name: str, expected: str, got: str, text: str) -> UsageError:
    match = _FAULT_LINE_RE.search(got)
    line = int(match[1] or match[2]) if match else 0
    if "end of document" in got:
        line = text.count("\n") + 1
        got = f"{got}: it may be cut off"
    return UsageError(str(Origin(name, line)), expected=expected, got=got, hint=_AGAIN)


def _type(value: object) -> str:
    return _TYPES.get(type(value), "another type")
