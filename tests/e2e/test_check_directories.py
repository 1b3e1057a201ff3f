"""``pip-verify check`` on directories of files: nothing in them vouches for itself, and they are looked into."""

from __future__ import annotations

from pathlib import Path

from tests import makers
from tests.e2e.world import Result, World
from tests.signer import sha256

WHEEL = makers.wheel_filename("demo", "1.0")
HASH_PINNED = ('unsigned = "hash-pinned"',)


def check(world: World, *arguments: str | Path) -> Result:
    return world.run_bare("check", "--extra-ca", world.publisher.ca_file, *arguments)


def hashed(world: World, data: bytes, head: str = "demo==1.0") -> Path:
    return world.write("requirements.txt", f"{head} --hash=sha256:{sha256(data)}")


# A file's own digest is nobody's word.


def test_a_file_at_hand_is_not_its_own_hash(world: World) -> None:
    world.trust(policy=HASH_PINNED)
    world.save(f"dist/{WHEEL}", makers.make_wheel("demo", "1.0"))
    result = check(world, "dist")
    assert (result.code, result.reasons(WHEEL)) == (10, ["PV101"])


def test_a_file_at_hand_passes_by_hash_only_if_a_lock_states_its_digest(world: World) -> None:
    world.trust(policy=HASH_PINNED)
    data = makers.make_wheel("demo", "1.0")
    world.save(f"dist/{WHEEL}", data)
    assert check(world, hashed(world, data), "dist").code == 0
    assert check(world, "dist", hashed(world, data, "demo==1.0.0")).code == 0
    other = makers.make_wheel("demo", "1.0", {"demo/evil.py": "x"})
    name = WHEEL.replace("-py3", "-1-py3")
    world.save(f"dist/{name}", other)
    result = check(world, hashed(world, data), "dist")
    assert (result.code, result.reasons(name)) == (12, ["PV309"])


def test_another_release_at_hand_has_no_hash_of_the_locked_one(world: World) -> None:
    world.trust(policy=HASH_PINNED)
    data = makers.make_wheel("demo", "1.0")
    name = makers.wheel_filename("demo", "2.0")
    world.save(f"dist/{name}", makers.make_wheel("demo", "2.0"))
    result = check(world, hashed(world, data), "dist")
    assert (result.code, result.reasons(name)) == (10, ["PV101"])


def test_explain_takes_the_indexs_digest_for_nobodys_hash_as_install_does(world: World) -> None:
    world.trust(policy=HASH_PINNED)
    world.wheel("demo", "1.0")
    result = world.run_as_it_is("explain", "demo")
    assert result.code == 10, result.stdout
    assert "PV101" in result.stdout
    assert world.run("install", "demo").code == 10
