"""What an sdist may hold before pip unpacks it (PEP 517, PEP 625, PEP 721), read strictly and in one pass.

In: an open file, its size, and what its file name states. Out: ``SdistFacts``. ``.tar.gz`` and ``.zip`` only. Refused
besides what ``tarfmt`` and ``zipfmt`` refuse: a second gzip member or bytes behind the first, anything outside one
top-level directory that bears the file name's name and version, two members that are one on some file system, members
below a link, symbolic links that are not plain relative paths staying inside, hard links to anything but an earlier
file, and a missing PKG-INFO or one of another project or version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from pip_verify.artifact.fault import Spot, shown
from pip_verify.artifact.limits import DEFAULT, Limits
from pip_verify.artifact.metadata import check_identity, is_stem
from pip_verify.artifact.name import Artifact
from pip_verify.artifact.paths import check_path, check_tree
from pip_verify.artifact.stream import GZIP, Piece, Stream, check_cap, check_length, file_blocks, inflate
from pip_verify.artifact.tarfmt import Member, MemberKind, read_members
from pip_verify.artifact.zipfmt import Entry, read_archive
from pip_verify.artifact.zipwalk import walk

_PKG_INFO = "PKG-INFO"


@dataclass(frozen=True)
class SdistFacts:
    """What an sdist that passed holds. sha256: hex digest of the whole file, taken in the same pass. metadata: bytes of
    PKG-INFO."""

    sha256: str
    metadata: bytes = field(default=b"", repr=False, compare=False)  # sha256 stands for it


def read_sdist(file: BinaryIO, size: int, artifact: Artifact, limits: Limits = DEFAULT) -> SdistFacts:
    """Read and check the sdist in ``file`` (seekable, ``size`` bytes) against what its file name states.

    Raises EvidenceError that names the member and the rule it breaks. The bytes are read once; memory does not grow
    with the sdist's size. Whether ``artifact.sha256`` is the digest found is for the caller to compare.
    """
    spot = Spot(artifact.filename)
    contents = _Contents(artifact, limits, spot)
    if artifact.filename.endswith(".tar.gz"):
        sha256 = _read_tar(file, size, limits, contents, spot)
    elif artifact.filename.endswith(".zip"):
        sha256 = _read_zip(file, size, limits, contents, spot)
    else:
        raise spot.breaks("an sdist that ends in .tar.gz or .zip", "another file")
    return SdistFacts(sha256, contents.check())


class _Contents:
    """The members as they come, each checked against those before it, and the one small file that is kept."""

    def __init__(self, artifact: Artifact, limits: Limits, spot: Spot) -> None:
        self.members: dict[str, Member] = {}
        self._artifact = artifact
        self._limits = limits
        self._spot = spot
        self._top = ""
        self._metadata: bytes | None = None

    def add(self, member: Member, pieces: Iterator[Piece]) -> None:
        spot = self._spot.at(member.name)
        top, _, rest = member.name.partition("/")
        self._top = self._top or top
        if top != self._top or not is_stem(top, self._artifact):
            rule = f"everything in one directory named for {self._artifact.project} {self._artifact.version}"
            raise spot.breaks(rule, shown(top))
        if member.name in self.members:
            raise spot.breaks("each member once", "two of this name")
        self._check_link(member, spot)
        self.members[member.name] = member
        if rest == _PKG_INFO and member.kind == "file":
            check_cap(member.size, self._limits.text, spot)
            self._metadata = b"".join(pieces)

    def _check_link(self, member: Member, spot: Spot) -> None:
        target = self.members.get(member.target)
        if member.kind == "hardlink" and (target is None or target.kind != "file"):
            raise spot.breaks("hard links to files before them in the archive", shown(member.target))
        if member.kind == "symlink":
            check_symlink(member.name, member.target, spot)

    def check(self) -> bytes:
        """What only the whole shows: names that are one on some file system, members below a link, PKG-INFO.
        Returns PKG-INFO's bytes."""
        check_tree([(name, member.kind == "directory") for name, member in self.members.items()], self._spot)
        path = f"{self._top}/{_PKG_INFO}"
        if self._metadata is None:
            raise self._spot.breaks(f"a file {path}", "none")
        check_identity(self._metadata, self._artifact, self._spot.at(path))
        return self._metadata


def check_symlink(name: str, target: str, spot: Spot) -> None:
    """Raises EvidenceError unless the link stays inside the archive's top directory on every system.

    ``..`` may only stand at the target's beginning, where the link's own directories are known to be real ones: then
    whatever links the rest passes through stay inside too.
    """
    climbs = 0
    rest = target
    while rest == ".." or rest.startswith("../"):
        climbs += 1
        rest = rest[3:]
    if climbs > name.count("/") - 1:
        raise spot.breaks("symbolic links that stay inside the top directory", shown(target))
    if rest or not climbs:
        check_path(rest, spot)


def _read_tar(file: BinaryIO, size: int, limits: Limits, contents: _Contents, spot: Spot) -> str:
    digest = hashlib.sha256()
    packed = file_blocks(file, 0, size, digest)
    stream = Stream(_capped(inflate(packed, GZIP, spot), size, limits, spot), spot)
    for member, pieces in read_members(stream, limits, spot):
        contents.add(member, pieces)
    check_length(file, size, spot)
    return digest.hexdigest()


def _capped(blocks: Iterable[bytes], size: int, limits: Limits, spot: Spot) -> Iterator[bytes]:
    inflated = 0
    for block in blocks:
        inflated += len(block)
        if inflated > limits.inflated or limits.bomb(inflated, size):
            rule = f"at most {limits.inflated} bytes and {limits.ratio} times the file once inflated"
            raise spot.breaks(rule, f"{inflated} bytes or more from {size}")
        yield block


def _read_zip(file: BinaryIO, size: int, limits: Limits, contents: _Contents, spot: Spot) -> str:
    def visit(entry: Entry, pieces: Iterator[Piece]) -> None:
        kind: MemberKind = "directory" if entry.is_directory else "file"
        contents.add(Member(entry.name.removesuffix("/"), kind, entry.size, ""), pieces)

    return walk(file, read_archive(file, size, limits, spot), visit)
