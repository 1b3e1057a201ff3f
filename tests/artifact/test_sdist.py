"""What an sdist may hold before pip unpacks it."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import tracemalloc
import zlib
from pathlib import Path

import pytest

from pip_verify.artifact.limits import DEFAULT, Limits
from pip_verify.artifact.name import Artifact, parse_filename
from pip_verify.artifact.sdist import SdistFacts, read_sdist
from pip_verify.errors import EvidenceError
from tests.artifact.rawtar import END, member, packed, pax
from tests.artifact.rawzip import Raw, raw_zip
from tests.artifact.support import refusing
from tests.makers import make_sdist, metadata_of, tar_of, zip_of

NAME = "demo-1.0.tar.gz"
PKG_INFO = metadata_of("demo", "1.0").encode()
INFO = member("demo-1.0/PKG-INFO", PKG_INFO)


def read(data: bytes, filename: str = NAME, limits: Limits = DEFAULT) -> SdistFacts:
    return read_sdist(io.BytesIO(data), len(data), parse_filename(filename), limits)


refused = refusing(read, NAME)


# What is sound


def test_the_facts_of_an_sdist() -> None:
    data = packed(member("demo-1.0/", kind=b"5"), INFO, member("demo-1.0/a.py", b"12345"))
    assert read(data) == SdistFacts(hashlib.sha256(data).hexdigest(), PKG_INFO)


@pytest.mark.parametrize(
    ("project", "version", "filename"),
    [
        ("demo", "1.0", "demo-1.0.0.tar.gz"),
        ("Demo.Pkg", "1.0", "Demo.Pkg-1.0.tar.gz"),
        ("demo-pkg", "1.0", "demo_pkg-1.0.tar.gz"),
        ("demo-pkg", "1.0", "demo-pkg-1.0.tar.gz"),
    ],
)
def test_spellings_of_one_name_and_version(project: str, version: str, filename: str) -> None:
    assert f"Name: {project}\n".encode() in read(make_sdist(project, version), filename).metadata


def test_a_zip() -> None:
    data = zip_of({"demo-1.0/": b"", "demo-1.0/PKG-INFO": PKG_INFO, "demo-1.0/a.py": b"12345"})
    assert read(data, "demo-1.0.zip") == SdistFacts(hashlib.sha256(data).hexdigest(), PKG_INFO)


@pytest.mark.parametrize(
    ("name", "target"),
    [("link", "a.py"), ("sub/link", "../a.py"), ("a/b/link", "../../c/d"), ("a/link", ".."), ("link", "absent/x")],
)
def test_symbolic_links_that_stay_inside(name: str, target: str) -> None:
    assert read(packed(INFO, member(f"demo-1.0/{name}", kind=b"2", target=target))).metadata == PKG_INFO


def test_a_hard_link_to_an_earlier_file() -> None:
    assert read(packed(INFO, member("demo-1.0/x", kind=b"1", target="demo-1.0/PKG-INFO"))).metadata == PKG_INFO


def test_what_is_accepted_unpacks_to_the_same(tmp_path: Path) -> None:
    links = [
        member("demo-1.0/sub/l", kind=b"2", target="../PKG-INFO"),
        member("demo-1.0/h", kind=b"1", target="demo-1.0/PKG-INFO"),
    ]
    data = packed(INFO, *links, pax(path="demo-1.0/" + "x/" * 90 + "y"), member("short", b"deep"))
    assert read(data).metadata == PKG_INFO
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz", encoding="utf-8") as archive:
        archive.extractall(tmp_path, filter="data")
    assert (tmp_path / "demo-1.0/sub/l").read_bytes() == PKG_INFO == (tmp_path / "demo-1.0/h").read_bytes()
    assert (tmp_path / "demo-1.0" / ("x/" * 90) / "y").read_bytes() == b"deep"


# The gzip layer


def test_bytes_behind_the_gzip_stream() -> None:
    refused(packed(INFO) + b"x", "nothing after the end of its deflate stream")
    refused(packed(INFO) + bytes(512), "nothing after the end of its deflate stream")


def test_a_second_gzip_member() -> None:
    refused(packed(INFO) + gzip.compress(END), "nothing after the end of its deflate stream")
    halves = gzip.compress(INFO) + gzip.compress(END)
    with tarfile.open(fileobj=io.BytesIO(halves)) as archive:
        assert archive.getnames() == ["demo-1.0/PKG-INFO"]
    refused(halves, "nothing after the end of its deflate stream")


@pytest.mark.parametrize("cut", [1, 8, 9, 20])
def test_a_gzip_stream_that_is_cut_short(cut: int) -> None:
    with pytest.raises(EvidenceError):
        read(packed(INFO)[:-cut])


@pytest.mark.parametrize("position", [-1, -8])
def test_a_gzip_stream_with_a_wrong_trailer(position: int) -> None:
    data = bytearray(packed(INFO))
    data[position] ^= 1
    refused(bytes(data), "a sound deflate stream")


@pytest.mark.parametrize(
    "data", [b"", b"x", zlib.compress(INFO + END), zip_of({"demo-1.0/PKG-INFO": PKG_INFO}), INFO + END]
)
def test_something_else_under_the_name(data: bytes) -> None:
    refused(data, "deflate stream" if data else "a whole deflate stream")


def test_a_gzip_bomb_is_refused_in_flat_memory() -> None:
    engine = zlib.compressobj(9, wbits=31)
    size = 32 << 20
    data = engine.compress(INFO + member("demo-1.0/zeros", size=b"%011o\0" % size))
    data += b"".join(engine.compress(bytes(1 << 20)) for _ in range(32)) + engine.compress(END) + engine.flush()
    tracemalloc.start()
    try:
        refused(data, "400 times the file once inflated")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    refused(data, "at most 1000000 bytes", limits=Limits(inflated=1_000_000, ratio=2000))
    assert read(data, limits=Limits(ratio=2000)).sha256 == hashlib.sha256(data).hexdigest()


def test_a_file_that_is_longer_than_stated() -> None:
    data = packed(INFO)
    with pytest.raises(EvidenceError, match=f"a file of {len(data)} bytes"):
        read_sdist(io.BytesIO(data + b"x"), len(data), parse_filename(NAME))


@pytest.mark.parametrize("filename", ["demo-1.0.tar.bz2", "demo-1.0.tar.xz", "demo-1.0.tar", "demo-1.0.tgz"])
def test_other_archives(filename: str) -> None:
    with pytest.raises(EvidenceError, match="sdist"):
        parse_filename(filename)
    with pytest.raises(EvidenceError, match=r"ends in \.tar\.gz or \.zip"):
        read_sdist(io.BytesIO(b""), 0, Artifact("demo", "1.0", filename, "sdist"))


# One top-level directory


@pytest.mark.parametrize("top", ["other-1.0", "demo-2.0", "demo", "Demo-1.0", "demo-1.0.0", "demo-1.0x", "evil"])
def test_a_member_outside_the_top_directory(top: str) -> None:
    refused(packed(INFO, member(f"{top}/x")), "everything in one directory named for demo 1.0")
    refused(packed(INFO, member(top)), "everything in one directory named for demo 1.0")


@pytest.mark.parametrize("top", ["other-1.0", "demo-2.0", "demo"])
def test_a_top_directory_of_another_name_or_version(top: str) -> None:
    refused(packed(member(f"{top}/PKG-INFO", PKG_INFO)), "everything in one directory named for demo 1.0")


@pytest.mark.parametrize("name", ["../x", "/etc/x", "demo-1.0/../../x", "demo-1.0/../demo-1.0/x", "C:/x"])
def test_a_member_that_climbs(name: str) -> None:
    refused(packed(INFO, member(name)), "path without")
    refused(zip_of({"demo-1.0/PKG-INFO": PKG_INFO, name: b""}), "path without", "demo-1.0.zip")


# Names


def test_the_same_name_twice() -> None:
    refused(packed(INFO, INFO), "each member once")
    refused(packed(INFO, member("demo-1.0/", kind=b"5"), member("demo-1.0/", kind=b"5")), "each member once")


def test_a_link_and_then_a_file_through_it() -> None:
    link = member("demo-1.0/sub", kind=b"2", target="other")
    refused(packed(INFO, link, member("demo-1.0/sub/x")), "nothing below a name that is no directory")
    refused(packed(INFO, member("demo-1.0/SUB/x"), link), "nothing below a name that is no directory")
    refused(packed(INFO, link, member("demo-1.0/sub", kind=b"5")), "each member once")
    refused(packed(INFO, link, member("demo-1.0/Sub")), "a name of its own")


def test_twins() -> None:
    refused(packed(INFO, member("demo-1.0/pkg-info")), "a name of its own")
    data = zip_of({"demo-1.0/PKG-INFO": PKG_INFO, "demo-1.0/pkg-info": b""})
    refused(data, "a name of its own", "demo-1.0.zip")


# Links


@pytest.mark.parametrize("target", ["..", "../x", "../demo-1.0/x", "../../etc/passwd"])
def test_symbolic_links_that_leave_the_top_directory(target: str) -> None:
    refused(packed(INFO, member("demo-1.0/link", kind=b"2", target=target)), "symbolic links that stay inside")
    deeper = member("demo-1.0/sub/link", kind=b"2", target=f"../{target}")
    refused(packed(INFO, deeper), "symbolic links that stay inside")


@pytest.mark.parametrize(
    "target",
    ["/etc/passwd", "", "a/../../x", "sub/../x", "./x", "x/.", "a//b", "x/", "C:/x", "..\\x", "a\nb", "...", "../."],
)
def test_symbolic_links_that_are_not_plain(target: str) -> None:
    refused(packed(INFO, member("demo-1.0/sub/link", kind=b"2", target=target)), "path without")


def test_a_top_directory_that_is_a_link() -> None:
    refused(packed(member("demo-1.0", kind=b"2", target="x"), INFO), "symbolic links that stay inside")


@pytest.mark.parametrize("target", ["/etc/passwd", "PKG-INFO", "demo-1.0/absent", "demo-1.0/sub", "demo-1.0/link", ""])
def test_hard_links_to_anything_but_an_earlier_file(target: str) -> None:
    before = [member("demo-1.0/sub", kind=b"5"), member("demo-1.0/link", kind=b"2", target="PKG-INFO")]
    hard = member("demo-1.0/x", kind=b"1", target=target)
    refused(packed(INFO, *before, hard, member("demo-1.0/absent")), "hard links to files before them")


@pytest.mark.parametrize("kind", [b"3", b"4", b"6"])
def test_devices_and_fifos(kind: bytes) -> None:
    refused(packed(INFO, member("demo-1.0/dev", kind=kind)), "files, directories and links only")


def test_a_link_in_a_zip() -> None:
    entries = [
        Raw("demo-1.0/PKG-INFO", PKG_INFO),
        Raw("demo-1.0/x", b"/etc/passwd", central={"attributes": 0o120777 << 16}),
    ]
    refused(raw_zip(entries), "a regular file", "demo-1.0.zip")


# PKG-INFO


@pytest.mark.parametrize(
    "members",
    [
        [],
        [member("demo-1.0/setup.py", b"")],
        [member("demo-1.0/sub/PKG-INFO", PKG_INFO)],
        [member("demo-1.0/PKG-INFO", kind=b"2", target="x")],
        [member("demo-1.0/PKG-INFO", kind=b"5")],
    ],
)
def test_no_pkg_info(members: list[bytes]) -> None:
    refused(packed(*members), "/PKG-INFO")


@pytest.mark.parametrize(("project", "version"), [("other", "1.0"), ("demo", "2.0")])
def test_pkg_info_of_another_project_or_version(project: str, version: str) -> None:
    info = {"demo-1.0/PKG-INFO": metadata_of(project, version).encode()}
    assert "demo-1.0/PKG-INFO" in refused(tar_of(info), "demo 1.0, as the file name says").subject
    refused(zip_of(info), "demo 1.0, as the file name says", "demo-1.0.zip")


def test_a_large_pkg_info() -> None:
    refused(packed(INFO), "at most 10 bytes in this file", limits=Limits(text=10))
