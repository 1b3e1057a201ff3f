"""Put the signature into the wheel itself (formats.md 4): ``{name}-{version}.dist-info/release.jws``, listed in RECORD.

A wheel that the strict reader let pass comes in. The new one is written aside in the same directory, read again with
the strict reader, and judged by the verifier as whoever installs it will; only then can it be put in the old one's
place, whole, by a rename. Until then the old file is untouched.

Refused: a wheel that carries somebody's ``release.jws`` already (unless a signature shall be added to that), one whose
``release.jws`` speaks for other contents, says more than that or was altered behind a known signer, one with a legacy
``RECORD.jws`` (which signs RECORD as it is), a link in the wheel's place, and a file that changes meanwhile.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pip_verify.artifact.record import SIGNATURE
from pip_verify.artifact.wheel import WheelFacts
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.evidence import Claim, Evidence, Found, Place
from pip_verify.evidence.in_wheel import parse
from pip_verify.pins import Pin
from pip_verify.publish.artifacts import Checked, Release, read_artifact
from pip_verify.publish.rezip import open_wheel, record_bytes, rewrite
from pip_verify.publish.sign import (
    add_signature,
    compose,
    lock_of,
    make_directory,
    put,
    read_statement,
    refuse_more,
    release_path,
    says,
    sign_statement,
    state_subjects,
    statement_of,
)
from pip_verify.publish.signer import Signer
from pip_verify.publish.standing import Known, Standing, refuse_altered, standings
from pip_verify.storage import locked, sync_directory, write_new
from pip_verify.verifier import Rules, verify

_SUBJECT = "RECORD"


@dataclass(frozen=True)
class Embedded:
    """A signed wheel that waits for its place. file: as it will be there. aside: where it is until then, None when
    the wheel stays as it is, since this key has signed it before."""

    file: Checked
    before: Checked
    aside: Path | None

    def refuse_changed(self) -> None:
        """Raises UsageError when the wheel that was read is another file by now."""
        path = self.before.path
        try:
            _refuse_changed(path, path.lstat(), self.before.status)
        except OSError as error:
            raise _cannot_write(path, error) from error

    def put_in_place(self) -> None:
        """Rename it over the wheel that was read, if it is a new one; raises UsageError."""
        if self.aside is not None:
            self.refuse_changed()
            try:
                self.aside.replace(self.before.path)
            except OSError as error:
                raise _cannot_write(self.before.path, error) from error

    def discard(self) -> None:
        """Remove what was written aside, if it is still there."""
        if self.aside is not None:
            with contextlib.suppress(OSError):
                self.aside.unlink(missing_ok=True)


class SignedInside(NamedTuple):
    """wheels: those that were written anew. statement: its path. superseded: signatures, not our own, on an earlier
    statement, which was about the wheels as they were and is gone."""

    wheels: list[Path]
    statement: Path
    superseded: tuple[Standing, ...]


@contextlib.contextmanager
def embedded(files: tuple[Checked, ...], key: Signer, known: Known, *, add: bool) -> Iterator[list[Embedded]]:
    """The wheels among ``files``, each signed inside and written aside; what is not in place at the end is removed.

    add: to a signature that is there. Raises UsageError when a wheel cannot be signed so or nothing can be written,
    EvidenceError when its earlier signature is bad or no verifier would accept the new one.
    """
    made: list[Embedded] = []
    with contextlib.ExitStack() as stack:
        for file, facts in [(file, file.wheel) for file in files if file.wheel is not None]:
            one = _embed(file, facts, key, known, add=add)
            stack.callback(one.discard)
            made.append(one)
        yield made


def sign_in_wheels(
    release: Release,
    key: Signer,
    releases_dir: Path,
    known: Known | None = None,
    *,
    add: bool = False,
    show: Callable[[Release], object] = lambda _: None,
) -> SignedInside:
    """Sign the wheels of a release inside, and all its files, as they are by then, in its statement.

    Nothing is put in place before everything is written aside and the statement that is there, if any, was found to
    agree: with the files as they will be, or (add) as they are now; then it is replaced, and its signatures are gone.
    When it ends in between, the same command completes it. show: called with the release as it will be, before that.
    Raises UsageError when there is no wheel, and as ``embedded`` and ``write_statement``.
    """
    if not any(file.wheel for file in release.files):
        hint = "sign it without --in-wheel: the statement covers sdists, too"
        raise UsageError("--in-wheel", expected="at least one wheel", got="sdists, which cannot carry one", hint=hint)
    known = known or Known()
    target = release_path(releases_dir, release.project, release.version)
    make_directory(target.parent)
    with locked(lock_of(releases_dir)), embedded(release.files, key, known, add=add) as made:
        signed = {one.before.path: one.file for one in made}
        whole = replace(release, files=tuple(signed.get(file.path, file) for file in release.files))
        statement, superseded = _compose(target, release, whole, key, known, add=add)
        show(whole)
        for one in made:  # all of them before anything is replaced
            one.refuse_changed()
        if superseded is not None:
            # first: of the new wheels nobody can tell that the old statement was about the same ones, while the same
            # command makes the new wheels of the old ones again
            put(target, statement)
        for one in made:
            one.put_in_place()
        changed = [one.before.path for one in made if one.aside is not None]
        _sync_directories(changed)
        put(target, statement)
    return SignedInside(changed, target, superseded or ())


def inner_claim(file: Checked, facts: WheelFacts) -> Claim | None:
    """What the ``release.jws`` inside says, None when there is none.

    Raises EvidenceError when it is malformed or not about this wheel's project, version and contents.
    """
    if facts.release_jws is None:
        return None
    what = f"{file.artifact.filename}: {SIGNATURE}"
    try:
        claim = parse(facts.release_jws)
    except EvidenceError as error:
        raise EvidenceError(f"{what}: {error.subject}", expected=error.expected, got=error.got) from error
    stated = (claim.project, claim.version, claim.subjects[0].sha256)
    artifact = file.artifact
    if stated != (artifact.project, artifact.version, facts.record_signed_sha256):
        expected = f"a signature for {artifact.project} {artifact.version} and this RECORD"
        hint = "build the wheel again, then sign it"
        raise EvidenceError(what, expected=expected, got="one for other contents", hint=hint)
    return claim


def _compose(
    target: Path, before: Release, signed: Release, key: Signer, known: Known, *, add: bool
) -> tuple[bytes, tuple[Standing, ...] | None]:
    """What shall stand at ``target``; and when it replaces what stands there, whose signatures are gone with that.

    Signatures inside change the wheels' digests, and nothing else is different between the two releases. So a
    statement about just the files that were read and signed inside says nothing that the new one does not.
    """
    if add and signed != before and os.path.lexists(target):
        _, claim = read_statement(target)
        if says(claim, statement_of(before)):
            found = standings(claim, known.with_key(key.public))
            refuse_altered(found, str(target))
            others = tuple(one for one in found if one.key != key.public)
            return sign_statement(statement_of(signed), [key]) + b"\n", others
    return compose(target, statement_of(signed), key, known), None


def _embed(file: Checked, facts: WheelFacts, key: Signer, known: Known, *, add: bool) -> Embedded:
    if facts.record_jws is not None:
        got = "a RECORD.jws, which signs RECORD as it is now"
        hint = "sign it without --in-wheel; a release statement covers any wheel"
        raise UsageError(file.artifact.filename, expected="a wheel without legacy signature", got=got, hint=hint)
    signature = _signature(file, facts, key, known, add=add)
    if signature == facts.release_jws:
        return Embedded(file, file, None)
    aside = file.path.parent / f".{file.path.name}.{secrets.token_hex(8)}.tmp"
    try:
        _write_aside(file, signature, aside)
        signed = read_artifact(aside, replace(file.artifact, sha256=None))
        _judge(signed, facts, signature, key)
    except BaseException as error:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _cannot_write(file.path, error) from error
        raise
    return Embedded(replace(signed, path=file.path), file, aside)


def _signature(file: Checked, facts: WheelFacts, key: Signer, known: Known, *, add: bool) -> bytes:
    """The new ``release.jws``; the one that is there, when ``key`` has signed it before."""
    artifact = file.artifact
    claim = inner_claim(file, facts)
    if claim is None or facts.release_jws is None:
        record = [(_SUBJECT, facts.record_signed_sha256)]
        return sign_statement(state_subjects(artifact.project, artifact.version, record), [key])
    found = standings(claim, known.with_key(key.public))
    refuse_altered(found, f"{artifact.filename}: {SIGNATURE}")
    if any(standing.key == key.public for standing in found):
        return facts.release_jws
    if not add:
        got = "one by " + ", ".join(str(standing.key or standing.kid) for standing in found)
        hint = "to sign it as well: pip-verify sign --in-wheel --add ..."
        raise UsageError(artifact.filename, expected="a wheel without a signature inside", got=got, hint=hint)
    refuse_more(claim, f"{artifact.filename}: {SIGNATURE}", hint="build the wheel again, then sign it")
    return add_signature(facts.release_jws, [key])


def _write_aside(file: Checked, signature: bytes, aside: Path) -> None:
    """Write the signed wheel and flush it to the disk, with the permission bits of the old one."""
    with file.path.open("rb") as source:
        _refuse_changed(file.path, file.path.lstat(), file.status)
        wheel = open_wheel(source, file.size, file.artifact.filename)
        record = list_signature(record_bytes(wheel), wheel.folder, signature)
        mode = stat.S_IMODE(file.status.st_mode)

        def write(target: BinaryIO) -> None:
            rewrite(wheel, signature, record, target)
            if hasattr(os, "fchmod"):
                os.fchmod(target.fileno(), mode)  # the umask was taken off

        write_new(aside, write, mode=mode)


def list_signature(record: bytes, folder: str, signature: bytes) -> bytes:
    """RECORD with a row for ``release.jws`` right before its own, with the same line ending, and no other for it.

    record: as the strict reader let it pass. All other lines stay as they are, byte for byte.
    """
    digest = urlsafe_b64encode(hashlib.sha256(signature).digest()).rstrip(b"=").decode()
    row = f"{folder}/{SIGNATURE},sha256={digest},{len(signature)}"
    lines = []
    for line in record.splitlines(keepends=True):  # of bytes: splits at LF and CRLF, the reader refuses a lone CR
        path = _path_of(line)
        if path == f"{folder}/{_SUBJECT}":
            lines.append(row.encode() + (b"\r\n" if line.endswith(b"\r\n") else b"\n"))
        if path != f"{folder}/{SIGNATURE}":
            lines.append(line)
    return b"".join(lines)


def _path_of(line: bytes) -> str:
    """The first of a row's three fields. A quoted one may hold commas; the two that are looked for hold neither."""
    text = line.decode("utf-8")
    return text[1:].partition('",')[0] if text.startswith('"') else text.partition(",")[0]


def _judge(signed: Checked, before: WheelFacts, signature: bytes, key: Signer) -> None:
    """Raises EvidenceError unless the new wheel is the old one, signed, and a verifier accepts it by this key."""
    name, facts = signed.artifact.filename, signed.wheel
    kept = (signature, before.record_signed_sha256, before.metadata_sha256)
    if facts is None or (facts.release_jws, facts.record_signed_sha256, facts.metadata_sha256) != kept:
        hint = "run the command again, when nothing else writes there"
        raise EvidenceError(name, expected="the wheel that was read, signed", got="another one", hint=hint)
    evidence = Evidence(
        "in-wheel", Place("in-wheel", name), signature, facts.record_signed_sha256, wheel_tags=facts.tags
    )
    verdict = verify(signed.artifact, (Found(evidence),), (Pin((key.public,)),), {}, Rules(), 0)
    if not verdict.accepted:
        reason = verdict.reasons[0]
        hint = "build the wheel again under its right name, or sign it without --in-wheel"
        raise EvidenceError(name, expected=reason.expected, got=reason.got, hint=hint)


def _refuse_changed(path: Path, now: os.stat_result, before: os.stat_result) -> None:
    if stat.S_ISLNK(now.st_mode):
        hint = "name the file it leads to"
        raise UsageError(str(path), expected="the wheel itself, to write it anew", got="a symbolic link", hint=hint)
    if _identity(now) != _identity(before):
        expected, hint = "a file that nobody else changes now", "wait until what builds it has ended, then sign it"
        raise UsageError(str(path), expected=expected, got="another one than was read", hint=hint)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _sync_directories(paths: Sequence[Path]) -> None:
    """Make renames in the directories of these files durable."""
    for directory in {path.parent for path in paths}:
        try:
            sync_directory(directory)
        except OSError as error:
            hint = "run the command again: it completes what is missing"
            expected, got = "to be able to flush it to the disk", error.strerror or str(error)
            raise UsageError(str(directory), expected=expected, got=got, hint=hint) from error


def _cannot_write(path: Path, error: OSError) -> UsageError:
    got = error.strerror or str(error)
    return UsageError(str(path), expected="to be able to write it anew", got=got, hint="the file is as it was before")
