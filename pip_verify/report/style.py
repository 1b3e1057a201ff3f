"""How a report for people looks; what it says does not depend on it."""

from __future__ import annotations

from dataclasses import dataclass

BAD = "1;31"  # ANSI SGR parameters (ECMA-48 section 8.3.117): bold red
WARN = "1;33"  # bold yellow
GOOD = "32"  # green


@dataclass(frozen=True)
class Style:
    """color: with ANSI colours; the caller knows the terminal. verbose: with every accepted artifact."""

    color: bool = False
    verbose: bool = False

    def paint(self, words: str, sgr: str) -> str:
        """``words`` of ours in a colour; never a text from elsewhere, which could end it."""
        return f"\x1b[{sgr}m{words}\x1b[0m" if self.color else words
