"""The way to the network that pip has: its configuration files, ``PIP_*``, options, credentials, proxies, certificates.

A URL and a cap go in, a complete answer or a SourceError comes out. It differs from pip in three ways: nobody is
prompted, pip's cache is not used, and there are caps and a deadline. Everything of pip's
that is not about index pages is in here; none of it is promised to stay, so pip's versions are tested one by one.

Refused as UsageError: a configuration that pip cannot read, and an index that pip would pass over as not trusted.
"""

from __future__ import annotations

import contextlib
import io
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any, cast

from pip_verify.errors import SourceError, UsageError
from pip_verify.sources import IN_FLIGHT
from pip_verify.sources.address import redact
from pip_verify.sources.status import StatusError, TooLargeError

_ABSENT = (404, 410)
_CONDITIONS = {"If-None-Match", "If-Modified-Since"}
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """A complete answer. headers: names in lower case. url: after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class PipSessions:
    """IN_FLIGHT sessions of pip's, one for each request under way, because neither pip nor requests promises that one
    may serve several threads. options: pip's own, parsed. deadline: seconds for one answer, where none is stated.
    retries: whether pip tries again by itself; if not, each answer comes to the caller as it is."""

    def __init__(self, pip_options: Sequence[str], deadline: float, *, retries: bool = True) -> None:
        self._deadline = deadline
        self._retries = retries
        self._command, self.options = _configure(pip_options)
        self._slots = threading.BoundedSemaphore(IN_FLIGHT)
        self._free: queue.LifoQueue[Any] = queue.LifoQueue()
        _refuse_ignored(self.options, self._new_session())

    def places(self) -> tuple[str, ...]:
        """Where pip looks, by its options and its configuration; for comparing, since there may be passwords in it."""
        options = self.options
        indexes = () if options.no_index else (options.index_url, *options.extra_index_urls)
        return (*indexes, "--find-links", *(options.find_links or ()))

    @contextlib.contextmanager
    def session(self) -> Iterator[Any]:
        """A session for the time of one request; waits until one is free."""
        with self._slots:
            try:
                session = self._free.get_nowait()
            except queue.Empty:
                session = self._new_session()
            yield session
            self._free.put(session)  # not after an error: a thread that was left alone may still be using it

    def _new_session(self) -> Any:
        session = self._command._build_session(self.options)  # noqa: SLF001 - pip's one way from options to a session
        if not self._retries:
            _never_again(session)
        return session

    def get(
        self,
        url: str,
        headers: Mapping[str, str],
        max_bytes: int,
        *,
        deadline: float | None = None,
        target: io.BufferedWriter | None = None,
        partial: bool = False,
    ) -> Answer | None:
        """The answer; None for a URL that leads to nothing. target: gets the body instead of the answer. partial:
        status 206 is wanted, and of 200, which is the whole file, the body is not read. Status 304 comes back only
        where ``headers`` state a condition. Raises SourceError; of these StatusError for another status."""
        seconds = deadline or self._deadline
        wanted = {200, *((206, 416) if partial else ()), *((304,) if _CONDITIONS & headers.keys() else ())}

        def fetch() -> Answer | None:
            response = session.get(url, headers=dict(headers), stream=True)
            with contextlib.closing(response):
                if response.status_code in _ABSENT:
                    return None
                if response.status_code not in wanted:
                    raise _refused(url, response)
                body = io.BytesIO() if target is None else target
                if not partial or response.status_code == 206:
                    _copy(response, body, max_bytes, url)
                whole = b"" if target is not None else cast("io.BytesIO", body).getvalue()
                fields = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, fields, whole, response.url)

        with self.session() as session, _explained(url):
            return _within(seconds, fetch, url)


def _configure(pip_options: Sequence[str]) -> tuple[Any, Any]:
    """Pip's own reading of its configuration files, ``PIP_*`` and these options; raises UsageError."""
    from pip._internal.cli import cmdoptions
    from pip._internal.cli.index_command import IndexGroupCommand
    from pip._internal.exceptions import PipError

    class Command(IndexGroupCommand):  # type: ignore[misc]
        def add_options(self) -> None:
            self.parser.insert_option_group(0, cmdoptions.make_option_group(cmdoptions.index_group, self.parser))

    _silence_pip()
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            command = Command("install", "")  # by this name [install] of pip's configuration holds, too
            # sixteen questions for a password at once are none
            options, _ = command.parse_args([*pip_options, "--no-cache-dir", "--no-input"])
    except (SystemExit, PipError) as error:
        words = said.getvalue().strip().splitlines() or [str(error)]
        subject = "pip's options and configuration"
        hint = "look at these options, and at what pip reads beside them: python -m pip config debug"
        raise UsageError(subject, expected="what pip can read", got=words[-1][:200], hint=hint) from error
    return command, options


def _silence_pip() -> None:
    """Keep pip from logging what it skips: a line also for each project that one of several indexes does not have."""
    logger = logging.getLogger("pip")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False


def _refuse_ignored(options: Any, session: Any) -> None:
    """Refuse an http:// index that pip would pass over: a project on it would be taken for absent."""
    from pip._internal.models.link import Link

    indexes = [] if options.no_index else [options.index_url, *options.extra_index_urls]
    for url in (*indexes, *(options.find_links or ())):
        if url.lower().startswith("http:") and not session.is_secure_origin(Link(url)):
            hint = "use https, or name it in pip's trusted-host"
            raise UsageError(redact(url), expected="an index that pip trusts", got="http", hint=hint)


def _copy(response: Any, target: Any, max_bytes: int, url: str) -> None:
    copied = 0
    for chunk in response.iter_content(_CHUNK):
        copied += len(chunk)
        if copied > max_bytes:
            raise TooLargeError.over(redact(url), max_bytes)
        target.write(chunk)
    # the urllib3 in pip does not complain of a body that is shorter than announced; half a page would be half a project
    if getattr(response.raw, "length_remaining", None):
        raise SourceError(redact(url), expected="a complete answer", got="a part of it", hint="try again")


def _within(seconds: float, work: Callable[[], Answer | None], url: str) -> Answer | None:
    """Run ``work`` in a thread that is left alone at the deadline: pip's own time-out starts anew with each byte."""
    outcome: Future[Answer | None] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            outcome.set_exception(error)

    threading.Thread(target=run, name="pip-verify index", daemon=True).start()  # daemon: it must not hold up the exit
    try:
        return outcome.result(timeout=seconds)
    except FutureTimeoutError as error:  # before Python 3.11 another one than the built-in
        if not outcome.done():
            expected = f"a complete answer within {seconds:g} s"
            raise SourceError(redact(url), expected=expected, got="none", hint="try again later") from error
        raise


def _never_again(session: Any) -> None:
    """Let no adapter try again: of several tries only the last error would be left, and no Retry-After."""
    from pip._vendor.urllib3 import Retry

    for adapter in session.adapters.values():
        if hasattr(adapter, "max_retries"):
            adapter.max_retries = Retry(0, read=False)


def _refused(url: str, response: Any) -> StatusError:
    status = response.status_code
    hint = "look at pip's index options, and what the index's own status page says"
    if status in (401, 403):
        hint = "give the index's credentials in netrc, keyring or pip's configuration"
    retry_after = response.headers.get("retry-after", "")
    return StatusError(redact(url), status, expected="HTTP status 200, or 404", retry_after=retry_after, hint=hint)


@contextlib.contextmanager
def _explained(url: str) -> Iterator[None]:
    """Every fault of pip's network code becomes a SourceError."""
    from pip._internal.exceptions import PipError
    from pip._vendor.requests.exceptions import RequestException
    from pip._vendor.urllib3.exceptions import HTTPError

    try:
        yield
    except (PipError, RequestException, HTTPError, OSError, ValueError) as error:
        hint = "check the network and pip's index options, then run the command again"
        raise SourceError(redact(url), expected="an answer of the index", got=_words(error), hint=hint) from error


def _words(error: BaseException) -> str:
    """What the operating system or the server says, else what kind of fault it is; no URL: it may hold a password."""
    from pip._vendor.urllib3.exceptions import ResponseError

    cause: BaseException | None = error
    while cause is not None:
        reason = next((arg.reason for arg in cause.args if isinstance(getattr(arg, "reason", None), Exception)), None)
        cause, seen = reason or cause.__cause__ or cause.__context__, cause
        if isinstance(seen, ResponseError):
            return str(seen)  # "too many 500 error responses"
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
    return type(error).__name__
