"""What a release says of itself: its files, and where its publisher's key list is said to be.

METADATA comes from the index (PEP 658), else from one wheel, read strictly; PKG-INFO from an sdist. Nothing is built:
where only a build would tell, the release says so and nothing more is guessed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pip_verify.artifact.metadata import key_list_urls, leaves_urls_to_the_build
from pip_verify.artifact.name import Artifact, parse_filename
from pip_verify.artifact.sdist import read_sdist
from pip_verify.artifact.wheel import WheelFacts
from pip_verify.discovery.match import match
from pip_verify.discovery.refusal import Refusal, RefusedError, refuse
from pip_verify.errors import EvidenceError, SourceError, UsageError
from pip_verify.firstuse import Seen
from pip_verify.inspection import digests_of, read_bytes, sha256_of
from pip_verify.lockfiles.model import LockedFile
from pip_verify.pins import Pin
from pip_verify.sources.address import check_url
from pip_verify.sources.index import Index, IndexFile
from pip_verify.verdict import Reason

_ANYWHERE = "-none-any.whl"


@dataclass(frozen=True)
class Release:
    """One release as read.

    version: None where the lock does not state it. files: what may be installed, each with its digest. listed: digests
    of all files of this version on the index. key_lists: URLs that it names. opened: what the strict reader found in
    the one wheel that was read, by its digest. silent: why it cannot say who signs it, in plain words, or "". beside:
    paths of local files, by digest. problems: what the user must be told. stated: the pin that the trust file has for
    the project already. seen: what the lock of first uses says of it. metadata: as it was read, b"" where it was not.
    """

    project: str
    version: str | None
    files: tuple[IndexFile, ...]
    listed: tuple[str, ...] = ()
    key_lists: tuple[str, ...] = ()
    opened: tuple[tuple[str, WheelFacts], ...] = ()
    silent: str = ""
    problems: tuple[str, ...] = ()
    beside: tuple[tuple[str, Path], ...] = ()
    stated: Pin | None = None
    seen: Seen | None = None
    metadata: bytes = b""


def read_release(index: Index, project: str, version: str | None, locked: Sequence[LockedFile]) -> Release:
    """Read what is needed of a release; raises RefusedError."""
    try:
        candidates = match(project, version, locked, index.files(project), partial(_digests_of, index))
        release = Release(project, version, candidates.files, candidates.listed, problems=candidates.problems)
        return _with_metadata(index, replace(release, beside=_local(locked)))
    except SourceError as error:
        raise refuse(project, "PV502", error) from error


def open_wheel(index: Index, file: IndexFile) -> tuple[WheelFacts | None, str]:
    """Download a wheel and read it strictly: what it holds, or why it cannot be read, in plain words.

    Raises SourceError, and RefusedError when its bytes are not those of its digest.
    """
    with tempfile.TemporaryDirectory(prefix="pip-verify-") as folder:
        path = index.download(file, Path(folder))
        digest, wheel, fault = read_bytes(path, artifact_of(file))
    _same_bytes(file, digest)
    return wheel, "" if fault is None else f"the strict reader refuses {fault.subject}: expected {fault.expected}"


def artifact_of(file: IndexFile) -> Artifact:
    """The file as the judge knows it."""
    return replace(parse_filename(file.filename), sha256=file.sha256)


def _with_metadata(index: Index, release: Release) -> Release:
    wheels = sorted(_of_kind(release, "wheel"), key=lambda file: (not file.filename.endswith(_ANYWHERE), file.filename))
    offered = next((file for file in wheels if file.has_metadata), None)
    if offered is not None:
        try:
            metadata = index.metadata(offered)
        except EvidenceError as error:
            raise refuse(release.project, "PV307", error) from error
        read = _naming(release, metadata or b"", offered.filename)
        return _opened(index, read, offered) if index.may_be_signed_inside(offered) else read
    if wheels:
        return _opened(index, release, wheels[0])
    return _from_sdist(index, release, _of_kind(release, "sdist")[0])


def _of_kind(release: Release, kind: str) -> list[IndexFile]:
    return [file for file in release.files if artifact_of(file).kind == kind]


def _opened(index: Index, release: Release, file: IndexFile) -> Release:
    """With what a wheel holds; its own METADATA is what counts."""
    facts, fault = open_wheel(index, file)
    if facts is None:
        return _silent(release, fault)
    read = _naming(release, facts.metadata, file.filename)
    return replace(read, opened=((file.sha256 or "", facts),))


def _from_sdist(index: Index, release: Release, file: IndexFile) -> Release:
    artifact = artifact_of(file)
    with tempfile.TemporaryDirectory(prefix="pip-verify-") as folder:
        path = index.download(file, Path(folder))
        _same_bytes(file, sha256_of(path))
        with path.open("rb") as opened:
            try:
                metadata = read_sdist(opened, path.stat().st_size, artifact).metadata
            except EvidenceError as error:
                return _silent(release, f"the strict reader refuses {error.subject}: expected {error.expected}")
    read = _naming(release, metadata, file.filename)
    if not read.key_lists and not read.silent and leaves_urls_to_the_build(metadata):
        return _silent(release, f"the metadata of {file.filename} would need a build, and nothing is built to look")
    return read


def _naming(release: Release, metadata: bytes, filename: str) -> Release:
    """With what the metadata names. A key list that can never be asked is none: it must not pass for one out of reach,
    or any package could keep everybody from writing a trust file."""
    try:
        named = key_list_urls(metadata)
    except EvidenceError as error:
        return _silent(release, f"the metadata of {filename} cannot be read: expected {error.expected}")
    faults = {url: _fault(url) for url in named}
    usable = tuple(url for url, fault in faults.items() if not fault)
    what = f"{release.project}: it names a key list that can never be asked"
    problems = [f"{what}: {fault}" for fault in faults.values() if fault]
    return replace(release, key_lists=usable, metadata=metadata, problems=(*release.problems, *problems))


def _fault(url: str) -> str:
    """What is wrong with a URL, in words; "" when it can be asked."""
    try:
        check_url(url)
    except UsageError as error:
        return str(error)
    return ""


def _silent(release: Release, why: str) -> Release:
    return replace(release, silent=why, problems=(*release.problems, f"{release.project}: {why}"))


def _same_bytes(file: IndexFile, digest: str) -> None:
    if digest != file.sha256:
        hint = "tell whoever runs the index; do not install this file"
        expected = f"sha256:{file.sha256}, as it is locked or listed"
        reason = Reason("PV302", file.filename, expected, f"sha256:{digest}", hint)
        raise RefusedError(Refusal(file.project, reason))


def _digests_of(index: Index, file: IndexFile, algorithms: Sequence[str]) -> Mapping[str, str]:
    with tempfile.TemporaryDirectory(prefix="pip-verify-") as folder:
        digests = digests_of(index.download(file, Path(folder)), algorithms)
    if file.sha256 is not None:
        _same_bytes(file, digests["sha256"])
    return digests


def _local(locked: Sequence[LockedFile]) -> tuple[tuple[str, Path], ...]:
    """Paths of files that lie on this machine: a statement may lie beside them."""
    from urllib.request import url2pathname

    local = [(file.sha256, file.url) for file in locked if file.sha256 and file.url and file.url.startswith("file:")]
    return tuple((digest, Path(url2pathname(url.removeprefix("file://")))) for digest, url in local)
