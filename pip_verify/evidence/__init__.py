"""Evidence: bytes that speak for an artifact, and the table of formats.

Each format is one module with ``parse(data) -> Claim`` (what the bytes say, nothing believed) and
``prove(claim, keys) -> Proof`` (what is left after the signatures were checked). Claim and Proof are two
types, so that no code can take the one for the other. A format joins by one line in ``formats.FORMATS``;
the verifier does not know them by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pip_verify.errors import SourceError
from pip_verify.keys import PublicKey

PlaceKind = Literal["statements-dir", "beside", "in-wheel", "releases", "url"]


@dataclass(frozen=True)
class Place:
    """Where evidence was looked for: which of formats.md 3's five places, and its path or URL (no secrets)."""

    kind: PlaceKind
    location: str


@dataclass(frozen=True)
class Evidence:
    """Bytes found at a place. format: a name of ``FORMATS``. record_sha256: for evidence from inside a wheel,
    the hex digest of RECORD as that format signs it, computed by the strict wheel reader; else None. wheel_tags:
    then the Tag values of WHEEL, which RECORD covers; the file name's tags are covered by nothing else."""

    format: str
    place: Place
    data: bytes
    record_sha256: str | None = None
    wheel_tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """A look at a place that found evidence."""

    evidence: Evidence

    @property
    def place(self) -> Place:
        """Where it was found."""
        return self.evidence.place


@dataclass(frozen=True)
class Nothing:
    """A look at a place that has no evidence: no such file, or HTTP status 404 or 410."""

    place: Place


@dataclass(frozen=True)
class NotReached:
    """A look that failed: whether evidence is there is not known. error: why, for the user to act on."""

    place: Place
    error: SourceError


Look: TypeAlias = Found | Nothing | NotReached


@dataclass(frozen=True)
class Subject:
    """A name and the hex sha256 it is said to have."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Signature:
    """One signature as found. kid: how it names its key (a thumbprint or a key list's label). protected: the
    header's base64url text, as signed. value: the signature's 64 bytes."""

    kid: str
    protected: bytes
    value: bytes


@dataclass(frozen=True)
class Claim:
    """What evidence says; nothing of it is proved.

    project: normalised, version: canonical; both None where the format does not name them (legacy RECORD.jws).
    payload: the base64url text that each signature covers together with its own protected header.
    """

    project: str | None
    version: str | None
    subjects: tuple[Subject, ...]
    signatures: tuple[Signature, ...]
    payload: bytes


@dataclass(frozen=True)
class Proof:
    """What was proved: these distinct keys signed this claim. bad: kids whose key is known but whose
    signature does not verify; strangers: kids that name no given key."""

    claim: Claim
    keys: tuple[PublicKey, ...]
    bad: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """A kind of evidence. in_wheel: it lives inside the wheel and speaks for RECORD, not for the file.
    default: looked at without the pin's ``formats`` naming it."""

    name: str
    parse: Callable[[bytes], Claim]
    prove: Callable[[Claim, Mapping[str, PublicKey]], Proof]
    in_wheel: bool
    default: bool
