"""``pip-verify annotate`` and ``pip-verify compile``: the pins of the trust file in requirement files, as comments."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from pip_verify.errors import UsageError

if TYPE_CHECKING:
    from pip_verify.policy import Policy
    from pip_verify.requirements.annotate import Annotated, Signers

OUT_OF_DATE = 2  # a file that contradicts the trust file is a configuration mistake (docs/commands.md#exit-codes)


@dataclass(frozen=True)
class _Sheet:
    """A requirement file as it is and as it should be. path: behind links; mode: its permission bits."""

    name: str
    path: Path
    mode: int
    annotated: Annotated


def annotate(arguments: Sequence[str]) -> int:
    """Write the pins into the files named, or with ``--check`` tell whether that would change them."""
    options = _annotate_parser().parse_args(arguments)
    sheets = list(_read_all(options.files, options.trust_file))
    if not options.check:
        _write_all(sheets)
    _tell(sheets, sys.stdout, check=options.check)
    return OUT_OF_DATE if options.check and any(sheet.annotated.changes for sheet in sheets) else 0


def compile_lock(arguments: Sequence[str]) -> int:
    """Run a locker and annotate the file it wrote; returns its exit code where that is not 0."""
    from pip_verify.cli.locker import run_locker

    own, command = _at_double_dash(arguments)
    options = _compile_parser().parse_args(own)
    if not command:
        hint = "pip-verify compile -- uv pip compile requirements.in -o requirements.txt"
        raise UsageError("compile", expected="a locker's command after --", got="none", hint=hint)
    signers_of(options.trust_file)  # what is wrong with the trust file is said before a locker runs for minutes
    code, output = run_locker(command, options.output)
    if code != 0 or output is None:
        return code
    sheets = list(_read_all([output], options.trust_file))
    _write_all(sheets)
    _tell(sheets, sys.stderr, check=False)  # standard output is the locker's
    return 0


def signers_of(trust_file: str | None) -> Signers:
    """What the trust file in force says about who signs; raises UsageError when there is none."""
    from pip_verify.config import find_trust_file

    policy = find_trust_file(Path.cwd(), trust_file, os.environ)
    if policy.source is None:
        hint = "pip-verify init, or name one: --trust-file FILE"
        raise UsageError("pip-verify.toml", expected="a trust file, here or above", got="none", hint=hint)
    return signers_by(policy)


def signers_by(policy: Policy) -> Signers:
    """A policy, as far as pin comments go. An exempt project gets none: a requirement's own pin takes its exemption
    away, whatever else it says."""
    from pip_verify.requirements.annotate import Signers

    def publisher_for(project: str) -> str | None:
        publisher = policy.publisher_for(project)
        return None if publisher is None or policy.exemption_for(project) is not None else publisher.name

    publishers = {publisher.name: bool(publisher.projects) for publisher in policy.publishers}
    return Signers(publisher_for, publishers, str(policy.source))


def _read_all(names: Sequence[str], trust_file: str | None) -> Iterator[_Sheet]:
    from pip_verify.requirements.annotate import annotate as annotated
    from pip_verify.requirements.text import MAX_BYTES
    from pip_verify.storage import read_file

    signers = signers_of(trust_file)
    for name in names:
        _refuse_lock_formats(name)
        path = Path(name).resolve()  # a link stays a link
        data, status = read_file(path, max_bytes=MAX_BYTES, expected="a requirement file that can be read")
        mode = stat.S_IMODE(status.st_mode)
        yield _Sheet(name, path, mode, annotated(data, name, signers, environ=os.environ))


def _refuse_lock_formats(name: str) -> None:
    if name.endswith((".toml", ".lock", ".json")):
        hint = "pip-verify check reads lock files by the trust file; they need no pins"
        raise UsageError(
            name, expected="a requirement file", got="another format, which has no pin comments", hint=hint
        )


def _write_all(sheets: Sequence[_Sheet]) -> None:
    from pip_verify.storage import write_atomically

    for sheet in sheets:
        if sheet.annotated.changes:
            write_atomically(sheet.path, sheet.annotated.data, mode=sheet.mode)


def _tell(sheets: Sequence[_Sheet], stream: TextIO, *, check: bool) -> None:
    from pip_verify.report.safe import one_line

    for sheet in sheets:
        stream.writelines(f"{one_line(str(change))}\n" for change in sheet.annotated.changes)
        pinned = f"{sheet.annotated.pinned} requirement{'s'[: sheet.annotated.pinned != 1]} with a publisher"
        done = "would change" if check else "changed"
        state = f"{done} {len(sheet.annotated.changes)}" if sheet.annotated.changes else "up to date"
        stream.write(f"{one_line(sheet.name)}: {state} ({pinned})\n")


def _at_double_dash(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    words = list(arguments)
    position = words.index("--") if "--" in words else len(words)
    return words[:position], words[position + 1 :]


def _annotate_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pip-verify annotate",
        description="Write who signs each requirement, as the trust file says, into requirement files, as comments.",
        epilog="Exit code 2 with --check: a file is out of date. Nested files are written only if they are named.",
        allow_abbrev=False,
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a requirement file")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file would change")
    _add_trust_file(parser)
    return parser


def _compile_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pip-verify compile",
        usage="pip-verify compile [--output FILE] [--trust-file FILE] -- COMMAND ...",
        description="Run a locker (uv pip compile, pip-compile …), then annotate the requirement file it wrote.",
        allow_abbrev=False,
    )
    parser.add_argument("--output", metavar="FILE", help="what the locker writes, where its own options do not say")
    _add_trust_file(parser)
    return parser


def _add_trust_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--trust-file", metavar="FILE", help="instead of the pip-verify.toml found from here upwards")
