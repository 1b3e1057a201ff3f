"""Bytes in order, a block at a time: what comes in is an open file, what goes out are pieces of it.

Nothing here holds more than two blocks, whatever the file's size. Refused: a source that ends early, a deflate
stream that is broken, cut short or followed by other bytes (RFC 1951, RFC 1952).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from pip_verify.artifact.fault import Spot

BLOCK = 1 << 18  # bytes read or inflated at once: fits the processor's cache, and few enough calls
RAW_DEFLATE = -zlib.MAX_WBITS
GZIP = 16 + zlib.MAX_WBITS

Piece = bytes | memoryview


def file_blocks(file: BinaryIO, start: int, end: int, digest: Any = None) -> Iterator[bytes]:
    """The bytes of ``file`` from ``start`` to ``end``, in blocks; each goes into ``digest`` (a hashlib object), if
    given, when it is read. Ends early when the file does."""
    file.seek(start)
    left = end - start
    while left and (block := file.read(min(BLOCK, left))):
        left -= len(block)
        if digest is not None:
            digest.update(block)
        yield block


def check_length(file: BinaryIO, size: int, spot: Spot) -> None:
    """Raises EvidenceError when ``file`` goes on after the ``size`` bytes that were read."""
    file.seek(size)
    if file.read(1):
        raise spot.breaks(f"a file of {size} bytes", "more")


def check_cap(size: int, cap: int, spot: Spot) -> None:
    """Raises EvidenceError when a member of ``size`` bytes is too large to be kept in memory."""
    if size > cap:
        raise spot.breaks(f"at most {cap} bytes in this file", str(size))


class Stream:
    """Takes counted bytes off a sequence of blocks."""

    def __init__(self, blocks: Iterator[bytes], spot: Spot) -> None:
        self._blocks = blocks
        self._block = memoryview(b"")
        self._spot = spot

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes, in one; for small counts. Raises EvidenceError when there are fewer."""
        if count <= len(self._block):
            taken, self._block = self._block[:count], self._block[count:]
            return bytes(taken)
        return b"".join(self.pieces(count))

    def pieces(self, count: int) -> Iterator[memoryview]:
        """The next ``count`` bytes, in pieces no longer than a block. Raises EvidenceError when there are fewer."""
        while count:
            if not self.more():
                raise self._spot.breaks("bytes up to the stated size", "the end of the file")
            piece, self._block = self._block[:count], self._block[count:]
            count -= len(piece)
            yield piece

    def more(self) -> bool:
        """Whether any byte is left."""
        while not self._block:
            block = next(self._blocks, None)
            if block is None:
                return False
            self._block = memoryview(block)
        return True


def inflate(packed: Iterable[Piece], wbits: int, spot: Spot) -> Iterator[bytes]:
    """What ``packed`` inflates to, in pieces of at most a block; wbits: RAW_DEFLATE or GZIP.

    Raises EvidenceError unless ``packed`` is one whole deflate (or gzip) stream and nothing else.
    """
    engine = zlib.decompressobj(wbits)
    try:
        for piece in packed:
            data: Piece = piece
            while data:
                if engine.eof:
                    raise spot.breaks("nothing after the end of its deflate stream", f"{len(data)} bytes or more")
                yield engine.decompress(data, BLOCK)
                data = engine.unconsumed_tail or engine.unused_data
        # the engine may hold back output when a call's limit was reached as its input ran out
        while not engine.eof and (held := engine.decompress(b"", BLOCK)):
            yield held
    except zlib.error as error:
        raise spot.breaks("a sound deflate stream", str(error)) from error
    if not engine.eof:
        raise spot.breaks("a whole deflate stream", "one that is cut short")
