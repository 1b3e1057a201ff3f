"""mode = "report": who can turn it on, what pip then does, and what stays refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import makers
from tests.e2e.world import ALICE, EVE, World, need_lock_files

WHEEL = "demo-1.0-py3-none-any.whl"
SDIST = "demo-1.0.tar.gz"
MODE = 'mode = "report"'
REPORT = "--mode=report"


@pytest.fixture
def unsigned(world: World) -> World:
    """demo 1.0 is on the index, and nobody signed it."""
    world.wheel("demo")
    return world


def reported(world: World, result: Any, code: str, filename: str = WHEEL, **installed: str) -> None:
    """Refused for this reason in the report, whose first line says that it stops nothing; and installed."""
    assert result.code == 0, result.stderr
    assert result.report["mode"] == "report"
    assert result.reasons(filename)[0] == code
    assert result.artifact(filename)["decision"] != "accept"
    first = next(line for line in result.stderr.splitlines() if line.startswith("pip-verify:"))
    assert "mode report" in first
    assert world.target.installed() == installed


# Who can turn it on.


def test_by_the_flag(unsigned: World) -> None:
    reported(unsigned, unsigned.run("install", "demo", REPORT), "PV101", demo="1.0")


def test_by_the_flag_with_its_value_apart(unsigned: World) -> None:
    reported(unsigned, unsigned.run("install", "demo", "--mode", "report"), "PV101", demo="1.0")


def test_by_the_environment(unsigned: World) -> None:
    reported(unsigned, unsigned.run("install", "demo", PIP_VERIFY_MODE="report"), "PV101", demo="1.0")


def test_by_a_trust_file_that_is_named(unsigned: World) -> None:
    unsigned.trust(policy=[MODE])
    result = unsigned.run("install", "demo", "--trust-file=pip-verify.toml")
    reported(unsigned, result, "PV101", demo="1.0")


def test_by_a_trust_file_that_the_environment_names(unsigned: World) -> None:
    unsigned.trust(policy=[MODE])
    result = unsigned.run("install", "demo", PIP_VERIFY_TRUST_FILE="pip-verify.toml")
    reported(unsigned, result, "PV101", demo="1.0")


def test_a_trust_file_that_was_merely_found_cannot(unsigned: World) -> None:
    unsigned.trust(policy=[MODE])
    result = unsigned.run("install", "demo")
    unsigned.refused(result, 2)
    assert "--mode=report" in result.stderr


def test_a_pyproject_that_was_merely_found_cannot(unsigned: World) -> None:
    unsigned.write("pyproject.toml", "[tool.pip-verify.policy]", MODE)
    unsigned.refused(unsigned.run("install", "demo"), 2)


@pytest.mark.parametrize("mode", ["report", "enforce"])
def test_a_trust_file_that_was_found_and_a_word_of_the_users(unsigned: World, mode: str) -> None:
    unsigned.trust(policy=[MODE])
    result = unsigned.run("install", "demo", f"--mode={mode}")
    if mode == "report":
        reported(unsigned, result, "PV101", demo="1.0")
    else:
        unsigned.refused(result, 10, "PV101", filename=WHEEL)


def test_enforcing_wins_over_a_file_that_is_named(unsigned: World) -> None:
    path = unsigned.trust(policy=[MODE])
    result = unsigned.run("install", "demo", f"--trust-file={path}", PIP_VERIFY_MODE="enforce")
    unsigned.refused(result, 10, "PV101", filename=WHEEL)


def test_the_flag_wins_over_the_environment(unsigned: World) -> None:
    result = unsigned.run("install", "demo", "--mode=enforce", PIP_VERIFY_MODE="report")
    unsigned.refused(result, 10, "PV101", filename=WHEEL)


@pytest.mark.parametrize("value", ["Report", "audit", "--mode"])
def test_another_word_is_an_error(unsigned: World, value: str) -> None:
    unsigned.refused(unsigned.run("install", "demo", f"--mode={value}"), 2)


def test_a_requirement_file_cannot(unsigned: World) -> None:
    unsigned.write("requirements.txt", "--mode=report", "demo")
    result = unsigned.run("install", "-r", "requirements.txt")
    assert result.code != 0
    assert unsigned.target.untouched()


# What pip then does.


def test_a_bad_signature_is_installed_and_told(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    world.index.add(WHEEL, makers.make_wheel("demo", "1.0", files={"demo/__init__.py": "other = 1"}))
    result = world.run("install", "demo", world.publisher.pin, REPORT)
    reported(world, result, "PV302", demo="1.0")


def test_a_strangers_signature_is_installed_and_told(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", EVE)
    reported(world, world.run("install", "demo", world.publisher.pin, REPORT), "PV201", demo="1.0")


def test_what_could_not_be_reached_is_installed_and_told(unsigned: World) -> None:
    result = unsigned.run("install", "demo", "--key-list=https://localhost:9/keys.json", REPORT)
    reported(unsigned, result, "PV501", demo="1.0")


def test_an_sdist_is_built_and_its_wheel_is_not_called_accepted(world: World) -> None:
    world.sdist("demo")
    result = world.run("install", "demo", REPORT)
    reported(world, result, "PV101", SDIST, demo="1.0")
    assert result.reasons(WHEEL) == ["PV101"]
    assert world.executed == ["demo"]


def test_an_sdist_whose_build_dependency_is_unsigned(world: World) -> None:
    world.wheel("helper")
    world.sdist("demo", build_requires=["helper"], on_import="import helper")
    result = world.run("install", "demo", REPORT)
    reported(world, result, "PV101", SDIST, demo="1.0")
    assert result.reasons("helper-1.0-py3-none-any.whl") == ["PV101"]


def test_a_url_without_a_name(world: World) -> None:
    world.sdist("demo")
    result = world.run("install", world.index.file_url(SDIST), REPORT)
    reported(world, result, "PV106", SDIST, demo="1.0")


def test_a_directory_that_policy_denies(world: World) -> None:
    path = world.trust(policy=['local = "deny"'])
    world.unpack(makers.make_sdist("own", "1.0"), "own")
    result = world.run("install", "./own", f"--trust-file={path}", REPORT)
    assert result.code == 0, result.stderr
    assert world.target.installed() == {"own": "1.0"}
    assert "PV105" in result.stderr


def test_a_wheel_that_the_strict_reader_refuses(world: World) -> None:
    world.publisher.show(ALICE)
    data = makers.make_wheel("demo", "1.0") + b"hidden"
    world.index.add(WHEEL, data)
    world.publisher.release("demo", "1.0", {WHEEL: data}, ALICE)
    result = world.run("install", "demo", world.publisher.pin, REPORT)
    reported(world, result, "PV305", demo="1.0")


@pytest.mark.parametrize("command", [("download", "-d", "dest"), ("wheel", "-w", "dest")], ids=["download", "wheel"])
def test_files_are_saved(unsigned: World, command: tuple[str, ...]) -> None:
    result = unsigned.run(*command, "demo", REPORT)
    reported(unsigned, result, "PV101")
    assert (unsigned.project / "dest" / WHEEL).exists()


def test_a_lock_is_written(unsigned: World) -> None:
    need_lock_files()
    result = unsigned.run("lock", "-o", "pylock.toml", "demo", REPORT)
    reported(unsigned, result, "PV101")
    assert (unsigned.project / "pylock.toml").exists()


def test_verify_ends_well_and_tells(unsigned: World) -> None:
    path = unsigned.save(WHEEL, unsigned.index.files[WHEEL].data)
    reported(unsigned, unsigned.run("verify", path, REPORT), "PV101")


def test_pips_own_failure_is_passed_on(unsigned: World) -> None:
    assert unsigned.run("install", "demo", "absent", REPORT).code == 1


def test_what_is_accepted_stays_accepted(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    result = world.run("install", "demo", world.publisher.pin, REPORT)
    world.installed_as(result, demo="1.0")
    assert result.reasons(WHEEL) == ["PV001"]


def test_a_run_with_a_refusal_records_no_first_use(world: World) -> None:
    path = world.trust(policy=['first-use = "record"'])
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE, metadata_extra=f"Project-URL: Key-List, {world.publisher.list_url}\n")
    world.wheel("other")
    result = world.run("install", "demo", "other", f"--trust-file={path}", REPORT)
    assert result.code == 0, result.stderr
    assert world.target.installed() == {"demo": "1.0", "other": "1.0"}
    assert not (world.project / "pip-verify.lock").exists()


# What stays refused.


def test_bytes_that_change_after_they_were_judged(world: World) -> None:
    """A build backend, which runs as the user, puts another wheel in the place of one that was judged."""
    find = "import glob, os, tempfile"
    swap = (
        f"[open(path, 'ab').write(b'x') for path in glob.glob(tempfile.gettempdir() + '/**/{WHEEL}', recursive=True)]"
    )
    world.wheel("demo")
    world.sdist("app", requires=["demo"], on_import=f"{find}; {swap}")
    temporary = world.root / "temporary"
    temporary.mkdir()
    result = world.run("install", "demo", "app", REPORT, TMPDIR=str(temporary))
    assert result.code == 12, result.stderr
    assert "PV308" in result.stderr
    assert world.target.untouched(), world.target.installed()


def test_an_option_that_gets_round_verification(unsigned: World) -> None:
    result = unsigned.run("install", "demo", "--use-feature=fast-deps", REPORT)
    unsigned.refused(result, 2)
    assert "fast-deps" in result.stderr


def test_a_requirement_file_that_reads_in_two_ways(unsigned: World) -> None:
    Path(unsigned.project, "requirements.txt").write_bytes(b"demo # \xe2\x80\xa8other\n")
    result = unsigned.run("install", "-r", "requirements.txt", REPORT)
    unsigned.refused(result, 2)


def test_a_torn_lock_of_first_uses(unsigned: World) -> None:
    path = unsigned.trust(policy=['first-use = "record"', MODE])
    unsigned.write("pip-verify.lock", "version = 1")
    unsigned.refused(unsigned.run("install", "demo", f"--trust-file={path}"), 2)


def test_pips_own_hash_check(world: World) -> None:
    world.wheel("demo", stated="wrong")
    result = world.run("install", "demo", REPORT)
    assert result.code != 0, result.stderr
    assert world.target.untouched()
