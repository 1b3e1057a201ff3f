"""Passphrases in a keyring. The backends are real ones of the library ``keyring``, registered for the test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.backends.chainer import ChainerBackend
from keyring.errors import KeyringLocked, PasswordSetError

from pip_verify.errors import SourceError, UsageError
from pip_verify.publish.keyfile import SigningKey
from pip_verify.publish.systemkeyring import recall, remember, require_keyring

KEY, OTHER = SigningKey(b"k" * 32).public, SigningKey(b"o" * 32).public


class InMemory(KeyringBackend):
    """A keyring that the library recommends."""

    priority: float = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


class InClear(InMemory):
    priority = 0.5


class Locked(InMemory):
    """It fails, and its errors tell what they were given."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked(f"{service} {username} hunter2")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise PasswordSetError(f"{service} {username} {password}")


class NoDaemon(InMemory):
    def get_password(self, service: str, username: str) -> str | None:
        raise ConnectionRefusedError(f"{service} {username} hunter2")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError(f"{service} {username} {password}")


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


def test_what_is_remembered_is_recalled_by_thumbprint() -> None:
    backend = InMemory()
    keyring.set_keyring(backend)
    remember(KEY, "grüße".encode())
    assert backend.kept == {("pip-verify", KEY.thumbprint): "grüße"}
    assert recall(KEY) == "grüße".encode()


def test_a_key_without_a_passphrase_there() -> None:
    keyring.set_keyring(InMemory())
    remember(OTHER, b"x")
    with pytest.raises(UsageError, match=f"expected the passphrase of {KEY}, got none") as caught:
        recall(KEY)
    assert caught.value.hint == f"keyring set pip-verify {KEY.thumbprint}"


@pytest.mark.parametrize("backend", [InClear, fail.Keyring, null.Keyring])
def test_a_keyring_that_keeps_no_secret(backend: Callable[[], KeyringBackend]) -> None:
    keyring.set_keyring(backend())
    for act in (require_keyring, lambda: remember(KEY, b"hunter2"), lambda: recall(KEY)):
        with pytest.raises(UsageError, match="expected one that keeps secrets encrypted"):
            act()


class InClearToo(InClear):
    pass


def chain(monkeypatch: pytest.MonkeyPatch, *members: KeyringBackend) -> None:
    """What the library itself takes where several keyrings are viable: it gives the chain a high priority then."""
    monkeypatch.setattr(ChainerBackend, "backends", members)
    keyring.set_keyring(ChainerBackend())  # type: ignore[no-untyped-call]
    assert keyring.get_keyring().priority == (10 if len(members) > 1 else -1)


def test_a_chain_of_keyrings_that_keep_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    members = (InClear(), InClearToo())
    chain(monkeypatch, *members)
    for act in (require_keyring, lambda: remember(KEY, b"hunter2"), lambda: recall(KEY)):
        with pytest.raises(UsageError, match="expected one that keeps secrets encrypted, got ChainerBackend"):
            act()
    assert [one.kept for one in members] == [{}, {}]


@pytest.mark.parametrize("others", [(), (InClear(),)])
def test_of_a_chain_the_first_that_keeps_secrets_is_used_alone(
    others: tuple[InMemory, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it has nothing, one in clear is not asked: whoever can write there would choose what we try."""
    good = InMemory()
    chain(monkeypatch, good, *others)
    for other in others:
        other.set_password("pip-verify", KEY.thumbprint, "chosen")
    with pytest.raises(UsageError, match="got none"):
        recall(KEY)
    remember(KEY, b"hunter2")
    assert good.kept == {("pip-verify", KEY.thumbprint): "hunter2"}
    assert recall(KEY) == b"hunter2"


@pytest.mark.parametrize("backend", [Locked(), NoDaemon()])
def test_a_keyring_that_fails_tells_nothing(backend: KeyringBackend) -> None:
    keyring.set_keyring(backend)
    for act in (lambda: remember(KEY, b"hunter2"), lambda: recall(KEY)):
        with pytest.raises(SourceError, match="system keyring") as caught:
            act()
        assert "hunter2" not in str(caught.value)


def test_a_passphrase_that_is_no_text() -> None:
    keyring.set_keyring(InMemory())
    with pytest.raises(UsageError, match="text in UTF-8") as caught:
        remember(KEY, b"hunter2\xff")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(UsageError, match="keyring") as caught:
        require_keyring()
    assert caught.value.hint == "python -m pip install 'pip-verify[keyring]'"
