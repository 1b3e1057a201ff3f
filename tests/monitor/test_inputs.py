"""Lists of projects and digests, and two key lists side by side."""

from __future__ import annotations

import pytest

from pip_verify.errors import UsageError
from pip_verify.keys import parse_key_list
from pip_verify.monitor.inputs import LIST_MAX_BYTES, parse_known, parse_projects
from pip_verify.monitor.listdiff import differences
from tests.signer import Signer, key_list, sha256

ALICE, BOB = Signer.of("alice"), Signer.of("bob")
DIGEST = sha256(b"x")


def test_projects_are_normalised_and_comments_left_out() -> None:
    assert parse_projects(b"# all\nDemo_One  # ours\r\n\n  two\n", "names") == ["demo-one", "two"]


@pytest.mark.parametrize("line", ["demo==1.0", "-e .", "../demo", "de mo", "\u0434\u0435", "*"])
def test_what_is_no_project_name_is_named_with_its_line(line: str) -> None:
    with pytest.raises(UsageError, match=r"^names:2: "):
        parse_projects(f"demo\n{line}\n".encode(), "names")


def test_digests_are_read_as_sha256sum_writes_them() -> None:
    text = f"{DIGEST}  demo-1.0.tar.gz\n{sha256(b'y')} *x.whl\nsha256:{sha256(b'z')}\n"
    assert parse_known(text.encode(), "known") == {DIGEST, sha256(b"y"), sha256(b"z")}


@pytest.mark.parametrize("line", ["abc", DIGEST.upper(), DIGEST + "0", f"{DIGEST}  a b", f"demo.whl {DIGEST}"])
def test_what_is_no_digest_is_named_with_its_line(line: str) -> None:
    with pytest.raises(UsageError, match=r"^known:1: "):
        parse_known(line.encode(), "known")


@pytest.mark.parametrize("data", [b"\xff\xfe", b"#" * (LIST_MAX_BYTES + 1)])
def test_other_bytes_and_too_many_are_refused(data: bytes) -> None:
    with pytest.raises(UsageError, match=r"^known: "):
        parse_known(data, "known")


def test_two_key_lists_differ_in_keys_and_what_is_said_of_them() -> None:
    own = parse_key_list(key_list(ALICE, BOB))
    assert differences(own, parse_key_list(key_list(BOB, ALICE))) == []
    assert differences(own, parse_key_list(key_list(ALICE))) == [f"without {BOB.text}"]
    assert differences(parse_key_list(key_list(ALICE)), own) == [f"with {BOB.text}, which is not yours"]
    later = parse_key_list(key_list(ALICE.jwk(exp=1), BOB, {"kty": "RSA"}, releases="{version}.jws"))
    assert differences(own, later) == [
        f"other things about {ALICE.text}",
        "releases '{version}.jws'",
        "1 keys of kinds that are not known",
    ]
