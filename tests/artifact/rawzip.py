"""Zip files written byte by byte, so that any field can lie: the attacker's tool."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

STORED = 0
DEFLATED = 8
DESCRIPTOR = 0x0008
UTF8 = 0x0800
LONG = 0xFFFFFFFF
REGULAR = 0o100644 << 16
DIRECTORY = 0o40755 << 16

Field = int | bytes
Lies = Mapping[str, Field]


def deflate(data: bytes) -> bytes:
    """Data as one raw deflate stream."""
    engine = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return engine.compress(data) + engine.flush()


def extra_field(tag: int, value: bytes) -> bytes:
    return struct.pack("<2H", tag, len(value)) + value


def zip64_field(*values: int) -> bytes:
    return extra_field(1, struct.pack(f"<{len(values)}Q", *values))


@dataclass(frozen=True)
class Raw:
    """One entry. local, central: fields of these headers that say something else than the truth, by their names in
    ``_LOCAL`` and ``_CENTRAL`` below. body: the bytes as packed. descriptor: bytes behind them. gap: bytes before."""

    name: str
    data: bytes = b""
    method: int = DEFLATED
    flags: int = 0
    body: bytes | None = None
    local: Lies = field(default_factory=dict)
    central: Lies = field(default_factory=dict)
    descriptor: bytes = b""
    gap: bytes = b""

    @property
    def packed(self) -> bytes:
        if self.body is not None:
            return self.body
        return deflate(self.data) if self.method == DEFLATED else self.data

    @property
    def crc(self) -> int:
        return zlib.crc32(self.data)


_LOCAL = ("signature", "need", "flags", "method", "stamp", "crc", "packed", "size")
_CENTRAL = (
    ("signature", "made", "need", "flags", "method", "stamp", "crc", "packed", "size"),
    ("disk", "internal", "attributes", "offset"),
)


def _truth(entry: Raw, offset: int) -> dict[str, Field]:
    return {
        "made": 0x0314,
        "need": 20,
        "flags": entry.flags,
        "method": entry.method,
        "stamp": 33 << 16,
        "crc": entry.crc,
        "packed": len(entry.packed),
        "size": len(entry.data),
        "name": entry.name.encode(),
        "extra": b"",
        "comment": b"",
        "disk": 0,
        "internal": 0,
        "attributes": DIRECTORY if entry.name.endswith("/") else REGULAR,
        "offset": offset,
    }


def _bytes(value: Field) -> bytes:
    assert isinstance(value, bytes)
    return value


def local_header(entry: Raw) -> bytes:
    fields = {"signature": b"PK\3\4", **_truth(entry, 0), **entry.local}
    values = [fields[name] for name in _LOCAL]
    tail = _bytes(fields["name"]), _bytes(fields["extra"])
    return struct.pack("<4s3H4I2H", *values, *map(len, tail)) + b"".join(tail)


def central_header(entry: Raw, offset: int) -> bytes:
    fields = {"signature": b"PK\1\2", **_truth(entry, offset), **entry.central}
    tail = [_bytes(fields[name]) for name in ("name", "extra", "comment")]
    front = [fields[name] for name in _CENTRAL[0]]
    back = [fields[name] for name in _CENTRAL[1]]
    return struct.pack("<4s4H4I5H2I", *front, *map(len, tail), *back) + b"".join(tail)


def raw_zip(
    entries: Iterable[Raw],
    *,
    before_directory: bytes = b"",
    after_directory: bytes = b"",
    end: Lies | None = None,
    end64: Lies | None = None,
) -> bytes:
    """The zip file. end, end64: what the end records say instead of the truth; end64 of None writes none."""
    body = b""
    directory = b""
    count = 0
    for entry in entries:
        body += entry.gap
        directory += central_header(entry, len(body))
        body += local_header(entry) + entry.packed + entry.descriptor
        count += 1
    body += before_directory
    truth: dict[str, Field] = {
        "disk": 0,
        "start_disk": 0,
        "here": count,
        "count": count,
        "length": len(directory),
        "start": len(body),
    }
    body += directory + after_directory
    if end64 is not None:
        body += _end64(len(body), {**truth, **end64})
    stated = {**truth, "signature": b"PK\5\6", "comment": b"", **(end or {})}
    names = ("signature", "disk", "start_disk", "here", "count", "length", "start")
    comment = _bytes(stated["comment"])
    return body + struct.pack("<4s4H2IH", *(stated[name] for name in names), len(comment)) + comment


def _end64(position: int, stated: Lies) -> bytes:
    fields: dict[str, Field] = {
        "signature64": b"PK\6\6",
        "record": 44,
        "made": 45,
        "need": 45,
        "locator_disk": 0,
        "locator": position,
        "disks": 1,
        **stated,
    }
    names = ("signature64", "record", "made", "need", "disk", "start_disk", "here", "count", "length", "start")
    record = struct.pack("<4sQ2H2I4Q", *(fields[name] for name in names))
    return record + struct.pack("<4sIQI", b"PK\6\7", fields["locator_disk"], fields["locator"], fields["disks"])
