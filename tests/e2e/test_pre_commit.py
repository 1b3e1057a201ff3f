"""The hooks as pre-commit runs them: from a repository, in an environment it makes, on the files of a commit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.tools import tool

ROOT = Path(__file__).resolve().parents[2]
PARTS = (".pre-commit-hooks.yaml", "pyproject.toml", "README.md", "LICENSE", "pip_verify")
TRUST = '[publishers.team]\nkey-list = "https://keys.example/keys.json"\nprojects = ["demo"]\n'
SOUND = "demo==1.0\n    # pip-verify: --signed-by=team\n"


def call(*command: str, cwd: Path, environ: Mapping[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout + done.stderr


class Repository:
    """A git repository whose commits the hooks are run on."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self.path = path
        self.environ = environ
        path.mkdir(exist_ok=True)
        self.git("init", "--quiet")

    def git(self, *arguments: str) -> str:
        code, output = call(tool("git"), *arguments, cwd=self.path, environ=self.environ)
        assert code == 0, output
        return output.strip()

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text, "utf-8")
        self.git("add", "--all")

    def hooks(self, **environ: str) -> tuple[int, str]:
        """Run the hooks on what is staged."""
        return call(tool("pre-commit"), "run", "--color=never", cwd=self.path, environ={**self.environ, **environ})


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A home of its own. pip's settings stay: the environment of the hooks is installed from the real index."""
    home = tmp_path_factory.mktemp("home")
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PIP_VERIFY_"))}
    identity = {f"GIT_{who}_{what}": "x@keys.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    nowhere = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PRE_COMMIT_HOME": str(home)}
    return {**settings, **identity, **nowhere, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def project(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A project that uses the hooks of a repository of ours, whose environment has been installed."""
    ours = Repository(tmp_path_factory.mktemp("pip-verify"), environ)
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, ours.path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, ours.path / name)
    ours.git("add", "--all")
    ours.git("commit", "--quiet", "--message", "all")
    found = Repository(tmp_path_factory.mktemp("project"), environ)
    hooks = "".join(f"      - id: {name}\n" for name in ("pip-verify-lint", "pip-verify-annotate"))
    revision = ours.git("rev-parse", "HEAD")
    found.write(".pre-commit-config.yaml", f"repos:\n  - repo: {ours.path}\n    rev: {revision}\n    hooks:\n{hooks}")
    found.write("pip-verify.toml", TRUST)
    code, output = call(tool("pre-commit"), "install-hooks", cwd=found.path, environ=environ)
    assert code == 0, output
    return found


def test_what_is_in_order_is_committed(project: Repository) -> None:
    project.write("requirements.txt", SOUND)
    code, output = project.hooks()
    assert code == 0, output
    assert output.count("Passed") == 2


def test_what_is_not_is_named_with_its_line_and_without_any_network(project: Repository) -> None:
    project.write("requirements.txt", f"{SOUND}six --hash=sha256:{'ab' * 32}\n--hash=sha256:{'cd' * 32}\n")
    dead = "http://127.0.0.1:9"  # discard: whoever asks it fails
    code, output = project.hooks(https_proxy=dead, http_proxy=dead)
    assert code == 1
    assert "requirements.txt:4: expected a requirement before --hash" in output


def test_a_stale_comment_fails_both_hooks_and_a_missing_one_the_second(project: Repository) -> None:
    project.write("requirements.txt", SOUND.replace("team", "another"))
    assert project.hooks()[1].count("Failed") == 2
    project.write("requirements.txt", "demo==1.0\n")
    code, output = project.hooks()
    assert code == 1
    assert (output.count("Failed"), output.count("Passed")) == (1, 1)
    assert "demo: added --signed-by=team" in output
