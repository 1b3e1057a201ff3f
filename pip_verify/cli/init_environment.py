"""What ``init`` reads without a lock: an environment that it names, and the command that proves it afterwards."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

from pip_verify.cli.terminal import say
from pip_verify.errors import UsageError

_FROZEN = "requirements-installed{}.txt"


def find_environment(python: str | None, environ: Mapping[str, str]) -> str:
    """The interpreter of the environment that pip-verify would install into; says which it is.

    python: as ``--python``. Raises UsageError when there is none, and for pip-verify's own where that is a tool's:
    nobody wants its dependencies exempted.
    """
    from pip_verify.install.driver import find_target

    stated = python or environ.get("PIP_PYTHON")
    target, said = find_target(stated, environ)
    if stated is None and said is None and _is_tool(environ):
        hint = "name a lock: pip-verify init -r requirements.txt; or the environment: pip-verify init --python .venv"
        got = f"none active, and {sys.prefix} is pip-verify's own"
        raise UsageError("environment", expected="a lock, or an environment of yours", got=got, hint=hint)
    say(said or f"reading what is installed for {target}")
    return target


def _is_tool(environ: Mapping[str, str]) -> bool:
    """Whether we run in a virtual environment that the user has not activated: pipx and uv keep one for each tool."""
    active = environ.get("VIRTUAL_ENV")
    is_active = active is not None and os.path.realpath(active) == os.path.realpath(sys.prefix)
    return sys.prefix != sys.base_prefix and not is_active


def prove_installed(target: str, options: Sequence[str]) -> str:
    """The command line that installs again what is installed, so that all of it was verified. Overwrites no file.

    options: of ``pip-verify install``, as they were given.
    """
    names = (_FROZEN.format(f"-{number}" if number else "") for number in count())
    fresh = next(name for name in names if not os.path.lexists(Path.cwd() / name))
    freeze = [sys.executable, "-m", "pip", "--python", target, "freeze", "--all"]  # the environment may have no pip
    install = ["pip-verify", "install", "--force-reinstall", "--python", target, *options, "-r", fresh]
    return f"{shlex.join(freeze)} > {fresh} && {shlex.join(install)}"
