"""A locked set of real wheels, all signed by a publisher on loopback, served by an index on loopback."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

from pip_verify.artifact.name import parse_filename
from tests.e2e.index import Index
from tests.https_world import HttpsWorld
from tests.signer import Signer, key_list, sign_release

# Popular packages of all kinds; with what they depend on they come to more than 60 wheels.
NAMES = (
    *("aiohttp", "black", "boto3", "celery", "cryptography", "django", "fastapi", "flask", "httpx", "lxml", "numpy"),
    *("pandas", "pillow", "pydantic", "pytest", "requests", "rich", "sphinx", "sqlalchemy", "tox", "uvicorn"),
)


class LockedSet:
    """The set, ready to be installed again and again. wheels: their paths; file: the requirement file."""

    def __init__(self, work: Path, index: Index, site: HttpsWorld) -> None:
        self.work, self._index, self._site = work, index, site
        self._count = 0
        self.wheels = _download(work / "wheels")
        signer = Signer.of("benchmark")
        site.put("/keys.json", key_list(signer), headers={"Cache-Control": "max-age=3600"})
        plain, signed = [], []
        for path in self.wheels:
            data, artifact = path.read_bytes(), parse_filename(path.name)
            index.add(path.name, data)
            digest = hashlib.sha256(data).hexdigest()
            statement = sign_release([signer], {path.name: digest}, artifact.project, artifact.version)
            site.put(f"/releases/{artifact.project}/{artifact.version}.jws", statement)
            line = f"{artifact.project}=={artifact.version} --hash=sha256:{digest}"
            plain.append(line)
            signed.append(f"{line} --key-list={site.url}/keys.json")
        self.plain, self.signed = work / "plain.txt", work / "signed.txt"
        self.plain.write_text("\n".join(plain) + "\n")
        self.signed.write_text("\n".join(signed) + "\n")

    def environ(self, cache: str) -> Mapping[str, str]:
        """Nothing of the caller's pip configuration; ``cache`` names pip-verify's cache."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PIP_VERIFY_"))}
        return {
            **kept,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_INDEX_URL": self._index.url,
            "PIP_CACHE_DIR": str(self.work / "pip-cache"),
            "PIP_VERIFY_CACHE_DIR": str(self.work / cache),
            "PIP_VERIFY_EXTRA_CA": str(self._site.ca_file),
        }

    def environment(self) -> str:
        """A new, empty target without pip; making it is not part of what is timed."""
        self._count += 1
        path = self.work / f"target-{self._count}"
        venv.create(path, symlinks=True)
        return str(path)


def _download(directory: Path) -> list[Path]:
    if not directory.exists():
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--only-binary",
            ":all:",
            "--dest",
            str(directory),
        ]
        subprocess.run([*command, *NAMES], check=True)
    return sorted(directory.glob("*.whl"))
