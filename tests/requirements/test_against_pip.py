"""The installed pip as the judge: what we accept, pip reads from ``text_for_pip`` exactly as we report it.

pip's own file reader is replaced by one that hands over our text, as the hook in the child process does; the
rest is pip's real parser. Nested files are empty, their names are compared.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from pip._internal.exceptions import PipError
from pip._internal.req import req_file
from pip._internal.req.constructors import install_req_from_editable, install_req_from_line

from pip_verify.errors import EvidenceError, UsageError
from pip_verify.requirements.model import ParsedFile, Requirement
from pip_verify.requirements.parse import parse_requirements
from tests.requirements.support import SHA256, A, B
from tests.vectors import vectors_dir

NAME = str(Path("root.txt").absolute())
HASH = f"--hash=sha256:{SHA256}"
OPTION_NAMES = {  # without --use-feature, whose values pip keeps from line to line in a shared default
    "index_url": "--index-url",
    "extra_index_urls": "--extra-index-url",
    "no_index": "--no-index",
    "find_links": "--find-links",
    "prefer_binary": "--prefer-binary",
    "require_hashes": "--require-hashes",
    "pre": "--pre",
    "trusted_hosts": "--trusted-host",
}
VALUES_FOR_PIP = {"--use-feature", "--no-binary", "--only-binary"}


class Pip:
    """What pip reads: requirements, nested file names, and options of lines without a requirement."""

    def __init__(self, text: str, environ: Mapping[str, str], *, constraint: bool) -> None:
        self.requirements: list[tuple[str, int, bool, bool, dict[str, list[str]]]] = []
        self.nested: list[str] = []
        self.options: list[tuple[int, str, str | None]] = []
        with pytest.MonkeyPatch.context() as patch:
            for name in ("X", "Y"):
                patch.setenv(name, environ.get(name, ""))  # pip takes an empty variable for an unset one
            patch.setattr(req_file, "get_file_content", functools.partial(self._content, text))
            parser = req_file.RequirementsFileParser(None, req_file.get_line_parser(None))
            for line in parser.parse(NAME, constraint):
                self._take(line)

    def _content(self, text: str, url: str, _session: object, **_: object) -> tuple[str, str]:
        if url == NAME:
            return url, text
        self.nested.append(url)
        return url, ""

    def _take(self, line: Any) -> None:
        parsed = req_file.handle_line(line)
        if parsed is None:
            self.options += _pip_options(line)
            return
        hashes = {
            name: [digest.lower() for digest in found] for name, found in parsed.options.get("hashes", {}).items()
        }
        place = f"{'-c' if parsed.constraint else '-r'} {NAME} (line {line.lineno})"
        assert parsed.comes_from == place
        self.requirements.append(
            (parsed.requirement.strip(), line.lineno, parsed.is_editable, parsed.constraint, hashes)
        )


def _pip_options(line: Any) -> list[tuple[int, str, str | None]]:
    found: list[tuple[int, str, str | None]] = []
    for dest, name in OPTION_NAMES.items():
        value = getattr(line.opts, dest)
        if value is True:
            found.append((line.lineno, name, None))
        elif value:
            found += [(line.lineno, name, item) for item in ([value] if isinstance(value, str) else value)]
    return found


def _ours(parsed: ParsedFile) -> list[tuple[str, int, bool, bool, dict[str, list[str]]]]:
    rows = []
    for found in parsed.requirements:
        hashes: dict[str, list[str]] = {}
        for algorithm, digest in found.hashes:
            hashes.setdefault(algorithm, []).append(digest)
        rows.append((found.specifier, found.origin.line, found.editable, found.constraint, hashes))
    return rows


def agree(data: bytes, environ: Mapping[str, str], *, constraint: bool = False) -> bool:
    """Whether we accept; if so, pip must read the same, or the test fails."""
    try:
        parsed = parse_requirements(data, NAME, constraint=constraint, environ=environ)
    except (UsageError, EvidenceError):
        return False
    try:
        pip = Pip(parsed.text_for_pip, environ, constraint=constraint)
    except PipError:  # pip refuses the file for a value that only pip can judge
        assert VALUES_FOR_PIP & {found.name for found in parsed.options}
        return False
    assert pip.requirements == _ours(parsed)
    targets = [found.target for found in parsed.nested]
    urls = [bool(req_file.SCHEME_RE.search(name)) for name in targets]
    paths = [os.path.abspath(Path(NAME).parent / name) for name in targets]  # noqa: PTH100 - resolve() follows links
    assert pip.nested == [name if url else path for name, url, path in zip(targets, urls, paths, strict=True)]
    options = [(found.line, found.name, found.value) for found in parsed.options if found.name in OPTION_NAMES.values()]
    assert sorted(pip.options, key=str) == sorted(options, key=str)
    for requirement in parsed.requirements:
        _same_project(requirement)
    return True


def _same_project(requirement: Requirement) -> None:
    """Where pip can make an install requirement of the text, it names the same project, marker, extras and URL."""
    make = install_req_from_editable if requirement.editable else install_req_from_line
    try:
        theirs = make(requirement.specifier)
    except (PipError, ValueError):
        return  # pip refuses: a path that is not there, say
    project = canonicalize_name(theirs.req.name) if theirs.req is not None else None
    assert project == requirement.project
    assert {canonicalize_name(extra) for extra in theirs.extras} == set(requirement.extras)
    assert str(theirs.markers or "") == (requirement.marker or "")
    if requirement.url is not None and "://" in requirement.url:
        assert theirs.link.url == requirement.url
    elif requirement.url is None:
        assert theirs.link is None
        versions = [spec.version for spec in theirs.specifier if spec.operator in ("==", "===")]
        assert requirement.exact_version is None or len(versions) == len(theirs.specifier) == 1


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("pip"), "disabled", True)
    monkeypatch.setattr(logging.getLogger("pip._internal.req.constructors"), "disabled", True)
    monkeypatch.chdir(tmp_path)  # pip looks whether a requirement is a file that exists


PINS = [
    f"--key={A}", f"--key {B}", "--key-list=https://keys.example/k", "--signed-by x", "--threshold=1", "--threshold 1",
]  # fmt: skip
GOOD_SPECIFIERS = [
    "demo", "Demo_Pkg==1.0", "demo >= 1, <2", "demo[b,A]~=1.0", "demo===1.0", "demo==1.*",
    'demo ; python_version < "3"', "demo==1.0;extra=='a;b'", "demo @ https://h.example/demo-1.0.tar.gz",
    "demo[x] @ file:///srv/demo.zip ; os_name == 'nt'", "https://h.example/demo-1.0-py3-none-any.whl",
    "https://h.example/demo.zip#egg=demo&subdirectory=a ; os_name == 'nt'", "git+https://h.example/r.git@v1#egg=demo",
    "file:///srv/demo-1.0.tar.gz", "./demo.zip", "demo-1.0-py3-none-any.whl[a]", "demo.tar.zip", "${X}==1.0",
    "demo${Y}", "a-b.c_d", "demo (>1)", "./a b", ".",
]  # fmt: skip
GOOD_OPTIONS = [
    HASH, f"--hash sha512:{'0F' * 64}", f"'--hash=sha256:{SHA256}'", "--config-settings=a=b", '-C "a=b c"', "${X}",
    *PINS,
]  # fmt: skip
GOOD_LINES = [
    "", "   ", "# comment", "#", "  # via demo \\", "# pip-verify: --signed-by=x",
    f"    # pip-verify: --key={A} --threshold=1", "-r nested.txt", "-rnested2.txt", "--constraint=./limits.txt",
    "-c https://h.example/limits.txt", "-e .", "-e./a[x]", '-e "demo @ git+https://h.example/r"',
    "-e git+https://h.example/r#egg=demo", "-i https://i.example", "--pre --no-index",
    "--extra-index-url https://a.example --extra-index-url=https://b.example", "-f ./links", "--require-hashes",
    "--trusted-host h.example --prefer-binary", "--no-binary :all: --only-binary demo", "--use-feature=fast-deps",
]  # fmt: skip
NASTY = [
    "\\", "\\\\", " \\\n", "\\\n", " \\\n  ", "#", " #", " # x", "'", '"', "''", "=", "==", ";", "; ", " ; ", "@",
    "&", "[a]", "-", "--", " -- ", "--ha", "--has=", "--hash", "--key", "--key=", "--pre", "-e ", "-r", "-C", "\t",
    "  ", "\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\xa0", "\u212a", "\ufeff", "${X}", "${Y}", "${", "}",
    "demo", "evil==1.0", " evil", "/", "./", ".zip", ".whl", "://", "https:", "file:", "git+", "\xe4",
    "# coding: utf-7\n", "# pip-verify: --signed-by=x\n",
]  # fmt: skip
PIECES = [
    "https://", "file:", "file:///", "git+https://", "h.example", "/", "a", "demo", "Demo-1.0-py3-none-any.whl",
    "other-1.0.tar.gz", ".zip", ".whl", ".tar", "#egg=", "#egg=demo", "&egg=other", "&", "?a=1", f"#sha256={SHA256}",
    "#subdirectory=a", "@", " @ ", " ; ", ";", "; ", "os_name == 'nt'", "[", "]", "[a,B]", " ", "\t", "==", "===",
    "1.0", ">=", ",", ".*", "(", ")", "\\", "..", ".", "C:", "%2F", "-", "!", "'", "=", "\xe9", "\u212a",
]  # fmt: skip

seams = st.sampled_from([" ", "  ", " \\\n    ", "\\\n  ", " \\\n\t", " \t", "   \\\n "])
endings = st.sampled_from(["\n", "\n", "\r\n", "  # why\n", "\t# why\n", " \n"])


@st.composite
def requirement_lines(draw: st.DrawFn) -> str:
    parts = [
        draw(st.sampled_from(GOOD_SPECIFIERS)),
        *draw(st.lists(st.sampled_from(GOOD_OPTIONS), max_size=4, unique=True)),
    ]
    text = parts[0]
    for part in parts[1:]:
        text += draw(seams) + part
    return text + draw(endings)


@st.composite
def files(draw: st.DrawFn) -> str:
    lines = draw(st.lists(requirement_lines() | st.sampled_from(GOOD_LINES).map(lambda line: line + "\n"), max_size=6))
    text = "".join(lines)
    for nasty in draw(st.lists(st.sampled_from(NASTY), max_size=3)):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + nasty + text[place:]
    return text


variables = st.fixed_dictionaries(
    {
        "X": st.sampled_from(
            ["", "demo", "other", HASH, "--pre", "a b", "'", "\\", "#", "# x", "-", ";", "${Y}", f"--key={A}"]
        ),
        "Y": st.sampled_from(["", "==2.0", "[a]", ".zip", " evil", "\n", "; os_name == 'nt'", "@", "${X}", "/"]),
    }
)
quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@settings(quick, max_examples=200)
@given(text=files(), environ=variables, constraint=st.booleans())
@example(text=f"demo \\\n  --key={A} # why\n  # pip-verify: --signed-by=x\nother {HASH}\n", environ={}, constraint=True)
@example(text="${X} --signed-by=x\n", environ={"X": "demo"}, constraint=False)
@example(text="\ufeffdemo --signed-by=x\r\nother", environ={}, constraint=False)
def test_what_we_accept_pip_reads_the_same(*, text: str, environ: dict[str, str], constraint: bool) -> None:
    agree(text.encode(), environ, constraint=constraint)


@settings(quick, max_examples=200)
@given(st.lists(st.sampled_from(NASTY + GOOD_SPECIFIERS + GOOD_OPTIONS), max_size=8).map("".join), variables)
def test_what_we_accept_of_a_soup_pip_reads_the_same(text: str, environ: dict[str, str]) -> None:
    agree(text.encode(), environ)


@settings(quick, max_examples=200)
@given(
    st.sampled_from(["", "-e ", "demo @ ", "https://h.example/", "demo", "./"]),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join),
)
@example(
    "git+https://h.example/", "Demo-1.0-py3-none-any.whl"
)  # each read by some pip and once by us as another project
@example("https://h.example/a", "#subdirectory=a#egg=demo")
@example("Demo-1.0-py3-none-any.whl", "/")
@example("a.tar[a]", "/")
@example("demo @ ", "https://[::1]/x/..")
@example("demo===", "1.0[a]")
@example("demo===", "1.0/a")
@example("demo===", "1.0.zip")
@example("\\file:///srv/", "demo-1.0.tar.gz")
def test_what_we_accept_as_a_requirement_names_the_same_project_to_pip(start: str, rest: str) -> None:
    agree(f"{start}{rest}\n".encode(), {})


@pytest.mark.parametrize("specifier", GOOD_SPECIFIERS)
@pytest.mark.parametrize("options", ["", f" {HASH}", " \\\n  --config-settings='a=b c' \\\n  " + HASH])
def test_good_lines_are_accepted_by_both(specifier: str, options: str) -> None:
    assert agree(f"{specifier}{options}\n".encode(), {"X": "demo", "Y": "==1.0"})


@pytest.mark.parametrize("line", [line for line in GOOD_LINES if "pip-verify:" not in line])
def test_other_good_lines_are_accepted_by_both(line: str) -> None:
    assert agree(f"{line}\ndemo==1.0 --signed-by=x\n{line}\n".encode(), {})


@pytest.mark.parametrize("seam", [" ", " \\\n    ", "\\\n ", " \\\n\t"])
def test_pins_in_any_place_leave_the_requirement_to_pip(seam: str) -> None:
    pins = [
        f"--key={A}",
        f"--key {B}",
        "--threshold 2",
        f"--key {seam.strip(' ')}{B}" if "\n" in seam else f"--key={B}",
    ]
    for place in range(3):
        parts = ["demo==1.0 ; os_name == 'nt'", HASH, "-C 'a=--key b'"]
        parts[place + 1 : place + 1] = pins[:3]
        assert agree((seam.join(parts) + "\n# pip-verify: --signed-by=x\nother\n").encode(), {}) or "\t" in seam


def test_the_shared_vectors_are_read_by_pip_as_by_us() -> None:
    files = sorted(vectors_dir("requirements").glob("*.txt"))
    assert len(files) == 22
    accepted = [path.name for path in files if agree(path.read_bytes(), {})]
    assert len(accepted) == 7


def test_the_judge_sees_what_pip_sees() -> None:
    """The comparison itself: a separator in a comment is a requirement to pip, an orphan hash is none."""
    pip = Pip(f"demo # x\x0cevil==1.0\ndemo2 \\\n# c\n{HASH}\n", {}, constraint=False)
    assert [row[:2] for row in pip.requirements] == [("demo", 1), ("evil==1.0", 2), ("demo2", 3)]
    assert all(row[4] == {} for row in pip.requirements)
