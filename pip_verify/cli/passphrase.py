"""Where a command gets its secrets from, and where it shows them: files, the environment, the keyring, the terminal.

Never the command line's words: every user of the machine can read those.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import select
import stat
import sys
import time
from pathlib import Path

from pip_verify.errors import UsageError
from pip_verify.install.environment import KEPT_BACK

WHERE_FROM = "read the passphrase's first line from FILE (or set PIP_VERIFY_PASSPHRASE); asked for otherwise"

PIPE_DEADLINE = 120.0  # seconds: a password manager may have to ask a person first
_MAX_BYTES = 4096
_FILE = "write it into a file that only you can read, and add --passphrase-file FILE"
_PIPE = "run the command that writes into it by itself first, and look at what it prints"


def read_passphrase(file: str | None, *, prompt: str = "Passphrase: ", twice: bool = False, hint: str = _FILE) -> bytes:
    """From the file of --passphrase-file, the environment or the terminal, in this order.

    twice: ask again on the terminal and compare. hint: the next step where there is none of them. Raises UsageError.
    """
    if file is not None:
        return _first_line(file)
    if os.environ.get(KEPT_BACK):
        return os.fsencode(os.environ[KEPT_BACK])
    if not sys.stdin.isatty():
        expected = f"a terminal, --passphrase-file or {KEPT_BACK}"
        raise UsageError("passphrase", expected=expected, got="none of them", hint=hint)
    typed = _type(prompt)
    if twice and _type("Again: ") != typed:
        hint = "run the command again, or write it into a file: --passphrase-file FILE"
        raise UsageError("passphrase", expected="the same twice", got="two different ones", hint=hint)
    return typed.encode("utf-8", "surrogateescape")


def _first_line(file: str) -> bytes:
    """Of a regular file, or of a pipe: /dev/stdin, or what a shell makes of ``<(command)``."""
    from pip_verify.storage import read_file

    is_pipe = False
    with contextlib.suppress(OSError):  # read_file says what is wrong
        is_pipe = stat.S_ISFIFO(Path(file).stat().st_mode)
    if is_pipe:
        data = _read_pipe(file)
    else:
        data, _ = read_file(Path(file), max_bytes=_MAX_BYTES, expected="a file with a passphrase")
    if len(data) > _MAX_BYTES:
        hint = "name the file whose first line is the passphrase; is this another one?"
        raise UsageError(file, expected=f"a passphrase in at most {_MAX_BYTES} bytes", got="more", hint=hint)
    return data.split(b"\n", 1)[0].removesuffix(b"\r")


def _read_pipe(file: str) -> bytes:
    """What comes until the first line is whole or the pipe ends, one byte more than allowed at most."""
    from pip_verify.storage import TO_READ

    ends = time.monotonic() + PIPE_DEADLINE
    data = b""
    try:
        descriptor = os.open(file, TO_READ)  # without waiting: nobody may be there to write
        try:
            while len(data) <= _MAX_BYTES and b"\n" not in data:
                if not select.select([descriptor], [], [], max(0.0, ends - time.monotonic()))[0]:
                    expected = f"a passphrase within {PIPE_DEADLINE:g} s"
                    raise UsageError(file, expected=expected, got="none", hint=_PIPE)
                piece = os.read(descriptor, _MAX_BYTES + 1 - len(data))
                if not piece:
                    break
                data += piece
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UsageError(file, expected="a passphrase", got=error.strerror or str(error), hint=_PIPE) from error
    return data[: data.find(b"\n") + 1] or data  # a long secret behind it is none of ours


def _type(prompt: str) -> str:
    try:
        return getpass.getpass(prompt)
    except EOFError as error:  # Ctrl-D, or a terminal that went away
        sys.stderr.write("\n")
        raise UsageError("passphrase", expected="a line", got="the end of input", hint=_FILE) from error


def read_words() -> str:
    """Lines of standard input until they have the words of a backup or end; what is typed is seen on the terminal."""
    from pip_verify.publish.paper import WORDS

    if sys.stdin.isatty():
        sys.stderr.write(f"The {WORDS} words, in order, without their numbers: ")
        sys.stderr.flush()
    text = ""
    while len(text.split()) < WORDS and len(text) < _MAX_BYTES and (line := sys.stdin.readline(_MAX_BYTES)):
        text += line
    return text


def require_showable(*, anywhere: bool) -> None:
    """Refuse to print a secret into what may be a log. anywhere: the user said --show-secret. Raises UsageError."""
    if not anywhere and not sys.stdout.isatty():
        hint = "run it in a terminal; --show-secret prints it here all the same"
        raise UsageError("standard output", expected="a terminal, for a secret", got="a file or a pipe", hint=hint)


def show_secret(text: str) -> None:
    """Write ``text`` to standard output."""
    sys.stdout.write(text)
    sys.stdout.flush()
