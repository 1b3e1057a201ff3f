"""A package index on loopback (PEP 503, PEP 658), served from memory and as honest as a test wants it to be.

pip takes 127.0.0.1 for a secure origin, so plain HTTP needs no ``--trusted-host``. What the index states about a
file (its hash, its metadata, its headers) is stored apart from the bytes it sends, so each can lie by itself.
"""

from __future__ import annotations

import hashlib
import html
import http.server
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pip_verify.artifact.name import normalise

Stated = Literal["right", "wrong", "none"]


@dataclass
class Served:
    """One file. sha256: what the page states, None for nothing. metadata: what PEP 658 offers, None for nothing.
    before: called when the file is asked for, before it is sent."""

    data: bytes
    sha256: str | None
    metadata: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], object] | None = None


class Index:
    """url: what ``--index-url`` takes. requests: every path asked for, oldest first."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.files: dict[str, Served] = {}

    def __enter__(self) -> Index:  # noqa: PYI034 - typing.Self is newer than 3.10
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.index = self
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.url = f"{self.origin}/simple/"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(
        self,
        filename: str,
        data: bytes,
        *,
        stated: Stated = "right",
        metadata: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Serve ``data`` under ``filename``; returns its URL. stated: the hash on the page; metadata: offer this as the
        file's METADATA; headers: of the file's answer."""
        digests = {"right": _sha256(data), "wrong": _sha256(data + b"another"), "none": None}
        self.files[filename] = Served(data, digests[stated], metadata, headers or {})
        return self.file_url(filename)

    def tamper(self, filename: str, data: bytes) -> None:
        """Send other bytes from now on; the page goes on stating what it stated."""
        self.files[filename].data = data

    def before(self, filename: str, action: Callable[[], object]) -> None:
        """Call ``action`` whenever the file is asked for, before it is sent."""
        self.files[filename].before = action

    def file_url(self, filename: str) -> str:
        return f"{self.origin}/files/{filename}"

    def asked_for(self, filename: str) -> int:
        """How many times the file itself was asked for."""
        return self.requests.count(f"/files/{filename}")

    def page(self, project: str) -> bytes | None:
        """The project's page (PEP 503, PEP 658), None when the index has no file of it."""
        links = [_link(name, file, self.file_url(name)) for name, file in self.files.items() if _is_of(name, project)]
        return "<!DOCTYPE html>{}".format("\n".join(links)).encode() if links else None

    def answer(self, path: str, headers: Mapping[str, str]) -> tuple[int, bytes, Mapping[str, str]] | None:
        """Status, body and headers of the answer, where a subclass has another one than the usual. headers: of the
        request, names in lower case."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    index: Index

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed on purpose is nothing to print about."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        index = self.server.index
        index.requests.append(self.path)
        asked = {name.lower(): value for name, value in self.headers.items()}
        status, body, headers = index.answer(self.path, asked) or _answer(index, self.path.partition("?")[0])
        self.send_response(status)
        for name, value in {"Content-Type": "application/octet-stream", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet: tests read ``index.requests``."""


def _answer(index: Index, path: str) -> tuple[int, bytes, Mapping[str, str]]:
    body, headers = _found(index, path)
    return (404, b"", headers) if body is None else (200, body, headers)


def _found(index: Index, path: str) -> tuple[bytes | None, Mapping[str, str]]:
    kind, _, rest = path.lstrip("/").partition("/")
    if kind == "simple":
        return index.page(rest.rstrip("/")), {"Content-Type": "text/html"}
    wanted = index.files.get(rest)
    described = index.files.get(rest.removesuffix(".metadata"))
    if wanted is not None:
        if wanted.before is not None:
            wanted.before()
        return wanted.data, wanted.headers
    return (None, {}) if described is None else (described.metadata, {})


def _link(name: str, file: Served, url: str) -> str:
    fragment = "" if file.sha256 is None else f"#sha256={file.sha256}"
    offer = "" if file.metadata is None else f' data-core-metadata="sha256={_sha256(file.metadata)}"'
    return f'<a href="{html.escape(url)}{fragment}"{offer}>{html.escape(name)}</a><br>'


def _is_of(filename: str, project: str) -> bool:
    """Whether a file is shown on the project's page. Test projects have no digit after a hyphen in their names."""
    stem = filename.partition("-")[0] if filename.endswith(".whl") else filename.rpartition("-")[0]
    return bool(stem) and normalise(stem) == project


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
