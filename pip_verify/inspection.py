"""What an artifact's own bytes show, before anybody's signature is asked: digest, structure, what was stated of it.

Reads files; decides nothing by policy.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from pip_verify.artifact.name import Artifact, normalise, parse_filename, same_version
from pip_verify.artifact.sdist import read_sdist
from pip_verify.artifact.wheel import WheelFacts, read_wheel
from pip_verify.errors import EvidenceError
from pip_verify.sources.address import redact
from pip_verify.sources.firstuse import Carried
from pip_verify.verdict import Decision, Reason, Verdict, reject

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Link:
    """Where pip gets an artifact, and what is stated about it.

    sha256: by the index or the URL, or None. metadata_sha256: of the PEP 658 metadata pip was shown, or None.
    project: normalised, None when the requirement has no name. comes_from: what asked for it, in pip's words.
    """

    url: str
    filename: str
    sha256: str | None = None
    metadata_sha256: str | None = None
    project: str | None = None
    user_sha256: frozenset[str] = frozenset()
    comes_from: str | None = None

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Link:
        """Read what the child says of a link; raises EvidenceError for a project name that is none."""
        about = message["requirement"]
        stated = message["sha256"]
        return cls(
            url=message["url"],
            filename=message["filename"],
            sha256=stated.lower() if stated else None,
            metadata_sha256=message["metadata_sha256"],
            project=normalise(about["project"]) if about.get("project") else None,
            user_sha256=frozenset(digest.lower() for digest in about.get("user_sha256", ())),
            comes_from=about.get("comes_from"),
        )

    @property
    def is_file(self) -> bool:
        """Whether it lies on this machine."""
        return self.url.startswith("file:")


@dataclass(frozen=True)
class Inspected:
    """A file that was read. artifact: with the digest of its bytes. wheel: what the strict reader found in a wheel.
    fault: why it is refused, whoever signed it."""

    path: Path
    artifact: Artifact
    wheel: WheelFacts | None
    fault: Reason | None

    def carried(self) -> Carried:
        """What it says of its own signer; raises as ``carried_by``."""
        return carried_by(self.path, self.artifact, self.wheel)


def inspect(
    path: Path, named: Artifact, *, user_sha256: frozenset[str] = frozenset(), metadata_sha256: str | None = None
) -> Inspected:
    """Read the file at ``path`` and hold it against what is stated of it.

    named: what its name states, with the digest that its link or lock states. user_sha256: the hashes the user gave.
    metadata_sha256: of the PEP 658 metadata that the index served beside it.
    """
    digest, wheel, broken = read_bytes(path, named)
    artifact = replace(named, sha256=digest)
    fault = (
        other_bytes(named.sha256, user_sha256, artifact) or broken or lying_metadata(metadata_sha256, artifact, wheel)
    )
    return Inspected(path, artifact, wheel, fault)


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file."""
    with path.open("rb") as file:
        return _sha256(file)


def digests_of(path: Path, algorithms: Sequence[str]) -> dict[str, str]:
    """Hex digests of a file, by algorithm; it is read once."""
    digests = {name: hashlib.new(name) for name in algorithms}
    with path.open("rb") as file:
        while block := file.read(_CHUNK):
            for digest in digests.values():
                digest.update(block)
    return {name: digest.hexdigest() for name, digest in digests.items()}


def read_bytes(path: Path, named: Artifact) -> tuple[str, WheelFacts | None, Reason | None]:
    """The digest of the file, what the strict reader found in a wheel, and the rule the file breaks, if any."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            if named.kind == "sdist":
                return read_sdist(file, size, named).sha256, None, None
            wheel = read_wheel(file, size, named)
        except EvidenceError as error:
            file.seek(0)
            return _sha256(file), None, Reason.of("PV305" if named.kind == "wheel" else "PV306", error)
    return wheel.sha256, wheel, None


def carried_by(path: Path, artifact: Artifact, wheel: WheelFacts | None) -> Carried:
    """What the file at ``path`` says of its own signer. wheel: what the strict reader found, if it is a wheel.

    Raises EvidenceError when an sdist is not what it was when its digest was taken.
    """
    if wheel is not None:
        return Carried(wheel.metadata, wheel.record_jws)
    with path.open("rb") as file:
        facts = read_sdist(file, os.fstat(file.fileno()).st_size, artifact)
    if facts.sha256 != artifact.sha256:
        raise EvidenceError(artifact.filename, expected=f"sha256:{artifact.sha256}", got="bytes that change")
    return Carried(facts.metadata)


def name_artifact(link: Link) -> Artifact | Verdict:
    """What the file name states, or a refusal."""
    if link.project is None and not link.is_file and not link.filename.endswith(".whl"):
        url = redact(link.url)
        wanted = "a requirement that states its name"
        return reject(
            Artifact("", "", link.filename, "sdist", link.sha256),
            Reason("PV106", url, expected=wanted, got="a URL alone", hint=f"name @ {url}"),
        )
    try:
        artifact = parse_filename(link.filename, sha256=link.sha256)
    except EvidenceError as error:
        return reject(Artifact(link.project or "", "", link.filename, "sdist", link.sha256), Reason.of("PV103", error))
    if link.project is not None and artifact.project != link.project:
        expected, got = f"a file of {link.project}", f"a file of {artifact.project}"
        hint = "make the requirement's name and its URL agree"
        return reject(artifact, Reason("PV303", link.filename, expected, got, hint))
    return artifact


def other_bytes(stated: str | None, user_sha256: frozenset[str], artifact: Artifact) -> Reason | None:
    """The bytes against the digest that the index, the URL or the user states."""
    actual = f"sha256:{artifact.sha256}"
    if stated is not None and stated != artifact.sha256:
        hint = "try again without pip's cache (--no-cache-dir); if it stays so, tell whoever runs the index"
        return Reason("PV302", artifact.filename, f"sha256:{stated}, as its link states", actual, hint)
    if user_sha256 and artifact.sha256 not in user_sha256:
        expected = " or ".join(f"sha256:{digest}" for digest in sorted(user_sha256))
        hint = "do not replace the --hash unseen: ask whoever gave it to you which bytes are right"
        return Reason("PV309", artifact.filename, f"{expected}, the --hash given", actual, hint)
    return None


def lying_metadata(stated: str | None, artifact: Artifact, wheel: WheelFacts | None) -> Reason | None:
    """The metadata the index served beside a wheel (PEP 658) against the wheel's own."""
    if stated is None or wheel is None or wheel.metadata_sha256 == stated:
        return None
    return Reason(
        "PV307",
        artifact.filename,
        expected=f"METADATA with sha256:{stated}, as the index served it (PEP 658)",
        got=f"sha256:{wheel.metadata_sha256}",
        hint="tell whoever runs the index; its metadata misled the choice of versions",
    )


def judge_built(built: Artifact, source: Verdict | None) -> Verdict:
    """A wheel that was built in this run is as good as its source, if it is that source's."""
    if source is None:
        hint = "this is not to happen; report it with pip's -vv output"
        expected, got = "a wheel built from an accepted source", "an unknown source"
        return reject(built, Reason("PV308", built.filename, expected, got, hint))
    fault = _not_of_this_source(built, source.artifact)
    if fault is not None:
        return reject(built, fault)
    if source.accepted:
        accepted = Reason("PV004", built.filename, got=source.artifact.filename)
        return Verdict(built, Decision.ACCEPT, (accepted,), by="built")
    first = source.reasons[0]
    expected, got = "a wheel built from an accepted source", f"built from {source.artifact.filename}, which was not"
    return replace(
        source, artifact=built, reasons=(replace(first, subject=built.filename, expected=expected, got=got),)
    )


def _not_of_this_source(built: Artifact, source: Artifact) -> Reason | None:
    if source.project and source.project != built.project:
        expected, got = f"a wheel of {source.project}", f"a wheel of {built.project}"
    elif source.version and not same_version(source.version, built.version):
        expected, got = f"version {source.version}", f"version {built.version}"
    else:
        return None
    hint = f"tell the publisher of {source.filename} what its build backend made"
    return Reason("PV303", built.filename, expected, got, hint)


def covers(artifact: Artifact, use: str, project: str | None) -> bool:
    """Whether a receipt for ``artifact`` is one for this use: only a wheel was read as strictly as installing needs."""
    if use == "install" and artifact.kind != "wheel":
        return False
    return project is None or normalise(project) == artifact.project


def project_of(project: str | None, filename: str | None) -> str | None:
    """What a requirement is called: by its name, else by its file's; a directory has neither."""
    if project is not None:
        return normalise(project)
    try:
        return None if filename is None else parse_filename(filename).project
    except EvidenceError:
        return None


def bytes_needed(artifact: Artifact) -> Verdict:
    """Undecided: there are pins, and no digest to hold a signature against."""
    hint = "give its --hash, or let it be downloaded"
    reason = Reason("PV503", artifact.filename, "a sha256 digest", "none stated by the index", hint)
    return Verdict(artifact, Decision.UNDECIDED, (reason,))


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
