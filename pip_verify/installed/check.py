"""What is in an environment, against its receipts and the RECORD of what was installed (docs/receipts.md).

In: the directories that Python imports from. Out: a finding for each distribution, and one for each directory in
which files lie that no RECORD lists. Nothing of the environment is imported or executed. Who signed what is not asked
here; ``again`` does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from pip_verify.artifact.fault import Spot, shown
from pip_verify.artifact.limits import DEFAULT
from pip_verify.artifact.metadata import check_identity, is_stem, parse_fields, single
from pip_verify.artifact.name import Artifact, canonical_version, normalise
from pip_verify.encoding import json_object
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.installed.files import fault_of, foreign_files, read_small
from pip_verify.installed.receipt import MAX_BYTES, NAME, Receipt, parse_receipt
from pip_verify.installed.record import InstalledRow, digest_without, parse_installed_record
from pip_verify.policy.model import Exemption
from pip_verify.sources.address import redact
from pip_verify.verdict import Decision, Reason, Verdict

MOST_NAMED = 20  # files named in one verdict; the rest is counted
_CHANGED, _NO_RECEIPT = "PV311", "PV111"
_FOLDER_RE = re.compile(r"[A-Za-z0-9][^-~/]*-[^/]+\.dist-info\Z")
_EDITABLE = "an editable install: the code it runs lies outside the environment"


@dataclass(frozen=True)
class Finding:
    """What was found of one distribution, or of one directory's foreign files.

    receipt: of a distribution whose files are as its receipt says, else None. folder: its ``.dist-info``.
    """

    verdict: Verdict
    receipt: Receipt | None = None
    folder: Path | None = None


@dataclass(frozen=True)
class Installed:
    """An environment. findings: distributions by name, then directories with foreign files."""

    findings: tuple[Finding, ...]

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """A verdict for each finding, by the receipts alone."""
        return tuple(finding.verdict for finding in self.findings)


@dataclass(frozen=True)
class _Distribution:
    """One ``.dist-info`` directory as read. faults: of its RECORD and receipt. without: why there is no receipt that
    says accepted, in words, or None when there is. rows: what RECORD lists, as far as it could be read."""

    artifact: Artifact
    folder: Path
    rows: dict[str, InstalledRow]
    faults: tuple[Reason, ...]
    receipt: Receipt | None
    without: str | None


def check_installed(
    directories: Iterable[Path], *, exemption_for: Callable[[str], Exemption | None], now: float
) -> Installed:
    """Check every distribution and every file in ``directories`` (those Python imports packages from).

    exemption_for: the trust file's, by normalised project. now: seconds since the epoch. Raises UsageError when none
    of the directories is there: of nothing, nothing can be said.
    """
    libraries = list(dict.fromkeys(Path(os.path.realpath(path)) for path in directories if path.is_dir()))
    if not libraries:
        raise UsageError("environment", expected="a directory with packages", got="none", hint="name it: --python ENV")
    found = [_read(library, name) for library in libraries for name in _folders(library)]
    listed = {path for distribution in found for path in distribution.rows}
    twice = _twice(found)
    checks = _Checks(exemption_for, now)
    findings = [checks.judge(distribution, twice.get(distribution.artifact.project, [])) for distribution in found]
    findings.sort(key=lambda finding: (finding.verdict.artifact.project, str(finding.folder)))
    foreign = [(library, foreign_files(str(library), listed)) for library in libraries]
    return Installed((*findings, *(_foreign(library, paths) for library, paths in foreign if paths)))


def _folders(library: Path) -> list[str]:
    """Names of the ``.dist-info`` directories; what is none of a distribution's is left to be foreign."""
    entries = os.scandir(library)
    return sorted(
        entry.name for entry in entries if _FOLDER_RE.match(entry.name) and entry.is_dir(follow_symlinks=False)
    )


def _twice(found: Sequence[_Distribution]) -> dict[str, list[str]]:
    """Projects that are there more than once: which one Python's metadata speaks of is chance."""
    folders: dict[str, list[str]] = {}
    for distribution in found:
        folders.setdefault(distribution.artifact.project, []).append(distribution.folder.name)
    return {project: names for project, names in folders.items() if len(names) > 1}


# Reading one distribution.


def _read(library: Path, name: str) -> _Distribution:
    folder = library / name
    faults: list[Reason] = []
    record = read_small(str(folder / "RECORD"), DEFAULT.record)
    rows: dict[str, InstalledRow] = {}
    if record is not None:
        try:
            rows = parse_installed_record(record, str(library), name)
        except EvidenceError as error:
            faults.append(_changed(error.subject, error.expected, error.got))
    elif os.path.lexists(folder / "RECORD"):
        faults.append(_changed(str(folder / "RECORD"), "a list of the installed files", "something else"))
    own = {path: row for path, row in rows.items() if row.algorithm is not None}
    faults += [_changed(path, "the file that was installed", fault) for path, fault in _file_faults(own.values())]
    receipt, without, more = _receipt(folder, record, rows)
    artifact = _described(folder) if receipt is None else receipt.artifact
    return _Distribution(artifact, folder, rows, (*faults, *more), receipt, without)


def _file_faults(rows: Iterable[InstalledRow]) -> Iterable[tuple[str, str]]:
    return ((row.path, fault) for row, fault in ((row, fault_of(row)) for row in rows) if fault is not None)


def _receipt(
    folder: Path, record: bytes | None, rows: dict[str, InstalledRow]
) -> tuple[Receipt | None, str | None, list[Reason]]:
    """The receipt, why there is none that counts, and what is wrong with the one that lies there."""
    path = folder / NAME
    if not os.path.lexists(path):
        return None, _why_none(folder, listed=str(path) in rows), []
    try:
        receipt = parse_receipt(_read_or_refuse(path, MAX_BYTES), str(path))
        _check_bindings(receipt, folder, record, listed=str(path) in rows)
    except EvidenceError as error:
        return None, None, [_changed(error.subject, error.expected, error.got)]
    return receipt, _why_not(receipt, folder), []


def _check_bindings(receipt: Receipt, folder: Path, record: bytes | None, *, listed: bool) -> None:
    """Raises EvidenceError unless the receipt is of this distribution as it was installed."""
    what = str(folder / NAME)
    if not is_stem(folder.name.removesuffix(".dist-info"), receipt.artifact):
        got = f"a receipt for {receipt.project} {receipt.version}"
        raise EvidenceError(what, expected=f"one for {shown(folder.name)}", got=got)
    metadata = _read_or_refuse(folder / "METADATA", DEFAULT.text)
    check_identity(metadata, receipt.artifact, Spot(str(folder), "METADATA"))
    if not listed or record is None:
        raise EvidenceError(what, expected="a receipt that RECORD lists", got="one that it does not")
    lines = (f"{folder.name}/{NAME}", f"{folder.name}/RECORD")
    found = digest_without(record, lines, str(folder / "RECORD"))
    if found != receipt.record_sha256:
        expected = f"the RECORD of the installation, sha256:{receipt.record_sha256} without two lines"
        raise EvidenceError(str(folder / "RECORD"), expected=expected, got=f"sha256:{found}")


def _read_or_refuse(path: Path, max_bytes: int) -> bytes:
    data = read_small(str(path), max_bytes)
    if data is None:
        raise EvidenceError(str(path), expected=f"a regular file of at most {max_bytes} bytes", got="another, or none")
    return data


def _why_not(receipt: Receipt, folder: Path) -> str | None:
    """Why a receipt that is in order does not speak for what is installed."""
    if receipt.decision is not Decision.ACCEPT:
        return f"one that says it was refused ({receipt.reasons[0]}) and installed in report mode"
    if receipt.source is not None and not receipt.source.by:
        return f"one that says it was built from {shown(receipt.source.filename)}, which was refused (report mode)"
    return _EDITABLE if _direct_url(folder)[1] else None


def _why_none(folder: Path, *, listed: bool) -> str:
    """Who installed it, as far as it says so itself."""
    url, editable = _direct_url(folder)
    if editable:
        return _EDITABLE
    if listed:
        return "none, though RECORD lists one"
    installer = (read_small(str(folder / "INSTALLER"), 200) or b"").decode("ascii", "replace").strip()
    by = f"; it was installed by {shown(installer)}" if installer else ""
    return "none" + by + (f" from {shown(redact(url))}" if url else "")


def _direct_url(folder: Path) -> tuple[str, bool]:
    """The URL that direct_url.json (PEP 610) names, and whether it says editable."""
    data = read_small(str(folder / "direct_url.json"), MAX_BYTES)
    try:
        stated = json_object(data or b"{}", "direct_url.json", max_bytes=MAX_BYTES)
    except EvidenceError:
        return "", False
    url, about = stated.get("url"), stated.get("dir_info")
    return (url if isinstance(url, str) else ""), isinstance(about, dict) and about.get("editable") is True


def _described(folder: Path) -> Artifact:
    """What a distribution without a receipt says of itself; its directory's name where that cannot be read."""
    stem = folder.name.removesuffix(".dist-info")
    project, _, version = stem.partition("-")
    spot = Spot(str(folder), "METADATA")
    try:
        fields = parse_fields(read_small(str(folder / "METADATA"), DEFAULT.text) or b"", spot)
        project, version = normalise(single(fields, "Name", spot)), canonical_version(single(fields, "Version", spot))
    except EvidenceError:
        project = re.sub(r"[-_.]+", "-", project).lower()
    return Artifact(project, version, folder.name, "file")


# Judging it.


@dataclass(frozen=True)
class _Checks:
    """What the trust file says of distributions without a receipt."""

    exemption_for: Callable[[str], Exemption | None]
    now: float

    def judge(self, found: _Distribution, twice: Sequence[str]) -> Finding:
        faults = list(found.faults)
        if twice:
            faults.append(_changed(str(found.folder), f"{found.artifact.project} once", ", ".join(map(shown, twice))))
        exemption = self.exemption_for(found.artifact.project)
        accepted, rest = self._accepted(found, exemption)
        if faults or not accepted:
            reasons = (*_named(faults, found.artifact), *(() if accepted else rest))
            return Finding(Verdict(found.artifact, Decision.REJECT, reasons), folder=found.folder)
        if found.without is not None or found.receipt is None:
            return Finding(Verdict(found.artifact, Decision.ACCEPT, tuple(rest), by="exemption"), folder=found.folder)
        return Finding(_by_receipt(found.receipt), found.receipt, found.folder)

    def _accepted(self, found: _Distribution, exemption: Exemption | None) -> tuple[bool, Sequence[Reason]]:
        """Whether something speaks for it beside its files, and the reason."""
        name = f"{found.artifact.project} {found.artifact.version}"
        if found.without is None:
            return True, ()  # or its receipt is bad, which the faults say
        if exemption is None or exemption.hashes:
            got = found.without + (
                "; its exemption names hashes, and of what bytes this came is not known" * (exemption is not None)
            )
            hint = f"pip-verify install --force-reinstall --no-deps {found.artifact.project}=={found.artifact.version}"
            return False, [Reason(_NO_RECEIPT, name, "a receipt that says accepted", got, hint)]
        if not exemption.active(self.now):
            ended = datetime.fromtimestamp(exemption.ends or 0, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
            hint = f"look at {found.artifact.project} again, and install it with pip-verify or give a later date"
            return False, [Reason("PV107", name, "an exemption that holds", f"ended {ended}", hint)]
        return True, [Reason("PV002", name, got=f"{exemption.reason}; receipt: {found.without}")]


def _by_receipt(receipt: Receipt) -> Verdict:
    got = f"by its receipt of {receipt.time}"
    return Verdict(
        receipt.artifact,
        Decision.ACCEPT,
        tuple(Reason(code, receipt.filename, got=got) for code in receipt.reasons[:1]),
        keys=receipt.keys,
        publishers=receipt.publishers,
        place=receipt.place,
        by=receipt.by,
        evidence=receipt.evidence,
    )


def _foreign(library: Path, paths: Sequence[str]) -> Finding:
    faults = [_changed(path, "a file that some RECORD lists", "a foreign file") for path in paths]
    artifact = Artifact("", "", str(library), "directory")
    return Finding(Verdict(artifact, Decision.REJECT, _named(faults, artifact)))


def _changed(subject: str, expected: str, got: str) -> Reason:
    return Reason(_CHANGED, subject, expected, got)


def _named(faults: Sequence[Reason], artifact: Artifact) -> tuple[Reason, ...]:
    """The first faults by name, the rest counted; the first one says what to do."""
    if not faults:
        return ()
    if artifact.kind == "directory":
        hint = "find out what put it there, then remove it"
    else:
        hint = (
            f"find out what changed it; then pip-verify install --force-reinstall --no-deps "
            f"{artifact.project}=={artifact.version}"
        )
    first = [Reason(fault.id, fault.subject, fault.expected, fault.got, hint) for fault in faults[:MOST_NAMED]]
    rest = len(faults) - len(first)
    if rest:
        first.append(Reason(_CHANGED, artifact.filename, "no more files like these", f"{rest} more"))
    return tuple(first)
