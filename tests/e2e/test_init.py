"""``pip-verify init``: a trust file for what is locked or installed, found out without executing anything."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import pip_verify
from pip_verify.artifact.name import parse_filename
from tests.e2e.world import ALICE, BOB, DEADLINE, EVE, Environment, Publisher, Result, World
from tests.https_world import Answer
from tests.makers import make_wheel, metadata_of, sdist_filename, wheel_filename
from tests.signer import sha256, sign_release

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

WHEEL = wheel_filename("demo", "1.0")


def init(world: World, *arguments: str | Path, ca: bool = True, **environ: str) -> Result:
    """Run it; the trust file is that of the project directory."""
    extra = ("--extra-ca", world.publisher.ca_file) if ca else ()
    return world.run_as_it_is("init", *extra, *arguments, **environ)


def text_of(world: World, name: str = "pip-verify.toml") -> str:
    return (world.project / name).read_text()


def trust_of(world: World, name: str = "pip-verify.toml") -> Mapping[str, Any]:
    return dict(tomllib.loads(text_of(world, name)))


def exempt(world: World) -> dict[str, list[str]]:
    """Hashes by project."""
    return {table["project"]: table["hashes"] for table in trust_of(world).get("exempt", ())}


def names_list(world: World) -> str:
    return f"Project-URL: Signing-Keys, {world.publisher.list_url}\n"


def requirements(world: World, *releases: str, name: str = "requirements.txt") -> Path:
    """A requirement file with the hashes of everything on the index: ``demo==1.0``."""
    lines = []
    for release in releases:
        project, _, version = release.partition("==")
        hashes = [
            f"--hash=sha256:{sha256(file.data)}"
            for filename, file in world.index.files.items()
            if (named := parse_filename(filename)).project == project and named.version == version
        ]
        lines.append(" \\\n    ".join([release, *hashes]))
    return world.write(name, *lines)


def green(world: World, *arguments: str | Path) -> None:
    """The gate accepts what was written."""
    result = world.run_bare("check", "--extra-ca", world.publisher.ca_file, *arguments)
    assert result.code == 0, result.stderr


@pytest.fixture
def team(world: World) -> World:
    """A publisher's two projects, and one of nobody."""
    world.publisher.show(ALICE)
    for project in ("demo", "zebra"):
        data = world.wheel(project, "1.0", ALICE, metadata_extra=names_list(world))
        world.index.files[wheel_filename(project, "1.0")].metadata = metadata_of(
            project, "1.0", extra=names_list(world)
        ).encode()
        assert data
    world.wheel("nobody")
    world.sdist("nobody")
    return world


# What is written.


def test_publishers_are_pinned_the_rest_is_exempt_and_the_gate_is_green(team: World) -> None:
    lock = requirements(team, "zebra==1.0", "nobody==1.0", "demo==1.0")
    result = init(team, "-r", "requirements.txt")
    assert (result.code, result.stdout) == (0, ""), result.stderr
    (publisher,) = trust_of(team)["publishers"].values()
    assert publisher == {"key-list": team.publisher.list_url, "projects": ["demo", "zebra"]}
    assert list(exempt(team)) == ["nobody"]
    digests = [sha256(team.index.files[name].data) for name in (wheel_filename("nobody", "1.0"), "nobody-1.0.tar.gz")]
    assert exempt(team)["nobody"] == sorted(f"sha256:{digest}" for digest in digests)
    assert "3 projects: 2 signed by 1 publisher, 1 exempt" in result.stderr
    assert f"next: pip-verify check -r requirements.txt --extra-ca {team.publisher.ca_file}" in result.stderr
    green(team, "-r", lock)
    assert team.executed == []


def test_no_version_is_pinned(team: World) -> None:
    requirements(team, "demo==1.0", "nobody==1.0")
    init(team, "-r", "requirements.txt")
    assert '"1.0"' not in text_of(team)
    assert "==" not in text_of(team)


def test_a_release_that_is_signed_in_part_is_green_too(team: World) -> None:
    team.sdist("demo")  # on the index, but not in the statement
    requirements(team, "demo==1.0")
    result = init(team, "-r", "requirements.txt")
    assert result.code == 0, result.stderr
    assert "1 project: 1 signed by 1 publisher (1 in part; their other files are exempt), 0 exempt" in result.stderr
    assert list(exempt(team)) == ["demo"]
    assert len(exempt(team)["demo"]) == 1
    green(team, "-r", "requirements.txt")


def test_a_rerun_changes_nothing(team: World) -> None:
    requirements(team, "demo==1.0", "nobody==1.0")
    init(team, "-r", "requirements.txt")
    before = text_of(team)
    result = init(team, "-r", "requirements.txt", "--trust-file", "pip-verify.toml")
    assert (result.code, result.stdout, text_of(team)) == (0, "", before)
    assert "nothing to change in pip-verify.toml\n" in result.stderr
    assert "wrote" not in result.stderr


def test_comments_order_and_what_a_person_wrote_stay(team: World) -> None:
    team.wheel("handmade")
    own = [
        "# ours",
        "[[exempt]]",
        'project = "handmade"   # by Ann',
        'reason = "ours"',
        "",
        "[publishers.zoo]",
        f'key-list = "{team.publisher.list_url}"',
        'projects = ["zebra"]  # striped',
    ]
    team.write("pip-verify.toml", *own)
    requirements(team, "demo==1.0", "zebra==1.0", "nobody==1.0", "handmade==1.0")
    result = init(team, "-r", "requirements.txt")
    assert result.code == 0, result.stderr
    text = text_of(team)
    assert [line for line in own[:-1] if line not in text] == []
    assert trust_of(team)["publishers"]["zoo"]["projects"] == ["zebra", "demo"]  # what is new comes last
    assert "# striped" in text
    assert "2 decided by you before" in result.stderr
    assert team.index.asked_for(wheel_filename("handmade", "1.0")) == 0


def test_a_project_that_signs_now_moves_from_exempt_to_its_publisher(team: World) -> None:
    requirements(team, "nobody==1.0")
    init(team, "-r", "requirements.txt")
    team.wheel("nobody", "2.0", ALICE, metadata_extra=names_list(team))
    requirements(team, "nobody==2.0")
    result = init(team, "-r", "requirements.txt")
    assert result.code == 0
    assert exempt(team) == {}
    (publisher,) = trust_of(team)["publishers"].values()
    assert publisher["projects"] == ["nobody"]
    assert "-[[exempt]]" in result.stdout
    green(team, "-r", "requirements.txt")


def test_new_hashes_join_only_when_the_locked_version_changed(team: World) -> None:
    requirements(team, "nobody==1.0")
    init(team, "-r", "requirements.txt")
    before = exempt(team)["nobody"]
    team.index.add("nobody-1.0-py2-none-any.whl", make_wheel("nobody", "1.0", tag="py2-none-any"))
    requirements(team, "nobody==1.0")
    result = init(team, "-r", "requirements.txt")
    assert exempt(team)["nobody"] == before
    assert "files came to a release that is exempt already" in result.stderr
    data = team.wheel("nobody", "1.1")
    requirements(team, "nobody==1.1")
    init(team, "-r", "requirements.txt")
    assert exempt(team)["nobody"] == sorted([*before, f"sha256:{sha256(data)}"])


def test_a_release_that_its_publisher_has_not_signed_is_said_to_be_refused(team: World) -> None:
    """The command that proves what was written will be red, and that must be no surprise."""
    team.wheel("half", "1.0", ALICE, metadata_extra=names_list(team))
    team.sdist("half", "1.0")
    requirements(team, "half==1.0")
    assert "any run will refuse" not in init(team, "-r", "requirements.txt").stderr
    green(team, "-r", "requirements.txt")
    before = text_of(team)
    team.wheel("half", "2.0", metadata_extra=names_list(team))
    requirements(team, "half==2.0")
    result = init(team, "-r", "requirements.txt")
    assert (result.code, text_of(team)) == (0, before)
    assert "pip-verify unpin half\n" in result.stderr
    assert "any run will refuse half 2.0: see the warnings\n" in result.stderr
    gate = team.run_bare("check", "--extra-ca", team.publisher.ca_file, "-r", "requirements.txt")
    assert gate.code == 10


def test_the_same_input_gives_the_same_bytes_whatever_is_cached(team: World) -> None:
    requirements(team, "demo==1.0", "zebra==1.0", "nobody==1.0", name="one.txt")
    requirements(team, "nobody==1.0", "zebra==1.0", "demo==1.0", name="two.txt")
    init(team, "-r", "one.txt", "-o", "one.toml")
    green(team, "-r", "one.txt", "--trust-file", "one.toml")  # fills our caches
    team.plain_pip("download", "--no-deps", "demo==1.0", "zebra==1.0")  # and pip's
    init(team, "-r", "two.txt", "-o", "two.toml")
    assert text_of(team, "one.toml") == text_of(team, "two.toml")


def test_a_statement_that_was_withdrawn_counts_for_nothing_though_it_is_cached(team: World) -> None:
    requirements(team, "demo==1.0")
    init(team, "-r", "requirements.txt", "-o", "before.toml")
    green(team, "-r", "requirements.txt", "--trust-file", "before.toml")
    team.publisher.site.answer("/releases/demo/1.0.jws", Answer(status=404, body=b""))
    assert init(team, "-r", "requirements.txt").code == 0
    assert list(exempt(team)) == ["demo"]


def test_a_dry_run_prints_the_change_and_writes_nothing(team: World) -> None:
    requirements(team, "demo==1.0")
    result = init(team, "-r", "requirements.txt", "--dry-run", "--until", "2099-01-31")
    assert result.code == 0
    assert f'+key-list = "{team.publisher.list_url}"' in result.stdout
    assert not (team.project / "pip-verify.toml").exists()
    assert "would write pip-verify.toml" in result.stderr
    assert f"next: pip-verify init --extra-ca {team.publisher.ca_file} -r requirements.txt" in result.stderr


def test_exemptions_end_on_the_day_that_was_stated(team: World) -> None:
    requirements(team, "nobody==1.0")
    init(team, "-r", "requirements.txt", "--until", "2099-01-31")
    assert "until = 2099-01-31\n" in text_of(team)


@pytest.mark.parametrize("until", ["2020-01-01", "soon", "2099-02-30", ""])
def test_an_end_that_is_none_or_over_is_a_usage_error(team: World, until: str) -> None:
    requirements(team, "nobody==1.0")
    assert init(team, "-r", "requirements.txt", f"--until={until}").code == 2
    assert not (team.project / "pip-verify.toml").exists()


def test_statements_laid_down_here_are_used(team: World) -> None:
    body = team.publisher.release("demo", "1.0", {WHEEL: team.index.files[WHEEL].data}, ALICE)
    team.publisher.site.answer("/releases/demo/1.0.jws", Answer(status=404, body=b""))
    team.save("statements/demo/1.0.jws", body)
    requirements(team, "demo==1.0")
    result = init(team, "-r", "requirements.txt", "--statements", "statements")
    assert result.code == 0
    assert exempt(team) == {}
    assert "--statements statements" in result.stderr
    green(team, "-r", "requirements.txt", "--statements", "statements")


def test_several_publishers_get_a_table_each(team: World) -> None:
    second = Publisher(team.publisher.site)
    second.list_url = f"{team.publisher.site.url}/second/keys.json"
    second.show(BOB, path="/second/keys.json", releases="/second/{project}-{version}.jws")
    data = team.wheel("other", metadata_extra=f"Project-URL: Key-List, {second.list_url}\n")
    statement = sign_release([BOB], {wheel_filename("other", "1.0"): sha256(data)}, "other", "1.0")
    team.publisher.serve("/second/other-1.0.jws", statement)
    requirements(team, "demo==1.0", "other==1.0")
    result = init(team, "-r", "requirements.txt")
    assert "2 signed by 2 publishers" in result.stderr
    assert len(trust_of(team)["publishers"]) == 2
    green(team, "-r", "requirements.txt")


# The environment.


def test_without_a_lock_what_is_installed_counts(team: World) -> None:
    team.plain_pip("install", "--no-deps", "demo==1.0", "nobody==1.0")
    marks = team.executed
    site = next(team.target.path.glob("lib/python*/site-packages"))
    (site / "evil.pth").write_text(f"import os; {team.mark('pth')}\n")
    result = init(team, "--python", team.target.path)
    assert result.code == 0, result.stderr
    assert list(exempt(team)) == ["nobody"]
    assert len(exempt(team)["nobody"]) == 2  # every file of that version on the index
    assert team.executed == marks
    assert f"reading what is installed for {team.target.python}" in result.stderr


def test_the_next_command_for_an_environment_proves_all_of_it_and_overwrites_nothing(team: World) -> None:
    team.plain_pip("install", "--no-deps", "demo==1.0", "nobody==1.0")
    old = team.write("requirements.txt", "# mine")
    taken = team.write("requirements-installed.txt", "# mine, too")
    result = init(team, "--python", team.target.path, "-o", "trust.toml", "--index-url", team.index.url)
    (command,) = [line for line in result.stderr.splitlines() if "next: " in line]
    command = command.partition("next: ")[2].replace("pip-verify ", f"{sys.executable} -m pip_verify ")
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=team.project, env=team.environ(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (old.read_text(), taken.read_text()) == ("# mine\n", "# mine, too\n")
    assert (team.project / "requirements-installed-1.txt").read_text() == "demo==1.0\nnobody==1.0\n"
    assert team.run("check", "--installed", "--trust-file", "trust.toml").code == 0


def test_without_a_lock_a_tool_s_own_environment_is_not_meant(team: World, tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    venv.create(tool, with_pip=False)
    (site,) = (tool / "lib").glob("python*/site-packages")
    own = [str(Path(pip_verify.__file__).parent.parent), sysconfig.get_path("purelib"), *sys.path]
    (site / "own.pth").write_text("\n".join(path for path in own if path) + "\n")

    def run(**environ: str) -> Result:
        python = str(tool / "bin" / "python")
        command = [python, "-m", "pip_verify", "init", "--extra-ca", str(team.publisher.ca_file)]
        return team._finish(command, environ)

    team.wheel("thing")
    (site / "nobody-1.0.dist-info").mkdir()
    (site / "nobody-1.0.dist-info" / "METADATA").write_text("Name: nobody\nVersion: 1.0\n")
    result = run()
    assert result.code == 2
    assert f"{tool} is pip-verify's own" in result.stderr
    assert "next: name a lock: pip-verify init -r requirements.txt" in result.stderr
    assert not (team.project / "pip-verify.toml").exists()
    result = run(VIRTUAL_ENV=str(tool))
    assert result.code == 0, result.stderr
    assert list(exempt(team)) == ["nobody"]
    result = run(PIP_PYTHON=str(team.target.python))
    assert "at least one release to look at" in result.stderr


def test_what_was_installed_from_a_directory_is_named_and_left_out(team: World) -> None:
    wheel = team.save(wheel_filename("local", "1.0"), make_wheel("local", "1.0"))
    team.plain_pip("install", "--no-deps", "demo==1.0", str(wheel))
    result = init(team, "--python", team.target.path)
    assert result.code == 0
    assert exempt(team) == {}
    assert "local 1.0: installed from a directory or URL" in result.stderr


def test_what_is_installed_and_on_no_index_is_named_and_left_out(team: World) -> None:
    team.plain_pip("install", "--no-deps", "demo==1.0", "nobody==1.0")
    for name in (wheel_filename("nobody", "1.0"), sdist_filename("nobody", "1.0")):
        del team.index.files[name]
    result = init(team, "--python", team.target.path)
    assert result.code == 0
    assert "nobody 1.0: on no index: it is left out" in result.stderr
    assert exempt(team) == {}


def test_an_empty_environment_is_a_usage_error(team: World, tmp_path: Path) -> None:
    result = init(team, "--python", Environment(tmp_path / "empty").path)
    assert result.code == 2
    assert "pip-verify init -r requirements.txt" in result.stderr


# Refused: nothing is written.


def refused(world: World, code: int, words: str, *arguments: str | Path) -> Result:
    result = init(world, *(arguments or ("-r", "requirements.txt")))
    assert result.code == code, result.stderr
    assert words in result.stderr
    assert not (world.project / "pip-verify.toml").exists()
    assert world.executed == []
    return result


def test_a_tampered_digest_in_the_lock_is_refused(team: World) -> None:
    lock = requirements(team, "demo==1.0")
    lock.write_text(lock.read_text().replace(sha256(team.index.files[WHEEL].data), "0" * 64))
    refused(team, 12, "PV312")


def test_a_tampered_digest_for_a_file_name_in_the_lock_is_refused(team: World) -> None:
    team.lock(WHEEL, b"other bytes")
    refused(team, 12, "PV312", "pylock.toml")


def test_a_stranger_s_signature_is_not_exempted(team: World) -> None:
    data = sign_release([EVE], {WHEEL: sha256(team.index.files[WHEEL].data)}, "demo", "1.0")
    team.publisher.state("demo", "1.0", data)
    requirements(team, "demo==1.0", "nobody==1.0")
    refused(team, 11, "demo: PV201")


@pytest.mark.parametrize("path", ["/keys.json", "/releases/zebra/1.0.jws"])
@pytest.mark.parametrize("answer", [Answer(status=500, body=b""), Answer(delay=2 * DEADLINE, body=b"")])
def test_a_publisher_out_of_reach_is_named_and_nothing_is_written(team: World, path: str, answer: Answer) -> None:
    team.publisher.site.answer(path, answer)
    requirements(team, "zebra==1.0", "nobody==1.0")
    result = refused(team, 14, "zebra: PV50")
    assert "nothing is written, because of zebra\n" in result.stderr


def test_an_index_out_of_reach_is_named_and_nothing_is_written(team: World) -> None:
    requirements(team, "zebra==1.0", "nobody==1.0")
    result = refused(team, 14, "zebra: PV502", "-r", "requirements.txt", "--index-url", "http://127.0.0.1:1/simple")
    assert "nobody: PV502" in result.stderr


def test_a_project_on_no_index_is_refused_where_a_lock_names_it(team: World) -> None:
    lock = requirements(team, "demo==1.0")
    lock.write_text(lock.read_text() + f"private==1.0 --hash=sha256:{'0' * 64}\n")
    refused(team, 14, "--extra-index-url")


def test_an_sdist_that_would_need_a_build_is_exempt_and_named(team: World) -> None:
    import io
    import tarfile

    from tests.makers import make_sdist, tar_of

    data = make_sdist("hermit", "1.0", on_import=team.mark("built"))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    team.index.add("hermit-1.0.tar.gz", tar_of({name: body for name, body in files.items() if "PKG-INFO" not in name}))
    requirements(team, "hermit==1.0")
    result = init(team, "-r", "requirements.txt")
    assert result.code == 0
    assert "warning: hermit: the strict reader refuses" in result.stderr
    assert list(exempt(team)) == ["hermit"]
    assert team.executed == []


def test_a_requirement_without_a_version_is_named_and_left_out(team: World) -> None:
    team.write("requirements.txt", "demo==1.0", "zebra>=1")
    result = init(team, "-r", "requirements.txt")
    assert result.code == 0
    assert "zebra>=1: no exact version" in result.stderr
    (publisher,) = trust_of(team)["publishers"].values()
    assert publisher["projects"] == ["demo"]


def test_a_lock_without_sha256_is_told_to_be_refused_by_the_gate_and_held_to_what_it_states(team: World) -> None:
    data = team.index.files[wheel_filename("nobody", "1.0")].data
    team.write("requirements.txt", f"nobody==1.0 --hash=sha512:{hashlib.sha512(data).hexdigest()}", "demo==1.0")
    result = init(team, "-r", "requirements.txt")
    assert result.code == 0, result.stderr
    assert exempt(team)["nobody"] == [f"sha256:{sha256(data)}"]
    assert "requirements.txt:1: nobody 1.0: no sha256 but sha512: pip-verify check refuses it (PV110)" in result.stderr
    assert "requirements.txt:2: demo 1.0: no sha256: pip-verify check refuses it (PV110)" in result.stderr
    assert "next: pip-verify install --dry-run -r requirements.txt" in result.stderr
    team.write("requirements.txt", "demo==1.0")
    assert team.run("install", "--dry-run", "-r", "requirements.txt").code == 0


def test_a_lock_whose_sha512_is_not_the_index_s_is_refused(team: World) -> None:
    team.write("requirements.txt", f"nobody==1.0 --hash=sha512:{'0' * 128}")
    refused(team, 12, "PV312")


def test_a_lock_that_lists_nothing_is_a_usage_error(team: World) -> None:
    team.write("requirements.txt", "# nothing")
    refused(team, 2, "at least one release")


def test_a_trust_file_that_is_broken_is_not_touched(team: World) -> None:
    path = team.write("pip-verify.toml", "[polcy]")
    requirements(team, "demo==1.0")
    assert init(team, "-r", "requirements.txt").code == 2
    assert path.read_text() == "[polcy]\n"


def test_the_output_of_reports_is_not_the_trust_file(team: World) -> None:
    requirements(team, "demo==1.0")
    result = init(team, "-r", "requirements.txt", PIP_VERIFY_OUTPUT=os.devnull)
    assert result.code == 0
    assert (team.project / "pip-verify.toml").exists()
