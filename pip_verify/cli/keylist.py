"""``pip-verify keylist``: keeps the list of keys that are valid now. Prints what it changed."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pip_verify.errors import EvidenceError, UsageError
from pip_verify.keys import TEXT_PREFIX, PublicKey


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
    parser = argparse.ArgumentParser(
        prog="pip-verify keylist", description="Keep the list of keys that are valid now.", allow_abbrev=False
    )
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
            action.add_argument("key", metavar="KEY", help="a key file, a .pub file of OpenSSH, or ed25519:<key>")
        if name == "revoke":
            action.add_argument("--reason", required=True, help="a short text, published with the list")
    return parser


def _key(text: str) -> PublicKey:
    from pip_verify.publish.keyfile import load_public

    if not text.startswith(TEXT_PREFIX):
        return load_public(Path(text))
    try:
        return PublicKey.from_text(text, "KEY")
    except EvidenceError as error:  # what the user typed is the user's slip
        raise UsageError(error.subject, expected=error.expected, got=error.got) from error
