"""Where statements are looked for, in which order, and the three outcomes of looking."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pip_verify.artifact.name import Artifact, parse_filename
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.evidence import Evidence, Found, Look, Nothing, NotReached, Place
from pip_verify.sources.https import Fetcher
from pip_verify.sources.statements import (
    STATEMENT_MAX_BYTES,
    StatementStore,
    places,
)
from tests.https_world import Answer, HttpsWorld

WHEEL = parse_filename("Demo_Pkg-1.0-py3-none-any.whl")
LIST = "https://keys.example/pallets/keys.json"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def store(fetcher: Fetcher, cache: Path) -> StatementStore:
    return StatementStore(fetcher, cache, deadline_seconds=0.2)


def located(artifact: Artifact = WHEEL, **where: object) -> list[tuple[str, str]]:
    return [(place.kind, place.location) for place in places(artifact, **where)]  # type: ignore[arg-type]


def found(place: Place, data: bytes) -> Found:
    return Found(Evidence("release-statement", place, data))


def remote(world: HttpsWorld, path: str = "/a.jws") -> Place:
    return Place("releases", world.url + path)


def reason(look: Look) -> str:
    assert isinstance(look, NotReached)
    assert look.error.exit_code == 14
    assert look.error.hint
    return str(look.error)


# Places


def test_places_come_in_the_documented_order() -> None:
    assert located(
        statements_dir=Path("offline"),
        local_path=Path("dist/Demo_Pkg-1.0-py3-none-any.whl"),
        base_url=LIST,
        artifact_url="https://index.example/Demo_Pkg-1.0-py3-none-any.whl",
    ) == [
        ("statements-dir", os.path.join("offline", "demo-pkg", "1.0.jws")),  # noqa: PTH118 - what it is compared with
        ("statements-dir", os.path.join("offline", "Demo_Pkg-1.0-py3-none-any.whl.jws")),  # noqa: PTH118
        ("beside", os.path.join("dist", "Demo_Pkg-1.0-py3-none-any.whl.jws")),  # noqa: PTH118
        ("releases", "https://keys.example/pallets/releases/demo-pkg/1.0.jws"),
    ]


def test_nothing_known_is_nowhere_to_look() -> None:
    assert located() == []


@pytest.mark.parametrize(
    ("template", "url"),
    [
        ("{project}/{version}.jws", "https://keys.example/pallets/demo-pkg/1.0.jws"),
        ("/r/{filename}.jws", "https://keys.example/r/Demo_Pkg-1.0-py3-none-any.whl.jws"),
        ("../{project}-{version}", "https://keys.example/demo-pkg-1.0"),
        ("?file={filename}", "https://keys.example/pallets/keys.json?file=Demo_Pkg-1.0-py3-none-any.whl"),
        ("https://other.example:8443/{project}/{version}", "https://other.example:8443/demo-pkg/1.0"),
        ("//other.example/{version}", "https://other.example/1.0"),
        ("https://{project}.example/{version}", "https://demo-pkg.example/1.0"),
    ],
)
def test_templates_are_resolved_against_the_list(template: str, url: str) -> None:
    assert located(template=template, base_url=LIST) == [("releases", url)]


def test_an_absolute_template_needs_no_list() -> None:
    assert located(template="https://keys.example/{version}") == [("releases", "https://keys.example/1.0")]


def test_values_are_percent_encoded_as_in_simple_expansion() -> None:
    artifact = parse_filename("demo-1!2.0+local.1.tar.gz")
    assert located(artifact, base_url=LIST) == [
        ("releases", "https://keys.example/pallets/releases/demo/1%212.0%2Blocal.1.jws")
    ]
    strange = Artifact("a/../../b", "1.0?x#y", "{version} \u00e9&.whl", "wheel")
    assert located(strange, template="/{project}/{version}/{filename}", base_url=LIST) == [
        ("releases", "https://keys.example/a%2F..%2F..%2Fb/1.0%3Fx%23y/%7Bversion%7D%20%C3%A9%26.whl")
    ]


@pytest.mark.parametrize(
    "template",
    [
        "http://keys.example/{version}",
        "file:///{version}",
        "data:,{version}",
        "https://me:pw@keys.example/{version}",
        "https://[{version}",
        "https://keys.example\\{version}",
        "{version}/{evil}",
        "{+version}",
        "releases/latest.jws",
        "",
    ],
)
def test_templates_that_lead_elsewhere_than_https_are_refused(template: str) -> None:
    with pytest.raises(EvidenceError, match="releases template"):
        located(template=template, base_url=LIST)


def test_a_relative_template_without_a_list_is_refused() -> None:
    with pytest.raises(EvidenceError, match="of the pin"):
        located(template="{version}")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://index.example/f/demo.whl", ["https://index.example/f/demo.whl.jws"]),
        ("https://index.example/f/demo.whl#sha256=00", ["https://index.example/f/demo.whl.jws"]),
        ("https://me:pw@index.example:8443/demo.whl?sig=s3cret", ["https://index.example:8443/demo.whl.jws"]),
        ("http://index.example/demo.whl", []),
        ("file:///home/me/demo.whl", []),
        ("git+https://host.example/demo", []),
        ("https://[", []),
    ],
)
def test_the_artifact_s_own_url_is_a_place_for_pins_that_name_none(url: str, expected: list[str]) -> None:
    assert located(artifact_url=url) == [("url", location) for location in expected]
    assert all(kind == "releases" for kind, _ in located(artifact_url=url, base_url=LIST))
    assert all(kind == "releases" for kind, _ in located(artifact_url=url, template="https://a.example/{version}"))


# Local places


def test_a_local_statement_is_found(tmp_path: Path, store: StatementStore) -> None:
    file = tmp_path / "demo.whl.jws"
    place = Place("beside", str(file))
    assert store.look(place) == Nothing(place)
    file.write_bytes(b"statement")
    assert store.look(place) == found(place, b"statement")


def test_a_missing_directory_is_nothing(tmp_path: Path, store: StatementStore) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "no" / "such.jws", tmp_path / "file" / "below.jws"):
        place = Place("statements-dir", str(path))
        assert store.look(place) == Nothing(place)


def test_what_is_there_but_cannot_be_read_is_not_reached(tmp_path: Path, store: StatementStore) -> None:
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "large").write_bytes(b"x" * (STATEMENT_MAX_BYTES + 1))
    for name, why in (
        ("directory", "directory"),
        ("pipe", "no regular file"),
        ("loop", "symbolic link"),
        ("large", f"more than {STATEMENT_MAX_BYTES} bytes"),
        ("a" * 300, "name too long"),
    ):
        assert why in reason(store.look(Place("beside", str(tmp_path / name)))).lower()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_file_is_not_reached(tmp_path: Path, store: StatementStore) -> None:
    file = tmp_path / "a.jws"
    file.write_bytes(b"statement")
    file.chmod(0)
    assert "Permission denied" in reason(store.look(Place("beside", str(file))))


def test_the_user_s_own_links_are_followed(tmp_path: Path, store: StatementStore) -> None:
    (tmp_path / "real.jws").write_bytes(b"statement")
    (tmp_path / "link.jws").symlink_to(tmp_path / "real.jws")
    place = Place("statements-dir", str(tmp_path / "link.jws"))
    assert store.look(place) == found(place, b"statement")


# Places over HTTPS


def test_a_statement_over_https_is_found(world: HttpsWorld, store: StatementStore) -> None:
    world.put("/a.jws", b"statement", headers={"Content-Type": "application/octet-stream"})
    assert store.look(remote(world)) == found(remote(world), b"statement")


@pytest.mark.parametrize("status", [404, 410])
def test_not_found_and_gone_mean_no_statement_here(world: HttpsWorld, store: StatementStore, status: int) -> None:
    world.put("/a.jws", b"a page about it", status=status)
    assert store.look(remote(world)) == Nothing(remote(world))


@pytest.mark.parametrize("status", [201, 204, 206, 304, 400, 401, 403, 405, 429, 451, 500, 503])
def test_any_other_status_is_not_reached(world: HttpsWorld, store: StatementStore, status: int) -> None:
    world.put("/a.jws", b"" if status in (204, 304) else b"statement", status=status)
    assert f"got HTTP status {status}" in reason(store.look(remote(world)))


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=302, headers={"Location": "http://keys.example/a.jws"}),
        Answer(status=302, headers={"Location": "https://127.0.0.1/a.jws"}),
        Answer(body=b"", endless="body"),
        Answer(body=b"x" * 100, trickle="body"),
        Answer(body=b"x", delay=1),
        Answer(body=b"x" * 100, cut=10),
        Answer(body=b"x", headers={"Content-Encoding": "gzip"}),
        Answer(hang_up=True),
    ],
)
def test_a_hostile_server_is_not_reached(world: HttpsWorld, store: StatementStore, answer: Answer) -> None:
    world.answer("/a.jws", answer)
    reason(store.look(remote(world)))


def test_an_unknown_host_is_not_reached(store: StatementStore) -> None:
    assert "host name" in reason(store.look(Place("url", "https://index.invalid/a.jws")))


def test_a_misconfigured_trust_store_is_the_user_s_to_mend(tmp_path: Path, cache: Path) -> None:
    store = StatementStore(Fetcher(ca_bundle=str(tmp_path / "none.pem")), cache)
    with pytest.raises(UsageError):
        store.look(Place("releases", "https://keys.example/a.jws"))


# Memory


def test_a_remembered_statement_needs_no_network(world: HttpsWorld, fetcher: Fetcher, cache: Path) -> None:
    StatementStore(fetcher, cache).remember(remote(world), b"statement")
    later = StatementStore(fetcher, cache)
    assert later.cached(remote(world)) == b"statement"
    assert later.cached(remote(world, "/b.jws")) is None
    assert world.requests == []
    later.remember(remote(world), b"newer")
    assert later.cached(remote(world)) == b"newer"


def test_the_same_statement_is_not_written_again(world: HttpsWorld, store: StatementStore, cache: Path) -> None:
    store.remember(remote(world), b"statement")
    [entry] = cache.iterdir()
    before = entry.stat()
    store.remember(remote(world), b"statement")
    assert entry.stat().st_ino == before.st_ino
    assert (before.st_mode & 0o777, cache.stat().st_mode & 0o777) == (0o600, 0o700)


def test_local_places_are_not_remembered(tmp_path: Path, store: StatementStore, cache: Path) -> None:
    place = Place("beside", str(tmp_path / "a.jws"))
    store.remember(place, b"statement")
    assert store.cached(place) is None
    assert not cache.exists()


def test_an_entry_that_is_too_large_is_ignored(world: HttpsWorld, store: StatementStore, cache: Path) -> None:
    store.remember(remote(world), b"statement")
    [entry] = cache.iterdir()
    entry.write_bytes(b"x" * (STATEMENT_MAX_BYTES + 1))
    later = StatementStore(store._fetcher, cache)
    assert later.cached(remote(world)) is None
    later.remember(remote(world), b"statement")
    assert StatementStore(store._fetcher, cache).cached(remote(world)) == b"statement"


def test_a_link_in_place_of_an_entry_is_refused(
    world: HttpsWorld, store: StatementStore, cache: Path, tmp_path: Path
) -> None:
    store.remember(remote(world), b"statement")
    [entry] = cache.iterdir()
    entry.unlink()
    entry.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_bytes(b"planted")
    later = StatementStore(store._fetcher, cache)
    with pytest.raises(UsageError, match="got a symbolic link"):
        later.cached(remote(world))
    with pytest.raises(UsageError, match="got a symbolic link"):
        later.remember(remote(world), b"statement")
    assert (tmp_path / "elsewhere").read_bytes() == b"planted"


def test_a_cache_in_which_others_may_write_is_refused(world: HttpsWorld, store: StatementStore, cache: Path) -> None:
    cache.mkdir()
    cache.chmod(0o777)
    with pytest.raises(UsageError, match="only you can write"):
        store.cached(remote(world))
