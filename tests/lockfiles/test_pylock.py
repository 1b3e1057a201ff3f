"""``pylock.toml`` (PEP 751)."""

from __future__ import annotations

import pytest

from pip_verify.lockfiles.model import LockedFile, LockedSource
from pip_verify.lockfiles.pylock import parse_pylock
from pip_verify.pins import Origin
from tests.lockfiles.support import COMMIT, MD5, SHA512, A, B, C, duplicate, files, refused

HEAD = 'lock-version = "1.0"\ncreated-by = "demo-locker"\n'
DEMO = f"""
[[packages]]
name = "Demo"
version = "1.0"
marker = "sys_platform == 'linux'"
sdist = {{ name = "demo-1.0.tar.gz", url = "https://files.example/x", hashes = {{ sha256 = "{A}", md5 = "{MD5}" }} }}

[[packages.wheels]]
url = "https://files.example/demo-1.0-py3-none-any.whl?token=t#f"

[packages.wheels.hashes]
sha256 = "{B}"
"""


def package(rest: str, name: str = "demo") -> str:
    return f'\n[[packages]]\nname = "{name}"\n{rest}\n'


def test_files_stand_with_their_names_urls_digests_and_lines() -> None:
    linux = "sys_platform == 'linux'"
    url = "https://files.example/demo-1.0-py3-none-any.whl?token=t#f"
    assert parse_pylock((HEAD + DEMO).encode(), "pylock.toml").files == (
        LockedFile(
            "demo",
            "1.0",
            "demo-1.0.tar.gz",
            A,
            Origin("pylock.toml", 8),
            url="https://files.example/x",
            marker=linux,
            digests=(("md5", MD5),),
        ),
        LockedFile("demo", "1.0", "demo-1.0-py3-none-any.whl", B, Origin("pylock.toml", 14), url=url, marker=linux),
    )


def test_a_name_comes_from_the_path_before_the_url() -> None:
    rest = 'path = "w/demo-2.0.tar.gz", url = "https://files.example/demo-9.0.tar.gz"'
    locked = parse_pylock(
        (HEAD + package(f'archive = {{ {rest}, hashes = {{ sha256 = "{A}" }} }}')).encode(), "pylock.toml"
    )
    assert files(locked) == [("demo", "2.0", "demo-2.0.tar.gz", A, 6)]


def test_an_archive_without_a_telling_name_is_known_by_its_digest() -> None:
    rest = f'archive = {{ url = "https://files.example/main.zip", hashes = {{ sha256 = "{A}" }} }}'
    assert files(parse_pylock((HEAD + package(rest)).encode(), "p")) == [("demo", None, "main.zip", A, 6)]
    rest = f'archive = {{ url = "https://files.example/download", hashes = {{ sha256 = "{A}" }} }}'
    assert files(parse_pylock((HEAD + package(rest)).encode(), "p")) == [("demo", None, None, A, 6)]


def test_the_files_name_states_the_version_where_the_entry_does_not() -> None:
    rest = f'wheels = [{{ name = "demo-3.1-py3-none-any.whl", hashes = {{ sha256 = "{A}" }} }}]'
    assert files(parse_pylock((HEAD + package(rest)).encode(), "p"))[0][1] == "3.1"


def test_other_algorithms_alone_are_named() -> None:
    rest = (
        f'sdist = {{ name = "demo-1.0.tar.gz", hashes = {{ sha512 = "{SHA512}", blake2b_256 = "ab", md5 = "{MD5}" }} }}'
    )
    (file,) = parse_pylock((HEAD + package(rest)).encode(), "p").files
    assert (file.sha256, file.other_algorithms, file.origin.line) == (None, "blake2b_256 and md5 and sha512", 6)


def test_repositories_and_directories_are_sources() -> None:
    git = f'vcs = {{ type = "git", url = "https://git.example/demo", commit-id = "{COMMIT}", subdirectory = "py" }}'
    hg = f'vcs = {{ type = "hg", path = "../repo", commit-id = "{COMMIT}" }}'
    locked = parse_pylock(
        (HEAD + package(git) + package(hg, "b") + package('directory = { path = "." }', "c")).encode(), "p"
    )
    assert locked.files == ()
    assert locked.sources == (
        LockedSource("vcs", f"git+https://git.example/demo@{COMMIT}", "demo", None, Origin("p", 4)),
        LockedSource("vcs", f"hg+../repo@{COMMIT}", "b", None, Origin("p", 8)),
        LockedSource("directory", ".", "c", None, Origin("p", 12)),
    )


def test_one_file_under_two_markers_stands_once_under_either() -> None:
    other = DEMO.replace("'linux'", "'darwin'")
    locked = parse_pylock((HEAD + DEMO + other).encode(), "p")
    assert [file.marker for file in locked.files] == ["(sys_platform == 'linux') or (sys_platform == 'darwin')"] * 2


def test_a_lock_of_no_packages_is_one() -> None:
    assert parse_pylock(b'lock-version = "1.7"\npackages = []\n', "p").files == ()


@pytest.mark.parametrize("version", ['"2.0"', '"0.9"', '"1"', '"one"', '"1.0.0"', "1.0", '""'])
def test_an_unknown_version_is_refused(version: str) -> None:
    assert "lock-version" in refused(parse_pylock, f"lock-version = {version}\n{DEMO}")


def test_a_lock_without_version_or_packages_is_refused() -> None:
    assert "may be cut off" in refused(parse_pylock, DEMO)
    assert "may be cut off" in refused(parse_pylock, HEAD)
    assert "an array" in refused(parse_pylock, HEAD + "packages = 3")


def test_a_lock_cut_off_at_any_byte_of_its_last_file_is_refused() -> None:
    whole = (HEAD + DEMO).rstrip("\n")
    start = whole.index("[[packages.wheels]]") + len("[[packages.wheels]]")
    for end in range(start, len(whole)):
        refused(parse_pylock, whole[:end])


def test_a_lock_cut_off_before_its_files_is_refused() -> None:
    assert "may be cut off" in refused(parse_pylock, HEAD + package(""))
    assert "may be cut off" in refused(parse_pylock, HEAD + package("wheels = []"))


def test_a_missing_dependency_tells_that_the_lock_is_cut_off() -> None:
    with_dependency = DEMO.replace("sdist =", 'dependencies = [{ name = "other" }]\nsdist =')
    other = package(f'sdist = {{ name = "other-1.0.tar.gz", hashes = {{ sha256 = "{C}" }} }}', "Other")
    assert parse_pylock((HEAD + with_dependency + other).encode(), "p").files
    assert "lock:4: packages[0].dependencies[0].name" in refused(parse_pylock, HEAD + with_dependency)


@pytest.mark.parametrize("other", ['directory = { path = "." }', 'archive = { path = "a.zip" }'])
def test_kinds_that_exclude_each_other_are_refused(other: str) -> None:
    assert "got " in refused(parse_pylock, HEAD + DEMO.replace("sdist =", f"{other}\nsdist ="))


@pytest.mark.parametrize(
    "hashes", ["", "hashes = {}", "hashes = 3", "hashes = { sha256 = 3 }", 'hashes = { "a b" = "0" }']
)
def test_a_file_without_a_good_digest_is_refused(hashes: str) -> None:
    comma = ", " if hashes else ""
    words = refused(parse_pylock, HEAD + package(f'sdist = {{ name = "demo-1.0.tar.gz"{comma}{hashes} }}'))
    assert "packages[0].sdist.hashes" in words


def test_duplicates_are_refused() -> None:
    assert "lock:16" in duplicate(parse_pylock, HEAD + DEMO + DEMO)
    assert "TOML" in refused(parse_pylock, HEAD + DEMO + f'sha256 = "{C}"\n')


def test_a_wheel_that_takes_the_sdists_name_is_refused() -> None:
    duplicate(parse_pylock, HEAD + DEMO.replace("\nurl = ", '\nname = "demo-1.0.tar.gz"\nurl = '))


def test_one_file_name_with_two_digests_is_refused() -> None:
    other = DEMO.replace("'linux'", "'darwin'").replace(B, C)
    assert f"got sha256:{C}" in duplicate(parse_pylock, HEAD + DEMO + other)
