"""The JSON report against its schema and its page, and what holds beside both."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pip_verify import __version__
from pip_verify.artifact.name import Artifact
from pip_verify.encoding import json_object
from pip_verify.errors import SourceError
from pip_verify.evidence import Place
from pip_verify.pins import Origin
from pip_verify.report import render
from pip_verify.verdict import CATALOGUE, Decision, Looked, Reason, Run, Verdict
from tests.report.scenarios import ALICE, SCENARIOS, SECRETS, STRANGER, accepted, artifact, run, signed

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCHEMA: dict[str, Any] = json.loads((DOCS / "report-schema.json").read_text("utf-8"))
PAGE = (DOCS / "report.md").read_text("utf-8")


def closed(schema: Any) -> Any:
    """The schema as it would be if no member might be added: none may be missing from it now."""
    if isinstance(schema, dict):
        inner = {name: closed(value) for name, value in schema.items()}
        return (
            inner | {"additionalProperties": False}
            if "properties" in schema and schema.get("type") == "object"
            else inner
        )
    return [closed(value) for value in schema] if isinstance(schema, list) else schema


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            yield schema
        for value in schema.values():
            yield from objects(value)


VALIDATOR = Draft202012Validator(closed(SCHEMA))


def document_of(result: Run) -> dict[str, Any]:
    """The report, read by the strict reader and held against the schema."""
    document = json_object(render("json", result).encode("ascii"), "report", max_bytes=10_000_000)
    VALIDATOR.validate(document)
    return document


def test_the_schema_is_one_and_demands_every_member_but_the_exceptional() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    described = list(objects(SCHEMA))
    assert len(described) == 14
    for schema in described:
        assert set(schema["properties"]) - set(schema["required"]) <= {"unstated"}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_report_is_as_its_schema_says(name: str) -> None:
    document = document_of(SCENARIOS[name])
    assert document["schema"] == "pip-verify-report/1"
    assert document["tool"] == {"name": "pip-verify", "version": __version__}


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "pip-verify-report/2"},
        {"artifacts": [{}]},
        {"more": 1},
        {"warnings": [1]},
        {"exit_code": "11"},
        {"counts": {}},
    ],
)
def test_the_schema_refuses_what_is_no_report(change: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(document_of(SCENARIOS["refused"]) | change)


def test_the_open_schema_lets_later_members_pass() -> None:
    assert Draft202012Validator(SCHEMA).is_valid(document_of(SCENARIOS["refused"]) | {"more": 1})


@pytest.mark.parametrize("name", SCENARIOS)
def test_members_stand_in_the_same_order_each_time(name: str) -> None:
    assert list(document_of(SCENARIOS[name])) == list(document_of(SCENARIOS["accepted"])) == SCHEMA["required"]
    for item in document_of(SCENARIOS[name])["artifacts"]:
        assert list(item) == SCHEMA["$defs"]["artifact"]["required"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_counts_add_up(name: str) -> None:
    result, document = SCENARIOS[name], document_of(SCENARIOS[name])
    counts = document["counts"]
    assert counts["artifacts"] == len(document["artifacts"]) == len(result.verdicts)
    assert counts["accepted"] + counts["refused"] + counts["undecided"] == counts["artifacts"]
    assert sum(counts["accepted_by"].values()) == counts["accepted"]
    ways = counts["accepted_by"]
    assert ways["signature"] + ways["first-use"] == document["signed"] == result.signed
    assert sum(entry["artifacts"] for entry in counts["signers"]) == document["signed"]
    assert sum(entry["artifacts"] for entry in counts["places"]) == document["signed"]
    assert counts["not_looked_at"] == len(document["not_looked_at"]) == len(result.installed)


def test_a_verdict_is_told_whole() -> None:
    (found,) = document_of(run(replace(STRANGER, keys=(ALICE,), publishers=("pallets",))))["artifacts"]
    assert found["project"] == "flask"
    assert found["version"] == "3.0.3"
    assert found["sha256"] == STRANGER.artifact.sha256
    assert (found["decision"], found["exit_code"], found["accepted_by"]) == ("reject", 11, None)
    assert found["keys"] == [{"key": ALICE.text, "thumbprint": ALICE.thumbprint}]
    assert found["publishers"] == ["pallets"]
    assert found["origins"] == [{"file": "requirements.txt", "line": 3}]
    assert found["looked"][0]["outcome"] == "PV201"
    assert found["seconds"] == 0.5
    reason = found["reasons"][0]
    assert (reason["id"], reason["help"], reason["exit_code"]) == ("PV201", CATALOGUE["PV201"].help, 11)
    assert [reason[part] for part in ("subject", "expected", "got", "hint")] == [
        getattr(STRANGER.reasons[0], part) for part in ("subject", "expected", "got", "hint")
    ]


def test_mode_and_coverage_are_told() -> None:
    document = document_of(SCENARIOS["report_mode"])
    assert list(document)[:2] == ["schema", "mode"]
    assert (document["mode"], document["min_coverage"]) == ("report", None)
    document = document_of(SCENARIOS["coverage"])
    assert (document["mode"], document["signed"], document["min_coverage"]) == ("enforce", 41, 90)
    assert document["coverage"] == 93.181818


def test_the_format_of_the_proof_is_told() -> None:
    documents = [document_of(run(verdict, pip_exit_code=0)) for verdict in (signed("x-1.0.tar.gz"), STRANGER)]
    assert [document["artifacts"][0]["evidence"] for document in documents] == ["release-statement", None]


def test_an_origin_without_a_line_has_none() -> None:
    (found,) = document_of(run(replace(STRANGER, origins=(Origin("<command line>"),))))["artifacts"]
    assert found["origins"] == [{"file": "<command line>", "line": None}]


def test_an_acceptance_that_states_nothing_is_not_hidden() -> None:
    bare = Verdict(artifact("x-1.0.tar.gz"), Decision.ACCEPT, (), by="signature")
    document = document_of(run(accepted("demo-1.0.tar.gz", "magic", "PV001"), bare, pip_exit_code=0))
    assert document["counts"]["accepted_by"]["unstated"] == 1
    assert document["counts"]["places"] == [{"kind": None, "artifacts": 1}]
    assert document["artifacts"][0]["accepted_by"] == "unstated"


def test_errors_name_the_family_they_are_of() -> None:
    families = [error["family"] for error in document_of(SCENARIOS["errors"])["errors"]]
    assert families == ["usage", "source", "evidence", "internal"]


def test_what_was_installed_already_is_name_and_version() -> None:
    document = document_of(run(installed=("flask 3.0.3", "odd"), pip_exit_code=0))
    assert document["not_looked_at"] == [{"project": "flask", "version": "3.0.3"}, {"project": "odd", "version": ""}]


def test_no_secret_and_no_raw_control_character_is_in_it() -> None:
    text = render("json", SCENARIOS["hostile"])
    assert not any(secret in text for secret in SECRETS)
    assert text.isascii()
    assert text.replace("\n", "").isprintable()


def test_what_a_parser_gives_back_is_what_was_there() -> None:
    (found,) = document_of(run(replace(STRANGER, origins=(Origin("Grüße\x1b\x7f.txt", 1),))))["artifacts"]
    assert found["origins"][0]["file"] == "Grüße\x1b\x7f.txt"


def test_a_report_does_not_depend_on_which_download_was_quicker() -> None:
    verdicts = [STRANGER, signed("b-1.0.tar.gz"), signed("a-1.0.tar.gz")]
    assert render("json", run(*verdicts)) == render("json", run(*reversed(verdicts)))


HOSTILE = st.text(max_size=20) | st.sampled_from(["\x1b[2J", "\u202e", "\udcff", "https://u:p@h/?q"])
PLACES = st.builds(Place, st.sampled_from(["statements-dir", "beside", "in-wheel", "releases", "url"]), HOSTILE)
VERDICTS = st.builds(
    Verdict,
    st.builds(
        Artifact, HOSTILE, HOSTILE, HOSTILE, st.sampled_from(["wheel", "sdist", "file", "directory", "vcs"]), st.none()
    ),
    st.sampled_from(Decision),
    st.lists(st.builds(Reason, st.sampled_from(sorted(CATALOGUE)), HOSTILE, HOSTILE, HOSTILE, HOSTILE), max_size=3).map(
        tuple
    ),
    keys=st.sampled_from([(), (ALICE,)]),
    publishers=st.lists(HOSTILE, max_size=2).map(tuple),
    place=st.none() | PLACES,
    origins=st.lists(st.builds(Origin, HOSTILE, st.integers(0, 9)), max_size=2).map(tuple),
    looked=st.lists(st.builds(Looked, PLACES, HOSTILE), max_size=2).map(tuple),
    evidence=st.sampled_from(["", "in-wheel"]),
    by=st.sampled_from(["signature", "first-use", "exemption", "hash", "built", "local", "vcs", ""]),
)
RUNS = st.builds(
    Run,
    HOSTILE,
    st.lists(VERDICTS, max_size=4).map(tuple),
    st.integers(0, 14),
    installed=st.lists(HOSTILE, max_size=2).map(tuple),
    warnings=st.lists(HOSTILE, max_size=2).map(tuple),
    errors=st.lists(st.builds(SourceError, HOSTILE, expected=HOSTILE), max_size=2).map(tuple),
    pip_exit_code=st.none() | st.integers(0, 2),
    mode=st.sampled_from(["enforce", "report"]),
    min_coverage=st.none() | st.floats(0, 100),
)


@settings(max_examples=50)
@given(RUNS, st.booleans())
def test_any_run_can_be_reported(result: Run, verbose: bool) -> None:  # noqa: FBT001
    document = document_of(result)
    assert sum(document["counts"]["accepted_by"].values()) == sum(verdict.accepted for verdict in result.verdicts)
    text = render("text", result, verbose=verbose)
    assert all(line.isprintable() for line in text.removesuffix("\n").split("\n"))


def test_the_page_describes_every_member() -> None:
    members = {name for schema in objects(SCHEMA) for name in schema["properties"]}
    undescribed = {name for name in members if f"`{name}`" not in PAGE}
    assert undescribed == set()


def test_the_page_names_every_value_of_a_closed_choice() -> None:
    choices = [name for part in SCHEMA["$defs"].values() for name in part.get("enum", ())]
    choices += SCHEMA["$defs"]["artifact"]["properties"]["kind"]["enum"]
    choices += SCHEMA["$defs"]["artifact"]["properties"]["decision"]["enum"]
    choices += SCHEMA["$defs"]["artifact"]["properties"]["evidence"]["anyOf"][0]["enum"]
    choices += SCHEMA["properties"]["mode"]["enum"]
    choices += SCHEMA["$defs"]["error"]["properties"]["family"]["enum"]
    assert [name for name in choices if f"`{name}`" not in PAGE] == []


def test_the_page_shows_a_real_report() -> None:
    (example,) = re.findall(r"^```json\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    shown = json.loads(example)
    assert shown.pop("tool")["name"] == "pip-verify"
    expected = json.loads(render("json", SCENARIOS["verify"]))
    del expected["tool"]
    assert shown == expected
