"""``install``, ``download``, ``wheel``, ``lock``: pip's commands, with verification."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pip_verify.cli.options import HELP, Split, command_of, split
from pip_verify.cli.terminal import say

if TYPE_CHECKING:
    from pip_verify.cli.setup import Begun


def run(arguments: Sequence[str]) -> int:
    """Run a pip command under verification; returns the exit code."""
    taken = split(arguments)
    from pip_verify.cli.setup import reported
    from pip_verify.install.driver import print_help

    # It may be the value of an option, too ("--target -h"): pip's own parser knows.
    if ("--help" in taken.pip or "-h" in taken.pip) and print_help(taken.pip):
        sys.stdout.write("\n" + HELP)
        return 0
    command = command_of(arguments)
    return reported(command, taken.flags, lambda begun: _run(command, taken, begun))


def _run(command: str, taken: Split, begun: Begun) -> int:
    from pip_verify.cli.setup import make_parts, report
    from pip_verify.install.driver import find_target, run_pip

    started = time.monotonic()
    ca_bundle, proxy = (_value_of(option, taken.pip) for option in ("--cert", "--proxy"))
    parts = make_parts(taken.flags, taken.pin, ca_bundle=ca_bundle, proxy=proxy, begun=begun)
    target, said = find_target(taken.flags.get("python"), os.environ)
    if said:
        say(said)
    outcome = run_pip(taken.pip, parts.session, target=target, environ=os.environ)
    result = parts.session.result(
        command,
        errors=outcome.errors,
        warnings=parts.warnings,
        pip_exit_code=outcome.exit_code,
        seconds=time.monotonic() - started,
    )
    verbose = any(argument in ("-v", "-vv", "-vvv", "--verbose") for argument in taken.pip)
    return report(result, parts.settings, verbose=verbose)


def _value_of(option: str, arguments: Sequence[str]) -> str | None:
    """The value pip will see for one of its options, also for fetching key lists: the last one given, and optparse
    takes a name cut short where no other option begins like that."""
    names = _ABBREVIATED[option]
    found = None
    for argument, following in zip(arguments, [*arguments[1:], None], strict=True):
        if argument == "--":
            break
        name, equals, value = argument.partition("=")
        if name in names:
            found = value if equals else following
    return found


# What optparse takes for them, since no other option of pip's begins so; a test holds it against pip's parser.
_ABBREVIATED = {"--cert": ("--ce", "--cer", "--cert"), "--proxy": ("--prox", "--proxy")}
