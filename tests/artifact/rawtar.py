"""Tar files written block by block, so that any field can lie: the attacker's tool."""

from __future__ import annotations

import gzip

END = bytes(1024)
POSIX = b"ustar\x0000"
GNU = b"ustar  \0"

_FIELDS = (
    ("name", 100),
    ("mode", 8),
    ("uid", 8),
    ("gid", 8),
    ("size", 12),
    ("mtime", 12),
    ("checksum", 8),
    ("kind", 1),
    ("target", 100),
    ("magic", 8),
    ("uname", 32),
    ("gname", 32),
    ("major", 8),
    ("minor", 8),
    ("prefix", 155),
    ("pad", 12),
)


Field = bytes | str | int


def header(name: bytes | str, **fields: Field) -> bytes:
    """One header block. fields: by the names above, raw bytes or what is written in their place; kind is b"0" for a
    file, b"1" a hard link, b"2" a symbolic link, b"5" a directory."""
    truth: dict[str, Field] = {
        "name": name,
        "mode": b"0000644\0",
        "uid": b"0000000\0",
        "gid": b"0000000\0",
        "size": 0,
        "mtime": b"00000000000\0",
        "kind": b"0",
        "magic": POSIX,
    }
    stated = {**truth, **fields, "checksum": b" " * 8}
    block = b"".join(_raw(stated.get(field, b"")).ljust(length, b"\0")[:length] for field, length in _FIELDS)
    return block[:148] + _raw(fields.get("checksum", b"%06o\0 " % sum(block))) + block[156:]


def _raw(value: Field) -> bytes:
    if isinstance(value, int):
        return b"%011o\0" % value
    return value.encode() if isinstance(value, str) else value


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def member(name: bytes | str, data: bytes = b"", **fields: Field) -> bytes:
    return header(name, **{"size": len(data), **fields}) + padded(data)


def pax_records(**keywords: str | bytes) -> bytes:
    """Pax records; ``_DOT_`` in a keyword stands for a dot."""
    records = b""
    for key, value in keywords.items():
        raw = value.encode() if isinstance(value, str) else value
        body = b" " + key.replace("_DOT_", ".").encode() + b"=" + raw + b"\n"
        length = len(body)
        while len(str(length)) + len(body) != length:
            length = len(str(length)) + len(body)
        records += str(length).encode() + body
    return records


def pax(**keywords: str | bytes) -> bytes:
    return member("PaxHeaders/x", pax_records(**keywords), kind=b"x")


def pax_global(**keywords: str | bytes) -> bytes:
    return member("pax_global_header", pax_records(**keywords), kind=b"g")


def long_name(name: str) -> bytes:
    return member("././@LongLink", name.encode() + b"\0", kind=b"L", magic=GNU)


def long_link(name: str) -> bytes:
    return member("././@LongLink", name.encode() + b"\0", kind=b"K", magic=GNU)


def packed(*blocks: bytes, end: bytes = END) -> bytes:
    """The blocks as a ``.tar.gz``."""
    return gzip.compress(b"".join(blocks) + end, 6, mtime=0)
