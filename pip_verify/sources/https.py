"""The door to the network: a URL and its limits come in, a complete answer or an error goes out.

Refused: anything but https, loopback too (UsageError: it was asked for); and, as SourceError (nothing was learnt,
so it never means "unsigned"): hosts that cannot be reached or proved by TLS, redirects to another origin, content
encodings, bodies over the cap, answers that are not complete by the deadline. The status is the caller's to judge.

``transport`` does what the limits stated here demand.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pip_verify.errors import SourceError
from pip_verify.sources import IN_FLIGHT
from pip_verify.sources.address import check_url, redact

if TYPE_CHECKING:
    import requests

    from pip_verify.sources.transport import Response

PATIENCE = 3  # requests in a row that a server left unanswered to their deadline; then it gets less time
HURRY = 0.5  # seconds for a request to such a server


class Fetcher:
    """Fetches over HTTPS; may be used from many threads, and keeps connections alive between requests.

    ca_bundle: a PEM file or a directory of certificates that replaces the system's trust store (pip's ``--cert``,
    REQUESTS_CA_BUNDLE). extra_ca: PEM files trusted in addition. proxy: pip's ``--proxy``; without it the system's
    proxy settings (HTTPS_PROXY, NO_PROXY) hold, as ``requests`` reads them. defaults: asked once, before the first
    fetch, for a CA bundle and a proxy where none was given. Credentials come from the user's netrc
    file, for the host it names.
    """

    def __init__(
        self,
        *,
        ca_bundle: str | None = None,
        extra_ca: Sequence[Path] = (),
        proxy: str | None = None,
        defaults: Callable[[], tuple[str | None, str | None]] = lambda: (None, None),
    ) -> None:
        self._ca_bundle = ca_bundle
        self._extra_ca = tuple(extra_ca)
        self._proxy = proxy
        self._defaults = defaults
        self._slots = threading.BoundedSemaphore(IN_FLIGHT)
        self._opening = threading.Lock()
        self._session: requests.Session | None = None
        self._unanswered: Counter[str] = Counter()  # by server; since its last answer

    def fetch(
        self, url: str, *, max_bytes: int, deadline_seconds: float, headers: Mapping[str, str] | None = None
    ) -> Response:
        """GET ``url``. deadline_seconds: for everything from name resolution to the last byte, redirects included,
        counted from when one of the IN_FLIGHT slots is free.

        A server that let PATIENCE requests in a row wait to their deadline has HURRY for each of the others of this
        run, so that what it answers at once is had, and what hangs costs little: N documents that all hang cost one
        deadline and N / IN_FLIGHT times HURRY (1000 of them half a minute), not N / IN_FLIGHT deadlines.

        Raises UsageError (not a usable https URL; a CA file that cannot be read) and SourceError.
        """
        from pip_verify.sources.transport import Request, leave_at  # lazily: most runs find all in their cache

        check_url(url)
        session = self._open()
        server = urlsplit(url).netloc
        with self._slots:
            hurried = self._unanswered[server] >= PATIENCE
            seconds = min(deadline_seconds, HURRY) if hurried else deadline_seconds
            request = Request(session, time.monotonic() + seconds, max_bytes, dict(headers or {}))
            try:
                response = leave_at(request.deadline, lambda: request.follow(url))
            except TimeoutError as error:
                self._unanswered[server] += 1
                raise _too_late(url, seconds, hurried=hurried) from error
            if not hurried:
                self._unanswered[server] = 0
            return response

    def _open(self) -> requests.Session:
        with self._opening:
            if self._session is None:
                from pip_verify.sources.transport import new_session, tls_context

                ca_bundle, proxy = self._defaults()
                context = tls_context(self._ca_bundle or ca_bundle, self._extra_ca)
                self._session = new_session(context, self._proxy or proxy)
            return self._session


def _too_late(url: str, seconds: float, *, hurried: bool) -> SourceError:
    why = f"; it had no longer, since this server left {PATIENCE} requests in a row of this run unanswered"
    return SourceError(
        redact(url),
        expected=f"a complete answer within {seconds:g} s",
        got="none" + (why if hurried else ""),
        hint="check the network, then run the command again",
    )
