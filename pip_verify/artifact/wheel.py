"""What a wheel must be (PEP 427 and formats.md 6), read strictly and in one pass.

In: an open file, its size, and what its file name states. Out: ``WheelFacts``. Besides what ``zipfmt``, ``zipwalk`` and
``record`` refuse: a file that RECORD does not list or lists otherwise, more or fewer than one top-level
``.dist-info`` directory, one of another project or version, METADATA of another project or version, another
project's ``.data`` directory, unknown directories in the own one, files there that would land on other files of the
wheel or in another project's metadata, and entry points that do not parse or leave the scripts directory.

A nested ``.dist-info`` below a package is allowed (setuptools carries those of what it vendors): no tool takes it
for an installed project.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from pip_verify.artifact.entrypoints import check_entry_points
from pip_verify.artifact.fault import Spot, shown
from pip_verify.artifact.limits import DEFAULT, Limits
from pip_verify.artifact.metadata import check_identity, check_wheel_file, is_stem
from pip_verify.artifact.name import Artifact
from pip_verify.artifact.paths import check_tree, fold
from pip_verify.artifact.record import LEGACY_SIGNATURE, SIGNATURE, Record, Row, match_files, parse_record
from pip_verify.artifact.stream import Piece, check_cap
from pip_verify.artifact.zipfmt import Archive, Entry, read_archive
from pip_verify.artifact.zipwalk import read_entry, walk

_DIST_INFO = ".dist-info"
_DATA = ".data"
_SCHEMES = ("purelib", "platlib", "headers", "scripts", "data")  # PEP 427, "The .data directory"
_ROOT_SCHEMES = ("purelib", "platlib")  # unpacked to where the wheel's other files go
_KEPT = ("METADATA", "WHEEL", "entry_points.txt", SIGNATURE, LEGACY_SIGNATURE)
_HASHES: dict[str, Callable[[], Any]] = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}


@dataclass(frozen=True)
class WheelFacts:
    """What a wheel that passed holds.

    sha256: hex digest of the whole file, taken in the same pass. metadata: METADATA's bytes, metadata_sha256 their hex
    digest (what PEP 658 states). release_jws, record_jws: the signatures inside, if any. record_sha256: hex digest of
    RECORD (what a legacy RECORD.jws signs); record_signed_sha256: of RECORD without the lines for
    release.jws and itself (what release.jws signs). tags: WHEEL's Tag values, as written.
    """

    sha256: str
    metadata: bytes
    metadata_sha256: str
    release_jws: bytes | None
    record_jws: bytes | None
    record_sha256: str
    record_signed_sha256: str
    tags: tuple[str, ...]


def read_wheel(file: BinaryIO, size: int, artifact: Artifact, limits: Limits = DEFAULT) -> WheelFacts:
    """Read and check the wheel in ``file`` (seekable, ``size`` bytes) against what its file name states.

    Raises EvidenceError that names the entry and the rule it breaks. The bytes are read once, in order, RECORD
    and the central directory apart; memory does not grow with the wheel's size. Whether ``artifact.sha256`` is the
    digest found is for the caller to compare.
    """
    archive = read_archive(file, size, limits, Spot(artifact.filename))
    folder = _find_dist_info(archive, artifact)
    _check_placement(archive, folder)
    files = {entry.name: entry for entry in archive.entries if not entry.is_directory}
    record = _read_record(file, archive, files, folder, limits)
    kept, sha256 = _read_files(file, archive, record, folder, limits)
    tags = _check_kept(kept, folder, artifact, archive.spot)
    metadata = kept["METADATA"]
    return WheelFacts(
        sha256=sha256,
        metadata=metadata,
        metadata_sha256=hashlib.sha256(metadata).hexdigest(),
        release_jws=kept.get(SIGNATURE),
        record_jws=kept.get(LEGACY_SIGNATURE),
        record_sha256=record.sha256,
        record_signed_sha256=record.signed_sha256,
        tags=tags,
    )


def _find_dist_info(archive: Archive, artifact: Artifact) -> str:
    """The one top-level ``.dist-info`` directory, which must be the artifact's."""
    tops = {top for top in _tops(archive) if fold(top).endswith(_DIST_INFO)}
    if len(tops) != 1:
        got = ", ".join(shown(top) for top in sorted(tops)[:3])
        raise archive.spot.breaks("exactly one top-level .dist-info directory", got or "none")
    folder = tops.pop()
    if not folder.endswith(_DIST_INFO) or not is_stem(folder.removesuffix(_DIST_INFO), artifact):
        rule = f"the .dist-info directory of {artifact.project} {artifact.version}, as the file name says"
        raise archive.spot.breaks(rule, shown(folder))
    return folder


def _tops(archive: Archive) -> set[str]:
    return {entry.name.partition("/")[0] for entry in archive.entries}


def _check_placement(archive: Archive, folder: str) -> None:
    """Where the files will be installed: only the own ``.data``, nothing from it onto or beside the wheel's own."""
    data = folder.removesuffix(_DIST_INFO) + _DATA
    strange = sorted(top for top in _tops(archive) if fold(top).endswith(_DATA) and top != data)
    if strange:
        raise archive.spot.at(strange[0]).breaks(f"no .data directory but {data}", shown(strange[0]))
    moved = [entry for entry in archive.entries if entry.name.startswith(f"{data}/")]
    for entry in moved:
        _check_data(entry, archive.spot.at(entry.name))
    if moved:
        check_tree(_installed(archive, data), archive.spot)


def _check_data(entry: Entry, spot: Spot) -> None:
    segments = entry.name.removesuffix("/").split("/")[1:]
    if not entry.is_directory and len(segments) < 2:
        raise spot.breaks(f"files below .data in one of {', '.join(_SCHEMES)}", "one in .data itself")
    if segments and segments[0] not in _SCHEMES:
        raise spot.breaks(f"in .data only {', '.join(_SCHEMES)}", shown(segments[0]))
    # At the root of purelib and platlib it would pass for an installed project; "data" can reach any place.
    reached = segments[1:] if segments[:1] == ["data"] else segments[1:2]
    if any(fold(segment).endswith(_DIST_INFO) for segment in reached):
        raise spot.breaks("no .dist-info directory below .data", shown(entry.name))


def _installed(archive: Archive, data: str) -> Iterator[tuple[str, bool]]:
    """Each file under the name it gets when it is installed; directories can be shared."""
    for entry in archive.entries:
        top, _, below = entry.name.partition("/")
        scheme, _, rest = below.partition("/")
        if not entry.is_directory:
            yield (rest if top == data and scheme in _ROOT_SCHEMES else entry.name), False


def _read_record(file: BinaryIO, archive: Archive, files: dict[str, Entry], folder: str, limits: Limits) -> Record:
    path = f"{folder}/RECORD"
    entry = files.get(path)
    if entry is None:
        raise archive.spot.breaks(f"a file {path}", "none")
    spot = archive.spot.at(path)
    record = parse_record(read_entry(file, archive, entry, limits.record), folder, spot)
    match_files(record, ((name, found.size) for name, found in files.items()), folder, spot)
    return record


def _read_files(
    file: BinaryIO, archive: Archive, record: Record, folder: str, limits: Limits
) -> tuple[dict[str, bytes], str]:
    """Read every file, compare its digest with RECORD's, and keep the few that are looked into; returns these by
    their name in ``folder``, and the sha256 of the whole file."""
    kept: dict[str, bytes] = {}
    kept_names = {f"{folder}/{name}": name for name in _KEPT}
    # RECORD itself is read a second time here: it must still be the one that was parsed.
    own = Row("sha256", bytes.fromhex(record.sha256), 0)
    rows = {**record.rows, f"{folder}/RECORD": own}

    def visit(entry: Entry, pieces: Iterator[Piece]) -> None:
        spot = archive.spot.at(entry.name)
        if entry.name in kept_names:
            check_cap(entry.size, limits.text, spot)
            data = b"".join(pieces)
            kept[kept_names[entry.name]] = data
            pieces = iter((data,))
        row = rows.get(entry.name)
        if row is None:  # a directory, or the legacy signature: match_files let nothing else through
            return
        digest = _HASHES[row.algorithm]()
        for piece in pieces:
            digest.update(piece)
        if digest.digest() != row.digest:
            raise spot.breaks(f"the {row.algorithm} digest in RECORD", digest.hexdigest())

    return kept, walk(file, archive, visit)


def _check_kept(kept: dict[str, bytes], folder: str, artifact: Artifact, spot: Spot) -> tuple[str, ...]:
    """Check METADATA, WHEEL and entry points; returns WHEEL's tags."""
    for name in ("METADATA", "WHEEL"):
        if name not in kept:
            raise spot.breaks(f"a file {folder}/{name}", "none")
    check_identity(kept["METADATA"], artifact, spot.at(f"{folder}/METADATA"))
    tags = check_wheel_file(kept["WHEEL"], spot.at(f"{folder}/WHEEL"))
    if "entry_points.txt" in kept:
        check_entry_points(kept["entry_points.txt"], spot.at(f"{folder}/entry_points.txt"))
    return tags
