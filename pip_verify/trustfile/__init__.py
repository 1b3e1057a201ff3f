"""Changing a trust file as its owner would: only the lines that must change, comments and order kept.

``layout`` takes the text apart into the blocks below its headers; ``edit`` changes one block at a time and proves that
what comes out means what was asked for. Pure: reading and writing the file is the command line's business.
"""

from __future__ import annotations

from pip_verify.trustfile.edit import TrustFile, diff

__all__ = ["TrustFile", "diff"]
