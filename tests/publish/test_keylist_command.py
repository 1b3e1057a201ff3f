"""``keylist`` as a command: what it warns of, what it refuses unless forced, what it prints, and that nothing else is
changed. No terminal anywhere."""

from __future__ import annotations

import json
import shlex
import socket
import sys
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pip_verify import cli
from pip_verify.keys import PublicKey, parse_key_list
from pip_verify.publish.keylist import add, init
from pip_verify.publish.listwords import utc
from pip_verify.publish.site import MANIFEST
from tests.publish.test_keylist_rotation import release
from tests.signer import Signer, key_list, to_json

ALICE, BOB, EVE = (Signer.of(name) for name in ("alice", "bob", "eve"))
YEAR = 365 * 86400


class Told(NamedTuple):
    """What one command said and how it ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Told]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*words: str) -> Told:
        code = cli.main(["keylist", *words])
        return Told(code, *capsys.readouterr())

    return command


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list with alice and bob; demo 1.0 is signed by alice, demo 2.0 by both."""
    monkeypatch.chdir(tmp_path)
    init(Path("keys.json"))
    for signer in (ALICE, BOB):
        add(Path("keys.json"), PublicKey.from_text(signer.text), iat=int(time.time()))
    release(Path("releases"), "demo", "1.0", ALICE)
    release(Path("releases"), "demo", "2.0", ALICE, BOB)


def refused(told: Told, *fragments: str, code: int = 2) -> None:
    assert told.code == code, told
    assert told.out == ""
    for fragment in fragments:
        assert fragment in told.err, told.err


def unchanged(run: Run, *words: str) -> Told:
    before = Path("keys.json").read_bytes()
    told = run(*words)
    assert Path("keys.json").read_bytes() == before
    return told


SIGN_AGAIN = "pip-verify sign --add --all --key-list keys.json --key-file FILE"
LOSSES = (
    "of 2 releases, 2 lose signatures that count (before -> after):\n"
    "pip-verify:   demo 1.0: 1 -> 0\npip-verify:   demo 2.0: 2 -> 1\n"
)


# rotation


@pytest.mark.parametrize("action", ["retire", "remove"])
def test_a_key_that_a_release_needs_stays_unless_forced(run: Run, action: str) -> None:
    told = unchanged(run, action, "keys.json", ALICE.text)
    refused(told, LOSSES, "one without which 1 cannot be installed any more", f"next: {SIGN_AGAIN}; then", "--force")
    forced = run(action, "keys.json", ALICE.text, "--force")
    assert (forced.code, forced.out) == (0, f"{ALICE.text}\n")
    assert LOSSES in forced.err
    assert f"next: with a key that stays on the list: {SIGN_AGAIN}\n" in forced.err


@pytest.mark.parametrize("action", ["retire", "remove"])
def test_a_key_whose_every_release_another_signed_too_may_go_and_the_loss_is_told(run: Run, action: str) -> None:
    told = run(action, "keys.json", BOB.text)
    assert (told.code, told.out) == (0, f"{BOB.text}\n")
    assert (
        "of 2 releases, 1 loses signatures that count (before -> after):\npip-verify:   demo 2.0: 2 -> 1\n" in told.err
    )


def test_a_revocation_is_never_held_up(run: Run) -> None:
    told = run("revoke", "keys.json", ALICE.text, "--reason", "stolen laptop")
    assert (told.code, told.out) == (0, f"{ALICE.text}\n")
    assert LOSSES in told.err
    assert f"{SIGN_AGAIN} --verify-against-index\n" in told.err
    assert parse_key_list(Path("keys.json").read_bytes()).keys[0].revoked_reason == "stolen laptop"


def test_a_retirement_to_come_is_told_and_not_refused(run: Run) -> None:
    day = datetime.now(timezone.utc).date() + timedelta(days=30)
    told = run("retire", "keys.json", ALICE.text, "--until", str(day))
    assert told.code == 0
    assert LOSSES in told.err
    midnight = f"{day + timedelta(days=1)} 00:00:00 UTC"
    assert f"it may sign until {midnight}\n" in told.err
    assert midnight in run("show", "keys.json").out


@pytest.mark.parametrize("day", ["yesterday", "2020-01-01", "9999-12-31", "2027-1-1", ""])
def test_a_last_day_that_is_none(run: Run, day: str) -> None:
    refused(unchanged(run, "retire", "keys.json", BOB.text, "--until", day), "--until: expected a da")


def test_today_is_a_last_day(run: Run) -> None:
    told = run("retire", "keys.json", BOB.text, "--until", str(datetime.now(timezone.utc).date()))
    assert told.code == 0, told.err


def test_where_the_releases_are_can_be_said(run: Run) -> None:
    Path("releases").rename("else where")
    assert (
        "no release was looked at: there is no directory releases beside the list"
        in run("remove", "keys.json", BOB.text).err
    )
    told = unchanged(run, "remove", "keys.json", ALICE.text, "--releases", "else where")
    refused(told, "demo 1.0: 1 -> 0", f"{SIGN_AGAIN} --releases 'else where'; then")
    refused(
        unchanged(run, "remove", "keys.json", ALICE.text, "--releases", "missing"), "a directory of release statements"
    )


def test_the_releases_beside_the_list_are_meant_not_those_here(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    told = run("remove", "../keys.json", ALICE.text)
    refused(told, "demo 1.0: 1 -> 0", "--releases ../releases; then")


def test_what_is_no_statement_is_told_and_holds_nothing_up(run: Run) -> None:
    Path("releases/demo/torn.jws").write_bytes(b"{")
    told = run("remove", "keys.json", BOB.text)
    assert told.code == 0
    assert "warning: not looked at: releases/demo/torn.jws: release statement: expected JSON" in told.err


def test_the_last_key_that_may_sign(run: Run) -> None:
    run("remove", "keys.json", ALICE.text, "--force")
    told = run("revoke", "keys.json", BOB.text, "--reason", "x")
    assert told.code == 0
    assert "warning: then no key of the list may sign; add the next one first" in told.err


# the clock


def test_a_clock_a_year_behind_is_refused_where_it_would_be_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - YEAR)
    for words in (["add", "keys.json", EVE.text], ["retire", "keys.json", BOB.text]):
        refused(unchanged(run, *words), "expected nothing that happened later than now", "set the clock")
        assert run(*words, "--force").code == 0


def test_a_clock_a_year_ahead_is_told_when_it_is_right_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    with monkeypatch.context() as ahead:
        ahead.setattr(time, "time", lambda: now + YEAR)
        run("add", "keys.json", EVE.text)
    refused(unchanged(run, "retire", "keys.json", BOB.text), "got a key that was added at", 'correct its "iat"')
    told = run("lint", "keys.json")
    assert told.code == 2
    assert f"keys.json: {EVE.text} was added at" in told.out
    assert run("revoke", "keys.json", BOB.text, "--reason", "stolen").code == 0  # the clock holds up no revocation


@pytest.mark.parametrize(
    ("words", "done", "named", "code"),
    [
        (("retire", BOB.text), "retired", '"exp" and "retired_at"', 2),
        (("revoke", BOB.text, "--reason", "x"), "revoked", '"revoked_at"', 0),
    ],
    ids=["retire", "revoke"],
)
def test_what_a_clock_a_year_ahead_has_ended_is_no_secret(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], done: str, named: str, code: int
) -> None:
    now = time.time()
    with monkeypatch.context() as ahead:
        ahead.setattr(time, "time", lambda: now + YEAR)
        told = run(words[0], "keys.json", *words[1:])
        assert f"pip-verify: {done} at {utc(int(now + YEAR))} by this machine's clock\n" in told.err
    told = run("lint", "keys.json")
    assert told.code == code
    assert f"{BOB.text} was {done} at {utc(int(now + YEAR))}, which has yet to come" in told.out
    refused(unchanged(run, "add", "keys.json", EVE.text), f"a key that was {done} at", f"correct its {named}")


def test_the_command_that_lint_names_ends_the_key_now(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    with monkeypatch.context() as ahead:
        ahead.setattr(time, "time", lambda: now + YEAR)
        run("retire", "keys.json", BOB.text)
    command = run("lint", "keys.json").out.strip().rstrip(")").rpartition("retire it again: pip-verify keylist ")[2]
    assert run(*shlex.split(command)).code == 0
    assert run("lint", "keys.json") == Told(0, "", "")
    assert json.loads(run("show", "keys.json", "--format", "json").out)["keys"][1]["standing"] == "ended"


@pytest.mark.parametrize(
    "words",
    [("add", EVE.text), ("retire", BOB.text), ("revoke", BOB.text, "--reason", "x")],
    ids=lambda words: words[0],
)
def test_the_time_that_is_written_is_told(run: Run, words: tuple[str, ...]) -> None:
    before = time.time()
    err = run(words[0], "keys.json", *words[1:]).err
    assert any(f"at {utc(second)} by this machine's clock\n" in err for second in range(int(before), int(before) + 9))


def test_a_key_that_has_ended_signs_again_only_by_force_and_that_is_told(run: Run) -> None:
    run("retire", "keys.json", BOB.text)
    words = ("retire", "keys.json", BOB.text, "--until", "2099-01-01")
    refused(unchanged(run, *words), "later than the list states", f"retire keys.json {BOB.text} --until DATE --force")
    told = run(*words, "--force")
    assert told.code == 0
    assert f"warning: the end of {BOB.text} moves from" in told.err
    assert "to 2099-01-02 00:00:00 UTC\n" in told.err


def test_a_key_that_never_signs_is_told_and_published(run: Run) -> None:
    data = json.loads(Path("keys.json").read_bytes())
    data["keys"].append(EVE.jwk(nbf=int(time.time()) + YEAR))
    Path("keys.json").write_bytes(to_json(data))
    assert "it never signs: it was to begin at" in run("retire", "keys.json", EVE.text).err
    assert run("publish", "keys.json", "site").code == 0


# show, lint, diff


def test_show(run: Run) -> None:
    told = run("show", "keys.json")
    assert told.out.startswith(
        "keys.json: 2 keys, of which 2 may sign now\nstatements: releases/{project}/{version}.jws"
    )
    assert f"{ALICE.text}\n  thumbprint      {ALICE.thumbprint}\n" in told.out
    shown = json.loads(run("show", "keys.json", "--format", "json").out)
    assert [key["standing"] for key in shown["keys"]] == ["may sign", "may sign"]


def test_a_label_does_nothing_to_a_terminal_or_a_runner(run: Run) -> None:
    Path("keys.json").write_bytes(key_list(ALICE.jwk(kid="##[warning]a\u3164")))
    shown = run("show", "keys.json").out
    assert "##[" not in shown
    assert "\u3164" not in shown


def test_lint_ends_with_2_for_errors_and_0_for_warnings(run: Run) -> None:
    assert run("lint", "keys.json") == Told(0, "", "")
    run("retire", "keys.json", BOB.text, "--until", str(date.today() + timedelta(days=9)))  # noqa: DTZ011
    told = run("lint", "keys.json")
    assert (told.code, told.out.count("\n")) == (0, 1)
    assert told.out.startswith(f"keys.json: warning: {BOB.text} may sign until")
    Path("keys.json").write_bytes(key_list(ALICE.private_jwk()))
    told = run("lint", "keys.json")
    assert told.code == 2
    assert "this list has leaked a key" in told.out
    assert ALICE.private_jwk()["d"] not in told.out


def test_diff_of_two_files(run: Run) -> None:
    Path("old.json").write_bytes(Path("keys.json").read_bytes())
    assert run("diff", "old.json", "keys.json") == Told(0, "", "pip-verify: no key differs\n")
    run("remove", "keys.json", BOB.text)
    assert run("diff", "old.json", "keys.json") == Told(0, f"removed {BOB.text}\n", "")


def test_a_list_over_http_is_not_asked_for(run: Run) -> None:
    refused(run("diff", "http://keys.example/keys.json", "keys.json"), "expected an https URL")
    refused(run("show", "file:///etc/passwd"), "expected an https URL")


# a list that is broken, or leaks


ON_A_LIST = [
    ("add", EVE.text),
    ("retire", ALICE.text),
    ("revoke", ALICE.text, "--reason", "x"),
    ("remove", ALICE.text),
    ("show",),
    ("publish", "site"),
]


@pytest.mark.parametrize("words", ON_A_LIST, ids=lambda words: words[0])
def test_a_torn_list_is_refused_and_left_as_it_is(run: Run, words: tuple[str, ...]) -> None:
    Path("keys.json").write_bytes(Path("keys.json").read_bytes()[:100])
    told = unchanged(run, words[0], "keys.json", *words[1:])
    if words[0] == "publish":
        refused(told, "expected a list without mistakes", "next: pip-verify keylist lint keys.json")
    else:
        refused(told, "keys.json: expected JSON", "next: restore the last good one", code=12)
    assert not Path("site").exists()


@pytest.mark.parametrize("entry", [ALICE.private_jwk(), ALICE.jwk(encrypted={"kdf": "x"})], ids=["clear", "encrypted"])
@pytest.mark.parametrize("words", ON_A_LIST, ids=lambda words: words[0])
def test_a_list_with_a_private_key_in_it_is_refused_and_never_published(
    run: Run, words: tuple[str, ...], entry: dict[str, Any]
) -> None:
    Path("keys.json").write_bytes(key_list(entry, BOB))
    told = unchanged(run, words[0], "keys.json", *words[1:])
    assert told.code in {2, 12}
    assert "private member" in told.err
    assert ALICE.private_jwk()["d"] not in told.err
    assert words[0] == "publish" or "next: take that member out, then: pip-verify keylist revoke" in told.err
    assert not Path("site").exists()


def test_only_the_public_half_of_a_key_file_gets_onto_the_list(run: Run) -> None:
    Path("eve.key").write_bytes(to_json(EVE.private_jwk()))
    Path("eve.key").chmod(0o600)
    assert run("add", "keys.json", "eve.key").out == f"{EVE.text}\n"
    assert run("lint", "keys.json").code == 0
    assert EVE.private_jwk()["d"] not in Path("keys.json").read_text()


# publish and serve


def test_publish_prints_where_and_warns_of_what_nobody_can_install(run: Run) -> None:
    assert run("publish", "keys.json", "site") == Told(0, "site\n", "")
    run("revoke", "keys.json", ALICE.text, "--reason", "stolen")
    told = run("publish", "keys.json", "site", "--cname", "keys.example")
    assert told.code == 0
    assert told.err == "pip-verify: warning: demo 1.0: no signature of it counts any more, so nobody can install it\n"
    assert Path("site/CNAME").read_text() == "keys.example\n"


def test_publish_refuses_what_no_listed_key_signed(run: Run) -> None:
    release(Path("releases"), "demo", "3.0", EVE)
    refused(run("publish", "keys.json", "site"), f"got only by {EVE.thumbprint}", "pip-verify keylist add LIST KEY")
    assert not Path("site").exists()
    assert run("publish", "keys.json", "site", "--force").code == 0


def test_publish_without_releases_says_so(run: Run) -> None:
    Path("releases").rename("elsewhere")
    told = run("publish", "keys.json", "site")
    assert told == Told(
        0, "site\n", "pip-verify: there is no directory releases beside the list, so no statement is on the site\n"
    )
    assert run("publish", "keys.json", "site", "--releases", "elsewhere").err == ""
    assert Path("site/releases/demo/1.0.jws").exists()


def test_publish_into_the_project_itself_is_refused(run: Run) -> None:
    before = sorted(path.name for path in Path().iterdir())
    refused(run("publish", "keys.json", "."), "that only keylist publish has written")
    refused(run("publish", "keys.json", "releases"), "that only keylist publish has written")
    assert [name for name in sorted(path.name for path in Path().iterdir()) if name != ".releases.lock"] == before


def test_publish_says_when_the_list_looks_elsewhere_for_statements(run: Run) -> None:
    template = "https://other.example/{project}/{version}.jws"
    Path("keys.json").write_bytes(key_list(ALICE, BOB, releases=template))
    told = run("publish", "keys.json", "site")
    assert told.code == 0
    assert f"users look for statements at {template}, which is not on this site" in told.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("releases",), "expected a directory that keylist publish has written"),
        (("site", "--port", "65536"), "--port: expected a number from 0 to 65535"),
        (("site", "--"), "expected a command behind --"),
        (("site", "--port", "0", "--", "no-such-command"), "no-such-command: expected a command"),
    ],
)
def test_what_cannot_be_served(run: Run, words: tuple[str, ...], message: str) -> None:
    run("publish", "keys.json", "site")
    refused(run("serve", *words), message)


def test_a_port_that_is_taken(run: Run) -> None:
    run("publish", "keys.json", "site")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused(run("serve", "site", "--port", port), f"port {port}: expected to be able to listen there", "--port 0")


def test_a_key_that_is_none(run: Run) -> None:
    refused(unchanged(run, "add", "keys.json", "ed25519:AAAA"), "KEY: expected 32 bytes")
    refused(unchanged(run, "add", "keys.json", "no.key"), "no.key: expected a key file")


def test_only_serve_takes_a_command(run: Run) -> None:
    refused(run("show", "keys.json", "--", "true"), "expected it with keylist serve only")


def test_without_the_library_the_extra_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("publish", "keys.json", "site")
    monkeypatch.setitem(sys.modules, "trustme", None)
    refused(run("serve", "site", "--port", "0"), "trustme", "pip install 'pip-verify[serve]'")


def test_the_site_is_marked_as_ours(run: Run) -> None:
    run("publish", "keys.json", "site")
    assert Path("site", MANIFEST).read_text().startswith("# Written by pip-verify keylist publish")
