"""Starting pip: which interpreter, which pip, in which environment; and what its end means.

The driver is the pip that pip-verify itself depends on; it serves any target interpreter it supports, so a
target needs no pip of its own.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pip_verify.errors import PipVerifyError, UsageError
from pip_verify.install.channel import ENVIRONMENT
from pip_verify.install.environment import child_environment
from pip_verify.install.server import Server
from pip_verify.session import Session

MINIMUM_PIP = (25, 3)  # older ones run legacy setup.py builds, which fetch setup_requires by themselves
_LONGEST_TEMPORARY = 60  # bytes; leaves room for our part of the path in a sockaddr_un
_RUNNER = Path(__file__).with_name("runner.py")
_NO_HELP = 3
_UNREADABLE = 2  # of optparse; pip itself will say what is wrong
_PARSE = f"""\
import sys
sys.argv[0] = "pip-verify"
from pip._internal.cli.main_parser import parse_command
from pip._internal.commands import create_command
name, arguments = parse_command(sys.argv[1:])
create_command(name).parse_args(arguments)
sys.exit({_NO_HELP})
"""  # the parser ends with 0 when it has printed help


@dataclass(frozen=True)
class Outcome:
    """How pip ended. exit_code: pip's own. errors: what stopped the run beside verdicts."""

    exit_code: int
    errors: tuple[PipVerifyError, ...]


def find_target(python: str | None, environ: Mapping[str, str]) -> tuple[str, str | None]:
    """The interpreter pip shall work for, and a sentence to say if that is not the obvious one.

    python: an interpreter or an environment's directory, as pip's ``--python``. Without it: the active virtual
    environment, when pip-verify itself lives elsewhere; else the interpreter that runs us. Raises UsageError.
    """
    if python is not None:
        return _interpreter(python), None
    active = environ.get("VIRTUAL_ENV")
    if active and not environ.get("PIP_PYTHON") and os.path.realpath(active) != os.path.realpath(sys.prefix):
        interpreter = _interpreter(active)
        return interpreter, f"using the active environment {active} (pip-verify itself lives in {sys.prefix})"
    return sys.executable, None


def _interpreter(python: str) -> str:
    path = Path(python)
    candidates = [path / "bin" / "python", path / "Scripts" / "python.exe"] if path.is_dir() else [path]
    for candidate in candidates:
        if candidate.exists():
            return str(candidate)
    hint = f"look at its name, or make one there: python -m venv {shlex.quote(python)}"
    raise UsageError(f"--python {python}", expected="an interpreter or an environment", got="no such file", hint=hint)


def find_pip() -> Path:
    """The directory that holds the driving ``pip`` package; raises UsageError when there is none or it is too old."""
    from importlib.metadata import version

    spec = importlib.util.find_spec("pip")
    if spec is None or spec.origin is None:
        raise UsageError(
            "pip", expected="pip installed beside pip-verify", got="none", hint=f"{sys.executable} -m ensurepip"
        )
    found = version("pip")
    if tuple(int(part) for part in found.split(".")[:2] if part.isdecimal()) < MINIMUM_PIP:
        raise UsageError(
            "pip",
            expected="pip 25.3 or newer beside pip-verify",
            got=found,
            hint=f'{sys.executable} -m pip install --upgrade "pip>=25.3"',
        )
    return Path(spec.origin).parent.parent


def print_help(arguments: Sequence[str]) -> bool:
    """Let pip's own parser read ``arguments``: whether they ask for help, which it has then printed.

    Nothing but the parser runs, for arguments that only look like asking must not reach a pip without seams; and not
    with the directory we are in on its path (``-I``), where anybody may have put a ``pip.py``. Raises UsageError when
    it could not be printed."""
    command = [sys.executable, "-I", "-c", _PARSE, *arguments]
    code = subprocess.run(command, env=child_environment(os.environ), stderr=subprocess.DEVNULL, check=False).returncode  # noqa: S603
    if code not in (0, _NO_HELP, _UNREADABLE):
        hint = "look at standard output, or at pip itself: python -m pip --help"
        raise UsageError("help", expected="pip to print it", got=f"exit code {code}", hint=hint)
    return code == 0


def run_pip(arguments: Sequence[str], session: Session, *, target: str, environ: Mapping[str, str]) -> Outcome:
    """Run pip with ``arguments`` in the interpreter ``target`` under the seams; returns when it has ended."""
    if not hasattr(socket, "AF_UNIX"):
        hint = "use Linux or macOS; on Windows, WSL"
        raise UsageError("this system", expected="Unix sockets, for the channel to pip", got="none", hint=hint)
    pip = find_pip()
    with _private_directory() as private, _private_directory(_short_parent()) as meeting_place:
        server = Server(session, meeting_place)
        server.start()
        settings = {"address": server.address, "token": server.token, "pip": str(pip), "private": str(private)}
        child = subprocess.Popen(  # noqa: S603 (the interpreter is the user's choice, the arguments are pip's)
            [target, "-I", str(_RUNNER), *arguments],
            env={**child_environment(environ), ENVIRONMENT: json.dumps(settings)},
        )
        exit_code = _wait(child)
        server.close()
    errors = list(server.errors)
    if server.missing_seam is not None:
        errors.append(
            UsageError(
                f"this pip ({pip})",
                expected="a pip in which every seam fires",
                got=f"the seam {server.missing_seam} does not",
                hint='install a pip that pip-verify knows: "pip>=25.3,<=26.3"',
            )
        )
    return Outcome(exit_code, tuple(errors))


def _short_parent() -> str | None:
    """Where the socket's directory goes: a socket's path may have some 100 bytes, a temporary directory's more."""
    return None if len(os.fsencode(tempfile.gettempdir())) < _LONGEST_TEMPORARY else "/tmp"  # noqa: S108 (mkdtemp: 0700)


def _wait(child: subprocess.Popen[bytes]) -> int:
    """Wait for pip, also through Ctrl-C: the terminal sends that to both, and pip cleans up after itself."""
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue


@contextlib.contextmanager
def _private_directory(parent: str | None = None) -> Iterator[Path]:
    """A directory of mode 0700 for the channel or the private copies, gone with the run."""
    with tempfile.TemporaryDirectory(prefix="pip-verify-", dir=parent) as name:
        Path(name).chmod(0o700)  # mkdtemp's mode already; stated, because the channel rests on it
        yield Path(name)
