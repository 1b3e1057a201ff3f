"""Counted bytes off blocks, and deflate streams of any size in flat memory."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest

from pip_verify.artifact.fault import Spot
from pip_verify.artifact.stream import (
    BLOCK,
    GZIP,
    RAW_DEFLATE,
    Stream,
    check_cap,
    check_length,
    file_blocks,
    inflate,
)
from pip_verify.errors import EvidenceError
from tests.artifact.rawzip import deflate

SPOT = Spot("demo.whl")


def test_bytes_are_taken_across_blocks() -> None:
    stream = Stream(iter([b"ab", b"", b"cde", b"f"]), SPOT)
    assert stream.take(1) == b"a"
    assert stream.take(3) == b"bcd"
    assert [bytes(piece) for piece in stream.pieces(2)] == [b"e", b"f"]
    assert not stream.more()
    assert stream.take(0) == b""


@pytest.mark.parametrize("blocks", [[], [b""], [b"abc"]])
def test_fewer_bytes_than_asked_for(blocks: list[bytes]) -> None:
    with pytest.raises(EvidenceError, match="bytes up to the stated size"):
        Stream(iter(blocks), SPOT).take(4)


def test_file_blocks_hash_what_they_read() -> None:
    data = bytes(range(256)) * (BLOCK // 100)
    digest = hashlib.sha256()
    blocks = list(file_blocks(io.BytesIO(data), 10, len(data) - 10, digest))
    assert b"".join(blocks) == data[10:-10]
    assert max(map(len, blocks)) <= BLOCK
    assert digest.digest() == hashlib.sha256(data[10:-10]).digest()
    assert b"".join(file_blocks(io.BytesIO(b"short"), 0, 100)) == b"short"


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize("size", [0, 1, 1000, BLOCK, 3 * BLOCK + 1])
def test_a_stream_inflates_whatever_its_pieces(step: int, size: int) -> None:
    data = bytes(size)
    packed = deflate(data)
    pieces = [packed[start : start + step] for start in range(0, len(packed), step)]
    inflated = list(inflate(pieces, RAW_DEFLATE, SPOT))
    assert b"".join(inflated) == data
    assert max(map(len, inflated)) <= BLOCK


def test_what_the_engine_holds_back_at_the_end_is_not_lost() -> None:
    for size in range(BLOCK - 300, BLOCK + 300):
        packed = deflate(bytes(size))
        assert sum(map(len, inflate([packed], RAW_DEFLATE, SPOT))) == size


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda packed: packed[:-1], "a whole deflate stream"),
        (lambda packed: packed[:3], "a whole deflate stream"),
        (lambda _packed: b"", "a whole deflate stream"),
        (lambda packed: packed + b"x", "nothing after the end of its deflate stream"),
        (lambda _packed: b"\xff\xff", "a sound deflate stream"),
    ],
)
@pytest.mark.parametrize("step", [1, 10_000])
def test_streams_that_are_not_exactly_one(change: object, rule: str, step: int) -> None:
    packed: bytes = change(deflate(b"text, text, text" * 9))  # type: ignore[operator]
    pieces = [packed[start : start + step] for start in range(0, len(packed), step)]
    with pytest.raises(EvidenceError) as caught:
        list(inflate(pieces, RAW_DEFLATE, SPOT))
    assert caught.value.expected == rule


def test_a_gzip_trailer_is_checked() -> None:
    engine = zlib.compressobj(wbits=GZIP)
    packed = engine.compress(b"text") + engine.flush()
    assert b"".join(inflate([packed], GZIP, SPOT)) == b"text"
    for position in (-1, -5):
        broken = bytearray(packed)
        broken[position] ^= 1
        with pytest.raises(EvidenceError, match="a sound deflate stream"):
            list(inflate([bytes(broken)], GZIP, SPOT))
    with pytest.raises(EvidenceError, match="nothing after the end"):
        list(inflate([packed, packed], GZIP, SPOT))


def test_memory_stays_flat_while_a_bomb_inflates() -> None:
    packed = deflate(bytes(64 << 20))

    def total() -> int:
        return sum(map(len, inflate([packed], RAW_DEFLATE, SPOT)))

    tracemalloc.start()
    try:
        assert total() == 64 << 20
        assert tracemalloc.get_traced_memory()[1] < 4 * BLOCK
    finally:
        tracemalloc.stop()


def test_only_as_much_is_read_as_is_asked_for() -> None:
    asked = 0

    def endless() -> Iterator[bytes]:
        nonlocal asked
        while True:
            asked += 1
            yield bytes(100)

    Stream(endless(), SPOT).take(250)
    assert asked == 3


def test_a_file_longer_than_stated_and_a_member_too_large_to_keep() -> None:
    check_length(io.BytesIO(b"1234"), 4, SPOT)
    with pytest.raises(EvidenceError, match="a file of 3 bytes"):
        check_length(io.BytesIO(b"1234"), 3, SPOT)
    check_cap(4, 4, SPOT)
    with pytest.raises(EvidenceError, match="at most 4 bytes"):
        check_cap(5, 4, SPOT)
