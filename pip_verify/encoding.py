"""Strict base64url and JSON: what comes in is bytes or text from strangers, what goes out is a value or
an ``EvidenceError``, never half a value.

Refused in base64url: padding, white space, the standard alphabet's ``+/``, non-zero left-over bits
(RFC 4648 section 3.5). Refused in JSON (RFC 8259): anything but UTF-8, a byte order mark, duplicate
members, NaN and infinities (also by overflow), lone surrogates, nesting beyond 32 levels.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections import Counter
from collections.abc import Collection
from itertools import accumulate
from typing import Any, NoReturn

from pip_verify.errors import EvidenceError

MAX_DEPTH = 32  # formats.md: JSON depth; far below any interpreter's recursion limit

_B64U_RE = re.compile(r"[A-Za-z0-9_-]*\Z")
_ESCAPE_RE = re.compile(rb"\\.", re.DOTALL)
_NESTING = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NOT_NESTING = bytes(set(range(256)) - set(_NESTING))


def b64u_encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64u_decode(text: object, what: str, *, length: int | None = None) -> bytes:
    """Decode canonical base64url without padding; ``length`` is the number of bytes demanded, if any.

    Raises EvidenceError when ``text`` is not a str, not canonical, or of another length.
    """
    if not isinstance(text, str):
        raise EvidenceError(what, expected="base64url text without padding", got=_shorten(text))
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise EvidenceError(what, expected="base64url text without padding", got=_shorten(text)) from error
    if b64u_encode(data) != text:  # the decoder skips strange characters and drops left-over bits
        expected = "canonical base64url" if _B64U_RE.match(text) else "base64url text without padding"
        raise EvidenceError(what, expected=expected, got=_shorten(text))
    if length is not None and len(data) != length:
        raise EvidenceError(what, expected=f"{length} bytes", got=f"{len(data)} bytes")
    return data


def json_decode(data: bytes, what: str, *, max_bytes: int) -> Any:
    """Parse one JSON document of at most ``max_bytes`` bytes; raises EvidenceError on any irregularity."""
    if len(data) > max_bytes:
        raise EvidenceError(what, expected=f"at most {max_bytes} bytes", got=f"{len(data)} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EvidenceError(what, expected="UTF-8", got=f"invalid byte at offset {error.start}") from error
    _check_depth(data, what)
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise EvidenceError(what, expected="JSON", got=str(error)) from error
    # Only an escape can smuggle a surrogate past the UTF-8 decoder, so the costly walk is rare.
    if "\\u" in text:
        _refuse_surrogates(value, what)
    return value


def json_object(data: bytes, what: str, *, max_bytes: int) -> dict[str, Any]:
    """Like ``json_decode``, and the document must be an object."""
    value = json_decode(data, what, max_bytes=max_bytes)
    if not isinstance(value, dict):
        raise EvidenceError(what, expected="a JSON object", got=type(value).__name__)
    return value


def exact_members(
    value: object, what: str, required: Collection[str], optional: Collection[str] = ()
) -> dict[str, Any]:
    """Demand an object with all of ``required``, perhaps some of ``optional``, and no other member.

    Returns it; raises EvidenceError.
    """
    if not isinstance(value, dict):
        raise EvidenceError(what, expected="a JSON object", got=type(value).__name__)
    missing = [name for name in required if name not in value]
    if missing:
        raise EvidenceError(what, expected=f'a member "{missing[0]}"', got="none")
    unknown = [name for name in value if name not in required and name not in optional]
    if unknown:
        raise EvidenceError(what, expected=f"only the members {', '.join(required)}", got=_shorten(unknown[0]))
    return value


def json_encode(value: object) -> bytes:
    """Compact UTF-8 JSON with members in the order given."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8")


def _check_depth(data: bytes, what: str) -> None:
    if data.count(b"{") + data.count(b"[") <= MAX_DEPTH:
        return  # too few brackets to nest too deep, wherever they stand
    # JSON has backslashes in strings only; without the escapes every second piece between quotes is a string.
    # Each step is one linear pass, whatever a stranger sends.
    outside = b"".join(_ESCAPE_RE.sub(b"", data).split(b'"')[::2])
    brackets = outside.translate(None, _NOT_NESTING)
    if max(accumulate(map(_NESTING.__getitem__, brackets)), default=0) > MAX_DEPTH:
        raise EvidenceError(what, expected=f"at most {MAX_DEPTH} levels of JSON", got="more")


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        counts = Counter(name for name, _ in pairs)  # one pass: a stranger may send a hundred thousand members
        twice = next(name for name in counts if counts[name] > 1)
        raise ValueError(f"member {_shorten(twice)} stands twice in one object")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"number {text[:20]} is out of range")
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_members, parse_constant=_refuse_constant, parse_float=_finite_float
)


def _refuse_surrogates(value: object, what: str) -> None:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            try:
                item.encode("utf-8")
            except UnicodeEncodeError as error:
                raise EvidenceError(what, expected="Unicode text", got="a lone surrogate") from error
        elif isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _shorten(value: object) -> str:
    text = repr(value) if isinstance(value, str) else type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."
