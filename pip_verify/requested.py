"""Which projects a run was asked for, by which lines, and with which pins.

Requirement files and the names on the command line come in; for each project its inline pins go out, and the lines
that ask for it. Refused: what ``parse_requirements`` refuses, and pins on the command line that hold for nothing there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from pip_verify.errors import UsageError
from pip_verify.inspection import project_of
from pip_verify.pins import InlinePin, Origin
from pip_verify.requirements.model import ParsedFile
from pip_verify.requirements.parse import parse_requirements


class Requested:
    """Filled while a run goes on, from several threads.

    pin: the pin options of the command line; they hold for every requirement named there. environ: for ``${VAR}`` in
    requirement files.
    """

    def __init__(self, pin: InlinePin | None, environ: Mapping[str, str]) -> None:
        self._pin = pin
        self._environ = environ
        self._lock = threading.Lock()
        self._pins: dict[str, list[InlinePin]] = {}
        self._lines: dict[str, list[Origin]] = {}
        self._named: set[str] = set()

    def read(self, data: bytes, name: str, *, constraint: bool) -> ParsedFile:
        """Read a requirement file, and keep what it states.

        Raises UsageError for a file that could be read in two ways, EvidenceError for a weak key in it.
        """
        parsed = parse_requirements(data, name, constraint=constraint, environ=self._environ)
        with self._lock:
            for requirement in parsed.requirements:
                if requirement.project is not None:
                    self._pins.setdefault(requirement.project, []).extend(requirement.pins)
                    self._lines.setdefault(requirement.project, []).append(requirement.origin)
        return parsed

    def name(self, named: Iterable[tuple[str | None, str | None]]) -> None:
        """Tell what the command line names, each by project and by file name, as far as it has them. Raises UsageError
        when there is a pin and nothing takes it."""
        with self._lock:
            self._named.update(filter(None, (project_of(project, filename) for project, filename in named)))
            if self._pin is not None and not self._named:
                raise UsageError(
                    "pin options on the command line",
                    expected="a requirement named there, for them to hold for",
                    got="none",
                    hint="write them behind the requirement in the requirement file",
                )

    def pins(self, project: str) -> list[InlinePin]:
        """Every inline pin of a project, each once."""
        with self._lock:
            pins = list(dict.fromkeys(self._pins.get(project, ())))
            if self._pin is not None and project in self._named:
                pins.append(self._pin)
        return pins

    def origins(self, project: str, comes_from: str | None) -> tuple[Origin, ...]:
        """Who asks for a project: requirement lines, the command line, or (comes_from) another package."""
        with self._lock:
            if project in self._lines:
                return tuple(dict.fromkeys(self._lines[project]))
            if comes_from is not None:
                return (Origin(comes_from),)
            return (Origin("<command line>"),) if project in self._named else ()
