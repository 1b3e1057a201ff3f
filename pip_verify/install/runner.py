"""The child's main program: ``python -I runner.py PIP-ARGUMENTS…``, with the channel in the environment.

It imports exactly the pip it is told to (as pip's own ``__pip-runner__`` does), puts the seams in, lets the
canary push a fake wheel and a fake sdist through every one of them, and only then runs pip. If a seam is
missing or does not fire, pip is not run at all. Standard library and pip only.
"""

from __future__ import annotations

import importlib
import json
import os
import site
import sys
import types
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

PACKAGE = "pip_verify_child"  # the name under which this directory is importable in the child
EXIT_REFUSED = 2  # an unknown pip is a matter of set-up: docs/commands.md#exit-codes


class _OnlyThisPip:
    """Finds ``pip`` in the driver's directory and nothing else there."""

    def __init__(self, root: str) -> None:
        self._root = root

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname != "pip":
            return None
        return PathFinder.find_spec(fullname, [self._root], target)


def main() -> int:
    """Run pip under the seams; returns its exit code."""
    _make_siblings_importable()
    channel = importlib.import_module(f"{PACKAGE}.channel")
    stated = os.environ.pop(channel.ENVIRONMENT, None)
    if stated is None:
        return _refuse("this is pip-verify's runner; it is started by pip-verify only")
    settings = json.loads(stated)
    sys.meta_path.insert(0, _OnlyThisPip(settings["pip"]))
    try:
        client = channel.Client(settings["address"], settings["token"])
    except channel.ChannelLost as error:
        return _refuse(str(error))
    seams_module = importlib.import_module(f"{PACKAGE}.seams")
    table = importlib.import_module(f"{PACKAGE}.table")
    canary = importlib.import_module(f"{PACKAGE}.canary")
    try:
        seams = seams_module.Seams(client, settings, os.path.abspath(__file__))
        seams.insert()
        canary.sing(seams)
    except table.SeamMissing as error:
        client.ask("canary", seam=str(error))
        return EXIT_REFUSED
    _offer_user_site()
    return _run_pip(settings.get("prog", "pip-verify"))


def _make_siblings_importable() -> None:
    """Import our sibling modules by their directory alone: ``-I`` keeps it off ``sys.path``, and it stays off."""
    package = types.ModuleType(PACKAGE)
    package.__path__ = [os.path.dirname(os.path.abspath(__file__))]
    sys.modules[PACKAGE] = package


def _offer_user_site() -> None:
    """Give pip the user site that ``-I`` hides, so that ``--user`` works, without running its ``.pth`` files."""
    in_venv = sys.prefix != sys.base_prefix
    if in_venv or os.environ.get("PYTHONNOUSERSITE") or not sys.flags.isolated:
        return
    if hasattr(os, "getuid") and (os.geteuid() != os.getuid() or os.getegid() != os.getgid()):
        return  # as site.py decides
    site.ENABLE_USER_SITE = True
    user_site = site.getusersitepackages()
    if os.path.isdir(user_site) and user_site not in sys.path:
        sys.path.append(user_site)


def _run_pip(prog: str) -> int:
    sys.argv[0] = prog  # pip names itself after it in usage messages
    entry = importlib.import_module("pip._internal.cli.main")
    # From pip 26.3 on "cli" is what pip's own command calls; it keeps imports blocked to the end of the process.
    run = getattr(entry, "cli", entry.main)
    return int(run(sys.argv[1:]))


def _refuse(message: str) -> int:
    sys.stderr.write(f"pip-verify: {message}\n")
    return EXIT_REFUSED


if __name__ == "__main__":
    sys.exit(main())
