"""``pip-verify init``: writes the trust file for what is locked, or installed, now. Nothing is executed to find out."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from pip_verify.cli.index_options import add_index_options, pip_options
from pip_verify.cli.lock_options import add_lock_arguments, lock_names
from pip_verify.cli.terminal import say, shown
from pip_verify.cli.trust_file import Place, change, last_day, locate, recorded
from pip_verify.config import FIRST_USE_NAME, Settings
from pip_verify.errors import UsageError
from pip_verify.policy import EMPTY_POLICY, Policy
from pip_verify.report.words import counted
from pip_verify.sources.address import redact

if TYPE_CHECKING:
    from pip_verify.discovery import Discoverer, Finding, Refusal, Wanted
    from pip_verify.discovery.merge import Merged
    from pip_verify.firstuse import Seen
    from pip_verify.lockfiles.model import LockedFile, LockedSet
    from pip_verify.trustfile import TrustFile


@dataclass
class _Plan:
    """What is to be looked at. covered: projects that a person has decided about. problems: what cannot be looked at,
    or judged later. environment: the interpreter of what is installed, None for a lock. loose: whether the lock leaves
    a release without sha256, so that the gate will refuse it whatever is written."""

    wanted: list[Wanted]
    covered: list[str]
    problems: list[str]
    environment: str | None = None
    loose: bool = False


def run(arguments: Sequence[str]) -> int:
    """Write the trust file; returns the exit code: 0, or by why nothing was written."""
    from pip_verify.discovery import Refusal
    from pip_verify.verdict import exit_code

    options = _parser().parse_args(arguments)
    settings = Settings.resolve({"statements": options.statements, "extra_ca": options.extra_ca}, os.environ)
    today = datetime.now(timezone.utc).date()
    until = last_day(options.until, today)
    place = _place(options.file)
    seen = recorded(place, named=_named(options.file) is not None)
    plan = _plan(options, place.policy, seen)
    results = _look(plan, options, settings, place.policy)
    skipped = [
        result for result in results if isinstance(result, Refusal) and result.absent and plan.environment is not None
    ]
    refusals = [result for result in results if isinstance(result, Refusal) and result not in skipped]
    if refusals:
        code = exit_code(_complain(refusal) for refusal in refusals)
        names = ", ".join(sorted({refusal.project for refusal in refusals}))
        say(f"nothing is written, because of {names}")
        say("next: see to these; or write an [[exempt]] for them by hand, and run the command again")
        return code
    plan.problems += [f"{refusal.reason.subject}: on no index: it is left out" for refusal in skipped]
    findings = [result for result in results if not isinstance(result, Refusal)]
    merged, changed = _write(place, findings, today=today, until=until, dry_run=options.dry_run)
    again = [word for word in arguments if word != "--dry-run"]
    command = shlex.join(["pip-verify", "init", *again]) if options.dry_run else _next(plan, merged, place, options)
    done = f"{'would write' if options.dry_run else 'wrote'} {shown(place.path)}: read it before you commit it"
    _summarise(plan, merged, done if changed else f"nothing to change in {shown(place.path)}", command)
    return 0


def _place(stated: str | None) -> Place:
    """The trust file to write; one that is not there yet is a new one."""
    name = _named(stated)
    if name is not None and not os.path.lexists(name):
        return Place(Path.cwd() / name, name, EMPTY_POLICY)
    return locate(name, os.environ, may_be_new=True)


def _named(stated: str | None) -> str | None:
    """The trust file that the user named, if they did."""
    return stated or os.environ.get("PIP_VERIFY_TRUST_FILE")


# What is looked at.


def _plan(options: argparse.Namespace, policy: Policy, seen: Mapping[str, Seen]) -> _Plan:
    from pip_verify.cli.init_environment import find_environment
    from pip_verify.cli.interpreter import package_directories
    from pip_verify.discovery import Wanted
    from pip_verify.discovery.environment import installed

    names = lock_names(options)
    if names:
        from pip_verify.sources.locks import load_locked

        plan = _from_locks(load_locked([Path(name) for name in names], environ=os.environ))
    else:
        target = find_environment(options.python, os.environ)
        releases, problems = installed(package_directories(target))
        plan = _Plan([Wanted(project, version) for project, version in releases], [], problems, target)
    if not plan.wanted:
        expected = "at least one release to look at"
        got = plan.problems[0] if plan.problems else "none"
        raise UsageError(" ".join(names) or "environment", expected=expected, got=got, hint=_LOCK_IT)
    return _undecided(plan, policy, seen)


_LOCK_IT = "name a lock: pip-verify init -r requirements.txt, or pip-verify init uv.lock"


def _from_locks(locked: LockedSet) -> _Plan:
    """One release for each project and version; what has a pin of its own in a requirement file is decided about."""
    from pip_verify.discovery import Wanted, exact_requirement

    pinned = {file.project for file in locked.files if file.pins}
    pinned |= {unlocked.project for unlocked in locked.unlocked if unlocked.pins and unlocked.project is not None}
    groups: dict[tuple[str, str | None], list[LockedFile]] = {}
    for file in locked.files:
        groups.setdefault((file.project, file.version), []).append(file)
    wanted = [Wanted(*release, tuple(files)) for release, files in groups.items()]
    problems = [
        f"{source.origin}: {redact(source.location)}: a {source.kind} has no file to sign" for source in locked.sources
    ]
    open_ones = [[file for file in files if file.sha256 is None or file.digests] for files in groups.values()]
    loose = [_loose(files[0]) for files in open_ones if files]
    for requirement in locked.unlocked:
        exact = exact_requirement(requirement)
        if exact is None:
            why = "its dependencies are not locked" if requirement.dependencies else "no exact version"
            problems.append(f"{requirement.origin}: {requirement.text}: {why}, so it is not looked at")
        else:
            wanted.append(exact)
            loose.append(f"{requirement.origin}: {requirement.text}: {_NO_SHA256.format('')}")
    left = [item for item in wanted if item.project not in pinned]
    return _Plan(left, sorted(pinned), [*problems, *loose], loose=bool(loose))


def _loose(file: LockedFile) -> str:
    what = file.filename or f"{file.project} {file.version or ''}".rstrip()
    if file.sha256 is not None:
        return f"{file.origin}: {what}: {_NOT_ALONE.format(file.other_algorithms)}"
    stated = f" but {file.other_algorithms}" if file.digests else ""
    return f"{file.origin}: {what}: {_NO_SHA256.format(stated)}"


_NO_SHA256 = "no sha256{}: pip-verify check refuses it (PV110) until a locker writes one"
_NOT_ALONE = "{} beside sha256: pip-verify check refuses it (PV110) until a locker writes sha256 alone"


def _undecided(plan: _Plan, policy: Policy, seen: Mapping[str, Seen]) -> _Plan:
    """Without the projects that a person has decided about; with what is stated or was seen of the others."""
    from pip_verify.discovery.merge import is_undecided

    wanted = []
    for item in plan.wanted:
        publisher = policy.publisher_for(item.project)
        if not is_undecided(policy, item.project):
            plan.covered.append(item.project)
        elif publisher is None:
            wanted.append(replace(item, seen=seen.get(item.project)))
        else:
            wanted.append(replace(item, pin=publisher.pin()))
    return replace(plan, wanted=wanted)


def _look(plan: _Plan, options: argparse.Namespace, settings: Settings, policy: Policy) -> list[Finding | Refusal]:
    """Look at all of it, with caches that are empty: what was fetched yesterday must not decide what is written."""
    if not plan.wanted:
        return []
    with tempfile.TemporaryDirectory(prefix="pip-verify-") as folder:
        say(f"looking at {counted(len({item.project for item in plan.wanted}), 'project')}")
        return _discoverer(options, settings, policy, Path(folder)).find_all(plan.wanted)


def _discoverer(options: argparse.Namespace, settings: Settings, policy: Policy, cache: Path) -> Discoverer:
    from pip_verify.cli.fresh import fresh_judge
    from pip_verify.discovery import Discoverer
    from pip_verify.sources.index import Index

    index = Index(pip_options(options))
    judge, _ = fresh_judge(settings, cache)
    known = [publisher.pin() for publisher in policy.publishers]
    return Discoverer(index, judge, known=known, statements_dir=settings.statements)


# What is told.


def _complain(refusal: Refusal) -> int:
    """Name a project that stopped the run; its exit code."""
    reason = refusal.reason
    say(f"{refusal.project}: {reason.id} {reason.help}")
    say(f"  {refusal.error}")
    if reason.hint:
        say(f"  next: {reason.hint}")
    return reason.exit_code


def _write(
    place: Place, findings: Sequence[Finding], *, today: date, until: date, dry_run: bool
) -> tuple[Merged, bool]:
    """Write what was found; what became of it, and whether that changed the file."""
    from pip_verify.discovery.merge import Merged, merge

    merged = Merged()

    def edit(trust_file: TrustFile) -> None:
        nonlocal merged
        merged = merge(trust_file, findings, today=today, until=until)

    is_new = not os.path.lexists(place.path)
    # a new file need not be shown as a diff: it can be read as it is
    with contextlib.redirect_stdout(io.StringIO()) if is_new and not dry_run else contextlib.nullcontext():
        changed = change(place, edit, dry_run=dry_run)
    return merged, changed


def _summarise(plan: _Plan, merged: Merged, done: str, command: str) -> None:
    for problem in (*plan.problems, *merged.problems):
        say(f"warning: {problem}")
    projects = {*merged.signed, *merged.exempt, *merged.recorded, *merged.decided, *plan.covered}
    signed = f"{len(merged.signed)} signed by {counted(len(merged.publishers), 'publisher')}"
    counts = f"{counted(len(projects), 'project')}: {signed}"
    if merged.partly:
        counts += f" ({len(merged.partly)} in part; their other files are exempt)"
    decided = {*plan.covered, *merged.decided}
    covered = f", {len(decided)} decided by you before" if decided else ""
    kept = f", {len(merged.recorded)} recorded in {FIRST_USE_NAME}" if merged.recorded else ""
    say(f"{counts}, {len(merged.exempt)} exempt{kept}{covered}")
    say(done)
    if merged.refused:
        say(f"any run will refuse {', '.join(merged.refused)}: see the warnings")
    say(f"next: {command}")


def _next(plan: _Plan, merged: Merged, place: Place, options: argparse.Namespace) -> str:
    """The command that proves it."""
    ours = []
    for option, value in (("--statements", options.statements), ("--extra-ca", options.extra_ca)):
        ours += [option, value] if value else []
    ours += ["--trust-file", shown(place.path)] if options.file else []
    if plan.environment is not None:
        from pip_verify.cli.init_environment import prove_installed

        return prove_installed(plan.environment, [*ours, *pip_options(options)])
    # a requirement file without sha256 is no lock, but what is exempt by hash, or signed, installs from it
    words = ["pip-verify", *(("install", "--dry-run") if plan.loose and not options.locks else ("check",))]
    for name in options.requirement:
        words += ["-r", name]
    words += options.locks
    if words[1] == "install":
        words += pip_options(options)
    elif merged.inside:
        words += ["--download", *pip_options(options)]
    return shlex.join([*words, *ours])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pip-verify init",
        description="Write the trust file for what is locked or installed now: publishers where one signs, exemptions "
        "by hash for the rest. Nothing is built or run to find out. Run it again at any time: it changes what must "
        "change and leaves alone what you wrote.",
        allow_abbrev=False,
    )
    add_lock_arguments(parser)
    parser.add_argument("--python", metavar="ENV", help="without a lock: the environment to read")
    parser.add_argument("--statements", metavar="DIR", help="release statements on disk, looked at first")
    parser.add_argument("--extra-ca", metavar="FILE", help="a private CA to add for key lists and statements")
    parser.add_argument("--until", metavar="DATE", help="the last day of new exemptions (default: in six months)")
    parser.add_argument("--dry-run", action="store_true", help="print the change and write nothing")
    names = ("-o", "--output", "--trust-file")
    parser.add_argument(*names, dest="file", metavar="FILE", help="the trust file, instead of the one found")
    add_index_options(parser, "where to look")
    return parser
