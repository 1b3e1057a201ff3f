"""How a broken artifact is reported: which file, which entry in it, which rule, what was found instead."""

from __future__ import annotations

from typing import NamedTuple

from pip_verify.errors import EvidenceError

_SHOWN = 120  # characters of a stranger's text in a message


def shown(text: str) -> str:
    """A stranger's text made safe for a terminal: ASCII escapes, quoted, cut to a readable length."""
    quoted = ascii(text)
    return quoted if len(quoted) <= _SHOWN else quoted[: _SHOWN - 4] + "...'"


class Spot(NamedTuple):
    """A place in an artifact. filename: the artifact's. entry: the member's name, or "" for the whole file."""

    filename: str
    entry: str = ""

    def at(self, entry: str) -> Spot:
        """The same artifact, another entry."""
        return Spot(self.filename, entry)

    def breaks(self, rule: str, got: str = "") -> EvidenceError:
        """The error for a broken rule; the caller raises it."""
        module = "tarfile" if self.filename.endswith(".tar.gz") else "zipfile"
        return EvidenceError(
            f"{self.filename}: {shown(self.entry)}" if self.entry else self.filename,
            expected=rule,
            got=got,
            # cat -v, because a hostile name may hold what moves the cursor
            hint=f"do not install it; to see what it holds: python -m {module} --list {self.filename} | cat -v",
        )
