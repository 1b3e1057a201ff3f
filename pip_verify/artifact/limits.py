"""What an archive may cost before it is refused. Plain numbers, handed in by the caller.

The defaults stand far above what real files need and below what hurts: in 263 popular wheels no member inflates
more than 235-fold (deflate itself can reach 1032), 31 popular sdists inflate 15-fold at most, and the largest of
both hold some ten thousand members.
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """entries: members of the archive. names: bytes of all member names, or of a zip's central directory.
    inflated: bytes of all members once unpacked. ratio: how many times larger than its packed form a member, or the
    whole archive, may be; only looked at above ratio_from bytes, where it begins to cost something.
    text: bytes of a small file kept in memory (METADATA, WHEEL, PKG-INFO, signatures). record: bytes of RECORD, which
    needs about 160 for each entry."""

    entries: int = 100_000
    names: int = 32 * MIB
    inflated: int = 16 << 30
    ratio: int = 400
    ratio_from: int = 4 * MIB
    text: int = 4 * MIB
    record: int = 16 * MIB

    def bomb(self, inflated: int, packed: int) -> bool:
        """Whether ``packed`` bytes that become ``inflated`` bytes are more than honest compression yields."""
        return inflated > self.ratio_from and inflated > self.ratio * packed


DEFAULT = Limits()
