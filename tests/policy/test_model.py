"""What a policy answers: who signs a project, is it exempt, which pins hold."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_verify.errors import UsageError
from pip_verify.keys import PublicKey
from pip_verify.pins import InlinePin, Origin, Pin
from pip_verify.policy import EMPTY_POLICY, Policy
from tests.policy.world import LIST, NAME, A, B, C, parse

LINE = Origin("requirements.txt", 7)
OTHER_LIST = "https://other.example/keys.json"


def claims(**projects: str) -> Policy:
    """A trust file whose publishers claim these projects (separated by blanks)."""
    tables = []
    for name, patterns in projects.items():
        quoted = ", ".join(f'"{pattern}"' for pattern in patterns.split())
        tables.append(f'[publishers.{name}]\nkey-list = "https://{name}.example/"\nprojects = [{quoted}]\n')
    return parse("".join(tables))


def speaker(policy: Policy, project: str) -> str | None:
    publisher = policy.publisher_for(project)
    return None if publisher is None else publisher.name


@pytest.mark.parametrize(
    ("project", "expected"),
    [
        ("foo", "exact"),
        ("foo-bar", "long"),
        ("foo-bar-baz", "long"),
        ("foo-x", "short"),
        ("foo-", "short"),
        ("foobar", "all"),
        ("x", "all"),
        ("foo-ba", "short"),
    ],
)
def test_the_most_specific_claim_speaks(project: str, expected: str) -> None:
    policy = claims(all="*", short="foo-*", exact="foo", long="foo-bar*")
    assert speaker(policy, project) == expected


def test_order_in_the_file_does_not_matter() -> None:
    assert speaker(claims(exact="foo", all="*"), "foo") == speaker(claims(all="*", exact="foo"), "foo") == "exact"


def test_an_exact_name_beats_a_pattern_that_is_longer() -> None:
    assert speaker(claims(pattern="a*b*c*d*", exact="abcd"), "abcd") == "exact"


def test_the_longest_of_a_publishers_own_patterns_counts() -> None:
    assert speaker(claims(one="a* abc*", two="ab*"), "abcd") == "one"


def test_a_pattern_does_not_match_the_name_without_its_tail() -> None:
    policy = claims(one="foo-*")
    assert speaker(policy, "foo") is None
    assert speaker(policy, "xfoo-a") is None


def test_nobody_speaks_for_a_project_that_nobody_claims() -> None:
    assert EMPTY_POLICY.publisher_for("six") is None
    assert parse(f'[publishers.p]\nkeys = ["{A}"]\n').publisher_for("six") is None
    assert EMPTY_POLICY.pins_for("six", []) == ()


def test_two_equally_specific_patterns_are_an_error_at_the_name_both_match() -> None:
    policy = claims(one="a-*", two="*-b", three="*")
    assert speaker(policy, "a-c") == "one"
    with pytest.raises(UsageError) as caught:
        policy.publisher_for("a-b")
    assert caught.value.subject == "project a-b"
    assert caught.value.got == f"one ({NAME}:1) and two ({NAME}:4)"
    assert 'projects = ["a-b", …]' in caught.value.hint
    with pytest.raises(UsageError):
        policy.pins_for("a-b", [])


@given(st.from_regex(r"[ab-]{1,6}", fullmatch=True), st.from_regex(r"[ab*-]{1,5}", fullmatch=True))
def test_patterns_match_as_prefix_pieces_and_suffix(project: str, pattern: str) -> None:
    def matches(project: str, pattern: str) -> bool:
        if not pattern:
            return not project
        if pattern[0] == "*":
            return any(matches(project[start:], pattern[1:]) for start in range(len(project) + 1))
        return bool(project) and project[0] == pattern[0] and matches(project[1:], pattern[1:])

    try:
        policy = claims(one=pattern)
    except UsageError:
        return  # no legal pattern
    normal = policy.publishers[0].projects[0]
    assert (speaker(policy, project) == "one") is matches(project, normal)


# exemptions


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


def test_an_exemption_holds_to_the_end_of_its_last_day() -> None:
    exemption = parse('[[exempt]]\nproject = "six"\nreason = "r"\nuntil = 2027-05-01\n').exemption_for("six")
    assert exemption is not None
    assert exemption.active(at("2020-01-01T00:00:00"))
    assert exemption.active(at("2027-05-01T00:00:00"))
    assert exemption.active(at("2027-05-01T23:59:59") + 0.999)
    assert not exemption.active(at("2027-05-02T00:00:00"))


def test_an_exemption_without_an_end_holds() -> None:
    exemption = parse('[[exempt]]\nproject = "six"\nreason = "r"\n').exemption_for("six")
    assert exemption is not None
    assert exemption.active(at("9999-12-31T23:59:59"))


def test_an_exemption_is_for_its_project_alone() -> None:
    policy = parse('[[exempt]]\nproject = "six"\nreason = "r"\n')
    assert policy.exemption_for("sixer") is None
    assert EMPTY_POLICY.exemption_for("six") is None


# pins

TEAM = f"""\
[publishers.team]
key-list = "{LIST}"
releases = "https://keys.example/{{project}}/{{version}}.jws"
threshold = 2
projects = ["rsa"]
formats = ["in-wheel"]

[publishers.pinned]
keys = ["{A}", "{B}"]
"""
TEAM_PIN = Pin(
    (), LIST, 2, "team", "https://keys.example/{project}/{version}.jws", ("in-wheel",), Origin("pip-verify.toml", 1)
)


def resolve(project: str, *inline: InlinePin) -> tuple[Pin, ...]:
    return parse(TEAM).pins_for(project, inline)


def test_the_trust_files_pin_is_its_publishers_demands() -> None:
    assert resolve("rsa") == (TEAM_PIN,)


def test_an_inline_pin_never_replaces_the_trust_files() -> None:
    inline = InlinePin(keys=(C,), origin=LINE)
    assert resolve("rsa", inline) == (TEAM_PIN, Pin((C,), origin=LINE))
    assert resolve("numpy", inline) == (Pin((C,), origin=LINE),)


def test_every_requirement_lines_pin_holds() -> None:
    first, second = (
        InlinePin(keys=(A,), origin=LINE),
        InlinePin(key_list=OTHER_LIST, threshold=3, origin=Origin("b.txt", 1)),
    )
    assert resolve("numpy", first, second) == (
        Pin((A,), origin=LINE),
        Pin((), OTHER_LIST, 3, origin=Origin("b.txt", 1)),
    )


def test_signed_by_is_the_publishers_pin_said_by_the_line() -> None:
    expected = Pin((), LIST, 2, "team", TEAM_PIN.releases, ("in-wheel",), LINE)
    assert resolve("numpy", InlinePin(signed_by="team", origin=LINE)) == (expected,)


@pytest.mark.parametrize(("stated", "holds"), [(None, 2), (1, 2), (2, 2), (3, 3)])
def test_signed_by_with_a_threshold_never_lowers_the_publishers(stated: int | None, holds: int) -> None:
    (pin,) = resolve("numpy", InlinePin(signed_by="team", threshold=stated, origin=LINE))
    assert pin.threshold == holds


def test_signed_by_with_keys_demands_keys_of_the_line_that_are_on_the_publishers_list() -> None:
    """One pin: two would let a key of the line's that has left the list stand beside another one that is on it."""
    (pin,) = resolve("numpy", InlinePin(keys=(A, B), signed_by="team", origin=LINE))
    assert (pin.keys, pin.key_list, pin.threshold, pin.publisher) == ((A, B), LIST, 2, "team")


@pytest.mark.parametrize(("given", "left"), [((A,), (A,)), ((C, B), (B,)), ((B, A), (B, A))])
def test_signed_by_with_keys_leaves_the_keys_both_pin(
    given: tuple[PublicKey, ...], left: tuple[PublicKey, ...]
) -> None:
    (pin,) = resolve("numpy", InlinePin(keys=given, signed_by="pinned", origin=LINE))
    assert (pin.keys, pin.key_list, pin.threshold) == (left, None, 1)


def test_signed_by_with_a_key_the_publisher_does_not_pin_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        resolve("numpy", InlinePin(keys=(C,), signed_by="pinned", origin=LINE))
    assert caught.value.subject == "requirements.txt:7: --signed-by=pinned"
    assert caught.value.got == C.text


@pytest.mark.parametrize(
    "inline",
    [
        InlinePin(keys=(A,), signed_by="team", origin=LINE),
        InlinePin(keys=(A, C), signed_by="pinned", threshold=2, origin=LINE),
        InlinePin(signed_by="pinned", threshold=3, origin=LINE),
    ],
)
def test_signed_by_that_no_number_of_signers_could_meet_is_refused(inline: InlinePin) -> None:
    with pytest.raises(UsageError, match="the number of keys left"):
        resolve("numpy", inline)


def test_signed_by_with_a_key_list_demands_both_lists() -> None:
    pins = resolve("numpy", InlinePin(keys=(A, B), key_list=OTHER_LIST, threshold=1, signed_by="team", origin=LINE))
    assert [(pin.keys, pin.key_list, pin.threshold, pin.publisher) for pin in pins] == [
        ((A, B), LIST, 2, "team"),
        ((A, B), OTHER_LIST, 1, None),
    ]
    assert all(pin.origin == LINE for pin in pins)


@pytest.mark.parametrize(("stated", "holds"), [(None, 1), (2, 2), (3, 3)])
def test_signed_by_with_a_key_list_counts_the_lines_threshold_on_its_list(stated: int | None, holds: int) -> None:
    inline = InlinePin(key_list=OTHER_LIST, threshold=stated, signed_by="team", origin=LINE)
    team, line = resolve("numpy", inline)
    assert (team.threshold, line.threshold) == (max(2, holds), holds)


def test_signed_by_the_publisher_who_claims_the_project_anyway_changes_nothing() -> None:
    pins = resolve("rsa", InlinePin(signed_by="team", origin=LINE))
    assert [(pin.key_list, pin.threshold) for pin in pins] == [(LIST, 2)] * 2


@pytest.mark.parametrize(
    ("name", "hint"),
    [("taem", "did you mean --signed-by=team?"), ("zzz", "add a table [publishers.zzz] to pip-verify.toml")],
)
def test_signed_by_a_name_nobody_has_is_refused(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve("numpy", InlinePin(signed_by=name, origin=LINE))
    assert str(caught.value) == f"requirements.txt:7: --signed-by: expected a publisher of pip-verify.toml, got {name}"
    assert caught.value.hint == hint


def test_signed_by_without_a_trust_file_says_that_there_is_none() -> None:
    with pytest.raises(UsageError, match="expected a trust file with this publisher") as caught:
        EMPTY_POLICY.pins_for("numpy", [InlinePin(signed_by="team", origin=LINE)])
    assert caught.value.hint == "add a table [publishers.team] to a pip-verify.toml"


@given(
    st.lists(st.sampled_from([A, B, C]), unique=True),
    st.sampled_from([None, 1, 2]),
    st.sampled_from(["team", "pinned"]),
)
def test_signed_by_only_narrows(keys: list[PublicKey], threshold: int | None, name: str) -> None:
    policy = parse(TEAM)
    publisher = next(entry for entry in policy.publishers if entry.name == name)
    try:
        pins = policy.pins_for("numpy", [InlinePin(tuple(keys), None, threshold, name, LINE)])
    except UsageError:
        return
    for pin in pins:
        assert pin.key_list == publisher.key_list
        assert pin.threshold >= publisher.threshold
        assert not keys or set(pin.keys) <= set(keys)
        assert not publisher.keys or (pin.keys and set(pin.keys) <= set(publisher.keys))
