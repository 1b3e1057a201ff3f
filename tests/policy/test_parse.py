"""The trust file as text: what is read from it, and every way in which it is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_verify.encoding import b64u_encode
from pip_verify.errors import EvidenceError, PipVerifyError, UsageError
from pip_verify.keys import KEY_LIST_MAX_KEYS
from pip_verify.lockfiles.document import MAX_BYTES
from pip_verify.pins import Origin
from pip_verify.policy import (
    EMPTY_POLICY,
    TRUST_FILE_MAX_BYTES,
    Exemption,
    Policy,
    Publisher,
    parse_pyproject,
    parse_trust_file,
)
from pip_verify.policy.table import AS_DOCUMENTED
from tests.policy.world import LIST, NAME, A, B, make_key, parse

HASH = "sha256:" + "0f" * 32

FULL = f"""\
[policy]
unsigned = "hash-pinned"
first-use = "record"
max-stale = 3600
vcs = "commit"
local = "deny"
mode = "report"

[publishers.pallets]
key-list = "{LIST}"
keys = ["{A}", "{B}"]
releases = "https://keys.example/pallets/{{project}}/{{version}}.jws"
threshold = 2
projects = ["Flask", "ruamel.yaml", "pallets_*"]
formats = ["release-statement", "in-wheel"]

[ publishers . "solo" ]  # TOML allows all of this
keys = ["{A}"]

[[exempt]]
project = "Six"
reason = "unsigned upstream"
hashes = ["{HASH}"]
until = 2027-05-01
origin = "init 2026-11-20"

[[exempt]]
project = "seven"
reason = "ein Grund, auch mit Umlaut: ä"
"""

POLICY = Policy(
    unsigned="hash-pinned",
    first_use="record",
    max_stale=3600,
    vcs="commit",
    local="deny",
    mode="report",
    publishers=(
        Publisher(
            name="pallets",
            key_list=LIST,
            keys=(A, B),
            releases="https://keys.example/pallets/{project}/{version}.jws",
            threshold=2,
            projects=("flask", "ruamel-yaml", "pallets-*"),
            formats=("release-statement", "in-wheel"),
            origin=Origin(NAME, 9),
        ),
        Publisher("solo", None, (A,), None, 1, (), (), Origin(NAME, 17)),
    ),
    exemptions=(
        Exemption("six", "unsigned upstream", ("0f" * 32,), date(2027, 5, 1), "init 2026-11-20", Origin(NAME, 20)),
        Exemption("seven", "ein Grund, auch mit Umlaut: ä", (), None, None, Origin(NAME, 27)),
    ),
    source=NAME,
)


def publisher(lines: str) -> str:
    return f"[publishers.p]\n{lines}\n"


def exempt(lines: str) -> str:
    return f'[[exempt]]\nproject = "six"\nreason = "r"\n{lines}\n'


def refusal(text: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse(text)
    return caught.value


def test_reads_every_key() -> None:
    assert parse(FULL) == POLICY


def test_line_ends_do_not_matter() -> None:
    assert parse(FULL.replace("\n", "\r\n")) == POLICY


def test_pyproject_holds_the_same_keys_under_its_table() -> None:
    text = '[project]\nname = "x"\n' + re.sub(
        r"\[ ?(policy|publishers|exempt)",
        r"[tool.pip-verify.\1",
        FULL.replace("[[exempt]]", "[[tool.pip-verify.exempt]]"),
    )
    policy = parse_pyproject(text.encode(), "pyproject.toml")
    assert policy is not None
    assert (policy.unsigned, policy.max_stale, policy.source) == ("hash-pinned", 3600, "pyproject.toml")
    assert [str(entry.origin) for entry in policy.publishers] == ["pyproject.toml:11", "pyproject.toml:19"]
    assert [str(entry.origin) for entry in policy.exemptions] == ["pyproject.toml:22", "pyproject.toml:29"]


@pytest.mark.parametrize("text", ["", "[tool]\n", "[tool.black]\nline-length = 100\n", '[tool."pip verify"]\n'])
def test_pyproject_without_the_table_is_no_trust_file(text: str) -> None:
    assert parse_pyproject(text.encode(), "pyproject.toml") is None


def test_pyproject_with_an_empty_table_is_one() -> None:
    assert parse_pyproject(b"[tool.pip-verify]\n", "p") == Policy(source="p")


@pytest.mark.parametrize("name", ["pip_verify", "pipverify", "PIP-Verify"])
def test_a_misspelt_table_in_pyproject_is_not_passed_over(name: str) -> None:
    with pytest.raises(UsageError, match=rf"pyproject\.toml: tool\.{name}: expected the table \[tool\.pip-verify\]"):
        parse_pyproject(f"[tool.{name}]\n".encode(), "pyproject.toml")


@pytest.mark.parametrize("text", ["tool = 1\n", "[tool]\npip-verify = 1\n"])
def test_pyproject_with_something_else_in_its_place_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a table, got an integer"):
        parse_pyproject(text.encode(), "pyproject.toml")


def test_an_empty_trust_file_denies_like_none() -> None:
    assert parse("") == Policy(source=NAME)
    assert Policy("deny", "deny", 0, "deny", "allow", "enforce", (), (), None) == EMPTY_POLICY


def test_lines_are_nought_where_the_tables_are_written_in_another_way() -> None:
    policy = parse(f'exempt = [{{project = "six", reason = "r"}}]\npublishers.p = {{keys = ["{A}"]}}\n')
    assert (policy.exemptions[0].origin, policy.publishers[0].origin) == (Origin(NAME), Origin(NAME))


def test_no_line_is_claimed_where_a_text_that_looks_like_a_header_confuses_the_scan() -> None:
    policy = parse('[[exempt]]\nproject = "six"\nreason = """\\\n[[exempt]]\\\n"""\n')
    assert (policy.exemptions[0].reason, policy.exemptions[0].origin) == ("[[exempt]]", Origin(NAME))


# what each refusal says: the file, the line if known, the dotted path


@pytest.mark.parametrize(
    ("text", "subject", "got"),
    [
        ('mode = "strict"', "pip-verify.toml: mode", "an unknown key"),
        ('[policy]\nmode = "strict"', "pip-verify.toml: policy.mode", "'strict'"),
        ('[policy]\nmodes = "report"', "pip-verify.toml: policy.modes", "an unknown key"),
        ("[policy]\n'a b' = 1", "pip-verify.toml: policy.'a b'", "an unknown key"),
        ("policy = 1", "pip-verify.toml: policy", "an integer"),
        ("publishers = []", "pip-verify.toml: publishers", "an array"),
        ("publishers.p = 1.5", "pip-verify.toml: publishers.p", "a float"),
        ("exempt = 2027-05-01", "pip-verify.toml: exempt", "a date or time"),
        ("[exempt]", "pip-verify.toml: exempt", "a table"),
        ("exempt = [true]", "pip-verify.toml: exempt[0]", "a boolean"),
        ("[policy]\nunsigned = true", "pip-verify.toml: policy.unsigned", "a boolean"),
        ('[policy]\nunsigned = "allow"', "pip-verify.toml: policy.unsigned", "'allow'"),
        ('[policy]\nfirst-use = "Record"', "pip-verify.toml: policy.first-use", "'Record'"),
        ('[policy]\nvcs = "allow"', "pip-verify.toml: policy.vcs", "'allow'"),
        ('[policy]\nlocal = ""', "pip-verify.toml: policy.local", "''"),
        ("[policy]\nmax-stale = -1", "pip-verify.toml: policy.max-stale", "-1"),
        ("[policy]\nmax-stale = 2592001", "pip-verify.toml: policy.max-stale", "2592001"),
        ("[policy]\nmax-stale = true", "pip-verify.toml: policy.max-stale", "a boolean"),
        ("[policy]\nmax-stale = 1.0", "pip-verify.toml: policy.max-stale", "a float"),
        ('[policy]\nmax-stale = "1h"', "pip-verify.toml: policy.max-stale", "a string"),
        (publisher(""), "pip-verify.toml:1: publishers.p", "neither"),
        (publisher("keys = []"), "pip-verify.toml:1: publishers.p.keys", "an empty array"),
        (publisher(f'keys = "{A}"'), "pip-verify.toml:1: publishers.p.keys", "a string"),
        (publisher("keys = [1]"), "pip-verify.toml:1: publishers.p.keys[0]", "an integer"),
        (publisher(f'keys = ["{A}", "x"]'), "pip-verify.toml:1: publishers.p.keys[1]", "'x'"),
        (publisher(f'keys = ["{A}", "{A}"]'), "pip-verify.toml:1: publishers.p.keys[1]", f"'{A}' twice"),
        (publisher(f'keys = ["{A}="]'), "pip-verify.toml:1: publishers.p.keys[0]", f"'{A.text[8:]}='"),
        (publisher('keys = ["ed25519:AAAA"]'), "pip-verify.toml:1: publishers.p.keys[0]", "3 bytes"),
        (publisher(f'keys = ["{A}"]\nthreshold = 2'), "pip-verify.toml:1: publishers.p.threshold", "2"),
        (publisher(f'key-list = "{LIST}"\nthreshold = 129'), "pip-verify.toml:1: publishers.p.threshold", "129"),
        (publisher(f'key-list = "{LIST}"\nthreshold = 0'), "pip-verify.toml:1: publishers.p.threshold", "0"),
        (
            publisher(f'key-list = "{LIST}"\nprojects = []'),
            "pip-verify.toml:1: publishers.p.projects",
            "an empty array",
        ),
        (publisher(f'key-list = "{LIST}"\nformats = ["pgp"]'), "pip-verify.toml:1: publishers.p.formats[0]", "'pgp'"),
        (publisher("key-list = 1"), "pip-verify.toml:1: publishers.p.key-list", "an integer"),
        ('[publishers.""]', "pip-verify.toml: publishers.''", "''"),
        ("[publishers.'a b']", "pip-verify.toml: publishers.'a b'", "'a b'"),
        ('[publishers."\\u001b[2J"]', "pip-verify.toml: publishers.'\\x1b[2J'", "'\\x1b[2J'"),
        ('[publishers."é"]', "pip-verify.toml: publishers.'\\xe9'", "'\\xe9'"),
        ('[[exempt]]\nproject = "six"', "pip-verify.toml:1: exempt[0].reason", "nothing"),
        ('[[exempt]]\nreason = "r"', "pip-verify.toml:1: exempt[0].project", "nothing"),
        ("[[exempt]]", "pip-verify.toml:1: exempt[0].project", "nothing"),
        (exempt('until = "2027-05-01"'), "pip-verify.toml:1: exempt[0].until", "a string"),
        (exempt("until = 2027-05-01T00:00:00Z"), "pip-verify.toml:1: exempt[0].until", "a date or time"),
        (exempt("until = 2027-05-01 00:00:00"), "pip-verify.toml:1: exempt[0].until", "a date or time"),
        (exempt("until = 07:32:00"), "pip-verify.toml:1: exempt[0].until", "a date or time"),
        (exempt("hashes = []"), "pip-verify.toml:1: exempt[0].hashes", "an empty array"),
        (exempt(f'hashes = ["{HASH}", "{HASH}"]'), "pip-verify.toml:1: exempt[0].hashes[1]", f"'{HASH}' twice"),
        (exempt(f'hashes = ["{HASH.upper()}"]'), "pip-verify.toml:1: exempt[0].hashes[0]", f"'{HASH.upper()}'"),
        (exempt(f'hashes = ["{HASH}0"]'), "pip-verify.toml:1: exempt[0].hashes[0]", f"'{HASH}0'"),
        (exempt(f'hashes = ["{HASH}\\n"]'), "pip-verify.toml:1: exempt[0].hashes[0]", f"'{HASH}\\n'"),
        (exempt(f'hashes = ["md5:{"0" * 32}"]'), "pip-verify.toml:1: exempt[0].hashes[0]", f"'md5:{'0' * 32}'"),
        (exempt('origin = ""'), "pip-verify.toml:1: exempt[0].origin", "''"),
        (exempt('when = "x"'), "pip-verify.toml:1: exempt[0].when", "an unknown key"),
        (exempt("") + exempt(""), "pip-verify.toml:5: exempt[1].project", "a second one for six"),
        (exempt("") + exempt("").replace("six", "SIX"), "pip-verify.toml:5: exempt[1].project", "a second one for six"),
    ],
)
def test_refused_with_its_place(text: str, subject: str, got: str) -> None:
    error = refusal(text)
    assert (error.subject, error.got) == (subject, got)
    assert error.expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[publisher.p]", "did you mean publishers?"),
        ("[policy]\nfirst_use = 1", "did you mean first-use?"),
        ('[policy]\nunsigned = "denied"', "did you mean deny?"),
        (publisher('key_list = "x"'), "did you mean key-list?"),
        (publisher('Keys = ["x"]'), "did you mean keys?"),
        (exempt("hash = 1"), "did you mean hashes?"),
        ("[policy]\nzzz = 1", AS_DOCUMENTED),
        (publisher(""), 'add key-list = "https://…" or keys = ["ed25519:…"]'),
        (publisher("keys = []"), "write one, or remove the key keys"),
        ('[[exempt]]\nproject = "six"', 'add reason = "…"'),
        (publisher('key-list = "http://keys.example/"'), "serve it over https"),
    ],
)
def test_the_next_step(text: str, hint: str) -> None:
    assert refusal(text).hint == hint


@pytest.mark.parametrize(
    "raw",
    [b"\x00" * 32, b"\x01" + b"\x00" * 31, b"\xec" + b"\xff" * 30 + b"\x7f", b"\xff" * 32],
    ids=["order 4", "identity", "order 2", "not canonical"],
)
def test_a_weak_key_is_an_attack_and_not_a_slip(raw: bytes) -> None:
    with pytest.raises(EvidenceError, match=r"pip-verify\.toml:1: publishers\.p\.keys\[0\]: expected an Ed25519"):
        parse(publisher(f'keys = ["ed25519:{b64u_encode(raw)}"]'))


@pytest.mark.parametrize(
    "url",
    [
        "http://keys.example/k.json",
        "http://127.0.0.1/k.json",
        "http://localhost:8000/k.json",
        "HTTPS://keys.example/k.json",
        "https:keys.example",
        "https:///k.json",
        "https://",
        "https://:443/k.json",
        "//keys.example/k.json",
        "keys.json",
        "file:///etc/passwd",
        "ftp://keys.example/",
        "https://keys.example/k.json#a",
        "https://keys.example/k.json#",
        "https://user@keys.example/",
        "https://@keys.example/",
        "https://keys.example:0/",
        "https://keys.example:65536/",
        "https://keys.example:x/",
        "https://[::1/k.json",
        "https://keys.example/k json",
        "https://keys.example\\\\@evil.example/",
        "https://kéys.example/",
        "https://keys.example/{project}.json",
        "https://keys.example/<x>",
        "https://keys.example/" + "a" * 2000,
    ],
)
def test_key_list_must_be_a_plain_https_url(url: str) -> None:
    assert refusal(publisher(f'key-list = "{url}"')).subject == "pip-verify.toml:1: publishers.p.key-list"


@pytest.mark.parametrize(
    "url",
    ["https://keys.example", "https://keys.example:8443/a/b.json?v=1", "https://[2001:db8::1]/k", "https://a.b/%20~x"],
)
def test_key_list_may_have_a_port_a_query_and_an_address(url: str) -> None:
    assert parse(publisher(f'key-list = "{url}"')).publishers[0].key_list == url


@pytest.mark.parametrize(
    "url", ["https://user:hunter2@keys.example/", "https://u:hunter2@[::1/", "https://u:hunter2@h:x/"]
)
def test_a_refused_url_does_not_show_its_password(url: str) -> None:
    error = refusal(publisher(f'key-list = "{url}"'))
    assert "hunter2" not in f"{error} {error.hint}"
    assert "…@" in error.got.encode().decode("unicode_escape")


@pytest.mark.parametrize(
    "template",
    [
        "https://{project}.example/{version}.jws",
        "https://keys.example:{version}/{project}",
        "https://keys.example{project}/{version}",
        "http://keys.example/{project}/{version}.jws",
        "releases/{project}/{version}.jws",
        "https://keys.example/{project}.jws",
        "https://keys.example/{+project}/{version}.jws",
        "https://keys.example/{project}/{version}/{user}",
        "https://keys.example/{project}/{version",
        "https://keys.example/}{project}/{version}",
        "https://keys.example/{project}/{version}.jws#x",
        "https://u:p@keys.example/{project}/{version}.jws",
        "https://keys.example/{project}/{version}.jws<",
    ],
)
def test_releases_must_be_an_absolute_https_template_of_a_fixed_host(template: str) -> None:
    error = refusal(publisher(f'key-list = "{LIST}"\nreleases = "{template}"'))
    assert error.subject == "pip-verify.toml:1: publishers.p.releases"


@pytest.mark.parametrize(
    "pattern",
    ["é*", "a**b", "**", "-a*", "*-", "a/*", "[ab]*", "a?", "a?*", "", " ", "a b", "\u212a*", "*\n", "flask\n", "*."],
)
def test_projects_that_are_neither_name_nor_pattern_are_refused(pattern: str) -> None:
    text = pattern.replace("\n", "\\n")
    error = refusal(publisher(f'key-list = "{LIST}"\nprojects = ["{text}"]'))
    assert error.subject == "pip-verify.toml:1: publishers.p.projects[0]"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("*", "*"),
        ("Foo_Bar", "foo-bar"),
        ("zope.*", "zope-*"),
        ("*.__x", "*-x"),
        ("A*B*C", "a*b*c"),
        ("*-types", "*-types"),
    ],
)
def test_projects_are_normalised(written: str, read: str) -> None:
    assert parse(publisher(f'key-list = "{LIST}"\nprojects = ["{written}"]')).publishers[0].projects == (read,)


def test_a_plain_name_is_told_what_a_name_is() -> None:
    error = refusal(publisher(f'key-list = "{LIST}"\nprojects = ["a b"]'))
    assert error.expected == "a project name: letters, digits, '.', '_' and '-' (PEP 508)"


def test_the_same_project_twice_under_one_publisher_is_refused() -> None:
    error = refusal(publisher(f'key-list = "{LIST}"\nprojects = ["foo-bar", "Foo.Bar"]'))
    assert error.subject == "pip-verify.toml:1: publishers.p.projects[1]"


@pytest.mark.parametrize("project", ["flask", "f*", "*"])
def test_the_same_claim_under_two_publishers_is_refused(project: str) -> None:
    text = "".join(f'[publishers.{name}]\nkey-list = "{LIST}"\nprojects = ["{project}"]\n' for name in ("one", "two"))
    assert refusal(text).got == f"{project} under one and under two"


def test_names_of_exempt_projects_are_names_and_not_patterns() -> None:
    for name in ("s*", "é", ""):
        assert refusal(exempt("").replace("six", name)).subject == "pip-verify.toml:1: exempt[0].project"


@pytest.mark.parametrize("project", ["six", "s*", "*"])
def test_an_exemption_without_hashes_cannot_silence_a_publisher(project: str) -> None:
    claimed = publisher(f'key-list = "{LIST}"\nprojects = ["{project}"]')
    error = refusal(claimed + exempt(""))
    assert error.subject == "pip-verify.toml: exempt[0]"
    assert error.expected == "hashes, because publisher p claims six"
    assert parse(claimed + exempt(f'hashes = ["{HASH}"]')).exemptions[0].hashes == (HASH[7:],)


@pytest.mark.parametrize("reason", ["", "a\\nb", "\\u001b[31m", "x" * 2001, "\\u202ereversed"])
def test_a_reason_that_would_not_print_is_refused(reason: str) -> None:
    assert refusal(f'[[exempt]]\nproject = "six"\nreason = "{reason}"').subject == "pip-verify.toml:1: exempt[0].reason"


def test_a_text_may_have_2000_characters() -> None:
    assert len(parse(f'[[exempt]]\nproject = "six"\nreason = "{"x" * 2000}"').exemptions[0].reason) == 2000


def test_thresholds_up_to_the_number_of_keys() -> None:
    assert parse(publisher(f'keys = ["{A}", "{B}"]\nthreshold = 2')).publishers[0].threshold == 2
    assert parse(publisher(f'key-list = "{LIST}"\nthreshold = {KEY_LIST_MAX_KEYS}')).publishers[0].threshold == 128
    assert refusal(publisher(f'key-list = "{LIST}"\nkeys = ["{A}"]\nthreshold = 2')).subject.endswith("p.threshold")


def test_a_threshold_beyond_128_is_refused_also_with_more_keys() -> None:
    keys = ", ".join(f'"{make_key(number)}"' for number in range(130))
    assert refusal(publisher(f"keys = [{keys}]\nthreshold = 129")).expected == "an integer from 1 to 128"


@pytest.mark.parametrize(
    ("data", "got"),
    [
        (b"\xff", "an invalid byte at offset 0"),
        (b'a = "\xed\xa0\x80"', "an invalid byte at offset 5"),
        (b"a", "Expected '=' after a key in a key/value pair"),
        (b"[policy]\n[policy]\n", "Cannot declare"),
        (b"\xef\xbb\xbf[policy]\n", "Invalid statement"),
        (b"[policy]\nmax-stale = " + b"9" * 5000, "digits"),
        (b"a = 2027-02-30", "Invalid"),
        (b"a = " + b"[" * 100_000, ""),
        (b"a = " + b"{a=" * 100_000, ""),
        (b"#" * (TRUST_FILE_MAX_BYTES + 1), f"{TRUST_FILE_MAX_BYTES + 1} bytes"),
    ],
)
def test_what_is_no_toml_of_a_sane_size_is_refused(data: bytes, got: str) -> None:
    for parser in (parse_trust_file, parse_pyproject):
        with pytest.raises(UsageError) as caught:
            parser(data, NAME)
        assert caught.value.subject == NAME
        assert got in caught.value.got


def test_the_largest_file_is_read() -> None:
    assert TRUST_FILE_MAX_BYTES == 32 * 1024 * 1024 == MAX_BYTES
    assert parse("#" * TRUST_FILE_MAX_BYTES) == Policy(source=NAME)


TEXTS = st.sampled_from(["deny", "six", "*", LIST, str(A), HASH, "", "é", "\x00"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(TEXTS, st.integers(-1, 3), st.booleans(), st.dates()),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
KEYS = st.sampled_from(
    ["unsigned", "max-stale", "keys", "key-list", "releases", "threshold", "projects", "until", "reason"]
)


def to_toml(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(to_toml, value)) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\x00", "\\u0000") + '"'
    return str(value).lower() if isinstance(value, bool) else str(value)


def outcome(parser: Callable[[bytes, str], Policy | None], data: bytes) -> Policy | None:
    """What the parser says; nothing when it refuses with an error of ours, and a failure when with another."""
    try:
        return parser(data, NAME)
    except PipVerifyError as error:
        if not error.subject.startswith(NAME):
            pytest.fail(f"an error that does not name the file: {error}")
        return None


TABLES = st.tuples(st.sampled_from(["policy", "publishers.p", "exempt"]), st.dictionaries(KEYS, VALUES))


@given(st.lists(TABLES, max_size=3))
def test_any_table_is_a_policy_or_an_error_of_ours(tables: list[tuple[str, dict[str, Any]]]) -> None:
    lines = []
    for name, values in tables:
        lines.append("[[exempt]]" if name == "exempt" else f"[{name}]")
        lines += [f"{key} = {to_toml(value)}" for key, value in values.items()]
    policy = outcome(parse_trust_file, "\n".join(lines).encode())
    if policy is not None:
        assert all(entry.keys or entry.key_list for entry in policy.publishers)
        assert all(entry.reason for entry in policy.exemptions)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_policy_or_an_error_of_ours(data: bytes) -> None:
    outcome(parse_trust_file, data)
    outcome(parse_pyproject, data)
