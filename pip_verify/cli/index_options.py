"""pip's index options on our own commands: declared once, handed to pip's machinery as pip takes them."""

from __future__ import annotations

import argparse

_WITH_VALUE = ("index_url", "extra_index_url", "find_links")


def add_index_options(parser: argparse.ArgumentParser, of: str) -> None:
    """Add them. of: what they are for, in the help's words."""
    parser.add_argument("--index-url", metavar="URL", help=f"{of}: as pip's")
    parser.add_argument("--extra-index-url", action="append", default=[], metavar="URL", help=f"{of}: as pip's")
    parser.add_argument("--find-links", action="append", default=[], metavar="PLACE", help=f"{of}: as pip's")
    parser.add_argument("--no-index", action="store_true", help=f"{of}: as pip's")


def pip_options(options: argparse.Namespace) -> list[str]:
    """What was given of them, as pip's own options."""
    words = ["--no-index"] if options.no_index else []
    for name in _WITH_VALUE:
        stated = getattr(options, name)
        values = [stated] if isinstance(stated, str) else stated or []
        words += [f"--{name.replace('_', '-')}={value}" for value in values]
    return words
