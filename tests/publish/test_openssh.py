"""Private keys of OpenSSH: those of the real ``ssh-keygen``, and every malformed one that a writer of our own makes."""

from __future__ import annotations

import base64
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import bcrypt
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from pip_verify.errors import EvidenceError, PipVerifyError, UsageError
from pip_verify.publish.keyfile import SigningKey, load_public
from pip_verify.publish.openssh import MAX_ROUNDS, parse_private, read_seed
from pip_verify.publish.sshwire import fingerprint, parse_public_line, public_line

SEED = bytes(range(32))
KEY = SigningKey(SEED)
PUBLIC = KEY.public.raw
SSH_KEYGEN = shutil.which("ssh-keygen")

real = pytest.mark.skipif(SSH_KEYGEN is None, reason="ssh-keygen is not installed")


def never() -> bytes:
    pytest.fail("asked for a passphrase that it does not need")


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def blob(raw: bytes = PUBLIC, algorithm: bytes = b"ssh-ed25519") -> bytes:
    return string(algorithm) + string(raw)


def section(
    checks: tuple[int, int] = (7, 7),
    algorithm: bytes = b"ssh-ed25519",
    public: bytes = PUBLIC,
    private: bytes = SEED + PUBLIC,
    comment: bytes = b"alice",
    padding: bytes | None = None,
    block: int = 8,
) -> bytes:
    data = struct.pack(">II", *checks) + string(algorithm) + string(public) + string(private) + string(comment)
    return data + (bytes(range(1, -len(data) % block + 1)) if padding is None else padding)


def armoured(data: bytes) -> bytes:
    text = base64.b64encode(data)
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    begin, end = b"-----BEGIN OPENSSH PRIVATE KEY-----", b"-----END OPENSSH PRIVATE KEY-----"
    return b"\n".join([begin, *lines, end, b""])


def container(
    private: bytes,
    *,
    magic: bytes = b"openssh-key-v1\0",
    cipher: bytes = b"none",
    kdf: bytes = b"none",
    options: bytes = b"",
    count: int = 1,
    public: bytes | None = None,
    tail: bytes = b"",
) -> bytes:
    head = magic + string(cipher) + string(kdf) + string(options) + struct.pack(">I", count)
    return armoured(head + string(blob() if public is None else public) + string(private) + tail)


def encrypted(passphrase: bytes, *, rounds: int = 1, salt: bytes = b"s" * 16, said: int | None = None) -> bytes:
    key = bcrypt.kdf(passphrase, salt, 48, rounds, ignore_few_rounds=True)
    encryptor = Cipher(AES(key[:32]), CTR(key[32:])).encryptor()
    options = string(salt) + struct.pack(">I", rounds if said is None else said)
    return container(encryptor.update(section(block=16)), cipher=b"aes256-ctr", kdf=b"bcrypt", options=options)


def parse(data: bytes) -> bytes:
    return parse_private(data, never, "id_ed25519")


def keygen(directory: Path, *options: str) -> Path:
    assert SSH_KEYGEN
    subprocess.run([SSH_KEYGEN, "-q", "-f", str(directory / "id"), *options], check=True, stdin=subprocess.DEVNULL)
    return directory / "id"


# the real one


@real
@pytest.mark.parametrize("comment", ["", "alice", "a longer comment, ä"])
def test_what_ssh_keygen_wrote_is_read(tmp_path: Path, comment: str) -> None:
    path = keygen(tmp_path, "-t", "ed25519", "-N", "", "-C", comment)
    key = SigningKey(read_seed(path, never)).public
    line = path.with_suffix(".pub").read_text()
    assert public_line(key) == " ".join(line.split()[:2])
    assert load_public(path.with_suffix(".pub")) == key
    shown = subprocess.run([str(SSH_KEYGEN), "-l", "-f", str(path)], check=True, capture_output=True, text=True)
    assert fingerprint(key) in shown.stdout.split()


@real
def test_what_ssh_keygen_encrypted_is_read_with_its_passphrase(tmp_path: Path) -> None:
    path = keygen(tmp_path, "-t", "ed25519", "-N", "hunter2", "-a", "4")
    key = SigningKey(read_seed(path, lambda: b"hunter2")).public
    assert load_public(path.with_suffix(".pub")) == key
    for wrong in (b"hunter3", b"hunter2 "):
        with pytest.raises(UsageError, match="expected the passphrase of this key, got another"):
            read_seed(path, lambda wrong=wrong: wrong)  # type: ignore[misc]
    with pytest.raises(UsageError, match="got an empty one"):
        read_seed(path, lambda: b"")


@real
@pytest.mark.parametrize(
    "options", [("-t", "ecdsa"), ("-t", "rsa", "-b", "1024"), ("-t", "rsa", "-b", "1024", "-m", "PEM")]
)
def test_a_key_of_another_algorithm(tmp_path: Path, options: tuple[str, ...]) -> None:
    path = keygen(tmp_path, "-N", "", *options)
    with pytest.raises(UsageError, match=r"expected an Ed25519 key, got one of type|expected a file that begins with"):
        read_seed(path, never)


@real
def test_a_cipher_that_is_not_read_names_the_way_out(tmp_path: Path) -> None:
    path = keygen(tmp_path, "-t", "ed25519", "-N", "hunter2", "-a", "1", "-Z", "aes128-gcm@openssh.com")
    with pytest.raises(UsageError, match="aes256-ctr with bcrypt") as caught:
        read_seed(path, never)
    assert caught.value.hint.startswith("ssh-keygen -p -Z aes256-ctr -f ")
    change = ["-p", "-q", "-Z", "aes256-ctr", "-a", "1", "-P", "hunter2", "-N", "other", "-f", str(path)]
    subprocess.run([str(SSH_KEYGEN), *change], check=True, capture_output=True)
    assert SigningKey(read_seed(path, lambda: b"other")).public == load_public(path.with_suffix(".pub"))


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_file_that_others_can_read(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "id"
    path.write_bytes(container(section()))
    path.chmod(mode)
    with pytest.raises(UsageError, match="mode 0600") as caught:
        read_seed(path, never)
    assert caught.value.hint.startswith(f"chmod 600 {path}")
    path.chmod(0o600)
    assert read_seed(path, never) == SEED


# a writer of our own


def test_what_the_writer_of_this_test_makes_is_read() -> None:
    assert parse(container(section())) == SEED
    assert parse(container(section()).replace(b"\n", b"\r\n")) == SEED
    assert parse_private(encrypted(b"\xff\x00x"), lambda: b"\xff\x00x", "id") == SEED


OTHER = SigningKey(b"o" * 32).public.raw


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (container(section(), magic=b"openssh-key-v2\0"), "openssh-key-v1"),
        (container(section(), count=0), "expected one key, got 0"),
        (container(section(), count=2), "expected one key, got 2"),
        (container(section(), tail=b"x"), "more bytes behind its end"),
        (container(section(), public=blob() + b"x"), "more bytes behind its end"),
        (container(section(), public=blob(PUBLIC[:31])), "32 bytes"),
        (container(section(), public=blob(OTHER)), "expected the private half of"),
        (container(section(checks=(1, 2))), "two check numbers that are equal"),
        (container(section(algorithm=b"ssh-ed448")), "an Ed25519 key of 64 bytes"),
        (container(section(public=OTHER)), "with its public half"),
        (container(section(private=SEED + OTHER)), "with its public half"),
        (container(section(private=SEED)), "with its public half"),
        (container(section(private=b"x" * 32 + PUBLIC)), "expected the private half of"),
        (container(section(comment=b"", padding=b"")), "multiple of 8"),
        (container(section(comment=b"abc", padding=b"\1\3")), "padding"),
        (container(section(comment=b"", padding=b"\0\0\0\0\0")), "padding"),
        (container(section() + bytes(range(1, 9))), "padding"),
        (container(section(comment=b"abc", padding=bytes(range(1, 11)))), "padding"),
        (container(section()[:40]), "ends too early"),
        (armoured(b""), "ends too early"),
        (b"\n".join(container(section()).splitlines()[:-1]), "torn file"),
        (container(section()).replace(b"AAAA", b"AA=A", 1), "base64"),
        (container(section()).replace(b"AAAA", b"AA A", 1), "base64"),
        (container(section()).replace(b"AAAA", b"AA-A", 1), "base64"),
        (container(section()).replace(b"AAAA", b"AA-AA", 1), "base64"),
        (container(section()).replace(b"AAAA", b"AA AA", 1), "base64"),
    ],
)
def test_a_malformed_key(data: bytes, message: str) -> None:
    with pytest.raises(EvidenceError, match=message):
        parse(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "begins with"),
        (b"\xff\xfe", "begins with"),
        (b"-----BEGIN RSA PRIVATE KEY-----\n", "begins with"),
        (container(section(), public=blob(algorithm=b"sk-ssh-ed25519@openssh.com")), "one of type"),
        (container(section(), cipher=b"aes256-cbc", kdf=b"bcrypt"), "aes256-ctr with bcrypt"),
        (container(section(), cipher=b"none", kdf=b"bcrypt"), "aes256-ctr with bcrypt"),
        (container(section(), cipher=b"aes256-ctr", kdf=b"none"), "aes256-ctr with bcrypt"),
    ],
)
def test_what_is_not_read(data: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse(data)


@pytest.mark.parametrize("rounds", [0, MAX_ROUNDS + 1, 2**32 - 1])
def test_a_bcrypt_cost_that_would_stop_the_machine(rounds: int) -> None:
    """Before the passphrase is asked for."""
    with pytest.raises(EvidenceError, match="rounds of bcrypt"):
        parse(encrypted(b"x", said=rounds))


def test_bcrypt_without_salt_or_with_more_behind() -> None:
    for options in (string(b"") + struct.pack(">I", 16), string(b"s" * 16) + struct.pack(">I", 16) + b"x", b""):
        with pytest.raises(EvidenceError):
            parse(container(section(block=16), cipher=b"aes256-ctr", kdf=b"bcrypt", options=options))


def test_any_byte_changed_is_a_key_of_the_same_seed_or_an_error_of_ours() -> None:
    whole = container(section())
    results = [attempt(whole[:index] + bytes([whole[index] ^ 1]) + whole[index + 1 :]) for index in range(len(whole))]
    # what may change: letters of the comment
    assert [result for result in results if isinstance(result, bytes)] == [SEED] * results.count(SEED)
    assert results.count(SEED) < 20
    told = "".join(str(result) for result in results if not isinstance(result, bytes))
    assert base64.b64encode(SEED).decode()[:10] not in told


def attempt(data: bytes) -> bytes | PipVerifyError:
    try:
        return parse(data)
    except PipVerifyError as error:
        return error


def test_a_torn_file_at_every_length() -> None:
    whole = container(section())
    for length in range(len(whole) - 1):
        with pytest.raises(PipVerifyError):
            parse(whole[:length])


@pytest.mark.parametrize("library", ["bcrypt", "cryptography.hazmat.primitives.ciphers"])
def test_a_missing_library_is_named_with_its_extra(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encrypted(b"x")
    monkeypatch.setitem(sys.modules, library, None)
    assert parse(container(section())) == SEED
    with pytest.raises(UsageError, match="cryptography or bcrypt") as caught:
        parse(data)
    assert caught.value.hint == "python -m pip install 'pip-verify[openssh]'"


# .pub files


def test_a_public_line_there_and_back() -> None:
    line = public_line(KEY.public).encode()
    for form in (line, line + b"\n", line + b" alice@keys.example\r\n", line + b" \xff two words"):
        assert parse_public_line(form, "id.pub") == KEY.public


@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"",
        lambda _: b"ssh-ed25519 ",
        lambda line: line + b"\n" + line,
        lambda line: line.replace(b"ssh-ed25519", b"ssh-rsa"),
        lambda line: line[:-4],
        lambda line: line[:-1] + b"=",
        lambda line: line + b"AAAA",
        lambda line: b'command="x" ' + line,
    ],
)
def test_a_public_line_that_is_none(change: object) -> None:
    assert callable(change)
    with pytest.raises(EvidenceError):
        parse_public_line(change(public_line(KEY.public).encode()), "id.pub")


def test_a_public_line_of_a_weak_key() -> None:
    weak = base64.b64encode(blob(b"\1" + bytes(31)))
    with pytest.raises(EvidenceError, match="weak"):
        parse_public_line(b"ssh-ed25519 " + weak, "id.pub")
