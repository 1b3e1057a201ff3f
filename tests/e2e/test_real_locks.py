"""Lock files of well-known projects, made by the lockers themselves from what these projects publish: ``init`` makes
``check`` green, and each thing that goes wrong turns it red with its own code. A publisher on loopback signs a part.

The package index is asked, as the reader's pip would ask it; nothing of what is locked is downloaded or run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pip_verify.sources.index import Index
from tests.https_world import HttpsWorld
from tests.signer import Signer, key_list, sign_release

ALICE, EVE = Signer.of("alice"), Signer.of("eve")
TIME_LIMIT = 300.0

Make = Callable[[Path, Path], tuple[list[str], Path, tuple[str, ...]]]


@pytest.fixture(scope="module")
def lockers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with uv and pip-compile in it, and with a pip that locks."""
    home = tmp_path_factory.mktemp("lockers")
    run([sys.executable, "-m", "venv", str(home)], home)
    run([str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--upgrade", "pip", "uv", "pip-tools"], home)
    return home / "bin"


def run(command: list[str], where: Path, expect: int = 0, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command with the user's own configuration of pip."""
    done = subprocess.run(
        command,
        cwd=where,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=TIME_LIMIT,
    )
    assert done.returncode == expect, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@dataclass
class Team:
    """A directory with a lock, and the publisher who signs some of it. signed: digests by file name, by release."""

    where: Path
    site: HttpsWorld
    signed: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def command(self, *arguments: str, expect: int = 0) -> str:
        """Run pip-verify; returns what it said."""
        command = [sys.executable, "-m", "pip_verify", *arguments, "--extra-ca", str(self.site.ca_file)]
        done = run(command, self.where, expect, PIP_VERIFY_CACHE_DIR=str(self.where / "cache"), CI="")
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def show(self, *signers: Signer) -> None:
        self.site.put("/keys.json", key_list(*signers), headers={"Cache-Control": "no-store"})

    def sign(self, lock: Path, *projects: str) -> None:
        """Sign all files of these projects that the lock states, whatever their version."""
        text = lock.read_text()
        for project in projects:
            for file in Index().files(project):
                if file.sha256 is not None and file.sha256 in text:
                    self.signed.setdefault((project, file.version), {})[file.filename] = file.sha256
        for (project, version), digests in self.signed.items():
            statement = sign_release([ALICE], digests, project, version)
            self.site.put(f"/releases/{project}/{version}.jws", statement)

    def one_digest(self) -> str:
        """Of a file that is signed."""
        return next(iter(next(iter(self.signed.values())).values()))

    def one_statement(self) -> str:
        """Its path on the site."""
        return next(path for path in self.site.paths() if path.startswith("/releases/"))


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with HttpsWorld() as site:
        found = Team(tmp_path, site)
        found.show(ALICE)
        yield found


def lock_jupyterlab(lockers: Path, where: Path) -> tuple[list[str], Path, tuple[str, ...]]:
    """A requirement file with hashes for every platform, by uv."""
    (where / "requirements.in").write_text("jupyterlab\n")
    options = ["--quiet", "--universal", "--generate-hashes", "-o", "requirements.txt", "requirements.in"]
    run([str(lockers / "uv"), "pip", "compile", *options], where)
    return ["-r", "requirements.txt"], where / "requirements.txt", ("jinja2", "markupsafe", "idna")


def lock_pandas_and_sphinx(lockers: Path, where: Path) -> tuple[list[str], Path, tuple[str, ...]]:
    """uv.lock of an application that uses both."""
    (where / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = ["pandas", "sphinx"]\n'
    )
    run([str(lockers / "uv"), "lock", "--quiet"], where)
    return ["uv.lock"], where / "uv.lock", ("numpy", "markupsafe", "urllib3")


def lock_mkdocs_material(lockers: Path, where: Path) -> tuple[list[str], Path, tuple[str, ...]]:
    """pylock.toml (PEP 751), by pip itself, for this platform."""
    run([str(lockers / "python"), "-m", "pip", "lock", "--quiet", "-o", "pylock.toml", "mkdocs-material"], where)
    return ["pylock.toml"], where / "pylock.toml", ("click", "markdown", "requests")


def lock_datasette(lockers: Path, where: Path) -> tuple[list[str], Path, tuple[str, ...]]:
    """A requirement file with hashes, by pip-compile."""
    (where / "requirements.in").write_text("datasette\n")
    options = ["--quiet", "--generate-hashes", "--strip-extras", "-o", "requirements.txt", "requirements.in"]
    run([str(lockers / "pip-compile"), *options], where)
    return ["-r", "requirements.txt"], where / "requirements.txt", ("click", "pluggy", "uvicorn")


@pytest.mark.parametrize("make", [lock_jupyterlab, lock_pandas_and_sphinx, lock_mkdocs_material, lock_datasette])
def test_green_after_init_and_red_for_each_thing_that_goes_wrong(make: Make, lockers: Path, team: Team) -> None:
    named, lock, projects = make(lockers, team.where)
    team.sign(lock, *projects)
    team.command("pin", *projects, f"--key-list={team.site.url}/keys.json")
    assert f"{len(projects)} decided by you before" in team.command("init", *named)
    written = (team.where / "pip-verify.toml").read_bytes()
    team.command("init", *named)
    assert (team.where / "pip-verify.toml").read_bytes() == written
    assert "refused" not in team.command("check", *named)

    good = lock.read_text()
    for digest in (team.one_digest(), an_exempt_digest(team, good)):
        lock.write_text(good.replace(digest, digest[::-1]))
        assert f"{lock.name}:{line_of(digest[::-1], lock)}" in team.command("check", *named, expect=12)
    lock.write_text(good)

    team.show(EVE)
    team.command("check", *named, expect=11)
    team.show(ALICE)
    dropped = team.one_statement()
    team.site.put(dropped, b"", status=404)
    for entry in (team.where / "cache" / "statements").iterdir():
        entry.unlink()
    assert dropped in team.command("check", *named, expect=10)


def an_exempt_digest(team: Team, lock: str) -> str:
    """A digest of the lock that nobody signed, as the trust file exempts it."""
    trust = (team.where / "pip-verify.toml").read_text()
    return next(digest for digest in map(str, re.findall(r"sha256:([0-9a-f]{64})", trust)) if digest in lock)


def line_of(text: str, file: Path) -> int:
    return next(number for number, line in enumerate(file.read_text().splitlines(), 1) if text in line)
