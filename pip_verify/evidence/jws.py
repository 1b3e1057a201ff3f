"""The strict core of a JWS: bytes come in, a payload and its signatures go out, or an ``EvidenceError``.

Read: the general JSON serialization of RFC 7515 section 7.2.1 with exactly the members of formats.md 3.
Refused: any unprotected ``header``, ``crit`` or ``b64``, a key named or embedded by the message (``jwk``,
``jku``, ``x5u`` …), any algorithm but Ed25519, an empty list of signatures, anything not canonical.

``alg`` is read as "Ed25519" (RFC 9864) and as "EdDSA" (its name in RFC 8037, which signers still write). That
leaves the message no choice: every key here is an Ed25519 key, and the key decides.
"""

from __future__ import annotations

from collections.abc import Mapping

from pip_verify.encoding import b64u_decode, exact_members, json_object
from pip_verify.errors import EvidenceError
from pip_verify.evidence import Claim, Proof, Signature
from pip_verify.keys import PublicKey

JWS_MAX_BYTES = 1024 * 1024
MAX_SIGNATURES = 64

_ALGORITHMS = ("Ed25519", "EdDSA")
_PROTECTED_MAX_BYTES = 2048
_MAX_KID = 200  # as long as a key list's label may be
_SIGNATURE_BYTES = 64


def parse_general(data: bytes, what: str, *, typ: str | None) -> tuple[str, tuple[Signature, ...]]:
    """Parse a JWS of at most 1 MiB and 64 signatures; ``typ`` as in ``parse_protected``.

    Returns the payload as its base64url text, not decoded, and the signatures. Raises EvidenceError.
    """
    document = exact_members(json_object(data, what, max_bytes=JWS_MAX_BYTES), what, ("payload", "signatures"))
    payload = document["payload"]
    if not isinstance(payload, str):
        raise EvidenceError(f"{what}: payload", expected="base64url text", got=type(payload).__name__)
    entries = check_count(document["signatures"], f"{what}: signatures")
    signatures = []
    for number, entry in enumerate(entries):
        label = f"{what}: signatures[{number}]"
        members = exact_members(entry, label, ("protected", "signature"))
        kid = parse_protected(members["protected"], label, typ=typ)
        signatures.append(make_signature(kid, members["protected"], members["signature"], label))
    return payload, tuple(signatures)


def parse_protected(text: object, what: str, *, typ: str | None) -> str:
    """Check a protected header (RFC 7515 section 4) and return its ``kid``.

    It must have exactly ``alg`` and ``kid``, and ``typ`` with that value unless ``typ`` is None. Raises
    EvidenceError.
    """
    what = f"{what}: protected"
    names = ("alg", "kid") if typ is None else ("alg", "kid", "typ")
    header = exact_members(json_object(b64u_decode(text, what), what, max_bytes=_PROTECTED_MAX_BYTES), what, names)
    if header["alg"] not in _ALGORITHMS:
        raise EvidenceError(f"{what}: alg", expected='"Ed25519"', got=repr(header["alg"])[:80])
    if header.get("typ") != typ:
        raise EvidenceError(f"{what}: typ", expected=f'"{typ}"', got=repr(header["typ"])[:80])
    kid = header["kid"]
    if not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID or not kid.isprintable():
        raise EvidenceError(f"{what}: kid", expected=f"1 to {_MAX_KID} printable characters", got=repr(kid)[:80])
    return kid


def make_signature(kid: str, protected: str, value: object, what: str) -> Signature:
    """A signature whose ``protected`` text was already checked; ``value``: base64url of 64 bytes."""
    return Signature(kid, protected.encode("ascii"), b64u_decode(value, f"{what}: signature", length=_SIGNATURE_BYTES))


def check_count(entries: object, what: str) -> list[object]:
    """Demand a list of 1 to 64 entries: no signature proves nothing, and each costs a verification."""
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_SIGNATURES:
        got = f"{len(entries)}" if isinstance(entries, list) else type(entries).__name__
        raise EvidenceError(what, expected=f"a list of 1 to {MAX_SIGNATURES}", got=got)
    return entries


def prove(claim: Claim, keys: Mapping[str, PublicKey]) -> Proof:
    """Check each signature (RFC 7515 section 5.2) by the key its kid names in ``keys``, and by no other.

    keys: trusted keys by every name they go by, thumbprint or label. A key that signed several times, or under
    several names, is one key of the proof.
    """
    proved: dict[PublicKey, None] = {}
    bad: list[str] = []
    strangers: list[str] = []
    for signature in claim.signatures:
        key = keys.get(signature.kid)
        if key is None:
            strangers.append(signature.kid)
        elif key.verifies(signature.protected + b"." + claim.payload, signature.value):
            proved[key] = None
        else:
            bad.append(signature.kid)
    return Proof(claim, tuple(proved), tuple(bad), tuple(strangers))
