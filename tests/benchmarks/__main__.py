"""Run the benchmarks: ``python -m tests.benchmarks [NAME] …``, names as in BENCHMARKS; all without one named."""

from __future__ import annotations

import hashlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from tests.benchmarks.locked_set import LockedSet
from tests.benchmarks.locked_world import LockedWorld
from tests.benchmarks.monitor import monitor
from tests.benchmarks.pairs import Spent, compare, spend
from tests.benchmarks.sign import sign
from tests.e2e.index import Index
from tests.https_world import HttpsWorld
from tests.makers import make_wheel, wheel_filename
from tests.signer import Signer

OURS = (sys.executable, "-m", "pip_verify")
PLAIN = (sys.executable, "-m", "pip")
PYTHON_ALONE = {"PATH": "/usr/bin:/bin"}


def install(work: Path) -> None:
    """A fully locked set: whole runs, ours against plain pip's, into new environments, downloads cached by pip."""
    with Index() as index, HttpsWorld() as site:
        locked = LockedSet(work, index, site)
        sys.stdout.write(f"install: {len(locked.wheels)} wheels, {_megabytes(locked.wheels)} MB, all signed\n")

        def run(tool: tuple[str, ...], requirements: Path, cache: str) -> Spent:
            target = locked.environment()
            try:
                command = (*tool, "--python", target, "install", "-r", str(requirements))
                return spend(command, locked.environ(cache))
            finally:
                shutil.rmtree(target)

        def cold() -> Spent:
            shutil.rmtree(locked.work / "cold", ignore_errors=True)
            return run(OURS, locked.signed, "cold")

        plain = lambda: run(PLAIN, locked.plain, "warm")  # noqa: E731
        compare("install, evidence warm", lambda: run(OURS, locked.signed, "warm"), plain, limit=1.10)
        compare("install, evidence cold", cold, plain, limit=1.20)


def startup(work: Path) -> None:
    """``--version``, ours against pip's own."""
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(work)}
    compare(
        "--version",
        lambda: spend((*OURS, "--version"), environ),
        lambda: spend((*PLAIN, "--version"), environ),
        limit=1.5,
        rounds=15,
    )


def verify(work: Path) -> None:
    """``verify`` of 200 wheels: CPU against hashing the files, inflating and hashing their members in one process."""
    with Index() as index, HttpsWorld() as site:
        locked = LockedSet(work, index, site)
        paths = [str(path) for path in (locked.wheels * (200 // len(locked.wheels) + 1))[:200]]
        wheels = work / "two-hundred"
        names: list[str] = []
        for number, path in enumerate(paths):
            directory = wheels / str(number // len(locked.wheels))
            directory.mkdir(parents=True, exist_ok=True)
            copy = directory / Path(path).name
            if not copy.exists():
                shutil.copy(path, copy)
            names.append(str(copy))
        sys.stdout.write(f"verify: {len(names)} wheels, {_megabytes([Path(name) for name in names])} MB\n")
        (work / "names").write_text("\n".join(names))
        environ = locked.environ("verify")
        ours = (*OURS, "verify", *names, f"--key-list={site.url}/keys.json")
        floor = (sys.executable, "-m", "tests.benchmarks", "floor", str(work / "names"))
        compare("verify", lambda: spend(ours, environ), lambda: spend(floor, environ), limit=1.5, figure="cpu")


def floor(names: Path) -> None:
    """What no verifier can do without: read, hash and inflate every file, hash what it holds."""
    for name in names.read_text().split("\n"):
        with Path(name).open("rb") as file:
            _hash(file)
        with zipfile.ZipFile(name) as archive:
            for entry in archive.infolist():
                with archive.open(entry) as member:
                    _hash(member)


def check(work: Path) -> None:
    """The gate on a lock of 1,000 artifacts by 300 publishers: against parsing the statements and 1,000 Ed25519
    verifications in one process; against a quarter of it; and with nothing cached."""
    with HttpsWorld() as site:
        locked = LockedWorld(work / "whole", site, 1000)

        def run(world: LockedWorld, cache: str) -> Spent:
            return spend((*OURS, "check", str(world.work / "uv.lock")), world.environ(cache))

        def cold() -> Spent:
            shutil.rmtree(locked.work / "cold", ignore_errors=True)
            return run(locked, "cold")

        def bare(kind: str) -> Spent:
            return spend((sys.executable, "-m", "tests.benchmarks.check_floor", kind, str(locked.work)), PYTHON_ALONE)

        warm = compare("check, evidence cached", lambda: run(locked, "warm"), lambda: bare("strict"), limit=3.0)
        compare("check, against lenient parsing", lambda: run(locked, "warm"), lambda: bare("plain"), limit=5.0)
        sys.stdout.write(f"check: median {statistics.median(warm.ours):.3f} s for 1,000 artifacts; limit 1.0 s\n")
        site.requests.clear()
        spent = cold()
        asked = [seen.path for seen in site.requests]
        sys.stdout.write(
            f"check, nothing cached: {spent.wall:.2f} s, {len(asked)} requests for {len(set(asked))} documents, "
            f"at most {site.most_at_once} at once\n"
        )
    with HttpsWorld() as site:
        quarter = LockedWorld(work / "quarter", site, 250)
        whole = LockedWorld(work / "again", site, 1000)
        compare("check, 1,000 artifacts against 250", lambda: run(whole, "w"), lambda: run(quarter, "w"), limit=4.0)


def keygen(work: Path) -> None:
    """Wall times of making a key: in clear, encrypted, and from a phrase alone (two derivations of 1 GiB)."""
    phrase = work / "phrase"
    command = (*OURS, "keygen", "--generate-phrase", "--show-secret")
    phrase.write_text(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(work), "PIP_VERIFY_PASSPHRASE": "only for the benchmark"}
    for name, options in (
        ("--no-passphrase", ("--no-passphrase",)),
        ("encrypted", ()),
        ("--from-passphrase", ("--from-passphrase", "--user", "a@keys.example", "--passphrase-file", str(phrase))),
    ):
        spent = spend((*OURS, "keygen", *options, "-o", str(work / f"{name.strip('-')}.key")), environ)
        sys.stdout.write(f"keygen {name}: {spent.wall:.2f} s, peak {spent.peak / 1024:.0f} MiB\n")


def memory(work: Path) -> None:
    """Peak memory of the verifying process: a 1 GB wheel against a tiny one."""
    peaks = {}
    signer = Signer.of("benchmark")
    for label, size in (("1 KB", 1000), ("1 GB", 1_000_000_000)):
        path = work / label.replace(" ", "") / wheel_filename("big", "1.0")
        path.parent.mkdir()
        _write_big_wheel(path, size)
        command = (*OURS, "verify", str(path), f"--key={signer.text}", "--format", "json")
        # Unsigned, so it is refused; but it is read and checked to the end first.
        peaks[label] = spend(command, {"PATH": "/usr/bin:/bin", "HOME": str(work)}, expect=10).peak / 1024
    small, large = peaks.values()
    sys.stdout.write(f"memory: peak {small:.1f} MiB for a wheel of 1 KB, {large:.1f} MiB for one of 1 GB\n")


def _write_big_wheel(path: Path, size: int) -> None:
    """A strict wheel whose one large member is ``size`` bytes that do not compress, written without holding them."""
    import base64
    import random

    small = make_wheel("big", "1.0")
    scratch = path.with_suffix(".small")
    scratch.write_bytes(small)
    noise = random.Random(1)  # noqa: S311 (not for secrets)
    digest, name, left = hashlib.sha256(), "big/data.bin", size
    with zipfile.ZipFile(scratch) as before, zipfile.ZipFile(path, "w") as after:
        for entry in before.infolist():
            if not entry.filename.endswith("RECORD"):
                after.writestr(entry, before.read(entry))
        with after.open(zipfile.ZipInfo(name), "w", force_zip64=size > 1 << 31) as member:
            while left:
                chunk = noise.randbytes(min(left, 1 << 20))
                digest.update(chunk)
                member.write(chunk)
                left -= len(chunk)
        record = next(entry for entry in before.infolist() if entry.filename.endswith("RECORD"))
        stated = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
        after.writestr(record, f"{name},sha256={stated},{size}\n".encode() + before.read(record))
    scratch.unlink()


def _hash(file: IO[bytes]) -> None:
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)


def _megabytes(paths: list[Path]) -> int:
    return sum(path.stat().st_size for path in paths) // 1_000_000


# memory before what fills this process: a new process starts with the size of the one that makes it
BENCHMARKS: dict[str, Callable[[Path], object]] = {
    "startup": startup,
    "memory": memory,
    "verify": verify,
    "check": check,
    "keygen": keygen,
    "sign": sign,
    "monitor": monitor,
    "install": install,
}


def main(arguments: list[str]) -> None:
    """Run the benchmarks named, or all."""
    if arguments[:1] == ["floor"]:
        floor(Path(arguments[1]))
        return
    with tempfile.TemporaryDirectory(prefix="pip-verify-benchmark-") as directory:
        work = Path(directory)
        for name in arguments or BENCHMARKS:
            (work / name).mkdir()
            BENCHMARKS[name](work / name)


if __name__ == "__main__":
    main(sys.argv[1:])
