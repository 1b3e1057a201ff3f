"""What all formats share: decoding, caps, lines, names of files, and which reader a file gets."""

from __future__ import annotations

import time

import pytest

from pip_verify.errors import UsageError
from pip_verify.lockfiles import document
from pip_verify.lockfiles.document import load_toml
from pip_verify.lockfiles.package import is_archive, local_path, name_at, vcs_location
from pip_verify.lockfiles.pipfile import parse_pipfile_lock
from pip_verify.lockfiles.poetry import parse_poetry_lock
from pip_verify.lockfiles.pylock import parse_pylock
from pip_verify.lockfiles.recognise import Reader, reader_for
from pip_verify.lockfiles.uv import parse_uv_lock
from tests.lockfiles import test_poetry, test_pylock, test_uv
from tests.lockfiles.support import COMMIT, A, refused

READERS = [parse_uv_lock, parse_poetry_lock, parse_pylock, parse_pipfile_lock]


@pytest.mark.parametrize("reader", READERS)
def test_bytes_that_are_no_utf8_are_refused_with_their_line(reader: Reader) -> None:
    assert "lock:2: expected UTF-8, got byte 0xff" in refused(reader, b"# \n\xff\n")


@pytest.mark.parametrize("reader", READERS)
def test_a_huge_lock_is_refused_before_it_is_read(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MAX_BYTES", 10)
    assert "at most 10 bytes" in refused(reader, b" " * 11)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "data", ["", "\n", "x", "[" * 5000, "{" * 5000, 'a = "', "a = " + "[" * 3000, "a = " + "9" * 5000]
)
def test_nonsense_is_refused_without_a_traceback(reader: Reader, data: str) -> None:
    refused(reader, data)


def test_a_syntax_error_is_refused_with_its_line() -> None:
    assert refused(parse_uv_lock, "version = 1\nx == 3\n").startswith("lock:2: expected TOML 1.0, got")
    assert refused(parse_pipfile_lock, '{\n"a": 3,,\n}').startswith("lock:2: expected JSON, got")


def test_a_digest_is_found_from_a_line_on_and_whatever_the_case() -> None:
    doc = load_toml(f"# {A}\n\n# {A.upper()} {A}\n# {A}0\n".encode(), "x")
    assert [doc.digest_line(A, after) for after in (0, 1, 2, 3, 4)] == [1, 1, 3, 3, 4]
    assert doc.digest_line("ff" * 32, 7) == 7


def test_a_header_inside_a_text_costs_the_lines_but_nothing_else() -> None:
    text = test_uv.HEAD + test_uv.DEMO.replace("size = 9,", 'x = """\n[[package]]\n""",', 1)
    assert next(file.sha256 for file in parse_uv_lock(text.encode(), "x").files) == A


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("https://files.example/a/demo-1.0.tar.gz?x=/y.zip#z/t.zip", "demo-1.0.tar.gz"),
        ("https://files.example/demo-1.0%2Bcpu-py3-none-any.whl", "demo-1.0+cpu-py3-none-any.whl"),
        ("https://files.example/a%2Fdemo-1.0.zip", "demo-1.0.zip"),
        ("C:\\w\\demo-1.0.zip", "demo-1.0.zip"),
        ("w/demo-1.0#x.zip", "demo-1.0#x.zip"),
        ("https://files.example/", None),
        ("https://files.example", None),
        ("libs/demo", None),
        (".whl", None),
        ("", None),
    ],
)
def test_the_name_at_the_end_of_a_location(location: str, name: str | None) -> None:
    assert name_at(location) == name


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("./a%20b/x.whl", "./a%20b/x.whl"),
        ("C:\\x.whl", "C:\\x.whl"),
        ("file:///a%20b/x.whl#sha256=1", "/a b/x.whl"),
        ("FILE://localhost/x.whl", "/x.whl"),
        ("file:x.whl", "x.whl"),
        ("file://host/x.whl", None),
        ("file://[/x.whl", None),
        ("https://files.example/x.whl", None),
    ],
)
def test_the_path_that_a_location_leads_to(location: str, path: str | None) -> None:
    assert local_path(location) == path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.whl", True),
        ("a.TAR.GZ", True),
        ("a.tgz", True),
        ("a.tar", True),
        ("a.gz", False),
        ("a.tar.zip", False),
        ("whl", False),
    ],
)
def test_what_pip_takes_for_an_archive(name: str, expected: bool) -> None:  # noqa: FBT001
    assert is_archive(name) is expected


def test_a_repository_is_written_as_pip_has_it() -> None:
    assert vcs_location("git", "https://git.example/x#egg=x", COMMIT) == f"git+https://git.example/x@{COMMIT}"
    assert vcs_location("git", f"git+https://git.example/x@{COMMIT}", "main") == f"git+https://git.example/x@{COMMIT}"
    assert vcs_location("git", "https://git.example/x", None) == "git+https://git.example/x"


@pytest.mark.parametrize(
    ("name", "data", "reader"),
    [
        ("uv.lock", "", parse_uv_lock),
        ("poetry.lock", "", parse_poetry_lock),
        ("Pipfile.lock", "", parse_pipfile_lock),
        ("pylock.toml", "", parse_pylock),
        ("pylock.dev.toml", "", parse_pylock),
        ("pylock.a.b.toml", "demo==1", None),
        ("my.lock", "# by uv\n" + test_uv.HEAD + test_uv.DEMO, parse_uv_lock),
        ("my.lock", test_poetry.DEMO + test_poetry.TAIL, parse_poetry_lock),
        ("my.lock", test_poetry.OLD, parse_poetry_lock),
        ("my.lock", "# by pip\n" + test_pylock.HEAD + test_pylock.DEMO, parse_pylock),
        ("my.lock", '\n{"_meta": {}}', parse_pipfile_lock),
        ("requirements.lock", "demo==1.0\n", None),
        ("requirements.txt", test_uv.HEAD, None),
        ("base.in", "{", None),
    ],
)
def test_a_reader_is_picked_by_name_else_by_content(name: str, data: str, reader: Reader | None) -> None:
    assert reader_for(name, data.encode()) is reader


@pytest.mark.parametrize("name", ["pyproject.toml", "Pipfile", "pdm.lock", "pip-verify.toml", "pip-verify.lock"])
def test_a_file_that_is_no_lock_is_refused_with_the_way_to_one(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        reader_for(name, b"")
    assert caught.value.hint


def test_a_thousand_artifacts_are_read_in_time_linear_in_the_file() -> None:
    wheels = "".join(
        f'    {{ url = "https://files.example/demo-1.0-{n}-py3-none-any.whl", hash = "sha256:{n:064x}" }},\n'
        for n in range(10)
    )
    packages = "".join(
        test_uv.package(
            'registry = "i"',
            f"wheels = [\n{wheels.replace('demo', f'demo{p}')}]".replace("sha256:00", f"sha256:{p:02x}"),
            f"demo{p}",
        )
        for p in range(100)
    )
    data = (test_uv.HEAD + packages).encode()
    began = time.process_time()
    locked = parse_uv_lock(data, "uv.lock")
    assert len(locked.files) == 1000
    assert time.process_time() - began < 1.0  # some 0.03 s on an idle machine, of which tomllib takes half
