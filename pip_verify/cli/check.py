"""``pip-verify check``: the CI gate. Judges what is locked, or what is installed; installs nothing."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pip_verify.cli.index_options import add_index_options, pip_options
from pip_verify.cli.lock_options import add_lock_arguments, lock_names
from pip_verify.cli.verify import add_report_options
from pip_verify.errors import UsageError

if TYPE_CHECKING:
    from pip_verify.cli.setup import Begun, Parts
    from pip_verify.gate import Download
    from pip_verify.lockfiles.model import LockedFile, LockedSet
    from pip_verify.verdict import Verdict


def run(arguments: Sequence[str]) -> int:
    """Judge locks, or with ``--installed`` an environment; returns the exit code."""
    options = _parser().parse_args(arguments)
    from pip_verify.cli.setup import reported

    return reported("check", vars(options), lambda begun: _check(options, begun))


def _check(options: argparse.Namespace, begun: Begun) -> int:
    from pip_verify.cli.setup import make_parts, report
    from pip_verify.gate import result

    started = time.monotonic()
    parts = make_parts(vars(options), None, begun=begun)
    _refuse_contradictions(options)
    report_only = parts.mode == "report"
    verdicts, left_out = (_judge_installed(options, parts), 0) if options.installed else _judge_locks(options, parts)
    run = result(
        "check",
        verdicts,
        warnings=parts.warnings,
        started=started,
        report_only=report_only,
        min_coverage=options.min_coverage,
        left_out=left_out,
    )
    return report(run, parts.settings, verbose=options.verbose)


def _judge_locks(options: argparse.Namespace, parts: Parts) -> tuple[tuple[Verdict, ...], int]:
    """The verdicts, and how much of the locks was left out."""
    from pip_verify.gate import Gate
    from pip_verify.sources.locks import load_locked

    locked, left_out = load_locked([Path(name) for name in lock_names(options)], environ=os.environ), 0
    if options.this_platform:
        everything = len(locked)
        locked = _for_this_platform(locked, options.python)
        left_out = everything - len(locked)
    download = _downloader(options) if options.download else None
    verdicts = Gate(parts.policy, parts.judge, parts.first_use, download=download).judge(locked)
    if all(verdict.accepted for verdict in verdicts):
        verdicts += tuple(parts.first_use.commit())
    return verdicts, left_out


def _judge_installed(options: argparse.Namespace, parts: Parts) -> tuple[Verdict, ...]:
    from pip_verify.cli.installed import judge_installed

    return judge_installed(options.python, parts)


def _for_this_platform(locked: LockedSet, python: str | None) -> LockedSet:
    """What of it an interpreter could install: this one, or the one of ``--python``."""
    from pip_verify.cli.interpreter import our_platform, platform_of
    from pip_verify.install.driver import find_target
    from pip_verify.lockfiles.platform import for_platform

    environment, tags = our_platform() if python is None else platform_of(find_target(python, os.environ)[0])
    return for_platform(locked, tags=tags, environment=environment)


def _downloader(options: argparse.Namespace) -> Download:
    """Files by the index that pip would ask, found by name, else by digest."""
    from pip_verify.errors import SourceError
    from pip_verify.sources.index import Index

    index = Index(pip_options(options))

    def download(locked: LockedFile, folder: Path) -> Path:
        files = [file for file in index.files(locked.project) if locked.filename in (None, file.filename)]
        by_digest = [file for file in files if file.sha256 == locked.sha256]
        # by its name, too: an index that states another digest, or none, is judged by the bytes it sends
        for file in by_digest or [file for file in files if locked.filename is not None]:
            return index.download(file, folder)
        what = locked.filename or f"{locked.project} with sha256:{locked.sha256}"
        raise SourceError(what, expected="the file on the index", got="none such", hint="look at the index in use")

    return download


def _refuse_contradictions(options: argparse.Namespace) -> None:
    named = lock_names(options)
    _refuse_idle(options)
    if options.installed and named:
        raise UsageError("--installed", expected="no lock beside it", got=named[0], hint="check them one by one")
    if not options.installed and not named:
        hint = "pip-verify check -r requirements.txt, or pip-verify check uv.lock, or pip-verify check --installed"
        raise UsageError("check", expected="a lock to judge", got="none", hint=hint)
    if options.min_coverage is not None and not 0 <= options.min_coverage <= 100:
        got = f"{options.min_coverage:g}"
        raise UsageError("--min-coverage", expected="percent, from 0 to 100", got=got, hint="--min-coverage=100")


def _refuse_idle(options: argparse.Namespace) -> None:
    """Refuse options that would do nothing beside the others: whoever gave them thinks that they do."""
    of_locks = {"--this-platform": options.this_platform, "--download": options.download}
    for name in (name for name, given in of_locks.items() if given and options.installed):
        hint = "leave it out, or name a lock instead of --installed"
        raise UsageError(name, expected="a lock to judge", got="--installed", hint=hint)
    if options.python is not None and not (options.installed or options.this_platform):
        hint = "add --installed to judge what is in it, or --this-platform to judge what it could install"
        raise UsageError("--python", expected="--installed or --this-platform beside it", got="neither", hint=hint)
    if pip_options(options) and not options.download:
        name = pip_options(options)[0].partition("=")[0]
        hint = "add --download, or leave it out: nothing is asked of an index otherwise"
        raise UsageError(name, expected="--download beside it", got="none", hint=hint)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pip-verify check",
        description="Judge what is locked, by the digests the lock states. Resolves, downloads and installs nothing.",
        allow_abbrev=False,
    )
    add_lock_arguments(parser)
    parser.add_argument("--installed", action="store_true", help="judge an environment by its receipts instead")
    parser.add_argument("--python", metavar="ENV", help="of --installed, --this-platform: the environment")
    parser.add_argument(
        "--this-platform", action="store_true", help="only what this interpreter, or ENV's, could install"
    )
    parser.add_argument("--download", action="store_true", help="look into files, too, where nothing else is signed")
    add_index_options(parser, "of --download")
    parser.add_argument("--min-coverage", type=float, metavar="PERCENT", help="at least so many must be signed")
    parser.add_argument("-v", "--verbose", action="store_true", help="list the accepted artifacts, too")
    add_report_options(parser)
    return parser
