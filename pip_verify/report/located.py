"""Where a finding is shown: an artifact has no line of its own, so it stands where something requires or pins it.

A line that requires the artifact comes before one that only says who signs it. Some artifacts have no line at all
(``<command line>``, a directory, another package's requirement); forges drop a finding without a place, so these
stand at line 1 of the first file that the run names, else of the trust file.
"""

from __future__ import annotations

import re

from pip_verify.pins import Origin
from pip_verify.report.tally import by_weight
from pip_verify.verdict import Run, Verdict

NOWHERE = Origin("pip-verify.toml", 1)

_PINNING_RE = re.compile(r"(?:\A|/)(?:pip-verify\.(?:toml|lock)|pyproject\.toml)\Z")
_URL_RE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")


def fallback(run: Run) -> Origin:
    """The place of what has none in this run."""
    named = [origin for verdict in by_weight(run) for origin in lines_of(verdict)]
    return Origin(named[0].file, 1) if named else NOWHERE


def lines_of(verdict: Verdict) -> list[Origin]:
    """The lines of files here that require or pin the artifact, those that require it first, each once."""
    lines = [origin for origin in verdict.origins if origin.line and not _URL_RE.match(origin.file)]
    return sorted(dict.fromkeys(lines), key=lambda origin: _PINNING_RE.search(origin.file) is not None)
