"""What a run says of itself: one report in every format, complete, without secrets and without anybody's escapes."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from pip_verify.config import OUTPUT_FORMATS
from tests import makers
from tests.e2e.world import ALICE, EVE, World
from tests.signer import Signer, sha256, sign_release

WHEEL = "demo-1.0-py3-none-any.whl"
SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "report-schema.json"


def test_a_refusal_says_which_artifact_whose_demand_what_came_and_what_next(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", EVE)
    world.write("requirements.txt", "# the one we use", f"demo {world.publisher.pin}")
    result = world.run("install", "-r", "requirements.txt")
    world.refused(result, 11, "PV201", filename=WHEEL)
    for part in (WHEEL, "requirements.txt:2", "expected", "got", "next", EVE.thumbprint):
        assert part in result.stderr
    (reason,) = result.artifact(WHEEL)["reasons"]
    assert reason["expected"]
    assert reason["got"]
    assert reason["hint"]


def test_reports_keep_to_their_schema(world: World) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(SCHEMA.read_bytes())
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    world.sdist("other", "1.0", EVE)
    for arguments in (("demo",), ("other",), ("absent",)):
        result = world.run("install", *arguments, world.publisher.pin)
        jsonschema.validate(result.report, schema)
        assert result.report["exit_code"] == result.code
    assert result.report["pip_exit_code"] == 1


def test_credentials_of_an_index_are_not_shown(world: World) -> None:
    world.wheel("demo")
    address = world.index.url.replace("http://", "http://user:hunter2@")
    links = world.index.file_url(WHEEL).replace("http://", "http://user:hunter2@")
    for arguments in (("--index-url", address, "demo"), (f"demo @ {links}?token=hunter2",)):
        result = world.run("install", *arguments)
        assert result.code == 10, result.stderr
        assert "hunter2" not in result.stderr
        assert "hunter2" not in json.dumps(result.report)


def test_a_publishers_text_does_not_steer_the_terminal(world: World) -> None:
    revoked = {"revoked_at": 1_500_000_000, "reason": "\x1b[2J\x1b]0;owned\x07 all is well \u202e"}
    world.publisher.show(ALICE.jwk(revoked=revoked))
    world.wheel("demo", "1.0", ALICE)
    result = world.run("install", "demo", world.publisher.pin)
    assert result.code in {12, 13}, result.stderr
    assert not {"\x1b", "\x07", "\u202e"} & set(result.stderr)


def test_a_file_name_does_not_steer_the_terminal(world: World) -> None:
    name = "demo-1.0+\x1b[2J-py3-none-any.whl"
    path = world.save(name, makers.make_wheel("demo", "1.0"))
    result = world.run("verify", path, f"--key={ALICE.text}")
    assert result.code != 0
    assert "\x1b" not in result.stderr


def test_pips_standard_output_stays_pips(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    result = world.run("install", "--quiet", "demo", world.publisher.pin)
    world.installed_as(result, demo="1.0")
    assert result.stdout == ""
    world.wheel("demo", "2.0", ALICE)
    plain = world.run("install", "--dry-run", "--quiet", "--upgrade", "--report", "-", "demo", world.publisher.pin)
    assert json.loads(plain.stdout)["install"][0]["metadata"]["version"] == "2.0"


def test_no_private_key_ever_reaches_a_log(world: World) -> None:
    leaked = EVE.private_jwk()
    world.publisher.show(leaked)
    world.wheel("demo", "1.0", EVE)
    result = world.run("install", "demo", world.publisher.pin)
    world.refused(result, 12)
    kept = b"".join(path.read_bytes() for path in world.home.rglob("*") if path.is_file())
    assert leaked["d"] not in result.stderr + json.dumps(result.report) + kept.decode("latin-1")
    assert base64.urlsafe_b64decode(leaked["d"] + "=") not in kept


@pytest.mark.parametrize("signer", [ALICE, EVE], ids=["accepted", "refused"])
def test_a_token_in_the_addresses_of_a_publisher_is_neither_told_nor_left_lying_about(
    world: World, signer: Signer
) -> None:
    site, data = world.publisher.site, world.wheel("demo", "1.0")
    world.publisher.show(ALICE)
    site.put("/r/demo/1.0.jws", sign_release([signer], {WHEEL: sha256(data)}, "demo", "1.0"))
    own = world.write(
        "pip-verify.toml",
        "[publishers.team]",
        f'key-list = "{site.url}/keys.json?token=t0ken"',
        f'releases = "{site.url}/r/{{project}}/{{version}}.jws?token=t0ken"',
        'projects = ["demo"]',
    )
    lock = world.write("requirements.txt", f"demo==1.0 --hash=sha256:{sha256(data)}")
    options = ("--extra-ca", world.publisher.ca_file)
    told = [world.run_as_it_is("explain", "demo", "-r", lock, *options)]
    told += [world.run_as_it_is("check", "-v", "-r", lock, *options, f"--format={name}") for name in OUTPUT_FORMATS]
    told += [world.run("install", "demo", "-vvv", "--mode=report", "--log=log")]
    told += [world.run_as_it_is("monitor", "--first", "--state=state", "demo", *options)]
    assert {result.code for result in told} == ({0} if signer is ALICE else {0, 11})
    assert f"{site.url}/r/demo/1.0.jws" in told[0].stdout  # where that is can still be told
    assert not [result for result in told if "t0ken" in result.stdout + result.stderr]
    left = [path for path in world.root.rglob("*") if path.is_file() and b"t0ken" in path.read_bytes()]
    assert left == [own]
