"""``uv.lock``: what is read of each kind of source, and what is refused."""

from __future__ import annotations

import pytest

from pip_verify.lockfiles.model import LockedFile, LockedSource
from pip_verify.lockfiles.uv import parse_uv_lock
from pip_verify.pins import Origin
from tests.lockfiles.support import COMMIT, MD5, A, B, C, D, duplicate, files, refused

INDEX = "https://index.example/simple"
HEAD = 'version = 1\nrevision = 3\nrequires-python = ">=3.10"\n'
ROOT = """
[[package]]
name = "app"
version = "0.1"
source = { virtual = "." }
dependencies = [{ name = "demo" }]
"""
DEMO = f"""
[[package]]
name = "demo"
version = "1.0"
source = {{ registry = "{INDEX}" }}
sdist = {{ url = "{INDEX}/demo-1.0.tar.gz", hash = "sha256:{A}", size = 9, upload-time = "2026-01-01T00:00:00Z" }}
wheels = [
    {{ url = "{INDEX}/demo-1.0-py3-none-any.whl", hash = "sha256:{B}", size = 9 }},
]
"""


def package(source: str, rest: str = "", name: str = "demo", version: str = "1.0") -> str:
    return f'\n[[package]]\nname = "{name}"\nversion = "{version}"\nsource = {{ {source} }}\n{rest}\n'


def parse(text: str) -> tuple[list[tuple[str, str | None, str | None, str | None, int]], tuple[LockedSource, ...]]:
    locked = parse_uv_lock((HEAD + text).encode(), "uv.lock")
    assert locked.unlocked == ()
    return files(locked), locked.sources


def test_files_stand_with_their_names_urls_digests_and_lines() -> None:
    locked = parse_uv_lock((HEAD + ROOT + DEMO).encode(), "sub/uv.lock")
    assert locked.sources == ()
    assert locked.files == (
        LockedFile("demo", "1.0", "demo-1.0.tar.gz", A, Origin("sub/uv.lock", 15), url=f"{INDEX}/demo-1.0.tar.gz"),
        LockedFile(
            "demo",
            "1.0",
            "demo-1.0-py3-none-any.whl",
            B,
            Origin("sub/uv.lock", 17),
            url=f"{INDEX}/demo-1.0-py3-none-any.whl",
        ),
    )


def test_a_file_of_a_flat_index_is_named_by_its_path() -> None:
    text = package('registry = "wheels"', f'wheels = [{{ path = "demo-1.0-py3-none-any.whl", hash = "sha256:{A}" }}]')
    assert parse(text)[0] == [("demo", "1.0", "demo-1.0-py3-none-any.whl", A, 9)]


def test_a_direct_wheel_states_its_file_name() -> None:
    rest = f'wheels = [{{ filename = "demo-1.0-py3-none-any.whl", hash = "sha256:{A}" }}]'
    locked = parse_uv_lock((HEAD + package('path = "w/demo-1.0-py3-none-any.whl"', rest)).encode(), "uv.lock")
    assert files(locked) == [("demo", "1.0", "demo-1.0-py3-none-any.whl", A, 9)]
    assert locked.files[0].url == "w/demo-1.0-py3-none-any.whl"


@pytest.mark.parametrize("source", ['url = "https://files.example/demo-1.0.tar.gz"', 'path = "dist/demo-1.0.tar.gz"'])
def test_a_direct_sdist_has_its_name_from_the_source(source: str) -> None:
    assert parse(package(source, f'sdist = {{ hash = "sha256:{A}" }}'))[0] == [("demo", "1.0", "demo-1.0.tar.gz", A, 9)]


def test_a_file_without_a_digest_is_there_without_one() -> None:
    text = package(f'registry = "{INDEX}"', f'sdist = {{ url = "{INDEX}/demo-1.0.tar.gz" }}')
    assert parse(text)[0] == [("demo", "1.0", "demo-1.0.tar.gz", None, 5)]


def test_md5_alone_is_no_sha256() -> None:
    rest = f'sdist = {{ url = "{INDEX}/demo-1.0.tar.gz", hash = "md5:{MD5}" }}'
    (file,) = parse_uv_lock((HEAD + package(f'registry = "{INDEX}"', rest)).encode(), "uv.lock").files
    assert (file.sha256, file.other_algorithms, file.origin.line) == (None, "md5", 9)


def test_a_package_without_any_file_is_not_passed_over() -> None:
    assert parse(package(f'registry = "{INDEX}"'))[0] == [("demo", "1.0", None, None, 5)]


def test_a_virtual_root_is_no_artifact() -> None:
    assert parse(package('virtual = "."', name="app")) == ([], ())


def test_directories_and_repositories_are_sources() -> None:
    git = f"https://git.example/demo?subdirectory=py&rev=main#{COMMIT}"
    sources = parse(
        package('editable = "."', name="app")
        + '\n[[package]]\nname = "lib"\nsource = { directory = "libs/lib" }\n'
        + package(f'git = "{git}"')
        + package('git = "https://git.example/other?rev=v1&keep=1"', name="other")
    )[1]
    assert sources == (
        LockedSource("directory", ".", "app", "1.0", Origin("uv.lock", 5)),
        LockedSource("directory", "libs/lib", "lib", None, Origin("uv.lock", 11)),
        LockedSource("vcs", f"git+https://git.example/demo@{COMMIT}", "demo", "1.0", Origin("uv.lock", 15)),
        LockedSource("vcs", "git+https://git.example/other?keep=1", "other", "1.0", Origin("uv.lock", 21)),
    )


def test_a_fork_stands_under_any_of_its_markers() -> None:
    markers = "resolution-markers = [\"python_version < '3.12'\", \"sys_platform == 'win32'\"]\n"
    rest = markers + f'sdist = {{ url = "{INDEX}/demo-1.0.tar.gz", hash = "sha256:{A}" }}'
    (file,) = parse_uv_lock((HEAD + package(f'registry = "{INDEX}"', rest)).encode(), "uv.lock").files
    assert file.marker == "(python_version < '3.12') or (sys_platform == 'win32')"


def test_a_digest_that_stands_twice_has_the_line_of_each_entry() -> None:
    twin = DEMO.replace("demo", "twin")
    lines = [line for *_, line in parse(DEMO + twin)[0]]
    assert lines == [9, 11, 18, 20]


def test_a_package_array_in_another_form_has_the_lines_of_its_digests_and_no_others() -> None:
    text = 'version = 1\npackage = [\n{ name = "demo", version = "1.0", source = { registry = "i" }, wheels = [\n'
    text += f'{{ url = "{INDEX}/demo-1.0-py3-none-any.whl", hash = "sha256:{A}" }}] }},\n'
    text += '{ name = "none", version = "1.0", source = { registry = "i" } }]\n'
    assert [file.origin.line for file in parse_uv_lock(text.encode(), "uv.lock").files] == [4, 0]


@pytest.mark.parametrize("version", ["2", '"1"', "true", "1.0", "0"])
def test_an_unknown_version_is_refused(version: str) -> None:
    assert "version 1 of this format" in refused(parse_uv_lock, f"version = {version}\n{DEMO}")


def test_a_lock_without_version_is_refused() -> None:
    assert "may be cut off" in refused(parse_uv_lock, DEMO)
    assert "may be cut off" in refused(parse_uv_lock, "")


def test_a_lock_cut_off_inside_an_entry_is_refused_at_its_end() -> None:
    whole = HEAD + ROOT + DEMO
    assert "may be cut off" in refused(parse_uv_lock, whole[: whole.index("wheels = [") + 15])
    assert "lock:17" in refused(parse_uv_lock, whole[: whole.index("wheels = [") + 11])


def test_a_lock_cut_off_between_two_entries_lacks_a_dependency() -> None:
    assert "none such; the file may be cut off" in refused(parse_uv_lock, HEAD + ROOT)


@pytest.mark.parametrize("table", ["optional-dependencies", "dev-dependencies"])
def test_a_cut_is_seen_by_dependencies_of_every_kind(table: str) -> None:
    app = package('virtual = "."', f'[package.{table}]\nextra = [{{ name = "demo" }}]', name="app")
    assert parse(app + DEMO)[0]
    assert "lock:5: package[0]." in refused(parse_uv_lock, HEAD + app)


def test_a_cut_is_seen_by_the_workspace_members() -> None:
    manifest = '\n[manifest]\nmembers = ["app", "Demo"]\n'
    assert parse(manifest + ROOT + DEMO)[0]
    assert "manifest.members" in refused(parse_uv_lock, HEAD + manifest + package('virtual = "."', name="app"))
    assert parse("\n[manifest]\n" + DEMO)[0]


def test_a_lock_without_packages_is_refused() -> None:
    assert "may be cut off" in refused(parse_uv_lock, HEAD)


def test_a_package_without_source_is_refused() -> None:
    assert "may be cut off" in refused(parse_uv_lock, HEAD + '\n[[package]]\nname = "demo"\n')


@pytest.mark.parametrize("source", ['torrent = "x"', 'url = "https://a.example/a.whl", path = "a.whl"', "registry = 1"])
def test_an_unknown_or_ambiguous_source_is_refused(source: str) -> None:
    assert "lock:5: package[0].source" in refused(parse_uv_lock, HEAD + package(source))


def test_a_package_that_stands_twice_is_refused() -> None:
    assert "lock:14" in duplicate(parse_uv_lock, HEAD + DEMO + DEMO)


def test_the_same_version_from_two_indexes_is_no_duplicate() -> None:
    other = DEMO.replace("index.example", "mirror.example")
    assert len(parse(DEMO + other)[0]) == 2


def test_two_indexes_with_other_bytes_under_one_name_are_refused() -> None:
    other = DEMO.replace("index.example", "mirror.example").replace(B, C)
    words = duplicate(parse_uv_lock, HEAD + DEMO + other)
    assert f"expected sha256:{B}, as lock:11 states, got sha256:{C}" in words


def test_a_file_name_that_stands_twice_in_an_entry_is_refused() -> None:
    wheel = f'{{ url = "{INDEX}/demo-1.0-py3-none-any.whl", hash = "sha256:%s" }}'
    rest = f"wheels = [\n{wheel % A},\n{wheel % D},\n]"
    words = duplicate(parse_uv_lock, HEAD + package(f'registry = "{INDEX}"', rest))
    assert words.startswith("lock:11: expected demo-1.0-py3-none-any.whl once in an entry")


@pytest.mark.parametrize(
    "digest",
    [f"sha256:{A[:-1]}", f"sha256:{A.upper()}", f"sha256:{A}0", "sha256", A, "sha256:", f"SHA256:{A}", f"md5:{A}"],
)
def test_a_malformed_digest_is_refused(digest: str) -> None:
    assert "lock:5: package[0].sdist.hash" in refused(parse_uv_lock, HEAD + DEMO.replace(f"sha256:{A}", digest))


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('name = "demo"', 'name = "démo"', "name"),
        ('name = "demo"', "name = 3", "name"),
        ('name = "demo"', "", "name"),
        ('version = "1.0"', 'version = "one"', "version"),
        ("wheels = [", "wheels = [3,", "wheels[0]"),
        ("wheels = [", "dependencies = 3\nwheels = [", "dependencies"),
        ("wheels = [", "resolution-markers = ['os_nam < 3']\nwheels = [", "resolution-markers"),
        ("wheels = [", "resolution-markers = [3]\nwheels = [", "resolution-markers[0]"),
        ("wheels = [\n    {", 'wheels = [\n    { filename = "../x.whl",', "filename"),
        ("wheels = [\n    {", 'wheels = [\n    { filename = "..\\\\x.whl",', "filename"),
        ("wheels = [\n    {", 'wheels = [\n    { filename = "a\\u0007.whl",', "filename"),
        ("wheels = [\n    {", 'wheels = [\n    { filename = "",', "filename"),
    ],
)
def test_what_is_not_well_formed_is_refused_with_its_path(old: str, new: str, key: str) -> None:
    words = refused(parse_uv_lock, HEAD + DEMO.replace(old, new))
    assert words.startswith("lock:5: package[0].")
    assert f".{key}: " in words
