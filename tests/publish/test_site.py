"""The static site: what is on it, what never is, and that what stood there before is replaced whole or not at all."""

from __future__ import annotations

import hashlib
import html.parser
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pip_verify.artifact.name import parse_filename
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.keys import parse_key_list
from pip_verify.publish.page import STYLE
from pip_verify.publish.releases import read_releases
from pip_verify.publish.site import MANIFEST, Site, build_site, read_manifest, refuse_foreign, write_site
from pip_verify.sources.statements import places
from tests.publish.test_keylist_rotation import release
from tests.signer import Signer, jws, key_list, sign_release, signature, statement, to_json

NOW = 1_800_000_000
ALICE, BOB, EVE = (Signer.of(name) for name in ("alice", "bob", "eve"))
REVOKED = {"revoked_at": NOW, "reason": "stolen"}
BASE, VERSIONS = "https://keys.example/a/keys.json", ("1.0", "2.0")
OWN = {"keys.json", "index.html", ".nojekyll", "_headers"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """demo 1.0 is signed by alice, demo 2.0 by both."""
    release(tmp_path / "releases", "demo", "1.0", ALICE)
    release(tmp_path / "releases", "demo", "2.0", ALICE, BOB)
    return tmp_path


def build(root: Path, *entries: Signer | Mapping[str, Any], template: str = "", **options: Any) -> Site:
    top = {"releases": template} if template else {}
    data = key_list(*(entries or (ALICE, BOB)), **top)
    return build_site(data, parse_key_list(data), read_releases(root / "releases"), now=NOW, **options)


# what is on it


def test_everything_is_on_it_and_nothing_else(root: Path) -> None:
    site = build(root)
    assert set(site.files) == OWN | {"releases/demo/1.0.jws", "releases/demo/2.0.jws"}
    assert site.files["keys.json"] == key_list(ALICE, BOB)
    assert site.files["releases/demo/1.0.jws"] == (root / "releases/demo/1.0.jws").read_bytes()
    assert (site.unsigned, site.placed) == ([], True)


def test_a_host_name_goes_into_its_file_and_onto_the_page(root: Path) -> None:
    site = build(root, host="keys.example")
    assert site.files["CNAME"] == b"keys.example\n"
    assert b"--key-list=https://keys.example/keys.json" in site.files["index.html"]


@pytest.mark.parametrize(
    "host",
    [
        "https://keys.example",
        "keys.example/",
        "keys.example:443",
        "keys",
        "Keys.example",
        "a b.c",
        "-a.example",
        "a..b",
        "é.example",
    ],
)
def test_what_is_no_host_name(root: Path, host: str) -> None:
    with pytest.raises(UsageError, match="expected a host name"):
        build(root, host=host)


def test_the_advice_on_caching_is_within_what_verifiers_heed(root: Path) -> None:
    headers = build(root).files["_headers"].decode("ascii")
    ages = [int(age) for age in re.findall(r"max-age=(\d+)", headers)]
    assert len(ages) == 2
    assert all(60 <= age <= 24 * 3600 for age in ages)
    assert "/keys.json\n  Content-Type: application/jwk-set+json\n" in headers


@pytest.mark.parametrize(
    ("template", "paths"),
    [
        ("r/{version}/{project}.jws", {"r/1.0/demo.jws", "r/2.0/demo.jws"}),
        ("by-file/{filename}.jws", {"by-file/demo-1.0.tar.gz.jws", "by-file/demo-2.0.tar.gz.jws"}),
        ("./r/{project}/{version}.jws", {"r/demo/1.0.jws", "r/demo/2.0.jws"}),
        ("r/./x/../{project}/{version}.jws", {"r/demo/1.0.jws", "r/demo/2.0.jws"}),
        ("x/../r/{project}/{version}.jws", {"r/demo/1.0.jws", "r/demo/2.0.jws"}),
    ],
)
def test_statements_are_where_the_list_says(root: Path, template: str, paths: set[str]) -> None:
    site = build(root, template=template)
    assert set(site.files) - OWN == paths
    assert site.placed
    asked = {places(parse_filename(f"demo-{version}.tar.gz"), template=template, base_url=BASE) for version in VERSIONS}
    assert {BASE.replace("keys.json", path) for path in paths} == {place.location for (place,) in asked}


@pytest.mark.parametrize(
    "template",
    [
        "https://other.example/{project}/{version}.jws",
        "/releases/{project}/{version}.jws",
        "../{project}/{version}.jws",
        "r//{project}/{version}.jws",
        "x/../../{project}/{version}.jws",
        "x/y/../../../../r/{project}/{version}.jws",
        "/../r/{project}/{version}.jws",
        "https://other.example/../../../r/{project}/{version}.jws",
        "//other.example/../../../r/{project}/{version}.jws",
        "x//../../r/{project}/{version}.jws",
        "r/{project}/{version}/.",
        "r/{project}/{version}/x/..",
        "r/{project}/{version}.jws?x",
        "r/%2e%2e/{project}/{version}.jws",
        "r\\{project}\\{version}.jws",
    ],
)
def test_a_template_that_leads_elsewhere_is_told_and_writes_nothing_there(root: Path, template: str) -> None:
    site = build(root, template=template)
    assert not site.placed
    assert set(site.files) - OWN == {"releases/demo/1.0.jws", "releases/demo/2.0.jws"}


@pytest.mark.parametrize("template", ["{version}.jws", "by/{version}"])
def test_two_statements_in_one_place_are_refused(root: Path, template: str) -> None:
    release(root / "releases", "other", "1.0", ALICE)
    with pytest.raises(UsageError, match="expected a place of its own"):
        build(root, template=template)


def test_no_statement_overwrites_a_file_of_the_site(root: Path) -> None:
    data = sign_release([ALICE], {"index.html": "0" * 64}, "demo", "3.0")
    (root / "releases" / "demo" / "3.0.jws").write_bytes(data)
    with pytest.raises(UsageError, match=r"not index\.html, got one that another file has"):
        build(root, template="{filename}")


# who signed


def test_a_release_whose_signers_were_revoked_is_published_and_told(root: Path) -> None:
    site = build(root, ALICE.jwk(revoked=REVOKED), BOB)
    assert [found.release for found in site.unsigned] == ["demo 1.0"]
    assert "releases/demo/1.0.jws" in site.files
    assert site.files["index.html"].count(b"No signature of it counts") == 1


def test_a_release_that_no_key_of_the_list_signed_is_refused_unless_forced(root: Path) -> None:
    with pytest.raises(
        UsageError, match=f"1.0.jws: expected a signature by a key on the list, got only by {ALICE.thumbprint}"
    ):
        build(root, BOB)
    assert [found.release for found in build(root, BOB, force=True).unsigned] == ["demo 1.0"]


def test_an_altered_statement_is_refused_force_or_not(root: Path) -> None:
    payload = to_json(statement({"demo-3.0.tar.gz": "0" * 64}, "pkg:pypi/demo@3.0"))
    other = to_json(statement({"demo-3.0.tar.gz": "1" * 64}, "pkg:pypi/demo@3.0"))
    path = root / "releases" / "demo" / "3.0.jws"
    path.write_bytes(jws(other, [signature(ALICE, other), signature(BOB, payload)]))
    with pytest.raises(EvidenceError, match=f"got a bad one by {BOB.thumbprint}"):
        build(root, force=True)


@pytest.mark.parametrize("name", ["signing.key", "demo/9.9.jws", "demo/torn.jws", "notes.txt"])
def test_a_file_that_is_no_statement_is_refused_force_or_not(root: Path, name: str) -> None:
    data = to_json(ALICE.private_jwk()) if name != "demo/9.9.jws" else (root / "releases/demo/1.0.jws").read_bytes()
    (root / "releases" / name).write_bytes(data)
    with pytest.raises((EvidenceError, UsageError), match=re.escape(str(root / "releases" / name))):
        build(root, force=True)


# the page


class Tags(html.parser.HTMLParser):
    """What a browser takes for tags, attributes and text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page.decode("ascii"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>&amp;'


def test_nothing_on_a_list_or_in_a_statement_becomes_a_tag(root: Path) -> None:
    files = {f"{HOSTILE.replace('/', '')}.whl": "0" * 64}
    (root / "releases" / "demo" / "3.0.jws").write_bytes(sign_release([ALICE], files, "demo", "3.0"))
    revoked = {"revoked_at": NOW, "reason": HOSTILE}
    plain = Tags(build(root, ALICE, BOB.jwk(kid="x", revoked={"revoked_at": NOW, "reason": "y"})).files["index.html"])
    hostile = Tags(build(root, ALICE, BOB.jwk(kid=HOSTILE, revoked=revoked)).files["index.html"])
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in plain.tags]
    assert HOSTILE in hostile.text
    assert {"script", "img", "iframe", "form"}.isdisjoint(tag for tag, _ in hostile.tags)


def test_the_page_loads_nothing_and_links_only_below_itself(root: Path) -> None:
    page = Tags(build(root, host="keys.example").files["index.html"])
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert links == ["keys.json", "./releases/demo/2.0.jws", "./releases/demo/1.0.jws"]
    assert not [attributes for _, attributes in page.tags if attributes.keys() & {"src", "style", "srcset", "onclick"}]
    (policy,) = (attributes["content"] for tag, attributes in page.tags if "http-equiv" in attributes)
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert STYLE in page.text
    assert "prefers-color-scheme: dark" in STYLE


def test_the_page_tells_keys_standing_releases_files_and_signers(root: Path) -> None:
    text = Tags(build(root, ALICE.jwk(kid="alice"), BOB.jwk(exp=NOW - 1)).files["index.html"]).text
    for expected in (
        ALICE.text,
        ALICE.thumbprint,
        "may sign",
        BOB.text,
        "ended",
        "Signed by alice",
        "sha256:000",
        "demo 2.0",
    ):
        assert expected in text
    assert "2 keys, of which 1 may sign" in text


def test_versions_are_in_the_order_of_versions_the_newest_first(root: Path) -> None:
    release(root / "releases", "demo", "10.0", ALICE)
    text = Tags(build(root).files["index.html"]).text
    assert re.findall(r"demo (\d+\.0)", text) == ["10.0", "2.0", "1.0"]


# on disk


def names(directory: Path) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}


def test_a_site_is_written_whole_and_the_same_each_time(root: Path) -> None:
    site = build(root)
    write_site(root / "a", site.files)
    write_site(root / "b", dict(sorted(site.files.items(), reverse=True)))
    assert names(root / "a") == set(site.files) | {MANIFEST}
    for name in names(root / "a"):
        assert (root / "a" / name).read_bytes() == (root / "b" / name).read_bytes()
    assert sorted(path.name for path in root.iterdir()) == [".a.lock", ".b.lock", "a", "b", "releases"]
    assert (root / "a").stat().st_mode & 0o777 == 0o777 & ~current_umask()


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_the_manifest_is_what_sha256sum_checks(root: Path) -> None:
    write_site(root / "site", build(root).files)
    check = ["sha256sum", "--check", "--strict", MANIFEST]
    done = subprocess.run(check, cwd=root / "site", check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b": OK\n") == len(read_manifest(root / "site")) == 6


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the path of an open file")
def test_all_of_it_is_on_the_disk_before_it_takes_its_place(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the calls can show it, short of a power cut: files, their directories, the swap, the directory above."""
    events: list[str] = []
    sync, rename = os.fsync, Path.rename

    def synced(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink().relative_to(root)
        events.append(str(Path(*path.parts[1:])) if path.parts and path.parts[0].endswith(".tmp") else f"/{path}")
        sync(descriptor)

    def renamed(path: Path, target: Path) -> Path:
        events.append("->")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    files = {"keys.json": b"{}", "releases/demo/1.0.jws": b"{}"}
    for swaps in (["->"], ["->", "->"]):
        write_site(root / "site", files)
        place = events.index("->")
        assert {*files, MANIFEST, ".", "releases", "releases/demo"} == set(events[:place])
        assert events[place:] == [*swaps, "/."]
        events.clear()


def test_what_left_the_list_leaves_the_site(root: Path) -> None:
    write_site(root / "site", build(root).files)
    (root / "releases/demo/1.0.jws").unlink()
    write_site(root / "site", build(root).files)
    assert "releases/demo/1.0.jws" not in names(root / "site")
    assert not list(root.glob(".site*.old"))


@pytest.mark.parametrize("name", ["notes.txt", ".git/HEAD", "releases/demo/3.0.jws"])
def test_a_directory_with_anything_else_in_it_is_not_touched(root: Path, name: str) -> None:
    write_site(root / "site", build(root).files)
    (root / "site" / name).parent.mkdir(exist_ok=True)
    (root / "site" / name).write_text("mine")
    before = names(root / "site")
    with pytest.raises(UsageError, match=re.escape(f"got one with {name}")):
        write_site(root / "site", {"keys.json": b"{}"})
    assert names(root / "site") == before
    assert sorted(path.name for path in root.iterdir()) == [".site.lock", "releases", "site"]


def test_a_file_edited_by_hand_is_not_lost(root: Path) -> None:
    write_site(root / "site", build(root).files)
    (root / "site/index.html").write_text("mine")
    with pytest.raises(UsageError, match=r"got another index\.html than it wrote"):
        write_site(root / "site", build(root).files)
    assert (root / "site/index.html").read_text() == "mine"


def test_directories_of_others_are_refused_whatever_they_are(root: Path) -> None:
    (root / "file").touch()
    (root / "link").symlink_to("elsewhere")
    (root / "full").mkdir()
    (root / "full" / "empty").mkdir()
    (root / "torn").mkdir()
    (root / "torn" / MANIFEST).write_text("# head\nkeys.json\n")
    (root / "torn" / "keys.json").touch()
    for name in ("file", "link", "full", "torn", "releases"):
        with pytest.raises(UsageError, match="expected"):
            write_site(root / name, {"keys.json": b"{}"})
    assert not (root / "elsewhere").exists()
    (root / "new").mkdir()
    refuse_foreign(root / "new")


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a//b", "./a"])
def test_a_manifest_that_leads_outside_is_refused(root: Path, name: str) -> None:
    (root / MANIFEST).write_text(f"# head\n{'0' * 64}  {name}\n")
    with pytest.raises(UsageError, match="a path inside the site"):
        read_manifest(root)


def test_a_write_that_fails_half_way_leaves_the_old_site(root: Path) -> None:
    write_site(root / "site", build(root).files)
    before = {name: (root / "site" / name).read_bytes() for name in names(root / "site")}
    with pytest.raises(UsageError, match="expected to be able to write here"):
        write_site(root / "site", {"a": b"", "a/b": b""})  # a file where a directory must be
    assert {name: (root / "site" / name).read_bytes() for name in names(root / "site")} == before
    assert sorted(path.name for path in root.iterdir()) == [".site.lock", "releases", "site"]


def test_the_old_site_is_back_when_the_new_one_cannot_take_its_place(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_site(root / "site", build(root).files)
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.suffix == ".tmp":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(UsageError, match="No space left"):
        write_site(root / "site", {"keys.json": b"{}"})
    assert len(names(root / "site")) == 7
    assert sorted(path.name for path in root.iterdir()) == [".site.lock", "releases", "site"]


@pytest.mark.parametrize("away", [False, True], ids=["before-the-renames", "between-them"])
def test_what_a_killed_process_left_is_cleared_up(root: Path, *, away: bool) -> None:
    write_site(root / "site", build(root).files)
    aside = root / f".site.{'0' * 16}.tmp"
    aside.mkdir()
    (aside / "keys.json").write_text("half")
    (root / f".site.{'x' * 16}.tmp").mkdir()  # not ours
    if away:
        (root / "site").rename(root / f".site.{'0' * 16}.old")
    write_site(root / "site", build(root).files)
    assert len(names(root / "site")) == 7
    assert sorted(path.name for path in root.iterdir()) == [".site.lock", f".site.{'x' * 16}.tmp", "releases", "site"]


def test_an_old_site_that_was_away_comes_back_even_if_the_next_one_fails(root: Path) -> None:
    write_site(root / "site", build(root).files)
    (root / "site").rename(root / f".site.{'0' * 16}.old")
    with pytest.raises(UsageError):
        write_site(root / "site", {"a": b"", "a/b": b""})
    assert len(names(root / "site")) == 7


def test_a_parent_that_is_not_there(root: Path) -> None:
    with pytest.raises(UsageError, match="no such directory"):
        write_site(root / "missing" / "site", {})


def test_digests_of_the_manifest(root: Path) -> None:
    write_site(root / "site", {"keys.json": b"{}"})
    assert read_manifest(root / "site") == {"keys.json": hashlib.sha256(b"{}").hexdigest()}
