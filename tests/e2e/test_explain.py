"""``pip-verify explain``: every step that led to a verdict, by the same verdicts as ``check`` and ``install`` reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import makers
from tests.e2e.test_check import SDIST, WHEEL, check, requirements
from tests.e2e.world import ALICE, EVE, Result, World
from tests.signer import Signer, sign_legacy, sign_release


@pytest.fixture
def signed(world: World) -> dict[str, bytes]:
    """demo 1.0 as wheel and sdist, both in one statement, and a trust file that pins their publisher."""
    world.publisher.show(ALICE)
    world.trust("demo")
    return {WHEEL: world.wheel("demo", "1.0", ALICE), SDIST: world.sdist("demo", "1.0", ALICE)}


def explain(world: World, *arguments: str | Path) -> Result:
    return world.run_as_it_is("explain", "--extra-ca", world.publisher.ca_file, *arguments)


def test_explain_tells_every_step_for_a_locked_project(world: World, signed: dict[str, bytes]) -> None:
    result = explain(world, "demo==1.0", "-r", requirements(world, *signed.values()))
    assert result.code == 0, result.stderr
    for words in ("publisher team", "claims demo by its exact name", ALICE.text, "a good signature", "ACCEPTED"):
        assert words in result.stdout
    assert result.stdout.count("ACCEPTED") == 2


@pytest.mark.usefixtures("signed")
def test_explain_asks_the_index_where_no_lock_is_named(world: World) -> None:
    world.wheel("demo", "2.0rc1", ALICE)
    result = explain(world, "demo")
    assert result.code == 0, result.stderr
    assert WHEEL in result.stdout
    assert "2.0rc1" not in result.stdout


def test_explain_a_file_shows_whose_signature_it_has(world: World, signed: dict[str, bytes]) -> None:
    path = world.save(WHEEL, signed[WHEEL])
    world.publisher.release("demo", "1.0", {WHEEL: signed[WHEEL]}, EVE)
    result = explain(world, path)
    assert result.code == 11
    assert "a stranger" in result.stdout


def test_explain_offers_the_line_that_pins_a_project_that_names_its_list(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE, metadata_extra=f"Project-URL: Key-List, {world.publisher.list_url}\n")
    result = explain(world, "demo")
    assert result.code == 10
    line = f"pip-verify pin demo --key-list={world.publisher.list_url}"
    assert line in result.stdout
    pinned = world.run_as_it_is(*line.split()[1:], "--extra-ca", world.publisher.ca_file)
    assert pinned.code == 0, pinned.stderr
    assert explain(world, "demo").code == 0


@pytest.mark.usefixtures("signed")
def test_explain_does_not_help_an_attacker(world: World) -> None:
    path = world.save(WHEEL, makers.make_wheel("demo", "1.0", {"demo/evil.py": "x"}))
    result = explain(world, path)
    assert result.code == 12
    assert "Do not make this pass" in result.stdout
    assert "pip-verify pin" not in result.stdout


def test_explain_an_unknown_project_is_a_usage_error(world: World) -> None:
    assert explain(world, "nobody").code == 2
    assert explain(world, "not a name").code == 2


def test_explain_a_file_that_names_its_list_offers_that_list(world: World) -> None:
    world.publisher.show(ALICE)
    data = world.wheel("demo", "1.0", ALICE, metadata_extra=f"Project-URL: Key-List, {world.publisher.list_url}\n")
    path = world.save(WHEEL, data)
    assert f"pip-verify pin demo --key-list={world.publisher.list_url}" in explain(world, path).stdout
    world.publisher.show(EVE)
    assert "pip-verify pin" not in explain(world, path).stdout.partition("What would make it pass")[2]


def test_explain_offers_the_key_that_a_legacy_wheel_carries(world: World) -> None:
    world.wheel("demo", "1.0", legacy_sign=sign_legacy(ALICE))
    result = explain(world, "demo")
    assert f'keys = ["{ALICE.text}"]\n   formats = ["record-jws"]' in result.stdout


def test_explain_offers_nothing_where_a_stranger_signed(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", EVE, metadata_extra=f"Project-URL: Key-List, {world.publisher.list_url}\n")
    result = explain(world, "demo")
    assert result.code == 10
    assert "# nothing, before you know why" in result.stdout
    assert "[[exempt]]" not in result.stdout


def test_explain_tells_also_where_a_found_trust_file_asks_for_report_mode(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo", policy=['mode = "report"'])
    lock = requirements(world, world.wheel("demo", "1.0", ALICE))
    assert explain(world, "demo", "-r", lock).code == 0
    assert check(world, "-r", lock).code == 2


# The same verdicts.


@pytest.mark.parametrize("signers", [(ALICE,), (EVE,), ()])
def test_explain_takes_no_index_for_a_lock(world: World, signers: tuple[Signer, ...]) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    world.wheel("demo", "1.0", *signers, stated="none")
    result = explain(world, "demo")
    assert "PV110" not in result.stdout
    assert "pin from" in result.stdout
    if signers == (ALICE,):  # all that speaks for it is good; its bytes are needed to say more
        assert (result.code, "PV503" in result.stdout) == (14, True)
        assert world.run("install", "demo").code == 0
    else:
        assert result.code == world.run("install", "demo").code


@pytest.mark.usefixtures("signed")
def test_explain_shows_the_pins_also_where_the_lock_alone_decides(world: World) -> None:
    result = explain(world, "demo", "-r", world.write("r.txt", "demo==1.0"))
    assert (result.code, "PV110" in result.stdout) == (10, True)
    assert "pin from" in result.stdout
    assert "no pin" not in result.stdout


@pytest.mark.usefixtures("signed")
@pytest.mark.parametrize(
    ("line", "code"),
    [("demo>=1", "PV110"), ("demo @ git+https://vcs.example/r", "PV104"), ("demo @ file:///nowhere/demo", "PV005")],
)
def test_explain_has_the_gates_verdict_on_what_is_no_locked_file(world: World, line: str, code: str) -> None:
    lock = world.write("r.txt", line, "other==1.0 --hash=sha256:" + "0" * 64)
    result = explain(world, "demo", "-r", lock)
    told = check(world, "-r", lock)
    (entry,) = (entry for entry in told.report["artifacts"] if entry["project"] == "demo")
    assert [code] == [reason["id"] for reason in entry["reasons"]]
    assert code in result.stdout
    assert result.code == entry["exit_code"]
    assert "pin from" in result.stdout


@pytest.mark.usefixtures("signed")
def test_explain_says_where_else_to_look(world: World) -> None:
    result = explain(world, "nobody", "-r", world.write("r.txt", "demo>=1"))
    assert result.code == 2
    assert "pip-verify explain nobody" in result.stderr


def test_explain_judges_a_file_of_a_directory_by_its_bytes(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    world.save(f"dist/{WHEEL}", makers.make_wheel("demo", "1.0") + b"x")
    result = explain(world, "demo", "-r", "dist")
    assert (result.code, "PV305" in result.stdout) == (12, True)
    signed = makers.make_wheel(
        "demo", "1.0", sign=lambda digest: sign_release([ALICE], {"RECORD": digest}, "demo", "1.0")
    )
    world.save(f"dist/{WHEEL}", signed)
    result = explain(world, "demo", "-r", "dist")
    assert (result.code, f"in-wheel: {WHEEL}: found" in result.stdout) == (0, True)


def test_explain_holds_a_file_to_what_its_lock_states(world: World, signed: dict[str, bytes]) -> None:
    path = world.save(f"dist/{WHEEL}", signed[WHEEL])
    lock = requirements(world, *signed.values())
    assert explain(world, path, "-r", lock).code == 0
    pinned = world.write("pinned.txt", lock.read_text().rstrip(), f"    # pip-verify: --key={EVE.text}")
    result = explain(world, path, "-r", pinned)
    assert (result.code, EVE.text in result.stdout) == (11, True)
    other = requirements(world, b"other bytes")
    result = explain(world, path, "-r", other)
    assert (result.code, "PV309" in result.stdout) == (12, True)
    assert explain(world, path).code == 0


def test_explain_a_file_passes_by_the_hash_of_its_lock_as_the_gate_says(world: World) -> None:
    world.trust(policy=('unsigned = "hash-pinned"',))
    data = makers.make_wheel("demo", "1.0")
    path = world.save(f"dist/{WHEEL}", data)
    assert explain(world, path).code == 10
    assert explain(world, path, "-r", "dist").code == 10  # nobody's word
    assert explain(world, path, "-r", requirements(world, data)).code == 0


def test_explain_a_file_that_its_lock_has_not_is_a_usage_error(world: World, signed: dict[str, bytes]) -> None:
    path = world.save(f"dist/{WHEEL}", signed[WHEEL])
    result = explain(world, path, "-r", world.write("r.txt", "demo==2.0"))
    assert (result.code, "expected its release in" in result.stderr) == (2, True)
