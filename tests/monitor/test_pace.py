"""Politeness, with a clock that moves only when somebody sleeps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_verify.errors import SourceError
from pip_verify.monitor.pace import ATTEMPTS, LONGEST_PAUSE, PATIENCE, Pacer, retry_after
from pip_verify.sources.status import AnswerError, StatusError, TooLargeError

URL, OTHER = "https://keys.example/x", "https://other.keys.example/x"


class Time:
    """A clock, and what was slept."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def pacer(time: Time, rate: float = 1000.0) -> Pacer:
    return Pacer(rate, clock=time, today=lambda: 0.0, sleep=time.sleep, jitter=lambda: 0.5)


def failing(*errors: SourceError | None) -> tuple[Callable[[], str], list[int]]:
    """A request that fails as told, one after the other, and how often it was made."""
    left, made = list(errors), []

    def request() -> str:
        made.append(1)
        error = left.pop(0) if left else None
        if error is not None:
            raise error
        return "answer"

    return request, made


def status(number: int, retry_after: str = "") -> StatusError:
    return StatusError(URL, number, expected="200", retry_after=retry_after)


def test_a_host_is_asked_at_its_rate_and_others_do_not_wait() -> None:
    time = Time()
    polite = pacer(time, rate=2.0)
    for url in (URL, OTHER, URL, OTHER, URL):
        assert polite.ask(url, lambda: "answer") == "answer"
    assert sum(time.slept) == pytest.approx(1.0)


def test_a_file_is_nobodys_host() -> None:
    time = Time()
    polite = pacer(time, rate=0.001)
    assert [polite.ask("file:///srv/x", lambda: 1) for _ in range(3)] == [1, 1, 1]
    assert time.slept == []


def test_what_may_pass_is_asked_again_after_longer_and_longer_pauses() -> None:
    time = Time()
    request, made = failing(status(503), SourceError(URL), status(429))
    assert pacer(time).ask(URL, request) == "answer"
    assert len(made) == 4
    assert [pause for pause in time.slept if pause > 0.1] == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("number", [401, 403, 418])
def test_what_will_not_pass_is_not_asked_again(number: int) -> None:
    request, made = failing(status(number))
    with pytest.raises(StatusError):
        pacer(Time()).ask(URL, request)
    assert len(made) == 1


def test_patience_ends() -> None:
    request, made = failing(*[status(500)] * 10)
    with pytest.raises(StatusError):
        pacer(Time()).ask(URL, request)
    assert len(made) == ATTEMPTS


def test_retry_after_is_obeyed() -> None:
    time = Time()
    request, _ = failing(status(429, "30"))
    pacer(time).ask(URL, request)
    assert time.now >= 130


def test_retry_after_holds_for_whoever_asks_the_same_host() -> None:
    time = Time()
    nobody_slept = Pacer(1000, clock=time, today=lambda: 0.0, sleep=lambda _: None, jitter=lambda: 0.5)
    nobody_slept._after_failure("keys.example", status(503, "30"), 1)  # as another thread does
    polite = pacer(time)
    polite._next = nobody_slept._next
    assert polite.ask(OTHER, lambda: time.now) == 100
    assert polite.ask(URL, lambda: time.now) == 130


def test_a_host_that_asks_for_too_much_patience_is_left_alone() -> None:
    time = Time()
    request, made = failing(status(503, str(int(LONGEST_PAUSE) + 1)))
    with pytest.raises(StatusError):
        pacer(time).ask(URL, request)
    assert (len(made), time.slept) == (1, [])


def test_a_host_that_fails_again_and_again_is_not_asked_any_more() -> None:
    time = Time()
    polite = pacer(time)
    for _ in range(PATIENCE):
        with pytest.raises(StatusError):
            polite.ask(URL, failing(*[status(502)] * ATTEMPTS)[0])
    request, made = failing()
    with pytest.raises(SourceError, match="was not asked"):
        polite.ask(URL, request)
    assert made == []
    assert polite.ask(OTHER, request) == "answer"


def test_an_answer_renews_patience() -> None:
    polite = pacer(Time())
    for _ in range(2 * PATIENCE):
        with pytest.raises(StatusError):
            polite.ask(URL, failing(*[status(502)] * ATTEMPTS)[0])
        assert polite.ask(URL, lambda: 1) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("-7", 0.0),
        ("soon", 0.0),
        ("\u0667", 0.0),
        ("9" * 5000, 999999999.0),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 120.0),
        ("Thu, 01 Jan 1970 00:02:00", 120.0),
        ("Wed, 31 Dec 1969 23:00:00 GMT", 0.0),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", 0.0),
        ("Mon, 01 Jan 1900 00:00:00 +2359", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 253402387139.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float) -> None:
    assert retry_after(text, 0.0) == seconds


_DATES = st.from_regex(r"(Mon, )?[0-9]{1,25} (Jan|Feb|x) [0-9]{1,25} [0-9:]{1,12} (GMT|[-+][0-9]{1,9})", fullmatch=True)


@given(st.text() | _DATES, st.floats(min_value=0, max_value=1e11))
def test_whatever_retry_after_says_is_a_time_to_wait(text: str, today: float) -> None:
    assert 0.0 <= retry_after(text, today) < float("inf")


@pytest.mark.parametrize("error", [TooLargeError.over(URL, 100), AnswerError(URL)])
def test_an_answer_of_no_use_is_an_answer(error: SourceError) -> None:
    polite = pacer(Time())
    for _ in range(2 * PATIENCE):
        request, made = failing(error)
        with pytest.raises(AnswerError):
            polite.ask(URL, request)
        assert len(made) == 1
