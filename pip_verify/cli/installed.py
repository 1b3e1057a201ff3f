"""``pip-verify check --installed``: which environment, and what is in it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from pip_verify.cli.interpreter import package_directories

if TYPE_CHECKING:
    from pip_verify.cli.setup import Parts
    from pip_verify.verdict import Verdict


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
