"""Mistakes in a key list, all at once: bytes come in, remarks go out.

What a verifier refuses is an error, and so is anything private, wherever it stands. What a verifier takes, and its
publisher will regret, is a warning: a key that ends soon, a list that no key can sign for, a revocation nobody
explains.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from pip_verify.encoding import json_encode, json_object
from pip_verify.errors import EvidenceError
from pip_verify.keys import (
    KEY_LIST_MAX_BYTES,
    KEY_LIST_MAX_KEYS,
    PRIVATE_MEMBERS,
    KeyList,
    ListedKey,
    parse_key_list,
)
from pip_verify.pins import Origin
from pip_verify.publish.listwords import utc
from pip_verify.publish.rotation import CLOCK_SLACK, can_sign, happened
from pip_verify.requirements.lint import Remark

SOON = 42 * 24 * 3600  # seconds before a key's end in which that is remarked on

_ENTRY_RE = re.compile(r"keys\[[0-9]+\]\Z")
_NEARLY = 0.75  # of a cap
_LEAKED = "this list has leaked a key: take the member out, and revoke or remove that key"


def lint_key_list(data: bytes, name: str, *, now: float) -> list[Remark]:
    """Everything that is wrong, or soon will be, with a key list. now: seconds since the epoch. Raises nothing."""
    origin = Origin(name)
    try:
        document = json_object(data, name, max_bytes=KEY_LIST_MAX_BYTES)
    except EvidenceError as error:
        return [_error(origin, error, name)]
    remarks = [Remark(origin, f"{where}: a private member", _LEAKED) for where in _private_members(document)]
    try:
        key_list = parse_key_list(data, name)
    except EvidenceError as error:
        remarks += _all_faults(document, name)
        return remarks or [_error(origin, error, name)]
    return remarks + [
        Remark(origin, text, hint, warning=warning)
        for text, hint, warning in (
            *_of_the_keys(key_list, name, now),
            *_of_the_template(key_list.releases),
            *_of_the_size(data, key_list),
        )
    ]


def _error(origin: Origin, error: EvidenceError, name: str) -> Remark:
    return Remark(origin, str(error).removeprefix(f"{name}: "), _LEAKED if error.hint else "")


def _all_faults(document: dict[str, Any], name: str) -> list[Remark]:
    """The entries that are refused by themselves, each judged by the verifier's own parser."""
    entries = document.get("keys")
    found = []
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        try:
            parse_key_list(json_encode({"keys": [entry]}), "")
        except EvidenceError as error:
            if not any(_private_members({"keys": [entry]})):  # that has been remarked on
                text = str(error).removeprefix(": keys[0]").removeprefix(": ")
                found.append(Remark(Origin(name), f"keys[{number}]: {text}"))
    return found


def _private_members(document: dict[str, Any]) -> Iterator[str]:
    """Where a member stands that private keys have, as a path: "d" at any depth, all of them in an entry."""
    waiting: list[tuple[str, object]] = [("", document)]
    while waiting:
        where, value = waiting.pop()
        if isinstance(value, dict):
            telling = PRIVATE_MEMBERS if _ENTRY_RE.match(where) else PRIVATE_MEMBERS[:1]
            yield from (f"{where}.{name}".lstrip(".") for name in value if name in telling)
            waiting += [(f"{where}.{name}".lstrip("."), member) for name, member in reversed(value.items())]
        elif isinstance(value, list):
            waiting += [(f"{where}[{number}]", item) for number, item in reversed(list(enumerate(value)))]


_Finding = tuple[str, str, bool]  # text, hint, whether it is only a warning


def _of_the_keys(key_list: KeyList, name: str, now: float) -> Iterator[_Finding]:
    if not can_sign(key_list, now):
        yield "no key of this list may sign now: nothing of this publisher can be installed", "", True
    for entry in key_list.keys:
        yield from _of_its_past(entry, name, now)
        yield from _of_its_window(entry, now)
    if key_list.skipped:
        yield f"{key_list.skipped} of its keys are of a type that pip-verify does not know", "", True


def _of_its_past(entry: ListedKey, name: str, now: float) -> Iterator[_Finding]:
    """What a clock wrote that was ahead. Where that is the end of a key, it may sign until then. A revoked key signs
    nothing, whatever its times: then it is only a warning, for nothing may hold up a revocation on its way out."""
    for time, done, members in happened(entry):
        if time > now + CLOCK_SLACK:
            hint = f"correct its {members}"
            if done == "retired" and entry.revoked_at is None:
                command = shlex.join(["pip-verify", "keylist", "retire", name, entry.key.text, "--force"])
                hint = f"where the clock is right, retire it again: {command}"
            yield f"{entry.key} was {done} at {utc(time)}, which has yet to come", hint, entry.revoked_at is not None


def _of_its_window(entry: ListedKey, now: float) -> Iterator[_Finding]:
    if entry.revoked_at is not None:
        if not entry.revoked_reason:
            yield f"{entry.key} is revoked without a reason: users cannot tell how bad it is", "", True
        return
    if entry.nbf is not None and entry.exp is not None and entry.exp <= entry.nbf:
        if entry.retired_at is None:  # one that was retired before it began is meant to sign nothing
            yield f"{entry.key} may never sign: its window ends before it begins", 'correct "nbf" or "exp"', False
    elif entry.exp is not None and now < entry.exp < now + SOON:
        hint = "sign what it signed with a key that stays: pip-verify sign --add --all"
        yield f"{entry.key} may sign until {utc(entry.exp)}", hint, True


def _of_the_template(template: str | None) -> Iterator[_Finding]:
    if template is None:
        return
    parts = urlsplit(template)
    if parts.scheme not in {"", "https"}:
        yield f"releases: expected https or a path beside the list, got {parts.scheme}", "", False
    elif parts.netloc or template.startswith("/"):
        text = "releases: statements are looked for at one address, wherever this list is; a relative one moves with it"
        yield text, 'for example "releases/{project}/{version}.jws"', True
    if "{project}" not in template and "{filename}" not in template:
        yield "releases: without {project}, two projects of one version would share a statement", "", True


def _of_the_size(data: bytes, key_list: KeyList) -> Iterator[_Finding]:
    number = len(key_list.keys) + key_list.skipped
    for size, cap, unit in ((len(data), KEY_LIST_MAX_BYTES, "bytes"), (number, KEY_LIST_MAX_KEYS, "keys")):
        if size > cap * _NEARLY:
            yield f"{size} {unit} of at most {cap}", "remove keys that are of no use any more", True
