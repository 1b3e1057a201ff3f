"""One HTTPS request, kept to its limits: a URL, a deadline and a cap come in, a whole answer or an error goes out.

The deadline is kept by two means. The socket of a connection shortens every wait to the time that is left, which
ends slow handshakes, headers and bodies; and the request runs in a thread that its caller leaves at the deadline,
which covers what cannot be interrupted (name resolution) or is not ours (a proxy's answer to CONNECT).

Sources: RFC 9110 (HTTP), RFC 9112 section 6 (message body length).
"""

from __future__ import annotations

import http.client
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit

import pip_verify
from pip_verify.errors import SourceError, UsageError
from pip_verify.sources import IN_FLIGHT
from pip_verify.sources.address import check_url, redact
from pip_verify.sources.status import AnswerError, TooLargeError

if TYPE_CHECKING:
    import requests

MAX_REDIRECTS = 3

_REDIRECTS = (301, 302, 303, 307, 308)
_WITH_BODY = (200, 304)  # a 304 has none, but reading it to its end lets the connection be used again
_CUT = (BrokenPipeError, ConnectionAbortedError, ConnectionResetError, ssl.SSLEOFError)
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Response:
    """A complete answer. headers: names in lower case. body: empty unless the status is 200."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Request:
    """One fetch under way; deadline: on the monotonic clock."""

    session: requests.Session
    deadline: float
    max_bytes: int
    headers: dict[str, str]

    def follow(self, url: str) -> Response:
        """The answer after redirects, every fault of the libraries below turned into a SourceError."""
        import urllib3

        here = url
        try:
            for _ in range(MAX_REDIRECTS + 1):
                answer = self._get(here)
                if isinstance(answer, Response):
                    return answer
                here = answer
        # requests' own errors are OSErrors; ValueError is raised for malformed lengths, host labels and the like
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            if time.monotonic() >= self.deadline:
                raise TimeoutError from error
            raise _explain(here, error) from error
        raise TooLargeError.over(redact(url), MAX_REDIRECTS, "redirects")

    def _get(self, url: str) -> Response | str:
        """The answer, or where it redirects to."""
        answer = self._send_twice(url)
        try:
            if answer.status_code in _REDIRECTS and "location" in answer.headers:
                return _redirect_target(url, answer.headers["location"])
            body = self._body(url, answer) if answer.status_code in _WITH_BODY else b""
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Response(answer.status_code, headers, body)
        finally:
            answer.close()

    def _send_twice(self, url: str) -> requests.Response:
        """A kept-alive connection may have been closed by the server meanwhile: that deserves one more try."""
        import requests

        try:
            return self._send(url)
        except requests.exceptions.ConnectionError as error:
            if not any(isinstance(cause, _CUT) for cause in _causes(error)):
                raise
            return self._send(url)

    def _send(self, url: str) -> requests.Response:
        import requests

        request = self.session.prepare_request(requests.Request("GET", url, headers=self.headers))
        return self.session.send(request, stream=True, allow_redirects=False, timeout=_remaining())

    def _body(self, url: str, answer: requests.Response) -> bytes:
        for name, allowed in (("Content-Encoding", "identity"), ("Transfer-Encoding", "chunked")):
            coding = answer.headers.get(name, allowed).strip()
            if coding.lower() != allowed:
                raise AnswerError(redact(url), expected="a body that is not encoded", got=f"{name}: {coding[:40]!a}")
        body = bytearray()
        # not iter_content: it would decode, and its reader of chunked bodies takes lines of any length
        while chunk := answer.raw.read(min(_CHUNK, self.max_bytes + 1 - len(body)), decode_content=False):
            body += chunk
            if len(body) > self.max_bytes:
                raise TooLargeError.over(redact(url), self.max_bytes)
        return bytes(body)


_running = threading.local()  # .deadline: of the fetch that runs in this thread


def _remaining() -> float:
    """Seconds left for the fetch in this thread; raises TimeoutError when there are none."""
    left: float = _running.deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _DeadlineSocket(ssl.SSLSocket):
    """Waits no longer than the fetch has time left: a plain time-out starts anew with each byte received."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the standard library's signature
        # a body that only the end of the connection ends is whole if TLS was closed properly (RFC 9112 section 9.8)
        self.suppress_ragged_eofs = False
        self.settimeout(_remaining())
        super().do_handshake(block)

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        self.settimeout(_remaining())
        return super().recv_into(buffer, nbytes, flags)


def leave_at(deadline: float, work: Callable[[], Response]) -> Response:
    """Run ``work`` in a thread and wait for it until ``deadline``; raises TimeoutError then, and leaves it alone."""
    outcome: queue.SimpleQueue[Response | BaseException] = queue.SimpleQueue()

    def run() -> None:
        _running.deadline = deadline
        try:
            outcome.put(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            outcome.put(error)

    threading.Thread(target=run, name="pip-verify fetch", daemon=True).start()  # daemon: it must not hold up the exit
    try:
        result = outcome.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(result, BaseException):
        raise result
    return result


def _redirect_target(url: str, location: str) -> str:
    """Where ``location`` leads; it must stay on the origin (RFC 6454) that was asked."""
    target = location
    try:
        target = urljoin(url, location)
        check_url(target)
        same = _origin(urlsplit(target)) == _origin(urlsplit(url))
    except (UsageError, ValueError):
        same = False
    if not same:
        raise AnswerError(
            redact(url),
            expected="an answer, or a redirect within the same https origin",
            got=f"a redirect to {redact(target)!a}",
            hint="if you trust the new address and it is https, state it instead of this one",
        )
    return target


def _origin(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or 443


def tls_context(ca_bundle: str | None, extra_ca: Sequence[Path]) -> ssl.SSLContext:
    """Whom to trust. Raises UsageError for a file that holds no certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and host name; trusts nobody yet
    context.sslsocket_class = _DeadlineSocket
    if ca_bundle is not None:
        _trust(context, Path(ca_bundle))
    else:
        context.load_default_certs()
        if not context.get_ca_certs() and not _has_default_directory():
            import certifi  # a Python without a system store, as on macOS and in slim images

            context.load_verify_locations(certifi.where())
    for file in extra_ca:
        _trust(context, file)
    return context


def _trust(context: ssl.SSLContext, path: Path) -> None:
    try:
        if path.is_dir():
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except OSError as error:  # ssl.SSLError too
        got = "no certificate in it" if isinstance(error, ssl.SSLError) else error.strerror or str(error)
        hint = "name a file of them; where it is stated: --extra-ca, pip's --cert and config, REQUESTS_CA_BUNDLE"
        raise UsageError(str(path), expected="CA certificates in PEM form", got=got, hint=hint) from error


def _has_default_directory() -> bool:
    """Whether OpenSSL has a directory of certificates: it looks into that as needed, so get_ca_certs() shows none."""
    directory = ssl.get_default_verify_paths().capath
    return directory is not None and any(Path(directory).iterdir())


def new_session(context: ssl.SSLContext, proxy: str | None) -> requests.Session:
    """A session that adds nothing to ``context``, follows no redirect and keeps no cookie."""
    from http.cookiejar import DefaultCookiePolicy

    import requests
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        """Our TLS context for servers and for https proxies, and nothing added to it by ``requests``."""

        def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
            host, pool = super().build_connection_pool_key_attributes(*args, **kwargs)
            return host, {**pool, "ssl_context": context}

        def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
            if proxy.lower().startswith("https:"):
                kwargs["proxy_ssl_context"] = context
            return super().proxy_manager_for(proxy, **kwargs)

        def cert_verify(self, *_: Any, **__: Any) -> None:
            """The context verifies; the inherited method would add certifi's bundle to it."""

    class Session(requests.Session):
        def get_redirect_target(self, _: requests.Response) -> None:
            """No redirect is the library's: it would read the body of one whole, unpacked and of any length."""

    session = Session()
    session.adapters.clear()  # no adapter for http://
    session.mount("https://", Adapter(pool_connections=4 * IN_FLIGHT, pool_maxsize=IN_FLIGHT))
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # nobody may track or tell runs apart
    session.headers.update({"User-Agent": f"pip-verify/{pip_verify.__version__}", "Accept-Encoding": "identity"})
    if proxy is not None:
        session.proxies = {"https": proxy}
    return session


def _explain(url: str, error: Exception) -> SourceError:
    """What went wrong on the way, in the words of a user; never more of the libraries' own text than is safe."""
    host = urlsplit(url).hostname
    got, hint = "a broken connection or answer", "check the network, then run the command again"
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            got = f"a TLS certificate that is not trusted ({cause.verify_message})"
            hint = "if a private CA issued it, name that CA's file with --extra-ca"
        elif isinstance(cause, ssl.SSLEOFError):
            got = "a connection that was cut"
        elif isinstance(cause, ssl.SSLError):
            got = f"a TLS fault ({cause.reason or 'unknown'})"
        elif isinstance(cause, socket.gaierror):
            got = f"no address for the host name {host}"
        elif isinstance(cause, OSError) and cause.strerror:
            got = f"no connection ({cause.strerror})"
        elif isinstance(cause, OSError) and str(cause).startswith("Tunnel connection failed"):
            got, hint = f"a refusal of the proxy ({str(cause)[:100]!a})", "check the proxy's address and credentials"
        else:
            continue
        break
    return SourceError(redact(url), expected="an answer over HTTPS", got=got, hint=hint)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and those it wraps, by whatever attribute its library keeps them."""
    waiting, seen = [error], set()
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = (*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__)
        waiting += [item for item in inner if isinstance(item, BaseException)]
