"""Public keys and key lists: bytes or text come in, gated keys go out.

This is the one place that checks an Ed25519 signature. Every key is gated when it is loaded (right
length, canonical, on the curve, not of small order): other libraries verify a forged signature under a
small-order key. Private members, weak keys and ambiguous identifiers make a whole list worthless and are
refused; key types we do not know are skipped and counted.

Sources: RFC 8032 (Ed25519), RFC 8037 and RFC 9864 (OKP in JOSE), RFC 7517 (JWK set), RFC 7638
(thumbprint), OpenID Federation 1.0 section 8.7 (``iat``, ``exp``, ``revoked``).
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from pip_verify.encoding import b64u_decode, b64u_encode, json_encode, json_object
from pip_verify.errors import EvidenceError

KEY_LIST_MAX_BYTES = 256 * 1024
KEY_LIST_MAX_KEYS = 128
TEXT_PREFIX = "ed25519:"

_MAX_LABEL = 200
_MAX_TEMPLATE = 2000
_TEMPLATE_EXPRESSION_RE = re.compile(r"\{([^{}]*)\}")
# Private members of JWKs: RFC 8037 section 2, RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, RFC 9964; and our key file's
PRIVATE_MEMBERS = ("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv", "encrypted")
_ALGORITHMS = ("Ed25519", "EdDSA")  # RFC 9864 name; RFC 8037 name, accepted on input


@dataclass(frozen=True)
class PublicKey:
    """A gated Ed25519 public key. ``raw``: its 32 bytes. Equality is equality of the raw bytes.

    Make one with ``from_raw``, ``from_text`` or ``from_jwk``; they raise EvidenceError for a weak key.
    """

    raw: bytes

    @classmethod
    def from_raw(cls, raw: bytes, what: str = "public key") -> PublicKey:
        """Gate 32 raw bytes (RFC 8032 section 5.1.3, and the subgroup check)."""
        from nacl.bindings import crypto_core_ed25519_is_valid_point  # lazily: libsodium costs start-up time

        if len(raw) != 32:
            raise EvidenceError(what, expected="32 bytes of an Ed25519 public key", got=f"{len(raw)} bytes")
        if not crypto_core_ed25519_is_valid_point(raw):
            raise EvidenceError(
                what,
                expected="an Ed25519 public key in the prime-order subgroup",
                got=f"a weak or invalid key ({b64u_encode(raw)})",
                hint="do not trust whoever gave you this key; anybody can sign for it",
            )
        return cls(raw)

    @classmethod
    def from_text(cls, text: str, what: str = "public key") -> PublicKey:
        """Parse ``ed25519:<43 base64url characters>`` (formats.md 1)."""
        if not text.startswith(TEXT_PREFIX):
            raise EvidenceError(what, expected="ed25519:<43 base64url characters>", got=repr(text[:60]))
        return cls.from_raw(b64u_decode(text[len(TEXT_PREFIX) :], what, length=32), what)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any], what: str = "JWK") -> PublicKey:
        """Read an OKP/Ed25519 JWK (RFC 8037 section 2); ``alg``, if there, must fit the key."""
        if jwk.get("kty") != "OKP" or jwk.get("crv") != "Ed25519":
            raise EvidenceError(
                what, expected='kty "OKP" and crv "Ed25519"', got=f"{jwk.get('kty')!r}, {jwk.get('crv')!r}"
            )
        if "d" in jwk:
            raise EvidenceError(what, expected="a public key", got='a private member "d"')
        if "alg" in jwk and jwk["alg"] not in _ALGORITHMS:
            raise EvidenceError(f"{what}: alg", expected='"Ed25519"', got=repr(jwk["alg"]))
        return cls.from_raw(b64u_decode(jwk.get("x"), f"{what}: x", length=32), what)

    @property
    def text(self) -> str:
        """``ed25519:`` and the canonical base64url of the raw bytes."""
        return TEXT_PREFIX + b64u_encode(self.raw)

    @functools.cached_property
    def thumbprint(self) -> str:
        """The RFC 7638 SHA-256 thumbprint, base64url."""
        members = {"crv": "Ed25519", "kty": "OKP", "x": b64u_encode(self.raw)}
        return b64u_encode(hashlib.sha256(json_encode(members)).digest())

    def to_jwk(self) -> dict[str, Any]:
        """The JWK as pip-verify writes it (formats.md 1)."""
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": b64u_encode(self.raw),
            "kid": self.thumbprint,
            "use": "sig",
            "alg": "Ed25519",
        }

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether ``signature`` (64 bytes) over ``message`` is by this key."""
        from nacl.exceptions import BadSignatureError
        from nacl.signing import VerifyKey

        if len(signature) != 64:  # PyNaCl raises ValueError here, which is not its BadSignatureError
            return False
        try:
            VerifyKey(self.raw).verify(message, signature)
        except BadSignatureError:
            return False
        return True

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class ListedKey:
    """One entry of a key list. ``label``: its kid when that is not the thumbprint. Times: seconds since the
    epoch: the window in which the key may sign, and when its publisher added, retired and revoked it. ``retired_at``
    decides nothing, for that is what ``exp`` does: it tells its publisher that a wrong clock wrote that end."""

    key: PublicKey
    label: str | None = None
    iat: float | None = None
    nbf: float | None = None
    exp: float | None = None
    retired_at: float | None = None
    revoked_at: float | None = None
    revoked_reason: str | None = None

    def refusal(self, now: float) -> str | None:
        """Why this key may not sign at ``now``, in words; None when it may."""
        if self.revoked_at is not None:
            reason = f" ({self.revoked_reason})" if self.revoked_reason else ""
            return f"revoked at {_utc(self.revoked_at)}{reason}"
        if self.exp is not None and now >= self.exp:  # first: one that ended before it began is not worth waiting for
            return f"expired at {_utc(self.exp)}"
        if self.nbf is not None and now < self.nbf:
            return f"not valid before {_utc(self.nbf)}"
        return None


@dataclass(frozen=True)
class KeyList:
    """A publisher's current key list. ``releases``: the RFC 6570 template as written, or None for the
    default; ``skipped``: how many entries were of a kty/crv we do not know."""

    keys: tuple[ListedKey, ...]
    releases: str | None = None
    skipped: int = 0
    by_name: Mapping[str, ListedKey] = field(default_factory=dict, repr=False, compare=False)

    def find(self, kid: str) -> ListedKey | None:
        """The entry that ``kid`` names, by thumbprint or by label."""
        return self.by_name.get(kid)

    def get(self, key: PublicKey) -> ListedKey | None:
        """The entry that holds ``key``."""
        return self.by_name.get(key.thumbprint)


def parse_key_list(data: bytes, what: str = "key list") -> KeyList:
    """Parse a JWK set (RFC 7517 section 5) under the rules of formats.md 2.

    Raises EvidenceError when the list must be refused whole.
    """
    document = json_object(data, what, max_bytes=KEY_LIST_MAX_BYTES)
    _refuse_private(document, what)
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise EvidenceError(what, expected='a JWK set with an array "keys"', got=type(entries).__name__)
    if len(entries) > KEY_LIST_MAX_KEYS:
        raise EvidenceError(what, expected=f"at most {KEY_LIST_MAX_KEYS} keys", got=f"{len(entries)}")
    parsed = [_parse_entry(entry, f"{what}: keys[{number}]") for number, entry in enumerate(entries)]
    _refuse_same_kid(entries, what)
    keys = tuple(entry for entry in parsed if entry is not None)
    return KeyList(keys, _parse_template(document, what), len(parsed) - len(keys), _index(keys, what))


def check_template(template: str, what: str) -> str:
    """Check a ``releases`` template: simple expansion (RFC 6570 section 3.2.2) of known variables only.

    Returns it; raises EvidenceError.
    """
    names = _TEMPLATE_EXPRESSION_RE.findall(template)
    stripped = _TEMPLATE_EXPRESSION_RE.sub("", template)
    if len(template) > _MAX_TEMPLATE or "{" in stripped or "}" in stripped or not _printable(template):
        raise EvidenceError(what, expected="an RFC 6570 template", got=repr(template[:80]))
    unknown = sorted(set(names) - {"project", "version", "filename"})
    if unknown:
        raise EvidenceError(what, expected="{project}, {version} or {filename}", got="{" + unknown[0] + "}")
    if "version" not in names and "filename" not in names:
        raise EvidenceError(what, expected="{version} or {filename} in the template", got=repr(template))
    return template


def _refuse_private(document: Mapping[str, Any], what: str) -> None:
    """Refuse a list that has leaked a key: ``d`` anywhere in it, or another private member in an entry of ``keys``."""
    entries = document.get("keys")
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            _refuse_members(entry, PRIVATE_MEMBERS, f"{what}: keys[{number}]")
    waiting: list[object] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            _refuse_members(value, PRIVATE_MEMBERS[:1], what)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _refuse_members(value: Mapping[str, Any], private: tuple[str, ...], what: str) -> None:
    member = next((name for name in private if name in value), None)
    if member is not None:
        raise EvidenceError(
            what,
            expected="public keys only",
            got=f'a private member "{member}"',
            hint="this list has leaked a private key: tell its publisher, who must revoke that key now",
        )


def _parse_entry(entry: object, what: str) -> ListedKey | None:
    if not isinstance(entry, dict):
        raise EvidenceError(what, expected="a JWK object", got=type(entry).__name__)
    if not isinstance(entry.get("kty"), str):
        raise EvidenceError(f"{what}: kty", expected="text (RFC 7517 section 4.1)", got=type(entry.get("kty")).__name__)
    if entry.get("use", "sig") != "sig":
        raise EvidenceError(f"{what}: use", expected='"sig"', got=repr(entry["use"]))
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise EvidenceError(f"{what}: key_ops", expected='a list with "verify"', got=repr(operations)[:80])
    if (entry["kty"], entry.get("crv")) != ("OKP", "Ed25519"):
        return None
    key = PublicKey.from_jwk(entry, what)
    revoked_at, revoked_reason = _parse_revoked(entry, what)
    kid = _label(entry, what)
    return ListedKey(
        key,
        label=None if kid == key.thumbprint else kid,
        iat=_seconds(entry, "iat", what),
        nbf=_seconds(entry, "nbf", what),
        exp=_seconds(entry, "exp", what),
        retired_at=_seconds(entry, "retired_at", what),
        revoked_at=revoked_at,
        revoked_reason=revoked_reason,
    )


def _label(entry: Mapping[str, Any], what: str) -> str | None:
    if "kid" not in entry:
        return None
    kid = entry["kid"]
    if not isinstance(kid, str) or not 0 < len(kid) <= _MAX_LABEL or not _printable(kid):
        raise EvidenceError(f"{what}: kid", expected=f"1 to {_MAX_LABEL} printable characters", got=repr(kid)[:80])
    return kid


def _seconds(entry: Mapping[str, Any], name: str, what: str) -> float | None:
    if name not in entry:
        return None
    value = entry[name]
    # bool is an int in Python; a NumericDate beyond the year 9999 is a mistake (milliseconds), not a date
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 253402300800:
        raise EvidenceError(f"{what}: {name}", expected="seconds since the epoch", got=repr(value)[:40])
    return float(value)


def _parse_revoked(entry: Mapping[str, Any], what: str) -> tuple[float | None, str | None]:
    if "revoked" not in entry:
        return None, None
    revoked = entry["revoked"]
    if not isinstance(revoked, dict) or "revoked_at" not in revoked:
        raise EvidenceError(f"{what}: revoked", expected='an object with "revoked_at"', got=repr(revoked)[:80])
    reason = revoked.get("reason")
    if reason is not None and (not isinstance(reason, str) or len(reason) > _MAX_LABEL or not _printable(reason)):
        raise EvidenceError(f"{what}: revoked.reason", expected="a short text", got=repr(reason)[:80])
    return _seconds(revoked, "revoked_at", f"{what}: revoked"), reason


def _parse_template(document: Mapping[str, Any], what: str) -> str | None:
    if "releases" not in document:
        return None
    template = document["releases"]
    if not isinstance(template, str):
        raise EvidenceError(f"{what}: releases", expected="a text", got=type(template).__name__)
    return check_template(template, f"{what}: releases")


def _refuse_same_kid(entries: list[Any], what: str) -> None:
    kids = [entry["kid"] for entry in entries if "kid" in entry]
    for kid in kids:
        if kids.count(kid) > 1:
            raise EvidenceError(what, expected="each kid once", got=f"kid {kid!r} twice")


def _index(keys: tuple[ListedKey, ...], what: str) -> dict[str, ListedKey]:
    """By thumbprint and by label; a name that would mean two keys makes the list ambiguous."""
    by_name: dict[str, ListedKey] = {}
    for entry in keys:
        if entry.key.thumbprint in by_name:
            raise EvidenceError(
                what, expected="each key once", got=f"{entry.key} twice, or its thumbprint as another's kid"
            )
        by_name[entry.key.thumbprint] = entry
        if entry.label is not None:
            if entry.label in by_name:
                raise EvidenceError(what, expected="each kid once", got=f"kid {entry.label!r} twice")
            by_name[entry.label] = entry
    return by_name


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def _printable(text: str) -> bool:
    return text.isprintable()
