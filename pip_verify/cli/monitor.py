"""``pip-verify monitor``: compares what the index serves with what was signed and with what it served before."""

from __future__ import annotations

import argparse
import getpass
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pip_verify.cli.index_options import add_index_options, pip_options
from pip_verify.errors import EvidenceError, PipVerifyError, SourceError, UsageError
from pip_verify.requirements.pins import parse_inline_options

if TYPE_CHECKING:
    from pip_verify.cli.setup import Begun
    from pip_verify.config import Settings
    from pip_verify.keys import KeyList
    from pip_verify.monitor.pace import Pacer
    from pip_verify.monitor.signed import Side
    from pip_verify.pins import InlinePin
    from pip_verify.policy import Policy
    from pip_verify.sources.https import Fetcher

RATE = 10.0  # requests a second for each host
RESUME_WINDOW = 6 * 3600.0  # seconds
PAGE_DEADLINE = 60.0  # seconds for one index page


def run(arguments: Sequence[str]) -> int:
    """Watch, or accept an alarm; returns the exit code."""
    from pip_verify.config import Settings

    pin, rest = parse_inline_options(list(arguments))
    options = _parser().parse_args(rest)
    _refuse_contradictions(options, pin)
    settings = Settings.resolve(vars(options), os.environ)
    state = _state_path(options.state)
    if options.accept is not None:
        return _accept(options, state)
    from pip_verify.cli.setup import reported

    return reported("monitor", vars(options), lambda begun: _watch(options, pin, settings, state, begun))


def _watch(options: argparse.Namespace, pin: InlinePin | None, settings: Settings, state: Path, begun: Begun) -> int:
    from pip_verify.cli.setup import report
    from pip_verify.config import find_trust_file
    from pip_verify.monitor.pace import Pacer
    from pip_verify.monitor.served import ServedFiles
    from pip_verify.monitor.state import create, opened
    from pip_verify.monitor.watch import Watch, run_key, watch_all
    from pip_verify.policy import EMPTY_POLICY
    from pip_verify.sources.index import Index

    policy = EMPTY_POLICY if options.watch_only else find_trust_file(Path.cwd(), settings.trust_file, os.environ)
    projects, left_out = _projects(options, policy)
    begun.warnings += left_out
    pacer = Pacer(options.rate)
    index = Index(pip_options(options), deadline=PAGE_DEADLINE, retries=False)
    accepted = _known(options.known)
    ask = None if options.watch_only else _signers(options, pin, settings, policy, projects=projects, pacer=pacer)
    if options.first:
        create(state)  # now that all that was said makes sense
    with opened(state) as store:
        side, errors = (None, []) if ask is None else ask()
        question = [
            f"signatures: {side is not None}, {pin}, {policy!r}, {options.releases}",
            *(f"index: {place}" for place in index.places),
            *(f"known: {digest}" for digest in sorted(accepted)),
            *_in_words(side),
        ]
        result = watch_all(
            Watch(ServedFiles(index, pacer), side, accepted, pin),
            store,
            projects,
            key=run_key(projects, question),
            window=options.resume_window,
            clock=time.time,
            errors=errors,
        )
    from dataclasses import replace

    return report(replace(result, warnings=(*left_out, *result.warnings)), settings, verbose=options.verbose)


# What is watched.


def _projects(options: argparse.Namespace, policy: Policy) -> tuple[list[str], list[str]]:
    """The projects to watch, sorted, and what must be told about those that cannot be."""
    from pip_verify.cli.terminal import project_names
    from pip_verify.monitor.inputs import LIST_MAX_BYTES, parse_projects
    from pip_verify.storage import read_file

    names = project_names(options.projects)
    if options.projects_file is not None:
        data, _ = read_file(Path(options.projects_file), max_bytes=LIST_MAX_BYTES, expected="a list of projects")
        names += parse_projects(data, options.projects_file)
    told: list[str] = []
    if not names:
        listed = [name for publisher in policy.publishers for name in publisher.projects]
        names = [name for name in listed if "*" not in name]
        patterns = [name for name in listed if "*" in name]
        told += [f"a pattern names no project, so it is not watched: {', '.join(patterns)}"] if patterns else []
    if not names:
        hint = "pip-verify monitor PROJECT..., --projects FILE, or a trust file whose publishers list projects"
        raise UsageError("monitor", expected="at least one project to watch", got="none", hint=hint)
    return sorted(set(names)), told


def _known(stated: str | None) -> frozenset[str]:
    from pip_verify.monitor.inputs import LIST_MAX_BYTES, parse_known
    from pip_verify.storage import read_file

    if stated is None:
        return frozenset()
    data, _ = read_file(Path(stated), max_bytes=LIST_MAX_BYTES, expected="a list of digests")
    return parse_known(data, stated)


# Whose signatures are asked for.


def _signers(
    options: argparse.Namespace,
    pin: InlinePin | None,
    settings: Settings,
    policy: Policy,
    *,
    projects: Sequence[str],
    pacer: Pacer,
) -> Callable[[], tuple[Side, list[PipVerifyError]]]:
    """Reads what is on disk. What comes out fetches the key lists, and tells the publisher's side and what is wrong
    with the lists."""
    from pip_verify.config import pip_network_settings
    from pip_verify.monitor.signed import Published, Side
    from pip_verify.sources.https import Fetcher

    fetcher = Fetcher(
        extra_ca=[settings.extra_ca] if settings.extra_ca else [], defaults=lambda: pip_network_settings(os.environ)
    )
    pins = [found for project in projects for found in policy.pins_for(project, [] if pin is None else [pin])]
    urls = sorted({pin.key_list for pin in pins if pin.key_list is not None})
    own = _own_key_list(options.local_key_list, urls)
    releases = _releases(options.releases)

    def fetched() -> tuple[Side, list[PipVerifyError]]:
        keys = _key_lists(settings, fetcher, urls)
        errors: list[PipVerifyError] = [found for found in keys.values() if isinstance(found, PipVerifyError)]
        errors += [] if own is None else _compare(own, options.local_key_list, keys)
        published = Published(fetcher, pacer, deadline=settings.deadline)
        return Side(policy, keys, published, releases, time.time, narrowed=pin is not None), errors

    return fetched


def _in_words(side: Side | None) -> list[str]:
    """The key lists that verdicts are reached with."""
    return [] if side is None else [f"{url} {found!r} {found}" for url, found in side.keys.items()]


def _key_lists(
    settings: Settings, fetcher: Fetcher, urls: Sequence[str]
) -> dict[str, KeyList | SourceError | EvidenceError]:
    """Each key list as it is served now, whatever is cached."""
    from pip_verify.sources import concurrently
    from pip_verify.sources.keylists import KeyListStore

    store = KeyListStore(fetcher, settings.cache_dir / "key-lists", clock=time.time, deadline_seconds=settings.deadline)

    def now(url: str) -> KeyList | SourceError | EvidenceError:
        try:
            state = store.refetch(url)
        except (SourceError, EvidenceError) as error:
            return error
        return state.list if state.problem is None else state.problem

    return dict(zip(urls, concurrently(now, urls), strict=True))


def _own_key_list(stated: str | None, urls: Sequence[str]) -> KeyList | None:
    """The publisher's own copy, which is compared with the one list in use."""
    from pip_verify.keys import KEY_LIST_MAX_BYTES, parse_key_list
    from pip_verify.storage import read_file

    if stated is None:
        return None
    data, _ = read_file(Path(stated), max_bytes=KEY_LIST_MAX_BYTES, expected="a key list")
    own = parse_key_list(data, stated)
    if len(urls) != 1:
        hint = "name projects of one publisher, or the list itself: --key-list=URL" if urls else "add --key-list=URL"
        got = f"{len(urls)} in use"
        raise UsageError("--local-key-list", expected="one key list to compare it with", got=got, hint=hint)
    return own


def _compare(own: KeyList, name: str, keys: dict[str, KeyList | SourceError | EvidenceError]) -> list[EvidenceError]:
    """What the served key list says otherwise than the publisher's own copy."""
    from pip_verify.monitor.listdiff import differences
    from pip_verify.sources.address import redact

    ((url, served),) = keys.items()
    if isinstance(served, PipVerifyError):
        return []  # that it cannot be had is told already
    found = differences(own, served)
    if not found:
        return []
    hint = "publish the key list again, or find out who changed what is published"
    return [EvidenceError(f"key list {redact(url)}", expected=f"the keys of {name}", got="; ".join(found), hint=hint)]


# Accepting.


def _accept(options: argparse.Namespace, state: Path) -> int:
    from pip_verify.cli.terminal import project_names, say
    from pip_verify.monitor.accept import Acceptance, accept
    from pip_verify.monitor.state import opened

    project, filename = options.accept
    for name, value in (("--sha256", options.sha256), ("--why", options.why)):
        if not value:
            raise UsageError("--accept", expected=f"{name} beside it", got="none", hint="as the report says it")
    digest = options.sha256.removeprefix("sha256:").lower()
    if not re.fullmatch("[0-9a-f]{64}", digest):
        hint = "copy it from the report of the alarm"
        raise UsageError("--sha256", expected="64 hex digits", got=ascii(options.sha256[:80]), hint=hint)
    (normalised,) = project_names([project])
    with opened(state) as store:
        wish = Acceptance(normalised, filename, digest, options.who or _login_name(), options.why)
        for line in accept(store, wish, time.time()):
            say(line)
    return 0


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:  # a container whose user has no name
        raise UsageError("--accept", expected="a login name for the record", got="none", hint="--who NAME") from error


def _refuse_contradictions(options: argparse.Namespace, pin: InlinePin | None) -> None:
    asked = {
        "--releases": options.releases,
        "--local-key-list": options.local_key_list,
        "--known": options.known,
        "a pin": pin,
    }
    given = [name for name, value in asked.items() if value is not None]
    if options.watch_only and given:
        hint = f"leave out --watch-only or {given[0]}"
        raise UsageError("--watch-only", expected="nobody's signature to be asked for", got=given[0], hint=hint)
    watching = [*options.projects, options.projects_file, options.first or None, *asked.values()]
    if options.accept is not None and any(value is not None for value in watching):
        raise UsageError("--accept", expected="nothing to watch beside it", got="more", hint="accept, then watch")
    if options.accept is None and (options.sha256 or options.why or options.who):
        hint = "pip-verify monitor --accept PROJECT FILE --sha256 HEX --why TEXT"
        raise UsageError("--sha256, --why, --who", expected="--accept beside them", got="none", hint=hint)
    if not 0 < options.rate <= 1000:
        expected, got = "requests a second, more than 0 and at most 1000", f"{options.rate:g}"
        raise UsageError("--rate", expected=expected, got=got, hint=f"--rate={RATE:g}")
    if not 0 <= options.resume_window <= 30 * 24 * 3600:
        got, hint = f"{options.resume_window:g}", f"--resume-window={RESUME_WINDOW:g}"
        raise UsageError("--resume-window", expected="seconds, at most 30 days", got=got, hint=hint)


def _releases(stated: str | None) -> Path | None:
    if stated is not None and not Path(stated).is_dir():
        hint = "name the directory that pip-verify sign writes to"
        raise UsageError("--releases", expected="an existing directory", got=stated, hint=hint)
    return None if stated is None else Path(stated)


def _state_path(stated: str | None) -> Path:
    if stated is not None:
        return Path(stated)
    import platformdirs

    return Path(platformdirs.user_state_dir("pip-verify", appauthor=False)) / "monitor" / "state.sqlite3"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pip-verify monitor",
        description="Compare what the index serves now with what was signed, and with what it served before.",
        epilog="Pins: --key=ed25519:KEY, --key-list=URL, --threshold=N, --signed-by=NAME hold for every project.",
        allow_abbrev=False,
    )
    parser.add_argument("projects", nargs="*", metavar="PROJECT", help="what to watch; else the trust file's projects")
    parser.add_argument("--projects", dest="projects_file", metavar="FILE", help="more of them, one a line")
    parser.add_argument("--watch-only", action="store_true", help="ask for no signature: only tell what changes")
    parser.add_argument("--releases", metavar="DIR", help="your own copies of the release statements")
    parser.add_argument("--local-key-list", metavar="FILE", help="your own copy of the key list")
    parser.add_argument("--known", metavar="FILE", help="digests of old files that need no signature, as of sha256sum")
    parser.add_argument("--state", metavar="FILE", help="what is remembered between runs")
    parser.add_argument("--first", action="store_true", help="begin the state; there must be none yet")
    parser.add_argument(
        "--resume-window", type=float, default=RESUME_WINDOW, metavar="SECONDS", help="go on with a run this young"
    )
    parser.add_argument("--rate", type=float, default=RATE, metavar="N", help="requests a second for each host")
    parser.add_argument("--accept", nargs=2, metavar=("PROJECT", "FILE"), help="an alarm that is meant")
    parser.add_argument("--sha256", metavar="HEX", help="of --accept: the digest you looked at")
    parser.add_argument("--why", metavar="TEXT", help="of --accept: for the record")
    parser.add_argument("--who", metavar="NAME", help="of --accept: for the record, instead of your login name")
    add_index_options(parser, "where to look")
    parser.add_argument("--trust-file", metavar="FILE", help="instead of the pip-verify.toml found from here upwards")
    parser.add_argument("--extra-ca", metavar="FILE", help="a private CA to add for key lists and statements")
    parser.add_argument("--format", metavar="FORMAT", help="of the report: text, json, sarif, junit, github or html")
    parser.add_argument("--output", metavar="FILE", help="where the report goes")
    parser.add_argument("-v", "--verbose", action="store_true", help="list the quiet projects, too")
    return parser
