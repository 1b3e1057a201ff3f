"""``pip-verify check``: the CI gate on real lock files, against a real publisher; nothing is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pip_verify.config import OUTPUT_FORMATS
from tests import makers
from tests.e2e.world import ALICE, EVE, Result, World
from tests.signer import sha256, sign_release

WHEEL, SDIST = makers.wheel_filename("demo", "1.0"), makers.sdist_filename("demo", "1.0")


@pytest.fixture
def signed(world: World) -> dict[str, bytes]:
    """demo 1.0 as wheel and sdist, both in one statement, and a trust file that pins their publisher."""
    world.publisher.show(ALICE)
    world.trust("demo")
    return {WHEEL: world.wheel("demo", "1.0", ALICE), SDIST: world.sdist("demo", "1.0", ALICE)}


def check(world: World, *arguments: str | Path, **environ: str) -> Result:
    return world.run_bare("check", "--extra-ca", world.publisher.ca_file, *arguments, **environ)


def requirements(world: World, *data: bytes, name: str = "requirements.txt", head: str = "demo==1.0") -> Path:
    hashes = [f"    --hash=sha256:{sha256(one)}" for one in data]
    return world.write(name, " \\\n".join([head, *hashes]))


def uv_lock(world: World, files: dict[str, bytes]) -> Path:
    wheels = [
        f'    {{ url = "https://index.example/{name}", hash = "sha256:{sha256(data)}", size = {len(data)} }},'
        for name, data in files.items()
        if name.endswith(".whl")
    ]
    sdists = [
        f'sdist = {{ url = "https://index.example/{name}", hash = "sha256:{sha256(data)}", size = {len(data)} }}'
        for name, data in files.items()
        if not name.endswith(".whl")
    ]
    head = ["version = 1", 'requires-python = ">=3.10"', "", "[[package]]", 'name = "demo"', 'version = "1.0"']
    source = ['source = { registry = "https://index.example/simple" }']
    return world.write("uv.lock", *head, *source, *sdists, "wheels = [", *wheels, "]")


def test_a_requirement_file_with_hashes_is_judged_without_any_download(world: World, signed: dict[str, bytes]) -> None:
    result = check(world, "-r", requirements(world, *signed.values()))
    assert result.code == 0, result.stderr
    assert result.accepted() == sorted(signed)
    assert world.index.requests == []
    assert world.target.untouched()


def test_uv_lock_is_judged_with_the_line_of_each_digest(world: World, signed: dict[str, bytes]) -> None:
    lock = uv_lock(world, signed)
    result = check(world, lock)
    assert result.code == 0, result.stderr
    for name, data in signed.items():
        (line,) = (n for n, text in enumerate(lock.read_text().splitlines(), 1) if sha256(data) in text)
        assert result.artifact(name)["origins"][0] == {"file": str(lock), "line": line}


def test_pylock_is_judged(world: World, signed: dict[str, bytes]) -> None:
    result = check(world, world.lock(WHEEL, signed[WHEEL]))
    assert (result.code, result.accepted()) == (0, [WHEEL])


def test_a_directory_of_artifacts_is_judged_with_the_statements_beside_them(world: World) -> None:
    data = makers.make_wheel("demo", "1.0")
    wheel = world.save(f"dist/{WHEEL}", data)
    world.trust("demo")
    world.publisher.show(ALICE)
    assert check(world, "dist").code == 10
    wheel.with_name(f"{WHEEL}.jws").write_bytes(sign_release([ALICE], {WHEEL: sha256(data)}, "demo", "1.0"))
    assert check(world, "dist").code == 0


def test_a_tampered_digest_is_12_a_removed_key_11_a_dropped_statement_10(
    world: World, signed: dict[str, bytes]
) -> None:
    good = requirements(world, *signed.values())
    assert check(world, "-r", good).code == 0
    tampered = requirements(world, signed[WHEEL], b"other bytes", name="tampered.txt")
    result = check(world, "-r", tampered)
    assert (result.code, "PV302") == (12, result.report["artifacts"][0]["reasons"][0]["id"])
    world.publisher.show(EVE)
    assert check(world, "-r", good).code == 11
    world.publisher.show(ALICE)
    world.publisher.serve("/releases/demo/1.0.jws", b"", status=404)
    assert check(world, "-r", good, PIP_VERIFY_CACHE_DIR=str(world.root / "new-cache")).code == 10


def test_a_key_list_that_moved_and_one_out_of_reach_are_14_and_not_unsigned(
    world: World, signed: dict[str, bytes]
) -> None:
    lock = requirements(world, *signed.values())
    for status in (301, 404, 500):
        world.publisher.serve("/keys.json", b"", status=status, headers={"Location": "/elsewhere.json"})
        result = check(world, "-r", lock)
        assert result.code == 14, status
        assert "unsigned" not in result.stderr
        assert {reason["id"] for entry in result.report["artifacts"] for reason in entry["reasons"]} == {"PV501"}


def test_each_artifact_gets_its_own_verdict_when_one_statement_fails_and_one_hangs(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("p*")
    names = [f"p{number}" for number in range(12)]
    lines = [f"{name}==1.0 --hash=sha256:{sha256(world.wheel(name, '1.0', ALICE))}" for name in names]
    world.publisher.serve("/releases/p3/1.0.jws", b"", status=500)
    world.publisher.serve("/releases/p5/1.0.jws", b"", delay=30)
    world.publisher.serve("/releases/p7/1.0.jws", b"", status=404)
    result = check(world, "-r", world.write("requirements.txt", *lines))
    assert result.code == 10
    assert result.seconds < 20
    assert len(result.report["artifacts"]) == 12
    outcome = {entry["project"]: entry["reasons"][0]["id"] for entry in result.report["artifacts"]}
    assert {name: code for name, code in outcome.items() if code != "PV001"} == {
        "p3": "PV502",
        "p5": "PV502",
        "p7": "PV102",
    }


@pytest.mark.usefixtures("signed")
def test_what_is_not_locked_is_refused_and_named_with_its_line(world: World) -> None:
    lock = world.write("requirements.txt", "demo>=1.0", "", "other==2")
    result = check(world, "-r", lock)
    assert result.code == 10
    assert [entry["reasons"][0]["id"] for entry in result.report["artifacts"]] == ["PV110"] * 2
    assert sorted(entry["origins"][0]["line"] for entry in result.report["artifacts"]) == [1, 3]


@pytest.mark.usefixtures("signed")
def test_a_lock_without_anything_in_it_does_not_pass(world: World) -> None:
    result = check(world, "-r", world.write("requirements.txt", "# nothing yet"))
    assert result.code == 2
    assert "at least one locked artifact" in result.stderr


def test_a_lock_cut_off_is_a_usage_error(world: World, signed: dict[str, bytes]) -> None:
    lock = uv_lock(world, signed)
    lock.write_text(lock.read_text()[:-30])
    result = check(world, lock)
    assert result.code == 2
    assert "uv.lock" in result.stderr


def test_md5_alone_is_not_locked(world: World, signed: dict[str, bytes]) -> None:
    lock = uv_lock(world, signed)
    lock.write_text(lock.read_text().replace(f"sha256:{sha256(signed[SDIST])}", "md5:" + "0" * 32))
    result = check(world, lock)
    assert result.code == 10
    assert "md5" in str(result.artifact(SDIST)["reasons"][0]["got"])


def test_the_exit_code_is_the_same_in_every_format(world: World, signed: dict[str, bytes]) -> None:
    good = requirements(world, *signed.values())
    bad = requirements(world, signed[WHEEL], b"other", name="bad.txt")
    for name in OUTPUT_FORMATS:
        options = ("--extra-ca", world.publisher.ca_file, "--format", name)
        green = world.run_as_it_is("check", *options, "-r", good)
        red = world.run_as_it_is("check", *options, "-r", bad)
        broken = world.run_as_it_is("check", *options, "-r", world.write("broken.txt", "demo==1.0 --hash=x"))
        assert (green.code, red.code, broken.code) == (0, 12, 2), name


def test_too_little_coverage_fails_and_says_how_much_there_is(world: World, signed: dict[str, bytes]) -> None:
    trust = world.trust("demo")
    trust.write_text(trust.read_text() + '[[exempt]]\nproject = "six"\nreason = "unsigned upstream"\n')
    lines = [f"demo==1.0 --hash=sha256:{sha256(signed[WHEEL])}", f"six==1.0 --hash=sha256:{'5' * 64}"]
    lock = world.write("requirements.txt", *lines)
    assert check(world, "-r", lock, "--min-coverage=50").code == 0
    result = check(world, "-r", lock, "--min-coverage=51")
    assert result.code == 10
    assert "1 of 2" in result.stderr
    assert check(world, "-r", lock, "--min-coverage=101").code == 2


def test_report_mode_ends_with_0_and_says_so_first(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    lock = requirements(world, world.wheel("demo"))
    assert check(world, "-r", lock).code == 10
    result = check(world, "-r", lock, "--mode=report")
    assert result.code == 0
    assert "report" in result.stderr.splitlines()[0]
    assert result.report["mode"] == "report"


def test_a_signature_inside_the_wheel_needs_download(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    data = world.wheel("demo", sign=lambda digest: sign_release([ALICE], {"RECORD": digest}, "demo", "1.0"))
    lock = requirements(world, data)
    result = check(world, "-r", lock)
    assert result.code == 10
    assert "check --download" in result.stderr
    result = check(world, "-r", lock, "--download")
    assert (result.code, result.accepted()) == (0, [WHEEL])
    assert world.target.untouched()


def test_a_download_that_is_not_the_locked_file_is_bad(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    world.wheel("demo", sign=lambda digest: sign_release([ALICE], {"RECORD": digest}, "demo", "1.0"))
    lock = world.lock(WHEEL, b"other bytes")
    assert check(world, lock, "--download").code == 12


def test_only_what_this_platform_could_install(world: World, signed: dict[str, bytes]) -> None:
    foreign = makers.make_wheel("demo", "1.0", tag="cp27-cp27m-win32")
    name = WHEEL.replace("py3-none-any", "cp27-cp27m-win32")
    lock = uv_lock(world, {**signed, name: foreign})
    assert check(world, lock).code == 12  # the statement does not name it
    result = check(world, lock, "--this-platform")
    assert (result.code, result.accepted()) == (0, [WHEEL])
    assert result.report["counts"]["left_out"] == 2  # the foreign wheel, and the sdist beside one that fits
    assert "2 not for this platform and left out" in result.stderr


def test_this_platform_is_that_of_the_interpreter_named(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    mine, other = WHEEL.replace("py3-none", f"{tag}-none"), WHEEL.replace("py3-none", "cp27-none")
    world.publisher.release("demo", "1.0", {mine: b"mine"}, ALICE)
    lock = uv_lock(world, {mine: b"mine", other: b"other"})
    for python in (world.target.path, world.target.python):
        result = check(world, lock, "--this-platform", "--python", python)
        assert (result.code, result.accepted(), result.report["counts"]["left_out"]) == (0, [mine], 1)
    impostor = world.write("python", "#!/bin/sh", "echo '[{}, [\"cp27-none-any\"]]'")
    impostor.chmod(0o755)
    assert check(world, lock, "--this-platform", "--python", impostor).reasons(other) == ["PV303"]
    impostor.write_text("#!/bin/sh\nexit 1\n")
    for python in (impostor, Path("/nowhere")):
        assert check(world, lock, "--this-platform", "--python", python).code == 2


def test_pins_in_the_file_narrow_the_trust_file(world: World, signed: dict[str, bytes]) -> None:
    lock = requirements(world, signed[WHEEL])
    lock.write_text(lock.read_text() + f"    # pip-verify: --key={EVE.text} --signed-by=team\n")
    assert check(world, "-r", lock).code == 11


def test_a_gate_in_ci_makes_no_first_use_and_the_lock_is_left_alone(world: World) -> None:
    world.trust(policy=('first-use = "record"',))
    url = f"Project-URL: Signing-Keys, {world.publisher.list_url}"
    world.publisher.show(ALICE)
    data = world.wheel("demo", "1.0", ALICE, metadata_extra=url + "\n")
    lock = requirements(world, data)
    assert check(world, "-r", lock, "--download", CI="true").code == 10
    assert not (world.project / "pip-verify.lock").exists()
    assert check(world, "-r", lock, "--download").code == 0
    assert (world.project / "pip-verify.lock").exists()
    assert check(world, "-r", lock, CI="true").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "a lock to judge"),
        (("--installed", "uv.lock"), "no lock beside it"),
        (("missing.lock",), "missing.lock"),
        (("--installed", "--this-platform"), "--this-platform"),
        (("--installed", "--download"), "--download"),
        (("uv.lock", "--python", "/nowhere"), "--python"),
        (("uv.lock", "--index-url", "https://index.example/simple"), "--index-url"),
        (("uv.lock", "--no-index"), "--no-index"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(world: World, arguments: tuple[str, ...], words: str) -> None:
    result = check(world, *arguments)
    assert result.code == 2
    assert words in result.stderr
