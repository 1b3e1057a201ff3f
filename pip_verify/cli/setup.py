"""From settings to the parts a run is made of. What several commands need, once."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pip_verify.cli.terminal import say
from pip_verify.config import (
    Settings,
    find_trust_file,
    first_use_file,
    mode_in_force,
    pip_network_settings,
    refuse_foreign,
    refuse_writable_by_all,
)
from pip_verify.errors import PipVerifyError, UsageError
from pip_verify.judge import Judge
from pip_verify.pins import InlinePin
from pip_verify.policy import Mode, Policy
from pip_verify.report import render
from pip_verify.sources.firstuse import FirstUse
from pip_verify.sources.https import Fetcher
from pip_verify.sources.keylists import KeyListStore
from pip_verify.sources.statements import StatementStore
from pip_verify.storage import write_atomically
from pip_verify.verdict import Run

if TYPE_CHECKING:
    from pip_verify.session import Session


@dataclass
class Begun:
    """What a run tells even if an error stops it. warnings: filled as it goes. mode: as far as it is known yet."""

    warnings: list[str] = field(default_factory=list)
    mode: Mode = "enforce"


@dataclass
class Parts:
    """What a run is made of. pin: the command line's. warnings: filled as it goes."""

    settings: Settings
    policy: Policy
    judge: Judge
    first_use: FirstUse
    pin: InlinePin | None = None
    warnings: list[str] = field(default_factory=list)

    @cached_property
    def mode(self) -> Mode:
        """Whether refusals stop the run; raises UsageError as ``mode_in_force``. A command that only tells asks not."""
        return mode_in_force(self.settings, self.policy)

    @cached_property
    def session(self) -> Session:
        """The session of a run of pip, or of files on disk; a gate needs none."""
        from pip_verify.session import Session

        return Session(
            self.policy,
            self.judge,
            command_line_pin=self.pin,
            environ=os.environ,
            first_use=self.first_use,
            mode=self.mode,
        )


def make_parts(
    flags: Mapping[str, object],
    pin: InlinePin | None,
    *,
    ca_bundle: str | None = None,
    proxy: str | None = None,
    begun: Begun | None = None,
) -> Parts:
    """Settings, policy and session from our flags and the environment; raises UsageError.

    ca_bundle, proxy: pip's ``--cert`` and ``--proxy``, where given. begun: what is known of the run is told there.
    """
    begun = begun or Begun()
    settings = Settings.resolve(flags, os.environ)
    begun.mode = settings.mode or "enforce"
    policy = find_trust_file(Path.cwd(), settings.trust_file, os.environ)
    with contextlib.suppress(UsageError):  # whoever asks for the mode meets it again
        begun.mode = mode_in_force(settings, policy)
    first_use = make_first_use(settings, policy)
    fetcher = Fetcher(
        ca_bundle=ca_bundle,
        extra_ca=[settings.extra_ca] if settings.extra_ca else [],
        proxy=proxy,
        defaults=lambda: pip_network_settings(os.environ),
    )

    def warn(text: str) -> None:
        if text not in begun.warnings:
            begun.warnings.append(text)

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
    return Parts(settings, policy, judge, first_use, pin, begun.warnings)


def make_first_use(settings: Settings, policy: Policy) -> FirstUse:
    """What is known of projects that nobody pinned; raises UsageError when the lock is not whole, or not ours."""
    return FirstUse(
        policy,
        first_use_file(Path.cwd(), policy),
        frozen=settings.frozen,
        clock=time.time,
        check=refuse_foreign if settings.trust_file is None else refuse_writable_by_all,
    )


def reported(command: str, flags: Mapping[str, object], work: Callable[[Begun], int]) -> int:
    """Do ``work``, which reports its own run, and return its exit code. An error that stops it is reported as a run's,
    where and as the flags say: no report of an earlier run may stay for this one's. With it goes what ``work`` has
    told of the run until then.

    Raises UsageError when the settings or ``--output`` cannot be used.
    """
    settings = Settings.resolve(flags, os.environ)
    started, begun = time.monotonic(), Begun()
    try:
        return work(begun)
    except PipVerifyError as error:
        run = Run(
            command,
            (),
            error.exit_code,
            warnings=tuple(begun.warnings),
            errors=(error,),
            seconds=time.monotonic() - started,
            mode=begun.mode,
        )
        return report(run, settings)


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
        stream = sys.stdout if run.pip_exit_code is None else sys.stderr
        stream.write(_fitting(render(settings.format, run), stream.encoding))
    if settings.format == "github":
        _add_step_summary(run)
    return run.exit_code


def _fitting(text: str, encoding: str | None) -> str:
    """``text`` without what a stream of this encoding would fail at."""
    return text.encode(encoding or "utf-8", "backslashreplace").decode(encoding or "utf-8")


def _add_step_summary(run: Run) -> None:
    """Append the summary to the file that a GitHub runner names. A run's result does not hang on that."""
    from pip_verify.report.as_github import summary

    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        try:
            with Path(path).open("a", encoding="ascii") as file:
                file.write(summary(run))
        except OSError as error:
            say(f"WARNING the step summary could not be written: {error.strerror}")
