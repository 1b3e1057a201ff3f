"""Key lists against a real server: freshness, failures, forced refetches, and what lies in the cache directory."""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pip_verify.errors import EvidenceError, PipVerifyError, SourceError, UsageError
from pip_verify.keys import KEY_LIST_MAX_BYTES
from pip_verify.sources.https import Fetcher
from pip_verify.sources.keylists import PAUSE, KeyListState, KeyListStore
from tests.https_world import Answer, HttpsWorld, Seen
from tests.signer import Signer, key_list
from tests.sources.conftest import Clock

ALICE, BOB = Signer.of("alice"), Signer.of("bob")
ONE, BOTH = key_list(ALICE), key_list(ALICE, BOB)
PATH = "/keys.json"
ROOT = Path(__file__).resolve().parent.parent.parent

Make = Callable[..., KeyListStore]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "keylists"


@pytest.fixture
def make(fetcher: Fetcher, cache: Path, clock: Clock) -> Make:
    """Makes stores on one cache directory: each is like a new run of pip-verify."""

    def make_store(**options: Any) -> KeyListStore:
        return KeyListStore(fetcher, cache, **{"clock": clock, **options})

    return make_store


def serve(world: HttpsWorld, body: bytes = ONE, cache_control: str | None = "max-age=600", **details: Any) -> str:
    headers = {} if cache_control is None else {"Cache-Control": cache_control}
    world.put(PATH, body, **{**details, "headers": {**headers, **details.get("headers", {})}})
    return world.url + PATH


def keys(state: KeyListState) -> list[str]:
    return [entry.key.text for entry in state.list.keys]


def entry_of(cache: Path) -> Path:
    [entry] = cache.glob("*.json")
    return entry


# Freshness


def test_a_list_is_fetched_once_and_then_at_hand_for_later_runs_too(
    world: HttpsWorld, make: Make, clock: Clock
) -> None:
    url = serve(world)
    store = make()
    first = store.get(url)
    assert keys(first) == [ALICE.text]
    assert (first.fetched_at, first.expires_at) == (clock.now, clock.now + 600)
    assert (first.from_cache, first.stale, first.problem) == (False, False, None)
    assert store.get(url) == make().get(url) == dataclasses.replace(first, from_cache=True)
    assert world.count(PATH) == 1
    assert world.requests[0].headers["accept"] == "application/jwk-set+json, application/json"


@pytest.mark.parametrize(
    ("headers", "lifetime"),
    [
        ({}, 300),
        ({"Cache-Control": "public, must-revalidate"}, 300),
        ({"Cache-Control": "max-age=0"}, 60),
        ({"Cache-Control": "max-age=59"}, 60),
        ({"Cache-Control": "max-age=61"}, 61),
        ({"Cache-Control": "public, Max-Age=24442, no-transform"}, 24442),
        ({"Cache-Control": 'max-age="120"'}, 120),
        ({"Cache-Control": "max-age=86401"}, 86400),
        ({"Cache-Control": "max-age=999999999999"}, 86400),
        ({"Cache-Control": "max-age=" + "9" * 5000}, 60),
        ({"Cache-Control": "max-age=-1"}, 60),
        ({"Cache-Control": "max-age=1e9"}, 60),
        ({"Cache-Control": "max-age"}, 60),
        ({"Cache-Control": "max-age=120, max-age=9999"}, 120),
        ({"Cache-Control": "s-maxage=9999"}, 300),
        ({"Cache-Control": "no-cache"}, 60),
        ({"Cache-Control": "max-age=3600", "Age": "3000"}, 600),
        ({"Cache-Control": "max-age=3600", "Age": "4000"}, 60),
        ({"Cache-Control": "max-age=3600", "Age": "-4000"}, 3600),
        ({"Expires": "Thu, 01 Jan 2099 00:00:00 GMT"}, 300),
    ],
)
def test_lifetimes_are_the_publisher_s_within_limits(
    world: HttpsWorld, make: Make, headers: dict[str, str], lifetime: int
) -> None:
    state = make().get(serve(world, cache_control=None, headers=headers))
    assert state.expires_at - state.fetched_at == lifetime


def test_an_expired_list_is_fetched_anew(world: HttpsWorld, make: Make, clock: Clock) -> None:
    store = make()
    store.get(serve(world))
    clock.now += 599
    store.get(serve(world, BOTH))
    assert world.count(PATH) == 1
    clock.now += 1
    assert keys(store.get(world.url + PATH)) == [ALICE.text, BOB.text]
    assert keys(make().get(world.url + PATH)) == [ALICE.text, BOB.text]
    assert world.count(PATH) == 2


def test_an_unchanged_list_is_only_confirmed(world: HttpsWorld, make: Make, clock: Clock) -> None:
    url = serve(world, etag='"v1"')
    make().get(url)
    clock.now += 601
    state = make().get(url)
    assert world.requests[-1].headers["if-none-match"] == '"v1"'
    assert keys(state) == [ALICE.text]
    assert (state.fetched_at, state.expires_at) == (clock.now, clock.now + 600)
    assert not state.from_cache
    assert make().get(url).from_cache
    assert world.count(PATH) == 2


def test_a_confirmation_nobody_asked_for_is_refused(world: HttpsWorld, make: Make, clock: Clock) -> None:
    with pytest.raises(SourceError, match="got HTTP status 304"):
        make().get(serve(world, b"", status=304))
    make().get(serve(world))
    clock.now += 601
    with pytest.raises(SourceError, match="got HTTP status 304"):
        make().get(serve(world, b"", status=304))


@pytest.mark.parametrize("etag", ["v1", '"v 1"', '"' + "x" * 300 + '"', ""])
def test_a_malformed_entity_tag_is_not_sent_back(world: HttpsWorld, make: Make, clock: Clock, etag: str) -> None:
    url = serve(world, headers={"ETag": etag})
    make().get(url)
    clock.now += 601
    make().get(url)
    assert "if-none-match" not in world.requests[-1].headers


def test_no_store_keeps_the_list_off_the_disk(world: HttpsWorld, make: Make, cache: Path) -> None:
    url = serve(world, cache_control="no-store")
    store = make()
    assert keys(store.get(url)) == keys(store.get(url)) == [ALICE.text]
    assert world.count(PATH) == 1
    assert b"keys" not in b"".join(file.read_bytes() for file in cache.iterdir()).replace(PATH.encode(), b"")
    make().get(url)
    assert world.count(PATH) == 2


def test_no_store_removes_the_older_copy(world: HttpsWorld, make: Make, clock: Clock) -> None:
    url = serve(world, BOTH, etag='"v1"')
    make().get(url)
    clock.now += 1
    serve(world, ONE, cache_control="no-store, max-age=600")
    assert keys(make().refetch(url)) == [ALICE.text]
    assert keys(make().get(url)) == [ALICE.text]
    assert world.count(PATH) == 3


def test_a_confirmation_does_not_bring_a_no_store_list_to_the_disk(world: HttpsWorld, make: Make, clock: Clock) -> None:
    url = serve(world, cache_control="no-store", etag='"v1"')
    store = make()
    store.get(url)
    clock.now += 61
    serve(world, cache_control=None, etag='"v1"')
    store.get(url)
    assert world.requests[-1].headers["if-none-match"] == '"v1"'
    make().get(url)
    assert world.count(PATH) == 3


def test_a_clock_set_back_makes_the_copy_worthless(world: HttpsWorld, make: Make, clock: Clock) -> None:
    url = serve(world, BOTH)
    store = make(max_stale=10**9)
    store.get(url)
    clock.now -= 3600
    serve(world, ONE)
    assert keys(store.get(url)) == [ALICE.text]
    assert keys(make().get(url)) == [ALICE.text]
    clock.now -= 3600
    serve(world, status=500)
    for one in (store, make(max_stale=10**9)):
        with pytest.raises(SourceError):
            one.get(url)


# What cannot be had


@pytest.mark.parametrize(
    "url", ["http://keys.example/keys.json", "http://127.0.0.1/keys.json", "https://u:p@keys.example/k"]
)
def test_a_list_over_http_or_with_credentials_is_a_usage_error(make: Make, cache: Path, url: str) -> None:
    for ask in (make().get, make().refetch):
        with pytest.raises(UsageError):
            ask(url)
    make().prefetch([url])
    assert not cache.exists()


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=ONE, status=500),
        Answer(body=ONE, status=404),
        Answer(body=ONE, status=410),
        Answer(body=ONE, status=203),
        Answer(body=ONE, status=206),
        Answer(body=ONE, status=302, headers={"Location": "http://keys.example/keys.json"}),
        Answer(body=ONE, status=302, headers={"Location": "https://127.0.0.1/keys.json"}),
        Answer(body=ONE, status=302, headers={"Location": PATH}),
        Answer(body=ONE, headers={"Content-Type": "text/html"}),
        Answer(body=ONE, headers={"Content-Type": ""}),
        Answer(body=ONE, headers={"Content-Type": "application/json-seq"}),
        Answer(body=b"", endless="body"),
        Answer(body=b" " * (KEY_LIST_MAX_BYTES + 1)),
        Answer(body=gzip.compress(b"\0" * 2**20) * 256, headers={"Content-Encoding": "gzip"}),
        Answer(body=ONE, cut=10),
        Answer(body=ONE, trickle="headers"),
        Answer(body=ONE, trickle="body"),
        Answer(body=ONE, delay=1),
        Answer(hang_up=True),
    ],
)
def test_what_is_no_list_is_a_source_error_and_is_not_kept(world: HttpsWorld, make: Make, answer: Answer) -> None:
    world.answer(PATH, answer)
    with pytest.raises(SourceError):
        make(deadline_seconds=0.2).get(world.url + PATH)
    serve(world, BOTH)
    assert keys(make().get(world.url + PATH)) == [ALICE.text, BOB.text]


@pytest.mark.parametrize(
    "media_type",
    ["application/jwk-set+json", "application/json", "Application/JSON; charset=utf-8", "application/jwk-set+json;x=y"],
)
def test_both_media_types_are_read_with_or_without_parameters(world: HttpsWorld, make: Make, media_type: str) -> None:
    make().get(serve(world, headers={"Content-Type": media_type}))


def test_an_expired_copy_is_worth_nothing_when_the_list_cannot_be_had(
    world: HttpsWorld, make: Make, clock: Clock
) -> None:
    url = serve(world)
    make().get(url)
    serve(world, status=503)
    clock.now += 599
    assert keys(make().get(url)) == [ALICE.text]
    clock.now += 1
    with pytest.raises(SourceError, match="got HTTP status 503"):
        make().get(url)


def test_max_stale_lets_an_expired_copy_serve_and_says_so(world: HttpsWorld, make: Make, clock: Clock) -> None:
    url = serve(world)
    make().get(url)
    serve(world, status=503)
    clock.now += 699
    store = make(max_stale=100)
    for state in (store.get(url), store.get(url)):
        assert keys(state) == [ALICE.text]
        assert (state.stale, state.from_cache) == (True, True)
        assert "503" in str(state.problem)
    assert world.count(PATH) == 2
    clock.now += 1
    for one in (store, make(max_stale=100)):
        with pytest.raises(SourceError):
            one.get(url)
    serve(world)
    assert not make(max_stale=100).get(url).stale


def test_a_failure_is_not_tried_again_for_thirty_seconds(world: HttpsWorld, make: Make, clock: Clock) -> None:
    url = serve(world, status=503)
    store = make()
    raised: list[PipVerifyError] = []
    for later in (0, 0, 29.5):
        clock.now += later
        with pytest.raises(SourceError, match="503") as caught:
            store.get(url)
        raised.append(caught.value)
    assert len(set(map(id, raised))) == 3
    assert world.count(PATH) == 1
    serve(world)
    clock.now += 0.5
    assert keys(store.get(url)) == [ALICE.text]


def test_the_time_that_a_failure_took_is_no_part_of_the_pause(world: HttpsWorld, make: Make, clock: Clock) -> None:
    def hang(_: Seen) -> Answer:
        clock.now += 2 * PAUSE
        return Answer(hang_up=True)

    url = serve(world)
    world.answer(PATH, hang)
    store = make()
    with pytest.raises(SourceError):
        store.get(url)
    asked = len(world.requests)
    with pytest.raises(SourceError):
        store.get(url)
    assert len(world.requests) == asked


def test_a_clock_set_back_does_not_prolong_a_failure(world: HttpsWorld, make: Make, clock: Clock) -> None:
    url = serve(world, status=503)
    store = make()
    with pytest.raises(SourceError):
        store.get(url)
    clock.now -= 3600
    serve(world)
    assert keys(store.get(url)) == [ALICE.text]


def test_a_failure_is_forgotten_when_a_refetch_succeeds(world: HttpsWorld, make: Make) -> None:
    url = serve(world, status=503)
    store = make()
    with pytest.raises(SourceError):
        store.get(url)
    serve(world)
    assert keys(store.refetch(url)) == [ALICE.text]
    assert store.get(url).problem is None


# Malformed lists


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"<html>", ONE[:-1], key_list(ALICE, ALICE), key_list(ALICE.private_jwk()), b"\xff" + ONE],
)
def test_a_malformed_list_is_raised_and_neither_kept_nor_replaced_by_the_copy(
    world: HttpsWorld, make: Make, clock: Clock, body: bytes
) -> None:
    url = serve(world)
    store = make(max_stale=10**9)
    store.get(url)
    serve(world, body)
    with pytest.raises(EvidenceError):
        store.refetch(url)
    for later in (0, 31):  # the failure is remembered, then it is looked again; the copy is still fresh all the time
        clock.now += later
        with pytest.raises(EvidenceError):
            store.get(url)
    assert world.count(PATH) == 3
    clock.now += 31
    serve(world, status=503)
    with pytest.raises(SourceError):
        store.get(url)
    clock.now += 31
    serve(world, BOTH)
    assert keys(store.get(url)) == [ALICE.text, BOB.text]
    assert store.get(url).from_cache


def test_a_malformed_list_stops_a_run_whose_copy_has_expired(world: HttpsWorld, make: Make, clock: Clock) -> None:
    url = serve(world)
    make().get(url)
    clock.now += 601
    serve(world, b"{}")
    with pytest.raises(EvidenceError, match="JWK set"):
        make(max_stale=10**9).get(url)


# Forced refetches


def test_a_forced_refetch_finds_a_new_key_while_the_copy_is_fresh(world: HttpsWorld, make: Make) -> None:
    url = serve(world, ONE)
    store = make()
    store.get(url)
    serve(world, BOTH)
    assert keys(store.get(url)) == [ALICE.text]
    state = store.refetch(url)
    assert keys(state) == [ALICE.text, BOB.text]
    assert not state.from_cache
    assert world.requests[-1].headers["cache-control"] == "no-cache"
    assert keys(store.get(url)) == keys(make().get(url)) == [ALICE.text, BOB.text]


def test_refetches_are_forced_at_most_once_in_thirty_seconds(world: HttpsWorld, make: Make, clock: Clock) -> None:
    url = serve(world)
    store = make()
    store.get(url)
    for _ in range(5):
        store.refetch(url)
        assert make().refetch(url).from_cache
    assert world.count(PATH) == 2
    clock.now += 29.5
    store.refetch(url)
    assert world.count(PATH) == 2
    clock.now += 0.5
    store.refetch(url)
    assert world.count(PATH) == 3


def test_an_ordinary_fetch_does_not_use_up_the_forced_one(world: HttpsWorld, make: Make, clock: Clock) -> None:
    url = serve(world)
    store = make()
    store.refetch(url)
    clock.now += 601
    store.get(url)
    clock.now += 1
    serve(world, BOTH)
    assert keys(store.refetch(url)) == [ALICE.text, BOB.text]


def test_a_store_sees_what_another_process_forced(world: HttpsWorld, make: Make, clock: Clock) -> None:
    url = serve(world)
    mine, other = make(), make()
    mine.get(url)
    serve(world, BOTH)
    clock.now += 1
    other.refetch(url)
    assert keys(mine.refetch(url)) == [ALICE.text, BOB.text]
    assert world.count(PATH) == 2


def test_a_refetch_that_fails_leaves_the_fresh_copy_and_says_why(world: HttpsWorld, make: Make, clock: Clock) -> None:
    url = serve(world)
    store = make()
    store.get(url)
    serve(world, status=503)
    for state in (store.refetch(url), store.refetch(url), store.get(url)):
        assert keys(state) == [ALICE.text]
        assert (state.stale, state.from_cache) == (False, True)
        assert "503" in str(state.problem)
    assert world.count(PATH) == 2
    make().refetch(url)
    assert world.count(PATH) == 2
    clock.now += 31
    assert store.get(url).problem is None


def test_a_refetch_without_any_copy_is_a_fetch(world: HttpsWorld, make: Make, clock: Clock) -> None:
    url = serve(world)
    assert keys(make().refetch(url)) == [ALICE.text]
    clock.now += 601
    serve(world, BOTH)
    assert keys(make().refetch(url)) == [ALICE.text, BOB.text]


def test_a_refetch_soon_after_another_one_still_fetches_when_there_is_no_copy(world: HttpsWorld, make: Make) -> None:
    url = serve(world, cache_control="no-store")
    make().refetch(url)
    assert keys(make().refetch(url)) == [ALICE.text]
    assert "cache-control" not in world.requests[-1].headers
    assert world.count(PATH) == 2


# One at a time


def test_threads_that_want_one_list_share_one_fetch(world: HttpsWorld, make: Make) -> None:
    url = serve(world, delay=0.1)
    store = make()
    with ThreadPoolExecutor(20) as pool:
        states = list(pool.map(store.get, [url] * 20))
    assert world.count(PATH) == 1
    assert sum(not state.from_cache for state in states) == 1


def test_threads_share_a_failure_too(world: HttpsWorld, make: Make) -> None:
    url = serve(world, delay=5)
    store = make(deadline_seconds=0.2)
    start = time.monotonic()

    def ask(_: int) -> None:
        with pytest.raises(SourceError):
            store.get(url)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    assert time.monotonic() - start < 1.4
    assert world.count(PATH) == 1


def test_prefetch_asks_for_each_list_once_and_concurrently(world: HttpsWorld, make: Make) -> None:
    paths = [f"/{number}.json" for number in range(8)]
    for path in paths:
        world.put(path, ONE, delay=0.2)
    world.put("/bad.json", b"{}")
    store = make()
    start = time.monotonic()
    store.prefetch([world.url + path for path in [*paths, *paths, "/bad.json"]])
    assert time.monotonic() - start < 0.2 * 4
    for path in paths:
        assert store.get(world.url + path).from_cache
    with pytest.raises(EvidenceError):
        store.get(world.url + "/bad.json")
    assert len(world.requests) == 9


CLIENT = textwrap.dedent(
    """
    import json, sys, time
    from pathlib import Path
    from pip_verify.sources.https import Fetcher
    from pip_verify.sources.keylists import KeyListStore

    url, ca, cache = sys.argv[1:]
    store = KeyListStore(Fetcher(ca_bundle=ca), Path(cache), clock=time.time)
    for line in sys.stdin:
        state = getattr(store, line.strip())(url)
        print(json.dumps([len(state.list.keys), state.from_cache]), flush=True)
    """
)


def test_processes_share_fetches_and_forced_refetches(world: HttpsWorld, cache: Path) -> None:
    """Both ask at the same moment while the server is slow: one asks, the other waits and finds the answer."""
    url = serve(world, delay=0.3)
    command = [sys.executable, "-c", CLIENT, url, str(world.ca_file), str(cache)]
    clients = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]

    def both(verb: str) -> list[Any]:
        for client in clients:
            assert client.stdin is not None
            client.stdin.write(verb + "\n")
            client.stdin.flush()
        return sorted(json.loads(client.stdout.readline()) for client in clients if client.stdout is not None)

    try:
        assert both("get") == [[1, False], [1, True]]
        assert world.count(PATH) == 1
        serve(world, BOTH, delay=0.3)
        assert both("get") == [[1, True], [1, True]]
        assert both("refetch") == [[2, False], [2, True]]
        assert both("refetch") == [[2, True], [2, True]]
        assert world.count(PATH) == 2
    finally:
        for client in clients:
            client.communicate()


# What lies in the cache directory


def poison(cache: Path, **members: Any) -> None:
    """Change members of the cache entry or of the copy in it."""
    entry = entry_of(cache)
    document = json.loads(entry.read_bytes())
    for name, value in members.items():
        (document if name in document else document["copy"])[name] = value
    entry.write_bytes(json.dumps(document).encode())


NOW = Clock().now


@pytest.mark.parametrize(
    "members",
    [
        {"body": key_list(BOB).decode(), "fetched_at": NOW, "expires_at": NOW + 10**9},
        {"body": key_list(BOB).decode(), "fetched_at": NOW + 10**6, "expires_at": NOW + 10**6 + 60},
        {"body": key_list(BOB).decode(), "url_sha256": "0" * 64},
        {"body": "{}"},
        {"body": None},
        {"body": BOTH.decode(), "etag": 'x"\r\nHost: evil.example'},
        {"body": BOTH.decode(), "etag": 1},
        {"body": BOTH.decode(), "fetched_at": "yesterday"},
        {"body": BOTH.decode(), "fetched_at": True},
        {"body": BOTH.decode(), "expires_at": None},
        {"body": BOTH.decode(), "last_forced": "never"},
        {"body": BOTH.decode(), "more": 1},
        {"copy": []},
        {"copy": {"body": BOTH.decode()}},
    ],
)
def test_a_poisoned_entry_counts_for_nothing(
    world: HttpsWorld, make: Make, cache: Path, members: dict[str, Any]
) -> None:
    url = serve(world)
    make().get(url)
    poison(cache, **members)
    assert keys(make().get(url)) == [ALICE.text]
    assert world.count(PATH) == 2
    assert keys(make().get(url)) == [ALICE.text]
    assert world.count(PATH) == 2


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"{", b'{"url_sha256":', b" " * 10**6])
def test_a_torn_entry_counts_for_nothing(world: HttpsWorld, make: Make, cache: Path, data: bytes) -> None:
    url = serve(world)
    make().get(url)
    entry_of(cache).write_bytes(data)
    assert keys(make().get(url)) == [ALICE.text]
    assert world.count(PATH) == 2


def test_a_poisoned_entry_is_no_stand_in_when_the_list_cannot_be_had(
    world: HttpsWorld, make: Make, cache: Path
) -> None:
    url = serve(world)
    make().get(url)
    poison(cache, body=key_list(BOB).decode(), expires_at=NOW + 10**9)
    serve(world, status=503)
    with pytest.raises(SourceError):
        make(max_stale=10**9).get(url)


def test_a_poisoned_entry_does_not_displace_what_is_in_memory(world: HttpsWorld, make: Make, cache: Path) -> None:
    url = serve(world)
    store = make()
    store.get(url)
    poison(cache, body=key_list(BOB).decode(), fetched_at=NOW + 1, expires_at=NOW + 61)
    serve(world, status=503)
    state = store.refetch(url)
    assert keys(state) == [ALICE.text]
    assert state.problem is not None


def test_an_entry_that_forbids_refetches_for_ever_is_not_believed(world: HttpsWorld, make: Make, cache: Path) -> None:
    url = serve(world)
    make().get(url)
    poison(cache, last_forced=NOW + 10**6)
    serve(world, BOTH)
    assert keys(make().refetch(url)) == [ALICE.text, BOB.text]


def test_a_symbolic_link_in_place_of_an_entry_is_refused_and_not_followed(
    world: HttpsWorld, make: Make, cache: Path, tmp_path: Path
) -> None:
    url = serve(world)
    make().get(url)
    entry, elsewhere = entry_of(cache), tmp_path / "elsewhere.json"
    entry.rename(elsewhere)
    before = elsewhere.read_bytes()
    for target in (elsewhere, tmp_path / "nothing"):
        entry.symlink_to(target)
        for ask in (make().get, make().refetch):
            with pytest.raises(UsageError, match="expected a regular file, got a symbolic link"):
                ask(url)
        entry.unlink()
    assert world.count(PATH) == 1
    assert elsewhere.read_bytes() == before


@pytest.mark.parametrize("make_it", [os.mkfifo, os.mkdir])
def test_a_pipe_or_directory_in_place_of_an_entry_is_refused(
    world: HttpsWorld, make: Make, cache: Path, make_it: Callable[[Path], None]
) -> None:
    url = serve(world)
    make().get(url)
    entry = entry_of(cache)
    entry.unlink()
    make_it(entry)
    with pytest.raises(UsageError, match="expected a cache entry"):
        make().get(url)


def test_the_cache_is_private(world: HttpsWorld, make: Make, cache: Path) -> None:
    make().get(serve(world))
    assert cache.stat().st_mode & 0o777 == 0o700
    assert entry_of(cache).stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a directory away")
def test_a_cache_of_somebody_else_is_refused(world: HttpsWorld, make: Make, cache: Path) -> None:
    url = serve(world)
    make().get(url)
    os.chown(cache, 65534, -1)
    with pytest.raises(UsageError, match="owner 65534"):
        make().get(url)


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
def test_a_cache_in_which_others_may_write_is_refused(world: HttpsWorld, make: Make, cache: Path, mode: int) -> None:
    url = serve(world)
    make().get(url)
    cache.chmod(mode)
    with pytest.raises(UsageError, match="only you can write"):
        make().get(url)


def test_a_cache_that_cannot_be_made_is_a_usage_error(world: HttpsWorld, make: Make, cache: Path) -> None:
    cache.parent.write_bytes(b"a file")
    with pytest.raises(UsageError, match="cache directory"):
        make().get(serve(world))


def test_three_hundred_lists_at_hand_load_fast(world: HttpsWorld, make: Make) -> None:
    for number in range(300):
        world.put(f"/{number}.json", BOTH)
    urls = [f"{world.url}/{number}.json" for number in range(300)]
    make().prefetch(urls)
    start = time.monotonic()
    make().prefetch(urls)
    assert time.monotonic() - start < 1
    assert len(world.requests) == 300
