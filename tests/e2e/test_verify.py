"""``pip-verify verify``: files on disk are judged, nothing is installed, and the exit code says what was found."""

from __future__ import annotations

import pytest

from tests import makers
from tests.e2e.world import ALICE, EVE, World
from tests.signer import sha256, sign_release

WHEEL = "demo-1.0-py3-none-any.whl"
SDIST = "demo-1.0.tar.gz"


@pytest.fixture
def signed(world: World) -> World:
    """dist/ holds a wheel and an sdist of demo 1.0, both in its signed release."""
    world.publisher.show(ALICE)
    files = {WHEEL: makers.make_wheel("demo", "1.0"), SDIST: makers.make_sdist("demo", "1.0")}
    for name, data in files.items():
        world.save(f"dist/{name}", data)
    world.publisher.release("demo", "1.0", files, ALICE)
    return world


def test_signed_files_pass_by_the_key_list(signed: World) -> None:
    result = signed.run("verify", f"dist/{WHEEL}", f"dist/{SDIST}", signed.publisher.pin)
    assert result.code == 0, result.stderr
    assert result.accepted() == [WHEEL, SDIST]
    assert "2 signed" in result.stderr


def test_signed_files_pass_by_the_trust_file(signed: World) -> None:
    signed.trust("demo")
    assert signed.run("verify", f"dist/{WHEEL}", f"dist/{SDIST}").code == 0


def test_a_statement_beside_the_file_needs_no_network(world: World) -> None:
    data = makers.make_wheel("demo", "1.0")
    path = world.save(WHEEL, data)
    world.save(f"{WHEEL}.jws", sign_release([ALICE], {WHEEL: sha256(data)}, "demo", "1.0"))
    assert world.run("verify", path, f"--key={ALICE.text}").code == 0
    assert not world.index.requests
    assert not world.publisher.site.requests


def test_one_changed_byte_is_found(signed: World) -> None:
    path = signed.project / "dist" / SDIST
    data = bytearray(path.read_bytes())
    data[-9] ^= 1  # within gzip's trailer or the last block
    path.write_bytes(data)
    result = signed.run("verify", path, signed.publisher.pin)
    assert result.code == 12, result.stderr


@pytest.mark.parametrize(
    ("signer", "code", "reason"), [(None, 10, "PV102"), (EVE, 11, "PV201")], ids=["unsigned", "stranger"]
)
def test_unsigned_and_signed_by_a_stranger_are_told_apart(
    signed: World, signer: object, code: int, reason: str
) -> None:
    data = makers.make_wheel("other", "1.0")
    name = "other-1.0-py3-none-any.whl"
    path = signed.save(name, data)
    if signer is not None:
        signed.publisher.release("other", "1.0", {name: data}, EVE)
    result = signed.run("verify", path, signed.publisher.pin)
    assert (result.code, result.reasons(name)) == (code, [reason])


def test_of_several_kinds_the_worst_is_the_exit_code_and_all_are_in_the_report(signed: World) -> None:
    signed.save("dist/other-1.0-py3-none-any.whl", makers.make_wheel("other", "1.0"))
    signed.save(f"dist/{SDIST}", makers.make_sdist("demo", "1.0", on_import="pass"))
    paths = sorted((signed.project / "dist").iterdir())
    result = signed.run("verify", *paths, signed.publisher.pin)
    assert result.code == 12
    found = {entry["filename"]: entry["exit_code"] for entry in result.report["artifacts"]}
    assert found == {WHEEL: 0, SDIST: 12, "other-1.0-py3-none-any.whl": 10}


def test_without_a_pin_nothing_passes(signed: World) -> None:
    assert signed.run("verify", f"dist/{WHEEL}").code == 10


def test_a_renamed_file_does_not_pass(signed: World) -> None:
    path = signed.save("demo-1.1-py3-none-any.whl", (signed.project / "dist" / WHEEL).read_bytes())
    assert signed.run("verify", path, signed.publisher.pin).code == 12


def test_a_file_that_is_not_there_is_a_usage_error(signed: World) -> None:
    assert signed.run("verify", "dist/absent-1.0-py3-none-any.whl", signed.publisher.pin).code == 2


@pytest.mark.parametrize("name", ["demo.whl", "demo-1.0.tar.gz.exe", "nothing"])
def test_a_file_name_that_states_nothing(signed: World, name: str) -> None:
    result = signed.run("verify", signed.save(name, b"bytes"), signed.publisher.pin)
    assert result.code in {2, 10}, result.stderr


def test_no_network_is_not_unsigned(signed: World) -> None:
    result = signed.run("verify", f"dist/{WHEEL}", "--key-list=https://localhost:9/keys.json")
    assert (result.code, result.reasons(WHEEL)) == (14, ["PV501"])


def test_verify_runs_no_code_of_an_sdist(world: World) -> None:
    path = world.save(SDIST, makers.make_sdist("demo", "1.0", on_import=world.mark("demo")))
    world.refused(world.run("verify", path, f"--key={ALICE.text}"), 10)
