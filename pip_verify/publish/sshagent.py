"""Signing through a running ssh-agent: the private key is never read, and may be in hardware or on another machine.

A message goes to the socket of ``SSH_AUTH_SOCK``; the agent's signature comes back and is checked before anybody
uses it. What an agent answers is not trusted: answers are capped in bytes and in time, as wholes. Sources:
draft-ietf-sshm-ssh-agent (formerly draft-miller-ssh-agent) sections 3 to 6; RFC 8709 section 6 (the signature).

Only keys of type ssh-ed25519 can sign: security keys of type sk-ssh-ed25519 sign something else than the message.
"""

from __future__ import annotations

import shlex
import socket
import time
from collections.abc import Mapping
from typing import NamedTuple

from pip_verify.errors import EvidenceError, PipVerifyError, SourceError, UsageError
from pip_verify.keys import TEXT_PREFIX, PublicKey
from pip_verify.publish.sshwire import ALGORITHM, Reader, fingerprint, parse_public_blob, public_blob, string, uint32

LIST_DEADLINE = 10.0  # seconds for the list of keys
SIGN_DEADLINE = 60.0  # seconds for a signature: somebody may have to touch a device or to confirm it
MAX_ANSWER = 256 * 1024  # bytes, as OpenSSH's own agent has it
MAX_KEYS = 2048

_FAILURE = 5
_REQUEST_IDENTITIES, _IDENTITIES_ANSWER = 11, 12
_SIGN_REQUEST, _SIGN_RESPONSE = 13, 14
_START = 'ssh-add FILE  (after: eval "$(ssh-agent)", if no agent runs)'


class Identity(NamedTuple):
    """An Ed25519 key that the agent holds, and the comment it was added with."""

    key: PublicKey
    comment: str


class SshAgentKey:
    """A key that an agent holds; signs like ``SigningKey``. socket_path: where the agent listens."""

    __slots__ = ("_deadline", "_socket_path", "public")

    def __init__(self, public: PublicKey, socket_path: str, *, deadline: float = SIGN_DEADLINE) -> None:
        self.public = public
        self._socket_path = socket_path
        self._deadline = deadline

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature, verified.

        Raises SourceError when the agent is gone, too slow or does not want to, EvidenceError when its answer is
        malformed or the signature is not one of this key over this message.
        """
        body = string(public_blob(self.public)) + string(message) + uint32(0)
        answer = _ask(self._socket_path, _SIGN_REQUEST, body, _SIGN_RESPONSE, self._deadline)
        signature = Reader(answer.string(), answer.what)
        answer.end()
        algorithm, value = signature.string(), signature.string()
        signature.end()
        if algorithm != ALGORITHM or not self.public.verifies(message, value):
            raise EvidenceError(answer.what, expected=f"a signature by {self.public}", got="one that does not verify")
        return value


def find_key(
    name: str, environ: Mapping[str, str], *, list_deadline: float = LIST_DEADLINE, sign_deadline: float = SIGN_DEADLINE
) -> SshAgentKey:
    """The key that ``name`` means: ``ed25519:…``, a fingerprint ``SHA256:…``, or the comment of just one key.

    environ: where SSH_AUTH_SOCK stands. Deadlines in seconds. Raises UsageError (no agent, no such key, several)
    and SourceError or EvidenceError as ``SshAgentKey.sign``.
    """
    socket_path = environ.get("SSH_AUTH_SOCK", "")
    if not socket_path or not hasattr(socket, "AF_UNIX"):
        raise UsageError("ssh-agent", expected="SSH_AUTH_SOCK to name its socket", got="nothing", hint=_START)
    wanted = _as_text(name)
    held = list_keys(socket_path, deadline=list_deadline)
    found = {identity.key for identity in held if wanted in _names(identity)}
    if len(found) == 1:
        return SshAgentKey(found.pop(), socket_path, deadline=sign_deadline)
    if found:
        got, hint = f"{len(found)} keys of that name", f"--agent {min(key.text for key in found)}"
    elif held:
        # a comment is the agent's own text: never in a hint, which is there to be pasted
        others = f" and {len(held) - 1} more" if len(held) > 1 else ""
        got, hint = f"only {held[0].key} ({held[0].comment[:60]}){others}", f"--agent {held[0].key}"
    else:
        got, hint = "no Ed25519 key at all (or it is locked)", f"{_START}; ssh-add -X unlocks it"
    raise UsageError("ssh-agent", expected=f"to hold {shlex.quote(name)}", got=got, hint=hint)


def list_keys(socket_path: str, *, deadline: float = LIST_DEADLINE) -> list[Identity]:
    """The Ed25519 keys that the agent holds, in its order; keys of other types are left out.

    deadline: seconds for the whole answer. Raises SourceError or EvidenceError.
    """
    answer = _ask(socket_path, _REQUEST_IDENTITIES, b"", _IDENTITIES_ANSWER, deadline)
    count = answer.uint32()
    if count > MAX_KEYS:
        raise EvidenceError(answer.what, expected=f"at most {MAX_KEYS} keys", got=str(count))
    pairs = [(answer.string(), answer.string()) for _ in range(count)]
    answer.end()
    return [
        Identity(parse_public_blob(blob, answer.what), comment.decode("utf-8", "replace"))
        for blob, comment in pairs
        if blob.startswith(string(ALGORITHM))
    ]


def _as_text(name: str) -> str:
    """Refuse a misspelt ``ed25519:…`` here: no agent would have a key of that comment."""
    if name.startswith(TEXT_PREFIX):
        try:
            return PublicKey.from_text(name, "--agent").text
        except EvidenceError as error:
            hint = "copy the whole of it, or name its comment or SHA256:...: ssh-add -l"
            raise UsageError(error.subject, expected=error.expected, got=error.got, hint=hint) from error
    return name


def _names(identity: Identity) -> tuple[str, str, str]:
    return identity.key.text, fingerprint(identity.key), identity.comment


def _ask(socket_path: str, request: int, body: bytes, response: int, deadline: float) -> Reader:
    """One question on a connection of its own; the answer's body, behind its type."""
    what = f"ssh-agent at {socket_path}"
    message = bytes([request]) + body
    if len(message) > MAX_ANSWER:
        expected, hint = f"at most {MAX_ANSWER} bytes to sign", "sign with --key-file, which knows no such limit"
        raise UsageError(what, expected=expected, got=f"{len(body)}", hint=hint)
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            answer = _exchange(connection, socket_path, string(message), time.monotonic() + deadline, what)
    except TimeoutError as error:
        hint = "does it wait for a touch or a confirmation? run the command again"
        raise SourceError(what, expected=f"an answer within {deadline:g} s", got="none", hint=hint) from error
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        raise SourceError(what, expected="a running agent", got=_reason(error), hint=_START) from error
    reader = Reader(answer, what)
    kind = reader.byte()
    if kind == _FAILURE:
        raise _refusal(what, request)
    if kind != response:
        raise EvidenceError(what, expected=f"a message of type {response}", got=f"one of type {kind}")
    return reader


def _exchange(connection: socket.socket, path: str, message: bytes, end: float, what: str) -> bytes:
    connection.settimeout(_left(end))
    connection.connect(path)
    connection.sendall(message)  # the timeout is one for all of it
    length = int.from_bytes(_receive(connection, 4, end, what), "big")
    if not 1 <= length <= MAX_ANSWER:
        raise EvidenceError(what, expected=f"an answer of 1 to {MAX_ANSWER} bytes", got=f"one of {length}")
    return _receive(connection, length, end, what)


def _receive(connection: socket.socket, length: int, end: float, what: str) -> bytes:
    data = bytearray()
    while len(data) < length:
        connection.settimeout(_left(end))
        piece = connection.recv(length - len(data))
        if not piece:
            raise SourceError(what, expected="an answer", got="an end of the connection", hint=_START)
        data += piece
    return bytes(data)


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _refusal(what: str, request: int) -> PipVerifyError:
    wanted = "a signature" if request == _SIGN_REQUEST else "the list of its keys"
    hint = "ssh-add -l shows whether it holds the key; ssh-add -X unlocks it; or confirm when it asks"
    return SourceError(what, expected=wanted, got="a refusal", hint=hint)


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)
