"""What a person sees before something is signed, on standard error, the one question that may be asked, and what is
printed when it is done."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pip_verify.cli.terminal import printing, say
from pip_verify.errors import UsageError
from pip_verify.report.words import counted

if TYPE_CHECKING:
    from pip_verify.publish.artifacts import Release
    from pip_verify.publish.countersign import Reviewed
    from pip_verify.publish.standing import Known, Standing

_NAMED = 5  # paths in one message


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


def show_earlier(release: Release, releases_dir: Path, known: Known) -> None:
    """Who has signed this release before, in the statement that is there."""
    from pip_verify.publish.sign import read_statement, release_path
    from pip_verify.publish.standing import standings

    target = release_path(releases_dir, release.project, release.version)
    if target.exists():
        say(f"{target} is there, signed by")
        show_standings(standings(read_statement(target)[1], known))


def show_standings(standings: Iterable[Standing]) -> None:
    """A line for each signature."""
    for standing in standings:
        say(f"    {standing}")


def print_written(paths: Sequence[Path]) -> None:
    """Print what was written, a line each; raises UsageError, which names them, when that fails."""
    some = ", ".join(str(path) for path in paths[:_NAMED]) + (", ..." if len(paths) > _NAMED else "")
    with printing(f"wrote {some}"):
        sys.stdout.writelines(f"{path}\n" for path in paths)


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
        hint = "if something looks wrong, ask whoever made it; if not, run the command again"
        raise UsageError(question.rstrip("?"), expected="yes", got="no; nothing was signed", hint=hint)


def utc(seconds: float) -> str:
    """An instant, for people."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
