"""The keys that a legacy RECORD.jws names itself: where to look for a publisher, and no proof of anything."""

from __future__ import annotations

import pytest

from pip_verify.errors import EvidenceError
from pip_verify.evidence.record_jws import keys_inside
from pip_verify.keys import PublicKey
from tests.signer import Signer, sign_record_jws

ALICE, BOB = Signer.of("alice"), Signer.of("bob")


def test_each_key_is_named_once_in_order() -> None:
    keys = keys_inside(sign_record_jws([BOB, ALICE, BOB], b"RECORD"))
    assert keys == (PublicKey.from_raw(BOB.raw), PublicKey.from_raw(ALICE.raw))


@pytest.mark.parametrize("data", [b"", b"{}", b'{"payload": "e30", "recipients": []}'])
def test_a_malformed_one_names_none(data: bytes) -> None:
    with pytest.raises(EvidenceError):
        keys_inside(data)
