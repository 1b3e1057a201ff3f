"""The end-to-end world: an index, a publisher, environments without pip, and the command under test.

Everything is real but small: pip runs in processes of its own, wheels and sdists are built on the spot, the publisher
serves HTTPS with a private CA. All of it lives on loopback and below one temporary directory; no process started here
can see the user's pip configuration, home or caches, and no index but the test's own is ever asked.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import time
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, cast

import pytest

from tests import makers
from tests.e2e.index import Index, Stated
from tests.https_world import HttpsWorld
from tests.signer import Signer, key_list, sha256, sign_release

TIME_LIMIT = 60.0  # seconds for one command
ALICE, BOB, EVE = (Signer.of(name) for name in ("alice", "bob", "eve"))
_ABOUT_TARGETS = {"--installed", "--this-platform"}
DEADLINE = 2.0  # seconds for one download of key list or statement; publishers here answer at once or never


@dataclass(frozen=True)
class Result:
    """How a command ended. report: the JSON report, empty when none was written."""

    code: int
    stdout: str
    stderr: str
    seconds: float
    report: Mapping[str, Any] = field(default_factory=dict)

    def artifact(self, filename: str) -> Mapping[str, Any]:
        """What the report says about one file: its refusal when there is one, for other bytes may have been accepted
        by their digest before."""
        found = [entry for entry in self.report.get("artifacts", ()) if entry["filename"] == filename]
        refused = [entry for entry in found if entry["decision"] != "accept"]
        (entry,) = refused or found
        return dict(entry)

    def reasons(self, filename: str) -> list[str]:
        """The ids of the reasons for one file's verdict, the most telling first."""
        return [reason["id"] for reason in self.artifact(filename)["reasons"]]

    def accepted(self) -> list[str]:
        """The files that were accepted, sorted."""
        artifacts = self.report.get("artifacts", ())
        return sorted(entry["filename"] for entry in artifacts if entry["decision"] == "accept")


class Publisher:
    """Keys, key list and statements of one publisher, on a web site of its own."""

    def __init__(self, site: HttpsWorld) -> None:
        self.site = site
        self.ca_file = site.ca_file
        self.list_url = f"{site.url}/keys.json"
        self._released: dict[tuple[str, str], dict[str, str]] = {}

    @property
    def pin(self) -> str:
        """The option that pins this publisher's key list."""
        return f"--key-list={self.list_url}"

    def show(self, *entries: Signer | Mapping[str, Any], path: str = "/keys.json", **top: Any) -> None:
        """Serve a key list of these keys. It is not to be kept, so a change counts from the next run on."""
        self.serve(path, key_list(*entries, **top), headers={"Cache-Control": "no-store"})

    def serve(self, path: str, body: bytes, **details: Any) -> None:
        """Serve anything; ``details`` as ``Answer`` has them."""
        self.site.put(path, body, **details)

    def release(self, project: str, version: str, files: Mapping[str, bytes], *signers: Signer) -> bytes:
        """Sign these files with the release's earlier ones, and serve the statement; returns it."""
        digests = self._released.setdefault((project, version), {})
        digests.update({name: sha256(data) for name, data in files.items()})
        return self.state(project, version, sign_release(signers, digests, project, version))

    def state(self, project: str, version: str, statement: bytes) -> bytes:
        """Serve ``statement``, whatever it says, where the release's is looked for."""
        self.serve(f"/releases/{project}/{version}.jws", statement)
        return statement


class Environment:
    """A virtual environment without pip, which nothing but the command under test writes into."""

    def __init__(self, path: Path) -> None:
        self.path = path
        venv.create(path, symlinks=os.name != "nt", with_pip=False)
        self.python = path / "bin" / "python"
        self._fresh = self.files()

    def files(self) -> set[str]:
        """Every path in it, relative."""
        return {str(path.relative_to(self.path)) for path in self.path.rglob("*")}

    def installed(self) -> dict[str, str]:
        """Version by name of what is installed, as its metadata directories say."""
        found = (path.name.removesuffix(".dist-info").partition("-") for path in self.path.rglob("*.dist-info"))
        return {name: version for name, _, version in sorted(found)}

    def untouched(self) -> bool:
        """Whether not one file came or went since it was made."""
        return self.files() == self._fresh

    def runs(self, code: str) -> str:
        """What a line of Python prints in it."""
        done = subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=True, timeout=TIME_LIMIT)
        return done.stdout.strip()


class World:
    """index, publisher, target: the default ones. project: the directory commands run in. A test that needs another
    target or another publisher makes it."""

    def __init__(self, root: Path, index: Index, publisher: Publisher) -> None:
        self.root = root
        self.index = index
        self.publisher = publisher
        self.project = root / "project"
        self.home = root / "home"
        self.marker = root / "executed"
        for directory in (self.project, self.home):
            directory.mkdir()
        self.target = Environment(root / "target")

    # -- what happens in it --------------------------------------------------------------------------------

    def run(self, command: str, *arguments: str | Path, target: Environment | None = None, **environ: str) -> Result:
        """Run pip-verify, into the target unless the command needs none; ``environ`` is added to the environment."""
        about_files = command == "verify" or (command == "check" and not _ABOUT_TARGETS & set(map(str, arguments)))
        where = [] if about_files else ["--python", str((target or self.target).path)]
        return self.run_bare(command, *where, "--extra-ca", self.publisher.ca_file, *arguments, **environ)

    def run_bare(self, *arguments: str | Path, **environ: str) -> Result:
        """Run pip-verify with these arguments and a JSON report."""
        report = self.root / "report.json"
        report.unlink(missing_ok=True)
        wanted = {"PIP_VERIFY_FORMAT": "json", "PIP_VERIFY_OUTPUT": str(report)}  # "pip lock" has its own --output
        result = self.run_as_it_is(*arguments, **wanted, **environ)
        found = json.loads(report.read_bytes()) if report.exists() else {}
        return Result(result.code, result.stdout, result.stderr, result.seconds, found)

    def run_as_it_is(self, *arguments: str | Path, **environ: str) -> Result:
        """Run pip-verify with these arguments and no others. It never shows a traceback."""
        result = self._finish([sys.executable, "-m", "pip_verify", *arguments], environ)
        assert "Traceback" not in result.stderr, result.stderr
        return result

    def plain_pip(self, command: str, *arguments: str | Path, target: Environment | None = None) -> Result:
        """Run pip without us: what the attack does where nobody looks."""
        where = ("--python", str((target or self.target).path))
        return self._finish([sys.executable, "-m", "pip", *where, command, *arguments], {})

    def environ(self, **added: str) -> dict[str, str]:
        """All that a process sees of the world outside."""
        own = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": self.index.url,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INPUT": "1",
            "PIP_RETRIES": "0",
            "PIP_VERIFY_DEADLINE": str(DEADLINE),
        }
        return own | added

    def _finish(self, command: Sequence[str | Path], environ: Mapping[str, str]) -> Result:
        started = time.monotonic()
        done = subprocess.run(
            command,
            cwd=self.project,
            env=self.environ(**environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=TIME_LIMIT,
            stdin=subprocess.DEVNULL,
        )
        return Result(done.returncode, done.stdout, done.stderr, time.monotonic() - started)

    # -- what there is in it -------------------------------------------------------------------------------

    def wheel(
        self, project: str, version: str = "1.0", *signers: Signer, stated: Stated = "right", **parts: Any
    ) -> bytes:
        """Make a wheel (``parts`` as for ``make_wheel``), put it on the index, and sign it if there are signers."""
        data = makers.make_wheel(project, version, **parts)
        self._publish(project, version, {makers.wheel_filename(project, version): data}, signers, stated)
        return data

    def sdist(
        self, project: str, version: str = "1.0", *signers: Signer, stated: Stated = "right", **parts: Any
    ) -> bytes:
        """The same for an sdist, whose build backend leaves a mark when it is imported."""
        on_import = parts.pop("on_import", "")
        data = makers.make_sdist(project, version, on_import=f"{self.mark(project)}\n{on_import}", **parts)
        self._publish(project, version, {makers.sdist_filename(project, version): data}, signers, stated)
        return data

    def _publish(
        self, project: str, version: str, files: Mapping[str, bytes], signers: Sequence[Signer], stated: Stated
    ) -> None:
        for filename, data in files.items():
            self.index.add(filename, data, stated=stated)
        if signers:
            self.publisher.release(project, version, files, *signers)

    def evil_wheel(self, project: str, version: str = "1.0", **parts: Any) -> bytes:
        """A sound wheel that leaves marks when its environment's interpreter starts and when it is imported. It is
        neither signed nor on the index."""
        module = makers.underscored(project)
        files = {f"{module}/__init__.py": self.mark(project), f"{module}.pth": f"import os; {self.mark(project)}\n"}
        return makers.make_wheel(project, version, files, **parts)

    def mark(self, text: str) -> str:
        """A line of Python that leaves a mark."""
        return f"open({str(self.marker)!r}, 'a').write({text + chr(10)!r})"

    @property
    def executed(self) -> list[str]:
        """The marks left so far, each once."""
        return sorted(set(self.marker.read_text().split())) if self.marker.exists() else []

    def write(self, name: str, *lines: str) -> Path:
        """A text file in the project directory."""
        path = self.project / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def trust(self, *projects: str, policy: Sequence[str] = ()) -> Path:
        """A trust file in which the publisher, called team, signs for these projects. policy: its lines."""
        listed = ", ".join(f'"{project}"' for project in projects)
        publisher = ["[publishers.team]", f'key-list = "{self.publisher.list_url}"', f"projects = [{listed}]"]
        return self.write("pip-verify.toml", "[policy]", *policy, *(publisher if projects else ()))

    def lock(self, filename: str, data: bytes) -> Path:
        """A lock file (PEP 751) that names this file of demo 1.0 on the index."""
        need_lock_files()
        kind = "[[packages.wheels]]" if filename.endswith(".whl") else "[packages.sdist]"
        return self.write(
            "pylock.toml",
            'lock-version = "1.0"',
            'created-by = "tests"',
            "[[packages]]",
            'name = "demo"',
            'version = "1.0"',
            kind,
            f'name = "{filename}"',
            f'url = "{self.index.file_url(filename)}"',
            f'hashes = {{ sha256 = "{sha256(data)}" }}',
        )

    def save(self, name: str, data: bytes) -> Path:
        """A file in the project directory; makes the directories it needs."""
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def unpack(self, sdist: bytes, name: str) -> Path:
        """The content of an sdist as a directory of the project's; its single top directory is called ``name``."""
        path = self.project / name
        with tarfile.open(fileobj=io.BytesIO(sdist)) as archive:
            for member in archive:
                target = path / member.name.partition("/")[2]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(cast("IO[bytes]", archive.extractfile(member)).read())
        return path

    def refused(self, result: Result, code: int, *ids: str, filename: str = "") -> None:
        """Assert that the run was refused with this exit code, nothing ran and nothing was installed. ids: reasons
        that must be given for ``filename``."""
        assert result.code == code, f"exit code {result.code}\n{result.stderr}\n{result.stdout}"
        assert self.executed == []
        assert self.target.untouched(), self.target.installed()
        if ids:
            assert set(ids) <= set(result.reasons(filename)), result.report

    def installed_as(self, result: Result, **expected: str) -> None:
        """Assert that the run succeeded and that exactly these versions are installed."""
        assert result.code == 0, f"exit code {result.code}\n{result.stderr}\n{result.stdout}"
        assert self.target.installed() == expected


def need_lock_files() -> None:
    """Skip the calling test where the driving pip writes lock files but does not read them."""
    pylock = pytest.importorskip("pip._internal.utils.pylock")
    if not hasattr(pylock, "select_from_pylock_path_or_url"):
        pytest.skip(f"pip {version('pip')} does not install from pylock.toml")
