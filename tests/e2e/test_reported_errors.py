"""An error that stops a command is in its report, in every format; no report of an earlier run stays in its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pip_verify.config import OUTPUT_FORMATS
from tests import makers
from tests.e2e.world import ALICE, Result, World
from tests.signer import sha256

WHEEL = makers.wheel_filename("demo", "1.0")


@pytest.fixture
def lock(world: World) -> Path:
    world.publisher.show(ALICE)
    world.trust("demo")
    return world.write("requirements.txt", f"demo==1.0 --hash=sha256:{sha256(world.wheel('demo', '1.0', ALICE))}")


def check(world: World, *arguments: str | Path, **environ: str) -> Result:
    return world.run_as_it_is("check", "--extra-ca", world.publisher.ca_file, *arguments, **environ)


@pytest.mark.parametrize("name", OUTPUT_FORMATS)
def test_a_broken_lock_replaces_the_report_of_the_last_good_run(world: World, lock: Path, name: str) -> None:
    file, summary = world.project / "report", world.root / "summary.md"
    options = ("--format", name, "--output", "report", "-r", lock)
    environ = {"GITHUB_STEP_SUMMARY": str(summary)} if name == "github" else {}
    assert check(world, *options, **environ).code == 0
    green = file.read_text()
    lock.write_text(lock.read_text().replace("sha256:", "sha256:0"))
    result = check(world, *options, **environ)
    assert result.code == 2
    assert result.stderr.count("a hash as sha256:") == 1
    red = file.read_text()
    assert red != green
    assert "requirements.txt:1" in red.replace("%3A", ":")
    if name == "json":
        report = json.loads(red)
        assert (report["exit_code"], [error["family"] for error in report["errors"]]) == (2, ["usage"])
    if name == "junit":
        assert 'errors="1"' in red
    if name == "github":
        assert "::error title=pip-verify::" in red
        assert "stopped by an error" in summary.read_text()


def test_the_error_is_told_once_on_standard_error(world: World, lock: Path) -> None:
    lock.write_text("demo==1.0 --hash=sha256:0\n")
    result = check(world, "-r", lock)
    assert result.code == 2
    assert result.stderr.count("requirements.txt:1") == 1
    assert "next: " in result.stderr


def test_what_stops_other_commands_is_in_their_reports_too(world: World, lock: Path) -> None:
    for command in (("verify", "gone.whl"), ("check", "--installed", "--python", "/nowhere"), ("monitor", "demo")):
        result = world.run_bare(*command)
        assert (result.code, len(result.report["errors"])) == (2, 1), command
    world.save("pip-verify.toml", b"[nonsense]\n")
    for stopped in (("verify", str(lock)), ("install", "demo"), ("check", str(lock)), ("monitor", "--first", "demo")):
        result = world.run_bare(*stopped)
        assert (result.code, len(result.report["errors"])) == (2, 1), stopped


def test_an_output_that_cannot_be_written_is_an_error_of_its_own(world: World, lock: Path) -> None:
    result = check(world, "-r", lock, "--output", "gone/report.json", "--format", "json")
    assert result.code == 2
    assert "gone/report.json" in result.stderr


def test_report_mode_is_named_first_though_an_error_stops_the_run(world: World, lock: Path) -> None:
    """Nobody may take a red run for one that would have stopped what it refuses."""
    named = world.trust("demo", policy=('mode = "report"',))
    lock.write_text("demo==1.0 --hash=sha256:0\n")
    stated = (("--mode", "report"), ("--trust-file", named))
    broken = (("check", lock), ("check", lock, "--installed"), ("verify", "gone.whl"), ("install", "-r", "gone.txt"))
    for command in (*broken, ("install", "demo", "--python", "/nowhere")):
        for mode in stated:
            result = world.run_bare(*command, *mode)
            assert result.code != 0
            assert result.report["mode"] == "report", command
            assert "pip-verify: mode report: " in result.stderr
    named.write_text("[nonsense]\n")
    assert world.run_bare("check", lock, "--mode=report").report["mode"] == "report"
    assert world.run_bare("check", lock, "--mode=enforce").report["mode"] == "enforce"


def test_a_monitor_has_no_report_mode(world: World) -> None:
    result = world.run_bare("monitor", "demo", PIP_VERIFY_MODE="report")
    assert (result.code, result.report["mode"]) == (2, "enforce")


def test_warnings_from_before_the_error_are_told_with_it(world: World) -> None:
    world.trust("demo", "other-*")
    world.write("state", "no data base")
    result = world.run_bare("monitor", "--state", "state", "--extra-ca", world.publisher.ca_file)
    assert (result.code, len(result.report["errors"])) == (2, 1)
    assert result.report["warnings"] == ["a pattern names no project, so it is not watched: other-*"]
