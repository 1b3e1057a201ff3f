"""Locks from disk: which reader a path gets, nested requirement files, directories, several locks together."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from pip_verify.errors import EvidenceError, UsageError
from pip_verify.lockfiles.document import MAX_BYTES
from pip_verify.lockfiles.model import LockedFile, LockedSet
from pip_verify.pins import Origin
from pip_verify.sources import locks
from pip_verify.sources.locks import load_locked
from tests.lockfiles import test_poetry, test_pylock, test_uv
from tests.lockfiles.support import A, B, C, files
from tests.requirements.support import KEYS

UV = test_uv.HEAD + test_uv.DEMO
WHEEL = "demo-1.0-py3-none-any.whl"


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def load(folder: Path, *names: str, **environ: str) -> LockedSet:
    return load_locked([folder / name for name in names], environ=environ)


def refused(folder: Path, *names: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        load(folder, *names)
    return caught.value


def hashed(digest: str = A, requirement: str = "demo==1.0") -> str:
    return f"{requirement} --hash=sha256:{digest}\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv.lock", UV),
        ("poetry.lock", test_poetry.DEMO + test_poetry.TAIL),
        ("pylock.toml", test_pylock.HEAD + test_pylock.DEMO),
        ("pylock.prod.toml", test_pylock.HEAD + test_pylock.DEMO),
        ("renamed.lock", UV),
        ("reqs.txt", hashed() + hashed(B)),
    ],
)
def test_every_kind_of_lock_is_read(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    locked = load(tmp_path, name)
    assert {file.sha256 for file in locked.files} == {A, B}
    assert {file.origin.file for file in locked.files} == {str(tmp_path / name)}


def test_a_lock_reached_by_a_link_is_read_by_the_links_name(tmp_path: Path) -> None:
    (tmp_path / "store").write_text(UV)
    (tmp_path / "uv.lock").symlink_to(tmp_path / "store")
    assert len(load(tmp_path, "uv.lock").files) == 2


# Requirement files.


def test_nested_files_are_found_from_the_file_they_stand_in(tmp_path: Path) -> None:
    write(tmp_path, r="-r sub/a.txt\n-c sub/c.txt\n", sub__a="-r b.txt\nother\n", sub__b="demo\n")
    for name in ("a", "b"):
        (tmp_path / "sub" / name).rename(tmp_path / "sub" / f"{name}.txt")
    (tmp_path / "sub" / "c.txt").write_text(hashed() + hashed(B, "unasked==1.0"))
    locked = load(tmp_path, "r")
    assert files(locked) == [("demo", "1.0", None, A, 1)]
    assert locked.files[0].origin.file == str(tmp_path / "sub" / "c.txt")
    assert [item.text for item in locked.unlocked] == ["other"]


def test_requirements_inside_a_constraint_file_are_requirements_as_to_pip(tmp_path: Path) -> None:
    write(tmp_path, r="-c c\n", c="-r more\nnever==1.0\n", more=hashed())
    assert [file.project for file in load(tmp_path, "r").files] == ["demo"]


def test_all_requirement_files_count_as_one_command(tmp_path: Path) -> None:
    write(tmp_path, a="demo\n", b=hashed() + f"demo --key={KEYS[0].text}\n")
    locked = load(tmp_path, "a", "b")
    assert (len(locked.files), locked.unlocked) == (1, ())
    assert [pin.keys for pin in locked.files[0].pins] == [(KEYS[0],)]


def test_variables_come_from_the_environment_given(tmp_path: Path) -> None:
    write(tmp_path, r="-r ${NAME}\n", a="demo==1.0 --hash=sha256:${DIGEST}\n")
    assert load(tmp_path, "r", NAME="a", DIGEST=A).files[0].sha256 == A


@pytest.mark.parametrize("option", ["-r", "-c"])
@pytest.mark.parametrize("target", ["r", "./r", "../{}/r", "link"])
def test_a_file_that_includes_itself_is_refused(tmp_path: Path, option: str, target: str) -> None:
    write(tmp_path, r="-r middle\n", middle=f"\n{option} {target.format(tmp_path.name)}\n")
    (tmp_path / "link").symlink_to(tmp_path / "r")
    error = refused(tmp_path, "r")
    assert error.subject == f"{tmp_path / 'middle'}:2"
    assert "do not include themselves" in error.expected


def test_a_file_included_by_two_is_no_cycle_and_counts_once(tmp_path: Path) -> None:
    write(tmp_path, r="-r a\n-r b\n-c base\n", a="-r base\n", b="-r base\n", base=hashed())
    assert len(load(tmp_path, "r").files) == 1


def test_files_that_include_each_other_twofold_are_read_once_each(tmp_path: Path) -> None:
    for level in range(40):
        write(tmp_path, **{f"f{level}": f"-r f{level + 1}\n-r ./f{level + 1}\n"})
    write(tmp_path, f40=hashed())
    assert len(load(tmp_path, "f0").files) == 1


def test_files_nested_too_deep_are_refused(tmp_path: Path) -> None:
    for level in range(locks.MAX_NESTING + 1):
        write(tmp_path, **{f"f{level}": f"-r f{level + 1}\n"})
    assert "50 levels" in refused(tmp_path, "f0").expected


@pytest.mark.parametrize("target", ["https://files.example/r.txt", "http://files.example/r.txt", "file:///r.txt"])
@pytest.mark.parametrize("option", ["-r", "-c"])
def test_a_remote_requirement_file_is_refused_with_words(tmp_path: Path, option: str, target: str) -> None:
    write(tmp_path, r=f"# x\n{option} {target}\n")
    error = refused(tmp_path, "r")
    assert error.subject == f"{tmp_path / 'r'}:2"
    assert (error.expected, error.got) == ("a requirement file on disk", "a URL")
    assert "download it" in error.hint


def test_a_missing_file_is_refused_with_the_line_that_names_it(tmp_path: Path) -> None:
    write(tmp_path, r="\n-r gone\n")
    assert refused(tmp_path, "r").subject == f"{tmp_path / 'r'}:2: {tmp_path / 'gone'}"
    assert refused(tmp_path, "gone.lock").subject == str(tmp_path / "gone.lock")
    assert refused(tmp_path, "gone.lock").hint


def test_a_path_that_no_system_takes_is_refused(tmp_path: Path) -> None:
    assert "null" in refused(tmp_path, "a\0b").got
    write(tmp_path, r="-r .\n")
    assert "directory" in refused(tmp_path, "r").got.lower()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    write(tmp_path, r="")
    (tmp_path / "r").chmod(0)
    assert "denied" in refused(tmp_path, "r").got


def test_a_huge_lock_is_refused_and_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "uv.lock").open("wb") as file:
        file.truncate(MAX_BYTES * 40)
    assert "at most" in refused(tmp_path, "uv.lock").expected


# Directories.


def at_hand(path: Path, digest: str) -> LockedFile:
    origin = Origin(str(path.parent))
    return LockedFile("demo", "1.0", path.name, digest, origin, url=path.as_uri(), stated=False, path=str(path))


def test_a_directory_of_artifacts_locks_what_lies_there(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    write(folder, **{"demo-1.0.tar.gz": "sdist", WHEEL: "wheel", f"{WHEEL}.jws": "x", "notes.txt": "x"})
    (folder / "sub.whl").mkdir()
    locked = load_locked([folder], environ={})
    digest = {text: hashlib.sha256(text.encode()).hexdigest() for text in ("sdist", "wheel")}
    assert locked.files == (
        at_hand(folder / WHEEL, digest["wheel"]),
        at_hand(folder / "demo-1.0.tar.gz", digest["sdist"]),
    )
    assert "a%20b" in str(locked.files[0].url)


def test_a_directory_named_like_a_lock_is_a_directory(tmp_path: Path) -> None:
    write(tmp_path, **{f"uv.lock__{WHEEL}".replace("__", "/"): "x"})
    assert len(load(tmp_path, "uv.lock").files) == 1


@pytest.mark.parametrize("name", ["demo.whl", "main.zip", "demo-1.0.tgz", "demo-1.0.tar.bz2", "démo-1.0.tar.gz"])
def test_an_archive_in_a_directory_that_states_no_release_is_not_passed_over(tmp_path: Path, name: str) -> None:
    write(tmp_path, **{WHEEL: "x", name: "x"})
    error = refused(tmp_path.parent, tmp_path.name)
    assert error.subject.startswith(f"{tmp_path}: ")
    assert "move" in error.hint


def test_a_directory_without_artifacts_is_refused(tmp_path: Path) -> None:
    write(tmp_path, **{"README.txt": "x"})
    assert refused(tmp_path.parent, tmp_path.name).expected == "wheels and sdists"


def test_an_artifact_that_vanishes_is_refused_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, **{WHEEL: "x"})

    def vanish(path: Path) -> str:
        path.unlink()
        return str(path.read_bytes())

    monkeypatch.setattr(locks, "_sha256", vanish)
    assert "No such file" in refused(tmp_path.parent, tmp_path.name).got


# Files where a lock says that they are.


def paths(locked: LockedSet) -> list[str | None]:
    return [file.path for file in locked.files]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "pylock.toml",
            test_pylock.HEAD
            + f"""
[[packages]]
name = "demo"
version = "1.0"
archive = {{ path = "a%20b/{WHEEL}", hashes = {{ sha256 = "{A}" }} }}
""",
        ),
        (
            "uv.lock",
            test_uv.HEAD
            + f"""
[[package]]
name = "demo"
version = "1.0"
source = {{ path = "a%20b/{WHEEL}" }}
wheels = [{{ filename = "{WHEEL}", hash = "sha256:{A}" }}]
""",
        ),
    ],
)
def test_a_file_at_a_locks_path_is_at_hand_if_it_is_there(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path, **{f"sub/{name}": text})
    assert paths(load(tmp_path / "sub", name)) == [None]
    write(tmp_path, **{f"sub/a%20b/{WHEEL}": "x"})
    assert paths(load(tmp_path / "sub", name)) == [str(tmp_path / "sub/a%20b" / WHEEL)]


@pytest.mark.parametrize(
    "line",
    [
        f"./a%20b/{WHEEL}",
        f"demo @ file:a%2520b/{WHEEL}",
        f"file://localhost{{}}/a%2520b/{WHEEL}",
        f"file://{{}}/a%2520b/{WHEEL}",
    ],
)
def test_a_file_that_a_requirement_names_is_at_hand_as_pip_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """Relative to the current directory, not to the requirement file."""
    write(tmp_path, **{f"a%20b/{WHEEL}": "x", "sub/r.txt": hashed(A, line.format(tmp_path))})
    monkeypatch.chdir(tmp_path)
    assert paths(load(tmp_path / "sub", "r.txt")) == [str(tmp_path / "a%20b" / WHEEL)]


@pytest.mark.parametrize(
    "requirement",
    [
        f"./{WHEEL}",  # whose digest nothing states: it is not locked, whatever lies there
        f"demo @ https://files.example/{WHEEL}#sha256={A}",
        f"demo @ file://other.example/{WHEEL}#sha256={A}",
        f"demo @ file:gone/{WHEEL}#sha256={A}",
        f"demo @ file:{'x' * 300}/{WHEEL}#sha256={A}",
    ],
)
def test_what_is_no_locked_file_of_this_machine_is_not_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requirement: str
) -> None:
    write(tmp_path, **{WHEEL: "x", "r.txt": requirement})
    monkeypatch.chdir(tmp_path)
    assert paths(load(tmp_path, "r.txt")) == [None]


# Several together.


def test_several_locks_are_one_with_nothing_twice(tmp_path: Path) -> None:
    same = test_poetry.DEMO.replace(A, "x").replace(B, A).replace("x" * 1 + '"', B + '"') + test_poetry.TAIL
    write(tmp_path, **{"uv.lock": UV, "poetry.lock": same, "r.txt": hashed(B) + hashed(C)})
    locked = load(tmp_path, "r.txt", "uv.lock", "poetry.lock")
    assert [(file.filename, file.sha256) for file in locked.files] == [
        (None, C),
        ("demo-1.0.tar.gz", A),
        (WHEEL, B),
    ]


def test_the_same_lock_twice_is_one(tmp_path: Path) -> None:
    write(tmp_path, **{"uv.lock": UV, "r.txt": hashed(C)})
    assert load(tmp_path, "uv.lock", "r.txt", "uv.lock", "r.txt") == load(tmp_path, "uv.lock", "r.txt")


def test_requirement_files_stand_where_the_first_of_them_stood(tmp_path: Path) -> None:
    write(tmp_path, **{"uv.lock": UV, "a.txt": hashed(C), "b.txt": hashed(C, "later==1.0")})
    locked = load(tmp_path, "a.txt", "uv.lock", "b.txt")
    assert [file.project for file in locked.files] == ["demo", "later", "demo", "demo"]


def test_two_locks_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    write(tmp_path, **{"uv.lock": UV, "poetry.lock": test_poetry.DEMO + test_poetry.TAIL})
    with pytest.raises(EvidenceError) as caught:
        load(tmp_path, "uv.lock", "poetry.lock")
    assert f"as {tmp_path / 'uv.lock'}:" in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'poetry.lock'}:10: {WHEEL}: ")


def test_a_directory_that_contradicts_a_lock_is_refused(tmp_path: Path) -> None:
    write(tmp_path, **{"uv.lock": UV, f"dist/{WHEEL}": "other bytes"})
    with pytest.raises(EvidenceError, match=WHEEL):
        load(tmp_path, "uv.lock", "dist")


def test_no_path_is_nothing_locked() -> None:
    assert load_locked([], environ={}) == LockedSet()
