"""What pip would resolve freely is not locked: ``pip-verify check`` beside what the real pip does with a file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest

from tests import makers
from tests.e2e.world import ALICE, Result, World, need_lock_files
from tests.signer import sha256

WHEEL = makers.wheel_filename("demo", "1.0")
PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """\
import zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(f"{folder}/app-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in FILES.items():
            wheel.writestr("app-1.0.dist-info/" + name, text)
    return "app-1.0-py3-none-any.whl"
build_editable = build_wheel
FILES = {
    "METADATA": "Metadata-Version: 2.1\\nName: app\\nVersion: 1.0\\nRequires-Dist: dep\\n",
    "WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    "RECORD": "",
}
"""


@pytest.fixture
def digests(world: World) -> dict[str, str]:
    """demo 1.0 requires dep 1.0, which is on the index and signed by nobody; so does the directory app."""
    world.publisher.show(ALICE)
    world.trust("demo")
    demo, dep = world.wheel("demo", "1.0", ALICE, requires=["dep"]), world.wheel("dep", "1.0")
    world.save("app/pyproject.toml", PYPROJECT.encode())
    world.save("app/backend.py", BACKEND.encode())
    return {
        "{demo}": f"demo==1.0 --hash=sha256:{sha256(demo)}",
        "{dep}": f"dep==1.0 --hash=sha256:{sha256(dep)}",
        "{url}": f"demo @ {world.index.file_url(WHEEL)}#sha256={sha256(demo)}",
    }


def both(world: World, digests: dict[str, str], lines: Sequence[str]) -> tuple[Result, bool]:
    """What check says, and whether plain pip takes dep though the file does not name it."""
    file = world.write("requirements.txt", *(digests.get(line, line) for line in lines))
    told = world.run_bare("check", "--extra-ca", world.publisher.ca_file, "-r", file)
    world.plain_pip("install", "-r", file)
    return told, "dep" in world.target.installed()


@pytest.mark.parametrize("lines", [("--no-require-hashes", "{demo}"), ("{url}",), ("./app",), ("-e ./app",)])
def test_what_pip_resolves_freely_is_red(world: World, digests: dict[str, str], lines: Sequence[str]) -> None:
    told, took = both(world, digests, lines)
    assert took
    assert told.code == 10
    (red,) = (entry for entry in told.report["artifacts"] if entry["decision"] != "accept")
    assert red["filename"].startswith("dependencies of ")
    assert (red["reasons"][0]["id"], red["origins"][0]["line"]) == ("PV110", len(lines))


@pytest.mark.parametrize(
    "lines", [("{demo}",), ("{url}", "--require-hashes"), ("-e ./app", "{demo}"), ("./app", "{demo}")]
)
def test_where_pip_takes_nothing_without_a_hash_it_is_green(
    world: World, digests: dict[str, str], lines: Sequence[str]
) -> None:
    told, took = both(world, digests, lines)
    assert not took
    assert told.code == 0, told.stderr


def test_a_complete_lock_beside_an_editable_stays_green_as_uv_exports_it(world: World, digests: dict[str, str]) -> None:
    world.trust("demo", "dep")
    world.publisher.release("dep", "1.0", {makers.wheel_filename("dep", "1.0"): makers.make_wheel("dep", "1.0")}, ALICE)
    told, _ = both(world, digests, ("-e ./app", "{demo}", "{dep}"))
    assert told.code == 0, told.stderr


@pytest.mark.parametrize("kind", ["requirements.txt", "pylock.toml"])
def test_a_second_digest_that_lets_another_file_in(world: World, kind: str) -> None:
    """pip takes a file that has any of the digests; the gate has judged the signed one."""
    world.publisher.show(ALICE)
    world.trust("demo")
    filename = makers.wheel_filename("demo", "1.0")
    good, evil = world.wheel("demo", "1.0", ALICE), world.evil_wheel("demo")
    other = hashlib.sha512(evil).hexdigest()
    if kind == "pylock.toml":
        need_lock_files()
        lock = world.lock(filename, good)
        lock.write_text(lock.read_text().replace(" }", f', sha512 = "{other}" }}'))
    else:
        lock = world.write(kind, f"demo==1.0 --hash=sha256:{sha256(good)} --hash=sha512:{other}")
    result = world.run_bare("check", "--extra-ca", world.publisher.ca_file, str(lock))
    assert result.code == 10, result.stderr
    assert "PV110" in result.stderr
    world.index.add(filename, evil, stated="none")
    world.plain_pip("install", "-r", str(lock))
    assert world.target.installed() == {"demo": "1.0"}
    world.target.runs("import demo")
    assert world.executed == ["demo"]
