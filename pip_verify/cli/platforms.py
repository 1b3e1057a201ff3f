"""What an interpreter says of itself to markers (PEP 508) and tags (PEP 425)."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pip_verify.errors import UsageError
from pip_verify.install.environment import child_environment

if TYPE_CHECKING:
    from packaging.tags import Tag

_PATIENCE = 30.0  # seconds for an interpreter to answer

# Run with -I -S, as for its package directories: nothing of the environment is executed. The library is ours; what it
# finds out is the interpreter's.
_ASK = """
import json, sys
sys.path.append(sys.argv[1])
from packaging.markers import default_environment
from packaging.tags import sys_tags
print(json.dumps([default_environment(), [str(tag) for tag in sys_tags()]]))
"""


def of_this_interpreter() -> tuple[Mapping[str, str], Sequence[Tag]]:
    """The marker environment and the tags, the best first, of the interpreter that runs us."""
    from packaging.markers import default_environment
    from packaging.tags import sys_tags

    return {name: str(value) for name, value in default_environment().items()}, list(sys_tags())


def of_interpreter(python: str) -> tuple[Mapping[str, str], Sequence[Tag]]:
    """The same of another one. python: as ``--python``. Raises UsageError when it does not say."""
    import packaging
    from packaging.tags import parse_tag

    from pip_verify.install.driver import find_target

    interpreter, _ = find_target(python, os.environ)
    library = str(Path(str(packaging.__file__)).parent.parent)
    command = [interpreter, "-I", "-S", "-c", _ASK, library]
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter is the user's choice
            command,
            env=child_environment(os.environ),
            capture_output=True,
            text=True,
            check=True,
            timeout=_PATIENCE,
        )
        environment, tags = json.loads(done.stdout)
        return dict(environment), [tag for text in tags for tag in parse_tag(text)]
    except (OSError, subprocess.SubprocessError, ValueError, TypeError) as error:
        hint = f"{interpreter} -I -S -c 'import sysconfig'"
        raise UsageError(
            f"--python {interpreter}", expected="an interpreter that runs", got=str(error)[:200], hint=hint
        ) from error
