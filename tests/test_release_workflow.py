"""The example workflow that signs, publishes and uploads: held by linters made for such files, and its scripts run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pip_verify.publish.keyfile import SigningKey, load, store
from pip_verify.publish.keylist import add, init
from tests.https_world import HttpsWorld
from tests.makers import make_sdist, make_wheel
from tests.publish.test_sign import proved
from tests.signer import Signer
from tests.tools import passes, tool

ROOT = Path(__file__).resolve().parent.parent
WORKFLOW = ROOT / "examples" / "release.yml"
ALICE = Signer.of("alice")
PASSPHRASE = "words of the runner"
WHEEL, SDIST = "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"


def jobs() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(WORKFLOW.read_text("utf-8"))["jobs"]
    return found


def scripts() -> list[dict[str, Any]]:
    return [step for job in jobs().values() for step in job["steps"] if "run" in step]


def step_of(name: str) -> dict[str, Any]:
    (found,) = [step for step in scripts() if step["name"] == name]
    return found


# As it is written


def test_it_is_a_workflow_by_its_schema() -> None:
    passes(tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", WORKFLOW)


def test_the_auditor_of_workflows_finds_nothing() -> None:
    """Among others: every action by its commit, the least permissions, each explained."""
    passes(tool("zizmor"), "--offline", "--no-progress", "--pedantic", WORKFLOW)


@pytest.mark.parametrize("number", range(8))
def test_shellcheck_finds_nothing_in_the_scripts(number: int) -> None:
    assert len(scripts()) == 8
    passes(tool("shellcheck"), "--shell=bash", "-", text=scripts()[number]["run"])


def test_nothing_is_interpolated_into_a_script() -> None:
    for step in scripts():
        assert "${{" not in step["run"], step["name"]
        for name in step.get("env", {}):
            assert f"${name}" in step["run"] or name.startswith("PIP_VERIFY_"), name


def test_the_key_is_in_one_step_that_runs_nothing_of_the_project() -> None:
    text = WORKFLOW.read_text("utf-8")
    assert sorted(re.findall(r"secrets\.(\w+)", text)) == ["SIGNING_KEY", "SIGNING_PASSPHRASE"]
    (step,) = [step for step in scripts() if "secrets." in str(step)]
    assert step["name"] == "Sign what was built"
    assert step in jobs()["sign"]["steps"]
    assert jobs()["sign"]["environment"] == "release"
    assert not any("-m build" in step.get("run", "") for step in jobs()["sign"]["steps"])


def test_nothing_is_uploaded_before_its_signatures_can_be_fetched() -> None:
    needs = {name: job.get("needs") for name, job in jobs().items()}
    assert needs == {"build": None, "sign": "build", "site": "sign", "upload": "site"}
    names = [step.get("name") for step in jobs()["upload"]["steps"]]
    assert names[-2:] == ["See the release as its users will", "Upload"]


def test_what_runs_is_locked_by_hash() -> None:
    installs = [line for step in scripts() for line in step["run"].splitlines() if " pip install" in line]
    assert len(installs) == 3
    assert all("--require-hashes -r .github/release-requirements.txt" in line for line in installs)


# Run


class Runner:
    """A runner's directory: what was built, the branch ``signatures``, and pip-verify where the script installs it."""

    def __init__(self, root: Path) -> None:
        self.work, self.temp, self.origin = root / "work", root / "temp", root / "origin.git"
        store(root / "ci.key", ALICE.seed, PASSPHRASE.encode())
        self.key = (root / "ci.key").read_text()
        for name, data in ((WHEEL, make_wheel("demo", "1.0")), (SDIST, make_sdist("demo", "1.0"))):
            (self.work / "dist").mkdir(parents=True, exist_ok=True)
            (self.work / "dist" / name).write_bytes(data)
        command = self.temp / "tool" / "bin" / "pip-verify"
        command.parent.mkdir(parents=True)
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pip_verify "$@"\n')
        command.chmod(0o755)
        self.signatures = self.work / "signatures"
        self.git(root, "init", "--quiet", "--bare", "--initial-branch=signatures", str(self.origin))
        self.git(root, "clone", "--quiet", str(self.origin), str(self.signatures))
        init(self.signatures / "keys.json")
        add(self.signatures / "keys.json", load(root / "ci.key", PASSPHRASE.encode).public, iat=1)
        self.git(self.signatures, "checkout", "--quiet", "-B", "signatures")
        self.git(self.signatures, "add", "keys.json")
        self.git(self.signatures, "-c", "user.name=a", "-c", "user.email=a@localhost", "commit", "-qm", "Key list")
        self.git(self.signatures, "push", "--quiet", "-u", "origin", "signatures")

    def git(self, directory: Path, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=directory, capture_output=True, text=True, check=False)  # noqa: S607
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, name: str, environ: Mapping[str, str] | None = None, *, code: int = 0) -> str:
        """Run a step's script as a runner does; returns all it printed."""
        own = {"PATH": os.environ["PATH"], "HOME": str(self.temp), "PYTHONPATH": str(ROOT), "CI": "true"}
        step = step_of(name)
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]],  # noqa: S607
            cwd=self.work / step.get("working-directory", "."),
            env=own | {"RUNNER_TEMP": str(self.temp), "RELEASE": "v1.0"} | dict(environ or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def sign(self, *, code: int = 0, passphrase: str = "") -> str:
        secrets = {"SIGNING_KEY": self.key, "PIP_VERIFY_PASSPHRASE": passphrase or PASSPHRASE}
        return self.run("Sign what was built", secrets, code=code)


def test_the_scripts_sign_keep_and_publish(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    told = runner.sign()
    assert "demo 1.0, 2 files:" in told
    assert "signatures/releases/demo/1.0.jws" in told
    assert not (runner.temp / "signing.key").exists()
    runner.run("Write the site")
    runner.run("Keep the statement")
    kept = runner.git(runner.origin, "ls-tree", "-r", "--name-only", "signatures").split()
    assert kept == ["keys.json", "releases/demo/1.0.jws"]
    assert runner.git(runner.origin, "log", "-1", "--format=%s", "signatures") == "Sign v1.0\n"
    statement = (runner.work / "site" / "releases" / "demo" / "1.0.jws").read_bytes()
    assert proved(statement, SigningKey(ALICE.seed))
    with HttpsWorld(root=runner.work / "site") as site:
        seen = {"KEY_LIST": f"{site.url}/keys.json", "PIP_VERIFY_EXTRA_CA": str(site.ca_file)}
        assert "2 artifacts: 2 signed" in runner.run("See the release as its users will", seen)


def test_a_second_attempt_changes_nothing(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    for _ in range(2):
        runner.sign()
        runner.run("Keep the statement")
    assert len(runner.git(runner.origin, "log", "--format=%h", "signatures").split()) == 2


def test_a_rebuild_that_differs_is_not_signed(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    runner.sign()
    (runner.work / "dist" / WHEEL).write_bytes(make_wheel("demo", "1.0", {"demo.py": "x = 1"}))
    assert f"a statement that says something else of {WHEEL}" in runner.sign(code=2)


def test_a_wrong_passphrase_ends_the_job_and_leaves_no_key_behind(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    assert "expected the passphrase of this key" in runner.sign(code=2, passphrase="wrong")
    assert not (runner.temp / "signing.key").exists()
    assert not list(runner.signatures.rglob("*.jws"))


def test_nothing_is_uploaded_while_the_site_does_not_have_the_statement(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    sleep = runner.temp / "bin" / "sleep"
    sleep.parent.mkdir()
    sleep.write_text("#!/bin/sh\necho waited $1\n")
    sleep.chmod(0o755)
    with HttpsWorld(root=runner.signatures) as site:
        seen = {"KEY_LIST": f"{site.url}/keys.json", "PIP_VERIFY_EXTRA_CA": str(site.ca_file)}
        seen["PATH"] = f"{sleep.parent}:{os.environ['PATH']}"
        told = runner.run("See the release as its users will", seen, code=1)
    assert re.findall(r"waited (\d+)", told) == ["10", "20", "40", "80", "0"]
