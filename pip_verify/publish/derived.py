"""A key made of a phrase alone: the phrase, the user's address and a counter come in, the seed goes out.

Whoever knows the three makes the same key again, on any machine, from nothing (docs/keys.md is normative and has
vectors). What the phrase must be is asked in ``phrases``; here it is only spelt.

Refused: addresses beyond printable ASCII (two spellings of one address would be two keys), phrases with characters
that are no text.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from pip_verify.errors import UsageError
from pip_verify.publish.argon2 import SENSITIVE, Cost, argon2id
from pip_verify.publish.sshwire import string, uint32

MAX_COUNTER = 2**32 - 1

_LABEL = b"pip-verify key from passphrase v1"
_SEED_BYTES = 32
_SALT_BYTES = 16
_ADDRESS_RE = re.compile(r"[!-?A-~]+@[!-?A-~]+\Z")  # printable ASCII, one "@"
_MAX_ADDRESS = 254  # RFC 5321 section 4.5.3.1.3, without the angle brackets


def derive_seed(phrase: str, address: str, counter: int = 1, *, cost: Cost = SENSITIVE) -> bytes:
    """The 32 bytes of the seed: Argon2id of the phrase under the salt of address and counter.

    counter: 1 to 2^32 - 1; the next one is the next key. cost: only tests give another. Raises UsageError.
    """
    return argon2id(spell_phrase(phrase).encode("utf-8"), make_salt(address, counter), _SEED_BYTES, cost)


def make_salt(address: str, counter: int) -> bytes:
    """BLAKE2b-128 of label, normalised address and counter, each behind its length (RFC 7693; RFC 4251 section 5)."""
    if not 1 <= counter <= MAX_COUNTER:
        expected, hint = f"a number from 1 to {MAX_COUNTER}", "leave it out for the first key: it is 1 then"
        raise UsageError("--counter", expected=expected, got=str(counter), hint=hint)
    encoded = string(_LABEL) + string(normalise_address(address).encode("ascii")) + string(uint32(counter))
    return hashlib.blake2b(encoded, digest_size=_SALT_BYTES).digest()


def normalise_address(address: str) -> str:
    """``address`` in lower case; raises UsageError when it is none of ``name@host`` in printable ASCII."""
    if len(address) > _MAX_ADDRESS or not _ADDRESS_RE.match(address):
        expected = f"an address such as name@host, in ASCII, of at most {_MAX_ADDRESS} characters"
        hint = "--user=name@host; a host name's other letters are punycode (xn--...)"
        raise UsageError("--user", expected=expected, got=repr(address[:80]), hint=hint)
    return address.lower()


def spell_phrase(phrase: str) -> str:
    """The phrase in NFC, its words one space apart and none around them, whatever spaces they were (Unicode's
    category Zs); raises UsageError.

    Characters that leave no ink are refused, and those that Unicode has not assigned: a later version might
    normalise them otherwise.
    """
    text = unicodedata.normalize("NFC", phrase)
    categories = [unicodedata.category(character) for character in text]
    if any(category[0] == "C" or category in ("Zl", "Zp") for category in categories):
        got, hint = "control or unassigned characters in it", "type it by hand; such characters come along with a paste"
        raise UsageError("passphrase", expected="one line of text", got=got, hint=hint)
    spaced = (" " if category == "Zs" else character for character, category in zip(text, categories, strict=True))
    return " ".join(word for word in "".join(spaced).split(" ") if word)
