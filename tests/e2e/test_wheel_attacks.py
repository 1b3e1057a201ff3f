"""Wheels that say one thing to the one who checks and another to the one who installs: refused before they are read.

All of them are properly signed. It is their structure that lies.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests import makers
from tests.e2e.world import ALICE, World
from tests.signer import sha256, sign_release
from tests.vectors import vectors_dir

WHEEL = "demo-1.0-py3-none-any.whl"
FOLDER = "demo-1.0.dist-info"


def vectors() -> dict[str, dict[str, Any]]:
    try:
        path = vectors_dir("wheels") / "expected.json"
    except pytest.skip.Exception:
        return {}
    found: dict[str, dict[str, Any]] = json.loads(path.read_text())
    assert len(found) == 46
    return found


VECTORS = vectors()


def place(world: World, name: str) -> Path:
    """Put a crafted wheel into the project, alone in a directory, with a good statement beside it.

    The ``RECORD.jws`` inside these wheels is a stub, not a signature, so under the key that their README names all of
    them would be refused for that, and none for what it is there to show.
    """
    file = VECTORS[name]["file"]
    data = (vectors_dir("wheels") / name / file).read_bytes()
    project, version = file.split("-")[:2]
    world.save(f"{name}/{file}.jws", sign_release([ALICE], {file: sha256(data)}, project, version))
    return world.save(f"{name}/{file}", data)


@pytest.mark.parametrize("name", VECTORS)
def test_a_crafted_wheel_under_a_good_signature(world: World, name: str) -> None:
    result = world.run("install", "--no-index", "--no-deps", place(world, name), f"--key={ALICE.text}")
    if VECTORS[name]["expect"] == "reject" or (VECTORS[name]["expect"] == "either" and result.code):
        world.refused(result, 12, "PV305", filename=VECTORS[name]["file"])
    else:
        world.installed_as(result, hostpkg="1.0")


def made(files: dict[str, bytes], *, record: bytes | None = None) -> bytes:
    listed = makers.record_of(files, FOLDER) if record is None else record
    return makers.zip_of({f"{FOLDER}/RECORD": listed} | files)


def unlisted_pth(world: World) -> bytes:
    files = makers.wheel_files("demo", "1.0")
    return made(files | {"demo.pth": world.mark("pth").encode()}, record=makers.record_of(files, FOLDER))


def second_member(world: World) -> bytes:
    """Two zip files, one behind the other: readers choose the last directory, streamers the first."""
    return made({"demo.pth": world.mark("pth").encode()}) + makers.make_wheel("demo", "1.0")


def climbing(world: World) -> bytes:
    return made(makers.wheel_files("demo", "1.0") | {"../climbed.py": world.mark("climbed").encode()})


def other_metadata(_: World) -> bytes:
    files = makers.wheel_files("demo", "1.0")
    return made(files | {f"{FOLDER}/METADATA": makers.metadata_of("other", "1.0").encode()})


def trailing_bytes(_: World) -> bytes:
    return makers.make_wheel("demo", "1.0") + b"more"


def no_zip(_: World) -> bytes:
    return b"no zip at all"


CRAFTED = {
    make.__name__: make for make in (unlisted_pth, second_member, climbing, other_metadata, trailing_bytes, no_zip)
}


@pytest.mark.parametrize("make", CRAFTED.values(), ids=CRAFTED)
def test_a_signed_wheel_that_breaks_the_rules(world: World, make: Any) -> None:
    """Of our own making, so that a checkout without the shared vectors sees some too."""
    world.publisher.show(ALICE)
    data = make(world)
    world.index.add(WHEEL, data)
    world.publisher.release("demo", "1.0", {WHEEL: data}, ALICE)
    world.refused(world.run("install", "demo", world.publisher.pin), 12, "PV305", filename=WHEEL)


COMMANDS = {
    "dry-run": ("install", "--dry-run"),
    "download": ("download", "-d", "dest"),
    "wheel": ("wheel", "-w", "dest"),
    "target": ("install", "--target", "dest"),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_signed_wheel_that_breaks_the_rules_is_not_handed_out_either(world: World, command: tuple[str, ...]) -> None:
    world.publisher.show(ALICE)
    data = unlisted_pth(world)
    world.index.add(WHEEL, data)
    world.publisher.release("demo", "1.0", {WHEEL: data}, ALICE)
    result = world.run(*command, "demo", world.publisher.pin)
    world.refused(result, 12, "PV305", filename=WHEEL)
    assert not [path for path in (world.project / "dest").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "command", [("install", "--no-compile"), ("download", "-d", "dest")], ids=["install", "download"]
)
def test_a_large_wheel_that_is_not_as_its_record_says_at_its_end(world: World, command: tuple[str, ...]) -> None:
    """Reading it takes longer than pip needs to come to the end."""
    world.publisher.show(ALICE)
    large = {"demo/data.bin": random.Random(0).randbytes(1 << 20) * 32, "demo/last.py": b"# good\n"}  # noqa: S311
    files = large | makers.wheel_files("demo", "1.0")
    evil = {"demo/last.py": b"# evil\n"}
    data = made(
        {name: files[name] for name in files if name not in evil} | evil, record=makers.record_of(files, FOLDER)
    )
    world.index.add(WHEEL, data)
    world.publisher.release("demo", "1.0", {WHEEL: data}, ALICE)
    world.refused(world.run(*command, "demo", world.publisher.pin), 12, "PV305", filename=WHEEL)
    assert not [*world.project.glob("dest/*")]


def test_a_signed_build_dependency_that_breaks_the_rules(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo", "other")
    world.sdist("other", "1.0", ALICE, build_requires=["demo"], on_import="import demo")
    data = unlisted_pth(world)
    world.index.add(WHEEL, data)
    world.publisher.release("demo", "1.0", {WHEEL: data}, ALICE)
    world.refused(world.run("install", "other"), 12, "PV305", filename=WHEEL)


def test_a_sound_wheel_beside_one_that_breaks_the_rules(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("aaa", "1.0", ALICE)
    data = unlisted_pth(world)
    world.index.add(WHEEL, data)
    world.publisher.release("demo", "1.0", {WHEEL: data}, ALICE)
    for arguments in (("aaa", "demo"), ("demo", "aaa")):
        world.refused(world.run("install", *arguments, world.publisher.pin), 12, "PV305", filename=WHEEL)


def test_an_exempt_wheel_must_be_sound_too(world: World) -> None:
    world.write("pip-verify.toml", "[[exempt]]", 'project = "demo"', 'reason = "unsigned upstream"')
    world.index.add(WHEEL, unlisted_pth(world))
    world.refused(world.run("install", "demo"), 12, "PV305", filename=WHEEL)


def test_lying_metadata_for_a_wheel(world: World) -> None:
    """PEP 658: what pip resolves by is not what is in the wheel. Here it hides a dependency."""
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE, requires=["absent"])
    world.index.files[WHEEL].metadata = makers.metadata_of("demo", "1.0").encode()
    world.refused(world.run("install", "demo", world.publisher.pin), 12, "PV307", filename=WHEEL)


def test_lying_metadata_that_makes_pip_ask_for_more(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    world.index.files[WHEEL].metadata = makers.metadata_of("demo", "1.0", ["evil"]).encode()
    world.index.add("evil-1.0-py3-none-any.whl", world.evil_wheel("evil"))
    result = world.run("install", "demo", world.publisher.pin)
    assert result.code in {10, 12}, result.stderr
    world.refused(result, result.code)


def test_true_metadata_for_a_wheel_is_used(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    world.index.files[WHEEL].metadata = makers.metadata_of("demo", "1.0").encode()
    world.installed_as(world.run("install", "demo", world.publisher.pin), demo="1.0")
    assert f"/files/{WHEEL}.metadata" in world.index.requests


@pytest.mark.parametrize("header", ["Content-Disposition", "Content-Type"])
def test_a_wheel_that_the_index_calls_something_else(world: World, header: str) -> None:
    world.publisher.show(ALICE)
    value = {"Content-Disposition": 'attachment; filename="../../evil-1.0.tar.gz"', "Content-Type": "application/x-tar"}
    data = world.wheel("demo", "1.0", ALICE)
    world.index.add(WHEEL, data, headers={header: value[header]})
    world.installed_as(world.run("install", "demo", world.publisher.pin), demo="1.0")


def test_no_lock_file_names_a_wheel_whose_reading_is_not_over(world: World) -> None:
    """The signature is good and proved by digest, so pip goes on. A reader this quick refuses at one of several steps;
    that ``settle`` itself waits is held by tests/test_session.py."""
    world.publisher.show(ALICE)
    data = made({**makers.wheel_files("demo", "1.0"), "unlisted.pth": b"import os"}, record=b"")
    world.index.add(WHEEL, data)
    world.publisher.release("demo", "1.0", {WHEEL: data}, ALICE)
    result = world.run("lock", "-o", "pylock.toml", "demo", world.publisher.pin)
    world.refused(result, 12, "PV305", filename=WHEEL)
    assert not (world.project / "pylock.toml").exists()
