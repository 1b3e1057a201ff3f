"""The trust file on disk: which one a command changes, and how: under its lock, whole or not at all, as a diff."""

from __future__ import annotations

import argparse
import contextlib
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pip_verify.cli.terminal import show, shown
from pip_verify.config import (
    FIRST_USE_NAME,
    TRUST_FILE_NAME,
    find_trust_file,
    refuse_foreign,
    refuse_writable_by_all,
)
from pip_verify.errors import UsageError
from pip_verify.policy import TRUST_FILE_MAX_BYTES, Policy
from pip_verify.storage import locked, read_file, write_atomically
from pip_verify.trustfile import TrustFile, diff

if TYPE_CHECKING:
    from pip_verify.firstuse import Seen

MONTHS = 6  # how long an exemption holds if nobody says for how long

_UNTIL = f"write it as --until=YYYY-MM-DD; without it, the exemption holds for {MONTHS} months"
_NEW_MODE = 0o644


@dataclass(frozen=True)
class Place:
    """The trust file that holds here. name: as messages have it; policy: what it says before it is changed."""

    path: Path
    name: str
    policy: Policy


def locate(stated: str | None, environ: Mapping[str, str], *, may_be_new: bool = False) -> Place:
    """The file that ``find_trust_file`` finds from the current directory; may_be_new: else a new one there.

    Raises UsageError when there is none, and as ``find_trust_file`` does.
    """
    policy = find_trust_file(Path.cwd(), stated, environ)
    if policy.source is None:
        if not may_be_new:
            hint = "pip-verify init, or pip-verify pin PROJECT --key-list=URL"
            raise UsageError("trust file", expected=f"a {TRUST_FILE_NAME} from here upwards", got="none", hint=hint)
        return Place(Path.cwd() / TRUST_FILE_NAME, TRUST_FILE_NAME, policy)
    return Place(Path.cwd() / policy.source, policy.source, policy)


def recorded(place: Place, *, named: bool) -> dict[str, Seen]:
    """What ``pip-verify.lock`` beside the trust file says, by project, whether or not policy asks for it today: what
    was seen once must not be lost because somebody writes down whom to trust.

    named: the user named the trust file. Raises UsageError for a lock that is not whole, a link, or another user's.
    """
    from pip_verify.sources.firstuse import read_lock

    return read_lock(place.path.with_name(FIRST_USE_NAME), refuse_writable_by_all if named else refuse_foreign)


def change(place: Place, edit: Callable[[TrustFile], None], *, dry_run: bool) -> bool:
    """Read the file again, edit it, write it unless ``dry_run``, and print the change; whether there was one.

    What other processes wrote since ``locate`` is edited, not lost: the file is read under the lock that they take,
    too. Its permissions stay. Raises UsageError when it cannot or must not be written, and what ``edit`` raises;
    nothing is written then.
    """
    with contextlib.nullcontext() if dry_run else locked(place.path):
        old, mode = _read(place)
        trust_file = TrustFile.parse(old, place.name)
        before = trust_file.policy
        edit(trust_file)
        if trust_file.policy == before:
            return False
        new = trust_file.text()
        if not dry_run:
            _write(place.path, new, mode)
    show(diff(old, new, shown(place.path)))
    return True


def last_day(stated: str | None, today: date) -> date:
    """The last day of an exemption: as stated with ``--until``, else the first of the month that is MONTHS away.

    today: in UTC, as ``until`` is meant. Raises UsageError for what is no date or not in the future.
    """
    if stated is None:
        months = today.month - 1 + MONTHS
        return date(today.year + months // 12, months % 12 + 1, 1)
    try:
        until = date.fromisoformat(stated)
    except ValueError as error:
        got = ascii(stated[:40])
        raise UsageError("--until", expected="a date such as 2027-05-01", got=got, hint=_UNTIL) from error
    if until <= today:
        raise UsageError("--until", expected=f"a day after today, {today}", got=str(until), hint=_UNTIL)
    return until


def make_parser(command: str, description: str, epilog: str = "") -> argparse.ArgumentParser:
    """A parser with the options that all four commands have."""
    parser = argparse.ArgumentParser(
        prog=f"pip-verify {command}", description=description, epilog=epilog, allow_abbrev=False
    )
    parser.add_argument("--dry-run", action="store_true", help="print the change, write nothing")
    parser.add_argument("--trust-file", metavar="FILE", help="instead of the one found from here upwards")
    return parser


def _read(place: Place) -> tuple[str, int | None]:
    """The text and the permissions; of a file that is not there yet "" and None."""
    if place.policy.source is None and not os.path.lexists(place.path):
        return "", None
    data, status = read_file(place.path, max_bytes=TRUST_FILE_MAX_BYTES, expected="a trust file that can be read")
    _refuse_unwritable(place.path, status)
    return data.decode("utf-8", "surrogateescape"), stat.S_IMODE(status.st_mode)  # the parser refuses what is no UTF-8


def _refuse_unwritable(path: Path, status: os.stat_result) -> None:
    """A rename would replace even what is read-only, and a symbolic link by a file."""
    if path.is_symlink():
        expected = "a regular file, which can be replaced"
        raise UsageError(str(path), expected=expected, got="a symbolic link", hint="name the file it leads to")
    if not status.st_mode & 0o222 or not os.access(path, os.W_OK):
        got = f"mode {stat.S_IMODE(status.st_mode):04o}"
        raise UsageError(str(path), expected="a file that you may write", got=got, hint=f"chmod u+w {path.name}")


def _write(path: Path, text: str, mode: int | None) -> None:
    write_atomically(path, text.encode("utf-8"), mode=_NEW_MODE if mode is None else mode, overwrite=mode is not None)
    if mode is not None:
        path.chmod(mode)  # the umask took away what a group may do
