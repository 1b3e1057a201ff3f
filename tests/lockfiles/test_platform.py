"""What one environment could install."""

from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.tags import Tag

from pip_verify.lockfiles.model import LockedFile, LockedSet, LockedSource, Unlocked
from pip_verify.lockfiles.platform import for_platform
from pip_verify.pins import Origin
from tests.lockfiles.support import A

AT = Origin("lock", 1)
TAGS = [Tag("cp312", "cp312", "manylinux_2_28_x86_64"), Tag("py3", "none", "any")]
ENVIRONMENT = {"os_name": "posix", "sys_platform": "linux", "python_version": "3.12", "python_full_version": "3.12.1"}


def file(filename: str | None, marker: str | None = None, version: str = "1.0") -> LockedFile:
    return LockedFile("demo", version, filename, A, AT, marker=marker)


def kept(*files: LockedFile) -> list[str | None]:
    return [item.filename for item in for_platform(LockedSet(files), tags=TAGS, environment=ENVIRONMENT).files]


LINUX = file("demo-1.0-cp312-cp312-manylinux_2_28_x86_64.manylinux_2_17_x86_64.whl")
WINDOWS = file("demo-1.0-cp312-cp312-win_amd64.whl")
SDIST = file("demo-1.0.tar.gz")


def test_only_wheels_that_fit_are_kept_and_no_sdist_beside_one() -> None:
    assert kept(SDIST, WINDOWS, LINUX) == [LINUX.filename]


def test_an_sdist_is_kept_where_no_wheel_of_its_release_fits() -> None:
    assert kept(WINDOWS, SDIST) == [SDIST.filename]
    assert kept(LINUX, replace(SDIST, version="2.0")) == [LINUX.filename, SDIST.filename]
    assert kept(LINUX, replace(SDIST, project="other")) == [LINUX.filename, SDIST.filename]


def test_a_wheel_under_a_marker_that_does_not_hold_serves_nobody() -> None:
    assert kept(replace(LINUX, marker="sys_platform == 'win32'"), SDIST) == [SDIST.filename]


def test_a_digest_alone_is_kept_since_nothing_says_what_it_is() -> None:
    assert kept(LINUX, file(None)) == [LINUX.filename, None]


def test_a_wheel_whose_name_is_none_is_kept_for_judging() -> None:
    assert kept(file("demo.whl"), LINUX) == ["demo.whl", LINUX.filename]


def test_markers_count_for_sources_and_unlocked_requirements_too() -> None:
    locked = LockedSet(
        sources=(LockedSource("directory", ".", "a", None, AT, "os_name == 'nt'"),),
        unlocked=(Unlocked("b", "b", AT, "os_name == 'nt'"), Unlocked("c", "c", AT, "os_name == 'posix'")),
    )
    left = for_platform(locked, tags=TAGS, environment=ENVIRONMENT)
    assert left == LockedSet(unlocked=locked.unlocked[1:])
    assert (len(locked), len(left)) == (3, 1)


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        (None, True),
        ("sys_platform == 'linux'", True),
        ("sys_platform == 'win32'", False),
        ("python_version < '3.10'", False),
        ("extra == 'socks'", True),
        ("'socks' == extra", True),
        ('extra == "a" and extra == "b"', True),  # as Poetry writes what two extras together need
        ("'a' == extra and extra != 'b' and extra == 'c'", True),
        ("extra == 'a' and extra == 'b' and sys_platform == 'win32'", False),
        ("extra == 'a' and extra != 'a'", False),
        ("extra == 'A_b' and extra != 'a-b'", False),
        ("extra == ''", True),
        ("extra == 'a' and 'a' in extras", True),
        ("extra in 'a b'", True),
        ("extra not in 'a b'", True),
        ("platform_version == \"extra == 'x'\" and os_name == 'posix'", False),
        ("extra != 'socks'", True),
        ("extra == 'socks' and sys_platform == 'win32'", False),
        ("'socks' in extras", True),
        ("'dev' in dependency_groups and 'docs' not in dependency_groups", True),
        ("'dev' not in extras and 'dev' in extras", False),
        ("'dev' in dependency_groups and sys_platform == 'win32'", False),
        (" or ".join(f"'{name}' in extras" for name in "abcdef") + " and os_name == 'nt'", True),
        ("python_version ~= 'abc'", True),
    ],
)
def test_a_marker_holds_if_some_choice_of_extras_and_groups_makes_it(marker: str | None, holds: bool) -> None:  # noqa: FBT001
    assert bool(kept(file("demo-1.0-py3-none-any.whl", marker))) is holds


def test_more_names_than_can_be_tried_count_as_holding() -> None:
    marker = " and ".join(f"'{name}' in extras" for name in "abcdef") + " and os_name == 'nt'"
    assert kept(file("demo-1.0-py3-none-any.whl", marker))
    fewer = marker.replace("'f' in extras and ", "")
    assert not kept(file("demo-1.0-py3-none-any.whl", fewer))
