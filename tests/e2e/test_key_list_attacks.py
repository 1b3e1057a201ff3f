"""Attacks on the publisher's key list and on the way to it: real pip, a hostile web site; nothing gets in.

A list that is refused is not a list that cannot be reached: the first is exit code 12, the second 14, and neither is
ever called unsigned.
"""

from __future__ import annotations

import gzip
import time

import pytest

from tests.e2e.world import ALICE, BOB, DEADLINE, EVE, Result, World
from tests.https_world import Answer
from tests.signer import Signer, b64u, jws, key_list, sha256, signature, statement, to_json

WHEEL = "demo-1.0-py3-none-any.whl"
LISTED = key_list(ALICE)
# Points of small order on the curve, in three encodings: under such a key anybody's signature may verify.
WEAK = {
    "identity": bytes([1]) + bytes(31),
    "order-8": bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    "zero": bytes(32),
}


@pytest.fixture
def signed(world: World) -> World:
    """A world in which all is well: demo 1.0 is signed, the list served."""
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    return world


def install(world: World, *options: str) -> Result:
    return world.run("install", "demo", *(options or (world.publisher.pin,)))


def test_all_is_well_before_the_attacks_below(signed: World) -> None:
    signed.installed_as(install(signed), demo="1.0")


def test_a_key_that_was_taken_off_the_list(signed: World) -> None:
    signed.publisher.show(BOB)
    signed.refused(install(signed), 11, "PV201", filename=WHEEL)


def test_a_removed_key_counts_for_nothing_in_the_run_after_it(signed: World) -> None:
    assert install(signed, signed.publisher.pin, "--dry-run").code == 0  # everything is known and cached now
    signed.publisher.show(BOB)
    signed.refused(install(signed), 11, "PV201", filename=WHEEL)


def test_an_empty_list(signed: World) -> None:
    signed.publisher.show()
    result = install(signed)
    assert result.code in {11, 12}, result.stderr
    signed.refused(result, result.code)


def test_a_revoked_key(signed: World) -> None:
    revoked = {"revoked_at": 1_500_000_000, "reason": "stolen laptop"}
    signed.publisher.show(ALICE.jwk(revoked=revoked))
    signed.refused(install(signed), 13, "PV401", filename=WHEEL)


@pytest.mark.parametrize("window", [{"exp": 1_500_000_000}, {"nbf": 4_000_000_000}], ids=["ended", "to-come"])
def test_a_key_outside_its_window(signed: World, window: dict[str, int]) -> None:
    signed.publisher.show(ALICE.jwk(**window))
    signed.refused(install(signed), 13, "PV402", filename=WHEEL)


@pytest.mark.parametrize("raw", WEAK.values(), ids=WEAK)
def test_a_weak_key_on_the_list(signed: World, raw: bytes) -> None:
    weak = {"kty": "OKP", "crv": "Ed25519", "x": b64u(raw), "kid": "weak", "use": "sig", "alg": "Ed25519"}
    signed.publisher.show(ALICE, weak)
    signed.refused(install(signed), 12, "PV310", filename=WHEEL)


@pytest.mark.parametrize("raw", WEAK.values(), ids=WEAK)
def test_a_weak_key_in_a_pin(signed: World, raw: bytes) -> None:
    signed.refused(install(signed, f"--key=ed25519:{b64u(raw)}"), 12)


def test_a_weak_key_in_a_requirement_file(signed: World) -> None:
    signed.write("requirements.txt", f"demo --key=ed25519:{b64u(WEAK['identity'])}")
    signed.refused(signed.run("install", "-r", "requirements.txt"), 12)


def test_a_weak_key_in_the_trust_file(signed: World) -> None:
    weak = f'keys = ["ed25519:{b64u(WEAK["identity"])}"]'
    signed.write("pip-verify.toml", "[publishers.team]", weak, 'projects = ["demo"]')
    signed.refused(signed.run("install", "demo"), 12)


def test_a_signature_that_verifies_for_everything_under_a_weak_key(signed: World) -> None:
    point = WEAK["identity"]
    weak = {"kty": "OKP", "crv": "Ed25519", "x": b64u(point), "kid": "weak"}
    payload = to_json(statement({WHEEL: sha256(signed.index.files[WHEEL].data)}, "pkg:pypi/demo@1.0"))
    forged = {**signature(EVE, payload, kid="weak"), "signature": b64u(point + bytes(32))}
    signed.publisher.state("demo", "1.0", jws(payload, [forged]))
    signed.publisher.show(weak)
    signed.refused(install(signed), 12, "PV310", filename=WHEEL)


def test_a_private_key_on_the_list(signed: World) -> None:
    signed.publisher.show(ALICE, BOB.private_jwk())
    result = install(signed)
    signed.refused(result, 12, "PV310", filename=WHEEL)
    assert BOB.private_jwk()["d"] not in result.stderr  # not told to whoever reads the log


def test_two_entries_with_one_key(signed: World) -> None:
    signed.publisher.show(ALICE.jwk(kid="a"), ALICE.jwk(kid="b"))
    signed.refused(install(signed, signed.publisher.pin, "--threshold=2"), 12, "PV310", filename=WHEEL)


def test_a_key_for_encryption(signed: World) -> None:
    signed.publisher.show(ALICE.jwk(use="enc"))
    signed.refused(install(signed), 12, "PV310", filename=WHEEL)


def test_a_list_with_a_duplicate_member(signed: World) -> None:
    signed.publisher.serve("/keys.json", LISTED.replace(b'{"keys"', b'{"keys":[],"keys"', 1))
    signed.refused(install(signed), 12, "PV310", filename=WHEEL)


def test_a_list_named_by_http_is_a_usage_error(signed: World) -> None:
    address = signed.publisher.list_url.replace("https://", "http://")
    signed.refused(install(signed, f"--key-list={address}"), 2)
    signed.write("requirements.txt", f"demo --key-list={address}")
    signed.refused(signed.run("install", "-r", "requirements.txt"), 2)
    signed.write("pip-verify.toml", "[publishers.team]", f'key-list = "{address}"', 'projects = ["demo"]')
    signed.refused(signed.run("install", "demo"), 2)


def over_http(world: World) -> str:
    """The same list, on the index's plain HTTP."""
    return world.index.add("keys.json", LISTED, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_list_that_is_redirected_to_http(signed: World, status: int) -> None:
    moved = Answer(status=status, headers={"Location": over_http(signed)}, body=b"")
    signed.publisher.site.answer("/keys.json", moved)
    signed.refused(install(signed), 14, "PV501", filename=WHEEL)
    assert not signed.index.asked_for("keys.json")


def test_a_list_that_is_redirected_to_another_host(signed: World) -> None:
    site = signed.publisher.site
    site.put("/elsewhere.json", LISTED)
    site.answer("/keys.json", Answer(status=302, headers={"Location": f"{site.other_url}/elsewhere.json"}, body=b""))
    signed.refused(install(signed), 14, "PV501", filename=WHEEL)
    assert site.count("/elsewhere.json") == 0


def test_a_list_that_is_redirected_within_its_origin_is_followed(signed: World) -> None:
    signed.publisher.serve("/elsewhere.json", LISTED)
    signed.publisher.site.answer("/keys.json", Answer(status=302, headers={"Location": "/elsewhere.json"}, body=b""))
    assert install(signed, signed.publisher.pin).code == 0


HOSTILE = {
    "never-ends": Answer(body=b"{}", endless="body"),
    "headers-never-end": Answer(body=b"{}", endless="headers"),
    "trickles": Answer(body=LISTED + b" " * 1000, trickle="body"),
    "headers-trickle": Answer(body=LISTED, headers={"X-Long": "x" * 1000}, trickle="headers"),
    "late": Answer(body=LISTED, delay=60.0),
    "cut": Answer(body=LISTED, cut=20),
    "hangs-up": Answer(hang_up=True),
    "too-large": Answer(body=LISTED + b" " * 300_000),
    "compressed": Answer(body=gzip.compress(LISTED), headers={"Content-Encoding": "gzip"}),
    "error": Answer(status=500, body=LISTED),
    "missing": Answer(status=404, body=LISTED),
    "not-json": Answer(body=LISTED, headers={"Content-Type": "text/html"}),
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
def test_a_list_that_cannot_be_had(signed: World, answer: Answer) -> None:
    signed.publisher.site.answer("/keys.json", answer)
    started = time.monotonic()
    result = install(signed)
    signed.refused(result, 14, "PV501", filename=WHEEL)
    assert time.monotonic() - started < DEADLINE + 6  # pip itself takes its time on a busy machine
    assert "unsigned" not in result.stderr.lower()


def test_a_list_whose_server_nobody_vouches_for(signed: World) -> None:
    arguments = ("install", "--python", signed.target.path, "demo", signed.publisher.pin)
    signed.refused(signed.run_bare(*arguments), 14, "PV501", filename=WHEEL)


def test_a_list_whose_server_is_down(signed: World) -> None:
    nobody = "--key-list=https://localhost:9/keys.json"  # the discard port
    signed.refused(install(signed, nobody), 14, "PV501", filename=WHEEL)


STATEMENTS: dict[str, tuple[Answer, int]] = {
    "error": (Answer(status=500, body=b""), 14),
    "forbidden": (Answer(status=403, body=b""), 14),
    "never-ends": (Answer(body=b"{}", endless="body"), 14),
    "trickles": (Answer(body=b"{}" + b" " * 1000, trickle="body"), 14),
    "redirected": (Answer(status=302, headers={"Location": "http://127.0.0.1:9/1.0.jws"}, body=b""), 14),
    "gone": (Answer(status=410, body=b""), 10),
    "empty": (Answer(body=b""), 12),
    "html": (Answer(body=b"<html>welcome</html>"), 12),
}


@pytest.mark.parametrize(("answer", "code"), STATEMENTS.values(), ids=STATEMENTS)
def test_a_statement_that_cannot_be_had_is_told_apart_from_none(signed: World, answer: Answer, code: int) -> None:
    signed.publisher.site.answer("/releases/demo/1.0.jws", answer)
    signed.refused(install(signed), code)


def test_a_statement_place_on_another_host_is_the_lists_choice_but_never_http(signed: World) -> None:
    signed.publisher.show(ALICE, releases="http://127.0.0.1:9/{project}/{version}.jws")
    signed.refused(install(signed), 12)


def keep(world: World, *listed: Signer) -> None:
    """Serve a list that may be kept for an hour."""
    world.publisher.serve("/keys.json", key_list(*listed), headers={"Cache-Control": "max-age=3600"})


def test_a_key_that_a_kept_list_lacks_forces_a_look(signed: World) -> None:
    keep(signed, ALICE)
    assert install(signed, signed.publisher.pin, "--dry-run").code == 0
    keep(signed, BOB)
    signed.wheel("demo", "2.0", BOB)
    signed.installed_as(install(signed), demo="2.0")
    assert signed.publisher.site.count("/keys.json") == 2


def test_a_strangers_signatures_do_not_make_a_hundred_runs_ask_a_hundred_times(signed: World) -> None:
    keep(signed, ALICE)
    signed.wheel("demo", "2.0", EVE)
    for _ in range(3):
        signed.refused(install(signed), 11, "PV201", filename="demo-2.0-py3-none-any.whl")
    assert signed.publisher.site.count("/keys.json") == 2  # once, and once more for the unknown key
