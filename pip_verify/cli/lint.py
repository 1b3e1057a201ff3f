"""``pip-verify lint``: mistakes in trust files, requirement files and ``pip-verify.lock``, found offline."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pip_verify.errors import PipVerifyError, UsageError
from pip_verify.pins import Origin

if TYPE_CHECKING:
    from pip_verify.policy import Policy
    from pip_verify.requirements.lint import Linted, Remark

WRONG = 2  # usage or configuration (docs/commands.md#exit-codes)

_TRUST_FILES = ("pip-verify.toml", "pyproject.toml")
_FIRST_USES = "pip-verify.lock"
_REQUIREMENTS = (".txt", ".in", ".signed")
_PATTERNS = ("requirements*", "constraints*", "requirements/*")


def run(arguments: Sequence[str]) -> int:
    """Lint the files named, else those of this directory, and the trust file in force; returns the exit code."""
    options = _parser().parse_args(arguments)
    linter = _Linter(options.trust_file)
    for name in options.files or _files_here():
        linter.lint(name)
    if not options.files and not linter.files and linter.fault is None:
        hint = "name the files, or write a trust file: pip-verify init"
        raise UsageError("lint", expected="a trust file or requirement files here", got="none", hint=hint)
    return _tell(linter, named=bool(options.files))


class _Linter:
    """remarks: of all files so far; files: how many there was something to look for in; passed_by: how many not."""

    def __init__(self, trust_file: str | None) -> None:
        """trust_file: as of ``--trust-file``."""
        from pip_verify.config import find_trust_file
        from pip_verify.policy import EMPTY_POLICY
        from pip_verify.policy.lint import lint_policy
        from pip_verify.requirements.lint import remark_of

        self.now = time.time()
        self.policy: Policy = EMPTY_POLICY
        self.fault: Remark | None = None  # of the trust file in force, until its own remarks say it better
        self.remarks: list[Remark] = []
        self.files = 0
        self.passed_by = 0
        self._named = trust_file or os.environ.get("PIP_VERIFY_TRUST_FILE")
        try:
            self.policy = find_trust_file(Path.cwd(), trust_file, os.environ)
        except PipVerifyError as error:
            self.fault = remark_of(error, Origin("trust file"))
        else:
            self.files = int(self.policy.source is not None)
            self.remarks += lint_policy(self.policy, now=self.now)

    def lint(self, name: str) -> None:
        """Lint one file, by what its name says it is. Of others nothing is said."""
        from pip_verify.requirements.lint import remark_of
        from pip_verify.storage import look_in

        base = Path(name).name
        try:
            if not os.path.lexists(name):
                raise UsageError(name, expected="a file", got="none of this name", hint=look_in(Path(name).parent))
            if base in _TRUST_FILES or (self._named is not None and _same(name, self._named)):
                self._lint_trust_file(name, pyproject=base == _TRUST_FILES[1])
            elif base == _FIRST_USES:
                self._lint_first_uses(name)
            elif base.endswith(_REQUIREMENTS):
                self._lint_requirements(name)
            else:
                self.passed_by += 1
        except PipVerifyError as error:
            self.remarks.append(remark_of(error, Origin(name)))

    def _lint_trust_file(self, name: str, *, pyproject: bool) -> None:
        from pip_verify.policy import TRUST_FILE_MAX_BYTES
        from pip_verify.policy.lint import lint_trust_file

        if self.policy.source is not None and _same(name, self.policy.source):
            return  # the one in force has been looked at
        data = _read(name, TRUST_FILE_MAX_BYTES)
        policy, remarks = lint_trust_file(data, name, now=self.now, pyproject=pyproject)
        found = policy is not None or bool(remarks)  # not so in a pyproject.toml without our table
        self.files += found
        self.passed_by += not found
        self.remarks += remarks
        if policy is None and remarks:
            self.fault = None

    def _lint_first_uses(self, name: str) -> None:
        from pip_verify.firstuse import FIRST_USE_MAX_BYTES, parse_first_use

        self.files += 1
        parse_first_use(_read(name, FIRST_USE_MAX_BYTES), name)

    def _lint_requirements(self, name: str) -> None:
        from pip_verify.requirements.lint import lint_requirements
        from pip_verify.requirements.text import MAX_BYTES

        self.files += 1
        linted = lint_requirements(_read(name, MAX_BYTES), name, environ=os.environ)
        self.remarks += linted.remarks
        if self.policy.source is not None:  # without a trust file it cannot be told whom a pin means
            self._lint_pins(name, linted)

    def _lint_pins(self, name: str, linted: Linted) -> None:
        from pip_verify.cli.annotate import signers_by
        from pip_verify.policy.lint import lint_pins
        from pip_verify.requirements.lint import stale_pins

        unresolved = list(lint_pins(linted.parsed, self.policy))
        self.remarks += unresolved
        if not unresolved:  # else some pins cannot be judged, and annotate would say so once more
            self.remarks += stale_pins(linted, name, signers_by(self.policy), environ=os.environ)


def _read(name: str, max_bytes: int) -> bytes:
    from pip_verify.storage import read_file

    data, _ = read_file(Path(name), max_bytes=max_bytes, expected="a file that can be read")
    return data


def _same(name: str, other: str) -> bool:
    return Path(name).resolve() == Path(other).resolve()


def _files_here() -> list[str]:
    found = [Path(name) for name in (*_TRUST_FILES, _FIRST_USES)]
    found += [path for pattern in _PATTERNS for path in sorted(Path().glob(pattern)) if path.suffix in _REQUIREMENTS]
    return [str(path) for path in found if path.is_file()]


def _tell(linter: _Linter, *, named: bool) -> int:
    """named: whether the files were, and were not just found here."""
    from pip_verify.report.safe import one_line
    from pip_verify.report.words import counted

    remarks = [*filter(None, [linter.fault]), *linter.remarks]
    for remark in _in_order(remarks):
        sys.stdout.write(f"{one_line(str(remark))}\n")
    errors = sum(not remark.warning for remark in remarks)
    count = ", ".join([counted(errors, "error"), counted(len(remarks) - errors, "warning")])
    passed_by = f"; {linter.passed_by} passed by" if named and linter.passed_by else ""
    sys.stdout.write(f"pip-verify lint: {counted(linter.files, 'file')}: {count}{passed_by}\n")
    return WRONG if errors else 0


def _in_order(remarks: Sequence[Remark]) -> Iterator[Remark]:
    """By file and line, each once, files relative to this directory where they are in it."""
    here = f"{Path.cwd()}{os.sep}"
    shown = [
        replace(remark, origin=replace(remark.origin, file=remark.origin.file.removeprefix(here))) for remark in remarks
    ]
    yield from dict.fromkeys(sorted(shown, key=lambda remark: (remark.origin.file, remark.origin.line)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pip-verify lint",
        description="Find mistakes in trust files, requirement files and pip-verify.lock. Uses no network.",
        epilog="Without FILE: those of this directory. The trust file in force is always looked at. "
        "Exit code 2: something is wrong; warnings alone leave it 0.",
        allow_abbrev=False,
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="others than those, such as lock files, are passed by")
    parser.add_argument("--trust-file", metavar="FILE", help="instead of the pip-verify.toml found from here upwards")
    return parser
