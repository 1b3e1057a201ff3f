"""``pip-verify keylist``: keeps the list of keys that are valid now. Prints what it changed.

What looks at a list (``show``, ``lint``, ``diff``) is in ``keylist_views``; ``publish`` and ``serve`` are in
``keylist_site``.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from pip_verify.cli.keylist_views import RELEASES, diff, lint, releases_of, say, show
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.keys import TEXT_PREFIX, KeyList, ListedKey, PublicKey

if TYPE_CHECKING:
    from pip_verify.publish.keylist import Check
    from pip_verify.publish.releases import Releases
    from pip_verify.publish.rotation import Loss


_UNTIL = "write it as --until=YYYY-MM-DD; without it, the key may not sign any more at once"
_KEY = "a key file, a .pub file of OpenSSH, or ed25519:<key>"


def keylist(arguments: Sequence[str]) -> int:
    """Keep a key list: a JSON file made to be committed and published."""
    before, command = _split(arguments)
    options = _parser().parse_args(before)
    if command is not None and options.action != "serve":
        hint = "leave it out, and what stands behind it"
        raise UsageError("--", expected="it with keylist serve only", got=f"keylist {options.action}", hint=hint)
    options.command = command
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """The arguments before ``--``, and the command behind it."""
    if "--" not in arguments:
        return list(arguments), None
    position = list(arguments).index("--")
    return list(arguments[:position]), list(arguments[position + 1 :])


# -- the changes ----------------------------------------------------------------------------------------------


def _init(options: argparse.Namespace) -> int:
    from pip_verify.publish.keylist import init

    init(Path(options.list))
    sys.stdout.write(f"{options.list}\n")
    return 0


def _add(options: argparse.Namespace) -> int:
    from pip_verify.publish.keylist import add

    key, now = _key(options.key), int(time.time())
    add(Path(options.list), key, iat=now, check=lambda before, _: _mind_the_clock(options, before, now))
    sys.stdout.write(f"{key.text}\n")
    _say_when("added", now)
    return 0


def _retire(options: argparse.Namespace) -> int:
    from pip_verify.publish.keylist import retire

    key, now = _key(options.key), int(time.time())
    exp = None if options.until is None else _end_of(options.until, now)
    rotation = _rotation(options, now=now, then=exp or now, may_break=options.force or exp is not None)

    def check(before: KeyList, after: KeyList) -> None:
        _mind_the_clock(options, before, now)
        _tell_a_later_end(before.by_name[key.thumbprint], after.by_name[key.thumbprint])
        rotation(before, after)

    entry = retire(Path(options.list), key, at=now, exp=exp, later=options.force, check=check)
    sys.stdout.write(f"{key.text}\n")
    _say_when("retired", now)
    say(_end_told(entry, now))
    return 0


def _tell_a_later_end(before: ListedKey, after: ListedKey) -> None:
    from pip_verify.publish.listwords import utc

    if before.exp is not None and after.exp is not None and after.exp > before.exp:
        say(f"warning: the end of {after.key} moves from {utc(before.exp)} to {utc(after.exp)}")


def _end_told(entry: ListedKey, now: float) -> str:
    from pip_verify.publish.listwords import utc

    end = entry.exp or 0.0  # retired just now, so it has one
    if entry.nbf is not None and end <= entry.nbf:
        return f"it never signs: it was to begin at {utc(entry.nbf)}"
    return f"{'it may sign until' if end > now else 'it signs nothing any more, since'} {utc(end)}"


def _revoke(options: argparse.Namespace) -> int:
    """Never held up: a key that may be in the wrong hands is worse than a release that must be signed again."""
    from pip_verify.publish.keylist import revoke

    key, now = _key(options.key), int(time.time())
    check = _rotation(options, now=now, then=now, may_break=True)
    revoke(Path(options.list), key, at=now, reason=options.reason, check=check)
    sys.stdout.write(f"{key.text}\n")
    _say_when("revoked", now)
    return 0


def _remove(options: argparse.Namespace) -> int:
    from pip_verify.publish.keylist import remove

    key, now = _key(options.key), int(time.time())
    remove(Path(options.list), key, check=_rotation(options, now=now, then=now, may_break=options.force))
    sys.stdout.write(f"{key.text}\n")
    return 0


def _say_when(done: str, now: float) -> None:
    """A clock that is ahead cannot be noticed by anybody but who reads this."""
    from pip_verify.publish.listwords import utc

    say(f"{done} at {utc(now)} by this machine's clock")


def _mind_the_clock(options: argparse.Namespace, before: KeyList, now: float) -> None:
    from pip_verify.publish.rotation import refuse_wrong_clock

    if not options.force:
        refuse_wrong_clock(options.list, before, now)


def _rotation(options: argparse.Namespace, *, now: float, then: float, may_break: bool) -> Check:
    """Tells what a change does to the releases there are; refuses to break any unless ``may_break``.

    then: when the change takes effect.
    """

    def check(before: KeyList, after: KeyList) -> None:
        from pip_verify.publish.rotation import can_sign, losses

        if can_sign(before, now) and not can_sign(after, then):
            say("warning: then no key of the list may sign; add the next one first")
        releases = releases_of(options)
        if releases is None:
            say(f"no release was looked at: there is no directory {RELEASES} beside the list; name it with --releases")
            return
        for fault in releases.faults:
            say(f"warning: not looked at: {fault}")
        found = losses(releases, before, after, now=now, then=then)
        if found:
            _tell_losses(options, releases, found, may_break=may_break)

    return check


def _tell_losses(options: argparse.Namespace, releases: Releases, found: Sequence[Loss], *, may_break: bool) -> None:
    from pip_verify.publish.rotation import broken
    from pip_verify.report.words import counted

    total = counted(len(releases.statements), "release")
    verb = "loses" if len(found) == 1 else "lose"
    say(f"warning: of {total}, {len(found)} {verb} signatures that count (before -> after):")
    for loss in found:
        say(f"  {loss}")
    command = _sign_again(options, releases.directory)
    if broken(found) and not may_break:
        got = f"one without which {broken(found)} cannot be installed any more"
        hint = f"{command}; then this again. Or break them, with --force"
        raise UsageError(options.list, expected="a key that no release needs", got=got, hint=hint)
    say(f"next: with a key that stays on the list: {command}")


def _sign_again(options: argparse.Namespace, releases: Path) -> str:
    """The command that mends what a change would break. A revoked key vouches for nothing, so the index has to."""
    words = ["pip-verify", "sign", "--add", "--all", "--key-list", options.list, "--key-file", "FILE"]
    words += [] if str(releases) == RELEASES else ["--releases", str(releases)]
    words += ["--verify-against-index"] if options.action == "revoke" else []
    return shlex.join(words)


def _end_of(day: str, now: float) -> int:
    """The end of a day in UTC, in seconds since the epoch; raises UsageError for what is no date to come."""
    try:
        end = datetime.combine(date.fromisoformat(day) + timedelta(days=1), datetime.min.time(), timezone.utc)
    except (ValueError, OverflowError) as error:
        got = ascii(day[:40])
        raise UsageError("--until", expected="a date such as 2027-05-01", got=got, hint=_UNTIL) from error
    if end.timestamp() <= now:
        raise UsageError("--until", expected="a day that is not over", got=day, hint=_UNTIL)
    return int(end.timestamp())


def _key(text: str) -> PublicKey:
    from pip_verify.publish.keyfile import load_public

    if not text.startswith(TEXT_PREFIX):
        return load_public(Path(text))
    try:
        return PublicKey.from_text(text, "KEY")
    except EvidenceError as error:  # what the user typed is the user's slip
        hint = "copy the whole of it, or name a file: KEY.json, KEY.pub"
        raise UsageError(error.subject, expected=error.expected, got=error.got, hint=hint) from error


# -- the command line -----------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pip-verify keylist", description="Keep the list of keys that are valid now.", allow_abbrev=False
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, run: Callable[[argparse.Namespace], int], description: str) -> argparse.ArgumentParser:
        found = actions.add_parser(name, help=description, description=description, allow_abbrev=False)
        found.set_defaults(run=run)
        return found

    _of_one_list(action("init", _init, "write an empty list"))
    add = _of_one_list(action("add", _add, "add a key"), key=True)
    retire = _of_one_list(action("retire", _retire, "let a key sign no longer; it stays on the list"), key=True)
    retire.add_argument("--until", metavar="DATE", help="the last day on which it may sign, in UTC (else: no more)")
    revoke = _of_one_list(action("revoke", _revoke, "say that a key is not to be trusted"), key=True)
    revoke.add_argument("--reason", required=True, help="a short text, published with the list")
    remove = _of_one_list(action("remove", _remove, "take a key off: then nothing it signed is valid"), key=True)
    show_ = action("show", show, "print the keys and how they stand")
    show_.add_argument("list", metavar="LIST", help="a key list: a file, or its https URL")
    show_.add_argument("--format", choices=("text", "json"), default="text", help="(default: %(default)s)")
    _of_one_list(action("lint", lint, "find mistakes, offline"))
    diff_ = action("diff", diff, "tell in words what changed between two lists")
    diff_.add_argument("old", metavar="OLD", help="a key list: a file, or its https URL")
    diff_.add_argument("new", metavar="NEW", help="the same")
    for one in (show_, diff_):
        one.add_argument("--extra-ca", metavar="FILE", help="a private CA for https, added to the others")
    publish = _add_site_actions(action)
    for one in (retire, revoke, remove, publish):
        one.add_argument("--releases", metavar="DIR", help=f"the statements (default: {RELEASES} beside the list)")
    for one in (add, retire, remove, publish):
        one.add_argument("--force", action="store_true", help="do it in spite of what is told against it")
    return parser


def _add_site_actions(
    action: Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser],
) -> argparse.ArgumentParser:
    from pip_verify.cli.keylist_site import PORT, publish, serve

    publisher = _of_one_list(action("publish", publish, "write list, statements and a page as a static site"))
    publisher.add_argument("directory", metavar="DIR", help="the site: a new directory, or one that this wrote")
    publisher.add_argument("--cname", metavar="HOST", help="the site's host name, for hosts that read a file CNAME")
    server = action("serve", serve, "show a published site on loopback HTTPS, for trying")
    server.add_argument("directory", metavar="DIR", help="what keylist publish has written")
    server.add_argument("--port", type=int, default=PORT, metavar="N", help="0 is any (default: %(default)s)")
    server.epilog = "Behind --, a COMMAND that is run while it is served, with PIP_VERIFY_EXTRA_CA set."
    return publisher


def _of_one_list(parser: argparse.ArgumentParser, *, key: bool = False) -> argparse.ArgumentParser:
    parser.add_argument("list", metavar="LIST", help="the key list's file")
    if key:
        parser.add_argument("key", metavar="KEY", help=_KEY)
    return parser
