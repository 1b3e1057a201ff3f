"""``pip-verify check --installed``: which environment, and what is in it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pip_verify.errors import UsageError
from pip_verify.install.environment import child_environment

if TYPE_CHECKING:
    from pip_verify.cli.setup import Parts
    from pip_verify.verdict import Verdict

_PATIENCE = 30.0  # seconds for an interpreter to say where it keeps packages

# Run with -I -S: without site.py no .pth file and no sitecustomize of the environment is executed. But up to
# Python 3.13 it is site.py that sets sys.prefix, so the paths are computed from where pyvenv.cfg lies.
_ASK = """
import json, os, sys, sysconfig
folder = os.path.dirname(os.path.abspath(sys.executable))
roots = [path for path in (os.path.dirname(folder), folder) if os.path.isfile(os.path.join(path, "pyvenv.cfg"))]
if roots:
    scheme = "venv" if "venv" in sysconfig.get_scheme_names() else "posix_prefix"
    paths = sysconfig.get_paths(scheme, {"base": roots[0], "platbase": roots[0]})
else:
    paths = sysconfig.get_paths()
print(json.dumps([paths["purelib"], paths["platlib"]]))
"""


def judge_installed(python: str | None, parts: Parts) -> tuple[Verdict, ...]:
    """A verdict for each distribution of an environment, and for each directory with foreign files.

    python: as ``--python``. Raises UsageError when there is no such environment.
    """
    from pip_verify.install.driver import find_target
    from pip_verify.installed.again import judge_again
    from pip_verify.installed.check import check_installed

    target, said = find_target(python or os.environ.get("PIP_PYTHON"), os.environ)  # as pip, which would install there
    if said:
        parts.warnings.append(said)
    found = check_installed(package_directories(target), exemption_for=parts.policy.exemption_for, now=time.time())
    return judge_again(found, parts.policy, parts.judge, pins_for=parts.first_use.pins_for)


def package_directories(interpreter: str) -> list[Path]:
    """Where ``interpreter`` installs packages, pure and not; raises UsageError when it does not say."""
    command = [interpreter, "-I", "-S", "-c", _ASK]
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter is the user's choice
            command,
            env=child_environment(os.environ),
            capture_output=True,
            text=True,
            check=True,
            timeout=_PATIENCE,
        )
        return [Path(path) for path in json.loads(done.stdout)]
    except (OSError, subprocess.SubprocessError, ValueError, TypeError) as error:
        hint = f"{interpreter} -I -S -c 'import sysconfig'"
        raise UsageError(
            f"--python {interpreter}", expected="an interpreter that runs", got=str(error)[:200], hint=hint
        ) from error
