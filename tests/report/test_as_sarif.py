"""The SARIF report against the published schema, what the standard demands beyond it, and what code scanning needs."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from jsonschema import Draft4Validator, FormatChecker

from pip_verify.artifact.name import Artifact
from pip_verify.pins import Origin
from pip_verify.report import render
from pip_verify.report.as_sarif import SCHEMA
from pip_verify.verdict import CATALOGUE, Decision, Reason, Run, Verdict
from tests.report.scenarios import NO_PIN, SCENARIOS, SECRETS, STRANGER, accepted, refused, run, signed
from tests.report.test_as_json import RUNS

# The schema as OASIS publishes it (2.1.0, errata 01). It comes with a distribution of the test dependencies, as data:
# nothing of that is imported, and the digest says that it is the published file.
CARRIER, CARRIED = "linceo", "linceo/data/sarif-schema-2.1.0.json"
SHA256 = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"

FORMATS = FormatChecker(formats=())


@FormatChecker.checks(FORMATS, "uri-reference")
def is_uri_reference(value: object) -> bool:
    """RFC 3986 section 4.1, as far as it matters here: characters, escapes, and no colon in a first segment."""
    text = str(value)
    plain = re.fullmatch(r"(?:[A-Za-z0-9._~:/?#@!$&'()*+,;=\[\]-]|%[0-9A-F]{2})*", text)
    return plain is not None and (":" not in text.split("/", maxsplit=1)[0] or is_uri(text))


@FormatChecker.checks(FORMATS, "uri")
def is_uri(value: object) -> bool:
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]", str(value)) is not None


@cache
def validator() -> Draft4Validator:
    try:
        path = importlib.metadata.distribution(CARRIER).locate_file(CARRIED)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{CARRIER}, which carries the SARIF schema, is not installed (it needs Python 3.11)")
    data = Path(str(path)).read_bytes()
    assert hashlib.sha256(data).hexdigest() == SHA256
    return Draft4Validator(json.loads(data), format_checker=FORMATS)


def run_of(result: Run) -> dict[str, Any]:
    text = render("sarif", result)
    assert text.isascii()
    log = json.loads(text)
    assert (log["$schema"], log["version"]) == (SCHEMA, "2.1.0")
    (found,) = log["runs"]
    assert isinstance(found, dict)
    return found


def result_of(verdict: Verdict, **more: Any) -> dict[str, Any]:
    (found,) = run_of(run(verdict, **more))["results"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_published_schema_holds(name: str) -> None:
    validator().validate(json.loads(render("sarif", SCENARIOS[name])))


@settings(max_examples=25)
@given(RUNS)
def test_the_published_schema_holds_for_any_run(result: Run) -> None:
    validator().validate(json.loads(render("sarif", result)))


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2.0.0"},
        {"runs": [{}]},
        {"runs": [{"tool": {"driver": {"name": "x", "rules": [{"id": "PV1", "helpUri": "docs/reasons.md#pv1"}]}}}]},
        {"more": 1},
    ],
)
def test_the_schema_test_sees_what_it_is_for(change: dict[str, Any]) -> None:
    assert not validator().is_valid(json.loads(render("sarif", SCENARIOS["refused"])) | change)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_result_has_what_code_scanning_needs(name: str) -> None:
    result, found = SCENARIOS[name], run_of(SCENARIOS[name])
    rules = found["tool"]["driver"]["rules"]
    wanted = [verdict for verdict in result.verdicts if not verdict.accepted or verdict.by == "exemption"]
    assert len(found["results"]) == len(wanted)
    for item in found["results"]:
        assert rules[item["ruleIndex"]]["id"] == item["ruleId"]
        assert item["message"]["text"]
        (location,) = item["locations"]
        where = location["physicalLocation"]
        assert where["region"]["startLine"] >= 1
        assert where["artifactLocation"]["uri"]
        assert item["partialFingerprints"]["primaryLocationLineHash"]
        assert (
            "kind" not in item
        )  # "fail" is the default; any other demands the level "none", and is shown all the same
        target = found["artifacts"][item["analysisTarget"]["index"]]
        assert target["location"]["uri"] == item["analysisTarget"]["uri"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_there_is_one_rule_for_every_code_that_occurs(name: str) -> None:
    rules = run_of(SCENARIOS[name])["tool"]["driver"]["rules"]
    codes = [rule["id"] for rule in rules]
    assert codes == sorted({reason.id for verdict in SCENARIOS[name].verdicts for reason in verdict.reasons})
    for rule in rules:
        assert rule["shortDescription"]["text"] == CATALOGUE[rule["id"]].help
        assert rule["defaultConfiguration"]["level"] == ("error" if CATALOGUE[rule["id"]].exit_code else "note")


def test_a_help_link_is_absolute_and_names_an_anchor_of_the_page() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reasons.md").read_text("utf-8")
    anchors = {heading.lower() for heading in re.findall(r"^## (PV\d+)$", page, re.MULTILINE)}
    rules = run_of(SCENARIOS["several_kinds"])["tool"]["driver"]["rules"]
    assert len(rules) == 7
    for rule in rules:
        link = urlsplit(rule["helpUri"])
        assert link.scheme
        assert link.path.endswith("reasons")
        assert link.fragment in anchors


# Where.


def location_of(item: dict[str, Any]) -> tuple[str, str | None, int]:
    where = item["locations"][0]["physicalLocation"]
    return (
        where["artifactLocation"]["uri"],
        where["artifactLocation"].get("uriBaseId"),
        where["region"]["startLine"],
    )


@pytest.mark.parametrize(
    ("file", "uri", "base"),
    [
        ("requirements.txt", "requirements.txt", "%SRCROOT%"),
        ("./ci/all of it.txt", "ci/all%20of%20it.txt", "%SRCROOT%"),
        ("../Grüße#1?.txt", "../Gr%C3%BC%C3%9Fe%231%3F.txt", "%SRCROOT%"),
        ("C:x.txt", "C%3Ax.txt", "%SRCROOT%"),
        ("/srv/a b/pip-verify.toml", "file:///srv/a%20b/pip-verify.toml", None),
    ],
)
def test_the_location_is_the_file_and_line_of_the_requirement(file: str, uri: str, base: str | None) -> None:
    assert location_of(result_of(replace(STRANGER, origins=(Origin(file, 7),)))) == (uri, base, 7)


def test_a_line_that_requires_comes_before_one_that_pins() -> None:
    lines = (Origin("a/pip-verify.toml", 2), Origin("pyproject.toml", 3), Origin("pip-verify.lock", 4))
    item = result_of(replace(STRANGER, origins=(*lines, Origin("uv.lock", 5), Origin("uv.lock", 5))))
    assert location_of(item) == ("uv.lock", "%SRCROOT%", 5)
    related = [place["physicalLocation"]["artifactLocation"]["uri"] for place in item["relatedLocations"]]
    assert related == ["a/pip-verify.toml", "pyproject.toml", "pip-verify.lock"]
    assert [place["id"] for place in item["relatedLocations"]] == [1, 2, 3]


@pytest.mark.parametrize(
    "origins", [(), (Origin("<command line>"),), (Origin("https://keys.example/requirements.txt", 3),)]
)
def test_what_has_no_line_here_stands_at_the_first_file_of_the_run_else_at_the_trust_file(
    origins: tuple[Origin, ...],
) -> None:
    alone = replace(NO_PIN, origins=origins)
    assert location_of(result_of(alone)) == ("pip-verify.toml", "%SRCROOT%", 1)
    results = run_of(run(alone, STRANGER))["results"]
    assert [location_of(item)[::2] for item in results] == [("requirements.txt", 3), ("requirements.txt", 1)]


def test_the_package_is_a_logical_location() -> None:
    assert result_of(STRANGER)["locations"][0]["logicalLocations"] == [
        {"name": "flask", "fullyQualifiedName": "flask@3.0.3", "kind": "package"}
    ]
    nameless = replace(STRANGER, artifact=Artifact("", "", "odd.zip", "sdist"))
    assert result_of(nameless)["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "odd.zip"


# What.


def test_levels_follow_the_decision_and_the_mode() -> None:
    exempt = accepted("six-1.17.0.tar.gz", "exemption", "PV002", got="unsigned upstream")
    unreached = SCENARIOS["unreached"].verdicts[-1]
    enforced = run(STRANGER, unreached, exempt)
    assert [item["level"] for item in run_of(enforced)["results"]] == ["error", "error", "note"]
    reported = run(STRANGER, unreached, exempt, mode="report")
    assert [item["level"] for item in run_of(reported)["results"]] == ["warning", "warning", "note"]


def test_accepted_artifacts_are_no_results_but_are_not_left_out() -> None:
    found = run_of(run(signed("flask-3.0.3-py3-none-any.whl"), pip_exit_code=0))
    assert found["results"] == []
    (item,) = found["artifacts"]
    assert item["location"]["uri"] == "flask-3.0.3-py3-none-any.whl"
    assert item["roles"] == ["analysisTarget"]
    assert re.fullmatch("[0-9a-f]{64}", item["hashes"]["sha-256"])
    assert item["properties"]["accepted_by"] == "signature"
    assert item["properties"]["publishers"] == ["pallets"]


def test_the_message_says_what_was_expected_what_came_and_what_to_do() -> None:
    lines = result_of(STRANGER)["message"]["text"].splitlines()
    assert lines[0] == "REFUSED flask-3.0.3-py3-none-any.whl"
    assert lines[1] == "PV201 signed, but by no trusted key"
    assert [line.partition(":")[0] for line in lines[2:6]] == ["at", "expected", "got", "next"]
    assert lines[6] == "required by requirements.txt:3"
    several = result_of(SCENARIOS["several_kinds"].verdicts[4])["message"]["text"]
    assert several.count("also PV502 a place of evidence could not be reached: https://keys.example/") == 5
    unknown = result_of(SCENARIOS["unreached"].verdicts[-1])["message"]["text"]
    assert unknown.startswith("COULD NOT REACH jinja2-3.1.4-py3-none-any.whl: whether it is signed is not known\n")


def test_a_stranger_makes_neither_a_link_nor_a_placeholder_in_a_message() -> None:
    text = "[click here](https://evil.example/x) {0} {12} {project} [a]"
    message = result_of(refused("demo-1.0.tar.gz", Reason("PV201", text)))["message"]["text"]
    assert "at: [click here] (https://evil.example/x) { 0} { 12} {project} [a]\n" in message
    assert "](" not in message
    assert not re.search(r"\{\d+\}", message)


def test_a_refusal_without_reasons_is_still_a_result() -> None:
    found = run_of(run(Verdict(STRANGER.artifact, Decision.REJECT, ())))
    assert [item["ruleId"] for item in found["results"]] == ["unstated"]
    assert [rule["id"] for rule in found["tool"]["driver"]["rules"]] == ["unstated"]


# Fingerprints.


def test_fingerprints_stay_when_lines_move_and_differ_between_artifacts() -> None:
    first = result_of(STRANGER)["partialFingerprints"]
    assert result_of(replace(STRANGER, origins=(Origin("other.txt", 99),)))["partialFingerprints"] == first
    assert (
        result_of(replace(STRANGER, reasons=(replace(STRANGER.reasons[0], got="x"),)))["partialFingerprints"] == first
    )
    others = [
        replace(STRANGER, artifact=replace(STRANGER.artifact, filename="flask-3.0.3.tar.gz")),
        replace(STRANGER, artifact=replace(STRANGER.artifact, version="3.0.4")),
        replace(STRANGER, reasons=(Reason("PV202", "x"),)),
    ]
    assert len({first["primaryLocationLineHash"], *(fingerprint(verdict) for verdict in others)}) == 4
    assert (
        first["primaryLocationLineHash"]
        == hashlib.sha256(b"PV201:flask:3.0.3:flask-3.0.3-py3-none-any.whl").hexdigest()
    )


def fingerprint(verdict: Verdict) -> str:
    return str(result_of(verdict)["partialFingerprints"]["primaryLocationLineHash"])


# The run.


def invocation_of(name: str) -> dict[str, Any]:
    (found,) = run_of(SCENARIOS[name])["invocations"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("name", "successful"),
    [
        ("accepted", True),
        ("refused", True),
        ("unreached", True),
        ("report_mode", True),
        ("coverage_missed", True),
        ("errors", False),
        ("usage_error", False),
        ("pip_failed", False),
    ],
)
def test_an_invocation_succeeded_when_it_came_to_verdicts(name: str, successful: bool) -> None:  # noqa: FBT001
    found = invocation_of(name)
    assert found["executionSuccessful"] is successful
    assert found["exitCode"] == SCENARIOS[name].exit_code
    assert found["exitCodeDescription"]


def test_what_stopped_the_run_and_warnings_are_notifications() -> None:
    told = invocation_of("errors")["toolExecutionNotifications"]
    assert [note["level"] for note in told] == ["error"] * 4 + ["warning"]
    assert told[0]["message"]["text"] == "requirements.txt:3\nexpected: a name\ngot: 'flask>='\nnext: flask>=3"
    assert told[3]["message"]["text"] == "pip-verify has a fault\ngot: KeyError: 'x'"
    (missed,) = invocation_of("coverage_missed")["toolExecutionNotifications"]
    assert missed["message"]["text"] == "coverage 1 of 2 signed (50 %), 66.5 % asked for"
    assert invocation_of("coverage")["toolExecutionNotifications"] == []


def test_the_run_says_its_mode_and_its_figures() -> None:
    found = run_of(SCENARIOS["coverage"])
    assert found["automationDetails"]["id"] == "pip-verify/check/"
    assert found["automationDetails"]["description"]["text"].startswith("mode enforce")
    figures = found["properties"]
    assert (figures["mode"], figures["signed"], figures["min_coverage"]) == ("enforce", 41, 90)
    assert figures["coverage"] == pytest.approx(93.181818)
    mode = run_of(SCENARIOS["report_mode"])
    assert mode["automationDetails"]["description"]["text"].startswith("mode report")
    assert mode["properties"]["mode"] == "report"


def test_no_secret_is_in_it() -> None:
    text = render("sarif", SCENARIOS["hostile"])
    assert not any(secret in text or secret in unquote(text) for secret in SECRETS)
    assert "\\u001b" not in text
