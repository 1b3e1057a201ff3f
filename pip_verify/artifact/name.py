"""What a file name states: project, version, kind.

Refused: names that are not ASCII or not valid under PEP 508 (``packaging`` alone maps the Kelvin sign to
``k`` and lets a Cyrillic letter through), names that are no wheel (PEP 427) and no sdist (PEP 625).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_version,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from pip_verify.errors import EvidenceError

# "file": a wheel or an sdist known by its digest alone, as locks state it. The last two have no bytes to sign.
Kind = Literal["wheel", "sdist", "file", "directory", "vcs"]

_NAME_RE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\Z")  # PEP 508, ASCII only
_FILENAME_RE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*\Z")
_MAX_FILENAME = 255
_MAX_TAGS = 1000  # of a wheel, expanded (PEP 425); 255 characters could name 60,000


@dataclass(frozen=True)
class Artifact:
    """One file pip would install or build.

    project: normalised (PEP 503); version: PEP 440 as ``str(Version)`` writes it; filename: as it stands on the index
    (of kind "file": words for it, since it is not known); sha256: 64 lower-case hex digits, or None while
    neither index nor bytes have stated one.
    """

    project: str
    version: str
    filename: str
    kind: Kind
    sha256: str | None = None


def normalise(name: str, what: str = "project name") -> str:
    """Normalise a project name (PEP 503); raises EvidenceError when it is not a valid name (PEP 508)."""
    if not _NAME_RE.match(name):
        raise EvidenceError(what, expected="letters, digits, '.', '_' and '-' (PEP 508)", got=ascii(name[:80]))
    return re.sub(r"[-_.]+", "-", name).lower()


def canonical_version(text: str, what: str = "version") -> str:
    """The canonical PEP 440 form, as ``str(packaging.version.Version)`` writes it; raises EvidenceError."""
    refusal = EvidenceError(what, expected="a PEP 440 version", got=ascii(text[:80]))
    if len(text) > _MAX_FILENAME or text != text.strip():  # packaging strips; int() refuses 4,301 digits in its own way
        raise refusal
    try:
        return str(Version(text))
    except InvalidVersion as error:
        raise refusal from error


def same_version(first: str, second: str) -> bool:
    """Whether two versions are one under PEP 440 (``1.0`` and ``1.0.0`` are)."""
    return first == second or canonicalize_version(first) == canonicalize_version(second)


def parse_filename(filename: str, *, project: str | None = None, sha256: str | None = None) -> Artifact:
    """Read project and version from a wheel's or sdist's file name.

    project: the normalised name the requirement states, if known; it must be the file's. Raises
    EvidenceError for any other file name, and when the names differ.
    """
    if len(filename) > _MAX_FILENAME or not _FILENAME_RE.match(filename):
        raise EvidenceError(
            ascii(filename[:80]), expected="the file name of a wheel or an sdist", got="other characters"
        )
    kind: Kind
    try:
        if filename.endswith(".whl"):
            kind = "wheel"
            _refuse_many_tags(filename)
            name, version = parse_wheel_filename(filename)[:2]
        else:
            kind = "sdist"
            name, version = parse_sdist_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion) as error:
        raise EvidenceError(
            filename, expected="the file name of a wheel (PEP 427) or an sdist (PEP 625)", got=str(error)
        ) from error
    normalised = normalise(name, filename)
    if project is not None and normalised != project:
        raise EvidenceError(filename, expected=f"a file of {project}", got=f"a file of {normalised}")
    return Artifact(normalised, str(version), filename, kind, sha256)


def _refuse_many_tags(filename: str) -> None:
    """``packaging`` expands the compressed tag set of the last three parts, whatever it comes to."""
    count = math.prod(part.count(".") + 1 for part in filename.removesuffix(".whl").split("-")[-3:])
    if count > _MAX_TAGS:
        raise EvidenceError(ascii(filename[:80]), expected=f"at most {_MAX_TAGS} compatibility tags", got=str(count))
