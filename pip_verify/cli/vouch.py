"""``pip-verify vouch``: sign what the index serves now, for whoever trusts us to have looked. Prints what it wrote."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pip_verify.cli.index_options import add_index_options, pip_options
from pip_verify.cli.review import confirm, print_written, show_earlier, show_release
from pip_verify.cli.signing_key import add_key_options, add_known_options, known_signers, signer, usable
from pip_verify.cli.terminal import say
from pip_verify.report.words import counted

if TYPE_CHECKING:
    from pip_verify.publish.artifacts import Checked
    from pip_verify.sources.index import IndexFile

_NOBODY_THERE = "say --yes, and keep what is shown"


def vouch(arguments: Sequence[str]) -> int:
    """Download, check, show and sign releases of other people's."""
    from pip_verify.publish.onindex import fetch_release, for_pip_alone, parse_exact
    from pip_verify.publish.sign import refuse_conflict, write_statements
    from pip_verify.sources.index import Index

    options = _parser().parse_args(arguments)
    wanted = list(dict.fromkeys(parse_exact(text) for text in options.named))
    if not options.yes and not sys.stdin.isatty():
        confirm("Sign?", yes=False, hint=_NOBODY_THERE)  # before anything is downloaded
    known = known_signers(options)
    index = Index(pip_options(options))
    releases = [fetch_release(index, project, version, _told) for project, version in wanted]
    releases_dir = Path(options.releases)
    for release in releases:
        show_release(release)
        show_earlier(release, releases_dir, known)
        refuse_conflict(release, releases_dir, known)
    for line in (line for release in releases for line in for_pip_alone(index, release.project, release.version)):
        say(f"left out: {line}")
    if index.unparsable:
        left = counted(index.unparsable, "file")
        say(f"{left} there {'is' if index.unparsable == 1 else 'are'} left out: by name neither wheel nor sdist")
    confirm("Sign these files, as the index serves them now?", yes=options.yes, hint=_NOBODY_THERE)
    key = usable(signer(options), known)
    done: list[Path] = []
    try:
        done.extend(write_statements(releases, key, releases_dir, known))
    finally:  # those that are written, when one cannot be
        print_written(done)
    return 0


def _told(file: IndexFile, checked: Checked) -> None:
    """Progress: large releases take a while."""
    compared = "its digest is the index's" if file.sha256 else "the index states no digest"
    say(f"downloaded {checked.artifact.filename}; {compared}{'; yanked' if file.yanked else ''}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pip-verify vouch",
        description="Sign a statement for exactly the files of a release that the index serves now.",
        epilog="It says that these are the bytes you were served and looked at, and nothing about who made them.",
        allow_abbrev=False,
    )
    add_key_options(parser)
    parser.add_argument(
        "--releases", default="releases", metavar="DIR", help="where statements go (default: %(default)s)"
    )
    add_known_options(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask; needed where there is no terminal")
    add_index_options(parser, "of the files")
    parser.add_argument("named", nargs="+", metavar="PROJECT==VERSION", help="a release, exactly")
    return parser
