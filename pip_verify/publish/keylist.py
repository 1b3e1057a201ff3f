"""Upkeep of the publisher's key list: a JSON file that is committed and served over https (formats.md 2).

Each change reads the list, changes it, parses the result under the very rules a verifier has, and only then
writes it, under a lock. Members we do not know and the order of the entries stay as they are. Times are
arguments, in whole seconds since the epoch.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pip_verify.encoding import json_object
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.keys import KEY_LIST_MAX_BYTES, KeyList, PublicKey, parse_key_list
from pip_verify.storage import locked, read_file, write_atomically

Entry = dict[str, Any]


def init(path: Path) -> None:
    """Write an empty list where nothing is yet; raises UsageError."""
    write_atomically(path, _encode({"keys": []}, path), overwrite=False)


def add(path: Path, key: PublicKey, *, iat: int) -> None:
    """Add ``key``, issued at ``iat``. From then on it may sign. Raises UsageError when it is there already."""

    def change(document: dict[str, Any], current: KeyList) -> None:
        if current.get(key) is not None:
            raise UsageError(str(path), expected="a key that is not on the list", got=f"{key}, which is on it")
        document["keys"].append({**key.to_jwk(), "iat": iat})

    _update(path, change)


def retire(path: Path, key: PublicKey, *, exp: int) -> None:
    """Let ``key`` sign until ``exp`` and no longer. Raises UsageError when it is not there or revoked."""

    def change(entry: Entry) -> None:
        _refuse_revoked(path, key, entry)
        entry["exp"] = exp

    _update_entry(path, key, change)


def revoke(path: Path, key: PublicKey, *, at: int, reason: str) -> None:
    """Say on the list that ``key`` is not to be trusted since ``at``. Raises UsageError as ``retire``."""

    def change(entry: Entry) -> None:
        _refuse_revoked(path, key, entry)
        entry["revoked"] = {"revoked_at": at, "reason": reason}

    _update_entry(path, key, change)


def remove(path: Path, key: PublicKey) -> None:
    """Take ``key`` off: then nothing it signed is valid any more. Raises UsageError when it is not there."""

    def change(document: dict[str, Any], current: KeyList) -> None:
        document["keys"].remove(_find(path, key, document, current))

    _update(path, change)


def _update_entry(path: Path, key: PublicKey, change: Callable[[Entry], None]) -> None:
    _update(path, lambda document, current: change(_find(path, key, document, current)))


def _update(path: Path, change: Callable[[dict[str, Any], KeyList], None]) -> None:
    with locked(path):
        hint = f"pip-verify keylist init {shlex.quote(str(path))}"
        data, _ = read_file(path, max_bytes=KEY_LIST_MAX_BYTES, expected="a key list", hint=hint)
        current = parse_key_list(data, str(path))
        document = json_object(data, str(path), max_bytes=KEY_LIST_MAX_BYTES)
        change(document, current)
        write_atomically(path, _encode(document, path))


def _encode(document: dict[str, Any], path: Path) -> bytes:
    """One member a line, so that a commit shows what changed; raises UsageError when no verifier would take it."""
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    try:
        data = text.encode("utf-8")
        parse_key_list(data, str(path))
    except UnicodeEncodeError as error:  # the terminal gave bytes that are no text
        raise UsageError(str(path), expected="text in Unicode", got="a lone surrogate") from error
    except EvidenceError as error:  # the list was good before, so it is the new value that is not
        raise UsageError(error.subject, expected=error.expected, got=error.got) from error
    return data


def _find(path: Path, key: PublicKey, document: dict[str, Any], current: KeyList) -> Entry:
    if current.get(key) is None:
        raise UsageError(str(path), expected=f"{key} on the list", got=f"{len(current.keys)} other keys")
    is_key = {"kty": "OKP", "crv": "Ed25519", "x": key.to_jwk()["x"]}.items()
    return next(entry for entry in document["keys"] if is_key <= entry.items())


def _refuse_revoked(path: Path, key: PublicKey, entry: Entry) -> None:
    if "revoked" in entry:
        raise UsageError(str(path), expected="a key that is not revoked", got=f"{key}, which is")
