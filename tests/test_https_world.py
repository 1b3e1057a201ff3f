"""The test server itself: what it serves from a directory, and that pip can be its client."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pip_verify.sources.https import Fetcher
from pip_verify.sources.transport import Response
from tests.https_world import Answer, HttpsWorld, clean_environ


def fetch(world: HttpsWorld, path: str, **headers: str) -> Response:
    fetcher = Fetcher(ca_bundle=str(world.ca_file))
    return fetcher.fetch(world.url + path, max_bytes=1000, deadline_seconds=5, headers=headers)


def test_serves_a_directory_as_it_is_now_and_overrides(tmp_path: Path) -> None:
    root = tmp_path / "site"
    (root / "a dir").mkdir(parents=True)
    (root / "a dir" / "index.html").write_bytes(b"index")
    (tmp_path / "secret").write_bytes(b"secret")
    with HttpsWorld(root) as world:
        assert fetch(world, "/keys.json").status == 404
        (root / "keys.json").write_bytes(b"{}")
        answer = fetch(world, "/keys.json")
        assert (answer.body, answer.headers["content-type"]) == (b"{}", "application/json")
        assert fetch(world, "/keys.json", **{"If-None-Match": answer.headers["etag"]}).status == 304
        assert fetch(world, "/a%20dir/").body == b"index"
        assert fetch(world, "/%2e%2e/secret").status == 404
        world.answer("/keys.json", Answer(headers={"Cache-Control": "max-age=60"}))
        answer = fetch(world, "/keys.json")
        assert (answer.body, answer.headers["cache-control"]) == (b"{}", "max-age=60")
        world.answer("/keys.json", Answer(status=503))
        assert fetch(world, "/keys.json").status == 503
        assert world.count("/keys.json") == 5


def test_pip_downloads_from_it(tmp_path: Path) -> None:
    page = tmp_path / "site" / "simple" / "demo"
    page.mkdir(parents=True)
    (page / "demo-1.0.tar.gz").write_bytes(b"not looked at")
    (page / "index.html").write_text('<a href="demo-1.0.tar.gz#sha256=00">demo-1.0.tar.gz</a>')
    with HttpsWorld(tmp_path / "site") as world:
        command = [
            sys.executable,
            "-m",
            "pip",
            "--isolated",
            "--disable-pip-version-check",
            "download",
            "--no-deps",
            "--dest",
            str(tmp_path),
            "demo",
        ]
        options = ["--index-url", f"{world.url}/simple", "--cert", str(world.ca_file), "--no-cache-dir", "--retries=0"]
        run = subprocess.run([*command, *options], capture_output=True, text=True, check=False, env=clean_environ())
        assert "DO NOT MATCH THE HASHES" in run.stderr
        assert [seen.path for seen in world.requests] == ["/simple/demo/", "/simple/demo/demo-1.0.tar.gz"]
