r"""Bytes of a requirement file to logical lines, as pip joins them.

What comes in: the raw bytes. What goes out: ``LogicalLine`` values that know which physical line each
character stands on. Refused, because pip and another reader take it differently: any encoding but UTF-8 (a
leading UTF-8 byte order mark is dropped, as pip drops it), coding cookies (PEP 263), control characters
and the other characters ``str.splitlines`` breaks at, a lone CR (CRLF is a line end), bidirectional overrides
(what a reviewer sees is not what pip reads), a comment or an empty line inside a ``\`` continuation (pip drops
the hashes after it), a word split over two lines, a backslash that looks like a continuation and is none.
"""

from __future__ import annotations

import bisect
import codecs
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pip_verify.errors import UsageError
from pip_verify.pins import Origin

MAX_BYTES = 16 * 1024 * 1024  # over 150,000 lines with a hash each
MAX_LOGICAL_LINE = 128 * 1024  # room for over 1,000 hashes on one requirement
BLANKS = " \t"

_MAX_SHOWN = 160
_FORBIDDEN_RE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]|\r(?!\n)")
_COOKIE_RE = re.compile(rb"[ \t]*#.*coding[:=]\s*[-\w.]+")
_COMMENT_RE = re.compile(r"(?:^|[ \t])#")
_AUTHORITY_RE = re.compile(r"//\S*")
_HOST_THEN_PATH_RE = re.compile(r"//(?:([^/?#\s]*)@)?((?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]+(?:[/?#](?!/)[^\s/?#]*)*)\Z")


@dataclass(frozen=True)
class LogicalLine:
    r"""One or more physical lines joined at ``\``.

    number: the first physical line, from 1. text: what stands before the comment, white space kept.
    starts: the offset in text at which each physical line begins. comment: what follows the ``#``, if any.
    """

    number: int
    text: str
    starts: tuple[int, ...]
    comment: str | None

    def index_at(self, offset: int) -> int:
        """Which of the physical lines (0: the first) the character at ``offset`` stands on."""
        return bisect.bisect_right(self.starts, offset) - 1


def shown(text: str) -> str:
    """``text`` as an error may show it: printable ASCII, no credentials of URLs, the middle left out if long."""
    safe = ascii(_AUTHORITY_RE.sub(_without_credentials, text))[1:-1]
    if len(safe) > _MAX_SHOWN:
        safe = f"{safe[: _MAX_SHOWN // 2]}...{safe[-_MAX_SHOWN // 2 :]}"
    return f"'{safe}'"


def decode(data: bytes, name: str) -> str:
    """Decode a file and refuse the characters above; raises UsageError with the line."""
    if len(data) > MAX_BYTES:
        hint = "split it, and name the parts with -r"
        raise UsageError(name, expected=f"at most {MAX_BYTES} bytes", got=f"{len(data)} bytes", hint=hint)
    data = data.removeprefix(codecs.BOM_UTF8)
    _refuse_cookie(data, name)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(
            str(Origin(name, line)),
            expected="UTF-8",
            got=f"byte 0x{data[error.start]:02x}",
            hint="save the file as UTF-8",
        ) from error
    match = _FORBIDDEN_RE.search(text)
    if match:
        line = text.count("\n", 0, match.start()) + 1
        raise UsageError(
            str(Origin(name, line)),
            expected="text without control characters and with plain line ends",
            got=f"U+{ord(match.group()):04X}",
            hint="delete the character; pip may start a new requirement there",
        )
    return text


def logical_lines(lines: Sequence[str], name: str) -> Iterator[LogicalLine]:
    """Join physical lines (without their line ends) as pip does; raises UsageError."""
    parts: list[str] = []
    for number, line in enumerate(lines, start=1):
        origin = Origin(name, number)
        body, comment = _split_comment(line)
        is_comment = comment is not None and not body.strip(BLANKS)
        if parts:
            _check_seam(parts[-1], line, origin, is_comment=is_comment)
        if line.endswith("\\") and not is_comment:
            parts.append(_continued(line, origin, comment=comment))
            continue
        if body.rstrip(BLANKS).endswith("\\"):
            raise _broken(origin, "a backslash as a line's last character", line, "delete what follows the backslash")
        yield _join([*parts, body], number, comment, name)
        parts = []
    if parts:
        raise _broken(Origin(name, len(lines)), "a line after the backslash", lines[-1], "delete the last backslash")


def _without_credentials(match: re.Match[str]) -> str:
    """Credentials stand before the host (RFC 3986 section 3.2), and an ``@`` behind it is no end of theirs, but that of
    a repository's path before its commit. Where it may be part of a password that should have been escaped, as behind
    ``name:1/``, nobody knows where that ends, and all before the last ``@`` is hidden."""
    url = match.group()
    plain = _HOST_THEN_PATH_RE.match(url)
    if plain is not None:
        return url if plain[1] is None else f"//****@{plain[2]}"
    _, at, rest = url.rpartition("@")
    return f"//****@{rest}" if at else url


def _refuse_cookie(data: bytes, name: str) -> None:
    for number, line in enumerate(data.split(b"\n", 2)[:2], start=1):
        if _COOKIE_RE.match(line):
            raise UsageError(
                str(Origin(name, number)),
                expected="no coding cookie (PEP 263): pip decodes the file by it, others do not",
                got=shown(line.decode("utf-8", "replace")),
                hint="delete the line; the file is read as UTF-8",
            )


def _split_comment(line: str) -> tuple[str, str | None]:
    match = _COMMENT_RE.search(line)
    return (line[: match.start()], line[match.end() :]) if match else (line, None)


def _check_seam(before: str, line: str, origin: Origin, *, is_comment: bool) -> None:
    if is_comment:
        hint = "put the comment after the requirement's last line; pip drops the hashes that follow it here"
        raise _broken(origin, "no comment inside a backslash continuation", line, hint)
    if not line.strip(" \t\\"):
        raise _broken(origin, "a line after the backslash", line, "delete the backslash that ends the line above")
    if before[-1] not in BLANKS and line[0] not in BLANKS:
        raise _broken(origin, "no word split over two lines", line, "indent this line")


def _continued(line: str, origin: Origin, *, comment: str | None) -> str:
    if comment is not None:
        hint = "put the comment after the requirement's last line; pip makes the next line a part of it here"
        raise _broken(origin, "no comment inside a backslash continuation", line, hint)
    if line.startswith("\\") or line.endswith("\\\\"):
        hint = "write one backslash; pip strips them all, at both ends of the line"
        raise _broken(origin, "one backslash at the end of a continued line", line, hint)
    return line[:-1]


def _join(parts: list[str], last: int, comment: str | None, name: str) -> LogicalLine:
    starts = tuple(itertools.accumulate((len(part) for part in parts[:-1]), initial=0))
    number = last - len(parts) + 1
    text = "".join(parts)
    if len(text) > MAX_LOGICAL_LINE:
        expected = f"at most {MAX_LOGICAL_LINE} characters in a line"
        hint = "give each requirement a line of its own, without a backslash between them"
        raise UsageError(str(Origin(name, number)), expected=expected, got=f"{len(text)} characters", hint=hint)
    if not text.replace("\t", " ").isprintable():
        hint = "replace it by plain spaces or delete it"
        raise _broken(Origin(name, number), "printable characters outside comments", text, hint)
    return LogicalLine(number, text, starts, comment)


def _broken(origin: Origin, expected: str, line: str, hint: str) -> UsageError:
    return UsageError(str(origin), expected=expected, got=shown(line), hint=hint)
