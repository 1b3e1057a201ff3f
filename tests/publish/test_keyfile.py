"""The private key file: what is written, and everything that is refused when it is read."""

from __future__ import annotations

import copy
import json
import os
import pickle
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt
from nacl.pwhash import argon2id

from pip_verify.encoding import b64u_decode, b64u_encode
from pip_verify.errors import EvidenceError, PipVerifyError, UsageError
from pip_verify.keys import PublicKey
from pip_verify.publish.argon2 import MODERATE, Cost
from pip_verify.publish.derived import spell_phrase
from pip_verify.publish.keyfile import KEY_FILE_MAX_BYTES, SigningKey, load, load_public, new_seed, store

ROOT = Path(__file__).resolve().parent.parent.parent
CHEAP = Cost(ops=1, mem=8192)
PASSPHRASE = b"correct horse battery staple"

# RFC 8037 appendix A.1, A.3 and A.4
RFC_D = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
RFC_X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
RFC_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
RFC_INPUT = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
RFC_SIGNATURE = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")


def generate(path: Path, passphrase: bytes | None, *, cost: Cost = MODERATE) -> PublicKey:
    """A key of random bytes and its file."""
    return store(path, new_seed(), passphrase, cost=cost)


def right() -> bytes:
    return PASSPHRASE


def never() -> bytes:
    pytest.fail("asked for a passphrase that it does not need")


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    return path


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_bytes())
    change(document)
    write(path, document)


@pytest.fixture
def encrypted(tmp_path: Path) -> Path:
    path = tmp_path / "key.json"
    generate(path, PASSPHRASE, cost=CHEAP)
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "plain.json"
    generate(path, None)
    return path


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE, b"\x00\xff"])
def test_what_was_generated_signs(tmp_path: Path, passphrase: bytes | None) -> None:
    public = generate(tmp_path / "key", passphrase, cost=CHEAP)
    key = load(tmp_path / "key", never if passphrase is None else lambda: passphrase)
    assert key.public == public == load_public(tmp_path / "key")
    assert public.verifies(b"message", key.sign(b"message"))


@pytest.mark.parametrize(
    "typed", ["gr\u00fc\u00dfe an alle", "gru\u0308\u00dfe\u00a0 an alle ", "gr\u00fc\u00dfe  an\u3000alle"]
)
def test_a_phrase_opens_what_was_encrypted_with_its_one_spelling(typed: str, tmp_path: Path) -> None:
    """As ``keygen --from-passphrase`` writes it: whichever keyboard the phrase is typed on makes that key."""
    public = generate(tmp_path / "key", spell_phrase(typed).encode(), cost=CHEAP)
    assert load(tmp_path / "key", typed.encode).public == public
    with pytest.raises(UsageError, match="the passphrase of this key"):
        load(tmp_path / "key", f"{typed}e".encode)


@pytest.mark.parametrize("typed", ["two  spaces", "tab\there", "gru\u0308\u00dfe"])
def test_any_other_passphrase_is_the_bytes_that_it_was(typed: str, tmp_path: Path) -> None:
    public = generate(tmp_path / "key", typed.encode(), cost=CHEAP)
    assert load(tmp_path / "key", typed.encode).public == public


def test_each_key_is_another(tmp_path: Path) -> None:
    assert generate(tmp_path / "a", None) != generate(tmp_path / "b", None)


def test_an_encrypted_file_says_how_and_shows_the_public_half_alone(encrypted: Path) -> None:
    document = json.loads(encrypted.read_bytes())
    key = load(encrypted, right)
    envelope = document.pop("encrypted")
    assert document == key.public.to_jwk()
    assert (envelope["version"], envelope["kdf"], envelope["cipher"]) == (1, "argon2id", "xchacha20-poly1305")
    assert (envelope["ops"], envelope["mem"]) == (1, 8192)


def test_two_files_share_neither_salt_nor_nonce(tmp_path: Path) -> None:
    envelopes = []
    for name in ("a", "b"):
        generate(tmp_path / name, PASSPHRASE, cost=CHEAP)
        envelopes.append(json.loads((tmp_path / name).read_bytes())["encrypted"])
    assert envelopes[0]["salt"] != envelopes[1]["salt"]
    assert envelopes[0]["nonce"] != envelopes[1]["nonce"]


def test_unless_told_otherwise_a_guess_costs_what_libsodium_calls_moderate(tmp_path: Path) -> None:
    generate(tmp_path / "key", PASSPHRASE)
    envelope = json.loads((tmp_path / "key").read_bytes())["encrypted"]
    assert (envelope["ops"], envelope["mem"]) == (argon2id.OPSLIMIT_MODERATE, argon2id.MEMLIMIT_MODERATE)
    assert Cost(argon2id.OPSLIMIT_MODERATE, argon2id.MEMLIMIT_MODERATE) == MODERATE


def test_a_guess_may_cost_as_many_passes_as_libsodiums_sensitive(tmp_path: Path) -> None:
    public = generate(tmp_path / "key", PASSPHRASE, cost=Cost(ops=argon2id.OPSLIMIT_SENSITIVE, mem=8192))
    assert load(tmp_path / "key", right).public == public


@posix
@pytest.mark.parametrize("umask", [0, 0o022])
def test_nobody_else_may_read_it(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        generate(tmp_path / "key", PASSPHRASE, cost=CHEAP)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_key_is_never_overwritten(encrypted: Path) -> None:
    before = encrypted.read_bytes()
    with pytest.raises(UsageError, match="got an existing file"):
        generate(encrypted, PASSPHRASE, cost=CHEAP)
    assert encrypted.read_bytes() == before


def test_an_empty_passphrase_is_not_taken_for_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a passphrase, got an empty one"):
        generate(tmp_path / "key", b"")
    assert not (tmp_path / "key").exists()


# RFC 8037 appendix A


def test_reads_a_jwk_that_others_made(tmp_path: Path) -> None:
    jwk = {"kty": "OKP", "crv": "Ed25519", "d": RFC_D, "x": RFC_X, "key_ops": ["sign"], "kid": "a label"}
    key = load(write(tmp_path / "key", jwk), never)
    assert key.public.thumbprint == RFC_THUMBPRINT
    assert b64u_encode(key.sign(RFC_INPUT)) == RFC_SIGNATURE


# what is refused


@pytest.mark.parametrize("wrong", [b"", b"correct horse battery stapl", b"correct horse battery staples"])
def test_a_wrong_passphrase(encrypted: Path, wrong: bytes) -> None:
    with pytest.raises(UsageError, match="expected the passphrase of this key, got another") as caught:
        load(encrypted, lambda: wrong)
    assert PASSPHRASE.decode() not in str(caught.value)


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o644, 0o666, 0o601])
def test_a_file_that_others_can_reach(encrypted: Path, plain: Path, mode: int) -> None:
    for path in (encrypted, plain):
        path.chmod(mode)
        with pytest.raises(UsageError, match=f"mode 0600\\), got mode {mode:04o}") as caught:
            load(path, never)
        assert caught.value.hint.startswith(f"chmod 600 {path}")


@posix
def test_a_mode_narrower_than_0600(plain: Path) -> None:
    plain.chmod(0o400)
    assert load(plain, never).public == load_public(plain)


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user(plain: Path) -> None:
    os.chown(plain, 12345, -1)
    with pytest.raises(UsageError, match="got one of the user with the number 12345"):
        load(plain, never)
    assert load_public(plain)


@posix
def test_a_link_is_followed_to_a_file_that_is_held_to_the_rules(plain: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(plain)
    assert load(tmp_path / "link", never).public == load_public(plain)
    plain.chmod(0o644)
    with pytest.raises(UsageError, match="mode 0600"):
        load(tmp_path / "link", never)


@posix
def test_a_key_is_never_written_through_a_link(tmp_path: Path) -> None:
    for target in (tmp_path / "nowhere", tmp_path):
        (tmp_path / "link").symlink_to(target)
        with pytest.raises(UsageError):
            generate(tmp_path / "link", None)
        (tmp_path / "link").unlink()
    assert list(tmp_path.iterdir()) == []


def test_a_torn_file_at_every_length(encrypted: Path, plain: Path) -> None:
    for path in (encrypted, plain):
        whole = path.read_bytes()
        for length in range(len(whole) - 1):  # the last byte is the line's end
            path.write_bytes(whole[:length])
            with pytest.raises(EvidenceError, match="expected JSON"):
                load(path, never)


@pytest.mark.parametrize("member", ["x", "d"])
def test_the_public_half_of_another_key(plain: Path, tmp_path: Path, member: str) -> None:
    generate(tmp_path / "other", None)
    other = json.loads((tmp_path / "other").read_bytes())
    rewrite(plain, lambda document: document.update({member: other[member]}))
    with pytest.raises(EvidenceError, match="expected the private half of ed25519:"):
        load(plain, never)


def test_an_encrypted_key_beside_the_public_half_of_another_key(encrypted: Path, plain: Path) -> None:
    other = json.loads(plain.read_bytes())["x"]
    rewrite(encrypted, lambda document: document.update(x=other))
    with pytest.raises(UsageError, match="or the file was changed"):
        load(encrypted, right)


def seal(seed: bytes, public: PublicKey) -> dict[str, Any]:
    """An encrypted key file as another program would write it from the module's description."""
    salt, nonce = b"s" * 16, b"n" * 24
    key = argon2id.kdf(32, PASSPHRASE, salt, opslimit=1, memlimit=8192)
    envelope = {
        "version": 1,
        "kdf": "argon2id",
        "ops": 1,
        "mem": 8192,
        "salt": b64u_encode(salt),
        "cipher": "xchacha20-poly1305",
        "nonce": b64u_encode(nonce),
    }
    bound = json.dumps([public.text, *envelope.values()], separators=(",", ":")).encode()
    box = crypto_aead_xchacha20poly1305_ietf_encrypt(seed, bound, nonce, key)
    return {**public.to_jwk(), "encrypted": {**envelope, "ciphertext": b64u_encode(box)}}


def test_reads_an_encrypted_file_that_others_made(tmp_path: Path) -> None:
    public = SigningKey(bytes(32)).public
    assert load(write(tmp_path / "key", seal(bytes(32), public)), right).public == public


def test_an_encrypted_key_whose_maker_lied_about_the_public_half(tmp_path: Path) -> None:
    """The passphrase is right and the box was sealed over this public half: only the comparison is left to notice."""
    liar = SigningKey(bytes(32)).public
    with pytest.raises(EvidenceError, match=f"expected the private half of {liar}"):
        load(write(tmp_path / "key", seal(b"x" * 32, liar)), right)


@pytest.mark.parametrize("name", ["salt", "nonce", "ciphertext"])
def test_every_flipped_byte_of_the_envelope(encrypted: Path, name: str) -> None:
    original = encrypted.read_bytes()
    data = b64u_decode(json.loads(original)["encrypted"][name], name)
    for index in range(len(data)):
        flipped = bytes([*data[:index], data[index] ^ 1, *data[index + 1 :]])
        encrypted.write_bytes(original.replace(b64u_encode(data).encode(), b64u_encode(flipped).encode()))
        with pytest.raises(UsageError, match="or the file was changed"):
            load(encrypted, right)


@pytest.mark.parametrize(("name", "value"), [("ops", 2), ("mem", 16384)])
def test_a_changed_parameter(encrypted: Path, name: str, value: int) -> None:
    rewrite(encrypted, lambda document: document["encrypted"].update({name: value}))
    with pytest.raises(UsageError, match="or the file was changed"):
        load(encrypted, right)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ops", 5),
        ("ops", 0),
        ("ops", 2**32),
        ("ops", True),
        ("ops", 1.0),
        ("ops", "1"),
        ("mem", 1024**4),
        ("mem", 1024**3 + 1),
        ("mem", 8191),
        ("mem", -1),
        ("mem", None),
        ("version", 2),
        ("version", True),
        ("kdf", "scrypt"),
        ("cipher", "none"),
        ("salt", ""),
        ("salt", "AAAA"),
        ("nonce", "AAAA"),
        ("ciphertext", ""),
        ("ciphertext", 7),
    ],
)
def test_an_envelope_that_asks_for_too_much_or_for_something_else(encrypted: Path, name: str, value: object) -> None:
    """Before the passphrase is asked for: a hostile file gets neither memory nor time nor a secret."""
    rewrite(encrypted, lambda document: document["encrypted"].update({name: value}))
    with pytest.raises(EvidenceError, match=rf"encrypted\.{name}"):
        load(encrypted, never)


def test_an_envelope_with_a_member_more_or_less(encrypted: Path) -> None:
    rewrite(encrypted, lambda document: document["encrypted"].update(hint="x"))
    with pytest.raises(EvidenceError, match="only the members"):
        load(encrypted, never)
    rewrite(encrypted, lambda document: (document["encrypted"].pop("hint"), document["encrypted"].pop("salt")))
    with pytest.raises(EvidenceError, match='a member "salt"'):
        load(encrypted, never)


@pytest.mark.parametrize("envelope", [None, [], "x", 1])
def test_an_envelope_that_is_none(plain: Path, envelope: object) -> None:
    rewrite(plain, lambda document: (document.pop("d"), document.update(encrypted=envelope)))
    with pytest.raises(EvidenceError, match="a JSON object"):
        load(plain, never)


def test_a_file_with_a_plain_and_an_encrypted_secret(encrypted: Path) -> None:
    rewrite(encrypted, lambda document: document.update(d=RFC_D))
    for read in (lambda: load(encrypted, never), lambda: load_public(encrypted)):
        with pytest.raises(EvidenceError, match="got both"):
            read()


def test_a_public_key_signs_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "key", PublicKey.from_raw(b64u_decode(RFC_X, "x")).to_jwk())
    with pytest.raises(UsageError, match="got a public key"):
        load(path, never)
    path.chmod(0o644)
    assert load_public(path).thumbprint == RFC_THUMBPRINT


@pytest.mark.parametrize(
    "d",
    [RFC_D + "=", RFC_D[:-1] + "B", RFC_D + "AA", RFC_D.replace("_", "/"), [RFC_D], ""],
    ids=["padded", "not canonical", "long", "wrong alphabet", "a list", "empty"],
)
def test_a_malformed_secret_is_refused_and_not_shown(tmp_path: Path, d: object) -> None:
    path = write(tmp_path / "key", {"kty": "OKP", "crv": "Ed25519", "d": d, "x": RFC_X})
    with pytest.raises(EvidenceError, match="expected base64url of 32 bytes") as caught:
        load(path, never)
    assert RFC_D[:20] not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "jwk",
    [
        [],
        {},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "AQAB"},
        {"kty": "OKP", "crv": "X25519", "d": RFC_D, "x": RFC_X},
        {"kty": "OKP", "crv": "Ed25519", "d": RFC_D},
        {"kty": "OKP", "crv": "Ed25519", "d": RFC_D, "x": RFC_X, "alg": "ES256"},
        {"kty": "OKP", "crv": "Ed25519", "d": RFC_D, "x": "AQ" + "A" * 41},
    ],
)
def test_what_is_no_ed25519_key(tmp_path: Path, jwk: object) -> None:
    with pytest.raises(EvidenceError):
        load(write(tmp_path / "key", jwk), never)


def test_a_file_larger_than_any_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b" " * (KEY_FILE_MAX_BYTES + 1))
    path.chmod(0o600)
    with pytest.raises(EvidenceError, match="at most 16384 bytes"):
        load(path, never)


@pytest.mark.parametrize("name", ["missing", ".", "missing/key"])
def test_a_path_without_a_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="expected a key file"):
        load(tmp_path / name, never)
    with pytest.raises(UsageError, match="expected a key file"):
        load_public(tmp_path / name)


@posix
def test_a_machine_with_too_little_memory(tmp_path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
import nacl.pwhash.argon2id
from pip_verify.errors import UsageError
from pip_verify.publish.argon2 import Cost
from pip_verify.publish.derived import spell_phrase
from pip_verify.publish.keyfile import new_seed, store
resource.setrlimit(resource.RLIMIT_AS, (400 * 2**20, 400 * 2**20))
try:
    store(Path(sys.argv[1]), new_seed(), b"x", cost=Cost(1, 2**30))
except UsageError as error:
    sys.exit(0 if "1024 MiB of memory" in str(error) else 3)
"""
    command = [sys.executable, "-c", script, str(tmp_path / "key")]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0
    assert not (tmp_path / "key").exists()


# the key in memory


def test_a_signing_key_shows_only_its_public_half() -> None:
    key = SigningKey(b64u_decode(RFC_D, "d"))
    assert repr(key) == f"<SigningKey ed25519:{RFC_X}>"
    assert str(key) == repr(key)
    assert not hasattr(key, "__dict__")


@pytest.mark.parametrize("leak", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_signing_key_is_neither_pickled_nor_copied(leak: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match="not serialised"):
        leak(SigningKey(bytes(32)))


def test_any_bytes_are_a_key_or_an_error_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "key"
    generate(path, PASSPHRASE, cost=CHEAP)
    whole = path.read_bytes()
    for index in range(len(whole) - 1):
        path.write_bytes(whole[:index] + b"\xff" + whole[index + 1 :])
        with pytest.raises(PipVerifyError):
            load(path, never)
