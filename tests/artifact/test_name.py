"""What a file name states, and what it must not be."""

from __future__ import annotations

import pytest

from pip_verify.artifact.name import Artifact, canonical_version, normalise, parse_filename, same_version
from pip_verify.errors import EvidenceError


@pytest.mark.parametrize(
    ("filename", "artifact"),
    [
        ("demo-1.0-py3-none-any.whl", Artifact("demo", "1.0", "demo-1.0-py3-none-any.whl", "wheel")),
        (
            "Demo_Pkg-1.0.0rc1-7build-cp311-cp311-manylinux_2_28_x86_64.whl",
            Artifact("demo-pkg", "1.0.0rc1", "Demo_Pkg-1.0.0rc1-7build-cp311-cp311-manylinux_2_28_x86_64.whl", "wheel"),
        ),
        ("demo-2!1.0+a.b-py3-none-any.whl", Artifact("demo", "2!1.0+a.b", "demo-2!1.0+a.b-py3-none-any.whl", "wheel")),
        ("demo.pkg-1.0.tar.gz", Artifact("demo-pkg", "1.0", "demo.pkg-1.0.tar.gz", "sdist")),
        ("demo-pkg-v1.0.zip", Artifact("demo-pkg", "1.0", "demo-pkg-v1.0.zip", "sdist")),
    ],
)
def test_file_names(filename: str, artifact: Artifact) -> None:
    assert parse_filename(filename) == artifact


def test_a_digest_and_a_project_that_are_known() -> None:
    assert parse_filename("demo-1.0.zip", project="demo", sha256="ab").sha256 == "ab"
    with pytest.raises(EvidenceError, match="expected a file of other, got a file of demo"):
        parse_filename("demo-1.0.zip", project="other")


@pytest.mark.parametrize(
    "filename",
    [
        "",
        "demo.whl",
        "demo-1.0.whl",
        "demo-1.0-py3-none.whl",
        "demo-one-py3-none-any.whl",
        "demo-1.0-build-py3-none-any.whl",
        "de__mo-1.0-py3-none-any.whl",
        "demo-1.0-py3-none-any.WHL",
        "demo-1.0.tar.bz2",
        "demo-1.0.tgz",
        "demo-1.0",
        "demo-one.tar.gz",
        "demo.tar.gz",
        "-1.0.tar.gz",
        "demo_-1.0.tar.gz",
    ],
)
def test_file_names_that_are_none(filename: str) -> None:
    with pytest.raises(EvidenceError):
        parse_filename(filename)


@pytest.mark.parametrize(
    "filename",
    [
        "d\u0435mo-1.0-py3-none-any.whl",  # a Cyrillic letter
        "\u212aey-1.0-py3-none-any.whl",  # the Kelvin sign
        "../demo-1.0-py3-none-any.whl",
        "a/demo-1.0.tar.gz",
        "demo-1.0\n.tar.gz",
        "demo-1.0.tar.gz\0",
        " demo-1.0.tar.gz",
        ".demo-1.0.tar.gz",
        "demo-1.0.tar.gz" + " ",
        "x" * 300 + "-1.0.tar.gz",
    ],
)
def test_file_names_with_other_characters_or_too_long(filename: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        parse_filename(filename)
    assert caught.value.got == "other characters"
    assert caught.value.subject.isascii()


@pytest.mark.parametrize(("name", "normalised"), [("A", "a"), ("Demo.Pkg", "demo-pkg"), ("a-_.b", "a-b"), ("x1", "x1")])
def test_project_names(name: str, normalised: str) -> None:
    assert normalise(name) == normalised


@pytest.mark.parametrize("name", ["", "-a", "a-", "_", "a b", "a/b", "\u212aey", "d\u0435mo", "a\n", "a@b"])
def test_project_names_that_are_none(name: str) -> None:
    with pytest.raises(EvidenceError, match="PEP 508"):
        normalise(name)


def test_versions() -> None:
    assert canonical_version("v1.0-1") == "1.0.post1"
    assert same_version("1.0", "1.0.0")
    assert not same_version("1.0", "1.0.1")
    assert not same_version("1.0", "1.0+local")
    with pytest.raises(EvidenceError, match="a PEP 440 version"):
        canonical_version("one")


@pytest.mark.parametrize(
    "text", [" 1.0", "1.0\n", "1." + "0" * 5000, "1." + "9" * 300], ids=["space", "line", "zeros", "nines"]
)
def test_a_version_that_packaging_would_read_otherwise(text: str) -> None:
    with pytest.raises(EvidenceError, match="a PEP 440 version"):
        canonical_version(text)


def test_a_wheel_of_more_tags_than_any_platform_has() -> None:
    """255 characters hold three sets of some dozens each, and their product."""
    many = ".".join(["a"] * 10)
    assert parse_filename(f"demo-1.0-{many}-{many}-{many}.whl").kind == "wheel"
    with pytest.raises(EvidenceError, match="at most 1000 compatibility tags, got 1100"):
        parse_filename(f"demo-1.0-{many}.b-{many}-{many}.whl")
