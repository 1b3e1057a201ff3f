"""Why the search stopped at a project: bytes or signatures that are bad, or something that could not be looked at.

Neither may become an exemption: the first would launder an attack, the second would call unsigned what is not known.
"""

from __future__ import annotations

from dataclasses import dataclass

from pip_verify.errors import EvidenceError, PipVerifyError, SourceError
from pip_verify.verdict import EXIT_UNREACHABLE, Reason


@dataclass(frozen=True)
class Refusal:
    """A project that nothing is written about. absent: no index has the release."""

    project: str
    reason: Reason
    absent: bool = False

    @property
    def error(self) -> PipVerifyError:
        """The same as an error, with the reason's exit code: SourceError where a retry may help, else EvidenceError."""
        family = SourceError if self.reason.exit_code == EXIT_UNREACHABLE else EvidenceError
        reason = self.reason
        error = family(reason.subject, expected=reason.expected, got=reason.got, hint=reason.hint)
        error.exit_code = reason.exit_code
        return error


class RefusedError(Exception):
    """Carries a refusal up to whoever asked for the project."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


def refuse(project: str, code: str, error: PipVerifyError) -> RefusedError:
    """The refusal of a project for what an error says; the caller raises it."""
    return RefusedError(Refusal(project, Reason.of(code, error)))
