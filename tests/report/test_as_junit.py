"""The JUnit report against the shape that readers of JUnit agree on (Jenkins' junit-10.xsd), and against attackers."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings

from pip_verify.errors import UsageError
from pip_verify.report import render
from pip_verify.verdict import Decision, Reason, Run, Verdict
from tests.report.scenarios import NOTHING_FOUND, SCENARIOS, SECRETS, STRANGER, accepted, refused, run, signed
from tests.report.test_as_json import RUNS

# Of each element: its children, the attributes it must have, and those it may have besides.
SHAPE: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": ({"testsuite"}, set(), {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"properties", "testcase", "system-out", "system-err"},
        {"name", "tests", "failures", "errors"},
        {"time", "skipped"},
    ),
    "properties": ({"property"}, set(), set()),
    "property": (set(), {"name", "value"}, set()),
    "testcase": ({"skipped", "error", "failure", "system-out", "system-err"}, {"name"}, {"classname", "time"}),
    "failure": (set(), set(), {"type", "message"}),
    "error": (set(), set(), {"type", "message"}),
    "skipped": (set(), set(), {"message"}),
    "system-out": (set(), set(), set()),
    "system-err": (set(), set(), set()),
}
TIME_RE = re.compile(r"[0-9]+\.[0-9]{3}")


def suite_of(result: Run) -> ET.Element:
    """The one suite, its shape and its counts checked."""
    root = ET.fromstring(render("junit", result))  # noqa: S314  our own
    assert root.tag == "testsuites"
    for element in root.iter():
        children, required, optional = SHAPE[element.tag]
        assert {child.tag for child in element} <= children
        assert required <= set(element.attrib) <= required | optional
        assert TIME_RE.fullmatch(element.get("time", "0.000"))
    (suite,) = root
    cases = list(suite.iter("testcase"))
    assert all(len(list(case)) == 1 for case in cases)
    kinds = Counter(case[0].tag for case in cases)
    expected = {"tests": len(cases), "failures": kinds["failure"], "errors": kinds["error"]}
    assert {name: int(suite.attrib[name]) for name in expected} == expected
    assert {name: int(root.attrib[name]) for name in expected} == expected
    assert int(suite.attrib["skipped"]) == kinds["skipped"]
    return suite


def case_of(verdict: Verdict) -> ET.Element:
    (case,) = suite_of(run(verdict)).iter("testcase")
    return case


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_shape_holds_and_only_printable_text_is_in_it(name: str) -> None:
    suite_of(SCENARIOS[name])
    text = render("junit", SCENARIOS[name])
    assert text.replace("\n", "").isprintable()
    assert not any(secret in text for secret in SECRETS)


@settings(max_examples=50)
@given(RUNS)
def test_any_run_is_well_formed_xml(result: Run) -> None:
    suite_of(result)


@pytest.mark.parametrize("text", ["\x00\x08\x1b\x7f", "\ufffe\uffff", "\udcff", "\x85\u2028", "\t\r"])
def test_characters_that_xml_forbids_are_replaced(text: str) -> None:
    case = case_of(refused("demo-1.0.tar.gz", Reason("PV201", text, text, text, text)))
    assert text not in str(case[0].text)
    assert "\\" in str(case[0].text)


def test_markup_is_text() -> None:
    text = "\"'<failure/>&amp;]]><![CDATA[x"
    case = case_of(refused("demo-1.0.tar.gz", Reason("PV201", text)))
    assert f"at: {text}\n" in str(case[0].text)
    errors = suite_of(run(errors=(UsageError(text, got=text, hint=text),)))
    assert errors.find("testcase").get("name") == text  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("verdict", "tag", "code", "message"),
    [
        (STRANGER, "failure", "PV201", "REFUSED: signed, but by no trusted key"),
        (SCENARIOS["unreached"].verdicts[2], "error", "PV501", "COULD NOT REACH: whether it is signed is not known"),
        (SCENARIOS["unreached"].verdicts[1], "error", "PV503", "NOT DECIDED: only its bytes can tell, and they did"),
        (Verdict(STRANGER.artifact, Decision.REJECT, ()), "failure", "", "REFUSED: no reason stated"),
    ],
)
def test_what_was_refused_fails_and_what_is_not_decided_is_an_error(
    verdict: Verdict, tag: str, code: str, message: str
) -> None:
    case = case_of(verdict)
    assert case[0].tag == tag
    assert case[0].get("type") == code
    assert str(case[0].get("message")).startswith(message)


def test_a_failure_says_who_requires_it_what_came_where_was_looked_and_what_to_do() -> None:
    lines = str(case_of(NOTHING_FOUND)[0].text).splitlines()
    assert lines[0] == "required by: requirements.txt:3, pip-verify.toml:12"
    assert lines[1] == "PV102 no signature was found at any place"
    assert lines[2:6] == [
        "  at: click-8.1.7-py3-none-any.whl",
        "  expected: a signature by a key",
        "  got: none",
        "  next: ask for one",
    ]
    assert lines[6] == "looked: statements directory statements/click/8.1.7.jws: nothing"


def test_an_exemption_is_skipped_and_says_why() -> None:
    exempt = accepted("six-1.17.0.tar.gz", "exemption", "PV002", got="unsigned upstream", expected="until 2027-05-01")
    message = "exempt, no signature was checked: unsigned upstream; until 2027-05-01"
    assert case_of(exempt)[0].attrib == {"message": message}


def test_an_accepted_artifact_passes_and_says_how() -> None:
    case = case_of(signed("flask-3.0.3-py3-none-any.whl"))
    assert (case.get("name"), case.get("classname")) == ("flask-3.0.3-py3-none-any.whl", "flask@3.0.3")
    assert (case[0].tag, case[0].text) == ("system-out", "accepted: signed by pallets")
    first = case_of(replace(signed("flask-3.0.3-py3-none-any.whl"), by="first-use"))
    assert first[0].text == "accepted: signed by pallets, recorded at this first use"


def test_what_went_wrong_beside_artifacts_is_a_case_of_its_own() -> None:
    errors = list(suite_of(SCENARIOS["errors"]).iter("testcase"))
    assert [case[0].tag for case in errors] == ["error"] * 4
    assert errors[0][0].text == "expected: a name\ngot: 'flask>='\nnext: flask>=3"
    (missed, *_) = suite_of(SCENARIOS["coverage_missed"]).iter("testcase")
    assert (missed.get("name"), missed[0].tag) == ("coverage", "failure")
    assert "66.5 % asked for" in str(missed[0].text)


def test_the_run_is_told_in_properties_and_notes() -> None:
    suite = suite_of(SCENARIOS["forty"])
    told = {item.get("name"): item.get("value") for item in suite.iter("property")}
    assert told["mode"] == "enforce"
    assert (told["exit_code"], told["signed"], told["coverage"]) == ("12", "31", "77.50")
    assert (told["min_coverage"], told["not_looked_at"]) == ("90", "2")
    assert "not looked at: pip 26.3\n" in str(suite.findtext("system-out"))
    assert str(suite.findtext("system-err")).startswith("WARNING a key list that expired")
    assert suite.get("name") == "pip-verify check"
    assert "min_coverage" not in render("junit", SCENARIOS["refused"])
