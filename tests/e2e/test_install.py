"""What works: signed packages, by every way a pin, a statement and a requirement can come."""

from __future__ import annotations

import json

from tests import makers
from tests.e2e.world import ALICE, BOB, Environment, World
from tests.signer import Signer, jws, sha256, sign_record_jws, sign_release, signature, statement, to_json

WHEEL = "demo-1.0-py3-none-any.whl"
SDIST = "demo-1.0.tar.gz"


def test_a_wheel_is_installed_by_its_publishers_key_list(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    result = world.run("install", "demo", world.publisher.pin)
    world.installed_as(result, demo="1.0")
    assert result.reasons(WHEEL) == ["PV001"]
    assert result.artifact(WHEEL)["keys"][0]["key"] == ALICE.text
    assert "Successfully installed demo-1.0" in result.stdout
    assert world.target.runs("import demo; print(demo.__version__)") == "1.0"


def test_a_pinned_key_and_a_directory_of_statements_need_no_network_but_the_index(world: World) -> None:
    digests = {WHEEL: sha256(world.wheel("demo"))}
    world.save("statements/demo/1.0.jws", sign_release([ALICE], digests, "demo", "1.0"))
    result = world.run("install", "demo", f"--key={ALICE.text}", "--statements", "statements")
    world.installed_as(result, demo="1.0")
    assert result.artifact(WHEEL)["place"]["kind"] == "statements-dir"
    assert world.publisher.site.requests == []


def test_a_directory_of_statements_may_name_them_after_the_files(world: World) -> None:
    digests = {WHEEL: sha256(world.wheel("demo"))}
    world.save(f"statements/{WHEEL}.jws", sign_release([ALICE], digests, "demo", "1.0"))
    world.installed_as(world.run("install", "demo", f"--key={ALICE.text}", "--statements", "statements"), demo="1.0")


def test_a_local_wheel_is_installed_by_the_statement_beside_it(world: World) -> None:
    path = world.save(f"dist/{WHEEL}", makers.make_wheel("demo", "1.0"))
    world.save(f"dist/{WHEEL}.jws", sign_release([ALICE], {WHEEL: sha256(path.read_bytes())}, "demo", "1.0"))
    result = world.run("install", path, f"--key={ALICE.text}")
    world.installed_as(result, demo="1.0")
    assert result.artifact(WHEEL)["place"]["kind"] == "beside"


def test_a_wheel_on_a_private_index_is_installed_by_the_statement_at_its_own_url(world: World) -> None:
    site, data = world.publisher.site, makers.make_wheel("demo", "1.0")
    link = f'<a href="{site.url}/files/{WHEEL}#sha256={sha256(data)}">{WHEEL}</a>'
    site.put("/simple/demo/", link.encode(), headers={"Content-Type": "text/html"})
    site.put(f"/files/{WHEEL}", data)
    site.put(f"/files/{WHEEL}.jws", sign_release([ALICE], {WHEEL: sha256(data)}, "demo", "1.0"))
    options = ("--cert", site.ca_file, "--index-url", f"{site.url}/simple/", f"--key={ALICE.text}")
    result = world.run("install", "demo", *options)
    world.installed_as(result, demo="1.0")
    assert result.artifact(WHEEL)["place"]["kind"] == "url"


def test_a_wheel_is_installed_by_the_statement_it_carries(world: World) -> None:
    world.index.add(WHEEL, makers.signed_inside(ALICE))
    result = world.run("install", "demo", f"--key={ALICE.text}")
    world.installed_as(result, demo="1.0")
    assert result.artifact(WHEEL)["place"]["kind"] == "in-wheel"


def test_a_wheel_is_installed_by_the_statement_it_carries_and_its_publishers_list(world: World) -> None:
    world.publisher.show(ALICE)
    world.index.add(WHEEL, makers.signed_inside(ALICE))
    world.installed_as(world.run("install", "demo", world.publisher.pin), demo="1.0")


def legacy_wheel(signer: Signer) -> bytes:
    """A wheel with a RECORD.jws as wheel 0.21 to 0.31 wrote it."""
    files = makers.wheel_files("demo", "1.0")
    record = makers.record_of(files, "demo-1.0.dist-info")
    own = {"demo-1.0.dist-info/RECORD": record, "demo-1.0.dist-info/RECORD.jws": sign_record_jws([signer], record)}
    return makers.zip_of(files | own)


def test_a_legacy_wheel_is_installed_by_a_pinned_key(world: World) -> None:
    world.index.add(WHEEL, legacy_wheel(ALICE))
    world.installed_as(world.run("install", "demo==1.0", f"--key={ALICE.text}"), demo="1.0")


def test_a_publishers_statement_place_in_the_trust_file_is_used(world: World) -> None:
    data = world.wheel("demo")
    statement = sign_release([ALICE], {WHEEL: sha256(data)}, "demo", "1.0")
    world.publisher.serve(f"/elsewhere/demo/{WHEEL}.jws", statement)
    world.write(
        "pip-verify.toml",
        "[publishers.team]",
        f'keys = ["{ALICE.text}"]',
        f'releases = "{world.publisher.site.url}/elsewhere/{{project}}/{{filename}}.jws"',
        'projects = ["demo"]',
    )
    result = world.run("install", "demo")
    world.installed_as(result, demo="1.0")
    assert result.artifact(WHEEL)["publishers"] == ["team"]


def test_a_key_list_says_where_its_statements_are(world: World) -> None:
    data = world.wheel("demo")
    world.publisher.show(ALICE, releases="signed/{project}-{version}.jws")
    world.publisher.serve("/signed/demo-1.0.jws", sign_release([ALICE], {WHEEL: sha256(data)}, "demo", "1.0"))
    world.installed_as(world.run("install", "demo", world.publisher.pin), demo="1.0")


def test_requirement_files_carry_pins_as_options_and_as_comments(world: World) -> None:
    world.publisher.show(ALICE, BOB)
    first, second = world.wheel("demo", "1.0", ALICE), world.wheel("other", "2.0", ALICE, BOB)
    world.wheel("third", "3.0", ALICE)
    world.write(
        "requirements.txt",
        f"demo==1.0 {world.publisher.pin} --hash=sha256:{sha256(first)}",
        "other==2.0 \\",
        f"    --hash=sha256:{sha256(second)}",
        "    # via the tests",
        f"    # pip-verify: {world.publisher.pin} --threshold=2",
        "-r nested.txt",
    )
    third = sha256(world.index.files["third-3.0-py3-none-any.whl"].data)
    world.write("nested.txt", f"third==3.0 --hash=sha256:{third} \\", f"    {world.publisher.pin} --key={ALICE.text}")
    result = world.run("install", "-r", "requirements.txt")
    world.installed_as(result, demo="1.0", other="2.0", third="3.0")
    assert result.artifact("other-2.0-py3-none-any.whl")["origins"][0]["line"] == 5


def test_a_constraint_file_constrains_and_pins(world: World) -> None:
    world.publisher.show(ALICE)
    for version in ("1.0", "2.0"):
        world.wheel("demo", version, ALICE)
    world.write("constraints.txt", f"demo==1.0 {world.publisher.pin}")
    world.installed_as(world.run("install", "demo", "-c", "constraints.txt"), demo="1.0")


def test_extras_and_dependencies_are_installed_each_by_its_own_pin(world: World) -> None:
    world.publisher.show(ALICE)
    extra = "Provides-Extra: fast\nRequires-Dist: speed; extra == 'fast'\n"
    world.wheel("demo", "1.0", ALICE, requires=["base"], metadata_extra=extra)
    world.wheel("base", "1.0", ALICE)
    world.wheel("speed", "1.0", ALICE)
    pin = world.publisher.pin
    world.write("requirements.txt", f"demo[fast] {pin}", f"base {pin}", f"speed {pin}")
    world.installed_as(world.run("install", "-r", "requirements.txt"), base="1.0", demo="1.0", speed="1.0")


def test_a_publisher_of_the_trust_file_signs_for_a_pattern_of_projects(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo-core", "1.0", ALICE, requires=["demo-base"])
    world.wheel("demo-base", "1.0", ALICE)
    world.write(
        "pip-verify.toml", "[publishers.team]", f'key-list = "{world.publisher.list_url}"', 'projects = ["demo-*"]'
    )
    result = world.run("install", "demo-core")
    world.installed_as(result, demo_base="1.0", demo_core="1.0")


def test_signed_by_names_a_publisher_of_the_trust_file(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    trust = world.write("trust.toml", "[publishers.team]", f'key-list = "{world.publisher.list_url}"')
    world.installed_as(world.run("install", "demo", "--signed-by=team", "--trust-file", trust), demo="1.0")


def test_pylock_toml_is_installed_by_the_trust_file(world: World) -> None:
    world.publisher.show(ALICE)
    data = world.wheel("demo", "1.0", ALICE)
    world.write(
        "pip-verify.toml", "[publishers.team]", f'key-list = "{world.publisher.list_url}"', 'projects = ["demo"]'
    )
    world.lock(WHEEL, data)
    world.installed_as(world.run("install", "-r", "pylock.toml"), demo="1.0")


def test_find_links_and_a_name_with_a_url_work_as_in_pip(world: World) -> None:
    world.publisher.show(ALICE)
    data = makers.make_wheel("demo", "1.0")
    world.save(f"links/{WHEEL}", data)
    world.publisher.release("demo", "1.0", {WHEEL: data}, ALICE)
    world.wheel("other", "1.0", ALICE)
    address = world.index.file_url("other-1.0-py3-none-any.whl")
    result = world.run("install", "--find-links", "links", "demo", f"other @ {address}", world.publisher.pin)
    world.installed_as(result, demo="1.0", other="1.0")


def test_a_key_rotates_without_touching_the_artifact(world: World) -> None:
    world.publisher.show(ALICE)
    data = world.wheel("demo", "1.0", ALICE)
    assert world.run("install", "--dry-run", "demo", world.publisher.pin).code == 0
    world.publisher.show(BOB)
    assert world.run("install", "--dry-run", "demo", world.publisher.pin).code == 11
    world.publisher.release("demo", "1.0", {WHEEL: data}, ALICE, BOB)
    world.installed_as(world.run("install", "demo", world.publisher.pin), demo="1.0")


def test_two_of_three_keys_meet_a_threshold(world: World) -> None:
    carol = Signer.of("carol")
    world.publisher.show(ALICE, BOB, carol)
    world.wheel("demo", "1.0", ALICE, carol)
    result = world.run("install", "demo", world.publisher.pin, "--threshold=2")
    world.installed_as(result, demo="1.0")
    assert {key["key"] for key in result.artifact(WHEEL)["keys"]} == {ALICE.text, carol.text}


def test_a_signed_sdist_is_built_with_its_signed_build_dependency(world: World) -> None:
    world.publisher.show(ALICE)
    world.sdist("demo", "1.0", ALICE, build_requires=["helper"], on_import="import helper")
    world.wheel("helper", "1.0", ALICE)
    pin = world.publisher.pin
    world.write("requirements.txt", f"demo {pin}")
    world.write(
        "pip-verify.toml", "[publishers.team]", f'key-list = "{world.publisher.list_url}"', 'projects = ["helper"]'
    )
    result = world.run("install", "-r", "requirements.txt")
    world.installed_as(result, demo="1.0")
    assert world.executed == ["demo"]
    assert result.reasons("helper-1.0-py3-none-any.whl") == ["PV001"]


def test_a_build_backend_sees_pip_no_index(world: World) -> None:
    world.publisher.show(ALICE)
    shown = f"import os; open({str(world.marker)!r}, 'a').write('no-index=' + os.environ.get('PIP_NO_INDEX', '-'))"
    world.sdist("demo", "1.0", ALICE, on_import=shown)
    world.installed_as(world.run("install", "demo", world.publisher.pin), demo="1.0")
    assert "no-index=1" in world.executed


def test_download_copies_signed_files_out(world: World) -> None:
    world.publisher.show(ALICE)
    data = world.wheel("demo", "1.0", ALICE)
    result = world.run("download", "-d", "dest", "demo", world.publisher.pin)
    assert result.code == 0, result.stderr
    assert (world.project / "dest" / WHEEL).read_bytes() == data


def test_wheel_builds_a_signed_sdist(world: World) -> None:
    world.publisher.show(ALICE)
    world.sdist("demo", "1.0", ALICE)
    result = world.run("wheel", "-w", "dest", "demo", world.publisher.pin)
    assert result.code == 0, result.stderr
    assert [path.name for path in (world.project / "dest").iterdir()] == [WHEEL]


def test_lock_writes_a_lock_file_of_signed_files(world: World) -> None:
    world.publisher.show(ALICE)
    data = world.wheel("demo", "1.0", ALICE)
    result = world.run("lock", "--output", "pylock.toml", "demo", world.publisher.pin)
    assert result.code == 0, result.stderr
    assert result.accepted() == [WHEEL]
    assert sha256(data) in (world.project / "pylock.toml").read_text()


def test_a_package_may_be_called_like_a_command(world: World) -> None:
    world.publisher.show(ALICE)
    for name in ("lock", "verify"):
        world.wheel(name, "1.0", ALICE)
    result = world.run("install", "lock", "verify", world.publisher.pin, "--format", "json", "--output", "report.json")
    world.installed_as(result, lock="1.0", verify="1.0")
    assert json.loads((world.project / "report.json").read_bytes())["counts"]["accepted"] == 2


def test_a_dry_run_verifies_and_installs_nothing(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    result = world.run("install", "--dry-run", "demo", world.publisher.pin)
    assert result.code == 0, result.stderr
    assert result.accepted() == [WHEEL]
    assert world.target.untouched()


def test_a_statement_is_asked_for_before_the_file_when_the_index_states_its_digest(world: World) -> None:
    world.publisher.show(BOB)
    world.wheel("demo", "1.0", ALICE)
    world.index.files[WHEEL].metadata = makers.metadata_of("demo", "1.0").encode()
    result = world.run("install", "--dry-run", "demo", world.publisher.pin)
    assert result.code == 11, result.stderr


def test_an_installed_package_is_replaced_by_a_signed_upgrade(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    world.installed_as(world.run("install", "demo", world.publisher.pin), demo="1.0")
    world.wheel("demo", "2.0", ALICE)
    world.installed_as(world.run("install", "--upgrade", "demo", world.publisher.pin), demo="2.0")


def test_what_was_installed_before_is_counted_and_not_looked_at(world: World) -> None:
    world.wheel("demo")
    assert world.plain_pip("install", "demo").code == 0
    result = world.run("install", "demo", f"--key={ALICE.text}")
    world.installed_as(result, demo="1.0")
    assert result.report["counts"]["not_looked_at"] == 1
    assert "1 already installed" in result.stderr


def test_the_active_environment_is_used_and_said(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    arguments = ("install", "demo", world.publisher.pin, "--extra-ca", world.publisher.ca_file)
    result = world.run_bare(*arguments, VIRTUAL_ENV=str(world.target.path))
    world.installed_as(result, demo="1.0")
    assert str(world.target.path) in result.stderr


def test_python_may_stand_before_the_command_and_name_an_interpreter(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    arguments = ("install", "demo", world.publisher.pin, "--extra-ca", world.publisher.ca_file)
    world.installed_as(world.run_bare("--python", world.target.python, *arguments), demo="1.0")


def test_two_environments_are_kept_apart(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    other = Environment(world.root / "other")
    assert world.run("install", "demo", world.publisher.pin, target=other).code == 0
    assert other.installed() == {"demo": "1.0"}
    assert world.target.untouched()


def test_requests_ca_bundle_is_honoured_for_key_lists(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    arguments = ("install", "--python", world.target.path, "demo", world.publisher.pin)
    assert world.run_bare(*arguments).code == 14
    bundle = str(world.publisher.ca_file)
    world.installed_as(world.run_bare(*arguments, REQUESTS_CA_BUNDLE=bundle), demo="1.0")


def test_a_statement_may_say_more_than_it_must(world: World) -> None:
    data = world.wheel("demo")
    world.publisher.show(ALICE)
    body = statement({WHEEL: sha256(data), SDIST: "0" * 64}, "pkg:pypi/demo@1.0")
    body["predicate"]["note"] = "built by hand"
    payload = to_json(body)
    world.publisher.state("demo", "1.0", jws(payload, [signature(ALICE, payload)]))
    world.installed_as(world.run("install", "demo", world.publisher.pin), demo="1.0")


def test_pips_own_failure_keeps_pips_exit_code(world: World) -> None:
    result = world.run("install", "absent", f"--key={ALICE.text}")
    assert result.code == 1
    assert "No matching distribution" in result.stderr


def test_the_exit_code_does_not_depend_on_the_format(world: World) -> None:
    world.wheel("demo")
    arguments = ("install", "--python", world.target.path, "demo")
    assert [world.run_as_it_is(*arguments, "--format", form).code for form in ("text", "json")] == [10, 10]
