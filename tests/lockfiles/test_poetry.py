"""``poetry.lock``, from Poetry 1.1 on."""

from __future__ import annotations

import pytest

from pip_verify.lockfiles.model import LockedFile, LockedSource
from pip_verify.lockfiles.poetry import parse_poetry_lock
from pip_verify.pins import Origin
from tests.lockfiles.support import COMMIT, MD5, A, B, C, D, duplicate, files, refused

TAIL = """
[extras]
all = ["demo"]

[metadata]
lock-version = "2.1"
python-versions = ">=3.10"
content-hash = "aa"
"""
DEMO = f"""
[[package]]
name = "Demo"
version = "1.0"
description = "d"
optional = true
python-versions = "*"
groups = ["main", "dev"]
files = [
    {{file = "demo-1.0-py3-none-any.whl", hash = "sha256:{A}"}},
    {{file = "demo-1.0.tar.gz", hash = "sha256:{B}"}},
]

[package.dependencies]
not-locked-here = {{version = ">=1", markers = "sys_platform == 'win32'"}}
"""
OLD = f"""
[[package]]
name = "demo"
version = "1.0"
marker = "sys_platform == 'win32'"

[[package]]
name = "demo"
version = "2.0"

[metadata]
content-hash = "aa"
lock-version = "1.1"

[metadata.files]
Demo = [
    {{file = "demo-1.0.tar.gz", hash = "sha256:{A}"}},
    {{file = "demo-2.0.tar.gz", hash = "sha256:{B}"}},
    {{file = "demo-2.0-py2.7.egg", hash = "sha256:{C}"}},
    {{file = "demo-2.0.win32.exe", hash = "sha256:{C}"}},
    {{file = "strange.tar.gz", hash = "sha256:{D}"}},
]
"""


def package(source: str, rest: str = "files = []", name: str = "demo") -> str:
    return f'\n[[package]]\nname = "{name}"\nversion = "1.0"\n{rest}\n\n[package.source]\n{source}\n'


def marker_of(markers: str) -> str | None:
    data = (DEMO.replace("groups", f"{markers}\ngroups") + TAIL).encode()
    first, second = parse_poetry_lock(data, "poetry.lock").files
    assert first.marker == second.marker
    return first.marker


def test_files_stand_with_their_names_digests_and_lines() -> None:
    assert parse_poetry_lock((DEMO + TAIL).encode(), "poetry.lock").files == (
        LockedFile("demo", "1.0", "demo-1.0-py3-none-any.whl", A, Origin("poetry.lock", 10)),
        LockedFile("demo", "1.0", "demo-1.0.tar.gz", B, Origin("poetry.lock", 11)),
    )


def test_old_locks_share_one_list_among_versions() -> None:
    locked = parse_poetry_lock(OLD.encode(), "poetry.lock")
    assert files(locked) == [
        ("demo", "1.0", "demo-1.0.tar.gz", A, 17),
        ("demo", "1.0", "strange.tar.gz", D, 21),
        ("demo", "2.0", "demo-2.0.tar.gz", B, 18),
        ("demo", "2.0", "strange.tar.gz", D, 21),
    ]
    assert [file.marker for file in locked.files] == ["sys_platform == 'win32'"] * 2 + [None] * 2


def test_a_private_index_says_nothing_about_where_the_file_is() -> None:
    source = 'type = "legacy"\nurl = "https://index.example/simple"\nreference = "private"'
    text = package(source, f'files = [{{file = "demo-1.0.tar.gz", hash = "sha256:{A}"}}]') + TAIL
    (file,) = parse_poetry_lock(text.encode(), "poetry.lock").files
    assert (file.filename, file.url) == ("demo-1.0.tar.gz", None)


def test_a_file_at_a_url_or_a_path_is_there() -> None:
    rest = f'files = [{{file = "demo-1.0.tar.gz", hash = "md5:{MD5}"}}]'
    text = package('type = "url"\nurl = "https://files.example/demo-1.0.tar.gz"', rest)
    text += package('type = "file"\nurl = "w/b-1.0.tar.gz"', name="b")
    first, second = parse_poetry_lock((text + TAIL).encode(), "poetry.lock").files
    assert (first.url, first.sha256, first.other_algorithms) == ("https://files.example/demo-1.0.tar.gz", None, "md5")
    assert (second.filename, second.url, second.sha256) == ("b-1.0.tar.gz", "w/b-1.0.tar.gz", None)


def test_repositories_and_directories_are_sources() -> None:
    git = f'type = "git"\nurl = "https://git.example/demo.git"\nreference = "main"\nresolved_reference = "{COMMIT}"'
    text = package(git) + package('type = "git"\nurl = "https://git.example/b"', name="b")
    text += package('type = "directory"\nurl = "libs/c"', name="c") + TAIL
    assert parse_poetry_lock(text.encode(), "p").sources == (
        LockedSource("vcs", f"git+https://git.example/demo.git@{COMMIT}", "demo", "1.0", Origin("p", 2)),
        LockedSource("vcs", "git+https://git.example/b", "b", "1.0", Origin("p", 13)),
        LockedSource("directory", "libs/c", "c", "1.0", Origin("p", 22)),
    )


def test_a_package_without_any_file_is_not_passed_over() -> None:
    text = '[[package]]\nname = "demo"\nversion = "1.0"\nfiles = []\n' + TAIL
    assert files(parse_poetry_lock(text.encode(), "p")) == [("demo", "1.0", None, None, 1)]


def test_a_lock_of_no_packages_is_one() -> None:
    assert parse_poetry_lock(("package = []\n" + TAIL).encode(), "p").files == ()


@pytest.mark.parametrize(
    ("markers", "expected"),
    [
        ("", None),
        ("markers = \"os_name == 'nt'\"", "os_name == 'nt'"),
        ("markers = {main = \"os_name == 'nt'\", dev = \"os_name == 'nt'\"}", "os_name == 'nt'"),
        (
            "markers = {main = \"os_name == 'nt'\", dev = \"os_name == 'java'\"}",
            "(os_name == 'nt') or (os_name == 'java')",
        ),
        ("markers = {main = \"os_name == 'nt'\"}", None),  # the group dev has it everywhere
        ("markers = {}", None),
    ],
)
def test_a_marker_by_group_holds_where_any_group_installs_it(markers: str, expected: str | None) -> None:
    assert marker_of(markers) == expected


def test_a_marker_that_is_none_is_refused() -> None:
    assert "lock:2: package[0].markers" in refused(
        parse_poetry_lock, DEMO.replace("groups", "markers=3\ngroups") + TAIL
    )
    broken = DEMO.replace("groups", 'markers = {main = "os ="}\ngroups').replace('"dev"', '"main"')
    assert "package[0].markers.main" in refused(parse_poetry_lock, broken + TAIL)


@pytest.mark.parametrize("version", ["3.0", "0.9", "1", "2.1.0", ""])
def test_an_unknown_version_is_refused(version: str) -> None:
    assert "metadata.lock-version" in refused(parse_poetry_lock, DEMO + TAIL.replace("2.1", version))


def test_a_lock_cut_off_anywhere_is_refused() -> None:
    whole = (DEMO + TAIL).rstrip("\n")
    for end in range(len(whole)):
        refused(parse_poetry_lock, whole[:end])


def test_an_old_lock_cut_off_in_its_list_of_files_is_refused() -> None:
    assert "may be cut off" in refused(parse_poetry_lock, OLD[: OLD.index("[metadata.files]")])
    assert "may be cut off" in refused(parse_poetry_lock, OLD[: OLD.index("Demo = [")])


@pytest.mark.parametrize("source", ['type = "torrent"\nurl = "x"', 'url = "x"', 'type = "git"'])
def test_an_unknown_or_empty_source_is_refused(source: str) -> None:
    assert "package[0].source" in refused(parse_poetry_lock, package(source) + TAIL)


def test_duplicates_are_refused() -> None:
    assert "lock:17" in duplicate(parse_poetry_lock, DEMO + DEMO + TAIL)
    twice = DEMO.replace("demo-1.0.tar.gz", "demo-1.0-py3-none-any.whl")
    assert "lock:11" in duplicate(parse_poetry_lock, twice + TAIL)
    legacy = package(
        'type = "legacy"\nurl = "https://index.example"', f'files = [{{file = "demo-1.0.tar.gz", hash = "sha256:{C}"}}]'
    )
    assert f"got sha256:{C}" in duplicate(parse_poetry_lock, DEMO + legacy + TAIL)


@pytest.mark.parametrize("missing", ['file = "demo-1.0.tar.gz", ', f', hash = "sha256:{B}"'])
def test_a_file_without_name_or_digest_is_not_read_as_one_that_needs_none(missing: str) -> None:
    text = DEMO.replace(missing, "") + TAIL
    if "hash" in missing:
        assert "files[1].hash" in refused(parse_poetry_lock, text)
    else:
        assert "files[1].file" in refused(parse_poetry_lock, text)
