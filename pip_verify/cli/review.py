"""What a person sees before something is signed, on standard error, and the one question that may be asked."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pip_verify.cli.terminal import say
from pip_verify.errors import UsageError
from pip_verify.report.words import counted

if TYPE_CHECKING:
    from pip_verify.publish.artifacts import Release
    from pip_verify.publish.countersign import Reviewed
    from pip_verify.publish.standing import Standing


def show_release(release: Release) -> None:
    """Every file with its size and digest."""
    say(f"{release.project} {release.version}, {counted(len(release.files), 'file')}:")
    show_files(release)


def show_files(release: Release) -> None:
    """The same without the heading."""
    for file in release.files:
        say(f"  {file.artifact.filename}  {file.size} bytes  sha256:{file.sha256}")


def show_reviewed(one: Reviewed) -> None:
    """What a statement says, who has signed it, and which of its files were looked at."""
    digests = one.digests
    say(f"{one.path} says: {one.release}, {counted(len(digests), 'file')}:")
    sizes = {file.artifact.filename: f"{file.size} bytes" for file in one.looked_at}
    for name in sorted(digests):
        say(f"  {name}  {sizes.get(name, 'not looked at')}  sha256:{digests[name]}")
    say("  signed by")
    show_standings(one.standings)
    left = len(digests) - len(sizes)
    if left:
        say(f"  you sign what it says of {left if sizes else 'these'} files, not what they are: name them to compare")


def show_standings(standings: Iterable[Standing]) -> None:
    """A line for each signature."""
    for standing in standings:
        say(f"    {standing}")


def confirm(question: str, *, yes: bool, hint: str) -> None:
    """Ask on the terminal; raises UsageError for anything but yes, and where there is none to ask on.

    yes: it was answered on the command line.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(question.rstrip("?"), expected="an answer", got="no terminal to ask on", hint=hint)
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError(question.rstrip("?"), expected="yes", got="no; nothing was signed")


def utc(seconds: float) -> str:
    """An instant, for people."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
