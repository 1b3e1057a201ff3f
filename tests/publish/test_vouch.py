"""What the index serves, against what is signed, and for vouching: asked of a real index on loopback."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pip_verify.errors import EvidenceError, SourceError, UsageError
from pip_verify.publish.artifacts import Checked
from pip_verify.publish.onindex import differences, fetch_release, parse_exact
from pip_verify.sources.index import Index, IndexFile
from tests.e2e.index import Index as Served
from tests.makers import make_sdist, make_wheel

WHEEL, SDIST = "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"
FILES = {WHEEL: make_wheel("demo", "1.0"), SDIST: make_sdist("demo", "1.0")}
DIGESTS = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}


pytestmark = pytest.mark.usefixtures("no_pip_configuration")


@pytest.fixture
def served() -> Iterator[Served]:
    with Served() as index:
        for name, data in FILES.items():
            index.add(name, data)
        yield index


def ask(served: Served, *options: str) -> Index:
    return Index([f"--index-url={served.url}", *options])


# Comparing


def test_the_same_files_have_no_differences_and_are_not_downloaded(served: Served) -> None:
    assert differences(ask(served), "demo", "1.0", DIGESTS) == []
    assert served.requests == ["/simple/demo/"]


def test_every_difference_is_named(served: Served) -> None:
    served.add("demo-1.0-cp39-abi3-linux_x86_64.whl", b"more")
    served.add("demo-1.1.tar.gz", b"another release")
    mine = {"demo-1.0-1-py3-none-any.whl": "1" * 64, WHEEL: DIGESTS[WHEEL], SDIST: "0" * 64}
    assert differences(ask(served), "demo", "1.0", mine) == [
        "demo-1.0-1-py3-none-any.whl: here, and not on the index",
        "demo-1.0-cp39-abi3-linux_x86_64.whl: on the index, and not here",
        f"{SDIST}: sha256:{'0' * 64} here, sha256:{DIGESTS[SDIST]} on the index",
    ]


def test_a_project_that_the_index_does_not_know_differs_in_every_file(served: Served) -> None:
    assert differences(ask(served), "other", "1.0", {"other-1.0.tar.gz": "0" * 64}) == [
        "other-1.0.tar.gz: here, and not on the index"
    ]


def test_the_same_version_in_another_spelling_is_on_the_index_and_not_here(served: Served) -> None:
    served.add("demo-1.0.0.zip", b"")
    assert differences(ask(served), "demo", "1.0", DIGESTS) == ["demo-1.0.0.zip: on the index, and not here"]


def test_where_the_index_states_no_digest_the_file_is_downloaded(served: Served) -> None:
    served.add(WHEEL, FILES[WHEEL], stated="none")
    assert differences(ask(served), "demo", "1.0", DIGESTS) == []
    served.add(WHEEL, FILES[WHEEL] + b"x", stated="none")
    assert len(differences(ask(served), "demo", "1.0", DIGESTS)) == 1


def test_two_indexes_that_differ_are_a_difference(served: Served) -> None:
    with Served() as other:
        other.add(WHEEL, b"other bytes")
        found = differences(ask(served, f"--extra-index-url={other.url}"), "demo", "1.0", DIGESTS)
    digest = hashlib.sha256(b"other bytes").hexdigest()
    assert found == [f"{WHEEL}: sha256:{DIGESTS[WHEEL]} here, sha256:{digest} on the index"]


def test_an_index_that_cannot_be_asked_is_no_index_without_differences() -> None:
    with Served() as gone:
        pass
    with pytest.raises(SourceError):
        differences(ask(gone), "demo", "1.0", DIGESTS)


@pytest.mark.parametrize("name", ["demo-1.0.tar.bz2", "Demo-1.0.0.tgz"])
def test_what_pip_takes_though_it_can_not_be_signed_is_a_difference(served: Served, name: str) -> None:
    for other in (name, "demo-1.1.tar.bz2", "demo-1.0.exe", "demo-1.0.egg"):
        served.add(other, b"")
    assert differences(ask(served), "demo", "1.0", DIGESTS) == [
        f"{name}: on the index, where pip takes it, and by name neither wheel nor sdist"
    ]
    assert served.requests == ["/simple/demo/"]


# Fetching


def test_every_file_is_fetched_checked_and_told(served: Served, tmp_path: Path) -> None:
    told: list[str] = []

    def tell(file: IndexFile, checked: Checked) -> None:
        assert file.sha256 == checked.sha256
        told.append(file.filename)

    release = fetch_release(ask(served), "demo", "1.0", tell)
    assert (release.project, release.version, release.digests) == ("demo", "1.0", DIGESTS)
    assert [file.size for file in release.files] == [len(FILES[name]) for name in sorted(FILES)]
    assert sorted(told) == sorted(FILES)
    assert not list(tmp_path.rglob("*.whl"))


def test_the_version_is_spelt_as_the_files_have_it(served: Served) -> None:
    assert fetch_release(ask(served), "demo", "1.0.0").version == "1.0"
    served.add("demo-1.0.0.tar.gz", make_sdist("demo", "1.0.0"))
    with pytest.raises(UsageError, match="which are one version"):
        fetch_release(ask(served), "demo", "1.0")


@pytest.mark.parametrize(("project", "version"), [("demo", "1.1"), ("other", "1.0")])
def test_nothing_there_is_nothing_to_vouch_for(project: str, version: str, served: Served) -> None:
    with pytest.raises(UsageError, match="files of it on the index, got none"):
        fetch_release(ask(served), project, version)


def test_bytes_that_are_not_the_stated_ones(served: Served) -> None:
    served.tamper(WHEEL, make_wheel("demo", "1.0", {"demo.py": "evil = True"}))
    with pytest.raises(
        EvidenceError, match=f"{WHEEL}: expected sha256:{DIGESTS[WHEEL]}, as the index states"
    ) as caught:
        fetch_release(ask(served), "demo", "1.0")
    assert "do not sign it" in caught.value.hint


def test_every_file_that_is_not_strict_is_named(served: Served) -> None:
    served.add(WHEEL, FILES[WHEEL] + b"x")
    served.add(SDIST, b"no sdist")
    with pytest.raises(EvidenceError, match=f"and 1 more that break a rule: {SDIST}"):
        fetch_release(ask(served), "demo", "1.0")


def test_a_wheel_that_is_another_release_inside(served: Served) -> None:
    served.add(WHEEL, make_wheel("other", "1.0"))
    with pytest.raises(EvidenceError, match=r"the \.dist-info directory of demo 1\.0"):
        fetch_release(ask(served), "demo", "1.0")


def test_one_name_for_two_files(served: Served) -> None:
    with Served() as other:
        other.add(WHEEL, make_wheel("demo", "1.0", {"demo.py": ""}))
        with pytest.raises(EvidenceError, match="two with other digests"):
            fetch_release(ask(served, f"--extra-index-url={other.url}"), "demo", "1.0")


def test_a_file_that_is_gone_is_no_file_less(served: Served) -> None:
    served.before(WHEEL, lambda: served.files.pop(WHEEL, None))
    served.files[WHEEL].headers = {"Content-Length": "1"}
    with pytest.raises((SourceError, EvidenceError)):
        fetch_release(ask(served), "demo", "1.0")


# What is asked for


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("requests==2.32.3", ("requests", "2.32.3")),
        (" Ruamel_YAML == 1.0-rc1 ", ("ruamel-yaml", "1.0rc1")),
        ("demo==1!2.0+local.1", ("demo", "1!2.0+local.1")),
    ],
)
def test_one_exact_version(text: str, expected: tuple[str, str]) -> None:
    assert parse_exact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "requests",
        "requests==2.*",
        "requests>=2",
        "requests===2.0",
        "requests[socks]==2.0",
        "requests==2.0,<3",
        "requests==2.0; python_version<'4'",
        "requests @ file:///x",
        "==1",
        "requests==",
        "réquests==1",
        "requests==one",
        "-r==1",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="vouch"):
        parse_exact(text)
