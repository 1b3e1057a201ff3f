"""Locks from disk: paths come in, what they lock together goes out.

A path is a lock file, a requirement file (its ``-r`` and ``-c`` are followed, relative to the file they stand in) or a
directory of wheels and sdists. A file whose digest a lock states, and which it names by a path or a ``file:`` URL, is
at hand if it is there, as those of a directory are: pip finds the paths of a requirement file from the current
directory, and those of other locks are relative to the lock. Refused: remote requirement files, files that include
themselves, a directory in which an archive's name states no project and version, or which has none.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pip_verify.artifact.name import parse_filename
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.lockfiles.document import MAX_BYTES
from pip_verify.lockfiles.merge import combine
from pip_verify.lockfiles.model import LockedFile, LockedSet
from pip_verify.lockfiles.package import is_archive, local_path
from pip_verify.lockfiles.recognise import reader_for
from pip_verify.pins import Origin
from pip_verify.requirements.model import ParsedFile
from pip_verify.sources import concurrently
from pip_verify.storage import look_in

MAX_NESTING = 50  # levels of -r and -c

_SCHEME_RE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def load_locked(paths: Sequence[Path], *, environ: Mapping[str, str]) -> LockedSet:
    """What the locks at ``paths`` allow together, nothing twice; all requirement files count as one pip command.

    environ: for ``${VAR}`` in requirement files. Raises UsageError for what cannot be read, EvidenceError for locks
    that contradict each other.
    """
    requirements = _RequirementFiles(environ)
    parts: list[LockedSet | None] = []  # None: all requirement files, at the place of the first
    for path in paths:
        if path.is_dir():
            parts.append(_read_directory(path))
            continue
        data = _read(path)
        reader = reader_for(path.name, data)
        if reader is not None:
            parts.append(_at_hand(reader(data, str(path)), path.parent))
        else:
            requirements.read(path, data)
            if None not in parts:
                parts.append(None)
    return combine(requirements.together() if part is None else part for part in parts)


@dataclass
class _RequirementFiles:
    """Reads requirement files and those they include, each once as requirements and once as constraints."""

    environ: Mapping[str, str]
    parsed: list[ParsedFile] = field(default_factory=list)
    _seen: set[tuple[str, bool]] = field(default_factory=set)

    def together(self) -> LockedSet:
        """What all of them allow; requirements and constraints can only be read together."""
        from pip_verify.lockfiles.requirement_files import from_requirements  # lazily: most locks are no such files

        return _at_hand(from_requirements(*self.parsed), Path())

    def read(self, path: Path, data: bytes) -> None:
        """Read one named by the user."""
        self._read(path, data, constraint=False, including=())

    def _read(self, path: Path, data: bytes, *, constraint: bool, including: tuple[str, ...]) -> None:
        real = os.path.realpath(path)
        if (real, constraint) in self._seen:
            return
        self._seen.add((real, constraint))
        from pip_verify.requirements.parse import parse_requirements  # lazily, as above

        parsed = parse_requirements(data, str(path), constraint=constraint, environ=self.environ)
        self.parsed.append(parsed)
        for nested in parsed.nested:
            origin = Origin(str(path), nested.line)
            target = _target(path, nested.target, origin)
            inside = (*including, real)
            _refuse_cycle(target, inside, origin)
            self._read(target, _read(target, origin), constraint=nested.kind == "constraint", including=inside)


def _at_hand(locked: LockedSet, base: Path) -> LockedSet:
    """With the paths of files that are there. base: where relative ones begin."""

    def looked_up(file: LockedFile) -> LockedFile:
        path = None if file.sha256 is None or file.url is None else local_path(file.url)
        if path is None or Path(path).name != file.filename:
            return file
        there = os.path.isfile(base / path)  # noqa: PTH113 - Path.is_file raises for a path that no system takes
        return replace(file, path=str((base / path).absolute())) if there else file

    return replace(locked, files=tuple(looked_up(file) for file in locked.files))


def _target(path: Path, target: str, origin: Origin) -> Path:
    """The file a ``-r`` or ``-c`` names, relative to the file it stands in."""
    if _SCHEME_RE.match(target) and not re.match(r"[A-Za-z]:[\\/]", target):
        hint = "download it, look at it, and name the copy: what a lock fixes must not change by itself"
        raise UsageError(str(origin), expected="a requirement file on disk", got="a URL", hint=hint)
    return path.parent / target


def _refuse_cycle(target: Path, inside: Sequence[str], origin: Origin) -> None:
    if os.path.realpath(target) in inside:
        hint = "remove this line"
        raise UsageError(str(origin), expected="files that do not include themselves", got=target.name, hint=hint)
    if len(inside) >= MAX_NESTING:
        hint = "name the file of this line with an -r of its own on the command line"
        raise UsageError(str(origin), expected=f"at most {MAX_NESTING} levels of -r and -c", got="more", hint=hint)


def _read(path: Path, origin: Origin | None = None) -> bytes:
    """A lock's bytes, or so many of them that its reader sees that they are too many."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # a NUL in a path is a ValueError
        subject = str(path) if origin is None else f"{origin}: {path}"
        got = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(subject, expected="a lock that can be read", got=got, hint=look_in(path.parent)) from error


def _read_directory(directory: Path) -> LockedSet:
    """Wheels and sdists on disk, with the digests of their bytes; other files are left alone."""
    try:
        paths = sorted(path for path in directory.iterdir() if is_archive(path.name) and path.is_file())
    except OSError as error:
        raise _unreadable(directory, "a directory", error) from error
    if not paths:
        hint = "name a directory with .whl and .tar.gz files, or a lock file"
        raise UsageError(str(directory), expected="wheels and sdists", got="none", hint=hint)
    return LockedSet(files=tuple(concurrently(lambda path: _read_artifact(path, Origin(str(directory))), paths)))


def _read_artifact(path: Path, origin: Origin) -> LockedFile:
    try:
        artifact = parse_filename(path.name)
        digest = _sha256(path)
    except EvidenceError as error:
        hint = "move what is no wheel and no sdist out of the directory"
        raise UsageError(f"{origin}: {error.subject}", expected=error.expected, got=error.got, hint=hint) from error
    except OSError as error:
        raise _unreadable(path, "a file", error) from error
    where = path.absolute()
    return LockedFile(
        artifact.project, artifact.version, path.name, digest, origin, url=where.as_uri(), stated=False, path=str(where)
    )


def _unreadable(path: Path, what: str, error: OSError) -> UsageError:
    got = str(error.strerror)
    return UsageError(str(path), expected=f"{what} that can be read", got=got, hint=look_in(path.parent))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1024 * 1024):
            digest.update(block)
    return digest.hexdigest()
