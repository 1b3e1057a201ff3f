"""A signer that knows nothing of pip_verify: written from docs/formats alone, with PyNaCl and json.

It makes what a publisher would make (keys, key lists, statements, signatures), so that tests compare two
independent readings of the formats. Every ``bytes`` it returns can be written to a file or served as it is.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nacl.signing import SigningKey

TYP = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/release/v0.1"


def b64u(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).decode("ascii").replace("=", "")


def to_json(value: object) -> bytes:
    """Compact JSON, members in the order given."""
    return json.dumps(value, separators=(",", ":")).encode("utf-8")


@dataclass(frozen=True)
class Signer:
    """One key pair. seed: 32 bytes; ``Signer.of("alice")`` makes one from a name, the same each time."""

    seed: bytes

    @classmethod
    def of(cls, name: str) -> Signer:
        return cls(hashlib.sha256(name.encode("utf-8")).digest())

    @property
    def raw(self) -> bytes:
        """The 32 public bytes."""
        return bytes(SigningKey(self.seed).verify_key)

    @property
    def text(self) -> str:
        """``ed25519:`` and 43 characters, as a pin names the key."""
        return "ed25519:" + b64u(self.raw)

    @property
    def thumbprint(self) -> str:
        """The RFC 7638 thumbprint (SHA-256), which is the key's kid."""
        canonical = '{"crv":"Ed25519","kty":"OKP","x":"' + b64u(self.raw) + '"}'
        return b64u(hashlib.sha256(canonical.encode("ascii")).digest())

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of an Ed25519 signature."""
        return SigningKey(self.seed).sign(message).signature

    def jwk(self, **members: Any) -> dict[str, Any]:
        """The public JWK; ``members`` are added to it or replace its own (``kid=…``, ``exp=…``, ``revoked=…``)."""
        own = {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": b64u(self.raw),
            "kid": self.thumbprint,
            "use": "sig",
            "alg": "Ed25519",
        }
        return own | members

    def private_jwk(self, **members: Any) -> dict[str, Any]:
        """The JWK with ``d``: a private key in clear."""
        return self.jwk(d=b64u(self.seed), **members)


def key_list(*entries: Signer | Mapping[str, Any], **top: Any) -> bytes:
    """A JWK set of signers or ready-made JWKs; ``top``: further members at its top (``releases="…"``)."""
    keys = [entry.jwk() if isinstance(entry, Signer) else dict(entry) for entry in entries]
    return to_json({"keys": keys} | top)


def sha256(data: bytes) -> str:
    """Lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def statement(files: Mapping[str, str], purl: str, **top: Any) -> dict[str, Any]:
    """An in-toto Statement with the Release predicate. files: file name → hex sha256. purl: as in
    ``pkg:pypi/demo@1.0``. ``top``: members added or replaced."""
    subject = [{"name": name, "digest": {"sha256": digest}} for name, digest in files.items()]
    body = {"_type": STATEMENT_TYPE, "subject": subject, "predicateType": PREDICATE_TYPE, "predicate": {"purl": purl}}
    return body | top


def protected(signer: Signer, **members: Any) -> dict[str, Any]:
    """The protected header; a member given as None is left out."""
    header = {"alg": "Ed25519", "kid": signer.thumbprint, "typ": TYP} | members
    return {name: value for name, value in header.items() if value is not None}


def signature(signer: Signer, payload: bytes, **members: Any) -> dict[str, str]:
    """One entry of ``signatures`` over ``payload`` (the statement's bytes); ``members`` go to the protected header."""
    header = b64u(to_json(protected(signer, **members)))
    value = signer.sign(f"{header}.{b64u(payload)}".encode("ascii"))
    return {"protected": header, "signature": b64u(value)}


def jws(payload: bytes, signatures: Sequence[Mapping[str, Any]]) -> bytes:
    """A JWS in general JSON serialization from ready-made signatures."""
    return to_json({"payload": b64u(payload), "signatures": [dict(entry) for entry in signatures]})


def sign_release(signers: Sequence[Signer], files: Mapping[str, str], project: str, version: str) -> bytes:
    """A release statement (``.jws``) for ``files`` (name → hex sha256), signed by each of ``signers``."""
    payload = to_json(statement(files, f"pkg:pypi/{project}@{version}"))
    return jws(payload, [signature(signer, payload) for signer in signers])


def sign_in_wheel(signers: Sequence[Signer], record: bytes, project: str, version: str) -> bytes:
    """``release.jws`` for a wheel. record: RECORD's bytes *without* the lines for release.jws and RECORD."""
    return sign_release(signers, {"RECORD": sha256(record)}, project, version)


def sign_record_jws(signers: Sequence[Signer], record: bytes) -> bytes:
    """A legacy ``RECORD.jws`` (wheel 0.21 … 0.31). record: all of RECORD's bytes."""
    payload = b64u(to_json({"hash": "sha256=" + b64u(hashlib.sha256(record).digest())}))
    recipients = []
    for signer in signers:
        header = b64u(to_json({"alg": "Ed25519", "jwk": {"kty": "Ed25519", "vk": b64u(signer.raw)}}))
        value = signer.sign(f"{header}.{payload}".encode("ascii"))
        recipients.append({"header": header, "signature": b64u(value)})
    return to_json({"payload": payload, "recipients": recipients})


def sign_legacy(signer: Signer) -> Callable[[str], bytes]:
    """A function from the hex digest of RECORD to ``RECORD.jws``, as ``makers.make_wheel`` takes it."""

    def sign(digest: str) -> bytes:
        payload = b64u(to_json({"hash": "sha256=" + b64u(bytes.fromhex(digest))}))
        header = b64u(to_json({"alg": "Ed25519", "jwk": {"kty": "Ed25519", "vk": b64u(signer.raw)}}))
        value = signer.sign(f"{header}.{payload}".encode("ascii"))
        return to_json({"payload": payload, "recipients": [{"header": header, "signature": b64u(value)}]})

    return sign
