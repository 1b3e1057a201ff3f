"""What commands write for people, and what people write on the command line.

Nothing heavy is imported before it is used: every command that says a word imports this module.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pip_verify.errors import EvidenceError, UsageError


def shown(path: Path) -> str:
    """A path for people: relative where it lies below the current directory."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def show(text: str) -> None:
    """Print to standard output, escaping what it cannot encode."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


@contextlib.contextmanager
def printing(done: str) -> Iterator[None]:
    """Around the printing of what a command has done. done: the same, for the message when nothing can be printed.

    Raises UsageError then; a reader that has gone away is left to ``main``.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        hint = f"make room; nothing is left to be done but to print that it {done}"
        raise output_error(error, hint) from error


def output_error(error: OSError, hint: str) -> UsageError:
    """What to say of an error of standard output."""
    got = error.strerror or str(error)
    return UsageError("standard output", expected="to be able to write there", got=got, hint=hint)


def say(text: str) -> None:
    """One line about what was done, on standard error, made fit for a terminal."""
    from pip_verify.report.safe import one_line

    sys.stderr.write(f"pip-verify: {one_line(text)}\n")


def project_names(words: Sequence[str]) -> list[str]:
    """The projects named on the command line, normalised, each once; raises UsageError for what is no name."""
    from pip_verify.artifact.name import normalise

    names = []
    for word in words:
        try:
            names.append(normalise(word))
        except EvidenceError as error:
            hint = "write it as its page on the index does"
            if "*" in word:
                hint = "write a pattern into the trust file by hand"
            expected = f"a project name: {error.expected}"
            raise UsageError("PROJECT", expected=expected, got=error.got, hint=hint) from error
    return list(dict.fromkeys(names))
