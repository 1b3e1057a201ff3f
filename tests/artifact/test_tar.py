"""The tar structure: each attack writes one lie into an otherwise sound archive."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest

from pip_verify.artifact.fault import Spot
from pip_verify.artifact.limits import DEFAULT, Limits
from pip_verify.artifact.stream import Stream
from pip_verify.artifact.tarfmt import Member, read_members
from pip_verify.errors import EvidenceError
from tests.artifact.rawtar import (
    END,
    GNU,
    header,
    long_link,
    long_name,
    member,
    padded,
    pax,
    pax_global,
    pax_records,
)

SPOT = Spot("demo-1.0.tar.gz")
GOOD = member("demo/good.py", b"print('good')\n")
LONG = "demo/" + "long/" * 30 + "name.py"


def blocks(data: bytes, size: int = 777) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def read(*parts: bytes, end: bytes = END, limits: Limits = DEFAULT) -> dict[Member, bytes]:
    stream = Stream(blocks(b"".join(parts) + end), SPOT)
    return {found: b"".join(pieces) for found, pieces in read_members(stream, limits, SPOT)}


def refused(*parts: bytes, rule: str, end: bytes = END, limits: Limits = DEFAULT) -> None:
    with pytest.raises(EvidenceError) as caught:
        read(*parts, end=end, limits=limits)
    assert rule in caught.value.expected, str(caught.value)
    assert caught.value.subject.startswith(SPOT.filename)


def python_reads(*parts: bytes) -> list[tuple[str, str, int, str]]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(parts) + END), encoding="utf-8") as archive:
        kinds = {b"0": "file", b"\0": "file", b"1": "hardlink", b"2": "symlink", b"5": "directory"}
        return [(info.name, kinds[info.type], info.size, info.linkname) for info in archive]


SOUND = [
    (GOOD,),
    (GOOD, member("demo/empty"), member("demo/x", b"x" * 512), member("demo/y", b"y" * 513)),
    (member("demo/", kind=b"5"), member("demo/sub", kind=b"5"), GOOD),
    (GOOD, member("demo/link", kind=b"2", target="good.py"), member("demo/hard", kind=b"1", target="demo/good.py")),
    (member("demo/old", b"x", kind=b"\0"),),
    (member("good.py", b"x", prefix=b"demo"),),
    (member("demo/good.py", b"x", magic=GNU),),
    (pax(path=LONG), member("demo/x", b"x")),
    (pax(path=LONG + "/"), member("demo/x", kind=b"5")),
    (pax(path=LONG, size="1"), member("demo/x", b"x")),
    (pax(linkpath=LONG), member("demo/x", kind=b"2", target="short")),
    (pax(linkpath=LONG), member("demo/x", b"x")),
    (pax(mtime="1.5", uname="é", comment="x", SCHILY_DOT_xattr_DOT_user_DOT_x=b"\xff"), GOOD),
    (long_name(LONG), member(LONG[:100], b"x", magic=GNU)),
    (long_name("demo/" + "é" * 100), member(("demo/" + "é" * 100).encode()[:100], b"x", magic=GNU)),
    (long_link(LONG), long_name(LONG), member("demo/x", kind=b"2", magic=GNU)),
    (long_name("demo/" + "x" * 94 + "/y"), member("demo/" + "x" * 94 + "/", b"x", magic=GNU)),
    (pax_global(comment="0" * 40), GOOD),
    (pax_global(comment="0" * 40), pax(path=LONG), GOOD),
    (member("demo/x", b"x", uid=b"\x80\0\0\0\0\x20\0\0", mtime=b"\xff" * 12),),
    (member("demo/x", b"x", mode=b"   644 \0", major=b"", minor=b" \0"),),
]


@pytest.mark.parametrize("parts", SOUND, ids=range(len(SOUND)))
def test_sound_archives_are_read_as_python_reads_them(parts: tuple[bytes, ...]) -> None:
    ours = [
        (found.name, found.kind, found.size, found.target if "link" in found.kind else "") for found in read(*parts)
    ]
    theirs = [(name, kind, size, target if "link" in kind else "") for name, kind, size, target in python_reads(*parts)]
    assert ours == theirs


def test_contents_are_handed_over() -> None:
    assert list(read(GOOD, member("demo/x", b"x" * 2000)).values()) == [b"print('good')\n", b"x" * 2000]


def test_contents_nobody_takes_are_passed_over() -> None:
    stream = Stream(blocks(member("demo/x", b"x" * 2000) + GOOD + END), SPOT)
    assert [found.name for found, _ in read_members(stream, DEFAULT, SPOT)] == ["demo/x", "demo/good.py"]


@pytest.mark.parametrize("fmt", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_python_writes_is_read(fmt: int) -> None:
    name = "demo/" + "é" * 40 + ("" if fmt == tarfile.USTAR_FORMAT else "/" + "é" * 120)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=fmt, encoding="utf-8") as archive:
        info = tarfile.TarInfo(name)
        info.size = 3
        info.uid = 5_000_000 if fmt != tarfile.USTAR_FORMAT else 5
        info.mtime = 1.5 if fmt == tarfile.PAX_FORMAT else 1
        archive.addfile(info, io.BytesIO(b"abc"))
    assert read(buffer.getvalue(), end=b"") == {Member(name, "file", 3, ""): b"abc"}


@pytest.mark.parametrize("end", [END, END + bytes(9 * 1024)])
def test_padding_to_a_record_is_allowed(end: bytes) -> None:
    assert len(read(GOOD, end=end)) == 1


# The end


@pytest.mark.parametrize(
    ("end", "rule"),
    [
        (b"", "bytes up to the stated size"),
        (bytes(512), "two blocks of zeros"),
        (bytes(700), "bytes up to the stated size"),
        (bytes(512) + GOOD + END, "nothing behind the end of the archive"),
        (END + GOOD, "nothing behind the end of the archive"),
        (END + bytes(511) + b"x", "nothing behind the end of the archive"),
    ],
)
def test_archives_that_end_otherwise(end: bytes, rule: str) -> None:
    refused(GOOD, rule=rule, end=end)


def test_a_member_that_is_cut_short() -> None:
    refused(GOOD[:512], rule="bytes up to the stated size", end=b"")
    refused(GOOD[:100], rule="bytes up to the stated size", end=b"")


# The header


def test_a_wrong_checksum() -> None:
    refused(header("demo/x", checksum=b"000001\0 "), rule="the right checksum")
    broken = bytearray(GOOD)
    broken[0] ^= 1
    refused(GOOD, bytes(broken), rule="the right checksum")


@pytest.mark.parametrize("field", ["mode", "uid", "gid", "size", "mtime", "major", "minor", "checksum"])
@pytest.mark.parametrize("value", [b"8", b"-1", b"+1", b"0x1", b"1_0", b"1 1", b"1\x001", b"\t1", b"\x81"])
def test_numbers_that_are_not_octal(field: str, value: bytes) -> None:
    length = 12 if field in ("size", "mtime") else 8
    refused(header("demo/x", **{field: value.ljust(length, b"\0")}), rule="octal numbers in tar headers")


def test_a_size_in_base_256() -> None:
    refused(member("demo/x", b"x", size=b"\x80" + bytes(10) + b"\x01"), rule="octal numbers in tar headers")


@pytest.mark.parametrize("magic", [b"", b"ustar\x0001", b"ustar\0  ", b"USTAR\x0000"])
def test_other_kinds_of_tar(magic: bytes) -> None:
    refused(header("demo/x", magic=magic), rule="a ustar, pax or GNU header")


def test_bytes_that_only_some_formats_read() -> None:
    refused(header("x", magic=GNU, prefix=b"demo"), rule="a ustar, pax or GNU header")
    refused(header("demo/x", pad=b"x"), rule="a ustar, pax or GNU header")


@pytest.mark.parametrize("kind", [b"3", b"4", b"6", b"7", b"S", b"D", b"M", b"N", b"V", b"X", b"A", b"\xff", b" "])
def test_devices_fifos_sparse_files_and_unknown_types(kind: bytes) -> None:
    refused(member("demo/x", kind=kind), rule="files, directories and links only")


@pytest.mark.parametrize("kind", [b"1", b"2", b"5"])
def test_contents_where_none_can_be(kind: bytes) -> None:
    refused(member("demo/x", b"x", kind=kind, target="demo/y"), rule="no contents in a ")


@pytest.mark.parametrize("kind", [b"0", b"\0", b"1", b"2"])
def test_a_directory_disguised_as_a_file(kind: bytes) -> None:
    refused(member("demo/x/", kind=kind, target="demo/y"), rule="no slash at the end of a file's name")
    refused(pax(path="demo/x/"), member("demo/x", kind=kind, target="demo/y"), rule="no slash at the end")


def test_an_old_type_whose_cut_name_ends_in_a_slash() -> None:
    cut = "demo/" + "x" * 94 + "/"
    refused(long_name(cut + "y"), member(cut, b"x", kind=b"\0", magic=GNU), rule="no slash at the end of a file's name")


@pytest.mark.parametrize("field", ["name", "prefix", "target"])
def test_bytes_behind_the_nul_of_a_name(field: str) -> None:
    lies: dict[str, Any] = {"kind": b"2", "name": "demo/x", "target": "y", field: b"demo\0x"}
    refused(header(lies.pop("name"), **lies), rule="names that end at their first NUL")


@pytest.mark.parametrize("field", ["name", "prefix", "target"])
def test_names_that_are_not_utf8(field: str) -> None:
    lies: dict[str, Any] = {"kind": b"2", "name": "demo/x", "target": "y", field: b"demo/\xff"}
    refused(header(lies.pop("name"), **lies), rule="names in UTF-8")


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "demo/../x", "demo//x", "./demo/x", "demo\\x", "demo/x\n", ""])
def test_names_that_leave_or_confuse(name: str) -> None:
    refused(member(name), rule="path without")
    refused(pax(path=name), member("demo/x"), rule="path without")
    refused(long_name(name), member("demo/x", magic=GNU), rule="path without")


def test_a_prefix_that_climbs() -> None:
    refused(member("x", prefix=b"../.."), rule="path without")


def test_padding_that_is_not_zero() -> None:
    refused(member("demo/x", b"x")[:-1] + b"x", rule="zeros up to the next tar block")
    refused(pax(path="demo/y")[:-1] + b"x", member("demo/x"), rule="zeros up to the next tar block")


# Extended headers


@pytest.mark.parametrize(
    "records",
    [
        b"x",
        b"12 path",
        b" 12 path=a/b\n",
        b"012 path=a/b\n",
        b"11 path=a/b\n",
        b"13 path=a/b\n",
        b"99 path=a/b\n",
        b"3 path=a/b\n",
        b"12 path=a/bx",
        b"8 path1\n",
        pax_records(path="a/b") + b"\0",
        pax_records(path="a/b") * 2,
        pax_records(mtime="1") * 2,
    ],
)
def test_pax_records_that_are_malformed(records: bytes) -> None:
    refused(member("x", records, kind=b"x"), member("demo/x"), rule="pax records 'length keyword=value'")


@pytest.mark.parametrize(
    "keyword",
    [
        "GNU_DOT_sparse_DOT_map",
        "GNU_DOT_sparse_DOT_name",
        "GNU_DOT_sparse_DOT_major",
        "hdrcharset",
        "charset",
        "SCHILY_DOT_realsize",
        "SCHILY_DOT_filetype",
        "LIBARCHIVE_DOT_symlinktype",
        "Path",
        "",
    ],
)
def test_pax_keywords_that_change_what_is_read(keyword: str) -> None:
    refused(pax(**{keyword: "1"}), member("demo/x"), rule="pax keywords for names, times, owners and comments")


@pytest.mark.parametrize("size", ["0", "2", "01", "+1", "1 ", "-1", "", "x"])
def test_a_pax_size_that_differs_from_the_headers(size: str) -> None:
    refused(pax(size=size), member("demo/x", b"x"), rule="one size in pax header and tar header")


def test_pax_values_that_are_not_utf8() -> None:
    refused(pax(path=b"demo/\xff"), member("demo/x"), rule="names in UTF-8")
    refused(member("x", b"6 \xff=x\n", kind=b"x"), member("demo/x"), rule="names in UTF-8")


@pytest.mark.parametrize("keyword", ["path", "linkpath", "size"])
def test_a_global_header_that_names_or_sizes_members(keyword: str) -> None:
    refused(pax_global(**{keyword: "1"}), member("demo/x", b"x"), rule="no name or size for all members")


@pytest.mark.parametrize("before", [GOOD, pax(path="demo/x")])
def test_a_global_header_that_comes_late(before: bytes) -> None:
    refused(before, pax_global(comment="x"), GOOD, rule="a global pax header at the beginning only")


@pytest.mark.parametrize(
    "headers",
    [
        (pax(path="demo/y"), pax(path="demo/z")),
        (pax(mtime="1"), pax(mtime="1")),
        (long_name("demo/y"), long_name("demo/z")),
        (long_link("demo/y"), long_link("demo/z")),
        (pax(path="demo/y"), long_name("demo/z")),
        (long_name("demo/z"), pax(path="demo/y")),
        (long_link("demo/z"), pax(mtime="1")),
    ],
)
def test_several_extended_headers_for_one_member(headers: tuple[bytes, ...]) -> None:
    refused(*headers, GOOD, rule="one extended header of a kind, pax or GNU")


def test_a_long_name_with_two_readings() -> None:
    data = padded(b"demo/good.py\0demo/evil.py\0")
    refused(header("x", size=26, kind=b"L", magic=GNU) + data, GOOD, rule="names that end at their first NUL")
    refused(header("x", size=6, kind=b"L", magic=GNU) + padded(b"demo/\xff"), GOOD, rule="names in UTF-8")


def test_an_extended_header_without_a_member() -> None:
    refused(pax(mtime="1"), rule="a member after each extended header")
    refused(GOOD, long_name("demo/x"), rule="a member after each extended header")


def test_an_extended_header_that_is_too_large() -> None:
    refused(header("x", size=(1 << 20) + 1, kind=b"x"), rule="an extended header of at most")


# Cost


def test_too_many_members_or_too_long_names() -> None:
    refused(GOOD, GOOD, GOOD, rule="at most 2 members", limits=Limits(entries=2))
    refused(GOOD, GOOD, rule="with 20 bytes of names", limits=Limits(names=20))
    link = member("demo/x", kind=b"2", target="target")
    refused(link, rule="with 11 bytes of names and targets", limits=Limits(names=11))
    assert read(link, limits=Limits(names=12))
    assert read(GOOD, limits=Limits(entries=1, names=12))
