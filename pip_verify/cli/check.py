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
    from pip_verify.cli.setup import Parts
    from pip_verify.gate import Download
    from pip_verify.lockfiles.model import LockedFile, LockedSet
    from pip_verify.verdict import Verdict


def run(arguments: Sequence[str]) -> int:
    """Judge locks, or with ``--installed`` an environment; returns the exit code."""
    options = _parser().parse_args(arguments)
    from pip_verify.cli.setup import reported

    return reported("check", vars(options), lambda: _check(options))


def _check(options: argparse.Namespace) -> int:
    _refuse_contradictions(options)
    from pip_verify.cli.setup import make_parts, report
    from pip_verify.gate import result

    started = time.monotonic()
    parts = make_parts(vars(options), None)
    report_only = parts.mode == "report"
    verdicts = _judge_installed(options, parts) if options.installed else _judge_locks(options, parts)
    run = result(
        "check",
        verdicts,
        warnings=parts.warnings,
        started=started,
        report_only=report_only,
        min_coverage=options.min_coverage,
    )
    return report(run, parts.settings, verbose=options.verbose)


def _judge_locks(options: argparse.Namespace, parts: Parts) -> tuple[Verdict, ...]:
    from pip_verify.gate import Gate
    from pip_verify.sources.locks import load_locked

    locked = load_locked([Path(name) for name in lock_names(options)], environ=os.environ)
    if options.this_platform:
        locked = _for_this_platform(locked)
    download = _downloader(options) if options.download else None
    verdicts = Gate(parts.policy, parts.judge, parts.first_use, download=download).judge(locked)
    if all(verdict.accepted for verdict in verdicts):
        return verdicts + tuple(parts.first_use.commit())
    return verdicts


def _judge_installed(options: argparse.Namespace, parts: Parts) -> tuple[Verdict, ...]:
    from pip_verify.cli.installed import judge_installed

    return judge_installed(options.python, parts)


def _for_this_platform(locked: LockedSet) -> LockedSet:
    from packaging.markers import default_environment
    from packaging.tags import sys_tags

    from pip_verify.lockfiles.platform import for_platform

    environment = {name: str(value) for name, value in default_environment().items()}
    return for_platform(locked, tags=list(sys_tags()), environment=environment)


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
    if options.installed and named:
        raise UsageError("--installed", expected="no lock beside it", got=named[0], hint="check them one by one")
    if not options.installed and not named:
        hint = "pip-verify check -r requirements.txt, or pip-verify check uv.lock, or pip-verify check --installed"
        raise UsageError("check", expected="a lock to judge", got="none", hint=hint)
    if options.min_coverage is not None and not 0 <= options.min_coverage <= 100:
        raise UsageError("--min-coverage", expected="percent, from 0 to 100", got=f"{options.min_coverage:g}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pip-verify check",
        description="Judge what is locked, by the digests the lock states. Resolves, downloads and installs nothing.",
        allow_abbrev=False,
    )
    add_lock_arguments(parser)
    parser.add_argument("--installed", action="store_true", help="judge an environment by its receipts instead")
    parser.add_argument("--python", metavar="ENV", help="of --installed: the environment")
    parser.add_argument("--this-platform", action="store_true", help="only what this interpreter could install")
    parser.add_argument("--download", action="store_true", help="look into files, too, where nothing else is signed")
    add_index_options(parser, "of --download")
    parser.add_argument("--min-coverage", type=float, metavar="PERCENT", help="at least so many must be signed")
    parser.add_argument("-v", "--verbose", action="store_true", help="list the accepted artifacts, too")
    add_report_options(parser)
    return parser
