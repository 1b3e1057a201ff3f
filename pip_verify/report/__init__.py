"""Reports: a ``Run`` comes in, a text goes out. They print; they decide nothing.

Each format is one module with ``render``; it joins by a line in ``FORMATS``. The exit code is the run's own
(``Run.exit_code``), so it cannot depend on the format. Whatever a format prints of a run's texts passes through
``safe``: the secrets of URLs out of every format, control characters out of what a terminal shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pip_verify.errors import UsageError
from pip_verify.report.style import Style
from pip_verify.report.text import render as render_text
from pip_verify.verdict import Run

# Formats that know no style; each is imported when it is asked for, as a run needs one.


def _json(run: Run, _: Style) -> str:
    from pip_verify.report.as_json import render

    return render(run)


def _sarif(run: Run, _: Style) -> str:
    from pip_verify.report.as_sarif import render

    return render(run)


def _junit(run: Run, _: Style) -> str:
    from pip_verify.report.as_junit import render

    return render(run)


def _github(run: Run, _: Style) -> str:
    from pip_verify.report.as_github import render

    return render(run)


def _html(run: Run, _: Style) -> str:
    from pip_verify.report.as_html import render

    return render(run)


FORMATS: Mapping[str, Callable[[Run, Style], str]] = {
    "text": render_text,
    "json": _json,
    "sarif": _sarif,
    "junit": _junit,
    "github": _github,
    "html": _html,
}


def render(format_name: str, run: Run, *, color: bool = False, verbose: bool = False) -> str:
    """The whole report of ``run``, with the newline at its end.

    format_name: one of ``FORMATS``. color: with ANSI colours, verbose: with every accepted artifact; formats for
    machines know neither and are always complete. Raises UsageError for another format.
    """
    if format_name not in FORMATS:
        expected = "one of " + ", ".join(FORMATS)
        raise UsageError("report format", expected=expected, got=ascii(format_name), hint="--format=text")
    return FORMATS[format_name](run, Style(color, verbose))
