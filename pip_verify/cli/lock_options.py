"""How a command is told which locks to read: requirement files with ``-r``, as pip has it, other locks by name."""

from __future__ import annotations

import argparse


def add_lock_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them; ``lock_names`` reads them."""
    parser.add_argument("locks", nargs="*", metavar="LOCK", help="a lock file, or a directory of wheels and sdists")
    parser.add_argument(
        "-r", "--requirement", action="append", default=[], metavar="FILE", help="a requirement file with hashes"
    )


def lock_names(options: argparse.Namespace) -> list[str]:
    """What was named, requirement files first."""
    return [*options.requirement, *options.locks]
