"""Attacks by source distributions: code that runs while a project is merely looked at. Nothing of it may run."""

from __future__ import annotations

import io
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests import makers
from tests.e2e.world import ALICE, EVE, Environment, World
from tests.signer import sha256

SDIST = "demo-1.0.tar.gz"
HELPER = "helper-1.0-py3-none-any.whl"

COMMANDS = {
    "install": ("install",),
    "dry-run": ("install", "--dry-run"),
    "download": ("download", "-d", "dest"),
    "wheel": ("wheel", "-w", "dest"),
    "lock": ("lock", "-o", "lock/pylock.toml"),
    "legacy-resolver": ("install", "--use-deprecated=legacy-resolver"),
    "no-build-isolation": ("install", "--no-build-isolation"),
    "no-binary": ("install", "--no-binary", ":all:"),
    "ignore-installed": ("install", "--ignore-installed", "--no-deps"),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_an_unsigned_sdists_backend_never_runs(world: World, command: tuple[str, ...]) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    world.sdist("demo")
    result = world.run(*command, "demo")
    world.refused(result, 10, "PV102", filename=SDIST)
    assert not [*world.project.glob("*/*")]


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_without_any_pin_it_does_not_run_either(world: World, command: tuple[str, ...]) -> None:
    world.sdist("demo")
    world.refused(world.run(*command, "demo"), 10, "PV101", filename=SDIST)


def test_the_backend_of_a_version_pip_only_looks_at_while_resolving(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    world.sdist("demo", "2.0", requires=["absent==1"])
    result = world.run("install", "demo", world.publisher.pin)
    world.refused(result, 10, "PV102", filename="demo-2.0.tar.gz")


def test_the_backend_of_a_dependency(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("app", "1.0", ALICE, requires=["demo"])
    world.sdist("demo")
    world.refused(world.run("install", "app", world.publisher.pin), 10, "PV101", filename=SDIST)


def test_a_strangers_sdist(world: World) -> None:
    world.publisher.show(ALICE)
    world.sdist("demo", "1.0", EVE)
    world.refused(world.run("install", "demo", world.publisher.pin), 11, "PV201", filename=SDIST)


def test_a_tampered_sdist(world: World) -> None:
    world.publisher.show(ALICE)
    world.sdist("demo", "1.0", ALICE)
    world.index.add(SDIST, makers.make_sdist("demo", "1.0", on_import=world.mark("tampered")), stated="none")
    world.refused(world.run("install", "demo", world.publisher.pin), 12, "PV302", filename=SDIST)


@pytest.mark.parametrize("stated", ["right", "none"])
def test_an_unsigned_sdist_whose_metadata_the_index_offers(world: World, stated: Any) -> None:
    world.publisher.show(ALICE)
    world.sdist("demo", stated=stated)
    world.index.files[SDIST].metadata = makers.metadata_of("demo", "1.0").encode()
    world.refused(world.run("install", "demo", world.publisher.pin), 10, "PV102", filename=SDIST)


def test_a_tampered_sdist_whose_metadata_the_index_offers_is_not_even_unpacked(world: World) -> None:
    world.publisher.show(ALICE)
    world.sdist("demo", "1.0", ALICE)
    world.index.files[SDIST].metadata = makers.metadata_of("demo", "1.0").encode()
    world.index.tamper(SDIST, b"no archive at all")
    result = world.run("install", "demo", world.publisher.pin)
    world.refused(result, 12, "PV302", filename=SDIST)


def test_a_good_sdist_whose_metadata_the_index_offers_is_built(world: World) -> None:
    world.publisher.show(ALICE)
    world.sdist("demo", "1.0", ALICE)
    world.index.files[SDIST].metadata = makers.metadata_of("demo", "1.0").encode()
    world.installed_as(world.run("install", "demo", world.publisher.pin), demo="1.0")


def test_an_sdist_whose_stated_digest_is_refused_is_not_even_downloaded(world: World) -> None:
    world.publisher.show(ALICE)
    world.sdist("demo", "1.0", EVE)
    world.refused(world.run("install", "demo", world.publisher.pin), 11, "PV201", filename=SDIST)
    assert not world.index.asked_for(SDIST)


@pytest.mark.parametrize("ending", [".zip", ".tar.bz2", ".tar.xz", ".tgz", ".tar"])
def test_an_unsigned_sdist_in_another_format_does_not_run(world: World, ending: str) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    files = {"demo-1.0/setup.py": world.mark("setup").encode()}
    world.index.add(f"demo-1.0{ending}", makers.zip_of(files) if ending == ".zip" else makers.tar_of(files))
    world.refused(world.run("install", "demo"), 10)


def test_a_backend_that_swaps_what_was_checked_before_it_ran(world: World) -> None:
    """The signed backend has gone bad: it overwrites the copies that wait to be installed. They are not."""
    world.publisher.show(ALICE)
    world.wheel("aaa", "1.0", ALICE)
    world.save("evil.whl", world.evil_wheel("aaa"))
    found = "glob.glob(tempfile.gettempdir() + '/**/aaa*.whl', recursive=True)"
    copy = f"shutil.copy({str(world.project / 'evil.whl')!r}, path)"
    swap = f"import glob, shutil, tempfile\nfor path in {found}:\n    {copy}"
    world.sdist("demo", "1.0", ALICE, on_import=swap)
    with tempfile.TemporaryDirectory(prefix="t") as directory:
        result = world.run("install", "aaa", "demo", world.publisher.pin, TMPDIR=directory)
    assert world.executed == ["demo"]
    assert result.code == 12, result.stderr
    assert "PV308" in result.stderr
    assert world.target.untouched()


def test_a_backend_is_not_told_how_to_reach_the_channel(world: World) -> None:
    world.publisher.show(ALICE)
    channel = "os.environ.get('PIP_VERIFY_CHANNEL', 'unknown')"
    told = f"import os; open({str(world.marker)!r}, 'a').write('channel=' + {channel})"
    world.sdist("demo", "1.0", ALICE, on_import=told)
    world.installed_as(world.run("install", "demo", world.publisher.pin), demo="1.0")
    assert "channel=unknown" in world.executed


BUILD_WAYS = {
    "plain": (),
    "inprocess-build-deps": ("--use-feature=inprocess-build-deps",),
    "venv-isolation": ("--use-feature=venv-isolation",),
    "require-hashes": ("--require-hashes",),
}


def supported(way: str) -> None:
    """Skip a way of building that the driving pip does not know."""
    from pip._internal.cli.cmdoptions import use_new_feature

    if "feature" in way and way.partition("=")[2] not in use_new_feature().choices:
        pytest.skip(f"pip {version('pip')} has no {way}")


@pytest.mark.parametrize("way", BUILD_WAYS.values(), ids=BUILD_WAYS)
def test_a_signed_sdist_with_an_unsigned_build_dependency(world: World, way: tuple[str, ...]) -> None:
    for option in way:
        supported(option)
    world.publisher.show(ALICE)
    sdist = world.sdist("demo", "1.0", ALICE, build_requires=["helper"], on_import="import helper")
    world.index.add(HELPER, world.evil_wheel("helper"))
    world.write("requirements.txt", f"demo==1.0 {world.publisher.pin} --hash=sha256:{sha256(sdist)}")
    result = world.run("install", *way, "-r", "requirements.txt")
    world.refused(result, 10, "PV101", filename=HELPER)


@pytest.mark.parametrize("way", BUILD_WAYS.values(), ids=BUILD_WAYS)
def test_a_signed_build_dependency_is_used(world: World, way: tuple[str, ...]) -> None:
    for option in way:
        supported(option)
    world.publisher.show(ALICE)
    world.trust("demo", "helper")
    sdist = world.sdist("demo", "1.0", ALICE, build_requires=["helper"], on_import="import helper")
    world.wheel("helper", "1.0", ALICE)
    world.write("requirements.txt", f"demo==1.0 --hash=sha256:{sha256(sdist)}")
    world.installed_as(world.run("install", *way, "-r", "requirements.txt"), demo="1.0")


@pytest.mark.parametrize("way", [BUILD_WAYS["plain"], BUILD_WAYS["inprocess-build-deps"]], ids=["plain", "in-process"])
@pytest.mark.parametrize(
    ("requires", "reason"), [("helper @ {directory}", "PV105"), ("helper", "PV101")], ids=["directory", "by-the-same"]
)
def test_a_build_dependency_is_nothing_that_the_user_named(
    world: World, way: tuple[str, ...], requires: str, reason: str
) -> None:
    """A directory that a package names is not the user's own, and a pin on the command line is not for it."""
    for option in way:
        supported(option)
    world.publisher.show(ALICE)
    directory = world.unpack(makers.make_sdist("helper", "1.0", on_import=world.mark("helper")), "helper")
    world.wheel("helper", "1.0", ALICE)
    world.sdist("demo", "1.0", ALICE, build_requires=[requires.format(directory=directory.as_uri())])
    result = world.run("install", *way, "demo", world.publisher.pin)
    world.refused(result, 10)
    assert reason in result.stderr


def test_a_tampered_build_dependency(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo", "helper")
    world.sdist("demo", "1.0", ALICE, build_requires=["helper"], on_import="import helper")
    world.wheel("helper", "1.0", ALICE)
    world.index.add(HELPER, world.evil_wheel("helper"))
    world.refused(world.run("install", "demo"), 12, "PV302", filename=HELPER)


def test_an_unsigned_build_dependency_that_is_itself_an_sdist(world: World) -> None:
    world.publisher.show(ALICE)
    world.sdist("demo", "1.0", ALICE, build_requires=["helper"], on_import="import helper")
    world.sdist("helper")
    world.refused(world.run("install", "demo", world.publisher.pin), 10, "PV101", filename="helper-1.0.tar.gz")


def test_an_unsigned_build_dependency_of_a_build_dependency(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo", "middle")
    world.sdist("demo", "1.0", ALICE, build_requires=["middle"], on_import="import middle")
    world.sdist("middle", "1.0", ALICE, build_requires=["helper"], on_import="import helper")
    world.index.add(HELPER, world.evil_wheel("helper"))
    world.refused(world.run("install", "demo"), 10, "PV101", filename=HELPER)


def test_a_build_requirement_that_only_the_backend_names(world: World) -> None:
    """The signed backend runs, as it may; what it asks for is an artifact like any other."""
    world.publisher.show(ALICE)
    asking = "    return ['helper']"
    sdist = sdist_with(makers.make_sdist("demo", "1.0"), "    return []", asking)
    world.index.add(SDIST, sdist)
    world.publisher.release("demo", "1.0", {SDIST: sdist}, ALICE)
    world.index.add(HELPER, world.evil_wheel("helper"))
    world.refused(world.run("install", "demo", world.publisher.pin), 10, "PV101", filename=HELPER)


def test_a_build_dependency_at_a_url(world: World) -> None:
    world.publisher.show(ALICE)
    address = world.index.add(HELPER, world.evil_wheel("helper"))
    world.sdist("demo", "1.0", ALICE, build_requires=[f"helper @ {address}"], on_import="import helper")
    world.refused(world.run("install", "demo", world.publisher.pin), 10, "PV101", filename=HELPER)


def test_a_pin_on_the_command_line_does_not_speak_for_build_dependencies(world: World) -> None:
    world.publisher.show(ALICE)
    world.sdist("demo", "1.0", ALICE, build_requires=["helper"], on_import="import helper")
    world.wheel("helper", "1.0", ALICE)
    world.refused(world.run("install", "demo", world.publisher.pin), 10, "PV101", filename=HELPER)


def poison_cached_wheel(world: World, evil: bytes) -> Path:
    """Have plain pip build demo, and replace the wheel it keeps in its cache; returns that wheel's path."""
    first = Environment(world.root / "first")
    assert world.plain_pip("install", "demo", target=first).code == 0
    world.marker.unlink()
    (cached,) = Path(world.home, ".cache", "pip", "wheels").rglob("*.whl")
    cached.write_bytes(evil)
    return cached


def test_a_poisoned_locally_built_wheel_of_a_signed_sdist_is_not_used(world: World) -> None:
    world.publisher.show(ALICE)
    world.sdist("demo", "1.0", ALICE)
    evil = makers.make_wheel("demo", "1.0", {"demo/__init__.py": world.mark("poison"), "poison.py": ""})
    poison_cached_wheel(world, evil)
    world.installed_as(world.run("install", "demo", world.publisher.pin), demo="1.0")
    assert not [name for name in world.target.files() if "poison" in name]
    assert world.executed == ["demo"]  # built anew, from the sdist


def test_a_poisoned_locally_built_wheel_of_an_unsigned_sdist_is_not_used(world: World) -> None:
    world.publisher.show(ALICE)
    world.sdist("demo")
    poison_cached_wheel(world, world.evil_wheel("demo"))
    world.refused(world.run("install", "demo", world.publisher.pin), 10, "PV102", filename=SDIST)


def test_what_is_built_here_is_not_kept_in_pips_cache(world: World) -> None:
    world.publisher.show(ALICE)
    world.sdist("demo", "1.0", ALICE)
    assert world.run("install", "demo", world.publisher.pin).code == 0
    assert not [*Path(world.home, ".cache").rglob("*.whl")]


@pytest.mark.parametrize("built", ["other-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"])
def test_a_backend_that_builds_a_wheel_of_another_project_or_version(world: World, built: str) -> None:
    world.publisher.show(ALICE)
    sdist = sdist_with(makers.make_sdist("demo", "1.0"), "'demo-1.0-py3-none-any.whl'", repr(built))
    world.index.add(SDIST, sdist)
    world.publisher.release("demo", "1.0", {SDIST: sdist}, ALICE)
    result = world.run("install", "demo", world.publisher.pin)
    world.refused(result, 12)
    assert built in result.stderr


EVIL_MEMBERS = {
    "climbs": "demo-1.0/../../climbed",
    "absolute": "/tmp/pip-verify-absolute",  # noqa: S108 - a name in an archive that must be refused
}


@pytest.mark.parametrize("member", EVIL_MEMBERS.values(), ids=EVIL_MEMBERS)
def test_a_signed_sdist_whose_members_leave_its_directory(world: World, member: str) -> None:
    world.publisher.show(ALICE)
    sdist = makers.tar_of({"demo-1.0/PKG-INFO": makers.metadata_of("demo", "1.0").encode(), member: b"evil"})
    world.index.add(SDIST, sdist)
    world.publisher.release("demo", "1.0", {SDIST: sdist}, ALICE)
    world.refused(world.run("install", "demo", world.publisher.pin), 12, "PV306", filename=SDIST)
    assert not Path(member).exists()


@pytest.mark.parametrize("content_type", ["application/zip", "application/x-tar", "text/html"])
def test_an_sdist_that_the_index_calls_something_else(world: World, content_type: str) -> None:
    world.publisher.show(ALICE)
    sdist = makers.zip_of({"demo-1.0/setup.py": world.mark("setup").encode()})
    headers = {"Content-Type": content_type, "Content-Disposition": 'attachment; filename="demo-1.0.zip"'}
    address = world.index.add(SDIST, sdist, headers=headers)
    world.publisher.release("demo", "1.0", {SDIST: sdist}, ALICE)
    result = world.run("install", f"demo @ {address}", world.publisher.pin)
    world.refused(result, 12, "PV306", filename=SDIST)


def test_a_good_sdist_is_read_by_its_name_whatever_the_index_calls_it(world: World) -> None:
    """pip would unpack a tar as what its content type says; the check went by the name."""
    world.publisher.show(ALICE)
    data = world.sdist("demo", "1.0", ALICE)
    world.index.add(SDIST, data, headers={"Content-Type": "application/zip"})
    world.installed_as(world.run("install", "demo", world.publisher.pin), demo="1.0")


@pytest.mark.parametrize("behind", [True, False], ids=["zip-behind", "zip-inside-the-name"])
def test_an_sdist_that_is_a_tar_and_a_zip_at_once(world: World, *, behind: bool) -> None:
    """pip unpacks as a zip whatever ends like one; a check that reads it as a tar has seen other files."""
    world.publisher.show(ALICE)
    evil = makers.zip_of({"demo-1.0/setup.py": world.mark("setup").encode()})
    sdist = makers.make_sdist("demo", "1.0") + evil if behind else evil
    world.index.add(SDIST, sdist)
    world.publisher.release("demo", "1.0", {SDIST: sdist}, ALICE)
    world.refused(world.run("install", "demo", world.publisher.pin), 12, "PV306", filename=SDIST)


@pytest.mark.parametrize("query", ["", "?.metadata"], ids=["path", "query"])
def test_an_sdist_that_is_called_metadata(world: World, query: str) -> None:
    """pip fetches PEP 658 metadata, which nobody signs, by the name of the artifact and this ending."""
    world.publisher.show(ALICE)
    world.trust("demo")
    name = SDIST if query else f"{SDIST}.metadata"
    world.index.add(name, makers.make_sdist("demo", "1.0", on_import=world.mark("demo")))
    result = world.run("install", f"demo @ {world.index.file_url(name)}{query}")
    world.refused(result, result.code)
    assert result.code in {10, 12}, result.stderr


def test_a_directory_that_a_signed_sdist_wants_to_be_built_with(world: World) -> None:
    """The nested pip has it from its command line; that does not make it the user's."""
    world.publisher.show(ALICE)
    own = world.unpack(makers.make_sdist("own", "1.0", on_import=world.mark("own")), "own")
    needs = f"own @ {own.as_uri()}"
    world.sdist("demo", "1.0", ALICE, build_requires=[needs], on_import="import own")
    result = world.run("install", "demo", world.publisher.pin)
    world.refused(result, 10)
    assert "PV105" in result.stderr


def sdist_with(sdist: bytes, before: str, after: str) -> bytes:
    """The sdist with a text of its files replaced."""
    with tarfile.open(fileobj=io.BytesIO(sdist)) as archive:
        found = {member.name: archive.extractfile(member) for member in archive}
        files = {name: file.read() for name, file in found.items() if file is not None}
    changed = {name: data.replace(before.encode(), after.encode()) for name, data in files.items()}
    assert changed != files
    return makers.tar_of(changed)
