"""Changing a trust file: what is written, what stays, what is refused."""

from __future__ import annotations

import shutil
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pip_verify.errors import EvidenceError, UsageError
from pip_verify.policy import parse_pyproject, parse_trust_file
from pip_verify.trustfile import TrustFile, diff
from pip_verify.trustfile.edit import HEADER
from tests.policy.world import LIST, NAME, A, B

X, Y, Z = ("0" * 64, "1" * 64, "2" * 64)
UNTIL = date(2027, 5, 1)

FILE = f"""\
# ours
[policy]
unsigned = "deny"  # of course

# the team
[publishers.team]
key-list = "{LIST}"
projects = ["Flask_Login", 'click', "team-*"]  # theirs

[[exempt]]
project = "six"
reason = "unsigned upstream"
until = 2026-12-01  # a while
"""


def new() -> TrustFile:
    return TrustFile.parse("", NAME)


def parsed(text: str = FILE) -> TrustFile:
    return TrustFile.parse(text, NAME)


def changed_lines(trust_file: TrustFile, old: str = FILE) -> list[str]:
    """The lines of the change, each after its sign."""
    lines = diff(old, trust_file.text(), NAME).splitlines()
    return [line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")]


def refusal(text: str, action: str, *arguments: Any, **named: Any) -> UsageError:
    """The error that an edit, or the text after it, ends with."""
    trust_file = parsed(text)

    def act() -> None:
        getattr(trust_file, action)(*arguments, **named)
        trust_file.text()

    with pytest.raises(UsageError) as caught:
        act()
    return caught.value


# A new file.


def test_a_new_file_says_what_it_is_and_trusts_nobody() -> None:
    assert new().text() == HEADER
    assert new().policy == parse_trust_file(b"", NAME)


def test_a_whole_new_file() -> None:
    trust_file = new()
    trust_file.set_exemption("Six", reason='its "upstream"', hashes=[Y, X, Y], until=UNTIL, origin="init 2026-11-20")
    trust_file.add_publisher("team", key_list=LIST, projects=["Flask", "flask", "Team_*"])
    trust_file.add_publisher(
        "a.b",
        keys=[A, B],
        releases="https://keys.example/{project}/{version}.jws",
        threshold=2,
        formats=["in-wheel"],
        projects=["x"],
    )
    trust_file.set_exemption("seven", reason="r", hashes=[X])
    assert trust_file.text() == HEADER + (
        f"""
[publishers.team]
key-list = "{LIST}"
projects = ["flask", "team-*"]

[publishers."a.b"]
keys = [
    "{A.text}",
    "{B.text}",
]
releases = "https://keys.example/{{project}}/{{version}}.jws"
threshold = 2
formats = ["in-wheel"]
projects = ["x"]

[[exempt]]
project = "six"
reason = "its \\"upstream\\""
hashes = [
    "sha256:{X}",
    "sha256:{Y}",
]
until = 2027-05-01
origin = "init 2026-11-20"

[[exempt]]
project = "seven"
reason = "r"
hashes = ["sha256:{X}"]
"""
    )


def test_the_policy_follows_the_edits() -> None:
    trust_file = parsed()
    trust_file.add_publisher("solo", keys=[A], projects=["solo"])
    trust_file.remove_project("click")
    trust_file.set_exemption("six", reason="other", hashes=[X])
    policy = trust_file.policy
    assert [publisher.projects for publisher in policy.publishers] == [("flask-login", "team-*"), ("solo",)]
    assert policy.publisher_for("solo") == policy.publishers[1]
    (six,) = policy.exemptions
    assert (six.reason, six.hashes, six.until) == ("other", (X,), None)


def test_what_is_not_changed_is_not_written_anew() -> None:
    odd = FILE.replace("projects = [", "projects   =   [ ").replace('"six"', "'six'") + "\n\n\n# end"
    trust_file = parsed(odd)
    assert trust_file.text() == odd
    trust_file.add_projects("team", ["click"])
    trust_file.set_exemption("six", reason="unsigned upstream", until=date(2026, 12, 1))
    assert trust_file.text() == odd


# Publishers.


def test_a_publisher_goes_behind_the_others_and_before_the_exemptions() -> None:
    trust_file = parsed()
    trust_file.add_publisher("solo", keys=[A])
    assert changed_lines(trust_file) == ["+[publishers.solo]", f'+keys = ["{A.text}"]', "+"]
    assert trust_file.text().index("solo") < trust_file.text().index("[[exempt]]")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[policy]\nmax-stale = 1\n", ["policy", "publishers", "solo"]),
        ("# c\n[[exempt]]\nproject = 'x'\nreason = 'r'\n", ["publishers", "solo", "exempt"]),
        ("[[exempt]]\nproject = 'x'\nreason = 'r'\n\n[policy]\n", ["exempt", "policy", "publishers", "solo"]),
    ],
)
def test_where_the_first_publisher_goes(text: str, expected: list[str]) -> None:
    trust_file = parsed(text)
    trust_file.add_publisher("solo", key_list=LIST)
    headers = [line.strip("[]") for line in trust_file.text().splitlines() if line.startswith("[")]
    assert ".".join(headers).split(".") == expected


def test_projects_are_added_to_the_array_that_is_there() -> None:
    trust_file = parsed()
    trust_file.add_projects("team", ["Jinja2", "click", "CLICK"])
    assert changed_lines(trust_file) == [
        """-projects = ["Flask_Login", 'click', "team-*"]  # theirs""",
        """+projects = ["Flask_Login", 'click', "team-*", "jinja2"]  # theirs""",
    ]


def test_projects_are_added_to_lines_of_their_own_with_their_comments_kept() -> None:
    text = f'[publishers.team]\nkey-list = "{LIST}"\nprojects = [\n  "a",  # first\n  "b"   # last\n]\n'
    trust_file = parsed(text)
    trust_file.add_projects("team", ["c"])
    assert changed_lines(trust_file, text) == ['-  "b"   # last', '+  "b",   # last', '+  "c"']


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_lines_of_comment_behind_a_last_element_without_comma_stay_comments(newline: str) -> None:
    array = '[\n  "a",\n  "b" # last, not least\n  # the end\n] # x\n'
    text = f'[publishers.x]\nkey-list = "https://x.example/k"\nprojects = {array}'.replace("\n", newline)
    trust = TrustFile.parse(text, NAME)
    trust.add_projects("x", ["c", "d"])
    after = text.replace('"b" # last', '"b", # last').replace("# the end", f'# the end{newline}  "c",{newline}  "d"')
    assert trust.text() == after


def test_hashes_join_behind_lines_of_comment_too() -> None:
    first, second = (f"sha256:{digit * 64}" for digit in "12")
    text = f'[[exempt]]\nproject = "x"\nreason = "r"\nhashes = [\n  "{first}" # one\n  # the end\n]\n'
    trust = TrustFile.parse(text, NAME)
    trust.set_exemption("x", reason="r", hashes=["1" * 64, "2" * 64])
    assert set(trust.policy.exemptions[0].hashes) == {"1" * 64, "2" * 64}
    assert f'"{second}"' in trust.text()
    assert f'  "{first}", # one\n  # the end\n' in trust.text()


def test_an_array_that_gets_too_long_for_a_line_gets_several() -> None:
    trust_file = parsed()
    trust_file.add_projects("team", [f"project-{number}" for number in range(10)])
    lines = trust_file.text().splitlines()
    assert lines[lines.index("projects = [") :][:3] == ["projects = [", '    "Flask_Login",', '    "click",']
    assert "]  # theirs" in lines


def test_projects_for_a_publisher_that_had_none() -> None:
    text = f'[publishers.team]\nkey-list = "{LIST}"  # theirs\n# but which?\n'
    trust_file = parsed(text)
    trust_file.add_projects("team", ["a"])
    assert changed_lines(trust_file, text) == ['+projects = ["a"]']
    assert trust_file.text().endswith("# but which?\n")


def test_projects_at_the_end_of_a_file_without_a_last_line_end() -> None:
    trust_file = parsed(f'[publishers.team]\nkey-list = "{LIST}"')
    trust_file.add_projects("team", ["a"])
    assert trust_file.text() == f'[publishers.team]\nkey-list = "{LIST}"\nprojects = ["a"]\n'


@pytest.mark.parametrize("project", ["flask-login", "Flask.Login"])
def test_a_project_is_removed_however_it_is_spelt(project: str) -> None:
    trust_file = parsed()
    assert trust_file.remove_project(project) is None
    assert changed_lines(trust_file)[1:] == ["""+projects = ['click', "team-*"]  # theirs"""]


def test_a_publisher_that_signs_nothing_any_more_goes_with_its_last_project() -> None:
    trust_file = parsed(FILE.replace(', "team-*"', ""))
    assert trust_file.remove_project("click") is None
    assert trust_file.remove_project("flask-login") == "team"
    assert trust_file.policy.publishers == ()
    assert "publishers" not in trust_file.text()
    assert "# the team\n" in trust_file.text()  # only its author knows whether that is still so


def test_a_publisher_with_a_pattern_stays() -> None:
    trust_file = parsed()
    assert [trust_file.remove_project(name) for name in ("click", "flask-login")] == [None, None]
    assert 'projects = ["team-*"]' in trust_file.text()


def test_a_publisher_gone_and_come_again() -> None:
    trust_file = new()
    for _ in range(2):
        trust_file.add_publisher("solo", keys=[A], projects=["solo"])
        assert trust_file.remove_project("solo") == "solo"
    assert trust_file.text() == HEADER


def test_a_project_that_another_publisher_signs_already() -> None:
    error = refusal(FILE, "add_publisher", "other", keys=[A], projects=["Click"])
    assert error.subject == "project click"
    assert error.got == f"one that team ({NAME}:6) signs"
    assert error.hint == "pip-verify unpin click"
    trust_file = parsed()
    trust_file.add_publisher("other", keys=[A], projects=["x"])
    with pytest.raises(UsageError, match="one that team"):
        trust_file.add_projects("other", ["click"])
    assert "click" not in trust_file.policy.publishers[1].projects


def test_a_project_that_is_exempt_with_all_its_bytes() -> None:
    for error in (
        refusal(FILE, "add_projects", "team", ["six"]),
        refusal(FILE, "add_publisher", "other", key_list=LIST, projects=["six"]),
    ):
        assert "no exemption of all its bytes" in error.expected
        assert "[[exempt]] of six" in error.hint


def test_an_exemption_with_hashes_may_stand_beside_a_pin() -> None:
    trust_file = parsed(FILE.replace("until", f'hashes = ["sha256:{X}"]\nuntil'))
    trust_file.add_projects("team", ["six"])
    assert trust_file.policy.exemption_for("six")
    trust_file.text()


def test_a_name_that_is_taken_and_one_that_is_not_there() -> None:
    assert refusal(FILE, "add_publisher", "team", key_list=LIST).subject == "publisher team"
    assert refusal(FILE, "add_projects", "tema", ["x"]).subject == "publisher tema"


def test_a_project_that_nobody_signs_or_only_a_pattern() -> None:
    assert refusal(FILE, "remove_project", "six").got == "no pin of it"
    error = refusal(FILE, "remove_project", "team-x")
    assert error.got == "a pattern of team"
    assert error.hint == f"change projects in [publishers.team] ({NAME}:6) by hand"


def test_a_value_that_the_parser_refuses_never_becomes_text() -> None:
    error = refusal(FILE, "add_publisher", "other", key_list="http://keys.example/keys.json")
    assert error.expected == "a change that leaves a valid trust file"
    assert "publishers.other.key-list: expected an https URL, got an http URL" in error.got
    assert error.hint == "serve it over https"


def test_a_name_that_is_none() -> None:
    with pytest.raises(EvidenceError):
        parsed().add_projects("team", ["no name"])


# Names of publishers.


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("https://keys.example/pallets/keys.json", "keys-example-pallets"),
        ("https://keys.example/pallets/flask/keys.json?x=/y/", "keys-example-pallets"),
        ("https://Keys.Example:8443/.well-known/keys.json", "keys-example-8443"),
        ("https://keys.example/keys/team/list.json", "keys-example-team"),
        ("https://keys.example", "keys-example"),
        ("flask-login", "flask-login"),
        ("https://" + "a" * 59 + ".example/keys.json", "a" * 59),
        ("…", "publisher"),
    ],
)
def test_a_publisher_is_called_by_its_host_first(source: str, name: str) -> None:
    assert new().publisher_name_for(source) == name


def test_a_name_that_is_taken_gets_a_number() -> None:
    trust_file = new()
    names = []
    for _ in range(3):
        names.append(trust_file.publisher_name_for(LIST))
        trust_file.add_publisher(names[-1], key_list=LIST)
    assert names == ["keys-example", "keys-example-2", "keys-example-3"]
    trust_file.text()


# Exemptions.


def test_only_the_date_changes_and_its_comment_stays() -> None:
    trust_file = parsed()
    trust_file.set_exemption("six", reason="unsigned upstream", until=UNTIL)
    assert changed_lines(trust_file) == ["-until = 2026-12-01  # a while", "+until = 2027-05-01  # a while"]


def test_keys_come_and_go() -> None:
    trust_file = parsed()
    trust_file.set_exemption("six", reason="new", hashes=[X], origin="me")
    assert changed_lines(trust_file) == [
        '-reason = "unsigned upstream"',
        "-until = 2026-12-01  # a while",
        '+reason = "new"',
        f'+hashes = ["sha256:{X}"]',
        '+origin = "me"',
    ]
    trust_file.set_exemption("six", reason="new")
    assert changed_lines(trust_file)[2:] == ['+reason = "new"']


def test_one_hash_becomes_several_lines() -> None:
    text = f'[[exempt]]\nproject = "six"\nhashes = ["sha256:{Y}"] # ok\nreason = "r"\n'
    trust_file = parsed(text)
    trust_file.set_exemption("six", reason="r", hashes=[Y, X])
    assert trust_file.text() == (
        f'[[exempt]]\nproject = "six"\nhashes = [\n    "sha256:{X}",\n    "sha256:{Y}",\n] # ok\nreason = "r"\n'
    )


def test_hashes_come_and_go_between_lines_with_comments() -> None:
    lines = [f'    "sha256:{X}",  # wheel\n', f'    "sha256:{Z}",  # sdist\n']
    start, end = '[[exempt]]\nproject = "six"\nreason = "r"\nhashes = [\n', "]\n"
    trust_file = parsed(start + "".join(lines) + end)
    trust_file.set_exemption("six", reason="r", hashes=[Z, Y])
    assert trust_file.text() == start + f'    "sha256:{Y}",\n' + lines[1] + end
    trust_file.set_exemption("six", reason="r", hashes=[X])
    assert trust_file.text() == f'[[exempt]]\nproject = "six"\nreason = "r"\nhashes = ["sha256:{X}"]\n'


def test_hashes_in_the_owners_order_stay_so() -> None:
    text = f'[[exempt]]\nproject = "six"\nreason = "r"\nhashes = ["sha256:{Y}", "sha256:{X}"]\n'
    trust_file = parsed(text)
    trust_file.set_exemption("six", reason="r", hashes=[X, Y])
    assert trust_file.text() == text


def test_hashes_may_be_added_where_they_are_not_sorted() -> None:
    text = f'[[exempt]]\nproject = "six"\nreason = "r"\nhashes = [\n    "sha256:{Z}",\n    "sha256:{X}",\n]\n'
    trust_file = parsed(text)
    trust_file.set_exemption("six", reason="r", hashes=[X, Y, Z])
    assert changed_lines(trust_file, text) == [f'+    "sha256:{Y}",']


def test_an_exemption_is_taken_out() -> None:
    trust_file = parsed()
    trust_file.remove_exemption("SIX")
    assert trust_file.text() == FILE[: FILE.index("\n[[exempt]]")]
    with pytest.raises(UsageError, match=r"\[\[exempt\]\]"):
        trust_file.remove_exemption("six")


@pytest.mark.parametrize("project", ["click", "team-x"])
def test_an_exemption_of_all_bytes_of_a_pinned_project(project: str) -> None:
    assert "team signs it" in refusal(FILE, "set_exemption", project, reason="r").expected
    trust_file = parsed()
    trust_file.set_exemption(project, reason="r", hashes=[X])
    trust_file.text()


# pyproject.toml.

PYPROJECT = """\
[project]
name = "demo"

[tool.pip-verify.policy]
unsigned = "deny"

[tool.ruff]  # not ours
line-length = 120
"""


def test_a_pyproject_is_changed_among_the_tables_of_others() -> None:
    trust_file = TrustFile.parse(PYPROJECT, "sub/pyproject.toml")
    trust_file.set_exemption("six", reason="r")
    trust_file.add_publisher("team", key_list=LIST, projects=["click"])
    assert changed_lines(trust_file, PYPROJECT) == [
        "+[tool.pip-verify.publishers.team]",
        f'+key-list = "{LIST}"',
        '+projects = ["click"]',
        "+",
        "+[[tool.pip-verify.exempt]]",
        '+project = "six"',
        '+reason = "r"',
        "+",
    ]
    policy = parse_pyproject(trust_file.text().encode(), "pyproject.toml")
    assert policy is not None
    assert policy.publisher_for("click")


def test_a_pyproject_with_exemptions_alone() -> None:
    text = "[project]\nname = 'x'\n\n[[tool.pip-verify.exempt]]\nproject = 'six'\nreason = 'r'\n"
    trust_file = TrustFile.parse(text, "pyproject.toml")
    trust_file.add_publisher("team", key_list=LIST)
    publisher = f'[tool.pip-verify.publishers.team]\nkey-list = "{LIST}"\n\n'
    assert trust_file.text() == text.replace("[[tool", f"{publisher}[[tool")


def test_a_pyproject_that_loses_its_last_table_keeps_an_empty_one() -> None:
    text = "[tool.a]\n\n[[tool.pip-verify.exempt]]\nproject = 'six'\nreason = 'r'\n\n[tool.b]\n"
    trust_file = TrustFile.parse(text, "pyproject.toml")
    trust_file.remove_exemption("six")
    assert trust_file.text() == "[tool.a]\n\n[tool.pip-verify]\n\n[tool.b]\n"


def test_a_pyproject_without_the_table() -> None:
    with pytest.raises(UsageError) as caught:
        TrustFile.parse("[project]\nname = 'x'\n", "sub\\pyproject.toml")
    assert caught.value.got == "none"
    with pytest.raises(UsageError):
        TrustFile.parse("", "pyproject.toml")


# Layouts that cannot be edited, and files that are none.


@pytest.mark.parametrize(
    ("text", "action", "arguments"),
    [
        (f"publishers = {{ team = {{ key-list = '{LIST}', projects = ['a'] }} }}\n", "add_projects", ("team", ["b"])),
        (f"publishers.team.key-list = '{LIST}'\npublishers.team.projects = ['a']\n", "remove_project", ("a",)),
        (f"[publishers]\nteam.key-list = '{LIST}'\nteam.projects = ['a']\n", "add_projects", ("team", ["b"])),
        ("exempt = [{ project = 'six', reason = 'r' }]\n", "remove_exemption", ("six",)),
    ],
)
def test_tables_without_headers_are_left_to_their_author(text: str, action: str, arguments: tuple[Any, ...]) -> None:
    error = refusal(text, action, *arguments)
    assert "each a header with its own keys below" in error.expected
    assert error.hint == "make this change by hand"


def test_an_array_of_exemptions_that_is_inline() -> None:
    error = refusal("exempt = []\n", "set_exemption", "six", reason="r")
    assert error.expected == "a change that leaves a valid trust file"
    text = "[tool]\npip-verify = { policy = { unsigned = 'deny' } }\n"
    with pytest.raises(UsageError, match=r"\[tool.pip-verify\] without a header"):
        TrustFile.parse(text, "pyproject.toml").set_exemption("six", reason="r")


def test_a_text_that_would_mean_something_else_is_never_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    trust_file = parsed()
    monkeypatch.setattr("pip_verify.trustfile.values.extend", lambda *_: None)
    trust_file.add_projects("team", ["new"])
    with pytest.raises(UsageError, match="would mean something else"):
        trust_file.text()


def test_a_misspelt_key_is_told_with_the_nearest_and_its_line() -> None:
    with pytest.raises(UsageError) as caught:
        parsed(FILE.replace("key-list", "keylist"))
    assert caught.value.subject == f"{NAME}:6: publishers.team.keylist"
    assert caught.value.hint == "did you mean key-list?"


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(UsageError, match="UTF-8"):
        TrustFile.parse(b"# \xff\n".decode("utf-8", "surrogateescape"), NAME)


# The diff.


def test_no_change_is_no_diff() -> None:
    assert diff(FILE, FILE, NAME) == ""


def test_a_new_file_comes_from_nowhere() -> None:
    assert diff("", "a\n", NAME) == f"--- /dev/null\n+++ {NAME}\n@@ -0,0 +1 @@\n+a\n"


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch to try it with")
@pytest.mark.parametrize(
    ("old", "new"), [("a\nb", "a\nc\n"), ("a\nb\n", "a\nb"), ("a\r\nb\r\n", "a\r\n"), ("a\x0bb\n\u2028\n", "a\x0bb\n")]
)
def test_patch_makes_the_new_file_of_the_old_one(old: str, new: str, tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(old.encode())
    command = ["patch", "--binary", "-s", NAME]
    subprocess.run(command, input=diff(old, new, NAME).encode(), cwd=tmp_path, check=True)
    assert path.read_bytes() == new.encode()
