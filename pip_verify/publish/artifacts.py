"""The artifacts of one release, read as strictly as whoever installs them will read them, before anybody signs.

Paths come in, a ``Release`` goes out: project, version, and each file's size and sha256, taken in the pass that
checked it. Refused: files that are not all of one project and one version, one named twice, more than a statement
can hold (all of that before one byte is read), and every file that the strict readers refuse, since a signature
would not make anybody accept it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from pip_verify.artifact.name import Artifact, parse_filename
from pip_verify.artifact.sdist import read_sdist
from pip_verify.artifact.wheel import WheelFacts, read_wheel
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.evidence.release import MAX_SUBJECTS
from pip_verify.storage import TO_READ, look_in

NAME_ONCE = "name it once"  # two paths may lead to it

_NAMED = 5  # files listed in one message


@dataclass(frozen=True)
class Checked:
    """A file that passed. artifact: with its sha256. size: bytes. wheel: what the wheel reader found, None for an
    sdist. status: of the open file that was read."""

    path: Path
    artifact: Artifact
    size: int
    wheel: WheelFacts | None
    status: os.stat_result

    @property
    def sha256(self) -> str:
        """Of the bytes that were read and checked, 64 hex digits."""
        return self.artifact.sha256 or ""


@dataclass(frozen=True)
class Release:
    """Files of one release, in the order of their names. project: normalised; version: canonical."""

    project: str
    version: str
    files: tuple[Checked, ...]

    @property
    def digests(self) -> dict[str, str]:
        """Hex sha256 by file name."""
        return {file.artifact.filename: file.sha256 for file in self.files}


def read_release(paths: Sequence[Path]) -> Release:
    """Read the wheels and sdists of one release.

    Raises UsageError when they are none or too many, of several projects or versions, named twice or unreadable;
    EvidenceError when one breaks a rule of the strict readers.
    """
    artifacts = name_release([path.name for path in paths])
    checked: list[Checked] = []
    faults: list[EvidenceError] = []
    for path, artifact in sorted(zip(paths, artifacts, strict=True), key=lambda pair: pair[0].name):
        try:
            checked.append(read_artifact(path, artifact))
        except EvidenceError as error:
            faults.append(error)
    if faults:
        raise all_in_one(faults)
    return Release(artifacts[0].project, artifacts[0].version, tuple(checked))


def name_release(filenames: Sequence[str]) -> list[Artifact]:
    """What the names of one release's files state, in the order given; raises UsageError as ``read_release``."""
    if not 1 <= len(filenames) <= MAX_SUBJECTS:
        hint = "name the files of one release; each release has a statement of its own"
        got = str(len(filenames) or "none")
        raise UsageError("files to sign", expected=f"1 to {MAX_SUBJECTS} wheels and sdists", got=got, hint=hint)
    artifacts = [parse_own_name(filename) for filename in filenames]
    refuse_other_releases(artifacts, artifacts[0].project, artifacts[0].version)
    return artifacts


def parse_own_name(filename: str) -> Artifact:
    """What the name of a publisher's own file states; a wrong one is a slip here, not an attack: UsageError."""
    try:
        return parse_filename(filename)
    except EvidenceError as error:
        hint = "name wheels and sdists only, for example dist/*.whl dist/*.tar.gz"
        raise UsageError(error.subject, expected=error.expected, got=error.got, hint=hint) from error


def refuse_other_releases(artifacts: Sequence[Artifact], project: str, version: str) -> None:
    """Raises UsageError unless all are of this release and each file name is there once.

    ``1.0`` and ``1.0.0`` are one version (PEP 440), but they are looked for at two paths.
    """
    seen: set[str] = set()
    for artifact in artifacts:
        if (artifact.project, artifact.version) != (project, version):
            raise UsageError(
                artifact.filename,
                expected=f"a file of {project} {version}",
                got=f"one of {artifact.project} {artifact.version}",
                hint="sign the files of each release with a command of its own",
            )
        if artifact.filename in seen:
            raise UsageError(artifact.filename, expected="each file once", got="this one twice", hint=NAME_ONCE)
        seen.add(artifact.filename)


def read_artifact(path: Path, artifact: Artifact) -> Checked:
    """Read one file, which has the name that ``artifact`` states; raises as ``read_release``."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | TO_READ)) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                expected, got = "a wheel or an sdist", "something that is no regular file"
                raise UsageError(str(path), expected=expected, got=got, hint=look_in(path.parent))
            return _read(path, file, status, artifact)
    except OSError as error:
        expected, got = "a file that can be read", error.strerror or str(error)
        raise UsageError(str(path), expected=expected, got=got, hint=look_in(path.parent)) from error
    except EvidenceError as error:
        hint = "nobody could install it with pip-verify: mend what built it and build it again; it was not signed"
        raise EvidenceError(error.subject, expected=error.expected, got=error.got, hint=hint) from error


def all_in_one(faults: Sequence[EvidenceError]) -> EvidenceError:
    """The first of them, which names the files of the others."""
    first, others = faults[0], faults[1:]
    if not others:
        return first
    named = ", ".join(error.subject for error in others[:_NAMED]) + (", ..." if len(others) > _NAMED else "")
    got = f"{first.got}; and {len(others)} more that break a rule: {named}"
    return EvidenceError(first.subject, expected=first.expected, got=got, hint=first.hint)


def _read(path: Path, file: BinaryIO, status: os.stat_result, artifact: Artifact) -> Checked:
    if artifact.kind == "wheel":
        facts = read_wheel(file, status.st_size, artifact)
        return Checked(path, replace(artifact, sha256=facts.sha256), status.st_size, facts, status)
    sdist = read_sdist(file, status.st_size, artifact)
    return Checked(path, replace(artifact, sha256=sdist.sha256), status.st_size, None, status)
