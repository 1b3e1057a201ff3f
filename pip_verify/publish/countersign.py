"""Add a signature to statements that are there: a second maintainer's, or a new key's (formats.md 3, signing again).

Two steps, so that a person can look in between: ``review`` reads statements, checks the signatures of keys that are
known and holds local files against what is said about them; ``countersign`` signs what was reviewed, and only that.
Refused: a statement altered behind a known signer, one that says more than a person is shown, files that are not the
ones it speaks of, one that lies where its release's does not belong (when a whole tree is signed), and one that
changed between the two steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pip_verify.errors import EvidenceError, UsageError
from pip_verify.evidence import Claim
from pip_verify.publish.artifacts import NAME_ONCE, Checked, parse_own_name, read_artifact
from pip_verify.publish.releases import statement_files
from pip_verify.publish.sign import add_signature, lock_of, put, read_statement, refuse_more, release_path
from pip_verify.publish.signer import Signer
from pip_verify.publish.standing import Known, Standing, refuse_altered, standings
from pip_verify.storage import locked


@dataclass(frozen=True)
class Reviewed:
    """A statement as it was looked at. looked_at: the local files that are as it says."""

    path: Path
    data: bytes
    claim: Claim
    standings: tuple[Standing, ...]
    looked_at: tuple[Checked, ...] = ()

    @property
    def release(self) -> str:
        """``project version``, as it says."""
        return f"{self.claim.project} {self.claim.version}"

    @property
    def digests(self) -> dict[str, str]:
        """Hex sha256 by file name, as it says."""
        return {subject.name: subject.sha256 for subject in self.claim.subjects}

    @property
    def vouched(self) -> bool:
        """Whether anything but the statement itself says so: a key that is known, or all of its files."""
        return len(self.looked_at) == len(self.claim.subjects) or any(one.speaks for one in self.standings)


def statements_below(releases_dir: Path) -> list[Path]:
    """Every statement of a tree, sorted; raises UsageError as ``statement_files``, and when there is none in it."""
    found = [path for path in statement_files(releases_dir) if path.suffix == ".jws"]
    if not found:
        expected, hint = "release statements in it, *.jws", "name the directory that pip-verify sign writes to"
        raise UsageError(str(releases_dir), expected=expected, got="none", hint=hint)
    return found


def review(paths: Sequence[Path], artifacts: Sequence[Path], known: Known) -> list[Reviewed]:
    """Read these statements, and the local files that they speak of; a file must be in one of them.

    Raises UsageError when one cannot be read or says more than is shown of it, or a file is of another release;
    EvidenceError when one is malformed or altered, or a file is not as it says.
    """
    reviewed = [_review(path, known) for path in dict.fromkeys(paths)]
    for path in artifacts:
        number = _speaker(reviewed, path)
        reviewed[number] = _with_file(reviewed[number], path)
    return reviewed


def review_tree(releases_dir: Path, known: Known) -> list[Reviewed]:
    """Every statement below ``releases_dir``, each where its release's belongs; raises as ``review``."""
    reviewed = review(statements_below(releases_dir), (), known)
    for one in reviewed:
        belongs = release_path(releases_dir, one.claim.project or "", one.claim.version or "")
        if one.path != belongs:
            hint = "move it there, or look how it came here; no statement was signed"
            raise EvidenceError(
                str(one.path), expected=f"a statement of this release at {belongs}", got="it", hint=hint
            )
    return reviewed


def countersign(reviewed: Sequence[Reviewed], key: Signer) -> Iterator[tuple[Path, bool]]:
    """Sign each; yields its path and whether it changed: a statement that the key has signed already does not.

    Nothing is written before all are signed. Raises UsageError when one changed since it was reviewed or cannot be
    written, EvidenceError when a signature on one claims to be by ``key`` and is not.
    """
    own = Known().with_key(key.public)
    for one in reviewed:
        refuse_altered(standings(one.claim, own), str(one.path))
    signed = [add_signature(one.data, [key]) + b"\n" for one in reviewed]
    for one, data in zip(reviewed, signed, strict=True):
        with locked(lock_of(_root_of(one))):
            now, _ = read_statement(one.path)
            if now != one.data:
                hint = "run the command again and look at it again"
                raise UsageError(str(one.path), expected="the statement that was shown", got="another", hint=hint)
            changed = put(one.path, data) if data.strip() != now.strip() else False
        yield one.path, changed


def _review(path: Path, known: Known) -> Reviewed:
    data, claim = read_statement(path)
    found = standings(claim, known)
    refuse_altered(found, str(path))
    refuse_more(claim, str(path))
    return Reviewed(path, data, claim, found)


def _speaker(reviewed: Sequence[Reviewed], path: Path) -> int:
    """Which of the statements is the file's."""
    artifact = parse_own_name(path.name)
    for number, one in enumerate(reviewed):
        if (one.claim.project, one.claim.version) == (artifact.project, artifact.version):
            return number
    stated = ", ".join(one.release for one in reviewed[:5])
    got, hint = f"one of {artifact.project} {artifact.version}", "leave it out, or name the statement of its release"
    raise UsageError(str(path), expected=f"a file of {stated}", got=got, hint=hint)


def _with_file(one: Reviewed, path: Path) -> Reviewed:
    """Raises EvidenceError unless the statement has just this digest for the file."""
    checked = read_artifact(path, parse_own_name(path.name))
    signed = one.digests.get(path.name)
    if signed != checked.sha256:
        raise EvidenceError(
            str(path),
            expected=f"sha256:{signed}, as {one.path} says" if signed else f"a file of {one.path}",
            got=f"sha256:{checked.sha256}",
            hint="do not sign it: find out which of the two is the release, and ask who signed the other",
        )
    if any(other.artifact.filename == path.name for other in one.looked_at):
        raise UsageError(str(path), expected="each file once", got="this one twice", hint=NAME_ONCE)
    return Reviewed(one.path, one.data, one.claim, one.standings, (*one.looked_at, checked))


def _root_of(one: Reviewed) -> Path:
    """The tree that a statement is in, whose lock every writer takes; its own directory if it is in none."""
    parent = one.path.parent
    return parent.parent if parent.name == one.claim.project else parent


def digests_of(reviewed: Sequence[Reviewed]) -> Mapping[tuple[str, str], Mapping[str, str]]:
    """What they say, by project and version: the hex sha256 by file name."""
    return {(one.claim.project or "", one.claim.version or ""): one.digests for one in reviewed}
