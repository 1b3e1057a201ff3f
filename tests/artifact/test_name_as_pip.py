"""What pip takes a file name for, held against pip itself."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pip._internal.index.package_finder import LinkEvaluator, LinkType
from pip._internal.models.link import Link
from pip._internal.models.target_python import TargetPython
from pip._internal.utils.filetypes import ARCHIVE_EXTENSIONS
from pip._internal.utils.misc import splitext

from pip_verify.artifact.name import ENDINGS, ending_of, is_named_after, read_as_pip

PROJECT = "demo-pkg"
# whatever the platform and the version of Python
TAKEN = (LinkType.candidate, LinkType.platform_mismatch, LinkType.requires_python_mismatch)


def pip_takes(filename: str, egg: str | None = None) -> bool:
    from pip._vendor.packaging.version import Version

    fragment = "" if egg is None else f"#egg={egg}"
    link = Link.from_json({"url": f"https://index.example/files/{filename}{fragment}"}, "https://index.example/")
    evaluator = LinkEvaluator(PROJECT, PROJECT, frozenset(("binary", "source")), TargetPython(), allow_yanked=True)
    kind, version = evaluator.evaluate_link(link)
    try:
        return kind in TAKEN and (kind is not LinkType.candidate or bool(Version(version)))
    except ValueError:
        return False


def test_the_endings_are_pips() -> None:
    assert frozenset(ARCHIVE_EXTENSIONS) == ENDINGS


@pytest.mark.parametrize(
    ("filename", "version", "shown"),
    [
        ("demo_pkg-9.9.tar.bz2", "9.9", None),
        ("demo-pkg-9.9.tgz", "9.9", None),
        ("Demo.Pkg-9.9.tar", "9.9", None),
        ("demo-pkg-9.9.tar.xz", "9.9", None),
        ("demo-pkg-9.9.tar.lzma", "9.9", None),
        ("demo-pkg-9.9-1.tar.gz", "9.9.post1", None),  # version 1 of demo-pkg-9.9, as PEP 625 reads it
        ("demo-pkg-9.9-py3.tar.gz", "9.9", None),
        ("demo-pkg- 9.9.zip", "9.9", "demo-pkg-%209.9.zip"),
        ("demo_pkg-9.9-py3-none-any.~x.whl", "9.9", None),
        ("demo_pkg-9.9-py3-none-any.\u00e9.whl", "9.9", "demo_pkg-9.9-py3-none-any.%C3%A9.whl"),
        ("demo_pkg-9.9-py3-none-any.x y.whl", "9.9", "demo_pkg-9.9-py3-none-any.x%20y.whl"),
        ("demo_pkg-9.9-1-py3-none-any.%.whl", "9.9", "demo_pkg-9.9-1-py3-none-any.%25.whl"),
        ("demo-pkg-1.0.tar.gz", "1.0", None),
        ("demo_pkg-1.0-py3-none-any.whl", "1.0", None),
    ],
)
def test_what_pip_takes_is_read(filename: str, version: str, shown: str | None) -> None:
    found = read_as_pip(filename, PROJECT)
    assert found is not None
    assert (found.project, found.version, found.filename) == (PROJECT, version, shown or filename)
    assert found.kind == ("wheel" if filename.endswith(".whl") else "sdist")


@pytest.mark.parametrize(
    "filename",
    [
        "demo-pkg-1.0.exe",
        "demo-pkg-1.0.egg",
        "demo-pkg-1.0.tar.gz.asc",
        "demo-pkg-1.0.TAR.GZ",
        "demo-pkg-latest.tar.gz",
        "demo-pkg.tar.gz",
        "demo-pkg-1.0",
        "other-1.0.tgz",
        "other-1.0-py3-none-any.~x.whl",
        "demo_pkg-1.0.whl",
        "demo_pkg-one-py3-none-any.whl",
        "..zip",
        ".whl",
        "",
        f"demo-pkg-{'9' * 5000}.tgz",
    ],
)
def test_what_pip_does_not_take_is_nothing(filename: str) -> None:
    assert read_as_pip(filename, PROJECT) is None


def test_the_egg_fragment_of_an_archive_says_more_than_its_name() -> None:
    found = read_as_pip("q.tar.gz", PROJECT, "demo-pkg-9.9")
    assert found is not None
    assert (found.version, found.filename) == ("9.9", "q.tar.gz#egg=demo-pkg-9.9")
    assert read_as_pip("q.tar.gz", PROJECT, "other-9.9") is None
    assert read_as_pip("q-1-py3-none-any.~.whl", PROJECT, "demo-pkg-9.9") is None


def test_what_is_left_out_is_known_by_the_projects_name() -> None:
    assert is_named_after("Demo.Pkg-1.0.win32.exe", PROJECT)
    assert is_named_after("demo-pkg-1.0.tar.gz.asc", PROJECT)
    assert not is_named_after("demo-pkg-more-1.0.tar.gz", PROJECT)
    assert not is_named_after("other-1.0.exe", PROJECT)


def test_endings_are_split_as_pip_splits_them() -> None:
    for name in ("a.tar.gz", "a.TAR.gz", "a.tar.GZ", "a.gz", "a", ".tar.gz", "..gz", "", "a."):
        assert ending_of(name) == splitext(name)[1]


_WORDS = ("demo", "Demo_Pkg", "demo-pkg", "pkg", "1.0", "-9.9", "-py3", "-none-any")
_PIECES = st.sampled_from([*"aA1-_.~+! \u00e9\u212a%", *_WORDS, *sorted(ENDINGS)])


@given(st.lists(_PIECES, max_size=8).map("".join))
@example("demo-pkg-1.0.tar.gz")
def test_nothing_that_pip_takes_is_overlooked(filename: str) -> None:
    assert read_as_pip(filename, PROJECT) is not None or not pip_takes(filename.replace("%", "%25"))


@given(st.lists(_PIECES, max_size=4).map("".join), st.lists(_PIECES, min_size=1, max_size=4).map("".join))
def test_nothing_that_pip_takes_by_its_fragment_is_overlooked(filename: str, egg: str) -> None:
    from pip._internal.exceptions import InvalidEggFragment

    try:
        taken = pip_takes(filename.replace("%", "%25"), egg)
    except InvalidEggFragment:
        return  # pip refuses the page
    assert read_as_pip(filename, PROJECT, egg) is not None or not taken
