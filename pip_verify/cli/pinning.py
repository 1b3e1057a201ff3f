"""``pip-verify pin``: who signs a project, as stated or as found out, tried once, then written into the trust file.

A key list is fetched before it is pinned: a pin that nothing can satisfy, for a typing error or a list that is gone,
would only show when somebody installs. What nobody stated is found by looking at the newest release; the list found is
shown with its keys, for whoever could replace that release could name a list of their own.
"""

from __future__ import annotations

import argparse
import os
import shlex
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pip_verify.cli.terminal import project_names, say, shown
from pip_verify.cli.trust_file import change, locate, make_parser, recorded
from pip_verify.config import Settings
from pip_verify.errors import UsageError
from pip_verify.keys import PublicKey
from pip_verify.pins import InlinePin
from pip_verify.policy import Policy, Publisher
from pip_verify.requirements.pins import parse_inline_options
from pip_verify.trustfile import TrustFile

if TYPE_CHECKING:
    from pip_verify.discovery import Finding
    from pip_verify.firstuse import Seen
    from pip_verify.judge import Judge
    from pip_verify.sources.index import Index
    from pip_verify.sources.keylists import KeyListStore


@dataclass(frozen=True)
class Wanted:
    """One pin to write. name: of the publisher, None to take one that is there already or to choose. found: it was
    found out, not stated; then a publisher with the same key list will do, whatever else its table demands."""

    projects: tuple[str, ...]
    key_list: str | None = None
    keys: tuple[PublicKey, ...] = ()
    threshold: int = 1
    releases: str | None = None
    formats: tuple[str, ...] = ()
    name: str | None = None
    found: bool = False

    def is_like(self, publisher: Publisher) -> bool:
        """Whether the publisher's table demands just this."""
        theirs = (publisher.key_list, set(publisher.keys), publisher.threshold, publisher.releases, publisher.formats)
        return theirs == (self.key_list, set(self.keys), self.threshold, self.releases, self.formats)

    def publisher_in(self, policy: Policy) -> Publisher | None:
        """The publisher to whom the projects go; None for a new one. Raises UsageError if the name means another."""
        named = next((publisher for publisher in policy.publishers if publisher.name == self.name), None)
        if named is not None and not (self.is_like(named) or (self.found and named.key_list == self.key_list)):
            expected = f"the pin that publisher {named.name} has ({named.origin})"
            raise UsageError("pin", expected=expected, got="another", hint="choose another --publisher, or none")
        if self.name is not None:
            return named
        same_list = [one for one in policy.publishers if self.found and self.key_list and one.key_list == self.key_list]
        return next((one for one in policy.publishers if self.is_like(one)), same_list[0] if same_list else None)


def run(arguments: Sequence[str]) -> int:
    """Pin the projects named; returns the exit code."""
    stated, rest = parse_inline_options(list(arguments))
    options = _parser().parse_args(rest)
    names = tuple(project_names(options.projects))
    settings = Settings.resolve(vars(options), os.environ)
    place = locate(settings.trust_file, os.environ, may_be_new=True)
    seen = recorded(place, named=settings.trust_file is not None)
    wanted = _stated(names, stated, options, place.policy)
    overridden = [seen[name] for name in names if name in seen and place.policy.publisher_for(name) is None]
    if not options.offline:
        from pip_verify.cli.fresh import fresh_judge

        with tempfile.TemporaryDirectory(prefix="pip-verify-") as cache:
            judge, key_lists = fresh_judge(settings, Path(cache))
            wanted = wanted or _found(names, options.publisher, _look(names, judge, place.policy, settings, seen))
            for one in wanted:
                _try(one, key_lists)

    for entry in overridden:
        _tell_recorded(entry)

    def edit(trust_file: TrustFile) -> None:
        for one in wanted:
            _write(trust_file, one)

    if not change(place, edit, dry_run=options.dry_run):
        say(f"nothing to change: {shown(place.path)} has just this pin")
    return 0


# -- what is wanted --------------------------------------------------------------------------------------


def _stated(
    names: tuple[str, ...], stated: InlinePin | None, options: argparse.Namespace, policy: Policy
) -> list[Wanted]:
    """The pin that the command line states; none when it is to be found out."""
    name = options.publisher
    if stated is not None and stated.signed_by is not None:
        hint = f"pip-verify pin {shlex.join(names)} --publisher={shlex.quote(stated.signed_by)}"
        raise UsageError("--signed-by", expected=f"--publisher={stated.signed_by}", got="--signed-by", hint=hint)
    if stated is not None:
        threshold = stated.threshold or 1
        return [Wanted(names, stated.key_list, stated.keys, threshold, options.releases, name=name)]
    if options.releases is not None:
        hint = "add --key-list=URL or --key=ed25519:KEY"
        raise UsageError("--releases", expected="--key-list or --key beside it", got="neither", hint=hint)
    held = next((publisher for publisher in policy.publishers if publisher.name == name), None)
    if held is not None:
        return [Wanted(names, held.key_list, held.keys, held.threshold, held.releases, held.formats, name)]
    if options.offline:
        hint = "leave it out: then who signs is looked up; or add --key-list=URL"
        raise UsageError("--offline", expected="--key-list or --key beside it", got="nothing to pin", hint=hint)
    return []


def _look(
    names: Sequence[str], judge: Judge, policy: Policy, settings: Settings, seen: Mapping[str, Seen]
) -> list[Finding]:
    """Who signed the newest release of each project, as it says and as was proved.

    seen: what the lock of first uses says; it is believed where the trust file has no publisher, and a release that
    departs from it is an EvidenceError. Raises UsageError for a release that nobody signed.
    """
    from pip_verify.discovery import Discoverer
    from pip_verify.sources.index import Index

    index = Index()
    known = [publisher.pin() for publisher in policy.publishers]
    discoverer = Discoverer(index, judge, known=known, statements_dir=settings.statements)
    findings = []
    for name in names:
        entry = seen.get(name) if policy.publisher_for(name) is None else None
        finding = discoverer.find(name, _newest(index, name), (), seen=entry)
        for problem in finding.problems:
            say(problem)
        if finding.key_list is None and not finding.keys:
            hint = f"ask its publisher, then: pip-verify pin {name} --key-list=URL"
            raise UsageError(
                f"project {name}", expected="a release that says who signs it", got=finding.reason, hint=hint
            )
        say(f"{name} {finding.version}: {_signed_part(finding)} signed, by {finding.evidence}")
        findings.append(finding)
    return findings


def _tell_recorded(entry: Seen) -> None:
    keys = ", ".join(key.text for key in entry.keys)
    listed = f", on the key list {entry.key_list}" if entry.key_list is not None else ""
    when = f"first seen {entry.first_seen.isoformat()}, {entry.origin}"
    say(f"{entry.project}: recorded were {keys}{listed} ({when}); this pin holds instead")


def _newest(index: Index, project: str) -> str:
    """The version that pip would take: the highest that is no pre-release and not yanked, if there is one."""
    from packaging.version import Version

    files = index.files(project)
    if not files:
        hint = "look at its name and at the index in use; or state --key-list=URL"
        raise UsageError(f"project {project}", expected="a project on the index", got="none of this name", hint=hint)
    versions = [Version(file.version) for file in files if not file.yanked] or [Version(file.version) for file in files]
    return str(max([version for version in versions if not version.is_prerelease] or versions))


def _signed_part(finding: Finding) -> str:
    count = len(finding.signed) + len(finding.unsigned)
    return f"{len(finding.signed)} of {count} files are" if finding.unsigned else f"all {count} files are"


def _found(names: Sequence[str], publisher: str | None, findings: Sequence[Finding]) -> list[Wanted]:
    """One pin for each signer found."""
    signers: dict[tuple[str | None, tuple[PublicKey, ...], tuple[str, ...]], list[str]] = {}
    for name, finding in zip(names, findings, strict=True):
        formats = ("record-jws",) if finding.evidence == "record-jws" else ()
        keys = () if finding.key_list else finding.keys
        signers.setdefault((finding.key_list, keys, formats), []).append(name)
    if publisher is not None and len(signers) > 1:
        hint, got = "leave it out: then each gets a name of its own", f"{len(signers)} publishers"
        raise UsageError("--publisher", expected="projects of one publisher", got=got, hint=hint)
    return [
        Wanted(tuple(projects), key_list, keys, formats=formats, name=publisher, found=True)
        for (key_list, keys, formats), projects in signers.items()
    ]


# -- trying it -------------------------------------------------------------------------------------------


def _try(wanted: Wanted, key_lists: KeyListStore) -> None:
    """Fetch the key list, show whose signatures will count, and raise unless there are enough of them."""
    if wanted.key_list is None:
        return
    now = time.time()
    listed = key_lists.get(wanted.key_list).list.keys
    say(f"key list {wanted.key_list}")
    for entry in listed:
        refusal = entry.refusal(now)
        narrowed = wanted.keys and entry.key not in wanted.keys
        say(f"  {entry.key}: {refusal or ('not among the keys given' if narrowed else 'may sign')}")
    good = [
        entry.key for entry in listed if entry.refusal(now) is None and (not wanted.keys or entry.key in wanted.keys)
    ]
    if len(good) < wanted.threshold:
        expected = f"at least {wanted.threshold} keys that may sign" + (" among those given" if wanted.keys else "")
        hint = f"--threshold={len(good)} is what it can meet" if good else "ask the publisher which keys are in use now"
        raise UsageError(f"key list {wanted.key_list}", expected=expected, got=str(len(good)), hint=hint)


# -- writing it ------------------------------------------------------------------------------------------


def _write(trust_file: TrustFile, wanted: Wanted) -> None:
    from pip_verify.discovery.merge import is_ours

    publisher = wanted.publisher_in(trust_file.policy)
    for project in wanted.projects:
        # where they are to sign it already, what is exempt are the files of theirs that they have not signed
        changes = publisher is None or trust_file.policy.publisher_for(project) != publisher
        if changes and is_ours(trust_file.policy.exemption_for(project)):
            trust_file.remove_exemption(project)
    if publisher is not None:
        trust_file.add_projects(publisher.name, wanted.projects)
        return
    trust_file.add_publisher(
        wanted.name or trust_file.publisher_name_for(wanted.key_list or wanted.projects[0]),
        key_list=wanted.key_list,
        keys=wanted.keys,
        releases=wanted.releases,
        threshold=wanted.threshold,
        formats=wanted.formats,
        projects=wanted.projects,
    )


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(
        "pin",
        "Say who signs these projects. Without --key-list and --key, their newest release is looked at to find out.",
        "The pin: --key-list=URL, --key=ed25519:KEY (any of those given; repeatable), --threshold=N.",
    )
    parser.add_argument("projects", nargs="+", metavar="PROJECT", help="no pattern: those are written by hand")
    parser.add_argument("--releases", metavar="TEMPLATE", help="where its statements are, if its key list does not say")
    parser.add_argument("--publisher", metavar="NAME", help="the name it gets, or has already, in the trust file")
    parser.add_argument("--offline", action="store_true", help="do not fetch the key list to see that it is sound")
    parser.add_argument("--extra-ca", metavar="FILE", help="a private CA to add for key lists and statements")
    return parser
