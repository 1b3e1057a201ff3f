"""What was accepted when it was installed, judged again under the keys and the policy of today.

In: the findings of ``check``. Out: a verdict for each. A receipt is a record and no evidence: what it says is only used
to ask again about the same digest. So a key that was revoked since turns the environment red.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pip_verify.artifact.fault import Spot
from pip_verify.artifact.limits import DEFAULT
from pip_verify.artifact.metadata import check_wheel_file
from pip_verify.artifact.record import LEGACY_SIGNATURE, SIGNATURE
from pip_verify.artifact.wheel import WheelFacts
from pip_verify.errors import EvidenceError
from pip_verify.evidence import PlaceKind
from pip_verify.installed.check import Finding, Installed
from pip_verify.installed.files import read_small
from pip_verify.installed.receipt import Receipt, Source
from pip_verify.judge import Case, Judge, judge_directory, judge_vcs
from pip_verify.pins import InlinePin, Pin
from pip_verify.policy import Policy
from pip_verify.verdict import Decision, Reason, Verdict

PinsFor = Callable[[str, Sequence[InlinePin], str], tuple[Pin, ...]]


def judge_again(installed: Installed, policy: Policy, judge: Judge, *, pins_for: PinsFor) -> tuple[Verdict, ...]:
    """A verdict for each finding, in their order; those with a receipt are judged anew.

    pins_for: every pin of an artifact, from its normalised name, inline pins (there are none) and its version. Raises
    UsageError.
    """
    cases = {number: _case(finding, pins_for) for number, finding in enumerate(installed.findings)}
    judge.gather([case for case in cases.values() if case is not None])
    return tuple(_judge(finding, cases[number], policy, judge) for number, finding in enumerate(installed.findings))


def _case(finding: Finding, pins_for: PinsFor) -> Case | None:
    """How to ask about the digest of a receipt; None where there is none, or no file that could be signed."""
    receipt = finding.receipt
    if receipt is None or finding.folder is None or receipt.origin.kind in ("directory", "vcs"):
        return None
    # The user's --hash was compared then, and the bytes are the same: policy decides whether that still counts.
    by = receipt.by if receipt.source is None else receipt.source.by
    url = _location(receipt, "url")
    beside = _location(receipt, "beside")
    return Case(
        receipt.origin,
        pins_for(receipt.project, (), receipt.version),
        user_sha256=frozenset([receipt.origin.sha256 or ""] if by == "hash" else []),
        wheel=_facts(receipt, finding.folder) if receipt.source is None else None,
        beside=None if beside is None else Path(beside),
        url=url if url is not None and url.startswith("https://") else None,
    )


def _location(receipt: Receipt, kind: PlaceKind) -> str | None:
    """Where the file came from, if its statement was found next to it: nobody else knows that place."""
    place = receipt.place
    if place is None or place.kind != kind or not place.location.endswith(".jws"):
        return None
    return place.location.removesuffix(".jws")


def _facts(receipt: Receipt, folder: Path) -> WheelFacts | None:
    """What the strict reader found in the wheel, as far as signatures inside it need that; None without any."""
    release, legacy = (read_small(str(folder / name), DEFAULT.text) for name in (SIGNATURE, LEGACY_SIGNATURE))
    metadata, wheel = (read_small(str(folder / name), DEFAULT.text) for name in ("METADATA", "WHEEL"))
    if (release is None and legacy is None) or metadata is None or wheel is None:
        return None
    try:
        tags = check_wheel_file(wheel, Spot(receipt.filename, "WHEEL"))
    except EvidenceError:
        return None
    return WheelFacts(
        sha256=receipt.sha256,
        metadata=metadata,
        metadata_sha256=hashlib.sha256(metadata).hexdigest(),
        release_jws=release,
        record_jws=legacy,
        record_sha256=receipt.wheel_record_sha256,
        record_signed_sha256=receipt.wheel_record_signed_sha256,
        tags=tags,
    )


def _judge(finding: Finding, case: Case | None, policy: Policy, judge: Judge) -> Verdict:
    receipt = finding.receipt
    if receipt is None:
        return finding.verdict
    today = judge.judge(case) if case is not None else _judge_source(receipt, policy)
    if receipt.source is None:
        return today
    return _of_built(receipt, receipt.source, today)


def _judge_source(receipt: Receipt, policy: Policy) -> Verdict:
    artifact = receipt.origin
    if artifact.kind == "vcs":
        return judge_vcs(policy, artifact, artifact.filename)
    return judge_directory(policy, artifact, named_by_user=True, comes_from=None)


def _of_built(receipt: Receipt, source: Source, today: Verdict) -> Verdict:
    """The verdict on a built wheel: its source's of today."""
    if not today.accepted:
        return replace(today, artifact=receipt.artifact)
    built = Reason("PV004", receipt.filename, got=source.filename)
    return replace(
        today, artifact=receipt.artifact, decision=Decision.ACCEPT, reasons=(built, *today.reasons), by="built"
    )
