"""The door against a real server: what it fetches, and what it must not swallow."""

from __future__ import annotations

import contextlib
import gc
import gzip
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pip_verify.errors import PipVerifyError, SourceError, UsageError
from pip_verify.sources import IN_FLIGHT, concurrently
from pip_verify.sources.address import check_url, redact
from pip_verify.sources.https import HURRY, PATIENCE, Fetcher
from pip_verify.sources.transport import Response, tls_context
from tests.https_world import Answer, HttpsWorld, Seen

DEADLINE = 0.2  # seconds, for what must end by it
SLACK = 0.7  # seconds a loaded machine may add; what is slow here takes longer than both together


def fetch(fetcher: Fetcher, url: str, *, deadline: float = 5.0, max_bytes: int = 1000) -> Response:
    return fetcher.fetch(url, max_bytes=max_bytes, deadline_seconds=deadline)


def refused(fetcher: Fetcher, url: str, **limits: float) -> SourceError:
    with pytest.raises(SourceError) as caught:
        fetch(fetcher, url, **limits)  # type: ignore[arg-type]
    return caught.value


def too_late(fetcher: Fetcher, url: str) -> None:
    """The fetch ends at its deadline, and soon afterwards so does its thread."""
    start = time.monotonic()
    error = refused(fetcher, url, deadline=DEADLINE)
    assert DEADLINE <= time.monotonic() - start < DEADLINE + SLACK
    assert error.expected == "a complete answer within 0.2 s"
    end = time.monotonic() + SLACK
    while any(thread.name == "pip-verify fetch" for thread in threading.enumerate()):
        assert time.monotonic() < end, "the thread still runs"
        time.sleep(0.01)


# What it is for


def test_fetches_a_body_with_its_headers(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/a", b"hello", headers={"X-Thing": "Value"})
    answer = fetch(fetcher, world.url + "/a?query=1")
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.headers["x-thing"] == "Value"
    [seen] = world.requests
    assert seen.headers["accept-encoding"] == "identity"
    assert seen.headers["user-agent"].startswith("pip-verify/")


def test_sends_the_headers_given(world: HttpsWorld, fetcher: Fetcher) -> None:
    fetcher.fetch(world.url + "/a", max_bytes=10, deadline_seconds=5, headers={"If-None-Match": '"1"'})
    assert world.requests[0].headers["if-none-match"] == '"1"'


@pytest.mark.parametrize("status", [304, 404, 500])
def test_other_statuses_are_given_without_a_body(world: HttpsWorld, fetcher: Fetcher, status: int) -> None:
    world.put("/a", b"" if status == 304 else b"text", status=status)
    answer = fetch(fetcher, world.url + "/a")
    assert (answer.status, answer.body) == (status, b"")


def test_a_404_with_an_endless_page_is_still_a_404(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/a", b"", status=404, endless="body")
    assert fetch(fetcher, world.url + "/a").status == 404


def test_keeps_connections_alive(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/a", b"hello")
    for _ in range(3):
        fetch(fetcher, world.url + "/a")
    assert len({seen.client for seen in world.requests}) == 1


def test_chunked_and_close_delimited_bodies_are_read(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/chunked", b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n", headers={"Transfer-Encoding": "chunked"})
    world.put("/closed", b"abcde", headers={"Connection": "close"})
    assert fetch(fetcher, world.url + "/chunked").body == b"abcde"
    assert fetch(fetcher, world.url + "/closed").body == b"abcde"


def test_a_connection_dropped_without_an_answer_is_tried_once_more(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.answer("/once", lambda _: Answer(body=b"ok", hang_up=world.count("/once") == 1))
    world.put("/always", b"", hang_up=True)
    assert fetch(fetcher, world.url + "/once").body == b"ok"
    refused(fetcher, world.url + "/always")
    assert world.count("/always") == 2


def test_no_cookie_is_sent_back(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/a", b"", headers={"Set-Cookie": "id=you; Path=/"})
    fetch(fetcher, world.url + "/a")
    fetch(fetcher, world.url + "/a")
    assert all("cookie" not in seen.headers for seen in world.requests)


def test_credentials_of_netrc_go_to_their_host_alone(
    world: HttpsWorld, fetcher: Fetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    fetch(fetcher, world.url + "/a")
    fetch(fetcher, world.other_url + "/a")
    assert ["authorization" in seen.headers for seen in world.requests] == [True, False]


def test_at_most_sixteen_requests_are_under_way(world: HttpsWorld, fetcher: Fetcher) -> None:
    lock, under_way, most = threading.Lock(), 0, 0

    def answer(_: Seen) -> Answer:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.05)
        with lock:
            under_way -= 1
        return Answer(body=b"")

    world.answer("/a", answer)
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: fetch(fetcher, world.url + "/a"), range(40)))
    assert len(answers) == world.count("/a") == 40
    assert 1 < most <= IN_FLIGHT


def test_concurrently_keeps_the_order_and_raises_the_first_error() -> None:
    assert concurrently(lambda item: item * 2, [3, 1, 2]) == [6, 2, 4]
    assert concurrently(str, []) == []
    with pytest.raises(ZeroDivisionError):
        concurrently(lambda item: 1 // item, [1, 0, 2])


# URLs


@pytest.mark.parametrize(
    "url",
    [
        "http://keys.example/keys.json",
        "http://localhost/keys.json",
        "http://127.0.0.1:1/keys.json",
        "HTTP://keys.example/",
        "ftp://keys.example/",
        "file:///etc/passwd",
        "keys.example/keys.json",
        "//keys.example/keys.json",
        "https:///keys.json",
        "https:keys.json",
        "https://",
        "https://keys.example:0/",
        "https://keys.example:65536/",
        "https://keys.example:x/",
        "https://[::1/",
        "https://[v1.x]/",
        "https://[1.2.3.4]/",
        "https://a..b/",
        "https://.a/",
        "https://./",
        f"https://{'a' * 64}.example/",
        f"https://{'a.' * 126}aa/",
        "https://%61.example/",
        "https://*.example/",
        "https://a,b.example/",
        "https://keys.example/\nHost: evil.example",
        "https://keys.example/a b",
        "https://keys.example\\@evil.example/",
        "https://keys.exam\u0440le/",
        "https://keys.example/\x00",
        "",
    ],
)
def test_what_is_not_an_https_url_is_a_usage_error(fetcher: Fetcher, url: str) -> None:
    with pytest.raises(UsageError):
        fetch(fetcher, url)


def test_loopback_over_http_is_refused_even_when_a_server_is_there(world: HttpsWorld, fetcher: Fetcher) -> None:
    with pytest.raises(UsageError, match="expected an https URL, got http://"):
        fetch(fetcher, world.url.replace("https", "http") + "/a")
    assert world.requests == []


def test_credentials_in_a_url_are_refused_and_not_shown(fetcher: Fetcher) -> None:
    with pytest.raises(UsageError) as caught:
        fetch(fetcher, "https://me:s3cret@keys.example/keys.json?token=t0ken")
    assert "s3cret" not in repr(caught.value)
    assert "t0ken" not in repr(caught.value)
    assert "netrc" in caught.value.hint


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://keys.example/a/b.json", "https://keys.example/a/b.json"),
        ("https://me:pw@keys.example:8443/a?token=1#x", "https://keys.example:8443/a"),
        ("https://me@x:pw@keys.example/a", "https://keys.example/a"),
        ("https://keys.example?token=1", "https://keys.example"),
        ("https://keys.example/@scope/keys.json", "https://keys.example/@scope/keys.json"),
        ("https:me:pw@keys.example/", "https:keys.example/"),
        ("//me:pw@keys.example/", "//keys.example/"),
        ("https://keys.example/" + "a" * 500, "https://keys.example/" + "a" * 179),
    ],
)
def test_redact_leaves_no_secret(url: str, shown: str) -> None:
    assert redact(url) == shown


def test_check_url_accepts_what_publishers_use() -> None:
    for url in (
        "https://keys.example/k.json",
        "https://[::1]:8443/k?a=%20b",
        "HTTPS://Keys.Example/~me/k",
        "https://a.b:443",
        "https://a_b.example./k",
        "https://127.0.0.1/k",
        f"https://{'a' * 63}.example/",
        f"https://{'a.' * 126}a/",
    ):
        check_url(url)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=302, headers={"Location": "http://evil.example/?token=t0ken"}),
        Answer(body=b"x" * 2000),
        Answer(body=b"x", cut=0),
        Answer(body=b"x", headers={"Content-Encoding": "gzip"}),
        Answer(hang_up=True),
        Answer(body=b"", delay=1),
    ],
)
def test_no_message_shows_a_query(world: HttpsWorld, fetcher: Fetcher, answer: Answer) -> None:
    world.answer("/a", answer)
    error = refused(fetcher, world.url + "/a?token=t0ken", deadline=DEADLINE)
    assert "t0ken" not in repr(error)


# Redirects


def test_redirects_within_the_origin_are_followed(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/1", b"", status=301, headers={"Location": "/2"})
    world.put("/2", b"", status=308, headers={"Location": world.url.upper().replace("HTTPS", "https") + "/dir/3"})
    world.put("/dir/3", b"", status=302, headers={"Location": "4"})
    world.put("/dir/4", b"there")
    answer = fetch(fetcher, world.url + "/1")
    assert answer.body == b"there"
    assert [seen.path for seen in world.requests] == ["/1", "/2", "/dir/3", "/dir/4"]


def test_a_fourth_redirect_is_refused(world: HttpsWorld, fetcher: Fetcher) -> None:
    for number in range(4):
        world.put(f"/{number}", b"", status=302, headers={"Location": f"/{number + 1}"})
    world.put("/4", b"there")
    assert refused(fetcher, world.url + "/0").expected == "at most 3 redirects"
    assert world.count("/4") == 0
    assert fetch(fetcher, world.url + "/1").body == b"there"


@pytest.mark.parametrize(
    "location",
    [
        "http://localhost:{port}/a",
        "https://127.0.0.1:{port}/a",
        "https://localhost:{other_port}/a",
        "https://localhost/a",
        "//evil.example/a",
        "https://me:pw@localhost:{port}/a",
        "https://localhost:{port}\\@evil.example/a",
        "https://[/a",
        "https://localhost:99999999/a",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "/a\u00e9",
    ],
)
def test_redirects_out_of_the_origin_are_refused(world: HttpsWorld, fetcher: Fetcher, location: str) -> None:
    with HttpsWorld() as elsewhere:
        target = location.replace("{port}", str(world.port)).replace("{other_port}", str(elsewhere.port))
        world.put("/r", b"", status=302, headers={"Location": target})
        world.put("/a", b"wrong")
        elsewhere.put("/a", b"wrong")
        error = refused(fetcher, world.url + "/r")
        assert "redirect" in error.got
        assert error.exit_code == 14
        assert (world.count("/a"), elsewhere.count("/a")) == (0, 0)


@pytest.mark.parametrize("details", [{"endless": "body"}, {"headers": {"Content-Encoding": "gzip"}}])
def test_the_body_of_a_redirect_is_never_read(world: HttpsWorld, fetcher: Fetcher, details: dict[str, Any]) -> None:
    location = {"Location": "/a"}
    world.put("/r", b"no gzip", status=302, **{**details, "headers": {**location, **details.get("headers", {})}})
    world.put("/a", b"there")
    start = time.monotonic()
    assert fetch(fetcher, world.url + "/r").body == b"there"
    assert time.monotonic() - start < 1


def test_a_redirect_without_a_target_is_no_redirect(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/a", b"", status=302)
    assert fetch(fetcher, world.url + "/a").status == 302


# Size and encoding


def test_a_body_may_be_as_large_as_the_cap_and_no_larger(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/full", b"x" * 1000)
    world.put("/over", b"x" * 1001)
    assert len(fetch(fetcher, world.url + "/full").body) == 1000
    assert refused(fetcher, world.url + "/over").expected == "at most 1000 bytes"


def test_a_body_that_never_ends_is_cut_at_the_cap(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/a", b"", endless="body")
    start = time.monotonic()
    assert refused(fetcher, world.url + "/a").expected == "at most 1000 bytes"
    assert time.monotonic() - start < 1


def test_a_chunk_size_that_never_ends_is_refused(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/a", b"1" * 1_000_000, headers={"Transfer-Encoding": "chunked"})
    refused(fetcher, world.url + "/a")


def test_headers_that_never_end_are_refused(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/a", b"", endless="headers")
    start = time.monotonic()
    refused(fetcher, world.url + "/a")
    assert time.monotonic() - start < 1


def test_a_compressed_bomb_is_never_unpacked(world: HttpsWorld, fetcher: Fetcher) -> None:
    bomb = gzip.compress(b"\0" * 2**20) * 256  # about 260 KB that become 256 MiB
    for encoding in ("gzip", "GZIP", "deflate", "gzip, identity", "br"):
        world.put("/a", bomb, headers={"Content-Encoding": encoding})
        error = refused(fetcher, world.url + "/a", max_bytes=2**20)
        assert error.expected == "a body that is not encoded"
    world.put("/a", bomb, headers={"Transfer-Encoding": "gzip, chunked"})
    refused(fetcher, world.url + "/a", max_bytes=2**20)
    world.put("/a", b"plain", headers={"Content-Encoding": "Identity"})
    assert fetch(fetcher, world.url + "/a").body == b"plain"


@pytest.mark.parametrize("headers", [{}, {"Connection": "close"}, {"Transfer-Encoding": "chunked"}])
def test_a_body_cut_on_the_way_is_no_body(world: HttpsWorld, fetcher: Fetcher, headers: dict[str, str]) -> None:
    world.put("/a", b"64\r\n" + b"x" * 100, headers=headers, cut=50)
    refused(fetcher, world.url + "/a")


@pytest.mark.parametrize("length", ["-1", "1, 2", "x"])
def test_malformed_lengths_never_crash(world: HttpsWorld, fetcher: Fetcher, length: str) -> None:
    world.put("/a", b"xx", headers={"Content-Length": length, "Connection": "close"})
    with contextlib.suppress(PipVerifyError):
        fetch(fetcher, world.url + "/a", deadline=DEADLINE)
    with warnings.catch_warnings():  # urllib3 leaves the socket of such an answer to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


# Time


def test_a_server_that_does_not_answer_is_left_at_the_deadline(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/a", b"x", delay=2)
    too_late(fetcher, world.url + "/a")


def test_trickling_headers_are_left_at_the_deadline(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/a", b"x", trickle="headers")
    too_late(fetcher, world.url + "/a")


def test_a_trickling_body_is_left_at_the_deadline(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/a", b"x" * 100, trickle="body")
    too_late(fetcher, world.url + "/a")


def test_the_deadline_holds_for_all_redirects_together(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/1", b"", status=302, headers={"Location": "/2"}, delay=0.15)
    world.put("/2", b"", status=302, headers={"Location": "/3"}, delay=0.15)
    too_late(fetcher, world.url + "/1")


def test_the_deadline_is_kept_on_a_connection_used_before(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/fast", b"x")
    world.put("/slow", b"x" * 100, trickle="body")
    fetch(fetcher, world.url + "/fast", deadline=60)
    too_late(fetcher, world.url + "/slow")


def test_interim_answers_that_never_end_are_left_at_the_deadline(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/a", b"x", endless="interim")
    start = time.monotonic()
    refused(fetcher, world.url + "/a", deadline=DEADLINE)
    assert time.monotonic() - start < DEADLINE + SLACK


@contextlib.contextmanager
def listening(start: bytes) -> Iterator[str]:
    """A server that is no TLS server: it sends ``start`` and then a byte now and again."""
    with socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as stack:
        done = threading.Event()
        stack.callback(done.set)

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.sendall(start)
                    while start and not done.wait(0.05):
                        connection.sendall(b"\x00")
                    done.wait(5)

        threading.Thread(target=serve, daemon=True).start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}/a"


@pytest.mark.parametrize("start", [b"", b"\x16\x03\x03\x40\x00"])
def test_a_tls_handshake_that_never_ends_is_left_at_the_deadline(fetcher: Fetcher, start: bytes) -> None:
    with listening(start) as url:
        too_late(fetcher, url)


def test_slow_name_resolution_is_left_at_the_deadline(fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def stuck(*_: object) -> None:  # nothing real here stalls on demand
        released.wait(5)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", stuck)
    start = time.monotonic()
    error = refused(fetcher, "https://keys.example/", deadline=DEADLINE)
    assert time.monotonic() - start < DEADLINE + SLACK
    assert error.expected == "a complete answer within 0.2 s"
    released.set()


# TLS and the ways that lead nowhere


def test_a_stranger_s_certificate_is_a_source_error_that_names_the_remedy(world: HttpsWorld) -> None:
    world.put("/a", b"x")
    error = refused(Fetcher(), world.url + "/a")
    assert "certificate that is not trusted" in error.got
    assert "--extra-ca" in error.hint
    assert world.requests == []


def test_a_certificate_for_another_host_is_not_trusted() -> None:
    with HttpsWorld(names=["keys.example"]) as world:
        error = refused(Fetcher(extra_ca=[world.ca_file]), world.url + "/a")
    assert "certificate that is not trusted" in error.got


def test_extra_ca_adds_and_ca_bundle_replaces(world: HttpsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    with HttpsWorld() as other:
        world.put("/a", b"1")
        other.put("/a", b"2")
        both = Fetcher(ca_bundle=str(world.ca_file), extra_ca=[other.ca_file])
        assert fetch(both, world.url + "/a").body == b"1"
        assert fetch(both, other.url + "/a").body == b"2"
        monkeypatch.setenv("SSL_CERT_FILE", str(world.ca_file))  # OpenSSL's name for the system's store
        assert fetch(Fetcher(), world.url + "/a").body == b"1"
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(world.ca_file))  # the library must not widen what we were told
        monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(world.ca_file))
        refused(Fetcher(ca_bundle=str(other.ca_file)), world.url + "/a")


def test_a_directory_of_certificates_may_be_the_bundle(world: HttpsWorld, tmp_path: Path) -> None:
    context = tls_context(str(tmp_path), ())
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    refused(Fetcher(ca_bundle=str(tmp_path)), world.url + "/a")


def test_without_a_system_store_certifi_s_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert len(tls_context(None, ()).get_ca_certs()) > 50
    (tmp_path / "0a1b2c3d.0").touch()
    assert tls_context(None, ()).get_ca_certs() == []


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_ca_file_that_holds_none_is_a_usage_error(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    for fetcher in (Fetcher(ca_bundle=str(file)), Fetcher(extra_ca=[file])):
        with pytest.raises(UsageError, match="CA certificates in PEM form"):
            fetch(fetcher, "https://keys.example/")


def test_nobody_listens(fetcher: Fetcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "no connection" in refused(fetcher, f"https://127.0.0.1:{port}/").got


def test_unknown_host_names_are_named(fetcher: Fetcher) -> None:
    assert refused(fetcher, "https://keys.invalid/").got == "no address for the host name keys.invalid"


def test_a_plain_http_server_on_the_port_is_a_tls_fault(fetcher: Fetcher) -> None:
    with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        assert "TLS fault" in refused(fetcher, url).got


# Proxies


@contextlib.contextmanager
def proxy(answer: bytes, tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[bytes]]]:
    """A CONNECT proxy, itself behind TLS if so told; yields its URL and the heads of the requests it got."""
    heads: list[bytes] = []

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)

    def serve(client: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            client = stack.enter_context(client if tls is None else tls.wrap_socket(client, server_side=True))
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            heads.append(head)
            client.sendall(answer)
            if b" 200 " not in answer:
                return
            host, _, port = head.split()[1].decode().rpartition(":")
            upstream = stack.enter_context(socket.create_connection((host, int(port))))
            threading.Thread(target=pump, args=(upstream, client), daemon=True).start()
            pump(client, upstream)

    def accept(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, args=(server,), daemon=True).start()
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://user:s3cret@127.0.0.1:{server.getsockname()[1]}", heads


def test_a_proxy_is_used_when_named_or_set_in_the_environment(
    world: HttpsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put("/a", b"x")
    with proxy(b"HTTP/1.1 200 OK\r\n\r\n") as (url, heads):
        named = Fetcher(extra_ca=[world.ca_file], proxy=url)
        assert fetch(named, world.url + "/a").body == b"x"
        assert len(heads) == 1
        assert heads[0].startswith(f"CONNECT localhost:{world.port} ".encode())
        monkeypatch.setenv("HTTPS_PROXY", url)
        assert fetch(Fetcher(extra_ca=[world.ca_file]), world.url + "/a").body == b"x"
        assert len(heads) == 2
        monkeypatch.setenv("NO_PROXY", "localhost")
        assert fetch(Fetcher(extra_ca=[world.ca_file]), world.url + "/a").body == b"x"
        assert len(heads) == 2
    assert "proxy-authorization" not in world.requests[0].headers


def test_a_proxy_behind_tls_is_checked_against_the_same_authorities(world: HttpsWorld) -> None:
    world.put("/a", b"x")
    with HttpsWorld() as other, proxy(b"HTTP/1.1 200 OK\r\n\r\n", other.tls) as (url, heads):
        refused(Fetcher(ca_bundle=str(world.ca_file), proxy=url), world.url + "/a")
        assert heads == []
        trusting = Fetcher(ca_bundle=str(world.ca_file), extra_ca=[other.ca_file], proxy=url)
        assert fetch(trusting, world.url + "/a").body == b"x"
        assert len(heads) == 1


def test_a_proxy_that_refuses_is_named_as_the_cause(world: HttpsWorld) -> None:
    with proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") as (url, _):
        error = refused(Fetcher(extra_ca=[world.ca_file], proxy=url), world.url + "/a")
    assert "refusal of the proxy" in error.got
    assert "407" in error.got
    assert "s3cret" not in repr(error)


def test_a_server_that_hangs_gets_less_time_for_each_of_the_others(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/slow", b"x", delay=5)
    world.put("/fast", b"x")
    for _ in range(PATIENCE):
        refused(fetcher, world.url + "/slow", deadline=0.2)
    for _ in range(2):  # an answer does not give it the whole time again: every second document could hang
        start = time.monotonic()
        error = refused(fetcher, world.url + "/slow", deadline=60)
        assert HURRY <= time.monotonic() - start < HURRY + SLACK
        assert f"{PATIENCE} requests" in error.got
        assert fetch(fetcher, world.url + "/fast", deadline=60).status == 200
    start = time.monotonic()
    refused(fetcher, world.url + "/slow", deadline=0.1)
    assert time.monotonic() - start < HURRY  # never more than was asked for


def test_another_server_keeps_its_time(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/slow", b"x", delay=1.2)
    for _ in range(PATIENCE):
        refused(fetcher, world.url + "/slow", deadline=0.2)
    assert fetch(fetcher, world.other_url + "/slow", deadline=60).status == 200


def test_an_answer_restores_the_patience_with_a_server(world: HttpsWorld, fetcher: Fetcher) -> None:
    world.put("/slow", b"x", delay=2)
    world.put("/fast", b"x")
    for _ in range(2):
        for _ in range(PATIENCE - 1):
            refused(fetcher, world.url + "/slow", deadline=0.2)
        assert fetch(fetcher, world.url + "/fast", deadline=60).status == 200
