"""Keys made of a phrase, at their full price and by the installed command; and a release signed through an agent that
a user installs. Each derivation takes a gibibyte and several seconds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pip_verify.publish.keyfile import load
from tests.makers import make_sdist
from tests.publish.test_derived import vectors
from tests.publish.test_phrases import GOOD

ROOT = Path(__file__).resolve().parents[2]


def keygen(directory: Path, *arguments: str, passphrase: str = "") -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PIP_VERIFY_PASSPHRASE": passphrase}
    command = [sys.executable, "-m", "pip_verify", *arguments]
    return subprocess.run(
        command, cwd=directory, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def test_the_key_of_a_phrase_is_that_of_the_docs_and_made_again_after_a_loss(tmp_path: Path) -> None:
    expected = vectors("### How the key is made")[0][7]
    make = ("keygen", "--from-passphrase", "--user", "Alice@Keys.example", "-o", "key")
    for typed in (GOOD, GOOD.replace(" ", "  ") + " "):
        made = keygen(tmp_path, *make, passphrase=typed)
        assert (made.returncode, made.stdout) == (0, f"{expected}\n"), made.stderr
        assert GOOD.split()[0] not in made.stderr
        key = tmp_path / "key"
        shutil.move(key, tmp_path / "river")
    assert load(tmp_path / "river", GOOD.encode).public.text == expected


def test_the_key_of_teneo_is_that_of_the_scheme(tmp_path: Path) -> None:
    ((user, passphrase, line),) = vectors("### Keys of teneo")
    made = keygen(tmp_path, "keygen", "--teneo", "--user", user, "-o", "key", passphrase=passphrase)
    assert made.returncode == 0, made.stderr
    assert line in made.stderr
    assert "warning: whoever has the public key" in made.stderr
    assert load(tmp_path / "key", passphrase.encode).public.text == made.stdout.strip()


@pytest.mark.skipif(shutil.which("ssh-agent") is None, reason="ssh-agent is not installed")
def test_a_release_signed_through_an_agent_verifies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    socket_path = f"/tmp/pv-{os.getpid()}"  # noqa: S108 - a Unix socket's path must be short
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket_path], stdout=subprocess.DEVNULL) as agent:  # noqa: S607
        try:
            monkeypatch.setenv("SSH_AUTH_SOCK", socket_path)
            while not Path(socket_path).exists():
                time.sleep(0.01)
            sign_and_verify(tmp_path)
        finally:
            agent.terminate()


def sign_and_verify(directory: Path) -> None:
    identity = directory / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "me", "-f", identity], check=True)  # noqa: S607
    subprocess.run(["ssh-add", "-q", identity], check=True)  # noqa: S607
    identity.unlink()
    artifact = directory / "demo-1.0.tar.gz"
    artifact.write_bytes(make_sdist("demo", "1.0"))
    signed = keygen(directory, "sign", "--agent", "me", artifact.name)
    assert (signed.returncode, signed.stdout) == (0, "releases/demo/1.0.jws\n"), signed.stderr
    assert keygen(directory, "keylist", "init", "keys.json").returncode == 0
    public = keygen(directory, "keylist", "add", "keys.json", "id.pub").stdout.strip()
    check = ("verify", artifact.name, f"--key={public}", "--statements", "releases")
    told = keygen(directory, *check)
    assert "1 signed" in told.stderr, told.stderr
