"""Which phrase may make a key: one that ``generate_phrase`` made, or one that zxcvbn finds as hard to guess.

A key that is made of a phrase lets everybody who has the public half try phrases, unseen and for ever. So only the
phrase's own strength counts, and a phrase that somebody thought up is weaker than it looks: zxcvbn knows no
quotations. A generated phrase ends in a check word, so that one mistyped is noticed and not silently another key.

Of a phrase nothing is ever in a message, not even a word of it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable

from pip_verify.errors import UsageError
from pip_verify.publish.derived import spell_phrase
from pip_verify.publish.extras import missing
from pip_verify.publish.wordlist import bip39

RANDOM_WORDS = 8
ENTROPY_BITS = 11 * RANDOM_WORDS
# A phrase of one's own must take as many guesses, by zxcvbn's estimate, as a generated one: 2^88
LEAST_GUESSES_LOG10 = 26.5

_CHECK_LABEL = b"pip-verify phrase check v1"
_EXTRA = "passphrase"
_ZXCVBN_MAX = 72  # characters; it takes no more, and what follows can only make the phrase stronger
_HINT = "pip-verify keygen --generate-phrase"


def generate_phrase() -> str:
    """Eight words drawn at random (88 bits) and a check word, of BIP-39's English list."""
    words = bip39(_EXTRA).wordlist
    drawn = [secrets.choice(words) for _ in range(RANDOM_WORDS)]
    return " ".join([*drawn, check_word(drawn, words)])


def check_word(drawn: Iterable[str], words: list[str]) -> str:
    """The ninth word: that of the number in the first eleven bits of BLAKE2b over the others, one space apart."""
    digest = hashlib.blake2b(_CHECK_LABEL + b"\0" + " ".join(drawn).encode("utf-8"), digest_size=2).digest()
    return words[int.from_bytes(digest, "big") >> 5]


def require_strong(phrase: str, address: str) -> None:
    """Let a phrase pass that may make a key for ``address``; raises UsageError when it may not, or a library is
    missing."""
    given = spell_phrase(phrase).split(" ")
    words = bip39(_EXTRA).wordlist
    listed = sum(word.lower() in words for word in given)
    # Most of it is from the list, so it is a generated phrase or meant to be one: zxcvbn would let a slip pass
    if len(given) > RANDOM_WORDS // 2 and listed > len(given) // 2:
        _require_generated(given, words)
    else:
        _require_hard_to_guess(" ".join(given), address)


def _require_generated(given: list[str], words: list[str]) -> None:
    strange = [number for number, word in enumerate(given, start=1) if word not in words]
    if len(given) != RANDOM_WORDS + 1:
        got = f"{len(given)} words"
    elif strange:
        got = f"word {strange[0]}, which is not on the list in lower case"
    elif check_word(given[:-1], words) != given[-1]:
        got = "a check word that does not fit: one is mistyped, or somebody chose them"
    else:
        return
    expected = f"the {RANDOM_WORDS + 1} words of a generated phrase, in order"
    raise UsageError("passphrase", expected=expected, got=got, hint=_HINT)


def _require_hard_to_guess(phrase: str, address: str) -> None:
    try:
        from zxcvbn import zxcvbn
    except ImportError as error:
        raise missing(_EXTRA, "zxcvbn") from error
    estimate = zxcvbn(phrase[:_ZXCVBN_MAX] or " ", user_inputs=[address, *address.split("@"), "pip-verify"])
    guesses = float(estimate["guesses_log10"])
    if guesses < LEAST_GUESSES_LOG10:  # far beyond its best score, which begins at 10^10
        raise UsageError(
            "passphrase",
            expected=f"a generated phrase, or one that takes 10^{LEAST_GUESSES_LOG10:g} guesses",
            got=f"one that zxcvbn takes to be found in 10^{guesses:.1f}",
            hint=_HINT,
        )
