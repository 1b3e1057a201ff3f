"""Trust on first use: what is recorded and when, and every way in which what comes later is not what was seen."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from pip_verify.firstuse import parse_first_use, serialise
from tests import makers
from tests.e2e.world import ALICE, BOB, EVE, World, need_lock_files
from tests.signer import Signer, sha256, sign_legacy, sign_release

WHEEL = "demo-1.0-py3-none-any.whl"
SDIST = "demo-1.0.tar.gz"
LOCK = "pip-verify.lock"
RECORD = 'first-use = "record"'


def names(url: str) -> str:
    """The line of METADATA that names a key list."""
    return f"Project-URL: Signing-Keys, {url}\n"


def in_wheel(signer: Signer, project: str = "demo", version: str = "1.0") -> Any:
    return lambda digest: sign_release([signer], {"RECORD": digest}, project, version)


@pytest.fixture
def known(world: World) -> World:
    """first-use = "record", Alice's key is on the list, and demo 1.0 names that list and is signed by her."""
    world.trust(policy=[RECORD])
    world.publisher.show(ALICE)
    signed(world, "demo")
    return world


def signed(world: World, project: str, version: str = "1.0", signer: Signer = ALICE, **parts: Any) -> bytes:
    extra = names(world.publisher.list_url) + parts.pop("metadata_extra", "")
    return world.wheel(project, version, signer, metadata_extra=extra, **parts)


def lock_of(world: World) -> bytes | None:
    path = world.project / LOCK
    return path.read_bytes() if path.exists() else None


def used(world: World, *more: str, **environ: str) -> bytes:
    """Use demo for the first time; returns the lock."""
    result = world.run("install", "demo==1.0", *more, target=None, **environ)
    assert result.code == 0, result.stderr
    data = lock_of(world)
    assert data is not None
    return data


def again(world: World, requirement: str = "demo", **environ: str) -> Any:
    return world.run("install", "--force-reinstall", "--no-cache-dir", requirement, target=None, **environ)


# What is recorded.


def test_a_first_use_is_accepted_and_recorded(known: World) -> None:
    result = known.run("install", "demo")
    known.installed_as(result, demo="1.0")
    assert result.reasons(WHEEL) == ["PV007"]
    assert result.artifact(WHEEL)["accepted_by"] == "first-use"
    seen = parse_first_use(lock_of(known) or b"", LOCK)["demo"]
    assert [key.text for key in seen.keys] == [ALICE.text]
    assert (seen.key_list, seen.lines) == (known.publisher.list_url, {"1.0": "release-statement"})


def test_the_second_use_is_by_the_lock_and_changes_nothing(known: World) -> None:
    before = used(known)
    result = again(known)
    assert (result.code, result.reasons(WHEEL)) == (0, ["PV001"]), result.stderr
    assert result.artifact(WHEEL)["origins"][0] == {"file": str(known.project / LOCK), "line": 5}
    assert lock_of(known) == before


def test_the_second_use_is_judged_by_its_digest_before_it_is_downloaded(known: World) -> None:
    used(known)
    data = signed(known, "demo", "2.0", EVE, stated="right")
    assert data
    known.sdist("demo", "3.0")
    known.index.requests.clear()
    result = again(known, "demo==3.0")
    assert (result.code, result.reasons("demo-3.0.tar.gz")[0]) == (10, "PV109"), result.stderr
    assert not any(path.endswith("demo-3.0.tar.gz") for path in known.index.requests)


def test_without_the_policy_nothing_is_used_for_the_first_time(known: World) -> None:
    known.trust()
    known.refused(known.run("install", "demo"), 10, "PV101", filename=WHEEL)
    assert lock_of(known) is None


def test_without_a_trust_file_there_is_no_first_use(known: World) -> None:
    (known.project / "pip-verify.toml").unlink()
    known.refused(known.run("install", "demo"), 10, "PV101", filename=WHEEL)


def test_a_dependency_with_a_key_list_of_its_own(known: World) -> None:
    known.publisher.show(BOB, path="/bob/keys.json")
    url = f"{known.publisher.site.url}/bob/keys.json"
    data = known.wheel("helper", metadata_extra=names(url))
    statement = sign_release([BOB], {"helper-1.0-py3-none-any.whl": sha256(data)}, "helper", "1.0")
    known.publisher.serve("/bob/releases/helper/1.0.jws", statement)
    signed(known, "app", requires=["helper"])
    known.installed_as(known.run("install", "app"), app="1.0", helper="1.0")
    seen = parse_first_use(lock_of(known) or b"", LOCK)
    assert {name: entry.key_list for name, entry in seen.items()} == {"app": known.publisher.list_url, "helper": url}


def test_an_sdist_and_its_build_dependency(known: World) -> None:
    extra = makers.metadata_of("own", "1.0", extra=names(known.publisher.list_url))
    files = {"PKG-INFO": extra, "own/__init__.py": ""}
    known.sdist("own", "1.0", ALICE, files=files, build_requires=["demo"])
    result = known.run("install", "own")
    known.installed_as(result, own="1.0")
    assert result.reasons("own-1.0.tar.gz") == ["PV007"]
    assert set(parse_first_use(lock_of(known) or b"", LOCK)) == {"demo", "own"}


def test_a_key_that_only_the_legacy_signature_carries(world: World) -> None:
    world.trust(policy=[RECORD])
    world.wheel("demo", legacy_sign=sign_legacy(ALICE))
    world.installed_as(world.run("install", "demo"), demo="1.0")
    seen = parse_first_use(lock_of(world) or b"", LOCK)["demo"]
    assert (seen.keys[0].text, seen.key_list, seen.lines) == (ALICE.text, None, {"1.0": "record-jws"})
    world.wheel("demo", "1.0", legacy_sign=sign_legacy(EVE), files={"demo/__init__.py": "evil = 1"})
    result = again(world)
    assert (result.code, result.reasons(WHEEL)[0]) == (11, "PV204"), result.stderr


@pytest.mark.parametrize(
    "command",
    [("download", "-d", "dest"), ("wheel", "-w", "dest"), ("verify",)],
    ids=lambda command: command[0],
)
def test_commands_that_install_nothing_record_too(known: World, command: tuple[str, ...]) -> None:
    wanted: list[str] = ["demo"]
    if command == ("verify",):
        known.save(WHEEL, known.index.files[WHEEL].data)
        wanted = [WHEEL]
    result = known.run(*command, *wanted)
    assert result.code == 0, result.stderr
    assert "demo" in parse_first_use(lock_of(known) or b"", LOCK)


@pytest.mark.parametrize(
    "option",
    [
        "--use-deprecated=legacy-resolver",
        "--use-feature=inprocess-build-deps",
        "--no-build-isolation",
        "--no-cache-dir",
    ],
)
def test_other_ways_through_pip_record_too(known: World, option: str) -> None:
    result = known.run("install", "demo", option)
    if result.code == 2:
        pytest.skip("this pip has no such option")
    known.installed_as(result, demo="1.0")
    assert "demo" in parse_first_use(lock_of(known) or b"", LOCK)


def test_locking_records_too(known: World) -> None:
    need_lock_files()
    result = known.run("lock", "-o", "pylock.toml", "demo")
    assert (result.code, result.reasons(WHEEL)) == (0, ["PV007"]), result.stderr
    assert "demo" in parse_first_use(lock_of(known) or b"", LOCK)


def test_where_the_index_offers_metadata_the_wheels_own_counts(known: World) -> None:
    """PEP 658: pip may not need the wheel; whom it names is believed of the wheel's own bytes only."""
    evil = f"{known.publisher.site.url}/eve/keys.json"
    lying = makers.metadata_of("demo", "1.0", extra=names(evil)).encode()
    known.index.add(WHEEL, known.index.files[WHEEL].data, metadata=lying)
    result = known.run("install", "demo")
    assert result.code != 0
    assert known.target.untouched()
    assert lock_of(known) is None
    assert not [seen for seen in known.publisher.site.requests if "eve" in seen.path]


def test_a_dry_run_records_nothing(known: World) -> None:
    result = known.run("install", "--dry-run", "demo")
    assert result.code == 0, result.stderr
    assert lock_of(known) is None


def test_a_refused_run_records_nothing(known: World) -> None:
    known.wheel("unsigned")
    result = known.run("install", "demo", "unsigned")
    known.refused(result, 10, "PV101", filename="unsigned-1.0-py3-none-any.whl")
    assert lock_of(known) is None


def test_a_run_refused_while_building_records_nothing(known: World) -> None:
    """The build dependency is used, and its first use accepted, before the rest of the run is known to be good."""
    extra = makers.metadata_of("own", "1.0", ["unsigned"], names(known.publisher.list_url))
    known.sdist("own", "1.0", ALICE, files={"PKG-INFO": extra, "own/__init__.py": ""}, build_requires=["demo"])
    known.wheel("unsigned")
    result = known.run("install", "own")
    assert result.code == 10, result.stderr
    assert known.target.untouched()
    assert lock_of(known) is None


def test_pins_and_exemptions_go_before_the_lock(known: World) -> None:
    known.trust("demo", policy=[RECORD])
    known.installed_as(known.run("install", "demo"), demo="1.0")
    assert lock_of(known) is None


def test_a_pin_on_the_command_line_goes_before_it_too(known: World) -> None:
    known.installed_as(known.run("install", "demo", known.publisher.pin), demo="1.0")
    assert lock_of(known) is None


def test_an_exempt_project_is_not_recorded(known: World) -> None:
    lines = ["[policy]", RECORD, "[[exempt]]", 'project = "demo"', 'reason = "known"']
    known.write("pip-verify.toml", *lines)
    result = known.run("install", "demo")
    assert (result.code, result.reasons(WHEEL)) == (0, ["PV002"]), result.stderr
    assert lock_of(known) is None


def test_nothing_to_discover_is_unsigned_as_before(known: World) -> None:
    known.wheel("other")
    known.refused(known.run("install", "other"), 10, "PV101", filename="other-1.0-py3-none-any.whl")


def test_a_new_version_of_a_new_line_is_added_to_its_entry(known: World) -> None:
    used(known)
    signed(known, "demo", "1.1")
    result = again(known)
    assert (result.code, result.reasons("demo-1.1-py3-none-any.whl")) == (0, ["PV001"]), result.stderr
    lines = parse_first_use(lock_of(known) or b"", LOCK)["demo"].lines
    assert lines == {"1.0": "release-statement", "1.1": "release-statement"}


# Where nobody looks.


@pytest.mark.parametrize(
    ("arguments", "environ", "why"),
    [
        (("--frozen",), {}, "--frozen"),
        ((), {"CI": "true"}, "CI"),
        ((), {"CI": "1"}, "CI"),
        ((), {"PIP_VERIFY_FROZEN": "1"}, "PIP_VERIFY_FROZEN"),
        ((), {"PIP_VERIFY_FROZEN": "0", "CI": "yes"}, "CI"),
    ],
)
def test_no_first_use_where_nobody_can_review_it(
    known: World, arguments: tuple[str, ...], environ: dict[str, str], why: str
) -> None:
    result = known.run("install", "demo", *arguments, target=None, **environ)
    known.refused(result, 10, "PV108", filename=WHEEL)
    assert f"({why})" in result.stderr
    assert lock_of(known) is None
    assert not known.publisher.site.requests, "a stranger's address was asked"


@pytest.mark.parametrize("value", ["", "0", "false", "False"])
def test_a_ci_variable_that_says_no(known: World, value: str) -> None:
    assert used(known, CI=value, PIP_VERIFY_FROZEN=value)


def test_frozen_accepts_what_the_lock_has_and_never_writes(known: World) -> None:
    before = used(known)
    signed(known, "demo", "1.1")
    result = again(known, CI="true")
    assert result.code == 0, result.stderr
    assert lock_of(known) == before


@pytest.mark.parametrize("project", ["demo", "nobody"])
def test_the_gate_decides_by_digest_where_no_first_use_is_allowed(known: World, project: str) -> None:
    data = known.wheel(project, metadata_extra=names(known.publisher.list_url))
    known.write("requirements.txt", f"{project}==1.0 --hash=sha256:{sha256(data)}")
    result = known.run("check", "-r", "requirements.txt", CI="true")
    assert result.code == 10, result.stderr
    assert "PV108" in result.stderr
    undecided = known.run("check", "-r", "requirements.txt")
    assert undecided.code == 14
    assert "pip-verify check --download" in undecided.stderr


def test_frozen_has_no_value(known: World) -> None:
    known.refused(known.run("install", "demo", "--frozen=no"), 2)


# Another signer.


def test_a_changed_key_is_refused_with_both_keys_and_the_date(known: World) -> None:
    before = used(known)
    known.publisher.show(ALICE, EVE)
    signed(known, "demo", "1.0", EVE, files={"demo/__init__.py": "evil = 1"})
    result = again(known)
    assert (result.code, result.reasons(WHEEL)[0]) == (11, "PV204"), result.stderr
    first_seen = parse_first_use(before, LOCK)["demo"].first_seen.isoformat()
    for text in (ALICE.text, EVE.text, first_seen, "is on the key list", "pip-verify unpin demo"):
        assert text in result.stderr, text
    assert lock_of(known) == before


def test_a_changed_key_by_digest_alone(known: World) -> None:
    used(known)
    known.publisher.show(ALICE, EVE)
    known.sdist("demo", "1.5", EVE)
    result = again(known, "demo==1.5")
    assert (result.code, result.reasons("demo-1.5.tar.gz")[0]) == (11, "PV204"), result.stderr
    assert known.executed == []


def test_a_key_that_is_on_no_list(known: World) -> None:
    used(known)
    signed(known, "demo", "1.0", EVE, files={"demo/__init__.py": "evil = 1"})
    result = again(known)
    assert (result.code, result.reasons(WHEEL)[0]) == (11, "PV204"), result.stderr
    assert EVE.thumbprint in result.stderr


def test_the_list_is_replaced_and_signed_by_a_new_key(known: World) -> None:
    used(known)
    known.publisher.show(EVE)
    signed(known, "demo", "1.0", EVE, files={"demo/__init__.py": "evil = 1"})
    result = again(known)
    assert (result.code, result.reasons(WHEEL)[0]) == (11, "PV204"), result.stderr


def test_the_recorded_key_was_taken_off_the_list(known: World) -> None:
    used(known)
    known.publisher.show(BOB)
    result = again(known)
    assert (result.code, result.reasons(WHEEL)[0]) == (11, "PV203"), result.stderr


def test_a_key_list_that_moved_is_not_followed(known: World) -> None:
    """Out of reach is not unsigned; and where the metadata points now is told, but decides nothing."""
    before = used(known)
    moved = f"{known.publisher.site.url}/new/keys.json"
    known.publisher.serve("/keys.json", b"gone", status=404)
    known.publisher.show(ALICE, path="/new/keys.json")
    data = known.wheel("demo", "1.1", metadata_extra=names(moved))
    statement = sign_release([ALICE], {"demo-1.1-py3-none-any.whl": sha256(data)}, "demo", "1.1")
    known.publisher.serve("/new/releases/demo/1.1.jws", statement)
    result = again(known)
    assert result.code == 14, result.stderr
    assert lock_of(known) == before


def test_an_attackers_release_names_the_attackers_list(known: World) -> None:
    used(known)
    evil = f"{known.publisher.site.url}/eve/keys.json"
    known.publisher.show(EVE, path="/eve/keys.json")
    data = known.wheel("demo", "2.0", metadata_extra=names(evil))
    statement = sign_release([EVE], {"demo-2.0-py3-none-any.whl": sha256(data)}, "demo", "2.0")
    known.publisher.serve("/eve/releases/demo/2.0.jws", statement)
    result = again(known)
    assert (result.code, result.reasons("demo-2.0-py3-none-any.whl")[0]) == (11, "PV204"), result.stderr
    assert evil in result.stderr


def test_a_bad_signature_is_never_called_a_changed_key(known: World) -> None:
    used(known)
    known.index.add(WHEEL, makers.make_wheel("demo", "1.0", files={"demo/__init__.py": "evil = 1"}))
    result = again(known)
    assert (result.code, result.reasons(WHEEL)[0]) == (12, "PV302"), result.stderr


def test_unpinned_by_hand_it_is_used_anew(known: World) -> None:
    seen = parse_first_use(used(known), LOCK)
    del seen["demo"]
    (known.project / LOCK).write_bytes(serialise(seen))
    known.publisher.show(BOB)
    signed(known, "demo", "1.0", BOB, files={"demo/__init__.py": "new = 1"})
    assert again(known).code == 0
    assert parse_first_use(lock_of(known) or b"", LOCK)["demo"].keys[0].text == BOB.text


# Downgrades.


def test_evidence_that_vanished(known: World) -> None:
    used(known)
    known.wheel("demo", "1.0.1", metadata_extra=names(known.publisher.list_url))
    result = again(known)
    assert (result.code, result.reasons("demo-1.0.1-py3-none-any.whl")[0]) == (10, "PV109"), result.stderr


def test_evidence_that_vanished_with_the_name_of_the_list(known: World) -> None:
    used(known)
    known.wheel("demo", "7.0")
    result = again(known)
    assert (result.code, result.reasons("demo-7.0-py3-none-any.whl")[0]) == (10, "PV109"), result.stderr


def test_evidence_that_became_weaker(known: World) -> None:
    used(known)
    extra = names(known.publisher.list_url)
    known.wheel("demo", "1.1", metadata_extra=extra, sign=in_wheel(ALICE, version="1.1"))
    result = again(known)
    assert (result.code, result.reasons("demo-1.1-py3-none-any.whl")[0]) == (11, "PV205"), result.stderr


def test_both_kinds_of_evidence_count_as_the_stronger(known: World) -> None:
    """The wheel's own signature is at hand first; what is recorded must not depend on that."""
    signed(known, "demo", "1.0", sign=in_wheel(ALICE))
    assert parse_first_use(used(known), LOCK)["demo"].lines == {"1.0": "release-statement"}
    assert again(known).code == 0
    signed(known, "demo", "1.0", sign=in_wheel(ALICE), stated="none")
    assert again(known).code == 0


def test_a_maintenance_release_of_an_older_line_does_not_alarm(known: World) -> None:
    used(known)
    extra = names(known.publisher.list_url)
    known.wheel("demo", "0.9.7", metadata_extra=extra, sign=in_wheel(ALICE, version="0.9.7"))
    result = again(known, "demo<1")
    assert result.code == 0, result.stderr
    lines = parse_first_use(lock_of(known) or b"", LOCK)["demo"].lines
    assert lines == {"0.9": "in-wheel", "1.0": "release-statement"}


def test_an_unsigned_release_of_an_older_line_is_unsigned_and_no_downgrade(known: World) -> None:
    used(known)
    known.wheel("demo", "0.9.7", metadata_extra=names(known.publisher.list_url))
    result = again(known, "demo<1")
    assert (result.code, result.reasons("demo-0.9.7-py3-none-any.whl")[0]) == (10, "PV102"), result.stderr


def test_a_list_out_of_reach_is_no_downgrade(known: World) -> None:
    used(known)
    known.publisher.serve("/keys.json", b"", status=500)
    result = again(known)
    assert (result.code, result.reasons(WHEEL)[0]) == (14, "PV501"), result.stderr


# Packages that lie about their signer.


@pytest.mark.parametrize(
    "url",
    ["http://{host}/keys.json", "https://user:secret@{host}/keys.json", "https://", "file:///etc/passwd", "{host}"],
)
def test_a_key_list_that_is_no_https_url_names_nobody(world: World, url: str) -> None:
    world.trust(policy=[RECORD])
    world.publisher.show(ALICE)
    host = world.publisher.list_url.split("/")[2]
    world.wheel("demo", "1.0", ALICE, metadata_extra=names(url.format(host=host)))
    world.refused(world.run("install", "demo"), 10, "PV101", filename=WHEEL)
    assert not world.publisher.site.requests


def test_another_projects_key_list_proves_nothing(known: World) -> None:
    known.wheel("other", metadata_extra=names(known.publisher.list_url))
    known.refused(known.run("install", "other"), 10, "PV102", filename="other-1.0-py3-none-any.whl")
    known.wheel("other", metadata_extra=names(known.publisher.list_url), sign=in_wheel(EVE, "other"))
    known.refused(known.run("install", "other"), 11, "PV201", filename="other-1.0-py3-none-any.whl")
    assert lock_of(known) is None


def test_another_projects_signature_proves_nothing(known: World) -> None:
    data = known.wheel("other", metadata_extra=names(known.publisher.list_url))
    stolen = sign_release([ALICE], {"other-1.0-py3-none-any.whl": sha256(data)}, "demo", "1.0")
    known.publisher.state("other", "1.0", stolen)
    known.refused(known.run("install", "other"), 12, "PV303", filename="other-1.0-py3-none-any.whl")


def test_a_list_that_cannot_be_reached_is_not_unsigned(world: World) -> None:
    world.trust(policy=[RECORD])
    world.wheel("demo", metadata_extra=names("https://localhost:9/keys.json"))
    world.refused(world.run("install", "demo"), 14, "PV501", filename=WHEEL)


def test_only_the_first_few_addresses_are_asked(world: World) -> None:
    world.trust(policy=[RECORD])
    lists = "".join(names(f"{world.publisher.site.url}/{number}.json") for number in range(50))
    world.wheel("demo", metadata_extra=lists)
    world.run("install", "demo")
    assert {seen.path for seen in world.publisher.site.requests} == {f"/{number}.json" for number in range(4)}


# The lock itself.


def broken(data: bytes) -> dict[str, bytes]:
    entry = data[data.index(b"\n[projects.demo]") : data.index(b"\n# end")]
    return {
        "empty": b"",
        "blank": b"\n\n",
        "torn": data[: len(data) // 2],
        "cut between two lines": data[: data.index(b"keys = [")],
        "cut before the end": data[: data.index(b"\n# end")],
        "an entry twice": data.replace(entry, entry + entry),
        "a comment slipped in": data.replace(b"keys = [", b"# mine\nkeys = ["),
        "no TOML": b"<<<<<<< HEAD\n" + data,
        "another version": data.replace(b"version = 1", b"version = 2"),
        "no UTF-8": data.replace(b"Commit", b"\xff"),
        "an unknown key": data.replace(b"first-seen", b"first_seen"),
        "not normalised": data.replace(b"projects.demo", b"projects.Demo"),
        "CRLF": data.replace(b"\n", b"\r\n"),
    }


@pytest.mark.parametrize("how", list(broken(b"\n[projects.demo] keys = [ \n# end")))
def test_a_lock_that_is_not_whole_is_an_error_and_no_fresh_start(known: World, how: str) -> None:
    data = broken(used(known))[how]
    (known.project / LOCK).write_bytes(data)
    installed = known.target.files()
    result = again(known)
    assert result.code == 2, result.stderr
    assert LOCK in result.stderr
    assert lock_of(known) == data
    assert known.target.files() == installed


def test_a_lock_that_is_a_link_a_pipe_or_a_directory_is_an_error(known: World) -> None:
    path = known.project / LOCK
    used(known)
    path.rename(known.project / "elsewhere")
    path.symlink_to("elsewhere")
    assert again(known).code == 2
    path.unlink()
    path.symlink_to("nowhere")
    assert again(known).code == 2
    path.unlink()
    os.mkfifo(path)
    assert again(known).code == 2
    path.unlink()
    path.mkdir()
    assert again(known).code == 2


def test_a_lock_that_everybody_can_change_is_an_error(known: World) -> None:
    used(known)
    (known.project / LOCK).chmod(0o666)
    assert again(known).code == 2


def test_where_nothing_can_be_recorded_nothing_is_installed(known: World) -> None:
    (known.project / f".{LOCK}.lock").mkdir()
    known.refused(known.run("install", "demo"), 2)


# Two at once.


def hold_back(world: World, filename: str, parties: int) -> None:
    """Send a file only when that many have asked for it: then nobody has recorded anything yet."""
    barrier = threading.Barrier(parties, timeout=30)
    world.index.files[filename].before = barrier.wait


def start(world: World, directory: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pip_verify", "download", "--no-cache-dir", "-d", str(directory)]
    command += ["--extra-ca", str(world.publisher.ca_file), *map(str, arguments), "demo"]
    return subprocess.Popen(command, cwd=world.project, env=world.environ(), stderr=subprocess.PIPE, text=True)


def test_two_first_runs_at_once_agree(known: World, tmp_path: Path) -> None:
    hold_back(known, WHEEL, 2)
    runs = [start(known, tmp_path / str(number)) for number in range(2)]
    ends = [(run.communicate(timeout=60)[1], run.returncode) for run in runs]
    assert [code for _, code in ends] == [0, 0], ends
    assert list(parse_first_use(lock_of(known) or b"", LOCK)) == ["demo"]


def test_another_run_recorded_another_key_meanwhile(known: World, tmp_path: Path) -> None:
    theirs = used(known).replace(ALICE.text.encode(), EVE.text.encode())
    (known.project / LOCK).unlink()
    known.index.files[WHEEL].before = lambda: (known.project / LOCK).write_bytes(theirs)
    run = start(known, tmp_path / "dest")
    stderr = run.communicate(timeout=60)[1]
    assert run.returncode == 11, stderr
    assert "PV204" in stderr
    assert lock_of(known) == theirs
    assert not [*(tmp_path / "dest").glob("*.whl")]
