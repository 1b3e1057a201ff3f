"""Who signs a project, found by looking: a real index and a real publisher on loopback, nothing built or run."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pip_verify.discovery import Discoverer, Finding, Refusal, Wanted, exact_requirement
from pip_verify.discovery.environment import installed
from pip_verify.discovery.merge import is_ours, merge
from pip_verify.errors import EvidenceError, SourceError
from pip_verify.firstuse import Seen
from pip_verify.judge import Judge
from pip_verify.keys import PublicKey
from pip_verify.lockfiles.model import LockedFile, Unlocked
from pip_verify.pins import Origin, Pin
from pip_verify.policy import EMPTY_POLICY
from pip_verify.sources.https import Fetcher
from pip_verify.sources.index import Index
from pip_verify.sources.keylists import KeyListStore
from pip_verify.sources.statements import StatementStore
from pip_verify.trustfile import TrustFile
from tests import makers
from tests.e2e.index import Index as IndexServer
from tests.e2e.world import Publisher
from tests.https_world import Answer, HttpsWorld, is_network_setting
from tests.makers import make_sdist, make_wheel, sdist_filename, wheel_filename
from tests.signer import Signer, b64u, sha256, sign_record_jws, sign_release, to_json

ALICE, EVE = Signer.of("alice"), Signer.of("eve")
NOW = 1_800_000_000.0
TODAY, UNTIL = date(2026, 11, 20), date(2027, 5, 1)
ORIGIN = Origin("requirements.txt", 3)


class Town:
    """An index, a publisher, and a Discoverer over both."""

    def __init__(self, index: IndexServer, publisher: Publisher, root: Path) -> None:
        self.index = index
        self.publisher = publisher
        self.root = root
        self.statements: Path | None = None
        publisher.show(ALICE)

    @property
    def names_list(self) -> str:
        """A line of METADATA."""
        return f"Project-URL: Signing-Keys, {self.publisher.list_url}\n"

    def discoverer(self, known: Sequence[Pin] = (), *options: str) -> Discoverer:
        fetcher = Fetcher(ca_bundle=str(self.publisher.ca_file))
        cache = self.root / f"cache-{len(list(self.root.iterdir()))}"
        judge = Judge(
            EMPTY_POLICY,
            KeyListStore(fetcher, cache / "lists", clock=lambda: NOW, deadline_seconds=2),
            StatementStore(fetcher, cache / "statements", deadline_seconds=2),
            statements_dir=self.statements,
            clock=lambda: NOW,
            warn=lambda _: None,
        )
        index = Index([f"--index-url={self.index.url}", *options])
        return Discoverer(index, judge, known=known, statements_dir=self.statements)

    def find(self, project: str = "demo", version: str | None = "1.0", *files: LockedFile, **more: Any) -> Finding:
        return self.discoverer(**more).find(project, version, files)

    def wheel(self, project: str = "demo", version: str = "1.0", *, pep658: bool = False, **parts: Any) -> str:
        """Put a wheel on the index; returns its digest."""
        tag = parts.get("tag", "py3-none-any")
        data = make_wheel(project, version, **parts)
        metadata = makers.metadata_of(project, version, extra=parts.get("metadata_extra", "")).encode()
        self.index.add(wheel_filename(project, version, tag), data, metadata=metadata if pep658 else None)
        return sha256(data)

    def sdist(self, project: str = "demo", version: str = "1.0", **parts: Any) -> str:
        data = make_sdist(project, version, **parts)
        self.index.add(sdist_filename(project, version), data)
        return sha256(data)

    def release(self, *signers: Signer, project: str = "demo", version: str = "1.0", **digests: str) -> None:
        """Sign files of a release: wheel=, sdist= are digests."""
        names = {"wheel": wheel_filename(project, version), "sdist": sdist_filename(project, version)}
        files = {names[kind]: digest for kind, digest in digests.items()}
        self.publisher.state(project, version, sign_release(signers, files, project, version))


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    for name in filter(is_network_setting, list(os.environ)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_RETRIES", "0")
    with IndexServer() as index, HttpsWorld() as site:
        yield Town(index, Publisher(site), tmp_path)


def locked(digest: str | None, filename: str | None = None, **fields: Any) -> LockedFile:
    return LockedFile("demo", "1.0", filename, digest, ORIGIN, **fields)


# Signed.


@pytest.mark.parametrize("pep658", [True, False])
@pytest.mark.parametrize("label", ["Signing-Keys", "signing keys", "Key-List", "KEYLIST", "key_list"])
def test_the_key_list_that_the_metadata_names_is_tried_for_real(town: Town, label: str, *, pep658: bool) -> None:
    wheel = town.wheel(metadata_extra=f"Project-URL: {label}, {town.publisher.list_url}\n", pep658=pep658)
    sdist = town.sdist()
    town.release(ALICE, wheel=wheel, sdist=sdist)
    found = town.find()
    assert found == Finding(
        "demo",
        town.publisher.list_url,
        evidence="release-statement",
        signed=tuple(sorted([wheel, sdist])),
        version="1.0",
        listed=tuple(sorted([wheel, sdist])),
    )
    assert town.index.asked_for(sdist_filename("demo", "1.0")) == 0


def test_an_sdist_names_its_list_in_pkg_info(town: Town) -> None:
    data = make_sdist("demo", "1.0")
    extra = town.names_list.encode()
    data = _with_pkg_info(data, extra)
    town.index.add(sdist_filename("demo", "1.0"), data)
    town.release(ALICE, sdist=sha256(data))
    assert town.find().signed == (sha256(data),)


def _with_pkg_info(sdist: bytes, extra: bytes, *, without: bool = False) -> bytes:
    import io
    import tarfile

    with tarfile.open(fileobj=io.BytesIO(sdist)) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    name = next(name for name in files if name.endswith("/PKG-INFO"))
    files[name] += extra
    return makers.tar_of({path: data for path, data in files.items() if not (without and path == name)})


def test_a_url_that_leads_to_no_signature_is_only_words(town: Town) -> None:
    wheel = town.wheel(metadata_extra=town.names_list)
    found = town.find()
    assert (found.key_list, found.signed, found.unsigned) == (None, (), (wheel,))
    assert town.publisher.list_url in found.reason


def test_a_long_url_does_not_stop_the_trust_file_from_being_written(town: Town) -> None:
    path = "/" + "a" * 1960
    town.publisher.show(ALICE, path=path)
    town.wheel(metadata_extra=f"Project-URL: Signing-Keys, {town.publisher.site.url}{path}\n")
    found = town.find()
    assert len(found.reason) < 400
    assert found.reason.endswith("…, but no signature on this release was found")
    assert merged("", found)


def test_a_dead_list_that_only_the_release_names_is_not_called_a_pin(town: Town) -> None:
    town.wheel(metadata_extra=f"Project-URL: Signing-Keys, {town.publisher.site.url}/gone.json\n")
    refusal = refused(town)
    assert (refusal.reason.id, "pin" in refusal.reason.hint) == ("PV501", False)
    assert "ask the publisher of demo" in refusal.reason.hint


@pytest.mark.parametrize("url", ["https://a..b/k.json?x=t0ken", f"https://{'a' * 64}.example/k.json", "https://%61/k"])
def test_an_address_that_can_never_be_asked_stops_nobody(town: Town, url: str) -> None:
    digest = town.wheel(metadata_extra=f"Project-URL: Signing-Keys, {url}\n")
    found = town.find()
    assert (found.key_list, found.unsigned) == (None, (digest,))
    (problem,) = found.problems
    assert problem.startswith("demo: it names a key list that can never be asked: https://")
    assert "t0ken" not in problem


def test_the_list_beside_an_address_that_can_never_be_asked_counts(town: Town) -> None:
    digest = town.wheel(metadata_extra=f"Project-URL: Signing-Keys, https://a..b/k.json\n{town.names_list}")
    town.release(ALICE, wheel=digest)
    assert town.find().key_list == town.publisher.list_url


def test_another_project_s_url_labels_are_not_asked(town: Town) -> None:
    town.wheel(metadata_extra=f"Project-URL: Keys, {town.publisher.list_url}\nHome-page: {town.publisher.list_url}\n")
    assert town.find().reason == "unsigned: it names no key list and carries no signature"
    assert town.publisher.site.requests == []


def test_the_list_that_proves_is_taken_of_several(town: Town) -> None:
    town.publisher.show(EVE, path="/other/keys.json")
    other = f"Project-URL: Key-List, {town.publisher.site.url}/other/keys.json\n"
    wheel = town.wheel(metadata_extra=other + town.names_list)
    town.release(ALICE, wheel=wheel)
    assert town.find().key_list == town.publisher.list_url


def test_what_the_statement_leaves_out_is_unsigned_beside_the_publisher(town: Town) -> None:
    wheel, sdist = town.wheel(metadata_extra=town.names_list), town.sdist()
    town.release(ALICE, wheel=wheel)
    found = town.find()
    assert (found.key_list, found.signed, found.unsigned) == (town.publisher.list_url, (wheel,), (sdist,))
    assert found.reason == "its publisher has not signed these files of the release"


def test_a_statement_that_covers_no_locked_file_pins_nobody(town: Town) -> None:
    wheel, sdist = town.wheel(metadata_extra=town.names_list), town.sdist()
    town.release(ALICE, sdist=sdist)
    found = town.find("demo", "1.0", locked(wheel))
    assert (found.key_list, found.unsigned) == (None, (wheel,))


def test_a_statement_on_this_machine_is_enough(town: Town) -> None:
    wheel = town.wheel(metadata_extra=town.names_list)
    town.statements = town.root / "statements"
    (town.statements / "demo").mkdir(parents=True)
    data = sign_release([ALICE], {wheel_filename("demo", "1.0"): wheel}, "demo", "1.0")
    (town.statements / "demo" / "1.0.jws").write_bytes(data)
    assert town.find().signed == (wheel,)
    assert town.publisher.site.count("/releases/demo/1.0.jws") == 0


def test_a_statement_here_is_tried_with_publishers_known_from_elsewhere(town: Town) -> None:
    silent, named = town.wheel("silent"), town.wheel("named", metadata_extra=town.names_list)
    town.release(ALICE, project="named", wheel=named)
    town.statements = town.root / "statements"
    town.statements.mkdir()
    data = sign_release([ALICE], {wheel_filename("silent", "1.0"): silent}, "silent", "1.0")
    (town.statements / f"{wheel_filename('silent', '1.0')}.jws").write_bytes(data)
    alone = town.find("silent")
    assert (alone.key_list, alone.signed) == (None, ())
    assert "no publisher known so far signed it" in alone.problems[0]
    assert town.find("silent", known=[Pin(key_list=town.publisher.list_url)]).signed == (silent,)
    with_named = town.discoverer().find_all([Wanted("silent", "1.0"), Wanted("named", "1.0")])
    assert [item.key_list for item in with_named if isinstance(item, Finding)] == [town.publisher.list_url] * 2


def test_a_stranger_s_statement_here_is_no_signature(town: Town) -> None:
    wheel = town.wheel()
    town.statements = town.root / "statements"
    town.statements.mkdir()
    data = sign_release([EVE], {wheel_filename("demo", "1.0"): wheel}, "demo", "1.0")
    (town.statements / f"{wheel_filename('demo', '1.0')}.jws").write_bytes(data)
    found = town.find(known=[Pin(key_list=town.publisher.list_url)])
    assert (found.key_list, found.unsigned) == (None, (wheel,))


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda name, _: sign_release([ALICE], {name: "0" * 64}, "demo", "1.0"), "PV302"),
        (lambda name, digest: sign_release([ALICE], {name: digest}, "demo", "2.0"), "PV303"),
        (lambda name, digest: sign_release([ALICE], {name: digest}, "demo", "1.0")[:-9], "PV304"),
    ],
)
def test_a_statement_here_that_is_wrong_stops_the_project(town: Town, make: Any, code: str) -> None:
    wheel = town.wheel()
    town.statements = town.root / "statements"
    town.statements.mkdir()
    name = wheel_filename("demo", "1.0")
    (town.statements / f"{name}.jws").write_bytes(make(name, wheel))
    assert refused(town, known=[Pin(key_list=town.publisher.list_url)]).reason.id == code


def test_the_pin_of_the_trust_file_is_the_only_one_tried(town: Town) -> None:
    wheel = town.wheel(metadata_extra=town.names_list)
    town.release(ALICE, wheel=wheel)
    narrow = Pin(keys=(PublicKey.from_raw(EVE.raw),), key_list=town.publisher.list_url)
    for pin, code in ((Pin(key_list=town.publisher.list_url), None), (narrow, "PV201")):
        (result,) = town.discoverer().find_all([Wanted("demo", "1.0", pin=pin)])
        assert (result.reason.id if isinstance(result, Refusal) else None) == code


def test_a_known_pin_that_is_narrower_than_the_list_is_not_widened(town: Town) -> None:
    wheel = town.wheel(metadata_extra=town.names_list)
    town.release(ALICE, wheel=wheel)
    narrow = Pin(keys=(PublicKey.from_raw(EVE.raw),), key_list=town.publisher.list_url)
    assert refused(town, known=[narrow]).reason.id == "PV201"


def test_a_list_that_the_trust_file_narrows_is_not_widened_for_a_statement_here(town: Town) -> None:
    town.publisher.show(ALICE, EVE)
    silent, named = town.wheel("silent"), town.wheel("named", metadata_extra=town.names_list)
    town.release(ALICE, project="named", wheel=named)
    town.statements = town.root / "statements"
    town.statements.mkdir()
    name = wheel_filename("silent", "1.0")
    (town.statements / f"{name}.jws").write_bytes(sign_release([EVE], {name: silent}, "silent", "1.0"))
    narrow = Pin(keys=(PublicKey.from_raw(ALICE.raw),), key_list=town.publisher.list_url)
    for known, expected in (((), (silent,)), ((narrow,), ())):
        results = town.discoverer(known).find_all([Wanted("silent", "1.0"), Wanted("named", "1.0")])
        assert [item.signed for item in results if isinstance(item, Finding)] == [expected, (named,)]


def in_wheel(signer: Signer, project: str = "demo", version: str = "1.0") -> Any:
    return lambda digest: sign_release([signer], {"RECORD": digest}, project, version)


@pytest.mark.parametrize("pep658", [True, False])
def test_wheels_that_sign_themselves_are_each_opened(town: Town, *, pep658: bool) -> None:
    signed = {
        town.wheel(tag=tag, metadata_extra=town.names_list, sign=in_wheel(ALICE), pep658=pep658)
        for tag in ("cp311-cp311-win_amd64", "cp312-cp312-win_amd64", "py3-none-any")
    }
    unsigned = {town.wheel(tag="cp313-cp313-win_amd64", metadata_extra=town.names_list, pep658=pep658), town.sdist()}
    found = town.find()
    assert (found.key_list, found.evidence) == (town.publisher.list_url, "in-wheel")
    assert (set(found.signed), set(found.unsigned)) == (signed, unsigned)


def test_a_second_wheel_that_is_broken_or_out_of_reach_is_not_taken_for_signed(town: Town) -> None:
    first = town.wheel(metadata_extra=town.names_list, sign=in_wheel(ALICE))
    broken = make_wheel("demo", "1.0", {"a.py": "", "A.py": ""}, tag="cp311-cp311-win_amd64")
    name = wheel_filename("demo", "1.0", "cp311-cp311-win_amd64")
    town.index.add(name, broken)
    found = town.find()
    assert (found.signed, found.unsigned) == ((first,), (sha256(broken),))
    assert "the strict reader refuses" in found.problems[0]
    del town.index.files[name]
    assert refused(town, *_both(town, first, name, broken)).reason.id == "PV502"


def _both(town: Town, first: str, name: str, second: bytes) -> tuple[LockedFile, LockedFile]:
    """A lock that says where the second file is, though it is there no longer."""
    return locked(first), locked(sha256(second), name, url=town.index.file_url(name))


def test_a_legacy_signature_names_its_key_itself(town: Town) -> None:
    wheel = town.wheel(legacy_sign=_legacy(ALICE))
    found = town.find()
    assert (found.key_list, found.keys) == (None, (PublicKey.from_raw(ALICE.raw),))
    assert (found.evidence, found.signed) == ("record-jws", (wheel,))


def _legacy(signer: Signer) -> Any:
    import json

    def sign(digest: str) -> bytes:
        # sign_record_jws takes RECORD's bytes, make_wheel gives their digest: the same document, made from that
        document = json.loads(sign_record_jws([signer], b""))
        document["payload"] = b64u(to_json({"hash": "sha256=" + b64u(bytes.fromhex(digest))}))
        header = document["recipients"][0]["header"]
        document["recipients"][0]["signature"] = b64u(signer.sign(f"{header}.{document['payload']}".encode()))
        return to_json(document)

    return sign


@pytest.mark.parametrize("make", [lambda _: b"{", lambda _: _legacy(ALICE)("0" * 64)])
def test_a_legacy_signature_that_does_not_verify_counts_as_none(town: Town, make: Any) -> None:
    wheel = town.wheel(legacy_sign=make)
    found = town.find()
    assert (found.keys, found.unsigned) == ((), (wheel,))
    assert "RECORD.jws does not verify" in found.problems[0]


# Refused: never an exemption.


def refused(town: Town, *files: LockedFile, **more: Any) -> Refusal:
    (result,) = town.discoverer(**more).find_all([Wanted("demo", "1.0", files)])
    assert isinstance(result, Refusal)
    with pytest.raises((EvidenceError, SourceError)) as caught:
        town.find("demo", "1.0", *files, **more)
    assert isinstance(caught.value, SourceError) == (result.reason.exit_code == 14)
    return result


def test_a_locked_digest_that_is_not_the_index_s_is_refused(town: Town) -> None:
    town.wheel()
    result = refused(town, locked("0" * 64, wheel_filename("demo", "1.0")))
    assert (result.reason.id, result.reason.exit_code) == ("PV312", 12)
    assert result.reason.subject == f"requirements.txt:3: {wheel_filename('demo', '1.0')}"


def test_a_release_of_which_no_locked_digest_is_on_the_index_is_refused(town: Town) -> None:
    town.wheel()
    town.sdist()
    assert refused(town, locked("0" * 64), locked("1" * 64)).reason.id == "PV312"


def test_a_digest_that_is_on_no_index_is_left_out_and_named(town: Town) -> None:
    wheel = town.wheel()
    found = town.find("demo", "1.0", locked(wheel), locked("0" * 64))
    assert found.unsigned == (wheel,)
    assert "0" * 64 in found.problems[0]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda name, digest: sign_release([EVE], {name: digest}, "demo", "1.0"), "PV201"),
        (lambda name, _: sign_release([ALICE], {name: "0" * 64}, "demo", "1.0"), "PV302"),
        (lambda name, digest: sign_release([ALICE], {name: digest}, "demo", "2.0"), "PV303"),
        (lambda name, digest: sign_release([ALICE], {name: digest}, "other", "1.0"), "PV303"),
        (lambda _, digest: sign_release([ALICE], {"demo-2.0.tar.gz": digest}, "demo", "2.0"), "PV303"),
        (lambda _, digest: sign_release([ALICE], {"other-1.0.tar.gz": digest}, "other", "1.0"), "PV303"),
        (lambda name, digest: sign_release([ALICE], {name: digest}, "demo", "1.0")[:-9], "PV304"),
    ],
)
def test_a_signature_that_is_not_right_stops_the_project(town: Town, make: Any, code: str) -> None:
    wheel = town.wheel(metadata_extra=town.names_list)
    town.publisher.state("demo", "1.0", make(wheel_filename("demo", "1.0"), wheel))
    assert refused(town).reason.id == code


@pytest.mark.parametrize("status", [500, 403, 302])
@pytest.mark.parametrize("path", ["/keys.json", "/releases/demo/1.0.jws"])
def test_a_publisher_out_of_reach_is_not_unsigned(town: Town, path: str, status: int) -> None:
    wheel = town.wheel(metadata_extra=town.names_list)
    town.release(ALICE, wheel=wheel)
    town.publisher.site.answer(path, Answer(status=status, body=b""))
    assert refused(town).reason.exit_code == 14


def test_a_malformed_key_list_stops_the_project(town: Town) -> None:
    town.wheel(metadata_extra=town.names_list)
    town.publisher.serve("/keys.json", b'{"keys": 1}', headers={"Content-Type": "application/json"})
    assert refused(town).reason.id == "PV310"


def test_another_list_that_proves_makes_up_for_one_out_of_reach(town: Town) -> None:
    down = "Project-URL: Key-List, https://127.0.0.1:1/keys.json\n"
    wheel = town.wheel(metadata_extra=down + town.names_list)
    town.release(ALICE, wheel=wheel)
    assert town.find().signed == (wheel,)


def test_an_index_out_of_reach_is_no_empty_index(town: Town) -> None:
    (result,) = town.discoverer((), "--index-url=http://127.0.0.1:1/").find_all([Wanted("demo", "1.0")])
    assert isinstance(result, Refusal)
    assert (result.reason.id, result.absent) == ("PV502", False)


@pytest.mark.parametrize("files", [(), (locked("0" * 64),)])
def test_what_is_on_no_index_is_named_as_such(town: Town, files: tuple[LockedFile, ...]) -> None:
    town.wheel(version="2.0")
    assert refused(town, *files).absent


def test_other_bytes_than_the_index_states_are_refused(town: Town) -> None:
    town.wheel()
    town.index.tamper(wheel_filename("demo", "1.0"), make_wheel("demo", "1.0", {"x.py": ""}))
    assert refused(town).reason.id == "PV302"


def test_metadata_with_another_digest_than_the_index_states_is_refused(town: Town) -> None:
    town.wheel(pep658=True)
    file = town.index.files[wheel_filename("demo", "1.0")]
    town.index.before(wheel_filename("demo", "1.0"), lambda: None)
    page = town.index.page("demo") or b""
    file.metadata = b"Name: evil\n"
    town.index.page = lambda project: page if project else None  # type: ignore[method-assign]
    assert refused(town).reason.id == "PV307"


# Silent: nothing is built.


def test_an_sdist_without_metadata_is_not_built(town: Town) -> None:
    data = _with_pkg_info(make_sdist("demo", "1.0", on_import="raise SystemExit('built')"), b"", without=True)
    town.index.add(sdist_filename("demo", "1.0"), data)
    found = town.find()
    assert found.unsigned == (sha256(data),)
    assert "PKG-INFO" in found.reason
    assert found.problems == (f"demo: {found.reason.partition(': ')[2]}",)


def test_urls_that_only_a_build_would_tell_are_not_guessed(town: Town) -> None:
    data = _with_pkg_info(make_sdist("demo", "1.0"), b"Dynamic: Project-URL\n")
    town.index.add(sdist_filename("demo", "1.0"), data)
    assert "would need a build, and nothing is built to look" in town.find().reason


@pytest.mark.parametrize("pep658", [True, False])
def test_broken_metadata_names_nobody(town: Town, *, pep658: bool) -> None:
    town.wheel(metadata_extra="no field\n", pep658=pep658)
    found = town.find()
    assert found.signed == ()
    assert found.problems


def test_a_wheel_that_the_strict_reader_refuses_names_nobody(town: Town) -> None:
    data = make_wheel("demo", "1.0", {"a/b.py": "", "a/B.py": ""})
    town.index.add(wheel_filename("demo", "1.0"), data)
    assert "the strict reader refuses" in town.find().reason


# Which files count.


def test_only_what_the_lock_allows_counts(town: Town) -> None:
    wheel = town.wheel()
    town.sdist()
    found = town.find("demo", "1.0", locked(wheel))
    assert (found.unsigned, len(found.listed)) == ((wheel,), 2)


def test_a_lock_with_md5_alone_says_the_version_and_no_more(town: Town) -> None:
    wheel, sdist = town.wheel(), town.sdist()
    assert set(town.find("demo", "1.0", locked(None, digests=(("md5", "0" * 32),))).unsigned) == {wheel, sdist}
    assert town.find("demo", "1.0", locked(None, wheel_filename("demo", "1.0"))).unsigned == (wheel,)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_a_lock_with_a_strong_digest_but_sha256_is_held_to_it(town: Town, algorithm: str, *, named: bool) -> None:
    data = make_wheel("demo", "1.0")
    name = wheel_filename("demo", "1.0")
    town.index.add(name, data)
    town.sdist()
    digest = hashlib.new(algorithm, data).hexdigest()
    file = locked(None, name if named else None, digests=((algorithm, digest),))
    assert town.find("demo", "1.0", file).unsigned == (sha256(data),)
    other = replace(file, digests=((algorithm, "0" * len(digest)), ("md5", hashlib.md5(data).hexdigest())))  # noqa: S324
    assert refused(town, other).reason.id == "PV312"


def test_a_file_is_not_taken_by_its_sha512_when_the_index_states_another_sha256(town: Town) -> None:
    data = make_wheel("demo", "1.0")
    town.index.add(wheel_filename("demo", "1.0"), data, stated="wrong")
    digest = hashlib.sha512(data).hexdigest()
    assert refused(town, locked(None, digests=(("sha512", digest),))).reason.id == "PV302"


def test_a_digest_alone_finds_its_version(town: Town) -> None:
    wheel, _ = town.wheel(), town.wheel(version="2.0")
    file = replace(locked(wheel), version=None)
    assert town.find("demo", None, file).unsigned == (wheel,)


def test_a_digest_that_no_index_states_is_computed(town: Town) -> None:
    data = make_wheel("demo", "1.0")
    town.index.add(wheel_filename("demo", "1.0"), data, stated="none")
    assert town.find().unsigned == (sha256(data),)
    assert town.find("demo", "1.0", locked(sha256(data))).unsigned == (sha256(data),)
    assert town.find("demo", "1.0", locked(sha256(data), wheel_filename("demo", "1.0"))).unsigned == (sha256(data),)


def test_a_lock_that_says_where_its_files_are_needs_no_index(town: Town) -> None:
    wheel = town.wheel(metadata_extra=town.names_list)
    town.release(ALICE, wheel=wheel)
    name = wheel_filename("demo", "1.0")
    file = locked(wheel, name, url=town.index.file_url(name))
    (found,) = town.discoverer((), "--no-index").find_all([Wanted("demo", "1.0", (file,))])
    assert isinstance(found, Finding)
    assert found.signed == (wheel,)


@pytest.mark.parametrize("name", ["demo-2.0-py3-none-any.whl", "other-1.0-py3-none-any.whl", "demo.txt"])
def test_a_lock_that_says_where_another_release_is_does_not_say_where_this_is(town: Town, name: str) -> None:
    file = locked("0" * 64, name, url=f"{town.index.origin}/files/{name}")
    assert refused(town, file).absent


def test_a_statement_beside_a_local_file_is_found(town: Town) -> None:
    data = make_wheel("demo", "1.0", metadata_extra=town.names_list)
    name = wheel_filename("demo", "1.0")
    folder = town.root / "wheels here"
    folder.mkdir()
    (folder / name).write_bytes(data)
    (folder / f"{name}.jws").write_bytes(sign_release([ALICE], {name: sha256(data)}, "demo", "1.0"))
    file = locked(sha256(data), name, url=(folder / name).as_uri())
    (found,) = town.discoverer((), "--no-index").find_all([Wanted("demo", "1.0", (file,))])
    assert isinstance(found, Finding)
    assert found.signed == (sha256(data),)


def test_a_local_file_that_the_index_has_otherwise_is_refused(town: Town) -> None:
    town.wheel()
    name = wheel_filename("demo", "1.0")
    path = town.root / name
    path.write_bytes(make_wheel("demo", "1.0", {"evil.py": ""}))
    assert refused(town, locked(sha256(path.read_bytes()), name, url=path.as_uri())).reason.id == "PV312"


def test_two_indexes_with_other_bytes_of_one_name_need_a_lock(town: Town) -> None:
    wheel = town.wheel()
    with IndexServer() as second:
        second.add(wheel_filename("demo", "1.0"), make_wheel("demo", "1.0", {"x.py": ""}))
        discoverer = town.discoverer((), f"--extra-index-url={second.url}")
        without, with_lock = discoverer.find_all([Wanted("demo", "1.0"), Wanted("demo", "1.0", (locked(wheel),))])
    assert isinstance(without, Refusal)
    assert without.reason.id == "PV312"
    assert isinstance(with_lock, Finding)


def test_each_document_is_fetched_once_and_the_order_asked_for_changes_nothing(town: Town) -> None:
    names = [f"p{letter}" for letter in "abcdefghij"]
    for name in names:
        town.release(ALICE, project=name, wheel=town.wheel(name, metadata_extra=town.names_list, pep658=True))
    results = town.discoverer().find_all([Wanted(name, "1.0") for name in names])
    pages = [path for path in town.index.requests if path.startswith("/simple/")]
    assert len(pages) == len(set(pages)) == len(names)
    assert len(town.publisher.site.requests) == len(names) + 1
    shuffled = random.Random(7).sample(names, len(names))  # noqa: S311 - any order will do
    again = town.discoverer().find_all([Wanted(name, "1.0") for name in shuffled])
    assert {item.project: item for item in results if isinstance(item, Finding)} == {
        item.project: item for item in again if isinstance(item, Finding)
    }


# The trust file.


def trust_file(text: str = "") -> TrustFile:
    return TrustFile.parse(text, "pip-verify.toml")


SIGNED = Finding(
    "demo", "https://keys.example/keys.json", evidence="release-statement", signed=("a" * 64,), version="1.0"
)
UNSIGNED = Finding("bare", unsigned=("c" * 64, "b" * 64), reason="unsigned", version="1.0", listed=("b" * 64, "c" * 64))


def merged(text: str, *findings: Finding, today: date = TODAY) -> str:
    trust = trust_file(text)
    merge(trust, findings, today=today, until=UNTIL)
    return trust.text()


def looked_at(text: str, finding: Finding) -> Finding:
    """The finding as it is when the project was looked at under this trust file's pin."""
    publisher = trust_file(text).policy.publisher_for(finding.project)
    assert publisher is not None
    return replace(finding, stated=publisher.pin())


def test_publishers_are_pinned_and_the_rest_is_exempt_by_hash() -> None:
    text = merged("", UNSIGNED, SIGNED, replace(SIGNED, project="apple"))
    policy = trust_file(text).policy
    (publisher,) = policy.publishers
    assert (publisher.key_list, publisher.projects) == (SIGNED.key_list, ("apple", "demo"))
    (exemption,) = policy.exemptions
    assert exemption.hashes == ("b" * 64, "c" * 64)
    assert (exemption.reason, exemption.until, exemption.origin_note) == ("unsigned", UNTIL, "init 2026-11-20")
    assert "1.0" not in text


def test_the_same_findings_in_any_order_give_the_same_bytes() -> None:
    findings = [replace(item, project=f"{item.project}-{letter}") for item in (SIGNED, UNSIGNED) for letter in "abcdef"]
    expected = merged("", *findings)
    for seed in range(5):
        assert merged("", *random.Random(seed).sample(findings, len(findings))) == expected  # noqa: S311


def test_a_second_run_changes_nothing() -> None:
    text = merged("", UNSIGNED, SIGNED, replace(SIGNED, project="part", unsigned=("d" * 64,), reason="not these"))
    assert merged(text, UNSIGNED, today=date(2027, 1, 1)) == text


def test_a_project_that_is_signed_now_moves_to_its_publisher() -> None:
    before = merged("# mine\n", UNSIGNED)
    now = Finding("bare", SIGNED.key_list, evidence="release-statement", signed=("b" * 64, "c" * 64), version="1.0")
    policy = trust_file(merged(before, now)).policy
    assert (policy.exemptions, policy.publishers[0].projects) == ((), ("bare",))
    assert merged(before, now).startswith("# mine\n")


def test_of_a_release_that_is_signed_in_part_only_the_rest_stays_exempt() -> None:
    before = merged("", UNSIGNED)
    now = Finding(
        "bare", SIGNED.key_list, evidence="release-statement", signed=("b" * 64,), unsigned=("c" * 64,), reason="r"
    )
    trust = trust_file(merged(before, now, today=date(2027, 2, 2)))
    (exemption,) = trust.policy.exemptions
    assert (exemption.hashes, exemption.reason) == (("c" * 64,), "r")
    assert (exemption.until, exemption.origin_note) == (UNTIL, "init 2026-11-20")
    assert trust.policy.publisher_for("bare") is not None


def test_a_new_release_joins_its_exemption_which_keeps_its_words() -> None:
    before = merged("", UNSIGNED).replace('reason = "unsigned"', 'reason = "looked at by Ann"  # 2026')
    newer = Finding("bare", unsigned=("e" * 64,), reason="unsigned", version="1.1", listed=("e" * 64,))
    after = merged(before, newer, today=date(2027, 1, 1))
    (exemption,) = trust_file(after).policy.exemptions
    assert exemption.hashes == ("b" * 64, "c" * 64, "e" * 64)
    assert 'reason = "looked at by Ann"  # 2026' in after
    assert "init 2026-11-20" in after


@pytest.mark.parametrize("unsigned", [("c" * 64, "e" * 64), ("e" * 64,)])
def test_a_file_that_came_to_an_exempt_release_is_not_exempted(unsigned: tuple[str, ...]) -> None:
    before = merged("", UNSIGNED)
    trust = trust_file(before)
    grown = replace(UNSIGNED, unsigned=unsigned, listed=("b" * 64, "c" * 64, "e" * 64))
    result = merge(trust, [grown], today=TODAY, until=UNTIL)
    assert trust.text() == before
    assert "e" * 64 in result.problems[0]
    assert result.refused == ["bare 1.0"]


def test_an_exemption_of_all_bytes_stays_one() -> None:
    text = '[[exempt]]\nproject = "bare"\nreason = "r"\norigin = "init 2026-01-01"\n'
    assert merged(text, UNSIGNED) == text


def test_a_publisher_who_signs_nothing_of_a_release_any_more_is_no_reason_to_exempt_it() -> None:
    before = merged("", replace(SIGNED, unsigned=("d" * 64,), reason="r"))
    trust = trust_file(before)
    vanished = Finding("demo", unsigned=("e" * 64,), reason="r", version="2.0", listed=("e" * 64,))
    result = merge(trust, [looked_at(before, vanished)], today=TODAY, until=UNTIL)
    assert trust.text() == before
    assert "nothing of it is signed" in result.problems[0]
    assert (result.signed, result.exempt, result.refused) == ([], [], ["demo 2.0"])


def test_a_wholly_unsigned_release_beside_a_signed_one_of_a_publisher_is_not_exempted() -> None:
    old = replace(SIGNED, unsigned=("d" * 64,), reason="r", listed=("a" * 64, "d" * 64))
    before = merged("", old)
    trust = trust_file(before)
    vanished = Finding("demo", unsigned=("e" * 64,), reason="r", version="2.0", listed=("e" * 64,))
    result = merge(trust, [looked_at(before, finding) for finding in (old, vanished)], today=TODAY, until=UNTIL)
    assert trust.text() == before
    assert "demo 2.0: nothing of it is signed by keys-example" in result.problems[0]
    again = replace(vanished, version="0.9", unsigned=("d" * 64,), listed=("d" * 64,))
    result = merge(trust, [looked_at(before, finding) for finding in (old, again)], today=TODAY, until=UNTIL)
    assert (trust.text(), result.problems, result.refused) == (before, [], [])  # exempt already, and nothing new


def test_the_last_exempt_file_that_is_signed_by_now_makes_room_for_those_of_a_new_release() -> None:
    before = merged("", replace(SIGNED, unsigned=("d" * 64,), reason="r", listed=("a" * 64, "d" * 64)))
    whole = replace(SIGNED, signed=("a" * 64, "d" * 64), listed=("a" * 64, "d" * 64))
    newer = replace(SIGNED, signed=("1" * 64,), unsigned=("2" * 64,), version="2.0", listed=("1" * 64, "2" * 64))
    (exemption,) = trust_file(merged(before, *(looked_at(before, one) for one in (whole, newer)))).policy.exemptions
    assert exemption.hashes == ("2" * 64,)


def test_a_file_that_came_to_the_exempt_release_that_is_signed_by_now_is_not_exempted() -> None:
    before = merged("", replace(SIGNED, unsigned=("d" * 64,), reason="r", listed=("a" * 64, "d" * 64)))
    now = replace(SIGNED, signed=("a" * 64, "d" * 64), unsigned=("e" * 64,), listed=("a" * 64, "d" * 64, "e" * 64))
    trust = trust_file(before)
    result = merge(trust, [looked_at(before, now)], today=TODAY, until=UNTIL)
    assert trust.policy.exemptions == ()
    assert "e" * 64 in result.problems[0]


def test_a_file_that_came_to_an_exempt_release_is_not_exempted_when_the_project_gets_its_publisher() -> None:
    before = merged("", UNSIGNED)
    newer = replace(SIGNED, project="bare", version="2.0", listed=("a" * 64,))
    grown = replace(UNSIGNED, unsigned=("b" * 64, "c" * 64, "e" * 64), listed=("b" * 64, "c" * 64, "e" * 64))
    trust = trust_file(before)
    result = merge(trust, [newer, grown], today=TODAY, until=UNTIL)
    assert trust.policy.exemptions[0].hashes == ("b" * 64, "c" * 64)
    assert "e" * 64 in result.problems[0]


@pytest.mark.parametrize(
    "decision",
    [
        '[[exempt]]\nproject = "{}"\nreason = "by Ann"\nhashes = ["sha256:' + "9" * 64 + '"]\n',
        '[publishers.ann]\nkey-list = "https://ann.example/keys.json"\nprojects = ["{}"]\n',
    ],
)
@pytest.mark.parametrize("finding", [SIGNED, UNSIGNED])
def test_who_decides_while_init_looks_has_the_last_word(decision: str, finding: Finding) -> None:
    text = decision.format(finding.project)
    trust = trust_file(text)
    result = merge(trust, [finding], today=TODAY, until=UNTIL)
    assert trust.text() == text
    assert (result.decided, result.signed, result.exempt) == ([finding.project], [], [])
    assert "in the meantime" in result.problems[0]


def test_a_publisher_that_was_changed_while_init_looked_has_the_last_word() -> None:
    before = merged("", replace(SIGNED, unsigned=("d" * 64,), reason="r"))
    looked = looked_at(before, replace(SIGNED, signed=("a" * 64, "d" * 64)))
    trust = trust_file(before.replace("https://keys.example/keys.json", "https://ann.example/keys.json"))
    assert merge(trust, [looked], today=TODAY, until=UNTIL).decided == ["demo"]
    moved = trust_file("# a line more\n" + before)  # the same pin on another line is no other pin
    assert merge(moved, [looked], today=TODAY, until=UNTIL).signed == ["demo"]


SEEN = Seen("demo", (PublicKey.from_raw(ALICE.raw),), SIGNED.key_list, TODAY, {"1.0": "release-statement"})
RECORDED = replace(SIGNED, keys=SEEN.keys, seen=SEEN)


def test_what_the_lock_of_first_uses_holds_for_is_left_to_it() -> None:
    text = '[policy]\nfirst-use = "record"\n'
    trust = trust_file(text)
    result = merge(trust, [RECORDED], today=TODAY, until=UNTIL)
    assert (trust.text(), result.recorded, result.signed) == (text, ["demo"], [])


@pytest.mark.parametrize("text", ["", '[policy]\nfirst-use = "record"\n'])
def test_what_the_lock_does_not_hold_for_gets_a_publisher_and_that_is_told(text: str) -> None:
    trust = trust_file(text)
    finding = replace(RECORDED, unsigned=("d" * 64,) if text else (), reason="r")
    result = merge(trust, [finding], today=TODAY, until=UNTIL)
    (publisher,) = trust.policy.publishers
    assert (publisher.key_list, publisher.projects) == (SIGNED.key_list, ("demo",))
    assert "pip-verify.lock" in result.problems[0]


def test_a_newer_release_that_is_signed_in_part_adds_the_rest() -> None:
    before = merged("", replace(SIGNED, unsigned=("d" * 64,), reason="r", listed=("a" * 64, "d" * 64)))
    newer = replace(SIGNED, signed=("1" * 64,), unsigned=("2" * 64,), version="2.0", listed=("1" * 64, "2" * 64))
    (exemption,) = trust_file(merged(before, looked_at(before, newer))).policy.exemptions
    assert exemption.hashes == ("2" * 64, "d" * 64)


def test_an_exemption_goes_when_all_of_a_publisher_s_release_is_signed() -> None:
    before = merged("", replace(SIGNED, unsigned=("d" * 64,), reason="r"))
    whole = looked_at(before, replace(SIGNED, signed=("a" * 64, "d" * 64)))
    assert trust_file(merged(before, whole)).policy.exemptions == ()


def test_a_thousand_exempt_projects_of_fourteen_files_fit() -> None:
    hashes = [tuple(f"{number:060x}{file:04x}" for file in range(14)) for number in range(1000)]
    text = merged("", *(replace(UNSIGNED, project=f"p{number}", unsigned=hashes[number]) for number in range(1000)))
    assert len(text) > 1024 * 1024
    assert len(trust_file(text).policy.exemptions) == 1000


def test_an_existing_table_of_the_same_list_is_used() -> None:
    text = f'[publishers.team]\nkey-list = "{SIGNED.key_list}"\nprojects = ["zoo"]  # ours\n'
    after = merged(text, SIGNED)
    assert [publisher.name for publisher in trust_file(after).policy.publishers] == ["team"]
    assert "# ours" in after


def test_a_key_alone_becomes_a_publisher_of_the_legacy_format() -> None:
    key = PublicKey.from_raw(ALICE.raw)
    finding = Finding("wheel", keys=(key,), evidence="record-jws", signed=("a" * 64,))
    text = merged("", finding)
    (publisher,) = trust_file(text).policy.publishers
    assert (publisher.keys, publisher.formats, publisher.projects) == ((key,), ("record-jws",), ("wheel",))
    after = trust_file(merged(text, replace(finding, project="other")))
    assert after.policy.publishers[0].projects == ("wheel", "other")  # the owner's order stays


def test_of_two_locked_releases_the_newer_one_s_publisher_is_pinned() -> None:
    other = replace(SIGNED, key_list="https://other.example/keys.json", signed=("f" * 64,), version="10.0")
    policy = trust_file(merged("", SIGNED, other)).policy
    assert [publisher.key_list for publisher in policy.publishers] == [other.key_list]
    assert policy.exemptions[0].hashes == ("a" * 64,)
    assert "another publisher" in policy.exemptions[0].reason


def test_only_what_init_wrote_is_its_own() -> None:
    text = (
        '[[exempt]]\nproject = "a"\nreason = "r"\n' + '[[exempt]]\nproject = "b"\nreason = "r"\norigin = "initially"\n'
    )
    assert not any(is_ours(exemption) for exemption in trust_file(text).policy.exemptions)
    assert not is_ours(None)
    assert is_ours(trust_file(merged("", UNSIGNED)).policy.exemptions[0])


# What is installed; requirements without hashes.


def test_what_is_installed_is_read_and_what_came_from_no_index_is_named(tmp_path: Path) -> None:
    for name, version, more in (("Demo_A", "1.0.0", {}), ("b", "2", {"direct_url.json": "{}"}), ("c", "not one", {})):
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        for file, text in {"METADATA": f"Name: {name}\nVersion: {version}\n", **more}.items():
            (folder / file).write_text(text)
    (tmp_path / "evil.pth").write_text("import os; os.abort()\n")
    (tmp_path / "empty-1.dist-info").mkdir()
    releases, problems = installed([tmp_path])
    assert releases == [("demo-a", "1.0.0")]
    assert ["b 2: installed from a directory" in problem for problem in problems].count(True) == 1
    assert ["its metadata cannot be read" in problem for problem in problems].count(True) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Demo==1.0", Wanted("demo", "1.0")),
        ("demo[x]==1.00 ; python_version > '3'", Wanted("demo", "1.0")),
        ("demo==1.*", None),
        ("demo>=1", None),
        ("demo==1,!=2", None),
        ("demo===1", None),
        ("demo", None),
        ("demo @ https://index.example/demo-1.0.tar.gz", None),
        ("./here", None),
    ],
)
def test_only_an_exact_version_says_what_to_look_at(text: str, expected: Wanted | None) -> None:
    assert exact_requirement(Unlocked(None, text, ORIGIN)) == expected
