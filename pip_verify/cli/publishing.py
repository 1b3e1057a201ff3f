"""``keygen``, ``sign``, ``keylist``: the publisher's commands. They print what they wrote."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pip_verify.errors import EvidenceError, UsageError
from pip_verify.keys import TEXT_PREFIX, PublicKey

_WHERE_FROM = "read the passphrase's first line from FILE (or set PIP_VERIFY_PASSPHRASE); asked for otherwise"


def keygen(arguments: Sequence[str]) -> int:
    """Make a signing key."""
    from pip_verify.publish.keyfile import generate

    parser = _parser("keygen", "Make an Ed25519 signing key; its file is encrypted with a passphrase.")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the new key file")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--passphrase-file", metavar="FILE", help=_WHERE_FROM)
    how.add_argument("--no-passphrase", action="store_true", help="keep the key in clear")
    options = parser.parse_args(arguments)
    passphrase = None if options.no_passphrase else _passphrase(options.passphrase_file, new=True)
    key = generate(Path(options.output), passphrase)
    sys.stdout.write(f"{key.text}\n")
    sys.stderr.write(f"pip-verify: wrote {options.output}; keep a copy where a lost laptop cannot take it along\n")
    return 0


def sign(arguments: Sequence[str]) -> int:
    """Write the release statement for the artifacts of one release."""
    from pip_verify.publish.keyfile import load
    from pip_verify.publish.sign import sign_artifacts

    parser = _parser("sign", "Sign all files of one release; writes releases/{project}/{version}.jws.")
    parser.add_argument("--key-file", required=True, metavar="FILE", help="the signing key")
    parser.add_argument("--passphrase-file", metavar="FILE", help=_WHERE_FROM)
    parser.add_argument(
        "--releases", default="releases", metavar="DIR", help="where statements go (default: %(default)s)"
    )
    parser.add_argument("artifacts", nargs="+", metavar="ARTIFACT", help="a wheel or an sdist")
    options = parser.parse_args(arguments)
    key = load(Path(options.key_file), lambda: _passphrase(options.passphrase_file, new=False))
    path = sign_artifacts([Path(name) for name in options.artifacts], key, Path(options.releases))
    sys.stdout.write(f"{path}\n")
    return 0


def keylist(arguments: Sequence[str]) -> int:
    """Keep a key list: a JSON file made to be committed and published."""
    from pip_verify.publish import keylist as lists

    options = _keylist_parser().parse_args(arguments)
    path = Path(options.list)
    if options.action == "init":
        lists.init(path)
        sys.stdout.write(f"{path}\n")
        return 0
    key, now = _key(options.key), int(time.time())
    if options.action == "add":
        lists.add(path, key, iat=now)
    elif options.action == "retire":
        lists.retire(path, key, exp=now)
    elif options.action == "revoke":
        lists.revoke(path, key, at=now, reason=options.reason)
    else:
        lists.remove(path, key)
    sys.stdout.write(f"{key.text}\n")
    return 0


def _keylist_parser() -> argparse.ArgumentParser:
    parser = _parser("keylist", "Keep the list of keys that are valid now.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, description in (
        ("init", "write an empty list"),
        ("add", "add a key"),
        ("retire", "let a key sign no longer; it stays on the list"),
        ("revoke", "say that a key is not to be trusted"),
        ("remove", "take a key off: then nothing it signed is valid"),
    ):
        action = actions.add_parser(name, help=description, description=description, allow_abbrev=False)
        action.add_argument("list", metavar="LIST", help="the key list's file")
        if name != "init":
            action.add_argument("key", metavar="KEY", help="a key file, or ed25519:<key>")
        if name == "revoke":
            action.add_argument("--reason", required=True, help="a short text, published with the list")
    return parser


def _parser(command: str, description: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=f"pip-verify {command}", description=description, allow_abbrev=False)


def _key(text: str) -> PublicKey:
    from pip_verify.publish.keyfile import load_public

    if not text.startswith(TEXT_PREFIX):
        return load_public(Path(text))
    try:
        return PublicKey.from_text(text, "KEY")
    except EvidenceError as error:  # what the user typed is the user's slip
        raise UsageError(error.subject, expected=error.expected, got=error.got) from error


def _passphrase(file: str | None, *, new: bool) -> bytes:
    """From --passphrase-file, the environment or the terminal, in this order; raises UsageError."""
    if file is not None:
        from pip_verify.storage import read_file

        data, _ = read_file(Path(file), max_bytes=4096, expected="a file with a passphrase")
        return data.split(b"\n", 1)[0].removesuffix(b"\r")
    if "PIP_VERIFY_PASSPHRASE" in os.environ:
        return os.environ["PIP_VERIFY_PASSPHRASE"].encode("utf-8", "surrogateescape")
    if not sys.stdin.isatty():
        raise UsageError(
            "passphrase",
            expected="a terminal, --passphrase-file or PIP_VERIFY_PASSPHRASE",
            got="none of them",
            hint="pip-verify keygen --no-passphrase makes a key without one" if new else "",
        )
    typed = getpass.getpass("Passphrase: ")
    if new and getpass.getpass("Again: ") != typed:
        raise UsageError("passphrase", expected="the same twice", got="two different ones")
    return typed.encode("utf-8", "surrogateescape")
