"""``pip-verify monitor``: what an index serves against what was signed, and against what it served before."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.monitor import watch as watch_many
from tests.e2e.tagged_index import TaggedIndex
from tests.e2e.world import ALICE, BOB, TIME_LIMIT, Publisher, Result, World
from tests.https_world import Answer, HttpsWorld
from tests.makers import make_wheel, sdist_filename, wheel_filename
from tests.signer import key_list, sha256, sign_release

WHEEL = wheel_filename("demo", "1.0")
FAST = ("--rate", "1000")


@pytest.fixture
def index() -> Iterator[TaggedIndex]:
    index = TaggedIndex()
    with index:
        yield index


@pytest.fixture
def world(tmp_path: Path, index: TaggedIndex) -> Iterator[World]:
    with HttpsWorld() as site:
        yield World(tmp_path, index, Publisher(site))


def monitor(world: World, *arguments: str | Path, **environ: str) -> Result:
    return world.run_bare(
        "monitor", *arguments, *FAST, "--state", "state", "--extra-ca", world.publisher.ca_file, **environ
    )


def watch(world: World, *arguments: str | Path) -> Result:
    return monitor(world, "demo", "--watch-only", *arguments)


def codes(result: Result) -> dict[str, list[str]]:
    """The ids of the reasons of each alarm, by what it is about."""
    return {
        entry["filename"]: [reason["id"] for reason in entry["reasons"]]
        for entry in result.report["artifacts"]
        if entry["decision"] != "accept"
    }


def accept_as_told(world: World, result: Result) -> Result:
    """Run the command that the only alarm of a report names."""
    (hint,) = [entry["reasons"][0]["hint"] for entry in result.report["artifacts"] if entry["decision"] != "accept"]
    found = re.search(r"--accept (\S+) (\S+) --sha256=(\S+)", hint)
    assert found, hint
    project, filename, digest = found.groups()
    done = monitor(world, "--accept", project, filename.strip("'"), f"--sha256={digest}", "--why=meant", "--who=ann")
    assert done.code == 0, done.stderr
    return done


def is_quiet(result: Result) -> None:
    assert (result.code, codes(result)) == (0, {}), result.stderr


# Nobody's signature: known hashes, and a complaint if they ever change.


def test_the_first_run_records_and_the_second_is_quiet_and_asks_conditionally(world: World, index: TaggedIndex) -> None:
    world.wheel("demo")
    world.sdist("demo")
    first = watch(world, "--first")
    is_quiet(first)
    assert "recorded for the first time: 2 files of 1 projects" in first.stderr
    assert index.unchanged == 0
    second = watch(world)
    is_quiet(second)
    assert "for the first time" not in second.stderr
    assert index.unchanged == 1
    assert all(agent.startswith("pip-verify/") for agent in index.agents)
    (entry,) = second.report["artifacts"]
    assert (entry["filename"], entry["accepted_by"], entry["reasons"][0]["id"]) == ("demo (2 files)", "hash", "PV008")
    assert index.asked_for(WHEEL) == 0


def test_a_changed_digest_is_an_alarm_until_somebody_accepts_it(world: World, index: TaggedIndex) -> None:
    old = sha256(world.wheel("demo"))
    watch(world, "--first")
    new = index.replace(WHEEL, make_wheel("demo", "1.0", {"demo/evil.py": ""}))
    for _ in range(2):
        result = watch(world)
        assert (result.code, codes(result)) == (12, {WHEEL: ["PV313"]})
        reason = result.artifact(WHEEL)["reasons"][0]
        assert (old in reason["expected"], new in reason["got"]) == (True, True)
    accept_as_told(world, result)
    is_quiet(watch(world))
    with contextlib.closing(sqlite3.connect(world.project / "state")) as database, database:
        rows = database.execute("SELECT who, why, code, before, after FROM decision").fetchall()
    assert rows == [("ann", "meant", "PV313", old, f"sha256:{new}")]


def test_a_change_that_was_taken_back_stays_an_alarm(world: World, index: TaggedIndex) -> None:
    data = world.wheel("demo")
    watch(world, "--first")
    index.replace(WHEEL, b"other")
    assert watch(world).code == 12
    index.replace(WHEEL, data)
    result = watch(world)
    assert (result.code, codes(result)) == (12, {WHEEL: ["PV313"]})
    assert "as recorded again" in result.artifact(WHEEL)["reasons"][0]["got"]
    accept_as_told(world, result)
    is_quiet(watch(world))


def test_only_the_digest_that_was_looked_at_can_be_accepted(world: World, index: TaggedIndex) -> None:
    world.wheel("demo")
    watch(world, "--first")
    seen = index.replace(WHEEL, b"one")
    watch(world)
    other = index.replace(WHEEL, b"two")
    watch(world)
    third = sha256(b"three")
    refused = monitor(world, "--accept", "demo", WHEEL, f"--sha256={third}", "--why=x")
    assert refused.code == 2
    assert all(digest in refused.stderr for digest in (seen, other))
    assert monitor(world, "--accept", "demo", WHEEL, f"--sha256={other}", "--why=x", "--who=ann").code == 0
    is_quiet(watch(world))


def test_a_file_that_is_gone_is_an_alarm_and_may_not_come_back_with_other_bytes(
    world: World, index: TaggedIndex
) -> None:
    world.wheel("demo")
    world.sdist("demo")
    watch(world, "--first")
    del index.files[WHEEL]
    result = watch(world)
    assert (result.code, codes(result)) == (12, {WHEEL: ["PV314"]})
    accept_as_told(world, result)
    is_quiet(watch(world))
    index.replace(WHEEL, b"resurrected")
    result = watch(world)
    assert (result.code, codes(result)) == (12, {WHEEL: ["PV313"]})


def test_a_project_that_is_gone_while_the_index_answers_is_an_alarm(world: World, index: TaggedIndex) -> None:
    world.wheel("demo")
    world.sdist("demo")
    watch(world, "--first")
    index.files.clear()
    result = watch(world)
    assert (result.code, codes(result)) == (12, {"demo (2 files)": ["PV314"]})
    accept_as_told(world, result)
    result = watch(world)
    is_quiet(result)
    assert "on no index, so nothing of them is watched: demo" in result.stderr


@pytest.mark.parametrize("status", [404, 403])
def test_an_index_that_knows_nothing_at_all_has_deleted_nothing(world: World, index: TaggedIndex, status: int) -> None:
    world.wheel("demo")
    watch(world, "--first")
    index.statuses["*"] = status
    result = watch(world)
    assert (result.code, codes(result)) == (14, {"demo (1 file)": ["PV502"]})
    index.statuses.clear()
    is_quiet(watch(world))


def test_a_server_error_is_never_a_deletion_and_is_asked_again_after_what_it_says(
    world: World, index: TaggedIndex
) -> None:
    world.wheel("demo")
    watch(world, "--first")
    index.statuses["demo"], index.headers = 503, {"Retry-After": "1"}
    before = len(index.requests)
    result = watch(world)
    assert (result.code, codes(result)) == (14, {"demo (1 file)": ["PV502"]})
    assert len(index.requests) - before == 4
    assert result.seconds > 3
    index.headers = {"Retry-After": "100000"}
    assert watch(world).code == 14
    assert len(index.requests) - before == 5


def test_a_yanked_file_is_an_alarm(world: World, index: TaggedIndex) -> None:
    world.wheel("demo")
    watch(world, "--first")
    index.yanked.add(WHEEL)
    result = watch(world)
    assert (result.code, codes(result)) == (12, {WHEEL: ["PV315"]})
    accept_as_told(world, result)
    is_quiet(watch(world))
    index.yanked.clear()
    assert codes(watch(world)) == {WHEEL: ["PV315"]}


def test_a_new_release_is_recorded_and_watched(world: World, index: TaggedIndex) -> None:
    world.wheel("demo")
    watch(world, "--first")
    world.wheel("demo", "2.0")
    is_quiet(watch(world))
    index.replace(wheel_filename("demo", "2.0"), b"other")
    assert codes(watch(world)) == {wheel_filename("demo", "2.0"): ["PV313"]}


def test_a_file_without_a_stated_digest_is_not_decided(world: World) -> None:
    world.wheel("demo", stated="none")
    assert (watch(world, "--first").code, watch(world).code) == (14, 14)
    assert codes(watch(world)) == {WHEEL: ["PV503"]}


def test_names_that_no_index_knows_are_not_taken_for_quiet_ones(world: World) -> None:
    result = watch(world, "--first")
    assert (result.code, [error["exit_code"] for error in result.report["errors"]]) == (14, [14])


def test_an_index_on_disk_is_watched_too(world: World) -> None:
    page = world.save("simple/demo/index.html", f'<a href="{WHEEL}#sha256={"0" * 64}">{WHEEL}</a>'.encode())
    other = world.save("simple/other/index.html", f'<a href="other-1.0.tar.gz#sha256={"1" * 64}">x</a>'.encode())
    index = ("--index-url", page.parent.parent.as_uri())
    assert other.exists()
    is_quiet(watch(world, *index, "--first"))
    page.unlink()
    page.parent.rmdir()
    result = watch(world, *index)
    assert (result.code, codes(result)) == (12, {"demo (1 file)": ["PV314"]})


# Signed: against the publisher's own copies and what is published.


@pytest.fixture
def team(world: World) -> World:
    """A publisher with one release on the index, its statement published and kept in ``releases``."""
    world.publisher.show(ALICE)
    data = world.wheel("demo")
    keep(world, "1.0", world.publisher.release("demo", "1.0", {WHEEL: data}, ALICE))
    world.trust("demo")
    assert data
    return world


def keep(world: World, version: str, statement: bytes) -> None:
    world.save(f"releases/demo/{version}.jws", statement)


def ours(world: World, *arguments: str | Path) -> Result:
    return monitor(world, "--releases", "releases", *arguments)


def test_a_signed_release_is_quiet_and_its_statement_is_asked_for_conditionally(team: World) -> None:
    statement = (team.project / "releases/demo/1.0.jws").read_bytes()
    team.publisher.serve("/releases/demo/1.0.jws", statement, etag='"one"')
    first = ours(team, "--first")
    is_quiet(first)
    (entry,) = first.report["artifacts"]
    assert (entry["accepted_by"], entry["publishers"]) == ("signature", ["team"])
    is_quiet(ours(team))
    asked = [seen for seen in team.publisher.site.requests if seen.path == "/releases/demo/1.0.jws"]
    assert [seen.headers.get("if-none-match") for seen in asked] == [None, '"one"']


def test_pins_of_the_command_line_need_no_trust_file(team: World) -> None:
    (team.project / "pip-verify.toml").unlink()
    is_quiet(ours(team, "demo", team.publisher.pin, "--first"))
    result = ours(team, "demo")
    assert codes(result) == {WHEEL: ["PV101"]}


def test_a_release_that_nobody_signed_is_an_alarm_until_it_is_signed(team: World) -> None:
    ours(team, "--first")
    data = team.wheel("demo", "2.0")
    name = wheel_filename("demo", "2.0")
    for _ in range(2):
        result = ours(team)
        assert (result.code, codes(result)) == (10, {name: ["PV102"]})
    keep(team, "2.0", team.publisher.release("demo", "2.0", {name: data}, ALICE))
    is_quiet(ours(team))


def test_a_file_that_somebody_added_to_a_signed_release_is_an_alarm(team: World) -> None:
    ours(team, "--first")
    team.sdist("demo")
    result = ours(team)
    assert (result.code, codes(result)[sdist_filename("demo", "1.0")][0]) == (12, "PV303")


def test_other_bytes_under_a_signed_name_are_an_alarm_in_the_first_run_too(team: World, index: TaggedIndex) -> None:
    index.replace(WHEEL, make_wheel("demo", "1.0", {"demo/evil.py": ""}))
    result = ours(team, "--first")
    assert (result.code, codes(result)[WHEEL][0]) == (12, "PV302")


def test_a_signed_file_that_was_replaced_and_signed_again_is_an_alarm_all_the_same(
    team: World, index: TaggedIndex
) -> None:
    ours(team, "--first")
    new = make_wheel("demo", "1.0", {"demo/more.py": ""})
    index.replace(WHEEL, new)
    keep(team, "1.0", team.publisher.release("demo", "1.0", {WHEEL: new}, ALICE))
    result = ours(team)
    assert (result.code, codes(result)) == (12, {WHEEL: ["PV313"]})
    accept_as_told(team, result)
    is_quiet(ours(team))


def test_what_was_signed_and_is_not_on_the_index_is_an_alarm(team: World, index: TaggedIndex) -> None:
    data = make_wheel("demo", "2.0")
    keep(team, "2.0", team.publisher.release("demo", "2.0", {wheel_filename("demo", "2.0"): data}, ALICE))
    result = ours(team, "--first")
    assert (result.code, codes(result)) == (12, {wheel_filename("demo", "2.0"): ["PV317"]})
    accept_as_told(team, result)
    is_quiet(ours(team))
    index.add(wheel_filename("demo", "2.0"), data)
    is_quiet(ours(team))


def test_a_statement_by_a_stranger_is_an_alarm(team: World) -> None:
    ours(team, "--first")
    team.publisher.show(BOB)
    assert ours(team).code == 11


def test_a_published_statement_that_is_not_ours_is_an_alarm(team: World) -> None:
    ours(team, "--first")
    statement = sign_release((ALICE, BOB), {WHEEL: sha256(team.index.files[WHEEL].data)}, "demo", "1.0")
    team.publisher.state("demo", "1.0", statement)
    result = ours(team)
    assert (result.code, codes(result)) == (12, {"demo/1.0.jws": ["PV316"]})


def test_a_statement_that_is_not_published_is_an_alarm(team: World) -> None:
    ours(team, "--first")
    team.publisher.site.answer("/releases/demo/1.0.jws", Answer(status=404, body=b""))
    result = ours(team)
    assert (result.code, codes(result)) == (12, {"demo/1.0.jws": ["PV316"]})


def test_statements_that_cannot_be_reached_are_told_as_that(team: World) -> None:
    ours(team, "--first")
    team.publisher.site.answer("/releases/demo/1.0.jws", Answer(status=500, body=b""))
    result = ours(team)
    assert (result.code, codes(result)) == (14, {"demo/1.0.jws": ["PV502"]})


def test_our_own_statement_that_is_torn_is_an_alarm(team: World) -> None:
    ours(team, "--first")
    keep(team, "1.0", b'{"payload": ')
    result = ours(team)
    assert (result.code, codes(result)["demo/1.0.jws"]) == (12, ["PV304"])


def test_what_a_file_system_leaves_beside_a_statement_is_none(team: World) -> None:
    team.save("releases/demo/._1.0.jws", b"\0\5\26\7")
    is_quiet(ours(team, "--first"))


def test_own_statements_that_cannot_be_read_are_not_taken_for_none(team: World) -> None:
    (team.project / "releases").rename(team.project / "away")
    team.save("releases/demo", b"")
    result = ours(team, "--first")
    assert result.code == 2
    (error,) = result.report["errors"]
    assert error["subject"] == "releases/demo"
    assert (error["expected"], error["got"]) == ("a directory of release statements", "Not a directory")


def test_our_own_statement_for_another_release_is_an_alarm(team: World) -> None:
    keep(team, "2.0", (team.project / "releases/demo/1.0.jws").read_bytes())
    result = ours(team, "--first")
    assert (result.code, codes(result)) == (12, {"demo/2.0.jws": ["PV303"]})


def test_a_template_that_leads_nowhere_is_no_sign_of_being_unsigned(team: World) -> None:
    ours(team, "--first")
    team.publisher.show(ALICE, releases="http://keys.example/{version}.jws")
    result = ours(team)
    assert (result.code, codes(result)) == (14, {"demo/1.0.jws": ["PV502"]})


def test_a_key_list_that_cannot_be_reached_is_told_once_and_hides_no_change(team: World, index: TaggedIndex) -> None:
    ours(team, "--first")
    team.publisher.site.answer("/keys.json", Answer(status=500, body=b""))
    result = ours(team)
    assert (result.code, codes(result)) == (14, {"demo (1 file)": ["PV501"]})
    assert [error["exit_code"] for error in result.report["errors"]] == [14]
    index.replace(WHEEL, b"other")
    result = ours(team)
    assert (result.code, codes(result)[WHEEL]) == (12, ["PV313"])


def test_the_served_key_list_is_compared_with_the_local_one(team: World) -> None:
    team.save("keys.json", key_list(ALICE))
    is_quiet(ours(team, "--first", "--local-key-list", "keys.json"))
    team.publisher.show(BOB, ALICE)
    result = ours(team, "--local-key-list", "keys.json")
    assert (result.code, codes(result)) == (12, {})
    (error,) = result.report["errors"]
    assert error["got"] == f"with {BOB.text}, which is not yours"


def test_old_files_need_no_signature_once_their_digests_are_known(team: World, index: TaggedIndex) -> None:
    data = team.wheel("demo", "0.1")
    name = wheel_filename("demo", "0.1")
    assert codes(ours(team, "--first")) == {name: ["PV102"]}
    known = team.write("known", "# of old", f"{sha256(data)}  {name}")
    is_quiet(ours(team, "--known", known))
    index.replace(name, b"other")
    assert codes(ours(team, "--known", known)) == {name: ["PV313", "PV102"]}


def test_an_old_file_can_be_accepted_by_hand(team: World) -> None:
    team.wheel("demo", "0.1")
    result = ours(team, "--first")
    digest = result.artifact(wheel_filename("demo", "0.1"))["sha256"]
    wish = ("--accept", "demo", wheel_filename("demo", "0.1"), f"--sha256={digest}")
    assert monitor(team, *wish).code == 2
    assert monitor(team, *wish, "--why=before we signed", "--who=ann").code == 0
    is_quiet(ours(team))


def test_exempt_files_of_the_trust_file_are_quiet(team: World) -> None:
    data = team.wheel("demo", "0.1")
    with (team.project / "pip-verify.toml").open("a") as file:
        file.write(f'[[exempt]]\nproject = "demo"\nreason = "old"\nhashes = ["sha256:{sha256(data)}"]\n')
    is_quiet(ours(team, "--first"))


def test_what_was_out_of_reach_cannot_be_accepted(team: World) -> None:
    ours(team, "--first")
    team.publisher.site.answer("/keys.json", Answer(status=500, body=b""))
    ours(team)
    result = monitor(team, "--accept", "demo", "*", f"--sha256={'0' * 64}", "--why=x", "--who=ann")
    assert result.code == 2
    assert "PV501" in result.stderr


# The state.


def test_without_a_state_nothing_begins_by_itself(world: World) -> None:
    world.wheel("demo")
    result = watch(world)
    assert result.code == 2
    assert "--first" in result.stderr
    is_quiet(watch(world, "--first"))
    assert watch(world, "--first").code == 2


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def spoil(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[200:-200] = b"\xff" * len(data[200:-200])
    path.write_bytes(data)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def open_to_all(path: Path) -> None:
    path.chmod(0o666)


@pytest.mark.parametrize("harm", [empty, cut, spoil, link, open_to_all])
def test_a_state_that_is_not_whole_is_an_error_and_never_a_fresh_start(
    world: World, harm: Callable[[Path], None]
) -> None:
    world.wheel("demo")
    watch(world, "--first")
    harm(world.project / "state")
    before = (world.project / "state").read_bytes()
    assert watch(world).code == 2
    assert (world.project / "state").read_bytes() == before


def start(world: World, *arguments: str) -> subprocess.Popen[bytes]:
    """A run in the background."""
    command = [sys.executable, "-m", "pip_verify", "monitor", *arguments, *FAST, "--state", "state", "--watch-only"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=world.project, env=world.environ(), **quiet)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIME_LIMIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_run_that_was_killed_is_gone_on_with(world: World, index: TaggedIndex) -> None:
    names = [f"project{letter}{other}" for letter in "abcdefgh" for other in "abcdefghijklmnop"]
    for name in names:
        index.add(wheel_filename(name, "1.0"), name.encode())
    world.write("names", *names)
    index.delay = 0.05
    process = start(world, "--projects", "names", "--first")
    wait_for(lambda: len(index.requests) > 96)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    asked = set(index.requests)
    index.requests.clear()
    index.delay = 0.0
    result = monitor(world, "--projects", "names", "--watch-only")
    is_quiet(result)
    assert "this run goes on with one that was broken off" in result.stderr
    assert 16 < len(index.requests) < len(names)
    assert asked | set(index.requests) >= {f"/simple/{name}/" for name in names}
    assert len(result.report["artifacts"]) == len(names)
    index.requests.clear()
    again = monitor(world, "--projects", "names", "--watch-only")
    assert (again.code, len(index.requests)) == (0, len(names))


def test_a_broken_off_run_that_is_too_old_begins_anew(world: World, index: TaggedIndex) -> None:
    world.wheel("demo")
    index.delay = 5.0
    process = start(world, "demo", "--first")
    wait_for(lambda: bool(index.requests))
    process.kill()
    process.wait()
    index.delay = 0.0
    result = watch(world, "--resume-window", "0")
    is_quiet(result)
    assert "broken off" not in result.stderr


def test_of_two_runs_at_once_the_second_waits_shortly_and_changes_nothing(world: World, index: TaggedIndex) -> None:
    world.wheel("demo")
    index.delay = 6.0
    process = start(world, "demo", "--first")
    wait_for(lambda: bool(index.requests))
    result = watch(world)
    assert (result.code, process.wait(TIME_LIMIT)) == (14, 0)
    index.delay = 0.0
    is_quiet(watch(world))


def test_at_most_16_projects_are_under_way_at_once(world: World, index: TaggedIndex) -> None:
    names = [f"p{letter}{other}" for letter in "abcdefgh" for other in "abcdefgh"]
    for name in names:
        index.add(wheel_filename(name, "1.0"), name.encode())
    world.write("names", *names)
    index.delay = 0.3
    process = start(world, "--projects", "names", "--first")
    wait_for(lambda: bool(index.requests))
    time.sleep(0.15)
    under_way = len(index.requests)
    assert (process.wait(TIME_LIMIT), under_way <= 16) == (0, True)


# The command line.


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("demo", "--watch-only", "--releases", "."),
        ("demo", "--watch-only", "--key-list=https://keys.example/keys.json"),
        ("demo", "--watch-only", "--rate", "0"),
        ("demo", "--watch-only", "--rate", "nan"),
        ("demo", "--watch-only", "--resume-window", "-1"),
        ("demo", "--accept", "demo", "x", "--sha256=0", "--why=x"),
        ("--accept", "demo", "x", "--sha256=0", "--why=x"),
        ("--accept", "demo", "x", "--why=x"),
        ("demo", "--watch-only", "--why=x"),
        ("де", "--watch-only"),
        ("demo", "--watch-only", "--projects", "missing"),
    ],
)
def test_what_makes_no_sense_is_refused(world: World, arguments: tuple[str, ...]) -> None:
    assert monitor(world, *arguments).code == 2


def test_a_pattern_of_the_trust_file_is_told_and_not_watched(team: World) -> None:
    team.trust("demo", "demo-*")
    result = ours(team, "--first")
    is_quiet(result)
    assert "a pattern names no project, so it is not watched: demo-*" in result.stderr


# Memory.


def test_five_times_the_projects_need_no_more_memory(tmp_path: Path) -> None:
    peaks = []
    for projects in (200, 1000):
        directory = tmp_path / str(projects)
        directory.mkdir()
        figures = watch_many(directory, projects)
        assert (figures.asked, figures.unchanged) == ((projects, projects), projects)
        peaks.append(max(figures.first.peak, figures.second.peak))
    few, many = peaks
    assert many - few < 8 * 1024  # KiB; 800 projects of 20 files each took 11 MiB while their links were not forgotten
