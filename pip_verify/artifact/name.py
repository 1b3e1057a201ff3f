"""What a file name states: project, version, kind.

Refused: names that are not ASCII or not valid under PEP 508 (``packaging`` alone maps the Kelvin sign to
``k`` and lets a Cyrillic letter through), names that are no wheel (PEP 427) and no sdist (PEP 625). ``read_as_pip``
alone reads what pip takes beyond that: a watch that left it out would not see what pip installs.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

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

# The endings that pip unpacks (its utils/filetypes.py), in upper or lower case just so.
ENDINGS = frozenset(
    (".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tlz", ".tar.lz", ".tar.lzma")
)
_PYTHON_RE = re.compile(r"-py[123]\.?[0-9]?\Z")  # "demo-1.0-py3.tar.gz" is version 1.0 to pip


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


def read_as_pip(filename: str, project: str, egg: str | None = None) -> Artifact | None:
    """What pip takes a file on an index for, whatever PEP 427 and PEP 625 say of its name: None for what it does not
    take, or not for ``project`` (normalised). Of a name that nobody reads strictly this is never more than a guess.

    egg: the fragment ``#egg=`` of its link, which pip believes more than an archive's name. The file name of what comes
    out is that of ``parse_filename`` where this reads it; else percent-encoded, so that it can be shown and typed.
    """
    try:
        return parse_filename(filename, project=project)
    except EvidenceError:
        stem, ending = _split(filename)
    if ending == ".whl":
        parts = stem.split("-")
        version = _version(parts[1]) if len(parts) in (5, 6) and _loosely(parts[0]) == project else None
    elif ending in ENDINGS:
        version = _after_project(stem if egg is None else egg, project)
    else:
        version = None
    if version is None:
        return None
    shown = quote(filename, safe="!+") + ("" if egg is None else f"#egg={quote(egg)}")
    return Artifact(project, version, shown, "wheel" if ending == ".whl" else "sdist")


def is_named_after(filename: str, project: str) -> bool:
    """Whether a file that is neither wheel nor sdist seems to be one of ``project`` (normalised): an installer, an egg,
    a signature."""
    try:
        parse_filename(filename)
    except EvidenceError:
        return _loosely(filename).startswith(f"{project}-")
    return False


def ending_of(filename: str) -> str:
    """A file name's ending as pip splits it: ``.tar.gz`` is one."""
    return _split(filename)[1]


def _split(filename: str) -> tuple[str, str]:
    stem, dot, last = filename.rpartition(".")
    if not stem.strip("."):  # a name of a dot file has no ending
        return filename, ""
    if stem.lower().endswith(".tar"):
        return stem[:-4], stem[-4:] + dot + last
    return stem, dot + last


def _loosely(name: str) -> str:
    """A name normalised as pip does it, valid or not."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _after_project(stem: str, project: str) -> str | None:
    """The version behind the project's name: pip takes the first hyphen at which the name is the project's."""
    for at in (match.start() for match in re.finditer("-", stem)):
        if _loosely(stem[:at]) == project:
            return _version(_PYTHON_RE.sub("", stem[at + 1 :]))
    return None


def _version(text: str) -> str | None:
    try:
        return str(Version(text))
    except ValueError:  # InvalidVersion, or more digits than Python reads
        return None
