"""A TOML text in blocks: where they begin, whose the comments are, and that nothing else changes."""

from __future__ import annotations

import pytest

from pip_verify.trustfile.layout import Block, Layout

TEXT = """\
# about the file

top = 1
[a]  # here
x = 1
# below x

# above b
[b]

[[c.'d.e']]
y = [
    [1, 2],
    # ]
    "]", '[z]',
]
[[c.'d.e']]
# the end
"""


def paths(text: str) -> list[tuple[str, ...]]:
    return [block.path for block in Layout(text).blocks]


def block(layout: Layout, *path: str) -> Block:
    return layout.headed(path)[0]


@pytest.mark.parametrize("text", ["", "\n", "x = 1", "# c", "[a]", "[a]\n\n", "\n\n[a]\nx=1\n# c", TEXT])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_blocks_joined_are_the_text(text: str, newline: str) -> None:
    text = text.replace("\n", newline)
    assert str(Layout(text)) == text


def test_each_header_begins_a_block() -> None:
    assert paths(TEXT) == [(), ("a",), ("b",), ("c", "d.e"), ("c", "d.e")]
    assert [one.array for one in Layout(TEXT).blocks] == [False, False, False, True, True]


@pytest.mark.parametrize(
    "value",
    [
        '"""\n[no]\n"""',
        '"""\n[no]\\""" still\n[no]\n"""""',
        '"""\n[no]"""" # "',
        "'''\n[no]\n''' # '",
        "[\n[1],\n'[no]',\n]",
        "[ # [[\n[1],\n]",
        "{ a = [\n[1]\n] }",
        '"\\"" # "\n#[no]',
        "'\\'",
    ],
)
def test_what_looks_like_a_header_inside_a_value_is_none(value: str) -> None:
    layout = Layout(f"[a]\nx = {value}\n[b]\ny = 1\n")
    assert [one.path for one in layout.blocks] == [(), ("a",), ("b",)]
    assert block(layout, "b").keys == "y = 1\n"


def test_comments_right_below_the_last_key_are_the_blocks_own() -> None:
    layout = Layout(TEXT)
    assert block(layout, "a").notes == ["# below x\n"]
    assert block(layout, "b").lead == ["\n", "# above b\n"]


def test_comments_right_above_a_header_are_not_the_block_s_before() -> None:
    layout = Layout("[a]\nx = 1\n# above b\n[b]\n")
    assert block(layout, "a").notes == []
    assert block(layout, "b").lead == ["# above b\n"]


def test_comments_at_the_end_are_the_last_blocks() -> None:
    layout = Layout("[a]\nx = 1\n# of a\n\n# of the file\n")
    layout.remove(block(layout, "a"))
    assert str(layout) == "# of the file\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[a]\nx = 1\n", "[a]\nx = 1\n\n[new]\n"),
        ("[a]\nx = 1", "[a]\nx = 1\n\n[new]\n"),
        ("[a]", "[a]\n\n[new]\n"),
        ("[a]\nx = 1\n[b]\n", "[a]\nx = 1\n\n[new]\n\n[b]\n"),
        ("[a]\nx = 1\n\n\n[b]\n", "[a]\nx = 1\n\n[new]\n\n\n[b]\n"),
        ("[a]\nx = 1\n# of b\n[b]\n", "[a]\nx = 1\n\n[new]\n\n# of b\n[b]\n"),
        ("[a]\nx = 1\n# of a\n\n# of b\n[b]\n", "[a]\nx = 1\n# of a\n\n[new]\n\n# of b\n[b]\n"),
        ("[a]\nx = 1\n\n# end\n", "[a]\nx = 1\n\n[new]\n\n# end\n"),
        ("[a]\r\nx = 1\r\n", "[a]\r\nx = 1\r\n\r\n[new]\n"),
    ],
)
def test_a_block_put_behind_another_has_a_blank_line_on_both_sides(before: str, after: str) -> None:
    layout = Layout(before)
    layout.insert(Block(("new",), header="[new]\n"), block(layout, "a"))
    assert str(layout) == after


def test_the_first_block_of_an_empty_file_has_none_above() -> None:
    layout = Layout("")
    layout.insert(Block(("new",), header="[new]\n"), layout.blocks[0])
    assert str(layout) == "[new]\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[a]\n\n[gone]\nx = 1\n\n[b]\n", "[a]\n\n[b]\n"),
        ("[a]\n[gone]\nx = 1\n[b]\n", "[a]\n[b]\n"),
        ("[a]\n\n[gone]\nx = 1\n[b]\n", "[a]\n\n[b]\n"),
        ("[a]\n\n[gone]\nx = 1\n", "[a]\n"),
        ("[a]\n\n[gone]", "[a]\n"),
        ("[gone]\nx = 1\n\n\n[b]\n", "[b]\n"),
        ("# c\n\n[gone]\n\n[b]\n", "# c\n\n[b]\n"),
        ("[a]\n\n[gone]  # with it\nx = 1  # with it\n# with it\n\n[b]\n", "[a]\n\n[b]\n"),
        ("[a]\n\n# stays\n[gone]\nx = 1\n\n[b]\n", "[a]\n\n# stays\n\n[b]\n"),
        ("[a]\n\n# stays\n[gone]\nx = 1\n[b]\n", "[a]\n\n# stays\n\n[b]\n"),
        ("[a]\n\n# stays\n\n[gone]\n# of b\n[b]\n", "[a]\n\n# stays\n\n# of b\n[b]\n"),
        ("[a]\n\n# stays\n\n[gone]\nx = 1\n", "[a]\n\n# stays\n"),
        ("# stays\n[gone]\nx = 1\n\n# end", "# stays\n\n# end"),
        ("[a]\r\n\r\n# stays\r\n[gone]\r\n[b]\r\n", "[a]\r\n\r\n# stays\r\n\r\n[b]\r\n"),
    ],
)
def test_what_stands_above_a_removed_block_stays_and_heads_no_other(before: str, after: str) -> None:
    layout = Layout(before)
    layout.remove(block(layout, "gone"))
    assert str(layout) == after
