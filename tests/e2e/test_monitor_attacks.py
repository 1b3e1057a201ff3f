"""What an index or a site can do to ``pip-verify monitor``: hide files from it, wear it out, make it say too much."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import json
import lzma
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.benchmarks.pairs import spend
from tests.e2e.index import Served
from tests.e2e.tagged_index import TaggedIndex
from tests.e2e.test_monitor import WHEEL, codes, is_quiet, keep, monitor, ours, start, wait_for, watch
from tests.e2e.world import ALICE, Publisher, World
from tests.https_world import HttpsWorld
from tests.makers import make_sdist, make_wheel, sdist_filename, wheel_filename
from tests.signer import key_list, sha256

JSON = "application/vnd.pypi.simple.v1+json"


class HostileIndex(TaggedIndex):
    """links: HTML that stands on each project's page in place of its files. said: body and headers of each page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.said: tuple[bytes, dict[str, str]] | None = None

    def page(self, project: str) -> bytes | None:
        return f"<!DOCTYPE html>{''.join(self.links)}".encode() if self.links else super().page(project)

    def answer(self, path: str, headers: Mapping[str, str]) -> tuple[int, bytes, dict[str, str]] | None:
        if self.said is not None and path.startswith("/simple/") and path != "/simple/":
            return 200, *self.said
        return super().answer(path, headers)

    def link(self, name: str, data: bytes, fragment: str) -> str:
        """Serve ``data`` under a name of any characters; a link to it."""
        self.files[name] = Served(data, None)
        return f'<a href="{self.origin}/files/{name}#{fragment}">x</a>'


@pytest.fixture
def index() -> Iterator[HostileIndex]:
    index = HostileIndex()
    with index:
        yield index


@pytest.fixture
def world(tmp_path: Path, index: HostileIndex) -> Iterator[World]:
    with HttpsWorld() as site:
        yield World(tmp_path, index, Publisher(site))


@pytest.fixture
def team(world: World) -> World:
    """A publisher with one signed release on the index."""
    world.publisher.show(ALICE)
    keep(world, "1.0", world.publisher.release("demo", "1.0", {WHEEL: world.wheel("demo")}, ALICE))
    world.trust("demo")
    return world


def pip_takes(world: World, requirement: str) -> list[str]:
    """What pip itself downloads, as digests."""
    folder = world.root / "taken"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-build-isolation", "-q", "-d", str(folder)]
    subprocess.run([*command, requirement], env=world.environ(), capture_output=True, check=False)
    return [sha256(path.read_bytes()) for path in folder.glob("*")]


# Hidden files.


def packed(ending: str) -> bytes:
    raw = gzip.decompress(make_sdist("demo", "9.9"))
    kinds: dict[str, Callable[[bytes], bytes]] = {".tar.bz2": bz2.compress, ".tar.xz": lzma.compress, ".tar": bytes}
    return kinds.get(ending, gzip.compress)(raw)


HIDDEN = [
    *(("demo-9.9" + ending, packed(ending)) for ending in (".tar.bz2", ".tar.xz", ".tar", ".tgz")),
    ("demo-9.9-py3-none-any.~x.whl", make_wheel("demo", "9.9")),
    ("demo-9.9-py3-none-any.\u00e9.whl", make_wheel("demo", "9.9")),
]


@pytest.mark.parametrize(("name", "data"), HIDDEN, ids=[name.encode("ascii", "replace").decode() for name, _ in HIDDEN])
def test_what_pip_installs_is_recorded_and_compared_whatever_its_name(
    world: World, index: HostileIndex, name: str, data: bytes
) -> None:
    index.links = [index.link(name, data, f"sha256={sha256(data)}")]
    if name.isascii():  # the index on loopback serves no other path
        assert pip_takes(world, "demo") == [sha256(data)]
    first = watch(world, "--first")
    is_quiet(first)
    assert "1 files of 1 projects" in first.stderr
    index.links = [index.link(name, data, f"sha256={'0' * 64}")]
    result = watch(world)
    assert (result.code, list(codes(result).values())) == (12, [["PV313"]])
    (shown,) = codes(result)
    assert monitor(world, "--accept", "demo", shown, f"--sha256={'0' * 64}", "--why=x", "--who=ann").code == 0
    is_quiet(watch(world))
    index.links = ['<meta name="pypi:repository-version" content="1.0">']
    assert codes(watch(world)) == {"demo (1 file)": ["PV314"]}


def test_a_hidden_name_that_is_gone_is_an_alarm_about_that_file(world: World, index: HostileIndex) -> None:
    hidden = index.link("demo-9.9.tgz", b"x", f"sha256={'0' * 64}")
    other = index.link(WHEEL, b"x", f"sha256={'1' * 64}")
    index.links = [hidden, other]
    is_quiet(watch(world, "--first"))
    index.links = [other]
    assert codes(watch(world)) == {"demo-9.9.tgz": ["PV314"]}


def test_an_unsigned_release_under_a_name_that_only_pip_reads_is_an_alarm(team: World, index: HostileIndex) -> None:
    signed = index.link(WHEEL, index.files[WHEEL].data, f"sha256={sha256(index.files[WHEEL].data)}")
    index.links = [signed, *(index.link(name, data, f"sha256={sha256(data)}") for name, data in HIDDEN)]
    result = ours(team, "--first")
    assert (result.code, list(codes(result).values())) == (10, [["PV102"]] * len(HIDDEN))


def test_a_version_that_pip_alone_reads_out_of_a_name_is_not_overlooked(team: World, index: HostileIndex) -> None:
    evil = index.link("demo-9.9-1.tar.gz", b"x", f"sha256={'0' * 64}")
    by_fragment = index.link("q.tar.gz", b"x", f"egg=demo-9.8&sha256={'0' * 64}")
    index.links = [index.link(WHEEL, b"", f"sha256={sha256(index.files[WHEEL].data)}"), evil, by_fragment]
    assert codes(ours(team, "--first")) == {"demo-9.9-1.tar.gz": ["PV102"], "q.tar.gz#egg=demo-9.8": ["PV102"]}


def test_what_pip_never_takes_is_counted(world: World, index: HostileIndex) -> None:
    world.wheel("demo")
    index.files["demo-1.0.win32.exe"] = index.files["demo-1.0.tar.gz.asc"] = Served(b"", None)
    for _ in range(2):  # the second page is not sent again
        result = watch(world, *(() if (world.project / "state").exists() else ("--first",)))
        is_quiet(result)
        assert "2 files of 1 projects are not watched: pip never takes such files" in result.stderr


@pytest.mark.parametrize("turned", [True, False])
def test_a_twin_without_sha256_does_not_hide_other_bytes(world: World, index: HostileIndex, *, turned: bool) -> None:
    good, evil = world.wheel("demo"), make_wheel("demo", "1.0", {"demo/evil.py": ""})
    is_quiet(watch(world, "--first"))
    twins = [
        index.link(WHEEL, good, f"sha256={sha256(good)}"),
        index.link(f"x/{WHEEL}", evil, f"md5={hashlib.md5(evil, usedforsecurity=False).hexdigest()}"),
    ]
    index.links = twins[::-1] if turned else twins
    assert pip_takes(world, "demo") == [sha256(good if turned else evil)]
    result = watch(world)
    assert (result.code, codes(result)) == (14, {WHEEL: ["PV503"]})


@pytest.mark.parametrize("turned", [True, False])
def test_the_recorded_sha256_beside_another_digest_does_not_hide_other_bytes(
    world: World, index: HostileIndex, *, turned: bool
) -> None:
    good, evil = world.wheel("demo"), make_wheel("demo", "1.0", {"demo/evil.py": ""})
    is_quiet(watch(world, "--first"))
    index.files[WHEEL] = Served(evil, None)
    digests = [("sha512", hashlib.sha512(evil).hexdigest()), ("sha256", sha256(good))]
    file = {"filename": WHEEL, "url": index.file_url(WHEEL), "hashes": dict(digests[::-1] if turned else digests)}
    body = json.dumps({"meta": {"api-version": "1.0"}, "name": "demo", "files": [file]}).encode()
    index.said = (body, {"Content-Type": JSON})
    assert pip_takes(world, "demo") == ([] if turned else [sha256(evil)])
    result = watch(world)
    assert (result.code, codes(result)) == ((0, {}) if turned else (14, {WHEEL: ["PV503"]}))


# Outages.


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", b"<html><title>Maintenance</title><h1>We will be back</h1></html>"),
        ("text/html", b'<form action="/login"><a href="/help">Help</a></form>'),
        ("text/html", b'<title>Maintenance</title><a href="/manual.zip">How to go on without us</a>'),
        ("text/html", b'<a href="/files/other-1.0.tar.gz#sha256=%s">another project</a>' % (b"a" * 64)),
        ("text/html", b""),
        (JSON, b"{}"),
        (JSON, b'{"files": {}}'),
        (JSON, b'{"meta": {"api-version": "2.0"}, "name": "demo", "files": []}'),
        (JSON, b'{"meta": {"api-version": "1.0"}, "name": "other", "files": []}'),
    ],
    ids=[
        *("maintenance", "sign-in", "archive", "another project", "empty", "no JSON page", "no list", "version 2"),
        "another page",
    ],
)
def test_an_outage_with_status_200_is_no_deletion_and_leaves_no_alarm(
    world: World, index: HostileIndex, kind: str, body: bytes
) -> None:
    world.wheel("demo")
    is_quiet(watch(world, "--first"))
    index.said = (body, {"Content-Type": kind})
    result = watch(world)
    assert (result.code, codes(result)) == (14, {"demo (1 file)": ["PV502"]})
    index.said = None
    is_quiet(watch(world))


def test_a_pin_on_the_command_line_does_not_widen_an_exemption(world: World) -> None:
    """What every installation refuses is not called good here."""
    exemption = ("[[exempt]]", 'project = "demo"', 'reason = "x"', f'hashes = ["sha256:{sha256(b"good")}"]')
    world.write("pip-verify.toml", *exemption)
    world.publisher.show(ALICE)
    world.wheel("demo", "1.0", ALICE)
    result = monitor(world, "demo", world.publisher.pin, "--first")
    assert (result.code, codes(result)) == (12, {WHEEL: ["PV309"]})


def test_a_run_that_asks_for_signatures_does_not_go_on_with_one_that_did_not(
    world: World, index: HostileIndex
) -> None:
    """What a broken-off --watch-only found good was never asked who signed it."""
    names = [f"project{letter}{other}" for letter in "abcdefgh" for other in "abcdefghijklmnop"]
    for name in names:
        index.add(wheel_filename(name, "1.0"), name.encode())
    world.write("names", *names)
    index.delay = 0.05
    process = start(world, "--projects", "names", "--first")
    wait_for(lambda: len(index.requests) > 96)
    process.kill()
    process.wait()
    index.delay = 0.0
    result = monitor(world, "--projects", "names")
    assert result.code == 10
    assert len([entry for entry in result.report["artifacts"] if entry["decision"] == "reject"]) == len(names)


def test_a_date_that_is_none_does_not_end_the_run(world: World, index: HostileIndex) -> None:
    world.wheel("demo")
    is_quiet(watch(world, "--first"))
    index.statuses["demo"] = 503
    index.headers = {"Retry-After": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}
    result = watch(world)
    assert (result.code, codes(result)) == (14, {"demo (1 file)": ["PV502"]})


# Memory.


def peak(world: World, *projects: str, expect: int) -> float:
    """MiB that a whole run needed at most."""
    command = (sys.executable, "-m", "pip_verify", "monitor", "--watch-only", "--rate=1000", *projects)
    state = world.root / f"state{len(projects)}"
    return spend((*command, "--state", str(state), "--first"), world.environ(), expect=expect).peak / 1024


def test_no_page_fills_the_memory(world: World, index: HostileIndex) -> None:
    world.wheel("demo")
    usual = peak(world, "demo", expect=0)
    packed = gzip.compress(b'{"files":[' + b"{}," * 6_000_000 + b"{}]}", 9)
    assert len(packed) < 20_000
    index.said = (packed, {"Content-Type": JSON, "Content-Encoding": "gzip"})
    names = [f"demo{letter}" for letter in "abcdefghijklmnop"]
    # 16 pages of 4 MiB, then one at a time of 18 MB; the objects of one page would be 430 MiB
    assert peak(world, *names, expect=14) - usual < 128


# Politeness.


def test_what_is_too_large_is_an_answer_and_others_are_asked(world: World, index: HostileIndex) -> None:
    world.publisher.show(ALICE)
    names = [f"q{letter}" for letter in "abcdefgh"]
    for name in names:
        data, filename = make_wheel(name, "1.0"), wheel_filename(name, "1.0")
        index.add(filename, data)
        world.publisher.release(name, "1.0", {filename: data}, ALICE)
    for name in names[:6]:
        world.publisher.serve(f"/releases/{name}/1.0.jws", b"x" * ((1 << 20) + 1))
    result = monitor(world, *names, world.publisher.pin, "--first")
    assert [world.publisher.site.count(f"/releases/{name}/1.0.jws") for name in names] == [1] * 8
    assert sorted(codes(result)) == [wheel_filename(name, "1.0") for name in names[:6]]


# What is told and kept.


def test_a_token_of_a_template_is_neither_told_nor_kept(world: World) -> None:
    world.publisher.show(ALICE, releases="releases/{project}/{version}.jws?token=SEKRIT")
    world.publisher.release("demo", "1.0", {WHEEL: world.wheel("demo")}, ALICE)
    world.sdist("demo")
    for first in (("--first",), ()):
        result = monitor(world, "demo", world.publisher.pin, *first)
        assert codes(result) == {sdist_filename("demo", "1.0"): ["PV303"]}
        assert "SEKRIT" not in result.stdout + result.stderr + json.dumps(result.report)
        assert b"SEKRIT" not in (world.project / "state").read_bytes()


# Signing before uploading.


def test_what_was_signed_before_it_was_uploaded_is_quiet_once_it_is_there(team: World, index: HostileIndex) -> None:
    data, name = make_wheel("demo", "2.0"), wheel_filename("demo", "2.0")
    keep(team, "2.0", team.publisher.release("demo", "2.0", {name: data}, ALICE))
    result = ours(team, "--first")
    assert (result.code, codes(result)) == (12, {name: ["PV317"]})
    index.add(name, data)
    is_quiet(ours(team))
    del index.files[name]
    assert codes(ours(team)) == {name: ["PV314"]}
    index.add(name, data)
    assert codes(ours(team)) == {name: ["PV314"]}  # recorded, then gone: somebody must say that it was meant


# Runs.


@pytest.mark.parametrize(
    "arguments", [("--local-key-list", "missing"), ("--known", "missing"), ("--releases", "missing")]
)
def test_a_slip_on_the_command_line_leaves_no_state_behind(team: World, arguments: tuple[str, str]) -> None:
    assert monitor(team, *arguments, "--first").code == 2
    assert not (team.project / "state").exists()
    is_quiet(ours(team, "--first"))


def break_off(world: World, index: HostileIndex, *arguments: str) -> None:
    index.delay = 0.05
    process = start(world, *arguments)
    wait_for(lambda: len(index.requests) > 96)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    index.delay = 0.0


def test_a_run_over_another_index_does_not_go_on_with_the_one_before(world: World, index: HostileIndex) -> None:
    names = [f"project{letter}{other}" for letter in "abcdefgh" for other in "abcdefghijklmnop"]
    world.write("names", *names)
    with HostileIndex() as other:
        for name in names:
            index.add(wheel_filename(name, "1.0"), name.encode())
            other.add(wheel_filename(name, "1.0"), b"evil" + name.encode())
        is_quiet(monitor(world, "--projects", "names", "--watch-only", "--first"))
        index.requests.clear()
        break_off(world, index, "--projects", "names")
        result = monitor(world, "--projects", "names", "--watch-only", "--index-url", other.url)
        assert (result.code, len(codes(result))) == (12, len(names))
        assert "broken off" not in result.stderr


def never_ended(world: World) -> None:
    """As if the last run had been killed when all but its end was done."""
    with contextlib.closing(sqlite3.connect(world.project / "state")) as database, database:
        database.execute("UPDATE run SET ended = NULL")


@pytest.mark.parametrize("change", ["trust file", "known files", "key list"])
def test_a_run_under_other_rules_does_not_go_on_with_the_one_before(
    team: World, index: HostileIndex, change: str
) -> None:
    known = team.write("known", "0" * 64)
    arguments = ("--releases", "releases", "--known", str(known))
    is_quiet(monitor(team, *arguments, "--first"))
    never_ended(team)
    asked = index.requests.count("/simple/demo/")
    is_quiet(monitor(team, *arguments))
    assert index.requests.count("/simple/demo/") == asked  # the same question: all is done
    never_ended(team)
    if change == "trust file":
        with (team.project / "pip-verify.toml").open("a") as file:
            file.write(f'[[exempt]]\nproject = "demo"\nreason = "x"\nhashes = ["sha256:{"0" * 64}"]\n')
    elif change == "known files":
        team.write("known", "1" * 64)
    else:
        team.publisher.serve("/keys.json", key_list(ALICE.jwk(exp=1)))
    assert monitor(team, *arguments).code == (13 if change == "key list" else 0)
    assert index.requests.count("/simple/demo/") == asked + 1
