"""Requirement files that say one thing to the reader and another to pip: refused, or read as pip reads them."""

from __future__ import annotations

import pytest

from tests import makers
from tests.e2e.world import ALICE, EVE, World
from tests.signer import sha256
from tests.vectors import vectors_dir

SEPARATORS = {
    "line-separator": "\u2028",
    "paragraph-separator": "\u2029",
    "next-line": "\u0085",
    "vertical-tab": "\x0b",
    "form-feed": "\x0c",
    "file-separator": "\x1c",
    "group-separator": "\x1d",
    "record-separator": "\x1e",
    "carriage-return": "\r",
    "nul": "\0",
    "right-to-left": "\u202e",
}


@pytest.fixture
def both(world: World) -> World:
    """goodpkg is signed and pinned; evilpkg is there for whoever can make pip ask for it."""
    world.publisher.show(ALICE)
    world.trust("goodpkg")
    world.wheel("goodpkg", "1.0", ALICE)
    world.index.add("evilpkg-1.0-py3-none-any.whl", world.evil_wheel("evilpkg"))
    return world


def stays_out(world: World, *arguments: str, code: int = 2) -> None:
    result = world.run("install", *arguments)
    world.refused(result, code)
    assert not world.index.asked_for("evilpkg-1.0-py3-none-any.whl")


@pytest.mark.parametrize("separator", SEPARATORS.values(), ids=SEPARATORS)
def test_a_comment_that_hides_a_requirement(both: World, separator: str) -> None:
    both.save("requirements.txt", f"goodpkg==1.0  # harmless{separator}evilpkg\n".encode())
    stays_out(both, "-r", "requirements.txt")


@pytest.mark.parametrize("separator", ["\u2028", "\x0c"])
def test_a_comment_that_hides_a_requirement_in_a_nested_file(both: World, separator: str) -> None:
    both.write("requirements.txt", "-r nested.txt")
    both.save("nested.txt", f"goodpkg==1.0  # harmless{separator}evilpkg\n".encode())
    stays_out(both, "-r", "requirements.txt")


def test_a_comment_that_hides_a_requirement_in_a_constraint_file(both: World) -> None:
    address = both.index.file_url("evilpkg-1.0-py3-none-any.whl")
    both.save("constraints.txt", f"# harmless\u2028goodpkg @ {address}\n".encode())
    stays_out(both, "-c", "constraints.txt", "goodpkg")


def test_a_comment_that_hides_another_index(both: World) -> None:
    both.save("requirements.txt", b"# harmless\x0c--index-url http://127.0.0.1:9/simple/\ngoodpkg\n")
    stays_out(both, "-r", "requirements.txt")


def test_an_encoding_that_hides_a_requirement(both: World) -> None:
    both.save("requirements.txt", b"# -*- coding: utf-7 -*-\ngoodpkg==1.0 # +AAo-evilpkg==1.0\n")
    stays_out(both, "-r", "requirements.txt")


def test_utf_16(both: World) -> None:
    both.save("requirements.txt", "goodpkg==1.0\nevilpkg==1.0\n".encode("utf-16"))
    stays_out(both, "-r", "requirements.txt")


def test_a_hash_that_pip_would_drop(both: World) -> None:
    both.write("requirements.txt", "goodpkg==1.0 \\", "    # a note", f"    --hash=sha256:{'0' * 64}")
    stays_out(both, "-r", "requirements.txt")


def test_a_pin_that_a_typing_error_would_drop(both: World) -> None:
    for line in (
        f"goodpkg --keys=ed25519:{'A' * 43}",
        f"goodpkg --key-lis={both.publisher.list_url}",
        f"goodpkg --key-list {both.publisher.list_url} --treshold=2",
        "goodpkg --key=ed25519:tooshort",
        "goodpkg --signed-by=nobody-of-the-trust-file",
        "--signed-by=team",
    ):
        both.write("requirements.txt", line)
        stays_out(both, "-r", "requirements.txt")


def test_a_pin_comment_that_a_typing_error_would_drop(both: World) -> None:
    both.write("requirements.txt", "goodpkg==1.0", "# pip-verify: --singed-by=team")
    stays_out(both, "-r", "requirements.txt")


def test_a_pin_on_what_cannot_be_signed(both: World) -> None:
    both.write("requirements.txt", f"git+https://localhost/goodpkg --key={ALICE.text}")
    stays_out(both, "-r", "requirements.txt")


def test_a_wrong_hash_of_the_users_is_not_outweighed_by_a_signature(both: World) -> None:
    both.write("requirements.txt", f"goodpkg==1.0 --hash=sha256:{'0' * 64}")
    result = both.run("install", "-r", "requirements.txt")
    both.refused(result, result.code)
    assert result.code in {1, 12}


def test_an_index_line_inside_the_file_changes_where_files_come_from_and_nothing_else(both: World) -> None:
    both.wheel("goodpkg", "2.0", EVE)
    both.write("requirements.txt", f"--extra-index-url {both.index.url}", "--pre", "goodpkg")
    result = both.run("install", "-r", "requirements.txt")
    both.refused(result, 11, "PV201", filename="goodpkg-2.0-py3-none-any.whl")


def test_a_variable_that_names_another_requirement(both: World) -> None:
    both.write("requirements.txt", "${WANTED}")
    result = both.run("install", "-r", "requirements.txt", WANTED="evilpkg")
    both.refused(result, 10, "PV101", filename="evilpkg-1.0-py3-none-any.whl")


def test_a_key_in_a_variable_is_no_pin(both: World) -> None:
    both.write("requirements.txt", "evilpkg --key=${KEY}")
    result = both.run("install", "-r", "requirements.txt", KEY=EVE.text)
    both.refused(result, 2)


def test_a_marker_that_is_false_does_not_pin_for_nothing(both: World) -> None:
    line = f'goodpkg==1.0 ; python_version < "3" --key={EVE.text}'
    both.write("requirements.txt", line, "goodpkg==1.0")
    assert both.run("install", "-r", "requirements.txt").code in {0, 11}


def requirement_vectors() -> list[str]:
    try:
        names = sorted(path.name for path in vectors_dir("requirements").glob("*.txt"))
    except pytest.skip.Exception:
        return []
    assert len(names) == 22
    return names


@pytest.mark.parametrize("name", requirement_vectors())
def test_a_file_that_parsers_read_differently_lets_nothing_in(both: World, name: str) -> None:
    """Accepted or refused: what is not pinned does not get in, whatever pip makes of the file."""
    for path in vectors_dir("requirements").glob("*.txt"):
        both.save(path.name, path.read_bytes())
    result = both.run("install", "-r", name)
    assert both.executed == []
    assert both.target.installed() in ({}, {"goodpkg": "1.0"}), result.stderr
    assert (result.code == 0) == (not both.target.untouched())


def test_a_file_with_good_hashes_and_pins_gets_in(both: World) -> None:
    digest = sha256(both.index.files["goodpkg-1.0-py3-none-any.whl"].data)
    both.write("requirements.txt", f"goodpkg==1.0 --hash=sha256:{digest} --signed-by=team")
    both.installed_as(both.run("install", "-r", "requirements.txt"), goodpkg="1.0")


def test_the_line_of_a_requirement_is_named_when_it_is_refused(both: World) -> None:
    both.index.add("other-1.0-py3-none-any.whl", makers.make_wheel("other", "1.0"))
    both.write("requirements.txt", "goodpkg", "", f"other {both.publisher.pin}")
    result = both.run("install", "-r", "requirements.txt")
    both.refused(result, 10, "PV102", filename="other-1.0-py3-none-any.whl")
    assert "requirements.txt:3" in result.stderr
