"""Receipts in environments, and ``check --installed``: what is there, against what was verified."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import makers
from tests.e2e.world import ALICE, BOB, Environment, Result, World
from tests.signer import sha256, sign_record_jws, sign_release

WHEEL = "demo-1.0-py3-none-any.whl"
SDIST = "demo-1.0.tar.gz"
RECEIPT = "demo-1.0.dist-info/pip-verify.json"
FILES = {"demo/__init__.py": "__version__ = '1.0'\n", "demo/data.txt": "data\n"}
ENTRY_POINTS = "[console_scripts]\ndemo = demo:main\n"


def library(environment: Environment) -> Path:
    """Where an environment keeps packages."""
    (found,) = environment.path.glob("lib/python*/site-packages")
    return found


def receipt(environment: Environment, folder: str = "demo-1.0.dist-info") -> dict[str, Any]:
    return dict(json.loads((library(environment) / folder / "pip-verify.json").read_bytes()))


def check(world: World, *arguments: str | Path, target: Environment | None = None, **environ: str) -> Result:
    return world.run("check", "--installed", *arguments, target=target, **environ)


def subjects(result: Result) -> list[str]:
    """What the reasons of the one refusal speak of, below the directory with packages."""
    (refused,) = (entry for entry in result.report["artifacts"] if entry["decision"] != "accept")
    return [reason["subject"].rpartition("site-packages/")[2] for reason in refused["reasons"]]


@pytest.fixture
def installed(world: World) -> World:
    """A world in which demo is installed, signed, with a script."""
    world.publisher.show(ALICE)
    world.trust("demo")
    world.wheel("demo", "1.0", ALICE, files=FILES, entry_points=ENTRY_POINTS)
    world.installed_as(world.run("install", "demo"), demo="1.0")
    return world


# The receipt.


def test_a_receipt_says_what_was_verified_and_how(installed: World) -> None:
    found, data = receipt(installed.target), installed.index.files[WHEEL].data
    assert (found["schema"], found["decision"]) == ("pip-verify-receipt/1", "accept")
    assert (found["project"], found["version"], found["filename"]) == ("demo", "1.0", WHEEL)
    assert (found["sha256"], found["source"]) == (sha256(data), None)
    assert (found["by"], found["reasons"], found["evidence"]) == ("signature", ["PV001"], "release-statement")
    assert (found["keys"], found["publishers"]) == ([ALICE.text], ["team"])
    url = f"{installed.publisher.site.url}/releases/demo/1.0.jws"
    assert found["place"] == {"kind": "releases", "location": url}
    assert found["policy"] == str(installed.project / "pip-verify.toml")


def test_a_receipt_binds_the_installed_record_and_the_wheels(installed: World) -> None:
    found = receipt(installed.target)
    lines = (library(installed.target) / "demo-1.0.dist-info/RECORD").read_bytes().splitlines(keepends=True)
    own = (RECEIPT.encode(), b"demo-1.0.dist-info/RECORD,")
    (stated,) = [line for line in lines if line.startswith(RECEIPT.encode())]
    data = (library(installed.target) / RECEIPT).read_bytes()
    assert stated == makers.record_row(RECEIPT, data).replace(b"\n", b"\r\n")
    others = b"".join(line for line in lines if not line.startswith(own))
    assert found["record_sha256"] == hashlib.sha256(others).hexdigest()
    files = makers.wheel_files("demo", "1.0", FILES, entry_points=ENTRY_POINTS)
    record = makers.record_of(files, "demo-1.0.dist-info")
    assert found["wheel_record_sha256"] == sha256(record)
    assert found["wheel_record_signed_sha256"] == sha256(makers.rows_of(files))


def test_the_receipt_of_a_built_wheel_names_its_source(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    data = world.sdist("demo", "1.0", ALICE)
    world.installed_as(world.run("install", "demo"), demo="1.0")
    found = receipt(world.target)
    assert (found["by"], found["reasons"]) == ("built", ["PV004"])
    assert found["source"] == {"kind": "sdist", "filename": SDIST, "sha256": sha256(data), "by": "signature"}
    assert found["keys"] == [ALICE.text]
    result = check(world)
    assert result.code == 0
    assert result.reasons(WHEEL) == ["PV004", "PV001"]
    world.publisher.show(BOB)
    assert check(world).code == 11


def test_uninstalling_leaves_nothing_behind(installed: World) -> None:
    assert installed.plain_pip("uninstall", "-y", "demo").code == 0
    assert [path for path in installed.target.files() if "demo" in path] == []
    assert check(installed).code == 0


def test_an_upgrade_replaces_the_receipt(installed: World) -> None:
    installed.wheel("demo", "2.0", ALICE)
    installed.installed_as(installed.run("install", "--upgrade", "demo"), demo="2.0")
    assert receipt(installed.target, "demo-2.0.dist-info")["version"] == "2.0"
    assert check(installed).code == 0


def test_installing_again_over_what_is_there_replaces_the_receipt(installed: World) -> None:
    before = (library(installed.target) / RECEIPT).read_bytes()
    (library(installed.target) / RECEIPT).write_bytes(b"{}")
    installed.installed_as(installed.run("install", "--ignore-installed", "demo"), demo="1.0")
    assert receipt(installed.target)["sha256"] == json.loads(before)["sha256"]
    assert check(installed).code == 0


@pytest.mark.parametrize("option", ["--target", "--prefix", "--root"])
def test_other_places_get_their_receipt_too(world: World, option: str, tmp_path: Path) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE, entry_points=ENTRY_POINTS)
    result = world.run("install", "demo", world.publisher.pin, option, tmp_path / "elsewhere")
    assert result.code == 0, result.stderr
    (found,) = (tmp_path / "elsewhere").rglob("pip-verify.json")
    assert json.loads(found.read_bytes())["filename"] == WHEEL
    assert RECEIPT in (found.parent / "RECORD").read_text()


def test_the_users_own_site_gets_its_receipt_too(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    where = {"PYTHONUSERBASE": str(world.home / "base")}
    options = ("install", "--user", "--break-system-packages", "demo", world.publisher.pin)
    base = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    result = world.run_bare(*options, "--python", base, "--extra-ca", world.publisher.ca_file, **where)
    assert result.code == 0, result.stderr
    (found,) = world.home.rglob("pip-verify.json")
    assert json.loads(found.read_bytes())["filename"] == WHEEL


# A receipt that cannot be.


@pytest.mark.parametrize("path", [RECEIPT, "demo-1.0.dist-info/PIP-Verify.JSON"])
def test_a_publisher_cannot_bring_a_receipt(world: World, path: str) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE, files={**FILES, path: "{}"})
    world.wheel("other", "1.0", ALICE)
    world.refused(world.run("install", "other", "demo", world.publisher.pin), 12)


def test_what_has_no_place_for_its_receipt_is_not_installed(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    (library(world.target) / RECEIPT).mkdir(parents=True)
    result = world.run("install", "--ignore-installed", "demo", world.publisher.pin)
    assert result.code != 0
    assert "no regular file" in result.stderr
    assert not (library(world.target) / "demo").exists()


def test_where_a_new_receipt_cannot_be_what_was_there_before_is_put_back(installed: World) -> None:
    edit_record(
        installed, lambda record: b"".join(line for line in record.splitlines(keepends=True) if b"verify" not in line)
    )
    (library(installed.target) / RECEIPT).unlink()
    (library(installed.target) / RECEIPT).mkdir()
    (library(installed.target) / RECEIPT / "kept").touch()  # pip does not uninstall what RECORD does not list
    result = installed.run("install", "--force-reinstall", "demo")
    assert result.code != 0
    assert "no regular file" in result.stderr
    assert installed.target.runs("import demo; print(demo.__version__)") == "1.0"
    assert check(installed).code == 12


# What check --installed finds.


def test_an_environment_as_it_was_installed_is_green(installed: World) -> None:
    installed.target.runs("import demo")
    result = check(installed)
    assert result.code == 0, result.stderr
    assert result.reasons(WHEEL) == ["PV001"]
    assert result.artifact(WHEEL)["keys"][0]["key"] == ALICE.text


def test_an_empty_environment_is_green_and_lists_nothing(world: World) -> None:
    result = check(world)
    assert result.code == 0
    assert result.report["artifacts"] == []


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)


def link_away(path: Path) -> None:
    away = path.parents[4] / "away"  # in the environment, not among its packages
    shutil.move(path, away)
    path.symlink_to(away)


@pytest.mark.parametrize("harm", [flip, Path.unlink, link_away, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("name", ["demo/__init__.py", "demo/data.txt", "demo-1.0.dist-info/METADATA"])
def test_a_file_that_is_not_as_it_was_is_named(installed: World, harm: Callable[[Path], None], name: str) -> None:
    harm(library(installed.target) / name)
    result = check(installed)
    assert result.code == 12
    assert name in subjects(result)


def test_a_changed_script_is_named_though_scripts_lie_elsewhere(installed: World) -> None:
    flip(installed.target.path / "bin/demo")
    result = check(installed)
    assert result.code == 12
    assert [subject.rpartition("/")[2] for subject in subjects(result)] == ["demo"]


@pytest.mark.parametrize(
    "name", ["planted.py", "planted.pth", "sitecustomize.py", "demo/planted.py", "demo/__pycache__/planted.pyc"]
)
def test_a_foreign_file_is_named(installed: World, name: str) -> None:
    path = library(installed.target) / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"import os; {installed.mark('planted')}\n")
    result = check(installed)
    assert result.code == 12
    assert subjects(result) == [name]
    assert installed.executed == [], "checking must not run what it finds"


def edit_record(world: World, change: Callable[[bytes], bytes]) -> None:
    path = library(world.target) / "demo-1.0.dist-info/RECORD"
    path.write_bytes(change(path.read_bytes()))


def test_a_change_that_record_was_made_to_agree_with_is_seen_by_the_receipt(installed: World) -> None:
    old, new = FILES["demo/data.txt"].encode(), b"evil\n"
    (library(installed.target) / "demo/data.txt").write_bytes(new)
    before, after = (makers.record_row("demo/data.txt", data).rstrip() for data in (old, new))
    edit_record(installed, lambda record: record.replace(before, after))
    result = check(installed)
    assert result.code == 12
    assert subjects(result) == ["demo-1.0.dist-info/RECORD"]


def test_a_receipt_that_is_not_as_it_was_written_is_refused(installed: World) -> None:
    path = library(installed.target) / RECEIPT
    path.write_bytes(path.read_bytes().replace(b'"signature"', b'"exemption"'))
    result = check(installed)
    assert result.code == 12
    assert RECEIPT in subjects(result)


def test_a_receipt_of_another_project_is_refused(installed: World) -> None:
    installed.trust("demo", "other")
    installed.wheel("other", "1.0", ALICE)
    assert installed.run("install", "other").code == 0
    shutil.copy(library(installed.target) / "other-1.0.dist-info/pip-verify.json", library(installed.target) / RECEIPT)
    result = check(installed)
    assert result.code == 12
    assert "a receipt for other 1.0" in str(result.report)
    assert result.reasons("other-1.0-py3-none-any.whl") == ["PV001"]


def test_what_plain_pip_installed_has_no_receipt(installed: World) -> None:
    installed.wheel("other")
    assert installed.plain_pip("install", "other").code == 0
    result = check(installed)
    assert result.code == 10
    assert result.reasons("other-1.0.dist-info") == ["PV111"]
    assert result.reasons(WHEEL) == ["PV001"]
    exempt = ["[[exempt]]", 'project = "other"', 'reason = "ours"']
    installed.write("pip-verify.toml", (installed.project / "pip-verify.toml").read_text(), *exempt)
    result = check(installed)
    assert result.code == 0
    assert result.reasons("other-1.0.dist-info") == ["PV002"]


def test_what_plain_pip_installed_over_it_has_no_receipt_either(installed: World) -> None:
    assert installed.plain_pip("install", "--force-reinstall", "demo").code == 0
    assert check(installed).code == 10


def test_an_editable_install_is_named_whatever_its_receipt_says(world: World) -> None:
    path = world.unpack(makers.make_sdist("demo", "1.0"), "demo")
    backend = (path / "in_tree_backend.py").read_text()
    (path / "in_tree_backend.py").write_text(backend + "\nbuild_editable = build_wheel\n")
    assert world.run("install", "--no-build-isolation", "-e", "demo").code == 0
    result = check(world)
    assert result.code == 10
    assert "editable" in result.artifact(WHEEL)["reasons"][0]["got"]


def test_a_local_directory_is_judged_by_the_policy_of_today(world: World) -> None:
    world.unpack(makers.make_sdist("demo", "1.0"), "demo")
    world.installed_as(world.run("install", "./demo"), demo="1.0")
    assert check(world).code == 0
    world.trust(policy=['local = "deny"'])
    result = check(world)
    assert (result.code, result.reasons(WHEEL)) == (10, ["PV105"])


def test_what_was_only_reported_is_refused(world: World) -> None:
    world.wheel("demo")
    result = world.run("install", "demo", PIP_VERIFY_MODE="report")
    world.installed_as(result, demo="1.0")
    assert (receipt(world.target)["decision"], receipt(world.target)["reasons"]) == ("reject", ["PV101"])
    result = check(world)
    assert (result.code, result.reasons(WHEEL)) == (10, ["PV111"])
    assert "report mode" in result.artifact(WHEEL)["reasons"][0]["got"]


# Judged again, by the keys of today.


def test_a_project_that_was_trusted_at_first_use_is_judged_by_the_recorded_keys(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust(policy=['first-use = "record"'])
    world.wheel("demo", "1.0", ALICE, metadata_extra=f"Project-URL: Key-List, {world.publisher.list_url}\n")
    world.installed_as(world.run("install", "demo", CI=""), demo="1.0")
    assert receipt(world.target)["by"] == "first-use"
    assert check(world, CI="true").code == 0
    world.publisher.show(BOB)
    assert check(world, CI="true").code == 11


def test_a_key_that_was_revoked_since_turns_the_environment_red(installed: World) -> None:
    installed.publisher.show({**ALICE.jwk(), "revoked": {"revoked_at": 1}})
    result = check(installed)
    assert (result.code, result.reasons(WHEEL)) == (13, ["PV401"])


def test_a_project_that_nobody_signs_for_any_more_turns_the_environment_red(installed: World) -> None:
    installed.trust("other")
    result = check(installed)
    assert (result.code, result.reasons(WHEEL)) == (10, ["PV101"])


def test_a_signature_inside_the_wheel_is_proved_again_without_the_wheel(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    data = makers.make_wheel(
        "demo", "1.0", sign=lambda digest: sign_release([ALICE], {"RECORD": digest}, "demo", "1.0")
    )
    world.index.add(WHEEL, data)
    world.installed_as(world.run("install", "demo"), demo="1.0")
    result = check(world)
    assert result.code == 0, result.stderr
    assert result.artifact(WHEEL)["place"]["kind"] == "in-wheel"
    world.publisher.show(BOB)
    assert check(world).code == 11


def test_a_legacy_signature_is_proved_again_without_the_wheel(world: World) -> None:
    files = makers.wheel_files("demo", "1.0")
    record = makers.record_of(files, "demo-1.0.dist-info")
    own = {"demo-1.0.dist-info/RECORD": record, "demo-1.0.dist-info/RECORD.jws": sign_record_jws([ALICE], record)}
    world.index.add(WHEEL, makers.zip_of(files | own))
    publisher = ["[publishers.team]", f'keys = ["{ALICE.text}"]', 'formats = ["record-jws"]', 'projects = ["demo"]']
    world.write("pip-verify.toml", *publisher)
    world.installed_as(world.run("install", "demo"), demo="1.0")
    assert check(world).code == 0


def test_a_directory_of_statements_is_named_again(world: World) -> None:
    digests = {WHEEL: sha256(world.wheel("demo"))}
    world.save("statements/demo/1.0.jws", sign_release([ALICE], digests, "demo", "1.0"))
    world.write("pip-verify.toml", "[publishers.team]", f'keys = ["{ALICE.text}"]', 'projects = ["demo"]')
    world.installed_as(world.run("install", "demo", "--statements", "statements"), demo="1.0")
    assert check(world, "--statements", "statements").code == 0
    assert check(world).code == 10


def test_a_statement_beside_a_local_wheel_is_found_again(world: World) -> None:
    path = world.save(f"dist/{WHEEL}", makers.make_wheel("demo", "1.0"))
    world.save(f"dist/{WHEEL}.jws", sign_release([ALICE], {WHEEL: sha256(path.read_bytes())}, "demo", "1.0"))
    world.write("pip-verify.toml", "[publishers.team]", f'keys = ["{ALICE.text}"]', 'projects = ["demo"]')
    world.installed_as(world.run("install", path), demo="1.0")
    assert check(world).code == 0
    path.with_name(f"{WHEEL}.jws").unlink()
    assert check(world).code == 10


def test_a_hash_that_was_given_then_still_counts_where_policy_lets_it(world: World) -> None:
    digest = sha256(world.wheel("demo"))
    world.write("requirements.txt", f"demo==1.0 --hash=sha256:{digest}")
    world.trust(policy=['unsigned = "hash-pinned"'])
    world.installed_as(world.run("install", "-r", "requirements.txt"), demo="1.0")
    assert check(world).code == 0
    world.trust(policy=['unsigned = "deny"'])
    assert check(world).code == 10
