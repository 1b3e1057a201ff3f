"""The makers' own promises: the same bytes each time, and an sdist that builds with the standard library alone."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

from pip_verify.artifact.name import parse_filename
from pip_verify.artifact.sdist import read_sdist
from pip_verify.artifact.wheel import read_wheel
from tests.makers import make_sdist, make_wheel, sdist_filename, wheel_filename

BUILD = """
import os, sys
sys.path.insert(0, ".")
import in_tree_backend as backend
assert backend.get_requires_for_build_wheel() == []
print(os.listdir(backend.prepare_metadata_for_build_wheel("..") and os.path.join("..", backend.FOLDER)))
print(backend.build_wheel(".."))
"""


def test_the_same_bytes_each_time() -> None:
    assert make_wheel("demo", "1.0") == make_wheel("demo", "1.0")
    assert make_sdist("demo", "1.0") == make_sdist("demo", "1.0")


def test_an_sdist_builds_a_sound_wheel_and_runs_what_the_test_planted(tmp_path: Path) -> None:
    data = make_sdist("Demo.Pkg", "1.0", requires=["six"], on_import='open("../marker", "w").close()')
    name = sdist_filename("Demo.Pkg", "1.0")
    assert b"Requires-Dist: six\n" in read_sdist(io.BytesIO(data), len(data), parse_filename(name)).metadata
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(tmp_path, filter="data")
    top = tmp_path / name.removesuffix(".tar.gz")
    ran = subprocess.run([sys.executable, "-I", "-c", BUILD], cwd=top, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[1] == wheel_filename("Demo.Pkg", "1.0")
    assert (tmp_path / "marker").exists()
    wheel = (tmp_path / wheel_filename("Demo.Pkg", "1.0")).read_bytes()
    facts = read_wheel(io.BytesIO(wheel), len(wheel), parse_filename(wheel_filename("Demo.Pkg", "1.0")))
    assert b"Requires-Dist: six\n" in facts.metadata
    assert (tmp_path / "demo_pkg-1.0.dist-info" / "METADATA").read_bytes() == facts.metadata


def test_an_sdist_without_a_backend_and_one_with_build_requirements() -> None:
    plain = make_sdist("demo", "1.0", backend=None)
    assert names(plain) == ["demo-1.0/PKG-INFO", "demo-1.0/demo/__init__.py"]
    needy = make_sdist("demo", "1.0", build_requires=["a>=1", "b"])
    with tarfile.open(fileobj=io.BytesIO(needy)) as archive:
        member = archive.extractfile("demo-1.0/pyproject.toml")
        assert member is not None
        assert 'requires = ["a>=1", "b"]' in member.read().decode()


def names(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return archive.getnames()
