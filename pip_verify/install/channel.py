"""The channel between child and parent: one JSON object asked, one answered, over a Unix socket.

Private to the run: the socket lies in a directory of mode 0700 that the parent made, so no other local user
can ask or answer; and the first message carries a token, so that a process that merely found the path learns
nothing. Data only: JSON in frames of four length bytes, nothing is unpickled. When the channel breaks,
``ChannelLost`` is raised and the install stops.

Standard library only: this module is imported by the child in any target interpreter.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from typing import Any

ENVIRONMENT = "PIP_VERIFY_CHANNEL"  # how the child is told; the runner removes it before pip starts
MAX_FRAME = 64 * 1024 * 1024  # a requirement file travels in one frame; pip reads those whole too
_HEADER = struct.Struct(">I")


class ChannelLost(Exception):
    """The other side is gone or does not speak the protocol."""


def send(connection: socket.socket, message: dict[str, Any]) -> None:
    """Send one message; raises ChannelLost."""
    data = json.dumps(message).encode("ascii")
    if len(data) > MAX_FRAME:
        raise ChannelLost(f"a message of {len(data)} bytes is too large")
    try:
        connection.sendall(_HEADER.pack(len(data)) + data)
    except OSError as error:
        raise ChannelLost(str(error)) from error


def receive(connection: socket.socket) -> dict[str, Any]:
    """Receive one message; raises ChannelLost, also when the other side closed."""
    (length,) = _HEADER.unpack(_receive_exactly(connection, _HEADER.size))
    if length > MAX_FRAME:
        raise ChannelLost(f"a message of {length} bytes is too large")
    try:
        message = json.loads(_receive_exactly(connection, length))
    except (ValueError, RecursionError) as error:
        raise ChannelLost("not a JSON message") from error
    if not isinstance(message, dict):
        raise ChannelLost("not a JSON object")
    return message


def _receive_exactly(connection: socket.socket, length: int) -> bytes:
    parts = []
    while length:
        try:
            part = connection.recv(min(length, 1 << 20))
        except OSError as error:
            raise ChannelLost(str(error)) from error
        if not part:
            raise ChannelLost("the other side closed the channel")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


class Client:
    """The child's end. ``ask`` is safe to call from several threads; one question is answered at a time."""

    def __init__(self, address: str, token: str) -> None:
        self._lock = threading.Lock()
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._connection.connect(address)
        except OSError as error:
            self.close()
            raise ChannelLost(f"cannot reach pip-verify: {error}") from error
        self.ask("hello", token=token)

    def close(self) -> None:
        """End the conversation."""
        self._connection.close()

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """Ask the parent; returns its answer. Raises ChannelLost."""
        with self._lock:
            send(self._connection, {"op": op, **fields})
            return receive(self._connection)
