"""One entry of a lock to ``LockedFile`` values: what its files share, and each file as the format states it.

Refused: a file name with a path in it, one file name twice in an entry, one entry twice in a lock.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from pip_verify.artifact.name import parse_filename
from pip_verify.errors import EvidenceError
from pip_verify.lockfiles.document import Entry
from pip_verify.lockfiles.model import LockedFile, LockedSource
from pip_verify.pins import Origin

_ARCHIVES = ("whl", "zip", "tar", "tgz", "tbz", "txz", "tlz")  # pip 26.3, utils/filetypes.py
_TAR_ARCHIVES = ("gz", "bz2", "xz", "lz", "lzma")
# Old locks list them, too, but no installer takes them.
_NEVER_INSTALLED = (".egg", ".exe", ".msi", ".rpm", ".deb", ".dmg")
_SCHEME_RE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # two characters at least: C: is a drive
_ENDS_WITH_COMMIT_RE = re.compile(r"@[0-9a-f]{40,64}\Z")


@dataclass
class Package:
    """What the files of one entry share; ``files`` collects them."""

    entry: Entry
    project: str
    version: str | None
    marker: str | None
    files: list[LockedFile] = field(default_factory=list)

    def add(self, filename: str | None, url: str | None, digests: Mapping[str, str]) -> None:
        """Add one file. digests: by algorithm; none of them states how the lock fixes the file."""
        if filename is not None and filename.lower().endswith(_NEVER_INSTALLED):
            return
        sha256 = digests.get("sha256")
        telling = sha256 or next(iter(digests.values()), None)
        self.files.append(
            LockedFile(
                project=self.project,
                version=self.version or _version_of_wheel(filename, self.project),
                filename=filename,
                sha256=sha256,
                origin=self.entry.origin if telling is None else self._origin(telling),
                digests=tuple(sorted(pair for pair in digests.items() if pair[0] != "sha256")),
                url=url,
                marker=self.marker,
            )
        )

    def source(self, kind: str, location: str) -> LockedSource:
        """The source that stands where files would."""
        return LockedSource(
            "vcs" if kind == "vcs" else "directory",
            location,
            self.project,
            self.version,
            self.entry.origin,
            self.marker,
        )

    def finish(self) -> list[LockedFile]:
        """The files; raises EvidenceError when one file name stands there twice."""
        seen = set()
        for file in self.files:
            if file.filename in seen:
                raise _duplicate(file.origin, f"{file.filename} once in an entry")
            if file.filename is not None:
                seen.add(file.filename)
        return self.files

    def _origin(self, digest: str) -> Origin:
        at = self.entry.origin
        return Origin(at.file, self.entry.document.digest_line(digest, at.line))


def refuse_twins(entries: Iterable[tuple[Hashable, Entry]], what: str) -> None:
    """Raise EvidenceError when two entries have one identity."""
    seen = set()
    for identity, entry in entries:
        if identity in seen:
            raise _duplicate(entry.origin, f"{what} once")
        seen.add(identity)


def stated_name(entry: Entry, key: str) -> str | None:
    """A file name at ``key``, None when absent; raises UsageError when it has a path in it."""
    name = entry.text(key)
    if name is not None and ("/" in name or "\\" in name):
        raise entry.refusal(key, "a file name without a path", ascii(name[:80]))
    return name


def name_at(location: str) -> str | None:
    """The file name at the end of a URL or a path, if it is one that pip takes for an archive."""
    path = location
    if is_url(location):
        path = unquote(location.partition("#")[0].partition("?")[0])
    name = path.replace("\\", "/").rpartition("/")[2]
    return name if is_archive(name) else None


def is_url(location: str) -> bool:
    """Whether this is a URL and no path."""
    return bool(_SCHEME_RE.match(location))


def local_path(location: str) -> str | None:
    """The path that a path or a ``file:`` URL leads to, by pip's rules (26.3, ``utils/urls.py``); None for any other
    URL, and for one that names another host."""
    if not is_url(location):
        return location
    try:
        parts = urlsplit(location)
    except ValueError:
        return None
    return unquote(parts.path) if parts.scheme == "file" and parts.netloc in ("", "localhost") else None


def is_archive(name: str) -> bool:
    """Whether pip takes this name for an archive's; it knows .tar.gz, but .tar.zip is none to it."""
    base, _, ending = name.lower().rpartition(".")
    return bool(base) and ending in (_TAR_ARCHIVES if base.endswith(".tar") else _ARCHIVES)


def vcs_location(kind: str, url: str, commit: str | None) -> str:
    """A version-control URL as pip has it: ``git+https://…@commit``, without fragment."""
    url = url.partition("#")[0]
    url = url if url.startswith(f"{kind}+") else f"{kind}+{url}"
    return url if commit is None or _ENDS_WITH_COMMIT_RE.search(url) else f"{url}@{commit}"


def _version_of_wheel(filename: str | None, project: str) -> str | None:
    """What a wheel's name states where its entry states no version; the name is judged later, not here."""
    if filename is None:
        return None
    try:
        return parse_filename(filename, project=project).version
    except EvidenceError:
        return None


def _duplicate(origin: Origin, expected: str) -> EvidenceError:
    hint = "do not use this lock: make it anew, and look at what changes"
    return EvidenceError(str(origin), expected=expected, got="a second one", hint=hint)
