"""Answers that say nothing about what was asked for; told apart from no answer, after which asking again may help."""

from __future__ import annotations

from pip_verify.errors import SourceError

_LOOK = "look at the address, and whether a proxy or a login page answers in the server's place"


class AnswerError(SourceError):
    """The server answered, and its answer is of no use: a redirect elsewhere, an encoding, no page."""

    def __init__(self, subject: str, *, expected: str = "", got: str = "", hint: str = _LOOK) -> None:
        super().__init__(subject, expected=expected, got=got, hint=hint)


class TooLargeError(AnswerError):
    """The answer is larger than it may be."""

    @classmethod
    def over(cls, subject: str, most: int, what: str = "bytes") -> TooLargeError:
        """The error for more than ``most`` of what is counted."""
        return cls(subject, expected=f"at most {most} {what}", got="more")


class StatusError(AnswerError):
    """Another status than those that answer the question. retry_after: that field as it was sent (RFC 9110 section
    10.2.3), "" without."""

    def __init__(self, subject: str, status: int, *, expected: str, retry_after: str = "", hint: str = _LOOK) -> None:
        super().__init__(subject, expected=expected, got=f"HTTP status {status}", hint=hint)
        self.status = status
        self.retry_after = retry_after
