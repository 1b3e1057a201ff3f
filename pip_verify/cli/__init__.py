"""The command line: it reads argv and the environment, calls one command, and turns errors into exit codes.

Nothing heavy is imported before the command is known, so that ``--version`` and ``--help`` are quick.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence

from pip_verify import __version__
from pip_verify.cli.terminal import output_error, say
from pip_verify.errors import PipVerifyError

PIP_COMMANDS = ("install", "download", "wheel", "lock")
# pip's others: they install nothing, so there is nothing to verify (its "check" has the name of one of ours)
_NOT_WRAPPED = (
    *("uninstall", "inspect", "list", "show", "freeze", "config", "search", "cache", "index", "hash"),
    *("completion", "debug"),
)

# by name: the module of this package and its function, imported when the command is called
_OWN_COMMANDS = {
    "verify": ("verify", "run"),
    "check": ("check", "run"),
    "explain": ("explain", "run"),
    "init": ("init", "run"),
    "pin": ("trust", "pin"),
    "unpin": ("trust", "unpin"),
    "prune": ("trust", "prune"),
    "renew": ("trust", "renew"),
    "annotate": ("annotate", "annotate"),
    "compile": ("annotate", "compile_lock"),
    "lint": ("lint", "run"),
    "keygen": ("keygen", "keygen"),
    "sign": ("sign", "sign"),
    "vouch": ("vouch", "vouch"),
    "monitor": ("monitor", "run"),
    "keylist": ("keylist", "keylist"),
}

# of a standard stream; whatever else cannot be written has a path, and is met where that is known
_OUTPUT_FAILURES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)

USAGE = """\
usage: pip-verify [--python ENV] COMMAND [OPTIONS]

Installs only what a publisher you trust has signed.

as pip's, with verification (every pip option passes through):
  install             install packages
  download            download packages
  wheel               build wheels
  lock                write a lock file

checking:
  check -r FILE...    judge what is locked, for CI; installs nothing
  verify FILE...      check wheels and sdists on disk; installs nothing
  explain NAME|FILE   tell every step that led to a verdict, and what would change it

the trust file:
  init                write it for what you use now
  pin, unpin          say, or no longer say, who signs a project
  prune, renew        drop what nothing requires; look at exemptions that end soon
  annotate FILE...    write the pins into requirement files, as comments
  compile -- COMMAND  run a locker, then annotate what it wrote
  lint [FILE...]      find mistakes in trust and requirement files, without the network

for publishers:
  keygen -o FILE      make a signing key
  sign ARTIFACT...    write a release statement
  vouch NAME==VERSION sign the files of a release that the index serves now
  keylist ...         keep a key list
  monitor             tell when the index serves what was not signed, or something else than before

  --version, --help; "pip-verify COMMAND --help" or "pip-verify help COMMAND" for a command's options
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (docs/commands.md#exit-codes)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(arguments)
    except SystemExit:  # of argparse, which has printed something
        _give_up_output()
        raise
    _give_up_output()
    return code


def _run(arguments: list[str]) -> int:
    try:
        with _printed():
            return _dispatch(arguments)
    except PipVerifyError as error:
        return _complain(error)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except BrokenPipeError:
        return 141  # whoever read our output has gone, as with any filter
    except OSError as error:
        if error.errno not in _OUTPUT_FAILURES or error.filename is not None:
            raise
        return _complain(output_error(error, "look what is done already before you run it again"))


@contextlib.contextmanager
def _printed() -> Iterator[None]:
    """What is printed inside has left this process at the end; else an OSError of ours to catch, and not one that the
    interpreter meets when it is about to end."""
    try:
        yield
    except SystemExit:
        sys.stdout.flush()
        raise
    sys.stdout.flush()


def _give_up_output() -> None:
    """What cannot be written now cannot be written later: the interpreter shall not try, and change the exit code."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def _dispatch(arguments: list[str]) -> int:
    if arguments[:1] == ["help"]:  # as pip has it
        return _dispatch([*arguments[1:], "--help"])
    if set(arguments) <= {"--help", "-h"}:
        sys.stdout.write(USAGE)
        return 0
    if arguments in (["--version"], ["-V"]):
        sys.stdout.write(f"pip-verify {__version__}\n")
        return 0
    from pip_verify.cli.options import command_of

    name = command_of(arguments)
    if name in PIP_COMMANDS:
        from pip_verify.cli.pip_commands import run

        return run(arguments)
    command = _own_command(name)
    if command is None:
        raise _unknown(name, arguments)
    arguments.remove(name)
    return command(arguments)


def _own_command(name: str) -> Callable[[list[str]], int] | None:
    if name not in _OWN_COMMANDS:
        return None
    import importlib

    module, function = _OWN_COMMANDS[name]
    command: Callable[[list[str]], int] = getattr(importlib.import_module(f"pip_verify.cli.{module}"), function)
    return command


def _unknown(name: str, arguments: list[str]) -> PipVerifyError:
    """name: what stands where the command should."""
    import difflib
    import shlex

    from pip_verify.errors import UsageError

    known = [*PIP_COMMANDS, *_OWN_COMMANDS]
    behind = next((word for word in arguments if word in known), None)
    if name in _NOT_WRAPPED:
        got, hint = f"{name}, which is not wrapped", shlex.join(["python", "-m", "pip", *arguments])
    elif behind is not None and arguments[0].startswith("-"):
        rest = [*arguments[: arguments.index(behind)], *arguments[arguments.index(behind) + 1 :]]
        got, hint = f"{arguments[0]} before it", shlex.join(["pip-verify", behind, *rest])
    else:
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.8)  # less is no slip, but another word
        got, hint = name or "none", f"pip-verify {nearest[0]} --help" if nearest else "pip-verify --help"
    return UsageError("command", expected="one of " + ", ".join(known), got=got, hint=hint)


def _complain(error: PipVerifyError) -> int:
    """Tell an error on standard error, if that can be written; returns its exit code."""
    with contextlib.suppress(OSError):
        say(f"error: {error}")
        if error.hint:
            say(f"next: {error.hint}")
    return error.exit_code
