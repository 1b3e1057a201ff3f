"""The same attacks by every way a file can come to pip: none of them leads round the check.

Each route is told of a file of demo 1.0 that lies ready, and returns the arguments that make pip take it. What it
pins, it pins by the trust file, as the good case shows by the same arguments.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import makers
from tests.e2e.world import ALICE, World, need_lock_files
from tests.signer import sha256

Route = Callable[[World, str, bytes], list[str]]

FILES = {"wheel": "demo-1.0-py3-none-any.whl", "sdist": "demo-1.0.tar.gz"}


def by_index(world: World, filename: str, data: bytes) -> list[str]:
    world.index.add(filename, data)
    return ["demo"]


def by_index_without_hashes(world: World, filename: str, data: bytes) -> list[str]:
    world.index.add(filename, data, stated="none")
    return ["demo"]


def by_extra_index(world: World, filename: str, data: bytes) -> list[str]:
    world.index.add(filename, data)
    return ["--extra-index-url", world.index.url, "demo"]


def by_find_links_directory(world: World, filename: str, data: bytes) -> list[str]:
    world.save(f"links/{filename}", data)
    return ["--no-index", "--find-links", "links", "demo"]


def by_find_links_page(world: World, filename: str, data: bytes) -> list[str]:
    world.index.add(filename, data)
    return ["--no-index", "--find-links", f"{world.index.url}demo/", "demo"]


def by_url(world: World, filename: str, data: bytes) -> list[str]:
    return [f"demo @ {world.index.add(filename, data)}"]


def by_url_with_hash(world: World, filename: str, data: bytes) -> list[str]:
    return [f"demo @ {world.index.add(filename, data)}#sha256={sha256(data)}"]


def by_https_url(world: World, filename: str, data: bytes) -> list[str]:
    world.publisher.serve(f"/files/{filename}", data)
    return ["--cert", str(world.publisher.ca_file), f"demo @ {world.publisher.site.url}/files/{filename}"]


def by_file_url(world: World, filename: str, data: bytes) -> list[str]:
    return [f"demo @ {world.save(filename, data).as_uri()}"]


def by_path(world: World, filename: str, data: bytes) -> list[str]:
    return [f"./{world.save(filename, data).name}"]


def by_requirement_file(world: World, filename: str, data: bytes) -> list[str]:
    world.index.add(filename, data)
    return ["-r", str(world.write("requirements.txt", f"demo==1.0 --hash=sha256:{sha256(data)}"))]


def by_nested_requirement_file(world: World, filename: str, data: bytes) -> list[str]:
    world.index.add(filename, data)
    world.save("inner/requirements.txt", b"demo\n")
    return ["-r", str(world.write("requirements.txt", "-r inner/requirements.txt"))]


def by_requirement_file_at_a_url(world: World, filename: str, data: bytes) -> list[str]:
    world.index.add(filename, data)
    return ["-r", world.index.add("requirements.txt", b"demo\n", headers={"Content-Type": "text/plain"})]


def by_index_line(world: World, filename: str, data: bytes) -> list[str]:
    world.index.add(filename, data)
    file = world.write("requirements.txt", f"--index-url {world.index.url}", "demo")
    return ["--index-url", "http://127.0.0.1:9/simple/", "-r", str(file)]


def by_find_links_line(world: World, filename: str, data: bytes) -> list[str]:
    world.save(f"links/{filename}", data)
    return ["-r", str(world.write("requirements.txt", "--no-index", "--find-links links", "demo"))]


def by_constraint_file(world: World, filename: str, data: bytes) -> list[str]:
    world.write("constraints.txt", f"demo @ {world.index.add(filename, data)}")
    return ["-c", "constraints.txt", "demo"]


def by_lock_file(world: World, filename: str, data: bytes) -> list[str]:
    world.index.add(filename, data)
    return ["-r", str(world.lock(filename, data))]


def by_dependency_group(world: World, filename: str, data: bytes) -> list[str]:
    world.index.add(filename, data)
    world.write("pyproject.toml", "[dependency-groups]", 'own = ["demo"]')
    return ["--group", "own"]


def by_dependency(world: World, filename: str, data: bytes) -> list[str]:
    world.wheel("app", "1.0", ALICE, requires=[f"demo @ {world.index.add(filename, data)}"])
    return ["app"]


def by_directory(world: World, filename: str, data: bytes) -> list[str]:
    """Nothing editable, but a directory of the user's whose dependency is the file."""
    world.index.add(filename, data)
    own = makers.make_sdist("own", "1.0", requires=["demo"])
    world.unpack(own, "own")
    return ["./own"]


ROUTES: dict[str, Route] = {
    name.removeprefix("by_"): route for name, route in sorted(globals().items()) if name.startswith("by_")
}


@pytest.fixture(params=list(ROUTES.values()), ids=list(ROUTES))
def route(request: pytest.FixtureRequest, world: World) -> Route:
    world.publisher.show(ALICE)
    world.trust("demo", "app")
    chosen: Route = request.param
    return chosen


def test_a_signed_wheel_gets_in(world: World, route: Route) -> None:
    data = makers.make_wheel("demo", "1.0")
    world.publisher.release("demo", "1.0", {FILES["wheel"]: data}, ALICE)
    result = world.run("install", *route(world, FILES["wheel"], data))
    assert result.code == 0, result.stderr
    assert world.target.installed()["demo"] == "1.0"
    assert FILES["wheel"] in result.accepted()


def test_a_tampered_wheel_stays_out(world: World, route: Route) -> None:
    good = makers.make_wheel("demo", "1.0")
    world.publisher.release("demo", "1.0", {FILES["wheel"]: good}, ALICE)
    arguments = route(world, FILES["wheel"], world.evil_wheel("demo"))
    world.refused(world.run("install", *arguments), 12, "PV302", filename=FILES["wheel"])


def test_an_unsigned_sdist_does_not_run(world: World, route: Route) -> None:
    data = makers.make_sdist("demo", "1.0", on_import=world.mark("demo"))
    arguments = route(world, FILES["sdist"], data)
    world.refused(world.run("install", *arguments), 10, "PV102", filename=FILES["sdist"])


def test_what_pips_environment_adds_is_checked_too(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    world.save(f"links/{FILES['wheel']}", world.evil_wheel("demo"))
    result = world.run("install", "demo", PIP_FIND_LINKS="links", PIP_NO_INDEX="1")
    world.refused(result, 10, "PV102", filename=FILES["wheel"])
    world.write("requirements.txt", "demo")
    result = world.run("install", PIP_FIND_LINKS="links", PIP_NO_INDEX="1", PIP_REQUIREMENT="requirements.txt")
    world.refused(result, 10, "PV102", filename=FILES["wheel"])


def test_what_pips_configuration_adds_is_checked_too(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    world.save(f"links/{FILES['wheel']}", world.evil_wheel("demo"))
    config = world.write("pip.conf", "[global]", "no-index = true", f"find-links = {world.project / 'links'}")
    result = world.run("install", "demo", PIP_CONFIG_FILE=str(config))
    world.refused(result, 10, "PV102", filename=FILES["wheel"])


def test_pip_python_does_not_lead_out_of_the_check(world: World) -> None:
    """pip would start itself again in the interpreter that PIP_PYTHON names."""
    world.publisher.show(ALICE)
    world.trust("demo")
    world.index.add(FILES["wheel"], world.evil_wheel("demo"))
    arguments = ("install", "demo", "--extra-ca", world.publisher.ca_file)
    result = world.run_bare(*arguments, PIP_PYTHON=str(world.target.python))
    world.refused(result, 10, "PV102", filename=FILES["wheel"])
    world.wheel("demo", "1.0", ALICE)
    world.installed_as(world.run_bare(*arguments, PIP_PYTHON=str(world.target.python)), demo="1.0")


def test_a_file_that_lies_in_the_download_directory_is_checked_too(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    world.wheel("demo", "1.0", ALICE, stated="none")
    world.save(f"dest/{FILES['wheel']}", world.evil_wheel("demo"))
    world.refused(world.run("download", "-d", "dest", "demo"), 12, "PV302", filename=FILES["wheel"])


def test_fast_deps_is_refused(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    world.wheel("demo", "1.0", ALICE)
    result = world.run("install", "--use-feature=fast-deps", "demo")
    world.refused(result, 2)
    assert "fast-deps" in result.stderr


def test_a_subdirectory_outside_of_the_signed_source(world: World) -> None:
    """pip joins it to where it unpacked the sdist, and builds whatever lies there under the sdist's receipt."""
    world.publisher.show(ALICE)
    world.trust("demo", policy=['local = "deny"'])
    world.sdist("demo", "1.0", ALICE)
    planted = world.unpack(makers.make_sdist("demo", "1.0", on_import=world.mark("planted")), "planted")
    world.write("requirements.txt", f"demo @ {world.index.file_url(FILES['sdist'])}#subdirectory={planted}")
    result = world.run("install", "--no-build-isolation", "-r", "requirements.txt")
    world.refused(result, 12)
    assert "a subdirectory inside the source" in result.stderr


def test_a_link_in_a_directory_leads_out_of_what_the_user_named(world: World) -> None:
    own = world.unpack(makers.make_sdist("own", "1.0"), "own")
    planted = world.unpack(makers.make_sdist("own", "1.0", on_import=world.mark("planted")), "planted")
    (own / "sub").symlink_to(planted)
    world.refused(world.run("install", f"own @ {own.as_uri()}#subdirectory=sub"), 12)


@pytest.mark.parametrize(
    "arguments", [("install", "--log", "--help"), ("install", "--target", "-h"), ("download", "-d", "-h")]
)
def test_a_value_that_looks_like_asking_for_help(world: World, arguments: tuple[str, ...]) -> None:
    """A script says --target "$DIR": what comes of it must not reach a pip that nobody holds."""
    world.index.add(FILES["wheel"], world.evil_wheel("demo"))
    world.refused(world.run(*arguments, "demo"), 10, "PV101", filename=FILES["wheel"])
    assert not [path for path in world.project.rglob("*") if path.suffix in (".whl", ".pth")]


def test_asking_for_help_runs_nothing_of_the_directory_we_are_in(world: World) -> None:
    world.write("pip.py", world.mark("pip.py"))
    program = Path(sys.executable).with_name("pip-verify")  # "python -m" has that directory on its path anyway
    command = [str(program), "install", "--help", "demo"]
    done = subprocess.run(command, cwd=world.project, env=world.environ(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--require-hashes" in done.stdout
    assert "--key-list" in done.stdout
    assert world.executed == []


@pytest.mark.parametrize("option", ["--target=lib", "--prefix=lib", "--root=lib"])
def test_installing_elsewhere_is_checked_too(world: World, option: str) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    world.index.add(FILES["wheel"], world.evil_wheel("demo"))
    world.refused(world.run("install", option, "demo"), 10, "PV102", filename=FILES["wheel"])
    assert not [path for path in (world.project / "lib").rglob("*") if path.is_file()]


def test_an_index_that_links_to_a_file_on_this_machine(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    path = world.save(f"elsewhere/{FILES['wheel']}", world.evil_wheel("demo"))
    page = f'<a href="{path.as_uri()}">{FILES["wheel"]}</a>'.encode()
    address = world.index.add("page.html", page, headers={"Content-Type": "text/html"})
    result = world.run("install", "--no-index", "--find-links", address, "demo")
    world.refused(result, result.code)
    assert result.code in {1, 10}, result.stderr


def test_an_abbreviated_option_of_pips_is_still_pips(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo")
    world.index.add(FILES["wheel"], world.evil_wheel("demo"))
    arguments = ("--pyth", world.target.path, "install", "demo", "--extra-ca", world.publisher.ca_file)
    result = world.run_bare(*arguments)
    world.refused(result, result.code)
    assert result.code in {2, 10}, result.stderr


def test_a_pin_on_the_command_line_does_not_speak_for_requirement_files(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    world.wheel("other", "1.0", ALICE)
    file = world.write("requirements.txt", "other")
    result = world.run("install", "demo", world.publisher.pin, "-r", file)
    world.refused(result, 10, "PV101", filename="other-1.0-py3-none-any.whl")


LOCKED = {
    "wheel-by-path": '[[packages.wheels]]\nname = "{name}"\npath = "links/{name}"\nhashes = {{ sha256 = "{digest}" }}',
    "archive-by-url": '[packages.archive]\nurl = "{url}"\nhashes = {{ sha256 = "{digest}" }}',
    "archive-by-path": '[packages.archive]\npath = "links/{name}"\nhashes = {{ sha256 = "{digest}" }}',
}


@pytest.mark.parametrize("entry", LOCKED.values(), ids=LOCKED)
def test_a_lock_file_names_a_tampered_wheel_in_another_way(world: World, entry: str) -> None:
    need_lock_files()
    world.publisher.show(ALICE)
    world.trust("demo")
    name, evil = FILES["wheel"], world.evil_wheel("demo")
    world.save(f"links/{name}", evil)
    world.publisher.release("demo", "1.0", {name: makers.make_wheel("demo", "1.0")}, ALICE)
    entry = entry.format(name=name, url=world.index.add(name, evil), digest=sha256(evil))
    version = 'version = "1.0"\n' if "wheels" in entry else ""
    head = 'lock-version = "1.0"\ncreated-by = "tests"\n[[packages]]\nname = "demo"\n'
    world.write("pylock.toml", head + version + entry)
    world.refused(world.run("install", "-r", "pylock.toml"), 12, "PV302", filename=name)


def test_a_lock_file_names_a_directory_that_policy_denies(world: World) -> None:
    need_lock_files()
    world.trust(policy=['local = "deny"'])
    world.unpack(makers.make_sdist("own", "1.0", on_import=world.mark("own")), "own")
    head = 'lock-version = "1.0"\ncreated-by = "tests"\n[[packages]]\nname = "own"\n'
    world.write("pylock.toml", head + '[packages.directory]\npath = "own"')
    world.refused(world.run("install", "-r", "pylock.toml"), 10)


def test_a_build_constraint_does_not_bring_in_what_nobody_signed(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo", "helper")
    world.sdist("demo", "1.0", ALICE, build_requires=["helper"], on_import="import helper")
    world.wheel("helper", "1.0", ALICE)
    evil = world.index.add("helper-2.0-py3-none-any.whl", world.evil_wheel("helper", "2.0"))
    world.write("build.txt", f"helper @ {evil}")
    result = world.run("install", "--build-constraint", "build.txt", "demo")
    world.refused(result, 10, "PV102", filename="helper-2.0-py3-none-any.whl")
