"""Make and sign release statements (formats.md 3): artifacts come in, ``releases/{project}/{version}.jws`` goes out.

Statements are deterministic: the same files give the same bytes, in whatever order they are named. What stands
there already is signed again only when it says exactly what we would say ourselves; nothing is signed blindly and
nothing is overwritten silently.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from pip_verify.artifact.name import Artifact, canonical_version, normalise, parse_filename
from pip_verify.encoding import b64u_decode, b64u_encode, json_encode, json_object
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.evidence import Signature
from pip_verify.evidence.jws import JWS_MAX_BYTES, MAX_SIGNATURES
from pip_verify.evidence.release import MAX_SUBJECTS, PREDICATE_TYPE, STATEMENT_TYPE, TYP, parse
from pip_verify.publish.signer import Signer
from pip_verify.storage import locked, read_file, write_atomically

_CHUNK = 1024 * 1024


def make_statement(project: str, version: str, files: Sequence[tuple[str, str]]) -> bytes:
    """An in-toto Statement v1 with the Release predicate, as compact JSON with the subjects in order of their names.

    project, version: in any spelling; they are written normalised and canonical. files: file name and hex sha256
    of each file of the release. Raises UsageError when a file is not one of this project and version, is named
    twice, or when there are none or too many.
    """
    project, version = _spelling(project, version)
    if not 1 <= len(files) <= MAX_SUBJECTS:
        raise UsageError(f"{project} {version}", expected=f"1 to {MAX_SUBJECTS} files", got=str(len(files)))
    seen: set[str] = set()
    for filename, _ in files:
        _refuse_other_release(_parse(filename), project, version)
        if filename in seen:
            raise UsageError(filename, expected="each file once", got="this one twice")
        seen.add(filename)
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": filename, "digest": {"sha256": sha256}} for filename, sha256 in sorted(files)],
        "predicateType": PREDICATE_TYPE,
        "predicate": {"purl": f"pkg:pypi/{project}@{quote(version, safe='')}"},
    }
    return json_encode(statement)


def sign_statement(statement: bytes, keys: Sequence[Signer]) -> bytes:
    """A JWS in general JSON serialization (RFC 7515 section 7.2.1) over ``statement``, with one signature a key.

    Raises UsageError when there is no key or one twice, EvidenceError when ``statement`` is none that verifies.
    """
    payload = b64u_encode(statement).encode("ascii")
    return _assemble(payload, [_sign(payload, key) for key in _distinct(keys)])


def add_signature(jws: bytes, keys: Sequence[Signer]) -> bytes:
    """The same JWS, signed by ``keys`` as well; an earlier signature by one of them is replaced.

    Raises EvidenceError when ``jws`` is not a release statement, UsageError as ``sign_statement`` and when there
    would be too many signatures.
    """
    claim = parse(jws)
    names = {key.public.thumbprint for key in _distinct(keys)}
    kept = [signature for signature in claim.signatures if signature.kid not in names]
    if len(kept) + len(keys) > MAX_SIGNATURES:
        raise UsageError("release statement", expected=f"at most {MAX_SIGNATURES} signatures", got="more")
    return _assemble(claim.payload, [*kept, *(_sign(claim.payload, key) for key in keys)])


def release_path(releases_dir: Path, project: str, version: str) -> Path:
    """Where the statement of a release is: ``{releases_dir}/{project}/{version}.jws``; raises UsageError."""
    project, version = _spelling(project, version)
    return releases_dir / project / f"{version}.jws"


def sign_artifacts(paths: Sequence[Path], key: Signer, releases_dir: Path) -> Path:
    """Sign the wheels and sdists at ``paths``, the whole of one release; returns the path of its statement.

    A statement that is there already and says the same gets our signature added. Raises UsageError when the files
    are of several projects or versions, or one is named twice, cannot be read or is no wheel or sdist; when a
    statement is there that says anything else; EvidenceError when what is there is no release statement.
    """
    if not paths:
        raise UsageError("sign", expected="at least one wheel or sdist", got="none")
    first = _parse(paths[0].name)
    statement = make_statement(first.project, first.version, [(path.name, _sha256(path)) for path in paths])
    target = release_path(releases_dir, first.project, first.version)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(str(target.parent), expected="a directory", got=error.strerror or str(error)) from error
    with locked(releases_dir / "statements"):  # one for the whole tree, not one beside each statement
        if os.path.lexists(target):
            earlier, _ = read_file(target, max_bytes=JWS_MAX_BYTES, expected="a release statement")
            _refuse_other_statement(target, earlier, statement)
            write_atomically(target, add_signature(earlier, [key]) + b"\n")
        else:
            write_atomically(target, sign_statement(statement, [key]) + b"\n", overwrite=False)
    return target


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
        raise UsageError("signing keys", expected="one or more, each once", got="one twice" if keys else "none")
    return keys


def _spelling(project: str, version: str) -> tuple[str, str]:
    try:
        return normalise(project), canonical_version(version)
    except EvidenceError as error:
        raise UsageError(error.subject, expected=error.expected, got=error.got) from error


def _parse(filename: str) -> Artifact:
    """What the name of a publisher's own file states; a wrong one is a slip here, not an attack."""
    try:
        return parse_filename(filename)
    except EvidenceError as error:
        raise UsageError(error.subject, expected=error.expected, got=error.got) from error


def _refuse_other_release(artifact: Artifact, project: str, version: str) -> None:
    """``1.0`` and ``1.0.0`` are one version (PEP 440), but they are looked for at two paths."""
    if (artifact.project, artifact.version) != (project, version):
        raise UsageError(
            artifact.filename,
            expected=f"a file of {project} {version}",
            got=f"one of {artifact.project} {artifact.version}",
            hint="sign the files of each release with a command of its own",
        )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise UsageError(str(path), expected="a file that can be read", got=error.strerror or str(error)) from error
    return digest.hexdigest()


def _refuse_other_statement(path: Path, earlier: bytes, statement: bytes) -> None:
    """Compare as JSON: another tool may write other white space, but a member more is something we do not say."""
    try:
        payload = b64u_decode(parse(earlier).payload.decode("ascii"), "payload")
    except EvidenceError as error:
        raise EvidenceError(f"{path}: {error.subject}", expected=error.expected, got=error.got) from error
    said = json_object(payload, str(path), max_bytes=JWS_MAX_BYTES)
    said["subject"] = sorted(said["subject"], key=lambda subject: subject["name"])
    if said != json_object(statement, str(path), max_bytes=JWS_MAX_BYTES):
        raise UsageError(
            str(path),
            expected="no statement yet, or one about exactly these files",
            got="a statement that says something else",
            hint="sign all files of the release in one command, or move the old statement away yourself",
        )
