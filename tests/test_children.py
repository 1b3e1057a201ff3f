"""What other processes get to know: the passphrase of a signing key is for this one alone."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pip_verify.install.environment import child_environment

ROOT = Path(__file__).resolve().parent.parent
TELL = "import os; print('# passphrase' if 'PIP_VERIFY_PASSPHRASE' in os.environ else '# none', os.environ['KEPT'])"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    own = {"PYTHONPATH": str(ROOT), "PIP_VERIFY_PASSPHRASE": "hunter2", "KEPT": "kept"}
    return subprocess.run(
        [sys.executable, "-m", "pip_verify", *arguments],
        env={**os.environ, **own},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_everything_but_the_passphrase_is_handed_on() -> None:
    assert child_environment({"PIP_VERIFY_PASSPHRASE": "hunter2", "PIP_INDEX_URL": "x"}) == {"PIP_INDEX_URL": "x"}


def test_a_locker_does_not_get_the_passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pip-verify.toml").touch()
    write = f"import contextlib\nwith contextlib.redirect_stdout(open('lock.txt', 'w')):\n    {TELL}"
    told = run("compile", "--output", "lock.txt", "--", sys.executable, "-c", write)
    assert Path("lock.txt").read_text() == "# none kept\n", told.stderr


def test_what_runs_while_a_site_is_served_does_not_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trustme")
    monkeypatch.chdir(tmp_path)
    for line in ("keygen --no-passphrase -o key", "keylist init keys.json", "keylist add keys.json key"):
        assert run(*line.split()).returncode == 0
    assert run("keylist", "publish", "keys.json", "site").returncode == 0
    told = run("keylist", "serve", "site", "--port", "0", "--", sys.executable, "-c", TELL)
    assert (told.returncode, told.stdout) == (0, "# none kept\n"), told.stderr


def starters(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Every function that starts a process."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and {"subprocess.run", "subprocess.Popen"} & calls(node):
            yield node


def calls(node: ast.FunctionDef) -> set[str]:
    return {ast.unparse(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)}


def test_no_process_is_started_with_all_that_we_know() -> None:
    found = {
        f"{path.stem}.{function.name}": "child_environment" in calls(function)
        for path in (ROOT / "pip_verify").rglob("*.py")
        for function in starters(ast.parse(path.read_text("utf-8")))
    }
    assert len(found) > 4
    assert [name for name, careful in found.items() if not careful] == []
