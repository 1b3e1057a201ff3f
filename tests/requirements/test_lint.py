"""Every mistake of a requirement file is remarked on at once, at its line, and none that is not there."""

from __future__ import annotations

import pytest

from pip_verify.errors import EvidenceError, UsageError
from pip_verify.pins import Origin
from pip_verify.requirements.annotate import Signers
from pip_verify.requirements.lint import MAX_ERRORS, Linted, Remark, lint_requirements, remark_of, stale_pins
from tests.requirements.support import SHA256, WEAK

HASH = f"--hash=sha256:{SHA256}"
SIGNERS = Signers({"flask": "pallets", "click": "pallets"}.__getitem__, {"pallets": True, "team": True}, "t.toml")


def linted(text: str | bytes) -> Linted:
    data = text.encode() if isinstance(text, str) else text
    return lint_requirements(data, "req.txt", environ={})


def lines(text: str | bytes) -> list[int]:
    return [remark.origin.line for remark in linted(text).remarks]


def stale(text: str) -> list[str]:
    signers = Signers({"flask": "pallets", "click": "pallets"}.get, {"pallets": True, "team": True}, "t.toml")
    return [str(remark) for remark in stale_pins(linted(text), "req.txt", signers, environ={})]


def test_a_sound_file_is_left_as_it_is() -> None:
    found = linted(f"flask==1 {HASH}\n# a note\n")
    assert found.remarks == ()
    assert found.data == f"flask==1 {HASH}\n# a note\n".encode()
    assert [requirement.project for requirement in found.parsed.requirements] == ["flask"]


def test_a_remark_names_file_line_fault_and_next_step() -> None:
    (remark,) = linted(f"six\n{HASH}\n").remarks
    assert str(remark) == (
        f"req.txt:2: expected a requirement before --hash; pip ignores it here, got '{HASH}'"
        " (next: end the line above with a backslash, so that this line belongs to its requirement)"
    )
    assert not remark.warning


def test_a_warning_says_that_it_is_one() -> None:
    assert str(Remark(Origin("a.toml", 3), "soon", warning=True)) == "a.toml:3: warning: soon"


def test_every_mistake_is_found_at_once() -> None:
    text = (
        f"flask==1 \\\n    # pip-verify: --signed-by=pallets\n    {HASH}\n"  # 2: inside a continuation
        f"six\n{HASH}\n"  # 5: orphan hash
        "click --pre\n    # pip-verify: --signed-by=pallets\n\n"  # 6: option in the wrong place
        "# pip-verify: --signed-by=pallets\n"  # 9: pin without requirement
        "demo --has=x\n"  # 10: abbreviated
        "other==1.0\n"
    )
    assert lines(text) == [2, 5, 6, 9, 10]
    assert [requirement.project for requirement in linted(text).parsed.requirements] == ["six", "other"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_comment_inside_a_continuation_is_one_mistake_and_not_two(end: str) -> None:
    assert lines(f"flask \\{end}# why{end}  {HASH} \\{end}  {HASH}{end}six{end}") == [2]


def test_an_empty_line_inside_a_continuation_leaves_an_orphan_hash_behind() -> None:
    assert lines(f"flask \\\n\n  {HASH}\nsix\n") == [2, 3]


def test_the_comments_below_a_wrong_requirement_go_with_it() -> None:
    found = linted("flask --pre\n# via x\n# pip-verify: --signed-by=team\nsix\n# pip-verify: --signed-by=team\n")
    assert [remark.origin.line for remark in found.remarks] == [1]
    assert found.data == b"\n\n\nsix\n# pip-verify: --signed-by=team\n"


def test_a_wrong_comment_does_not_take_its_neighbours_with_it() -> None:
    assert lines("# pip-verify: --signed-by=a\n# pip-verify: --signed-by=b\nsix\n") == [1, 2]


def test_bytes_that_are_no_utf_8_and_control_characters_are_mistakes_like_others() -> None:
    assert lines(b"six\nd\xffmo\nother --pre\nx\x0cy\nlast") == [2, 4, 3]


def test_a_weak_key_is_remarked_on() -> None:
    (remark,) = linted(f"six\ndemo --key={WEAK}\n").remarks
    assert remark.origin == Origin("req.txt", 2)
    assert remark.text.startswith("--key: expected")


def test_a_file_that_cannot_be_read_in_parts_gives_one_remark() -> None:
    found = linted(b"#" * (16 * 1024 * 1024 + 1))
    assert [remark.origin for remark in found.remarks] == [Origin("req.txt")]
    assert found.parsed.requirements == ()


def test_the_number_of_remarks_has_an_end() -> None:
    found = linted("demo --pre\n" * (MAX_ERRORS + 1) + "six\n")
    assert len(found.remarks) == MAX_ERRORS
    assert found.data == b""


def test_a_backslash_at_the_end_of_the_file() -> None:
    assert lines("six\nflask \\\n") == [3]
    assert lines("six\nflask \\") == [2]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (EvidenceError("req.txt:7", expected="a"), "req.txt:7: expected a"),
        (UsageError("req.txt:7: --key", expected="a", hint="b"), "req.txt:7: --key: expected a (next: b)"),
        (EvidenceError("req.txt", expected="a"), "req.txt:3: expected a"),
        (EvidenceError("project demo", expected="a"), "req.txt:3: project demo: expected a"),
        (EvidenceError("reqxtxt:7", expected="a"), "req.txt:3: reqxtxt:7: expected a"),
    ],
)
def test_an_error_becomes_a_remark_at_its_line(error: UsageError | EvidenceError, expected: str) -> None:
    assert str(remark_of(error, Origin("req.txt", 3))) == expected


def test_a_stale_pin_comment_is_remarked_on() -> None:
    text = "flask\n# pip-verify: --signed-by=team\nsix\n# pip-verify: --signed-by=team\n"
    hint = " (next: pip-verify annotate req.txt)"
    assert stale(text) == [
        f"req.txt:1: the pin comment of flask names team, but t.toml says pallets{hint}",
        f"req.txt:3: the pin comment of six names team, but t.toml says that nothing is to stand here{hint}",
    ]


def test_a_missing_pin_comment_is_remarked_on_where_others_stand() -> None:
    assert stale("flask\n    # pip-verify: --signed-by=pallets\nclick\n") == [
        "req.txt:3: no pin comment names pallets, who signs click as t.toml says (next: pip-verify annotate req.txt)"
    ]


def test_a_file_that_was_never_annotated_is_not_stale() -> None:
    assert stale("flask\nclick\n") == []


def test_what_is_wrong_elsewhere_does_not_hide_a_stale_pin() -> None:
    assert len(stale(f"six\n{HASH}\nflask\n# pip-verify: --signed-by=team\n")) == 1


def test_a_project_that_the_trust_file_leaves_open_is_an_error() -> None:
    with pytest.raises(KeyError):  # as the callable raises
        list(stale_pins(linted("demo\n"), "req.txt", SIGNERS, environ={}))
