"""An HTTP answer that says nothing about what was asked for: its status and when to ask again."""

from __future__ import annotations

from pip_verify.errors import SourceError


class StatusError(SourceError):
    """Another status than those that answer the question. retry_after: that field as it was sent (RFC 9110 section
    10.2.3), "" without."""

    def __init__(self, subject: str, status: int, *, expected: str, retry_after: str = "", hint: str = "") -> None:
        super().__init__(subject, expected=expected, got=f"HTTP status {status}", hint=hint)
        self.status = status
        self.retry_after = retry_after
