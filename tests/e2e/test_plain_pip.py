"""The attacks against pip alone. Each succeeds here: so when it fails under pip-verify, pip-verify stopped it."""

from __future__ import annotations

from pathlib import Path

from tests import makers
from tests.e2e.world import Environment, World
from tests.signer import sha256


def started(environment: Environment) -> None:
    """Start the environment's interpreter, as any later use of it would: .pth files run."""
    environment.runs("pass")


def test_plain_pip_installs_a_tampered_wheel_when_the_index_states_no_hash(world: World) -> None:
    world.wheel("demo", stated="none")
    world.index.tamper("demo-1.0-py3-none-any.whl", world.evil_wheel("demo"))
    assert world.plain_pip("install", "demo").code == 0
    started(world.target)
    assert world.executed == ["demo"]


def test_plain_pip_installs_a_tampered_wheel_whose_hash_the_index_states(world: World) -> None:
    world.index.add("demo-1.0-py3-none-any.whl", world.evil_wheel("demo"))
    assert world.plain_pip("install", "demo").code == 0
    started(world.target)
    assert world.executed == ["demo"]


def test_plain_pip_installs_a_file_that_was_swapped_after_it_was_read(world: World) -> None:
    path = world.save("demo-1.0-py3-none-any.whl", makers.make_wheel("demo", "1.0"))
    world.wheel("other")
    evil = world.evil_wheel("demo")
    world.index.before("other-1.0-py3-none-any.whl", lambda: path.write_bytes(evil))
    assert world.plain_pip("install", path, "other").code == 0
    started(world.target)
    assert world.executed == ["demo"]


def test_plain_pip_installs_files_that_record_does_not_list(world: World) -> None:
    files = makers.wheel_files("demo", "1.0")
    record = makers.record_of(files, "demo-1.0.dist-info")
    unlisted = {"demo.pth": f"import os; {world.mark('pth')}\n".encode()}
    data = makers.zip_of(files | unlisted | {"demo-1.0.dist-info/RECORD": record})
    assert world.plain_pip("install", world.save("demo-1.0-py3-none-any.whl", data)).code == 0
    started(world.target)
    assert world.executed == ["pth"]


def test_plain_pip_runs_an_sdists_backend_under_dry_run(world: World) -> None:
    world.sdist("demo")
    assert world.plain_pip("install", "--dry-run", "demo").code == 0
    assert world.executed == ["demo"]


def test_plain_pip_runs_an_sdists_backend_under_download(world: World) -> None:
    world.sdist("demo")
    assert world.plain_pip("download", "-d", "dest", "demo").code == 0
    assert world.executed == ["demo"]


def test_plain_pip_runs_the_backend_of_a_version_it_does_not_choose(world: World) -> None:
    world.sdist("demo", "2.0", requires=["absent==1"])
    world.wheel("demo", "1.0")
    assert world.plain_pip("install", "demo").code == 0
    assert world.target.installed() == {"demo": "1.0"}
    assert world.executed == ["demo"]


def test_plain_pip_installs_unhashed_build_dependencies_under_require_hashes(world: World) -> None:
    world.index.add("helper-1.0-py3-none-any.whl", world.evil_wheel("helper"))
    sdist = makers.make_sdist("demo", "1.0", build_requires=["helper"], on_import="import helper")
    world.index.add("demo-1.0.tar.gz", sdist)
    file = world.write("requirements.txt", f"demo==1.0 --hash=sha256:{sha256(sdist)}")
    assert world.plain_pip("install", "--require-hashes", "-r", file).code == 0
    assert world.executed == ["helper"]


def poison_cached_wheel(world: World, evil: bytes) -> None:
    """Replace the one locally built wheel in pip's cache."""
    (cached,) = Path(world.home, ".cache", "pip", "wheels").rglob("*.whl")
    cached.write_bytes(evil)


def test_plain_pip_installs_a_poisoned_cached_wheel_even_with_require_hashes(world: World) -> None:
    sdist = world.sdist("demo")
    file = world.write("requirements.txt", f"demo==1.0 --hash=sha256:{sha256(sdist)}")
    first = Environment(world.root / "first")
    assert world.plain_pip("install", "-r", file, target=first).code == 0
    poison_cached_wheel(world, world.evil_wheel("demo"))
    world.marker.unlink()
    assert world.plain_pip("install", "--require-hashes", "-r", file).code == 0
    started(world.target)
    assert world.executed == ["demo"]


def test_plain_pip_unpacks_an_sdist_before_its_hash_check_when_metadata_is_offered(world: World) -> None:
    world.sdist("demo")
    world.index.files["demo-1.0.tar.gz"].metadata = makers.metadata_of("demo", "1.0").encode()
    world.index.tamper("demo-1.0.tar.gz", b"no archive at all")
    result = world.plain_pip("install", "demo")
    assert result.code != 0
    assert "HASHES" not in result.stderr, result.stderr  # so it was handed to the unpacker first


def test_plain_pip_reuses_whatever_lies_in_the_download_directory(world: World) -> None:
    world.wheel("demo", stated="none")
    world.save("dest/demo-1.0-py3-none-any.whl", world.evil_wheel("demo"))
    assert world.plain_pip("download", "-d", "dest", "demo").code == 0
    assert b"demo.pth" in (world.project / "dest" / "demo-1.0-py3-none-any.whl").read_bytes()


def test_plain_pip_reads_a_requirement_behind_a_unicode_line_separator(world: World) -> None:
    world.wheel("demo")
    world.index.add("evil-1.0-py3-none-any.whl", world.evil_wheel("evil"))
    file = world.write("requirements.txt", "demo==1.0  # harmless\u2028evil")
    assert world.plain_pip("install", "-r", file).code == 0
    assert world.target.installed() == {"demo": "1.0", "evil": "1.0"}
