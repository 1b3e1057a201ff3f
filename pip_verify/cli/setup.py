"""From settings to the parts a run is made of. What several commands need, once."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pip_verify.config import Settings, find_trust_file, pip_network_settings
from pip_verify.judge import Judge
from pip_verify.pins import InlinePin
from pip_verify.policy import Policy
from pip_verify.report import render
from pip_verify.session import Session
from pip_verify.sources.https import Fetcher
from pip_verify.sources.keylists import KeyListStore
from pip_verify.sources.statements import StatementStore
from pip_verify.storage import write_atomically
from pip_verify.verdict import Run


@dataclass
class Parts:
    """What a run is made of. warnings: filled while it goes."""

    settings: Settings
    policy: Policy
    session: Session
    warnings: list[str] = field(default_factory=list)


def make_parts(
    flags: Mapping[str, object], pin: InlinePin | None, *, ca_bundle: str | None = None, proxy: str | None = None
) -> Parts:
    """Settings, policy and session from our flags and the environment; raises UsageError.

    ca_bundle, proxy: pip's ``--cert`` and ``--proxy``, where given.
    """
    settings = Settings.resolve(flags, os.environ)
    policy = find_trust_file(Path.cwd(), settings.trust_file, os.environ)
    fetcher = Fetcher(
        ca_bundle=ca_bundle,
        extra_ca=[settings.extra_ca] if settings.extra_ca else [],
        proxy=proxy,
        defaults=lambda: pip_network_settings(os.environ),
    )
    warnings: list[str] = []

    def warn(text: str) -> None:
        if text not in warnings:
            warnings.append(text)

    judge = Judge(
        policy,
        KeyListStore(
            fetcher,
            settings.cache_dir / "key-lists",
            clock=time.time,
            max_stale=policy.max_stale,
            deadline_seconds=settings.deadline,
        ),
        StatementStore(fetcher, settings.cache_dir / "statements", deadline_seconds=settings.deadline),
        statements_dir=settings.statements,
        clock=time.time,
        warn=warn,
    )
    session = Session(policy, judge, command_line_pin=pin, environ=os.environ)
    return Parts(settings, policy, session, warnings)


def report(run: Run, settings: Settings, *, verbose: bool = False) -> int:
    """Print the run as ``--format`` and ``--output`` say; returns its exit code, which depends on neither.

    Text goes to standard error, and so does every format after a pip that may have written to standard output,
    which stays pip's; with ``--output`` the report goes there, and the text to standard error all the same.
    """
    color = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    if settings.output is not None:
        write_atomically(settings.output, render(settings.format, run, verbose=verbose).encode("utf-8"))
    if settings.output is not None or settings.format == "text":
        sys.stderr.write(render("text", run, color=color, verbose=verbose))
    else:
        (sys.stdout if run.pip_exit_code is None else sys.stderr).write(render(settings.format, run))
    return run.exit_code
