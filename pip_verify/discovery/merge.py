"""Findings go into a trust file: publishers, not versions, are pinned; what nobody signs is exempt, by its hashes.

Only what must change is changed. What a person wrote stays: their exemptions (all whose ``origin`` does not begin with
``init``), reasons, dates, comments, order. A file that appeared in a release that is exempt already is not added, for
that is what an attack on an old release looks like; a release that was not locked before is.

Pure: findings, dates and a ``TrustFile`` come in, that ``TrustFile`` is changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from packaging.version import Version

from pip_verify.discovery.proof import Finding
from pip_verify.evidence.formats import FORMATS
from pip_verify.pins import Origin, Pin
from pip_verify.policy import Exemption, Policy, Publisher
from pip_verify.trustfile import TrustFile

ORIGIN = "init"  # what the origin of an exemption begins with, if it may be changed here

_NOWHERE = Origin("")


@dataclass
class Merged:
    """What became of the findings. signed, exempt, recorded, decided: projects. recorded: ``pip-verify.lock`` holds for
    them, and all of their files are as it says. decided: a person did, while they were looked at. publishers: by name.
    partly: those of signed of which some files are exempt. inside: whether something is signed inside wheels alone.
    problems: what was not written. refused: the releases that any run will refuse for that, in words."""

    signed: list[str] = field(default_factory=list)
    exempt: list[str] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    decided: list[str] = field(default_factory=list)
    publishers: set[str] = field(default_factory=set)
    partly: list[str] = field(default_factory=list)
    inside: bool = False
    problems: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def is_ours(exemption: Exemption | None) -> bool:
    """Whether an exemption was written by ``init``, and may be changed by it."""
    return exemption is not None and (exemption.origin_note or "").split(" ")[0] == ORIGIN


def is_undecided(policy: Policy, project: str) -> bool:
    """Whether no person has decided about a project: nobody is to sign it, nor is it exempt by hand. A publisher beside
    an exemption of ``init``'s has signed a part of it; what is exempt may be signed by now."""
    exemption = policy.exemption_for(project)
    return is_ours(exemption) or (exemption is None and policy.publisher_for(project) is None)


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
        stated = self.trust.policy.publisher_for(project)
        # asked again, of the file as it is now: whoever decided while this was looked at has the last word
        if not is_undecided(self.trust.policy, project) or _other_pin(stated, findings[0].stated):
            self.merged.decided.append(project)
            self.merged.problems.append(f"{project}: somebody decided about it in the meantime: it is left alone")
        elif self._is_recorded(project, findings):
            self.merged.recorded.append(project)
        elif any(finding.signed for finding in findings):
            self._write_signed(project, findings, stated)
        else:
            self._write_unsigned(project, findings, stated)

    def _is_recorded(self, project: str, findings: Sequence[Finding]) -> bool:
        """Whether the lock of first uses is in force and says all there is to say."""
        policy = self.trust.policy
        in_force = policy.first_use == "record" and policy.exemption_for(project) is None
        return in_force and all(finding.seen is not None and not finding.unsigned for finding in findings)

    def _write_unsigned(self, project: str, findings: Sequence[Finding], stated: Publisher | None) -> None:
        old = self.trust.policy.exemption_for(project)
        if stated is not None:
            self._not_exempted(findings, stated, old)
            return
        if old is None:
            hashes = {digest for finding in findings for digest in finding.unsigned}
            self._set(project, findings[0].reason, hashes)
        else:
            self._keep(old, self._joined(old, findings))
        self.merged.exempt.append(project)

    def _write_signed(self, project: str, findings: Sequence[Finding], stated: Publisher | None) -> None:
        leading = next(finding for finding in findings if finding.signed)
        findings = _under_one(leading, findings)
        old = self.trust.policy.exemption_for(project)
        if stated is None or old is None:
            name, left = self._write_publisher(project, findings, leading, old)
        else:
            name, left = stated.name, self._write_rest(findings, stated, old)
        self.merged.signed.append(project)
        if left:
            self.merged.partly.append(project)
        self.merged.publishers.add(name)
        self.merged.inside |= FORMATS[leading.evidence].in_wheel

    def _write_publisher(
        self, project: str, findings: Sequence[Finding], leading: Finding, old: Exemption | None
    ) -> tuple[str, set[str]]:
        """A project gets its publisher; returns whose table it is, and what of it stays exempt."""
        left = {digest for finding in findings for digest in finding.unsigned}
        if old is not None:
            left &= self._joined(old, findings) if old.hashes else left
            self.trust.remove_exemption(project)
        name = self._publisher(leading)
        self.trust.add_projects(name, [project])
        if left:
            reason = next(finding.reason for finding in findings if finding.unsigned)
            self._set(project, reason, left, old)
        if leading.seen is not None:
            words = f"{project}: from now on {name} of the trust file signs it, and no longer who is recorded in"
            self.merged.problems.append(f"{words} {leading.seen.origin}")
        return name, left

    def _write_rest(self, findings: Sequence[Finding], stated: Publisher, old: Exemption) -> set[str]:
        """What stays exempt of a project whose publisher is known. A release of which they signed nothing is not their
        release, as far as anybody can tell."""
        self._not_exempted([finding for finding in findings if not finding.signed], stated, old)
        hashes = self._joined(old, [finding for finding in findings if finding.signed])
        self._keep(old, hashes)
        return hashes

    def _not_exempted(self, findings: Sequence[Finding], stated: Publisher, old: Exemption | None) -> None:
        known = set() if old is None else set(old.hashes)
        for finding in findings:
            if not known.issuperset(finding.unsigned):
                problem = f"nothing of it is signed by {stated.name}, who is to sign it, and that is not exempted"
                do = "ask them to sign it, or lock another release; if they sign it no more: pip-verify unpin"
                self._refused(finding, f"{problem}: {do} {finding.project}")

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

    def _joined(self, old: Exemption, findings: Sequence[Finding]) -> set[str]:
        """The hashes of an exemption by hash, after these findings: new releases join it; new files of a release that
        it knows do not, and are named. What is signed by now leaves."""
        hashes = set(old.hashes) - {digest for finding in findings for digest in finding.signed}
        for finding in findings:
            new = sorted(set(finding.unsigned) - set(old.hashes))
            if new and {*finding.unsigned, *finding.signed, *finding.listed}.isdisjoint(old.hashes):
                hashes.update(new)
            elif new:
                listed = ", ".join(f"sha256:{digest}" for digest in new)
                self._refused(
                    finding, f"files came to a release that is exempt already; look at them, then add them: {listed}"
                )
        return hashes

    def _refused(self, finding: Finding, problem: str) -> None:
        words = f"{finding.project} {finding.version or ''}".rstrip()
        self.merged.problems.append(f"{words}: {problem}")
        self.merged.refused.append(words)

    def _keep(self, old: Exemption, hashes: set[str]) -> None:
        """Change which bytes an exemption holds for; one of all bytes stays as it is."""
        if old.hashes and not hashes:
            self.trust.remove_exemption(old.project)
        elif old.hashes and hashes != set(old.hashes):
            self._set(old.project, old.reason, hashes, old)

    def _set(self, project: str, reason: str, hashes: Iterable[str], old: Exemption | None = None) -> None:
        """Write an exemption; in the place of an older one, with its date and origin."""
        until, origin = (self.until, self.origin) if old is None else (old.until, old.origin_note)
        self.trust.set_exemption(project, reason=reason, hashes=hashes, until=until, origin=origin)


def _other_pin(stated: Publisher | None, looked_under: Pin | None) -> bool:
    """Whether the trust file's pin is not the one under which the project was looked at."""
    now = None if stated is None else replace(stated.pin(), origin=_NOWHERE)
    return now != (None if looked_under is None else replace(looked_under, origin=_NOWHERE))


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
