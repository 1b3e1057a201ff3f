"""Findings go into a trust file: publishers, not versions, are pinned; what nobody signs is exempt, by its hashes.

Only what must change is changed. What a person wrote stays: their exemptions (all whose ``origin`` does not begin with
``init``), reasons, dates, comments, order. A file that appeared in a release that is exempt already is not added, for
that is what an attack on an old release looks like; a release that was not locked before is.

Pure: findings, dates and a ``TrustFile`` come in, that ``TrustFile`` is changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from packaging.version import Version

from pip_verify.discovery.proof import Finding
from pip_verify.evidence.formats import FORMATS
from pip_verify.policy import Exemption, Publisher
from pip_verify.trustfile import TrustFile

ORIGIN = "init"  # what the origin of an exemption begins with, if it may be changed here


@dataclass
class Merged:
    """What became of the findings. signed, exempt: projects; publishers: by name. partly: those of signed of which some
    files are exempt. inside: whether something is signed inside wheels alone. problems: what was not written."""

    signed: list[str] = field(default_factory=list)
    exempt: list[str] = field(default_factory=list)
    publishers: set[str] = field(default_factory=set)
    partly: list[str] = field(default_factory=list)
    inside: bool = False
    problems: list[str] = field(default_factory=list)


def is_ours(exemption: Exemption | None) -> bool:
    """Whether an exemption was written by ``init``, and may be changed by it."""
    return exemption is not None and (exemption.origin_note or "").split(" ")[0] == ORIGIN


def merge(trust: TrustFile, findings: Iterable[Finding], *, today: date, until: date) -> Merged:
    """Write what was found into ``trust``. Projects that a person exempted must not be among the findings.

    today: goes into the origin of new exemptions; until: their last day. Raises UsageError where the file's layout does
    not allow a change.
    """
    by_project: dict[str, list[Finding]] = {}
    for finding in findings:
        by_project.setdefault(finding.project, []).append(finding)
    writer = _Writer(trust, f"{ORIGIN} {today.isoformat()}", until, Merged())
    for project in sorted(by_project):
        writer.write(
            project, sorted(by_project[project], key=lambda found: Version(found.version or "0"), reverse=True)
        )
    return writer.merged


@dataclass(frozen=True)
class _Writer:
    trust: TrustFile
    origin: str
    until: date
    merged: Merged

    def write(self, project: str, findings: Sequence[Finding]) -> None:
        """All releases of one project that are locked, the newest first."""
        self.merged.problems += [problem for finding in findings for problem in finding.problems]
        leading = next((finding for finding in findings if finding.signed), None)
        stated = self.trust.policy.publisher_for(project)
        if leading is None:
            self._write_unsigned(project, findings, stated)
        else:
            self._write_signed(project, _under_one(leading, findings), leading, stated)

    def _write_unsigned(self, project: str, findings: Sequence[Finding], stated: Publisher | None) -> None:
        if stated is not None:
            words = f"{project}: nothing of it is signed by {stated.name}, who is to sign it; that is not exempted"
            self.merged.problems.append(words)
            return
        old = self.trust.policy.exemption_for(project)
        if old is None:
            hashes = {digest for finding in findings for digest in finding.unsigned}
            self._set(project, findings[0].reason, hashes)
        else:
            self._add(old, findings)
        self.merged.exempt.append(project)

    def _write_signed(
        self, project: str, findings: Sequence[Finding], leading: Finding, stated: Publisher | None
    ) -> None:
        old = self.trust.policy.exemption_for(project)
        left = {digest for finding in findings for digest in finding.unsigned}
        if stated is not None and old is not None and left:
            self._add(old, findings)
        elif old is not None:
            self.trust.remove_exemption(project)
        name = self._publisher(leading) if stated is None else stated.name
        if stated is None:
            self.trust.add_projects(name, [project])
            if left:
                reason = next(finding.reason for finding in findings if finding.unsigned)
                self._set(project, reason, left, old)
        self.merged.signed.append(project)
        if left:
            self.merged.partly.append(project)
        self.merged.publishers.add(name)
        self.merged.inside |= FORMATS[leading.evidence].in_wheel

    def _publisher(self, finding: Finding) -> str:
        """The table for this pin: the one that is there, else a new one."""
        formats = (finding.evidence,) if finding.key_list is None else ()
        for publisher in self.trust.policy.publishers:
            same_list = finding.key_list is not None and publisher.key_list == finding.key_list
            if same_list or (finding.key_list is None and _same_keys(publisher, finding, formats)):
                return publisher.name
        name = self.trust.publisher_name_for(finding.key_list or finding.project)
        keys = () if finding.key_list is not None else finding.keys
        self.trust.add_publisher(name, key_list=finding.key_list, keys=keys, formats=formats)
        return name

    def _add(self, old: Exemption, findings: Sequence[Finding]) -> None:
        """New releases join an exemption; new files of a release that it knows do not. What is signed by now leaves."""
        hashes = set(old.hashes) - {digest for finding in findings for digest in finding.signed}
        for finding in findings:
            new = sorted(set(finding.unsigned) - hashes)
            if not new or not hashes:
                continue
            if hashes & {*finding.unsigned, *finding.listed}:
                listed = ", ".join(f"sha256:{digest}" for digest in new)
                words = f"{old.project} {finding.version or ''}".rstrip()
                problem = f"{words}: files came to a release that is exempt already; look at them: {listed}"
                self.merged.problems.append(problem)
            else:
                hashes.update(new)
        if hashes != set(old.hashes):
            self.trust.set_exemption(
                old.project, reason=old.reason, hashes=hashes, until=old.until, origin=old.origin_note
            )

    def _set(self, project: str, reason: str, hashes: Iterable[str], old: Exemption | None = None) -> None:
        """Write an exemption; in the place of an older one, with its date and origin."""
        until, origin = (self.until, self.origin) if old is None else (old.until, old.origin_note)
        self.trust.set_exemption(project, reason=reason, hashes=hashes, until=until, origin=origin)


def _under_one(leading: Finding, findings: Sequence[Finding]) -> list[Finding]:
    """All releases under the newest one's publisher: what another signed is not signed by this one."""
    return [
        finding
        if not finding.signed or (finding.key_list, finding.keys) == (leading.key_list, leading.keys)
        else _unsigned(finding)
        for finding in findings
    ]


def _unsigned(finding: Finding) -> Finding:
    everything = tuple(sorted({*finding.signed, *finding.unsigned}))
    reason = f"version {finding.version} is signed by another publisher than newer ones"
    return Finding(finding.project, unsigned=everything, reason=reason, version=finding.version, listed=finding.listed)


def _same_keys(publisher: Publisher, finding: Finding, formats: Sequence[str]) -> bool:
    return (publisher.key_list, publisher.keys, publisher.formats) == (None, finding.keys, tuple(formats))
