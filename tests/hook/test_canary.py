"""The canary, against real pips that were changed: a renamed function, and a function pip no longer calls.

Each case is a copy of the installed pip with one seam broken. Such a pip must not be run at all.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

from pip_verify.install.table import SEAMS, Seam, load_holder

# The canary calls these directly: they tell the parent things, they hold nothing back.
NOT_BARRIERS = {"installed", "resolved", "order"}
# Where the name alone is too common to be changed everywhere: only in these files.
ONLY_IN = {
    "resolved": "resolution/resolvelib/resolver.py",
    "download": "network/download.py",
    "nested_pip": "build_env",
    "runnable_pip": "build_env",
    "other_python": "cli/main_parser.py",
}


@pytest.fixture
def broken_pip(tmp_path: Path) -> Path:
    """A directory with a copy of the installed pip's own code; what pip vendors is linked, not copied."""
    spec = importlib.util.find_spec("pip")
    assert spec is not None
    assert spec.origin is not None
    source, root = Path(spec.origin).parent, tmp_path / "broken"
    (root / "pip").mkdir(parents=True)
    for entry in source.iterdir():
        if entry.name == "_internal":
            shutil.copytree(entry, root / "pip" / entry.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (root / "pip" / entry.name).symlink_to(entry)
    metadata = Path(str(distribution("pip").locate_file("")), f"pip-{distribution('pip').version}.dist-info")
    (root / metadata.name).symlink_to(metadata)
    return root


def run_with(pip: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(pip), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pip_verify", *arguments]
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def need(seam: Seam) -> None:
    """Skip a seam that the installed pip has not."""
    if seam.optional and not hasattr(load_holder(seam), seam.attribute.split(".")[0]):
        pytest.skip(f"pip {distribution('pip').version} has no {seam.attribute}")


def files_to_change(pip: Path, seam: Seam) -> list[Path]:
    internal = pip / "pip" / "_internal"
    paths = sorted(internal.rglob("*.py"))
    return [path for path in paths if ONLY_IN.get(seam.name, "") in str(path.relative_to(internal))]


def rename(pip: Path, seam: Seam) -> None:
    """The function has another name now, everywhere; or where it is held, if it is held at one importer."""
    name = seam.attribute.split(".")[-1]
    other = "renamed_" + name.strip("_")
    for path in files_to_change(pip, seam):
        text = path.read_text()
        if not seam.everywhere:
            text = re.sub(rf"\b{name}\b(?!\()", f"{name} as {other}", text)
        path.write_text(re.sub(rf"\b{name}\b(?! as )", other, text))


def bypass(pip: Path, seam: Seam) -> None:
    """The function is still there under its name, and nobody calls it by that name any more."""
    *classes, name = seam.attribute.split(".")
    other = "bypassing_" + name.strip("_")
    # Its value is kept where no search for the function finds it: in a default.
    twin = f"def {other}(*args, _kept={{}}, **kwargs):\n        return _kept(*args, **kwargs)\n"
    for path in files_to_change(pip, seam):
        text = re.sub(rf"(?<!def )\b{name}\(", f"{other}(", path.read_text())
        if classes and re.search(rf"^class {classes[0]}\b", text, re.MULTILINE):
            text += f"\nif True:\n    {twin.format(f'{classes[0]}.{name}')}\n{classes[0]}.{other} = {other}\n"
        if not classes and re.search(rf"\b{name}\b", text):
            text += f"\nif {name!r} in globals():\n    {twin.format(name)}"
        path.write_text(text)


def bypass_download(pip: Path) -> None:
    """Downloader.__call__ is not called by name: give it a twin, and let both its callers use that."""
    download = pip / "pip" / "_internal" / "network" / "download.py"
    text = download.read_text().replace("= self(link, location)", "= self.twin(link, location)")
    download.write_text(text + "\nDownloader.twin = Downloader.__call__\n")
    prepare = pip / "pip" / "_internal" / "operations" / "prepare.py"
    prepare.write_text(
        prepare.read_text().replace("= download(link, temp_dir.path)", "= download.twin(link, temp_dir.path)")
    )


def assert_refused(result: subprocess.CompletedProcess[str], seam: str) -> None:
    assert result.returncode == 2, result.stderr
    assert f"the seam {seam}" in result.stderr
    assert "Looking in" not in result.stdout  # pip never began
    assert "Traceback" not in result.stderr


def test_the_unchanged_copy_is_run(broken_pip: Path, tmp_path: Path) -> None:
    result = run_with(broken_pip, "install", "--no-index", "no-such-project", cwd=tmp_path)
    assert "No matching distribution" in result.stderr
    assert result.returncode == 1


@pytest.mark.parametrize("seam", SEAMS, ids=lambda seam: seam.name)
def test_a_pip_whose_function_was_renamed_is_refused(broken_pip: Path, tmp_path: Path, seam: Seam) -> None:
    need(seam)
    rename(broken_pip, seam)
    # Where one importer is held, an older pip may fail sooner, at another importer of the same name.
    named = f"{seam.name} " if seam.everywhere else ""
    assert_refused(run_with(broken_pip, "install", "--no-index", "no-such-project", cwd=tmp_path), named)


@pytest.mark.parametrize("seam", [seam for seam in SEAMS if seam.name not in NOT_BARRIERS], ids=lambda seam: seam.name)
def test_a_pip_that_goes_round_the_function_is_refused(broken_pip: Path, tmp_path: Path, seam: Seam) -> None:
    need(seam)
    if seam.name == "download":
        bypass_download(broken_pip)
    else:
        bypass(broken_pip, seam)
    assert_refused(run_with(broken_pip, "install", "--no-index", "no-such-project", cwd=tmp_path), f"{seam.name} ")


def test_a_pip_whose_batch_download_goes_round_is_refused(broken_pip: Path, tmp_path: Path) -> None:
    download = broken_pip / "pip" / "_internal" / "network" / "download.py"
    text = download.read_text().replace("= self(link, location)", "= self.twin(link, location)")
    download.write_text(text + "\nDownloader.twin = Downloader.__call__\n")
    assert_refused(run_with(broken_pip, "install", "--no-index", "no-such-project", cwd=tmp_path), "download ")
