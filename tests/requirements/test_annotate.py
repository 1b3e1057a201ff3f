"""Pin comments come, go and stay: what is written, what is left alone, and that pip reads the same before and after."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pip_verify.errors import EvidenceError, UsageError
from pip_verify.pins import InlinePin
from pip_verify.requirements.annotate import Annotated, Signers, annotate
from pip_verify.requirements.model import Requirement
from pip_verify.requirements.parse import parse_requirements
from tests.requirements.support import SHA256, A
from tests.requirements.test_against_pip import HASH, Pip, files, variables
from tests.requirements.test_against_pip import NAME as PIP_NAME

SIGNED = {"flask": "pallets", "click": "pallets", "demo": "team", "other": "team", "demo-pkg": "team"}
PUBLISHERS = {"pallets": True, "team": True, "encode": True, "numpy-team": False}
SIGNERS = Signers(SIGNED.get, PUBLISHERS, "pip-verify.toml")
NOBODY = Signers(lambda _: None, PUBLISHERS, "pip-verify.toml")


def done(text: str | bytes, signers: Signers = SIGNERS) -> Annotated:
    data = text.encode() if isinstance(text, str) else text
    return annotate(data, "req.txt", signers, environ={})


def text_of(text: str | bytes, signers: Signers = SIGNERS) -> str:
    found = done(text, signers)
    assert annotate(found.data, "req.txt", signers, environ={}).changes == ()
    return found.data.decode()


def changes(text: str, signers: Signers = SIGNERS) -> list[str]:
    return [str(change) for change in done(text, signers).changes]


# Where a pin goes.


def test_a_pin_stands_below_a_plain_requirement() -> None:
    assert text_of("flask>=3\nsix\n") == "flask>=3\n    # pip-verify: --signed-by=pallets\nsix\n"


def test_a_pin_stands_below_the_last_hash_and_never_inside_the_continuation() -> None:
    lock = f"flask==3.0 \\\n    {HASH} \\\n    {HASH}\nsix==1 \\\n    {HASH}\n"
    expected = (
        f"flask==3.0 \\\n    {HASH} \\\n    {HASH}\n    # pip-verify: --signed-by=pallets\nsix==1 \\\n    {HASH}\n"
    )
    assert text_of(lock) == expected


def test_a_pin_stands_below_the_comments_of_the_locker() -> None:
    via = "    # via\n    #   -r requirements.in\n    #   other\n"
    assert text_of(f"flask==3.0 \\\n    {HASH}\n{via}") == (
        f"flask==3.0 \\\n    {HASH}\n{via}    # pip-verify: --signed-by=pallets\n"
    )


@pytest.mark.parametrize("blank", ["", "   "])
def test_a_pin_stands_above_a_heading_and_above_an_empty_line(blank: str) -> None:
    assert text_of("flask\n# databases\nsix\n") == "flask\n    # pip-verify: --signed-by=pallets\n# databases\nsix\n"
    with_blank = f"flask\n{blank}\n    # an indented note\n"
    assert text_of(with_blank) == f"flask\n    # pip-verify: --signed-by=pallets\n{blank}\n    # an indented note\n"


def test_a_tab_before_a_comment_counts_as_indentation() -> None:
    assert text_of("flask\n\t# via x\n") == "flask\n\t# via x\n    # pip-verify: --signed-by=pallets\n"


def test_each_line_of_a_project_is_pinned() -> None:
    text = "Flask==2 ; python_version < '3'\nflask==3 ; python_version >= '3'\n"
    assert text_of(text).count("--signed-by=pallets") == 2


def test_the_last_line_may_lack_its_end() -> None:
    assert text_of("six\nflask") == "six\nflask\n    # pip-verify: --signed-by=pallets"
    assert text_of("six\r\nflask") == "six\r\nflask\r\n    # pip-verify: --signed-by=pallets"


def test_line_ends_and_the_byte_order_mark_stay() -> None:
    assert done(b"six\nflask\r\nlast\n").data == b"six\nflask\r\n    # pip-verify: --signed-by=pallets\r\nlast\n"
    assert done(b"\xef\xbb\xbfflask\r\nsix\n").data == (
        b"\xef\xbb\xbfflask\r\n    # pip-verify: --signed-by=pallets\r\nsix\n"
    )


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "six==1.0", "-r other.txt\n--pre\n"])
def test_a_file_with_nothing_to_pin_stays_byte_for_byte(text: str) -> None:
    assert done(text) == Annotated(text.encode(), (), 0)


@pytest.mark.parametrize(
    "line",
    [
        "-e ./demo",
        "-e file:///srv/demo#egg=demo",
        "-e git+https://h.example/r#egg=demo",
        "demo @ git+https://h.example/r",
    ],
)
def test_what_no_publisher_can_have_signed_gets_no_pin(line: str) -> None:
    assert changes(f"{line}\n./demo.zip\n") == []


def test_requirements_with_a_publisher_are_counted() -> None:
    assert done("flask\nclick\n    # pip-verify: --signed-by=pallets\nsix\n-e .\n").pinned == 2


# What is corrected.


def test_a_stale_pin_is_corrected_in_its_place() -> None:
    text = "flask\n  # pip-verify:  --signed-by team\n    # via x\n"
    assert text_of(text) == "flask\n  # pip-verify: --signed-by=pallets\n    # via x\n"
    assert changes(text) == ["req.txt:1: flask: --signed-by=team is now --signed-by=pallets"]


def test_a_pin_on_a_publisher_that_was_renamed_is_corrected() -> None:
    assert text_of("flask\r\n# pip-verify: --signed-by=palets\r\n") == "flask\r\n# pip-verify: --signed-by=pallets\r\n"


def test_a_pin_of_a_project_that_nobody_signs_any_more_is_taken_out() -> None:
    text = f"six \\\n  {HASH}\n    # pip-verify: --signed-by=team\n    # via x\n"
    assert text_of(text) == f"six \\\n  {HASH}\n    # via x\n"
    assert changes(text) == ["req.txt:1: six: removed --signed-by=team"]


def test_of_several_pins_made_here_the_right_one_stays() -> None:
    pins = "".join(f"    # pip-verify: --signed-by={name}\n" for name in ("team", "pallets", "pallets", "gone"))
    assert text_of(f"flask\n{pins}") == "flask\n    # pip-verify: --signed-by=pallets\n"
    wrong = "".join(f"    # pip-verify: --signed-by={name}\n" for name in ("team", "encode"))
    assert text_of(f"flask\n{wrong}six\n") == "flask\n    # pip-verify: --signed-by=pallets\nsix\n"


def test_a_pin_that_was_added_says_so() -> None:
    assert changes("six\nflask\n") == ["req.txt:2: flask: added --signed-by=pallets"]


# What is left alone.


@pytest.mark.parametrize(
    "pin",
    [
        f"--key={A}",
        "--key-list=https://keys.example/k",
        f"--signed-by=team --key={A}",
        "--signed-by=team --threshold=1",
    ],
)
def test_a_pin_that_says_more_stays_and_is_joined_by_the_trust_file_s(pin: str) -> None:
    text = f"flask\n# pip-verify: {pin}\n"
    assert text_of(text) == f"flask\n    # pip-verify: --signed-by=pallets\n# pip-verify: {pin}\n"
    assert changes(text, NOBODY) == []


def test_a_pin_on_a_publisher_that_names_no_project_stays() -> None:
    assert changes("numpy\n# pip-verify: --signed-by=numpy-team\n") == []
    text = "flask\n# pip-verify: --signed-by=numpy-team\n"
    assert text_of(text) == "flask\n    # pip-verify: --signed-by=pallets\n# pip-verify: --signed-by=numpy-team\n"


@pytest.mark.parametrize(
    "text", ["flask --signed-by=pallets\n", f"flask\n# pip-verify: --signed-by=pallets --key={A}\n"]
)
def test_where_a_person_named_the_publisher_no_second_pin_is_made(text: str) -> None:
    assert changes(text) == []
    assert changes(text.replace("pallets", "team"), NOBODY) == []


def test_beside_a_person_s_pin_a_stale_one_goes_and_the_right_one_stays() -> None:
    stale = "flask --signed-by=pallets\n    # pip-verify: --signed-by=team\n"
    assert text_of(stale) == "flask --signed-by=pallets\n"
    assert changes(stale.replace("team", "pallets")) == []


# What is refused.


def test_a_pin_on_nobody_is_never_dropped_where_the_trust_file_knows_nobody_either() -> None:
    with pytest.raises(UsageError) as caught:
        done("six\n# pip-verify: --signed-by=palets\n")
    assert str(caught.value) == "req.txt:2: --signed-by: expected a publisher of pip-verify.toml, got palets"
    assert caught.value.hint == "add a table [publishers.palets] to pip-verify.toml, or delete line 2"


@pytest.mark.parametrize(
    "text",
    [f"flask \\\n# pip-verify: --signed-by=pallets\n    {HASH}\n", f"flask\n{HASH}\n", "flask --signed-by=team\\\n"],
)
def test_a_file_that_pip_would_read_otherwise_is_not_touched(text: str) -> None:
    with pytest.raises(UsageError, match=r"^req\.txt:\d"):
        done(text)


# pip, as the judge.

MADE_LINES = ["# pip-verify: --signed-by=pallets\n", "    # pip-verify: --signed-by=team\r\n", "    # via x\n"]
KNOWN = Signers(SIGNED.get, PUBLISHERS | {"x": False}, "pip-verify.toml")  # x: the pins that ``files`` writes
_MADE_RE = re.compile(rb"[ \t]*# pip-verify: --signed-by=(?:pallets|team)\Z")
quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("pip"), "disabled", True)
    monkeypatch.chdir(tmp_path)


@settings(quick, max_examples=120)
@given(text=st.lists(files() | st.sampled_from(MADE_LINES), max_size=4).map("".join), environ=variables)
@example(text=f"demo \\\n  {HASH} \\\n  {HASH}\n    # via a\nother\n# pip-verify: --signed-by=team\n", environ={})
@example(text="demo\r\n# pip-verify: --signed-by=x\r\n# pip-verify: --signed-by=pallets\r\nother", environ={})
@example(text="demo --hash sha512:" + "0F" * 64, environ={})
def test_nothing_but_our_pins_changes_and_pip_reads_the_same(*, text: str, environ: dict[str, str]) -> None:
    data = text.encode()
    try:
        before = parse_requirements(data, PIP_NAME, constraint=False, environ=environ)
    except (UsageError, EvidenceError):
        return
    found = annotate(data, PIP_NAME, KNOWN, environ=environ)
    after = parse_requirements(found.data, PIP_NAME, constraint=False, environ=environ)
    assert len(after.requirements) == len(before.requirements)
    for old, new in zip(before.requirements, after.requirements, strict=True):
        assert replace(new, pins=(), origin=old.origin) == replace(old, pins=())
        assert sorted(map(says, new.pins)) == expected_pins(old)
    assert without_ours(found.data) == without_ours(data)
    assert annotate(found.data, PIP_NAME, KNOWN, environ=environ) == Annotated(found.data, (), found.pinned)
    pip_agrees(before.text_for_pip, after.text_for_pip, environ)


def says(pin: InlinePin) -> tuple[str, ...]:
    return (*(key.text for key in pin.keys), str(pin.key_list), str(pin.threshold), str(pin.signed_by))


def expected_pins(requirement: Requirement) -> list[tuple[str, ...]]:
    """A person's pins as they are, and one of ours where the trust file asks for it and no person did."""
    found = requirement
    kept = [says(pin) for pin in found.pins if pin.signed_by not in {"pallets", "team"}]
    wanted = None if found.editable or str(found.url).startswith("git+") else SIGNED.get(str(found.project))
    return sorted([*kept, ("None", "None", wanted)] if wanted else kept)


def without_ours(data: bytes) -> list[bytes]:
    """The lines that are no pins of ours; a last line gets an end when a pin comes behind it."""
    lines = [line for line in data.split(b"\n") if not _MADE_RE.match(line.removesuffix(b"\r"))]
    while lines and lines[-1] in {b"", b"\r"}:
        del lines[-1]
    return [*lines[:-1], *(line.removesuffix(b"\r") for line in lines[-1:])]


def pip_agrees(before: str, after: str, environ: dict[str, str]) -> None:
    seen = [Pip(text, environ, constraint=False) for text in (before, after)]
    rows = [[(text, editable, hashes) for text, _, editable, _, hashes in pip.requirements] for pip in seen]
    assert rows[0] == rows[1]
    assert seen[0].nested == seen[1].nested
    assert [found[1:] for found in seen[0].options] == [found[1:] for found in seen[1].options]


def test_plain_pip_reads_an_annotated_lock_as_it_read_the_lock() -> None:
    lock = f"--pre\nflask==3.0 \\\n    {HASH} \\\n    --hash=sha256:{'cd' * 32}\n    # via x\nsix==1 {HASH}\nclick==8\n"
    annotated = text_of(lock)
    assert annotated.count("pip-verify") == 2
    pip_agrees(lock, annotated, {})  # what plain pip gets: the comments are in it
    assert Pip(annotated, {}, constraint=False).requirements[0][4] == {"sha256": [SHA256, "cd" * 32]}
