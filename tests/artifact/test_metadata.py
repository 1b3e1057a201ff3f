"""METADATA, PKG-INFO and WHEEL: one reading only."""

from __future__ import annotations

import email

import pytest

from pip_verify.artifact.fault import Spot
from pip_verify.artifact.metadata import check_identity, check_wheel_file, is_stem, parse_fields
from pip_verify.artifact.name import Artifact
from pip_verify.errors import EvidenceError

SPOT = Spot("demo_pkg-1.0-py3-none-any.whl", "METADATA")
DEMO = Artifact("demo-pkg", "1.0", SPOT.filename, "wheel")
GOOD = b"Metadata-Version: 2.1\nName: Demo.Pkg\nVersion: 1.0.0\n"


@pytest.mark.parametrize(
    "data",
    [
        GOOD,
        GOOD.replace(b"\n", b"\r\n"),
        GOOD + b"\nName: other\nbody: \r lone\n",
        GOOD + b"\n\xff\xfe body",
        GOOD + b"Author: J\xfcrgen\n",
        GOOD + b"License: one\n  two\n\tthree\n",
        GOOD.rstrip(),
        GOOD.replace(b"Name: ", b"nAME:"),
        GOOD.replace(b"1.0.0", b"v1.0 "),
    ],
)
def test_the_name_and_version_of_the_file_name(data: bytes) -> None:
    check_identity(data, DEMO, SPOT)


def test_fields_are_what_the_email_package_reads() -> None:
    data = GOOD + b"License: one\n  two\nRequires-Dist: a\nRequires-Dist: b\n\nbody\n"
    message = email.message_from_bytes(data)
    fields = parse_fields(data, SPOT)
    assert fields["requires-dist"] == message.get_all("requires-dist") == ["a", "b"]
    assert fields["license"] == ["one\ntwo"]
    assert list(fields) == [key.lower() for key in dict(message)]


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (GOOD + b"Name: demo-pkg\n", "exactly one Name field"),
        (GOOD + b"NAME: other\n", "exactly one Name field"),
        (GOOD + b"Version: 2.0\n", "exactly one Version field"),
        (b"Version: 1.0\n", "exactly one Name field"),
        (b"", "exactly one Name field"),
        (b"\n" + GOOD, "exactly one Name field"),
        (GOOD.replace(b"Demo.Pkg", b"other"), "demo-pkg 1.0, as the file name says"),
        (GOOD.replace(b"1.0.0", b"1.0.1"), "demo-pkg 1.0, as the file name says"),
        (GOOD.replace(b"Demo.Pkg", b"demo pkg"), "letters, digits"),
        (GOOD.replace(b"Demo.Pkg", b"demo-p\xe2\x84\xaag"), "letters, digits"),
        (GOOD.replace(b"Demo.Pkg", b"demo-pkg\n other"), "letters, digits"),
        (GOOD.replace(b"1.0.0", b"one"), "a PEP 440 version"),
        (GOOD.replace(b"1.0.0", b""), "a PEP 440 version"),
        (GOOD + b"no field\nName: other\n", "'Field: value' in each line"),
        (GOOD + b"Name : other\n", "'Field: value' in each line"),
        (GOOD + b": other\n", "'Field: value' in each line"),
        (GOOD + b"N\xc3\xa4me: other\n", "'Field: value' in each line"),
        (b"From x\n" + GOOD, "'Field: value' in each line"),
        (b" " + GOOD, "'Field: value' in each line"),
        (b"\xef\xbb\xbf" + GOOD, "'Field: value' in each line"),
        (GOOD.replace(b"2.1\n", b"2.1\rName: other\n"), "lines that end in LF or CRLF"),
        (GOOD.replace(b"\n", b"\r"), "lines that end in LF or CRLF"),
        (GOOD.replace(b"\n", b"\r\r\n"), "lines that end in LF or CRLF"),
    ],
)
def test_metadata_that_says_another_or_two_things(data: bytes, rule: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        check_identity(data, DEMO, SPOT)
    assert rule in caught.value.expected, str(caught.value)
    assert caught.value.subject.startswith(SPOT.filename)


WHEEL = b"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.mark.parametrize(
    "data", [WHEEL, WHEEL.replace(b"true", b"False"), WHEEL.replace(b"1.0", b"1.9"), WHEEL + b"\n"]
)
def test_wheel_files(data: bytes) -> None:
    check_wheel_file(data, SPOT)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "exactly one Wheel-Version field"),
        (WHEEL + b"Wheel-Version: 1.0\n", "exactly one Wheel-Version field"),
        (WHEEL.replace(b"1.0", b"2.0"), "Wheel-Version 1.x"),
        (WHEEL.replace(b"1.0", b"1"), "Wheel-Version 1.x"),
        (WHEEL.replace(b"1.0", b"1.0.1"), "Wheel-Version 1.x"),
        (WHEEL.replace(b"Root-Is-Purelib: true\n", b""), "exactly one Root-Is-Purelib field"),
        (WHEEL + b"Root-Is-Purelib: false\n", "exactly one Root-Is-Purelib field"),
        (WHEEL.replace(b"true", b"maybe"), "Root-Is-Purelib: true or false"),
    ],
)
def test_wheel_files_of_another_kind(data: bytes, rule: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        check_wheel_file(data, SPOT)
    assert rule in caught.value.expected


@pytest.mark.parametrize("stem", ["demo_pkg-1.0", "Demo.Pkg-1.0", "demo-pkg-1.0", "demo_pkg-1.0.0", "demo__pkg-v1"])
def test_spellings_of_name_and_version(stem: str) -> None:
    assert is_stem(stem, DEMO)


@pytest.mark.parametrize(
    "stem",
    [
        "",
        "-",
        "demo_pkg",
        "1.0",
        "demo_pkg-1.1",
        "demo-1.0",
        "pkg-1.0",
        "demo_pkg-1.0 ",
        "demo_p\u212ag-1.0",
        "demo_pkg-",
        "x-demo_pkg-1.0",
    ],
)
def test_other_names_and_versions(stem: str) -> None:
    assert not is_stem(stem, DEMO)


def test_a_version_with_a_dash() -> None:
    assert is_stem("demo_pkg-1.0-1", Artifact("demo-pkg", "1.0.post1", "x", "sdist"))
    assert is_stem("demo-pkg-1.0+a_1", Artifact("demo-pkg", "1.0+a.1", "x", "wheel"))


def test_more_tags_than_any_platform_has() -> None:
    """Each is compared with those of the file name, and a member may have four megabytes."""
    tags = b"".join(b"Tag: py3-none-a%d\n" % number for number in range(1000))
    assert len(check_wheel_file(WHEEL.replace(b"Tag: py3-none-any\n", tags), SPOT)) == 1000
    with pytest.raises(EvidenceError) as caught:
        check_wheel_file(WHEEL + tags, SPOT)
    assert (caught.value.expected, caught.value.got) == ("at most 1000 Tag fields", "1001")
