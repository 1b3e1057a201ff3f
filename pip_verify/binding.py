"""What a signature binds: whether a proved claim speaks for one artifact. Values in, a reason out, or none.

A good signature for another project, version, file or digest is a bad signature for this one. A wheel that signs itself
binds its RECORD in place of its file, and by that what its WHEEL says it runs on.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from pip_verify.artifact.name import Artifact, same_version
from pip_verify.evidence import Claim, Evidence, Format
from pip_verify.verdict import Reason

DO_NOT = "do not install this file; get it again from its publisher, and tell them if it happens twice"
_NOT_BEFORE = (
    "do not install it before you know which file that is: look for the digest on the index, and ask the publisher to "
    "sign that file; or exempt it by this hash"
)


def unbound(artifact: Artifact, evidence: Evidence, kind: Format, claim: Claim) -> Reason | None:
    """Why a proved claim, of this evidence and kind, does not speak for ``artifact``; None when it does.

    A digest that is not known yet is no fault here; the verifier looks at that.
    """
    where = evidence.place.location
    if claim.project is not None and claim.project != artifact.project:
        return Reason("PV303", where, f"a signature for {artifact.project}", f"one for {claim.project}", DO_NOT)
    if claim.version is not None and not same_version(claim.version, artifact.version):
        expected = f"a signature for {artifact.project} {artifact.version}"
        return Reason("PV303", where, expected, f"one for version {claim.version}", DO_NOT)
    return _other_digest(artifact, evidence, kind, claim)


def _other_digest(artifact: Artifact, evidence: Evidence, kind: Format, claim: Claim) -> Reason | None:
    """The digest: exactly one subject of the file's name (or RECORD's, in a wheel), and its digest."""
    where = evidence.place.location
    if artifact.kind == "file" and not kind.in_wheel:
        return _not_among(artifact, claim, where)
    name = "RECORD" if kind.in_wheel else artifact.filename
    signed = [subject.sha256 for subject in claim.subjects if subject.name == name]
    if len(signed) != 1:
        listed = ", ".join(subject.name for subject in claim.subjects)
        return Reason("PV303", where, f"one signed digest of {name}", f"{len(signed)}; it has {listed[:200]}", DO_NOT)
    if not kind.in_wheel and artifact.sha256 is None:
        return None
    found = evidence.record_sha256 if kind.in_wheel else artifact.sha256
    if found != signed[0]:
        got = f"sha256:{found}" if found else "no digest"
        return Reason("PV302", f"{where}: {name}", f"sha256:{signed[0]}", got, DO_NOT)
    return _not_its_tags(artifact, evidence, where) if kind.in_wheel else None


def _not_among(artifact: Artifact, claim: Claim, where: str) -> Reason | None:
    """A lock that states a digest and no file name: the digest must be one of the release's signed ones."""
    signed = [subject.sha256 for subject in claim.subjects]
    if artifact.sha256 is None or artifact.sha256 in signed:
        return None  # no digest is no fault here
    expected = f"one of the {len(signed)} digests signed for {claim.project} {claim.version}"
    # an unsigned file of the release and a tampered one look the same where no name says which is meant
    got = f"sha256:{artifact.sha256}: a file that is not signed, or other bytes; the lock names no file to tell by"
    return Reason("PV302", where, expected, got, _NOT_BEFORE)


def _not_its_tags(artifact: Artifact, evidence: Evidence, where: str) -> Reason | None:
    """A wheel that signs itself can be renamed; what its WHEEL says it runs on, RECORD covers.

    Only the file name's compressed tag set (PEP 425) is expanded, which ``parse_filename`` holds small: a stranger's
    WHEEL of one kilobyte can name billions."""
    stated = [_tag_parts(text) for text in evidence.wheel_tags]
    named = itertools.product(*_tag_parts("-".join(artifact.filename.removesuffix(".whl").split("-")[-3:])))
    others = ["-".join(tag) for tag in named if not any(_is_among(tag, parts) for parts in stated)]
    if not others:
        return None
    expected = f"a file name with tags of {', '.join(evidence.wheel_tags) or 'none'}"
    return Reason("PV303", where, f"{expected[:200]}, as WHEEL says", ", ".join(others)[:200], DO_NOT)


def _tag_parts(text: str) -> list[list[str]]:
    return [part.split(".") for part in text.split("-")]


def _is_among(tag: Sequence[str], parts: Sequence[Sequence[str]]) -> bool:
    return len(tag) == len(parts) and all(one in several for one, several in zip(tag, parts, strict=True))
