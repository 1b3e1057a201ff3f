"""``pip-verify verify FILE…``: judge artifacts on disk; nothing is installed."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pip_verify.errors import UsageError
from pip_verify.requirements.pins import parse_inline_options

if TYPE_CHECKING:
    from pip_verify.cli.setup import Begun
    from pip_verify.pins import InlinePin


def run(arguments: Sequence[str]) -> int:
    """Verify the files named; returns the exit code."""
    from pip_verify.cli.setup import reported

    pin, rest = parse_inline_options(list(arguments))
    options = _parser().parse_args(rest)
    return reported("verify", vars(options), lambda begun: _verify(options, pin, begun))


def _verify(options: argparse.Namespace, pin: InlinePin | None, begun: Begun) -> int:
    from pip_verify.cli.setup import make_parts, report
    from pip_verify.inspection import Link
    from pip_verify.storage import look_in

    started = time.monotonic()
    parts = make_parts(vars(options), pin, begun=begun)
    paths = [Path(name) for name in options.files]
    for path in paths:
        if not path.is_file():
            expected, hint = "a wheel or an sdist on disk", look_in(path.parent)
            raise UsageError(str(path), expected=expected, got="no such file", hint=hint)
    links = [Link(path.absolute().as_uri(), path.name) for path in paths]
    parts.session.name_files(links)
    for link, path in zip(links, paths, strict=True):
        parts.session.judge_file(link, path, beside=path)
    result = parts.session.result(
        "verify", errors=(), warnings=parts.warnings, pip_exit_code=None, seconds=time.monotonic() - started
    )
    return report(result, parts.settings, verbose=options.verbose)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pip-verify verify",
        description="Check wheels and sdists on disk against the trust file and the pins given here. Installs nothing.",
        epilog="Pins: --key=ed25519:KEY, --key-list=URL, --threshold=N, --signed-by=NAME hold for every file named.",
        allow_abbrev=False,
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a wheel or an sdist")
    parser.add_argument("-v", "--verbose", action="store_true", help="list the accepted artifacts, too")
    add_report_options(parser)
    return parser


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """The options that every checking command has."""
    add_trust_options(parser)
    parser.add_argument("--format", metavar="FORMAT", help="of the report: text, json, sarif, junit, github or html")
    parser.add_argument("--output", metavar="FILE", help="where the report goes")
    parser.add_argument("--mode", metavar="MODE", help="enforce, or report: refusals are told, the exit code is 0")
    parser.add_argument("--frozen", action="store_true", help="nobody is trusted for the first time")


def add_trust_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that asks whom to trust."""
    parser.add_argument("--trust-file", metavar="FILE", help="instead of the pip-verify.toml found from here upwards")
    parser.add_argument("--statements", metavar="DIR", help="release statements on disk, looked at first")
    parser.add_argument("--extra-ca", metavar="FILE", help="a private CA to add for key lists and statements")
