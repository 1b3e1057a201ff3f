"""Bytes to logical lines: encodings, characters, line joining."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_verify.errors import UsageError
from pip_verify.requirements.text import MAX_BYTES, MAX_LOGICAL_LINE, decode, logical_lines, shown
from tests.requirements.support import SHA256, one, parse, refused

HASH = f"--hash=sha256:{SHA256}"


@pytest.mark.parametrize(
    "separator",
    ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\r"],
    ids=lambda separator: f"U+{ord(separator):04X}",
)
def test_a_character_that_pip_splits_lines_at_cannot_hide_a_requirement_in_a_comment(separator: str) -> None:
    error = refused(f"demo==1.0\nother==1.0 # note{separator}evil==1.0\n")
    assert error.subject == "req.txt:2"
    assert error.got == f"U+{ord(separator):04X}"


@pytest.mark.parametrize("char", ["\0", "\x01", "\x08", "\x1b", "\x1f", "\x7f", "\x9b", "\u202e", "\u2066", "\u2069"])
def test_control_characters_and_direction_overrides_are_refused_in_comments_too(char: str) -> None:
    assert refused(f"demo==1.0 # {char}\n").subject == "req.txt:1"


@pytest.mark.parametrize("char", ["\xa0", "\u3000", "\u200b", "\ufeff", "\u200e"])
def test_invisible_characters_are_refused_outside_comments_and_harmless_inside(char: str) -> None:
    assert one(f"demo==1.0 # a{char}b\n").project == "demo"
    refused(f"./a{char}b\n")
    refused(f"demo==1.0{char}# comment to some readers only\n")
    refused(f"demo==1.0 \\\n  {char}{HASH}\n")


def test_what_is_not_utf_8_is_refused_with_its_line() -> None:
    error = refused(b"demo==1.0\n# caf\xe9\n")
    assert (error.subject, error.expected, error.got) == ("req.txt:2", "UTF-8", "byte 0xe9")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_other_byte_order_marks_are_refused(encoding: str) -> None:
    refused("\ufeffdemo==1.0\n".encode(encoding))


def test_a_utf_8_byte_order_mark_is_dropped_as_pip_drops_it() -> None:
    parsed = parse(b"\xef\xbb\xbfdemo==1.0\n")
    assert [requirement.project for requirement in parsed.requirements] == ["demo"]
    assert parsed.text_for_pip == "demo==1.0\n"
    refused(b"\xef\xbb\xbf\xef\xbb\xbfdemo==1.0\n")


@pytest.mark.parametrize(
    "cookie",
    [
        "# -*- coding: utf-7 -*-",
        "#coding=latin-1",
        "# vim: set fileencoding=cp037 :",
        "  # coding: utf-8",
        "# Decoding: x",
    ],
)
def test_coding_cookies_are_refused_in_the_first_two_lines_and_only_there(cookie: str) -> None:
    assert refused(f"{cookie}\ndemo==1.0\n").subject == "req.txt:1"
    assert refused(f"demo==1.0\n{cookie}\n").subject == "req.txt:2"
    assert refused(b"\xef\xbb\xbf" + cookie.encode()).subject == "req.txt:1"
    assert one(f"demo==1.0\n\n{cookie}\n").project == "demo"


def test_a_cookie_needs_a_comment_and_an_encoding() -> None:
    assert one("demo==1.0 # coding: utf-7\n# coding: \n").project == "demo"


def test_a_file_beyond_the_cap_is_refused_unread() -> None:
    assert decode(b"#" * MAX_BYTES, "x")
    with pytest.raises(UsageError, match="at most"):
        decode(b"#" * (MAX_BYTES + 1), "x")


def test_a_logical_line_beyond_the_cap_is_refused() -> None:
    lines = ["demo \\", "a" + " " * MAX_LOGICAL_LINE]
    with pytest.raises(UsageError, match=f"at most {MAX_LOGICAL_LINE} characters") as caught:
        list(logical_lines(lines, "x"))
    assert caught.value.subject == "x:1"
    assert list(logical_lines([" " * MAX_LOGICAL_LINE], "x"))


def test_crlf_ends_lines_and_is_kept() -> None:
    text = f"demo==1.0 \\\r\n    {HASH}\r\n    # pip-verify: --signed-by=x\r\nother --signed-by=y\r\n"
    parsed = parse(text)
    assert [requirement.origin.line for requirement in parsed.requirements] == [1, 4]
    assert parsed.requirements[0].hashes == (("sha256", SHA256),)
    assert parsed.text_for_pip == text.replace("--signed-by=y", " " * 13)


def test_a_carriage_return_at_the_end_of_the_file_is_no_line_end() -> None:
    refused("demo==1.0\r")


def test_physical_lines_know_their_place_in_a_logical_line() -> None:
    blank, line, comment = logical_lines(["", "a \\", "  bc \\", " d # e", "#f"], "x")
    assert (blank.text, blank.comment) == ("", None)
    assert (line.number, line.text, line.starts, line.comment) == (2, "a   bc  d", (0, 2, 7), " e")
    assert [line.index_at(offset) for offset in (0, 1, 2, 6, 7, 8)] == [0, 0, 1, 1, 2, 2]
    assert (comment.number, comment.text, comment.comment) == (5, "", "f")


def test_a_comment_inside_a_continuation_cannot_drop_the_hashes_after_it() -> None:
    error = refused(f"demo==1.0 \\\n    # why\n    {HASH}\n")
    assert (error.subject, error.expected) == ("req.txt:2", "no comment inside a backslash continuation")
    error = refused(f"demo==1.0 # why \\\n    {HASH}\n")
    assert (error.subject, error.expected) == ("req.txt:1", "no comment inside a backslash continuation")
    refused(f"demo==1.0 \\\n    {HASH} # why \\\n    {HASH}\n")
    refused("demo==1.0 \\\n# pip-verify: --signed-by=x\n")


def test_a_comment_may_follow_the_last_continued_line() -> None:
    assert one(f"demo==1.0 \\\n    {HASH} # why\n").hashes == (("sha256", SHA256),)


def test_a_commented_out_requirement_may_end_in_backslashes() -> None:
    parsed = parse(f"# demo==1.0 \\\n#     {HASH}\n  # \\\nother==1.0\n")
    assert [requirement.project for requirement in parsed.requirements] == ["other"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"demo==1.0 \\\n  \\\n    {HASH}\n", 2),
        (f"demo==1.0 \\ \n    {HASH}\n", 1),  # a blank after the backslash
        (f"demo==1.0 \\\t\n    {HASH}\n", 1),
        (f"demo==1.0 \\\\\n    {HASH}\n", 1),  # pip strips all backslashes
        (f"\\demo==1.0 \\\n    {HASH}\n", 1),  # also at the start
        ("\\\n demo==1.0\n", 1),
        (f"demo==1.0\\\n{HASH}\n", 2),  # one word to pip
        ("demo==1\\\n.0\n", 2),
    ],
)
def test_a_doubtful_backslash_is_refused(text: str, line: int) -> None:
    assert refused(text).subject == f"req.txt:{line}"


@pytest.mark.parametrize(
    ("text", "line"),
    [("demo==1.0 \\", 1), ("demo==1.0 \\\n", 2), (f"demo==1.0 \\\n \n    {HASH}\n", 2)],
    ids=["end of file", "last line end", "empty line"],
)
def test_a_continuation_needs_a_line_to_continue_with(text: str, line: int) -> None:
    error = refused(text)
    assert (error.subject, error.expected) == (f"req.txt:{line}", "a line after the backslash")


@pytest.mark.parametrize("seam", [" \\\n", "\\\n ", "\\\n\t", "\t\\\n"])
def test_one_blank_at_the_seam_is_enough(seam: str) -> None:
    assert one(f"demo >={seam}1.0\n").specifier.split() == ["demo", ">=", "1.0"]


def test_a_windows_path_keeps_its_backslashes() -> None:
    assert one(".\\dir\\sub\n").url == ".\\dir\\sub"
    assert one("\\\\server\\share\\dir\n").url == "\\\\server\\share\\dir"


def test_what_an_error_shows_has_no_credentials_and_is_short_and_plain() -> None:
    assert shown("x @ https://me:s3cret@host/a@b") == "'x @ https://****@b'"
    assert shown("git+https://me:s3cret@git.example/demo@v1") == "'git+https://****@git.example/demo@v1'"
    assert shown("n\xe4h\n") == "'n\\xe4h\\n'"
    assert shown("a" * 160) == f"'{'a' * 160}'"
    assert shown("a" * 81 + "b" * 80) == f"'{'a' * 80}...{'b' * 80}'"


@pytest.mark.parametrize("ref", ["main", "v1.0", "0123456789abcdef0123456789abcdef01234567", "release/1.0"])
def test_the_commit_that_a_repository_is_asked_for_is_no_credential(ref: str) -> None:
    url = f"git+https://git.example/group/demo@{ref}"
    assert shown(url) == f"'{url}'"


@pytest.mark.parametrize(
    "url",
    [
        "https://me:s3cret@h.example/a",
        "https://s3cret@h.example/a@b",
        "https://me:@s3cret@h.example/a@b",
        "https://me:1/s3cret@h.example/a",  # what should have been escaped: a slash ...
        "https://my.name:1/s3cret@h.example/a",
        "https://me:x@1/s3cret@h.example/a",  # ... an @ and a slash
        "https://me:x?s3cret@h.example/a",
        "https://me:x#s3cret@h.example/a",
        "https://me:x//s3cret@h.example/a",
        "https://h.example//s3cret@h.example/a",
        "https://h.example/a,https://me:s3cret@h.example/a@b",
        "https://h.example/?to=//me:s3cret@h.example/a@b",
    ],
)
def test_what_may_be_a_credential_is_hidden(url: str) -> None:
    assert "s3cret" not in shown(url)


PASSWORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="@"), min_size=9)


@given(PASSWORDS, st.sampled_from(["", "/a", "/a@b", "/a@b/c@d", "?a@b"]))
def test_no_password_is_shown(password: str, rest: str) -> None:
    assert password not in shown(f"https://me:{password}@h.example{rest}").replace("h.example", "")
