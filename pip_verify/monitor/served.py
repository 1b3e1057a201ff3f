"""What the indexes serve of one project now; pages come in and files go out, unjudged.

An absent project counts as absent only while its index answers otherwise: an index that knows nothing at all is
misconfigured or broken, and that is a SourceError.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from urllib.parse import urljoin

from pip_verify.artifact.name import Artifact, Kind
from pip_verify.errors import SourceError
from pip_verify.monitor.compare import Served
from pip_verify.monitor.pace import Pacer
from pip_verify.sources.address import redact
from pip_verify.sources.index import Index, IndexFile, Page
from pip_verify.sources.simple import Caps


class ServedFiles:
    """Asks the indexes at the run's pace; may be used from many threads."""

    def __init__(self, index: Index, pacer: Pacer) -> None:
        self._index = index
        self._pacer = pacer
        self._lock = threading.Lock()
        self._answering: dict[str, bool] = {}  # by the index's root

    def pages(self, project: str, before: Mapping[str, Page], *, expected: bool, caps: Caps) -> tuple[Page, ...]:
        """The project's pages as they are now; raises SourceError when one could not be asked, and of these
        TooLargeError for one over ``caps``.

        before: by location, as they were at an earlier time. expected: files of the project were there before, so that
        its absence must be certain.
        """
        pages = self._index.pages(project, before, self._pacer.ask, caps)
        for page in pages:
            root = urljoin(page.url, "../")
            if page.there and page.url:
                self._answering[root] = True
            elif expected and not page.there and (page.location not in before or before[page.location].there):
                self._demand_an_answer(page, root)
        return pages

    def _demand_an_answer(self, page: Page, root: str) -> None:
        with self._lock:  # one question for all projects that are absent
            if root not in self._answering:
                self._answering[root] = self._index.answers(page, self._pacer.ask)
        if not self._answering[root]:
            expected = "an index that answers for something"
            hint = "look whether the index's address is right"
            raise SourceError(redact(root), expected=expected, got="no such page, as for the project", hint=hint)


def files_on(pages: Sequence[Page]) -> list[Served]:
    """The files that the pages list, each name and digest once, sorted. A name that is without a digest in one place is
    there without one: pip may take it from just there, and compares nothing."""
    found: dict[tuple[str, str | None], Served] = {}
    for file in (file for page in pages for file in page.files):
        key = (file.filename, file.sha256)
        if key not in found or (found[key].yanked and not file.yanked):
            found[key] = Served(_artifact(file), file.yanked)
    return [found[key] for key in sorted(found, key=lambda key: (key[0], key[1] or ""))]


def _artifact(file: IndexFile) -> Artifact:
    kind: Kind = "wheel" if file.filename.endswith(".whl") else "sdist"
    return Artifact(file.project, file.version, file.filename, kind, file.sha256)
