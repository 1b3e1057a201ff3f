"""Politeness: requests go in, each at its host's pace, again after a failure that may pass; answers or SourceError out.

A host gets at most ``rate`` requests a second. A status that asks for patience (429, 503, …) or a broken connection is
followed by a pause, exponentially longer and with jitter; ``Retry-After`` is obeyed, by all threads. A host that
failed several times in a row, each time to the end of all patience, is not asked again in this run.

Sources: RFC 9110 section 10.2.3 (Retry-After), RFC 6585 section 4 (429).
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlsplit

from pip_verify.errors import SourceError
from pip_verify.sources.address import redact
from pip_verify.sources.status import AnswerError, StatusError

ATTEMPTS = 4
FIRST_PAUSE = 0.5  # seconds; each further one is twice as long
LONGEST_PAUSE = 120.0  # a host that asks for more is left alone until the next run
PATIENCE = 5  # requests in a row that a host has let fail

_MAY_PASS = (429, 500, 502, 503, 504)
_Answer = TypeVar("_Answer")


class Pacer:
    """The pace of one run, for all its threads.

    rate: requests a second for each host. clock: monotonic seconds; today: seconds since the epoch; sleep, jitter (from
    0 to 1): as the standard library has them.
    """

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._interval = 1 / rate
        self._clock, self._today, self._sleep, self._jitter = clock, today, sleep, jitter
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}  # by host: when it may be asked
        self._failed: Counter[str] = Counter()  # by host: since its last answer

    def ask(self, url: str, request: Callable[[], _Answer]) -> _Answer:
        """The answer of ``request``, which asks ``url``'s host; raises SourceError when all attempts failed."""
        host = urlsplit(url).netloc.rpartition("@")[2]
        if not host:
            return request()  # a file
        for attempt in range(1, ATTEMPTS + 1):
            self._refuse_hopeless(url, host)
            self._wait_for_turn(host)
            try:
                answer = request()
            except SourceError as error:
                self._after_failure(host, error, attempt)
            else:
                self._failed[host] = 0
                return answer
        raise AssertionError("the last attempt raises")

    def _refuse_hopeless(self, url: str, host: str) -> None:
        if self._failed[host] >= PATIENCE:
            got = f"none: it was not asked, since {PATIENCE} requests of this run in a row failed at this host"
            raise SourceError(redact(url), expected="an answer", got=got, hint="run the command again later")

    def _wait_for_turn(self, host: str) -> None:
        """Until the host may be asked; a pause that began meanwhile holds, too."""
        while True:
            with self._lock:
                now = self._clock()
                at = self._next.get(host, now)
                if at <= now:
                    self._next[host] = now + self._interval
                    return
            self._sleep(at - now)

    def _after_failure(self, host: str, error: SourceError, attempt: int) -> None:
        """Set the pause before the next attempt; raises ``error`` when there shall be none."""
        if not _may_pass(error):
            self._failed[host] = 0  # that was an answer
            raise error
        pause = FIRST_PAUSE * 2 ** (attempt - 1) * (0.5 + self._jitter())
        asked = retry_after(error.retry_after, self._today()) if isinstance(error, StatusError) else 0.0
        if attempt == ATTEMPTS or asked > LONGEST_PAUSE:
            self._failed[host] += 1
            raise error
        if asked:
            with self._lock:  # for every thread
                self._next[host] = max(self._next.get(host, 0.0), self._clock() + asked)
        self._sleep(max(pause, asked))


def _may_pass(error: SourceError) -> bool:
    """Whether asking again may help: nothing answered, or what answered asks for patience."""
    return error.status in _MAY_PASS if isinstance(error, StatusError) else not isinstance(error, AnswerError)


def retry_after(text: str, today: float) -> float:
    """Seconds from ``today`` (since the epoch) that a field Retry-After asks for; 0.0 for none and for what is none."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
        moment = at if at.tzinfo is not None else at.replace(tzinfo=timezone.utc)
        return max(0.0, moment.timestamp() - today)
    except (ValueError, TypeError, OverflowError):  # a year of twenty digits; an offset past the last year
        return 0.0
