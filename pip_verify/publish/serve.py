"""A published site over HTTPS on loopback, for trying it: with a certificate of a throw-away CA that is made for it.

Only what the site's manifest lists is served, read anew for each request, so publishing again is seen at once. The
CA's private key never leaves this process's memory; its certificate is in a temporary directory, for ``--extra-ca``.
Answers are not to be cached, unlike those of a real host: in a trial, a removed key shall be gone in the next run.

Making certificates needs the library trustme, the extra ``serve``.
"""

from __future__ import annotations

import contextlib
import ssl
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pip_verify.errors import UsageError
from pip_verify.publish.extras import missing
from pip_verify.publish.page import LIST_NAME
from pip_verify.publish.site import read_manifest

PORT = 8443

_TYPES = {".json": "application/jwk-set+json", ".jws": "application/jose+json", ".html": "text/html; charset=utf-8"}
_STUCK = 10.0  # seconds for a client's handshake or request


@dataclass(frozen=True)
class Served:
    """address: of the site, with a slash at the end; ca_file: the PEM file to trust."""

    address: str
    ca_file: Path

    @property
    def key_list(self) -> str:
        """The address of the key list."""
        return self.address + LIST_NAME


@contextlib.contextmanager
def serving(directory: Path, *, port: int = PORT) -> Iterator[Served]:
    """Serve a published site while the block runs. port: 0 for any that is free.

    Raises UsageError when ``directory`` is no published site, the port is taken or the library is missing.
    """
    read_manifest(directory)
    try:
        import trustme
    except ImportError as error:
        raise missing("serve", "trustme") from error
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    try:
        server = _Server(directory, context, port)
    except OSError as error:
        got = error.strerror or str(error)
        raise UsageError(f"port {port}", expected="to be able to listen there", got=got, hint="--port 0") from error
    with server, tempfile.TemporaryDirectory(prefix="pip-verify-") as folder:
        ca_file = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(str(ca_file))
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield Served(f"https://localhost:{server.server_address[1]}/", ca_file)
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, directory: Path, context: ssl.SSLContext, port: int) -> None:
        self.directory = directory.absolute()
        self._context = context
        super().__init__(("127.0.0.1", port), _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread, so that a client that never ends its handshake stops nobody else."""
        request.settimeout(_STUCK)
        with self._context.wrap_socket(request, server_side=True) as connection:
            _Handler(connection, client_address, self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up or trusts other CAs is its own affair."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "pip-verify"
    sys_version = ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = unquote(self.path.partition("?")[0]).lstrip("/") or "index.html"
        try:
            body = (self.server.directory / name).read_bytes() if name in read_manifest(self.server.directory) else None
        except (OSError, UsageError):  # it is being published again this very moment
            body = None
        self.send_response(404 if body is None else 200)
        kind = "text/plain" if body is None else _TYPES.get(Path(name).suffix, "application/octet-stream")
        content = b"nothing here\n" if body is None else body
        for header, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(content))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ):
            self.send_header(header, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815 - the standard library's name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Quiet."""
