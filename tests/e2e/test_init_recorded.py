"""``init`` and ``pin`` beside ``pip-verify.lock``: what was seen once is not forgotten when a trust file is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_init import init, names_list, requirements, text_of, trust_of
from tests.e2e.world import ALICE, EVE, Result, World
from tests.makers import make_wheel, wheel_filename
from tests.signer import sha256, sign_legacy, sign_release

RECORD = '[policy]\nfirst-use = "record"\n'
WHEEL = wheel_filename("demo", "1.1")


@pytest.fixture
def known(world: World) -> World:
    """demo 1.0 was used for the first time, signed by Alice."""
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE, metadata_extra=names_list(world))
    use(world)
    return world


def use(world: World) -> None:
    (world.project / "pip-verify.toml").write_text(RECORD)
    result = world.run("download", "--no-deps", "--dest", "d", "demo==1.0")
    assert result.code == 0, result.stderr
    assert "demo" in lock_of(world).read_text()


def in_wheel(version: str) -> Callable[[str], bytes]:
    return lambda digest: sign_release([ALICE], {"RECORD": digest}, "demo", version)


def lock_of(world: World) -> Path:
    return world.project / "pip-verify.lock"


def evil(world: World, version: str = "1.1") -> str:
    """A release that names a list of Eve's, who signed it; returns her list."""
    url = f"{world.publisher.site.url}/evil/keys.json"
    world.publisher.show(EVE, path="/evil/keys.json")
    data = make_wheel("demo", version, metadata_extra=f"Project-URL: Signing-Keys, {url}\n")
    name = wheel_filename("demo", version)
    world.index.add(name, data)
    statement = sign_release([EVE], {name: sha256(data)}, "demo", version)
    world.publisher.serve(f"/evil/releases/demo/{version}.jws", statement)
    return url


def pin(world: World, *arguments: str) -> Result:
    return world.run_as_it_is("pin", "demo", *arguments, PIP_VERIFY_EXTRA_CA=str(world.publisher.ca_file))


def refused(world: World, result: Result, words: str, code: int | None = None) -> None:
    """Nothing was written: neither a pin nor an exemption."""
    assert result.code == code if code is not None else result.code not in (0, 1), result.stderr
    assert words in result.stderr
    assert text_of(world) == RECORD
    assert world.run("check", "-r", "requirements.txt").code in (10, 11, 12)


# A departure is not laundered.


def test_a_release_that_is_signed_no_more_is_not_exempted(known: World) -> None:
    known.wheel("demo", "1.1", metadata_extra=names_list(known))
    requirements(known, "demo==1.1")
    refused(known, init(known, "-r", "requirements.txt"), "demo: PV109", 10)
    refused(known, pin(known), "as was seen of release line 1.0", 10)


def test_a_release_of_another_list_is_not_pinned(known: World) -> None:
    evil(known)
    requirements(known, "demo==1.1")
    refused(known, init(known, "-r", "requirements.txt"), "demo: PV204", 11)
    refused(known, pin(known), f"a signature by {ALICE.text}", 11)


def test_the_gate_claims_no_more_than_the_digest_tells(known: World) -> None:
    """That another list signs it, which the file names itself, only its bytes tell."""
    evil(known)
    requirements(known, "demo==1.1")
    by_digest = known.run("check", "-r", "requirements.txt")
    assert by_digest.code == 10
    assert "PV109" in by_digest.stderr
    assert "only its bytes can tell" in by_digest.stderr
    assert "pip-verify check --download" in by_digest.stderr
    looked_into = known.run("check", "--download", "-r", "requirements.txt")
    assert looked_into.code == 11
    assert "PV204" in looked_into.stderr


def test_a_key_that_the_recorded_list_has_now_is_another_key(known: World) -> None:
    known.publisher.show(ALICE, EVE)
    known.wheel("demo", "1.1", EVE, metadata_extra=names_list(known))
    requirements(known, "demo==1.1")
    refused(known, init(known, "-r", "requirements.txt"), "demo: PV204", 11)
    refused(known, pin(known), f"a signature by {ALICE.text}", 11)


def test_weaker_evidence_than_was_seen_is_refused(known: World) -> None:
    known.wheel("demo", "1.1", metadata_extra=names_list(known), sign=in_wheel("1.1"))
    requirements(known, "demo==1.1")
    refused(known, init(known, "-r", "requirements.txt"), "demo: PV205", 11)


def test_the_lock_counts_though_policy_no_longer_records(known: World) -> None:
    evil(known)
    requirements(known, "demo==1.1")
    (known.project / "pip-verify.toml").unlink()
    result = init(known, "-r", "requirements.txt")
    assert result.code == 11
    assert not (known.project / "pip-verify.toml").exists()


@pytest.mark.parametrize("torn", ["empty", "cut", "link"])
@pytest.mark.parametrize("command", ["init", "pin", "pin a list"])
def test_a_lock_that_is_not_whole_is_refused(known: World, torn: str, command: str) -> None:
    requirements(known, "demo==1.0")
    lock = lock_of(known)
    data = b"" if torn == "empty" else lock.read_bytes()[:-40]
    lock.unlink()
    if torn == "link":
        lock.symlink_to("elsewhere")
    else:
        lock.write_bytes(data)
    run: dict[str, Any] = {
        "init": lambda: init(known, "-r", "requirements.txt"),
        "pin": lambda: pin(known),
        "pin a list": lambda: pin(known, known.publisher.pin),
    }
    result = run[command]()
    assert result.code == 2, result.stderr
    assert "pip-verify.lock" in result.stderr
    assert text_of(known) == RECORD


# What is as it was seen.


def test_what_the_lock_holds_for_is_left_to_it_and_green(known: World) -> None:
    known.wheel("nobody")
    known.wheel("demo", "1.1", ALICE, metadata_extra=names_list(known))
    requirements(known, "demo==1.1", "nobody==1.0")
    result = init(known, "-r", "requirements.txt")
    assert result.code == 0, result.stderr
    assert "0 signed by 0 publishers, 1 exempt, 1 recorded in pip-verify.lock" in result.stderr
    assert "publishers" not in trust_of(known)
    assert known.run("check", "-r", "requirements.txt").code == 0


def test_without_the_policy_the_project_gets_its_publisher(known: World) -> None:
    requirements(known, "demo==1.0")
    (known.project / "pip-verify.toml").unlink()
    result = init(known, "-r", "requirements.txt")
    assert result.code == 0, result.stderr
    (publisher,) = trust_of(known)["publishers"].values()
    assert publisher == {"key-list": known.publisher.list_url, "projects": ["demo"]}
    assert "no longer who is recorded" in result.stderr


def test_a_wheel_that_signs_itself_as_recorded(world: World) -> None:
    world.publisher.show(ALICE)
    for version in ("1.0", "1.1"):
        world.wheel("demo", version, metadata_extra=names_list(world), sign=in_wheel(version))
    use(world)
    requirements(world, "demo==1.1")
    result = init(world, "-r", "requirements.txt")
    assert "1 recorded in pip-verify.lock" in result.stderr
    assert pin(world).code == 0
    assert trust_of(world)["publishers"]


def test_an_older_line_that_was_never_signed_is_merely_unsigned(known: World) -> None:
    known.wheel("demo", "0.9", metadata_extra=names_list(known))
    requirements(known, "demo==0.9")
    result = init(known, "-r", "requirements.txt")
    assert result.code == 0, result.stderr
    assert "1 exempt" in result.stderr


def test_a_legacy_key_as_recorded_is_pinned_with_its_format(world: World) -> None:
    world.wheel("demo", "1.0", legacy_sign=sign_legacy(ALICE))
    use(world)
    result = pin(world)
    assert result.code == 0, result.stderr
    (publisher,) = trust_of(world)["publishers"].values()
    assert publisher == {"keys": [ALICE.text], "formats": ["record-jws"], "projects": ["demo"]}


# Who says it explicitly overrides it, and is told what was recorded.


@pytest.mark.parametrize("how", ["list", "key", "bare"])
def test_a_pin_tells_what_was_recorded(known: World, how: str) -> None:
    stated = {"list": [known.publisher.pin], "key": [f"--key={EVE.text}"], "bare": []}[how]
    result = pin(known, *stated)
    assert result.code == 0, result.stderr
    assert f"demo: recorded were {ALICE.text}, on the key list {known.publisher.list_url} (first seen " in result.stderr
    again = pin(known, *stated)
    assert "recorded were" not in again.stderr  # the lock was not in force any more


def test_after_unpin_the_new_signer_can_be_pinned(known: World) -> None:
    url = evil(known)
    assert known.run_as_it_is("unpin", "demo").code == 0
    assert pin(known).code == 0
    assert url in text_of(known)
