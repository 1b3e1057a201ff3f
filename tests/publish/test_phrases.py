"""Which phrases may make a key, and that no message ever shows one."""

from __future__ import annotations

import hashlib
import sys

import pytest

from pip_verify.errors import UsageError
from pip_verify.publish.phrases import (
    ENTROPY_BITS,
    LEAST_GUESSES_LOG10,
    check_word,
    generate_phrase,
    require_strong,
)
from pip_verify.publish.wordlist import bip39
from tests.publish.test_derived import vectors

USER = "alice@keys.example"
GOOD = "nasty fresh february syrup bounce join border genius cargo"
DICEWARE = "unbroken reptile sandpaper gully untapped headsman ivory crudely"  # eight of a longer list


def test_the_word_list_is_the_one_that_will_always_be() -> None:
    words = bip39("passphrase").wordlist
    assert len(set(words)) == 2048
    digest = hashlib.sha256("".join(f"{word}\n" for word in words).encode()).hexdigest()
    assert digest == "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"


def test_vectors_of_the_docs() -> None:
    rows = vectors("### The check word")
    assert len(rows) == 3
    for drawn, check in rows:
        assert check_word(drawn.split(), bip39("passphrase").wordlist) == check
        require_strong(f"{drawn} {check}", USER)


def test_what_is_generated_passes_and_is_another_each_time() -> None:
    words = bip39("passphrase").wordlist
    phrases = {generate_phrase() for _ in range(50)}
    assert len(phrases) == 50
    for phrase in phrases:
        assert len(phrase.split()) == 9
        assert set(phrase.split()) <= set(words)
        require_strong(phrase, USER)
    # 400 words drawn: each eighth of the list has its share
    eighths = {words.index(word) // 256 for phrase in phrases for word in phrase.split()[:8]}
    assert eighths == set(range(8))


def test_the_entropy_is_that_of_eight_words() -> None:
    assert ENTROPY_BITS == 88
    assert 10**LEAST_GUESSES_LOG10 >= 2**ENTROPY_BITS


def test_every_slip_of_one_word_but_one_in_two_thousand_is_noticed() -> None:
    words = bip39("passphrase").wordlist
    first, *rest = GOOD.split()
    noticed = 0
    for word in words[:500]:
        try:
            require_strong(" ".join([word, *rest]), USER)
        except UsageError:
            noticed += 1
    assert noticed >= 497
    assert first == "nasty"


@pytest.mark.parametrize(
    ("phrase", "got"),
    [
        (GOOD.rsplit(" ", 1)[0], "got 8 words"),
        (GOOD + " cargo", "got 10 words"),
        (GOOD.replace("nasty", "nastie"), "got word 1, which is not on the list"),
        (GOOD.replace("genius", "geneus"), "got word 8, which is not on the list"),
        (GOOD.upper(), "got word 1, which is not on the list in lower case"),
        (GOOD.replace("fresh february", "february fresh"), "a check word that does not fit"),
        (" ".join(["abandon"] * 9), "a check word that does not fit"),
        ("legal winner thank year wave sausage worth useful legal winner thank yellow", "got 12 words"),
        ("nasty fresh february syrup bounce", "got 5 words"),
    ],
)
def test_a_generated_phrase_with_a_slip_is_not_judged_as_ones_own(phrase: str, got: str) -> None:
    """zxcvbn would find most of these strong, and the key would silently be another."""
    with pytest.raises(UsageError, match=got) as caught:
        require_strong(phrase, USER)
    assert caught.value.hint == "pip-verify keygen --generate-phrase"


@pytest.mark.parametrize(
    "phrase", [f"  {GOOD} ", GOOD.replace(" ", "  "), DICEWARE, "x8#Lq!2vPz@9wRt$5mNb^7Kd3Wj6Yh", DICEWARE * 3]
)
def test_what_is_as_hard_to_guess_passes(phrase: str) -> None:
    require_strong(phrase, USER)


@pytest.mark.parametrize(
    "phrase",
    [
        "",
        " ",
        "foobar",
        "correct horse battery staple",
        "Tr0ub4dour&3",
        "a" * 72,
        "qwertyuiop" * 20,
        "alice@keys.example alice@keys.example",
        "password " * 30,
        "19700101 20000101 19991231",
    ],
)
def test_what_is_easy_to_guess_is_refused(phrase: str) -> None:
    with pytest.raises(UsageError, match=r"expected a generated phrase, or one that takes 10\^26\.5 guesses"):
        require_strong(phrase, USER)


@pytest.mark.parametrize(
    "phrase", ["hunter2secret", GOOD.replace("nasty", "hunter2secret"), "hunter2secret\x00", GOOD + " hunter2secret"]
)
def test_no_word_of_a_phrase_is_ever_shown(phrase: str) -> None:
    with pytest.raises(UsageError) as caught:
        require_strong(phrase, USER)
    told = f"{caught.value} {caught.value.hint}"
    assert not {"hunter2secret", *GOOD.split()} & set(told.replace(",", " ").split())


def test_an_address_is_no_secret() -> None:
    address = "x8lq2vpz9wrt5mnb7kd3f6hj@keys.example"
    require_strong(address, USER)
    with pytest.raises(UsageError):
        require_strong(address, address)


@pytest.mark.parametrize(("library", "phrase"), [("mnemonic", GOOD), ("zxcvbn", DICEWARE)])
def test_a_missing_library_is_named_with_its_extra(library: str, phrase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UsageError, match=library) as caught:
        require_strong(phrase, USER)
    assert caught.value.hint == "python -m pip install 'pip-verify[passphrase]'"
