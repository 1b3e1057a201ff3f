"""The package index, as pip sees it: a project comes in, its files and their metadata go out, unjudged.

Which index, with which credentials, proxy and certificates, is pip's own configuration: its files, ``PIP_*``, and the
options handed in. This module drives pip's ``LinkCollector`` and ``PipSession`` in this process; nothing is resolved,
built or run. It differs from pip in four ways: a location that cannot be read is an error and never "no such
project"; nobody is prompted; pip's cache is not used, so that the answer does not depend on it; and there are caps.

Refused as SourceError (nothing was learnt): no connection, a status but 200 (404 and 410: no such project there), a
page that is none, anything over its cap or not complete by its deadline. As EvidenceError: bytes that do not have the
digest that the index states for them.

Sources: PEP 503 and PEP 691 (simple repository), PEP 592 (yanked), PEP 658 and PEP 714 (metadata beside a file).
"""

from __future__ import annotations

import hashlib
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar, cast
from urllib.parse import urljoin

from pip_verify import __version__
from pip_verify.artifact.limits import DEFAULT
from pip_verify.artifact.name import ENDINGS, Artifact, is_named_after, parse_filename, read_as_pip
from pip_verify.errors import EvidenceError, SourceError
from pip_verify.sources.address import redact
from pip_verify.sources.pip_session import Answer, PipSessions
from pip_verify.sources.simple import ACCEPT, LARGE, Caps, links_of

FILE_MAX_BYTES = 8 << 30
METADATA_MAX_BYTES = DEFAULT.text
DEADLINE = 300.0  # seconds for a page or a metadata file
DOWNLOAD_DEADLINE = 3600.0  # seconds for an artifact

_TAIL = 64 * 1024 + 22  # a zip's end record and the longest comment it may have (APPNOTE 4.3.16)
_END = struct.Struct("<4s4H2LH")
_ENTRIES_MAX_BYTES = DEFAULT.names
_SIGNATURES = (b".dist-info/release.jws", b".dist-info/RECORD.jws")
_AGENT = f"pip-verify/{__version__} (monitor)"
_INCOMPLETE = "tell whoever runs the index, or use another: --index-url URL"
_MAX_TAG = 200  # characters of an ETag or a date that are worth keeping

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class IndexFile:
    """One wheel or sdist on an index.

    project: normalised; version: canonical. on a ``Page`` also what pip alone takes for one
    (``read_as_pip``). sha256: lower-case hex, None where pip would not compare the file with it. has_metadata:
    whether the index offers its METADATA (PEP 658); metadata_sha256: that file's digest, None where it states none.
    url: as pip would fetch it, without fragment; it may hold a password, so ``redact`` it before showing it.
    """

    project: str
    version: str
    filename: str
    url: str
    sha256: str | None = None
    metadata_sha256: str | None = None
    yanked: bool = False
    has_metadata: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """What one place stated about one project. location: its URL without secrets. there: whether it knows the project.

    files: sorted; all that pip may take, each name and digest once, and each name without one besides.
    etag, last_modified: as they were sent, "" without; by these a later request can ask whether anything has changed
    since. left_out: how many files of the project's name pip never takes. url: as it was asked, of a page that was just
    read.
    """

    location: str
    there: bool
    files: tuple[IndexFile, ...]
    etag: str = ""
    last_modified: str = ""
    left_out: int = 0
    url: str = field(default="", repr=False, compare=False)


# Makes a request to a URL, perhaps later and perhaps several times; raises SourceError when it never succeeds.
Ask = Callable[[str, Callable[[], Answer | None]], Answer | None]


class Index:
    """The indexes and ``--find-links`` of pip's configuration. May be used from many threads.

    pip_options: index options as pip takes them (``--index-url`` …); they win over the configuration. Raises
    UsageError for a configuration that pip cannot read or an index that pip would ignore as not trusted. unparsable:
    how many file names were left out so far, since they name no project and version, and pip takes none of them.
    retries: whether pip asks again by itself after a failure.
    """

    def __init__(self, pip_options: Sequence[str] = (), *, deadline: float = DEADLINE, retries: bool = True) -> None:
        self._sessions = PipSessions(pip_options, deadline, retries=retries)
        self._lock = threading.Lock()
        self._parsing = threading.Lock()
        self._known: _Once[tuple[tuple[IndexFile, ...], tuple[IndexFile, ...]]] = _Once()  # by project
        self._shared: _Once[list[Any]] = _Once()  # pages that list many projects, by URL
        self.unparsable = 0

    @property
    def places(self) -> tuple[str, ...]:
        """Where is looked, for comparing: there may be passwords in it."""
        return self._sessions.places()

    # What there is.

    def files(self, project: str) -> tuple[IndexFile, ...]:
        """Every wheel and sdist of ``project`` (normalised), of all versions and for all platforms, sorted; none
        when no index knows it. Asked once a run. Names that PEP 427 and PEP 625 do not know are left
        out: nothing of ours accepts such a file. Raises SourceError when one of them could not be asked."""
        return self._known.once(project, lambda: self._list(project))[0]

    def for_pip_alone(self, project: str) -> tuple[IndexFile, ...]:
        """What ``files`` leaves out of ``project`` although pip takes it (``read_as_pip``); raises as it does."""
        return self._known.once(project, lambda: self._list(project))[1]

    def pages(self, project: str, before: Mapping[str, Page], ask: Ask, caps: Caps = LARGE) -> tuple[Page, ...]:
        """What each place states about ``project`` now; nothing is kept, so a run may ask for any number of projects.

        before: by location, the pages of an earlier time; one that has not changed since is not sent again (RFC 9110
        section 13.1). Raises SourceError when one of the places could not be asked; TooLargeError for a project's page
        that is over ``caps``.
        """
        found: list[Page] = []

        def read(link: Any) -> tuple[()]:
            if link.cache_link_parsing:  # behind --find-links: one page, or file, for all projects
                found.append(self._page_of(redact(link.url), project, self._page(link, project)))
            else:
                found.append(self._ask_for(link.url_without_fragment, project, before, ask, caps))
            return ()

        listed, sources = self._sources(project, read)
        if listed:
            found.append(self._page_of("--find-links", project, listed))
        for source in sources:
            for _ in cast("Iterator[Any]", source.page_candidates()):
                pass
        return tuple(found)

    def answers(self, page: Page, ask: Ask) -> bool:
        """Whether the index of an absent project's page answers otherwise: for its root. Raises SourceError."""
        root = urljoin(page.url, "../")
        if root.startswith("file:"):
            return Path(_path_of(root)).is_dir()
        headers = {"Accept": ACCEPT, "User-Agent": _AGENT, "Range": "bytes=0-0"}
        return ask(root, lambda: self._sessions.get(root, headers, 1, partial=True)) is not None

    def _ask_for(self, url: str, project: str, before: Mapping[str, Page], ask: Ask, caps: Caps) -> Page:
        location = redact(url)
        # what a location without its query stands for may be several pages
        known = before.get(location) if "?" not in url else None
        headers = {"Accept": ACCEPT, "User-Agent": _AGENT}
        if known is not None and known.etag:
            headers["If-None-Match"] = known.etag
        elif known is not None and known.last_modified:
            headers["If-Modified-Since"] = known.last_modified
        answer = ask(url, lambda: self._sessions.get(_directory_page(url), headers, caps.size))
        if answer is None:
            return Page(location, there=False, files=(), url=url)
        if answer.status == 304 and known is not None:
            return replace(known, url=url)
        with self._parsing:  # one page at a time: all of it is in memory then, several times
            page = self._page_of(location, project, links_of(url, answer, caps, project))
        etag, changed = (answer.headers.get(name, "") for name in ("etag", "last-modified"))
        return replace(
            page,
            url=url,
            etag=etag if len(etag) <= _MAX_TAG else "",
            last_modified=changed if len(changed) <= _MAX_TAG else "",
        )

    def _page_of(self, location: str, project: str, links: Sequence[Any]) -> Page:
        """What pip may take is compared, whatever its name: a link that states no digest, too, since pip may take it
        instead of another of its name."""
        found: dict[tuple[str, str | None], IndexFile] = {}
        left_out = 0
        for link in links:
            named = read_as_pip(link.filename, project, link.egg_fragment)
            if named is None:
                left_out += is_named_after(link.filename, project)
                continue
            file = _file(link, named)
            known = found.setdefault((file.filename, file.sha256), file)
            if known.yanked and not file.yanked:  # then pip takes it
                found[file.filename, file.sha256] = file
        return Page(location, there=True, files=_sorted(found.values()), left_out=left_out)

    def _list(self, project: str) -> tuple[tuple[IndexFile, ...], tuple[IndexFile, ...]]:
        """By a name of the PEPs, and by one that pip alone takes."""
        listed, sources = self._sources(project, lambda link: self._page(link, project))
        links = [link for source in sources for link in cast("Iterator[Any]", source.page_candidates())]
        strict: list[IndexFile] = []
        others: list[IndexFile] = []
        for link in (*listed, *links):
            named = _strictly(link.filename)
            if named is not None and named.project == project:
                strict.append(_file(link, named))
            elif (taken := read_as_pip(link.filename, project, link.egg_fragment)) is not None:
                others.append(_file(link, taken))
            elif named is None:
                with self._lock:
                    self.unparsable += 1
        return _each_once(strict), _each_once(others)

    def _sources(self, project: str, read: Callable[[Any], Sequence[Any]]) -> tuple[list[Any], list[Any]]:
        """The files that ``--find-links`` names itself, and the places that have pages; ``read`` gets a page's link."""
        from pip._internal.index.collector import LinkCollector

        # the lock: pip's scan of a --find-links directory is shared and unguarded
        with self._sessions.session() as session, self._lock:
            collector = LinkCollector.create(session, options=self._sessions.options)
            collected = collector.collect_sources(project, read)
            places = [source for source in collected.find_links if source is not None]
            # an index's own URL is a file link to pip, too; --find-links may really name a file
            listed = [link for source in places for link in source.file_links() if link.ext in ENDINGS]
        return listed, [*places, *(source for source in collected.index_urls if source is not None)]

    # Pages.

    def _page(self, link: Any, project: str) -> Any:
        """The links on a page: of one project on an index, or of many behind ``--find-links``; those once a run."""
        url = link.url_without_fragment
        if not link.cache_link_parsing:
            return self._read_page(url, project)
        return self._shared.once(url, lambda: self._read_page(url, None))

    def _read_page(self, url: str, project: str | None) -> list[Any]:
        answer = self._sessions.get(_directory_page(url), {"Accept": ACCEPT}, LARGE.size)
        if answer is None:
            return []
        with self._parsing:
            return links_of(url, answer, LARGE, project)

    # Files.

    def metadata(self, file: IndexFile) -> bytes | None:
        """The METADATA that the index offers beside ``file`` (PEP 658); None when it offers none.

        Raises SourceError, and EvidenceError when the bytes do not have the digest the index states.
        """
        if not file.has_metadata:
            return None
        url = file.url + ".metadata"
        answer = self._sessions.get(url, {"Accept-Encoding": "identity"}, METADATA_MAX_BYTES)
        if answer is None:
            expected = "the metadata file that the index page announces"
            raise SourceError(redact(url), expected=expected, got="none there", hint=_INCOMPLETE)
        actual = hashlib.sha256(answer.body).hexdigest()
        if file.metadata_sha256 not in (None, actual):
            hint = "tell whoever runs the index; do not install from it meanwhile"
            expected = f"sha256:{file.metadata_sha256}, as the index states"
            raise EvidenceError(redact(url), expected=expected, got=f"sha256:{actual}", hint=hint)
        return answer.body

    def download(self, file: IndexFile, directory: Path) -> Path:
        """Fetch ``file`` into ``directory``, under its own name, which must be free there. Its bytes are unjudged.

        Raises SourceError.
        """
        path = directory / file.filename
        with path.open("xb") as target:
            headers = {"Accept-Encoding": "identity"}
            answer = self._sessions.get(file.url, headers, FILE_MAX_BYTES, deadline=DOWNLOAD_DEADLINE, target=target)
        if answer is None:
            raise _not_there(file)
        return path

    def may_be_signed_inside(self, file: IndexFile) -> bool:
        """Whether a wheel may carry a signature: False only if its zip directory was read and names none.

        This spares downloading: the directory stands at the file's end, and most servers send a part of a file
        (RFC 9110 section 14). A server that does not gives True. Raises SourceError.
        """
        tail = self._part(file, f"-{_TAIL}")
        if tail is None:
            return True
        at = tail.rfind(b"PK\5\6")
        if at < 0 or len(tail) < at + _END.size:
            return True  # no zip, as it seems; reading it whole will tell
        size, offset = _END.unpack_from(tail, at)[5:7]
        if size > at:  # it begins before the part at hand
            if max(size, offset) == 0xFFFFFFFF or size > _ENTRIES_MAX_BYTES:
                return True
            entries = self._part(file, f"{offset}-{offset + size - 1}")
        else:
            entries = tail[at - size : at]
        return entries is None or any(name in entries for name in _SIGNATURES)

    def _part(self, file: IndexFile, wanted: str) -> bytes | None:
        """Some bytes of a file; None when the server does not send parts. wanted: as in the field Range."""
        headers = {"Accept-Encoding": "identity", "Range": f"bytes={wanted}"}
        answer = self._sessions.get(file.url, headers, _ENTRIES_MAX_BYTES, partial=True)
        if answer is None:
            raise _not_there(file)
        return answer.body if answer.status == 206 else None


def _not_there(file: IndexFile) -> SourceError:
    return SourceError(
        redact(file.url), expected="the file that the index page lists", got="none there", hint=_INCOMPLETE
    )


class _Once(Generic[_Result]):
    """What was found out under a key, found out once, whoever asks first; an error is kept, too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._results: dict[str, Future[_Result]] = {}

    def once(self, key: str, work: Callable[[], _Result]) -> _Result:
        with self._lock:
            mine = key not in self._results
            future = self._results.setdefault(key, Future())
        if mine:
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - whoever waits gets it, and so does this thread
                future.set_exception(error)
        return future.result()


def _strictly(filename: str) -> Artifact | None:
    try:
        return parse_filename(filename)
    except EvidenceError:
        return None


def _each_once(files: Iterable[IndexFile]) -> tuple[IndexFile, ...]:
    found: dict[tuple[str, str | None], IndexFile] = {}
    for file in files:
        found.setdefault((file.filename, file.sha256), file)
    stated = {name for name, digest in found if digest is not None}
    # whoever asks for these compares the bytes with the digest, so a place that states less can be left out
    return _sorted(file for (name, digest), file in found.items() if digest is not None or name not in stated)


def _directory_page(url: str) -> str:
    """Where the page of an index on disk stands; other URLs are their page's."""
    if url.startswith("file:") and Path(_path_of(url)).is_dir():
        return urljoin(url.rstrip("/") + "/", "index.html")
    return url


def _path_of(url: str) -> str:
    from pip._internal.utils.urls import url_to_path

    return str(url_to_path(url))


def _file(link: Any, named: Artifact) -> IndexFile:
    offered = link.metadata_file_data
    return IndexFile(
        named.project,
        named.version,
        named.filename,
        link.url_without_fragment,
        sha256=_sha256_of(link),
        metadata_sha256=None if offered is None else (offered.hashes or {}).get("sha256"),
        yanked=link.is_yanked,
        has_metadata=offered is not None,
    )


def _sha256_of(link: Any) -> str | None:
    """The sha256 that pip will compare the file with; None when it will not.

    pip uses the first of several digests only, and none at all for what it does not fetch as a file.
    """
    if link.hash_name != "sha256" or link.is_vcs or link.is_existing_dir():
        return None
    digest = str(link.hash).lower()
    return digest if len(digest) == 64 and set(digest) <= set("0123456789abcdef") else None


def _sorted(files: Iterable[IndexFile]) -> tuple[IndexFile, ...]:
    return tuple(sorted(files, key=lambda file: (file.filename, file.sha256 or "")))
