"""Who has signed a statement already, and whether that is true: shown before anybody signs it as well.

A signature can only be checked by a key that is known: the signer's own, keys the user names, and those of a key
list on the user's disk. Refused is a statement on which a known key's signature does not verify: somebody altered it
behind that signer's back, or tore it. Signatures of unknown keys are told, and believed in nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pip_verify.errors import EvidenceError
from pip_verify.evidence import Claim
from pip_verify.keys import KeyList, PublicKey


@dataclass(frozen=True)
class Known:
    """Keys whose signatures can be checked, by every name they go by. remarks: what the key list says against a key
    (revoked, expired …); revoked: those it says to be revoked; listed: those on it, None when no list was given."""

    by_name: Mapping[str, PublicKey] = field(default_factory=dict)
    remarks: Mapping[PublicKey, str] = field(default_factory=dict)
    revoked: frozenset[PublicKey] = frozenset()
    listed: frozenset[PublicKey] | None = None

    def with_key(self, key: PublicKey) -> Known:
        """The same and one key more."""
        return Known({**self.by_name, key.thumbprint: key}, self.remarks, self.revoked, self.listed)

    def remark(self, key: PublicKey) -> str:
        """Why this key's signature is worth less than it seems; "" when nothing is known against it."""
        if self.listed is not None and key not in self.listed:
            return "not on the key list"
        return self.remarks.get(key, "")


@dataclass(frozen=True)
class Standing:
    """One signature: how it names its key, that key if it is known, and whether it verifies (None: no key to tell)."""

    kid: str
    key: PublicKey | None
    verifies: bool | None
    remark: str = ""
    revoked: bool = False

    @property
    def speaks(self) -> bool:
        """Whether somebody known and not revoked stands behind the statement by this signature."""
        return bool(self.verifies) and not self.revoked

    def __str__(self) -> str:
        if self.key is None:
            return f"{self.kid}: not checked, for no key of this name is known here"
        word = "verifies" if self.verifies else "DOES NOT VERIFY"
        return f"{self.key}: {word}{f', but is {self.remark}' if self.remark else ''}"


def known_keys(keys: Iterable[PublicKey] = (), key_list: KeyList | None = None, *, now: float) -> Known:
    """The keys named, and those of a list with what it says of them at ``now`` (seconds since the epoch)."""
    by_name = dict(key_list.by_name) if key_list is not None else {}
    listed = None if key_list is None else frozenset(entry.key for entry in key_list.keys)
    remarks = {entry.key: entry.refusal(now) or "" for entry in by_name.values()}
    revoked = frozenset(entry.key for entry in by_name.values() if entry.revoked_at is not None)
    names = {name: entry.key for name, entry in by_name.items()}
    return Known({**names, **{key.thumbprint: key for key in keys}}, remarks, revoked, listed)


def standings(claim: Claim, known: Known) -> tuple[Standing, ...]:
    """How each signature of a parsed statement stands, in order."""
    found = []
    for signature in claim.signatures:
        key = known.by_name.get(signature.kid)
        if key is None:
            found.append(Standing(signature.kid, None, None))
            continue
        verifies = key.verifies(signature.protected + b"." + claim.payload, signature.value)
        found.append(Standing(signature.kid, key, verifies, known.remark(key), key in known.revoked))
    return tuple(found)


def refuse_altered(found: Iterable[Standing], what: str) -> None:
    """Raises EvidenceError when a known key's signature does not verify."""
    for standing in found:
        if standing.verifies is False:
            raise EvidenceError(
                what,
                expected="signatures that verify, of every key that is known here",
                got=f"one by {standing.key} that does not",
                hint="it is not what that key signed: ask its owner for the statement again; nothing was signed",
            )
