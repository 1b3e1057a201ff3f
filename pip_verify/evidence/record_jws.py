"""Legacy ``RECORD.jws`` (formats.md 5), as wheel 0.21 to 0.31 wrote it: read, never written.

Its shape is an early draft of JWS: ``recipients`` with an encoded ``header``, and an own key type. The key
inside is only a name: it becomes the signature's kid, and counts only when a pin holds that key. The payload
binds nothing but RECORD; project and version are bound by the strict wheel reader. Refused: other members,
other algorithms, a weak key, an empty list of recipients, anything not canonical.
"""

from __future__ import annotations

from typing import Any

from pip_verify.encoding import b64u_decode, exact_members, json_object
from pip_verify.errors import EvidenceError
from pip_verify.evidence import Claim, Signature, Subject
from pip_verify.evidence.jws import check_count, make_signature
from pip_verify.keys import PublicKey

RECORD_JWS_MAX_BYTES = 64 * 1024

_WHAT = "RECORD.jws"
_HASH_PREFIX = "sha256="


def parse(data: bytes) -> Claim:
    """Parse a ``RECORD.jws`` of at most 64 KiB; raises EvidenceError. Nothing in it is believed."""
    payload, subject, recipients = _parse(data)
    return Claim(None, None, (subject,), tuple(signature for _, signature in recipients), payload.encode("ascii"))


def keys_inside(data: bytes) -> tuple[PublicKey, ...]:
    """The distinct keys that a ``RECORD.jws`` names itself, in order, for whoever looks for a publisher to pin.

    Raises EvidenceError. Nothing is proved by this: anybody can sign with a key of their own.
    """
    _, _, recipients = _parse(data)
    return tuple(dict.fromkeys(key for key, _ in recipients))


def _parse(data: bytes) -> tuple[str, Subject, tuple[tuple[PublicKey, Signature], ...]]:
    document = exact_members(json_object(data, _WHAT, max_bytes=RECORD_JWS_MAX_BYTES), _WHAT, ("payload", "recipients"))
    payload = document["payload"]
    subject = Subject("RECORD", _parse_payload(payload))
    recipients = check_count(document["recipients"], f"{_WHAT}: recipients")
    parsed = tuple(
        _parse_recipient(recipient, f"{_WHAT}: recipients[{number}]") for number, recipient in enumerate(recipients)
    )
    return payload, subject, parsed


def _parse_payload(text: object) -> str:
    """The hex sha256 of RECORD."""
    what = f"{_WHAT}: payload"
    stated = _decoded_object(text, what, ("hash",))["hash"]
    if not isinstance(stated, str) or not stated.startswith(_HASH_PREFIX):
        raise EvidenceError(f"{what}: hash", expected="sha256=<43 base64url characters>", got=repr(stated)[:80])
    return b64u_decode(stated[len(_HASH_PREFIX) :], f"{what}: hash", length=32).hex()


def _parse_recipient(recipient: object, what: str) -> tuple[PublicKey, Signature]:
    members = exact_members(recipient, what, ("header", "signature"))
    label = f"{what}: header"
    header = _decoded_object(members["header"], label, ("alg", "jwk"))
    jwk = exact_members(header["jwk"], f"{label}: jwk", ("kty", "vk"))
    if (header["alg"], jwk["kty"]) != ("Ed25519", "Ed25519"):
        raise EvidenceError(label, expected='alg and kty "Ed25519"', got=f"{header['alg']!r}, {jwk['kty']!r}"[:80])
    key = PublicKey.from_raw(b64u_decode(jwk["vk"], f"{label}: vk", length=32), f"{label}: vk")
    return key, make_signature(key.thumbprint, members["header"], members["signature"], what)


def _decoded_object(text: object, what: str, names: tuple[str, ...]) -> dict[str, Any]:
    value = json_object(b64u_decode(text, what), what, max_bytes=RECORD_JWS_MAX_BYTES)
    return exact_members(value, what, names)
