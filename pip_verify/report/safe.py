"""Texts from elsewhere, made fit to be shown: file names, reasons and key labels may be a stranger's choice, and a
URL may carry the user's password or token.

Out of every URL go: credentials, query and fragment (RFC 3986 sections 3.2.1, 3.4, 3.5); ``***`` stands in their
place. A secret in a URL's path cannot be told from a path, and stays. Out of what a terminal shows go: control
characters and escapes, line and paragraph separators, direction marks (Unicode TR 36 section 2.10, "Trojan
source"), and characters that leave no ink, by which two names may look the same; their escapes are shown instead.
So is the beginning of what a CI runner takes for a command to it anywhere in a line (``##[``, ``##vso[`` ...).
"""

from __future__ import annotations

import re

MASK = "***"
MAX_SHOWN = 1000  # characters of one value in a report for people; a threshold pin of many keys stays whole

# Printable in Python's eyes, but without ink: Unicode's Default_Ignorable_Code_Points, and the blank Braille pattern.
_NO_INK_RE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)

# A URL's beginning, however malformed, and what follows up to white space or the next URL. Each character is looked
# at once for the match and once for the lookahead, so a stranger's long text costs no more than its length.
_URL_RE = re.compile(r"(https?:[/\\]*|:[/\\]{2,})((?:(?!:[/\\]{2})\S)*)", re.IGNORECASE)
_CLOSING = ")>}\"',;.:!"  # of the sentence around the URL
_RUNNER_COMMAND_RE = re.compile(r"##(?=\w*\[)")
_HOST_RE = re.compile(r"(?:\[[0-9A-Fa-f:.%]*\]|[^:@\[\]]*)(?::[0-9]*)?\Z")


def redact(text: str) -> str:
    """``text`` without the secrets of the URLs in it."""
    return _URL_RE.sub(_redact_url, text)


def one_line(text: str) -> str:
    """``text`` for a terminal: redacted, on one line, harmless, and cut at ``MAX_SHOWN`` characters."""
    redacted = _RUNNER_COMMAND_RE.sub(r"#\\x23", redact(text))
    shown = _escape_all(redacted[:MAX_SHOWN])  # escapes are longer than what they stand for, so it is cut twice
    if len(redacted) <= MAX_SHOWN and len(shown) <= MAX_SHOWN:
        return shown
    return f"{shown[:MAX_SHOWN]}... (cut, of {len(redacted)} characters)"


def _redact_url(match: re.Match[str]) -> str:
    start, rest = match.groups()
    bare = rest.rstrip(_CLOSING)
    end = rest[len(bare) :]
    authority = re.split(r"[/?#]", bare, maxsplit=1)[0]
    host = authority.rpartition("@")[2]
    if not _HOST_RE.match(host):  # a password with a slash, a question mark or a hash: nobody knows where it ends
        return f"{start}{MASK}{end}"
    mask = f"{MASK}@" if "@" in authority else ""
    path, mark, _ = _partition_at(bare[len(authority) :])
    return f"{start}{mask}{host}{path}{mark}{MASK if mark else ''}{end}"


def _partition_at(text: str) -> tuple[str, str, str]:
    """Path, the first of ``?`` and ``#`` if any, and the rest."""
    match = re.search(r"[?#]", text)
    return (text, "", "") if match is None else (text[: match.start()], match.group(), text[match.end() :])


def _escape_all(text: str) -> str:
    if text.isprintable() and not _NO_INK_RE.search(text):
        return text
    return "".join(_escape(character) for character in text)


def _escape(character: str) -> str:
    if character.isprintable() and not _NO_INK_RE.match(character):
        return character
    return character.encode("unicode_escape").decode("ascii")
