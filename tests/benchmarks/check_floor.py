"""What no gate can do without: parse each statement of a ``LockedWorld`` and verify one Ed25519 signature of it.

``strict`` parses as the format demands (canonical base64url, no duplicate members, nothing unknown); ``plain`` takes
the standard library's lenient decoders and libsodium, and nothing else.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path


def strict(work: Path, keys: list[str]) -> None:
    """By the package's own parser and prover, without policy, places, cache or report."""
    from pip_verify.evidence.jws import prove
    from pip_verify.evidence.release import parse
    from pip_verify.keys import PublicKey

    known = [PublicKey.from_text(key, "key") for key in keys]
    for path in (work / "statements").iterdir():
        claim = parse(path.read_bytes())
        key = known[int(path.stem) % len(known)]
        if prove(claim, {key.thumbprint: key}).keys != (key,):
            raise SystemExit(f"{path} does not verify")


def plain(work: Path, keys: list[str]) -> None:
    """By the quickest tools there are."""
    from nacl.bindings import crypto_sign_open

    raw = [_decode(key.removeprefix("ed25519:")) for key in keys]
    for path in (work / "statements").iterdir():
        document = json.loads(path.read_bytes())
        json.loads(_decode(document["payload"]))
        (signature,) = document["signatures"]
        json.loads(_decode(signature["protected"]))
        message = f"{signature['protected']}.{document['payload']}".encode()
        crypto_sign_open(_decode(signature["signature"]) + message, raw[int(path.stem) % len(raw)])


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def main(kind: str, work: Path) -> None:
    """Verify every statement."""
    {"strict": strict, "plain": plain}[kind](work, (work / "keys").read_text().split())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
