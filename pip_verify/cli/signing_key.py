"""The options of commands that sign: a key file and where its passphrase is, or a key that an ssh-agent holds; and
whose earlier signatures can be checked."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pip_verify.cli.passphrase import WHERE_FROM, read_passphrase
from pip_verify.cli.review import utc
from pip_verify.cli.terminal import say
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.keys import KEY_LIST_MAX_BYTES, PublicKey, parse_key_list

if TYPE_CHECKING:
    from pip_verify.publish.signer import Signer
    from pip_verify.publish.standing import Known


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
            expected, hint = "no passphrase: the agent has the key", "leave out --passphrase-file and --keyring"
            raise UsageError("--agent", expected=expected, got="an option for one", hint=hint)
        return find_key(options.agent, os.environ)
    from pip_verify.publish.keyfile import load, load_public

    path = Path(options.key_file)
    if options.keyring:
        from pip_verify.publish.systemkeyring import recall

        return load(path, lambda: recall(load_public(path)))
    return load(path, lambda: read_passphrase(options.passphrase_file))


def add_known_options(parser: argparse.ArgumentParser) -> None:
    """The options that say whose signatures can be checked."""
    parser.add_argument("--key-list", metavar="FILE", help="a key list on disk: earlier signatures are checked by it")
    parser.add_argument(
        "--key", action="append", default=[], metavar="ed25519:KEY", help="another signer's key; repeatable"
    )


def known_signers(options: argparse.Namespace) -> Known:
    """The keys whose signatures can be checked, the one that will sign among them.

    Before anything is downloaded, shown or asked: raises UsageError when that key is not there or is revoked.
    """
    own = _own_key(options)
    known = _named_keys(options).with_key(own)
    _refuse_revoked(own, known)
    return known


def usable(key: Signer, known: Known) -> Signer:
    """The key that signs; says what the key list has against it, and raises UsageError when it is revoked there."""
    _refuse_revoked(key.public, known)
    if remark := known.remark(key.public):
        by = "" if key.public not in known.remarks else f", by this machine's clock ({utc(time.time())})"
        say(f"warning: {key.public} is {remark}{by}: nobody who goes by that list will accept what it signs")
    return key


def _refuse_revoked(key: PublicKey, known: Known) -> None:
    if key in known.revoked:
        expected, hint = "a key that is not revoked", "sign with another; to make one: pip-verify keygen -o FILE"
        raise UsageError(str(key), expected=expected, got=f"one that is {known.remark(key)}", hint=hint)


def _named_keys(options: argparse.Namespace) -> Known:
    from pip_verify.publish.standing import known_keys
    from pip_verify.storage import read_file

    try:
        keys = [PublicKey.from_text(text, "--key") for text in options.key]
    except EvidenceError as error:  # what the user typed is the user's slip
        hint = "copy the whole of it, ed25519: and 43 characters"
        raise UsageError(error.subject, expected=error.expected, got=error.got, hint=hint) from error
    key_list = None
    if options.key_list is not None:
        data, _ = read_file(Path(options.key_list), max_bytes=KEY_LIST_MAX_BYTES, expected="a key list on disk")
        key_list = parse_key_list(data, options.key_list)
    return known_keys(keys, key_list, now=time.time())


def _own_key(options: argparse.Namespace) -> PublicKey:
    """The public half of the key that will sign, before any passphrase is asked for. ``signer`` proves it is that."""
    if options.agent is not None:
        return signer(options).public
    from pip_verify.publish.keyfile import load_public

    return load_public(Path(options.key_file))
