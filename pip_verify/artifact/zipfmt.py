"""The structure of a zip file (PKWARE APPNOTE 6.3): its end record and central directory, read strictly.

In: an open file and its size. Out: its entries in the order of their bytes, every field of the central directory
checked. ``zipwalk`` then reads the entries themselves and holds them against what is read here.

Refused, because readers differ on it or because it hides bytes: a comment (of the archive or an entry), bytes
between the central directory and the end record, more than one disk, methods other than stored and deflated,
encryption and other flags, names that are neither ASCII nor declared and valid UTF-8, extra fields other than
zip64, times and owners (0x7075 renames an entry), types other than regular files and empty directories.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from pip_verify.artifact.fault import Spot
from pip_verify.artifact.limits import Limits
from pip_verify.artifact.paths import check_path, check_tree

STORED = 0
DEFLATED = 8
HAS_DESCRIPTOR = 0x0008
LONG = 0xFFFFFFFF  # stands in a 32-bit field whose value is in the zip64 extra field (4.5.3)
LOCAL = struct.Struct("<4s3H4I2H")
MAX_NEED = 45  # "version needed": 4.5, the one that brought zip64
ZIP64 = 0x0001

_SHORT = 0xFFFF
_UTF8_NAME = 0x0800
_FLAGS = 0x0006 | HAS_DESCRIPTOR | _UTF8_NAME  # bits 1 and 2 say how hard the deflater tried
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_CENTRAL = struct.Struct("<4s4H4I5H2I")
# Extra fields that name nothing and hide next to nothing, with the most bytes they can hold: zip64 (4.5.3), NTFS times
# (4.5.5), Info-ZIP's times 0x5455, old owner 0x5855 and owner 0x7875. Of 66 popular wheels 2 have one at all: zip64.
_EXTRAS = {ZIP64: 28, 0x000A: 32, 0x5455: 13, 0x5855: 12, 0x7875: 11}
_UNIX_REGULAR = 0o10
_UNIX_DIRECTORY = 0o04
_DOS_DIRECTORY_OR_LABEL = 0x18


class Entry(NamedTuple):
    """One entry of the central directory. name: as decoded, with the slash that ends a directory's. stamp: MS-DOS
    time and date. packed, size: bytes before and after inflating. offset, end: where its bytes begin and end."""

    name: str
    raw_name: bytes
    flags: int
    method: int
    stamp: int
    crc: int
    packed: int
    size: int
    offset: int
    end: int

    @property
    def is_directory(self) -> bool:
        """By its name alone, as every installer decides it."""
        return self.name.endswith("/")


@dataclass(frozen=True)
class Archive:
    """A zip file's entries in the order of their bytes, which they fill up to ``start``; ``directory`` is the rest."""

    entries: tuple[Entry, ...]
    start: int
    directory: bytes
    size: int
    spot: Spot


class _End(NamedTuple):
    """What the end record states: how many entries, and where the central directory begins and ends."""

    entries: int
    start: int
    end: int


def read_archive(file: BinaryIO, size: int, limits: Limits, spot: Spot) -> Archive:
    """Read the central directory of the zip file ``file`` of ``size`` bytes; raises EvidenceError on any irregularity.

    What is left to check are the entries' own bytes: ``zipwalk.walk``.
    """
    tail_size = min(size, _END.size + _LOCATOR.size + _END64.size)
    tail = _read_at(file, size - tail_size, tail_size, spot)
    end = _read_end(tail, size, spot)
    if not 0 < end.entries <= limits.entries:
        raise spot.breaks(f"1 to {limits.entries} entries", str(end.entries))
    if end.end - end.start > limits.names:
        raise spot.breaks(f"a central directory of at most {limits.names} bytes", str(end.end - end.start))
    directory = _read_at(file, end.start, size - end.start, spot)
    if not tail.endswith(directory[-tail_size:]):
        raise spot.breaks("a file that does not change while it is read", "two readings of its end that differ")
    entries = _place(list(_central_entries(directory, end, spot)), end.start, spot)
    _check_cost(entries, size, limits, spot)
    check_tree([(entry.name.rstrip("/"), entry.is_directory) for entry in entries], spot)
    return Archive(entries, end.start, directory, size, spot)


def _read_at(file: BinaryIO, offset: int, count: int, spot: Spot) -> bytes:
    file.seek(offset)
    data = file.read(count)
    if len(data) != count:
        raise spot.breaks("bytes up to the stated size", "the end of the file")
    return data


def _read_end(tail: bytes, size: int, spot: Spot) -> _End:
    if len(tail) < _END.size or tail[-_END.size :][:4] != b"PK\5\6":
        raise spot.breaks("a zip file whose last 22 bytes are its end record", "other bytes there (a comment?)")
    fields = _END.unpack(tail[-_END.size :])
    disk, start_disk, count_here, count, length, start, comment = fields[1:]
    end = size - _END.size
    if tail[: -_END.size][-_LOCATOR.size :].startswith(b"PK\6\7"):
        end -= _LOCATOR.size + _END64.size
        count_here, count, length, start = _read_end64(tail[: -_END.size], end, fields, spot)
    elif _SHORT in (count_here, count) or LONG in (length, start):
        raise spot.breaks("a zip64 end record where the end record refers to one", "none")
    if (disk, start_disk, comment) != (0, 0, 0) or count_here != count:
        raise spot.breaks("an archive on one disk, without a comment", "an end record that states otherwise")
    if start + length != end:
        got = f"{length} bytes from {start} on, and an end record at {end}"
        raise spot.breaks("a central directory that ends where the end record begins", got)
    return _End(count, start, end)


def _read_end64(tail: bytes, offset: int, end: tuple[int, ...], spot: Spot) -> tuple[int, int, int, int]:
    """The zip64 end record (4.3.14) and its locator (4.3.15); ``offset`` is where the record must stand."""
    if offset < 0 or _LOCATOR.unpack(tail[-_LOCATOR.size :])[1:] != (0, offset, 1):
        raise spot.breaks("a zip64 locator that points at the zip64 end record right before it", "another place")
    record = _END64.unpack(tail[-_LOCATOR.size - _END64.size : -_LOCATOR.size])
    signature, length, _made, need, disk, start_disk = record[:6]
    if (signature, length, disk, start_disk) != (b"PK\6\6", _END64.size - 12, 0, 0) or need > MAX_NEED:
        raise spot.breaks("a zip64 end record of version 1 on one disk", "another")
    count_here, count, size, start = record[6:]
    plain = ((end[3], _SHORT, count_here), (end[4], _SHORT, count), (end[5], LONG, size), (end[6], LONG, start))
    if any(short not in (marker, value) for short, marker, value in plain):
        raise spot.breaks("one statement in end record and zip64 end record", "two")
    return count_here, count, size, start


def _central_entries(directory: bytes, end: _End, spot: Spot) -> Iterator[Entry]:
    position = 0
    stop = end.end - end.start
    for _ in range(end.entries):
        if position + _CENTRAL.size > stop:
            raise spot.breaks(f"{end.entries} entries in the central directory, as its end record states", "fewer")
        fields = _CENTRAL.unpack_from(directory, position)
        variable = position + _CENTRAL.size
        name_size, extra_size, comment_size = fields[9:12]
        position = variable + name_size + extra_size + comment_size
        if fields[0] != b"PK\1\2" or position > stop:
            raise spot.breaks("a whole central header for each entry", "other bytes")
        raw_name = directory[variable : variable + name_size]
        extra = directory[variable + name_size : variable + name_size + extra_size]
        yield _central_entry(fields, raw_name, extra, spot)
    if position != stop:
        raise spot.breaks(f"{end.entries} entries in the central directory, as its end record states", "more bytes")


def _central_entry(fields: tuple[int, ...], raw_name: bytes, extra: bytes, spot: Spot) -> Entry:
    need, flags, method, stamp, crc, packed, size = fields[2:9]
    comment_size, disk, _internal, attributes, offset = fields[11:]
    name = decode_name(raw_name, flags, spot)
    spot = spot.at(name)
    check_path(name.removesuffix("/"), spot)
    if need > MAX_NEED or flags & ~_FLAGS or method not in (STORED, DEFLATED):
        got = f"version {need}, flags {flags:#06x}, method {method}"
        raise spot.breaks("stored or deflated, unencrypted, of version 4.5 or lower", got)
    if comment_size or disk:
        raise spot.breaks("no entry comment and no second disk", f"a comment of {comment_size} bytes, disk {disk}")
    size, packed, offset = _resolve64(parse_extra(extra, spot), (size, packed, offset), spot)
    entry = Entry(name, raw_name, flags, method, stamp, crc, packed, size, offset, offset)
    _check_kind(entry, attributes, spot)
    return entry


def decode_name(raw: bytes, flags: int, spot: Spot) -> str:
    """An entry's name: UTF-8 when the flag says so (4.4.4 bit 11), else ASCII, because readers differ on all else."""
    encoding = "utf-8" if flags & _UTF8_NAME else "ascii"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise spot.at(repr(raw)).breaks("a name in UTF-8 that is flagged so, or in ASCII", "other bytes") from error


def parse_extra(extra: bytes, spot: Spot) -> dict[int, bytes]:
    """The extra fields by id (4.5.1); raises EvidenceError unless all are known, small, single and fill ``extra``."""
    fields: dict[int, bytes] = {}
    position = 0
    while position < len(extra):
        if position + 4 > len(extra):
            raise spot.breaks("whole extra fields", f"{len(extra) - position} bytes left over")
        tag, length = struct.unpack_from("<2H", extra, position)
        value = extra[position + 4 : position + 4 + length]
        if length > _EXTRAS.get(tag, -1):
            raise spot.breaks("no extra fields but zip64, times and owners", f"field {tag:#06x} of {length} bytes")
        if tag in fields or len(value) != length:
            raise spot.breaks("whole extra fields, each once", f"field {tag:#06x} twice or cut short")
        fields[tag] = value
        position += 4 + length
    return fields


def _resolve64(extra: dict[int, bytes], values: tuple[int, int, int], spot: Spot) -> tuple[int, int, int]:
    """Size, packed size and offset, taken from the zip64 field where the 32-bit field says so (4.5.3)."""
    if ZIP64 not in extra and LONG not in values:
        return values
    field = extra.get(ZIP64, b"")
    if LONG not in values and field and struct.pack("<3Q", *values).startswith(field) and not len(field) % 8:
        return values  # it leaves nothing out, and its field says the same again
    if len(field) != 8 * values.count(LONG) or not field:
        raise spot.breaks("a zip64 field with exactly the values the central header leaves out", f"{len(field)} bytes")
    longs = iter(struct.unpack(f"<{len(field) // 8}Q", field))
    size, packed, offset = (next(longs) if value == LONG else value for value in values)
    return size, packed, offset


def _check_kind(entry: Entry, attributes: int, spot: Spot) -> None:
    # Whoever made the entry ("made by" says which system), installers read the upper half as a Unix mode.
    unix_type = attributes >> 28
    if unix_type not in (0, _UNIX_DIRECTORY if entry.is_directory else _UNIX_REGULAR):
        raise spot.breaks("a regular file, or a directory whose name ends in '/'", f"Unix file type {unix_type:#o}0000")
    if entry.is_directory:
        if entry.size or entry.crc or entry.packed > 2:  # nothing deflates to two bytes
            raise spot.breaks("directories are empty", f"{entry.packed} bytes, {entry.size} inflated")
    elif attributes & _DOS_DIRECTORY_OR_LABEL:
        raise spot.breaks("a regular file, or a directory whose name ends in '/'", "a directory's or label's attribute")
    if entry.method == STORED and entry.packed != entry.size:
        raise spot.breaks("a stored entry is as large as it says", f"{entry.packed} bytes for {entry.size}")


def _place(entries: list[Entry], start: int, spot: Spot) -> tuple[Entry, ...]:
    """Sort by offset and set each entry's end; raises EvidenceError unless the first begins at 0 and none overlap."""
    entries.sort(key=lambda entry: entry.offset)
    if entries[0].offset:
        raise spot.breaks("entries from the file's first byte on", f"{entries[0].offset} bytes before the first")
    ends = [entry.offset for entry in entries[1:]] + [start]
    for entry, end in zip(entries, ends, strict=True):
        least = LOCAL.size + entry.packed
        if end - entry.offset < least:
            got = f"{least} bytes or more where there are {end - entry.offset}"
            raise spot.at(entry.name).breaks("entries that do not overlap", got)
    return tuple(entry._replace(end=end) for entry, end in zip(entries, ends, strict=True))


def _check_cost(entries: tuple[Entry, ...], size: int, limits: Limits, spot: Spot) -> None:
    for entry in entries:
        if limits.bomb(entry.size, entry.packed):
            got = f"{entry.size} bytes from {entry.packed}"
            raise spot.at(entry.name).breaks(f"entries that inflate at most {limits.ratio}-fold", got)
    inflated = sum(entry.size for entry in entries)
    if inflated > limits.inflated or limits.bomb(inflated, size):
        rule = f"at most {limits.inflated} bytes and {limits.ratio} times the file once inflated"
        raise spot.breaks(rule, f"{inflated} bytes from {size}")
