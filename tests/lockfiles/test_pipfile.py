"""``Pipfile.lock``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pip_verify.lockfiles.model import LockedSource, Unlocked
from pip_verify.lockfiles.pipfile import parse_pipfile_lock
from pip_verify.pins import Origin
from tests.lockfiles.support import COMMIT, MD5, A, B, C, files, refused

META = {"hash": {"sha256": C}, "pipfile-spec": 6, "requires": {}, "sources": [{"name": "pypi", "url": "x"}]}


def text(default: Any = None, **categories: Any) -> str:
    return json.dumps({"_meta": META, "default": default or {}, **categories}, indent=4)


def source(entry: dict[str, Any]) -> LockedSource:
    (found,) = parse_pipfile_lock(text({"demo": entry}).encode(), "p").sources
    return found


def test_each_digest_is_a_file_without_a_name_on_its_own_line() -> None:
    demo = {"hashes": [f"sha256:{A}", f"sha256:{B}"], "index": "pypi", "version": "==1.0"}
    data = text({"Demo": demo}).encode()
    locked = parse_pipfile_lock(data, "Pipfile.lock")
    assert files(locked) == [("demo", "1.0", None, A, 18), ("demo", "1.0", None, B, 19)]
    lines = data.decode().split("\n")
    assert [A in lines[17], B in lines[18]] == [True, True]


def test_every_category_counts_and_nothing_stands_twice() -> None:
    demo = {"hashes": [f"sha256:{A}"], "version": "==1.0", "markers": "os_name == 'nt'"}
    docs = {"hashes": [f"sha256:{B}"], "version": "===2.0"}
    locked = parse_pipfile_lock(
        text({"demo": demo}, develop={"demo": demo | {"markers": "os_name == 'java'"}}, docs={"docs": docs}).encode(),
        "p",
    )
    assert [(file.project, file.version, file.marker) for file in locked.files] == [
        ("demo", "1.0", "(os_name == 'nt') or (os_name == 'java')"),
        ("docs", "2.0", None),
    ]
    assert [file.origin.line for file in locked.files] == [18, 36]


def test_packages_named_like_categories_and_each_other_have_their_own_lines() -> None:
    bare = {"version": "==1.0"}
    data = text({"docs": bare, "default": bare}, docs={"docs": {"version": "==2.0"}}).encode()
    lines = [file.origin.line for file in parse_pipfile_lock(data, "p").files]
    assert lines == [16, 19, 24]
    assert [data.decode().split("\n")[line - 1].strip() for line in lines] == ['"docs": {', '"default": {', '"docs": {']


def test_an_object_that_cannot_be_found_in_the_text_has_no_line() -> None:
    data = text({"demo": {"version": "==1.0"}}).replace('"demo"', '"d\\u0065mo"')
    assert files(parse_pipfile_lock(data.encode(), "p")) == [("demo", "1.0", None, None, 0)]


def test_md5_alone_is_no_sha256_and_is_not_needed_beside_one() -> None:
    demo = {"hashes": [f"md5:{MD5}"], "version": "==1.0"}
    (file,) = parse_pipfile_lock(text({"demo": demo}).encode(), "p").files
    assert (file.sha256, file.other_algorithms, file.origin.line) == (None, "md5", 18)
    demo["hashes"] = [f"md5:{MD5}", f"sha256:{A}", f"sha256:{A}"]
    (file,) = parse_pipfile_lock(text({"demo": demo}).encode(), "p").files
    assert (file.sha256, file.other_algorithms) == (A, "")


def test_repositories_and_directories_are_sources() -> None:
    at = Origin("p", 16)
    git = {"git": "https://git.example/demo", "ref": COMMIT, "markers": "os_name == 'nt'", "subdirectory": "x"}
    assert source(git) == LockedSource(
        "vcs", f"git+https://git.example/demo@{COMMIT}", "demo", None, at, "os_name == 'nt'"
    )
    pinned = {"git": f"git+ssh://git@git.example/demo@{COMMIT}#egg=demo", "ref": COMMIT}
    assert source(pinned).location == f"git+ssh://git@git.example/demo@{COMMIT}"
    assert source({"hg": "https://hg.example/demo"}).location == "hg+https://hg.example/demo"
    assert source({"path": ".", "editable": True}) == LockedSource("directory", ".", "demo", None, at)
    assert source({"file": "libs/demo"}) == LockedSource("directory", "libs/demo", "demo", None, at)


@pytest.mark.parametrize(
    ("place", "name", "version"),
    [
        ("https://files.example/demo-1.5-py3-none-any.whl", "demo-1.5-py3-none-any.whl", "1.5"),
        ("w/demo-1.5.tar.gz", "demo-1.5.tar.gz", "1.5"),
        ("https://files.example/main.zip#egg=demo", "main.zip", None),
        ("https://files.example/other-1.5.zip", "other-1.5.zip", None),
        ("https://files.example/download", None, None),
    ],
)
def test_a_file_at_a_url_or_a_path_is_there(place: str, name: str | None, version: str | None) -> None:
    locked = parse_pipfile_lock(text({"demo": {"file": place, "hashes": [f"sha256:{A}"]}}).encode(), "p")
    assert files(locked) == [("demo", version, name, A, 19)]
    assert locked.files[0].url == place


def test_a_stated_version_goes_before_the_name_of_the_file() -> None:
    entry = {"path": "w/demo-1.5.tar.gz", "version": "==1.6"}
    assert files(parse_pipfile_lock(text({"demo": entry}).encode(), "p")) == [
        ("demo", "1.6", "demo-1.5.tar.gz", None, 16)
    ]


@pytest.mark.parametrize("version", ["*", ">=1.0", "==1.*", "1.0"])
def test_a_version_that_is_not_fixed_is_unlocked(version: str) -> None:
    locked = parse_pipfile_lock(text({"demo": {"version": version}}).encode(), "p")
    assert locked.unlocked == (Unlocked("demo", f"demo{version}", Origin("p", 16)),)
    assert locked.files == ()


def test_a_lock_cut_off_anywhere_is_refused() -> None:
    whole = text({"demo": {"version": "==1.0"}})
    for end in range(len(whole)):
        refused(parse_pipfile_lock, whole[:end])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"pipfile-spec": 6', '"pipfile-spec": 7', "version 6 of this format"),
        ('"pipfile-spec": 6', '"x": 6', "may be cut off"),
        ('"_meta"', '"meta"', "may be cut off"),
        ('"demo": {', '"demo": {}, "demo": {', "stands twice"),
        ('"demo": {', '"demo": 3, "x": {', "default.demo"),
        ('"demo": {', '"demo": null, "x": {', "default.demo"),
        ('"demo": {', '"-demo": {', "default.-demo.name"),
        ('"==1.0"', "3", "version"),
        ('"==1.0"', '"==one"', "version"),
        ('"version"', '"x"', "version"),
        (f"sha256:{A}", A, "hashes"),
        (f'"sha256:{A}"', "3", "hashes[0]"),
        ('"version"', '"markers": "os_nam", "version"', "markers"),
    ],
)
def test_what_is_not_well_formed_is_refused(old: str, new: str, words: str) -> None:
    whole = text({"demo": {"version": "==1.0", "hashes": [f"sha256:{A}"]}})
    assert old in whole
    assert words in refused(parse_pipfile_lock, whole.replace(old, new))
