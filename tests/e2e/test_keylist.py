"""A key list from its first key to its site, by the installed command; and ``pip-verify install`` on the other side."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pip_verify.keys import parse_key_list
from tests.e2e.browser import browser
from tests.e2e.world import ALICE, BOB, World
from tests.https_world import Answer
from tests.makers import make_wheel, wheel_filename
from tests.signer import key_list

WHEEL = wheel_filename("demo", "1.0")


def say(world: World, *words: str | Path) -> str:
    """What a command of the publisher's prints on standard output; it must succeed."""
    done = world.run_as_it_is(*words)
    assert done.code == 0, done.stderr
    return done.stdout


@pytest.fixture
def published(world: World) -> World:
    """demo 1.0 is on the index, and signed; list and statement are in ``site``."""
    data = make_wheel("demo", "1.0")
    world.index.add(WHEEL, data, stated="right")
    world.save(f"dist/{WHEEL}", data)
    say(world, "keygen", "--no-passphrase", "-o", "a.key")
    say(world, "keylist", "init", "keys.json")
    say(world, "keylist", "add", "keys.json", "a.key")
    say(world, "sign", "--key-file", "a.key", f"dist/{WHEEL}")
    assert say(world, "keylist", "publish", "keys.json", "site") == "site\n"
    return world


@contextmanager
def serving(world: World) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """``keylist serve`` in a process of its own, and the words of the command that it prints.

    A shell that starts the test suite in the background makes it ignore SIGINT, and a child inherits that: so the child
    is started by a Python that puts the default back.
    """
    reset = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    serve = [sys.executable, "-m", "pip_verify", "keylist", "serve", "site", "--port", "0"]
    command = [sys.executable, "-c", reset, *serve]
    with subprocess.Popen(
        command, cwd=world.project, env=world.environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            yield process, process.stdout.readline().split()
        finally:
            process.kill()


def test_the_command_that_serve_prints_installs_word_for_word(published: World) -> None:
    with serving(published) as (_, words):
        assert words[:3] == ["pip-verify", "install", "--extra-ca"]
        assert words[-1] == "demo==1.0"
        result = published.run_bare(*words[1:], "--python", published.target.path)
    published.installed_as(result, demo="1.0")
    assert result.accepted() == [WHEEL]


def test_that_command_names_the_release_wherever_the_template_puts_its_statement(published: World) -> None:
    path = published.project / "keys.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"releases": "./st/{project}-{version}.jws"}))
    say(published, "keylist", "publish", "keys.json", "site")
    with serving(published) as (_, words):
        assert words[-1] == "demo==1.0"
        result = published.run_bare(*words[1:], "--python", published.target.path)
    published.installed_as(result, demo="1.0")


@pytest.mark.parametrize("version", ["1!2.0+x.1", "2.0rc1"])
def test_that_command_can_be_pasted_whatever_the_version(published: World, version: str) -> None:
    shutil.rmtree(published.project / "releases")
    path = published.save(f"dist/{wheel_filename('demo', version)}", make_wheel("demo", version))
    say(published, "sign", "--key-file", "a.key", path)
    say(published, "keylist", "publish", "keys.json", "site")
    with serving(published) as (_, words):
        assert shlex.split(words[-1]) == [f"demo=={version}"]
        assert ("'" in words[-1]) is ("!" in version)  # which a shell takes for its history


def test_a_command_behind_serve_installs_and_its_exit_code_is_passed_on(published: World) -> None:
    install = [sys.executable, "-m", "pip_verify", "install", "--python", str(published.target.path), "demo"]
    script = 'exec "$@" --key-list=https://localhost:PORT/keys.json'
    serve = ("keylist", "serve", "site", "--port")
    port = free_port()
    sh = ("sh", "-c", script.replace("PORT", str(port)), "sh", *install)
    published.installed_as(published.run_bare(*serve, str(port), "--", *sh), demo="1.0")
    assert published.run_as_it_is(*serve, "0", "--", "sh", "-c", "exit 7").code == 7
    assert published.run_as_it_is(*serve, "0", "--", "sh", "-c", "kill -9 $$").code == 137


def free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_what_serve_gives_and_what_it_does_not(published: World) -> None:
    (published.project / "site" / "extra.txt").write_text("not of the site")
    with serving(published) as (_, words):
        address = words[-2].removeprefix("--key-list=").removesuffix("keys.json")
        context = ssl.create_default_context(cafile=words[3])

        def get(path: str) -> tuple[int, str, bytes]:
            try:
                with urllib.request.urlopen(address + path, context=context) as answer:  # noqa: S310
                    return answer.status, answer.headers["Content-Type"], answer.read()
            except urllib.error.HTTPError as error:
                return error.code, error.headers["Content-Type"], error.read()

        status, kind, body = get("")
        assert (status, kind) == (200, "text/html; charset=utf-8")
        assert body == (published.project / "site" / "index.html").read_bytes()
        assert get("keys.json")[:2] == (200, "application/jwk-set+json")
        assert get("releases/demo/1.0.jws")[:2] == (200, "application/jose+json")
        for path in ("extra.txt", "../a.key", "%2e%2e/a.key", "releases", "releases/", "a.key", "..%2fa.key"):
            assert get(path)[0] == 404, path
        # and what is published again is there at once
        say(published, "keygen", "--no-passphrase", "-o", "b.key")
        say(published, "keylist", "add", "keys.json", "b.key")
        (published.project / "site" / "extra.txt").unlink()
        say(published, "keylist", "publish", "keys.json", "site")
        assert len(json.loads(get("keys.json")[2])["keys"]) == 2


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_when_told_and_leaves_nothing_behind(published: World, ended_by: signal.Signals) -> None:
    with serving(published) as (process, words):
        ca_file = Path(words[3])
        assert ca_file.exists()
        process.send_signal(ended_by)
        _, told = process.communicate(timeout=20)
    assert process.returncode == 0, told
    assert "Traceback" not in told
    assert not ca_file.parent.exists()


def test_a_client_that_never_speaks_stops_nobody(published: World) -> None:
    import socket

    with serving(published) as (_, words):
        port = int(re.findall(r"localhost:(\d+)", words[4])[0])
        with socket.create_connection(("127.0.0.1", port)):
            published.installed_as(published.run_bare(*words[1:], "--python", published.target.path), demo="1.0")


# two at once, and one that is killed


def test_two_people_who_add_keys_at_once_lose_none(world: World) -> None:
    say(world, "keylist", "init", "keys.json")
    signers = [ALICE, BOB, *(type(ALICE).of(str(number)) for number in range(6))]
    command = [sys.executable, "-m", "pip_verify", "keylist", "add", "keys.json"]
    running = [subprocess.Popen([*command, one.text], cwd=world.project, env=world.environ()) for one in signers]
    assert [process.wait(60) for process in running] == [0] * len(signers)
    found = parse_key_list((world.project / "keys.json").read_bytes())
    assert {entry.key.text for entry in found.keys} == {one.text for one in signers}


def test_publishing_twice_at_once_leaves_one_whole_site(published: World) -> None:
    command = [sys.executable, "-m", "pip_verify", "keylist", "publish", "keys.json", "site"]
    running = [subprocess.Popen(command, cwd=published.project, env=published.environ()) for _ in range(4)]
    assert [process.wait(60) for process in running] == [0] * 4
    done = subprocess.run(["sha256sum", "-c", ".pip-verify-site"], cwd=published.project / "site", check=False)  # noqa: S607
    assert done.returncode == 0
    assert not list(published.project.glob(".site.*.old"))


# lists elsewhere


def test_a_list_is_compared_with_the_one_that_is_served(published: World) -> None:
    served = (published.project / "keys.json").read_bytes()
    publisher = published.publisher
    publisher.serve("/keys.json", served)
    ours = parse_key_list(served).keys[0].key.text
    compare = ("keylist", "diff", publisher.list_url, "keys.json", "--extra-ca", publisher.ca_file)
    assert say(published, *compare) == ""
    say(published, "keylist", "revoke", "keys.json", ours, "--reason", "stolen")
    assert say(published, *compare).startswith(f"revoked {ours}: since 2")
    assert ours in say(published, "keylist", "show", publisher.list_url, "--extra-ca", publisher.ca_file)


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (Answer(status=404, body=b""), 14, "expected HTTP status 200, got HTTP status 404"),
        (Answer(body=b"<html>", headers={"Content-Type": "text/html"}), 14, "application/jwk-set+json"),
        (Answer(body=b'{"keys": ['), 12, "expected JSON"),
        (Answer(body=key_list(ALICE.private_jwk())), 12, "this list has leaked a private key"),
        (Answer(hang_up=True), 14, ""),
    ],
    ids=["absent", "another-type", "torn", "leaked", "hung-up"],
)
def test_a_list_that_cannot_be_had_from_elsewhere(world: World, answer: Answer, code: int, message: str) -> None:
    world.publisher.site.answer("/keys.json", answer)
    result = world.run_as_it_is("keylist", "show", world.publisher.list_url, "--extra-ca", world.publisher.ca_file)
    assert (result.code, result.stdout) == (code, "")
    assert message in result.stderr


# the page, in a browser


def test_the_page_is_whole_in_a_browser_by_day_and_by_night(published: World) -> None:
    with browser() as page:
        for scheme in ("light", "dark"):
            page.media(scheme=scheme)
            page.open(published.project / "site" / "index.html")
            text = page.run("document.body.innerText")
            assert parse_key_list((published.project / "keys.json").read_bytes()).keys[0].key.text in text
            assert WHEEL in text
            assert page.run("getComputedStyle(document.body).fontSize") == "16px"  # the style is let in
            assert page.told == []
        page.size(360, 640)
        assert page.run("document.documentElement.scrollWidth") <= 360


def test_no_name_of_the_machine_is_on_the_site(published: World) -> None:
    """What is published is the same wherever it is made."""
    here = str(published.root).encode()
    for path in (published.project / "site").rglob("*"):
        assert path.is_dir() or here not in path.read_bytes(), path
    assert os.environ.get("HOSTNAME", "\0").encode() not in (published.project / "site/index.html").read_bytes()
