"""Several locks together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_verify.errors import EvidenceError
from pip_verify.lockfiles.merge import any_of, combine
from pip_verify.lockfiles.model import LockedFile, LockedSet, LockedSource, Unlocked
from pip_verify.pins import InlinePin, Origin
from tests.lockfiles.support import A, B

WHEEL = LockedFile("demo", "1.0", "demo-1.0-py3-none-any.whl", A, Origin("uv.lock", 3), url="https://a.example/x")
ALONE = LockedFile("demo", "1.0", None, A, Origin("r.txt", 9), marker="os_name == 'nt'", pins=(InlinePin(threshold=2),))


def files(*items: LockedFile) -> tuple[LockedFile, ...]:
    return combine([LockedSet(files=(item,)) for item in items]).files


def test_nothing_of_nothing() -> None:
    assert combine([]) == LockedSet()
    assert combine([LockedSet(), LockedSet()]) == LockedSet()


def test_one_file_of_two_locks_stands_once_at_the_first_place() -> None:
    other = replace(WHEEL, origin=Origin("poetry.lock", 5), url=None, marker="os_name == 'nt'")
    assert files(WHEEL, other) == (WHEEL,)
    assert files(other, WHEEL) == (replace(other, marker=None),)


def test_a_digest_alone_gives_way_to_the_name_and_leaves_its_pins() -> None:
    united = replace(WHEEL, pins=ALONE.pins)
    assert files(ALONE, WHEEL) == (united,)
    assert files(WHEEL, ALONE) == (united,)


def test_a_digest_that_any_lock_states_is_stated() -> None:
    at_hand = replace(WHEEL, origin=Origin("dist"), stated=False)
    assert [file.stated for file in files(at_hand, at_hand)] == [False]
    for other in (WHEEL, ALONE):
        assert [file.stated for file in files(at_hand, other)] == [True]
        assert [file.stated for file in files(other, at_hand)] == [True]


def test_a_file_at_hand_stays_at_hand_beside_a_lock_that_names_it() -> None:
    at_hand = replace(WHEEL, origin=Origin("dist"), stated=False, path="/dist/demo-1.0-py3-none-any.whl")
    for other in (WHEEL, ALONE):
        assert [file.path for file in files(at_hand, other)] == [at_hand.path]
        assert [file.path for file in files(other, at_hand)] == [at_hand.path]


def test_a_digest_alone_stays_for_another_version_digest_or_project() -> None:
    for other in (replace(ALONE, version="2.0"), replace(ALONE, sha256=B), replace(ALONE, project="x")):
        assert files(WHEEL, other) == (WHEEL, other)


def test_a_file_without_digest_stays_beside_one_with() -> None:
    bare = replace(WHEEL, sha256=None)
    assert files(WHEEL, bare) == (WHEEL, bare)
    assert files(ALONE, bare) == (ALONE, bare)


@pytest.mark.parametrize(
    "other", [replace(WHEEL, project="x"), replace(WHEEL, version="2.0"), replace(WHEEL, sha256=None)]
)
def test_another_release_or_no_digest_is_no_contradiction(other: LockedFile) -> None:
    assert len(files(WHEEL, other)) == 2


def test_one_name_with_two_digests_is_a_contradiction_and_names_both_places() -> None:
    with pytest.raises(EvidenceError) as caught:
        files(WHEEL, replace(WHEEL, sha256=B, origin=Origin("poetry.lock", 7)))
    assert str(caught.value).startswith("poetry.lock:7: demo-1.0-py3-none-any.whl: ")
    assert "as uv.lock:3 states" in str(caught.value)
    assert caught.value.hint


def test_sources_and_unlocked_requirements_stand_once() -> None:
    source = LockedSource("directory", ".", "app", None, Origin("a", 1), "os_name == 'nt'")
    other = replace(source, origin=Origin("b", 2), marker="os_name == 'java'")
    unlocked = Unlocked("demo", "demo>=1", Origin("a", 2), pins=ALONE.pins)
    twin = replace(unlocked, origin=Origin("b", 2), pins=(InlinePin(threshold=3),))
    locked = combine(
        [LockedSet(sources=(source,), unlocked=(unlocked,)), LockedSet(sources=(other,), unlocked=(twin,))]
    )
    assert locked.sources == (replace(source, marker="(os_name == 'nt') or (os_name == 'java')"),)
    assert locked.unlocked == (replace(unlocked, pins=(InlinePin(threshold=2), InlinePin(threshold=3))),)


def test_any_marker_among_several() -> None:
    assert any_of([]) is None
    assert any_of(["a"]) == "a"
    assert any_of(["a", "a"]) == "a"
    assert any_of(["a", "b", "a"]) == "(a) or (b)"
    assert any_of(["a", None]) is None


def test_a_file_under_countless_markers_costs_no_more_than_a_file_everywhere() -> None:
    markers = [f"python_version == '{number}'" for number in range(2000)]
    assert any_of(markers) is None
    assert files(*[replace(WHEEL, marker=marker) for marker in markers])[0].marker is None


@given(st.lists(st.builds(replace, st.sampled_from([WHEEL, ALONE]), project=st.sampled_from("abc")), max_size=8))
def test_combining_again_changes_nothing(items: list[LockedFile]) -> None:
    once = combine([LockedSet(files=tuple(items))])
    assert combine([once, once]) == once
    assert {(file.project, file.sha256) for file in once.files} == {(file.project, file.sha256) for file in items}
