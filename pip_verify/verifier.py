"""The verifier: values in, one ``Verdict`` out. No socket, file, clock or environment; the same arguments
always give the same verdict.

Without a pin only an exemption or a hash the user gave can accept. With pins, every pin must be proved, each
by a piece of evidence of a format it allows, signed by enough distinct keys that may sign *now*, and bound to
this project, version, file name and digest. Nothing is accepted while the artifact's digest is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import lru_cache
from typing import TypeAlias

from pip_verify.artifact.name import Artifact
from pip_verify.binding import DO_NOT, unbound
from pip_verify.errors import EvidenceError, PipVerifyError, SourceError
from pip_verify.evidence import Claim, Evidence, Format, Found, Look, Nothing, NotReached, Place, Proof
from pip_verify.evidence.formats import FORMATS
from pip_verify.keys import KeyList, PublicKey
from pip_verify.pins import Pin
from pip_verify.verdict import CATALOGUE, EXIT_PRECEDENCE, EXIT_UNREACHABLE, Decision, Looked, Reason, Verdict, reject

Keys: TypeAlias = Mapping[str, KeyList | SourceError | EvidenceError]  # by the key list's URL


@dataclass(frozen=True)
class Exempt:
    """A project's exemption. hashes: lower-case hex sha256; when there are any, only these bytes are exempt.
    until: the instant it ends, in seconds since the epoch; None: it does not end."""

    reason: str
    hashes: tuple[str, ...] = ()
    until: float | None = None


@dataclass(frozen=True)
class Rules:
    """What policy says about one project. user_sha256: the hashes (lower-case hex) the user gave for it;
    unsigned_hash_pinned: whether they are enough where no pin names a publisher. only: whoever signed, no other bytes
    than these (lower-case hex sha256); empty: any."""

    exempt: Exempt | None = None
    unsigned_hash_pinned: bool = False
    user_sha256: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Piece:
    """One found piece of evidence, parsed once for all pins. position: among the looks, from 0. claim: or the
    fault that stopped the parser."""

    position: int
    evidence: Evidence
    format: Format
    claim: Claim | EvidenceError


@dataclass(frozen=True)
class _Gathered:
    """The looks that bear on a pin: what was found, in order, and what was out of reach."""

    pieces: tuple[_Piece, ...]
    unreached: tuple[NotReached, ...]


@dataclass(frozen=True)
class _Other:
    """A key that the pin or its list knows but that does not count now. id: the reason code if it did sign."""

    key: PublicKey
    id: str
    why: str


@dataclass(frozen=True)
class _Outcome:
    """What the evidence came to for one pin: a proof, its place and its format, or reasons. codes: "proved" or the
    most telling reason code of each piece that was judged, by its position."""

    reasons: tuple[Reason, ...]
    codes: Mapping[int, str]
    proof: Proof | None = None
    place: Place | None = None
    evidence: str = ""


def verify(
    artifact: Artifact, evidence: Sequence[Look], pins: Sequence[Pin], keys: Keys, policy: Rules, now: float
) -> Verdict:
    """Decide about one artifact.

    evidence: what was looked at, in formats.md 3's order. pins: all must hold. keys: for each pin's key list
    its content, or why there is none. now: seconds since the epoch. Never raises for what a stranger sent.

    1. Without a pin: accept by an active exemption or, where policy allows, by the user's hash; else refuse.
    2. For each pin: its key list must be there and be sound.
    3. For each piece of evidence, in order, of a format the pin allows: parse it.
    4. Check its signatures under the pin's keys that may sign now; count the distinct keys.
    5. Hold its claim against the artifact: project, version, exactly one subject of its name, digest.
       The first piece that stands all of this proves the pin.
    6. Any pin not proved: refuse, the most telling reason first. Only sources out of reach: undecided.
    7. All proved, but the artifact's digest not known yet: undecided, the bytes are needed. Bytes that policy leaves
       out whoever signed them: refuse. Else accept.
    """
    if not pins:
        return _without_pin(artifact, policy, now)  # step 1
    gathered = _gather(evidence)
    outcomes = [_judge_pin(artifact, gathered, pin, keys, now) for pin in pins]
    proved = [(outcome, pin) for outcome, pin in zip(outcomes, pins, strict=True) if outcome.proof]
    if len(proved) < len(pins):  # step 6
        reasons = _by_weight(reason for outcome in outcomes for reason in outcome.reasons)
        only_unreached = all(reason.exit_code == EXIT_UNREACHABLE for reason in reasons)
        decision = Decision.UNDECIDED if only_unreached else Decision.REJECT
    elif artifact.sha256 is None:  # step 7
        decision, reasons = Decision.UNDECIDED, (_bytes_needed(artifact),)
    elif policy.only and artifact.sha256 not in policy.only:
        decision, reasons = Decision.REJECT, (_not_exempt(artifact, policy.only),)
    else:
        decision, reasons = Decision.ACCEPT, (_signed(artifact, outcomes, pins),)
    return Verdict(
        _named(artifact, proved[0][0]) if decision is Decision.ACCEPT else artifact,
        decision,
        reasons,
        keys=_distinct_keys(outcomes),
        publishers=tuple(dict.fromkeys(pin.publisher for _, pin in proved if pin.publisher)),
        place=next((outcome.place for outcome, _ in proved), None),
        evidence=next((outcome.evidence for outcome, _ in proved), ""),
        origins=tuple(pin.origin for pin in pins),
        looked=_looked(evidence, outcomes),
        by="signature" if decision is Decision.ACCEPT else "",
    )


def _named(artifact: Artifact, outcome: _Outcome) -> Artifact:
    """A file known by its digest alone gets the name under which that digest was signed."""
    if artifact.kind != "file" or outcome.proof is None:
        return artifact
    signed = (subject.name for subject in outcome.proof.claim.subjects if subject.sha256 == artifact.sha256)
    return replace(artifact, filename=next(signed, artifact.filename))


def kids_of(evidence: Evidence) -> tuple[str, ...]:
    """The distinct names by which the signatures of ``evidence`` call their keys, in order; none when it is malformed.

    For the caller who must decide whether a cached key list is out of date: a name that the list's ``find`` does
    not know may be a key the publisher has just added.
    """
    claim = _parse(FORMATS[evidence.format], evidence.data)
    return () if isinstance(claim, EvidenceError) else tuple(dict.fromkeys(item.kid for item in claim.signatures))


# Step 1: no pin.


def _without_pin(artifact: Artifact, policy: Rules, now: float) -> Verdict:
    if policy.exempt is not None:
        return _exempted(artifact, policy.exempt, now)
    if policy.unsigned_hash_pinned and policy.user_sha256:
        return _held_to(artifact, policy.user_sha256, Reason("PV003", artifact.filename), "hash")
    hint = (
        f"see who signs it: pip-verify explain {artifact.project}; then pip-verify pin {artifact.project}"
        " --key-list=<https URL>, or the same option behind the requirement, or an exemption in pip-verify.toml"
    )
    if policy.unsigned_hash_pinned:
        hint += "; or give its --hash"
    return reject(artifact, Reason("PV101", artifact.filename, "a pin or an exemption", "none", hint))


def _exempted(artifact: Artifact, exempt: Exempt, now: float) -> Verdict:
    if exempt.until is not None and now >= exempt.until:
        ended = datetime.fromtimestamp(exempt.until, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
        hint = f"pin who signs {artifact.project}, or look at it again and give the exemption a later date"
        return reject(artifact, Reason("PV107", artifact.filename, "an exemption that holds", f"ended {ended}", hint))
    last_day = "" if exempt.until is None else f"until {_day(exempt.until - 1)}"  # it ends with that day
    accepted = Reason("PV002", artifact.filename, last_day, exempt.reason)
    return _held_to(artifact, frozenset(exempt.hashes), accepted, "exemption")


def _day(instant: float) -> str:
    return datetime.fromtimestamp(instant, timezone.utc).strftime("%Y-%m-%d")


def _held_to(artifact: Artifact, hashes: frozenset[str], accepted: Reason, by: str) -> Verdict:
    """Accept by other means than a signature; ``hashes``: only these bytes, when there are any."""
    if artifact.sha256 is None:
        return Verdict(artifact, Decision.UNDECIDED, (_bytes_needed(artifact),))
    if hashes and artifact.sha256 not in hashes:
        hint = "do not install these bytes; if the project published a new file, look at it and add its hash"
        return reject(artifact, _other_than(artifact, hashes, hint))
    return Verdict(artifact, Decision.ACCEPT, (accepted,), by=by)


def _not_exempt(artifact: Artifact, hashes: frozenset[str]) -> Reason:
    hint = (
        f"do not install these bytes; if the publisher signs {artifact.project} by now, say so in the trust file, "
        f"which is the authority: pip-verify pin {artifact.project}"
    )
    return _other_than(artifact, hashes, hint)


def _other_than(artifact: Artifact, hashes: frozenset[str], hint: str) -> Reason:
    expected = " or ".join(f"sha256:{digest}" for digest in sorted(hashes))
    return Reason("PV309", artifact.filename, expected, f"sha256:{artifact.sha256}", hint)


# Steps 2 and 3: one pin, its key list and the pieces it allows.


def _judge_pin(artifact: Artifact, gathered: _Gathered, pin: Pin, keys: Keys, now: float) -> _Outcome:
    key_list = None
    if pin.key_list is not None:
        got = keys.get(pin.key_list)
        if not isinstance(got, KeyList):
            return _Outcome((_no_list(pin.key_list, got),), {})  # step 2
        key_list = got
    reasons: list[Reason] = []
    codes: dict[int, str] = {}
    for piece in (piece for piece in gathered.pieces if _allows(pin, piece.format)):
        proof, faults = _judge_piece(artifact, piece, pin, key_list, now)
        if proof is not None:
            codes[piece.position] = "proved"
            return _Outcome((), codes, proof, piece.evidence.place, piece.format.name)
        codes[piece.position] = _by_weight(faults)[0].id
        reasons.extend(faults)
    if not codes and not gathered.unreached:
        reasons.append(_nothing_found(artifact, gathered.pieces, pin))
    reasons.extend(_from_error("PV502", look.error, look.place.location) for look in gathered.unreached)
    return _Outcome(tuple(reasons), codes)


def _no_list(url: str, found: SourceError | EvidenceError | None) -> Reason:
    if isinstance(found, EvidenceError):
        return _from_error("PV310", found, url)
    return _from_error("PV501", found or SourceError(url, expected="the key list", got="nothing: it was not fetched"))


def _allows(pin: Pin, kind: Format) -> bool:
    if pin.formats:
        return kind.name in pin.formats
    # formats.md 5: a key stated alone, by no publisher and with no list, is enough to ask for the legacy format
    return kind.default or bool(pin.keys and pin.key_list is None and pin.publisher is None)


def _gather(evidence: Sequence[Look]) -> _Gathered:
    """Step 3: parse what was found; a format that is not in the table speaks for nothing."""
    found = [(position, look.evidence) for position, look in enumerate(evidence) if isinstance(look, Found)]
    known = [(position, item, FORMATS[item.format]) for position, item in found if item.format in FORMATS]
    pieces = [_Piece(position, item, kind, _parse(kind, item.data)) for position, item, kind in known]
    return _Gathered(tuple(pieces), tuple(look for look in evidence if isinstance(look, NotReached)))


@lru_cache(maxsize=64)  # a lock's files of one release come one after the other, and share one statement
def _parse(kind: Format, data: bytes) -> Claim | EvidenceError:
    try:
        return kind.parse(data)
    except EvidenceError as error:
        return error


# Steps 4 and 5: one piece of evidence under one pin.


def _judge_piece(
    artifact: Artifact, piece: _Piece, pin: Pin, key_list: KeyList | None, now: float
) -> tuple[Proof | None, list[Reason]]:
    """The proof, or at least one reason why there is none."""
    where = piece.evidence.place.location
    if isinstance(piece.claim, EvidenceError):
        return None, [_from_error("PV304", piece.claim, where)]
    kids = dict.fromkeys(signature.kid for signature in piece.claim.signatures)
    standings = {kid: _standing(kid, pin, key_list, now) for kid in kids}
    trusted = {kid: key for kid, key in standings.items() if isinstance(key, PublicKey)}
    proof = piece.format.prove(piece.claim, trusted)
    if len(proof.keys) < max(pin.threshold, 1):  # step 4; at least one, whatever a pin says
        others = {kid: other for kid, other in standings.items() if isinstance(other, _Other)}
        return None, _too_few(piece, proof, others, pin)
    fault = unbound(artifact, piece.evidence, piece.format, piece.claim)
    return (proof, []) if fault is None else (None, [fault])


def _standing(kid: str, pin: Pin, key_list: KeyList | None, now: float) -> PublicKey | _Other | None:
    """The key that ``kid`` names if it counts for ``pin`` now, what else it is, or None for a stranger."""
    pinned = next((key for key in pin.keys if key.thumbprint == kid), None)
    if key_list is None:
        return pinned
    entry = key_list.find(kid)
    if entry is None:
        return None if pinned is None else _Other(pinned, "PV203", "pinned, but not on the current key list")
    if pin.keys and entry.key not in pin.keys:
        return _Other(entry.key, "PV201", "on the key list, but not pinned")
    refusal = entry.refusal(now)
    if refusal is not None:
        return _Other(entry.key, "PV402" if entry.revoked_at is None else "PV401", refusal)
    return entry.key


def _too_few(piece: _Piece, proof: Proof, others: Mapping[str, _Other], pin: Pin) -> list[Reason]:
    """Why the trusted keys' signatures are not enough, at least one reason."""
    where = piece.evidence.place.location
    expected = "a signature by the key it names, over this content"
    reasons = [Reason("PV301", where, expected, f"none by {kid}", DO_NOT) for kid in proof.bad]
    signed = set(piece.format.prove(proof.claim, {kid: other.key for kid, other in others.items()}).keys)
    reasons += [
        Reason(other.id, where, _demand(pin), f"signed by {other.key}: {other.why}", _HINTS[other.id])
        for other in others.values()
        if other.key in signed
    ]
    if proof.keys:
        got = f"{len(proof.keys)}: " + ", ".join(key.text for key in proof.keys)
        reasons.append(Reason("PV202", where, _demand(pin), got, _HINTS["PV202"]))
    if not reasons:
        unknown = ", ".join(dict.fromkeys(proof.strangers))
        got = f"signed by another key, which calls itself {unknown[:200]}"
        reasons.append(Reason("PV201", where, _demand(pin), got, _HINTS["PV201"]))
    return reasons


# Words and order of reasons.

_ASK = "ask the publisher, by another way than the index, "
_HINTS = {
    "PV201": _ASK + "whether this key is theirs, before you change the pin",
    "PV202": _ASK + "for the missing signatures; a statement can be signed again without touching the files",
    "PV203": _ASK + "why the key was taken off the list, and for a statement signed by a current key",
    "PV401": _ASK + "for a statement signed by a current key; do not install what only a revoked key signed",
    "PV402": _ASK + "for a statement signed by a key that is valid now",
}


def _demand(pin: Pin) -> str:
    """What ``pin`` asks for, and who says so."""
    count = f"{pin.threshold} distinct keys" if pin.threshold > 1 else "a key"
    whose = [key.text for key in pin.keys]
    among = " among " + ", ".join(whose) if whose else ""
    listed = f" that may sign now by {pin.key_list}" if pin.key_list is not None else ""
    return f"{count}{among}{listed} ({pin.origin})"


def _nothing_found(artifact: Artifact, pieces: Sequence[_Piece], pin: Pin) -> Reason:
    others = ", ".join(dict.fromkeys(piece.format.name for piece in pieces))
    got = f"only {others}, which the pin's formats leave out" if others else "none"
    hint = f"ask the publisher of {artifact.project} to sign this release, or exempt it in pip-verify.toml"
    return Reason("PV102", artifact.filename, f"a signature by {_demand(pin)}", got, hint)


def _bytes_needed(artifact: Artifact) -> Reason:
    return Reason("PV503", artifact.filename, "a sha256 digest", "none stated by the index", "download the file")


def _signed(artifact: Artifact, outcomes: Sequence[_Outcome], pins: Sequence[Pin]) -> Reason:
    names = dict.fromkeys(pin.publisher for pin in pins if pin.publisher)
    who = f" ({', '.join(names)})" if names else ""
    signers = ", ".join(key.text for key in _distinct_keys(outcomes))
    return Reason("PV001", artifact.filename, got=f"signed by {signers}{who}")


def _from_error(code: str, error: PipVerifyError, where: str = "") -> Reason:
    subject = f"{where}: {error.subject}" if where and where != error.subject else error.subject
    return Reason(code, subject, error.expected, error.got, error.hint)


def _by_weight(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Each reason once, the most telling first: a revoked key before one that has ended, which nobody need have
    stolen; among other equals the order in which they were found."""

    def weight(reason: Reason) -> tuple[int, bool]:
        return EXIT_PRECEDENCE.index(reason.exit_code), reason.id == "PV402"

    return tuple(sorted(dict.fromkeys(reasons), key=weight))


def _distinct_keys(outcomes: Iterable[_Outcome]) -> tuple[PublicKey, ...]:
    return tuple(dict.fromkeys(key for outcome in outcomes if outcome.proof for key in outcome.proof.keys))


def _looked(evidence: Sequence[Look], outcomes: Sequence[_Outcome]) -> tuple[Looked, ...]:
    return tuple(Looked(look.place, _outcome_of(look, position, outcomes)) for position, look in enumerate(evidence))


def _outcome_of(look: Look, position: int, outcomes: Sequence[_Outcome]) -> str:
    if isinstance(look, Nothing):
        return "nothing"
    if isinstance(look, NotReached):
        return "not reached"
    codes = {outcome.codes[position] for outcome in outcomes if position in outcome.codes}
    if "proved" in codes:
        return "proved"
    return min(codes, key=lambda code: (EXIT_PRECEDENCE.index(CATALOGUE[code].exit_code), code), default="not judged")
