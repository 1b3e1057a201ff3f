"""Timing whole processes in pairs, and the table that shows the ratios."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spent:
    """What one process (with the children it waited for) took. wall, cpu: seconds; peak: KiB of the largest process."""

    wall: float
    cpu: float
    peak: int


def spend(command: Sequence[str], environ: Mapping[str, str], *, expect: int = 0) -> Spent:
    """Run a command to its end; its output is thrown away unless it ends with another code than ``expect``."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=dict(environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != expect:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{output[-4000:]}")
    return Spent(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)


@dataclass(frozen=True)
class Ratio:
    """Paired runs of ours and theirs. figure: which of ``Spent`` was compared."""

    name: str
    figure: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    limit: float

    def __str__(self) -> str:
        ratios = [mine / yours for mine, yours in zip(self.ours, self.theirs, strict=True)]
        middle = statistics.median(ratios)
        return (
            f"{self.name}: {self.figure} ratio median {middle:.2f} (min {min(ratios):.2f}, max {max(ratios):.2f}, "
            f"n={len(ratios)}; limit {self.limit:.2f} {'met' if middle <= self.limit else 'NOT MET'}); "
            f"medians {statistics.median(self.ours):.3f} s against {statistics.median(self.theirs):.3f} s"
        )


def compare(
    name: str,
    ours: Callable[[], Spent],
    theirs: Callable[[], Spent],
    *,
    limit: float,
    rounds: int = 5,
    figure: str = "wall",
) -> Ratio:
    """Run both in turn, once to warm up and ``rounds`` times counted; prints and returns the ratio."""
    pairs = [(ours(), theirs()) for _ in range(rounds + 1)][1:]
    mine, yours = zip(*((getattr(first, figure), getattr(second, figure)) for first, second in pairs), strict=True)
    ratio = Ratio(name, figure, tuple(mine), tuple(yours), limit)
    sys.stdout.write(f"{ratio}\n")
    sys.stdout.flush()
    return ratio
