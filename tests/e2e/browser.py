"""A headless Chromium on its debugging pipe (``--remote-debugging-pipe``): JSON messages ended by NUL, no port, no
other software. It knows no host, so whatever a page would load from anywhere fails and is told."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 60.0  # seconds for one answer; a shared machine may be slow

OPTIONS = (
    *("--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-sync"),
    *("--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND"),
)

# The browser reads its descriptor 3 and writes to 4. First out of the way of both, then in their place.
_AS_3_AND_4 = """
import fcntl, os, sys
high = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
os.dup2(high[0], 3), os.dup2(high[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """One page. ``told``: what the page logged or tried to load; a good one says nothing."""

    def __init__(self, path: str, profile: str) -> None:
        here, theirs = os.pipe(), os.pipe()  # they read from ``here`` and write to ``theirs``
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses to run as root with its sandbox
        command = [path, *OPTIONS, *sandbox, f"--user-data-dir={profile}"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _AS_3_AND_4, str(here[0]), str(theirs[1]), *command],
            pass_fds=(here[0], theirs[1]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(here[0])
        os.close(theirs[1])
        self._to, self._from = os.fdopen(here[1], "wb", buffering=0), os.fdopen(theirs[0], "rb")
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._number, self._session = 0, ""
        self.told: list[str] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)

    def attach(self) -> None:
        """Wait until it is there, and open its page."""
        self._listener.start()
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def _listen(self) -> None:
        rest = b""
        while data := self._from.read1(1 << 16):
            *messages, rest = (rest + data).split(b"\0")
            for message in map(json.loads, messages):
                self._hear(message)

    def _hear(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        if "id" in message or message["method"] == "Page.loadEventFired":
            self._answers.put(message)
        elif message["method"] in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
            self.told.append(json.dumps(parameters))
        elif message["method"] == "Network.requestWillBeSent":
            address = parameters["request"]["url"]
            if not address.startswith(("file:", "about:")):
                self.told.append(address)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol; returns its result."""
        self._number += 1
        session = {"sessionId": self._session} if self._session else {}
        message = {"id": self._number, "method": method, "params": parameters, **session}
        self._to.write(json.dumps(message).encode() + b"\0")
        answer = self._wait_for("id", self._number)
        assert "error" not in answer, answer
        found = answer["result"]
        assert isinstance(found, dict)
        return found

    def _wait_for(self, member: str, value: object) -> dict[str, Any]:
        while True:
            answer = self._answers.get(timeout=PATIENCE)
            if answer.get(member) == value:
                return answer

    def open(self, path: Path) -> None:
        """Load a page and wait until it stands."""
        self.told.clear()
        self.ask("Page.navigate", url=path.as_uri())
        self._wait_for("method", "Page.loadEventFired")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression on the page."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def media(self, *, kind: str = "", scheme: str = "light") -> None:
        """Show the page as on ``kind`` ("print" …) to a reader who prefers ``scheme``."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", media=kind, features=features)

    def size(self, width: int, height: int) -> None:
        """Make the window so many CSS pixels large."""
        metrics: Mapping[str, Any] = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", **metrics)

    def shot(self, path: Path) -> Path:
        """Write what the window shows to ``path``, a PNG."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))
        return path

    def close(self) -> None:
        """End the process, and wait for it."""
        self._to.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._listener.is_alive():
            self._listener.join(5)
        self._from.close()


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A browser; skips the calling test where none is installed."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no Chromium is on PATH (looked for {', '.join(NAMES)})")
    with tempfile.TemporaryDirectory(prefix="browser", ignore_cleanup_errors=True) as profile:
        started = Browser(path, profile)
        try:
            started.attach()
            yield started
        finally:
            started.close()
