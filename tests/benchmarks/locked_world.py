"""A uv.lock of many artifacts from many publishers, each release signed, served over loopback HTTPS."""

from __future__ import annotations

import os
from pathlib import Path

from tests.https_world import HttpsWorld
from tests.makers import wheel_filename
from tests.signer import Signer, key_list, sha256, sign_release

PUBLISHERS = 300
_KEPT = {"Cache-Control": "max-age=86400"}


class LockedWorld:
    """Below ``work``: uv.lock, pip-verify.toml, statements/ for the floor. artifacts: how many, one a release, spread
    over PUBLISHERS key lists (fewer when there are fewer artifacts)."""

    def __init__(self, work: Path, site: HttpsWorld, artifacts: int) -> None:
        self.work = work
        self.site = site
        self.artifacts = artifacts
        self.publishers = min(PUBLISHERS, artifacts)
        self.statements = work / "statements"
        self.statements.mkdir(parents=True)
        signers = [Signer.of(f"publisher {number}") for number in range(self.publishers)]
        for number, signer in enumerate(signers):
            site.put(f"/{number}/keys.json", key_list(signer), headers=_KEPT)
        entries = [self._release(number, signers[number % self.publishers]) for number in range(artifacts)]
        (work / "uv.lock").write_text('version = 1\nrequires-python = ">=3.10"\n' + "".join(entries))
        (work / "pip-verify.toml").write_text("".join(self._publisher(number) for number in range(self.publishers)))
        (work / "keys").write_text("\n".join(signer.text for signer in signers))

    def _release(self, number: int, signer: Signer) -> str:
        project = f"demo-{number}"
        filename = wheel_filename(project, "1.0")
        digest = sha256(filename.encode())
        statement = sign_release([signer], {filename: digest}, project, "1.0")
        self.site.put(f"/{number % self.publishers}/releases/{project}/1.0.jws", statement)
        (self.statements / f"{number}.jws").write_bytes(statement)
        return (
            f'\n[[package]]\nname = "{project}"\nversion = "1.0"\n'
            f'source = {{ registry = "https://index.example/simple" }}\nwheels = [\n'
            f'    {{ url = "https://index.example/{filename}", hash = "sha256:{digest}", size = 1000 }},\n]\n'
        )

    def _publisher(self, number: int) -> str:
        projects = ", ".join(f'"demo-{item}"' for item in range(number, self.artifacts, self.publishers))
        return f'[publishers.p{number}]\nkey-list = "{self.site.url}/{number}/keys.json"\nprojects = [{projects}]\n\n'

    def environ(self, cache: str) -> dict[str, str]:
        """The environment for ``pip-verify check uv.lock`` with a cache directory of this name."""
        return {
            "PATH": os.defpath,
            "HOME": str(self.work / "home"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_VERIFY_EXTRA_CA": str(self.site.ca_file),
            "PIP_VERIFY_CACHE_DIR": str(self.work / cache),
            "PIP_VERIFY_TRUST_FILE": str(self.work / "pip-verify.toml"),
        }
