"""Key lists and their differences in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from pip_verify.keys import KeyList, parse_key_list
from pip_verify.publish.listwords import differences, show_json, show_text
from tests.signer import Signer, key_list

NOW = 1_800_000_000
DAY = 86400
ALICE, BOB = (Signer.of(name) for name in ("alice", "bob"))
REVOKED = {"revoked_at": NOW, "reason": "stolen"}


def listed(*entries: Signer | Mapping[str, Any], **top: Any) -> KeyList:
    return parse_key_list(key_list(*entries, **top))


def test_show_tells_all_there_is_of_a_key() -> None:
    entry = ALICE.jwk(kid="alice", iat=NOW, nbf=NOW + DAY, exp=NOW + 2 * DAY, retired_at=NOW, revoked=REVOKED)
    assert show_text(listed(entry, BOB, {"kty": "RSA"}), "k.json", NOW) == [
        "k.json: 2 keys, of which 1 may sign now",
        "not shown: 1 key of a type that pip-verify does not know",
        "statements: releases/{project}/{version}.jws, beside the list",
        ALICE.text,
        f"  thumbprint      {ALICE.thumbprint}",
        "  label           alice",
        "  added           2027-01-15 08:00:00 UTC",
        "  may sign from   2027-01-16 08:00:00 UTC",
        "  may sign until  2027-01-17 08:00:00 UTC",
        "  retired         2027-01-15 08:00:00 UTC",
        "  revoked         2027-01-15 08:00:00 UTC (stolen)",
        "  now             revoked",
        BOB.text,
        f"  thumbprint      {BOB.thumbprint}",
        "  now             may sign",
    ]


@pytest.mark.parametrize(
    ("members", "word"),
    [
        ({}, "may sign"),
        ({"nbf": NOW + 1}, "not yet"),
        ({"exp": NOW}, "ended"),
        ({"nbf": NOW + 2, "exp": NOW}, "ended"),
        ({"revoked": REVOKED}, "revoked"),
    ],
)
def test_how_a_key_stands(members: dict[str, Any], word: str) -> None:
    key_list = listed(ALICE.jwk(**members))
    assert show_text(key_list, "k.json", NOW)[-1] == f"  now             {word}"
    assert show_json(key_list, NOW)["keys"][0]["standing"] == word


def test_show_for_programs() -> None:
    entry = ALICE.jwk(kid="alice", iat=NOW, exp=NOW + DAY, retired_at=NOW, revoked=REVOKED)
    shown = show_json(listed(entry, {"kty": "RSA"}, releases="r/{version}.jws"), NOW)
    assert json.loads(json.dumps(shown)) == {
        "version": 1,
        "keys": [
            {
                "key": ALICE.text,
                "thumbprint": ALICE.thumbprint,
                "label": "alice",
                "iat": NOW,
                "nbf": None,
                "exp": NOW + DAY,
                "retired_at": NOW,
                "revoked_at": NOW,
                "reason": "stolen",
                "standing": "revoked",
            }
        ],
        "skipped": 1,
        "releases": "r/{version}.jws",
    }


T0, T1 = "2027-01-15 08:00:00 UTC", "2027-01-16 08:00:00 UTC"


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({}, {}, []),
        ({}, {"exp": NOW}, [f"retired {ALICE.text}: may sign until {T0}"]),
        ({"exp": NOW}, {"exp": NOW + DAY}, [f"window changed: {ALICE.text}: may sign until {T0} -> {T1}"]),
        ({"exp": NOW}, {}, [f"window changed: {ALICE.text}: may sign until {T0} -> no date"]),
        ({}, {"nbf": NOW}, [f"window changed: {ALICE.text}: may sign from no date -> {T0}"]),
        ({}, {"iat": NOW}, [f"changed {ALICE.text}: added no date -> {T0}"]),
        ({}, {"kid": "alice"}, [f"renamed {ALICE.text}: no label -> alice"]),
        ({}, {"revoked": REVOKED}, [f"revoked {ALICE.text}: since {T0} (stolen)"]),
        ({}, {"revoked": {"revoked_at": NOW}}, [f"revoked {ALICE.text}: since {T0}"]),
        ({"revoked": REVOKED}, {}, [f"no longer revoked: {ALICE.text}: it was since {T0} (stolen)"]),
        (
            {"revoked": REVOKED},
            {"revoked": {"revoked_at": NOW + DAY}},
            [f"revocation changed: {ALICE.text}: {T0} (stolen) -> {T1}"],
        ),
        (
            {},
            {"exp": NOW, "revoked": REVOKED},
            [f"revoked {ALICE.text}: since {T0} (stolen)", f"retired {ALICE.text}: may sign until {T0}"],
        ),
    ],
)
def test_what_happened_to_a_key(old: dict[str, Any], new: dict[str, Any], lines: list[str]) -> None:
    assert differences(listed(ALICE.jwk(**old)), listed(ALICE.jwk(**new))) == lines


def test_keys_that_came_and_went() -> None:
    assert differences(listed(ALICE), listed(BOB.jwk(iat=NOW, kid="bob"))) == [
        f"removed {ALICE.text}",
        f"added {BOB.text} (label bob; added {T0})",
    ]
    assert differences(listed(), listed(BOB)) == [f"added {BOB.text}"]


def test_what_else_a_list_says() -> None:
    assert differences(listed(ALICE, {"kty": "x"}), listed(ALICE, releases="r/{version}")) == [
        "statements: releases/{project}/{version}.jws, beside the list -> r/{version}",
        "keys of a type that pip-verify does not know: 1 -> 0",
    ]


def test_order_and_spelling_are_no_difference() -> None:
    assert differences(listed(ALICE, BOB), listed(BOB.jwk(alg="EdDSA"), ALICE)) == []
