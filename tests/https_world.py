"""A real HTTPS server on loopback that plays the publisher's web site, well-behaved or hostile.

    with HttpsWorld(root=tmp_path / "site") as world:
        world.put("/keys.json", key_list_bytes, headers={"Cache-Control": "max-age=600"})
        world.answer("/slow.json", Answer(body=b"{}", trickle="body"))
        ...                                   # clients use world.url and trust world.ca_file
        assert world.count("/keys.json") == 1

Files below ``root`` are served as they are at the time of each request; an ``Answer`` for a path overrides them.
The server runs in threads of its own, so pip, other processes and other threads may be its clients.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import http.server
import os
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import trustme

TRICKLE_SECONDS = 0.1  # between two bytes of a trickling answer

_SETTINGS = ("SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC")
_CONTENT_TYPES = {".json": "application/json", ".jws": "application/jose+json", ".html": "text/html; charset=utf-8"}


def is_network_setting(name: str) -> bool:
    """Whether an environment variable tells clients which proxy, certificates, credentials or pip options to use.

    The tests' clients must not inherit these from the machine: REQUESTS_CA_BUNDLE, for one, beats pip's ``--cert``.
    """
    return name.upper().endswith(("_PROXY", "_CA_BUNDLE")) or name in _SETTINGS or name.startswith("PIP_")


def clean_environ() -> dict[str, str]:
    """The environment for a client process, without the machine's network settings."""
    return {name: value for name, value in os.environ.items() if not is_network_setting(name)}


@dataclass(frozen=True)
class Seen:
    """One request as the server saw it. path: without the query; headers: names in lower case; client: the port it
    came from, one for each connection; at: monotonic seconds."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    client: int = 0
    at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Answer:
    """How to answer a path.

    body: None serves the file below the root. etag: sent, and a matching If-None-Match is answered with 304.
    delay: seconds before the first byte. trickle: send the head or the body one byte in 0.1 s. endless: never
    stop sending interim answers (status 100), headers or body. cut: tear the connection after so many bytes of the
    body, whatever was announced.
    hang_up: tear it without any answer. A header ``Connection: close`` sends the body without its length, ended by
    the proper end of the connection.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    etag: str | None = None
    delay: float = 0.0
    trickle: Literal["headers", "body"] | None = None
    endless: Literal["interim", "headers", "body"] | None = None
    cut: int | None = None
    hang_up: bool = False


Script = Answer | Callable[[Seen], Answer]


class HttpsWorld:
    """The server. url: ``https://localhost:PORT`` without a slash at the end; other_url: the same server under another
    host name; ca_file: the PEM file to trust; requests: every request so far, oldest first; most_at_once: how many
    were being answered at the busiest moment. names: whom the certificate is for."""

    def __init__(self, root: Path | None = None, *, names: Sequence[str] = ("localhost", "127.0.0.1")) -> None:
        self.root = root
        self.names = names
        self.requests: list[Seen] = []
        self.most_at_once = 0
        self._under_way = 0
        self._counting = threading.Lock()
        self._scripts: dict[str, Script] = {}
        self._files = contextlib.ExitStack()
        self._server: _Server | None = None

    def __enter__(self) -> HttpsWorld:  # noqa: PYI034 - typing.Self is newer than 3.10
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen on a free port of 127.0.0.1 and serve from a thread of its own."""
        folder = Path(self._files.enter_context(tempfile.TemporaryDirectory()))
        authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*self.names).configure_cert(self.tls)
        self._server = _Server(self)
        self.port = int(self._server.server_address[1])
        self.url = f"https://localhost:{self.port}"
        self.other_url = f"https://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True).start()

    def stop(self) -> None:
        """Stop listening; answers under way (endless ones too) are broken off."""
        if self._server is not None:
            self._server.stopping.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        self._files.close()

    def answer(self, path: str, script: Script) -> None:
        """Answer ``path`` so from now on; a callable decides for each request."""
        self._scripts[path] = script

    def put(self, path: str, body: bytes, **details: Any) -> None:
        """Shorthand for ``answer(path, Answer(body=body, ...))``."""
        self.answer(path, Answer(body=body, **details))

    def count(self, path: str) -> int:
        """How many requests came for ``path``."""
        return sum(seen.path == path for seen in self.requests)

    def paths(self) -> list[str]:
        """Every path that has an answer of its own."""
        return list(self._scripts)

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """Count a request while it is being answered."""
        with self._counting:
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            yield
        finally:
            with self._counting:
                self._under_way -= 1

    def script_for(self, seen: Seen) -> Answer:
        """The answer to a request, with its body filled in."""
        self.requests.append(seen)
        script = self._scripts.get(seen.path, Answer())
        answer = script(seen) if callable(script) else script
        if answer.body is None:
            answer = self._from_root(seen.path, answer)
        if answer.etag is not None and seen.headers.get("if-none-match") == answer.etag:
            answer = dataclasses.replace(answer, status=304, body=b"")
        return answer

    def _from_root(self, path: str, answer: Answer) -> Answer:
        file = self._file(path)
        if file is None:
            missing = 404 if answer.status == 200 else answer.status
            return dataclasses.replace(answer, status=missing, body=b"nothing here\n")
        body = file.read_bytes()
        headers = {"Content-Type": _CONTENT_TYPES.get(file.suffix, "application/octet-stream"), **answer.headers}
        etag = answer.etag or '"' + hashlib.sha256(body).hexdigest()[:16] + '"'
        return dataclasses.replace(answer, body=body, headers=headers, etag=etag)

    def _file(self, path: str) -> Path | None:
        if self.root is None:
            return None
        root = self.root.resolve()
        file = (root / unquote(path).lstrip("/")).resolve()
        if file.is_dir():
            file = file / "index.html"
        return file if file.is_file() and file.is_relative_to(root) else None


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, world: HttpsWorld) -> None:
        self.world = world
        self.stopping = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        # in the connection's own thread, so that a client that never ends its handshake stops nobody else
        with self.world.tls.wrap_socket(request, server_side=True) as connection:
            handler = _Handler(connection, client_address, self)
            if not handler.torn:
                connection.settimeout(1.0)
                connection.unwrap()  # says in TLS that this is the end

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what many tests want; nothing to print."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    torn = False  # the connection ends as if it were cut

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.world.script_for(Seen(self.command, path, query, headers, self.client_address[1]))
        with self.server.world.answering():
            self.server.stopping.wait(answer.delay)
            self._send(answer)

    do_HEAD = do_GET  # noqa: N815 - the standard library's name

    def log_message(self, *_: Any) -> None:
        """Quiet: tests read ``world.requests``."""

    def _send(self, answer: Answer) -> None:
        body = b"" if self.command == "HEAD" or answer.body is None else answer.body
        head = self._head(answer)
        if answer.hang_up:
            self.torn = self.close_connection = True
        elif answer.endless == "interim":
            self._forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10)
        elif answer.endless == "headers":
            self._forever(head[:-2], b"X-Endless: %s\r\n" % (b"x" * 1000))
        elif answer.endless == "body":
            self._forever(head, b"x" * 65536)
        elif answer.cut is not None:
            self.wfile.write(head + body[: answer.cut])
            self.torn = self.close_connection = True
        else:
            self._write(head, slowly=answer.trickle == "headers")
            self._write(body, slowly=answer.trickle == "body")
            self.close_connection = self.close_connection or "Connection" in answer.headers

    def _head(self, answer: Answer) -> bytes:
        headers = {"Content-Type": "application/json", **answer.headers}
        if answer.etag is not None:
            headers.setdefault("ETag", answer.etag)
        if answer.endless != "body" and headers.keys().isdisjoint({"Transfer-Encoding", "Connection"}):
            headers.setdefault("Content-Length", str(len(answer.body or b"")))
        lines = [f"HTTP/1.1 {answer.status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _write(self, data: bytes, *, slowly: bool) -> None:
        if not slowly:
            self.wfile.write(data)
            return
        for byte in data:
            self.wfile.write(bytes([byte]))
            if self.server.stopping.wait(TRICKLE_SECONDS):
                return

    def _forever(self, start: bytes, more: bytes) -> None:
        self.close_connection = True
        self.wfile.write(start)
        while not self.server.stopping.is_set():
            self.wfile.write(more)
