"""What an interpreter of an environment says of itself: where its packages are, its markers and its tags.

It is run with ``-I -S``: without ``site.py`` no ``.pth`` file and no ``sitecustomize`` of the environment is executed.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pip_verify.errors import UsageError
from pip_verify.install.environment import child_environment

if TYPE_CHECKING:
    from packaging.tags import Tag

_Answer = TypeVar("_Answer")

_PATIENCE = 30.0  # seconds for it to answer

# Up to Python 3.13 it is site.py that sets sys.prefix, so the paths are computed from where pyvenv.cfg lies.
_DIRECTORIES = """
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
# The library is ours; what it finds out is the interpreter's.
_PLATFORM = """
import json, sys
sys.path.append(sys.argv[1])
from packaging.markers import default_environment
from packaging.tags import sys_tags
print(json.dumps([default_environment(), [str(tag) for tag in sys_tags()]]))
"""


def package_directories(interpreter: str) -> list[Path]:
    """Where ``interpreter`` installs packages, pure and not; raises UsageError when it does not say."""
    return _ask(interpreter, [_DIRECTORIES], lambda answer: [Path(path) for path in answer])


def platform_of(interpreter: str) -> tuple[Mapping[str, str], Sequence[Tag]]:
    """The marker environment (PEP 508) and the tags (PEP 425), the best first; raises as ``package_directories``."""
    import packaging
    from packaging.tags import parse_tag

    def read(answer: Any) -> tuple[Mapping[str, str], Sequence[Tag]]:
        environment, tags = answer
        return dict(environment), [tag for text in tags for tag in parse_tag(text)]

    return _ask(interpreter, [_PLATFORM, str(Path(str(packaging.__file__)).parent.parent)], read)


def our_platform() -> tuple[Mapping[str, str], Sequence[Tag]]:
    """The same of the interpreter that runs us."""
    from packaging.markers import default_environment
    from packaging.tags import sys_tags

    return {name: str(value) for name, value in default_environment().items()}, list(sys_tags())


def _ask(interpreter: str, code: Sequence[str], read: Callable[[Any], _Answer]) -> _Answer:
    """Run ``code`` and its arguments there; what ``read`` makes of the JSON that it prints."""
    command = [interpreter, "-I", "-S", "-c", *code]
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter is the user's choice
            command,
            env=child_environment(os.environ),
            capture_output=True,
            text=True,
            check=True,
            timeout=_PATIENCE,
        )
        return read(json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError, TypeError) as error:
        hint = f"{interpreter} -I -S -c 'import sysconfig'"
        raise UsageError(
            f"--python {interpreter}", expected="an interpreter that runs", got=str(error)[:200], hint=hint
        ) from error
