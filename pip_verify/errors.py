"""What can go wrong, by whose fault it is. A leaf: it imports nothing of ours.

A message has four parts, in this order: the subject (what was looked at), what was expected, what was
found instead, and one next step that can be pasted or done. ``str(error)`` is the one-line form without
the next step; the command line prints both.
"""

from __future__ import annotations


class PipVerifyError(Exception):
    """Base of every error a user or an attacker can cause; raise one of its three families.

    subject: what was looked at (a file, a URL, an option). expected, got, hint: may be empty.
    """

    exit_code = 1

    def __init__(self, subject: str, *, expected: str = "", got: str = "", hint: str = "") -> None:
        super().__init__(subject, expected, got, hint)
        self.subject = subject
        self.expected = expected
        self.got = got
        self.hint = hint

    def __str__(self) -> str:
        parts = [f"expected {self.expected}" if self.expected else "", f"got {self.got}" if self.got else ""]
        tail = ", ".join(part for part in parts if part)
        return f"{self.subject}: {tail}" if tail else self.subject


class UsageError(PipVerifyError):
    """The caller's fault: an option, a requirement file, the trust file, the set-up. Exit code 2.

    It always has a next step: whoever made the mistake sits there and wants to go on.
    """

    exit_code = 2

    def __init__(self, subject: str, *, hint: str, expected: str = "", got: str = "") -> None:
        super().__init__(subject, expected=expected, got=got, hint=hint)


class SourceError(PipVerifyError):
    """The world's fault: something could not be reached or read. A retry may help. Exit code 14."""

    exit_code = 14


class EvidenceError(PipVerifyError):
    """Attack or corruption: bytes that are not what they must be. A retry must not help. Exit code 12."""

    exit_code = 12
