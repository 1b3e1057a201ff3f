"""Workflow commands as a runner reads them, against values that would be commands; and the step summary."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings

from pip_verify.errors import UsageError
from pip_verify.pins import Origin
from pip_verify.report import render
from pip_verify.report.as_github import MAX_SUMMARY, summary
from pip_verify.verdict import Decision, Reason, Run, Verdict
from tests.report.scenarios import NO_PIN, SCENARIOS, SECRETS, STRANGER, accepted, refused, run, signed
from tests.report.test_as_json import RUNS

Command = tuple[str, dict[str, str], str]
OURS = {"error", "warning", "notice", "group", "endgroup"}


def commands_in(text: str) -> list[Command]:
    """What a runner would do: a line that begins with ``::`` is a command, and so is ``##[`` wherever it stands."""
    found: list[Command] = []
    for line in text.split("\n"):
        assert "##[" not in line
        assert "##vso[" not in line
        match = re.fullmatch(r"::([^ :]+)(?: (.*?))?::(.*)", line.strip())
        if match is None:
            assert not line.strip().startswith("::")
            continue
        name, properties, data = match.groups()
        pairs = [pair.split("=", 1) for pair in (properties or "").split(",") if pair]
        found.append((name, {key: _unescape(value) for key, value in pairs}, _unescape(data)))
    return found


def _unescape(text: str) -> str:
    for escaped, plain in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escaped, plain)
    return text


def annotated(result: Run) -> list[Command]:
    return [command for command in commands_in(render("github", result)) if "group" not in command[0]]


@pytest.mark.parametrize("name", SCENARIOS)
def test_only_our_commands_are_in_it_and_no_secret(name: str) -> None:
    text = render("github", SCENARIOS[name])
    found = commands_in(text)
    assert {command[0] for command in found} <= OURS
    assert not any(secret in text for secret in SECRETS)
    refused_ones = [verdict for verdict in SCENARIOS[name].verdicts if not verdict.accepted]
    assert sum("file" in properties and data.split()[0] != "exempt," for _, properties, data in found) == len(
        refused_ones
    )


INJECTIONS = [
    "::set-env name=x::y",
    "x\n::error::y",
    "x\r::error::y",
    "%0A::error::y",
    "##[add-mask]secret",
    "##vso[task.setvariable variable=x]y",
    "##teamcity[x]",
    "a,line=9,file=b::c",
    "::stop-commands::x",
    "\u2028::error::y",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_value_is_never_a_command(text: str) -> None:
    hostile = Verdict(
        replace(STRANGER.artifact, project=text, version=text, filename=text),
        Decision.REJECT,
        (Reason("PV201", text, text, text, text), Reason("PV502", text)),
        origins=(Origin(text, 3), Origin(text)),
    )
    exempt = replace(hostile, decision=Decision.ACCEPT, by="exemption")
    bare = replace(hostile, decision=Decision.ACCEPT, by="hash")
    errors = (UsageError(text, expected=text, got=text, hint=text),)
    result = run(hostile, exempt, bare, errors=errors, warnings=(text,), installed=(text,))
    names = [command[0] for command in commands_in(render("github", result))]
    assert names == ["error", "error", "warning", "notice", "group", "endgroup", "group", "endgroup"]
    for _, properties, _ in annotated(result):
        assert set(properties) in ({"title"}, {"file", "line", "title"})
        assert properties.get("line", "3") == "3"


@settings(max_examples=50)
@given(RUNS)
def test_any_run_gives_our_commands_alone(result: Run) -> None:
    assert {command[0] for command in commands_in(render("github", result))} <= OURS
    assert summary(result).isascii()


def test_a_refusal_stands_at_its_line_with_all_its_parts() -> None:
    ((name, properties, data),) = annotated(run(STRANGER))
    assert name == "error"
    assert properties == {"file": "requirements.txt", "line": "3", "title": "PV201 flask@3.0.3"}
    lines = data.split("\n")
    assert lines[:2] == ["REFUSED flask-3.0.3-py3-none-any.whl", "PV201 signed, but by no trusted key"]
    assert [line.partition(":")[0] for line in lines[2:]] == ["at", "expected", "got", "next", "required by"]


def test_percent_signs_colons_and_commas_come_through() -> None:
    verdict = replace(STRANGER, origins=(Origin("a, b: 100%.txt", 5),), reasons=(Reason("PV201", "50%0A"),))
    ((_, properties, data),) = annotated(run(verdict))
    assert properties["file"] == "a, b: 100%.txt"
    assert "at: 50%0A\n" in data


def test_report_mode_warns_where_enforcing_is_an_error() -> None:
    assert [command[0] for command in annotated(SCENARIOS["report_mode"])] == ["notice", "warning", "warning"]
    assert [command[0] for command in annotated(SCENARIOS["report_mode_stopped"])] == ["notice", "error", "warning"]
    assert [command[0] for command in annotated(SCENARIOS["coverage_missed"])] == ["error", "notice"]
    assert [command[0] for command in annotated(SCENARIOS["report_mode_coverage"])] == ["notice"] + ["warning"] * 2


def test_what_has_no_line_stands_somewhere_all_the_same() -> None:
    ((_, properties, _),) = annotated(run(NO_PIN))
    assert (properties["file"], properties["line"]) == ("pip-verify.toml", "1")
    ((_, properties, data),) = annotated(run(Verdict(STRANGER.artifact, Decision.REJECT, ())))
    assert properties["title"] == "flask@3.0.3"
    assert data == "REFUSED flask-3.0.3-py3-none-any.whl"


def test_accepted_artifacts_are_folded_and_annotate_nothing() -> None:
    text = render("github", run(signed("flask-3.0.3-py3-none-any.whl"), installed=("pip 26.3",), pip_exit_code=0))
    assert text.splitlines() == [
        "::group::accepted",
        "  flask-3.0.3-py3-none-any.whl: signed by pallets",
        "::endgroup::",
        "::group::installed already and not looked at",
        "  pip 26.3",
        "::endgroup::",
        "pip-verify: 1 artifact: 1 signed, 1 already installed and not looked at",
        "pip-verify: everything was accepted (exit code 0)",
    ]


def test_an_exemption_is_a_notice_with_its_reason() -> None:
    exempt = accepted("six-1.17.0.tar.gz", "exemption", "PV002", got="unsigned upstream", expected="until 2027-05-01")
    ((name, _, data),) = annotated(run(exempt, pip_exit_code=0))
    assert name == "notice"
    assert data.split("\n") == [
        "exempt, no signature was checked: six-1.17.0.tar.gz",
        "unsigned upstream",
        "until 2027-05-01",
    ]


def test_the_last_line_counts_and_tells_the_coverage() -> None:
    *_, counts, ending = render("github", SCENARIOS["coverage_missed"]).splitlines()
    assert counts.endswith("3 not for this platform and left out; coverage 1 of 2 signed (50 %), 66.5 % asked for")
    assert ending == "pip-verify: less is signed than was asked for (exit code 10)"


# The step summary.


def rows_of(result: Run) -> list[list[str]]:
    lines = [line for line in summary(result).splitlines() if line.startswith("| ")][1:]
    return [[html.unescape(cell.strip()) for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_summary_has_a_row_for_every_artifact_refused_first() -> None:
    rows = rows_of(SCENARIOS["forty"])
    assert len(rows) == 40
    assert [row[0] for row in rows[:8]] == ["**REFUSED**"] * 5 + ["**COULD NOT REACH**", "**NOT DECIDED**", "accepted"]
    assert all(len(row) == 5 for row in rows)
    stranger = next(row for row in rows if "flask-3.0.3" in row[1])
    assert stranger[2].startswith("**PV201** signed, but by no trusted key<br>expected: a key among")
    assert stranger[3] == "requirements.txt:3"
    assert stranger[4].startswith("ask the publisher")
    exempt = next(row for row in rows if "toml-0.10.2" in row[1])
    assert exempt[2] == "exempt: unsigned upstream; until 2027-05-01"


def test_the_summary_says_how_it_ended_and_names_report_mode_first() -> None:
    head = html.unescape(summary(SCENARIOS["forty"])).splitlines()
    assert head[0] == "## pip-verify check: not everything was accepted"
    assert "coverage 31 of 40 signed (77 %), 90 % asked for" in head[2]
    assert head[4].startswith("- **warning** a key list that expired")
    assert html.unescape(summary(SCENARIOS["report_mode"])).startswith("**mode report: refusals are only reported")
    assert "everything was accepted" in summary(SCENARIOS["coverage"])
    assert "- **error** " in summary(SCENARIOS["errors"])
    assert "|" not in summary(SCENARIOS["usage_error"])


@pytest.mark.parametrize(
    "text",
    ["<script>x</script>", "a | b", "[x](https://evil.example)", "**b** _i_ `c`", "@you #1 ~x~ www.evil.example"],
)
def test_a_stranger_writes_no_markup_into_the_summary(text: str) -> None:
    shown = summary(run(refused("demo-1.0.tar.gz", Reason("PV201", "demo", text, text, text))))
    assert shown.count(text) == 0
    assert html.unescape(shown).count(text) == 3
    assert not any(secret in summary(SCENARIOS["hostile"]) for secret in SECRETS)


def test_a_refusal_without_reasons_has_a_row() -> None:
    ((what, name, why, required, following),) = rows_of(run(Verdict(STRANGER.artifact, Decision.REJECT, ())))
    assert (what, name, why, required, following) == ("**REFUSED**", "flask-3.0.3-py3-none-any.whl", "", "", "")


def test_a_summary_is_never_too_long_for_a_runner_and_says_what_it_leaves_out() -> None:
    verdict = refused("demo-1.0.tar.gz", Reason("PV201", "x", ":" * 5000, ":" * 5000, ":" * 5000))
    shown = summary(run(*[verdict] * 400))
    assert len(shown) <= MAX_SUMMARY + 100
    kept = len([line for line in shown.splitlines() if line.startswith("| **REFUSED**")])
    assert 0 < kept < 400
    assert shown.endswith(f"\nand {400 - kept} more lines, which do not fit here: see the log\n")
    assert "more lines" not in summary(SCENARIOS["many"])
