"""The long answer about one artifact: who may speak for it, what was looked at, what that claims, what was proved.

An ``Explanation`` comes in, lines for a person go out. It prints what the verifier decided, and decides nothing:
signatures are shown as the verifier's own parsers and provers see them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from pip_verify.artifact.name import Artifact
from pip_verify.errors import EvidenceError, PipVerifyError, SourceError
from pip_verify.evidence import Claim, Evidence, Found, Look, Nothing, NotReached
from pip_verify.evidence.formats import FORMATS
from pip_verify.keys import KeyList, ListedKey, PublicKey
from pip_verify.pins import Pin
from pip_verify.policy import Exemption, Publisher
from pip_verify.report.safe import one_line
from pip_verify.report.style import BAD, GOOD, WARN, Style
from pip_verify.verdict import EXIT_BAD, EXIT_REVOKED, Decision, Verdict

MAX_SUBJECTS = 5  # of a claim, beside the one that is asked about
_WORDS = {
    Decision.ACCEPT: ("ACCEPTED", GOOD),
    Decision.REJECT: ("REFUSED", BAD),
    Decision.UNDECIDED: ("UNDECIDED", WARN),
}
_SHOULD_NOT = (EXIT_BAD, EXIT_REVOKED)


@dataclass(frozen=True)
class Explanation:
    """All that a verdict was reached from.

    source: the trust file's name, None when there is none. publisher, exemption: the trust file's for this project.
    pins: that applied. looks: in the order taken; keys: by key list's URL. now: seconds since the epoch. paste: what
    would make it pass, "" when nothing should or nothing needs to.
    """

    verdict: Verdict
    source: str | None
    publisher: Publisher | None
    exemption: Exemption | None
    pins: tuple[Pin, ...]
    looks: tuple[Look, ...]
    keys: Mapping[str, KeyList | SourceError | EvidenceError]
    now: float
    paste: str = ""


def render(explanation: Explanation, style: Style) -> str:
    """The explanation, each line ended; only printable characters but for ``style``'s colours."""
    steps = [
        ("Who may speak for it", _who(explanation)),
        ("The keys on the publishers' lists now", _keys(explanation)),
        ("What speaks for it", _evidence(explanation)),
        (_decided(explanation, style), _reasons(explanation)),
        _next(explanation),
    ]
    lines = list(_artifact(explanation.verdict.artifact))
    told = [(title, found) for title, part in steps if (found := list(part))]
    for number, (title, found) in enumerate(told, start=1):
        lines += [f"{number}. {title}", *found]
    return "".join(f"{line}\n" for line in lines)


def _artifact(artifact: Artifact) -> Iterator[str]:
    digest = f"sha256:{artifact.sha256}" if artifact.sha256 else "no digest known"
    yield one_line(artifact.filename)
    yield f"  {one_line(artifact.project)} {one_line(artifact.version)}, {artifact.kind}, {digest}"


# Step 1: who may speak for it.


def _who(explanation: Explanation) -> Iterator[str]:
    artifact, publisher, exemption = explanation.verdict.artifact, explanation.publisher, explanation.exemption
    yield f"   trust file: {one_line(explanation.source or 'none found')}"
    if publisher is not None:
        pattern = max(publisher.projects, key=lambda name: (name == artifact.project, len(name)))
        how = "by its exact name" if artifact.project in publisher.projects else f"by a pattern such as {pattern}"
        yield f"   publisher {publisher.name} ({one_line(str(publisher.origin))}) claims {artifact.project} {how}"
    if exemption is not None:
        yield f"   exemption ({one_line(str(exemption.origin))}): {one_line(exemption.reason)}{_terms(exemption)}"
    for pin in explanation.pins:
        yield f"   pin from {one_line(str(pin.origin))}: {_demand(pin)}"
    if not explanation.pins:
        yield "   no pin: nobody's signature can speak for it"


def _terms(exemption: Exemption) -> str:
    hashes = f"; {len(exemption.hashes)} hashes" if exemption.hashes else "; any bytes"
    return hashes + (f"; until {exemption.until}" if exemption.until else "; without end")


def _demand(pin: Pin) -> str:
    whose = f"one of {', '.join(key.text for key in pin.keys)}" if pin.keys else "any key"
    listed = f" on {one_line(pin.key_list)}" if pin.key_list else ""
    formats = f", as {' or '.join(pin.formats)}" if pin.formats else ""
    return f"{whose}{listed}, {pin.threshold} at least{formats}"


# Step 2: the keys that count now.


def _keys(explanation: Explanation) -> Iterator[str]:
    for url, found in explanation.keys.items():
        yield f"   {one_line(url)}"
        if isinstance(found, PipVerifyError):
            what = "out of reach" if isinstance(found, SourceError) else "refused"
            yield f"     {what}: {one_line(str(found))}"
        else:
            yield from (f"     {entry.key.text} {_standing(entry, explanation.now)}" for entry in found.keys)


def _standing(entry: ListedKey, now: float) -> str:
    label = f"({one_line(entry.label)}) " if entry.label else ""
    return f"{label}{one_line(entry.refusal(now) or 'may sign')}"


# Step 3: what was looked at, what it claims, whose signatures are good.


def _evidence(explanation: Explanation) -> Iterator[str]:
    outcomes = {looked.place: looked.outcome for looked in explanation.verdict.looked}
    for look in explanation.looks:
        place = look.place
        yield f"   {place.kind}: {one_line(place.location)}: {_outcome(look, outcomes.get(place, 'not judged'))}"
        if isinstance(look, Found):
            yield from _claim(look.evidence, explanation)


def _outcome(look: Look, outcome: str) -> str:
    if isinstance(look, Nothing):
        return "nothing there"
    if isinstance(look, NotReached):
        return f"could not be reached: {one_line(str(look.error))}"
    return f"found, {len(look.evidence.data)} bytes; {outcome}"


def _claim(evidence: Evidence, explanation: Explanation) -> Iterator[str]:
    try:
        claim = FORMATS[evidence.format].parse(evidence.data)
    except EvidenceError as error:
        yield f"     malformed: {one_line(str(error))}"
        return
    what = f"{claim.project} {claim.version}" if claim.project else "no project (it is inside the wheel)"
    yield f"     claims: {one_line(what)}, as {evidence.format}"
    artifact = explanation.verdict.artifact
    own = [item for item in claim.subjects if item.name == artifact.filename or item.sha256 == artifact.sha256]
    others = [item for item in claim.subjects if item not in own]
    for subject in [*own, *others[:MAX_SUBJECTS]]:
        yield f"       {one_line(subject.name)} sha256:{subject.sha256}{_same(subject.sha256, artifact)}"
    if len(others) > MAX_SUBJECTS:
        yield f"       and {len(others) - MAX_SUBJECTS} more files"
    yield from (f"     signed by {line}" for line in _signatures(claim, evidence, explanation))


def _same(digest: str, artifact: Artifact) -> str:
    return "  <- this file's digest" if digest == artifact.sha256 else ""


def _signatures(claim: Claim, evidence: Evidence, explanation: Explanation) -> Iterator[str]:
    for kid in dict.fromkeys(signature.kid for signature in claim.signatures):
        key, whose = _known(kid, explanation)
        if key is None:
            yield f"{one_line(kid)}: a stranger; no pin and no list knows this key"
            continue
        good = FORMATS[evidence.format].prove(claim, {kid: key}).keys
        yield f"{key.text}: {'a good signature' if good else 'a signature that does NOT verify'}, {whose}"


def _known(kid: str, explanation: Explanation) -> tuple[PublicKey | None, str]:
    """The key that ``kid`` names to any pin or list, and how it stands there."""
    pinned = {key.thumbprint: key for pin in explanation.pins for key in pin.keys}
    for found in explanation.keys.values():
        entry = None if isinstance(found, PipVerifyError) else found.find(kid)
        if entry is not None:
            also = ", and pinned" if entry.key in pinned.values() else ""
            return entry.key, _standing(entry, explanation.now) + also
    key = pinned.get(kid)
    return key, "pinned, but on no list that was asked" if explanation.keys else "pinned"


# Step 4: the decision, and what would change it.


def _decided(explanation: Explanation, style: Style) -> str:
    words, colour = _WORDS[explanation.verdict.decision]
    return f"Decided {_utc(explanation.now)}: {style.paint(words, colour)} (exit code {explanation.verdict.exit_code})"


def _reasons(explanation: Explanation) -> Iterator[str]:
    for reason in explanation.verdict.reasons:
        yield f"   {reason.id} {reason.help}: {one_line(reason.subject)}"
        parts = {"expected": reason.expected, "got": reason.got, "next": reason.hint}
        yield from (f"     {name + ':':<9} {one_line(value)}" for name, value in parts.items() if value)


def _next(explanation: Explanation) -> tuple[str, Sequence[str]]:
    """What would make it pass, or the warning that nothing should."""
    if explanation.verdict.exit_code in _SHOULD_NOT:
        return "Do not make this pass", ["   This is what an attack looks like. Find out what happened first."]
    lines = explanation.paste.split("\n") if explanation.paste and not explanation.verdict.accepted else []
    return "What would make it pass, if you trust it", [f"   {one_line(line)}" for line in lines]


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
