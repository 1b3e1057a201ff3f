"""The report for people: the properties that hold beside the snapshots."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from pip_verify.artifact.name import Artifact
from pip_verify.report import render
from pip_verify.report.text import MAX_IN_FULL
from pip_verify.verdict import Decision, Looked, Reason, Run, Verdict
from tests.report.scenarios import (
    ALICE,
    BOB,
    BYTES_MISSING,
    LIST_UNREACHED,
    NO_PIN,
    NOTHING_FOUND,
    SCENARIOS,
    SECRETS,
    STRANGER,
    accepted,
    artifact,
    place,
    refused,
    run,
    signed,
)


def text_of(result: Run, *, color: bool = False, verbose: bool = False) -> str:
    return render("text", result, color=color, verbose=verbose)


def lines_with(needle: str, report: str) -> list[str]:
    return [line for line in report.splitlines() if needle in line]


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("verbose", [False, True])
def test_a_report_is_printable_lines_and_tells_no_secret(name: str, verbose: bool) -> None:  # noqa: FBT001
    report = text_of(SCENARIOS[name], verbose=verbose)
    assert report.endswith("\n")
    assert all(line.isprintable() for line in report.removesuffix("\n").split("\n"))
    assert not any(secret in report for secret in SECRETS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_nobody_can_write_a_line_of_ours(name: str) -> None:
    report = text_of(SCENARIOS[name])
    words = r"REFUSED|COULD NOT REACH|NOT DECIDED|ERROR|WARNING|exempt|\d+ artifacts?[:;]|not looked at:|[a-z ]+\(exit"
    words += r"|mode report: |coverage \d+ of \d+ signed"
    ours = f"pip-verify: ({words})"
    theirs = r"  (PV[0-9]{3} |required by: |(at|expected|got|looked|also|next):)"
    assert all(re.match(f"{ours}|{theirs}", line) for line in report.splitlines())


@pytest.mark.parametrize("name", SCENARIOS)
def test_there_is_one_summary_and_it_leaves_no_artifact_out(name: str) -> None:
    result = SCENARIOS[name]
    (summary,) = re.findall(
        r"^pip-verify: ([0-9]+) artifacts?(: .*)?; ([0-9]+) already installed", text_of(result), re.MULTILINE
    )
    total, parts, installed = summary
    counts = re.findall(r"(?:: |, )([0-9]+) ", re.sub(r"\([^)]*\)", "", parts))
    assert int(total) == len(result.verdicts) == sum(map(int, counts))
    assert int(installed) == len(result.installed)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_refused_artifact_is_named(name: str) -> None:
    result = SCENARIOS[name]
    headlines = re.findall(r"^pip-verify: (?:REFUSED|COULD NOT REACH|NOT DECIDED)", text_of(result), re.MULTILINE)
    assert len(headlines) == sum(not verdict.accepted for verdict in result.verdicts)


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("verbose", [False, True])
def test_colour_changes_nothing_but_colour(name: str, verbose: bool) -> None:  # noqa: FBT001
    result = SCENARIOS[name]
    plain, coloured = text_of(result, verbose=verbose), text_of(result, color=True, verbose=verbose)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    assert coloured.count("\x1b[0m") * 2 == coloured.count("\x1b")


def test_refusals_and_warnings_are_coloured() -> None:
    coloured = text_of(run(STRANGER, LIST_UNREACHED, warnings=("stale",)), color=True)
    assert "\x1b[1;31mREFUSED\x1b[0m flask" in coloured
    assert "\x1b[1;33mCOULD NOT REACH\x1b[0m" in coloured
    assert "\x1b[1;33mWARNING\x1b[0m stale" in coloured


def test_the_most_telling_refusal_comes_first_whatever_came_first() -> None:
    good = signed("werkzeug-3.0.4-py3-none-any.whl")
    report = text_of(run(LIST_UNREACHED, NO_PIN, good, STRANGER))
    assert re.findall(r"^  (PV\d+)", report, re.MULTILINE) == ["PV201", "PV101", "PV501"]
    assert text_of(run(STRANGER, good, NO_PIN, LIST_UNREACHED)) == report


def test_a_refusal_states_who_requires_it_what_was_found_and_what_to_do() -> None:
    assert text_of(run(STRANGER)).splitlines()[:7] == [
        "pip-verify: REFUSED flask-3.0.3-py3-none-any.whl",
        "  PV201 signed, but by no trusted key",
        "  required by: requirements.txt:3",
        "  at:       https://keys.example/releases/flask/3.0.3.jws",
        f"  expected: {STRANGER.reasons[0].expected}",
        f"  got:      {STRANGER.reasons[0].got}",
        f"  next:     {STRANGER.reasons[0].hint}",
    ]


def test_a_reason_without_a_hint_leads_to_its_page() -> None:
    report = text_of(run(refused("demo-1.0.tar.gz", Reason("PV308", "demo-1.0.tar.gz"))))
    assert lines_with("next:", report) == ["  next:     look up PV308 in pip-verify's docs/reasons.md"]


@pytest.mark.parametrize("verdict", [LIST_UNREACHED, BYTES_MISSING])
def test_what_could_not_be_reached_is_never_called_unsigned_or_refused(verdict: Verdict) -> None:
    report = text_of(run(verdict))
    assert not re.search("unsigned|refused|no signature", report, re.IGNORECASE)
    assert "(exit code 14)" in report


def test_what_was_not_reached_and_what_lacks_only_its_file_are_counted_apart() -> None:
    assert text_of(run(LIST_UNREACHED)).count("1 not decided (could not be reached)") == 1
    report = text_of(run(LIST_UNREACHED, BYTES_MISSING, BYTES_MISSING))
    assert "1 not decided (could not be reached), 2 not decided (the file itself is needed)" in report


def test_a_file_that_was_not_downloaded_is_neither_unsigned_nor_out_of_reach() -> None:
    (line,) = lines_with("NOT DECIDED", text_of(SCENARIOS["digest_only"]))
    assert line.startswith("pip-verify: NOT DECIDED numpy 2.1.3 (sha256:")
    assert line.endswith("): only the file itself could tell, and it was not downloaded")


def test_report_mode_is_the_first_line_and_the_last_says_that_nothing_was_stopped() -> None:
    lines = text_of(SCENARIOS["report_mode"]).splitlines()
    assert lines[0] == "pip-verify: mode report: refusals are only reported, and stop nothing"
    assert lines[-1] == "pip-verify: mode report: this would not pass, and nothing was stopped"
    assert len(lines_with("REFUSED", "\n".join(lines))) == 2
    assert "looked at" in text_of(SCENARIOS["report_mode_all_well"]).splitlines()[-1]
    assert text_of(SCENARIOS["report_mode"], color=True).startswith("pip-verify: \x1b[1;33mmode report")


def test_coverage_is_told_where_it_was_asked_for_and_never_rounded_up() -> None:
    last = text_of(SCENARIOS["coverage"]).splitlines()[-1]
    assert last == "pip-verify: coverage 41 of 44 signed (93 %), 90 % asked for"
    nearly = run(*[signed(f"x-1.{number}.tar.gz") for number in range(999)], STRANGER, min_coverage=99.95)
    assert "coverage 999 of 1000 signed (99 %), 99.95 % asked for" in text_of(nearly)
    assert "coverage" not in text_of(SCENARIOS["accepted"])
    assert "coverage 0 of 0 signed (100 %), 90 % asked for" in text_of(run(min_coverage=90, pip_exit_code=0))


def test_what_is_signed_at_first_use_counts_as_signed_and_is_named() -> None:
    report = text_of(SCENARIOS["first_use"], verbose=True)
    assert f"4 artifacts: 2 signed (1 at this first use; {BOB.text} 1, pallets 1; release statement 2), 2 ref" in report
    (line,) = lines_with("accepted anyio", report)
    assert f"signed by {BOB.text}, recorded at this first use, release statement https" in line


def test_what_is_not_known_is_said_to_be_not_known() -> None:
    report = text_of(run(LIST_UNREACHED))
    assert "COULD NOT REACH what speaks for jinja2-3.1.4-py3-none-any.whl: whether it is signed is not known" in report


def test_where_was_looked_is_told_when_nothing_was_found() -> None:
    assert len(lines_with("looked:", text_of(run(NOTHING_FOUND)))) == 2
    assert lines_with("looked:", text_of(run(STRANGER))) == []
    assert lines_with("looked:", text_of(run(STRANGER), verbose=True)) == [
        "  looked:   release statement https://keys.example/releases/flask/3.0.3.jws: PV201"
    ]


def test_other_reasons_are_told_in_short() -> None:
    reasons = [Reason("PV302", "x"), *(Reason("PV502", f"place-{number}") for number in range(4))]
    result = run(refused("demo-1.0.tar.gz", *reasons))
    also = lines_with("also:", text_of(result))
    assert [line.split()[-1] for line in also] == ["place-0", "place-1", "place-2", "more"]
    assert also[-1] == "  also:     1 more"
    assert [line.split()[-1] for line in lines_with("also:", text_of(result, verbose=True))][-1] == "place-3"


def test_of_many_refusals_the_rest_is_one_line_each_unless_asked() -> None:
    result = SCENARIOS["many"]
    assert len(lines_with("next:", text_of(result))) == MAX_IN_FULL
    assert len(lines_with(" (PV101 no pin", text_of(result))) == 3
    assert len(lines_with("next:", text_of(result, verbose=True))) == 23


def test_installed_distributions_are_counted_and_named_up_to_a_number() -> None:
    names = tuple(f"project-{number} 1.0" for number in range(11))
    report = text_of(run(installed=names, pip_exit_code=0))
    assert "11 already installed and not looked at" in report
    (line,) = lines_with("not looked at: ", report)
    assert line.endswith("project-9 1.0, and 1 more")
    assert "project-10 1.0" in text_of(run(installed=names, pip_exit_code=0), verbose=True)
    assert " more" not in text_of(run(installed=names[:10], pip_exit_code=0))
    assert "0 already installed and not looked at" in text_of(run(pip_exit_code=0))


def test_accepted_artifacts_are_listed_only_when_asked() -> None:
    result = SCENARIOS["accepted"]
    assert "accepted" not in text_of(result)
    listed = lines_with("accepted", text_of(result, verbose=True))
    assert len(listed) == 10
    assert (
        f"pip-verify: accepted flask-3.0.3-py3-none-any.whl: signed by pallets ({ALICE.text}), "
        "release statement https://keys.example/releases/flask-3.0.3-py3-none-any.whl.jws"
    ) in listed
    (rsa,) = lines_with("rsa-4.9", "\n".join(listed))
    assert rsa.count(ALICE.text) == 1
    assert "pip-verify: accepted theirs-source: from version control (by policy)" in listed


def test_every_exemption_is_listed_with_reason_and_end() -> None:
    assert lines_with("pip-verify: exempt", text_of(SCENARIOS["accepted"])) == [
        "pip-verify: exempt six-1.17.0-py2.py3-none-any.whl: unsigned upstream (until 2027-05-01)",
        "pip-verify: exempt toml-0.10.2-py2.py3-none-any.whl: looked at by hand",
    ]


def test_signers_and_places_are_counted() -> None:
    flask, click, httpx = (f"{name}-1.0-py3-none-any.whl" for name in ("flask", "click", "httpx"))
    report = text_of(run(signed(httpx, "encode", "in-wheel"), signed(flask), signed(click), pip_exit_code=0))
    assert "3 artifacts: 3 signed (pallets 2, encode 1; release statement 2, in the wheel 1); 0 already" in report


def test_two_publishers_of_one_artifact_are_one_signer() -> None:
    both = replace(signed("flask-3.0.3-py3-none-any.whl"), publishers=("pallets", "us"))
    assert "1 signed (pallets and us 1; release statement 1)" in text_of(run(both, pip_exit_code=0))


def test_an_acceptance_that_states_nothing_is_not_hidden() -> None:
    odd = accepted("demo-1.0.tar.gz", "magic", "PV001")
    bare = Verdict(artifact("x-1.0.tar.gz"), Decision.ACCEPT, (), by="signature")
    report = text_of(run(odd, bare, pip_exit_code=0), verbose=True)
    assert "2 artifacts: 1 signed (nobody stated 1; no stated place 1), 1 accepted in no stated way" in report
    assert "pip-verify: accepted demo-1.0.tar.gz: accepted in no stated way" in report
    assert "pip-verify: accepted x-1.0.tar.gz: signed by nobody stated, no stated place" in report


def test_a_refusal_without_reasons_is_still_a_refusal() -> None:
    report = text_of(run(Verdict(artifact("demo-1.0.tar.gz"), Decision.REJECT, ())))
    assert "pip-verify: REFUSED demo-1.0.tar.gz\n" in report
    assert "(exit code 12)" in report


def test_errors_have_their_parts_on_lines_of_their_own() -> None:
    report = text_of(SCENARIOS["errors"]).splitlines()
    start = report.index("pip-verify: ERROR requirements.txt:3")
    assert report[start + 1 : start + 4] == ["  expected: a name", "  got:      'flask>='", "  next:     flask>=3"]


SWAPPED = refused("demo-1.0.tar.gz", Reason("PV101", "demo"), Reason("PV308", "demo"))


@pytest.mark.parametrize(
    ("result", "last"),
    [
        (run(STRANGER), "nothing was installed (exit code 11)"),
        (run(STRANGER, pip_exit_code=None), "nothing was installed (exit code 11)"),
        (run(STRANGER, command="download"), "not everything was accepted (exit code 11)"),
        (run(STRANGER, command="verify", pip_exit_code=None), "not everything was accepted (exit code 11)"),
        (run(LIST_UNREACHED), "nothing was installed (exit code 14)"),
        (SCENARIOS["usage_error"], "stopped by an error (exit code 2)"),
        (SCENARIOS["pip_failed"], "pip failed (exit code 23)"),
        (SCENARIOS["coverage_missed"], "less is signed than was asked for (exit code 10)"),
        (SCENARIOS["report_mode_pip_failed"], "pip failed (exit code 1)"),
        (SCENARIOS["report_mode_stopped"], "stopped by an error (exit code 2)"),
        (SCENARIOS["report_mode_coverage"], "mode report: this would not pass, and nothing was stopped"),
    ],
)
def test_the_last_line_says_how_it_ended(result: Run, last: str) -> None:
    assert text_of(result).splitlines()[-1] == f"pip-verify: {last}"


@pytest.mark.parametrize("result", [run(SWAPPED), run(STRANGER, pip_exit_code=0)])
def test_it_does_not_claim_that_nothing_was_installed_when_that_is_not_known(result: Run) -> None:
    assert "nothing was installed" not in text_of(result)
    assert "not everything was accepted" in text_of(result)


def test_a_run_that_went_well_ends_with_its_summary() -> None:
    assert text_of(run(signed("flask-3.0.3-py3-none-any.whl"), pip_exit_code=0)).splitlines() == [
        "pip-verify: 1 artifact: 1 signed (pallets 1; release statement 1); 0 already installed and not looked at"
    ]


def test_a_place_that_a_stranger_names_is_one_line() -> None:
    where = place("url", "https://keys.example/\npip-verify: 1 artifact: 1 signed")
    verdict = replace(NOTHING_FOUND, looked=(Looked(where, "nothing\x1b[2J"),))
    assert lines_with("looked:", text_of(run(verdict))) == [
        r"  looked:   at the file's URL https://keys.example/\npip-verify: 1 artifact: 1 signed: nothing\x1b[2J"
    ]


def test_many_files_of_an_exempt_release_are_one_line() -> None:
    def exempt(filename: str, why: str = "unsigned upstream") -> Verdict:
        artifact = Artifact("numpy", "2.3.0", filename, "wheel", "5" * 64)
        return Verdict(artifact, Decision.ACCEPT, (Reason("PV002", filename, got=why),), by="exemption")

    files = [exempt("numpy-2.3.0-cp311-cp311-win32.whl"), exempt("numpy-2.3.0-cp312-cp312-win32.whl")]
    run = Run("check", (*files, exempt("numpy-2.3.0.tar.gz", "looked at")), 0)
    lines = [line for line in render("text", run).splitlines() if " exempt " in line and "artifacts" not in line]
    assert lines == [
        "pip-verify: exempt numpy 2.3.0 (2 files): unsigned upstream",
        "pip-verify: exempt numpy-2.3.0.tar.gz: looked at",
    ]
