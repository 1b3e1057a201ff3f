"""Every mistake of a trust file at once, and what it makes wrong with requirement files."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from pip_verify.policy import Policy
from pip_verify.policy.lint import SOON, lint_pins, lint_policy, lint_trust_file
from pip_verify.requirements.parse import parse_requirements
from tests.policy.world import LIST, NAME, A, B, parse

NOW = datetime(2026, 11, 20, tzinfo=timezone.utc).timestamp()
DAY = 24 * 3600
TEAM = f'[publishers.team]\nkey-list = "{LIST}"\nprojects = ["demo"]\n'


def linted(text: str, *, pyproject: bool = False) -> tuple[Policy | None, list[str]]:
    policy, remarks = lint_trust_file(text.encode(), NAME, now=NOW, pyproject=pyproject)
    return policy, [str(remark) for remark in remarks]


def faults(text: str, *, pyproject: bool = False) -> list[str]:
    """Where the remarks begin; a file with faults has no policy."""
    policy, remarks = linted(text, pyproject=pyproject)
    assert policy is None
    return [remark.partition(" expected")[0] for remark in remarks]


def test_a_sound_file_has_a_policy_and_no_remark() -> None:
    assert linted(TEAM) == (parse(TEAM), [])
    assert linted("") == (parse(""), [])


def test_every_mistake_is_found_at_once_each_with_its_line() -> None:
    text = (
        '[publishers.a]\nkey-list = "http://keys.example/k"\n'
        "[policy]\nmax-stale = -1\nunsinged = 1\n"
        f"{TEAM}"
        "[publishers.b]\nkeys = []\n"
        '[[exempt]]\nproject = "six"\nreason = "x"\n'
        '[[exempt]]\nproject = "old"\n'
        "[[exempt]]\nhashes = 3\n"
        "[unknown]\n"
    )
    assert faults(text) == [
        f"{NAME}:1: publishers.a.key-list:",
        f"{NAME}:9: publishers.b.keys:",
        f"{NAME}:3: policy.max-stale:",
        f"{NAME}:3: policy.unsinged:",
        f"{NAME}:14: exempt[1].reason:",
        f"{NAME}:16: exempt[2].project:",
        f"{NAME}: unknown:",
    ]


def test_tables_of_a_wrong_type_are_mistakes_like_others() -> None:
    assert faults('policy = 1\npublishers = [1]\nexempt = "x"\n') == [
        f"{NAME}: policy:",
        f"{NAME}: publishers:",
        f"{NAME}: exempt:",
    ]
    assert faults("exempt = [1, 2]") == [f"{NAME}: exempt[0]:", f"{NAME}: exempt[1]:"]


def test_what_only_the_whole_file_shows_is_found_where_the_parts_are_sound() -> None:
    twice = f'{TEAM}[publishers.other]\nkey-list = "{LIST}"\nprojects = ["demo"]\n'
    assert faults(twice) == [f"{NAME}: publishers:"]
    silenced = f'{TEAM}[[exempt]]\nproject = "demo"\nreason = "x"\n'
    assert faults(silenced) == [f"{NAME}: exempt[0]:"]


def test_a_file_that_is_no_toml_has_the_line_of_its_fault() -> None:
    policy, (remark,) = linted("[policy]\nunsigned = deny\n")
    assert policy is None
    assert remark.startswith(f"{NAME}:2: expected TOML 1.0")
    _, (without_line,) = lint_trust_file(b"\xff", NAME, now=NOW)
    assert without_line.origin.line == 0


def test_the_table_in_a_pyproject_is_linted_alike() -> None:
    assert linted("[project]\nname = 'x'\n", pyproject=True) == (None, [])
    good = TEAM.replace("[publishers", "[tool.pip-verify.publishers")
    assert linted(good, pyproject=True) == (Policy(publishers=parse(good_lines(good)).publishers, source=NAME), [])
    assert faults("[tool.pip-verify.policy]\na = 1\nb = 2\n", pyproject=True) == [
        f"{NAME}:1: tool.pip-verify.policy.a:",
        f"{NAME}:1: tool.pip-verify.policy.b:",
    ]


def good_lines(text: str) -> str:
    return text.replace("tool.pip-verify.", "")


@pytest.mark.parametrize("text", ["[tool.pip_verify]\n", "tool = 1\n", "[tool]\npip-verify = 1\n"])
def test_a_pyproject_that_hides_its_table_is_a_mistake(text: str) -> None:
    assert len(faults(text, pyproject=True)) == 1


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("2026-11-19", "ended with 2026-11-19"),
        ("2026-11-20", "warning: the exemption of six ends with 2026-11-20"),
        ("2026-12-03", "warning: the exemption of six ends with 2026-12-03"),
        ("2026-12-04", ""),
    ],
)
def test_exemptions_that_ended_are_errors_and_those_that_soon_end_are_warnings(until: str, expected: str) -> None:
    _, remarks = linted(f'[[exempt]]\nproject = "six"\nreason = "x"\nuntil = {until}\n')
    assert len(remarks) == bool(expected)
    assert expected in "".join(remarks)
    assert all(remark.startswith(f"{NAME}:1: ") and remark.endswith(" the exemption)") for remark in remarks)


def test_soon_is_a_fortnight() -> None:
    assert SOON == 14 * DAY


def test_an_exemption_without_an_end_is_in_order() -> None:
    assert linted('[[exempt]]\nproject = "six"\nreason = "x"\n')[1] == []


def test_a_mode_that_stops_nothing_is_warned_of() -> None:
    (remark,) = linted('[policy]\nmode = "report"\n')[1]
    assert remark.startswith(f'{NAME}: warning: policy.mode is "report"')


def contested(*projects: str) -> Policy:
    """Two publishers whose patterns are equally long."""
    exempt = "".join(
        f'[[exempt]]\nproject = "{name}"\nreason = "x"\nhashes = ["sha256:{"ab" * 32}"]\n' for name in projects
    )
    pattern = '[publishers.{0}]\nkey-list = "{1}"\nprojects = ["{2}"]\n'
    return parse(pattern.format("a", LIST, "de*") + pattern.format("b", LIST, "*mo") + exempt)


def test_an_exempt_project_that_two_publishers_claim_is_an_error() -> None:
    (remark,) = lint_policy(contested("demo"), now=NOW)
    assert str(remark).startswith(f"{NAME}:7: project demo: expected one publisher")


def pins(text: str, policy: Policy) -> list[str]:
    parsed = parse_requirements(text.encode(), "req.txt", constraint=False, environ={})
    return [str(remark) for remark in lint_pins(parsed, policy)]


def test_pins_that_the_trust_file_resolves_are_in_order() -> None:
    text = f"demo\n# pip-verify: --signed-by=team\nother --key={A.text}\n./x.zip\nsix\n"
    exempt = '[[exempt]]\nproject = "six"\nreason = "x"\n'
    assert pins(text, parse(TEAM + exempt)) == []


def test_a_pin_on_nobody_is_an_error_at_the_pin() -> None:
    (remark,) = pins("six\n\ndemo\n# via x\n# pip-verify: --signed-by=taem\n", parse(TEAM))
    assert (
        remark
        == f"req.txt:5: --signed-by: expected a publisher of {NAME}, got taem (next: did you mean --signed-by=team?)"
    )


def test_a_pin_that_contradicts_its_publisher_is_an_error() -> None:
    team = f'[publishers.team]\nkeys = ["{A.text}"]\n'
    (remark,) = pins(f"demo --signed-by=team --key={B.text}\n", parse(team))
    assert remark.startswith("req.txt:1: --signed-by=team: expected a --key that is one of")


def test_a_project_that_two_publishers_claim_is_an_error_where_it_is_required() -> None:
    (remark,) = pins("six\ndemo\n", contested())
    assert remark.startswith("req.txt:2: project demo: expected one publisher")


def test_a_project_that_is_pinned_and_exempt_is_an_error() -> None:
    exempt = '[[exempt]]\nproject = "six"\nreason = "x"\n'
    (remark,) = pins(f"a\nsix\n# pip-verify: --key={A.text}\n", parse(exempt))
    assert remark == (
        f"req.txt:3: six is pinned here and exempt at {NAME}:1, which is then not enough"
        " (next: remove the pin or the exemption)"
    )
