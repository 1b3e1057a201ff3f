"""A small world for the verifier's tests: one project, a few signers, and what was found for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pip_verify.artifact.name import Artifact
from pip_verify.errors import SourceError
from pip_verify.evidence import Evidence, Found, Look, Nothing, NotReached, Place
from pip_verify.keys import KeyList, PublicKey, parse_key_list
from pip_verify.pins import Origin, Pin
from pip_verify.verdict import CATALOGUE, Decision, Verdict
from pip_verify.verifier import Keys, Rules, verify
from tests import signer
from tests.signer import Signer

ALICE, BOB, CAROL, EVE = (Signer.of(name) for name in ("alice", "bob", "carol", "eve"))
URL = "https://keys.example/keys.json"
NOW = 1_800_000_000.0
BYTES = b"the wheel's bytes"
DIGEST = signer.sha256(BYTES)
WHEEL = Artifact("demo", "1.0", "demo-1.0-py3-none-any.whl", "wheel", DIGEST)
SDIST = Artifact("demo", "1.0", "demo-1.0.tar.gz", "sdist", "5" * 64)
FILES = {WHEEL.filename: DIGEST, SDIST.filename: "5" * 64}
RECORD = b"demo/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n"


def key(of: Signer) -> PublicKey:
    return PublicKey.from_raw(of.raw)


def listed(*entries: Signer | dict[str, Any]) -> KeyList:
    return parse_key_list(signer.key_list(*entries))


def pin(*pinned: Signer, **fields: Any) -> Pin:
    """A pin that names keys (and ``key_list=URL`` …); its origin is trust.toml:3."""
    return Pin(tuple(key(of) for of in pinned), origin=Origin("trust.toml", 3), **fields)


def release(
    *signers: Signer, files: dict[str, str] | None = None, project: str = "demo", version: str = "1.0"
) -> bytes:
    return signer.sign_release(signers, FILES if files is None else files, project, version)


def found(data: bytes, at: str = "https://keys.example/demo/1.0.jws") -> Found:
    return Found(Evidence("release-statement", Place("releases", at), data))


def in_wheel(
    data: bytes, record: bytes | None = RECORD, kind: str = "in-wheel", tags: tuple[str, ...] = ("py3-none-any",)
) -> Found:
    digest = None if record is None else signer.sha256(record)
    return Found(Evidence(kind, Place("in-wheel", WHEEL.filename), data, digest, tags))


def nothing(at: str = "https://keys.example/nothing.jws") -> Nothing:
    return Nothing(Place("releases", at))


def not_reached(at: str = "https://down.example/1.0.jws") -> NotReached:
    return NotReached(Place("url", at), SourceError(at, expected="an answer", got="a time-out", hint="try again"))


def judge(
    looks: Sequence[Look],
    *pins: Pin,
    artifact: Artifact = WHEEL,
    keys: Keys | KeyList | None = None,
    rules: Rules | None = None,
    now: float = NOW,
) -> Verdict:
    """``verify`` with one key list under URL, when ``keys`` is a list."""
    by_url: Keys = {URL: keys} if isinstance(keys, KeyList) else keys or {}
    return verify(artifact, looks, pins, by_url, rules or Rules(), now)


def ids(verdict: Verdict) -> list[str]:
    return [reason.id for reason in verdict.reasons]


def undigested(artifact: Artifact = WHEEL) -> Artifact:
    return replace(artifact, sha256=None)


REVOKED = {"revoked": {"revoked_at": NOW - 5, "reason": "laptop lost"}}
LISTED = pin(key_list=URL)


def forged(*names: Signer) -> bytes:
    """A statement that names these keys but that Eve signed."""
    payload = signer.to_json(signer.statement(FILES, "pkg:pypi/demo@1.0"))
    return signer.jws(payload, [signer.signature(EVE, payload, kid=of.thumbprint) for of in names])


def refused(verdict: Verdict, *codes: str) -> None:
    """Rejected, for these reasons in this order, and with the exit code of the first."""
    assert (ids(verdict), verdict.decision) == (list(codes), Decision.REJECT)
    assert verdict.exit_code == CATALOGUE[codes[0]].exit_code
    assert verdict.by == ""
