"""What is known of a project and what is served now come in; what is wrong goes out. Pure: nothing is asked or kept.

Three things are held against each other: what was *recorded* when the index was looked at before, what the index
*states* now, and what the publisher has *signed*. A recorded digest that changed is an alarm whoever signed the new
one, since an index never has two files of one name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pip_verify.artifact.name import Artifact, parse_filename
from pip_verify.errors import EvidenceError
from pip_verify.verdict import Decision, Reason, Verdict

CHANGED, GONE, YANKED, DIFFERS, NEVER_SEEN = "PV313", "PV314", "PV315", "PV316", "PV317"
AS_RECORDED = "PV008"
# alarms that stay until somebody accepts what happened; what was never seen here has not happened, but is to come
STICKY = frozenset((CHANGED, GONE, YANKED))
WHOLE = "*"  # in place of a file name: all of a project

State = Literal["seen", "accepted", "gone"]


@dataclass(frozen=True)
class Known:
    """One file as it was recorded. state: "accepted": by a person, signed or not; "gone": a person knows that it is no
    longer there; its name must never come back with other bytes."""

    filename: str
    sha256: str
    yanked: bool = False
    state: State = "seen"


@dataclass(frozen=True)
class Served:
    """One file as an index states it now; ``artifact.sha256`` is None where it states no digest."""

    artifact: Artifact
    yanked: bool = False


@dataclass(frozen=True)
class Signed:
    """What the publisher's side says. verdicts: on each served file with a digest. files: name and digest of all that
    the publisher's own copies of the statements name."""

    verdicts: Mapping[Artifact, Verdict]
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """alarms: a refusal, or what could not be decided, for each file that is not as it should be. quiet: the verdict on
    the project as a whole when there are none. record: what is new and must be known from now on. files: how many are
    served."""

    alarms: tuple[Verdict, ...]
    quiet: Verdict | None
    record: tuple[Known, ...]
    files: int


def compare(
    project: str,
    known: Sequence[Known],
    served: Sequence[Served],
    signed: Signed | None,
    accepted: Container[str] = (),
) -> Outcome:
    """Hold what is served against what is known and signed.

    signed: None where nobody's signature is asked for, or where its keys could not be had. accepted: digests of old
    files that need no signature.
    """
    by_name: dict[str, list[Known]] = {}
    for entry in known:
        by_name.setdefault(entry.filename, []).append(entry)
    alarms = list(_missing(project, by_name, served, signed))
    excused: list[Served] = []
    for file in served:
        entries = by_name.get(file.artifact.filename, [])
        alarm = _judge(file, entries, signed)
        if alarm is not None and _may_be_excused(file, entries, alarm, accepted):
            excused.append(file)
        elif alarm is not None:
            alarms.append(alarm)
    quiet = None if alarms else _quiet(project, served, signed, excused)
    return Outcome(tuple(alarms), quiet, tuple(_new(served, by_name)), len(served))


def accept_hint(project: str, filename: str, sha256: str | None) -> str:
    """What a person can run once they know that it is meant."""
    name = "'*'" if filename == WHOLE else filename
    digest = f" --sha256={sha256}" if sha256 else ""
    return f'find out why; if it is meant: pip-verify monitor --accept {project} {name}{digest} --why="..."'


def set_digest(files: Iterable[tuple[str, str]]) -> str:
    """One sha256 for a set of files (name, digest), by which a person can accept just that set."""
    return hashlib.sha256("".join(f"{digest}  {name}\n" for name, digest in sorted(files)).encode()).hexdigest()


def is_whole(artifact: Artifact) -> bool:
    """Whether a verdict is about all of a project (``whole``)."""
    return artifact.kind == "file" and not artifact.version


def whole(project: str, count: int, sha256: str | None = None) -> Artifact:
    """A project as the subject of a verdict."""
    return Artifact(project, "", f"{project} ({count} file{'' if count == 1 else 's'})", "file", sha256)


# One file that is there.


def _judge(file: Served, entries: Sequence[Known], signed: Signed | None) -> Verdict | None:
    """The alarm about one served file; None when it is as it should be."""
    artifact = file.artifact
    if artifact.sha256 is None:
        hint = "ask whoever runs the index to state sha256 digests (PEP 503)"
        reason = Reason("PV503", artifact.filename, "its sha256 on the index page", "none", hint)
        return Verdict(artifact, Decision.UNDECIDED, (reason,))
    verdict = None if signed is None else signed.verdicts[artifact]
    told = () if verdict is None or verdict.accepted else verdict.reasons
    recorded = [entry for entry in entries if entry.sha256 == artifact.sha256]
    if entries and not recorded:
        return Verdict(artifact, Decision.REJECT, (_changed(artifact, entries), *told))
    if recorded and recorded[0].state != "gone" and recorded[0].yanked != file.yanked:
        return Verdict(artifact, Decision.REJECT, (_yanked(file), *told))
    return None if verdict is None or verdict.accepted else verdict


def _changed(artifact: Artifact, entries: Sequence[Known]) -> Reason:
    expected = " or ".join(f"sha256:{entry.sha256}" for entry in entries)
    hint = accept_hint(artifact.project, artifact.filename, artifact.sha256)
    return Reason(CHANGED, artifact.filename, f"{expected}, as recorded", f"sha256:{artifact.sha256}", hint)


def _yanked(file: Served) -> Reason:
    now, before = ("yanked", "not yanked") if file.yanked else ("not yanked", "yanked")
    hint = accept_hint(file.artifact.project, file.artifact.filename, file.artifact.sha256)
    return Reason(YANKED, file.artifact.filename, f"{before}, as recorded", now, hint)


def _may_be_excused(file: Served, entries: Sequence[Known], alarm: Verdict, accepted: Container[str]) -> bool:
    """Whether somebody has said that just these bytes are good without a signature. It excuses no change."""
    if alarm.reasons[0].id in STICKY or file.artifact.sha256 is None:
        return False
    by_hand = any(entry.state == "accepted" and entry.sha256 == file.artifact.sha256 for entry in entries)
    return by_hand or file.artifact.sha256 in accepted


# Files that are not there.


def _missing(
    project: str, by_name: Mapping[str, Sequence[Known]], served: Sequence[Served], signed: Signed | None
) -> Iterable[Verdict]:
    names = {file.artifact.filename for file in served}
    digests = {(file.artifact.filename, file.artifact.sha256) for file in served}
    # of a name that is served with other digests the change tells it; without a digest nothing is known
    vague = {name for name, digest in digests if digest is None}
    changed = {
        name for name, digest in digests if name in by_name and digest not in {entry.sha256 for entry in by_name[name]}
    }
    missing = [
        (entry.filename, entry.sha256)
        for entries in by_name.values()
        for entry in entries
        if entry.state != "gone"
        and (entry.filename, entry.sha256) not in digests
        and entry.filename not in vague | changed
    ]
    files = {} if signed is None else signed.files
    unseen = [(name, files[name]) for name in files if name not in names and name not in by_name]
    if missing and not served:
        yield _all_gone(project, missing)
    else:
        yield from (_gone(project, *item, GONE, "recorded here before") for item in sorted(missing))
    yield from (_gone(project, *item, NEVER_SEEN, "signed") for item in sorted(unseen))


def _gone(project: str, filename: str, sha256: str, code: str, why: str) -> Verdict:
    hint = accept_hint(project, filename, sha256)
    reason = Reason(code, filename, f"sha256:{sha256} on the index: {why}", "no such file", hint)
    return Verdict(_named(project, filename, sha256), Decision.REJECT, (reason,))


def _named(project: str, filename: str, sha256: str) -> Artifact:
    try:
        return parse_filename(filename, sha256=sha256)
    except EvidenceError:  # only pip took it for a file of the project
        return Artifact(project, "", filename, "sdist", sha256)


def _all_gone(project: str, files: Sequence[tuple[str, str]]) -> Verdict:
    digest = set_digest(files)
    artifact = whole(project, len(files), digest)
    hint = accept_hint(project, WHOLE, digest)
    reason = Reason(GONE, artifact.filename, f"{len(files)} files of {project} on the index", "none", hint)
    return Verdict(artifact, Decision.REJECT, (reason,))


# What goes on.


def _new(served: Sequence[Served], by_name: Mapping[str, Sequence[Known]]) -> Iterable[Known]:
    """Files under names that were never seen, and those that came back as they were; a change is never recorded."""
    for file in served:
        artifact = file.artifact
        entries = by_name.get(artifact.filename, [])
        back = any(entry.state == "gone" and entry.sha256 == artifact.sha256 for entry in entries)
        if artifact.sha256 is not None and (not entries or back):
            yield Known(artifact.filename, artifact.sha256, file.yanked)


def _quiet(project: str, served: Sequence[Served], signed: Signed | None, excused: Sequence[Served]) -> Verdict:
    artifact = whole(project, len(served))
    if signed is None or len(excused) == len(served):
        return Verdict(artifact, Decision.ACCEPT, (Reason(AS_RECORDED, artifact.filename),), by="hash")
    old = {file.artifact for file in excused}
    proofs = [signed.verdicts[file.artifact] for file in served if file.artifact not in old]
    by = "signature" if not old and all(proof.by == "signature" for proof in proofs) else "hash"
    if all(proof.by == "exemption" for proof in proofs):
        by = "exemption"
    return Verdict(
        artifact,
        Decision.ACCEPT,
        (Reason(AS_RECORDED if by == "hash" else proofs[0].reasons[0].id, artifact.filename),),
        keys=tuple(dict.fromkeys(key for proof in proofs for key in proof.keys)),
        publishers=tuple(dict.fromkeys(name for proof in proofs for name in proof.publishers)),
        place=proofs[0].place,
        by=by,
        evidence=proofs[0].evidence,
    )
