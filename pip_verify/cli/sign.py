"""``pip-verify sign``: one statement for all files of a release, signed, or signed once more. Prints what it wrote.

What is signed is shown first, on standard error: project, version, and each file with its size and digest, or what a
statement says that was there before and who signed it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pip_verify.cli.index_options import add_index_options, pip_options
from pip_verify.cli.review import (
    confirm,
    print_written,
    show_earlier,
    show_files,
    show_release,
    show_reviewed,
    show_standings,
)
from pip_verify.cli.signing_key import add_key_options, add_known_options, known_signers, signer, usable
from pip_verify.cli.terminal import say
from pip_verify.errors import EvidenceError, UsageError

if TYPE_CHECKING:
    from pip_verify.publish.artifacts import Release
    from pip_verify.publish.countersign import Reviewed
    from pip_verify.publish.standing import Known

_STATEMENT = ".jws"


def sign(arguments: Sequence[str]) -> int:
    """Sign the artifacts of one release, or statements that are there."""
    options = _parser().parse_args(arguments)
    _refuse_what_does_not_fit(options)
    known = known_signers(options)
    if options.add and not options.in_wheel:
        return _countersign(options, known)
    return _sign_release(options, known)


# -- a release ---------------------------------------------------------------------------------------------


def _sign_release(options: argparse.Namespace, known: Known) -> int:
    from pip_verify.publish.artifacts import read_release
    from pip_verify.publish.embed import sign_in_wheels
    from pip_verify.publish.sign import refuse_conflict, write_statement

    release = read_release([Path(name) for name in options.artifacts])
    show_release(release)
    if options.verify_against_index:
        _compare(options, {(release.project, release.version): release.digests})
    show_earlier(release, Path(options.releases), known)
    if options.in_wheel:
        _show_inside(release, known)
    else:
        refuse_conflict(release, Path(options.releases), known)
    key = usable(signer(options), known)
    releases_dir = Path(options.releases)
    if not options.in_wheel:
        print_written([write_statement(release, key, releases_dir, known)])
        return 0
    signed = sign_in_wheels(
        release, key, releases_dir, known, add=options.add, show=lambda signed: _show_signed(release, signed)
    )
    if signed.superseded:
        say(f"{signed.statement} was about the wheels as they were; gone with it is what was signed by")
        show_standings(signed.superseded)
        say(f"each of them signs once more, with these files: pip-verify sign --add {signed.statement} FILE...")
    print_written([*signed.wheels, signed.statement])
    return 0


def _show_signed(before: Release, signed: Release) -> None:
    """What becomes of each file when the wheels are signed inside."""
    if before == signed:
        say("every wheel is signed inside by this key already")
        return
    say("with the signatures inside:")
    show_files(signed)


def _show_inside(release: Release, known: Known) -> None:
    """Who has signed the wheels of this release inside."""
    from pip_verify.publish.embed import inner_claim
    from pip_verify.publish.standing import standings

    for file in release.files:
        claim = None if file.wheel is None else inner_claim(file, file.wheel)
        if claim is not None:
            say(f"{file.artifact.filename} is signed inside by")
            show_standings(standings(claim, known))


# -- statements that are there -----------------------------------------------------------------------------


def _countersign(options: argparse.Namespace, known: Known) -> int:
    from pip_verify.publish.countersign import countersign, digests_of

    reviewed = _review(options, known)
    for one in reviewed:
        show_reviewed(one)
    if options.verify_against_index:
        _compare(options, digests_of(reviewed))
    unvouched = [] if options.verify_against_index else [one for one in reviewed if not one.vouched]
    if unvouched:
        some = ", ".join(one.release for one in unvouched[:5]) + (", ..." if len(unvouched) > 5 else "")
        say(f"nothing but the statement speaks for {some}: no signature by a known key, and not all of its files")
        confirm("Sign all the same?", yes=options.yes, hint="name its files, or --key-list FILE; or say --yes")
    key = usable(signer(options), known)
    done: list[tuple[Path, bool]] = []
    try:
        done.extend(countersign(reviewed, key))
    finally:  # those that are signed, when one is not
        print_written([path for path, _ in done])
    signed_before = sum(not changed for _, changed in done)
    if signed_before:
        say(f"{signed_before} of {len(reviewed)} had a signature by this key already")
    return 0


def _review(options: argparse.Namespace, known: Known) -> list[Reviewed]:
    from pip_verify.publish.artifacts import parse_own_name
    from pip_verify.publish.countersign import review, review_tree
    from pip_verify.publish.sign import release_path

    if options.all:
        return review_tree(Path(options.artifacts[0] if options.artifacts else options.releases), known)
    statements = [Path(name) for name in options.artifacts if name.endswith(_STATEMENT)]
    artifacts = [Path(name) for name in options.artifacts if not name.endswith(_STATEMENT)]
    if not statements:
        named = [parse_own_name(path.name) for path in artifacts]
        statements = [release_path(Path(options.releases), one.project, one.version) for one in named]
    return review(statements, artifacts, known)


# -- parts -------------------------------------------------------------------------------------------------


def _compare(options: argparse.Namespace, releases: Mapping[tuple[str, str], Mapping[str, str]]) -> None:
    """Hold releases against the index; raises EvidenceError when it serves anything else."""
    from pip_verify.publish.onindex import differences
    from pip_verify.sources.index import Index

    index = Index(pip_options(options))
    found: list[str] = []
    for (project, version), digests in releases.items():
        found += differences(index, project, version, digests)
    for line in found:
        say(line)
    if found:
        raise EvidenceError(
            "--verify-against-index",
            expected="the index to serve just these files",
            got=f"{len(found)} differences" if len(found) > 1 else found[0],
            hint="find out which side is right before anything is signed; nothing was",
        )
    say(f"the index serves just these files ({len(releases)} release{'s' * (len(releases) > 1)})")


def _refuse_what_does_not_fit(options: argparse.Namespace) -> None:
    statements = not options.all and any(name.endswith(_STATEMENT) for name in options.artifacts)
    on_index = options.verify_against_index
    rules = [
        (options.all and not options.add, "--add with --all", "--all alone"),
        (options.all and options.in_wheel, "one of both", "--all and --in-wheel"),
        (options.all and len(options.artifacts) > 1, "one directory at most, with --all", "more"),
        (not options.all and not options.artifacts, "files to sign", "none"),
        (on_index and options.in_wheel, "wheels as the index serves them", "--in-wheel, which changes them"),
        (not on_index and pip_options(options), "--verify-against-index, with index options", "none"),
        (statements and options.in_wheel, "wheels and sdists with --in-wheel", "a statement"),
        (statements and not options.add, "--add, to sign a statement", "none"),
    ]
    for wrong, expected, got in rules:
        if wrong:
            raise UsageError("sign", expected=expected, got=got, hint="pip-verify sign --help")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pip-verify sign",
        description="Sign all files of one release; writes releases/{project}/{version}.jws.",
        allow_abbrev=False,
    )
    add_key_options(parser)
    releases = "where statements go (default: %(default)s)"
    parser.add_argument("--releases", default="releases", metavar="DIR", help=releases)
    parser.add_argument("--in-wheel", action="store_true", help="put a signature into each wheel, too, first")
    parser.add_argument("--add", action="store_true", help="sign a statement that is there (or a signed wheel) as well")
    parser.add_argument("--all", action="store_true", help="of --add: every statement below the directory named")
    add_known_options(parser)
    parser.add_argument("--yes", action="store_true", help="of --add: also if nothing known speaks for a statement")
    on_index = "sign only what the index serves just so"
    parser.add_argument("--verify-against-index", action="store_true", help=on_index)
    add_index_options(parser, "of --verify-against-index")
    parser.add_argument(
        "artifacts", nargs="*", metavar="FILE", help="a wheel or an sdist; with --add: a statement, too"
    )
    return parser
