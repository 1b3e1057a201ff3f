"""Member names: what is refused alone, and which two are one."""

from __future__ import annotations

import pytest

from pip_verify.artifact.fault import Spot, shown
from pip_verify.artifact.paths import check_path, check_tree, fold
from pip_verify.errors import EvidenceError

SPOT = Spot("demo.whl", "entry")


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "demo/__init__.py",
        ".hidden",
        "a..b",
        "...a",
        "demo/.gitignore",
        "a b/c",
        "é/☃.py",
        "a/" + "x" * 255,
        "a/" * 2047 + "b",
        "a-b+c~d@e#f",
    ],
)
def test_plain_relative_paths_are_allowed(name: str) -> None:
    check_path(name, SPOT)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("", "without empty"),
        ("/etc/passwd", "without empty"),
        ("a//b", "without empty"),
        ("a/", "without empty"),
        (".", "without empty"),
        ("..", "without empty"),
        ("./a", "without empty"),
        ("a/./b", "without empty"),
        ("../a", "without empty"),
        ("a/../b", "without empty"),
        ("a/..", "without empty"),
        ("a/.../b", "without empty"),
        ("a/ /b", "without empty"),
        ("a/. ./b", "without empty"),
        ("a\\b", "without backslash"),
        ("..\\a", "without backslash"),
        ("C:/a", "without backslash"),
        ("a.py:stream", "without backslash"),
        ("a\0b", "without backslash"),
        ("a\nb", "without backslash"),
        ("a\x1bb", "without backslash"),
        ("a\x7fb", "without backslash"),
        ("a\x85b", "without backslash"),
        ("a\u2028b", "without backslash"),
        ("a\u2029b", "without backslash"),
        ("x" * 256, "at most 255 bytes"),
        ("a/" + "é" * 128, "at most 255 bytes"),
        ("a/" * 2047 + "bc", "at most 255 bytes a segment and 4096 a path"),
    ],
)
def test_paths_that_some_reader_takes_for_another(name: str, rule: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        check_path(name, SPOT)
    assert rule in caught.value.expected
    assert caught.value.subject == "demo.whl: 'entry'"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a", "A"),
        ("a/B.py", "A/b.py"),
        ("straße", "STRASSE"),
        ("\u00e9", "e\u0301"),
        ("\u212b", "\u00e5"),  # Angstrom sign
        ("\u212a", "k"),  # Kelvin sign
        ("\ufb01le", "file"),  # ligature
        ("\uff41", "A"),  # full width
        ("\u03a3", "\u03c2"),  # sigma and final sigma
        ("a.py.", "a.py"),
        ("a ./b", "A/b"),
        ("\u01f0", "\u004a\u030c"),  # folds to two characters that then compose
    ],
)
def test_twins(first: str, second: str) -> None:
    assert fold(first) == fold(second)
    with pytest.raises(EvidenceError, match="a name of its own"):
        check_tree([(first, False), (second, False)], SPOT)


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("a/b", "ab"), ("a_b", "a-b"), ("é", "e"), ("a.b", "ab")])
def test_names_that_are_two(first: str, second: str) -> None:
    check_tree([(first, False), (second, False)], SPOT)


@pytest.mark.parametrize("deep", ["a/b", "A/b", "a/b/c/d"])
def test_a_file_used_as_a_directory(deep: str) -> None:
    with pytest.raises(EvidenceError, match="nothing below a name that is no directory") as caught:
        check_tree([(deep, False), ("a", False)], SPOT)
    assert caught.value.subject == "demo.whl: 'a'"
    check_tree([(deep, False), ("a", True)], SPOT)


def test_the_same_name_as_file_and_directory() -> None:
    with pytest.raises(EvidenceError, match="a name of its own"):
        check_tree([("a", True), ("a", False)], SPOT)


def test_a_strangers_text_is_shown_without_control_characters_and_not_too_long() -> None:
    assert shown("a\x1b[2Jé") == "'a\\x1b[2J\\xe9'"
    assert len(shown("x" * 1000)) == 120


def test_the_next_step_names_the_tool_that_lists_the_file() -> None:
    assert Spot("a.whl").breaks("x").hint.endswith("python -m zipfile --list a.whl | cat -v")
    assert Spot("a.tar.gz").breaks("x").hint.endswith("python -m tarfile --list a.tar.gz | cat -v")
    assert Spot("a.whl").breaks("x").subject == "a.whl"
