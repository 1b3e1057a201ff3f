"""Requirement and constraint files as locks, by pip's rules."""

from __future__ import annotations

import pytest

from pip_verify.errors import EvidenceError
from pip_verify.lockfiles.model import LockedFile, LockedSet, LockedSource, Unlocked
from pip_verify.lockfiles.requirement_files import from_requirements
from pip_verify.pins import Origin
from pip_verify.requirements.parse import parse_requirements
from tests.lockfiles.support import COMMIT, SHA512, A, B, C, files
from tests.requirements.support import KEYS


def read(text: str, constraints: str = "", **environ: str) -> LockedSet:
    return from_requirements(
        parse_requirements(text.encode(), "r.txt", constraint=False, environ=environ),
        parse_requirements(constraints.encode(), "c.txt", constraint=True, environ=environ),
    )


def hashed(requirement: str, *digests: str) -> str:
    return requirement + "".join(f" \\\n    --hash=sha256:{digest}" for digest in digests) + "\n"


def test_each_digest_is_a_file_without_a_name_on_its_own_line() -> None:
    locked = read("# locked\n" + hashed("Demo[x]==1.0", A, B.upper()) + hashed("demo2==2", A))
    assert files(locked) == [
        ("demo", "1.0", None, A, 3),
        ("demo", "1.0", None, B, 4),
        ("demo2", "2", None, A, 6),
    ]
    assert (locked.sources, locked.unlocked) == ((), ())


def test_pins_and_marker_go_with_every_file() -> None:
    text = hashed('demo==1.0; os_name == "nt"', A) + f"    # pip-verify: --key={KEYS[0].text}\n"
    text += f"demo --key={KEYS[1].text}\n"
    (file,) = read(text).files
    assert file.marker == 'os_name == "nt"'
    assert [pin.keys for pin in file.pins] == [(KEYS[0],), (KEYS[1],)]


def test_a_digest_from_a_variable_has_the_line_of_its_requirement() -> None:
    assert files(read("\ndemo==1.0 \\\n  --hash=sha256:${DIGEST}\n", DIGEST=A))[0][4] == 2


def test_an_exact_version_without_a_digest_is_a_file_without_one() -> None:
    assert read("demo==1.0\n").files == (LockedFile("demo", "1.0", None, None, Origin("r.txt", 1)),)


def test_other_algorithms_alone_are_named() -> None:
    (file,) = read(f"demo==1.0 --hash=sha512:{SHA512}\n").files
    assert (file.sha256, file.digests) == (None, (("sha512", SHA512),))


def test_a_digest_by_another_algorithm_beside_is_of_another_file() -> None:
    """pip takes a file that has any of them."""
    files = read(f"demo==1.0 --hash=sha512:{SHA512} --hash=sha256:{A}\n").files
    assert [(file.sha256, file.digests) for file in files] == [(A, ()), (None, (("sha512", SHA512),))]


# Dependencies: what pip does with such files is asked from the real one in tests/e2e/test_check_dependencies.py.

URL = f"demo @ https://files.example/demo-1.0.tar.gz#sha256={A}"
FIXED_ALONE = [
    URL,
    "./app",
    "-e .",
    f"demo @ git+https://git.example/demo@{COMMIT}",
    f"file:///w/demo-1.0.zip#sha256={A}",
]


def free(text: str, constraints: str = "") -> list[str]:
    return [item.text for item in read(text, constraints).unlocked if item.dependencies]


@pytest.mark.parametrize("line", FIXED_ALONE)
def test_what_is_fixed_itself_leaves_its_dependencies_to_pip(line: str) -> None:
    (unlocked,) = read(f"\n{line} ; os_name == 'nt'\n" if not line.startswith("-e") else f"\n{line}\n").unlocked
    assert (unlocked.origin, unlocked.dependencies) == (Origin("r.txt", 2), True)
    assert line.startswith("-e") or unlocked.marker == 'os_name == "nt"'


@pytest.mark.parametrize("line", FIXED_ALONE)
def test_hashes_anywhere_leave_nothing_to_pip(line: str) -> None:
    for more in (hashed("other==1.0", A), "--require-hashes\n"):
        assert free(f"{line}\n{more}") == []
    assert free(line + "\n", hashed("unasked==1.0", A)) == []


def test_what_turns_hashes_off_leaves_all_dependencies_to_pip() -> None:
    text = "--no-require-hashes\n" + hashed("demo==1.0", A) + "./app\nother\n"
    assert free(text) == ["demo==1.0", "./app"]
    assert free("--require-hashes\n" + text) == ["demo==1.0", "./app"]
    assert free(hashed("demo==1.0", A), "--no-require-hashes\n") == ["demo==1.0"]


def test_what_is_not_fixed_itself_is_told_once() -> None:
    for text in ("demo\n", "demo==1.0\n", "demo @ https://files.example/demo-1.0.tar.gz\n"):
        assert free(text) == []


@pytest.mark.parametrize("specifier", ["demo", "demo>=1", "demo==1.*", "demo==1.0,!=2"])
def test_what_is_not_exact_is_unlocked_also_with_hashes(specifier: str) -> None:
    expected = (Unlocked("demo", specifier, Origin("r.txt", 1)),)
    assert read(specifier + "\n").unlocked == expected
    assert read(hashed(specifier, A)) == LockedSet(unlocked=expected)


def test_an_unlocked_requirement_keeps_its_pins_and_marker() -> None:
    (unlocked,) = read(f'demo; os_name == "nt" --key={KEYS[0].text}\n').unlocked
    assert (unlocked.marker, [pin.keys for pin in unlocked.pins]) == ('os_name == "nt"', [(KEYS[0],)])


def test_a_direct_url_states_name_version_and_digest() -> None:
    url = f"https://files.example/demo-1.0-py3-none-any.whl#sha256={A.upper()}"
    (file,) = read(f"demo @ {url}\n").files
    assert file == LockedFile("demo", "1.0", "demo-1.0-py3-none-any.whl", A, Origin("r.txt", 1), url=url)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"demo @ https://files.example/demo-1.0.tar.gz#sha256={A}", ("demo", "1.0", "demo-1.0.tar.gz", A, 1)),
        (f"demo @ https://files.example/main.zip#sha256={A}", ("demo", None, None, A, 1)),
        (f"demo @ https://files.example/get?id=3 --hash=sha256:{A}", ("demo", None, None, A, 1)),
        (f"./w/demo-1.0.tar.gz --hash=sha256:{A}", ("demo", "1.0", "demo-1.0.tar.gz", A, 1)),
        (f"file:///w/demo-1.0-py3-none-any.whl#sha256={A}", ("demo", "1.0", "demo-1.0-py3-none-any.whl", A, 1)),
        ("demo @ https://files.example/demo-1.0.tar.gz", ("demo", "1.0", "demo-1.0.tar.gz", None, 1)),
        (f"demo @ https://files.example/demo-1.0.tar.gz#sha512={SHA512}", ("demo", "1.0", "demo-1.0.tar.gz", None, 1)),
        ("./demo-1.0-py3-none-any.whl", ("demo", "1.0", "demo-1.0-py3-none-any.whl", None, 1)),
    ],
)
def test_archives_at_urls_and_paths_are_files(line: str, expected: tuple[str | int | None, ...]) -> None:
    locked = read(line + "\n--require-hashes\n")
    assert files(locked) == [expected]
    assert not locked.sources
    assert not locked.unlocked


def test_several_digests_of_one_url_leave_its_name_to_none() -> None:
    line = f"demo @ https://files.example/demo-1.0.tar.gz#sha256={A} --hash=sha256:{B} --hash=sha256:{A}\n"
    assert files(read(line)) == [("demo", "1.0", None, B, 1), ("demo", "1.0", None, A, 1)]


@pytest.mark.parametrize(
    ("line", "source"),
    [
        ("-e .", LockedSource("directory", ".", None, None, Origin("r.txt", 1))),
        ("./libs/demo", LockedSource("directory", "./libs/demo", None, None, Origin("r.txt", 1))),
        ("file:///libs/demo", LockedSource("directory", "file:///libs/demo", None, None, Origin("r.txt", 1))),
        (
            f"demo @ git+https://git.example/demo@{COMMIT}#subdirectory=py ; os_name == 'nt'",
            LockedSource(
                "vcs",
                f"git+https://git.example/demo@{COMMIT}",
                "demo",
                None,
                Origin("r.txt", 1),
                'os_name == "nt"',
            ),
        ),
        (
            "-e git+https://git.example/demo@main#egg=demo",
            LockedSource("vcs", "git+https://git.example/demo@main", "demo", None, Origin("r.txt", 1)),
        ),
    ],
)
def test_directories_and_repositories_are_sources(line: str, source: LockedSource) -> None:
    assert read(line + "\n--require-hashes\n") == LockedSet(sources=(source,))


@pytest.mark.parametrize("scheme", ["https", "HTTPS", "hTTp"])
def test_what_is_fetched_is_never_a_directory_of_the_users(scheme: str) -> None:
    """By policy a directory is accepted without a signature."""
    locked = read(f"demo @ {scheme}://files.example/get/demo --hash=sha256:{A}\n")
    assert (locked.sources, [file.sha256 for file in locked.files]) == ((), [A])


def test_an_archive_of_no_known_project_is_unlocked_and_shows_no_password() -> None:
    (unlocked,) = read(f"https://me:secret@files.example/main.zip --hash=sha256:{A}\n").unlocked
    assert unlocked.project is None
    assert unlocked.text.startswith("https://****@files.example/main.zip")
    (unlocked,) = read("https://files.example/${TOKEN}/main.zip\n", TOKEN="secret").unlocked
    assert unlocked.text == "https://files.example/${TOKEN}/main.zip"


# Constraints and several lines for one project.


def test_a_constraint_alone_is_nothing_to_judge() -> None:
    assert read("", hashed("demo==1.0", A) + "other\n") == LockedSet()
    assert read("", f"demo @ git+https://git.example/demo@{COMMIT}\n") == LockedSet()


def test_a_constraint_fixes_what_a_requirement_names() -> None:
    locked = read("demo\n", hashed("demo==1.0", A))
    assert locked == LockedSet(files=(LockedFile("demo", "1.0", None, A, Origin("c.txt", 2)),))
    assert files(read("demo==1.0\n", hashed("demo==1.0.0", A))) == [("demo", "1.0.0", None, A, 2)]


def test_a_constraint_adds_pins_though_it_fixes_nothing() -> None:
    locked = read(hashed("demo==1.0", A), f"demo>=1 --key={KEYS[0].text}\n")
    assert [pin.keys for pin in locked.files[0].pins] == [(KEYS[0],)]
    assert len(locked.files) == 1


def test_a_constraint_to_a_repository_makes_a_source_of_what_a_requirement_names() -> None:
    locked = read("demo\n--require-hashes\n", f"demo @ git+https://git.example/demo@{COMMIT}\n")
    assert (locked.files, locked.unlocked, len(locked.sources)) == ((), (), 1)


def test_a_constraint_without_digest_locks_nothing() -> None:
    assert len(read("demo\n", "demo==1.0\n").unlocked) == 1
    assert len(read("demo==1.0\n", "demo==1.0\n").files) == 1


def test_a_constraint_for_another_version_does_not_stand_in() -> None:
    locked = read("demo==2.0\n", hashed("demo==1.0", A))
    assert files(locked) == [("demo", "2.0", None, None, 1), ("demo", "1.0", None, A, 2)]


def test_a_constraint_under_a_marker_leaves_the_requirement_unlocked_elsewhere() -> None:
    locked = read("demo\n", hashed('demo==1.0; os_name == "nt"', A))
    assert [file.marker for file in locked.files] == ['os_name == "nt"']
    assert len(locked.unlocked) == 1


def test_what_a_constraint_adds_holds_where_the_project_is_required() -> None:
    nt = 'demo; os_name == "nt"\n'
    assert [file.marker for file in read(nt, hashed("demo==1.0", A)).files] == ['os_name == "nt"']
    both = read(nt, hashed('demo==1.0; sys_platform == "x"', A))
    assert [file.marker for file in both.files] == ['(os_name == "nt") and (sys_platform == "x")']
    same = read(nt, hashed('demo==1.0; os_name == "nt"', A))
    assert [file.marker for file in same.files] == ['os_name == "nt"']
    assert same.unlocked == ()
    anywhere = read(nt + "demo\n", hashed("demo==1.0", A))
    assert [file.marker for file in anywhere.files] == [None]


def test_a_requirement_that_another_line_fixes_is_locked() -> None:
    assert files(read("demo\n" + hashed("demo==1.0", A))) == [("demo", "1.0", None, A, 3)]
    assert files(read("demo==1.0\n" + hashed("demo==1.0", A))) == [("demo", "1.0", None, A, 3)]


def test_a_url_is_fixed_by_its_own_digest_only() -> None:
    locked = read("demo @ https://files.example/demo-1.0.tar.gz\n" + hashed("demo==1.0", A))
    assert [file.sha256 for file in locked.files] == [None, A]


def test_versions_under_markers_stand_side_by_side() -> None:
    locked = read(hashed('demo==1.0; os_name == "nt"', A) + hashed('demo==2.0; os_name != "nt"', B))
    assert [(file.version, file.marker) for file in locked.files] == [
        ("1.0", 'os_name == "nt"'),
        ("2.0", 'os_name != "nt"'),
    ]


def test_the_same_line_twice_stands_once() -> None:
    assert len(read(hashed("demo==1.0", A) * 2).files) == 1


def test_two_urls_of_one_name_with_other_digests_are_refused() -> None:
    line = "demo @ https://%s.example/demo-1.0.tar.gz#sha256=%s\n"
    with pytest.raises(EvidenceError, match=f"r.txt:2: demo-1.0.tar.gz: .*as r.txt:1 states, got sha256:{C}"):
        read(line % ("a", A) + line % ("b", C))
