"""The examples, run as a reader runs them; ``demo.py`` checks each exit code itself, and asks the real index."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(name: str, cwd: Path, *, typed: str = "") -> str:
    """What an example prints, both outputs together."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_VERIFY_", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [sys.executable, EXAMPLES / name],
        cwd=cwd,
        env=environ,
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_demo_installs_what_is_signed_and_refuses_the_rest(tmp_path: Path) -> None:
    told = run("demo.py", tmp_path)
    codes = re.findall(r"\(exit code (\d+), as it should be\)", told)
    assert [code for code in codes if code != "0"] == ["12", "11", "10"]  # tampered, key removed, unsigned
    assert "wheel-0.25.0.dist-info" in told.splitlines()[-1]
    assert "PV101" in told
    assert list(tmp_path.iterdir()) == []


def test_the_publisher_serves_a_directory_until_enter(tmp_path: Path) -> None:
    told = run("publisher.py", tmp_path, typed="\n").splitlines()
    assert re.fullmatch(r"https://localhost:\d+", told[0])
    assert told[1].startswith("--extra-ca ")


def test_every_example_is_run() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == ["demo.py", "publisher.py"]
