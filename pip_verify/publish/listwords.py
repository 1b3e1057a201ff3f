"""Key lists in words: for ``keylist show`` and ``diff``, and for the page of a published list."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from pip_verify.keys import KeyList, ListedKey
from pip_verify.report.words import counted
from pip_verify.sources.statements import DEFAULT_TEMPLATE

_DEFAULT_RELEASES = f"{DEFAULT_TEMPLATE}, beside the list"


def utc(seconds: float) -> str:
    """A time for people, to the second."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def standing(entry: ListedKey, now: float) -> str:
    """In one word or two: ``may sign``, ``not yet``, ``ended`` or ``revoked``."""
    if entry.refusal(now) is None:
        return "may sign"
    if entry.revoked_at is not None:
        return "revoked"
    return "ended" if entry.exp is not None and now >= entry.exp else "not yet"


def facts(entry: ListedKey) -> Iterator[tuple[str, str]]:
    """What the list says of a key beyond the key itself, as name and value."""
    if entry.label is not None:
        yield "label", entry.label
    times = (entry.iat, entry.nbf, entry.exp, entry.retired_at)
    for name, time in zip(("added", "may sign from", "may sign until", "retired"), times, strict=True):
        if time is not None:
            yield name, utc(time)
    if entry.revoked_at is not None:
        yield "revoked", utc(entry.revoked_at) + (f" ({entry.revoked_reason})" if entry.revoked_reason else "")


def show_text(key_list: KeyList, name: str, now: float) -> list[str]:
    """The lines of ``show``. name: of the list."""
    able = sum(entry.refusal(now) is None for entry in key_list.keys)
    lines = [f"{name}: {counted(len(key_list.keys), 'key')}, of which {able} may sign now"]
    if key_list.skipped:
        lines.append(f"not shown: {counted(key_list.skipped, 'key')} of a type that pip-verify does not know")
    lines.append(f"statements: {key_list.releases or _DEFAULT_RELEASES}")
    for entry in key_list.keys:
        rows = [("thumbprint", entry.key.thumbprint), *facts(entry), ("now", standing(entry, now))]
        lines += [entry.key.text, *(f"  {fact:<15} {value}" for fact, value in rows)]
    return lines


def show_json(key_list: KeyList, now: float) -> dict[str, Any]:
    """The same for programs. Times are seconds since the epoch, None where the list states none."""
    keys = [
        {
            "key": entry.key.text,
            "thumbprint": entry.key.thumbprint,
            "label": entry.label,
            "iat": entry.iat,
            "nbf": entry.nbf,
            "exp": entry.exp,
            "retired_at": entry.retired_at,
            "revoked_at": entry.revoked_at,
            "reason": entry.revoked_reason,
            "standing": standing(entry, now),
        }
        for entry in key_list.keys
    ]
    return {"version": 1, "keys": keys, "skipped": key_list.skipped, "releases": key_list.releases}


def differences(old: KeyList, new: KeyList) -> list[str]:
    """What changed, one line each, by the order of the lists; empty when a verifier would see no difference."""
    lines = [f"removed {entry.key}" for entry in old.keys if new.get(entry.key) is None]
    for entry in new.keys:
        before = old.get(entry.key)
        if before is None:
            told = "; ".join(f"{fact} {value}" for fact, value in facts(entry))
            lines.append(f"added {entry.key}" + (f" ({told})" if told else ""))
        else:
            lines += [f"{what} {entry.key}{how}" for what, how in _changes(before, entry)]
    if old.releases != new.releases:
        lines.append(f"statements: {old.releases or _DEFAULT_RELEASES} -> {new.releases or _DEFAULT_RELEASES}")
    if old.skipped != new.skipped:
        lines.append(f"keys of a type that pip-verify does not know: {old.skipped} -> {new.skipped}")
    return lines


def _changes(old: ListedKey, new: ListedKey) -> Iterator[tuple[str, str]]:
    """What happened to one key, and the rest of the sentence."""
    if old.revoked_at is None and new.revoked_at is not None:
        yield "revoked", f": since {dict(facts(new))['revoked']}"
    elif old.revoked_at is not None and new.revoked_at is None:
        yield "no longer revoked:", f": it was since {dict(facts(old))['revoked']}"
    elif (old.revoked_at, old.revoked_reason) != (new.revoked_at, new.revoked_reason):
        yield "revocation changed:", f": {dict(facts(old))['revoked']} -> {dict(facts(new))['revoked']}"
    if old.exp is None and new.exp is not None:
        yield "retired", f": may sign until {utc(new.exp)}"
    elif old.exp != new.exp:
        yield "window changed:", f": may sign until {_stated(old.exp)} -> {_stated(new.exp)}"
    if old.nbf != new.nbf:
        yield "window changed:", f": may sign from {_stated(old.nbf)} -> {_stated(new.nbf)}"
    if old.iat != new.iat:
        yield "changed", f": added {_stated(old.iat)} -> {_stated(new.iat)}"
    if old.label != new.label:
        yield "renamed", f": {old.label or 'no label'} -> {new.label or 'no label'}"


def _stated(time: float | None) -> str:
    return "no date" if time is None else utc(time)
