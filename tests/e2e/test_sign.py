"""The publisher's side end to end: signed by the command here, installed by whoever trusts the key there."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pip_verify.artifact.name import parse_filename
from pip_verify.artifact.wheel import read_wheel
from pip_verify.publish.keyfile import store
from tests import makers
from tests.e2e.world import ALICE, BOB, EVE, Environment, Result, World
from tests.publish.test_sign import tampered
from tests.signer import Signer, key_list
from tests.tools import tool

WHEEL, SDIST = "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"
STATEMENT = "releases/demo/1.0.jws"
TRY = "import demo; print(demo.answer())"


@pytest.fixture
def desk(world: World) -> World:
    """A release in ``dist``, and the keys of three signers."""
    for name, one in (("alice", ALICE), ("bob", BOB), ("eve", EVE)):
        store(world.project / name, one.seed, None)
    files = {"demo/__init__.py": "def answer():\n    return 42\n", "demo/data/words.txt": "one, two"}
    entry_points = "[console_scripts]\ndemo = demo:answer\n"
    world.save(f"dist/{WHEEL}", makers.make_wheel("demo", "1.0", files, entry_points=entry_points))
    world.save(f"dist/{SDIST}", makers.make_sdist("demo", "1.0", files=files))
    return world


def sign(world: World, *arguments: str | Path, by: str = "alice", code: int = 0, **environ: str) -> Result:
    result = world.run_as_it_is("sign", "--key-file", by, *arguments, **environ)
    assert result.code == code, result.stderr
    return result


def upload(world: World) -> None:
    for path in sorted((world.project / "dist").iterdir()):
        world.index.add(path.name, path.read_bytes())


def publish(world: World, *signers: Signer, statement: str = STATEMENT) -> None:
    """Put what the command wrote on the publisher's site, and these keys on its list."""
    world.publisher.show(*signers)
    world.publisher.serve(f"/{STATEMENT}", (world.project / statement).read_bytes())


# A statement


def test_what_is_signed_here_is_installed_there(desk: World) -> None:
    sign(desk, f"dist/{WHEEL}", f"dist/{SDIST}")
    upload(desk)
    publish(desk, ALICE)
    desk.installed_as(desk.run("install", "demo", desk.publisher.pin), demo="1.0")
    assert desk.target.runs(TRY) == "42"
    second = Environment(desk.root / "second")
    result = desk.run("install", "demo", desk.publisher.pin, "--no-binary=demo", target=second)
    assert result.code == 0, result.stderr
    assert second.runs(TRY) == "42"


def test_a_second_maintainer_makes_two_of_three(desk: World) -> None:
    sign(desk, f"dist/{WHEEL}", f"dist/{SDIST}")
    upload(desk)
    publish(desk, ALICE, BOB, EVE)
    desk.refused(desk.run("install", "demo", desk.publisher.pin, "--threshold=2"), 11, "PV202", filename=WHEEL)
    sign(desk, "--add", STATEMENT, f"dist/{WHEEL}", f"dist/{SDIST}", by="bob")
    publish(desk, ALICE, BOB, EVE)
    desk.installed_as(desk.run("install", "demo", desk.publisher.pin, "--threshold=2"), demo="1.0")


def test_a_rotated_key_signs_everything_again_and_nobody_notices(desk: World) -> None:
    sign(desk, f"dist/{WHEEL}", f"dist/{SDIST}")
    upload(desk)
    publish(desk, BOB)
    desk.refused(desk.run("install", "demo", desk.publisher.pin), 11, "PV201", filename=WHEEL)
    desk.save("keys.json", key_list(ALICE, BOB))
    sign(desk, "--add", "--all", "--key-list", "keys.json", by="bob")
    publish(desk, BOB)
    desk.installed_as(desk.run("install", "demo", desk.publisher.pin), demo="1.0")


def test_a_statement_that_somebody_altered_on_its_way_to_the_second_maintainer(desk: World) -> None:
    """The mirror of the repository swaps the digest; Bob has Alice's key and neither of the files."""
    sign(desk, f"dist/{WHEEL}", f"dist/{SDIST}")
    path = desk.project / STATEMENT
    altered = tampered(path.read_bytes(), "0" * 64)
    path.write_bytes(altered)
    result = sign(desk, "--add", STATEMENT, "--key", ALICE.text, by="bob", code=12)
    assert f"got one by {ALICE.text} that does not" in result.stderr
    assert path.read_bytes() == altered


def test_a_wheel_that_is_not_strict_is_refused_with_what_it_breaks(desk: World) -> None:
    path = desk.project / "dist" / WHEEL
    path.write_bytes(path.read_bytes() + b"\0")
    for how in ((), ("--in-wheel",)):
        result = sign(desk, *how, f"dist/{WHEEL}", code=12)
        assert (
            f"pip-verify: error: {WHEEL}: expected a zip file whose last 22 bytes are its end record" in result.stderr
        )
        assert "pip-verify: next: nobody could install it with pip-verify" in result.stderr
    assert not (desk.project / "releases").exists()


# Inside the wheel


def test_a_wheel_signed_inside_needs_no_host(desk: World) -> None:
    sign(desk, "--in-wheel", f"dist/{WHEEL}", f"dist/{SDIST}")
    upload(desk)
    result = desk.run("install", "demo", f"--key={ALICE.text}")
    desk.installed_as(result, demo="1.0")
    assert result.artifact(WHEEL)["place"]["kind"] == "in-wheel"
    assert desk.target.runs(TRY) == "42"
    assert desk.publisher.site.requests == []


def test_the_statement_about_the_signed_wheel_holds_too(desk: World) -> None:
    sign(desk, "--in-wheel", f"dist/{WHEEL}", f"dist/{SDIST}")
    sign(desk, "--in-wheel", "--add", f"dist/{WHEEL}", f"dist/{SDIST}", by="bob")
    sign(desk, "--add", STATEMENT, "--key", BOB.text, by="alice")
    upload(desk)
    publish(desk, ALICE, BOB)
    desk.installed_as(desk.run("install", "demo", desk.publisher.pin, "--threshold=2"), demo="1.0")
    for key in (ALICE, BOB):
        result = desk.run("verify", f"dist/{WHEEL}", f"--key={key.text}")
        assert (result.code, result.artifact(WHEEL)["place"]["kind"]) == (0, "in-wheel")


def test_one_byte_of_it_changed_is_refused(desk: World) -> None:
    sign(desk, "--in-wheel", f"dist/{WHEEL}")
    data = (desk.project / "dist" / WHEEL).read_bytes()
    desk.index.add(WHEEL, data.replace(b"release.jws", b"release.jwz", 1))
    desk.refused(desk.run("install", "demo", f"--key={ALICE.text}"), 12)


def test_the_signed_wheel_is_one_to_pip_too(desk: World) -> None:
    sign(desk, "--in-wheel", f"dist/{WHEEL}")
    assert desk.plain_pip("install", "--no-index", f"dist/{WHEEL}").code == 0
    assert desk.target.runs(TRY) == "42"
    found = next(desk.target.path.rglob("release.jws"))
    assert found.parent.name == "demo-1.0.dist-info"
    assert desk.target.runs("import importlib.metadata as m; print(m.version('demo'))") == "1.0"
    uninstalled = desk.plain_pip("uninstall", "-y", "demo")
    assert uninstalled.code == 0, uninstalled.stderr
    assert not found.parent.exists()


def test_and_to_uv(desk: World) -> None:
    sign(desk, "--in-wheel", f"dist/{WHEEL}")
    command: list[str | Path] = [
        tool("uv"),
        "pip",
        "install",
        "--no-index",
        "--no-cache",
        "--python",
        desk.target.python,
    ]
    done = subprocess.run(
        [*command, f"dist/{WHEEL}"], cwd=desk.project, env=desk.environ(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert desk.target.runs(TRY) == "42"
    assert next(desk.target.path.rglob("release.jws"), None)


def test_and_to_the_strictest_validation_of_installer(desk: World) -> None:
    pytest.importorskip("installer")
    from installer import install
    from installer.destinations import SchemeDictionaryDestination
    from installer.sources import WheelFile

    sign(desk, "--in-wheel", f"dist/{WHEEL}")
    schemes = {
        name: str(desk.root / "installed" / name) for name in ("purelib", "platlib", "scripts", "data", "headers")
    }
    target = SchemeDictionaryDestination(schemes, sys.executable, "posix")
    with WheelFile.open(desk.project / "dist" / WHEEL) as source:
        source.validate_record(validate_contents=True)
        install(source, target, {})
    assert list((desk.root / "installed").rglob("release.jws"))


def test_a_wheel_with_more_entries_than_plain_zip_can_count(desk: World) -> None:
    folder = "demo-1.0.dist-info"
    files = makers.wheel_files("demo", "1.0") | {f"demo/{number}": b"" for number in range(65_530)}
    files[f"{folder}/RECORD"] = makers.record_of(files, folder)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    path = desk.save(f"dist/{WHEEL}", buffer.getvalue())
    sign(desk, "--in-wheel", path)
    with path.open("rb") as file:
        assert read_wheel(file, path.stat().st_size, parse_filename(WHEEL)).release_jws
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == 65_535


def test_a_disk_that_is_full(desk: World) -> None:
    """A real one: in a mount namespace of its own, so that nothing is left behind."""
    large = makers.make_wheel("demo", "1.0", {"demo/big": os.urandom(700_000)})
    desk.save(f"big/{WHEEL}", large)
    (desk.project / "small").mkdir()
    script = (
        "mount -t tmpfs -o size=1m tmpfs small && cp big/*.whl small && "
        f'"{sys.executable}" -m pip_verify sign --key-file alice --in-wheel --releases rel small/*.whl; code=$?; '
        f"cmp big/{WHEEL} small/{WHEEL} && ls -A small && exit $code"
    )
    probe = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False)  # noqa: S607
    if probe.returncode:
        pytest.skip("this system gives no mount namespaces")
    command: list[str] = ["unshare", "-rm", "sh", "-c", script]
    done = subprocess.run(command, cwd=desk.project, env=desk.environ(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, f"{WHEEL}\n"), done.stderr
    expected = "expected to be able to write it anew, got No space left on device"
    assert expected in done.stderr
    assert "the file is as it was before" in done.stderr
    assert not list((desk.project / "rel").rglob("*.jws"))


# Vouching


def test_an_organisation_vouches_for_somebody_else_s_release(desk: World) -> None:
    upload(desk)
    desk.refused(desk.run("install", "demo", f"--key={BOB.text}"), 10, "PV102", filename=WHEEL)
    vouched = desk.run_as_it_is("vouch", "demo==1.0", "--key-file", "bob", "--yes")
    assert (vouched.code, vouched.stdout) == (0, f"{STATEMENT}\n"), vouched.stderr
    publish(desk, BOB)
    desk.installed_as(desk.run("install", "demo", desk.publisher.pin), demo="1.0")
    desk.index.tamper(WHEEL, desk.evil_wheel("demo"))
    second = Environment(desk.root / "second")
    result = desk.run("install", "demo", desk.publisher.pin, "--no-cache-dir", target=second)
    assert result.code == 12
    assert second.untouched()


def test_vouching_asks_on_a_real_terminal(desk: World) -> None:
    upload(desk)
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "pip_verify", "vouch", "demo==1.0", "--key-file", "bob"]
    with subprocess.Popen(
        command,
        cwd=desk.project,
        env=desk.environ(),
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.write(master, b"y\n")
        output, told = process.communicate(timeout=60)
    os.close(slave)
    os.close(master)
    assert (process.returncode, output) == (0, f"{STATEMENT}\n"), told
    assert "Sign these files, as the index serves them now? [y/N] " in told


def test_a_release_on_the_index_is_compared_before_it_is_signed(desk: World) -> None:
    upload(desk)
    sign(desk, "--verify-against-index", f"dist/{WHEEL}", f"dist/{SDIST}")
    (desk.project / STATEMENT).unlink()
    desk.index.add(SDIST, makers.make_sdist("demo", "1.0", files={"demo.py": "evil = True"}))
    result = sign(desk, "--verify-against-index", f"dist/{WHEEL}", f"dist/{SDIST}", code=12)
    assert f"pip-verify: {SDIST}: sha256:" in result.stderr
    sign(desk, "--verify-against-index", f"dist/{WHEEL}", code=12)
    sign(desk, "--verify-against-index", f"dist/{WHEEL}", code=14, PIP_INDEX_URL="http://127.0.0.1:9/simple/")
    assert not (desk.project / STATEMENT).exists()
