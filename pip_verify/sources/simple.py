"""The pages of a simple repository: an answer comes in, the links on it as pip reads them go out.

Refused as SourceError, since nothing was learnt: what is no page of the simple API, though the status was 200 (a
sign-in or maintenance page, an empty body, another project's page, a version of the API that nobody here knows), and
what is over its caps. These are looked at before anything is parsed: 17 KB on the wire can be 18 MB of ``{},``, and
half a gigabyte of objects.

Sources: PEP 503 (HTML), PEP 629 (versions), PEP 691 (JSON).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from pip_verify.artifact.limits import MIB
from pip_verify.artifact.name import is_named_after, normalise, read_as_pip
from pip_verify.errors import EvidenceError
from pip_verify.sources.address import redact
from pip_verify.sources.pip_session import Answer
from pip_verify.sources.status import AnswerError, TooLargeError

JSON = "application/vnd.pypi.simple.v1+json"
TYPES = (JSON, "application/vnd.pypi.simple.v1+html", "text/html")
ACCEPT = f"{TYPES[0]}, {TYPES[1]}; q=0.1, {TYPES[2]}; q=0.01"


@dataclass(frozen=True)
class Caps:
    """What one page may have. size: bytes, when decompressed. elements: values of JSON; tags and attributes of HTML.
    files: links."""

    size: int
    elements: int
    files: int


# The largest page on PyPI in 2025, of a project with 46,724 files, has 21 MB and 521,000 elements.
LARGE = Caps(48 * MIB, 1_200_000, 100_000)
SMALL = Caps(4 * MIB, 100_000, 5_000)

_VERSION_RE = re.compile(r"1\.[0-9]{1,9}\Z", re.ASCII)
_EXPECTED = "an index page (PEP 503, PEP 691)"

# an attribute of HTML begins behind white space, a slash or a quotation mark
_BEFORE_NAME = b" \t\n\r\f\v/'\""
_CLASSES = bytes(byte in _BEFORE_NAME for byte in range(256))


def links_of(url: str, answer: Answer, caps: Caps, project: str | None) -> list[Any]:
    """The links on a page as pip reads it. project: whose page it is; None for a page of links for any project, which
    PEP 503 does not describe, and which may lack files.

    Raises SourceError; of these TooLargeError for what is over ``caps``.
    """
    kind = answer.headers.get("content-type", "")
    if not kind.lower().startswith(TYPES):
        raise AnswerError(redact(url), expected=_EXPECTED, got=f"Content-Type {kind[:80]!a}")
    with _explained(url):
        read = _json_links if kind.lower().startswith(JSON) else _html_links
        links = read(url, answer, caps, project)
    if len(links) > caps.files:
        raise TooLargeError.over(redact(url), caps.files, "files on a page")
    return links


def _json_links(url: str, answer: Answer, caps: Caps, project: str | None) -> list[Any]:
    elements = sum(answer.body.count(mark) for mark in (b",", b"{", b"["))
    if elements > caps.elements:
        raise TooLargeError.over(redact(url), caps.elements, "elements on a page")
    page = json.loads(answer.body)
    version, files, name = page["meta"]["api-version"], page["files"], page["name"]
    if not _VERSION_RE.match(version):
        raise AnswerError(redact(url), expected="version 1 of the API (PEP 629)", got=ascii(version)[:40])
    if not isinstance(files, list):
        raise AnswerError(redact(url), expected="a list of files", got=type(files).__name__)
    if project is not None and normalise(name) != project:
        raise AnswerError(redact(url), expected=f"the page of {project}", got=f"that of {name!a}"[:80])
    del page, files
    return _as_pip_reads(answer)


def _html_links(url: str, answer: Answer, caps: Caps, project: str | None) -> list[Any]:
    """An HTML page that lists nothing of the project may be anything, so it must say what it is."""
    text = answer.body.decode(_charset(answer))
    plain = text.encode()
    elements = plain.count(b"<") + plain.translate(_CLASSES).count(b"\1\0")
    if elements > caps.elements:
        raise TooLargeError.over(redact(url), caps.elements, "elements on a page")
    links = _as_pip_reads(answer)
    if project is not None and not any(_is_of(link, project) for link in links):
        marks = _Marks()
        marks.feed(text)
        if not _VERSION_RE.match(marks.version):
            expected = f'{_EXPECTED}; one without files says <meta name="pypi:repository-version" content="1.0">'
            raise AnswerError(redact(url), expected=expected, got="a page without files that does not say so")
    return links


def _is_of(link: Any, project: str) -> bool:
    return read_as_pip(link.filename, project, link.egg_fragment) is not None or is_named_after(link.filename, project)


def _as_pip_reads(answer: Answer) -> list[Any]:
    from pip._internal.index.collector import IndexContent, parse_links

    kind = answer.headers["content-type"]
    page = IndexContent(answer.body, kind, encoding=_charset(answer), url=answer.url, cache_link_parsing=False)
    try:
        return list(parse_links(page))
    finally:
        _forget_links()


def _charset(answer: Answer) -> str:
    """As pip takes it from the answer: another one would show other links than pip sees."""
    from pip._internal.index.collector import _get_encoding_from_headers

    return _get_encoding_from_headers({"Content-Type": answer.headers["content-type"]}) or "utf-8"


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Whatever a page makes pip's parser raise: it takes a page's shape for granted."""
    from pip._internal.exceptions import PipError

    faults = (ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError)
    try:
        yield
    except (*faults, PipError, EvidenceError) as error:
        raise AnswerError(redact(url), expected=_EXPECTED, got=f"a malformed one: {error!a}"[:200]) from error


def _forget_links() -> None:
    """Make pip forget the URLs that it took apart: a run over 10,000 projects would hold them all."""
    from pip._internal.models.link import LinkHash

    clear = getattr(LinkHash.find_hash_url_fragment, "cache_clear", None)
    if clear is not None:
        clear()


class _Marks(HTMLParser):
    """What a page says of itself. version: of the repository (PEP 629), "" where it says none."""

    def __init__(self) -> None:
        super().__init__()
        self.version = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "meta" and found.get("name") == "pypi:repository-version":
            self.version = found.get("content") or ""
