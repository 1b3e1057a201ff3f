"""The documentation against the code: what it names must exist, and what exists must stand in it."""

from __future__ import annotations

import hashlib
import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pip_verify import cli, config
from pip_verify.artifact.name import parse_filename
from pip_verify.cli.options import HELP
from pip_verify.evidence import Evidence, Found, Place
from pip_verify.install.table import SEAMS
from pip_verify.keys import KEY_LIST_MAX_KEYS, PublicKey
from pip_verify.pins import Pin
from pip_verify.policy import parse, parse_trust_file
from pip_verify.requirements.parse import parse_requirements
from pip_verify.verdict import CATALOGUE, EXIT_PRECEDENCE
from pip_verify.verifier import Rules, verify

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
PAGES += sorted(ROOT.glob("docs/**/*.md"))
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

_LINK_RE = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")
_OPTION_RE = re.compile(r"(?<![\w`-])--?[a-z][a-z-]*")
_FENCED_RE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def section(page: str, heading: str) -> str:
    """What stands below a heading, up to the next of the same or a higher level."""
    level = len(heading.partition(" ")[0])
    pattern = rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{level}}} |\Z)"
    found = re.search(pattern, read(page), re.DOTALL | re.MULTILINE)
    assert found, f"{page} has no heading {heading}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of all rows of all tables, without the headers' and their lines below."""
    lines = [re.split(r"(?<!\\)\|", line.strip())[1:-1] for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line] for line in lines]
    rules = {number for number, row in enumerate(cells) if set("".join(row)) <= set("-:")}
    return [row for number, row in enumerate(cells) if number not in rules and number + 1 not in rules]


def codes(text: str) -> list[str]:
    """What stands in back quotes."""
    return re.findall(r"`([^`]+)`", text)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.*)$", _FENCED_RE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# Links.


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_relative_link_resolves(page: Path) -> None:
    for link in _LINK_RE.findall(_FENCED_RE.sub("", page.read_text("utf-8"))):
        if not urlsplit(link).scheme:
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        if page.is_dir():
            waiting += page.glob("*.md")
        elif page.suffix == ".md":
            links = [link.partition("#")[0] for link in _LINK_RE.findall(page.read_text("utf-8")) if "://" not in link]
            waiting += [(page.parent / link).resolve() for link in links if link]
    assert set(PAGES) <= reached


@pytest.mark.parametrize("name", NAMES)
def test_no_host_is_named_that_somebody_owns(name: str) -> None:
    hosts = {urlsplit(url).hostname for url in re.findall(r"https?://[\w.-]+", read(name))}
    assert hosts <= {"keys.example", "in-toto.io", "json-schema.org", "localhost"}


def test_every_target_of_make_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    named = {target for name in NAMES for target in re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)\b", code_of(name))}
    assert {"demo", "test", "benchmarks"} <= named <= targets


def code_of(name: str) -> str:
    """What stands in blocks and in back quotes."""
    text = read(name)
    return "\n".join(_FENCED_RE.findall(text) + codes(_FENCED_RE.sub("", text)))


# What the code cites.

CITED_OF_THE_FORMATS = {
    "1. Keys": "key|JWK",
    "2. Key list": "key.?list|JWK set|freshness",
    "3. Release statement": "statement|evidence|JWS",
    "4. In-wheel signature": "RECORD",
    "5. Legacy `RECORD.jws`": "legacy",
    "6. What a wheel must be": "wheel must be",
}
SOURCES = [path for folder in ("pip_verify", "tests", "examples") for path in sorted(ROOT.glob(f"{folder}/**/*.py"))]


def citations(pattern: str) -> list[tuple[str, re.Match[str], str]]:
    """Where a pattern stands in a docstring or comment, how, and the words around it."""
    texts = [(path, path.read_text("utf-8")) for path in SOURCES if path != Path(__file__)]
    return [
        (str(path.relative_to(ROOT)), found, text[max(0, found.start() - 400) : found.end() + 200])
        for path, text in texts
        for found in re.finditer(pattern, text)
    ]


def test_the_sections_of_the_formats_that_are_cited_are_about_that() -> None:
    headings = re.findall(r"^## (.*)$", read("docs/formats.md"), re.MULTILINE)
    assert set(CITED_OF_THE_FORMATS) <= set(headings)
    about = {heading.partition(".")[0]: words for heading, words in CITED_OF_THE_FORMATS.items()}
    found = citations(r"formats\.md (?:section )?(\d+)")
    assert len(found) > 20
    for path, cited, around in found:
        assert cited[1] in about, f"{path} cites {cited[0]}"
        assert re.search(about[cited[1]], around, re.IGNORECASE), f"{path} cites {cited[0]} for something else"


def test_the_pages_that_are_cited_exist() -> None:
    found = [one for one in citations(r"\bdocs/([a-z-]+\.md)(?:#([a-z0-9-]+))?") if one[0].startswith("pip_verify")]
    assert len(found) > 20
    for path, cited, _ in found:
        page = ROOT / "docs" / cited[1]
        assert page.exists(), f"{path} cites {cited[0]}"
        assert cited[2] is None or cited[2] in anchors(page), f"{path} cites {cited[0]}"


def test_no_page_is_cited_that_readers_do_not_have() -> None:
    assert [path for path, *_ in citations(r"DESIGN\.md|\bnotes/")] == []


# Commands.


def help_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main([*command.split(), "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def options_of(text: str) -> set[str]:
    return set(_OPTION_RE.findall(text)) - {"-h", "--help"}


def documented_options(command: str) -> set[str]:
    table = [row for row in rows(section("docs/commands.md", f"## {command}")) if row[0].startswith("`-")]
    return {option for row in table for code in codes(row[0]) for option in options_of(code)}


def test_options_of_pip_commands_stand_in_the_docs_and_in_the_help() -> None:
    assert documented_options("install, download, wheel, lock") == options_of(HELP)


@pytest.mark.parametrize(
    ("command", "actions"),
    [
        ("verify", ()),
        ("check", ()),
        ("explain", ()),
        ("annotate", ()),
        ("compile", ()),
        ("lint", ()),
        ("init", ()),
        ("pin", ()),
        ("unpin", ()),
        ("prune", ()),
        ("renew", ()),
        ("keygen", ()),
        ("sign", ()),
        ("vouch", ()),
        ("monitor", ()),
        (
            "keylist",
            ("init", "add", "retire", "revoke", "remove", "show", "lint", "diff", "publish", "serve"),
        ),
    ],
)
def test_options_stand_in_the_docs_and_in_the_help(
    command: str, actions: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [help_of(f"{command} {action}".strip(), capsys) for action in ("", *actions)]
    assert documented_options(command) == options_of("\n".join(texts))
    actions_documented = {code for row in rows(section("docs/commands.md", f"## {command}")) for code in codes(row[0])}
    assert set(actions) <= actions_documented


def test_commands_stand_in_the_docs_and_in_the_help() -> None:
    documented = set(re.findall(r"[a-z]+", section("docs/commands.md", "# Commands, options, variables, exit codes")))
    commands = set(", ".join(re.findall(r"^  ([a-z]+(?:, [a-z]+)*) ", cli.USAGE, re.MULTILINE)).split(", "))
    assert commands <= documented
    headings = re.findall(r"^## ([a-z, ]+)$", read("docs/commands.md"), re.MULTILINE)
    assert set(", ".join(headings).split(", ")) == commands


def test_environment_variables_stand_in_the_docs() -> None:
    documented = [row[0] for row in rows(section("docs/commands.md", "## Environment variables"))]
    assert sorted(documented) == sorted(f"`{config.PREFIX}{name}`" for name in config._VARIABLES)


def test_exit_codes_are_the_same_everywhere() -> None:
    tables = [rows(section(page, "## Exit codes")) for page in ("README.md", "docs/commands.md")]
    assert tables[0] == tables[1]
    assert [int(row[0]) for row in tables[0]] == [0, 1, 2, *sorted(EXIT_PRECEDENCE)]
    order = ", ".join(map(str, EXIT_PRECEDENCE))
    assert f"first of {order};" in section("docs/commands.md", "## Exit codes")


def test_reasons_that_are_named_exist() -> None:
    named = {code for name in NAMES for code in re.findall(r"\bPV\d+\b", read(name))}
    assert named == set(CATALOGUE)


# How it works.


def test_every_seam_has_a_row_and_every_row_a_seam() -> None:
    table = [row for row in rows(section("docs/how-it-works.md", "## The seams")) if len(row) == 3 and row[1]]
    documented = {codes(row[0])[0]: row[1] for row in table}
    expected = {seam.name: f"`{seam.modules[-1].removeprefix('pip._internal.')}`: `{seam.attribute}`" for seam in SEAMS}
    assert documented == expected | {"read_zip": "`zipfile.ZipFile`", "read_tar": "`tarfile.open`"}


def test_the_row_of_rooms_is_the_one_that_is_held() -> None:
    from tests.test_layers import ROOMS

    block = _FENCED_RE.findall(section("docs/how-it-works.md", "## Where to look in the code"))[0]
    assert re.findall(r"[a-z]+", block) == ROOMS


# The trust file.


@pytest.mark.parametrize(
    ("heading", "keys"),
    [
        ("## `[policy]`", parse._POLICY),
        ("## `[publishers.NAME]`", parse._PUBLISHER),
        ("## `[[exempt]]`", parse._EXEMPT),
    ],
)
def test_every_key_of_the_trust_file_has_a_row_and_every_row_a_key(heading: str, keys: tuple[str, ...]) -> None:
    assert sorted(codes(row[0])[0] for row in rows(section("docs/trust-file.md", heading))) == sorted(keys)


@pytest.mark.parametrize("name", ["README.md", "docs/trust-file.md"])
def test_the_example_trust_files_are_read(name: str) -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```$", read(name), re.DOTALL | re.MULTILINE)
    policy = parse_trust_file(blocks[0].encode(), name)
    assert policy.publisher_for("click")
    assert policy.exemption_for("six")


def test_limits_of_the_trust_file() -> None:
    text = read("docs/trust-file.md")
    assert f"0 to {parse.MAX_STALE_LIMIT}" in text
    assert f"(else {KEY_LIST_MAX_KEYS})" in text


# Requirement files and formats.


@pytest.mark.parametrize(("heading", "pins"), [("## As options", 5), ("## As a comment", 1)])
def test_the_example_requirements_are_read(heading: str, pins: int) -> None:
    indented = re.findall(r"(?:^    .*\n)+", section("docs/requirements.md", heading), re.MULTILINE)
    text = "".join(line[4:] + "\n" for line in indented[0].splitlines())
    parsed = parse_requirements(text.encode(), "requirements.txt", constraint=False, environ={})
    assert len(parsed.requirements) == pins
    assert all(requirement.pins for requirement in parsed.requirements)


def test_the_example_of_the_formats_verifies() -> None:
    text = section("docs/formats.md", "## 7. An example to test against")
    jws = re.findall(r"^```json\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)[0].encode()
    key = PublicKey.from_text(re.findall(r"ed25519:\S+", text)[0])
    assert key.thumbprint in text
    place = Place("beside", "demo.jws")
    for name, contents in (("demo-1.0-py3-none-any.whl", b"wheel"), ("demo-1.0.tar.gz", b"sdist")):
        for data, accepted in ((contents, True), (contents + b"x", False)):
            artifact = parse_filename(name, sha256=hashlib.sha256(data).hexdigest())
            looks = (Found(Evidence("release-statement", place, jws)),)
            assert verify(artifact, looks, (Pin(keys=(key,)),), {}, Rules(), 0).accepted is accepted


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(page.name[:4]) for page in sorted((ROOT / "docs" / "decisions").iterdir())]
    assert numbers[0] == 1
    assert all(after == before + 1 for before, after in pairwise(numbers))
    for page in (ROOT / "docs" / "decisions").iterdir():
        assert page.read_text("utf-8").startswith(f"# {int(page.name[:4])}. ")
