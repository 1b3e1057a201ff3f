"""Verdicts and reasons: data only. Nothing here decides.

``CATALOGUE`` is the one list of reason codes; ``docs/reasons.md`` has a section for each (a test holds
that), and the exit code of a run follows from it alone, never from the output format.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from pip_verify.artifact.name import Artifact
from pip_verify.errors import PipVerifyError
from pip_verify.evidence import Place
from pip_verify.keys import PublicKey
from pip_verify.pins import Origin

EXIT_UNSIGNED = 10
EXIT_UNTRUSTED = 11
EXIT_BAD = 12
EXIT_REVOKED = 13
EXIT_UNREACHABLE = 14
EXIT_PRECEDENCE = (EXIT_BAD, EXIT_REVOKED, EXIT_UNTRUSTED, EXIT_UNSIGNED, EXIT_UNREACHABLE)


class Decision(Enum):
    """Only ACCEPT installs. UNDECIDED: a source could not be reached, or the bytes are still needed."""

    ACCEPT = "accept"
    REJECT = "reject"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Kind:
    """A kind of reason: its one-line help and the exit code it leads to (0: it speaks for acceptance)."""

    help: str
    exit_code: int


CATALOGUE: dict[str, Kind] = {
    "PV001": Kind("signed by the publisher's trusted keys", 0),
    "PV002": Kind("exempt in the trust file", 0),
    "PV003": Kind("no pin; accepted because the user gave its hash (policy unsigned = hash-pinned)", 0),
    "PV004": Kind("built in this run from an accepted source", 0),
    "PV005": Kind("a local directory the user named (policy local = allow)", 0),
    "PV006": Kind("a version-control source at a full commit id (policy vcs = commit)", 0),
    "PV007": Kind("signed; its publisher's keys were recorded at this first use", 0),
    "PV008": Kind("the index states what was recorded before", 0),
    "PV101": Kind("no pin names a publisher for this project", EXIT_UNSIGNED),
    "PV102": Kind("no signature was found at any place", EXIT_UNSIGNED),
    "PV103": Kind("the file name does not state a project and version", EXIT_UNSIGNED),
    "PV104": Kind("version-control sources carry no signature", EXIT_UNSIGNED),
    "PV105": Kind("local directories are not allowed here", EXIT_UNSIGNED),
    "PV106": Kind("an archive without a known project name", EXIT_UNSIGNED),
    "PV107": Kind("the exemption has ended", EXIT_UNSIGNED),
    "PV108": Kind("a first use is not allowed here (CI or --frozen)", EXIT_UNSIGNED),
    "PV109": Kind("downgrade: it was signed before, and now no signature is found", EXIT_UNSIGNED),
    "PV110": Kind("not locked: no exact version, no sha256 digest, or others beside it", EXIT_UNSIGNED),
    "PV111": Kind("installed without a receipt", EXIT_UNSIGNED),
    "PV201": Kind("signed, but by no trusted key", EXIT_UNTRUSTED),
    "PV202": Kind("signed by fewer trusted keys than the threshold", EXIT_UNTRUSTED),
    "PV203": Kind("signed by a pinned key that is not on the current key list", EXIT_UNTRUSTED),
    "PV204": Kind("signed by another key than at first use", EXIT_UNTRUSTED),
    "PV205": Kind("downgrade: the evidence is weaker than before", EXIT_UNTRUSTED),
    "PV301": Kind("a trusted key's signature does not verify", EXIT_BAD),
    "PV302": Kind("the bytes are not the signed bytes", EXIT_BAD),
    "PV303": Kind("the signature is for another file, version or project", EXIT_BAD),
    "PV304": Kind("the evidence is malformed", EXIT_BAD),
    "PV305": Kind("the wheel breaks a rule of the strict reader", EXIT_BAD),
    "PV306": Kind("the sdist breaks a rule of the strict reader", EXIT_BAD),
    "PV307": Kind("the index's metadata is not the wheel's", EXIT_BAD),
    "PV308": Kind("bytes without a receipt were about to be unpacked or installed", EXIT_BAD),
    "PV309": Kind("the bytes are not those the exemption or the hash names", EXIT_BAD),
    "PV310": Kind("the key list is refused", EXIT_BAD),
    "PV311": Kind("an installed file is not the one that was verified", EXIT_BAD),
    "PV312": Kind("the lock's digest is not the index's", EXIT_BAD),
    "PV313": Kind("a file on the index has changed since it was recorded", EXIT_BAD),
    "PV314": Kind("a file that was on the index is gone", EXIT_BAD),
    "PV315": Kind("a file was yanked, or is so no longer, since it was recorded", EXIT_BAD),
    "PV316": Kind("what is published is not the publisher's own copy", EXIT_BAD),
    "PV317": Kind("a signed file is not on the index", EXIT_BAD),
    "PV401": Kind("signed by a revoked key", EXIT_REVOKED),
    "PV402": Kind("signed by a key outside its window", EXIT_REVOKED),
    "PV501": Kind("the key list could not be reached", EXIT_UNREACHABLE),
    "PV502": Kind("a place of evidence could not be reached", EXIT_UNREACHABLE),
    "PV503": Kind("no digest is known yet: the bytes are needed to decide", EXIT_UNREACHABLE),
    "PV504": Kind("only the file itself could tell, and it was not downloaded", EXIT_UNREACHABLE),
}


@dataclass(frozen=True)
class Reason:
    """One reason of a verdict: a code of ``CATALOGUE`` and the message's four parts."""

    id: str
    subject: str
    expected: str = ""
    got: str = ""
    hint: str = ""

    @classmethod
    def of(cls, code: str, error: PipVerifyError) -> Reason:
        """What an error says, as a reason of this kind."""
        return cls(code, error.subject, error.expected, error.got, error.hint)

    @property
    def exit_code(self) -> int:
        """The exit code this kind of reason leads to."""
        return CATALOGUE[self.id].exit_code

    @property
    def help(self) -> str:
        """One line about this kind of reason."""
        return CATALOGUE[self.id].help


@dataclass(frozen=True)
class Looked:
    """One place that was looked at. outcome: "proved", "nothing", "not reached", "not judged" (found, but
    no pin allows its format, or none was left to prove), or a reason code."""

    place: Place
    outcome: str


@dataclass(frozen=True)
class Verdict:
    """What was decided about one artifact, and why. The first reason is the most telling.

    keys: the distinct keys whose signatures were proved. publishers: the trust file's names for whoever was
    proved. place: where the proof was found. evidence: its format's name (``evidence.FORMATS``), "" when nothing was
    proved. origins: the pins that applied. by: how it was accepted:
    "signature", "first-use", "exemption", "hash", "built", "local", "vcs", or "" when it was not.
    """

    artifact: Artifact
    decision: Decision
    reasons: tuple[Reason, ...]
    keys: tuple[PublicKey, ...] = ()
    publishers: tuple[str, ...] = ()
    place: Place | None = None
    origins: tuple[Origin, ...] = ()
    looked: tuple[Looked, ...] = ()
    by: str = ""
    evidence: str = ""
    seconds: float = field(default=0.0, compare=False)

    @property
    def accepted(self) -> bool:
        """Whether this artifact may be installed."""
        return self.decision is Decision.ACCEPT

    @property
    def exit_code(self) -> int:
        """0 when accepted; else by the most telling reason. A refusal is never 0, whatever its reasons say."""
        return 0 if self.accepted else exit_code(reason.exit_code for reason in self.reasons[:1]) or EXIT_BAD


def reject(artifact: Artifact, reason: Reason) -> Verdict:
    """A refusal for one reason."""
    return Verdict(artifact, Decision.REJECT, (reason,))


@dataclass(frozen=True)
class Run:
    """One run's result, which every report prints and none decides.

    command: "install", "verify" …; verdicts: in the order reached, one for each artifact; installed:
    ``name version`` of what was there already and not looked at; warnings: what the user must be told though it
    decided nothing; errors: what stopped the run beside verdicts; pip_exit_code: None when pip
    was not run; exit_code: of the whole run (docs/commands.md#exit-codes); seconds: wall time. mode: "enforce", or
    "report" when refusals were only reported (then exit_code is 0 or pip's own). min_coverage: the least share of
    artifacts accepted by signature that was asked for, in percent, None when none was. left_out: how many files,
    sources and requirements the locks have beside, which were not judged because this platform could not install them.
    """

    command: str
    verdicts: tuple[Verdict, ...]
    exit_code: int
    installed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    errors: tuple[PipVerifyError, ...] = ()
    pip_exit_code: int | None = None
    seconds: float = 0.0
    mode: Literal["enforce", "report"] = "enforce"
    min_coverage: float | None = None
    left_out: int = 0

    @property
    def signed(self) -> int:
        """How many artifacts were accepted by signature, at first use or later."""
        return sum(verdict.accepted and verdict.by in ("signature", "first-use") for verdict in self.verdicts)

    @property
    def coverage(self) -> float:
        """The share of artifacts accepted by signature, in percent; of no artifacts it is 100."""
        return 100 * self.signed / len(self.verdicts) if self.verdicts else 100.0


def exit_code(codes: Iterable[int]) -> int:
    """The one exit code for several kinds of refusal: the first of EXIT_PRECEDENCE among ``codes``; 0 for none."""
    present = set(codes)
    return next((code for code in EXIT_PRECEDENCE if code in present), 0)
