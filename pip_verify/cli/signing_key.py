"""The options of commands that sign: a key file and where its passphrase is, or a key that an ssh-agent holds."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pip_verify.cli.passphrase import WHERE_FROM, read_passphrase
from pip_verify.errors import UsageError

if TYPE_CHECKING:
    from pip_verify.publish.signer import Signer


def add_key_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which key signs; ``signer`` reads them."""
    key = parser.add_mutually_exclusive_group(required=True)
    key.add_argument("--key-file", metavar="FILE", help="the signing key")
    key.add_argument("--agent", metavar="KEY", help="a key of the ssh-agent: ed25519:..., SHA256:... or its comment")
    passphrase = parser.add_mutually_exclusive_group()
    passphrase.add_argument("--passphrase-file", metavar="FILE", help=WHERE_FROM)
    passphrase.add_argument("--keyring", action="store_true", help="the passphrase is in the system's keyring")


def signer(options: argparse.Namespace) -> Signer:
    """The key that the options of ``add_key_options`` name. Raises PipVerifyError as ``load`` and ``find_key`` do."""
    if options.agent is not None:
        from pip_verify.publish.sshagent import find_key

        if options.passphrase_file is not None or options.keyring:
            raise UsageError("--agent", expected="no passphrase: the agent has the key", got="an option for one")
        return find_key(options.agent, os.environ)
    from pip_verify.publish.keyfile import load, load_public

    path = Path(options.key_file)
    if options.keyring:
        from pip_verify.publish.systemkeyring import recall

        return load(path, lambda: recall(load_public(path)))
    return load(path, lambda: read_passphrase(options.passphrase_file))
