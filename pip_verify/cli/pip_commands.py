"""``install``, ``download``, ``wheel``, ``lock``: pip's commands, with verification."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from pip_verify.cli.options import HELP, command_of, split


def run(arguments: Sequence[str]) -> int:
    """Run a pip command under verification; returns the exit code."""
    taken = split(arguments)
    if "--help" in taken.pip or "-h" in taken.pip:
        return _help(taken.pip)
    from pip_verify.cli.setup import make_parts, report
    from pip_verify.install.driver import find_target, run_pip

    started = time.monotonic()
    target, said = find_target(taken.flags.pop("python", None), os.environ)
    if said:
        sys.stderr.write(f"pip-verify: {said}\n")
    parts = make_parts(
        taken.flags, taken.pin, ca_bundle=_value_of("--cert", taken.pip), proxy=_value_of("--proxy", taken.pip)
    )
    outcome = run_pip(taken.pip, parts.session, target=target, environ=os.environ)
    result = parts.session.result(
        command_of(arguments),
        errors=outcome.errors,
        warnings=parts.warnings,
        pip_exit_code=outcome.exit_code,
        seconds=time.monotonic() - started,
    )
    verbose = any(argument in ("-v", "-vv", "-vvv", "--verbose") for argument in taken.pip)
    return report(result, parts.settings, verbose=verbose)


def _help(arguments: list[str]) -> int:
    """Print pip's own help, then our options apart from it."""
    sys.stdout.flush()
    code = subprocess.run([sys.executable, "-m", "pip", *arguments], check=False).returncode  # noqa: S603
    sys.stdout.write("\n" + HELP)
    return code


def _value_of(option: str, arguments: Sequence[str]) -> str | None:
    """The value pip will see for one of its options, also for fetching key lists."""
    for number, argument in enumerate(arguments):
        if argument == option:
            return arguments[number + 1] if number + 1 < len(arguments) else None
        if argument.startswith(option + "="):
            return argument.partition("=")[2]
    return None
