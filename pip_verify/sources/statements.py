"""Release statements: where they may be and what is there. An artifact's name comes in, bytes go out, unjudged.

A place has three outcomes, never two: ``Found``, ``Nothing`` (the place was read and holds no statement) and
``NotReached`` (it could not be read), because the last must never be taken for "unsigned".

A statement that proved an artifact may be remembered, so that the next run needs no network. A remembered one is
no weaker than a fresh one: whoever uses it verifies it again with the keys that are valid then, and looks again
where it does not prove.

Sources: formats.md 3; RFC 6570 section 3.2.2 (simple string expansion); RFC 3986 section 5 (relative references).
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from pip_verify.artifact.name import Artifact
from pip_verify.errors import EvidenceError, SourceError, UsageError
from pip_verify.evidence import Evidence, Found, Look, Nothing, NotReached, Place
from pip_verify.keys import check_template
from pip_verify.sources.address import check_url, redact
from pip_verify.sources.cache import CacheDirectory, read_entry
from pip_verify.sources.https import Fetcher
from pip_verify.storage import read_file, write_atomically

FORMAT = "release-statement"  # what stands at every place outside a wheel
DEFAULT_TEMPLATE = "releases/{project}/{version}.jws"  # relative to the key list's URL
STATEMENT_MAX_BYTES = 1024 * 1024  # several thousand subjects; the largest releases have a few hundred files

_ABSENT = (404, 410)
_MARK_RE = re.compile(r"pip-verify--(project|version|filename)--here")
_REMOTE = ("releases", "url")


def places(
    artifact: Artifact,
    *,
    statements_dir: Path | None = None,
    local_path: Path | None = None,
    template: str | None = None,
    base_url: str | None = None,
    artifact_url: str | None = None,
) -> tuple[Place, ...]:
    """Where to look for ``artifact``'s statement under one pin, in formats.md 3's order without the wheel's inside.

    statements_dir: ``--statements``. local_path: the artifact, if it is a file of the user's. template: the trust
    file's or else the key list's ``releases``; base_url: the key list's URL; with neither, the artifact's own URL is
    a place if it is https. Raises EvidenceError when the template does not lead to an https URL.
    """
    found: list[Place] = []
    if statements_dir is not None:
        names = (f"{artifact.project}/{artifact.version}.jws", f"{artifact.filename}.jws")
        found += [Place("statements-dir", str(statements_dir / name)) for name in names]
    if local_path is not None:
        found.append(Place("beside", f"{local_path}.jws"))
    if template is not None or base_url is not None:
        stated = DEFAULT_TEMPLATE if template is None else template
        found.append(Place("releases", _releases_url(artifact, stated, base_url or "")))
    elif artifact_url is not None and (url := _beside_url(artifact_url)) is not None:
        found.append(Place("url", url))
    return tuple(found)


class StatementStore:
    """Looks into places, and remembers statements by URL in the cache directory. May be used from many threads.

    deadline_seconds: for one place over HTTPS.
    """

    def __init__(self, fetcher: Fetcher, cache_dir: Path, *, deadline_seconds: float = 10.0) -> None:
        self._fetcher = fetcher
        self._directory = CacheDirectory(cache_dir)
        self._deadline_seconds = deadline_seconds
        self._remembered: dict[str, bytes | None] = {}  # what this process has read or written of the cache

    def look(self, place: Place) -> Look:
        """What is at ``place`` now; over HTTPS, 404 and 410 mean nothing and all but 200 mean not reached.

        Raises UsageError when HTTPS itself is misconfigured (a CA file that cannot be read).
        """
        if place.kind not in _REMOTE:
            return _look_locally(place)
        try:
            return self._look_remotely(place)
        except SourceError as error:
            return NotReached(place, error)

    def cached(self, place: Place) -> bytes | None:
        """The statement remembered for a place over HTTPS; None when there is none, and for local places."""
        if place.kind not in _REMOTE:
            return None
        if place.location not in self._remembered:
            entry = self._directory.entry(place.location, ".jws")
            self._remembered[place.location] = read_entry(entry, max_bytes=STATEMENT_MAX_BYTES)
        return self._remembered[place.location]

    def remember(self, place: Place, data: bytes) -> None:
        """Keep a statement that proved an artifact; local places are not remembered. Raises UsageError."""
        if place.kind in _REMOTE and self.cached(place) != data:
            # no lock: nothing is read, changed and written back, so the last of several writers may win
            write_atomically(self._directory.entry(place.location, ".jws"), data, mode=0o600)
            self._remembered[place.location] = data

    def _look_remotely(self, place: Place) -> Look:
        response = self._fetcher.fetch(
            place.location,
            max_bytes=STATEMENT_MAX_BYTES,
            deadline_seconds=self._deadline_seconds,
            headers={"Accept": "application/jose+json, application/json, */*"},
        )
        if response.status in _ABSENT:
            return Nothing(place)
        if response.status != 200:
            expected = "HTTP status 200, or 404 where there is no statement"
            got, hint = f"HTTP status {response.status}", "tell the publisher, unless it is a proxy's answer"
            raise SourceError(redact(place.location), expected=expected, got=got, hint=hint)
        return Found(Evidence(FORMAT, place, response.body))


def _look_locally(place: Place) -> Look:
    expected = "a readable file, or none"
    try:
        data, _ = read_file(Path(place.location), max_bytes=STATEMENT_MAX_BYTES, expected=expected)
    except UsageError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return Nothing(place)
        return NotReached(place, SourceError(place.location, expected=expected, got=error.got, hint=error.hint))
    if len(data) > STATEMENT_MAX_BYTES:
        got, hint = f"more than {STATEMENT_MAX_BYTES} bytes", "move it away: that is no release statement"
        return NotReached(place, SourceError(place.location, expected=expected, got=got, hint=hint))
    return Found(Evidence(FORMAT, place, data))


def _releases_url(artifact: Artifact, template: str, base_url: str) -> str:
    values = {"project": artifact.project, "version": artifact.version, "filename": artifact.filename}
    return _MARK_RE.sub(lambda mark: quote(values[mark[1]], safe=""), _whole_template(template, base_url))


@lru_cache(maxsize=4096)  # a gate expands one template for hundreds of releases
def _whole_template(template: str, base_url: str) -> str:
    """The template joined to its base and checked, with a mark of plain letters in place of each variable.

    What is put in for the mark is percent-encoded and no dot segment, so it cannot change what the URL's parts are.
    Raises EvidenceError.
    """
    what = f"releases template {template!a} of {redact(base_url) or 'the pin'}"
    marked = re.sub(r"\{(\w+)\}", r"pip-verify--\1--here", check_template(template, what))
    try:
        url = urljoin(base_url, marked)
        check_url(url)
    except (UsageError, ValueError) as error:
        raise EvidenceError(what, expected="a template for https URLs", got=str(error)) from error
    return url


def _beside_url(artifact_url: str) -> str | None:
    """``{url}.jws``, without credentials, query and fragment: those are for the artifact, and may be secrets."""
    try:
        parts = urlsplit(artifact_url)
        url = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path + ".jws", "", ""))
        check_url(url)
    except (UsageError, ValueError):
        return None  # file:, http: and the like are no places
    return url
