"""Whole files: the shared vectors, the text that pip gets, variables, speed."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pip_verify.errors import EvidenceError, PipVerifyError, UsageError
from pip_verify.pins import Origin
from pip_verify.requirements.model import GlobalOption, Nested, ParsedFile
from pip_verify.requirements.parse import parse_requirements
from tests.requirements.support import SHA256, A, B, one, parse
from tests.vectors import vectors_dir

ACCEPTED = {  # file: the (project, exact version) of its requirements
    "comment_continuation.txt": [("goodpkg", "1.0"), ("evilpkg", "1.0")],  # a comment's backslash joins nothing
    "dup_names_case.txt": [("goodpkg", "1.0"), ("goodpkg", "1.0")],
    "marker_false.txt": [("goodpkg", "1.0"), ("evilpkg", "1.0")],
    "nested.txt": [("evilpkg", "1.0")],
    "nested_r.txt": [("goodpkg", "1.0")],
    "opt_equals.txt": [("goodpkg", "1.0")],
    "tripleeq.txt": [("goodpkg", "1.0")],
}
REFUSED = {  # file: the line of the error and a part of what was expected
    "coding_cookie_utf7.txt": (1, "no coding cookie"),
    "continuation_comment.txt": (2, "no comment inside a backslash continuation"),
    "cr_in_comment.txt": (1, "control characters"),
    "direct_egg.txt": (1, "one project in name, #egg= and file name"),
    "ff_in_comment.txt": (1, "control characters"),
    "hash_no_space.txt": (1, "PEP 508"),
    "hash_wrong_alg.txt": (1, "sha256:<64 hex digits>"),
    "kelvin.txt": (1, "ASCII"),
    "nel_in_comment.txt": (1, "control characters"),
    "nul.txt": (1, "control characters"),
    "pep508_url_space.txt": (1, "sha256:<64 hex digits>"),  # its marker is fine, its digest is #sha256=00
    "quote.txt": (1, "PEP 508"),
    "tab_sep.txt": (1, "PEP 508"),
    "u2028_in_comment.txt": (1, "control characters"),
    "vt_in_comment.txt": (1, "control characters"),
}


def test_the_shared_vectors_are_accepted_or_refused() -> None:
    files = {path.name: path.read_bytes() for path in vectors_dir("requirements").glob("*.txt")}
    assert len(files) == 22
    assert files.keys() == ACCEPTED.keys() | REFUSED.keys()
    for name, expected in ACCEPTED.items():
        parsed = parse_requirements(files[name], name, constraint=False, environ={})
        assert [(found.project, found.exact_version) for found in parsed.requirements] == expected
        assert parsed.text_for_pip.encode() == files[name]
        nested = (Nested("requirement", "nested.txt", 2),) if name in ("nested_r.txt", "opt_equals.txt") else ()
        assert parsed.nested == nested
    for name, (line, part) in REFUSED.items():
        with pytest.raises(UsageError) as caught:
            parse_requirements(files[name], name, constraint=False, environ={})
        assert caught.value.subject == f"{name}:{line}"
        assert part in caught.value.expected


def test_a_whole_file() -> None:
    text = (
        "# locked\n--index-url https://index.example/simple\n\n"
        f"flask[async]==3.0 ; python_version > '3' \\\n    --hash=sha256:{SHA256} \\\n    --key={A}  # why\n"
        "-c limits.txt\n"
    )
    parsed = parse(text)
    (flask,) = parsed.requirements
    assert (flask.origin, flask.pins[0].origin) == (Origin("req.txt", 4), Origin("req.txt", 6))
    assert flask.specifier == "flask[async]==3.0 ; python_version > '3'"
    assert parsed.options == (GlobalOption("--index-url", "https://index.example/simple", 2),)
    assert parsed.nested == (Nested("constraint", "limits.txt", 7),)
    assert (parsed.name, flask.constraint) == ("req.txt", False)
    assert parsed.text_for_pip == text.replace(f"--key={A}", " " * len(f"--key={A}"))


@pytest.mark.parametrize(
    ("text", "for_pip"),
    [
        ("demo --signed-by=a", "demo              "),
        ("demo  --signed-by a --config-settings=a=b", "demo                --config-settings=a=b"),
        ("demo \\\n--signed-by=a", "demo \\\n             "),
        (
            "demo \\\n --signed-by=a \\\n --threshold \\\n  1 # x\n",
            "demo \\\n               \\\n             \\\n    # x\n",
        ),
        ("  demo --signed-by=a -C 'a=--key b'\n", "  demo               -C 'a=--key b'\n"),
        ("demo --signed-by=a #b\n", "demo               #b\n"),
    ],
)
def test_only_pin_options_are_blanked_and_nothing_moves(text: str, for_pip: str) -> None:
    parsed = parse(text)
    assert parsed.text_for_pip == for_pip
    (requirement,) = parsed.requirements
    assert (len(requirement.pins), requirement.specifier) == (1, "demo")


def test_a_pin_option_that_is_another_options_value_is_refused_not_blanked() -> None:
    for line in (f"demo --config-settings --key={A}", f"demo --hash --key={A}", f"-r --key={A}"):
        with pytest.raises(UsageError, match="a value for"):
            parse(line)
    quoted = f"demo -C '--key={A}=x'"
    with pytest.raises(UsageError, match="a value for"):
        parse(quoted)
    assert one(f"demo --config-settings='--key={A}=x'").pins == ()


def test_what_looks_like_a_pin_before_the_options_is_no_pin() -> None:
    with pytest.raises(UsageError, match="PEP 508"):
        parse(f"demo\t--key={A}\n")
    with pytest.raises(UsageError, match="split over two lines"):
        parse(f"demo\\\n--key={A}\n")


def test_variables_are_expanded_as_pip_does() -> None:
    environ = {"NAME": "demo", "VERSION_1": "1.0", "EMPTY": "", "lower": "x", "HOME": "/srv/a b"}
    text = "${NAME}==${VERSION_1} --hash=sha256:" + SHA256 + " # ${NAME}\n-r ${NAME}/${EMPTY}${UNSET}${lower}.txt\n"
    parsed = parse(text, environ=environ)
    assert parsed.requirements[0].specifier == "demo==1.0"
    assert parsed.nested == (Nested("requirement", "demo/${EMPTY}${UNSET}${lower}.txt", 2),)
    assert parsed.text_for_pip == text
    assert one("${HOME}/demo.zip", **environ).url == "/srv/a b/demo.zip"


def test_a_variable_may_hold_an_option_of_pips_but_no_other_words() -> None:
    assert parse("${O}", environ={"O": "--pre"}).options == (GlobalOption("--pre", None, 1),)
    assert one("demo ${O} --signed-by=a", O=f"--hash=sha256:{SHA256}").hashes == (("sha256", SHA256),)
    with pytest.raises(UsageError, match="pip ignores other words"):
        parse(f"demo --hash=sha256:{SHA256} ${{O}}", environ={"O": "evil"})
    with pytest.raises(UsageError, match="a value for --hash"):
        parse("demo ${O} --signed-by=a", environ={"O": "--hash"})


@pytest.mark.parametrize(
    "value", ["demo\nevil", "demo\u2028evil", "demo\0", "demo\udc80", " demo", "demo ", "\xa0demo", "\t"]
)
def test_a_variable_cannot_bring_a_line_end_or_white_space_at_the_ends(value: str) -> None:
    with pytest.raises(UsageError, match="values are printable"):
        parse("${X}", environ={"X": value})


def test_a_variable_cannot_make_a_new_variable() -> None:
    for text, value in (("${X}", "${X}x"), ("${X}", "${Y}"), ("${${X}}", "Y"), ("$${X}Y}", "{")):
        with pytest.raises(UsageError, match="make no new"):
            parse(text, environ={"X": value, "Y": "demo"})
    assert parse("-r ${X}", environ={"X": "${Z}"}).nested == (Nested("requirement", "${Z}", 1),)
    assert parse("-r ${X}", environ={"X": "${X}"}).nested == (Nested("requirement", "${X}", 1),)


def test_two_lines_for_one_project_are_both_reported() -> None:
    parsed = parse(f"demo==1.0 --key={A}\nDemo==2.0 --key={B}\n")
    assert [found.exact_version for found in parsed.requirements] == ["1.0", "2.0"]


def test_empty_files() -> None:
    for text in ("", "\n", "\r\n", "# x", " \t\n#\n"):
        parsed = parse(text)
        assert (parsed.requirements, parsed.nested, parsed.options, parsed.text_for_pip) == ((), (), (), text)


NASTY = [
    *"\\\n\n\n#  \t'\"=;@[]()-.,<>!~$&%:/\r\x0b\x85\u2028\xa0\u200b\u212a\ufeff\0",
    "demo", "other", "==", "1.0", "--hash=sha256:", SHA256, "--key=", "--key", A, "--key-list", "https://h.example/",
    "--threshold=1", "--signed-by", "=a", "# pip-verify:", "# via", "-r", "-e", "-c", "--pre", "${X}", "${Y}", "git+",
    "#egg=", "demo-1.0-py3-none-any.whl", ".zip", "; extra == 'a'", "# coding: utf-8", " \\\n    ",
]  # fmt: skip
soup = st.lists(st.sampled_from(NASTY) | st.text(max_size=2), max_size=30).map("".join)


def attempt(data: bytes, environ: dict[str, str]) -> ParsedFile | PipVerifyError:
    try:
        return parse_requirements(data, "req.txt", constraint=False, environ=environ)
    except (UsageError, EvidenceError) as error:
        return error


@settings(max_examples=200)
@given(soup, st.fixed_dictionaries({"X": soup, "Y": soup}))
@example("https://[", {})
@example("demo==" + "9" * 3900, {})
@example("demo; extra == '\\x'", {})
def test_no_text_raises_anything_but_our_errors(text: str, environ: dict[str, str]) -> None:
    result = attempt(text.encode("utf-8", "surrogatepass"), environ)
    if isinstance(result, ParsedFile):
        assert result.text_for_pip.count("\n") == text.count("\n")
        assert len(result.text_for_pip) == len(text.removeprefix("\ufeff"))
    else:
        assert result.subject.startswith("req.txt")
        assert str(result).isprintable()


@settings(max_examples=100)
@given(st.binary(max_size=40))
def test_no_bytes_raise_anything_but_our_errors(data: bytes) -> None:
    result = attempt(data, {})
    if isinstance(result, ParsedFile):
        assert result.text_for_pip.encode() == data.removeprefix(b"\xef\xbb\xbf")


def test_a_locked_file_of_5000_lines_is_read_in_well_under_half_a_second() -> None:
    blocks = []
    for number in range(250):
        hashes = " \\\n    ".join(f"--hash=sha256:{number:04x}{line:060x}" for line in range(17))
        blocks.append(f"project-{number}==1.{number} ; python_version >= '3.9' \\\n    {hashes}\n    # via -r x.in\n")
        blocks.append("    # pip-verify: --signed-by=team\n")
    data = "".join(blocks).encode()
    assert data.count(b"\n") == 5000
    best = min(_seconds(data) for _ in range(3))
    assert best < 0.5


def _seconds(data: bytes) -> float:
    start = time.process_time()
    parsed = parse_requirements(data, "req.txt", constraint=False, environ={})
    assert sum(len(requirement.hashes) for requirement in parsed.requirements) == 250 * 17
    return time.process_time() - start


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("//" * 60_000, True),  # an error shows it without credentials
        ("a " * 30_000 + "\t" * 60_000, True),
        ("demo " + "--key=a " * 15_000, True),
        ("-r " + "'" * 100_000, True),
        ("# " + "\u200b" * 100_000, False),
        ("#" + " " * 100_000 + ":" * 100_000, False),
        ("${X}" * 30_000, True),
        ("demo" + " \\\n  " * 20_000 + "x", True),
        ("./" + "[" * 3_900 + "]", True),
        ("--pre " * 20_000, False),
    ],
    ids=range(10),
)
def test_time_grows_with_length_not_faster(text: str, *, refused: bool) -> None:
    start = time.process_time()
    result = attempt(text.encode(), {"X": "x"})
    assert isinstance(result, UsageError) == refused
    assert len(str(result)) < 600 or not refused
    assert time.process_time() - start < 1.0
