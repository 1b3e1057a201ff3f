"""Words and options of one line."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pip_verify.errors import UsageError
from pip_verify.pins import Origin
from pip_verify.requirements.model import GlobalOption, Nested
from pip_verify.requirements.options import (
    LineContext,
    PinOption,
    find_pin_options,
    options_start,
    split_words,
)
from tests.requirements.support import SHA256, one, parse, refused

LINE = LineContext(Origin("req.txt", 7), "literal")
HASH = f"--hash=sha256:{SHA256}"


@pytest.mark.parametrize(
    ("text", "start"),
    [("demo", 4), ("demo --pre", 5), ("demo  -e", 6), ("--pre", 0), ("demo\t--pre", 10), ("a-b", 3), ("", 0)],
)
def test_options_start_at_a_space_and_a_dash(text: str, start: int) -> None:
    assert options_start(text) == start


@settings(max_examples=200)
@given(st.text(alphabet=" \t\\'\"-=ab\xe4#", max_size=30))
def test_words_are_those_of_shlex(text: str) -> None:
    try:
        expected = shlex.split(text)
    except ValueError:
        with pytest.raises(UsageError, match="every quote closed"):
            split_words(text, 0, LINE)
        return
    words = split_words(text, 0, LINE)
    assert [word.value for word in words] == expected
    for word in words:
        assert word.plain == (word.value == text[word.start : word.end])


def test_words_before_the_start_are_left_alone() -> None:
    (word,) = split_words("it's --pre", 5, LINE)
    assert (word.value, word.start, word.end, word.plain) == ("--pre", 5, 10, True)


def test_pin_options_are_found_in_both_spellings() -> None:
    words = ["--key=a", "x", "--key", "b", "--signed-by="]
    assert list(find_pin_options(words)) == [
        PinOption("--key", "a", 0, 0),
        PinOption("--key", "b", 2, 3),
        PinOption("--signed-by", "", 4, 4),
    ]
    assert list(find_pin_options(["--threshold"])) == [PinOption("--threshold", "", 0, 1)]


def test_pin_options_are_not_found_abbreviated_nor_as_a_value_nor_after_two_dashes() -> None:
    assert list(find_pin_options(["--ke=a", "--key-lis=b", "--signed", "--KEY=a", "-key=a", "key=a"])) == []
    assert list(find_pin_options(["--hash", "--key=a", "-r", "--key"])) == []
    assert list(find_pin_options(["--", "--key=a"])) == []


def test_hashes_are_read_with_lower_case_digits_in_order() -> None:
    text = f"demo==1.0 --hash=sha512:{'0' * 128} --hash sha384:{'A' * 96} '--hash=sha256:{SHA256}'\n"
    assert one(text).hashes == (("sha512", "0" * 128), ("sha384", "a" * 96), ("sha256", SHA256))


@pytest.mark.parametrize(
    "value",
    [
        "md5:" + "0" * 32,
        "sha1:" + "0" * 40,
        "sha224:" + "0" * 56,
        "SHA256:" + SHA256,
        "sha256:" + SHA256[:-1],
        "sha256:" + SHA256 + "0",
        "sha256:" + SHA256[:-1] + "g",
        "sha256:" + SHA256[:-1] + "\u0663",
        "sha512:" + SHA256,
        "sha256=" + SHA256,
        "sha256",
        SHA256,
        ":" + SHA256,
        "blake2b:" + "0" * 128,
    ],
)
def test_weak_and_malformed_hashes_are_refused(value: str) -> None:
    assert "sha256:<64 hex digits>" in refused(f"demo==1.0 --hash={value}\n").expected


@pytest.mark.parametrize(
    "line",
    [
        f"demo==1.0 --has=sha256:{SHA256}",  # pip completes abbreviations
        f"demo==1.0 --h sha256:{SHA256}",
        "--requ nested.txt",
        "--index=https://index.example/simple",
        "--require",
        "--ke=ed25519:x",
        "demo --signed=x",
        "--trusted host.example",
        "--uploaded-prior-to=2026-01-01",
        "--global-option=x",
        "demo --no-such",
        "-x",
        "-",
        "--",
        "-- demo==1.0",
        f"demo {HASH} -- --pre",
    ],
)
def test_unknown_and_abbreviated_options_are_refused(line: str) -> None:
    assert refused(line).expected == "an option that requirement files know, without abbreviation"


@pytest.mark.parametrize("line", [f"demo==1.0 {HASH} evil==1.0", "-e . demo", "--pre demo", f"demo {HASH} ''"])
def test_words_that_pip_would_ignore_are_refused(line: str) -> None:
    assert "pip ignores" in refused(line).expected


@pytest.mark.parametrize(
    "line",
    [
        "demo --hash",
        "-r",
        "-r ''",
        "--requirement=",
        "demo --hash --pre",
        "-i --pre",
        "-e -e",
        f"demo {HASH} -C",
        "-c -",
        "-r\\ x",
        "-f 'x '",
    ],
)
def test_an_option_without_its_value_is_refused(line: str) -> None:
    assert refused(line).expected.startswith("a value for -")


@pytest.mark.parametrize("line", ["--pre=1", "--no-index=", "--require-hashes=yes"])
def test_a_flag_takes_no_value(line: str) -> None:
    refused(line)


@pytest.mark.parametrize(
    "line", ["-e 'x", "-e x'y", '-e x"y', '--find-links "a', "-r a\\\\\\ ", "demo ; extra == 'a -b'"]
)
def test_an_open_quotation_is_refused(line: str) -> None:
    refused(line)


def test_global_options_are_reported_with_their_full_names_and_lines() -> None:
    parsed = parse(
        "-i https://a.example/simple --extra-index-url=https://b.example/simple\n--pypi-url https://c.example/\n"
        "--no-index --pre --prefer-binary\n-f'./my links'\n--no-binary :all: --only-binary=demo\n--require-hashes\n"
        "--no-require-hashes\n--all-releases=demo --only-final :all:\n"
        "--trusted-host=h.example --use-feature fast-deps\n--trusted-host a --trusted-host b\n"
    )
    assert parsed.requirements == ()
    assert parsed.options == (
        GlobalOption("--index-url", "https://a.example/simple", 1),
        GlobalOption("--extra-index-url", "https://b.example/simple", 1),
        GlobalOption("--index-url", "https://c.example/", 2),
        GlobalOption("--no-index", None, 3),
        GlobalOption("--pre", None, 3),
        GlobalOption("--prefer-binary", None, 3),
        GlobalOption("--find-links", "./my links", 4),
        GlobalOption("--no-binary", ":all:", 5),
        GlobalOption("--only-binary", "demo", 5),
        GlobalOption("--require-hashes", None, 6),
        GlobalOption("--no-require-hashes", None, 7),
        GlobalOption("--all-releases", "demo", 8),
        GlobalOption("--only-final", ":all:", 8),
        GlobalOption("--trusted-host", "h.example", 9),
        GlobalOption("--use-feature", "fast-deps", 9),
        GlobalOption("--trusted-host", "a", 10),
        GlobalOption("--trusted-host", "b", 10),
    )


def test_nested_files_are_reported_in_every_spelling() -> None:
    parsed = parse(
        "-r a.txt\n-rb.txt\n--requirement=c.txt\n--requirement 'd e.txt'\n-c f.txt\n--constraint https://g.example/\n"
    )
    assert parsed.nested == (
        Nested("requirement", "a.txt", 1),
        Nested("requirement", "b.txt", 2),
        Nested("requirement", "c.txt", 3),
        Nested("requirement", "d e.txt", 4),
        Nested("constraint", "f.txt", 5),
        Nested("constraint", "https://g.example/", 6),
    )


@pytest.mark.parametrize(
    "line",
    [
        "-r a.txt -r b.txt",
        "-r a.txt -c b.txt",
        "-r a.txt --pre",
        "--pre -c a.txt",
        "-i https://a.example -i https://b.example",
        "-f a -f b",
        "-e a -e b",
        "-e a -r b.txt",
        "-e a --pre",
        f"-e a {HASH}",
        "demo -e a",
        "demo --pre",
        "demo -r a.txt",
        "demo -i https://a.example",
        f"demo==1.0 {HASH} --no-binary=demo",
    ],
)
def test_options_that_pip_would_ignore_where_they_stand_are_refused(line: str) -> None:
    error = refused(line)
    assert "ignores" in error.expected + error.hint


@pytest.mark.parametrize("line", [HASH, f"    {HASH}", f"--pre {HASH}", "--config-settings=a=b"])
def test_an_orphan_hash_or_setting_is_refused(line: str) -> None:
    error = refused(f"demo==1.0\n{line}\n")
    assert error.subject == "req.txt:2"
    assert "backslash" in error.hint


def test_build_settings_are_read_and_must_have_a_key() -> None:
    assert one("demo==1.0 --config-settings='a=b c' -C x=y -Cx=z\n").project == "demo"
    assert one("-e . --config-settings a=b\n").editable
    assert refused("demo --config-settings=a\n").expected == "--config-settings=KEY=VALUE"


def test_an_error_shows_the_line_as_written_never_the_value_of_a_variable() -> None:
    with pytest.raises(UsageError) as caught:
        parse("demo --frob=${SECRET}\n", environ={"SECRET": "s3cret"})
    assert caught.value.got == "'demo --frob=${SECRET}'"
    with pytest.raises(UsageError) as caught:
        parse("demo --frob=${SECRET}\n")
    assert caught.value.got == "'--frob=${SECRET}'"
