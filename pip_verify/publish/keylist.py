"""Upkeep of the publisher's key list: a JSON file that is committed and served over https (formats.md 2).

Each change reads the list, changes it, parses the result under the very rules a verifier has, asks ``check``, and
only then writes it, all under one lock. Members we do not know and the order of the entries stay as they are. Times
are arguments, in whole seconds since the epoch.

``check`` is called with the list as it is and as it would be; what it raises leaves the file as it was.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pip_verify.encoding import json_object
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.keys import KEY_LIST_MAX_BYTES, KeyList, ListedKey, PublicKey, parse_key_list
from pip_verify.publish.listwords import utc
from pip_verify.storage import locked, read_file, write_atomically

Entry = dict[str, Any]
Check = Callable[[KeyList, KeyList], None]


def no_check(before: KeyList, after: KeyList) -> None:
    """Let every change pass."""


def init(path: Path) -> None:
    """Write an empty list where nothing is yet; raises UsageError."""
    write_atomically(path, _encode({"keys": []}, path), overwrite=False)


def read_list(path: Path) -> tuple[bytes, KeyList]:
    """The publisher's own list, as bytes and parsed.

    Raises UsageError when there is none, EvidenceError when a verifier would refuse it.
    """
    hint = f"pip-verify keylist init {shlex.quote(str(path))}"
    data, _ = read_file(path, max_bytes=KEY_LIST_MAX_BYTES, expected="a key list", hint=hint)
    try:
        return data, parse_key_list(data, str(path))
    except EvidenceError as error:
        hint = "restore the last good one, from your repository or from your site"
        if error.hint:  # a key has leaked; the parser's advice is for those who read the list, not for its publisher
            hint = "take that member out, then: pip-verify keylist revoke LIST KEY --reason leaked"
        raise EvidenceError(error.subject, expected=error.expected, got=error.got, hint=hint) from error


def add(path: Path, key: PublicKey, *, iat: int, check: Check = no_check) -> None:
    """Add ``key``, issued at ``iat``. From then on it may sign. Raises UsageError when it is there already."""

    def change(document: dict[str, Any], current: KeyList) -> None:
        if current.get(key) is not None:
            expected, got = "a key that is not on the list", f"{key}, which is on it"
            raise UsageError(str(path), expected=expected, got=got, hint=_show(path))
        document["keys"].append({**key.to_jwk(), "iat": iat})

    _update(path, change, check)


def retire(
    path: Path, key: PublicKey, *, at: int, exp: int | None = None, later: bool = False, check: Check = no_check
) -> ListedKey:
    """Let ``key`` sign until ``exp`` and no longer, None: no longer than ``at``, which is now; returns its entry.

    ``at`` is written as well: an end to come looks the same whether it was meant or a clock was ahead. An end that
    the list states is only moved nearer, unless ``later``: to move it away may give its power back to a key that has
    ended. Raises UsageError when the key is not there, revoked, or would end later.
    """

    def change(entry: Entry) -> None:
        _refuse_revoked(path, key, entry)
        stated = entry.get("exp")
        if exp is not None and stated is not None and exp > stated and not later:
            raise _ends_earlier(path, key, stated)
        entry["exp"] = min(at, at if stated is None else stated) if exp is None else exp
        entry["retired_at"] = at

    return _update_entry(path, key, change, check).by_name[key.thumbprint]


def revoke(path: Path, key: PublicKey, *, at: int, reason: str, check: Check = no_check) -> None:
    """Say on the list that ``key`` is not to be trusted since ``at``. Raises UsageError as ``retire``."""

    def change(entry: Entry) -> None:
        _refuse_revoked(path, key, entry)
        entry["revoked"] = {"revoked_at": at, "reason": reason}

    _update_entry(path, key, change, check)


def remove(path: Path, key: PublicKey, *, check: Check = no_check) -> None:
    """Take ``key`` off: then nothing it signed is valid any more. Raises UsageError when it is not there."""

    def change(document: dict[str, Any], current: KeyList) -> None:
        document["keys"].remove(_find(path, key, document, current))

    _update(path, change, check)


def _update_entry(path: Path, key: PublicKey, change: Callable[[Entry], None], check: Check) -> KeyList:
    return _update(path, lambda document, current: change(_find(path, key, document, current)), check)


def _update(path: Path, change: Callable[[dict[str, Any], KeyList], None], check: Check) -> KeyList:
    """Returns the list as it is then."""
    with locked(path):
        data, current = read_list(path)
        document = json_object(data, str(path), max_bytes=KEY_LIST_MAX_BYTES)
        change(document, current)
        encoded = _encode(document, path)
        after = parse_key_list(encoded, str(path))
        check(current, after)
        write_atomically(path, encoded)
    return after


def _encode(document: dict[str, Any], path: Path) -> bytes:
    """One member a line, so that a commit shows what changed; raises UsageError when no verifier would take it."""
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    try:
        data = text.encode("utf-8")
        parse_key_list(data, str(path))
    except UnicodeEncodeError as error:  # the terminal gave bytes that are no text
        hint = "type it in a terminal that is set to UTF-8"
        raise UsageError(str(path), expected="text in Unicode", got="a lone surrogate", hint=hint) from error
    except EvidenceError as error:  # the list was good before, so it is the new value that is not
        hint = "give the option another value; nothing was changed"
        raise UsageError(error.subject, expected=error.expected, got=error.got, hint=hint) from error
    return data


def _find(path: Path, key: PublicKey, document: dict[str, Any], current: KeyList) -> Entry:
    if current.get(key) is None:
        got = f"{len(current.keys)} other keys"
        raise UsageError(str(path), expected=f"{key} on the list", got=got, hint=_show(path))
    is_key = {"kty": "OKP", "crv": "Ed25519", "x": key.to_jwk()["x"]}.items()
    return next(entry for entry in document["keys"] if is_key <= entry.items())


def _refuse_revoked(path: Path, key: PublicKey, entry: Entry) -> None:
    if "revoked" in entry:
        expected, hint = "a key that is not revoked", f"nothing is left to be done; {_show(path)}"
        raise UsageError(str(path), expected=expected, got=f"{key}, which is", hint=hint)


def _show(path: Path) -> str:
    return f"look at it: {shlex.join(['pip-verify', 'keylist', 'show', str(path)])}"


def _ends_earlier(path: Path, key: PublicKey, stated: float) -> UsageError:
    return UsageError(
        str(path),
        expected=f"no end of {key} later than the list states, {utc(stated)}",
        got="a later one, with which it could sign again or for longer",
        hint=f"if you want that: {shlex.join(['pip-verify', 'keylist', 'retire', str(path), key.text])} "
        "--until DATE --force",
    )
