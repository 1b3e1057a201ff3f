"""The index through pip's own machinery: a real HTTPS server plays it, well-behaved or hostile."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pip_verify.artifact.limits import MIB
from pip_verify.errors import EvidenceError, SourceError, UsageError
from pip_verify.sources import IN_FLIGHT, concurrently
from pip_verify.sources import index as module
from pip_verify.sources.index import Index, IndexFile, Page
from pip_verify.sources.simple import LARGE, SMALL, Caps
from pip_verify.sources.status import TooLargeError
from tests.https_world import Answer, HttpsWorld, Seen
from tests.makers import make_wheel
from tests.signer import sha256

JSON = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
WHEEL = "demo-1.0-py3-none-any.whl"
BYTES = make_wheel("demo", "1.0")


pytestmark = pytest.mark.usefixtures("no_pip_configuration")


def index_of(world: HttpsWorld, *options: str, deadline: float = 10.0) -> Index:
    where = () if "--no-index" in options else (f"--index-url={world.url}/simple/",)
    return Index([*where, f"--cert={world.ca_file}", *options], deadline=deadline)


def page(*files: dict[str, object], project: str = "demo") -> bytes:
    return json.dumps({"meta": {"api-version": "1.0"}, "name": project, "files": list(files)}).encode()


def listed(filename: str, digest: str | None = None, **members: object) -> dict[str, object]:
    hashes = {} if digest is None else {"sha256": digest}
    return {"filename": filename, "url": f"/files/{filename}", "hashes": hashes} | members


def show(world: HttpsWorld, *files: dict[str, object], project: str = "demo", root: str = "/simple") -> None:
    world.put(f"{root}/{project}/", page(*files, project=project), headers=JSON)


def the_wheel(world: HttpsWorld, **fields: object) -> IndexFile:
    return IndexFile("demo", "1.0", WHEEL, f"{world.url}/files/{WHEEL}", sha256(BYTES), **fields)  # type: ignore[arg-type]


# Listing.


def test_all_versions_platforms_and_kinds_are_listed_and_sorted(world: HttpsWorld) -> None:
    names = ["demo-2.0.tar.gz", "demo-1.0-cp311-cp311-win_amd64.whl", WHEEL, "demo-1.0.0.zip"]
    show(world, *(listed(name, "a" * 64) for name in names), listed("demo-3.0a1-py3-none-any.whl", yanked="bad"))
    files = index_of(world).files("demo")
    assert [file.filename for file in files] == sorted([*names, "demo-3.0a1-py3-none-any.whl"])
    assert {file.version for file in files} == {"1.0", "1.0.0", "2.0", "3.0a1"}
    assert [file.filename for file in files if file.yanked] == ["demo-3.0a1-py3-none-any.whl"]
    assert files[0].url == f"{world.url}/files/{files[0].filename}"
    assert files[0].sha256 == "a" * 64


def test_an_html_page_is_read_too(world: HttpsWorld) -> None:
    anchor = f'<a href="../../files/{WHEEL}#sha256={"B" * 64}" data-core-metadata="sha256={"c" * 64}">x</a>'
    world.put("/simple/demo/", anchor.encode(), headers={"Content-Type": "text/html"})
    (file,) = index_of(world).files("demo")
    assert (file.sha256, file.metadata_sha256, file.has_metadata) == ("b" * 64, "c" * 64, True)
    assert file.url == f"{world.url}/files/{WHEEL}"


def test_names_that_state_no_version_and_other_projects_are_left_out(world: HttpsWorld) -> None:
    show(world, listed("demo-latest.exe"), listed("demo.whl"), listed("evil-1.0-py3-none-any.whl"), listed(WHEEL))
    index = index_of(world)
    assert [file.filename for file in index.files("demo")] == [WHEEL]
    assert index.unparsable == 2


@pytest.mark.parametrize("digest", ["xyz", "a" * 63, "a" * 65, "g" * 64])
def test_a_digest_that_is_none_counts_as_not_stated(world: HttpsWorld, digest: str) -> None:
    show(world, listed(WHEEL, digest))
    assert index_of(world).files("demo")[0].sha256 is None


def test_what_no_index_knows_is_no_error(world: HttpsWorld) -> None:
    assert index_of(world).files("demo") == ()
    world.answer("/simple/gone/", Answer(status=410, body=b""))
    assert index_of(world).files("gone") == ()


META = b'{"meta": {"api-version": "%s"}, "name": "%s", "files": %s}'
NO_PAGES = [
    b"{}",
    b'{"files": []}',
    b'{"files": {}}',
    META % (b"1.0", b"demo", b"{}"),
    META % (b"2.0", b"demo", b"[]"),
    META % (b"1", b"demo", b"[]"),
    META % (b"1.0", b"other", b"[]"),
    META % (b"1.0", b"../x", b"[]"),
    b'{"meta": {"api-version": 1.0}, "name": "demo", "files": []}',
]
NO_HTML_PAGES = [
    b"",
    b"<html><head><title>Maintenance</title></head><body><h1>We will be back</h1></body></html>",
    b'<form action="/login"><a href="/help.html">Help</a><a href="/simple/">Index</a></form>',
    b'<meta name="pypi:repository-version" content="2.0">',
    b'<meta name="generator" content="1.0">',
    b'<meta name="pypi:repository-version">',
    b"<a href='https://[bad/demo-1.0.tar.gz'>x</a>",
    b"<a href='demo-1.0.tar.gz#egg=-'>x</a>",
    b"\xff\xfe\x00",
]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=500, body=b""),
        Answer(status=503, body=b""),
        Answer(status=403, body=b""),
        Answer(status=204, body=b""),
        Answer(hang_up=True),
        Answer(body=page(), headers=JSON, cut=5),
        Answer(body=b"<a href=x>x</a>" * 9, headers={"Content-Type": "text/html"}, cut=50),
        Answer(body=b"<html>sign in</html>", headers={"Content-Type": "application/xhtml+xml"}),
        Answer(body=b"{", headers=JSON),
        Answer(body=b"[]", headers=JSON),
        Answer(body=b'{"files": [1]}', headers=JSON),
        Answer(body=b'{"files": [{"url": 7}]}', headers=JSON),
        Answer(body=b'{"files": [{"url": "https://[", "filename": "x"}]}', headers=JSON),
        Answer(body=b"[" * 100_000, headers=JSON),
        *(Answer(body=body, headers=JSON) for body in NO_PAGES),
        *(Answer(body=body, headers={"Content-Type": "text/html"}) for body in NO_HTML_PAGES),
        Answer(body=b"<a href=demo-1.0.zip>x</a>", headers={"Content-Type": "text/html; charset=none-such"}),
    ],
)
def test_an_index_that_does_not_answer_properly_was_not_asked(world: HttpsWorld, answer: Answer) -> None:
    world.answer("/simple/demo/", answer)
    with pytest.raises(SourceError):
        index_of(world).files("demo")


def test_nobody_is_prompted_for_a_password(world: HttpsWorld) -> None:
    world.answer("/simple/demo/", Answer(status=401, body=b"", headers={"WWW-Authenticate": "Basic"}))
    with pytest.raises(SourceError, match="401") as caught:
        index_of(world).files("demo")
    assert "netrc" in caught.value.hint


def test_one_of_two_indexes_out_of_reach_is_not_an_empty_index(world: HttpsWorld) -> None:
    show(world, listed(WHEEL))
    index = index_of(world, "--extra-index-url=https://127.0.0.1:1/simple/")
    with pytest.raises(SourceError, match=r"127\.0\.0\.1:1/simple/demo/"):
        index.files("demo")


def test_a_page_without_end_is_given_up_at_the_cap(world: HttpsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGE", replace(LARGE, size=100))
    world.put("/simple/demo/", b" " * 101, headers=JSON)
    with pytest.raises(SourceError, match="at most 100 bytes"):
        index_of(world).files("demo")


def test_a_page_that_trickles_is_given_up_at_the_deadline(world: HttpsWorld) -> None:
    world.answer("/simple/demo/", Answer(body=page(), headers=JSON, trickle="body"))
    started = time.monotonic()
    with pytest.raises(SourceError, match=r"within 0\.3 s"):
        index_of(world, deadline=0.3).files("demo")
    assert time.monotonic() - started < 3


def test_a_password_is_shown_in_no_message(world: HttpsWorld) -> None:
    with_password = world.url.replace("https://", "https://user:hunter2@")
    index = Index([f"--index-url={with_password}/simple/", f"--cert={world.ca_file}"])
    world.answer("/simple/demo/", Answer(status=500, body=b""))
    world.answer("/simple/odd/", Answer(body=b"", headers={"Content-Type": "x"}))
    for project in ("demo", "odd"):
        with pytest.raises(SourceError) as caught:
            index.files(project)
        assert "hunter2" not in f"{caught.value} {caught.value.hint}"
    assert any("authorization" in seen.headers for seen in world.requests)


def test_links_on_disk_are_listed_and_a_stated_digest_wins(world: HttpsWorld, tmp_path: Path) -> None:
    links = tmp_path / "links"
    links.mkdir()
    for name in (WHEEL, "demo-0.9.tar.gz", "other-1.0.tar.gz", "README"):
        (links / name).write_bytes(b"x")
    show(world, listed(WHEEL, "a" * 64))
    files = index_of(world, f"--find-links={links}").files("demo")
    assert [(file.filename, file.sha256) for file in files] == [("demo-0.9.tar.gz", None), (WHEEL, "a" * 64)]
    assert [file.filename for file in index_of(world, "--no-index", f"--find-links={links}").files("other")] == [
        "other-1.0.tar.gz"
    ]


@pytest.mark.parametrize("meta", [b"1.0", b"1.3"])
def test_a_page_that_says_that_it_has_no_files_has_none(world: HttpsWorld, meta: bytes) -> None:
    html = b'<meta name="pypi:repository-version" content="%s"><title>Links for demo</title>' % meta
    for body, headers in ((html, {"Content-Type": "text/html"}), (META % (meta, b"Demo", b"[]"), JSON)):
        world.put("/simple/demo/", body, headers=headers)
        assert index_of(world).files("demo") == ()
        (found,) = pages_of(index_of(world))
        assert (found.there, found.files, found.left_out) == (True, (), 0)


def test_a_page_of_links_may_lack_files(world: HttpsWorld) -> None:
    world.put("/links/", b"<title>Links</title><a href=README.txt>Read me</a>", headers={"Content-Type": "text/html"})
    show(world, listed(WHEEL, "a" * 64))
    index = index_of(world, f"--find-links={world.url}/links/")
    assert [file.filename for file in index.files("demo")] == [WHEEL]
    assert [len(page.files) for page in pages_of(index)] == [0, 1]


# Pages, as a watch reads them.


def pages_of(index: Index, project: str = "demo", caps: Caps = LARGE) -> tuple[Page, ...]:
    return index.pages(project, {}, lambda _, request: request(), caps)


def stated_on(world: HttpsWorld, *files: dict[str, object]) -> list[tuple[str, str | None]]:
    show(world, *files)
    (found,) = pages_of(index_of(world))
    return [(file.filename, file.sha256) for file in found.files]


def test_what_pip_alone_takes_is_on_the_page_and_the_rest_is_counted(world: HttpsWorld) -> None:
    names = ["demo-9.9-py3-none-any.~x.whl", "demo-9.9.tar.bz2", "demo-9.9.tgz", WHEEL]
    never = ["demo-1.0.exe", "demo-1.0-py2.7.egg", "demo-1.0.tar.gz.asc", "demo-latest.tar.gz"]
    show(world, *(listed(name, "a" * 64) for name in (*names, *never, "evil-1.0-py3-none-any.whl")))
    (found,) = pages_of(index_of(world))
    versions = {file.filename: file.version for file in found.files}
    assert versions == {WHEEL: "1.0", **dict.fromkeys(names[:3], "9.9")}
    assert found.left_out == len(never)


def test_a_link_named_by_its_fragment_alone_is_on_the_page(world: HttpsWorld) -> None:
    anchor = f'<a href="/files/q.tar.gz#egg=demo-9.9&sha256={"a" * 64}">x</a>'
    world.put("/simple/demo/", anchor.encode(), headers={"Content-Type": "text/html"})
    ((file,),) = (found.files for found in pages_of(index_of(world)))
    assert (file.version, file.filename, file.sha256) == ("9.9", "q.tar.gz#egg=demo-9.9", "a" * 64)


def test_a_page_is_read_in_the_charset_in_which_pip_reads_it(world: HttpsWorld) -> None:
    hidden = b'<a href="/files/demo-1.0.zip">x</a>+ADw-a href="/files/demo-9.9.zip"+AD4-x+ADw-/a+AD4-'
    world.put("/simple/demo/", hidden, headers={"Content-Type": "text/html; charset=utf-7"})
    (found,) = pages_of(index_of(world))
    assert [file.version for file in found.files] == ["1.0", "9.9"]


@pytest.mark.parametrize("turned", [True, False])
def test_a_twin_without_a_digest_hides_behind_no_other_link(world: HttpsWorld, *, turned: bool) -> None:
    twins = [listed(WHEEL, "a" * 64), {**listed(WHEEL), "url": f"/elsewhere/{WHEEL}", "hashes": {"md5": "b" * 32}}]
    assert stated_on(world, *(twins[::-1] if turned else twins)) == [(WHEEL, None), (WHEEL, "a" * 64)]


def test_a_digest_is_stated_only_if_pip_will_use_it(world: HttpsWorld) -> None:
    digests = {"sha256": "a" * 64, "sha512": "b" * 128}
    assert stated_on(world, listed(WHEEL, hashes=digests)) == [(WHEEL, "a" * 64)]
    assert stated_on(world, listed(WHEEL, hashes=dict(reversed(digests.items())))) == [(WHEEL, None)]
    vcs = {**listed("demo-1.0.zip", "a" * 64), "url": "git+https://evil.example/demo-1.0.zip"}
    assert stated_on(world, vcs) == [("demo-1.0.zip", None)]


def test_a_file_is_yanked_only_if_every_link_says_so(world: HttpsWorld) -> None:
    for twins in ((True, False), (False, True), (True, True)):
        show(world, *(listed(WHEEL, "a" * 64, yanked=yanked) for yanked in twins))
        ((file,),) = (found.files for found in pages_of(index_of(world)))
        assert file.yanked is all(twins)


def test_a_large_page_is_told_from_one_that_cannot_be_read(world: HttpsWorld) -> None:
    show(world, *(listed(f"demo-{number}.0.tar.gz", "a" * 64) for number in range(SMALL.files + 1)))
    with pytest.raises(TooLargeError, match="files on a page"):
        pages_of(index_of(world), caps=SMALL)
    ((files),) = (found.files for found in pages_of(index_of(world)))
    assert len(files) == SMALL.files + 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JSON["Content-Type"], b'{"files": [' + b"{}," * 2_000_000 + b"{}]}"),
        (JSON["Content-Type"], b'{"files": ' + b"[" * 2_000_000),
        ("text/html", b"<a>" * 2_000_000),
        ("text/html", b"<a " + b"b " * 2_000_000 + b">"),
        ("text/html", b"<a " + b"b/" * 2_000_000 + b">"),
        ("text/html", b"<a " + b"b=''" * 1_300_000 + b">"),
        ("text/html; charset=utf-16", ("<a>" * 2_000_000).encode("utf-16")),
    ],
    ids=["objects", "arrays", "tags", "attributes", "slashes", "quotes", "utf-16"],
)
def test_a_page_that_would_fill_the_memory_is_refused_before_it_is_parsed(
    world: HttpsWorld, kind: str, body: bytes
) -> None:
    packed = gzip.compress(body, 9)
    assert len(packed) < len(body) / 100
    world.put("/simple/demo/", packed, headers={"Content-Type": kind, "Content-Encoding": "gzip"})
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError, match="elements on a page"):
            pages_of(index_of(world))
        assert tracemalloc.get_traced_memory()[1] < 6 * len(body) + 2 * MIB
    finally:
        tracemalloc.stop()


def test_two_indexes_that_disagree_are_both_shown(world: HttpsWorld) -> None:
    show(world, listed(WHEEL, "a" * 64))
    show(world, listed(WHEEL, "b" * 64), root="/extra")
    files = index_of(world, f"--extra-index-url={world.url}/extra").files("demo")
    assert [file.sha256 for file in files] == ["a" * 64, "b" * 64]


def test_an_index_on_disk_is_read_as_pip_reads_it(world: HttpsWorld, tmp_path: Path) -> None:
    (tmp_path / "simple" / "demo").mkdir(parents=True)
    (tmp_path / "simple" / "demo" / "index.html").write_text(f'<a href="../../{WHEEL}">x</a>')
    (tmp_path / WHEEL).write_bytes(BYTES)
    index = Index([f"--index-url={(tmp_path / 'simple').as_uri()}"])
    (file,) = index.files("demo")
    assert index.files("other") == ()
    assert index.download(file, _folder(tmp_path)).read_bytes() == BYTES
    assert index.may_be_signed_inside(file)  # the disk knows no ranges; reading it all costs nothing
    assert world.requests == []


def test_a_page_of_links_for_many_projects_is_fetched_once(world: HttpsWorld) -> None:
    links = "".join(f'<a href="/files/p{number}-1.0.tar.gz">x</a>' for number in range(20))
    world.put("/links.html", links.encode(), headers={"Content-Type": "text/html"})
    index = index_of(world, "--no-index", f"--find-links={world.url}/links.html")
    found = concurrently(index.files, [f"p{number}" for number in range(20)])
    assert [file.filename for files in found for file in files] == [f"p{number}-1.0.tar.gz" for number in range(20)]
    assert world.count("/links.html") == 1


def test_a_page_of_links_that_fails_fails_for_everybody_who_waits(world: HttpsWorld) -> None:
    world.answer("/links.html", Answer(status=500, body=b"", delay=0.2))
    index = index_of(world, "--no-index", f"--find-links={world.url}/links.html")

    def ask(project: str) -> str:
        with pytest.raises(SourceError) as caught:
            index.files(project)
        return caught.value.got

    assert set(concurrently(ask, ["a", "b", "c"])) == {"too many 500 error responses"}
    assert world.count("/links.html") == 1


def test_at_most_sixteen_requests_are_under_way(world: HttpsWorld) -> None:
    lock, now, most = threading.Lock(), 0, 0

    def slow(seen: Seen) -> Answer:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.05)
        with lock:
            now -= 1
        return Answer(body=page(project=seen.path.split("/")[2]), headers=JSON)

    for number in range(48):
        world.answer(f"/simple/p{number}/", slow)
    index = index_of(world)
    threads = [threading.Thread(target=index.files, args=(f"p{number}",)) for number in range(48)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 < most <= IN_FLIGHT
    assert len(world.requests) == 48


def test_pips_cache_is_neither_used_nor_written(world: HttpsWorld, tmp_path: Path) -> None:
    headers = {**JSON, "Cache-Control": "max-age=600"}
    world.put("/simple/demo/", page(listed(WHEEL)), headers=headers)
    assert len(index_of(world).files("demo")) == 1
    world.put("/simple/demo/", page(listed(WHEEL), listed("demo-2.0.tar.gz")), headers=headers)
    assert len(index_of(world).files("demo")) == 2
    assert not (tmp_path / ".cache").exists()


# Configuration.


def test_pips_own_configuration_holds(world: HttpsWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    show(world, listed(WHEEL))
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\nindex-url = {world.url}/simple/\n[install]\ncert = {world.ca_file}\nno-binary = x\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    assert len(Index().files("demo")) == 1
    monkeypatch.setenv("PIP_INDEX_URL", f"{world.url}/elsewhere/")
    assert Index().files("demo") == ()


def test_a_configuration_that_pip_cannot_read_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pip's options"):
        Index(["--no-such-option"])
    config = tmp_path / "pip.conf"
    config.write_text("[global\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    with pytest.raises(UsageError, match="pip's options"):
        Index()


@pytest.mark.parametrize("option", ["--index-url", "--extra-index-url", "--find-links"])
def test_an_index_that_pip_would_pass_over_is_refused(option: str) -> None:
    with pytest.raises(UsageError, match="an index that pip trusts"):
        Index([f"{option}=http://index.example/simple"])


def test_a_trusted_host_is_pips_business() -> None:
    Index(["--index-url=http://index.example/simple", "--trusted-host=index.example"])
    Index(["--index-url=http://127.0.0.1:1/simple"])
    Index(["--index-url=http://index.example/simple", "--no-index"])


# Metadata.


@pytest.mark.parametrize("stated", [True, False])
def test_metadata_beside_a_file_is_read(world: HttpsWorld, *, stated: bool) -> None:
    world.put(f"/files/{WHEEL}.metadata", b"Name: demo\n")
    digest = sha256(b"Name: demo\n") if stated else None
    assert index_of(world).metadata(the_wheel(world, has_metadata=True, metadata_sha256=digest)) == b"Name: demo\n"


def test_metadata_that_is_not_offered_is_not_asked_for(world: HttpsWorld) -> None:
    assert index_of(world).metadata(the_wheel(world)) is None
    assert world.requests == []


def test_metadata_with_another_digest_than_stated_is_refused(world: HttpsWorld) -> None:
    world.put(f"/files/{WHEEL}.metadata", b"Name: evil\n")
    with pytest.raises(EvidenceError, match="as the index states"):
        index_of(world).metadata(the_wheel(world, has_metadata=True, metadata_sha256=sha256(b"Name: demo\n")))


@pytest.mark.parametrize("answer", [Answer(status=404, body=b""), Answer(body=b"x" * 101)])
def test_metadata_announced_but_absent_or_too_large_was_not_read(
    world: HttpsWorld, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "METADATA_MAX_BYTES", 100)
    world.answer(f"/files/{WHEEL}.metadata", answer)
    with pytest.raises(SourceError):
        index_of(world).metadata(the_wheel(world, has_metadata=True))


# Downloads.


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder


def test_a_download_is_the_bytes_under_the_file_s_own_name(world: HttpsWorld, tmp_path: Path) -> None:
    world.put(f"/files/{WHEEL}", BYTES, headers={"Content-Disposition": "attachment; filename=../../evil"})
    path = index_of(world).download(the_wheel(world), _folder(tmp_path))
    assert (path.name, path.read_bytes()) == (WHEEL, BYTES)


@pytest.mark.parametrize(
    "answer", [Answer(status=404, body=b""), Answer(status=500, body=b""), Answer(body=BYTES, cut=9)]
)
def test_a_download_that_fails_was_not_looked_at(world: HttpsWorld, answer: Answer, tmp_path: Path) -> None:
    world.answer(f"/files/{WHEEL}", answer)
    with pytest.raises(SourceError):
        index_of(world).download(the_wheel(world), _folder(tmp_path))


def test_a_download_over_the_cap_is_given_up(
    world: HttpsWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FILE_MAX_BYTES", len(BYTES) - 1)
    world.put(f"/files/{WHEEL}", BYTES)
    with pytest.raises(SourceError, match="at most"):
        index_of(world).download(the_wheel(world), _folder(tmp_path))


# Looking at a wheel's end.


def ranges(data: bytes) -> Callable[[Seen], Answer]:
    """A server that sends parts (RFC 9110 section 14)."""

    def answer(seen: Seen) -> Answer:
        first, _, last = seen.headers["range"].removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1] if first else data[-int(last) :]
        return Answer(status=206, body=part)

    return answer


def signed_wheel(members: int = 0, name: str = "release.jws") -> bytes:
    files: dict[str, str | bytes] = {f"demo-1.0.dist-info/{name}": b"{}"} if name else {}
    files |= {f"demo/{number:05}.py": hashlib.sha256(b"%d" % number).hexdigest() for number in range(members)}
    return make_wheel("demo", "1.0", files)


@pytest.mark.parametrize("members", [0, 2000])  # the directory fits into the part asked for first, or does not
@pytest.mark.parametrize(("name", "expected"), [("release.jws", True), ("RECORD.jws", True), ("", False)])
def test_the_zip_directory_tells_whether_a_signature_is_inside(
    world: HttpsWorld, members: int, name: str, *, expected: bool
) -> None:
    world.answer(f"/files/{WHEEL}", ranges(signed_wheel(members, name)))
    assert index_of(world).may_be_signed_inside(the_wheel(world)) is expected
    assert len(world.requests) == (2 if members else 1)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=signed_wheel(name="")),  # the whole file: no parts here
        Answer(status=416, body=b""),
        Answer(status=206, body=b"no zip at all"),
        Answer(status=206, body=b"PK\5\6cut"),
        Answer(status=206, body=b"PK\5\6" + b"\xff" * 18),  # zip64: what is meant stands elsewhere
    ],
)
def test_a_file_whose_directory_cannot_be_seen_may_be_signed(world: HttpsWorld, answer: Answer) -> None:
    world.answer(f"/files/{WHEEL}", answer)
    assert index_of(world).may_be_signed_inside(the_wheel(world))


def test_a_directory_that_moves_between_two_looks_may_be_signed(world: HttpsWorld) -> None:
    whole = signed_wheel(2000, "")
    answers = iter([Answer(status=206, body=whole[-module._TAIL :]), Answer(body=whole)])
    world.answer(f"/files/{WHEEL}", lambda _: next(answers))
    assert index_of(world).may_be_signed_inside(the_wheel(world))


@pytest.mark.parametrize("status", [404, 500, 403])
def test_a_wheel_that_cannot_be_reached_is_not_unsigned(world: HttpsWorld, status: int) -> None:
    world.answer(f"/files/{WHEEL}", Answer(status=status, body=b""))
    with pytest.raises(SourceError):
        index_of(world).may_be_signed_inside(the_wheel(world))
