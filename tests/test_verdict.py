"""Verdicts, reasons and pins: data, and the one way to an exit code."""

from __future__ import annotations

import re

import pytest

from pip_verify.artifact.name import Artifact
from pip_verify.errors import SourceError
from pip_verify.pins import InlinePin, Origin, Pin
from pip_verify.verdict import CATALOGUE, EXIT_PRECEDENCE, Decision, Reason, Verdict, exit_code

DEMO = Artifact("demo", "1.0", "demo-1.0.tar.gz", "sdist")


def test_every_reason_leads_to_an_exit_code_of_the_contract() -> None:
    assert all(re.fullmatch(r"PV[0-9]{3}", code) for code in CATALOGUE)
    assert {kind.exit_code for kind in CATALOGUE.values()} == {0, *EXIT_PRECEDENCE}
    by_family = {"PV0": 0, "PV1": 10, "PV2": 11, "PV3": 12, "PV4": 13, "PV5": 14}
    assert all(kind.exit_code == by_family[code[:3]] for code, kind in CATALOGUE.items())


def test_every_reason_has_its_own_words() -> None:
    assert len({kind.help for kind in CATALOGUE.values()}) == len(CATALOGUE)
    assert Reason("PV401", "x").help == "signed by a revoked key"
    assert Reason("PV401", "x").exit_code == 13


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], 0),
        ([0, 0], 0),
        ([14, 0], 14),
        ([14, 10], 10),
        ([14, 10, 11], 11),
        ([14, 10, 11, 13], 13),
        ([14, 10, 11, 13, 12], 12),
    ],
)
def test_several_kinds_of_refusal_have_one_exit_code(codes: list[int], expected: int) -> None:
    assert exit_code(codes) == expected
    assert exit_code(reversed(codes)) == expected


def test_an_accepted_artifact_exits_with_zero() -> None:
    verdict = Verdict(DEMO, Decision.ACCEPT, (Reason("PV001", "x"),))
    assert (verdict.accepted, verdict.exit_code) == (True, 0)


@pytest.mark.parametrize("decision", [Decision.REJECT, Decision.UNDECIDED])
def test_a_refusal_exits_by_its_first_reason(decision: Decision) -> None:
    verdict = Verdict(DEMO, decision, (Reason("PV201", "x"), Reason("PV301", "x")))
    assert (verdict.accepted, verdict.exit_code) == (False, 11)


@pytest.mark.parametrize("reasons", [(), (Reason("PV001", "x"),)])
def test_a_refusal_without_a_reason_for_it_still_fails(reasons: tuple[Reason, ...]) -> None:
    assert Verdict(DEMO, Decision.REJECT, reasons).exit_code == 12


def test_an_origin_names_file_and_line() -> None:
    assert str(Origin("demo.txt", 3)) == "demo.txt:3"
    assert str(Origin("<command line>")) == "<command line>"


def test_a_pin_demands_one_key_and_knows_where_it_stands() -> None:
    assert (Pin().threshold, str(Pin().origin), str(InlinePin().origin)) == (1, "<unknown>", "<unknown>")


def test_a_reason_of_an_error_has_all_of_its_parts() -> None:
    error = SourceError("https://keys.example/", expected="an answer", got="none", hint="try again")
    assert Reason.of("PV502", error) == Reason("PV502", "https://keys.example/", "an answer", "none", "try again")
