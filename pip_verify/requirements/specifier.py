"""What a requirement names: its text, without options, to project, version, URL, marker, extras.

The forms are told apart as pip does (26.3, ``req/constructors.py``): a URL, a path, ``name @ URL``, else PEP 508.
No disk is looked at, so a text that is a path to pip only if a file is there counts as one when it has a path
separator, starts with a dot or ends like an archive. Refused: what PEP 508 refuses, names that are not ASCII,
a URL whose ``#egg=``, ``name @`` and file name disagree, unknown URL schemes and fragments, weak or malformed
digests in a fragment, ``;`` in a URL (pip and PEP 508 end it at different places).
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, unquote, urlsplit

from packaging.markers import Marker
from packaging.requirements import Requirement as Pep508

from pip_verify.artifact.name import Artifact, canonical_version, normalise, parse_filename
from pip_verify.errors import EvidenceError
from pip_verify.requirements.options import LineContext, read_hash

MAX_SPECIFIER = 4000  # below Python's limit on digits in an integer, which packaging would run into

_SCHEME_RE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")  # two characters at least: C: is a drive
_VCS_RE = re.compile(r"(?:git|hg|svn|bzr)\+[a-z-]+\Z")
_NAMED_URL_RE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*[ \t]*(?:\[[^\]]*\][ \t]*)?@")
_BARE_FILE_RE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*\Z")
_QUERY_FRAGMENT_RE = re.compile(r"&(?:egg|subdirectory|md5|sha[0-9]+)=")
_ARCHIVES = (".whl", ".zip", ".tar", ".tgz", ".tbz", ".txz", ".tlz")  # pip 26.3, utils/filetypes.py
_TAR_ARCHIVES = (".gz", ".bz2", ".xz", ".lz", ".lzma")
_DIGESTS = ("sha256", "sha384", "sha512", "sha224", "sha1", "md5")


@dataclass(frozen=True)
class Named:
    """What a requirement names; the fields are ``Requirement``'s."""

    project: str | None = None
    exact_version: str | None = None
    url: str | None = None
    marker: str | None = None
    extras: tuple[str, ...] = ()


def read_specifier(text: str, line: LineContext) -> Named:
    """Read a requirement line's text (stripped, options gone, variables expanded); raises UsageError."""
    head, semicolon, marker = text.partition(";")
    head = head.rstrip()
    _check_length(text, line)
    if _SCHEME_RE.match(text):
        return replace(_read_url(head, line), marker=_read_marker(text, semicolon, marker, line))
    if _NAMED_URL_RE.match(text):
        return _read_pep508(text, line)
    path, extras = _split_extras(head, line)
    looks_like_path = "/" in head or "\\" in head or head.startswith(".")
    if not looks_like_path and not _is_archive(path):
        return _read_pep508(text, line)
    if "===" in head or not (looks_like_path or _BARE_FILE_RE.match(path)):  # such as demo===1.0.zip
        raise line.refusal("a version that does not make the requirement look like a path to pip", got=text)
    named = _read_path(path, line)
    return replace(named, extras=extras, marker=_read_marker(text, semicolon, marker, line))


def read_editable(text: str, line: LineContext) -> Named:
    """Read the value of ``-e``: a directory, a file: or version-control URL, or ``name @`` such a URL."""
    _check_length(text, line)
    if _NAMED_URL_RE.match(text):
        named = _read_pep508(text, line)
    elif ";" in text:
        raise line.refusal("no marker after -e", got=text, hint="write -e 'NAME @ URL ; MARKER'")
    elif _SCHEME_RE.match(text):
        named = _read_url(text, line)
    else:
        path, extras = _split_extras(text, line)
        _check_path(path, line)
        return Named(url=path, extras=extras)
    if not is_vcs(named.url) and not str(named.url).startswith("file:"):
        raise line.refusal("a directory, a file: URL or a version-control URL after -e", got=text)
    return replace(named, exact_version=None)


def is_vcs(url: str | None) -> bool:
    """Whether ``url`` is a version-control URL such as ``git+https://…``."""
    return url is not None and bool(_VCS_RE.match(url.partition(":")[0].lower()))


def _is_archive(path: str) -> bool:
    """Whether pip takes ``path`` for an archive: it knows .tar.gz, but .tar.zip is no archive to it."""
    base, ending = posixpath.splitext(path.lower())
    return ending in (_TAR_ARCHIVES if base.endswith(".tar") else _ARCHIVES)


def _check_length(text: str, line: LineContext) -> None:
    if len(text) > MAX_SPECIFIER:
        raise line.refusal(f"a requirement of at most {MAX_SPECIFIER} characters")


def _read_pep508(text: str, line: LineContext) -> Named:
    expected = "a requirement by PEP 508 in ASCII, a URL or a path"
    if not text.isascii() or "\\" in text:  # packaging reads escapes in a marker's strings, as Python would
        raise line.refusal(expected, got=text)
    try:
        parsed = Pep508(text)
        project = normalise(parsed.name)
        extras = _normalise_extras(parsed.extras)
    except (ValueError, EvidenceError, RecursionError) as error:
        hint = "put spaces, not tabs, before options" if "\t-" in text else "quote nothing but the values of a marker"
        raise line.refusal(expected, got=text, hint=hint) from error
    marker = str(parsed.marker) if parsed.marker else None
    if parsed.url is None:
        return Named(project, _exact_version(parsed, line), None, marker, extras)
    return replace(_read_url(parsed.url, line, project), marker=marker, extras=extras)


def _exact_version(parsed: Pep508, line: LineContext) -> str | None:
    texts = [
        specifier.version
        for specifier in parsed.specifier
        if specifier.operator == "===" or (specifier.operator == "==" and not specifier.version.endswith(".*"))
    ]
    try:
        versions = [canonical_version(text) for text in texts]
    except EvidenceError as error:  # === takes any text, and pip looks for extras in it
        raise line.refusal("a PEP 440 version after ===") from error
    return versions[0] if len(versions) == len(parsed.specifier) == 1 else None


def _read_url(url: str, line: LineContext, project: str | None = None) -> Named:
    """project: the normalised name that stands before ``@``, if one does."""
    parts = _split_url(url, line)
    egg = _read_fragment(parts.fragment, line)
    stated = {name for name in (project, egg) if name is not None}
    version = None
    filename = posixpath.basename(unquote(parts.path).rstrip("/"))
    if is_vcs(url):
        if filename.lower().endswith(".whl"):  # pip 25.3 takes the project from it
            raise line.refusal("a repository that is not named like a wheel", got=url)
    else:
        artifact = _read_filename(filename, line)
        if artifact is not None and (stated or artifact.kind == "wheel"):  # pip names an sdist by its egg only
            stated.add(artifact.project)
            version = artifact.version if artifact.kind == "wheel" else None
    if len(stated) > 1:
        raise line.refusal("one project in name, #egg= and file name", got=url, hint="say which project it is")
    return Named(project=next(iter(stated), None), exact_version=version, url=url)


def _split_url(url: str, line: LineContext) -> SplitResult:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise line.refusal("a URL", got=url) from error
    scheme = parts.scheme
    if scheme not in ("http", "https", "file") and not is_vcs(url):
        raise line.refusal("a URL with http, https, file or git+https and the like", got=url)
    if not host and scheme.rpartition("+")[2] != "file":
        raise line.refusal("a URL with a host", got=url)
    unquoted = any(char in url for char in " \t;\\") or any(char in parts.path + parts.query for char in "[]")
    unquoted = unquoted or posixpath.normpath(url).endswith("]")  # pip looks for extras there, be it a host
    if unquoted or not url.isascii():
        raise line.refusal("a URL of ASCII without blanks, ';', '\\' or brackets", got=url, hint="percent-encode them")
    if _QUERY_FRAGMENT_RE.search(url.partition("#")[0]):
        raise line.refusal("egg, subdirectory and digests after '#'; pip takes them from the query too", got=url)
    return parts


def _read_fragment(fragment: str, line: LineContext) -> str | None:
    """The normalised project of ``egg=``; every part must be one that pip heeds."""
    seen: dict[str, str] = {}
    for part in fragment.split("&") if fragment else ():
        key, _, value = part.partition("=")
        if key in seen or key not in ("egg", "subdirectory", *_DIGESTS) or not value or "#" in value:
            expected = "a fragment of egg=, subdirectory= and sha256=, each once; pip ignores others"
            raise line.refusal(expected, got=f"#{fragment}")
        if key in _DIGESTS:
            read_hash(f"{key}:{value}", line)
        seen[key] = value
    if "egg" not in seen:
        return None
    try:
        return normalise(seen["egg"])
    except EvidenceError as error:
        raise line.refusal("a project name in #egg=", got=f"#{fragment}", hint="write NAME[EXTRA] @ URL") from error


def _read_filename(filename: str, line: LineContext) -> Artifact | None:
    """The wheel or sdist that a file name states; None for another name, an error for a wheel's that is none."""
    if filename.lower().endswith(".tar.whl"):
        raise line.refusal("a wheel's file name; pip sees none in .tar.whl", got=filename)
    try:
        return parse_filename(filename)
    except EvidenceError as error:
        if filename.lower().endswith(".whl"):
            raise line.refusal("a wheel's file name (PEP 427)", got=filename) from error
        return None


def _read_path(path: str, line: LineContext) -> Named:
    _check_path(path, line)
    artifact = _read_filename(posixpath.basename(posixpath.normpath(path.replace("\\", "/"))), line)
    if artifact is None or artifact.kind != "wheel":
        return Named(url=path)
    return Named(project=artifact.project, exact_version=artifact.version, url=path)


def _check_path(path: str, line: LineContext) -> None:
    if any(part in path for part in ("#", "\t", "[", "]", "://")):
        raise line.refusal(
            "a path without '#', '://', brackets and tabs; pip cuts extras off its normal form", got=path
        )


def _split_extras(text: str, line: LineContext) -> tuple[str, tuple[str, ...]]:
    path, bracket, extras = text.rpartition("[")
    if not path or not text.endswith("]"):
        return text, ()
    try:
        return path.rstrip(), _normalise_extras(Pep508(f"placeholder{bracket}{extras}").extras)
    except (ValueError, EvidenceError) as error:
        raise line.refusal("extras by PEP 508", got=text) from error


def _normalise_extras(extras: set[str]) -> tuple[str, ...]:
    return tuple(sorted({normalise(extra, "extra") for extra in extras}))


def _read_marker(text: str, semicolon: str, marker: str, line: LineContext) -> str | None:
    """The marker of a URL or path; pip ends a URL at ``"; "``, PEP 508 at a blank, so both must stand there."""
    if not semicolon:
        return None
    before, after = text[: -len(marker) - 1], marker[:1]
    if _SCHEME_RE.match(text) and (before[-1] != " " or after != " "):
        raise line.refusal("' ; ' between URL and marker", got=text)
    if not marker.isascii() or "\\" in marker:
        raise line.refusal("a marker in ASCII without backslashes", got=marker)
    try:
        return str(Marker(marker))
    except (ValueError, RecursionError) as error:
        raise line.refusal("a marker by PEP 508", got=marker) from error
