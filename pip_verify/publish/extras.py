"""What to say when a library is missing that only some commands need (the extras of pip-verify)."""

from __future__ import annotations

from pip_verify.errors import UsageError


def missing(extra: str, library: str) -> UsageError:
    """The error that names the extra which brings ``library``; raise it from the ImportError."""
    hint = f"python -m pip install 'pip-verify[{extra}]'"
    return UsageError(f"the library {library}", expected="to find it installed", got="none", hint=hint)
