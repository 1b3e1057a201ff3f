"""The steps of ``action.yml``, run in bash as a runner runs them, against a publisher on loopback.

The install step asks the real index, as a runner does: once. All tests here check with the interpreter it makes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import makers
from tests.e2e.world import ALICE, World
from tests.signer import sha256

ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
PARTS = ("action.yml", "pyproject.toml", "README.md", "LICENSE", "pip_verify", ".github")
WHEEL = makers.wheel_filename("demo", "1.0")

BASH = shutil.which("bash") or ""

pytestmark = pytest.mark.skipif(not BASH, reason="bash is not here")


@dataclass(frozen=True)
class Step:
    """How a step ended. log: what it printed, both streams as a runner has them; summary: its step summary."""

    code: int
    log: str
    outputs: Mapping[str, str]
    summary: str


class Runner:
    """A runner's environment for one job. root: its directory; action: the action's checkout."""

    def __init__(self, root: Path, action: Path) -> None:
        self.temp = root / "runner temp"
        self.temp.mkdir(parents=True)
        self.root = root
        self.action = action

    def run(self, step_id: str, cwd: Path, environ: Mapping[str, str], installed: str, **inputs: str) -> Step:
        """Run one step. inputs: by name, with "_" for "-"; the others have their defaults."""
        step = next(step for step in ACTION["runs"]["steps"] if step["id"] == step_id)
        script, output, summary = (self.root / name for name in ("script.sh", "output", "summary.md"))
        script.write_text(step["run"], "utf-8")
        for path in (output, summary):
            path.write_bytes(b"")
        own = {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            "RUNNER_TEMP": str(self.temp),
        }
        done = subprocess.run(
            [BASH, "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=cwd,
            env={**environ, **own, **_resolved(step["env"], inputs, installed)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=300,
        )
        outputs = dict(line.split("=", 1) for line in output.read_text("utf-8").splitlines())
        return Step(done.returncode, done.stdout, outputs, summary.read_text("utf-8"))


def _resolved(env: Mapping[str, str], inputs: Mapping[str, str], installed: str) -> dict[str, str]:
    """A step's ``env`` with its expressions replaced, as a runner does it."""
    given = {name: str(spec["default"]) for name, spec in ACTION["inputs"].items()}
    given |= {name.replace("_", "-"): value for name, value in inputs.items()}

    def value(match: re.Match[str]) -> str:
        return installed if match[1] == "steps.install.outputs.python" else given[match[1].removeprefix("inputs.")]

    return {name: re.sub(r"\$\{\{ (\S+) \}\}", value, text) for name, text in env.items()}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a runner unpacks: the files of the action's repository, in a path with a blank."""
    target = tmp_path_factory.mktemp("the action")
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / name)
    return target


@pytest.fixture(scope="module")
def installed(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The interpreter that the install step made, in a directory full of traps."""
    before = sorted(checkout.rglob("*"))
    traps = tmp_path_factory.mktemp("traps")
    for name in ("venv", "pip", "ensurepip", "pip_verify", "secrets"):
        (traps / f"{name}.py").write_text(f"raise SystemExit('{name} of the checkout was run')\n", "utf-8")
    runner = Runner(tmp_path_factory.mktemp("job"), checkout)
    environ = {name: value for name, value in os.environ.items() if name != "PIP_REQUIRE_VIRTUALENV"}
    step = runner.run("install", traps, environ | {"PYTHONPATH": str(traps)}, "", python=sys.executable)
    assert step.code == 0, step.log
    assert sorted(checkout.rglob("*")) == before
    return step.outputs["python"]


@pytest.fixture
def runner(tmp_path: Path, checkout: Path) -> Runner:
    return Runner(tmp_path / "job", checkout)


@pytest.fixture
def job(world: World, runner: Runner, installed: str) -> Any:
    """demo 1.0, signed and locked with a trust file; returns what runs the check step there."""
    world.publisher.show(ALICE)
    world.trust("demo")
    data = world.wheel("demo", "1.0", ALICE)
    world.write("requirements.txt", "demo==1.0 \\", f"    --hash=sha256:{sha256(data)}")

    def check(**inputs: str) -> Step:
        environ = world.environ(PIP_VERIFY_EXTRA_CA=str(world.publisher.ca_file))
        return runner.run("check", world.project, environ, installed, **inputs)

    return check


def tamper(world: World) -> None:
    """Lock other bytes than those that were signed."""
    world.write("requirements.txt", "demo==1.0 \\", f"    --hash=sha256:{'ab' * 32}")


def test_what_is_signed_passes_and_the_summary_says_so(job: Any) -> None:
    step = job()
    assert step.code == 0, step.log
    assert step.outputs == {"exit-code": "0", "report": ""}
    assert "everything was accepted" in step.summary
    assert "::error" not in step.log


def test_what_was_tampered_with_fails_with_an_annotation_at_its_line(job: Any, world: World) -> None:
    tamper(world)
    step = job()
    assert step.code == 12
    assert step.outputs == {"exit-code": "12", "report": ""}
    assert re.search(r"^::error file=requirements\.txt,line=\d,title=PV", step.log, re.MULTILINE)
    assert "REFUSED" in step.summary


def test_a_sarif_file_is_written_whatever_the_result(job: Any, world: World) -> None:
    tamper(world)
    step = job(format="sarif")
    assert step.code == 12
    assert step.outputs == {"exit-code": "12", "report": "pip-verify.sarif"}
    sarif = json.loads((world.project / "pip-verify.sarif").read_bytes())
    assert sarif["version"] == "2.1.0"
    assert sarif["runs"][0]["results"]
    assert step.summary.startswith("## pip-verify check: exit code 12\n\n    pip-verify: REFUSED")


@pytest.mark.parametrize(
    ("format_name", "ending"), [("json", "json"), ("junit", "xml"), ("html", "html"), ("text", "txt")]
)
def test_each_format_has_a_file_of_its_own(format_name: str, ending: str, job: Any, world: World) -> None:
    step = job(format=format_name)
    assert (step.code, step.outputs["report"]) == (0, f"pip-verify.{ending}")
    assert (world.project / f"pip-verify.{ending}").stat().st_size > 0


def test_the_report_goes_where_it_is_told(job: Any, world: World) -> None:
    (world.project / "out").mkdir()
    assert job(format="sarif", output="out/my report.sarif").outputs["report"] == "out/my report.sarif"
    assert (world.project / "out" / "my report.sarif").exists()


def test_the_log_cannot_be_made_to_hold_a_workflow_command(job: Any, world: World) -> None:
    tamper(world)
    log = job(format="json").log
    (token,) = re.findall(r"^::stop-commands::([0-9a-f]{32})$", log, re.MULTILINE)
    assert log.index("::stop-commands::") < log.index("REFUSED") < log.index(f"\n::{token}::\n")


@pytest.mark.parametrize("value", ["$(touch executed)`touch executed`'; touch executed; \"", "--help"])
@pytest.mark.parametrize("name", ["files", "trust_file", "mode", "min_coverage", "format", "output"])
def test_no_input_is_ever_run_as_code_or_read_as_an_option(name: str, value: str, job: Any, world: World) -> None:
    step = job(**({"format": "json"} if name == "output" else {}), **{name: value})
    assert not (world.project / "executed").exists()
    assert step.code == (0 if name == "output" else 2), step.log
    assert "show this help" not in step.log
    assert step.outputs["exit-code"] == str(step.code)


def test_several_files_may_be_named_with_blanks_and_empty_lines(job: Any, world: World) -> None:
    lock = (world.project / "requirements.txt").read_text("utf-8")
    world.write("with blank.txt", *lock.splitlines())
    step = job(files="requirements.txt\n\r\nwith blank.txt\n")
    assert step.code == 0, step.log
    assert job(files="requirements.txt\nmissing.txt").code == 2


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"files": "\n"}, "files: expected one path on each line"),
        ({"format": "yaml"}, "format: expected github"),
        ({"output": "x.txt"}, "output: expected another format than github"),
        ({"format": "json", "output": "a\nb"}, "output: expected one path"),
    ],
)
def test_inputs_that_make_no_sense_are_an_error(inputs: dict[str, str], message: str, job: Any) -> None:
    step = job(**inputs)
    assert (step.code, step.outputs) == (2, {"exit-code": "2", "report": ""})
    assert f"::error title=pip-verify::{message}" in step.log


def test_report_mode_fails_nothing_and_says_so(job: Any, world: World) -> None:
    tamper(world)
    step = job(mode="report")
    assert step.code == 0, step.log
    assert "::error" not in step.log
    assert "::warning file=requirements.txt" in step.log


def test_the_trust_file_and_the_least_coverage_reach_the_check(job: Any, world: World) -> None:
    world.write("elsewhere.toml", *(world.project / "pip-verify.toml").read_text("utf-8").splitlines())
    (world.project / "pip-verify.toml").unlink()
    assert job().code == 10
    assert job(trust_file="elsewhere.toml", min_coverage="100").code == 0
    assert job(trust_file="elsewhere.toml", min_coverage="101").code == 2


def test_a_checkout_full_of_traps_is_not_imported_from(job: Any, world: World) -> None:
    for name in ("pip_verify", "secrets", "json", "argparse"):
        world.write(f"{name}.py", "raise SystemExit('trapped')")
    assert job().code == 0
    assert "trapped" not in job(format="sarif").log
