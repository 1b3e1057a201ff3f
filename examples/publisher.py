"""A publisher's website for trying things out: a directory, served over HTTPS on loopback by a CA of its own.

Run it in a directory that ``pip-verify keylist`` and ``pip-verify sign`` have filled; it prints the address and
where its CA's certificate is, for ``--extra-ca``.
"""

from __future__ import annotations

import contextlib
import functools
import ssl
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme


class _Handler(SimpleHTTPRequestHandler):
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".json": "application/jwk-set+json"}  # noqa: RUF012

    def end_headers(self) -> None:
        # A real publisher says max-age=300 or so. Here a removed key shall be gone at once.
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        pass


@contextlib.contextmanager
def serve(directory: Path, ca_file: Path) -> Iterator[str]:
    """Serve ``directory``; writes the CA's certificate to ``ca_file`` and yields the address."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, directory=str(directory)))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        ca_path = Path(temporary) / "ca.pem"
        with serve(Path.cwd(), ca_path) as address:
            sys.stdout.write(f"{address}\n--extra-ca {ca_path}\nEnter ends it.\n")
            sys.stdin.readline()
