"""A locker as a child process: its streams are ours, its exit code is passed on, and the file it writes is found.

Refused before it runs: a command of whose output file nothing is known, one that names several. Refused after it: a
file that is not there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pip_verify.cli.terminal import say
from pip_verify.errors import UsageError
from pip_verify.install.environment import child_environment

_OUTPUT_OPTIONS = ("-o", "--output-file", "--output")  # uv, pip-tools; pdm, poetry and pip lock say --output
_SOURCES = ("requirements.in", "setup.py", "pyproject.toml", "setup.cfg")  # pip-compile's, in its order


def run_locker(command: Sequence[str], output: str | None) -> tuple[int, str | None]:
    """Run ``command``; returns its exit code and the file it writes (``output`` where stated), None where it was
    asked to write none. Raises UsageError."""
    dry_run = "--dry-run" in command or ("-n" in command and _is_pip_compile(command))
    target = output or ("" if dry_run else _output_of(command))
    before = _trace(target)
    code = _run(command)
    if code != 0 or dry_run:
        return code, None
    if not Path(target).is_file():
        hint = "name the file it writes: pip-verify compile --output FILE -- ..."
        raise UsageError(f"compile: {command[0]}", expected=f"it to write {target}", got="no such file", hint=hint)
    if _trace(target) == before:  # as make does where nothing changed; or it wrote to another place
        say(f"note: {target} was not written by this command")
    return code, target


def _trace(target: str) -> tuple[int, ...]:
    """What differs after a file was written anew, () where there is none."""
    try:
        status = Path(target).stat()
    except OSError:
        return ()
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def _run(command: Sequence[str]) -> int:
    sys.stdout.flush()
    try:
        environ = child_environment(os.environ)
        code = subprocess.run(command, env=environ, check=False).returncode  # noqa: S603 - the user's own command
    except OSError as error:
        hint = f"install {command[0]}, or put its directory on PATH"
        got = error.strerror or str(error)
        raise UsageError(f"compile: {command[0]}", expected="a command that can be run", got=got, hint=hint) from error
    return 128 + abs(code) if code < 0 else code  # as shells tell a signal


def _output_of(command: Sequence[str]) -> str:
    """The one file that a locker's command line says it writes."""
    stated = list(dict.fromkeys(_stated_outputs(command[1:])))
    if not stated and _is_pip_compile(command):
        stated = list(filter(None, [_pip_compile_default(command)]))
    if not stated:
        hint = "add -o FILE to it, or say what it writes: pip-verify compile --output FILE -- ..."
        raise UsageError(f"compile: {command[0]}", expected="an output file", got="none in its options", hint=hint)
    if len(stated) > 1:
        hint = "name the one to annotate: pip-verify compile --output FILE -- ..."
        raise UsageError(f"compile: {command[0]}", expected="one output file", got=", ".join(stated), hint=hint)
    return str(Path(_value_of(command, "--directory") or "", stated[0]))


def _stated_outputs(arguments: Sequence[str]) -> Iterator[str]:
    """The values of output options: ``-o FILE``, ``-oFILE``, ``-o=FILE``, ``--output-file FILE`` …; "-" is none."""
    for number, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if argument in _OUTPUT_OPTIONS:
            value = arguments[number + 1] if number + 1 < len(arguments) else ""
        elif argument.startswith("-o") and not argument.startswith("--"):
            value = argument[2:].removeprefix("=")
        elif not (equals and name in _OUTPUT_OPTIONS):
            continue
        if value not in {"", "-"}:
            yield value


def _value_of(command: Sequence[str], option: str) -> str | None:
    for number, argument in enumerate(command):
        if argument == option and number + 1 < len(command):
            return command[number + 1]
        if argument.startswith(f"{option}="):
            return argument.removeprefix(f"{option}=")
    return None


def _is_pip_compile(command: Sequence[str]) -> bool:
    return any(Path(word).name in {"pip-compile", "piptools"} for word in command)


def _pip_compile_default(command: Sequence[str]) -> str:
    """Where pip-compile writes without ``-o``: beside its source file, with the ending .txt. "" where several files
    could be the source."""
    named = {word for word in command[1:] if word.endswith(".in") or Path(word).name in _SOURCES[1:]}
    here = [name for name in _SOURCES if Path(name).is_file()]
    if len(named) > 1:
        return ""
    source = Path((*named, *here, *_SOURCES)[0])
    return str(source.with_suffix(".txt") if source.suffix == ".in" else source.with_name("requirements.txt"))
