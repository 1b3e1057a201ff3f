"""``pin``, ``unpin``, ``prune`` and ``renew``: the trust file kept by command, in a directory of a real user's."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from pip_verify.firstuse import Seen, parse_first_use, serialise
from pip_verify.keys import PublicKey
from tests.e2e.world import ALICE, BOB, EVE, Result, World
from tests.signer import sha256

NAME = "pip-verify.toml"
TODAY = datetime.now(timezone.utc).date()
SOON, LATER = (TODAY + timedelta(days=days) for days in (20, 300))
ENDED = TODAY - timedelta(days=3)

BY_HAND = """\
# agreed on by the team
[publishers.mine]  # ours
keys = ["%s"]
projects = ["mine", "mine-*"]

# for the time being
[[exempt]]
project = "six"
reason = "unsigned upstream"  # asked on Monday
until = %s  # look again
"""


def run(world: World, *arguments: str) -> Result:
    return world.run_as_it_is(*arguments, PIP_VERIFY_EXTRA_CA=str(world.publisher.ca_file))


def by_hand(world: World) -> str:
    """A trust file that a person wrote; returns its text."""
    text = BY_HAND % (BOB.text, SOON)
    world.save(NAME, text.encode())
    return text


def trust_file(world: World) -> str:
    return (world.project / NAME).read_text()


def unchanged(world: World, text: str | None, result: Result, code: int) -> None:
    """Assert that the command ended with this code and that the trust file is as it was, or still not there."""
    assert result.code == code, result.stderr
    assert result.stdout == ""
    path = world.project / NAME
    assert (path.read_text() if path.exists() else None) == text
    assert not list(world.project.glob(".*.tmp"))


def patched(old: str, result: Result) -> str:
    """What the diff that was printed makes of the old text."""
    assert result.code == 0, result.stderr
    new, before = [], old.splitlines(keepends=True)
    position = 0
    for line in result.stdout.splitlines(keepends=True):
        if line.startswith("@@"):
            start = max(int(line.split()[1].split(",")[0][1:]) - 1, 0)
            new += before[position:start]
            position = start
        elif line.startswith(("--- ", "+++ ")):
            continue
        elif line.startswith("+"):
            new.append(line[1:])
        else:
            assert before[position] == line[1:]
            new += [line[1:]] if line.startswith(" ") else []
            position += 1
    return "".join(new + before[position:])


# pin.


def test_a_project_is_pinned_and_then_installs(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    world.refused(world.run("install", "demo"), 10, "PV101", filename="demo-1.0-py3-none-any.whl")
    result = run(world, "pin", "Demo", world.publisher.pin)
    assert patched("", result) == trust_file(world)
    assert f"  {ALICE.text}: may sign\n" in result.stderr
    assert trust_file(world).endswith(f'key-list = "{world.publisher.list_url}"\nprojects = ["demo"]\n')
    world.installed_as(world.run("install", "demo"), demo="1.0")


def test_a_dry_run_prints_the_same_and_leaves_nothing_behind(world: World) -> None:
    world.publisher.show(ALICE)
    before = sorted(world.project.iterdir())
    dry = run(world, "pin", "demo", world.publisher.pin, "--dry-run")
    assert sorted(world.project.iterdir()) == before
    assert dry.stdout == run(world, "pin", "demo", world.publisher.pin).stdout != ""
    old = trust_file(world)
    assert run(world, "unpin", "demo", "--dry-run").stdout != ""
    assert trust_file(world) == old


def test_what_a_person_wrote_stays_line_by_line(world: World) -> None:
    world.publisher.show(ALICE)
    old = by_hand(world)
    result = run(world, "pin", "demo", world.publisher.pin, "--publisher=team", "--threshold=1")
    assert patched(old, result) == trust_file(world)
    added = f'[publishers.team]\nkey-list = "{world.publisher.list_url}"\nprojects = ["demo"]\n\n'
    assert trust_file(world).replace(added, "") == old


def test_the_same_pin_again_changes_nothing_and_the_next_project_joins_its_publisher(world: World) -> None:
    world.publisher.show(ALICE)
    run(world, "pin", "demo", world.publisher.pin)
    old = trust_file(world)
    again = run(world, "pin", "demo", world.publisher.pin)
    unchanged(world, old, again, 0)
    assert "nothing to change" in again.stderr
    run(world, "pin", "more", "Even.More", world.publisher.pin)
    assert trust_file(world) == old.replace('["demo"]', '["demo", "more", "even-more"]')


def test_keys_alone_need_no_network(world: World) -> None:
    result = run(world, "pin", "demo", f"--key={ALICE.text}", f"--key={BOB.text}", "--threshold=2")
    assert result.code == 0, result.stderr
    assert "[publishers.demo]" in trust_file(world)
    assert "threshold = 2\n" in trust_file(world)
    assert world.publisher.site.requests == []


def test_releases_and_publisher_are_written(world: World) -> None:
    world.publisher.show(ALICE)
    template = f"{world.publisher.site.url}/elsewhere/{{version}}.jws"
    assert run(world, "pin", "demo", world.publisher.pin, "--releases", template, "--publisher", "x").code == 0
    assert f'releases = "{template}"\n' in trust_file(world)
    old = trust_file(world)
    assert run(world, "pin", "more", "--publisher=x").code == 0
    assert trust_file(world) == old.replace('["demo"]', '["demo", "more"]')


def test_the_key_list_that_the_newest_release_names_is_found_shown_and_pinned(world: World) -> None:
    world.publisher.show(ALICE)
    names_it = f"Project-URL: Signing Keys, {world.publisher.list_url}\n"
    world.wheel("demo", "1.0")
    world.wheel("demo", "1.1", ALICE, metadata_extra=names_it)
    world.wheel("demo", "2.0rc1")
    result = run(world, "pin", "demo")
    assert patched("", result) == trust_file(world)
    assert f"key list {world.publisher.list_url}\n" in result.stderr
    assert f"{ALICE.text}: may sign" in result.stderr
    assert f'key-list = "{world.publisher.list_url}"' in trust_file(world)
    world.installed_as(world.run("install", "demo"), demo="1.1")


def test_a_project_that_says_nothing_of_its_signer_is_not_pinned(world: World) -> None:
    world.wheel("demo", "1.0")
    result = run(world, "pin", "demo")
    unchanged(world, None, result, 2)
    assert "next: ask its publisher, then: pip-verify pin demo --key-list=URL" in result.stderr
    unchanged(world, None, run(world, "pin", "no-such-project"), 2)


def test_a_stranger_s_signature_is_not_pinned(world: World) -> None:
    world.publisher.show(ALICE)
    names_it = f"Project-URL: Signing Keys, {world.publisher.list_url}\n"
    world.wheel("demo", "1.0", EVE, metadata_extra=names_it)
    result = run(world, "pin", "demo")
    assert result.code not in (0, 1)
    assert not (world.project / NAME).exists()


# A list that nothing could be verified by.


def test_a_list_that_cannot_be_reached(world: World) -> None:
    old = by_hand(world)
    unchanged(world, old, run(world, "pin", "demo", "--key-list=https://127.0.0.1:9/keys.json"), 14)
    unchanged(world, old, run(world, "pin", "demo", f"--key-list={world.publisher.site.url}/none.json"), 14)
    result = run(world, "pin", "demo", "--key-list=https://127.0.0.1:9/keys.json", "--offline")
    assert result.code == 0
    assert "[publishers.127-0-0-1-9]" in trust_file(world)


def test_a_list_that_is_not_sound(world: World) -> None:
    world.publisher.show(ALICE.private_jwk())
    unchanged(world, None, run(world, "pin", "demo", world.publisher.pin), 12)


@pytest.mark.parametrize("option", [f"--key={BOB.text}", "--threshold=2"])
def test_a_pin_that_nothing_could_satisfy(world: World, option: str) -> None:
    world.publisher.show(ALICE, BOB.jwk(revoked={"revoked_at": 1}))
    result = run(world, "pin", "demo", world.publisher.pin, option)
    unchanged(world, None, result, 2)
    assert f"{BOB.text}: revoked at" in result.stderr


# Refused before anything is asked.


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["demo", "--key-list=http://keys.example/keys.json"], "http is refused"),
        (["demo-*", f"--key={ALICE.text}"], "a pattern"),
        (["demo", f"--key={ALICE.text}", "--signed-by=team"], "--publisher=team"),
        (["demo", "--offline"], "--key-list or --key"),
        (["demo", "--releases=https://keys.example/{version}.jws"], "--key-list or --key"),
        (["demo", f"--key={ALICE.text}", "--releases=http://keys.example/{version}.jws"], "https"),
        (["demo", f"--key={ALICE.text}", "--publisher=no name"], "letters"),
        (["demo", "--threshold=1"], "at least one of"),
        (["demo", f"--key={ALICE.text}", "--trust-file=missing.toml"], "No such file"),
    ],
)
def test_a_command_that_makes_no_sense(world: World, arguments: list[str], words: str) -> None:
    result = run(world, "pin", *arguments)
    unchanged(world, None, result, 2)
    assert words in result.stderr


def test_a_project_that_is_pinned_already_elsewhere(world: World) -> None:
    old = by_hand(world)
    result = run(world, "pin", "mine", f"--key={ALICE.text}")
    unchanged(world, old, result, 2)
    assert "pip-verify unpin mine" in result.stderr
    unchanged(world, old, run(world, "pin", "demo", f"--key={ALICE.text}", "--publisher=mine"), 2)


def test_a_project_under_another_s_pattern_may_be_named(world: World) -> None:
    by_hand(world)
    assert run(world, "pin", "mine-too", f"--key={ALICE.text}").code == 0


def test_an_exemption_written_by_init_goes_and_one_by_hand_is_asked_about(world: World) -> None:
    old = by_hand(world)
    result = run(world, "pin", "six", f"--key={ALICE.text}")
    unchanged(world, old, result, 2)
    assert "remove the [[exempt]] of six" in result.stderr
    world.save(NAME, f'{old}origin = "init 2026-11-20"\n'.encode())
    assert run(world, "pin", "six", f"--key={ALICE.text}").code == 0
    assert "[[exempt]]" not in trust_file(world)
    assert "# for the time being\n" in trust_file(world)


def test_the_files_that_a_publisher_left_unsigned_stay_exempt_when_it_is_pinned_again(world: World) -> None:
    world.publisher.show(ALICE)
    table = f'[publishers.x]\nkey-list = "{world.publisher.list_url}"\nprojects = ["demo"]\n'
    digest = sha256(b"sdist")
    exemption = (
        f'\n[[exempt]]\nproject = "demo"\nreason = "r"\nhashes = ["sha256:{digest}"]\norigin = "init 2026-11-20"\n'
    )
    world.save(NAME, (table + exemption).encode())
    unchanged(world, table + exemption, run(world, "pin", "demo", world.publisher.pin), 0)
    world.save(NAME, (table.replace('"demo"', '"other"') + exemption).encode())
    assert run(world, "pin", "demo", world.publisher.pin).code == 0  # nobody was to sign it before
    assert "[[exempt]]" not in trust_file(world)


def test_a_typing_error_in_the_trust_file_is_told_with_the_nearest_key(world: World) -> None:
    old = by_hand(world).replace("projects", "project")
    world.save(NAME, old.encode())
    result = run(world, "pin", "demo", f"--key={ALICE.text}")
    unchanged(world, old, result, 2)
    assert f"{NAME}:2: publishers.mine.project" in result.stderr
    assert "did you mean projects?" in result.stderr


# The file.


def test_the_files_mode_stays(world: World) -> None:
    by_hand(world)
    path = world.project / NAME
    for mode in (0o600, 0o664, 0o640):
        path.chmod(mode)
        assert run(world, "pin", f"demo-{mode}", f"--key={ALICE.text}", "--publisher=x").code == 0
        assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_file_that_is_read_only_or_a_link(world: World) -> None:
    old = by_hand(world)
    path = world.project / NAME
    path.chmod(0o444)
    result = run(world, "pin", "demo", f"--key={ALICE.text}")
    unchanged(world, old, result, 2)
    assert "chmod u+w" in result.stderr
    target = path.rename(world.project / "real.toml")
    target.chmod(0o644)
    path.symlink_to(target)
    unchanged(world, old, run(world, "pin", "demo", f"--key={ALICE.text}"), 2)
    assert path.is_symlink()


def test_a_directory_that_is_read_only(world: World) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    old = by_hand(world)
    world.project.chmod(0o555)
    try:
        unchanged(world, old, run(world, "unpin", "mine"), 2)
        assert run(world, "unpin", "mine", "--dry-run").code == 0
    finally:
        world.project.chmod(0o755)


def test_a_pyproject_is_changed_where_it_has_the_table_and_only_there(world: World) -> None:
    (world.project / ".git").mkdir()
    text = '[project]\nname = "x"  # y\n\n[tool.pip-verify]\n\n[tool.z]\na = 1\n'
    world.save("pyproject.toml", text.encode())
    below = world.project / "below"
    below.mkdir()
    command = [sys.executable, "-m", "pip_verify", "pin", "demo", f"--key={ALICE.text}"]
    subprocess.run(command, cwd=below, env=world.environ(), check=True, capture_output=True)
    new = (world.project / "pyproject.toml").read_text()
    added = f'[tool.pip-verify.publishers.demo]\nkeys = ["{ALICE.text}"]\nprojects = ["demo"]\n\n'
    assert new.replace(added, "") == text
    world.save("pyproject.toml", b'[project]\nname = "x"\n')
    result = run(world, "pin", "demo", f"--key={ALICE.text}", "--trust-file=pyproject.toml")
    unchanged(world, None, result, 2)
    assert "expected a table [tool.pip-verify], got none" in result.stderr


def test_nothing_is_lost_when_many_write_at_once(world: World) -> None:
    old = by_hand(world)
    names = [f"demo{number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda name: run(world, "pin", name, f"--key={ALICE.text}", "--publisher=x"), names))
    assert [result.code for result in results] == [0] * 8
    for name in names:
        assert f'"{name}"' in trust_file(world)
    assert set(old.splitlines()) <= set(trust_file(world).splitlines())


# unpin.


def test_unpin_takes_back_what_pin_did(world: World) -> None:
    old = by_hand(world)
    run(world, "pin", "demo", "more", f"--key={ALICE.text}", "--publisher=x")
    assert run(world, "unpin", "demo").code == 0
    assert 'projects = ["more"]' in trust_file(world)
    result = run(world, "unpin", "More")
    assert trust_file(world) == old
    assert "publisher x signed nothing else" in result.stderr


def test_unpin_of_what_is_not_pinned_changes_nothing_at_all(world: World) -> None:
    old = by_hand(world)
    unchanged(world, old, run(world, "unpin", "mine", "six"), 2)
    unchanged(world, old, run(world, "unpin", "mine-x"), 2)
    (world.project / NAME).unlink()
    result = run(world, "unpin", "mine")
    unchanged(world, None, result, 2)
    assert "pip-verify init" in result.stderr


def test_unpin_forgets_the_first_use_too(world: World) -> None:
    world.save(NAME, b'[policy]\nfirst-use = "record"\n')
    world.publisher.show(ALICE)
    names_it = f"Project-URL: Signing Keys, {world.publisher.list_url}\n"
    world.wheel("demo", "1.0", ALICE, metadata_extra=names_it)
    world.installed_as(world.run("install", "demo"), demo="1.0")
    lock = world.project / "pip-verify.lock"
    before = lock.read_text()
    for left in world.project.glob(".*.lock"):
        left.unlink()
    dry = run(world, "unpin", "demo", "--dry-run")
    assert "-[projects.demo]" in dry.stdout
    assert not list(world.project.glob(".*.lock"))
    assert lock.read_text() == before
    assert run(world, "unpin", "demo").stdout == dry.stdout
    assert "demo" not in lock.read_text()
    assert trust_file(world) == '[policy]\nfirst-use = "record"\n'
    assert run(world, "unpin", "demo").code == 2


def test_unpin_of_a_misspelt_project_names_the_nearest(world: World) -> None:
    old = by_hand(world)
    result = run(world, "unpin", "mime")
    unchanged(world, old, result, 2)
    assert "next: pip-verify unpin mine\n" in result.stderr
    recorded(world, "demo")
    assert "next: pip-verify unpin demo\n" in run(world, "unpin", "dmeo").stderr
    assert "next: see who is to sign it: pip-verify explain far-away\n" in run(world, "unpin", "far-away").stderr


def recorded(world: World, *projects: str) -> str:
    """A lock of first uses with these projects; returns its text."""
    entry = Seen("", (PublicKey.from_raw(ALICE.raw),), None, TODAY, {"1.0": "in-wheel"})
    data = serialise({project: replace(entry, project=project) for project in projects})
    world.save("pip-verify.lock", data)
    return data.decode()


# prune.


def locks(world: World) -> None:
    digest = sha256(b"x")
    world.write("requirements.txt", f"mine==1.0 --hash=sha256:{digest}", f"Other_One==1.0 --hash=sha256:{digest}")


def test_prune_drops_what_no_lock_requires(world: World) -> None:
    old = by_hand(world)
    locks(world)
    run(world, "pin", "other-one", "gone", f"--key={ALICE.text}", "--publisher=x")
    run(world, "pin", "gone-too", f"--key={EVE.text}")
    before = trust_file(world)
    dry = run(world, "prune", "-r", "requirements.txt", "--dry-run")
    assert trust_file(world) == before
    result = run(world, "prune", "-r", "requirements.txt")
    assert result.stdout == dry.stdout
    assert patched(before, result) == trust_file(world)
    said = [line.removeprefix("pip-verify: ") for line in result.stderr.splitlines()]
    assert said == [
        "dropped gone, signed by x",
        "dropped gone-too, signed by gone-too",
        "dropped six, exempt: unsigned upstream",
    ]
    assert 'projects = ["mine", "mine-*"]' in trust_file(world)
    assert 'projects = ["other-one"]' in trust_file(world)
    assert "gone" not in trust_file(world)
    assert set(old.split("[[exempt]]")[0].splitlines()) <= set(trust_file(world).splitlines())
    again = run(world, "prune", "requirements.txt")
    unchanged(world, trust_file(world), again, 0)
    assert "nothing to drop" in again.stderr


def test_prune_drops_what_was_recorded_and_no_lock_requires(world: World) -> None:
    world.save(NAME, b'[policy]\nfirst-use = "record"\n')
    locks(world)
    before = recorded(world, "gone", "mine")
    dry = run(world, "prune", "-r", "requirements.txt", "--dry-run")
    assert (world.project / "pip-verify.lock").read_text() == before
    assert not list(world.project.glob(".*.lock"))
    assert "would drop gone, recorded in pip-verify.lock" in dry.stderr
    result = run(world, "prune", "-r", "requirements.txt")
    assert result.stdout == dry.stdout
    assert "-[projects.gone]" in result.stdout
    assert parse_first_use((world.project / "pip-verify.lock").read_bytes(), "x").keys() == {"mine"}
    assert "nothing to drop" in run(world, "prune", "-r", "requirements.txt").stderr


def test_prune_drops_hashes_that_init_exempted_and_no_lock_has(world: World) -> None:
    kept, old = sha256(b"x"), sha256(b"old")
    table = '[[exempt]]\nproject = "{}"\nreason = "r"\nhashes = [{}]\n{}\n'

    def exemption(project: str, *digests: str, origin: str = 'origin = "init 2026-11-20"\n') -> str:
        return table.format(project, ", ".join(f'"sha256:{digest}"' for digest in digests), origin)

    world.save(NAME, (exemption("mine", old, kept) + exemption("other-one", old)).encode())
    locks(world)
    result = run(world, "prune", "-r", "requirements.txt")
    assert trust_file(world).strip() == exemption("mine", kept).strip()
    assert f"dropped sha256:{old} of mine, exempt: r" in result.stderr
    assert "dropped other-one, exempt with other hashes than the locks have: r" in result.stderr
    by_ann = exemption("mine", old, kept, origin="")
    world.save(NAME, by_ann.encode())
    unchanged(world, by_ann, run(world, "prune", "-r", "requirements.txt"), 0)


def test_prune_keeps_hashes_where_a_lock_states_no_sha256(world: World) -> None:
    text = f'[[exempt]]\nproject = "mine"\nreason = "r"\nhashes = ["sha256:{sha256(b"old")}"]\norigin = "init x"\n'
    world.save(NAME, text.encode())
    world.write(
        "requirements.txt",
        f"mine==1.0 ; python_version < '3' --hash=sha256:{sha256(b'x')}",
        f"mine==2.0 ; python_version > '3' --hash=sha512:{'0' * 128}",
    )
    unchanged(world, text, run(world, "prune", "-r", "requirements.txt"), 0)


def test_prune_needs_locks_that_say_all_that_is_required(world: World) -> None:
    old = by_hand(world)
    world.write("empty.txt", "# nothing")
    world.write("loose.txt", "mine")
    unchanged(world, old, run(world, "prune"), 2)
    unchanged(world, old, run(world, "prune", "-r", "empty.txt"), 2)
    result = run(world, "prune", "-r", "loose.txt")
    unchanged(world, old, result, 2)
    assert "loose.txt:1" in result.stderr
    unchanged(world, old, run(world, "prune", "-r", "missing.txt"), 2)


# renew.


def exempt(world: World) -> str:
    dates = {"ended": ENDED, "six": SOON, "later": LATER}
    tables = [
        f'[[exempt]]\nproject = "{name}"\nreason = "why {name}"  # c\nuntil = {until}  # d\n'
        for name, until in dates.items()
    ]
    text = "\n".join([*tables, '[[exempt]]\nproject = "always"\nreason = "r"\n'])
    world.save(NAME, text.encode())
    return text


def test_renew_shows_what_ends_soon_and_the_command_to_paste(world: World) -> None:
    text = exempt(world)
    result = run(world, "renew")
    assert result.code == 0
    assert result.stdout == f"ended ended on {ENDED}: why ended\nsix ends on {SOON}: why six\n"
    assert result.stderr.endswith("next: pip-verify renew ended six\n")
    assert trust_file(world) == text
    assert run(world, "renew", "--within=10").stdout == f"ended ended on {ENDED}: why ended\n"


@pytest.mark.parametrize("arguments", [["--until={}"], ["six", "ended", "--until={}"]])
def test_renew_prolongs_just_those(world: World, arguments: list[str]) -> None:
    text, until = exempt(world), TODAY + timedelta(days=90)
    result = run(world, "renew", *(argument.format(until) for argument in arguments))
    assert patched(text, result) == trust_file(world)
    assert trust_file(world) == text.replace(str(ENDED), str(until)).replace(str(SOON), str(until))
    assert "six ends on" in result.stderr
    again = run(world, "renew", f"--until={until}")
    unchanged(world, trust_file(world), again, 0)


def test_renew_of_one_without_a_date_takes_about_half_a_year(world: World) -> None:
    text = exempt(world)
    dry = run(world, "renew", "six", "--dry-run")
    assert trust_file(world) == text
    assert run(world, "renew", "six").stdout == dry.stdout
    (line,) = [line for line in dry.stdout.splitlines() if line.startswith("+until")]
    until = datetime.strptime(line.split()[2], "%Y-%m-%d").replace(tzinfo=timezone.utc).date()
    assert timedelta(days=150) < until - TODAY < timedelta(days=190)
    assert f"until = {ENDED}" in trust_file(world)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["later"], "--within=DAYS"),
        (["always"], "one without until"),
        (["unknown"], "an [[exempt]]"),
        (["six", "later", f"--until={LATER + timedelta(1)}"], "later"),
        (["--until=2020-01-01"], "a day after today"),
        (["--until=soon"], "a date"),
        (["six", f"--until={SOON}"], f"a day after {SOON}"),
        (["--within=-1"], "days"),
    ],
)
def test_renew_refuses_what_is_not_due_and_dates_that_prolong_nothing(
    world: World, arguments: list[str], words: str
) -> None:
    text = exempt(world)
    result = run(world, "renew", *arguments)
    unchanged(world, text, result, 2)
    assert words in result.stderr


def test_a_renewed_exemption_holds_again(world: World) -> None:
    exempt(world)
    world.wheel("ended", "1.0")
    world.refused(world.run("install", "ended"), 10, filename="ended-1.0-py3-none-any.whl")
    assert run(world, "renew", "ended").code == 0
    world.installed_as(world.run("install", "ended"), ended="1.0")


def test_the_lock_file_of_the_trust_file_is_the_only_thing_left_beside_it(world: World) -> None:
    by_hand(world)
    run(world, "unpin", "mine")
    assert sorted(path.name for path in Path(world.project).iterdir()) == [f".{NAME}.lock", NAME]
