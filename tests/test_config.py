"""Where the trust file is found and whom it must belong to; how flags and ``PIP_VERIFY_*`` become settings."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from pip_verify.config import (
    DEFAULT_DEADLINE,
    OUTPUT_FORMATS,
    Settings,
    find_trust_file,
    first_use_file,
    mode_in_force,
    refuse_foreign,
)
from pip_verify.errors import UsageError
from pip_verify.keys import PublicKey
from pip_verify.policy import EMPTY_POLICY, TRUST_FILE_MAX_BYTES, Mode, Policy

KEY = PublicKey.from_raw(SigningKey(bytes(32)).verify_key.encode())
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")


def trust_file(path: Path, publisher: str, *, table: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'[{table}publishers.{publisher}]\nkeys = ["{KEY}"]\n')
    return path


def pyproject(directory: Path, publisher: str) -> Path:
    return trust_file(directory / "pyproject.toml", publisher, table="tool.pip-verify.")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """``tmp_path/repo`` with a ``.git`` and the directories ``a/b`` below it."""
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "a" / "b").mkdir(parents=True)
    return tmp_path / "repo"


def found(start: Path, stated: str | None = None, environ: Mapping[str, str] | None = None) -> str | None:
    """The name of the one publisher in the trust file that was found."""
    policy = find_trust_file(start, stated, environ or {})
    return policy.publishers[0].name if policy.publishers else None


def test_without_any_trust_file_everything_is_denied(repository: Path) -> None:
    assert find_trust_file(repository, None, {}) is EMPTY_POLICY


def test_the_nearest_file_up_to_the_repositorys_root_holds(repository: Path) -> None:
    trust_file(repository / "pip-verify.toml", "root")
    assert found(repository / "a" / "b") == "root"
    trust_file(repository / "a" / "pip-verify.toml", "near")
    assert found(repository / "a" / "b") == "near"
    assert found(repository) == "root"


def test_its_full_path_is_the_source_and_the_origin(repository: Path) -> None:
    path = trust_file(repository / "pip-verify.toml", "root")
    policy = find_trust_file(repository / "a", None, {})
    assert (policy.source, str(policy.publishers[0].origin)) == (str(path), f"{path}:1")


@pytest.mark.parametrize("mark", [".git", ".hg"])
def test_a_stray_file_above_the_repository_is_not_looked_at(tmp_path: Path, mark: str) -> None:
    trust_file(tmp_path / "pip-verify.toml", "stray")
    pyproject(tmp_path, "stray")
    (tmp_path / "repo" / "a").mkdir(parents=True)
    (tmp_path / "repo" / mark).mkdir()
    assert found(tmp_path / "repo" / "a") is None


def test_a_worktrees_git_file_marks_the_root_too(tmp_path: Path) -> None:
    trust_file(tmp_path / "pip-verify.toml", "stray")
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / ".git").write_text("gitdir: elsewhere\n")
    assert found(tmp_path / "repo") is None


def test_a_stray_file_in_a_parent_is_not_looked_at_outside_a_repository(tmp_path: Path) -> None:
    trust_file(tmp_path / "pip-verify.toml", "stray")
    (tmp_path / "a").mkdir()
    assert found(tmp_path / "a") is None
    assert found(tmp_path) == "stray"


def test_pyproject_serves_where_there_is_no_trust_file(repository: Path) -> None:
    pyproject(repository, "project")
    assert found(repository / "a") == "project"
    trust_file(repository / "pip-verify.toml", "file")
    assert found(repository / "a") == "file"


def test_a_vendored_projects_pyproject_does_not_override_the_repositorys_trust_file(repository: Path) -> None:
    trust_file(repository / "pip-verify.toml", "root")
    pyproject(repository / "a" / "b", "vendored")
    assert found(repository / "a" / "b") == "root"


def test_a_pyproject_without_our_table_is_passed_over(repository: Path) -> None:
    (repository / "a" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    pyproject(repository, "root")
    assert found(repository / "a") == "root"


def test_a_broken_pyproject_is_not_taken_for_none(repository: Path) -> None:
    (repository / "pyproject.toml").write_text("[tool.pip-verify")
    with pytest.raises(UsageError, match=r"pyproject\.toml: expected TOML"):
        found(repository)


@pytest.mark.parametrize("name", ["pip-verify.toml", "pyproject.toml"])
def test_a_dangling_link_is_not_taken_for_none(repository: Path, name: str) -> None:
    (repository / name).symlink_to("nowhere")
    with pytest.raises(UsageError, match="expected a trust file that can be read"):
        found(repository)


@pytest.mark.parametrize("name", ["pip-verify.toml", "pyproject.toml"])
def test_a_directory_of_that_name_is_not_taken_for_none(repository: Path, name: str) -> None:
    (repository / name).mkdir()
    with pytest.raises(UsageError, match="expected a trust file that can be read"):
        found(repository)


@posix
def test_a_pipe_of_that_name_is_refused_at_once(repository: Path) -> None:
    os.mkfifo(repository / "pip-verify.toml")
    with pytest.raises(UsageError, match="no regular file"):
        found(repository)


def test_a_file_that_is_too_large_is_refused(repository: Path) -> None:
    (repository / "pip-verify.toml").write_bytes(b"#" * (TRUST_FILE_MAX_BYTES + 5))
    with pytest.raises(UsageError, match=f"at most {TRUST_FILE_MAX_BYTES} bytes"):
        found(repository)


@posix
@pytest.mark.parametrize("stated", [None, "pip-verify.toml"])
def test_a_file_that_everybody_can_change_is_refused_also_when_named(repository: Path, stated: str | None) -> None:
    trust_file(repository / "pip-verify.toml", "root").chmod(0o666)
    with pytest.raises(UsageError, match="not everybody can change") as caught:
        found(repository, stated)
    assert caught.value.hint == f"chmod o-w {repository / 'pip-verify.toml'}"
    (repository / "pip-verify.toml").chmod(0o664)
    assert found(repository, stated) == "root"


@posix
def test_a_pyproject_that_everybody_can_change_is_refused_only_if_it_has_our_table(repository: Path) -> None:
    (repository / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    (repository / "pyproject.toml").chmod(0o666)
    assert found(repository) is None
    pyproject(repository, "root")
    with pytest.raises(UsageError, match="not everybody can change"):
        found(repository)


@posix
@as_root
@pytest.mark.parametrize("name", ["pip-verify.toml", "pyproject.toml"])
def test_another_users_file_is_refused_unless_it_is_named(repository: Path, name: str) -> None:
    path = trust_file(repository / name, "theirs", table="tool.pip-verify." if name == "pyproject.toml" else "")
    os.chown(path, 12345, 12345)
    with pytest.raises(UsageError, match="one of user id 12345") as caught:
        found(repository)
    assert caught.value.hint == f"if you trust it, name it: --trust-file {path}"
    assert found(repository, str(path)) == "theirs"


@posix
@as_root
def test_a_users_own_file_and_roots_are_taken() -> None:
    def ask(directory: Path, uid: int) -> str | None:
        os.seteuid(uid)
        try:
            return found(directory)
        finally:
            os.seteuid(0)

    with tempfile.TemporaryDirectory() as name:  # other users cannot reach into tmp_path
        directory = Path(name)
        directory.chmod(0o755)
        path = trust_file(directory / "pip-verify.toml", "root")
        path.chmod(0o644)
        assert ask(directory, 12345) == "root"
        os.chown(path, 12345, 12345)
        assert ask(directory, 12345) == "root"
        with pytest.raises(UsageError, match="one of user id 12345"):
            ask(directory, 12346)


def test_a_named_file_is_taken_instead_of_the_one_found(repository: Path, tmp_path: Path) -> None:
    trust_file(repository / "pip-verify.toml", "found")
    named, other = trust_file(tmp_path / "named.toml", "named"), trust_file(tmp_path / "env.toml", "env")
    environ = {"PIP_VERIFY_TRUST_FILE": str(other)}
    assert found(repository, str(named)) == "named"
    assert found(repository, None, environ) == "env"
    assert found(repository, str(named), environ) == "named"
    assert found(repository, None, {"PIP_VERIFY_TRUST_FILE": ""}) == "found"


def test_a_named_file_is_relative_to_the_start_and_named_as_the_user_did(repository: Path) -> None:
    trust_file(repository / "trust" / "x.toml", "named")
    assert found(repository / "a", "../trust/x.toml") == "named"
    assert find_trust_file(repository / "a", "../trust/x.toml", {}).source == "../trust/x.toml"


@pytest.mark.parametrize("stated", ["missing.toml", "", "a", "pip-verify.toml/x"])
def test_a_named_file_that_is_missing_is_an_error_and_discovery_is_not_tried(repository: Path, stated: str) -> None:
    trust_file(repository / "pip-verify.toml", "found")
    with pytest.raises(UsageError):
        found(repository, stated)


def test_a_named_pyproject_is_read_as_one_and_must_have_the_table(repository: Path) -> None:
    pyproject(repository, "project")
    assert found(repository, "pyproject.toml") == "project"
    (repository / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    with pytest.raises(UsageError, match=r"expected a table \[tool.pip-verify\], got none"):
        found(repository, "pyproject.toml")


# settings


def test_without_flags_and_variables_the_defaults_hold() -> None:
    settings = Settings.resolve({}, {"PATH": "/bin", "PIP_INDEX_URL": "https://index.example/"})
    assert settings == Settings(None, None, None, "text", None, DEFAULT_DEADLINE, None)


def test_every_setting_from_flags_and_from_variables(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    values = {
        "trust_file": "t.toml",
        "statements": str(tmp_path),
        "extra_ca": str(tmp_path / "ca.pem"),
        "format": "json",
        "output": "out.json",
        "deadline": "2.5",
        "cache_dir": "cache",
        "mode": "report",
    }
    expected = Settings("t.toml", tmp_path, tmp_path / "ca.pem", "json", Path("out.json"), 2.5, Path("cache"), "report")
    assert Settings.resolve(values, {}) == expected
    assert Settings.resolve({**values, "deadline": 2.5}, {}) == expected
    assert Settings.resolve({}, {f"PIP_VERIFY_{name.upper()}": value for name, value in values.items()}) == expected


@pytest.mark.parametrize("seconds", [0.5, 3600.0])
def test_a_deadline_may_be_short_or_an_hour(seconds: float) -> None:
    assert Settings.resolve({"deadline": seconds}, {}).deadline == seconds


def test_a_flag_goes_before_a_variable_and_an_empty_variable_is_none() -> None:
    environ = {"PIP_VERIFY_FORMAT": "json", "PIP_VERIFY_OUTPUT": ""}
    assert Settings.resolve({"format": "text", "output": None}, environ) == Settings(format="text")
    assert Settings.resolve({"format": None}, environ) == Settings(format="json")


def test_an_empty_flag_does_not_fall_back_to_something_else() -> None:
    with pytest.raises(UsageError, match="--trust-file: expected a value, got an empty one"):
        Settings.resolve({"trust_file": ""}, {"PIP_VERIFY_TRUST_FILE": "x.toml"})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("FORMAT", "xml", "one of " + ", ".join(OUTPUT_FORMATS)),
        ("FORMAT", "JSON", "one of " + ", ".join(OUTPUT_FORMATS)),
        ("STATEMENTS", "/nonexistent/statements", "an existing directory"),
        ("STATEMENTS", __file__, "an existing directory"),
        ("EXTRA_CA", "/nonexistent/ca.pem", "an existing file"),
        ("EXTRA_CA", str(Path(__file__).parent), "an existing file"),
        ("MODE", "Report", "enforce or report"),
        ("MODE", "audit", "enforce or report"),
        ("DEADLINE", "0", "seconds, more than 0 and at most 3600"),
        ("DEADLINE", "-1", "seconds, more than 0 and at most 3600"),
        ("DEADLINE", "3601", "seconds, more than 0 and at most 3600"),
        ("DEADLINE", "nan", "seconds, more than 0 and at most 3600"),
        ("DEADLINE", "inf", "seconds, more than 0 and at most 3600"),
        ("DEADLINE", "30s", "seconds, more than 0 and at most 3600"),
    ],
)
def test_values_that_make_no_sense_are_refused_by_the_name_they_were_given_under(
    name: str, value: str, expected: str
) -> None:
    with pytest.raises(UsageError) as caught:
        Settings.resolve({}, {f"PIP_VERIFY_{name}": value})
    assert (caught.value.subject, caught.value.expected) == (f"PIP_VERIFY_{name}", expected)
    with pytest.raises(UsageError) as caught:
        Settings.resolve({name.lower(): value}, {})
    assert (caught.value.subject, caught.value.expected) == ("--" + name.lower().replace("_", "-"), expected)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("PIP_VERIFY_TRUST_FIEL", "did you mean PIP_VERIFY_TRUST_FILE?"),
        ("PIP_VERIFY_XYZZY", "unset PIP_VERIFY_XYZZY"),
        ("PIP_VERIFY_VECTOR", "unset PIP_VERIFY_VECTOR"),
    ],
)
def test_a_misspelt_variable_does_not_leave_the_default_in_force(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match="got an unknown variable") as caught:
        Settings.resolve({}, {name: ""})
    assert (caught.value.subject, caught.value.hint) == (name, hint)
    assert "VECTORS" not in caught.value.expected  # it is for those who work on pip-verify


def test_the_value_of_an_unknown_variable_is_not_shown() -> None:
    with pytest.raises(UsageError) as caught:
        Settings.resolve({}, {"PIP_VERIFY_PASSPHRAZE": "hunter2"})
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


def test_the_variables_of_other_rooms_are_known() -> None:
    assert Settings.resolve({}, {"PIP_VERIFY_PASSPHRASE": "x", "PIP_VERIFY_VECTORS": "x"}) == Settings()


def test_the_cache_is_where_it_is_stated_and_else_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert Settings(stated_cache_dir=tmp_path).cache_dir == tmp_path
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Settings().cache_dir.name == "pip-verify"
    assert not Settings().cache_dir.exists()


# first uses and mode


@pytest.mark.parametrize(
    ("flags", "environ", "why"),
    [
        ({}, {}, ""),
        ({"frozen": False}, {"CI": ""}, ""),
        ({}, {"CI": "0", "PIP_VERIFY_FROZEN": "FALSE"}, ""),
        ({"frozen": True}, {}, "--frozen"),
        ({"frozen": "yes"}, {"CI": "false"}, "--frozen"),
        ({}, {"CI": "true"}, "CI"),
        ({}, {"CI": "no"}, "CI"),
        ({}, {"PIP_VERIFY_FROZEN": "1"}, "PIP_VERIFY_FROZEN"),
        ({}, {"PIP_VERIFY_FROZEN": "0", "CI": "1"}, "CI"),
    ],
)
def test_what_forbids_a_first_use(flags: dict[str, object], environ: dict[str, str], why: str) -> None:
    assert Settings.resolve(flags, environ).frozen == why


def test_first_uses_are_recorded_beside_the_trust_file_and_only_where_policy_says_so(tmp_path: Path) -> None:
    assert first_use_file(tmp_path, EMPTY_POLICY) is None
    assert first_use_file(tmp_path, Policy(source="t.toml")) is None
    assert first_use_file(tmp_path, Policy(first_use="record")) is None
    assert first_use_file(tmp_path, Policy(first_use="record", source="a/t.toml")) == tmp_path / "a" / "pip-verify.lock"
    elsewhere = Policy(first_use="record", source="/etc/pyproject.toml")
    assert first_use_file(tmp_path, elsewhere) == Path("/etc/pip-verify.lock")


@pytest.mark.parametrize(
    ("stated", "named", "in_file", "expected"),
    [
        (None, None, "enforce", "enforce"),
        (None, "t.toml", "enforce", "enforce"),
        (None, "t.toml", "report", "report"),
        ("report", None, "enforce", "report"),
        ("report", None, "report", "report"),
        ("enforce", None, "report", "enforce"),
        ("enforce", "t.toml", "report", "enforce"),
    ],
)
def test_the_mode_is_as_stated_else_as_a_named_file_has_it(
    stated: Mode | None, named: str | None, in_file: Mode, expected: Mode
) -> None:
    settings = Settings(trust_file=named, mode=stated)
    assert mode_in_force(settings, Policy(mode=in_file, source="t.toml")) == expected


def test_a_file_that_was_merely_found_cannot_turn_enforcement_off() -> None:
    with pytest.raises(UsageError, match=r"t\.toml: policy\.mode") as caught:
        mode_in_force(Settings(), Policy(mode="report", source="t.toml"))
    assert "--mode=report" in caught.value.hint


@posix
@as_root
def test_a_lock_that_another_user_has_put_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pip-verify.lock"
    path.touch()
    os.chown(path, 12345, -1)
    with pytest.raises(UsageError, match="one of user id 12345") as caught:
        refuse_foreign(path, path.stat())
    assert "name the trust file" in caught.value.hint
