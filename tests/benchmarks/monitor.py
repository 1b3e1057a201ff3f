"""``monitor`` of many projects against an index on loopback: wall time, requests and peak memory of whole processes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.pairs import Spent, spend
from tests.e2e.tagged_index import TaggedIndex

FILES = 20  # of each project


@dataclass(frozen=True)
class Figures:
    """What a first and a second run took; asked: requests of each; unchanged: pages of the second not sent again."""

    projects: int
    first: Spent
    second: Spent
    asked: tuple[int, int]
    unchanged: int

    def __str__(self) -> str:
        return (
            f"monitor, {self.projects} projects of {FILES} files: first run {self.first.wall:.2f} s "
            f"({self.asked[0]} requests, peak {self.first.peak / 1024:.0f} MiB), second run {self.second.wall:.2f} s "
            f"({self.asked[1]} requests, {self.unchanged} pages not sent again, peak {self.second.peak / 1024:.0f} MiB)"
        )


class ManyProjects(TaggedIndex):
    """An index whose projects are made of their names as they are asked for, so that it costs next to nothing."""

    def page(self, project: str) -> bytes | None:
        files = {f"{project}-{number}.0.tar.gz": f"{number:064x}" for number in range(FILES)}
        links = [f'<a href="{self.file_url(name)}#sha256={digest}">{name}</a>' for name, digest in files.items()]
        return "\n".join(("<!DOCTYPE html>", *links)).encode()


def watch(work: Path, projects: int, rate: int = 1000) -> Figures:
    """Two runs over so many projects, the first with an empty state. work: an empty directory. rate: as ``--rate``."""
    index = ManyProjects()
    names = work / "names"
    names.write_text("\n".join(f"project{number}x" for number in range(projects)) + "\n")
    command = (
        sys.executable,
        "-m",
        "pip_verify",
        "monitor",
        "--watch-only",
        f"--rate={rate}",
        "--projects",
        str(names),
    )
    with index:
        environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(work),
            "PIP_INDEX_URL": index.url,
            "PIP_CONFIG_FILE": "/dev/null",
        }
        state = ("--state", str(work / "state"))
        first = spend((*command, *state, "--first"), environ)
        asked = len(index.requests)
        second = spend((*command, *state), environ)
        return Figures(projects, first, second, (asked, len(index.requests) - asked), index.unchanged)


def monitor(work: Path) -> None:
    """1,000 projects, and the memory against 200."""
    for projects in (200, 1000):
        directory = work / str(projects)
        directory.mkdir()
        sys.stdout.write(f"{watch(directory, projects)}\n")
