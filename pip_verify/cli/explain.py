"""``pip-verify explain``: every step that led to a verdict, and what would change it. Installs nothing."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pip_verify.cli.advice import Advise, on_disk, on_index
from pip_verify.cli.index_options import add_index_options, pip_options
from pip_verify.cli.terminal import say
from pip_verify.cli.verify import add_trust_options
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.lockfiles.model import LockedFile, LockedSet, LockedSource
from pip_verify.requirements.pins import parse_inline_options

if TYPE_CHECKING:
    from pip_verify.artifact.name import Artifact
    from pip_verify.cli.setup import Parts
    from pip_verify.judge import Case, Examined
    from pip_verify.pins import InlinePin, Pin
    from pip_verify.report.explain import Explanation
    from pip_verify.verdict import Verdict

_EXAMPLES = "pip-verify explain flask, or flask==3.0.3, or dist/flask-3.0.3-py3-none-any.whl"
_TARGET_RE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:==([^=\s]+))?\Z")


def run(arguments: Sequence[str]) -> int:
    """Explain one file, or every file of one release; returns the exit code its verdicts have."""
    pin, rest = parse_inline_options(list(arguments))
    options = _parser().parse_args(rest)
    from pip_verify.cli.setup import make_parts
    from pip_verify.report import explain
    from pip_verify.report.style import Style
    from pip_verify.verdict import exit_code

    parts = make_parts(vars(options), None)
    style = Style(color=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    found = list(_examine(options, parts, [] if pin is None else [pin]))
    sys.stdout.write("\n".join(explain.render(one, style) for one in found))
    for warning in parts.warnings:
        say(f"WARNING {warning}")
    return exit_code(one.verdict.exit_code for one in found)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pip-verify explain",
        description="Tell who may speak for a file, what was looked for where, what it claims, what was proved, and "
        "what would make it pass. NAME is looked for in the locks named with -r, else on the index; FILE is held to "
        "what they state of its release.",
        epilog="Pins: --key=ed25519:KEY, --key-list=URL, --threshold=N, --signed-by=NAME hold for what is explained.",
        allow_abbrev=False,
    )
    parser.add_argument("target", metavar="NAME[==VERSION]|FILE", help="a project, or a wheel or an sdist on disk")
    parser.add_argument("-r", "--requirement", action="append", default=[], metavar="LOCK", help="a lock that has it")
    add_index_options(parser, "where NAME is in no lock")
    add_trust_options(parser)
    return parser


def _examine(options: argparse.Namespace, parts: Parts, inline: list[InlinePin]) -> Iterator[Explanation]:
    path = Path(options.target)
    if path.is_file():
        yield _explain_file(path, parts, inline, options)
        return
    target = _target(options.target)
    advise = on_index(parts.settings, pip_options(options))
    locked = _locked(options, *target) if options.requirement else LockedSet(_on_index(options, *target))
    if locked == LockedSet():
        raise _nothing_of(options.target, options.requirement)
    yield from _explain_files(locked.files, parts, inline, advise)
    yield from _explain_others(locked, parts, inline, advise)


def _explain_files(
    files: Sequence[LockedFile], parts: Parts, inline: Sequence[InlinePin], advise: Advise
) -> Iterator[Explanation]:
    from pip_verify.gate import Gate
    from pip_verify.judge import Case

    gate = Gate(parts.policy, parts.judge, parts.first_use)
    for question in gate.questions([replace(file, pins=(*file.pins, *inline)) for file in files]):
        examined = _examined(question.locked, question.ask, parts) if isinstance(question.ask, Case) else None
        yield _explanation(parts, gate.answer(question), question.pins, examined, advise)


def _examined(locked: LockedFile, case: Case, parts: Parts) -> Examined:
    """What its verdict is reached from; what a wheel at hand carries is looked at, too."""
    from pip_verify.inspection import inspect

    whole = case if locked.path is None else replace(case, wheel=inspect(Path(locked.path), case.artifact).wheel)
    return parts.judge.examine(whole)


def _explain_others(
    locked: LockedSet, parts: Parts, inline: Sequence[InlinePin], advise: Advise
) -> Iterator[Explanation]:
    """What the locks have of it that is no file: sources, and requirements that nothing locks."""
    from pip_verify.gate import Gate, not_locked

    gate = Gate(parts.policy, parts.judge, parts.first_use)
    others: list[tuple[Verdict, Sequence[InlinePin]]] = [(gate.judge_source(item), ()) for item in locked.sources]
    others += [(not_locked(unlocked), unlocked.pins) for unlocked in locked.unlocked]
    for verdict, own in others:
        pins = parts.first_use.pins_for(verdict.artifact.project, [*own, *inline])
        yield _explanation(parts, verdict, pins, None, advise)


def _explain_file(path: Path, parts: Parts, inline: Sequence[InlinePin], options: argparse.Namespace) -> Explanation:
    from pip_verify.artifact.name import parse_filename
    from pip_verify.inspection import inspect
    from pip_verify.judge import Case, judge_case
    from pip_verify.verdict import reject

    try:
        named = parse_filename(path.name)
    except EvidenceError as error:
        hint = "give the file the name that it was built and published with"
        raise UsageError(error.subject, expected=error.expected, got=error.got, hint=hint) from error
    own, stated = _stated(path, named, options)
    inline = [*inline, *own]
    found = inspect(path, named, user_sha256=stated)
    pins = parts.first_use.pins_for(named.project, inline, named.version)
    case = Case(found.artifact, pins, bool(inline), stated, wheel=found.wheel, beside=path)
    if found.fault is not None:
        verdict = reject(found.artifact, found.fault)
    else:
        verdict = judge_case(parts.judge, parts.first_use, case, found.carried)
    advise = on_disk(found, lambda pins: parts.judge.judge(replace(case, pins=pins)))
    return _explanation(parts, verdict, pins, parts.judge.examine(case), advise)


def _nothing_of(target: str, locks: Sequence[str]) -> UsageError:
    hint = f"what the index has: pip-verify explain {target}" if locks else "look at its name and at the index in use"
    return UsageError(target, expected=f"it in {', '.join(locks) or 'the index'}", got="none", hint=hint)


def _stated(path: Path, named: Artifact, options: argparse.Namespace) -> tuple[list[InlinePin], frozenset[str]]:
    """The pins and the sha256 digests that the locks state of a file's release; raises UsageError when they have
    nothing of it."""
    if not options.requirement:
        return [], frozenset()
    locked = _locked(options, named.project, named.version)
    if locked == LockedSet():
        hint, where = f"without a lock: pip-verify explain {path}", ", ".join(options.requirement)
        raise UsageError(str(path), expected=f"its release in {where}", got="none", hint=hint)
    pins = [pin for file in locked.files for pin in file.pins]
    pins += [pin for unlocked in locked.unlocked for pin in unlocked.pins]
    return pins, frozenset(file.sha256 for file in locked.files if file.stated and file.sha256 is not None)


def _target(stated: str) -> tuple[str, str | None]:
    """The project and the version that are asked about."""
    target = _TARGET_RE.match(stated)
    if target is None:
        raise UsageError(stated, expected="NAME, NAME==VERSION or a file on disk", got="neither", hint=_EXAMPLES)
    from pip_verify.artifact.name import canonical_version, normalise

    try:
        return normalise(target[1]), None if target[2] is None else canonical_version(target[2])
    except EvidenceError as error:
        raise UsageError(error.subject, expected=error.expected, got=error.got, hint=_EXAMPLES) from error


def _locked(options: argparse.Namespace, project: str, version: str | None) -> LockedSet:
    """What the locks have of it; of another version only where they do not state one."""
    from pip_verify.artifact.name import same_version
    from pip_verify.sources.locks import load_locked

    locked = load_locked([Path(name) for name in options.requirement], environ=os.environ)

    def is_meant(item: LockedFile | LockedSource) -> bool:
        any_version = version is None or item.version is None
        return item.project == project and (any_version or same_version(str(version), str(item.version)))

    return LockedSet(
        tuple(filter(is_meant, locked.files)),
        tuple(filter(is_meant, locked.sources)),
        tuple(item for item in locked.unlocked if item.project == project),
    )


def _on_index(options: argparse.Namespace, project: str, version: str | None) -> tuple[LockedFile, ...]:
    """The files of the version, or of the newest that pip would choose: final where there is one, not yanked."""
    from packaging.version import Version

    from pip_verify.pins import Origin
    from pip_verify.sources.index import Index

    found = Index(pip_options(options)).files(project)
    offered = {Version(file.version) for file in found if not file.yanked}
    final = {one for one in offered if not one.is_prerelease}
    wanted = version or str(max(final or offered, default=""))
    origin = Origin("<index>")
    return tuple(
        LockedFile(project, file.version, file.filename, file.sha256, origin, url=file.url, stated=False)
        for file in found
        if file.version == wanted
    )


def _explanation(
    parts: Parts, verdict: Verdict, pins: tuple[Pin, ...], examined: Examined | None, advise: Advise
) -> Explanation:
    from pip_verify.report.explain import Explanation

    project = verdict.artifact.project
    return Explanation(
        verdict,
        parts.policy.source,
        parts.policy.publisher_for(project),
        parts.policy.exemption_for(project),
        pins,
        () if examined is None else examined.looks,
        {} if examined is None else examined.keys,
        time.time(),
        paste="" if verdict.accepted else advise(verdict),
    )
