"""The structure of a tar file (POSIX ustar and pax, GNU long names), read strictly.

In: a ``Stream`` of the uncompressed bytes. Out: its members with the pieces of their contents. Refused, because readers
differ on it or because an installer must not unpack it: other than files, directories, symbolic and hard links
(devices, fifos, sparse and multi-volume members), a bad checksum, sizes that are not plain octal or that a pax header
overrides, a directory disguised as a file, names that are no UTF-8, pax keywords other than names, times, owners and
comments, a pax header beside a GNU long name, bytes after the end mark. Python's tarfile takes a broken header for
the end of the archive and says nothing.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Literal, NamedTuple

from pip_verify.artifact.fault import Spot, shown
from pip_verify.artifact.limits import MIB, Limits
from pip_verify.artifact.paths import check_path
from pip_verify.artifact.stream import Piece, Stream

MemberKind = Literal["file", "directory", "symlink", "hardlink"]

_BLOCK = 512
_MAX_EXTENSION = MIB  # a pax header or long name; extended attributes are the only thing large in one
_HEADER = struct.Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12s")
_CHECKSUM = slice(148, 156)
_POSIX = b"ustar\x0000"
_GNU = b"ustar  \0"
_KINDS: dict[bytes, MemberKind] = {
    b"0": "file",
    b"\0": "file",
    b"1": "hardlink",
    b"2": "symlink",
    b"5": "directory",
}
_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK = b"x", b"g", b"L", b"K"
_OCTAL_RE = re.compile(rb" *([0-7]*)[ \0]*\Z")
_RECORD_SIZE_RE = re.compile(rb"([1-9][0-9]{0,6}) ")
# What does not say where a member goes or how long it is: POSIX keywords, and what libarchive, star and GNU tar add.
_HARMLESS_RE = re.compile(
    r"(?:comment|mtime|atime|ctime|uid|gid|uname|gname"
    r"|LIBARCHIVE\.(?:creationtime|xattr\..+)|SCHILY\.(?:dev|ino|nlink|fflags|(?:xattr|acl)\..+)|RHT\.security\..+)\Z"
)


class Member(NamedTuple):
    """One member. name: without a directory's slash. size: of its contents, 0 unless a file. target: a link's."""

    name: str
    kind: MemberKind
    size: int
    target: str


class _Header(NamedTuple):
    """What a header block says. name, target: raw, because a long name's header may hold half a character of it."""

    prefix: bytes
    name: bytes
    kind: bytes
    size: int
    target: bytes


def read_members(stream: Stream, limits: Limits, spot: Spot) -> Iterator[tuple[Member, Iterator[Piece]]]:
    """Each member and its contents, in order; raises EvidenceError on any irregularity, up to the stream's last byte.

    The contents must be taken before the next member is asked for; what is not taken is passed over.
    """
    extensions: dict[str, str] = {}
    count = names = 0
    while any(block := stream.take(_BLOCK)):
        header = _parse_header(block, spot)
        if header.kind in (_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK):
            if header.kind == _PAX_GLOBAL and (count or extensions):
                raise spot.breaks("a global pax header at the beginning only", "one later")
            _extend(extensions, header, _extension(stream, header, spot), spot)
            continue
        member = _member(header, extensions, spot)
        extensions = {}
        count += 1
        names += len(member.name.encode()) + len(member.target.encode())
        if count > limits.entries or names > limits.names:
            raise spot.breaks(
                f"at most {limits.entries} members with {limits.names} bytes of names and targets", "more"
            )
        pieces = stream.pieces(member.size)
        yield member, pieces
        for _ in pieces:
            pass
        _check_padding(stream, member.size, spot.at(member.name))
    if extensions:
        raise spot.breaks("a member after each extended header", "the end of the archive")
    _check_end(stream, spot)


def _parse_header(block: bytes, spot: Spot) -> _Header:
    fields = _HEADER.unpack(block)
    name, mode, uid, gid, size, mtime, checksum, kind, target, magic, _, _, major, minor, prefix, pad = fields
    if _octal(checksum, spot) != sum(block) - sum(block[_CHECKSUM]) + 8 * ord(" "):
        raise spot.breaks("a tar header with the right checksum", "another")
    if magic not in (_POSIX, _GNU) or any(pad) or (magic == _GNU and any(prefix)):
        raise spot.breaks("a ustar, pax or GNU header", shown(repr(magic)))
    for field in (mode, uid, gid, mtime, major, minor):
        if field[0] not in (0x80, 0xFF):  # GNU's base 256, for large owners and times
            _octal(field, spot)
    return _Header(prefix, name, kind, _octal(size, spot), target)


def _octal(field: bytes, spot: Spot) -> int:
    digits = _OCTAL_RE.match(field)
    if digits is None:
        raise spot.breaks("octal numbers in tar headers", shown(repr(field)))
    return int(digits[1] or b"0", 8)


def _text(field: bytes, spot: Spot) -> str:
    text = field.rstrip(b"\0")
    if b"\0" in text:
        raise spot.breaks("names that end at their first NUL", shown(repr(field)))
    return _utf8(text, spot)


def _utf8(data: bytes, spot: Spot) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise spot.breaks("names in UTF-8", shown(repr(data))) from error


def _extension(stream: Stream, header: _Header, spot: Spot) -> bytes:
    if header.size > _MAX_EXTENSION:
        raise spot.breaks(f"an extended header of at most {_MAX_EXTENSION} bytes", str(header.size))
    data = stream.take(header.size)
    _check_padding(stream, header.size, spot)
    return data


def _extend(extensions: dict[str, str], header: _Header, data: bytes, spot: Spot) -> None:
    """Add to ``extensions`` what an extended header says of the member after it."""
    kind = header.kind.decode()
    if kind in extensions or (extensions and "x" in (kind, *extensions)):
        raise spot.breaks("one extended header of a kind, pax or GNU, for a member", "several")
    if header.kind in (_LONG_NAME, _LONG_LINK):
        extensions[kind] = ""
        extensions["path" if header.kind == _LONG_NAME else "linkpath"] = _text(data, spot)
        return
    keywords = dict(_pax_records(data, spot))
    if header.kind == _PAX_GLOBAL:
        if any(key in keywords for key in ("path", "linkpath", "size")):
            raise spot.breaks("no name or size for all members in a global pax header", "one")
        return
    extensions[kind] = ""
    extensions.update(keywords)


def _pax_records(data: bytes, spot: Spot) -> Iterator[tuple[str, str]]:
    """The keywords that matter (path, linkpath, size) of a pax header: lines ``length keyword=value`` (POSIX pax)."""
    position = 0
    seen = set()
    while position < len(data):
        prefix = _RECORD_SIZE_RE.match(data, position)
        end = position + int(prefix[1]) if prefix else 0
        if prefix is None or data[end - 1 : end] != b"\n":  # nor can a length end in its own digits
            raise spot.breaks("pax records 'length keyword=value'", shown(repr(data[position : position + 40])))
        raw_key, equals, raw_value = data[prefix.end() : end - 1].partition(b"=")
        key = _utf8(raw_key, spot)
        if not equals or key in seen:
            raise spot.breaks("pax records 'length keyword=value', each keyword once", shown(key))
        seen.add(key)
        if key in ("path", "linkpath", "size"):
            yield key, _utf8(raw_value, spot)
        elif not _HARMLESS_RE.match(key):
            raise spot.breaks("pax keywords for names, times, owners and comments", shown(key))
        position = end


def _member(header: _Header, extensions: dict[str, str], spot: Spot) -> Member:
    name = extensions["path"] if "path" in extensions else _header_name(header, spot)
    spot = spot.at(name)
    kind = _KINDS.get(header.kind)
    if kind is None:
        raise spot.breaks("files, directories and links only", f"tar type {shown(header.kind.decode('latin-1'))}")
    if kind == "directory":
        name = name.removesuffix("/")
    elif name.endswith("/") or (header.kind == b"\0" and header.name.rstrip(b"\0").endswith(b"/")):
        # With the old type NUL the header's own name decides, even where a long name takes its place.
        raise spot.breaks("no slash at the end of a file's name", shown(name))
    check_path(name, spot)
    if extensions.get("size", str(header.size)) != str(header.size):
        raise spot.breaks("one size in pax header and tar header", shown(extensions["size"]))
    if header.size and kind != "file":
        raise spot.breaks(f"no contents in a {kind}", f"{header.size} bytes")
    target = ""
    if kind in ("symlink", "hardlink"):
        target = extensions["linkpath"] if "linkpath" in extensions else _text(header.target, spot)
    return Member(name, kind, header.size, target)


def _header_name(header: _Header, spot: Spot) -> str:
    name = _text(header.name, spot)
    return f"{_text(header.prefix, spot)}/{name}" if any(header.prefix) else name


def _check_padding(stream: Stream, size: int, spot: Spot) -> None:
    if any(stream.take(-size % _BLOCK)):
        raise spot.breaks("zeros up to the next tar block", "other bytes")


def _check_end(stream: Stream, spot: Spot) -> None:
    """After the first block of zeros there must be at least another, and nothing but zeros (POSIX ustar)."""
    rest = 0
    while stream.more():
        if any(stream.take(_BLOCK)):
            raise spot.breaks("nothing behind the end of the archive", "other bytes")
        rest += _BLOCK
    if not rest:
        raise spot.breaks("two blocks of zeros at the end of the archive", "one")
