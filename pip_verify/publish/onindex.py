"""What the index serves of a release, against what is to be signed; and for a voucher, those very files.

A release and an ``Index`` come in. Out goes every difference: a file that only one side has, a digest that differs. A
file that is named neither as wheel nor as sdist cannot be signed, but pip may take it, so it is named, too.
An index that cannot be asked is a SourceError and never "no difference". A file of which the index states no digest
is downloaded to know it.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pip_verify.artifact.name import canonical_version, normalise, same_version
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.publish.artifacts import Checked, Release, all_in_one, parse_own_name, read_artifact
from pip_verify.sources.index import Index, IndexFile

AT_ONCE = 4  # downloads; each file is read and removed before its place is given to the next

_CHUNK = 1 << 20
_EXAMPLE = "for example: pip-verify vouch requests==2.32.3"
_EXACT_RE = re.compile(r"\s*([^\s=<>!~;@\[\]]+)\s*==\s*([^\s=*,;]+)\s*\Z")


def parse_exact(text: str) -> tuple[str, str]:
    """``project==version`` as normalised name and canonical version; raises UsageError for anything else."""
    match = _EXACT_RE.match(text)
    if match is None:
        expected = "project==version, one exact version"
        raise UsageError("vouch", expected=expected, got=ascii(text[:80]), hint=_EXAMPLE)
    try:
        return normalise(match[1]), canonical_version(match[2])
    except EvidenceError as error:
        raise UsageError(f"vouch {text[:80]!a}", expected=error.expected, got=error.got, hint=_EXAMPLE) from error


def files_of(index: Index, project: str, version: str) -> list[IndexFile]:
    """The wheels and sdists of one release that the index serves now, in whatever spelling of the version (``1.0``
    and ``1.0.0`` are one). Raises SourceError."""
    return [file for file in index.files(project) if same_version(file.version, version)]


def for_pip_alone(index: Index, project: str, version: str) -> list[str]:
    """What the index serves besides that pip takes for this release, a line for each file: no statement can speak for
    it, and whoever asks for a signature refuses it. Raises SourceError."""
    others = [file for file in index.for_pip_alone(project) if same_version(file.version, version)]
    names = dict.fromkeys(file.filename for file in others)
    return [f"{name}: on the index, where pip takes it, and by name neither wheel nor sdist" for name in names]


def differences(index: Index, project: str, version: str, digests: Mapping[str, str]) -> list[str]:
    """What the index serves otherwise than ``digests`` (hex sha256 by file name) has it, a line for each file; none
    when both are the same. Raises SourceError when the index cannot be asked."""
    served: dict[str, set[str]] = {}
    for file in files_of(index, project, version):
        served.setdefault(file.filename, set()).add(file.sha256 or _download_digest(index, file))
    found = [f"{name}: here, and not on the index" for name in sorted(set(digests) - set(served))]
    found += [f"{name}: on the index, and not here" for name in sorted(set(served) - set(digests))]
    for name in sorted(set(served) & set(digests)):
        others = sorted(served[name] - {digests[name]})
        found += [f"{name}: sha256:{digests[name]} here, sha256:{other} on the index" for other in others]
    return found + for_pip_alone(index, project, version)


def fetch_release(
    index: Index, project: str, version: str, told: Callable[[IndexFile, Checked], None] = lambda *_: None
) -> Release:
    """Download every wheel and sdist of a release that the index serves, and read each with the strict readers.

    told: called for each that passed, from several threads. The files are removed; their digests are what is left.
    Raises UsageError when the index has none, SourceError when it cannot be asked, EvidenceError when a file breaks
    a rule or does not have the digest that the index states.
    """
    files = files_of(index, project, version)
    if not files:
        hint = "look at the name, the version and the index in use"
        raise UsageError(f"{project} {version}", expected="files of it on the index", got="none", hint=hint)
    version = _one_spelling(project, files)
    _refuse_ambiguous(files)

    def fetch(file: IndexFile) -> Checked | EvidenceError:
        try:
            checked = _fetch(index, file)
        except EvidenceError as error:
            return error
        told(file, checked)
        return checked

    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            results = list(pool.map(fetch, files))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    faults = [result for result in results if isinstance(result, EvidenceError)]
    if faults:
        raise all_in_one(faults)
    checked = [result for result in results if isinstance(result, Checked)]
    return Release(project, version, tuple(sorted(checked, key=lambda one: one.artifact.filename)))


def _fetch(index: Index, file: IndexFile) -> Checked:
    with tempfile.TemporaryDirectory(prefix="pip-verify-") as directory:
        path = index.download(file, Path(directory))
        checked = read_artifact(path, parse_own_name(file.filename))
    if file.sha256 not in (None, checked.sha256):
        hint = "tell whoever runs the index; do not sign it and do not install from it meanwhile"
        expected = f"sha256:{file.sha256}, as the index states"
        raise EvidenceError(file.filename, expected=expected, got=f"sha256:{checked.sha256}", hint=hint)
    return checked


def _download_digest(index: Index, file: IndexFile) -> str:
    digest = hashlib.sha256()
    with tempfile.TemporaryDirectory(prefix="pip-verify-") as directory:
        path = index.download(file, Path(directory))
        with path.open("rb") as content:
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _one_spelling(project: str, files: Sequence[IndexFile]) -> str:
    """The version as all file names have it: a statement is looked for under just that."""
    first, *others = dict.fromkeys(file.version for file in files)
    if others:
        hint = "download its files and sign those of each spelling with: pip-verify sign FILE..."
        got = f"{first} and {', '.join(others)}, which are one version"
        raise UsageError(f"{project} {first}", expected="one spelling of its version", got=got, hint=hint)
    return first


def _refuse_ambiguous(files: Sequence[IndexFile]) -> None:
    """Several indexes may serve other bytes under one name; nobody can vouch for both."""
    seen: set[str] = set()
    for file in files:
        if file.filename in seen:
            hint = "ask one index: --index-url=URL, without --extra-index-url and --find-links"
            raise EvidenceError(
                file.filename, expected="one file of this name", got="two with other digests", hint=hint
            )
        seen.add(file.filename)
