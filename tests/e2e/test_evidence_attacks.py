"""Attacks on what is signed and by whom: real pip, a hostile index or a hostile statement; nothing gets in."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest

from tests import makers
from tests.e2e.world import ALICE, BOB, EVE, Result, World
from tests.signer import (
    Signer,
    b64u,
    jws,
    protected,
    sha256,
    sign_record_jws,
    sign_release,
    signature,
    statement,
    to_json,
)

WHEEL = "demo-1.0-py3-none-any.whl"
PURL = "pkg:pypi/demo@1.0"


def install(world: World, *options: str) -> Result:
    return world.run("install", "demo", *(options or (world.publisher.pin,)))


def stated(world: World, body: dict[str, Any], *signers: Signer) -> None:
    """Serve this statement for demo 1.0, properly signed."""
    payload = to_json(body)
    world.publisher.state("demo", "1.0", jws(payload, [signature(signer, payload) for signer in signers]))


@pytest.mark.parametrize("hash_stated", ["right", "none"])
def test_a_tampered_wheel_from_the_index(world: World, hash_stated: Any) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    world.index.add(WHEEL, world.evil_wheel("demo"), stated=hash_stated)
    world.refused(install(world), 12, "PV302", filename=WHEEL)


def test_bytes_that_are_not_those_of_the_link(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    world.index.tamper(WHEEL, world.evil_wheel("demo"))
    world.refused(install(world), 12, "PV302", filename=WHEEL)


def test_other_bytes_when_pip_fetches_the_file_a_second_time(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE, stated="none")
    served = world.index.files[WHEEL]
    served.metadata = makers.metadata_of("demo", "1.0").encode()
    world.index.before(WHEEL, lambda: world.index.tamper(WHEEL, world.evil_wheel("demo")))
    world.refused(install(world), 12, "PV302", filename=WHEEL)


@pytest.mark.parametrize("with_metadata", [False, True], ids=["file", "file-and-metadata"])
def test_a_file_that_was_swapped_after_the_check(world: World, *, with_metadata: bool) -> None:
    world.publisher.show(ALICE)
    good = makers.make_wheel("demo", "1.0")
    path = world.save(WHEEL, good)
    world.publisher.release("demo", "1.0", {WHEEL: good}, ALICE)
    world.wheel("other", "1.0", ALICE)
    evil = world.evil_wheel("demo")
    world.index.before("other-1.0-py3-none-any.whl", lambda: path.write_bytes(evil))
    if with_metadata:
        world.index.files["other-1.0-py3-none-any.whl"].metadata = makers.metadata_of("other", "1.0").encode()
    result = world.run("install", path, "other", world.publisher.pin)
    world.installed_as(result, demo="1.0", other="1.0")  # the bytes that were checked, not the ones that lie there
    assert path.read_bytes() == evil
    world.target.runs("import demo")
    assert world.executed == []


def test_a_wheel_of_another_version_under_a_good_signature(world: World) -> None:
    world.publisher.show(ALICE)
    old = world.wheel("demo", "0.9", ALICE)
    world.index.files.clear()
    statement = sign_release([ALICE], {"demo-0.9-py3-none-any.whl": sha256(old)}, "demo", "0.9")
    world.publisher.state("demo", "1.0", statement)
    world.wheel("demo", "1.0")
    world.refused(install(world), 12, "PV303", filename=WHEEL)


def test_an_old_wheel_renamed_to_a_new_version(world: World) -> None:
    world.publisher.show(ALICE)
    old = makers.make_wheel("demo", "0.9")
    world.index.add(WHEEL, old)
    world.publisher.release("demo", "1.0", {WHEEL: old}, ALICE)  # even if the publisher signed it under that name
    world.refused(install(world), 12, "PV305", filename=WHEEL)


def test_a_statement_of_another_project_of_the_same_publisher(world: World) -> None:
    world.publisher.show(ALICE)
    data = world.wheel("demo")
    world.publisher.state("demo", "1.0", sign_release([ALICE], {WHEEL: sha256(data)}, "other", "1.0"))
    world.refused(install(world), 12, "PV303", filename=WHEEL)


def test_a_statement_for_another_file_name(world: World) -> None:
    world.publisher.show(ALICE)
    data = world.wheel("demo")
    other = "demo-1.0-cp311-cp311-linux_x86_64.whl"
    world.publisher.state("demo", "1.0", sign_release([ALICE], {other: sha256(data)}, "demo", "1.0"))
    world.refused(install(world), 12, "PV303", filename=WHEEL)


def test_a_file_of_another_project_behind_the_name_the_user_asked_for(world: World) -> None:
    world.publisher.show(ALICE)
    world.sdist("other", "1.0", ALICE)
    address = world.index.file_url("other-1.0.tar.gz")
    result = world.run("install", f"demo @ {address}", world.publisher.pin)
    world.refused(result, 12, "PV303", filename="other-1.0.tar.gz")


def test_a_name_with_the_url_of_another_projects_wheel(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("other", "1.0", ALICE)
    address = world.index.file_url("other-1.0-py3-none-any.whl")
    result = world.run("install", f"demo @ {address}", world.publisher.pin)
    world.refused(result, 12, "PV303", filename="other-1.0-py3-none-any.whl")


def test_a_statement_without_subjects(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo")
    stated(world, statement({}, PURL), ALICE)
    world.refused(install(world), 12, "PV304", filename=WHEEL)


def test_a_statement_that_names_the_file_twice(world: World) -> None:
    world.publisher.show(ALICE)
    data = world.wheel("demo")
    body = statement({WHEEL: "0" * 64}, PURL)
    body["subject"] += statement({WHEEL: sha256(data)}, PURL)["subject"]
    stated(world, body, ALICE)
    world.refused(install(world), 12)


def test_a_statement_with_a_duplicate_member(world: World) -> None:
    world.publisher.show(ALICE)
    data = world.wheel("demo")
    good = sign_release([ALICE], {WHEEL: sha256(data)}, "demo", "1.0")
    world.publisher.state("demo", "1.0", good.replace(b'{"payload"', b'{"payload":"e30","payload"'))
    world.refused(install(world), 12, "PV304", filename=WHEEL)


def test_a_statement_without_signatures(world: World) -> None:
    world.publisher.show(ALICE)
    data = world.wheel("demo")
    stated(world, statement({WHEEL: sha256(data)}, PURL))
    world.refused(install(world), 12, "PV304", filename=WHEEL)


def test_a_stranger_signs(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", EVE)
    world.refused(install(world), 11, "PV201", filename=WHEEL)


def test_a_stranger_signs_under_the_publishers_kid(world: World) -> None:
    world.publisher.show(ALICE)
    data = world.wheel("demo")
    payload = to_json(statement({WHEEL: sha256(data)}, PURL))
    world.publisher.state("demo", "1.0", jws(payload, [signature(EVE, payload, kid=ALICE.thumbprint)]))
    world.refused(install(world), 12, "PV301", filename=WHEEL)


def test_a_stranger_brings_the_key_along(world: World) -> None:
    world.publisher.show(ALICE)
    data = world.wheel("demo")
    payload = to_json(statement({WHEEL: sha256(data)}, PURL))
    world.publisher.state("demo", "1.0", jws(payload, [signature(EVE, payload, jwk=EVE.jwk())]))
    world.refused(install(world), 12, "PV304", filename=WHEEL)


def test_an_algorithm_of_the_messages_choice(world: World) -> None:
    world.publisher.show(ALICE)
    data = world.wheel("demo")
    payload = to_json(statement({WHEEL: sha256(data)}, PURL))
    header = b64u(to_json(protected(ALICE, alg="none")))
    world.publisher.state("demo", "1.0", jws(payload, [{"protected": header, "signature": ""}]))
    world.refused(install(world), 12, "PV304", filename=WHEEL)


def test_a_threshold_met_only_by_counting_one_key_twice(world: World) -> None:
    world.publisher.show(ALICE, BOB)
    data = world.wheel("demo")
    payload = to_json(statement({WHEEL: sha256(data)}, PURL))
    world.publisher.state("demo", "1.0", jws(payload, [signature(ALICE, payload), signature(ALICE, payload)]))
    world.refused(install(world, world.publisher.pin, "--threshold=2"), 11, "PV202", filename=WHEEL)


def test_a_threshold_met_only_by_counting_one_key_under_two_names(world: World) -> None:
    world.publisher.show(ALICE.jwk(kid="a"), BOB.jwk(kid="b"))
    data = world.wheel("demo")
    payload = to_json(statement({WHEEL: sha256(data)}, PURL))
    twice = [signature(ALICE, payload), signature(ALICE, payload, kid="a")]
    world.publisher.state("demo", "1.0", jws(payload, twice))
    world.refused(install(world, world.publisher.pin, "--threshold=2"), 11, "PV202", filename=WHEEL)


def test_one_key_given_twice_for_a_threshold(world: World) -> None:
    world.wheel("demo", "1.0", ALICE)
    result = install(world, f"--key={ALICE.text}", f"--key={ALICE.text}", "--threshold=2")
    world.refused(result, 2)


def test_two_statements_with_one_signature_each_do_not_add_up(world: World) -> None:
    world.publisher.show(ALICE, BOB)
    data = world.wheel("demo", "1.0", ALICE)
    world.save("statements/demo/1.0.jws", sign_release([BOB], {WHEEL: sha256(data)}, "demo", "1.0"))
    result = install(world, world.publisher.pin, "--threshold=2", "--statements", "statements")
    world.refused(result, 11, "PV202", filename=WHEEL)


def test_a_pinned_key_that_is_not_on_the_list(world: World) -> None:
    world.publisher.show(BOB)
    world.wheel("demo", "1.0", ALICE)
    result = install(world, world.publisher.pin, f"--key={ALICE.text}")
    world.refused(result, 11, "PV203", filename=WHEEL)


def test_no_pin_at_all(world: World) -> None:
    world.wheel("demo", "1.0", ALICE)
    result = world.run("install", "demo")
    world.refused(result, 10, "PV101", filename=WHEEL)
    assert "--key-list" in result.stderr  # says how to begin


def test_no_statement_anywhere(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo")
    world.refused(install(world), 10, "PV102", filename=WHEEL)


def test_a_dependency_that_nobody_pinned(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE, requires=["dependency"])
    world.index.add("dependency-1.0-py3-none-any.whl", world.evil_wheel("dependency"))
    result = install(world)
    world.refused(result, 10, "PV101", filename="dependency-1.0-py3-none-any.whl")


def test_one_refused_of_two_installs_neither(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("aaa", "1.0", ALICE)
    world.wheel("zzz", "1.0", EVE)
    world.refused(world.run("install", "aaa", "zzz", world.publisher.pin), 11)


def test_several_kinds_of_refusal_are_all_in_the_report(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("unsigned")
    world.wheel("stranger", "1.0", EVE)
    pin = world.publisher.pin
    world.write("requirements.txt", f"unsigned==1.0 {pin}", f"stranger==1.0 {pin}")
    names = ("unsigned-1.0-py3-none-any.whl", "stranger-1.0-py3-none-any.whl")
    for name in names:  # so that pip need not fetch the first to see the second
        project = name.partition("-")[0]
        world.index.files[name].metadata = makers.metadata_of(project, "1.0").encode()
    result = world.run("install", "--no-deps", "-r", "requirements.txt")
    world.refused(result, 11)
    assert [result.reasons(name)[0] for name in names] == ["PV102", "PV201"]


def test_the_inline_pin_does_not_widen_the_trust_file(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", EVE)
    world.trust("demo")
    world.refused(install(world, f"--key={EVE.text}"), 11, "PV201", filename=WHEEL)


def test_every_requirement_line_for_a_project_must_hold(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", EVE)
    world.write("requirements.txt", f"demo {world.publisher.pin}", f"demo --key={EVE.text}")
    world.refused(world.run("install", "-r", "requirements.txt"), 11, "PV201", filename=WHEEL)


def legacy_wheel(world: World, record_signed: bytes | None = None) -> bytes:
    """A wheel with a RECORD.jws over its RECORD, or over ``record_signed``."""
    files = makers.wheel_files("demo", "1.0", {"demo/__init__.py": world.mark("demo")})
    record = makers.record_of(files, "demo-1.0.dist-info")
    own = {"RECORD": record, "RECORD.jws": sign_record_jws([ALICE], record_signed or record)}
    return makers.zip_of(files | {f"demo-1.0.dist-info/{name}": data for name, data in own.items()})


def test_a_legacy_signature_of_another_record(world: World) -> None:
    world.index.add(WHEEL, legacy_wheel(world, b"another record\n"))
    world.refused(install(world, f"--key={ALICE.text}"), 12, "PV302", filename=WHEEL)


def test_a_legacy_signature_where_a_key_list_is_demanded(world: World) -> None:
    world.publisher.show(ALICE)
    world.index.add(WHEEL, legacy_wheel(world))
    world.refused(install(world), 10, "PV102", filename=WHEEL)


def test_an_in_wheel_statement_of_a_changed_wheel(world: World) -> None:
    kept: list[bytes] = []

    def sign(digest: str) -> bytes:
        return kept[0] if kept else sign_release([ALICE], {"RECORD": digest}, "demo", "1.0")

    with_zip = makers.make_wheel("demo", "1.0", sign=sign)
    with zipfile.ZipFile(io.BytesIO(with_zip)) as archive:
        kept.append(archive.read("demo-1.0.dist-info/release.jws"))
    world.index.add(WHEEL, makers.make_wheel("demo", "1.0", {"demo/__init__.py": world.mark("demo")}, sign=sign))
    world.refused(install(world, f"--key={ALICE.text}"), 12, "PV302", filename=WHEEL)
