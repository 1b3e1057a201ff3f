"""``docs/reasons.md`` and the code say the same: which reasons there are, in which words, with which exit code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pip_verify.errors import EvidenceError, PipVerifyError, SourceError, UsageError
from pip_verify.verdict import CATALOGUE, EXIT_PRECEDENCE

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = (DOCS / "reasons.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (PV[^\n]*)\n(.*?)(?=^#|\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))


def exit_codes() -> dict[int, str]:
    """The table's rows: exit code → reasons."""
    rows = re.findall(r"^\| ([0-9]+) \|.*\| ([^|]*) \|$|^\| ([0-9]+) \|.*\| \|$", PAGE, flags=re.MULTILINE)
    return {int(code or bare): reasons for code, reasons, bare in rows}


def test_every_reason_has_a_section_and_no_section_lacks_a_reason() -> None:
    assert list(SECTIONS) == list(CATALOGUE)
    assert len(re.findall(r"^## PV", PAGE, flags=re.MULTILINE)) == len(SECTIONS)


@pytest.mark.parametrize("code", CATALOGUE)
def test_a_section_states_the_help_and_the_exit_code_of_the_catalogue(code: str) -> None:
    kind = CATALOGUE[code]
    assert SECTIONS[code].startswith(f"\n*{kind.help}* · exit code {kind.exit_code}\n")


@pytest.mark.parametrize("code", CATALOGUE)
def test_a_section_says_what_it_means_why_it_happens_and_what_to_do(code: str) -> None:
    parts = re.findall(r"^\* \*\*([A-Z][a-z]+):\*\* \S", SECTIONS[code], flags=re.MULTILINE)
    assert parts == ["Means", "Why", "Do"]


def test_the_table_has_every_exit_code_and_its_family_of_reasons() -> None:
    of_errors = {error.exit_code for error in (PipVerifyError, UsageError, SourceError, EvidenceError)}
    table = exit_codes()
    assert set(table) == {0, *of_errors, *EXIT_PRECEDENCE}
    for code, kind in CATALOGUE.items():
        assert table[kind.exit_code] == f"{code[:3]}nn"


def test_the_order_of_precedence_is_the_codes() -> None:
    assert f"the first of {', '.join(map(str, EXIT_PRECEDENCE))};" in PAGE


@pytest.mark.parametrize("page", ["reasons.md", "report.md"])
def test_what_the_pages_link_to_is_there(page: str) -> None:
    links = re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", (DOCS / page).read_text("utf-8"))
    assert links
    for name, anchor in links:
        text = (DOCS / (name or page)).read_text("utf-8")
        assert not anchor or anchor in anchors(text)


def anchors(text: str) -> set[str]:
    """As the heading's words, or as stated behind it."""
    found = set()
    for words, stated in re.findall(r"^#+ (.*?)(?: \{ #(\S+) \})?$", text, flags=re.MULTILINE):
        found.add(stated or re.sub(r"[^a-z0-9 -]", "", words.lower()).replace(" ", "-"))
    return found
