"""What a change of the key list would do to the releases that are there; and the statements on disk that tell it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pip_verify.errors import EvidenceError, UsageError
from pip_verify.keys import KeyList, parse_key_list
from pip_verify.publish.releases import Releases, counting, read_releases, signers_of
from pip_verify.publish.rotation import CLOCK_SLACK, broken, can_sign, losses, refuse_wrong_clock
from tests.signer import Signer, jws, key_list, sign_release, signature, statement, to_json

NOW = 1_800_000_000
ALICE, BOB, EVE = (Signer.of(name) for name in ("alice", "bob", "eve"))
DIGEST = "0" * 64


def release(root: Path, project: str, version: str, *signers: Signer) -> Path:
    path = root / project / f"{version}.jws"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sign_release(signers, {f"{project}-{version}.tar.gz": DIGEST}, project, version))
    return path


def listed(*entries: Signer | Mapping[str, Any]) -> KeyList:
    return parse_key_list(key_list(*entries))


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    """demo 1.0 is signed by alice, demo 2.0 by both, other 1.0 by bob."""
    release(tmp_path, "other", "1.0", BOB)
    release(tmp_path, "demo", "1.0", ALICE)
    release(tmp_path, "demo", "2.0", ALICE, BOB)
    return read_releases(tmp_path)


def told(releases: Releases, after: KeyList, *, then: float = NOW) -> list[str]:
    return [str(loss) for loss in losses(releases, listed(ALICE, BOB), after, now=NOW, then=then)]


REVOKED = {"revoked": {"revoked_at": NOW, "reason": "x"}}


@pytest.mark.parametrize(
    "after",
    [
        listed(BOB),
        listed(ALICE.jwk(exp=NOW), BOB),
        listed(ALICE.jwk(**REVOKED), BOB),
        listed(ALICE.jwk(nbf=NOW + 1), BOB),
    ],
    ids=["removed", "retired", "revoked", "not-yet"],
)
def test_every_release_that_loses_a_signature_is_told_the_broken_ones_first(releases: Releases, after: KeyList) -> None:
    assert told(releases, after) == ["demo 1.0: 1 -> 0", "demo 2.0: 2 -> 1"]
    assert broken(losses(releases, listed(ALICE, BOB), after, now=NOW, then=NOW)) == 1


def test_what_nobody_could_install_any_more_is_told_first(tmp_path: Path) -> None:
    release(tmp_path, "a", "1.0", ALICE, BOB)
    release(tmp_path, "b", "1.0", ALICE)
    assert told(read_releases(tmp_path), listed(BOB)) == ["b 1.0: 1 -> 0", "a 1.0: 2 -> 1"]


def test_a_key_that_signed_nothing_breaks_nothing(releases: Releases) -> None:
    everybody = listed(ALICE, BOB, EVE)
    assert losses(releases, everybody, listed(ALICE, BOB), now=NOW, then=NOW) == []


def test_a_retirement_counts_from_when_it_takes_effect(releases: Releases) -> None:
    after = listed(ALICE.jwk(exp=NOW + 10), BOB)
    assert told(releases, after, then=NOW + 9) == []
    assert told(releases, after, then=NOW + 10) == ["demo 1.0: 1 -> 0", "demo 2.0: 2 -> 1"]


def test_what_was_broken_before_is_not_blamed_on_the_change(releases: Releases) -> None:
    before = listed(ALICE.jwk(exp=NOW - 1), BOB)
    assert losses(releases, before, listed(BOB), now=NOW, then=NOW) == []


def test_a_signature_that_does_not_verify_counts_for_nothing(tmp_path: Path) -> None:
    body = statement({"demo-1.0.tar.gz": DIGEST}, "pkg:pypi/demo@1.0")
    payload = to_json(body)
    good, bad = signature(ALICE, payload), signature(BOB, payload + b" ")
    path = tmp_path / "demo" / "1.0.jws"
    path.parent.mkdir()
    path.write_bytes(jws(payload, [good, bad]))
    found = read_releases(tmp_path)
    signers = signers_of(found.statements[0], listed(ALICE, BOB))
    assert [key.text for key in signers.proved] == [ALICE.text]
    assert signers.bad == (BOB.thumbprint,)
    assert [str(loss) for loss in losses(found, listed(ALICE, BOB), listed(BOB), now=NOW, then=NOW)] == [
        "demo 1.0: 1 -> 0"
    ]


def test_two_signatures_of_one_key_are_one(tmp_path: Path) -> None:
    release(tmp_path, "demo", "1.0", ALICE, ALICE)
    (found,) = read_releases(tmp_path).statements
    everybody = listed(ALICE)
    assert len(counting(signers_of(found, everybody).proved, everybody, NOW)) == 1


def test_how_many_may_sign() -> None:
    assert can_sign(listed(ALICE, BOB.jwk(exp=NOW), EVE.jwk(**REVOKED)), NOW) == 1
    assert can_sign(listed(), NOW) == 0


# the clock


@pytest.mark.parametrize(
    ("members", "done", "named"),
    [
        ({"iat": NOW}, "added", '"iat"'),
        ({"retired_at": NOW, "exp": NOW}, "retired", '"exp" and "retired_at"'),
        ({"revoked": {"revoked_at": NOW}}, "revoked", '"revoked_at"'),
    ],
    ids=["iat", "retired", "revoked"],
)
def test_a_clock_that_is_a_year_behind_is_noticed(members: dict[str, Any], done: str, named: str) -> None:
    entry = ALICE.jwk(**members)
    refuse_wrong_clock("keys.json", listed(BOB.jwk(iat=1), entry), NOW - CLOCK_SLACK)
    with pytest.raises(UsageError, match=r"keys\.json: expected nothing that happened later than now, 2026-01") as told:
        refuse_wrong_clock("keys.json", listed(BOB.jwk(iat=1), entry), NOW - 365 * 86400)
    assert told.value.got == f"a key that was {done} at 2027-01-15 08:00:00 UTC"
    assert f"correct its {named} in it" in told.value.hint


def test_windows_to_come_say_nothing_of_the_clock() -> None:
    refuse_wrong_clock("keys.json", listed(ALICE.jwk(nbf=NOW, exp=NOW + 1)), 0)


# what is on disk


def test_statements_are_read_in_the_order_of_their_paths(releases: Releases) -> None:
    assert [statement.release for statement in releases.statements] == ["demo 1.0", "demo 2.0", "other 1.0"]
    assert releases.faults == ()


def test_hidden_files_are_passed_by(tmp_path: Path) -> None:
    release(tmp_path, "demo", "1.0", ALICE)
    (tmp_path / ".statements.lock").touch()
    (tmp_path / "demo" / ".1.0.jws.swp").write_text("x")
    assert len(read_releases(tmp_path).statements) == 1
    assert read_releases(tmp_path).faults == ()


@pytest.mark.parametrize("name", ["demo/2.0.jws", "Demo/1.0.jws", "1.0.jws", "demo/1.0", "demo/sub/1.0.jws"])
def test_a_statement_in_another_place_than_its_own(tmp_path: Path, name: str) -> None:
    path = release(tmp_path, "demo", "1.0", ALICE)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    path.rename(tmp_path / name)
    found = read_releases(tmp_path)
    assert found.statements == ()
    (fault,) = found.faults
    assert str(fault).startswith(f"{tmp_path / name}: expected the statement of this path")
    assert str(path) in str(fault)


def test_each_file_that_is_no_statement_is_a_fault_and_the_others_count(tmp_path: Path) -> None:
    release(tmp_path, "demo", "1.0", ALICE)
    (tmp_path / "demo" / "2.0.jws").write_bytes(b'{"payload":')
    (tmp_path / "signing.key").write_bytes(to_json(ALICE.private_jwk()))
    found = read_releases(tmp_path)
    assert [statement.release for statement in found.statements] == ["demo 1.0"]
    assert [type(fault) for fault in found.faults] == [EvidenceError, EvidenceError]
    assert str(found.faults[0]).startswith(f"{tmp_path / 'demo' / '2.0.jws'}: release statement: expected JSON")
    assert ALICE.private_jwk()["d"] not in "".join(map(str, found.faults))


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jws")
    assert "no regular file" in str(read_releases(tmp_path).faults[0])


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a directory of release statements"):
        read_releases(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="Not a directory"):
        read_releases(tmp_path / "file")
