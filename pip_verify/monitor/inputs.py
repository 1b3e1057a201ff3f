"""The two lists a monitor reads: names of projects, and digests of files that were accepted before. Pure.

Refused: a name that is none, a digest that is none, anything else on a line. ``#`` begins a comment.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from pip_verify.artifact.name import normalise
from pip_verify.errors import EvidenceError, UsageError

LIST_MAX_BYTES = 64 * 1024 * 1024

_ONE_A_LINE = "write nothing but project names into it, one a line; # begins a comment"
_LINE_RE = re.compile(r"(?:sha256:)?([0-9a-f]{64})(?: [ *]?\S+)?\Z")  # as sha256sum writes them


def parse_projects(data: bytes, name: str) -> list[str]:
    """Project names, one a line, normalised; raises UsageError."""
    projects = []
    for number, line in _lines(data, name):
        try:
            projects.append(normalise(line))
        except EvidenceError as error:
            expected = f"a project name: {error.expected}"
            raise UsageError(f"{name}:{number}", expected=expected, got=error.got, hint=_ONE_A_LINE) from error
    return projects


def parse_known(data: bytes, name: str) -> frozenset[str]:
    """Hex sha256 digests, one a line, each perhaps followed by a file name; raises UsageError."""
    digests = set()
    for number, line in _lines(data, name):
        found = _LINE_RE.match(line)
        if found is None:
            expected = "64 lower-case hex digits, and perhaps a file name, as sha256sum writes them"
            hint = f"write it anew: sha256sum dist/* > {shlex.quote(name)}"
            raise UsageError(f"{name}:{number}", expected=expected, got=ascii(line[:80]), hint=hint)
        digests.add(found[1])
    return frozenset(digests)


def _lines(data: bytes, name: str) -> Iterator[tuple[int, str]]:
    if len(data) > LIST_MAX_BYTES:
        raise UsageError(name, expected=f"at most {LIST_MAX_BYTES} bytes", got="more", hint=_ONE_A_LINE)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        got = f"other bytes at {error.start}"
        raise UsageError(name, expected="text in UTF-8", got=got, hint="save the file as UTF-8") from error
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.partition("#")[0].strip()
        if stripped:
            yield number, stripped
