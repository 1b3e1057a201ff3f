"""A second signature on a statement that is there: what is checked in between, and who cannot slip what in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pip_verify.encoding import b64u_encode
from pip_verify.errors import EvidenceError, PipVerifyError, UsageError
from pip_verify.keys import parse_key_list
from pip_verify.publish import countersign as module
from pip_verify.publish import sign
from pip_verify.publish.countersign import Reviewed, countersign, review, review_tree
from pip_verify.publish.keyfile import SigningKey
from pip_verify.publish.standing import Known, known_keys
from tests import signer
from tests.publish.support import as_nobody_special, sign_artifacts
from tests.publish.test_sign import SDIST, WHEEL, artifact, artifacts, payload, proved, sha256, tampered
from tests.signer import Signer

ALICE, BOB, EVE = Signer.of("alice"), Signer.of("bob"), Signer.of("eve")
A, B, E = SigningKey(ALICE.seed), SigningKey(BOB.seed), SigningKey(EVE.seed)
KNOWN = known_keys([A.public], now=0)


def released(root: Path, *names: str, by: SigningKey = A) -> tuple[Path, list[Path]]:
    """A signed release of real files; returns its statement and them."""
    files = artifacts(root / "dist", *names or (WHEEL, SDIST))
    return sign_artifacts(files, by, root / "releases"), files


def refused(path: Path, error: type[PipVerifyError], match: str, *files: Path, known: Known = KNOWN) -> PipVerifyError:
    """Bob's review of the statement, with these files, is refused; the statement stays as it is."""
    before = path.read_bytes()
    with pytest.raises(error, match=match) as caught:
        list(countersign(review([path], files, known), B))
    assert path.read_bytes() == before
    return caught.value


def words(one: Reviewed) -> list[str]:
    return [str(standing) for standing in one.standings]


# Looking


def test_the_review_tells_what_is_said_and_by_whom(tmp_path: Path) -> None:
    path, files = released(tmp_path)
    (one,) = review([path], files, KNOWN)
    assert one.release == "demo 1.0"
    assert one.digests == {file.name: sha256(file) for file in files}
    assert [file.path for file in one.looked_at] == files
    assert words(one) == [f"{A.public}: verifies"]
    assert one.vouched


def test_a_key_that_nobody_knows_is_told_and_vouches_for_nothing(tmp_path: Path) -> None:
    path, files = released(tmp_path)
    (one,) = review([path], (), Known())
    assert words(one) == [f"{A.public.thumbprint}: not checked, for no key of this name is known here"]
    assert not one.vouched
    assert not review([path], files[:1], Known())[0].vouched  # one file of two
    assert review([path], files, Known())[0].vouched


@pytest.mark.parametrize(
    ("members", "word", "vouched"),
    [
        ({}, "verifies", True),
        ({"exp": 5}, "verifies, but is expired at 1970-01-01 00:00:05 UTC", True),
        ({"nbf": 20}, "verifies, but is not valid before 1970-01-01 00:00:20 UTC", True),
        (
            {"revoked": {"revoked_at": 5, "reason": "leaked"}},
            "verifies, but is revoked at 1970-01-01 00:00:05 UTC (leaked)",
            False,
        ),
    ],
)
def test_what_the_key_list_has_against_a_signer(
    members: dict[str, object], word: str, vouched: object, tmp_path: Path
) -> None:
    """Whoever leaked a revoked key could have signed anything with it; a retired key was its owner's to the end."""
    path, _ = released(tmp_path)
    (one,) = review([path], (), known_keys([], parse_key_list(signer.key_list(ALICE.jwk(**members))), now=10))
    assert words(one) == [f"{A.public}: {word}"]
    assert one.vouched is vouched


def test_a_signer_who_is_named_and_not_on_the_list(tmp_path: Path) -> None:
    path, _ = released(tmp_path)
    (one,) = review([path], (), known_keys([A.public], parse_key_list(signer.key_list(BOB)), now=0))
    assert words(one) == [f"{A.public}: verifies, but is not on the key list"]


def test_a_signer_by_a_label_of_the_list(tmp_path: Path) -> None:
    path = tmp_path / "demo" / "1.0.jws"
    path.parent.mkdir()
    said = signer.to_json(signer.statement({WHEEL: "0" * 64}, "pkg:pypi/demo@1.0"))
    path.write_bytes(signer.jws(said, [signer.signature(ALICE, said, kid="2026")]))
    known = known_keys([], parse_key_list(signer.key_list(ALICE.jwk(kid="2026"))), now=0)
    assert words(review([path], (), known)[0]) == [f"{A.public}: verifies"]


# Signing


def test_the_second_maintainer_signs_what_the_first_signed(tmp_path: Path) -> None:
    path, files = released(tmp_path)
    said = payload(path.read_bytes())
    assert list(countersign(review([path], files, KNOWN), B)) == [(path, True)]
    assert proved(path.read_bytes(), A, B) == [A, B]
    assert payload(path.read_bytes()) == said


def test_signing_once_more_changes_nothing(tmp_path: Path) -> None:
    path, _ = released(tmp_path)
    before = path.read_bytes(), path.stat().st_ino
    assert list(countersign(review([path], (), KNOWN), A)) == [(path, False)]
    assert (path.read_bytes(), path.stat().st_ino) == before


def test_a_statement_that_another_tool_wrote_keeps_its_bytes_when_nothing_is_new(tmp_path: Path) -> None:
    path, _ = released(tmp_path)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert list(countersign(review([path], (), KNOWN), A)) == [(path, False)]
    assert not path.read_bytes().endswith(b"\n")


def test_a_subset_of_the_files_is_enough_and_told(tmp_path: Path) -> None:
    path, files = released(tmp_path)
    (one,) = review([path], files[1:], KNOWN)
    assert [file.path for file in one.looked_at] == files[1:]


def test_every_statement_of_a_tree_in_one_pass(tmp_path: Path) -> None:
    for name in (SDIST, "demo-1.1.tar.gz", "other-2.0.tar.gz"):
        released(tmp_path, name)
    reviewed = review_tree(tmp_path / "releases", KNOWN)
    assert [one.release for one in reviewed] == ["demo 1.0", "demo 1.1", "other 2.0"]
    assert [changed for _, changed in countersign(reviewed, B)] == [True] * 3
    assert all(proved(one.path.read_bytes(), A, B) == [A, B] for one in reviewed)
    assert [changed for _, changed in countersign(review_tree(tmp_path / "releases", KNOWN), B)] == [False] * 3


# Altered between two signers


def test_a_digest_changed_behind_the_first_signer(tmp_path: Path) -> None:
    path, files = released(tmp_path)
    files[0].write_bytes(artifact(WHEEL, files={"demo.py": "evil = True"}))
    path.write_bytes(tampered(path.read_bytes(), sha256(files[0])))
    error = refused(path, EvidenceError, r"got one by ed25519:.* that does not")
    assert "nothing was signed" in error.hint
    refused(path, EvidenceError, "that does not", *files)


def test_a_signature_of_our_own_that_we_never_made(tmp_path: Path) -> None:
    """Bob knows nobody; but he knows his own key."""
    path, _ = released(tmp_path, by=B)
    path.write_bytes(tampered(path.read_bytes(), "0" * 64))
    refused(path, EvidenceError, r"got one by ed25519:.* that does not", known=Known())


def test_the_first_signer_taken_off_and_a_stranger_put_in_vouches_for_nothing(tmp_path: Path) -> None:
    path, _ = released(tmp_path)
    said = payload(path.read_bytes())
    said["subject"][0]["digest"]["sha256"] = "0" * 64
    data = signer.to_json(said)
    path.write_bytes(signer.jws(data, [signer.signature(EVE, data)]))
    assert not review([path], (), KNOWN)[0].vouched


def test_a_stranger_who_calls_himself_by_a_known_name(tmp_path: Path) -> None:
    path, _ = released(tmp_path)
    data = signer.to_json(payload(path.read_bytes()))
    path.write_bytes(signer.jws(data, [signer.signature(EVE, data, kid=ALICE.thumbprint)]))
    refused(path, EvidenceError, "that does not")


def test_one_good_signature_does_not_hide_a_bad_one(tmp_path: Path) -> None:
    path, _ = released(tmp_path)
    list(countersign(review([path], (), KNOWN), B))
    document = json.loads(path.read_bytes())
    document["signatures"][1]["signature"] = b64u_encode(bytes(64))
    path.write_bytes(json.dumps(document).encode())
    with pytest.raises(EvidenceError, match="that does not"):
        review([path], (), known_keys([A.public, B.public], now=0))


def test_one_altered_statement_of_a_tree_leaves_all_unsigned(tmp_path: Path) -> None:
    paths = [released(tmp_path, name)[0] for name in (SDIST, "demo-1.1.tar.gz")]
    paths[1].write_bytes(tampered(paths[1].read_bytes(), "0" * 64))
    before = [path.read_bytes() for path in paths]
    for known, key in ((KNOWN, B), (Known(), A)):
        with pytest.raises(EvidenceError, match="that does not"):
            list(countersign(review_tree(tmp_path / "releases", known), key))
    assert [path.read_bytes() for path in paths] == before


def test_a_statement_changed_while_somebody_looked(tmp_path: Path) -> None:
    path, _ = released(tmp_path)
    reviewed = review([path], (), KNOWN)
    other = tampered(path.read_bytes(), "0" * 64)
    path.write_bytes(other)
    with pytest.raises(UsageError, match="the statement that was shown"):
        list(countersign(reviewed, B))
    assert path.read_bytes() == other


# What would be signed and not shown


def saying_more(path: Path, change: Callable[[dict[str, Any]], object], *by: Signer) -> None:
    """Put a statement there that says more, well signed."""
    said = payload(path.read_bytes())
    change(said)
    data = signer.to_json(said)
    path.write_bytes(signer.jws(data, [signer.signature(one, data) for one in by or (ALICE,)]))


MORE: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda said: said["predicate"].update(note="and Bob owes Eve a thousand"), "predicate: note"),
    (lambda said: said["predicate"].update(nothing=None), "predicate: nothing"),
    (lambda said: said["predicate"].update(purl="pkg:pypi/Demo@1.0"), "predicate: purl"),
    (lambda said: said["subject"][1]["digest"].update(sha512="0" * 128), f"{SDIST}: digest: sha512"),
    (lambda said: said["subject"][0].update(downloadLocation="https://evil.example/x"), f"{WHEEL}: downloadLocation"),
    (lambda said: said["subject"][0].update(annotations={"name": "other"}), f"{WHEEL}: annotations"),
    (lambda said: said["subject"][0].update(uri=None), f"{WHEEL}: uri"),
    (lambda said: said["subject"][0].update(content="ZXZpbA==", uri="x"), f"{WHEEL}: content, {WHEEL}: uri"),
]


@pytest.mark.parametrize(("change", "named"), MORE)
def test_what_no_one_is_shown_is_signed_by_no_one_whoever_signed_it_before(
    change: Callable[[dict[str, Any]], object], named: str, tmp_path: Path
) -> None:
    path, files = released(tmp_path)
    saying_more(path, change)
    error = refused(path, UsageError, f"and of nothing else, got one with {named}$", *files)
    assert "pip-verify sign FILE" in error.hint
    refused(path, UsageError, "and of nothing else")
    with pytest.raises(UsageError, match="and of nothing else"):
        review_tree(tmp_path / "releases", KNOWN)


def test_another_order_and_other_white_space_are_nothing_more(tmp_path: Path) -> None:
    path, _ = released(tmp_path)
    said = payload(path.read_bytes())
    said["subject"].reverse()
    data = json.dumps(dict(reversed(said.items())), indent=1).encode()
    path.write_bytes(signer.jws(data, [signer.signature(ALICE, data)]))
    assert [changed for _, changed in countersign(review([path], (), KNOWN), B)] == [True]


# Files that are not what is said


def test_a_file_with_another_digest(tmp_path: Path) -> None:
    path, files = released(tmp_path)
    files[0].write_bytes(artifact(WHEEL, files={"demo.py": "rebuilt = True"}))
    refused(path, EvidenceError, f"as {path} says, got sha256:{sha256(files[0])}", *files)


def test_a_file_that_the_statement_does_not_have(tmp_path: Path) -> None:
    path, _ = released(tmp_path, SDIST)
    (more,) = artifacts(tmp_path / "more", WHEEL)
    refused(path, EvidenceError, f"a file of {path}", more)


@pytest.mark.parametrize("name", ["other-1.0.tar.gz", "demo-1.1.tar.gz"])
def test_a_file_of_another_release(name: str, tmp_path: Path) -> None:
    path, _ = released(tmp_path)
    refused(path, UsageError, r"a file of demo 1\.0", *artifacts(tmp_path / "more", name))


def test_a_file_named_twice_and_one_that_is_not_strict(tmp_path: Path) -> None:
    path, files = released(tmp_path)
    refused(path, UsageError, "each file once", files[0], files[0])
    files[0].write_bytes(files[0].read_bytes() + b"x")
    refused(path, EvidenceError, "end record", files[0])


# What is no statement, and places where none belongs


@pytest.mark.parametrize("data", [b"", b"{}", b'{"payload": "', b"\xff", b" " * (2**20 + 1)])
def test_a_torn_statement_is_named(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "demo" / "1.0.jws"
    path.parent.mkdir()
    path.write_bytes(data)
    error = refused(path, EvidenceError, "release statement")
    assert error.subject.startswith(str(path))
    with pytest.raises(EvidenceError):
        review_tree(tmp_path, KNOWN)


@pytest.mark.parametrize("place", ["demo/1.1.jws", "other/1.0.jws", "1.0.jws", "deep/demo/1.0.jws"])
def test_a_statement_where_another_release_s_belongs_is_not_signed_with_the_tree(place: str, tmp_path: Path) -> None:
    path, _ = released(tmp_path)
    moved = tmp_path / "releases" / place
    moved.parent.mkdir(parents=True, exist_ok=True)
    path.rename(moved)
    with pytest.raises(EvidenceError, match=f"expected a statement of this release at {path}"):
        review_tree(tmp_path / "releases", KNOWN)
    assert list(countersign(review([moved], (), KNOWN), B)) == [(moved, True)]  # named, it is wanted


def test_a_tree_that_is_none_or_empty(tmp_path: Path) -> None:
    for name, word in (("missing", "No such file"), ("file", "Not a directory")):
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match=f"expected a directory of release statements, got {word}"):
            review_tree(tmp_path / name, KNOWN)
    with pytest.raises(UsageError, match="got none"):
        review_tree(tmp_path, KNOWN)


def test_a_directory_that_cannot_be_read_is_not_passed_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its statements would stay without the new key's signature, and nobody would know."""
    released(tmp_path, SDIST)
    closed = released(tmp_path, "other-1.0.tar.gz")[0].parent
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    closed.chmod(0)
    with as_nobody_special(), pytest.raises(UsageError, match=r"releases/other: .*Permission denied"):
        review_tree(Path("releases"), KNOWN)
    closed.chmod(0o755)
    assert len(review_tree(Path("releases"), KNOWN)) == 2


def test_a_link_to_a_directory_is_not_passed_by_either(tmp_path: Path) -> None:
    path, _ = released(tmp_path, SDIST)
    path.parent.rename(tmp_path / "elsewhere")
    path.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match=f"{path.parent}: expected a directory of release statements, got a link"):
        review_tree(tmp_path / "releases", KNOWN)


def test_what_is_hidden_or_none_of_ours_is_passed_by(tmp_path: Path) -> None:
    path, _ = released(tmp_path, SDIST)
    (path.parent / "._1.0.jws").write_bytes(b"\0\5\26\7")  # as macOS leaves them on foreign file systems
    (path.parent / "README").write_bytes(b"")
    hidden = tmp_path / "releases" / ".git" / "demo"
    hidden.mkdir(parents=True)
    (hidden / "1.0.jws").write_bytes(b"")
    (hidden / "link").symlink_to(tmp_path)
    assert [one.path for one in review_tree(tmp_path / "releases", KNOWN)] == [path]


def test_one_lock_serves_all_writers_of_a_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same that ``sign`` takes, also for a statement named by its path."""
    path, _ = released(tmp_path)
    locks: list[Path] = []
    inner = sign.lock_of

    def seen(directory: Path) -> Path:
        locks.append(inner(directory))
        return locks[-1]

    monkeypatch.setattr(module, "lock_of", seen)
    list(countersign(review([path], (), KNOWN), B))
    assert locks == [tmp_path / "releases" / "statements"]
    beside = path.rename(tmp_path / "dist" / f"{WHEEL}.jws")
    list(countersign(review([beside], (), KNOWN), E))
    assert locks[1:] == [tmp_path / "dist" / "statements"]
