"""Publishers' key lists: a URL comes in, the list that is valid now goes out, or an error.

The list is fetched over HTTPS and kept, in memory and in the cache directory, for as long as the publisher's
``Cache-Control`` says, within limits. A copy that has expired counts for nothing, unless the user's policy states a
``max-stale``; then the state says so, and the caller must say so loudly. Refused: any status but 200 (or a 304 that
was asked for), other media types (SourceError: could not look), and malformed lists (EvidenceError: they are neither
kept nor replaced by an older copy).

One fetch at a time for a URL, among threads and among processes, so that neither a hundred artifacts of one publisher
nor a hundred CI jobs ask a hundred times; and a failure is not tried again for 30 seconds.

Sources: formats.md 2; RFC 9111 sections 4.2 (freshness), 4.3 (validation), 5.2 (Cache-Control).
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pip_verify.encoding import json_encode, json_object
from pip_verify.errors import EvidenceError, PipVerifyError, SourceError
from pip_verify.keys import KEY_LIST_MAX_BYTES, KeyList, parse_key_list
from pip_verify.sources import concurrently
from pip_verify.sources.address import check_url, redact
from pip_verify.sources.cache import CacheDirectory, read_entry
from pip_verify.sources.https import Fetcher
from pip_verify.storage import locked, write_atomically

if TYPE_CHECKING:
    from pip_verify.sources.transport import Response

DEFAULT_LIFETIME = 300  # seconds, when the publisher states none
MIN_LIFETIME = 60
MAX_LIFETIME = 24 * 3600
PAUSE = 30  # seconds between two forced refetches of a URL, and after a failure

_MEDIA_TYPES = ("application/jwk-set+json", "application/json")
_ETAG_RE = re.compile(r'(?:W/)?"[!#-~]{0,200}"\Z')  # RFC 9110 section 8.8.3, ASCII only
_ENTRY_MAX_BYTES = 2 * KEY_LIST_MAX_BYTES + 16 * 1024  # the list as a JSON text, where an escape doubles a character


@dataclass(frozen=True)
class KeyListState:
    """The list and how old it is. Times: seconds since the epoch.

    stale: it has expired and is here by the user's ``max-stale`` alone. from_cache: this call fetched nothing.
    problem: why the list could not be fetched anew just now, when that was tried.
    """

    list: KeyList
    fetched_at: float
    expires_at: float
    stale: bool = False
    from_cache: bool = False
    problem: SourceError | None = None


@dataclass(frozen=True)
class _Copy:
    """A list as it came. kept: the publisher allows it to be written to disk."""

    body: bytes
    keys: KeyList
    etag: str | None
    fetched_at: float
    expires_at: float
    kept: bool = True


@dataclass(frozen=True)
class _Entry:
    """What the cache directory holds for a URL. last_forced: when a refetch was last forced; 0 for never."""

    copy: _Copy | None = None
    last_forced: float = 0.0


class KeyListStore:
    """Key lists by URL; may be used from many threads, and beside other processes on one cache directory.

    clock: seconds since the epoch. max_stale: seconds a list may be used after it expired, while it cannot be
    fetched. deadline_seconds: for one fetch.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        cache_dir: Path,
        *,
        clock: Callable[[], float],
        max_stale: int = 0,
        deadline_seconds: float = 10.0,
    ) -> None:
        self._fetcher = fetcher
        self._directory = CacheDirectory(cache_dir)
        self._clock = clock
        self._max_stale = max_stale
        self._deadline_seconds = deadline_seconds
        self._copies: dict[str, _Copy] = {}
        self._failures: dict[str, tuple[SourceError | EvidenceError, float]] = {}  # and when
        self._malformed: set[str] = set()  # lists for which no older copy may stand in

    def get(self, url: str) -> KeyListState:
        """The list at ``url``, fetched when no fresh copy is at hand.

        Raises UsageError (not an https URL; the cache directory), SourceError (it cannot be had, and no copy may
        stand in), EvidenceError (the publisher's list is malformed). A failure is repeated for PAUSE seconds.
        """
        check_url(url)
        return self._at_hand(url) or self._ask_alone(url, forced=False)

    def refetch(self, url: str) -> KeyListState:
        """Like ``get``, for when a signature names a key that the copy at hand lacks: asks even if that is fresh.

        At most once in PAUSE seconds, counted for all processes together; else the state may be unchanged. When the
        list cannot be fetched, the copy serves until it expires and ``problem`` says why.
        """
        check_url(url)
        return self._ask_alone(url, forced=True)

    def prefetch(self, urls: Iterable[str]) -> None:
        """Have the lists at hand, fetching concurrently. Failures are kept for ``get`` to raise."""
        concurrently(self._warm, [url for url in dict.fromkeys(urls) if not self._is_at_hand(url)])

    def _is_at_hand(self, url: str) -> bool:
        with contextlib.suppress(PipVerifyError):
            check_url(url)
            return self._at_hand(url) is not None
        return False

    def _warm(self, url: str) -> None:
        with contextlib.suppress(PipVerifyError):
            self.get(url)

    def _at_hand(self, url: str) -> KeyListState | None:
        """The state that can be had without asking; None when it must be asked; raises a recent failure."""
        now = self._clock()
        error, at = self._failures.get(url, (None, 0.0))
        copy = self._newest(url, now)
        if error is not None and 0 <= now - at < PAUSE:
            return self._instead(copy, error, now)
        return None if copy is None or now >= copy.expires_at else _state(copy)

    def _newest(self, url: str, now: float) -> _Copy | None:
        """The copy in memory while it is fresh, else whichever is newer, it or the one on disk."""
        if url in self._malformed:
            return None
        copy = self._copies.get(url)
        if copy is None or now >= copy.expires_at:
            self._adopt(url, self._read(url, now).copy)
            copy = self._copies.get(url)
        # fetched in the future: the clock was set back, and the copy's age is unknown
        return None if copy is None or copy.fetched_at > now else copy

    def _adopt(self, url: str, copy: _Copy | None) -> None:
        """Take over what another process has fetched."""
        mine = self._copies.get(url)
        if copy is not None and (mine is None or mine.fetched_at < copy.fetched_at):
            self._copies[url] = copy

    def _ask_alone(self, url: str, *, forced: bool) -> KeyListState:
        """Ask, unless another thread or process did so while this one waited for its turn."""
        with locked(self._directory.entry(url, ".json")):
            now = self._clock()
            entry = self._read(url, now)
            self._adopt(url, entry.copy)
            forced = forced and not 0 <= now - entry.last_forced < PAUSE
            known = None if forced else self._at_hand(url)
            return known or self._ask(url, entry, now, forced=forced)

    def _ask(self, url: str, entry: _Entry, now: float, *, forced: bool) -> KeyListState:
        held = self._newest(url, now)
        try:
            copy = self._download(url, held, now, forced=forced)
        except (SourceError, EvidenceError) as error:
            # counted from when it failed: the time that a hanging server took is no part of the pause
            self._failures[url] = (error, self._clock())
            if isinstance(error, EvidenceError):
                self._malformed.add(url)
            if forced:
                self._write(url, replace(entry, last_forced=now))
            return self._instead(held, error, now)
        self._failures.pop(url, None)
        self._malformed.discard(url)
        self._copies[url] = copy
        self._write(url, _Entry(copy if copy.kept else None, now if forced else entry.last_forced))
        return _state(copy, from_cache=False)

    def _instead(self, copy: _Copy | None, error: SourceError | EvidenceError, now: float) -> KeyListState:
        """The copy that may stand in for a list that could not be had, or the error."""
        if copy is not None and isinstance(error, SourceError) and now < copy.expires_at + self._max_stale:
            return replace(_state(copy), stale=now >= copy.expires_at, problem=error)
        # a new object: one exception raised in several threads would mix up their tracebacks
        family = SourceError if isinstance(error, SourceError) else EvidenceError
        again = family(error.subject, expected=error.expected, got=error.got, hint=error.hint)
        raise again from error

    def _download(self, url: str, held: _Copy | None, now: float, *, forced: bool) -> _Copy:
        headers = {"Accept": ", ".join(_MEDIA_TYPES)}
        if forced:
            headers["Cache-Control"] = "no-cache"  # caches on the way may hold the old list too
        if held is not None and held.etag is not None:
            headers["If-None-Match"] = held.etag
        response = self._fetcher.fetch(
            url, max_bytes=KEY_LIST_MAX_BYTES, deadline_seconds=self._deadline_seconds, headers=headers
        )
        lifetime, kept = _caching(response.headers)
        if held is not None and response.status == 304 and "If-None-Match" in headers:
            return replace(held, fetched_at=now, expires_at=now + lifetime, kept=kept and held.kept)
        _check_answer(url, response)
        keys = parse_key_list(response.body, f"key list {redact(url)}")
        etag = response.headers.get("etag", "")
        return _Copy(response.body, keys, etag if _ETAG_RE.match(etag) else None, now, now + lifetime, kept)

    def _read(self, url: str, now: float) -> _Entry:
        data = read_entry(self._directory.entry(url, ".json"), max_bytes=_ENTRY_MAX_BYTES)
        try:
            return _Entry() if data is None else _parse_entry(data, url, now)
        except EvidenceError:
            return _Entry()  # torn or foreign: as good as absent, since the network is the authority here

    def _write(self, url: str, entry: _Entry) -> None:
        write_atomically(self._directory.entry(url, ".json"), _serialise_entry(url, entry), mode=0o600)


def _state(copy: _Copy, *, from_cache: bool = True) -> KeyListState:
    return KeyListState(copy.keys, copy.fetched_at, copy.expires_at, from_cache=from_cache)


def _check_answer(url: str, response: Response) -> None:
    subject = f"key list {redact(url)}"
    if response.status != 200:
        hint = "open the address in a browser; if it has moved, correct the pin"
        raise SourceError(subject, expected="HTTP status 200", got=f"HTTP status {response.status}", hint=hint)
    stated = response.headers.get("content-type", "")
    if stated.split(";")[0].strip().lower() not in _MEDIA_TYPES:
        hint = "if the address is right, tell the publisher to serve it with that media type"
        raise SourceError(subject, expected=" or ".join(_MEDIA_TYPES), got=ascii(stated[:80]), hint=hint)


def _caching(headers: Mapping[str, str]) -> tuple[int, bool]:
    """For how many seconds the answer is fresh, and whether it may be written to disk (RFC 9111 sections 4.2, 5.2)."""
    directives: dict[str, str] = {}
    for item in headers.get("cache-control", "").lower().split(","):
        name, _, value = item.strip().partition("=")
        directives.setdefault(name, value.strip('"'))
    if "max-age" in directives:
        # what a cache on the way has already used up of it
        lifetime = _seconds(directives["max-age"]) - _seconds(headers.get("age", "0"))
    else:
        lifetime = 0 if directives.keys() & {"no-cache", "no-store"} else DEFAULT_LIFETIME
    return min(max(lifetime, MIN_LIFETIME), MAX_LIFETIME), "no-store" not in directives


def _seconds(text: str) -> int:
    """delta-seconds (RFC 9111 section 1.2.2); 0 for anything else."""
    return int(text) if re.fullmatch("[0-9]{1,12}", text) else 0


def _name_of(url: str) -> str:
    """What an entry calls its URL, whose query may hold a token."""
    return hashlib.sha256(url.encode()).hexdigest()


def _serialise_entry(url: str, entry: _Entry) -> bytes:
    copy = entry.copy
    return json_encode(
        {
            "url_sha256": _name_of(url),
            "last_forced": entry.last_forced,
            "copy": None
            if copy is None
            else {
                "body": copy.body.decode(),
                "etag": copy.etag,
                "fetched_at": copy.fetched_at,
                "expires_at": copy.expires_at,
            },
        }
    )


def _parse_entry(data: bytes, url: str, now: float) -> _Entry:
    """Read a cache entry; raises EvidenceError unless it is one that this module could have written before ``now``."""
    document = json_object(data, "cache entry", max_bytes=_ENTRY_MAX_BYTES)
    if document.keys() != {"url_sha256", "last_forced", "copy"} or document["url_sha256"] != _name_of(url):
        raise EvidenceError("cache entry", expected=f"the entry of {redact(url)}", got="another one")
    copy = document["copy"]
    return _Entry(None if copy is None else _parse_copy(copy, now), _time(document["last_forced"]))


def _parse_copy(copy: Any, now: float) -> _Copy:
    if not isinstance(copy, dict) or copy.keys() != {"body", "etag", "fetched_at", "expires_at"}:
        raise EvidenceError("cache entry: copy", expected="its four members", got="something else")
    body, etag = copy["body"], copy["etag"]
    fetched_at, expires_at = _time(copy["fetched_at"]), _time(copy["expires_at"])
    if not isinstance(body, str) or not (etag is None or (isinstance(etag, str) and _ETAG_RE.match(etag))):
        raise EvidenceError("cache entry: copy", expected="a text and an entity tag", got="something else")
    # nobody may prolong a list's life by editing the cache
    if not (fetched_at <= now and expires_at - fetched_at <= MAX_LIFETIME + 1):  # 1: floats round
        raise EvidenceError("cache entry: copy", expected="a time in the past and a lifetime in bounds", got="others")
    return _Copy(body.encode(), parse_key_list(body.encode(), "cached key list"), etag, fetched_at, expires_at)


def _time(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise EvidenceError("cache entry", expected="seconds since the epoch", got=type(value).__name__)
    return float(value)
