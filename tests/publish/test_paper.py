"""A key on paper: there and back, every slip that can be noticed, and the picture held to its matrix."""

from __future__ import annotations

import secrets
import sys

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from pip_verify.errors import UsageError
from pip_verify.publish.paper import page, qr_code, seed_of, words_of
from pip_verify.publish.wordlist import bip39

KEY = "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
# test vectors of BIP-39 (256 bits)
VECTORS = {
    bytes(32): "abandon " * 23 + "art",
    b"\x7f" * 32: "legal winner thank year wave sausage worth useful " * 2
    + "legal winner thank year wave sausage worth title",
    b"\x80" * 32: "letter advice cage absurd amount doctor acoustic avoid " * 2
    + "letter advice cage absurd amount doctor acoustic bless",
    b"\xff" * 32: "zoo " * 23 + "vote",
}


@pytest.mark.parametrize("seed", VECTORS)
def test_vectors_of_bip_39(seed: bytes) -> None:
    assert words_of(seed) == VECTORS[seed]
    assert seed_of(VECTORS[seed]) == seed


@given(st.binary(min_size=32, max_size=32))
def test_there_and_back(seed: bytes) -> None:
    assert seed_of(words_of(seed)) == seed
    assert seed_of("\n".join(words_of(seed).upper().split())) == seed


def test_swapped_and_mistyped_words_are_noticed() -> None:
    words = words_of(bytes(range(32))).split()
    book = bip39("paper").wordlist
    unnoticed = 0
    for position in range(24):
        for word in secrets.SystemRandom().sample(book, 20):
            changed = [*words[:position], word, *words[position + 1 :]]
            if changed != words:
                unnoticed += accepted(" ".join(changed))
    assert unnoticed < 20  # of 480; two are likely
    with pytest.raises(UsageError, match="two are swapped"):
        seed_of(" ".join([words[1], words[0], *words[2:]]))


def accepted(text: str) -> bool:
    try:
        return bool(seed_of(text))
    except UsageError:
        return False


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", "got 0 words"),
        ("abandon " * 11 + "about", "got 12 words"),  # whole, for another length of key
        ("abandon " * 24, "checksum is wrong"),
        ("abandon " * 22 + "hunter2 art", "got word 23, which is not"),
        ("abandon " * 24 + "art", "got 25 words"),
        ("hunter2", "got 1 words"),
    ],
)
def test_words_that_are_none_are_refused_and_not_shown(text: str, got: str) -> None:
    with pytest.raises(UsageError, match=got) as caught:
        seed_of(text)
    assert "hunter2" not in str(caught.value)
    assert "abandon" not in str(caught.value)


def test_the_page_has_the_key_the_words_by_number_and_the_code() -> None:
    seed = bytes(range(32))
    text = page(seed, KEY, coloured=False)
    assert KEY in text
    table, code = text.split("\n\n")[1:]
    by_number = dict(zip(*[iter(table.split())] * 2, strict=True))
    assert [by_number[str(number)] for number in range(1, 25)] == words_of(seed).split()
    assert code == qr_code(words_of(seed), coloured=False)
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("text", [VECTORS[bytes(32)], "short", VECTORS[b"\x80" * 32]])
def test_the_picture_is_the_matrix_dark_on_light(text: str) -> None:
    rows: list[str] = []
    for line in qr_code(text, coloured=False).splitlines():
        rows += ["".join("01"[half in "▀█"] for half in line), "".join("01"[half in "▄█"] for half in line)]
    matrix = ["".join(map(str, row)) for row in segno.make(text, error="m", micro=False).matrix_iter(border=4)]
    assert rows[: len(matrix)] == matrix
    assert set("".join(rows[len(matrix) :])) <= {"0"}


def test_on_a_terminal_dark_and_light_are_said_by_escapes() -> None:
    plain, coloured = qr_code("x", coloured=False), qr_code("x", coloured=True)
    assert coloured.replace("\x1b[30;107m", "").replace("\x1b[0m", "") == plain
    assert all(line.startswith("\x1b[30;107m") and line.endswith("\x1b[0m") for line in coloured.splitlines())


@pytest.mark.parametrize("library", ["mnemonic", "segno"])
def test_a_missing_library_is_named_with_its_extra(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UsageError, match=library) as caught:
        page(bytes(32), KEY, coloured=False)
    assert caught.value.hint == "python -m pip install 'pip-verify[paper]'"
