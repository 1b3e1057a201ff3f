"""An index that tags its pages, answers conditional requests, and may be out of order."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping

from tests.e2e.index import Index
from tests.signer import sha256


class TaggedIndex(Index):
    """An index with a root.

    statuses: by project, what is answered instead of its page; "*" for all. headers: of these answers. unchanged: how
    many pages were not sent again. agents: who asked. delay: seconds before each answer. yanked: files.
    """

    def __init__(self) -> None:
        super().__init__()
        self.statuses: dict[str, int] = {}
        self.headers: dict[str, str] = {}
        self.delay = 0.0
        self.unchanged = 0
        self.agents: set[str] = set()
        self.yanked: set[str] = set()

    def answer(self, path: str, headers: Mapping[str, str]) -> tuple[int, bytes, dict[str, str]] | None:
        if not path.startswith("/simple/"):
            return None
        self.agents.add(headers.get("user-agent", ""))
        project = path.removeprefix("/simple/").rstrip("/")
        time.sleep(self.delay)
        status = self.statuses.get(project, self.statuses.get("*", 200))
        if status != 200:
            return status, b"", self.headers
        if not project:
            return 200, b"<!DOCTYPE html>", {"Content-Type": "text/html"}
        body = self.page(project)
        if body is None:
            return 404, b"", {}
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if headers.get("if-none-match") == tag:
            self.unchanged += 1
            return 304, b"", {"ETag": tag}
        return 200, body, {"Content-Type": "text/html", "ETag": tag}

    def page(self, project: str) -> bytes | None:
        body = super().page(project)
        for name in self.yanked:
            body = None if body is None else body.replace(f">{name}<".encode(), f' data-yanked="">{name}<'.encode())
        return body

    def replace(self, filename: str, data: bytes) -> str:
        """Serve and state other bytes under a name; returns their digest."""
        self.add(filename, data)
        return sha256(data)
