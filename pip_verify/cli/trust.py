"""``pip-verify pin``, ``unpin``, ``prune`` and ``renew``: keeping the trust file.

Each prints what it changed as a diff on standard output; whatever else there is to say goes to standard error.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shlex
import time
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from pip_verify.cli.lock_options import add_lock_arguments, lock_names
from pip_verify.cli.terminal import project_names, say, show, shown
from pip_verify.cli.trust_file import Place, change, last_day, locate, make_parser, recorded
from pip_verify.config import FIRST_USE_NAME, Settings
from pip_verify.errors import UsageError
from pip_verify.report.safe import one_line
from pip_verify.trustfile import TrustFile, diff

if TYPE_CHECKING:
    from pip_verify.lockfiles.model import LockedSet
    from pip_verify.policy import Exemption, Policy

DUE_WITHIN = 42  # days: long enough to ask upstream whether the project is signed by now


def pin(arguments: Sequence[str]) -> int:
    """Say who signs projects; returns the exit code."""
    from pip_verify.cli.pinning import run

    return run(arguments)


# -- unpin -----------------------------------------------------------------------------------------------


def unpin(arguments: Sequence[str]) -> int:
    """No longer say who signs projects; returns the exit code."""
    parser = make_parser("unpin", "No longer say who signs these projects: in the trust file and in pip-verify.lock.")
    parser.add_argument("projects", nargs="+", metavar="PROJECT", help="a project that is named there")
    options = parser.parse_args(arguments)
    names = project_names(options.projects)
    place = _locate(options)
    seen = recorded(place, named=_named(options) is not None)
    gone: list[str] = []

    def edit(trust_file: TrustFile) -> None:
        for name in names:
            _refuse_unknown(name, trust_file.policy, seen)
        named = [name for name in names if name not in seen or _is_named(trust_file.policy, name)]
        gone.extend(trust_file.remove_project(name) or "" for name in named)

    change(place, edit, dry_run=options.dry_run)
    for publisher in filter(None, gone):
        say(f"publisher {publisher} signed nothing else, so its table is gone, too")
    _forget(place, [name for name in names if name in seen], dry_run=options.dry_run)
    return 0


def _is_named(policy: Policy, project: str) -> bool:
    return any(project in publisher.projects for publisher in policy.publishers)


def _refuse_unknown(project: str, policy: Policy, seen: Collection[str]) -> None:
    """Raise UsageError for a project that nothing here names, with the nearest that is; a pattern's is told later."""
    if project in seen or policy.publisher_for(project) is not None:
        return
    named = {name for publisher in policy.publishers for name in publisher.projects if "*" not in name}
    nearest = difflib.get_close_matches(project, sorted({*named, *seen}), n=1)
    expected = f"a project that a publisher of {policy.source} or {FIRST_USE_NAME} names"
    hint = f"pip-verify unpin {nearest[0]}" if nearest else f"see who is to sign it: pip-verify explain {project}"
    raise UsageError(f"project {project}", expected=expected, got="no pin of it", hint=hint)


def _forget(place: Place, projects: Sequence[str], *, dry_run: bool) -> None:
    from pip_verify.sources.firstuse import forget

    if projects:
        path = place.path.with_name(FIRST_USE_NAME)
        show(diff(*forget(path, projects, dry_run=dry_run), shown(path)))


# -- prune -----------------------------------------------------------------------------------------------


def prune(arguments: Sequence[str]) -> int:
    """Drop what nothing in these locks requires; returns the exit code."""
    parser = make_parser(
        "prune",
        "Drop the projects and exemptions that nothing in these locks requires, in the trust file and in "
        "pip-verify.lock, and the hashes that init exempted and no lock has any more. Patterns stay. Name every lock "
        "that this trust file serves, also that of your build requirements.",
    )
    add_lock_arguments(parser)
    options = parser.parse_args(arguments)
    place = _locate(options)
    required = _required(lock_names(options))
    unused = [name for name in recorded(place, named=_named(options) is not None) if name not in required]
    dropped: list[str] = []

    def edit(trust_file: TrustFile) -> None:
        for publisher in trust_file.policy.publishers:
            for project in publisher.projects:
                if "*" not in project and project not in required:
                    trust_file.remove_project(project)
                    dropped.append(f"{project}, signed by {publisher.name}")
        for exemption in trust_file.policy.exemptions:
            if exemption.project not in required:
                trust_file.remove_exemption(exemption.project)
                dropped.append(f"{exemption.project}, exempt: {exemption.reason}")
            else:
                dropped.extend(_drop_superseded(trust_file, exemption, required[exemption.project]))

    changed = change(place, edit, dry_run=options.dry_run) or bool(unused)
    _forget(place, unused, dry_run=options.dry_run)
    dropped += [f"{name}, recorded in {FIRST_USE_NAME}" for name in unused]
    for what in dropped:
        say(f"{'would drop' if options.dry_run else 'dropped'} {what}")
    if not changed:
        say(f"nothing to drop: the locks require all that {shown(place.path)} names")
    return 0


def _drop_superseded(trust_file: TrustFile, exemption: Exemption, digests: Collection[str] | None) -> list[str]:
    """Take out of an exemption of ``init``'s the hashes that no lock has any more; in words, what went.

    digests: that the locks have, None where one of them states none. What a person wrote may be for more than locks.
    """
    from pip_verify.discovery.merge import is_ours

    if digests is None or not is_ours(exemption):
        return []
    gone = [digest for digest in exemption.hashes if digest not in digests]
    if not gone:
        return []
    project, left = exemption.project, set(exemption.hashes) - set(gone)
    if not left:
        trust_file.remove_exemption(project)
        return [f"{project}, exempt with other hashes than the locks have: {exemption.reason}"]
    trust_file.set_exemption(
        project, reason=exemption.reason, hashes=left, until=exemption.until, origin=exemption.origin_note
    )
    return [f"sha256:{digest} of {project}, exempt: {exemption.reason}" for digest in gone]


def _required(names: Sequence[str]) -> dict[str, set[str] | None]:
    """The projects that the locks require, each with its digests, or None where one has no sha256; raises UsageError
    unless they state all they require."""
    from pip_verify.sources.locks import load_locked

    if not names:
        hint = "pip-verify prune -r requirements.txt, or pip-verify prune uv.lock"
        raise UsageError("prune", expected="the locks that this trust file serves", got="none", hint=hint)
    locked = load_locked([Path(name) for name in names], environ=os.environ)
    _refuse_incomplete(locked, names)
    required: dict[str, set[str] | None] = {}
    for file in locked.files:
        digests = required.setdefault(file.project, set())
        if file.sha256 is None:
            required[file.project] = None
        elif digests is not None:
            digests.add(file.sha256)
    return required | {source.project: None for source in locked.sources if source.project is not None}


def _refuse_incomplete(locked: LockedSet, names: Sequence[str]) -> None:
    if locked.unlocked:
        first = locked.unlocked[0]
        expected = "locks that fix everything, since what this one requires in turn is not known"
        hint = "lock it first: pip-verify compile -- COMMAND"
        raise UsageError(str(first.origin), expected=expected, got=first.text, hint=hint)
    if not locked.files:
        hint = "an empty lock would drop every pin; name the right one"
        raise UsageError(", ".join(names), expected="at least one locked artifact", got="none", hint=hint)


# -- renew -----------------------------------------------------------------------------------------------


def renew(arguments: Sequence[str]) -> int:
    """Look at the exemptions that end soon, and prolong them; returns the exit code."""
    options = _renew_parser().parse_args(arguments)
    names = project_names(options.projects)
    place = _locate(options)
    today = datetime.now(timezone.utc).date()  # as ``until`` is meant
    until = last_day(options.until, today)
    limit = today + timedelta(days=options.within)
    due = _due(place.policy.exemptions, names, limit, place)
    if not due:
        say(f"no exemption of {shown(place.path)} ends within {options.within} days")
    elif names or options.until:
        _prolong(due, names, limit, until, place, dry_run=options.dry_run)
    else:
        _list(due, options)
    return 0


def _list(due: Sequence[Exemption], options: argparse.Namespace) -> None:
    for exemption in due:
        show(f"{one_line(_words(exemption))}\n")
    where = [] if options.trust_file is None else [f"--trust-file={options.trust_file}"]
    within = [] if options.within == DUE_WITHIN else [f"--within={options.within}"]
    renew_all = ["pip-verify", "renew", *(exemption.project for exemption in due), *within, *where]
    say(f"what is signed by now: {shlex.join(['pip-verify', 'pin', 'PROJECT', *where])}; what is not:")
    say(f"next: {shlex.join(renew_all)}")


def _prolong(
    due: Sequence[Exemption], names: Sequence[str], limit: date, until: date, place: Place, *, dry_run: bool
) -> None:
    for exemption in due:
        say(_words(exemption))

    def edit(trust_file: TrustFile) -> None:
        for exemption in _due(trust_file.policy.exemptions, names, limit, place):
            trust_file.set_exemption(
                exemption.project,
                reason=exemption.reason,
                hashes=exemption.hashes,
                until=_later(exemption, until),
                origin=exemption.origin_note,
            )

    change(place, edit, dry_run=dry_run)


def _later(exemption: Exemption, until: date) -> date:
    if exemption.until is not None and until <= exemption.until:
        expected = f"a day after {exemption.until}, when the exemption of {exemption.project} ends"
        raise UsageError("--until", expected=expected, got=str(until), hint="name a later day: --until=DATE")
    return until


def _due(exemptions: Sequence[Exemption], names: Sequence[str], limit: date, place: Place) -> list[Exemption]:
    """The exemptions to renew, those that end first before the others; raises UsageError for a name that has none."""
    due = {one.project: one for one in exemptions if one.until is not None and one.until <= limit}
    for name in names:
        if name not in due:
            raise _not_due(name, exemptions, limit, place)
    return sorted((due[name] for name in names or due), key=lambda one: (one.until or limit, one.project))


def _not_due(name: str, exemptions: Sequence[Exemption], limit: date, place: Place) -> UsageError:
    known = next((one for one in exemptions if one.project == name), None)
    if known is None:
        hint = "pip-verify renew lists those that end soon"
        return UsageError(f"project {name}", expected=f"an [[exempt]] in {place.name}", got="none", hint=hint)
    expected = f"an exemption that ends by {limit}"
    got = "one without until" if known.until is None else f"one that ends on {known.until}"
    hint = f"leave {name} out: it never ends" if known.until is None else "look further ahead: --within=DAYS"
    return UsageError(f"{known.origin}: project {name}", expected=expected, got=got, hint=hint)


def _words(exemption: Exemption) -> str:
    ended = not exemption.active(time.time())
    return f"{exemption.project} {'ended' if ended else 'ends'} on {exemption.until}: {exemption.reason}"


# -- the command line ------------------------------------------------------------------------------------


def _locate(options: argparse.Namespace) -> Place:
    return locate(_named(options), os.environ)


def _named(options: argparse.Namespace) -> str | None:
    """The trust file that the user named, if they did."""
    return Settings.resolve(vars(options), os.environ).trust_file


def _renew_parser() -> argparse.ArgumentParser:
    parser = make_parser(
        "renew",
        "Show the exemptions that have ended or end soon. With PROJECT or --until, prolong them, and only those.",
    )
    parser.add_argument("projects", nargs="*", metavar="PROJECT", help="only these; each must end soon")
    parser.add_argument("--until", metavar="DATE", help="the new last day (default: in six months)")
    parser.add_argument(
        "--within", type=_days, default=DUE_WITHIN, metavar="DAYS", help=f"what soon is: {DUE_WITHIN} days"
    )
    return parser


def _days(text: str) -> int:
    if not re.fullmatch("[0-9]{1,4}", text):
        hint = f"--within={DUE_WITHIN}"
        raise UsageError("--within", expected="days, from 0 to 9999", got=ascii(text[:40]), hint=hint)
    return int(text)
