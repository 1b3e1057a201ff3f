"""``pip-verify keylist show``, ``lint`` and ``diff``: they look at key lists and change nothing."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pip_verify.keys import KEY_LIST_MAX_BYTES, KeyList
from pip_verify.report.safe import one_line

if TYPE_CHECKING:
    from pip_verify.publish.releases import Releases

RELEASES = "releases"  # beside the list, and where ``sign`` writes unless told otherwise
WRONG = 2  # usage or configuration (docs/commands.md#exit-codes)


def show(options: argparse.Namespace) -> int:
    """Print the keys of a list and how they stand now."""
    from pip_verify.publish.listwords import show_json, show_text

    key_list, now = _read(options.list, options), time.time()
    if options.format == "json":
        sys.stdout.write(json.dumps(show_json(key_list, now), indent=2) + "\n")
    else:
        for line in show_text(key_list, options.list, now):
            write(line)
    return 0


def lint(options: argparse.Namespace) -> int:
    """Find mistakes in a list, without the network; the exit code is 2 if there is an error."""
    from pip_verify.publish.listlint import lint_key_list
    from pip_verify.storage import read_file

    data, _ = read_file(Path(options.list), max_bytes=KEY_LIST_MAX_BYTES, expected="a key list")
    remarks = lint_key_list(data, options.list, now=time.time())
    for remark in remarks:
        write(str(remark))
    return WRONG if any(not remark.warning for remark in remarks) else 0


def diff(options: argparse.Namespace) -> int:
    """Tell in words what changed between two lists."""
    from pip_verify.publish.listwords import differences

    lines = differences(_read(options.old, options), _read(options.new, options))
    for line in lines:
        write(line)
    if not lines:
        say("no key differs")
    return 0


def write(text: str) -> None:
    """One line on standard output, harmless to a terminal, escaping what it cannot encode."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(_indented(text).encode(encoding, "backslashreplace").decode(encoding) + "\n")


def say(text: str) -> None:
    """One line about what was done, or to mind, on standard error."""
    sys.stderr.write(f"pip-verify: {_indented(text)}\n")


def _indented(text: str) -> str:
    """``one_line`` of a line whose indentation is ours."""
    rest = text.lstrip(" ")
    return text[: len(text) - len(rest)] + one_line(rest)


def _read(source: str, options: argparse.Namespace) -> KeyList:
    """A list from a file; or from a URL, as it is served now, under all the rules that hold when it is a pin's."""
    if "://" not in source:
        from pip_verify.publish.keylist import read_list

        return read_list(Path(source))[1]
    from pip_verify.config import Settings, pip_network_settings
    from pip_verify.sources.https import Fetcher
    from pip_verify.sources.keylists import KeyListStore

    settings = Settings.resolve({"extra_ca": options.extra_ca}, os.environ)
    fetcher = Fetcher(
        extra_ca=[settings.extra_ca] if settings.extra_ca else [], defaults=lambda: pip_network_settings(os.environ)
    )
    with tempfile.TemporaryDirectory(prefix="pip-verify-") as cache:
        store = KeyListStore(fetcher, Path(cache), clock=time.time, deadline_seconds=settings.deadline)
        return store.get(source).list


def releases_of(options: argparse.Namespace) -> Releases | None:
    """The statements of ``--releases``, else of the directory beside the list; None when there is neither."""
    from pip_verify.publish.releases import read_releases

    if options.releases is not None:
        return read_releases(Path(options.releases))
    beside = Path(options.list).parent / RELEASES
    return read_releases(beside) if beside.is_dir() else None
