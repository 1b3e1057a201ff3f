"""Keys of a phrase and of teneo: the vectors of ``docs/keys.md``, an independent derivation, and what is refused."""

from __future__ import annotations

import hashlib
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from nacl.pwhash import argon2id
from nacl.signing import SigningKey as Signer

from pip_verify.errors import UsageError
from pip_verify.publish.argon2 import SENSITIVE, Cost
from pip_verify.publish.derived import MAX_COUNTER, derive_seed, make_salt, normalise_address, spell_phrase
from pip_verify.publish.keyfile import SigningKey
from pip_verify.publish.sshwire import public_line
from pip_verify.publish.teneo import teneo_seed

ROOT = Path(__file__).resolve().parent.parent.parent
CHEAP = Cost(ops=1, mem=8192)
USER = "alice@keys.example"


def vectors(heading: str) -> list[list[str]]:
    """The cells of the table below a heading of docs/keys.md."""
    text = (ROOT / "docs" / "keys.md").read_text("utf-8").split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


PHRASES = vectors("### How the key is made")


def by_the_book(phrase: bytes, address: bytes, counter: int, ops: int, mem: int) -> bytes:
    """The derivation as docs/keys.md tells it, by another way to the same libsodium."""
    label = b"pip-verify key from passphrase v1"
    fields = struct.pack(f">I{len(label)}sI{len(address)}sII", len(label), label, len(address), address, 4, counter)
    salt = hashlib.blake2b(fields, digest_size=16).digest()
    return argon2id.kdf(32, phrase, salt, opslimit=ops, memlimit=mem)


@pytest.mark.parametrize("row", PHRASES, ids=[f"{row[1]} {row[2]} {row[4]} KiB" for row in PHRASES])
def test_vectors_of_the_docs(row: list[str]) -> None:
    """The first at the full price: a gibibyte and several seconds."""
    phrase, address, counter, salt, kib, ops, seed, key = row
    cost = Cost(int(ops), int(kib) * 1024)
    assert make_salt(address, int(counter)).hex() == salt
    derived = derive_seed(phrase, address, int(counter), cost=cost)
    assert derived.hex() == seed
    assert SigningKey(derived).public.text == key


def test_the_docs_have_a_vector_at_full_price_and_the_others_are_cheap() -> None:
    costs = [Cost(int(row[5]), int(row[4]) * 1024) for row in PHRASES]
    assert costs == [SENSITIVE, CHEAP, CHEAP, CHEAP, CHEAP]
    assert Cost(argon2id.OPSLIMIT_SENSITIVE, argon2id.MEMLIMIT_SENSITIVE) == SENSITIVE
    assert derive_seed.__kwdefaults__ == {"cost": SENSITIVE}


def test_another_program_makes_the_same_key() -> None:
    phrase, address = "zürich  grüßt", "Bob@Keys.Example"
    expected = by_the_book("zürich grüßt".encode(), b"bob@keys.example", 7, 1, 8192)
    assert derive_seed(phrase, address, 7, cost=CHEAP) == expected


def test_each_counter_and_each_address_is_another_key() -> None:
    seeds = {
        derive_seed("a phrase", address, counter, cost=CHEAP)
        for address in (USER, "alice@keys.examples", "lice@keys.example")
        for counter in (1, 2, 256, 2**31, MAX_COUNTER)
    }
    assert len(seeds) == 15


@pytest.mark.parametrize("counter", [0, -1, MAX_COUNTER + 1])
def test_a_counter_out_of_range(counter: int) -> None:
    with pytest.raises(UsageError, match="--counter"):
        derive_seed("a phrase", USER, counter, cost=CHEAP)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "alice",
        "@keys.example",
        "alice@",
        "a@b@c",
        "a b@c",
        " alice@keys.example",
        "alice@keys.example\n",
        "älice@keys.example",
        "\u212aate@keys.example",  # the Kelvin sign, which is lower-cased to a k
        "a" * 260,
    ],
)
def test_an_address_that_could_be_spelt_in_two_ways(address: str) -> None:
    with pytest.raises(UsageError, match="--user"):
        normalise_address(address)


def test_the_longest_address() -> None:
    longest = "A" * 249 + "@b.cd"
    assert normalise_address(longest) == longest.lower()
    with pytest.raises(UsageError):
        normalise_address("A" + longest)


@pytest.mark.parametrize(
    ("typed", "spelt"),
    [
        ("  two   words ", "two words"),
        ("two\u00a0\u2003words\u3000", "two words"),
        ("A\u0308pfel", "Äpfel"),
        ("Keeps CASE", "Keeps CASE"),
        ("ﬁ", "ﬁ"),  # NFC, not NFKC
        ("", ""),
    ],
)
def test_one_phrase_typed_in_two_ways_is_one(typed: str, spelt: str) -> None:
    assert spell_phrase(typed) == spelt


@pytest.mark.parametrize(
    "strange", ["\n", "\t", "\x00", "\x85", "\u200b", "\ufeff", "\u2028", "\ud800", "\U0001fffe", "\ue000"]
)
def test_a_phrase_with_what_leaves_no_ink(strange: str) -> None:
    with pytest.raises(UsageError, match="control or unassigned") as caught:
        spell_phrase(f"secret{strange}words")
    assert "secret" not in str(caught.value)


# teneo


def test_the_vector_of_teneo() -> None:
    """At the full price: a gibibyte and some seconds."""
    ((user, passphrase, line),) = vectors("### Keys of teneo")
    assert public_line(SigningKey(teneo_seed(user, passphrase.encode())).public) == line
    assert (user, passphrase) == ("ahf@teneo.0x90.dk", "foobar")


@pytest.mark.parametrize(("user", "passphrase"), [("a@b", b"foobar"), ("Ä", b"\xff\x00"), ("u" * 1000, b" p ")])
def test_teneo_by_the_standard_library(user: str, passphrase: bytes) -> None:
    salt = hashlib.blake2b(user.encode(), key=b"2015v1", digest_size=32).digest()
    expected = hashlib.scrypt(passphrase, salt=salt, n=1024, r=8, p=1, dklen=32)
    assert teneo_seed(user, passphrase, n=1024) == expected
    assert SigningKey(expected).public.raw == Signer(expected).verify_key.encode()


@pytest.mark.parametrize(("user", "passphrase"), [("", b"x"), ("x", b""), ("\ud800", b"x")])
def test_teneo_of_nothing(user: str, passphrase: bytes) -> None:
    with pytest.raises(UsageError):
        teneo_seed(user, passphrase, n=1024)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
@pytest.mark.parametrize("call", ["derive_seed('p', 'a@b')", "teneo_seed('u', b'p')"])
def test_a_machine_with_too_little_memory(call: str) -> None:
    script = f"""
import resource, sys
import nacl.bindings, nacl.pwhash.argon2id
from pip_verify.errors import UsageError
from pip_verify.publish.derived import derive_seed
from pip_verify.publish.teneo import teneo_seed
resource.setrlimit(resource.RLIMIT_AS, (400 * 2**20, 400 * 2**20))
try:
    {call}
except UsageError as error:
    sys.exit(0 if "1024 MiB of memory" in str(error) else 3)
"""
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


def test_no_heading_is_lost() -> None:
    assert len(PHRASES) == 5
    assert re.fullmatch(r"[a-z ]+", PHRASES[0][0])
