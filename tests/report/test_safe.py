"""What a stranger or a careless URL can put into a text, and what is left of it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_verify.report.safe import MAX_SHOWN, one_line, redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://keys.example/keys.json", "https://keys.example/keys.json"),
        ("https://keys.example:8443/a/b", "https://keys.example:8443/a/b"),
        ("https://[2001:db8::1]:8443/a", "https://[2001:db8::1]:8443/a"),
        ("https://user@keys.example/a", "https://***@keys.example/a"),
        ("https://user:s3cret@keys.example:8443/a", "https://***@keys.example:8443/a"),
        ("https://user:s3c@ret@keys.example/a", "https://***@keys.example/a"),
        ("HTTPS://user:s3cret@keys.example", "HTTPS://***@keys.example"),
        ("git+ssh://user:s3cret@keys.example/x.git@abc123", "git+ssh://***@keys.example/x.git@abc123"),
        ("git+https://keys.example/x.git@abc123", "git+https://keys.example/x.git@abc123"),
        ("https://keys.example/a?token=s3cret", "https://keys.example/a?***"),
        ("https://keys.example?token=s3cret", "https://keys.example?***"),
        ("https://keys.example/a?token=s3cret/b@c", "https://keys.example/a?***"),
        ("https://keys.example/a#s3cret", "https://keys.example/a#***"),
        ("https://keys.example/a#x?s3cret", "https://keys.example/a#***"),
        ("https://keys.example/{project}/{version}.jws", "https://keys.example/{project}/{version}.jws"),
        ("file:///home/me/x.whl", "file:///home/me/x.whl"),
    ],
)
def test_a_url_loses_credentials_query_and_fragment(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "https://user:s3cret/more@keys.example/a",  # a slash that should have been escaped
        "https://user:s3cret?more@keys.example/a",
        "https://user:s3cret#more@keys.example/a",
        "https://user:s3cret\\more@keys.example/a",
        "https://user:s3cret",
        "https:/user:s3cret@keys.example/a",
        "https:user:s3cret@keys.example/a",
        "HTTPS:/user:s3cret@keys.example/a",
        "https:\\\\user:s3cret@keys.example/a",
        "https:///user:s3cret@keys.example/a",
        "2https://user:s3cret@keys.example/a",
        "x//y https://user:s3cret://more@keys.example",
        "https://a.example/,https://user:s3cret@keys.example/a",
        "https://a.example/?to=https://user:s3cret@keys.example/a",
        "('https://user:s3cret@keys.example/a', 'x')",
        "(https://keys.example/a?s3cret).",
    ],
)
def test_a_malformed_url_gives_no_secret_away(text: str) -> None:
    assert "s3cret" not in redact(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "see https://keys.example/a?b=c, or (https://keys.example).",
            "see https://keys.example/a?***, or (https://keys.example).",
        ),
        ("key list https://u:p@keys.example/a: 503", "key list https://***@keys.example/a: 503"),
        ("'https://keys.example/a'", "'https://keys.example/a'"),
    ],
)
def test_the_sentence_around_a_url_stays(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "flask>=3 # why?",
        "who@example.org",
        r"C:\Users\me@home\x",
        "an https: address",
        "requirements.txt:3",
        "a::b",
        "50 % #1",
    ],
)
def test_what_is_no_url_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("a\nb\rc\td\0", r"a\nb\rc\td\x00"),
        ("\x9b31m\x7f", r"\x9b31m\x7f"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u2066a\u2069\u200e\u200f\u061c", r"\u2066a\u2069\u200e\u200f\u061c"),
        ("a\u2028b\u2029c\u0085", r"a\u2028b\u2029c\x85"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("filler\u3164\u2800\ufe0f\U000e0100\u034f", r"filler\u3164\u2800\ufe0f\U000e0100\u034f"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("\udcff", r"\udcff"),
        ("Grüße, 世界", "Grüße, 世界"),
    ],
)
def test_a_terminal_gets_nothing_that_draws_or_hides(text: str, expected: str) -> None:
    assert one_line(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x ##[error]y", r"x #\x23[error]y"),
        ("##vso[task.setvariable]", r"#\x23vso[task.setvariable]"),
        ("##teamcity[x]###[y]", r"#\x23teamcity[x]##\x23[y]"),
        ("## heading [1]", "## heading [1]"),
        ("#[derive]", "#[derive]"),
    ],
)
def test_what_a_ci_runner_takes_for_a_command_is_broken_up(text: str, expected: str) -> None:
    assert one_line(text) == expected


def test_a_long_text_is_cut_and_says_so() -> None:
    assert one_line("x" * MAX_SHOWN) == "x" * MAX_SHOWN
    assert one_line("x" * (MAX_SHOWN + 7)) == "x" * MAX_SHOWN + f"... (cut, of {MAX_SHOWN + 7} characters)"
    assert one_line("\n" * MAX_SHOWN) == "\\n" * (MAX_SHOWN // 2) + f"... (cut, of {MAX_SHOWN} characters)"


def test_a_cut_does_not_come_before_the_redaction() -> None:
    padding = "x" * (MAX_SHOWN - 20)
    assert "s3cret" not in one_line(f"{padding} https://user:s3cretooooooooooooooooo@keys.example/")


@given(st.text())
def test_any_text_comes_out_on_one_printable_line(text: str) -> None:
    assert one_line(text).isprintable()
    one_line(text).encode("utf-8")


@given(
    st.text(st.characters(exclude_characters="/\\?#@: \t\r\n", exclude_categories=["Zs", "Zl", "Zp", "Cc"]), min_size=9)
)
def test_no_password_is_left(password: str) -> None:
    before = "https://keys.example/a and {}://user:{}@keys.example/b?{}"
    assert password not in redact(before.format("https", password, password)).replace("https://keys.example", "")


@pytest.mark.parametrize(
    "piece", ["https://", ":", "/", ")", "a:", "://@", "?", "\u3164", "\\", "https://[", "https:/", "##", "##a"]
)
def test_a_stranger_cannot_make_it_slow(piece: str) -> None:
    text = piece * (200_000 // len(piece)) + "x"
    started = time.perf_counter()
    one_line(text)
    assert time.perf_counter() - started < 5
