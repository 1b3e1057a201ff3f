"""What is not imported before it is needed: ``--help`` and a slip of the finger are answered at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

_SCRIPT = """
import sys
from pip_verify.cli import main
try:
    main([sys.argv[1], "--help"])
except SystemExit:
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


@pytest.mark.parametrize("command", ["sign", "vouch", "keygen"])
def test_help_loads_neither_the_trust_files_writer_nor_libsodium_nor_the_network(command: str) -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT, command], capture_output=True, text=True, check=True)
    assert set(done.stderr.split()) & {"tomlkit", "nacl", "requests", "pip"} == set()
    assert command in done.stdout
