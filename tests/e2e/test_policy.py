"""What the trust file allows, and what it does not: hashes, exemptions, version control, directories, bare URLs."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests import makers
from tests.e2e.world import ALICE, EVE, World
from tests.signer import sha256

WHEEL = "demo-1.0-py3-none-any.whl"
SDIST = "demo-1.0.tar.gz"


# Hashes in place of signatures.


def test_hash_pinned_lets_in_what_the_user_gave_a_hash_for(world: World) -> None:
    world.trust(policy=['unsigned = "hash-pinned"'])
    data = world.wheel("demo")
    world.write("requirements.txt", f"demo==1.0 --hash=sha256:{sha256(data)}")
    result = world.run("install", "-r", "requirements.txt")
    world.installed_as(result, demo="1.0")
    assert result.reasons(WHEEL) == ["PV003"]
    assert "by hash" in result.stderr  # a weaker check bears its weakness in its name


def test_hash_pinned_does_not_take_the_indexs_word_for_a_hash(world: World) -> None:
    world.trust(policy=['unsigned = "hash-pinned"'])
    world.wheel("demo")
    world.refused(world.run("install", "demo"), 10, "PV101", filename=WHEEL)
    address = f"{world.index.file_url(WHEEL)}#sha256={sha256(world.index.files[WHEEL].data)}"
    world.write("requirements.txt", "demo")
    world.refused(world.run("install", "-r", "requirements.txt", "--find-links", address), 10, "PV101", filename=WHEEL)


def test_hash_pinned_is_not_the_default(world: World) -> None:
    data = world.wheel("demo")
    world.write("requirements.txt", f"demo==1.0 --hash=sha256:{sha256(data)}")
    world.refused(world.run("install", "-r", "requirements.txt"), 10, "PV101", filename=WHEEL)


def test_hash_pinned_does_not_stand_in_for_a_publishers_signature(world: World) -> None:
    world.publisher.show(ALICE)
    world.trust("demo", policy=['unsigned = "hash-pinned"'])
    data = world.wheel("demo")
    world.write("requirements.txt", f"demo==1.0 --hash=sha256:{sha256(data)}")
    world.refused(world.run("install", "-r", "requirements.txt"), 10, "PV102", filename=WHEEL)


def test_hash_pinned_with_a_weak_hash(world: World) -> None:
    world.trust(policy=['unsigned = "hash-pinned"'])
    world.wheel("demo")
    world.write("requirements.txt", "demo==1.0 --hash=md5:d41d8cd98f00b204e9800998ecf8427e")
    world.refused(world.run("install", "-r", "requirements.txt"), 2)


def test_hash_pinned_build_dependencies_need_more_than_the_hash_of_the_sdist(world: World) -> None:
    world.trust(policy=['unsigned = "hash-pinned"'])
    sdist = world.sdist("demo", build_requires=["helper"], on_import="import helper")
    world.index.add("helper-1.0-py3-none-any.whl", world.evil_wheel("helper"))
    world.write("requirements.txt", f"demo==1.0 --hash=sha256:{sha256(sdist)}")
    result = world.run("install", "-r", "requirements.txt")
    world.refused(result, 10, "PV101", filename="helper-1.0-py3-none-any.whl")


# Exemptions.


def exempt(world: World, *lines: str) -> None:
    world.write("pip-verify.toml", "[[exempt]]", 'project = "demo"', 'reason = "unsigned upstream"', *lines)


def test_an_exempt_project_gets_in_and_is_shown(world: World) -> None:
    exempt(world)
    world.wheel("demo")
    result = world.run("install", "demo")
    world.installed_as(result, demo="1.0")
    assert result.reasons(WHEEL) == ["PV002"]
    assert "unsigned upstream" in result.stderr


def test_an_exemption_by_hash_holds_for_these_bytes_only(world: World) -> None:
    data = world.wheel("demo")
    exempt(world, f'hashes = ["sha256:{sha256(data)}"]')
    assert world.run("install", "--dry-run", "demo").code == 0
    world.index.add(WHEEL, world.evil_wheel("demo"))
    world.refused(world.run("install", "demo"), 12, "PV309", filename=WHEEL)


def test_an_exemption_ends(world: World) -> None:
    yesterday = datetime.now(timezone.utc).date() - timedelta(days=2)
    exempt(world, f"until = {yesterday.isoformat()}")
    world.wheel("demo")
    world.refused(world.run("install", "demo"), 10, "PV107", filename=WHEEL)


def test_an_exemption_does_not_extend_to_dependencies(world: World) -> None:
    exempt(world)
    world.wheel("demo", requires=["dependency"])
    world.index.add("dependency-1.0-py3-none-any.whl", world.evil_wheel("dependency"))
    world.refused(world.run("install", "demo"), 10, "PV101", filename="dependency-1.0-py3-none-any.whl")


def test_an_exemption_does_not_outweigh_a_pin_on_the_command_line(world: World) -> None:
    exempt(world)
    world.wheel("demo")
    world.refused(world.run("install", "demo", f"--key={ALICE.text}"), 10, "PV102", filename=WHEEL)


def test_a_pin_in_a_requirement_file_does_not_widen_an_exemption(world: World) -> None:
    """Whoever can change the requirement file names its own key; the trust file named the bytes."""
    good = sha256(world.wheel("demo"))
    exemption = ("[[exempt]]", 'project = "demo"', 'reason = "no keys"', f'hashes = ["sha256:{good}"]')
    world.write("pip-verify.toml", *exemption)
    world.publisher.show(EVE)
    evil = world.evil_wheel("demo")
    world.index.add(WHEEL, evil)
    world.publisher.release("demo", "1.0", {WHEEL: evil}, EVE)
    world.write("requirements.txt", f"demo==1.0 {world.publisher.pin}")
    world.refused(world.run("install", "-r", "requirements.txt"), 12, "PV309", filename=WHEEL)
    world.write("requirements.txt", "demo==1.0 --signed-by=team")
    world.trust("demo")
    world.installed_as(world.run("install", "-r", "requirements.txt"), demo="1.0")


# Sources without bytes that anybody could have signed.


@pytest.fixture
def repository(world: World) -> tuple[str, str]:
    """A git repository of demo 1.0: its URL and its one commit."""
    path = world.unpack(makers.make_sdist("demo", "1.0", on_import=world.mark("demo")), "repository")
    git(path, world, "init", "--quiet")
    git(path, world, "add", ".")
    git(path, world, "commit", "--quiet", "--message", "demo 1.0")
    return f"git+{path.as_uri()}", git(path, world, "rev-parse", "HEAD")


def git(path: Path, world: World, *arguments: str) -> str:
    """What git says in the directory ``path``."""
    who = ("-c", "user.name=Tests", "-c", "user.email=tests@keys.example", "-c", "commit.gpgsign=false")
    command = ["git", *who, "-c", "init.defaultBranch=main", *arguments]
    done = subprocess.run(command, cwd=path, env=world.environ(), check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_version_control_is_denied(world: World, repository: tuple[str, str]) -> None:
    url, commit = repository
    for requirement in (f"demo @ {url}@{commit}", f"demo @ {url}"):
        result = world.run("install", requirement)
        world.refused(result, 10)
        assert "PV104" in result.stderr


def test_version_control_at_a_full_commit_is_allowed_where_policy_says_so(
    world: World, repository: tuple[str, str]
) -> None:
    url, commit = repository
    world.trust(policy=['vcs = "commit"'])
    for reference in ("", "@main", f"@{commit[:12]}"):
        world.refused(world.run("install", f"demo @ {url}{reference}"), 10)
    world.installed_as(world.run("install", f"demo @ {url}@{commit}"), demo="1.0")
    assert world.executed == ["demo"]


def test_a_branch_that_is_named_as_the_commit_id(world: World, repository: tuple[str, str]) -> None:
    """git looks for branches first: the server chooses what lies under the id."""
    url, commit = repository
    world.trust(policy=['vcs = "commit"'])
    path = world.project / "repository"
    git(path, world, "checkout", "--quiet", "-b", "other")
    world.save("repository/added.py", b"")
    git(path, world, "add", ".")
    git(path, world, "commit", "--quiet", "--message", "another demo 1.0")
    git(path, world, "branch", commit)
    for editable in ((), ("-e",)):
        result = world.run("install", *editable, f"demo @ {url}@{commit}", "--no-build-isolation")
        assert (result.code, world.executed, world.target.installed()) == (10, [], {}), result.stderr
        assert "PV104" in result.stderr
        assert git(path, world, "rev-parse", "other") in result.stderr


def test_a_checkout_that_is_there_already(world: World, repository: tuple[str, str]) -> None:
    """pip keeps a directory whose HEAD is right, whatever else was changed in it."""
    url, commit = repository
    world.trust(policy=['vcs = "commit"'])
    git(world.project, world, "clone", "--quiet", url.removeprefix("git+"), "src/demo")
    world.save("src/demo/in_tree_backend.py", world.mark("planted").encode())
    arguments = ("install", "--src", "src", "--no-build-isolation", "-e", f"demo @ {url}@{commit}")
    result = world.run(*arguments)
    world.refused(result, 10)
    assert "PV104" in result.stderr
    assert "src/demo" in result.stderr
    (world.project / "src" / "demo").rename(world.project / "moved")
    world.run(*arguments)
    assert (world.project / "src" / "demo" / ".git").is_dir()
    assert world.executed == ["demo"]  # a fresh checkout's own backend; it has no build_editable


def test_a_repository_that_no_hash_binds(world: World) -> None:
    world.trust(policy=['vcs = "commit"'])
    for scheme in ("svn+https", "hg+https", "bzr+https"):
        result = world.run("install", f"demo @ {scheme}://localhost:9/demo@{'a' * 40}")
        world.refused(result, 10)
        assert "PV104" in result.stderr


def test_an_editable_repository_is_denied_too(world: World, repository: tuple[str, str]) -> None:
    url, commit = repository
    world.refused(world.run("install", "-e", f"{url}@{commit}#egg=demo"), 10)


def test_a_directory_of_the_users_is_built_and_its_dependencies_are_checked(world: World) -> None:
    world.unpack(makers.make_sdist("own", "1.0"), "own")
    result = world.run("install", "./own")
    world.installed_as(result, own="1.0")
    assert "PV005" in str(result.report)
    world.unpack(makers.make_sdist("more", "1.0", requires=["demo"]), "more")
    world.index.add(WHEEL, world.evil_wheel("demo"))
    result = world.run("install", "./more")
    assert result.code == 10, result.stderr
    assert world.target.installed() == {"own": "1.0"}


def test_a_directorys_build_dependencies_are_checked(world: World) -> None:
    world.unpack(makers.make_sdist("own", "1.0", build_requires=["helper"], on_import="import helper"), "own")
    world.index.add("helper-1.0-py3-none-any.whl", world.evil_wheel("helper"))
    result = world.run("install", "./own")
    world.refused(result, 10, "PV101", filename="helper-1.0-py3-none-any.whl")


@pytest.mark.parametrize("editable", [(), ("-e",)], ids=["plain", "editable"])
def test_a_directory_is_refused_where_policy_says_so(world: World, editable: tuple[str, ...]) -> None:
    world.trust(policy=['local = "deny"'])
    world.unpack(makers.make_sdist("own", "1.0", on_import=world.mark("own")), "own")
    result = world.run("install", *editable, "./own")
    world.refused(result, 10)
    assert "PV105" in result.stderr


def test_a_directory_that_a_package_names_is_refused(world: World) -> None:
    world.publisher.show(ALICE)
    own = world.unpack(makers.make_sdist("own", "1.0", on_import=world.mark("own")), "own")
    world.wheel("demo", "1.0", ALICE, requires=[f"own @ {own.as_uri()}"])
    result = world.run("install", "demo", world.publisher.pin)
    world.refused(result, 10)
    assert "PV105" in result.stderr


def test_an_editable_directory_of_the_users_is_installed(world: World) -> None:
    path = world.unpack(makers.make_sdist("own", "1.0"), "own")
    backend = path / "in_tree_backend.py"
    backend.write_text(backend.read_text() + "\n\nbuild_editable = build_wheel\n")
    world.installed_as(world.run("install", "-e", "./own"), own="1.0")


def test_a_url_without_a_name_is_refused_unless_the_file_name_states_it(world: World) -> None:
    world.publisher.show(ALICE)
    world.sdist("demo", "1.0", ALICE)
    world.refused(world.run("install", world.index.file_url(SDIST), world.publisher.pin), 10, "PV106", filename=SDIST)
    world.wheel("demo", "1.0", ALICE)
    world.installed_as(world.run("install", world.index.file_url(WHEEL), world.publisher.pin), demo="1.0")


def test_an_unnamed_url_of_an_unsigned_sdist_does_not_run(world: World) -> None:
    world.trust("demo")
    world.publisher.show(ALICE)
    world.sdist("demo")
    world.refused(world.run("install", world.index.file_url(SDIST)), 10, "PV106", filename=SDIST)


# The trust file itself.


def test_a_misspelt_setting_is_an_error_with_its_path(world: World) -> None:
    world.write("pip-verify.toml", "[publishers.team]", f'keys = ["{ALICE.text}"]', 'project = ["demo"]')
    result = world.run("install", "demo")
    world.refused(result, 2)
    assert "publishers.team" in result.stderr


def test_two_publishers_that_claim_a_project_equally(world: World) -> None:
    world.wheel("demo", "1.0", ALICE)
    key = f'keys = ["{ALICE.text}"]'
    lines = ["[publishers.a]", key, 'projects = ["dem*"]', "[publishers.b]", key, 'projects = ["d*mo"]']
    world.write("pip-verify.toml", *lines)
    world.refused(world.run("install", "demo"), 2)


def test_the_most_specific_entry_speaks(world: World) -> None:
    world.publisher.show(ALICE)
    data = world.wheel("demo", "1.0", ALICE)
    other = 'keys = ["ed25519:tmAYCrSfj8gtJ10v3VkvW7jOndKmQIYE12hgnFu3cvk"]'
    exact = [f'key-list = "{world.publisher.list_url}"', 'projects = ["demo"]']
    world.write("pip-verify.toml", "[publishers.a]", other, 'projects = ["d*", "*"]', "[publishers.b]", *exact)
    world.installed_as(world.run("install", "demo"), demo="1.0")
    assert data


def test_pyproject_toml_is_a_trust_file_too(world: World) -> None:
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    table = ["[tool.pip-verify.publishers.team]", f'key-list = "{world.publisher.list_url}"', 'projects = ["demo"]']
    world.write("pyproject.toml", *table)
    world.installed_as(world.run("install", "demo"), demo="1.0")


def test_a_trust_file_that_everybody_can_change_is_refused(world: World) -> None:
    world.wheel("demo", "1.0", ALICE)
    world.trust("demo").chmod(0o666)
    world.refused(world.run("install", "demo"), 2)


def test_a_trust_file_above_the_repository_is_not_looked_at(world: World) -> None:
    world.wheel("demo", "1.0", ALICE)
    Path(world.root, "pip-verify.toml").write_text('[[exempt]]\nproject = "demo"\nreason = "planted"\n')
    (world.project / ".git").mkdir()
    world.refused(world.run("install", "demo"), 10, "PV101", filename=WHEEL)


def test_a_misspelt_variable_is_an_error(world: World) -> None:
    world.refused(world.run("install", "demo", PIP_VERIFY_TRUSTFILE="x"), 2)
