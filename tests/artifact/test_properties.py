"""What holds for all wheels and sdists: what the makers make is accepted, and no single bit of it can be changed."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pip_verify.artifact.fault import Spot
from pip_verify.artifact.limits import DEFAULT
from pip_verify.artifact.name import parse_filename
from pip_verify.artifact.paths import check_path, check_tree
from pip_verify.artifact.sdist import read_sdist
from pip_verify.artifact.wheel import WheelFacts, read_wheel
from pip_verify.artifact.zipfmt import read_archive
from pip_verify.errors import EvidenceError
from tests.artifact.rawtar import member, packed
from tests.makers import make_sdist, make_wheel, metadata_of

WHEEL = "demo-1.0-py3-none-any.whl"
SDIST = "demo-1.0.tar.gz"
GOOD_WHEEL = make_wheel(
    "demo",
    "1.0",
    {"demo/__init__.py": b"x = 1\n" * 40, "demo/é.txt": b"\xff\x00", "demo/": b""},
    entry_points="[console_scripts]\ndemo = demo:main\n",
)
PKG_INFO = metadata_of("demo", "1.0").encode()
TEXT = 1024  # where PKG-INFO's contents begin
GOOD_TAR = b"".join(
    [
        member("demo-1.0/", kind=b"5"),
        member("demo-1.0/PKG-INFO", PKG_INFO),
        member("demo-1.0/link", kind=b"2", target="PKG-INFO"),
    ]
)
GOOD_SDIST = packed(GOOD_TAR)


def read(data: bytes) -> WheelFacts:
    return read_wheel(io.BytesIO(data), len(data), parse_filename(WHEEL))


def is_plain(path: str) -> bool:
    try:
        check_path(path, Spot("x"))
    except EvidenceError:
        return False
    return True


def is_tree(paths: list[str]) -> bool:
    try:
        check_tree([(path, False) for path in paths], Spot("x"))
    except EvidenceError:
        return False
    return True


bits = st.integers(0, 7)
segments = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
paths = st.lists(segments, min_size=1, max_size=3).map("/".join).map("demo/".__add__).filter(is_plain)
trees = st.dictionaries(paths, st.binary(max_size=300), max_size=6).filter(lambda files: is_tree(list(files)))


@given(trees)
@settings(max_examples=60)
def test_any_set_of_files_makes_a_wheel_that_is_accepted(files: dict[str, bytes]) -> None:
    data = make_wheel("demo", "1.0", files)
    assert read(data).sha256 == hashlib.sha256(data).hexdigest()


@given(trees)
@settings(max_examples=60)
def test_any_set_of_files_makes_an_sdist_that_is_accepted(files: dict[str, bytes]) -> None:
    data = make_sdist("demo", "1.0", files=files)
    assert read_sdist(io.BytesIO(data), len(data), parse_filename(SDIST)).sha256 == hashlib.sha256(data).hexdigest()


def harmless_bits(data: bytes) -> dict[int, int]:
    """Bits that say nothing of what is installed, by byte: who made the entry and needs what to read it, internal and
    external attributes, and a deflate stream's padding. The signature over the whole file covers them all the same."""
    masks: dict[int, int] = {}
    archive = read_archive(io.BytesIO(data), len(data), DEFAULT, Spot(WHEEL))
    for entry in archive.entries:
        masks |= {entry.offset + 4: 0x3F, entry.end - 1: 0xFE if entry.method else 0}
    position = archive.start
    for _ in archive.entries:
        lengths = struct.unpack_from("<3H", data, position + 28)
        masks |= {position + offset: 0xFF for offset in (4, 5, *range(36, 42))}
        masks[position + 6] = 0x3F
        position += 46 + sum(lengths)
    return masks


def test_every_single_bit_of_a_wheel_counts() -> None:
    good = read(GOOD_WHEEL)
    masks = harmless_bits(GOOD_WHEEL)
    accepted = 0
    for position in range(len(GOOD_WHEEL)):
        for bit in range(8):
            data = bytearray(GOOD_WHEEL)
            data[position] ^= 1 << bit
            try:
                facts = read(bytes(data))
            except EvidenceError:
                continue
            accepted += 1
            assert masks.get(position, 0) >> bit & 1, f"bit {bit} of byte {position}"
            assert dataclasses.replace(facts, sha256=good.sha256) == good
            assert facts.sha256 != good.sha256
            assert contents(bytes(data)) == contents(GOOD_WHEEL)
    assert accepted  # else the loop has tried nothing


def contents(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@given(st.integers(0, len(GOOD_WHEEL)), st.binary(min_size=1, max_size=30))
@settings(max_examples=200)
def test_nothing_can_be_put_into_a_wheel(position: int, more: bytes) -> None:
    with pytest.raises(EvidenceError):
        read(GOOD_WHEEL[:position] + more + GOOD_WHEEL[position:])


@given(st.integers(0, len(GOOD_WHEEL) - 1), st.integers(1, 60))
@settings(max_examples=200)
def test_nothing_can_be_cut_out_of_a_wheel(position: int, length: int) -> None:
    with pytest.raises(EvidenceError):
        read(GOOD_WHEEL[:position] + GOOD_WHEEL[position + length :])


@given(st.data())
@settings(max_examples=300)
def test_a_damaged_wheel_raises_nothing_else(data: st.DataObject) -> None:
    damaged = bytearray(GOOD_WHEEL)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.sampled_from([0, 1, 0x50, 0xFF]))
    try:
        read(bytes(damaged))
    except EvidenceError as error:
        assert str(error).startswith(WHEEL)  # noqa: PT017 — no error is an answer too


def counts(position: int) -> bool:
    """Not in a file's contents, nor in a checksum, whose leading zero may be a space."""
    return not TEXT <= position < TEXT + len(PKG_INFO) and position % 512 not in range(148, 156)


@given(st.integers(0, len(GOOD_TAR) - 1).filter(counts), bits)
@settings(max_examples=300)
def test_every_single_bit_of_a_tar_outside_its_files_counts(position: int, bit: int) -> None:
    damaged = bytearray(GOOD_TAR)
    damaged[position] ^= 1 << bit
    data = packed(bytes(damaged))
    with pytest.raises(EvidenceError):
        read_sdist(io.BytesIO(data), len(data), parse_filename(SDIST))


@given(st.integers(0, len(GOOD_SDIST) - 1), bits)
@settings(max_examples=300)
def test_a_damaged_sdist_is_refused_or_holds_the_same(position: int, bit: int) -> None:
    damaged = bytearray(GOOD_SDIST)
    damaged[position] ^= 1 << bit
    try:
        facts = read_sdist(io.BytesIO(damaged), len(damaged), parse_filename(SDIST))
    except EvidenceError:
        return
    # the gzip header's time, flags and system, and padding bits of the deflate stream
    assert gzip.decompress(damaged) == gzip.decompress(GOOD_SDIST)
    assert facts.sha256 == hashlib.sha256(damaged).hexdigest()
