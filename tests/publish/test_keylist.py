"""Upkeep of the key list: what is written, what is refused, and that nobody's change is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pip_verify.errors import EvidenceError, UsageError
from pip_verify.keys import KeyList, PublicKey, parse_key_list
from pip_verify.publish.keyfile import SigningKey
from pip_verify.publish.keylist import add, init, remove, retire, revoke
from pip_verify.publish.listlint import lint_key_list

ROOT = Path(__file__).resolve().parent.parent.parent
NOW = 1_800_000_000


def make_key(number: int) -> PublicKey:
    return SigningKey(bytes([number]) * 32).public


A, B = make_key(1), make_key(2)

WRITERS = """
import sys
from pathlib import Path
from pip_verify.publish.keyfile import SigningKey
from pip_verify.publish.keylist import add
for number in range(10):
    add(Path(sys.argv[1]), SigningKey(bytes([int(sys.argv[2]) * 10 + number]) * 32).public, iat=0)
"""

Change = Callable[[Path], object]
CHANGES: list[Change] = [
    lambda path: add(path, B, iat=NOW),
    lambda path: retire(path, A, at=NOW),
    lambda path: revoke(path, A, at=NOW, reason="lost"),
    lambda path: remove(path, A),
]
change_of_any_kind = pytest.mark.parametrize("change", CHANGES, ids=["add", "retire", "revoke", "remove"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A list with the key A."""
    init(tmp_path / "keys.json")
    add(tmp_path / "keys.json", A, iat=NOW)
    return tmp_path / "keys.json"


def read(path: Path) -> KeyList:
    return parse_key_list(path.read_bytes())


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))


def test_a_new_list_is_empty(tmp_path: Path) -> None:
    init(tmp_path / "keys.json")
    assert (tmp_path / "keys.json").read_bytes() == b'{\n  "keys": []\n}\n'
    assert read(tmp_path / "keys.json").keys == ()


def test_a_list_that_is_there_is_not_begun_anew(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(UsageError, match="got an existing file"):
        init(path)
    assert path.read_bytes() == before


def test_it_reads_well_in_a_commit(path: Path) -> None:
    assert (
        path.read_text()
        == f"""{{
  "keys": [
    {{
      "kty": "OKP",
      "crv": "Ed25519",
      "x": "{A.text[8:]}",
      "kid": "{A.thumbprint}",
      "use": "sig",
      "alg": "Ed25519",
      "iat": {NOW}
    }}
  ]
}}
"""
    )


def test_the_life_of_a_key(path: Path) -> None:
    entry = read(path).get(A)
    assert entry is not None
    assert (entry.iat, entry.refusal(NOW)) == (NOW, None)
    retire(path, A, at=NOW, exp=NOW + 10)
    entry = read(path).get(A)
    assert entry is not None
    assert entry.refusal(NOW + 9) is None
    assert entry.refusal(NOW + 10) is not None
    revoke(path, A, at=NOW + 5, reason="laptop lost")
    entry = read(path).get(A)
    assert entry is not None
    assert (entry.retired_at, entry.exp) == (NOW, NOW + 10)
    assert (entry.revoked_at, entry.revoked_reason) == (NOW + 5, "laptop lost")
    assert entry.refusal(NOW) is not None
    remove(path, A)
    assert read(path).get(A) is None


def test_an_end_moves_nearer_and_away_only_if_that_is_said(path: Path) -> None:
    retire(path, A, at=NOW, exp=NOW + 100)
    retire(path, A, at=NOW + 1, exp=NOW + 50)
    refused(path, lambda path: retire(path, A, at=NOW + 2, exp=NOW + 51), f"no end of {A} later than the list states")
    retire(path, A, at=NOW + 3, exp=NOW + 200, later=True)
    assert [(entry.retired_at, entry.exp) for entry in read(path).keys] == [(NOW + 3, NOW + 200)]


def test_a_key_that_has_ended_is_not_revived(path: Path) -> None:
    retire(path, A, at=NOW)
    refused(path, lambda path: retire(path, A, at=NOW + 9, exp=NOW * 2), "with which it could sign again")
    assert retire(path, A, at=NOW + 9).exp == NOW
    assert retire(path, A, at=NOW - 9).exp == NOW - 9


def test_a_key_that_is_yet_to_begin_can_be_retired_and_the_list_published(path: Path) -> None:
    edit(path, lambda document: document["keys"][0].update(nbf=NOW + 1000))
    retire(path, A, at=NOW)
    add(path, B, iat=NOW)
    assert lint_key_list(path.read_bytes(), "keys.json", now=NOW) == []
    entry = read(path).get(A)
    assert entry is not None
    for now in (0, NOW, NOW + 1000, NOW * 2):
        assert entry.refusal(now) is not None


def test_only_the_key_that_is_meant_changes_and_order_stays(path: Path) -> None:
    add(path, B, iat=NOW + 1)
    retire(path, B, at=NOW + 2)
    assert [(entry.key, entry.exp) for entry in read(path).keys] == [(A, None), (B, NOW + 2)]
    remove(path, A)
    assert [entry.key for entry in read(path).keys] == [B]


@change_of_any_kind
def test_what_we_do_not_know_stays(path: Path, change: Change) -> None:
    strange = {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AQAB", "x": A.text[8:], "ä": [1.5, None]}

    def extend(document: dict[str, Any]) -> None:
        document["keys"].insert(0, strange)
        document.update(releases="r/{project}/{version}.jws", contact="security@keys.example")

    edit(path, extend)
    change(path)
    document = json.loads(path.read_bytes())
    assert document["keys"][0] == strange
    assert (document["releases"], document["contact"]) == ("r/{project}/{version}.jws", "security@keys.example")
    assert "ä" in path.read_text(encoding="utf-8")


def test_a_key_is_found_under_any_label(path: Path) -> None:
    edit(path, lambda document: document["keys"][0].update(kid="release-1"))
    revoke(path, A, at=NOW, reason="x")
    assert json.loads(path.read_bytes())["keys"][0]["revoked"] == {"revoked_at": NOW, "reason": "x"}


# what is refused; the list is then as it was


def refused(path: Path, change: Change, message: str) -> None:
    before = path.read_bytes()
    with pytest.raises(UsageError, match=message):
        change(path)
    assert path.read_bytes() == before


def test_a_key_twice(path: Path) -> None:
    refused(path, lambda path: add(path, A, iat=NOW), "expected a key that is not on the list")


@pytest.mark.parametrize("change", CHANGES[1:], ids=["retire", "revoke", "remove"])
def test_a_key_that_is_not_there(path: Path, change: Change) -> None:
    remove(path, A)
    add(path, B, iat=NOW)
    refused(path, change, f"expected {A} on the list, got 1 other keys")


@pytest.mark.parametrize("change", CHANGES[1:3], ids=["retire", "revoke"])
def test_a_revocation_is_not_softened_or_redated(path: Path, change: Change) -> None:
    revoke(path, A, at=NOW - 5, reason="stolen")
    refused(path, change, "expected a key that is not revoked")


@pytest.mark.parametrize("time", [-1, NOW * 1000, 253402300800])
def test_a_time_that_is_none(path: Path, time: int) -> None:
    refused(path, lambda path: add(path, B, iat=time), "seconds since the epoch")
    refused(path, lambda path: retire(path, A, at=NOW, exp=time), "seconds since the epoch")
    refused(path, lambda path: revoke(path, A, at=time, reason=""), "seconds since the epoch")


@pytest.mark.parametrize("reason", ["two\nlines", "\x1b[2J", "x" * 201, "\udc80"])
def test_a_reason_that_would_not_print(path: Path, reason: str) -> None:
    refused(path, lambda path: revoke(path, A, at=NOW, reason=reason), r"keys\.json")


def test_the_129th_key(path: Path) -> None:
    for number in range(2, 129):
        edit(path, lambda document, number=number: document["keys"].append(make_key(number).to_jwk()))  # type: ignore[misc]
    refused(path, lambda path: add(path, make_key(200), iat=NOW), "at most 128 keys")


@change_of_any_kind
@pytest.mark.parametrize("data", [b"", b"{}", b'{"keys": {}}', b'{"keys": [], "keys": []}', b'{"keys": ['])
def test_a_list_that_is_torn_or_malformed(path: Path, change: Change, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(EvidenceError):
        change(path)
    assert path.read_bytes() == data


@change_of_any_kind
def test_a_list_with_a_private_key_on_it(path: Path, change: Change) -> None:
    edit(path, lambda document: document["keys"][0].update(d="AAAA"))
    with pytest.raises(EvidenceError, match='got a private member "d"'):
        change(path)


@change_of_any_kind
def test_no_list_at_all(tmp_path: Path, change: Change) -> None:
    with pytest.raises(UsageError, match="expected a key list") as caught:
        change(tmp_path / "my keys.json")
    assert caught.value.hint == f"pip-verify keylist init '{tmp_path / 'my keys.json'}'"
    assert not (tmp_path / "my keys.json").exists()
    with pytest.raises(UsageError, match="no such directory"):
        change(tmp_path / "missing" / "keys.json")


def test_four_processes_of_ten_keys_lose_none(tmp_path: Path) -> None:
    init(tmp_path / "keys.json")
    command = [sys.executable, "-c", WRITERS, str(tmp_path / "keys.json")]
    processes = [subprocess.Popen([*command, str(writer)], cwd=ROOT) for writer in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    assert {entry.key for entry in read(tmp_path / "keys.json").keys} == {make_key(number) for number in range(40)}
