"""The zip structure: each attack writes one lie into an otherwise sound archive."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

import pytest

from pip_verify.artifact.fault import Spot
from pip_verify.artifact.limits import DEFAULT, Limits
from pip_verify.artifact.stream import BLOCK, Piece
from pip_verify.artifact.zipfmt import Entry, read_archive
from pip_verify.artifact.zipwalk import read_entry, walk
from pip_verify.errors import EvidenceError
from tests.artifact.rawzip import (
    DESCRIPTOR,
    DIRECTORY,
    LONG,
    REGULAR,
    STORED,
    UTF8,
    Lies,
    Raw,
    deflate,
    extra_field,
    raw_zip,
    zip64_field,
)

SPOT = Spot("demo.zip")
GOOD = Raw("demo/good.py", b"print('good')\n")
DATA = b"some text, some text, some text\n"
CRC = zlib.crc32(DATA)
PACKED = deflate(DATA)


def read(data: bytes, limits: Limits = DEFAULT, size: int | None = None) -> dict[str, bytes]:
    """The archive's contents by name, after every check."""
    file = io.BytesIO(data)
    archive = read_archive(file, len(data) if size is None else size, limits, SPOT)
    contents: dict[str, bytes] = {}

    def visit(entry: Entry, pieces: Iterator[Piece]) -> None:
        contents[entry.name] = b"".join(pieces)

    assert walk(file, archive, visit) == hashlib.sha256(data).hexdigest()
    return contents


def refused(data: bytes, rule: str, limits: Limits = DEFAULT, size: int | None = None) -> EvidenceError:
    with pytest.raises(EvidenceError) as caught:
        read(data, limits, size)
    assert rule in caught.value.expected, str(caught.value)
    assert caught.value.subject.startswith("demo.zip")
    return caught.value


def lying(**lies: object) -> bytes:
    """A good entry, then one with these lies, then a good one."""
    fields: dict[str, object] = {"name": "demo/x.txt", "data": DATA, **lies}
    return raw_zip([GOOD, Raw(**fields), Raw("demo/last.py", b"1\n")])  # type: ignore[arg-type]


# What is sound


def test_a_sound_archive_is_read_and_hashed_in_one_pass() -> None:
    assert read(lying()) == {"demo/good.py": GOOD.data, "demo/x.txt": DATA, "demo/last.py": b"1\n"}


def test_python_reads_the_same_from_what_the_test_tool_writes() -> None:
    data = lying(flags=DESCRIPTOR, descriptor=struct.pack("<4s3I", b"PK\7\x08", CRC, len(PACKED), len(DATA)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == read(data)


def test_stored_empty_and_large_members_are_read() -> None:
    large = bytes(range(256)) * (BLOCK // 100)
    entries = [Raw("a", large, STORED), Raw("b", large), Raw("c", b"", STORED), Raw("d", b"")]
    assert read(raw_zip(entries)) == {"a": large, "b": large, "c": b"", "d": b""}


def test_the_central_directory_may_have_another_order_than_the_bytes() -> None:
    data = raw_zip([Raw("a", b"a"), Raw("b", b"bb")])
    start, length = data.index(b"PK\1\2"), 46 + 1
    first, second = data[start : start + length], data[start + length : start + 2 * length]
    assert read(data.replace(first + second, second + first)) == {"a": b"a", "b": b"bb"}


@pytest.mark.parametrize("attributes", [DIRECTORY, DIRECTORY | 0x10, 0x10, 0])
@pytest.mark.parametrize(("method", "body"), [(STORED, b""), (8, b"\x03\x00")])
def test_empty_directory_entries_are_allowed(attributes: int, method: int, body: bytes) -> None:
    entry = Raw("demo/sub/", method=method, body=body, central={"attributes": attributes})
    assert read(raw_zip([GOOD, entry]))["demo/sub/"] == b""


@pytest.mark.parametrize("attributes", [REGULAR, 0, 0o755 << 16, 0o100755 << 16, 0x21])
def test_files_without_unix_type_bits_are_allowed(attributes: int) -> None:
    assert "demo/x.txt" in read(lying(central={"attributes": attributes}))


@pytest.mark.parametrize("made", [0, 3 << 8, 10 << 8, 19 << 8])
def test_whoever_made_the_entry_the_type_bits_count(made: int) -> None:
    assert "demo/x.txt" in read(lying(central={"made": made}))
    refused(lying(central={"made": made, "attributes": 0o120777 << 16}), "a regular file")


@pytest.mark.parametrize("signature", [b"", b"PK\7\x08"])
@pytest.mark.parametrize("zeros", [True, False])
def test_a_consistent_data_descriptor_is_allowed(*, signature: bytes, zeros: bool) -> None:
    descriptor = signature + struct.pack("<3I", CRC, len(PACKED), len(DATA))
    local: Lies = {"crc": 0, "packed": 0, "size": 0} if zeros else {}
    assert read(lying(flags=DESCRIPTOR, local=local, descriptor=descriptor))["demo/x.txt"] == DATA


@pytest.mark.parametrize("signature", [b"", b"PK\7\x08"])
def test_a_data_descriptor_is_wide_when_the_local_header_has_a_zip64_field(signature: bytes) -> None:
    descriptor = signature + struct.pack("<I2Q", CRC, len(PACKED), len(DATA))
    local: Lies = {"crc": 0, "packed": LONG, "size": LONG, "extra": zip64_field(0, 0)}
    assert read(lying(flags=DESCRIPTOR, local=local, descriptor=descriptor))["demo/x.txt"] == DATA


@pytest.mark.parametrize(("packed", "size"), [(LONG, LONG), (len(PACKED), len(DATA)), (LONG, len(DATA))])
def test_a_consistent_local_zip64_field_is_allowed(packed: int, size: int) -> None:
    local: Lies = {"packed": packed, "size": size, "extra": zip64_field(len(DATA), len(PACKED)), "need": 45}
    assert read(lying(local=local))["demo/x.txt"] == DATA


def test_a_consistent_central_zip64_field_is_allowed() -> None:
    central: Lies = {"packed": LONG, "size": LONG, "extra": zip64_field(len(DATA), len(PACKED))}
    assert read(lying(central=central))["demo/x.txt"] == DATA
    offset = len(raw_zip([GOOD])) - 22 - 46 - len(GOOD.name)
    for values in ((len(DATA),), (len(DATA), len(PACKED)), (len(DATA), len(PACKED), offset)):
        assert read(lying(central={"extra": zip64_field(*values)}))["demo/x.txt"] == DATA
    assert read(lying(central={"offset": LONG, "extra": zip64_field(offset)}))["demo/x.txt"] == DATA


def test_python_zip64_archives_are_read() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("forced.txt", "w", force_zip64=True) as member:
            member.write(DATA)
        archive.writestr("plain.txt", DATA)
    assert read(buffer.getvalue()) == {"forced.txt": DATA, "plain.txt": DATA}


def test_a_streamed_python_archive_is_read() -> None:
    class Pipe(io.RawIOBase):
        written = b""

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            self.written += bytes(data)  # type: ignore[call-overload]
            return len(bytes(data))  # type: ignore[call-overload]

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", DATA)
        with archive.open("b.txt", "w", force_zip64=True) as member:
            member.write(DATA)
    assert read(pipe.written) == {"a.txt": DATA, "b.txt": DATA}


def test_a_zip64_end_record_is_allowed() -> None:
    assert len(read(raw_zip([GOOD], end64={}))) == 1
    marked: Lies = {"here": 0xFFFF, "count": 0xFFFF, "length": LONG, "start": LONG}
    assert len(read(raw_zip([GOOD], end64={}, end=marked))) == 1


@pytest.mark.parametrize(
    "extra",
    [
        extra_field(0x5455, b"\x01" + bytes(4)),
        extra_field(0x7875, b"\x01\x04" + bytes(4) + b"\x04" + bytes(4)),
        extra_field(0x5855, bytes(8)),
        extra_field(0x000A, bytes(32)),
        extra_field(0x5455, b"\x01" + bytes(4)) + extra_field(0x7875, bytes(11)),
    ],
)
def test_times_and_owners_are_harmless_extra_fields(extra: bytes) -> None:
    assert read(lying(local={"extra": extra}, central={"extra": extra}))["demo/x.txt"] == DATA


def test_utf8_names_are_read() -> None:
    assert "demo/é☃.txt" in read(raw_zip([Raw("demo/é☃.txt", DATA, flags=UTF8)]))


# The end record


@pytest.mark.parametrize("data", [b"", b"PK\5\6", b"x" * 22, b"x" * 200])
def test_a_file_that_is_no_zip(data: bytes) -> None:
    refused(data, "a zip file whose last 22 bytes are its end record")


def test_an_archive_comment() -> None:
    refused(raw_zip([GOOD], end={"comment": b"hidden"}), "a zip file whose last 22 bytes")
    data = raw_zip([GOOD])
    refused(data[:-2] + b"\x01\x00", "an archive on one disk, without a comment")


def test_bytes_after_the_end_record() -> None:
    refused(raw_zip([GOOD]) + b"tail", "a zip file whose last 22 bytes")


def test_an_end_record_in_the_comment_of_another() -> None:
    inner = raw_zip([Raw("evil.py", b"evil")])
    refused(raw_zip([GOOD], end={"comment": inner}), "a central directory that ends where")


@pytest.mark.parametrize("end", [{"disk": 1}, {"start_disk": 1}, {"here": 2}])
def test_more_than_one_disk(end: Lies) -> None:
    refused(raw_zip([GOOD], end=end), "an archive on one disk")


@pytest.mark.parametrize("count", [1, 3])
def test_an_end_record_with_another_count(count: int) -> None:
    data = raw_zip([GOOD, Raw("demo/hidden.py", b"evil")], end={"here": count, "count": count})
    refused(data, f"{count} entries in the central directory")


def test_no_entries() -> None:
    refused(raw_zip([]), "1 to 100000 entries")


@pytest.mark.parametrize("end", [{"here": 0xFFFF, "count": 0xFFFF}, {"length": LONG}, {"start": LONG}])
def test_a_marker_without_a_zip64_end_record(end: Lies) -> None:
    refused(raw_zip([GOOD], end=end), "a zip64 end record where the end record refers to one")


@pytest.mark.parametrize("end", [{"here": 2}, {"count": 2}, {"length": 1}, {"start": 1}])
def test_a_zip64_end_record_that_differs_from_the_end_record(end: Lies) -> None:
    refused(raw_zip([GOOD], end64={}, end=end), "one statement in end record and zip64 end record")


@pytest.mark.parametrize("lie", [{"locator_disk": 1}, {"locator": 1}, {"disks": 2}])
def test_a_zip64_locator_that_points_elsewhere(lie: Lies) -> None:
    refused(raw_zip([GOOD], end64=lie), "a zip64 locator that points at")


def test_a_zip64_locator_without_room_for_its_record() -> None:
    data = raw_zip([GOOD])
    refused(struct.pack("<4sIQI", b"PK\6\7", 0, 0, 1) + data[-22:], "a zip64 locator that points at")
    refused(b"PK\6\7" + data[-22:], "a zip64 locator that points at")


@pytest.mark.parametrize(
    "lie", [{"signature64": b"PK\6\5"}, {"record": 45}, {"need": 46}, {"disk": 1}, {"start_disk": 1}]
)
def test_a_zip64_end_record_of_another_kind(lie: Lies) -> None:
    refused(raw_zip([GOOD], end64=lie), "a zip64 end record of version 1")


# The central directory and what lies around it


def test_bytes_before_the_first_entry() -> None:
    data = raw_zip([Raw("demo/good.py", DATA, gap=b"#!/bin/sh\n")])
    refused(data, "entries from the file's first byte on")
    refused(b"junk" + raw_zip([GOOD]), "a central directory that ends where the end record begins")


def test_bytes_between_two_entries() -> None:
    refused(lying(gap=b"hidden"), "entries that follow each other with nothing between")


def test_bytes_between_entries_and_central_directory() -> None:
    refused(raw_zip([GOOD], before_directory=b"hidden"), "entries that follow each other with nothing between")


def test_bytes_between_central_directory_and_end_record() -> None:
    refused(raw_zip([GOOD], after_directory=b"hidden"), "a central directory that ends where")
    data = raw_zip([GOOD])
    length = 46 + len(GOOD.name) + 6
    refused(raw_zip([GOOD], after_directory=b"hidden", end={"length": length}), "1 entries in the central directory")
    assert read(data)


def test_an_entry_the_central_directory_does_not_name() -> None:
    hidden = raw_zip([Raw("demo/hidden.py", b"evil")])
    hidden = hidden[: hidden.index(b"PK\1\2")]
    refused(raw_zip([GOOD], before_directory=hidden), "entries that follow each other with nothing between")
    refused(lying(gap=hidden), "entries that follow each other with nothing between")


def test_two_entries_that_share_their_bytes() -> None:
    refused(lying(central={"offset": 0}), "entries that do not overlap")


def test_an_entry_that_reaches_into_the_next() -> None:
    refused(lying(central={"packed": 200, "size": 200}), "entries that do not overlap")


def test_an_entry_that_begins_in_the_central_directory() -> None:
    refused(raw_zip([GOOD, Raw("x", b"", STORED, central={"offset": 200})]), "entries that do not overlap")


def test_a_central_header_without_its_signature() -> None:
    refused(lying(central={"signature": b"PK\3\4"}), "a whole central header for each entry")


def test_a_central_header_that_is_cut_short() -> None:
    data = bytearray(raw_zip([GOOD]))
    position = data.index(b"PK\1\2") + 28
    data[position] += 1
    refused(bytes(data), "a whole central header for each entry")


def test_an_entry_comment() -> None:
    refused(lying(central={"comment": b"hidden"}), "no entry comment")


def test_an_entry_on_another_disk() -> None:
    refused(lying(central={"disk": 1}), "no second disk")


# Local header against central header


@pytest.mark.parametrize(
    "local",
    [
        {"name": b"demo/y.txt"},
        {"name": b"demo/xx.txt"},
        {"flags": 2},
        {"method": STORED},
        {"stamp": 34 << 16},
    ],
)
def test_a_local_header_that_says_something_else(local: Lies) -> None:
    error = refused(lying(local=local), "one name, method, time and set of flags")
    assert "demo/x.txt" in error.subject


@pytest.mark.parametrize("local", [{"crc": 1}, {"packed": 1}, {"size": 1}, {"crc": 0, "packed": 0, "size": 0}])
def test_a_local_header_with_another_crc_or_size(local: Lies) -> None:
    refused(lying(local=local), "one CRC and one pair of sizes")
    if any(local.values()):
        descriptor = struct.pack("<3I", CRC, len(PACKED), len(DATA))
        refused(lying(local=local, flags=DESCRIPTOR, descriptor=descriptor), "one CRC and one pair of sizes")


@pytest.mark.parametrize("local", [{"signature": b"PK\1\2"}, {"need": 46}])
def test_a_local_header_that_is_none(local: Lies) -> None:
    refused(lying(local=local), "a local header where the central directory says")


@pytest.mark.parametrize("local", [{"packed": LONG}, {"size": LONG}])
def test_a_local_header_that_refers_to_a_zip64_field_it_lacks(local: Lies) -> None:
    refused(lying(local=local), "a zip64 field where the local header refers to one")


@pytest.mark.parametrize("values", [(), (len(DATA),), (len(DATA), len(PACKED), 0)])
def test_a_local_zip64_field_of_another_length(values: tuple[int, ...]) -> None:
    refused(lying(local={"extra": zip64_field(*values)}), "a zip64 field of two sizes in the local header")


@pytest.mark.parametrize("values", [(len(DATA) + 1, len(PACKED)), (len(DATA), len(PACKED) + 1)])
def test_a_local_zip64_field_with_other_sizes(values: tuple[int, int]) -> None:
    refused(lying(local={"extra": zip64_field(*values)}), "one pair of sizes in the local header and its zip64 field")
    local: Lies = {"packed": LONG, "size": LONG, "extra": zip64_field(*values)}
    refused(lying(local=local), "one CRC and one pair of sizes")


@pytest.mark.parametrize(
    "central",
    [
        {"packed": LONG},
        {"packed": LONG, "extra": zip64_field(len(DATA), len(PACKED))},
        {"extra": zip64_field(len(DATA), len(PACKED) + 1)},
        {"extra": zip64_field(len(DATA) + 1)},
        {"extra": zip64_field(len(DATA), len(PACKED), 0)},
        {"extra": extra_field(1, struct.pack("<Q", len(DATA))[:4])},
        {"extra": zip64_field()},
        {"packed": LONG, "extra": zip64_field(len(DATA), LONG)},
        {"packed": LONG, "size": LONG, "extra": zip64_field(len(DATA))},
        {"packed": LONG, "extra": extra_field(1, b"1234")},
    ],
)
def test_a_central_zip64_field_that_does_not_fit_the_header(central: Lies) -> None:
    refused(lying(central=central), "a zip64 field with exactly the values the central header leaves out")


@pytest.mark.parametrize(
    "descriptor",
    [
        struct.pack("<3I", CRC ^ 1, len(PACKED), len(DATA)),
        struct.pack("<3I", CRC, len(PACKED) + 1, len(DATA)),
        struct.pack("<3I", CRC, len(PACKED), len(DATA) + 1),
        struct.pack("<4s3I", b"PK\7\x09", CRC, len(PACKED), len(DATA)),
    ],
)
def test_a_data_descriptor_that_says_something_else(descriptor: bytes) -> None:
    refused(lying(flags=DESCRIPTOR, descriptor=descriptor), "a data descriptor that states what")


@pytest.mark.parametrize(
    "descriptor",
    [b"", struct.pack("<I2Q", CRC, len(PACKED), len(DATA)), struct.pack("<3I", CRC, len(PACKED), len(DATA)) + b"x"],
)
def test_a_data_descriptor_of_another_length(descriptor: bytes) -> None:
    refused(lying(flags=DESCRIPTOR, descriptor=descriptor), "entries that follow each other with nothing between")


def test_a_data_descriptor_that_is_not_announced() -> None:
    descriptor = struct.pack("<3I", CRC, len(PACKED), len(DATA))
    refused(lying(descriptor=descriptor), "entries that follow each other with nothing between")


# Method, flags, extra fields, type


@pytest.mark.parametrize("method", [1, 9, 12, 14, 93, 95, 99])
def test_other_methods(method: int) -> None:
    refused(lying(method=method), "stored or deflated, unencrypted")


@pytest.mark.parametrize("flags", [0x0001, 0x0010, 0x0020, 0x0040, 0x0080, 0x1000, 0x2000, 0x8000])
def test_encryption_and_other_flags(flags: int) -> None:
    refused(lying(flags=flags), "stored or deflated, unencrypted")


def test_a_later_version() -> None:
    refused(lying(central={"need": 46}), "of version 4.5 or lower")


@pytest.mark.parametrize("tag", [0x7075, 0x6375, 0x9901, 0xA220, 0xD935, 0x0017])
@pytest.mark.parametrize("side", ["local", "central"])
def test_extra_fields_that_rename_or_hide(tag: int, side: str) -> None:
    refused(lying(**{side: {"extra": extra_field(tag, b"1")}}), "no extra fields but zip64, times and owners")


TOO_LONG = [(0x0001, 29), (0x000A, 33), (0x5455, 14), (0x5855, 13), (0x7875, 12)]


@pytest.mark.parametrize("side", ["local", "central"])
@pytest.mark.parametrize(
    ("extra", "rule"),
    [
        (b"\x55\x54\x01", "whole extra fields"),
        (extra_field(0x5455, bytes(5)) + b"xy", "whole extra fields"),
        (struct.pack("<2H", 0x5455, 9) + bytes(5), "whole extra fields, each once"),
        (extra_field(0x5455, bytes(5)) * 2, "whole extra fields, each once"),
        *((extra_field(tag, bytes(size)), "no extra fields but") for tag, size in TOO_LONG),
    ],
)
def test_malformed_extra_fields(side: str, extra: bytes, rule: str) -> None:
    refused(lying(**{side: {"extra": extra}}), rule)


@pytest.mark.parametrize("mode", [0o120777, 0o20644, 0o60644, 0o10644, 0o140644, 0o40755])
def test_links_devices_and_directories_that_pass_for_files(mode: int) -> None:
    refused(lying(central={"attributes": mode << 16}), "a regular file, or a directory whose name ends in '/'")


@pytest.mark.parametrize("attributes", [0x10, 0x08, REGULAR | 0x10])
def test_files_with_a_directory_or_label_attribute(attributes: int) -> None:
    refused(lying(central={"attributes": attributes}), "a regular file, or a directory whose name ends in '/'")


def test_a_directory_that_says_it_is_a_file() -> None:
    refused(lying(name="demo/sub/", data=b"", central={"attributes": REGULAR}), "a regular file, or a directory")


@pytest.mark.parametrize(
    "lies",
    [
        {"data": DATA},
        {"data": b"", "body": b"\x00\x00\x00\xff\xff\x03\x00"},
        {"data": b"", "body": b"\x03\x00\x00"},
        {"data": b"", "central": {"crc": 1}},
        {"data": b"", "central": {"size": 1}},
    ],
)
def test_a_directory_with_contents(lies: dict[str, object]) -> None:
    refused(lying(name="demo/sub/", **lies), "directories are empty")


# Names


@pytest.mark.parametrize("flags", [0, UTF8])
@pytest.mark.parametrize("raw", [b"demo/\xe9.py", b"demo/\xed\xa0\x80.py", b"\xff"])
def test_names_that_are_not_what_the_flag_says(flags: int, raw: bytes) -> None:
    data = lying(flags=flags, local={"name": raw}, central={"name": raw})
    refused(data, "a name in UTF-8 that is flagged so, or in ASCII")


def test_a_utf8_name_without_the_flag() -> None:
    refused(raw_zip([Raw("demo/é.py", DATA)]), "a name in UTF-8 that is flagged so, or in ASCII")


@pytest.mark.parametrize("name", ["../evil.py", "/evil.py", "demo\\evil.py", "C:/evil.py", "demo/\x00.py", "", "/"])
def test_names_that_leave_or_confuse(name: str) -> None:
    refused(lying(name=name), "path without")


@pytest.mark.parametrize("twin", ["demo/x.txt", "demo/X.TXT", "demo/x.txt/", "demo/x.txt/y", "demo"])
def test_twins_and_files_used_as_directories(twin: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        read(raw_zip([Raw("demo/x.txt", DATA), Raw(twin)]))
    assert caught.value.expected in (
        "a name of its own, whatever its letter case and Unicode form",
        "nothing below a name that is no directory",
    )


# Contents


@pytest.mark.parametrize(
    "body",
    [PACKED[:-1], PACKED + b"\0", PACKED + PACKED, b"\xff" * 10, PACKED[:5], b""],
    ids=["cut", "padded", "twice", "broken", "short", "empty"],
)
def test_deflate_streams_that_are_not_exactly_one(body: bytes) -> None:
    error = refused(lying(body=body), "deflate stream")
    assert "demo/x.txt" in error.subject


def test_a_deflate_stream_that_ends_before_its_last_block_of_input() -> None:
    refused(lying(body=PACKED + bytes(2 * BLOCK)), "nothing after the end of its deflate stream")


@pytest.mark.parametrize("size", [0, len(DATA) - 1])
def test_more_bytes_than_declared(size: int) -> None:
    lies: Lies = {"size": size}
    refused(lying(local=lies, central=lies), f"{size} bytes, as declared")


def test_fewer_bytes_than_declared() -> None:
    lies: Lies = {"size": len(DATA) + 1}
    refused(lying(local=lies, central=lies), f"{len(DATA) + 1} bytes with CRC")


def test_a_wrong_crc() -> None:
    lies: Lies = {"crc": CRC ^ 1}
    refused(lying(local=lies, central=lies), "bytes with CRC")


def test_a_stored_entry_with_two_sizes() -> None:
    lies: Lies = {"size": len(DATA) - 1}
    refused(lying(method=STORED, local=lies, central=lies), "a stored entry is as large as it says")


# Cost


def test_too_many_entries() -> None:
    refused(lying(), "1 to 2 entries", Limits(entries=2))
    assert read(lying(), Limits(entries=3))


def test_a_central_directory_that_is_too_large() -> None:
    refused(lying(), "a central directory of at most 100 bytes", Limits(names=100))


def test_a_deflate_bomb() -> None:
    refused(raw_zip([Raw("demo/zeros", bytes(8 << 20))]), "entries that inflate at most 400-fold")


def test_a_ratio_that_is_only_the_whole_archives() -> None:
    entries = [Raw(f"demo/{number}", bytes(3000)) for number in range(9)]
    refused(raw_zip(entries), "10 times the file once inflated", Limits(ratio=10, ratio_from=3000))
    assert read(raw_zip(entries), Limits(ratio=100, ratio_from=3000))


def test_small_members_may_be_packed_as_tight_as_they_like() -> None:
    assert read(raw_zip([Raw("demo/zeros", bytes(4 << 20))]))


def test_too_many_bytes_in_all() -> None:
    refused(lying(), "at most 20 bytes and", Limits(inflated=20))


def test_a_small_file_that_is_too_large_to_be_kept() -> None:
    data = lying()
    archive = read_archive(io.BytesIO(data), len(data), DEFAULT, SPOT)
    entry = archive.entries[1]
    assert read_entry(io.BytesIO(data), archive, entry, len(DATA)) == DATA
    with pytest.raises(EvidenceError, match="at most 31 bytes"):
        read_entry(io.BytesIO(data), archive, entry, len(DATA) - 1)


# The file behind it


def test_a_file_that_is_shorter_than_stated() -> None:
    data = lying()
    refused(data, "bytes up to the stated size", size=len(data) + 1)


def test_a_file_that_is_longer_than_stated() -> None:
    data = lying()
    with pytest.raises(EvidenceError, match=f"a file of {len(data)} bytes"):
        read(data + b"more", size=len(data))


def test_an_end_record_that_changes_while_it_is_read() -> None:
    data = raw_zip([GOOD, Raw("demo/hidden.py", b"evil")])

    class Changing(io.BytesIO):
        def seek(self, offset: int, whence: int = 0) -> int:
            if offset == data.index(b"PK\1\2"):  # the end record was read, the central directory comes
                self.getbuffer()[-12] ^= 1
            return super().seek(offset, whence)

    with pytest.raises(EvidenceError, match="a file that does not change while it is read"):
        read_archive(Changing(data), len(data), DEFAULT, SPOT)


def test_a_file_that_shrinks_while_it_is_read() -> None:
    data = lying()
    archive = read_archive(io.BytesIO(data), len(data), DEFAULT, SPOT)
    with pytest.raises(EvidenceError, match="bytes up to the stated size"):
        walk(io.BytesIO(data[:60]), archive, lambda _entry, _pieces: None)


def test_contents_are_checked_even_when_nobody_takes_them() -> None:
    data = lying(local={"crc": 1}, central={"crc": 1})
    archive = read_archive(io.BytesIO(data), len(data), DEFAULT, SPOT)
    with pytest.raises(EvidenceError, match="with CRC"):
        walk(io.BytesIO(data), archive, lambda _entry, _pieces: None)
