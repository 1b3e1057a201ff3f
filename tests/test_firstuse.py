"""What ``pip-verify.lock`` holds, byte for byte, and what departs from it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_verify.artifact.name import Artifact
from pip_verify.errors import EvidenceError, PipVerifyError, UsageError
from pip_verify.firstuse import (
    FIRST_USE_MAX_BYTES,
    RANKS,
    Seen,
    Today,
    bytes_needed,
    compare,
    contradicted,
    departed,
    explained,
    first_used,
    merge,
    not_here,
    parse_first_use,
    release_line,
    serialise,
)
from pip_verify.keys import PublicKey
from pip_verify.pins import Origin, Pin
from pip_verify.verdict import Decision, Reason, Verdict
from tests.signer import Signer

NAME = "pip-verify.lock"
LIST = "https://keys.example/keys.json"
ALICE, BOB, EVE = (PublicKey.from_raw(Signer.of(name).raw) for name in ("alice", "bob", "eve"))
WHEEL = Artifact("demo", "1.0", "demo-1.0-py3-none-any.whl", "wheel", "5" * 64)
DEMO = Seen("demo", (ALICE,), LIST, date(2026, 11, 20), {"1.0": "release-statement"}, Origin(NAME, 5))
LEGACY = Seen("wheel", tuple(sorted((ALICE, BOB), key=str)), None, date(2025, 1, 2), {"0.2": "record-jws"})

TEXT = f"""\
# Who signed each project when it was first used here (trust on first use). pip-verify writes this file.
# Commit it, and review each change as you review code: a changed key is another publisher.
version = 1

[projects.demo]
first-seen = 2026-11-20
key-list = "{LIST}"
keys = [
    "{ALICE}",
]
[projects.demo.lines]
"1.0" = "release-statement"

[projects.wheel]
first-seen = 2025-01-02
keys = [
    "{LEGACY.keys[0]}",
    "{LEGACY.keys[1]}",
]
[projects.wheel.lines]
"0.2" = "record-jws"

# end of pip-verify.lock
"""


def parse(text: str) -> dict[str, Seen]:
    return parse_first_use(text.encode(), NAME)


# The file.


def test_the_file_as_it_is_documented() -> None:
    seen = parse(TEXT)
    assert seen == {"demo": DEMO, "wheel": LEGACY}
    assert serialise(seen).decode() == TEXT
    assert [str(entry.origin) for entry in seen.values()] == [f"{NAME}:5", f"{NAME}:14"]


def test_a_lock_without_entries_is_whole() -> None:
    assert parse_first_use(serialise({}), NAME) == {}


KEYS = st.sets(st.integers(0, 30), min_size=1, max_size=3).map(
    lambda numbers: tuple(
        sorted((PublicKey.from_raw(Signer.of(f"key {number}").raw) for number in numbers), key=lambda key: key.text)
    )
)
LINES = st.dictionaries(
    st.tuples(st.integers(0, 2), st.integers(0, 2030), st.integers(0, 99)).map(
        lambda parts: f"{parts[0]}!{parts[1]}.{parts[2]}" if parts[0] else f"{parts[1]}.{parts[2]}"
    ),
    st.sampled_from(RANKS),
)
ENTRIES = st.builds(
    Seen,
    st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)?", fullmatch=True),
    KEYS,
    st.none() | st.from_regex(r"https://[a-z]+/[a-z!~.?=&%-]*", fullmatch=True),
    st.dates(date(1970, 1, 1), date(9998, 12, 31)),
    LINES,
)


@given(st.lists(ENTRIES, max_size=4))
def test_what_is_written_is_read_as_it_was_and_written_again_byte_for_byte(entries: list[Seen]) -> None:
    seen = {entry.project: entry for entry in entries}
    data = serialise(seen)
    assert parse_first_use(data, NAME) == seen
    assert serialise(parse_first_use(data, NAME)) == data


@pytest.mark.parametrize("end", range(0, len(TEXT), 7))
def test_a_lock_that_was_cut_off_anywhere_is_an_error(end: int) -> None:
    with pytest.raises(PipVerifyError):
        parse(TEXT[:end])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 1", "version = 2"),
        ("version = 1\n", ""),
        ("version = 1", "version = true"),
        ("version = 1", "version = 1\nmore = 2"),
        ("version = 1\n", "version = 1\nprojects = 3\n"),
        ("[projects.demo]", "[projects.Demo]"),
        ("[projects.demo]", '[projects."de/mo"]'),
        ("[projects.demo]\n", "[projects.demo]\nhashes = []\n"),
        ("[projects.wheel]", "[projects.demo]"),
        ("first-seen = 2026-11-20\n", ""),
        ("2026-11-20", '"2026-11-20"'),
        (LIST, "http://keys.example/keys.json"),
        (LIST, "https://keys.example/\\u0022"),
        (f'    "{ALICE}",\n]\n[projects.demo', f'    "{ALICE}",\n    "{ALICE}",\n]\n[projects.demo'),
        (f'keys = [\n    "{ALICE}",\n]\n', ""),
        ("release-statement", "attestation"),
        ('"release-statement"', "3"),
        ('"1.0"', '"1"'),
        ('"1.0"', '"01.0"'),
        ('"1.0"', '"0!1.0"'),
        ("# end of pip-verify.lock", "# the end"),
        ("# end of pip-verify.lock\n", "# end of pip-verify.lock\n\n"),
        ("keys = [\n", "keys = [ # mine\n"),
        ("\n", "\r\n"),
        ("2026-11-20\n", "2026-11-20 \n"),
        ("# Who", "\ufeff# Who"),
        ("publisher.", "publisher\udcff."),
    ],
)
def test_what_pip_verify_would_not_have_written_is_an_error(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(UsageError, match=NAME):
        parse_first_use(TEXT.replace(old, new).encode("utf-8", "surrogateescape"), NAME)


def test_entries_in_another_order_are_an_error_that_names_the_line() -> None:
    start, second, end = TEXT.index("[projects.demo]"), TEXT.index("[projects.wheel]"), TEXT.index("# end")
    with pytest.raises(UsageError, match="another line 5"):
        parse(TEXT[:start] + TEXT[second:end] + TEXT[start:second] + TEXT[end:])


@pytest.mark.parametrize("text", [TEXT + "# more\n", TEXT[:-1]])
def test_a_last_line_that_differs_is_an_error(text: str) -> None:
    with pytest.raises(UsageError, match=f"another line {TEXT.count(chr(10)) + 1} "):
        parse(text)


@pytest.mark.parametrize("data", [b"", b" \n\n"])
def test_an_empty_lock_is_an_error(data: bytes) -> None:
    with pytest.raises(UsageError, match="an empty file"):
        parse_first_use(data, NAME)


def test_a_weak_key_is_an_error() -> None:
    weak = "ed25519:" + "A" * 43
    with pytest.raises(EvidenceError, match="weak"):
        parse(TEXT.replace(str(ALICE), weak))


def test_a_lock_without_end_is_not_read() -> None:
    with pytest.raises(UsageError, match="at most"):
        parse_first_use(b"#" * (FIRST_USE_MAX_BYTES + 1), NAME)


# Lines and ranks.


@pytest.mark.parametrize(
    ("version", "line"),
    [("1", "1.0"), ("1.2.3", "1.2"), ("2.0rc1", "2.0"), ("1!2.3.4", "1!2.3"), ("2026.11.20", "2026.11"), ("0", "0.0")],
)
def test_the_line_of_a_version(version: str, line: str) -> None:
    assert release_line(version) == line


@pytest.mark.parametrize(
    ("version", "strongest"),
    [
        ("0.9", None),
        ("1.0.7", "record-jws"),
        ("1.5", "record-jws"),
        ("1.10", "release-statement"),
        ("2.3", "release-statement"),
        ("9.9", "in-wheel"),
        ("1!0.1", "in-wheel"),
    ],
)
def test_an_own_line_counts_else_the_nearest_older_one(version: str, strongest: str | None) -> None:
    lines = {"3.0": "in-wheel", "1.0": "record-jws", "1.10": "release-statement"}
    assert replace(DEMO, lines=lines).strongest(version) == strongest


def test_the_pin_demands_the_keys_the_list_and_evidence_no_weaker() -> None:
    assert DEMO.pin("1.0.1") == Pin((ALICE,), LIST, formats=("release-statement",), origin=Origin(NAME, 5))
    assert replace(DEMO, lines={"1.0": "in-wheel"}).pin("2.0").formats == ("in-wheel", "release-statement")
    assert LEGACY.pin("0.21").formats == RANKS
    assert DEMO.pin("0.9").formats == DEMO.pin().formats == ()


def test_an_entry_grows_by_what_is_new_only() -> None:
    assert DEMO.having("1.0.5", "release-statement") is DEMO
    assert DEMO.having("1.0.5", "in-wheel") is DEMO
    assert DEMO.having("1.1", "in-wheel").lines == {"1.0": "release-statement", "1.1": "in-wheel"}
    assert LEGACY.having("0.2.1", "in-wheel").lines == {"0.2": "in-wheel"}


def test_entries_made_at_once_are_merged_if_they_name_the_same_signer() -> None:
    later = replace(DEMO, first_seen=date(2026, 11, 21), lines={"1.0": "in-wheel", "2.0": "in-wheel"})
    merged = replace(DEMO, lines={"1.0": "release-statement", "2.0": "in-wheel"})
    assert merge(later, DEMO) == merge(DEMO, later) == merged
    assert merge(DEMO, replace(DEMO, keys=(EVE,))) is None
    assert merge(DEMO, replace(DEMO, key_list=None)) is None


# What departs.


def refused(*codes: str, got: str = "what was found", hint: str = "do this") -> Verdict:
    reasons = tuple(Reason(code, "demo", "what was expected", got, hint) for code in codes)
    return Verdict(WHEEL, Decision.REJECT, reasons, origins=(DEMO.origin,))


def accepted(*keys: PublicKey, evidence: str = "release-statement", by_list: str | None = LIST) -> Verdict:
    origins = (Origin(by_list),) if by_list else (Origin(NAME),)
    return Verdict(
        WHEEL, Decision.ACCEPT, (Reason("PV001", "demo"),), keys, origins=origins, by="signature", evidence=evidence
    )


def departure(verdict: Verdict, today: Verdict | None = None, seen: Seen = DEMO) -> str | None:
    reason = compare(seen, verdict, Today(today))
    return None if reason is None else reason.id


def test_nothing_departs_where_it_is_accepted() -> None:
    assert departure(accepted(ALICE)) is None


@pytest.mark.parametrize("code", ["PV203", "PV301", "PV302", "PV304", "PV310", "PV401", "PV402"])
def test_what_is_more_telling_stays_as_it_is(code: str) -> None:
    assert departure(refused(code, "PV201"), accepted(EVE)) is None


def test_what_was_out_of_reach_is_no_departure() -> None:
    verdict = replace(refused("PV501"), decision=Decision.UNDECIDED)
    assert departure(verdict, accepted(EVE)) is None
    assert departure(replace(refused("PV102"), decision=Decision.UNDECIDED)) is None


def test_another_key_that_proves_itself() -> None:
    for code in ("PV201", "PV102"):
        reason = compare(DEMO, refused(code), Today(accepted(EVE)))
        assert reason is not None
        assert (reason.id, reason.exit_code) == ("PV204", 11)
        assert (str(ALICE) in reason.expected, "2026-11-20" in reason.expected) == (True, True)
        assert f"{NAME}:5" in reason.expected
        assert reason.got == f"signed by {EVE}, which is on the key list {LIST} now"
        assert "pip-verify unpin demo" in reason.hint


def test_another_key_without_a_list_is_not_said_to_be_on_one() -> None:
    reason = compare(LEGACY, refused("PV102"), Today(accepted(EVE, by_list=None)))
    assert reason is not None
    assert (reason.id, reason.got) == ("PV204", f"signed by {EVE}")
    assert " on the key list" not in reason.expected


def test_what_only_the_bytes_can_tell_is_not_claimed_without_them() -> None:
    read, unread = (compare(DEMO, refused("PV102"), Today(unread=unread)) for unread in (False, True))
    assert read is not None
    assert unread is not None
    assert (read.id, unread.id, read.got) == ("PV109", "PV109", "no signature at any place")
    assert "only its bytes can tell" in unread.got
    assert unread.hint == f"look into the file, too: pip-verify check --download; else {read.hint}"


def test_another_key_that_is_nowhere() -> None:
    reason = compare(DEMO, refused("PV201", got="signed by another key"), Today())
    assert reason is not None
    assert (reason.id, reason.got) == ("PV204", "signed by another key")


def test_another_key_in_a_weaker_format() -> None:
    reason = compare(DEMO, refused("PV102"), Today(refused("PV201", got="signed by somebody")))
    assert reason is not None
    assert (reason.id, reason.got) == ("PV204", "signed by somebody")


def test_a_recorded_key_in_a_weaker_format() -> None:
    reason = compare(DEMO, refused("PV102"), Today(accepted(ALICE, BOB, evidence="in-wheel")))
    assert reason is not None
    assert (reason.id, reason.got) == ("PV205", "only in-wheel evidence")
    assert "release-statement evidence, as was seen of release line 1.0," in reason.expected


def test_no_signature_any_more() -> None:
    assert departure(refused("PV102")) == departure(refused("PV102"), refused("PV102")) == "PV109"
    assert departure(refused("PV102"), refused("PV302")) == "PV109"


def test_no_signature_of_a_line_older_than_all_that_were_seen() -> None:
    assert departure(refused("PV102"), seen=replace(DEMO, lines={"1.1": "in-wheel"})) is None


def test_a_departure_is_the_first_reason_of_a_refusal_that_proves_nothing() -> None:
    verdict = departed(replace(accepted(ALICE), looked=()), Reason("PV204", "demo"))
    assert [reason.id for reason in verdict.reasons] == ["PV204", "PV001"]
    assert (verdict.decision, verdict.by, verdict.keys, verdict.exit_code) == (Decision.REJECT, "", (), 11)


def test_a_contradiction_names_both_keys() -> None:
    verdict = contradicted(accepted(ALICE), replace(DEMO, keys=(BOB,)))
    assert (verdict.reasons[0].id, verdict.accepted) == ("PV204", False)
    assert str(BOB) in verdict.reasons[0].expected
    assert str(ALICE) in verdict.reasons[0].got


@pytest.mark.parametrize(
    ("seen", "lists", "told"),
    [
        (DEMO, (), False),
        (DEMO, (LIST,), False),
        (DEMO, ("https://eve.example/", LIST), False),
        (DEMO, ("https://eve.example/",), True),
        (LEGACY, ("https://eve.example/",), False),
    ],
)
def test_a_key_list_that_moved_is_told(seen: Seen, lists: tuple[str, ...], told: bool) -> None:  # noqa: FBT001
    verdict = explained(refused("PV102"), seen, Today(None, lists))
    assert ("now names the key list https://eve.example/" in verdict.reasons[0].hint) == told
    assert verdict.reasons[0].hint.startswith("do this")


def test_a_key_list_that_is_gone_is_told_what_to_do_about() -> None:
    assert "pip-verify unpin demo" in explained(refused("PV501", hint=""), DEMO, Today()).reasons[0].hint
    assert explained(refused("PV102", "PV501"), DEMO, Today()).reasons[0].hint == "do this"


# Verdicts on first uses.


def test_a_first_use_says_who_and_by_what_list() -> None:
    verdict = first_used(accepted(ALICE), DEMO)
    assert (verdict.by, verdict.origins, verdict.accepted) == ("first-use", (DEMO.origin,), True)
    assert [(reason.id, LIST in reason.got) for reason in verdict.reasons] == [("PV007", True)]
    assert "carries itself" in first_used(accepted(ALICE), LEGACY).reasons[0].got


def test_no_first_use_here_and_why() -> None:
    verdict = not_here(WHEEL, "CI", NAME)
    assert (verdict.exit_code, verdict.reasons[0].id) == (10, "PV108")
    assert "(CI)" in verdict.reasons[0].got


def test_without_bytes_it_is_not_decided() -> None:
    verdict = bytes_needed(WHEEL)
    assert (verdict.decision, verdict.reasons[0].id) == (Decision.UNDECIDED, "PV504")
    assert "pip-verify check --download" in verdict.reasons[0].hint


def test_the_example_of_the_docs_is_a_whole_lock() -> None:
    page = (Path(__file__).resolve().parent.parent / "docs" / "first-use.md").read_text("utf-8")
    blocks = re.findall(r"^```toml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert set(parse(blocks[1])) == {"demo", "wheel"}
