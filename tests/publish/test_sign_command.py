"""``pip-verify sign`` and ``vouch`` as they are called: what they show, ask, warn of and refuse, and the exit codes."""

from __future__ import annotations

import hashlib
import io
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pip_verify import cli
from pip_verify.publish.keyfile import SigningKey, store
from tests import signer
from tests.e2e.index import Index as Served
from tests.publish.test_sign import SDIST, WHEEL, artifact, artifacts, proved, sha256, tampered
from tests.signer import Signer

ALICE, BOB = Signer.of("alice"), Signer.of("bob")
A, B = SigningKey(ALICE.seed), SigningKey(BOB.seed)
STATEMENT = Path("releases", "demo", "1.0.jws")


class Desk:
    """A directory with two signers' keys and a release, and the command run in it."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.dist = artifacts(directory / "dist", WHEEL, SDIST)
        self.files = [str(path.relative_to(directory)) for path in self.dist]
        for name, one in (("alice", ALICE), ("bob", BOB)):
            store(directory / name, one.seed, None)
        self.index = ""
        self.told = ""

    def run(self, command: str, *arguments: str, by: str = "alice", code: int = 0) -> list[str]:
        """Run it, demand the exit code; returns the lines on standard output. ``told`` is standard error."""
        found = cli.main([command, "--key-file", by, *arguments])
        output, self.told = self._capsys.readouterr()
        assert found == code, self.told
        return output.splitlines()

    def sign(self, *arguments: str, by: str = "alice", code: int = 0) -> list[str]:
        return self.run("sign", *arguments, by=by, code=code)

    def list_keys(self, *entries: object, name: str = "keys.json") -> str:
        Path(name).write_bytes(signer.key_list(*entries))  # type: ignore[arg-type]
        return name


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return Desk(tmp_path, capsys)


@pytest.fixture
def served(desk: Desk) -> Iterator[Served]:
    with Served() as index:
        for path in desk.dist:
            index.add(path.name, path.read_bytes())
        desk.index = f"--index-url={index.url}"
        yield index


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def typed(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(text))


# A release


def test_what_is_signed_is_shown_and_where_it_is_is_printed(desk: Desk) -> None:
    assert desk.sign(*desk.files) == [str(STATEMENT)]
    assert desk.told == "pip-verify: demo 1.0, 2 files:\n" + "".join(
        f"pip-verify:   {path.name}  {path.stat().st_size} bytes  sha256:{sha256(path)}\n" for path in desk.dist
    )
    assert proved(STATEMENT.read_bytes(), A, B) == [A]


def test_it_is_shown_before_the_passphrase_is_asked_for(desk: Desk) -> None:
    store(Path("locked"), ALICE.seed, b"secret words")
    desk.sign(*desk.files, by="locked", code=2)
    shown, asked = desk.told.index(f"sha256:{sha256(desk.dist[0])}"), desk.told.index("error: passphrase")
    assert shown < asked
    assert not STATEMENT.exists()


def test_a_conflict_is_told_before_the_passphrase_is_asked_for(desk: Desk) -> None:
    store(Path("locked"), BOB.seed, b"secret words")
    desk.sign(desk.files[0])
    desk.sign(*desk.files, by="locked", code=2)
    assert f"says something else of {SDIST}" in desk.told


def test_a_second_signer_sees_who_signed_before(desk: Desk) -> None:
    desk.sign(*desk.files)
    desk.sign(*desk.files, "--key", A.public.text, by="bob")
    assert f"{STATEMENT} is there, signed by\npip-verify:     {A.public}: verifies\n" in desk.told
    desk.sign(*desk.files)
    assert f"pip-verify:     {B.public.thumbprint}: not checked, for no key of this name is known here\n" in desk.told


@pytest.mark.parametrize(
    ("name", "code"), [("notes.txt", 2), ("demo-1.1.tar.gz", 2), ("other-1.0.tar.gz", 2), ("demo-1.0.zip", 12)]
)
def test_what_does_not_belong_to_the_release_is_not_signed(desk: Desk, name: str, code: int) -> None:
    (more,) = artifacts(Path("dist"), name)
    desk.sign(*desk.files, str(more), code=code)
    assert not Path("releases").exists()


def test_a_disk_full_of_files_is_refused_at_once(desk: Desk) -> None:
    started = time.monotonic()
    desk.sign(*(f"dist/demo-1.0-{number}-py3-none-any.whl" for number in range(10_000)), code=2)
    assert "expected 1 to 4096 wheels and sdists, got 10000" in desk.told
    assert time.monotonic() - started < 2


def test_signed_inside_shows_both_and_prints_both(desk: Desk) -> None:
    before = sha256(desk.dist[0])
    assert desk.sign("--in-wheel", *desk.files) == [desk.files[0], str(STATEMENT)]
    first, then = desk.told.split("with the signatures inside:")
    assert f"sha256:{before}" in first
    assert f"{WHEEL}  {desk.dist[0].stat().st_size} bytes  sha256:{sha256(desk.dist[0])}" in then
    assert desk.sign("--in-wheel", *desk.files) == [str(STATEMENT)]
    assert "every wheel is signed inside by this key already" in desk.told
    assert desk.sign(*desk.files) == [str(STATEMENT)]  # the statement is about the wheel as it is now


def test_bob_signs_inside_as_well(desk: Desk) -> None:
    desk.sign("--in-wheel", *desk.files)
    desk.sign("--in-wheel", *desk.files, by="bob", code=2)
    assert "next: to sign it as well: pip-verify sign --in-wheel --add" in desk.told
    assert desk.sign("--in-wheel", "--add", *desk.files, "--key", A.public.text, by="bob") == [
        desk.files[0],
        str(STATEMENT),
    ]
    assert f"{WHEEL} is signed inside by\npip-verify:     {A.public}: verifies\n" in desk.told
    lost = f"gone with it is what was signed by\npip-verify:     {A.public}: verifies\n"
    assert f"{STATEMENT} was about the wheels as they were; {lost}" in desk.told
    assert f"pip-verify sign --add {STATEMENT} FILE...\n" in desk.told
    assert proved(STATEMENT.read_bytes(), A, B) == [B]
    desk.sign("--add", str(STATEMENT), *desk.files)
    assert proved(STATEMENT.read_bytes(), A, B) == [A, B]
    desk.sign("--in-wheel", *desk.files)
    assert f"pip-verify:     {B.public.thumbprint}: not checked, for no key of this name is known here\n" in desk.told


# A key that the key list has something against


def test_a_key_that_is_not_on_the_list_is_warned_of(desk: Desk) -> None:
    desk.sign(*desk.files, "--key-list", desk.list_keys(BOB))
    assert f"warning: {A.public} is not on the key list: nobody" in desk.told


@pytest.mark.parametrize(
    ("members", "word"), [({"exp": 1}, "expired at 1970"), ({"nbf": 9e9}, "not valid before 2255")]
)
def test_a_key_outside_its_window_is_warned_of_with_the_time_it_is_here(
    desk: Desk, members: dict[str, float], word: str
) -> None:
    desk.sign(*desk.files, "--key-list", desk.list_keys(ALICE.jwk(**members)))
    assert f"warning: {A.public} is {word}" in desk.told
    assert f"by this machine's clock ({time.strftime('%Y')}-" in desk.told


def test_a_clock_a_year_off_is_told_and_changes_nothing_else(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = desk.list_keys(ALICE.jwk(exp=int(time.time()) + 86400))
    desk.sign(*desk.files, "--key-list", keys)
    expected, told = STATEMENT.read_bytes(), desk.told
    assert "warning" not in told
    STATEMENT.unlink()
    ahead = time.time() + 365 * 86400
    monkeypatch.setattr(time, "time", lambda: ahead)
    desk.sign(*desk.files, "--key-list", keys)
    assert STATEMENT.read_bytes() == expected
    assert "is expired at" in desk.told
    assert time.strftime("by this machine's clock (%Y-%m-%d", time.gmtime(ahead)) in desk.told


def test_a_revoked_key_does_not_sign(desk: Desk) -> None:
    keys = desk.list_keys(ALICE.jwk(revoked={"revoked_at": 1, "reason": "leaked"}))
    desk.sign(*desk.files, "--key-list", keys, code=2)
    assert (
        "expected a key that is not revoked, got one that is revoked at 1970-01-01 00:00:01 UTC (leaked)" in desk.told
    )
    assert not STATEMENT.exists()


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("--key", "ed25519:x", 2),
        ("--key", "ed25519:" + "A" * 43, 2),
        ("--key-list", "missing.json", 2),
        ("--key-list", "torn.json", 12),
        ("--key-file", "missing", 2),
    ],
)
def test_keys_that_are_none(desk: Desk, option: str, value: str, code: int) -> None:
    Path("torn.json").write_text('{"keys": [')
    desk.sign(*desk.files, option, value, code=code)
    assert not STATEMENT.exists()


# Statements that are there


def test_add_with_the_files_says_that_they_are_what_is_said(desk: Desk) -> None:
    desk.sign(*desk.files)
    assert desk.sign("--add", *desk.files, by="bob") == [str(STATEMENT)]
    assert proved(STATEMENT.read_bytes(), A, B) == [A, B]
    assert "not looked at" not in desk.told
    assert "you sign what it says" not in desk.told


def test_add_without_files_says_plainly_what_it_signs(desk: Desk) -> None:
    desk.sign(*desk.files)
    desk.sign("--add", str(STATEMENT), "--key", A.public.text, by="bob")
    lines = [
        f"{STATEMENT} says: demo 1.0, 2 files:",
        *(f"  {path.name}  not looked at  sha256:{sha256(path)}" for path in desk.dist),
        "  signed by",
        f"    {A.public}: verifies",
        "  you sign what it says of these files, not what they are: name them to compare",
    ]
    assert desk.told == "".join(f"pip-verify: {line}\n" for line in lines)


def test_add_with_one_of_two_files_says_so(desk: Desk) -> None:
    desk.sign(*desk.files)
    desk.sign("--add", str(STATEMENT), desk.files[0], "--key", A.public.text, by="bob")
    assert f"{WHEEL}  {desk.dist[0].stat().st_size} bytes  " in desk.told
    assert "you sign what it says of 1 files, not what they are" in desk.told


def test_nothing_that_only_speaks_for_itself_is_signed_without_a_word(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may write into releases/ could have put it there."""
    desk.sign(*desk.files)
    before = STATEMENT.read_bytes()
    desk.sign("--add", str(STATEMENT), by="bob", code=2)
    assert "nothing but the statement speaks for demo 1.0" in desk.told
    assert "got no terminal to ask on" in desk.told
    for answer in ("", "\n", "n\n", "yes please\n"):
        typed(answer, monkeypatch)
        desk.sign("--add", str(STATEMENT), by="bob", code=2)
        assert "nothing was signed" in desk.told
    assert STATEMENT.read_bytes() == before
    typed("y\n", monkeypatch)
    desk.sign("--add", str(STATEMENT), by="bob")
    assert "Sign all the same? [y/N] " in desk.told
    STATEMENT.write_bytes(before)
    desk.sign("--add", str(STATEMENT), "--yes", by="bob")
    assert proved(STATEMENT.read_bytes(), A, B) == [A, B]


def test_what_we_signed_ourselves_speaks_for_itself_to_us(desk: Desk) -> None:
    desk.sign(*desk.files)
    assert desk.sign("--add", str(STATEMENT)) == [str(STATEMENT)]
    assert "1 of 1 had a signature by this key already" in desk.told


def test_the_new_key_signs_every_statement_in_one_pass(desk: Desk) -> None:
    for name in (SDIST, "demo-1.1.tar.gz", "other-1.0.tar.gz"):
        desk.sign(str(artifacts(Path("more"), name)[0]))
    keys = desk.list_keys(ALICE.jwk(exp=1), BOB)
    expected = [str(Path("releases", name)) for name in ("demo/1.0.jws", "demo/1.1.jws", "other/1.0.jws")]
    for arguments in (["--all"], ["--all", "releases"], ["--all", "--releases", "releases"]):
        assert desk.sign("--add", *arguments, "--key-list", keys, by="bob") == expected
    assert all(proved(Path(name).read_bytes(), A, B) == [A, B] for name in expected)
    assert "3 of 3 had a signature by this key already" in desk.told


def test_a_tree_that_somebody_slipped_something_into_stays_unsigned(desk: Desk) -> None:
    for name in (SDIST, "demo-1.1.tar.gz"):
        desk.sign(str(artifacts(Path("more"), name)[0]))
    evil = Path("releases", "demo", "1.1.jws")
    evil.write_bytes(tampered(evil.read_bytes(), "0" * 64))
    before = {path: path.read_bytes() for path in Path("releases").rglob("*.jws")}
    desk.sign("--add", "--all", "--key-list", desk.list_keys(ALICE), by="bob", code=12)
    desk.sign("--add", "--all", by="alice", code=12)  # our own, and we never made it
    evil.write_bytes(signer.sign_release([Signer.of("eve")], {"demo-1.1.tar.gz": "0" * 64}, "demo", "1.1"))
    before[evil] = evil.read_bytes()
    desk.sign("--add", "--all", "--key-list", desk.list_keys(ALICE), by="bob", code=2)
    assert "nothing but the statement speaks for demo 1.1:" in desk.told
    assert {path: path.read_bytes() for path in Path("releases").rglob("*.jws")} == before


def test_after_a_leak_the_leaked_key_s_word_is_not_enough(desk: Desk) -> None:
    desk.sign(*desk.files)
    keys = desk.list_keys(ALICE.jwk(revoked={"revoked_at": 1}), BOB)
    desk.sign("--add", "--all", "--key-list", keys, by="bob", code=2)
    desk.sign("--add", *desk.files, "--key-list", keys, by="bob")


def test_a_file_that_is_not_as_stated_is_named_with_both_digests(desk: Desk) -> None:
    desk.sign(*desk.files)
    before, old = STATEMENT.read_bytes(), sha256(desk.dist[0])
    desk.dist[0].write_bytes(artifact(WHEEL, files={"demo.py": "rebuilt = True"}))
    desk.sign("--add", *desk.files, by="bob", code=12)
    assert f"expected sha256:{old}, as {STATEMENT} says, got sha256:{sha256(desk.dist[0])}" in desk.told
    assert STATEMENT.read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--all"],
        ["--add"],
        ["--add", "--all", "one", "two"],
        ["--add", "--all", "--in-wheel"],
        ["--in-wheel", "--verify-against-index", f"dist/{WHEEL}"],
        ["--index-url=x", f"dist/{WHEEL}"],
        [str(STATEMENT)],
        ["--in-wheel", "--add", str(STATEMENT)],
        ["--add", "--all", "nowhere"],
        ["--add", f"dist/{WHEEL}"],
    ],
)
def test_options_that_do_not_fit_together(desk: Desk, arguments: list[str]) -> None:
    desk.sign(*arguments, code=2)
    assert not list(Path().rglob("*.jws"))


# Against the index


def test_what_the_index_serves_just_so_is_signed(desk: Desk, served: Served) -> None:
    desk.sign("--verify-against-index", desk.index, *desk.files)
    assert "the index serves just these files (1 release)" in desk.told
    assert served.requests == ["/simple/demo/"]


def test_what_it_serves_otherwise_is_named_and_not_signed(desk: Desk, served: Served) -> None:
    served.add(WHEEL, artifact(WHEEL, files={"demo.py": "evil = True"}))
    served.add("demo-1.0-1-py3-none-any.whl", b"")
    del served.files[SDIST]
    desk.sign("--verify-against-index", desk.index, *desk.files, code=12)
    assert f"pip-verify: {SDIST}: here, and not on the index\n" in desk.told
    assert "pip-verify: demo-1.0-1-py3-none-any.whl: on the index, and not here\n" in desk.told
    assert f"pip-verify: {WHEEL}: sha256:{sha256(desk.dist[0])} here, sha256:" in desk.told
    assert "expected the index to serve just these files, got 3 differences" in desk.told
    assert not STATEMENT.exists()


def test_an_index_out_of_reach_is_neither(desk: Desk, served: Served) -> None:
    served._server.server_close()
    desk.sign("--verify-against-index", "--index-url=http://127.0.0.1:9/simple/", *desk.files, code=14)
    assert not STATEMENT.exists()


def test_the_index_speaks_for_statements_too(desk: Desk, served: Served) -> None:
    desk.sign(*desk.files)
    desk.sign("--add", "--all", "--verify-against-index", desk.index, by="bob")
    assert proved(STATEMENT.read_bytes(), A, B) == [A, B]
    served.add(SDIST, b"other")
    before = STATEMENT.read_bytes()
    desk.sign("--add", "--all", "--verify-against-index", desk.index, by="bob", code=12)
    assert STATEMENT.read_bytes() == before


# Vouching


def test_vouching_downloads_checks_shows_and_signs(desk: Desk, served: Served) -> None:
    assert desk.run("vouch", "demo==1.0", "--yes", desk.index, "--releases", "vouched") == ["vouched/demo/1.0.jws"]
    assert {served.asked_for(name) for name in (WHEEL, SDIST)} == {1}
    for path in desk.dist:
        assert f"downloaded {path.name}; its digest is the index's\n" in desk.told
        assert f"{path.name}  {path.stat().st_size} bytes  sha256:{sha256(path)}\n" in desk.told
    desk.sign(*desk.files)
    assert Path("vouched/demo/1.0.jws").read_bytes() == STATEMENT.read_bytes()


def test_without_a_terminal_and_without_yes_nothing_is_even_downloaded(desk: Desk, served: Served) -> None:
    desk.run("vouch", "demo==1.0", desk.index, code=2)
    assert "got no terminal to ask on" in desk.told
    assert served.requests == []


def test_on_a_terminal_it_asks(desk: Desk, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    assert served.files
    typed("n\n", monkeypatch)
    desk.run("vouch", "demo==1.0", desk.index, code=2)
    assert "Sign these files, as the index serves them now? [y/N] " in desk.told
    assert not STATEMENT.exists()
    typed("y\n", monkeypatch)
    assert desk.run("vouch", "demo==1.0", desk.index) == [str(STATEMENT)]


def test_a_key_that_cannot_sign_is_known_before_anything_is_downloaded(desk: Desk, served: Served) -> None:
    Path("torn").write_text("{")
    Path("torn").chmod(0o600)
    keys = desk.list_keys(ALICE.jwk(revoked={"revoked_at": 1}))
    for by, more, code in (("missing", (), 2), ("torn", (), 12), ("alice", ("--key-list", keys), 2)):
        desk.run("vouch", "demo==1.0", "--yes", desk.index, *more, by=by, code=code)
    assert served.requests == []


def test_what_was_signed_before_is_shown_and_a_bad_signature_on_it_refused(desk: Desk, served: Served) -> None:
    desk.sign(*desk.files)
    known = ("--key-list", desk.list_keys(ALICE))
    desk.run("vouch", "demo==1.0", "--yes", desk.index, *known, by="bob")
    assert f"{STATEMENT} is there, signed by\npip-verify:     {A.public}: verifies\n" in desk.told
    assert f"warning: {B.public} is not on the key list" in desk.told
    data = signer.to_json(signer.statement({path.name: sha256(path) for path in desk.dist}, "pkg:pypi/demo@1.0"))
    before = signer.jws(data, [signer.signature(BOB, data, kid=ALICE.thumbprint)])
    STATEMENT.write_bytes(before)
    desk.run("vouch", "demo==1.0", "--yes", desk.index, *known, by="bob", code=12)
    assert STATEMENT.read_bytes() == before
    assert served.files


def test_a_conflict_of_one_release_leaves_all_unsigned_and_comes_before_any_question(
    desk: Desk, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.add("other-2.0.tar.gz", artifact("other-2.0.tar.gz"))
    desk.sign(desk.files[0])
    before = STATEMENT.read_bytes()
    store(Path("locked"), BOB.seed, b"secret words")
    typed("y\n", monkeypatch)
    desk.run("vouch", "other==2.0", "demo==1.0", desk.index, by="locked", code=2)
    assert f"says something else of {SDIST}" in desk.told
    assert "[y/N]" not in desk.told
    assert STATEMENT.read_bytes() == before
    assert not Path("releases", "other").exists()


def test_several_releases_are_asked_about_together(desk: Desk, served: Served) -> None:
    served.add("other-2.0.tar.gz", artifact("other-2.0.tar.gz"))
    names = ("demo==1.0", "other==2.0", "demo==1.0")
    assert desk.run("vouch", *names, "--yes", desk.index) == [str(STATEMENT), "releases/other/2.0.jws"]


@pytest.mark.parametrize("data", [b"no wheel", artifact("other-1.0-py3-none-any.whl")])
def test_one_file_that_nobody_could_install_is_not_vouched_for(desk: Desk, served: Served, data: bytes) -> None:
    served.add(WHEEL, data)
    served.add("other-2.0.tar.gz", artifact("other-2.0.tar.gz"))
    desk.run("vouch", "other==2.0", "demo==1.0", "--yes", desk.index, code=12)
    assert not Path("releases").exists()


def test_a_lying_index_is_caught(desk: Desk, served: Served) -> None:
    served.tamper(WHEEL, artifact(WHEEL, files={"demo.py": "evil = True"}))
    desk.run("vouch", "demo==1.0", "--yes", desk.index, code=12)
    assert f"expected sha256:{sha256(desk.dist[0])}, as the index states" in desk.told


def test_what_was_vouched_for_earlier_and_is_served_otherwise_now(desk: Desk, served: Served) -> None:
    desk.run("vouch", "demo==1.0", "--yes", desk.index)
    before = STATEMENT.read_bytes()
    served.add(WHEEL, artifact(WHEEL, files={"demo.py": "evil = True"}))
    desk.run("vouch", "demo==1.0", "--yes", desk.index, code=2)
    assert f"a statement that says something else of {WHEEL}" in desk.told
    assert STATEMENT.read_bytes() == before


def test_what_the_index_marks_or_leaves_out_is_told(desk: Desk, served: Served) -> None:
    served.add(WHEEL, desk.dist[0].read_bytes(), stated="none")
    served.add("demo-1.0.tar.bz2", b"")
    served.add("demo-1.0.exe", b"")
    desk.run("vouch", "demo==1.0", "--yes", desk.index)
    assert f"downloaded {WHEEL}; the index states no digest\n" in desk.told
    assert "left out: demo-1.0.tar.bz2: on the index, where pip takes it" in desk.told
    assert "1 file there is left out" in desk.told


@pytest.mark.parametrize("name", ["demo", "demo==2.0", "demo==1.*", "other==1.0"])
def test_what_is_not_there_or_not_exact(desk: Desk, served: Served, name: str) -> None:
    assert served.files
    desk.run("vouch", name, "--yes", desk.index, code=2)
    assert not Path("releases").exists()


def test_an_index_out_of_reach(desk: Desk) -> None:
    desk.run("vouch", "demo==1.0", "--yes", "--index-url=http://127.0.0.1:9/simple/", code=14)
    assert hashlib.sha256(desk.dist[0].read_bytes()).hexdigest() not in desk.told
