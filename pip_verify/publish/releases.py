"""The publisher's own release statements on disk: a directory comes in, what is in it goes out, and what is wrong.

A statement is ``{directory}/{project}/{version}.jws``, where ``sign`` puts it. Which of its signatures count depends
on a key list and a time, and both are arguments. What is hidden (locks, what editors and file systems leave, version
control) is passed by. Refused: a directory that cannot be read, and a link to one, for nobody would have looked at
the statements in it.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pip_verify.errors import EvidenceError, PipVerifyError, UsageError
from pip_verify.evidence import Claim
from pip_verify.evidence.jws import JWS_MAX_BYTES, prove
from pip_verify.evidence.release import parse
from pip_verify.keys import KeyList, PublicKey
from pip_verify.storage import look_in, read_file

_EXPECTED = "a directory of release statements"


@dataclass(frozen=True)
class Statement:
    """One statement. path: where it is; data: its bytes; project, version: as it says and as it is named."""

    path: Path
    data: bytes
    claim: Claim
    project: str
    version: str

    @property
    def release(self) -> str:
        """Project and version, for people."""
        return f"{self.project} {self.version}"


@dataclass(frozen=True)
class Releases:
    """What is in a directory of statements. faults: one for each file that is none, or not where it belongs."""

    directory: Path
    statements: tuple[Statement, ...] = ()
    faults: tuple[PipVerifyError, ...] = ()


@dataclass(frozen=True)
class Signers:
    """Who signed a statement. proved: distinct keys of the list, whatever their standing; bad: names of its keys
    whose signature does not verify; strangers: names that no key of the list has."""

    proved: tuple[PublicKey, ...]
    bad: tuple[str, ...]
    strangers: tuple[str, ...]


def statement_files(directory: Path) -> list[Path]:
    """Every file below ``directory`` that is not hidden, sorted; raises UsageError unless all of it can be read."""
    found: list[Path] = []
    try:
        for folder, folders, names in os.walk(directory, onerror=_refuse_unreadable):
            folders[:] = (name for name in folders if not name.startswith("."))
            _refuse_links(Path(folder, name) for name in folders)
            found += (Path(folder, name) for name in names if not name.startswith("."))
    except OSError as error:
        got, hint = error.strerror or str(error), look_in(Path(error.filename).parent)
        raise UsageError(str(error.filename), expected=_EXPECTED, got=got, hint=hint) from error
    return sorted(found)


def read_releases(directory: Path) -> Releases:
    """Every statement below ``directory``, in the order of their paths; raises UsageError when it cannot be read."""
    statements: list[Statement] = []
    faults: list[PipVerifyError] = []
    for path in statement_files(directory):
        try:
            statements.append(_read(directory, path))
        except PipVerifyError as error:
            faults.append(error)
    return Releases(directory, tuple(statements), tuple(faults))


def signers_of(statement: Statement, key_list: KeyList) -> Signers:
    """Check every signature by the keys of ``key_list``."""
    proof = prove(statement.claim, {name: entry.key for name, entry in key_list.by_name.items()})
    return Signers(proof.keys, proof.bad, proof.strangers)


def counting(keys: Sequence[PublicKey], key_list: KeyList, now: float) -> tuple[PublicKey, ...]:
    """Those of ``keys`` whose signatures count by ``key_list`` at ``now``."""
    entries = ((key, key_list.get(key)) for key in keys)
    return tuple(key for key, entry in entries if entry is not None and entry.refusal(now) is None)


def _refuse_unreadable(error: OSError) -> None:
    raise error


def _refuse_links(folders: Iterable[Path]) -> None:
    for path in folders:
        if path.is_symlink():
            hint = "put the directory itself there"
            raise UsageError(str(path), expected=_EXPECTED, got="a link to one", hint=hint)


def _read(directory: Path, path: Path) -> Statement:
    data, _ = read_file(path, max_bytes=JWS_MAX_BYTES, expected="a release statement")
    try:
        claim = parse(data)
    except EvidenceError as error:
        raise EvidenceError(f"{path}: {error.subject}", expected=error.expected, got=error.got) from error
    project, version = str(claim.project), str(claim.version)  # this format always names them
    belongs = directory / project / f"{version}.jws"
    if path != belongs:
        expected = f"the statement of this path, or none at {belongs}"
        there = shlex.quote(str(belongs.parent))
        hint = f"if it belongs there: mkdir -p {there} && {shlex.join(['mv', '-n', str(path), str(belongs)])}"
        raise UsageError(str(path), expected=expected, got="that one", hint=hint)
    return Statement(path, data, claim, project, version)
