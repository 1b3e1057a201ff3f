"""Make and sign release statements (formats.md 3): artifacts come in, ``releases/{project}/{version}.jws`` goes out.

Statements are deterministic: the same files give the same bytes, in whatever order they are named and whatever the
clock says. What stands there already is signed again only when it says exactly what we would say ourselves, member for
member, and when no signature on it is a known key's and false; nothing is signed blindly and nothing is overwritten
silently.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pip_verify.artifact.name import canonical_version, normalise
from pip_verify.encoding import b64u_decode, b64u_encode, json_encode, json_object
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.evidence import Claim, Signature
from pip_verify.evidence.jws import JWS_MAX_BYTES, MAX_SIGNATURES
from pip_verify.evidence.release import PREDICATE_TYPE, STATEMENT_TYPE, TYP, parse
from pip_verify.publish.artifacts import Release, name_release, refuse_other_releases
from pip_verify.publish.signer import Signer
from pip_verify.publish.standing import Known, refuse_altered, standings
from pip_verify.storage import locked, not_written, read_file, write_atomically

EXPECTED = "a release statement"
MOVE_AWAY = "look where it comes from; to sign the files themselves, move it away, then: pip-verify sign FILE..."

_NAMED = 5  # members listed in one message

# -- what is said ------------------------------------------------------------------------------------------


def make_statement(project: str, version: str, files: Sequence[tuple[str, str]]) -> bytes:
    """An in-toto Statement v1 with the Release predicate, as compact JSON with the subjects in order of their names.

    project, version: in any spelling; they are written normalised and canonical. files: file name and hex sha256
    of each file of the release. Raises UsageError when a file is not one of this project and version, is named
    twice, or when there are none or too many.
    """
    project, version = _spelling(project, version)
    refuse_other_releases(name_release([filename for filename, _ in files]), project, version)
    return state_subjects(project, version, files)


def state_subjects(project: str, version: str, subjects: Sequence[tuple[str, str]]) -> bytes:
    """The same for subjects of any name, and project and version as they are: RECORD is one in a wheel."""
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in sorted(subjects)],
        "predicateType": PREDICATE_TYPE,
        "predicate": {"purl": f"pkg:pypi/{project}@{quote(version, safe='')}"},
    }
    return json_encode(statement)


# -- the signatures on it ----------------------------------------------------------------------------------


def sign_statement(statement: bytes, keys: Sequence[Signer]) -> bytes:
    """A JWS in general JSON serialization (RFC 7515 section 7.2.1) over ``statement``, with one signature a key.

    Raises UsageError when there is no key or one twice, EvidenceError when ``statement`` is none that verifies.
    """
    payload = b64u_encode(statement).encode("ascii")
    return _assemble(payload, [_sign(payload, key) for key in _distinct(keys)])


def add_signature(jws: bytes, keys: Sequence[Signer]) -> bytes:
    """The same JWS, signed by ``keys`` as well; an earlier signature by one of them is replaced, in its place.

    Raises EvidenceError when ``jws`` is not a release statement, UsageError as ``sign_statement`` and when there
    would be too many signatures.
    """
    claim = parse(jws)
    mine = {key.public.thumbprint: _sign(claim.payload, key) for key in _distinct(keys)}
    signatures: dict[str, Signature] = {}  # ours by its thumbprint, the others by their number
    for number, signature in enumerate(claim.signatures):
        own = mine.get(signature.kid)
        signatures[str(number) if own is None else own.kid] = own or signature
    signatures |= mine
    if len(signatures) > MAX_SIGNATURES:
        expected = f"at most {MAX_SIGNATURES} signatures"
        raise UsageError("release statement", expected=expected, got="more", hint=MOVE_AWAY)
    return _assemble(claim.payload, list(signatures.values()))


# -- where it is -------------------------------------------------------------------------------------------


def release_path(releases_dir: Path, project: str, version: str) -> Path:
    """Where the statement of a release is: ``{releases_dir}/{project}/{version}.jws``; raises UsageError."""
    project, version = _spelling(project, version)
    return releases_dir / project / f"{version}.jws"


def write_statement(release: Release, key: Signer, releases_dir: Path, known: Known | None = None) -> Path:
    """Sign a release that was read; returns the path of its statement.

    known: whose signatures on a statement that is there can be checked. Raises UsageError when that statement says
    anything else or nothing can be written; EvidenceError when it is none, or was altered behind a known signer.
    """
    (target,) = write_statements([release], key, releases_dir, known)
    return target


def write_statements(
    releases: Sequence[Release], key: Signer, releases_dir: Path, known: Known | None = None
) -> Iterator[Path]:
    """The same for several releases, each once; yields each path when its statement is written.

    Nothing is written before all are composed: a statement that says anything else leaves all as they are.
    """
    make_directory(releases_dir)
    with locked(lock_of(releases_dir)):
        composed = [
            (target, compose(target, statement_of(release), key, known or Known()))
            for release in releases
            for target in [release_path(releases_dir, release.project, release.version)]
        ]
        for target, data in composed:
            make_directory(target.parent)
            put(target, data)
            yield target


def refuse_conflict(release: Release, releases_dir: Path, known: Known) -> None:
    """Raises, as ``write_statement`` would, for a statement that is there and does not agree: before anybody is asked
    for a passphrase. It looks again."""
    target = release_path(releases_dir, release.project, release.version)
    _earlier(target, statement_of(release), known)


def statement_of(release: Release) -> bytes:
    """What there is to sign for a release; raises as ``make_statement``."""
    return make_statement(release.project, release.version, list(release.digests.items()))


def lock_of(releases_dir: Path) -> Path:
    """What to lock while statements below ``releases_dir`` change: one for the tree, not one beside each."""
    return releases_dir / "statements"


def make_directory(path: Path) -> None:
    """Make it and its parents; raises UsageError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        refused = not_written(path, error)
        raise UsageError(str(path), expected="a directory", got=refused.got, hint=refused.hint) from error


def compose(target: Path, statement: bytes, key: Signer, known: Known) -> bytes:
    """What shall stand at ``target`` once ``key`` has signed ``statement``, too; writes nothing. Raises as
    ``write_statement``."""
    earlier = _earlier(target, statement, known.with_key(key.public))
    return (add_signature(earlier, [key]) if earlier else sign_statement(statement, [key])) + b"\n"


def read_statement(path: Path) -> tuple[bytes, Claim]:
    """The bytes of a statement on disk, and what they say; raises UsageError, and EvidenceError with its path."""
    data, _ = read_file(path, max_bytes=JWS_MAX_BYTES, expected=EXPECTED)
    try:
        return data, parse(data)
    except EvidenceError as error:
        raise EvidenceError(f"{path}: {error.subject}", expected=error.expected, got=error.got) from error


def says(claim: Claim, statement: bytes) -> bool:
    """Whether a parsed statement says just what ``statement`` does, member for member."""
    return not _unlike(claim, statement)


def refuse_more(claim: Claim, what: str, *, hint: str = MOVE_AWAY) -> None:
    """Raises UsageError when a statement says more than people are shown of it: project, version, and each file's
    name and sha256.

    The parser lets a predicate have more members, and a subject other digests and what in-toto's ResourceDescriptor
    has. No verifier reads those today; a signature would stand behind them all the same.
    """
    shown = [(subject.name, subject.sha256) for subject in claim.subjects]
    if more := _unlike(claim, state_subjects(claim.project or "", claim.version or "", shown)):
        expected = "a statement of project, version, file names and sha256, and of nothing else"
        raise UsageError(what, expected=expected, got=f"one with {', '.join(more[:_NAMED])}", hint=hint)


def put(target: Path, data: bytes) -> bool:
    """Write a statement unless it is there like this already; whether it was written. Raises UsageError."""
    there = os.path.lexists(target)
    if there and read_file(target, max_bytes=len(data), expected=EXPECTED)[0] == data:
        return False
    write_atomically(target, data, overwrite=there)
    return True


# -- parts -------------------------------------------------------------------------------------------------


def _sign(payload: bytes, key: Signer) -> Signature:
    header = json_encode({"alg": "Ed25519", "kid": key.public.thumbprint, "typ": TYP})
    protected = b64u_encode(header).encode("ascii")
    return Signature(key.public.thumbprint, protected, key.sign(protected + b"." + payload))


def _assemble(payload: bytes, signatures: Sequence[Signature]) -> bytes:
    entries = [
        {"protected": entry.protected.decode("ascii"), "signature": b64u_encode(entry.value)} for entry in signatures
    ]
    jws = json_encode({"payload": payload.decode("ascii"), "signatures": entries})
    parse(jws)  # what no verifier would take is not written
    return jws


def _distinct(keys: Sequence[Signer]) -> Sequence[Signer]:
    if not keys or len({key.public for key in keys}) != len(keys):
        got, hint = "one twice" if keys else "none", "name each key once"
        raise UsageError("signing keys", expected="one or more, each once", got=got, hint=hint)
    return keys


def _spelling(project: str, version: str) -> tuple[str, str]:
    try:
        return normalise(project), canonical_version(version)
    except EvidenceError as error:
        hint = "give the files of the release the names that they were built with"
        raise UsageError(error.subject, expected=error.expected, got=error.got, hint=hint) from error


def _earlier(target: Path, statement: bytes, known: Known) -> bytes:
    """The signed statement that is there, when it says just that and no known signature on it is false; b"" when there
    is none."""
    if not os.path.lexists(target):
        return b""
    earlier, claim = read_statement(target)
    _refuse_other_statement(target, claim, statement)
    refuse_altered(standings(claim, known), str(target))
    return earlier


def _refuse_other_statement(path: Path, claim: Claim, statement: bytes) -> None:
    """Compare as JSON: another tool may write other white space, but a member more is something we do not say."""
    if other := _unlike(claim, statement):
        raise UsageError(
            str(path),
            expected="no statement yet, or one about exactly these files",
            got=f"a statement that says something else of {other[0]}",
            hint="sign all files of the release in one command, or move the old statement away yourself",
        )


def _unlike(claim: Claim, statement: bytes) -> list[str]:
    """Where the JSON of a claim differs from ``statement``: a file's name, or the way to a member."""
    said = json_object(b64u_decode(claim.payload.decode("ascii"), "payload"), "payload", max_bytes=JWS_MAX_BYTES)
    ours = json_object(statement, "statement", max_bytes=JWS_MAX_BYTES)
    theirs, mine = ({entry["name"]: entry for entry in one.pop("subject")} for one in (said, ours))
    return [*_differing(theirs, mine), *_differing(said, ours)]


def _differing(said: Mapping[str, Any], ours: Mapping[str, Any], *, way: str = "") -> Iterator[str]:
    for name in sorted({*said, *ours}):
        theirs, mine = said.get(name), ours.get(name)
        if isinstance(theirs, dict) and isinstance(mine, dict):
            yield from _differing(theirs, mine, way=f"{way}{name}: ")
        elif name not in said or name not in ours or theirs != mine:
            yield f"{way}{name}"
