"""Random trust files, in random layouts, changed at random: the meaning is the model's, and the rest stays."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise, takewhile
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pip_verify.policy import Policy, parse_pyproject, parse_trust_file
from pip_verify.trustfile import TrustFile

PROJECTS = [f"p{number}" for number in range(6)]
DIGESTS = [str(number) * 64 for number in range(5)]
URL = "https://keys.example/{}.json"
NOTHING = "nothing that stands in any file"
DATES = [date(2027, 1, day) for day in range(1, 4)]


@dataclass
class Model:
    """What the file means: the projects of each publisher, and each exemption as (hashes, until)."""

    publishers: dict[str, list[str]] = field(default_factory=dict)
    exemptions: dict[str, tuple[frozenset[str], date | None]] = field(default_factory=dict)

    @classmethod
    def of(cls, policy: Policy) -> Model:
        return cls(
            {publisher.name: list(publisher.projects) for publisher in policy.publishers},
            {one.project: (frozenset(one.hashes), one.until) for one in policy.exemptions},
        )


class Writer:
    """Writes a file the way somebody might have: with comments, no two alike, wherever they can stand."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.lines: list[str] = []
        self.comments = 0

    def coin(self) -> bool:
        return self.draw(st.booleans())

    def comment(self) -> str:
        self.comments += 1
        return f'# {self.comments} [x] "'

    def maybe(self) -> str:
        return f"  {self.comment()}" if self.coin() else ""

    def loose(self) -> None:
        for _ in range(self.draw(st.integers(0, 3))):
            self.lines.append(self.draw(st.sampled_from(["", "  ", self.comment()])))

    def header(self, text: str) -> None:
        self.loose()
        self.lines.append(f"{text}{self.maybe()}")

    def value(self, key: str, value: str) -> None:
        if self.coin():
            self.lines.append(self.comment())
        self.lines.append(f"{self.draw(st.sampled_from([key, f'  {key} ']))} = {value}{self.maybe()}")

    def array(self, key: str, texts: Sequence[str]) -> None:
        quoted = [self.draw(st.sampled_from([f'"{text}"', f"'{text}'"])) for text in texts]
        if self.coin():
            self.value(key, f"[{', '.join(quoted)}]")
            return
        self.lines.append(f"{key} = [{self.maybe()}")
        for number, text in enumerate(quoted):
            comma = "," if number < len(quoted) - 1 or self.coin() else ""
            self.lines.append(f"  {text}{comma}{self.maybe()}")
        self.lines.append(f"]{self.maybe()}")


@st.composite
def files(draw: st.DrawFn) -> tuple[str, str]:
    """A name and a text."""
    writer = Writer(draw)
    name = draw(st.sampled_from(["pip-verify.toml", "pyproject.toml"]))
    root = "" if name == "pip-verify.toml" else "tool.pip-verify."
    free = draw(st.permutations(PROJECTS))
    tables = draw(st.permutations(["policy", "one", "two", "exempt", "exempt", "foreign", "foreign"]))
    for number, table in enumerate(tables):
        if table == "foreign" and root:
            writer.header(f"[tool.foreign{number}]")
            writer.value("text", '"""\n  [publishers.x]\n# no comment\n"""')
        elif table == "policy":
            writer.header(f"[{root}policy]")
            writer.value("max-stale", "60")
        elif table in ("one", "two"):
            writer.header(f"[{root}publishers.{table}]")
            writer.value("key-list", f'"{URL.format(table)}"')
            projects, free = free[:2], free[2:]
            if writer.coin():
                writer.array("projects", [f"{table}-*", *projects] if writer.coin() else projects)
        elif table == "exempt":
            writer.header(f"[[{root}exempt]]")
            writer.value("project", f'"{free.pop()}"')
            if writer.coin():
                writer.value("until", "2026-12-31")
            writer.value("reason", '"r"')
            digests = draw(st.permutations(DIGESTS))[: draw(st.integers(1, 3))]
            writer.array("hashes", [f"sha256:{digest}" for digest in digests])
    writer.loose()
    text = "\n".join(writer.lines) + draw(st.sampled_from(["", "\n"]))
    return name, text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


def meaning(text: str, name: str) -> Policy:
    policy = (parse_trust_file if name == "pip-verify.toml" else parse_pyproject)(text.encode(), name)
    assert policy is not None
    return policy


def edit(trust_file: TrustFile, model: Model, draw: Callable[[st.SearchStrategy[Any]], Any]) -> str:
    """One edit that is allowed now, made to both; returns a part of the text of the one table it may touch."""
    project = draw(st.sampled_from(PROJECTS))
    owner = next((name for name, projects in model.publishers.items() if project in projects), None)
    exempt, publisher = f'"{project}"', "publishers.{}]"
    actions = ["add_publisher", "set_exemption"]
    if owner is not None:
        actions += ["remove_project"] * 2
    elif model.publishers:
        actions += ["add_projects"] * 2
    if project in model.exemptions:
        actions += ["remove_exemption"] * 2
    action = draw(st.sampled_from(actions))
    if action == "add_publisher":
        name = trust_file.publisher_name_for("new")
        projects = [project] if owner is None else []
        trust_file.add_publisher(name, key_list=URL.format("new"), projects=projects)
        model.publishers[name] = projects
        return NOTHING
    if action == "set_exemption":
        hashes = draw(st.sets(st.sampled_from(DIGESTS), min_size=1))
        until = draw(st.sampled_from([None, *DATES]))
        touched = exempt if project in model.exemptions else NOTHING
        trust_file.set_exemption(project, reason="r", hashes=hashes, until=until)
        model.exemptions[project] = (frozenset(hashes), until)
        return touched
    if action == "remove_exemption":
        trust_file.remove_exemption(project)
        del model.exemptions[project]
        return exempt
    if action == "add_projects":
        name = draw(st.sampled_from(sorted(model.publishers)))
        trust_file.add_projects(name, [project])
        model.publishers[name].append(project)
        return publisher.format(name)
    assert owner is not None
    model.publishers[owner].remove(project)
    gone = trust_file.remove_project(project)
    assert (gone == owner) is (not model.publishers[owner])
    if gone is not None:
        del model.publishers[owner]
    return publisher.format(owner)


def comments(text: str) -> list[str]:
    return re.findall(r'# \d+ \[x\] "', text)


def table(text: str, touched: str) -> list[str]:
    """The lines of the table that may change: from its header to its last key, and the comments that are its own."""
    lines = text.splitlines()
    headers = [number for number, line in enumerate(lines) if line.startswith("[")] + [len(lines)]
    for start, end in pairwise(headers):
        is_it = touched in lines[start] or ("exempt]]" in lines[start] and touched in "".join(lines[start:end]))
        if is_it:
            last = max(number for number in range(start, end) if not is_loose(lines[number]))
            below = list(takewhile(str.strip, lines[last + 1 : end]))
            to_next = last + 1 + len(below) == end < len(lines)
            return lines[start : last + 1] + ([] if to_next else below)
    return []


def is_loose(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def removed_lines(old: str, new: str) -> list[str]:
    lines = difflib.ndiff(old.splitlines(), new.splitlines())
    return [line[2:] for line in lines if line.startswith("- ") and line[2:].strip()]


@settings(max_examples=120)
@given(st.data())
def test_random_edits_of_random_files(data: st.DataObject) -> None:
    name, text = data.draw(files())
    trust_file = TrustFile.parse(text, name)
    model = Model.of(meaning(text, name))
    for _ in range(data.draw(st.integers(1, 5))):
        touched = table(text, edit(trust_file, model, data.draw))
        now = trust_file.text()
        assert Model.of(meaning(now, name)) == Model.of(trust_file.policy) == model
        assert trust_file.policy.max_stale == 60
        assert set(removed_lines(text, now)) <= set(touched)
        left = comments(now)
        assert left == [comment for comment in comments(text) if comment in left]  # none moved, none doubled
        assert set(comments(text)) - set(left) <= set(comments("\n".join(touched)))
        text = now
    assert TrustFile.parse(text, name).text() == text
