"""What a lock states, as values, whatever its format. Data only.

URLs stand here as the lock has them, so they may hold an index password: redact them before showing them to anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pip_verify.pins import InlinePin, Origin


@dataclass(frozen=True)
class LockedFile:
    """One file that a lock allows, or that lies in a directory or on an index.

    project: normalised (PEP 503). version: canonical (PEP 440), None where the lock does not state it. filename: None
    where the lock states digests alone (requirement files, Pipfile.lock). sha256: lower-case hex, None where the
    lock states no sha256. digests: by other algorithms that it states, with or without a sha256; whoever installs takes
    a file that has any one of all of them. url: where the lock says the file is. marker: the environment marker
    it stands under. pins: inline pins of a requirement file. origin: file and line of what states this digest, else of
    its project. stated: whether the user's lock states the digest; one that was computed of a file at hand, or read
    from an index, holds nobody to anything. path: where the file itself is at hand, in a directory
    that was named, or where the lock says.
    """

    project: str
    version: str | None
    filename: str | None
    sha256: str | None
    origin: Origin
    url: str | None = None
    marker: str | None = None
    pins: tuple[InlinePin, ...] = ()
    digests: tuple[tuple[str, str], ...] = ()
    stated: bool = True
    path: str | None = None

    @property
    def other_algorithms(self) -> str:
        """The names of other algorithms than sha256 by which it is stated, in words."""
        return " and ".join(sorted({algorithm for algorithm, _ in self.digests}))


@dataclass(frozen=True)
class LockedSource:
    """A source that has no file to sign. kind: "vcs" or "directory". location: its URL or path, as pip has it (a
    version-control URL with ``@commit``). project, version: None where the lock does not state them."""

    kind: Literal["vcs", "directory"]
    location: str
    project: str | None
    version: str | None
    origin: Origin
    marker: str | None = None


@dataclass(frozen=True)
class Unlocked:
    """A requirement that a requirement file states without fixing version and digest: nothing to judge by.

    project: None where not even that is stated. text: the requirement as written. dependencies: whether it is fixed
    itself, and what it requires in turn is not.
    """

    project: str | None
    text: str
    origin: Origin
    marker: str | None = None
    pins: tuple[InlinePin, ...] = ()
    dependencies: bool = False


@dataclass(frozen=True)
class LockedSet:
    """Everything that one lock, or several together, allow; in the order of the files, nothing twice."""

    files: tuple[LockedFile, ...] = ()
    sources: tuple[LockedSource, ...] = ()
    unlocked: tuple[Unlocked, ...] = ()

    def __len__(self) -> int:
        """How much that is."""
        return len(self.files) + len(self.sources) + len(self.unlocked)
