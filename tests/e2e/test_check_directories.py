"""``pip-verify check`` on directories of files: nothing in them vouches for itself, and they are looked into."""

from __future__ import annotations

from pathlib import Path

from tests import makers
from tests.e2e.world import ALICE, EVE, Result, World
from tests.signer import Signer, sha256, sign_release

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


# What is at hand is looked into.


def in_wheel(*signers: Signer, version: str = "1.0") -> bytes:
    return makers.make_wheel(
        "demo", version, sign=lambda digest: sign_release(signers, {"RECORD": digest}, "demo", version)
    )


def agreed(world: World, path: Path) -> Result:
    """What check says of the directory, which is what verify says of the file, and no index was asked."""
    told = check(world, "dist")
    assert check(world, "dist", "--download").code == told.code
    assert world.run("verify", path).code == told.code
    assert world.index.requests == []
    return told


def test_a_signature_inside_a_wheel_at_hand_counts_without_a_download(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    path = world.save(f"dist/{WHEEL}", in_wheel(ALICE))
    assert agreed(world, path).artifact(WHEEL)["evidence"] == "in-wheel"
    path.write_bytes(in_wheel(EVE))
    assert agreed(world, path).code == 11


def test_an_unsigned_file_at_hand_is_unsigned_and_no_download_is_offered(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    result = agreed(world, world.save(f"dist/{WHEEL}", makers.make_wheel("demo", "1.0")))
    assert (result.code, result.reasons(WHEEL)) == (10, ["PV102"])
    assert "--download" not in result.stderr


def test_a_file_at_hand_that_breaks_the_strict_reader_is_bad_however_it_is_signed(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    sdist = makers.sdist_filename("demo", "1.0")
    bad = {WHEEL: makers.make_wheel("demo", "1.0") + b"x", sdist: b"no archive"}
    world.publisher.release("demo", "1.0", bad, ALICE)
    for name, data in bad.items():
        world.save(f"dist/{name}", data)
    result = check(world, "dist")
    assert (result.code, result.reasons(WHEEL), result.reasons(sdist)) == (12, ["PV305"], ["PV306"])


def test_a_signed_file_at_hand_is_held_to_the_digest_that_the_lock_states(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    locked, other = in_wheel(ALICE), makers.make_wheel("demo", "1.0", {"demo/other.py": "x"})
    name = WHEEL.replace("-py3", "-1-py3")
    world.publisher.release("demo", "1.0", {WHEEL: locked, name: other}, ALICE)
    world.save(f"dist/{name}", other)
    result = check(world, hashed(world, locked), "dist")
    assert (result.code, result.reasons(name)) == (12, ["PV309"])


def test_a_statement_beside_the_file_is_found_though_a_lock_names_the_file_first(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    data = makers.make_wheel("demo", "1.0")
    path = world.save(f"dist/{WHEEL}", data)
    path.with_name(f"{WHEEL}.jws").write_bytes(sign_release([ALICE], {WHEEL: sha256(data)}, "demo", "1.0"))
    assert check(world, world.lock(WHEEL, data), "dist").code == 0


# A file that a lock names by its path.


def test_a_signature_inside_a_wheel_that_a_requirement_names_by_its_path_counts(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    data = in_wheel(ALICE)
    world.save(f"libs/{WHEEL}", data)
    result = check(world, hashed(world, data, f"./libs/{WHEEL}"))
    assert result.reasons(WHEEL) == ["PV001"]
    assert world.index.requests == []


def test_other_bytes_where_the_lock_says_that_a_signed_file_lies_are_bad(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    data = makers.make_wheel("demo", "1.0")
    world.publisher.release("demo", "1.0", {WHEEL: data}, ALICE)
    requirements = hashed(world, data, f"demo @ file:libs/{WHEEL}")
    assert check(world, requirements).reasons(WHEEL) == ["PV001"]
    world.save(f"libs/{WHEEL}", makers.make_wheel("demo", "1.0", {"demo/evil.py": "x"}))
    result = check(world, requirements)
    assert (result.code, result.reasons(WHEEL)) == (12, ["PV302"])
