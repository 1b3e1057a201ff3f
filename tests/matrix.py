"""What ``make test-all`` runs: every CPython 3.10 to 3.13 that is here, and every driving pip the docs name.

Each interpreter gets the whole suite with the newest pip; the interpreter that runs this also gets the hook's and
the end-to-end tests with each older pip. Environments are kept in ``.venvs``. Ends with 1 when any run failed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ("3.10", "3.11", "3.12", "3.13")
OLDER_PIPS = ("25.3", "26.0", "26.3")
NEWEST = "newest"
HOOK = ("tests/hook", "tests/e2e")


def interpreters() -> Iterator[tuple[str, str]]:
    """Version and path of each CPython that is here, on PATH or in pyenv's directory, and runs."""
    pyenv = Path.home() / ".pyenv" / "versions"
    for version in VERSIONS:
        found = [shutil.which(f"python{version}"), *map(str, sorted(pyenv.glob(f"{version}.*/bin/python")))]
        for path in found:
            if path is not None and _is_cpython(path, version):
                yield version, path
                break


def _is_cpython(path: str, version: str) -> bool:
    question = "import platform, sys; print(platform.python_implementation(), '%d.%d' % sys.version_info[:2])"
    done = subprocess.run([path, "-c", question], capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() == f"CPython {version}"


def environment(python: str, name: str, pip: str) -> Path:
    """An environment with the project, its test tools and the pip asked for; returns its interpreter."""
    directory = ROOT / ".venvs" / name
    interpreter = directory / "bin" / "python"
    if not interpreter.exists():
        subprocess.run([python, "-m", "venv", str(directory)], check=True)
    install = [str(interpreter), "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, "--upgrade", "pip"], check=True)
    subprocess.run([*install, "--editable", str(ROOT), "--group", f"{ROOT / 'pyproject.toml'}:test"], check=True)
    if pip != NEWEST:
        subprocess.run([*install, f"pip=={pip}"], check=True)
    return interpreter


def run(interpreter: Path, *tests: str) -> bool:
    """Run pytest; whether all passed."""
    options = ["-q", "-n", "3", "--dist", "worksteal", "--ignore=tests/benchmarks"]
    command = [str(interpreter), "-m", "pytest", *options, *tests]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def main() -> int:
    """Run the whole matrix; returns 1 when any part failed."""
    results: dict[str, bool] = {}
    for version, python in interpreters():
        results[f"CPython {version}, newest pip"] = run(environment(python, f"python{version}", NEWEST), "tests")
    for pip in OLDER_PIPS:
        results[f"pip {pip}"] = run(environment(sys.executable, f"pip{pip}", pip), *HOOK)
    for name, passed in results.items():
        sys.stdout.write(f"{'passed' if passed else 'FAILED'}  {name}\n")
    return 0 if results and all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
