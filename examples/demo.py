"""The main job on real input: what ``make demo`` runs.

1. A real package with a real signature of 2014 is installed by its publisher's key.
2. A publisher on loopback signs real packages from the index; several are installed through its key list.
3. A tampered wheel, a removed key and an unsigned sdist are refused, each with its message.

Every command is printed before it runs, and its exit code is checked: the demo fails when one is not as said.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from publisher import serve

WHEEL_KEY = "ed25519:tmAYCrSfj8gtJ10v3VkvW7jOndKmQIYE12hgnFu3cvk"
PROJECTS = ("flask", "werkzeug", "jinja2", "markupsafe", "itsdangerous", "click", "blinker")
OK, UNSIGNED, UNTRUSTED, BAD = 0, 10, 11, 12  # exit codes, as the README lists them


def say(text: str) -> None:
    """Print a line about what comes."""
    sys.stdout.write(f"\n\033[1m{text}\033[0m\n" if sys.stdout.isatty() else f"\n{text}\n")
    sys.stdout.flush()


def pip_verify(*arguments: str, cwd: Path, expect: int = OK, capture: bool = False) -> str:
    """Run pip-verify in ``cwd``. capture: return its standard output. Ends the demo when the exit code is another."""
    sys.stdout.write(f"$ pip-verify {shlex.join(arguments)}\n")
    sys.stdout.flush()
    environment = {**os.environ, "PIP_VERIFY_CACHE_DIR": str(cwd / "cache")}
    command = [sys.executable, "-m", "pip_verify", *arguments]
    output = subprocess.PIPE if capture else None
    done = subprocess.run(command, cwd=cwd, env=environment, check=False, stdout=output, text=True)  # noqa: S603
    if done.returncode != expect:
        raise SystemExit(f"demo: expected exit code {expect}, got {done.returncode}")
    sys.stdout.write(f"(exit code {done.returncode}, as it should be)\n")
    return done.stdout or ""


def new_environment(path: Path) -> Path:
    """A throw-away environment without pip."""
    venv.create(path, symlinks=os.name != "nt")
    return path


def installed(environment: Path) -> list[str]:
    """What lies in the environment, by its metadata directories."""
    return sorted(path.name for path in environment.rglob("*.dist-info"))


def download(projects: Sequence[str], directory: Path) -> list[Path]:
    """What the index serves for ``projects``, as a publisher of them would have it on disk."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--no-deps"]
    subprocess.run([*command, "--dest", str(directory), *projects], check=True)  # noqa: S603
    return sorted(directory.iterdir())


def tamper(wheel: Path, directory: Path) -> Path:
    """The same wheel with a line of its own in every module; RECORD is left as it was."""
    directory.mkdir()
    copy = directory / wheel.name
    with zipfile.ZipFile(wheel) as before, zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as after:
        for entry in before.infolist():
            data = before.read(entry)
            after.writestr(entry, data + b"\nprint('owned')\n" if entry.filename.endswith("__init__.py") else data)
    return copy


def unsigned_sdist(directory: Path, marker: Path) -> Path:
    """A source distribution whose build backend would leave a mark, if it ever ran."""
    path = directory / "stranger-1.0.tar.gz"
    files = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n",
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": f"open({str(marker)!r}, 'w').close()\n",
    }
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"stranger-1.0/{name}")
            member.size = len(text.encode())
            archive.addfile(member, BytesIO(text.encode()))
    return path


def main(work: Path) -> None:
    """Run the demo below ``work``."""
    say("1. A real package, signed by its publisher in 2014")
    environment = new_environment(work / "environment")
    pip_verify("install", "--python", str(environment), "wheel==0.25.0", f"--key={WHEEL_KEY}", cwd=work)

    say("2. A publisher signs real packages and hosts its keys; a set of them is installed through the key list")
    site, wheels = work / "site", work / "wheels"
    site.mkdir()
    pip_verify("keygen", "--no-passphrase", "-o", "signing.key", cwd=work)
    pip_verify("keylist", "init", "site/keys.json", cwd=work)
    key = pip_verify("keylist", "add", "site/keys.json", "signing.key", cwd=work, capture=True).strip()
    artifacts = download(PROJECTS, wheels)
    for artifact in artifacts:
        pip_verify("sign", "--key-file", "signing.key", "--releases", "site/releases", str(artifact), cwd=work)

    with serve(site, work / "ca.pem") as address:
        lines = [f"{project} --key-list={address}/keys.json" for project in PROJECTS]
        (work / "requirements.txt").write_text("\n".join(lines) + "\n")
        install = ("install", "--python", str(environment), "--extra-ca", "ca.pem")
        pip_verify(*install, "-r", "requirements.txt", cwd=work)
        before = installed(environment)

        say("3a. A tampered wheel")
        click = next(path for path in artifacts if path.name.startswith("click-"))
        tampered = tamper(click, work / "tampered")
        pip_verify(
            *install, "--force-reinstall", str(tampered), f"--key-list={address}/keys.json", cwd=work, expect=BAD
        )

        say("3b. A key that is no longer on the list")
        pip_verify("keylist", "remove", "--force", "site/keys.json", key, cwd=work)
        pip_verify(*install, "--force-reinstall", "-r", "requirements.txt", cwd=work, expect=UNTRUSTED)

        say("3c. An unsigned sdist; its build backend must not run")
        marker = work / "backend-ran"
        pip_verify(*install, str(unsigned_sdist(work, marker)), cwd=work, expect=UNSIGNED)
        if marker.exists() or installed(environment) != before:
            raise SystemExit("demo: something ran or was installed that must not")
    say("All as it should be: " + ", ".join(before))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="pip-verify-demo-") as temporary:
        main(Path(temporary))
