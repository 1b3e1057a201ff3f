"""The HTML report as text: complete, in order, and nothing in it that a stranger wrote but text. How it looks is
tests/e2e/test_html.py's."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings

from pip_verify.errors import UsageError
from pip_verify.pins import Origin
from pip_verify.report import render
from pip_verify.verdict import Decision, Looked, Reason, Run, Verdict
from tests.report.scenarios import (
    ALICE,
    NOTHING_FOUND,
    SCENARIOS,
    SECRETS,
    STRANGER,
    accepted,
    place,
    refused,
    run,
    signed,
)
from tests.report.test_as_json import RUNS

VOID = {"meta", "input", "circle", "path", "rect"}  # the last three are closed by a slash
TAGS = VOID | {
    *("html", "head", "title", "style", "script", "body", "header", "main", "footer", "section", "article", "div"),
    *("p", "h1", "h2", "h3", "span", "b", "strong", "small", "code", "bdi", "i", "svg", "dl", "dt", "dd", "ul", "li"),
    *("table", "thead", "tbody", "tr", "th", "td", "button"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "class", "role", "hidden", "type", "aria-label", "value"),
    *("placeholder", "aria-pressed", "aria-hidden", "viewbox", "preserveaspectratio", "cx", "cy", "r", "d", "x", "y"),
    *("width", "height", "scope", "data-d"),
}


class Page(HTMLParser):
    """Reads a page, and demands that tags nest and that only ours occur."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.values: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        assert {name for name, _ in attrs} <= ATTRIBUTES
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "bdi":
            self.values.append(data)


def page_of(result: Run) -> str:
    text = render("html", result)
    Page(text)
    return text


def words_of(text: str) -> str:
    body = text.partition("<body>")[2].partition("<script>")[0]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", body))).strip()


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_page_is_well_formed_and_tells_no_secret(name: str) -> None:
    text = page_of(SCENARIOS[name])
    assert text.startswith("<!DOCTYPE html>\n")
    assert text.replace("\n", "").isprintable()
    assert not any(secret in text for secret in SECRETS)


@settings(max_examples=50)
@given(RUNS)
def test_any_run_gives_a_page_of_our_tags(result: Run) -> None:
    page_of(result)


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style><b>", "&lt;b&gt;", "' onclick='x"]
)
def test_what_a_stranger_writes_is_text(text: str) -> None:
    hostile = Verdict(
        replace(STRANGER.artifact, project=text, version=text, filename=text),
        Decision.REJECT,
        (Reason("PV201", "x", text, text, text), Reason("PV502", text)),
        origins=(Origin(text, 3),),
        looked=(Looked(place("url", text), text),),
    )
    good = replace(hostile, decision=Decision.ACCEPT, by="signature", publishers=(text,), place=place("url", text))
    errors = (UsageError(text, expected=text, got=text, hint=text),)
    result = run(hostile, good, command=text, errors=errors, warnings=(text,), installed=(text,))
    page = Page(render("html", result))
    assert page.values.count(text) == 21
    assert len([tag for tag, _ in page.found if tag == "script"]) == 1


@pytest.mark.parametrize("name", ["forty", "hostile", "report_mode"])
def test_a_page_loads_nothing_and_runs_only_its_own_script(name: str) -> None:
    text = page_of(SCENARIOS[name])
    page = Page(text)
    assert not {"src", "href", "style", "action", "srcset"} & {key for _, found in page.found for key in found}
    assert not re.search(r"url\(|@import|https?:", text.partition("</head>")[0])
    (policy,) = [found["content"] for tag, found in page.found if tag == "meta" and "http-equiv" in found]
    assert str(policy).startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (source,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in str(policy)


@pytest.mark.parametrize(
    ("name", "title", "kind"),
    [
        ("accepted", "10 artifacts accepted", "good"),
        ("refused", "1 of 3 artifacts refused", "bad"),
        ("swapped", "1 of 1 artifact refused", "bad"),
        ("unreached", "2 of 3 artifacts not decided", "warn"),
        ("errors", "Stopped by an error", "bad"),
        ("coverage", "44 artifacts accepted", "good"),
        ("coverage_missed", "Less is signed than was asked for", "warn"),
        ("pip_failed", "Pip failed", "warn"),
        ("nothing_to_do", "Nothing was looked at", "good"),
        ("report_mode", "2 of 3 artifacts refused", "bad"),
    ],
)
def test_the_headline_says_what_it_came_to(name: str, title: str, kind: str) -> None:
    text = page_of(SCENARIOS[name])
    assert f"<h1>{title}</h1>" in text
    assert f'<svg class="icon {kind}"' in text
    assert f"pip-verify: {title}</title>" in text


def test_report_mode_is_a_banner_and_in_the_title() -> None:
    text = page_of(SCENARIOS["report_mode"])
    assert text.split("<body>\n")[1].startswith('<p class="mode" role="note">Mode report: ')
    assert "<title>mode report: " in text
    assert "Mode report: this would not pass, and nothing was stopped." in words_of(text)
    assert 'class="mode"' not in page_of(SCENARIOS["refused"])


def test_refused_comes_first_and_a_card_tells_everything() -> None:
    text = page_of(SCENARIOS["forty"])
    assert re.findall(r"<h2>([A-Za-z ,]+?)(?: <span|</h2>)", text) == [
        *("Refused", "Not decided", "Of the run", "Exempt", "Accepted unsigned", "Signed"),
        "Installed already, not looked at",
    ]
    card = words_of(render("html", run(NOTHING_FOUND)))
    for part in (
        "REFUSED click 8.1.7 click-8.1.7-py3-none-any.whl PV102 no signature was found at any place",
        "expected a signature by a key",
        "got none",
        "required by requirements.txt:3 pip-verify.toml:12",
        "looked statements directory statements/click/8.1.7.jws : nothing release statement",
        f"sha256 {NOTHING_FOUND.artifact.sha256}",
        "Next ask for one",
    ):
        assert part in card
    assert " at click" not in card


def test_other_reasons_the_place_and_what_is_not_known_stand_on_the_card() -> None:
    several = words_of(page_of(run(SCENARIOS["several_kinds"].verdicts[4])))
    assert several.count("PV502 a place of evidence could not be reached: https://keys.example/") == 5
    assert "at https://keys.example/m.jws: markupsafe" in several
    unreached = words_of(page_of(SCENARIOS["unreached"]))
    assert "COULD NOT REACH jinja2 3.1.4" in unreached
    assert "Whether it is signed is not known." in unreached
    assert "unsigned" not in unreached.replace("Accepted unsigned", "")
    digest = words_of(page_of(SCENARIOS["digest_only"]))
    assert digest.lower().count("only the file itself could tell, and it was not downloaded") == 1


def test_accepted_artifacts_say_how_by_whom_and_where() -> None:
    rows = words_of(page_of(SCENARIOS["accepted"]))
    assert f"flask 3.0.3 flask-3.0.3-py3-none-any.whl signed by pallets {ALICE.text} release statement https" in rows
    assert "six 1.17.0 six-1.17.0-py2.py3-none-any.whl exempt unsigned upstream until 2027-05-01" in rows
    assert "theirs theirs-source from version control (by policy)" in rows
    first = words_of(page_of(SCENARIOS["first_use"]))
    assert "recorded at this first use" in first
    bare = Verdict(signed("x-1.0.tar.gz").artifact, Decision.ACCEPT, (), by="signature")
    assert "signed by nobody stated no stated place" in words_of(page_of(run(bare, pip_exit_code=0)))


def test_odd_verdicts_have_a_card_too() -> None:
    nameless = replace(STRANGER.artifact, project="", version="", filename="odd.zip", sha256=None)
    text = words_of(page_of(run(Verdict(nameless, Decision.REJECT, ()))))
    assert "REFUSED odd.zip odd.zip" in text
    assert "sha256" not in text
    unversioned = replace(STRANGER, artifact=replace(STRANGER.artifact, version=""))
    assert "REFUSED flask flask-3.0.3" in words_of(page_of(run(unversioned)))


def widths(result: Run) -> dict[str, float]:
    bars = re.findall(r'<rect class="(\w+)" x="([\d.]+)" y="0" width="([\d.]+)"', page_of(result))
    edge = 0.0
    for kind, left, width in bars:
        if kind != "wanted":
            assert float(left) == pytest.approx(edge, abs=0.02)
            edge += float(width)
    return {kind: float(left if kind == "wanted" else width) for kind, left, width in bars}


def test_the_bar_shows_the_shares_and_what_was_asked_for() -> None:
    assert widths(SCENARIOS["forty"]) == {"good": 775, "calm": 50, "warn": 50, "bad": 125, "wanted": 900}
    assert widths(replace(SCENARIOS["coverage"], min_coverage=100.0))["wanted"] == 997
    assert "wanted" not in widths(SCENARIOS["refused"])
    assert widths(SCENARIOS["nothing_to_do"]) == {}
    assert "Coverage 31 of 40 signed (77 %), 90 % asked for" in words_of(page_of(SCENARIOS["forty"]))
    assert "Coverage 1 of 3 signed 1 signed" in words_of(page_of(SCENARIOS["refused"]))


def test_only_filters_that_find_something_are_offered() -> None:
    text = page_of(SCENARIOS["refused"])
    assert re.findall(r'<button type="button" value="(\w*)" aria-pressed="(\w+)">(.*?)</button>', text) == [
        ("", "true", "All 3"),
        ("refused", "false", "Refused 1"),
        ("exempt", "false", "Exempt 1"),
        ("signed", "false", "Signed 1"),
    ]
    assert '<div class="tools" role="search" hidden>' in text


def test_what_is_not_a_pip_run_has_no_exit_code_of_pips() -> None:
    assert "pip's own 1" in words_of(page_of(SCENARIOS["refused"]))
    assert "pip's own" not in words_of(page_of(SCENARIOS["verify"]))


def test_errors_have_their_parts() -> None:
    text = words_of(page_of(SCENARIOS["errors"]))
    assert "ERROR requirements.txt:3 expected a name got 'flask>=' Next flask>=3" in text
    assert "WARNING the key list" in text
    exempt = accepted("six-1.17.0.tar.gz", "exemption", "PV002")
    assert "Of the run" not in words_of(page_of(run(exempt, refused("x-1.0.tar.gz", Reason("PV101", "x")))))
