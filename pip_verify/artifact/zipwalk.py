"""The entries of a zip file, read from its first byte to its last and held against the central directory.

In: an open file and the ``Archive`` read from it. Out: each entry's inflated bytes, in pieces, and the sha256 of the
whole file, in one pass. Refused: a local header that differs from the central one, bytes between two entries,
a data descriptor that states something else, a deflate stream, size or CRC that is not as declared.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from pip_verify.artifact.fault import Spot, shown
from pip_verify.artifact.stream import RAW_DEFLATE, Piece, Stream, check_cap, check_length, file_blocks, inflate
from pip_verify.artifact.zipfmt import (
    DEFLATED,
    HAS_DESCRIPTOR,
    LOCAL,
    LONG,
    MAX_NEED,
    ZIP64,
    Archive,
    Entry,
    parse_extra,
)

_DESCRIPTOR_SIGNATURE = b"PK\7\x08"


def walk(file: BinaryIO, archive: Archive, visit: Callable[[Entry, Iterator[Piece]], None]) -> str:
    """Read every entry in the order of its bytes and hand ``visit`` the entry and the pieces of its contents.

    Returns the hex sha256 of the whole file: the same bytes that were read, not a second reading of them.
    Raises EvidenceError when an entry is not what the central directory says, or when the file is longer than stated.
    """
    digest = hashlib.sha256()
    stream = Stream(file_blocks(file, 0, archive.start, digest), archive.spot)
    for entry in archive.entries:
        pieces = _contents(stream, entry, archive.spot.at(entry.name))
        visit(entry, pieces)
        for _ in pieces:  # what the visitor left; the checks stand behind the last piece
            pass
    digest.update(archive.directory)
    check_length(file, archive.size, archive.spot)
    return digest.hexdigest()


def read_entry(file: BinaryIO, archive: Archive, entry: Entry, cap: int) -> bytes:
    """The contents of one entry of at most ``cap`` bytes; raises EvidenceError as ``walk`` does."""
    spot = archive.spot.at(entry.name)
    check_cap(entry.size, cap, spot)
    stream = Stream(file_blocks(file, entry.offset, entry.end), spot)
    return b"".join(_contents(stream, entry, spot))


def _contents(stream: Stream, entry: Entry, spot: Spot) -> Iterator[Piece]:
    """The inflated pieces of the entry that ``stream`` stands before; leaves it right behind the entry."""
    header_size, wide = _check_local_header(stream, entry, spot)
    gap = entry.end - entry.offset - header_size - entry.packed
    if gap not in _descriptor_sizes(entry, wide=wide):
        raise spot.breaks("entries that follow each other with nothing between", f"{gap} bytes besides its own")
    packed = stream.pieces(entry.packed)
    size = crc = 0
    for piece in inflate(packed, RAW_DEFLATE, spot) if entry.method == DEFLATED else packed:
        size += len(piece)
        if size > entry.size:
            raise spot.breaks(f"{entry.size} bytes, as declared", "more")
        crc = zlib.crc32(piece, crc)
        yield piece
    if (size, crc) != (entry.size, entry.crc):
        raise spot.breaks(f"{entry.size} bytes with CRC {entry.crc:08x}, as declared", f"{size} with CRC {crc:08x}")
    if gap:
        _check_descriptor(stream.take(gap), entry, spot)


def _check_local_header(stream: Stream, entry: Entry, spot: Spot) -> tuple[int, bool]:
    """Returns the local header's size and whether its sizes are zip64's."""
    fields = LOCAL.unpack(stream.take(LOCAL.size))
    signature, need, flags, method, stamp, crc, packed, size, name_size, extra_size = fields
    if signature != b"PK\3\4" or need > MAX_NEED:
        raise spot.breaks("a local header where the central directory says", "other bytes")
    raw_name = stream.take(name_size)
    if (raw_name, flags, method, stamp) != (entry.raw_name, entry.flags, entry.method, entry.stamp):
        got = f"{shown(repr(raw_name))}, {method}, {stamp:#x} and {flags:#06x} in the local one"
        raise spot.breaks("one name, method, time and set of flags in both its headers", got)
    zip64 = parse_extra(stream.take(extra_size), spot).get(ZIP64) if extra_size else None
    packed, size = _local_sizes(packed, size, zip64, spot)
    later = entry.flags & HAS_DESCRIPTOR and (crc, packed, size) == (0, 0, 0)
    if not later and (crc, packed, size) != (entry.crc, entry.packed, entry.size):
        got = f"{crc:08x}, {packed} and {size} in the local one"
        raise spot.breaks("one CRC and one pair of sizes in both its headers", got)
    return LOCAL.size + name_size + extra_size, zip64 is not None


def _local_sizes(packed: int, size: int, zip64: bytes | None, spot: Spot) -> tuple[int, int]:
    """Packed size and size. The local zip64 field must hold both (4.5.3), also where the header states them itself."""
    if zip64 is None:
        if LONG in (packed, size):
            raise spot.breaks("a zip64 field where the local header refers to one", "none")
        return packed, size
    if len(zip64) != 16:
        raise spot.breaks("a zip64 field of two sizes in the local header", f"{len(zip64)} bytes")
    long_size, long_packed = struct.unpack("<2Q", zip64)
    if packed not in (LONG, long_packed) or size not in (LONG, long_size):
        raise spot.breaks("one pair of sizes in the local header and its zip64 field", "two")
    return long_packed, long_size


def _descriptor_sizes(entry: Entry, *, wide: bool) -> tuple[int, ...]:
    """How long a data descriptor can be (4.3.9): with or without signature, its sizes as wide as the local header's."""
    if not entry.flags & HAS_DESCRIPTOR:
        return (0,)
    return (20, 24) if wide else (12, 16)


def _check_descriptor(descriptor: bytes, entry: Entry, spot: Spot) -> None:
    layout = struct.Struct("<I2I" if len(descriptor) < 20 else "<I2Q")
    values = layout.unpack(descriptor[-layout.size :])
    signature = descriptor[: -layout.size]
    if signature not in (b"", _DESCRIPTOR_SIGNATURE) or values != (entry.crc, entry.packed, entry.size):
        raise spot.breaks("a data descriptor that states what the central directory states", descriptor.hex())
