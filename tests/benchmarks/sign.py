"""The publisher's side: wall time of ``sign`` for a release of 50 files, alone and with signatures in the wheels."""

from __future__ import annotations

import random
import shutil
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

from pip_verify.publish.keyfile import store
from tests.benchmarks.pairs import spend
from tests.makers import make_wheel
from tests.signer import Signer

FILES = 50
MEMBERS, MEMBER_BYTES = 100, 20_000  # of each wheel: half of it noise, half of it text
ROUNDS = 5

_SIGN = (sys.executable, "-m", "pip_verify", "sign", "--key-file")


def sign(work: Path) -> dict[str, float]:
    """Median seconds of whole commands, by what was asked; prints them. work: an empty directory."""
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(work)}
    key = work / "key"
    store(key, Signer.of("benchmark").seed, None)
    wheels = _write_release(work / "dist")
    size = sum(path.stat().st_size for path in wheels) / 1e6
    sys.stdout.write(f"sign: {len(wheels)} wheels, {size:.0f} MB\n")

    def plain() -> float:
        releases = work / "releases"
        shutil.rmtree(releases, ignore_errors=True)
        command = (*_SIGN, str(key), "--releases", str(releases), *map(str, wheels))
        return spend(command, environ).wall

    def inside() -> float:
        copy, releases = work / "copy", work / "inside"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.rmtree(releases, ignore_errors=True)
        shutil.copytree(work / "dist", copy)
        names = (str(copy / path.name) for path in wheels)
        return spend((*_SIGN, str(key), "--in-wheel", "--releases", str(releases), *names), environ).wall

    return {"sign": _median("sign", plain), "sign --in-wheel": _median("sign --in-wheel", inside)}


def _median(name: str, run: Callable[[], float]) -> float:
    run()  # to warm up
    figures = [run() for _ in range(ROUNDS)]
    middle = statistics.median(figures)
    sys.stdout.write(f"{name}, {FILES} files: median {middle:.2f} s (min {min(figures):.2f}, max {max(figures):.2f})\n")
    return middle


def _write_release(directory: Path) -> list[Path]:
    """Wheels of one release, as its builds for many platforms are."""
    directory.mkdir()
    noise = random.Random(1)  # noqa: S311 (not for secrets)
    paths = []
    for number in range(FILES):
        half = MEMBER_BYTES // 2
        files = {f"demo/{name}.bin": noise.randbytes(half) + b"text " * (half // 5) for name in range(MEMBERS)}
        path = directory / f"demo-1.0-{number}-py3-none-any.whl"
        path.write_bytes(make_wheel("demo", "1.0", files))
        paths.append(path)
    return paths
