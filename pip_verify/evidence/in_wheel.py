"""``release.jws`` inside a wheel (formats.md 4): a release statement whose one subject is RECORD.

The digest is of RECORD without the two lines for ``release.jws`` and RECORD itself; the strict wheel reader
computes it. Refused beside what a release statement refuses: a second subject, and one of another name.
"""

from __future__ import annotations

from pip_verify.errors import EvidenceError
from pip_verify.evidence import Claim, release


def parse(data: bytes) -> Claim:
    """Parse the bytes of ``release.jws``; raises EvidenceError."""
    claim = release.parse(data)
    names = [subject.name for subject in claim.subjects]
    if names != ["RECORD"]:
        raise EvidenceError("release.jws: subject", expected="RECORD and nothing else", got=", ".join(names)[:80])
    return claim
