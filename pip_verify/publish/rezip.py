"""A wheel's zip file with another RECORD and another ``release.jws``; every other byte of it stays what it was.

In: an open wheel that the strict reader let pass. Out: its other entries, headers and packed bytes as they are, in
their order; behind them ``release.jws`` and RECORD, stored, with RECORD's own time and permission bits; and a central
directory to fit. Nothing else goes in, no clock and no compressor: the same input gives the same bytes everywhere.
RECORD is stored because deflaters differ between machines, and last because PEP 427 wants metadata at the end.

Format: PKWARE APPNOTE 6.3, whose sections are named below.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from pip_verify.artifact.fault import Spot
from pip_verify.artifact.limits import DEFAULT
from pip_verify.artifact.record import SIGNATURE
from pip_verify.artifact.stream import file_blocks
from pip_verify.artifact.zipfmt import LOCAL, LONG, STORED, ZIP64, Archive, Entry, read_archive
from pip_verify.artifact.zipwalk import read_entry

_CENTRAL = struct.Struct("<4s4H4I5H2I")  # 4.3.12
_END64 = struct.Struct("<4sQ2H2I4Q")  # 4.3.14
_LOCATOR = struct.Struct("<4sIQI")  # 4.3.15
_END = struct.Struct("<4s4H2IH")  # 4.3.16
_SHORT = 0xFFFF
_UTF8_NAME = 0x0800
_NEED, _NEED64 = 20, 45  # "version needed": 2.0 and, for zip64, 4.5
_OFFSET_AT = _CENTRAL.size - 4
_RECORD = "RECORD"


class OpenWheel(NamedTuple):
    """A wheel being read. record: its RECORD's entry. folder: the ``.dist-info`` directory."""

    file: BinaryIO
    archive: Archive
    record: Entry
    folder: str


class _Central(NamedTuple):
    """A header of the central directory: its whole bytes, its fields, and the offset of the entry it is for."""

    data: bytes
    fields: tuple[int, ...]
    raw_name: bytes
    offset: int


def open_wheel(file: BinaryIO, size: int, filename: str) -> OpenWheel:
    """Find RECORD in a wheel that ``read_wheel`` accepted; raises EvidenceError when it is no longer that."""
    archive = read_archive(file, size, DEFAULT, Spot(filename))
    for entry in archive.entries:
        folder, _, name = entry.name.partition("/")
        if name == _RECORD and folder.endswith(".dist-info"):
            return OpenWheel(file, archive, entry, folder)
    raise archive.spot.breaks("a file RECORD in the .dist-info directory", "none")


def record_bytes(wheel: OpenWheel) -> bytes:
    """The contents of RECORD; raises EvidenceError as the strict reader."""
    return read_entry(wheel.file, wheel.archive, wheel.record, DEFAULT.record)


def rewrite(wheel: OpenWheel, signature: bytes, record: bytes, target: BinaryIO) -> None:
    """Write the wheel to ``target``, which is empty, with these contents of ``release.jws`` and RECORD."""
    replaced = (f"{wheel.folder}/{SIGNATURE}", wheel.record.name)
    kept = [entry for entry in wheel.archive.entries if entry.name not in replaced]
    moved: dict[int, int] = {}  # offset before: offset after
    position = 0
    for entry in kept:
        moved[entry.offset] = position
        for block in file_blocks(wheel.file, entry.offset, entry.end):
            position += target.write(block)
    headers = list(_central_headers(wheel.archive))
    own = next(header for header in headers if header.offset == wheel.record.offset)
    directory = [_moved(header, moved[header.offset]) for header in headers if header.offset in moved]
    own_name = own.raw_name
    for raw_name, data in (
        (own_name.removesuffix(_RECORD.encode()) + SIGNATURE.encode(), signature),
        (own_name, record),
    ):
        directory.append(_new_central(own, raw_name, data, position))
        position += target.write(_new_local(own, raw_name, data) + data)
    target.write(_ending(directory, position))


def _central_headers(archive: Archive) -> Iterator[_Central]:
    """Cut the central directory into its headers; ``read_archive`` has checked it."""
    offsets = {entry.raw_name: entry.offset for entry in archive.entries}
    position = 0
    for _ in archive.entries:
        fields = _CENTRAL.unpack_from(archive.directory, position)
        name_at = position + _CENTRAL.size
        raw_name = archive.directory[name_at : name_at + fields[9]]
        end = name_at + sum(fields[9:12])
        yield _Central(archive.directory[position:end], fields, raw_name, offsets[raw_name])
        position = end


def _moved(header: _Central, offset: int) -> bytes:
    """The header with another offset, wherever it states one (4.4.16, 4.5.3). An offset only ever shrinks."""
    if offset == header.offset:
        return header.data
    data = bytearray(header.data)
    packed, size, stated = header.fields[7], header.fields[8], header.fields[-1]
    at, length = _zip64_field(header)
    if stated == LONG or (length == 24 and LONG not in (packed, size)):  # it stands there last
        struct.pack_into("<Q", data, at + length - 8, offset)
    if stated != LONG:
        struct.pack_into("<I", data, _OFFSET_AT, offset)
    return bytes(data)


def _zip64_field(header: _Central) -> tuple[int, int]:
    """Where the contents of the zip64 extra field stand in the header, and their length; (0, 0) without one."""
    position = _CENTRAL.size + header.fields[9]
    end = position + header.fields[10]
    while position < end:
        tag, length = struct.unpack_from("<2H", header.data, position)
        if tag == ZIP64:
            return position + 4, length
        position += 4 + length
    return 0, 0


def _new_local(like: _Central, raw_name: bytes, data: bytes) -> bytes:
    """A local header (4.3.7) for a stored entry with the time of another."""
    flags, stamp = like.fields[3] & _UTF8_NAME, like.fields[5]
    crc, size = zlib.crc32(data), len(data)
    fixed = LOCAL.pack(b"PK\3\4", _NEED, flags, STORED, stamp, crc, size, size, len(raw_name), 0)
    return fixed + raw_name


def _new_central(like: _Central, raw_name: bytes, data: bytes, offset: int) -> bytes:
    """Its central header (4.3.12), with the system, attributes and time of the other."""
    made, flags, stamp = like.fields[1], like.fields[3] & _UTF8_NAME, like.fields[5]
    internal, external = like.fields[13], like.fields[14]
    extra = b"" if offset < LONG else struct.pack("<2HQ", ZIP64, 8, offset)
    need = _NEED64 if extra else _NEED
    sizes = (zlib.crc32(data), len(data), len(data), len(raw_name), len(extra))
    fixed = _CENTRAL.pack(
        b"PK\1\2", made, need, flags, STORED, stamp, *sizes, 0, 0, internal, external, min(offset, LONG)
    )
    return fixed + raw_name + extra


def _ending(headers: list[bytes], start: int) -> bytes:
    """The central directory and its end record, with zip64's where a number is too large for it."""
    directory = b"".join(headers)
    count, size = len(headers), len(directory)
    wide = b""
    if count >= _SHORT or size >= LONG or start >= LONG:
        record = _END64.pack(b"PK\6\6", _END64.size - 12, _NEED64, _NEED64, 0, 0, count, count, size, start)
        wide = record + _LOCATOR.pack(b"PK\6\7", 0, start + size, 1)
    short = min(count, _SHORT)
    return directory + wide + _END.pack(b"PK\5\6", 0, 0, short, short, min(size, LONG), min(start, LONG), 0)
