"""What no gate can do without: parse each statement and verify one Ed25519 signature of it, by the plainest tools."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

from nacl.bindings import crypto_sign_open


def decode(text: str) -> bytes:
    """Base64url without padding, as leniently as the library has it."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def main(work: Path) -> None:
    """Verify every statement of a ``LockedWorld``."""
    keys = [decode(line.removeprefix("ed25519:")) for line in (work / "keys").read_text().split()]
    for path in (work / "statements").iterdir():
        document = json.loads(path.read_bytes())
        json.loads(decode(document["payload"]))
        (signature,) = document["signatures"]
        json.loads(decode(signature["protected"]))
        message = f"{signature['protected']}.{document['payload']}".encode()
        crypto_sign_open(decode(signature["signature"]) + message, keys[int(path.stem) % len(keys)])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
