"""entry_points.txt: names become files, targets become source code."""

from __future__ import annotations

import configparser
from importlib.metadata import EntryPoints

import pytest

from pip_verify.artifact.entrypoints import check_entry_points
from pip_verify.artifact.fault import Spot
from pip_verify.errors import EvidenceError

SPOT = Spot("demo-1.0-py3-none-any.whl", "entry_points.txt")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# a comment\n\n",
        "[console_scripts]\ndemo = demo:main\n",
        "[console_scripts]\r\ndemo = demo:main\r\n",
        "[console_scripts]\ndemo-2.x_y=demo.cli:App.main\n[gui_scripts]\ndemo=demo:main",
        "[console_scripts]\ndemo = demo : main [fast, more-fast]\n",
        "[pytest11]\nmy plugin:odd = demo.plugin\n",
        "\n    [console_scripts]\n    a = a:a\n    b = b:b\n\n    [x]\n    c = c\n",
        "[console_scripts]\n  a = a:a\n  b = b:b\n",
        "[console_scripts]\n  a = a:a\nb = b:b\n",
        "[console_scripts]\n[x]\n",
        "[a]\nx = m\n[b]\nx = m\n",
        "[a]\nx = m\nX = m\n",
        "[a]\nä = módulo:función\n",
        "[console_scripts]\npython = demo:main\n",
    ],
)
def test_sane_entry_points_are_read_alike_by_all(text: str) -> None:
    check_entry_points(text.encode(), SPOT)
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read_string(text)
    theirs = {(point.group, point.name, point.value) for point in EntryPoints._from_text(text)}  # type: ignore[attr-defined]
    assert theirs == {(group, *item) for group in parser.sections() for item in parser[group].items()}


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/bin/evil",
        "..",
        ".",
        ".hidden",
        "a/b",
        "a\\b",
        "C:evil",
        "a b",
        "-rf",
        "a*",
        'a"b',
        "a|b",
        "a.",
        "[x",
    ],
)
@pytest.mark.parametrize("group", ["console_scripts", "gui_scripts"])
def test_script_names_that_leave_the_scripts_directory(group: str, name: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        check_entry_points(f"[{group}]\n{name} = demo:main\n".encode(), SPOT)
    assert caught.value.expected in (
        "script names that are plain file names",
        "'[group]' or 'name = module:object' in each line",
    )


@pytest.mark.parametrize(
    "target",
    [
        "",
        "demo:",
        ":main",
        "demo:main()",
        "demo; import os",
        "demo:main; import os",
        "demo main",
        "demo.:main",
        ".demo:main",
        "demo..x:main",
        "1demo:main",
        "demo:main:again",
        "demo-x:main",
        "demo:main [a] [b]",
        "demo:main # comment",
        "demo:main ; comment",
        "demo/x:main",
        "demo:main=x",
    ],
)
@pytest.mark.parametrize("group", ["console_scripts", "pytest11"])
def test_targets_that_are_no_python_names(group: str, target: str) -> None:
    with pytest.raises(EvidenceError, match="a target 'module:object' of Python names"):
        check_entry_points(f"[{group}]\ndemo = {target}\n".encode(), SPOT)


def test_a_script_without_a_function() -> None:
    with pytest.raises(EvidenceError, match="a function for each script to call"):
        check_entry_points(b"[console_scripts]\ndemo = demo\n", SPOT)
    check_entry_points(b"[plugins]\ndemo = demo\n", SPOT)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("demo = demo:main\n", "'[group]' or 'name = module:object'"),
        ("[x]\ndemo\n", "'[group]' or 'name = module:object'"),
        ("[x]\n= demo\n", "'[group]' or 'name = module:object'"),
        ("[x]\n; demo = a\n", "'[group]' or 'name = module:object'"),
        ("[x\ndemo = a\n", "'[group]' or 'name = module:object'"),
        ("[x]]\n", "'[group]' or 'name = module:object'"),
        ("[]\n", "'[group]' or 'name = module:object'"),
        ("[x] [y]\n", "'[group]' or 'name = module:object'"),
        ("[x]\na = a\n  b = b\n", "entries that are not indented below another"),
        ("[x]\na = a\n\tb = b\n", "entries that are not indented below another"),
        ("[x]\na = a\n[x]\nb = b\n", "each group once"),
        ("[x]\na = a\n[ x ]\nb = b\n", "each group once"),
        ("[x]\na = a\na = b\n", "each name once in a group"),
        ("[x]\na = a\x0b\n", "no control characters"),
        ("[x]\na = a\rb = b\n", "no control characters"),
        ("[x]\na = a\u2028b = b\n", "no control characters"),
        ("[x]\na = a\x85b = b\n", "no control characters"),
        ("# \x1b[2J\n", "no control characters"),
        ("\ufeff[x]\n", "no control characters"),
    ],
)
def test_lines_that_readers_read_differently(text: str, rule: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        check_entry_points(text.encode(), SPOT)
    assert rule in caught.value.expected, str(caught.value)


def test_bytes_that_are_not_utf8() -> None:
    with pytest.raises(EvidenceError, match="UTF-8"):
        check_entry_points(b"[x]\na\xff = a\n", SPOT)
