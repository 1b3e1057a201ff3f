"""Release statements and ``release.jws``: what the payload may say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from pip_verify.errors import EvidenceError
from pip_verify.evidence import Claim, Subject, in_wheel, release
from pip_verify.evidence.formats import FORMATS
from pip_verify.policy.model import KNOWN_FORMATS
from tests import signer
from tests.signer import Signer, to_json

ALICE = Signer.of("alice")
ONE, TWO = "1" * 64, "2" * 64
FILES = {"demo-1.0-py3-none-any.whl": ONE, "demo-1.0.tar.gz": TWO}


def signed(statement: object) -> bytes:
    payload = statement if isinstance(statement, bytes) else to_json(statement)
    return signer.jws(payload, [signer.signature(ALICE, payload)])


def parse(**members: Any) -> Claim:
    return release.parse(signed(signer.statement(FILES, "pkg:pypi/demo@1.0", **members)))


def subject(**members: Any) -> dict[str, Any]:
    entry = {"name": "demo-1.0.tar.gz", "digest": {"sha256": ONE}} | members
    return {name: value for name, value in entry.items() if value is not None}


def refused(why: str, **members: Any) -> None:
    with pytest.raises(EvidenceError, match=why):
        parse(**members)


def test_a_statement_is_read() -> None:
    claim = release.parse(signer.sign_release([ALICE], FILES, "demo", "1.0"))
    assert (claim.project, claim.version) == ("demo", "1.0")
    assert claim.subjects == tuple(Subject(name, digest) for name, digest in FILES.items())
    assert [item.kid for item in claim.signatures] == [ALICE.thumbprint]


def test_the_predicate_may_say_more() -> None:
    assert parse(predicate={"purl": "pkg:pypi/demo@1.0", "releaseId": "7", "x": {"y": [1]}}).project == "demo"


def test_a_subject_may_have_the_other_fields_of_in_toto_and_other_digests() -> None:
    more = {"uri": "https://x.example/", "mediaType": "m", "downloadLocation": "d", "annotations": {}, "content": ""}
    claim = parse(subject=[subject(digest={"sha512": "x", "sha256": TWO}, **more)])
    assert claim.subjects == (Subject("demo-1.0.tar.gz", TWO),)


# The statement


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"_type": "https://in-toto.io/Statement/v0.1"}, "_type"),
        ({"_type": None}, "_type"),
        ({"_type": ["https://in-toto.io/Statement/v1"]}, "_type"),
        ({"predicateType": "https://slsa.dev/provenance/v1"}, "predicateType"),
        ({"predicateType": "https://in-toto.io/attestation/release/v0.2"}, "predicateType"),
        ({"expires": "2020-01-01"}, "only the members"),
        ({"subject": []}, "a list of 1 to 4096 files, got 0"),
        ({"subject": {}}, "got dict"),
        ({"subject": None}, "got NoneType"),
        ({"subject": ["demo-1.0.tar.gz"]}, "a JSON object"),
        ({"subject": [subject()] * 4097}, "got 4097"),
        ({"subject": [subject(), subject(digest={"sha256": TWO})]}, "demo-1.0.tar.gz twice"),
        ({"subject": [subject(), subject()]}, "demo-1.0.tar.gz twice"),
        ({"predicate": None}, "predicate: expected a JSON object"),
        ({"predicate": []}, "predicate: expected a JSON object"),
        ({"predicate": {}}, "purl"),
    ],
)
def test_a_statement_of_another_kind_is_refused(members: dict[str, Any], why: str) -> None:
    refused(why, **members)


@pytest.mark.parametrize("name", ["_type", "subject", "predicateType", "predicate"])
def test_no_member_may_lack(name: str) -> None:
    statement = signer.statement(FILES, "pkg:pypi/demo@1.0")
    del statement[name]
    with pytest.raises(EvidenceError, match=f'a member "{name}"'):
        release.parse(signed(statement))


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "JSON"),
        (b"[]", "a JSON object"),
        (to_json(signer.statement(FILES, "pkg:pypi/demo@1.0"))[:-1] + b',"subject":[]}', "stands twice"),
        (b"\xff", "UTF-8"),
    ],
)
def test_a_payload_that_is_no_strict_object_is_refused(payload: bytes, why: str) -> None:
    with pytest.raises(EvidenceError, match=why):
        release.parse(signed(payload))


def test_a_payload_that_is_not_base64url_is_refused() -> None:
    data = signer.sign_release([ALICE], FILES, "demo", "1.0").replace(b'"payload":"', b'"payload":"=')
    with pytest.raises(EvidenceError, match="payload: expected base64url"):
        release.parse(data)


def test_another_typ_is_refused() -> None:
    payload = to_json(signer.statement(FILES, "pkg:pypi/demo@1.0"))
    with pytest.raises(EvidenceError, match="typ"):
        release.parse(signer.jws(payload, [signer.signature(ALICE, payload, typ="application/jwk-set+json")]))


def test_as_many_files_as_allowed_fit_the_size_cap() -> None:
    names = {f"demo-1.0-{number}-py3-none-any.whl": ONE for number in range(4096)}
    assert len(release.parse(signer.sign_release([ALICE], names, "demo", "1.0")).subjects) == 4096


# Subjects


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"name": None}, 'a member "name"'),
        ({"name": 7}, "name: expected a file name"),
        ({"name": ""}, "name"),
        ({"name": "."}, "name"),
        ({"name": ".."}, "name"),
        ({"name": "dist/demo-1.0.tar.gz"}, "name"),
        ({"name": "dist\\demo-1.0.tar.gz"}, "name"),
        ({"name": "demo\0-1.0.tar.gz"}, "name"),
        ({"name": "demo\n"}, "name"),
        ({"name": "d" * 256}, "name"),
        ({"digest": None}, 'a member "digest"'),
        ({"digest": ONE}, "an object of texts"),
        ({"digest": []}, "an object of texts"),
        ({"digest": {}}, "64 lower-case hex"),
        ({"digest": {"sha512": ONE + ONE}}, "64 lower-case hex"),
        ({"digest": {"SHA256": ONE}}, "64 lower-case hex"),
        ({"digest": {"sha256": None}}, "an object of texts"),
        ({"digest": {"sha256": ONE, "sha512": 7}}, "an object of texts"),
        ({"digest": {"sha256": "A" * 64}}, "64 lower-case hex"),
        ({"digest": {"sha256": ONE[:-1]}}, "64 lower-case hex"),
        ({"digest": {"sha256": ONE + "1"}}, "64 lower-case hex"),
        ({"digest": {"sha256": ONE + "\n"}}, "64 lower-case hex"),
        ({"digest": {"sha256": "\uff11" * 64}}, "64 lower-case hex"),
        ({"sha256": ONE}, "only the members"),
    ],
)
def test_a_subject_of_another_form_is_refused(members: dict[str, Any], why: str) -> None:
    refused(why, subject=[subject(**members)])


# Package URLs


@pytest.mark.parametrize(
    ("purl", "project", "version"),
    [
        ("pkg:pypi/demo@1.0", "demo", "1.0"),
        ("pkg:pypi/Demo_Two.x@1.0", "demo-two-x", "1.0"),
        ("pkg:pypi/demo@1.0%2Blocal.1", "demo", "1.0+local.1"),
        ("pkg:pypi/demo@1.0+local.1", "demo", "1.0+local.1"),
        ("pkg:pypi/demo@1%211.0", "demo", "1!1.0"),
        ("pkg:pypi/demo@1!1.0", "demo", "1!1.0"),
        ("pkg:pypi/demo@v1.0-alpha1", "demo", "1.0a1"),
        ("pkg:pypi/demo@1.0%2e0", "demo", "1.0.0"),
    ],
)
def test_a_purl_is_read(purl: str, project: str, version: str) -> None:
    assert release.parse_purl(purl) == (project, version)


@pytest.mark.parametrize(
    "purl",
    [
        None,
        7,
        "",
        "demo@1.0",
        "pkg:pypi/demo",
        "pkg:pypi/demo@",
        "pkg:pypi/@1.0",
        "pkg:npm/demo@1.0",
        "PKG:pypi/demo@1.0",
        "pkg:PyPI/demo@1.0",
        "pkg://pypi/demo@1.0",
        "pkg:pypi/namespace/demo@1.0",
        "pkg:pypi/demo@1.0?repository_url=https://evil.example",
        "pkg:pypi/demo@1.0#sub",
        "pkg:pypi/demo@1.0@2.0",
        "pkg:pypi/de%6Do@1.0",
        "pkg:pypi/-demo@1.0",
        "pkg:pypi/demo.@1.0",
        "pkg:pypi/\u0434emo@1.0",
        "pkg:pypi/demo@1.0\n",
        "pkg:pypi/demo@1.0%0A",
        "pkg:pypi/demo@%201.0",
        "pkg:pypi/demo@1.0%",
        "pkg:pypi/demo@1.0%2",
        "pkg:pypi/demo@1.0%zz",
        "pkg:pypi/demo@1.0%252Blocal",
        "pkg:pypi/demo@one",
        "pkg:pypi/demo@1.0/2.0",
    ],
)
def test_another_purl_is_refused(purl: object) -> None:
    with pytest.raises(EvidenceError):
        release.parse_purl(purl)


@given(st.text(alphabet="pkg:yi/demo@1.0%2B+!?#\n A", max_size=24).map("pkg:pypi/demo@".__add__) | st.text())
def test_a_purl_is_refused_or_names_a_version(text: str) -> None:
    try:
        project, version = release.parse_purl(text)
    except EvidenceError:
        return
    assert str(Version(version)) == version
    assert text.startswith("pkg:pypi/")
    assert project == "demo"


# In the wheel


def test_release_jws_is_read() -> None:
    claim = in_wheel.parse(signer.sign_in_wheel([ALICE], b"demo/__init__.py,,\n", "demo", "1.0"))
    assert claim.subjects == (Subject("RECORD", signer.sha256(b"demo/__init__.py,,\n")),)
    assert (claim.project, claim.version) == ("demo", "1.0")


@pytest.mark.parametrize("files", [FILES, {"record": ONE}, {"RECORD": ONE, "demo-1.0.tar.gz": TWO}])
def test_release_jws_speaks_for_record_and_nothing_else(files: dict[str, str]) -> None:
    with pytest.raises(EvidenceError, match="RECORD and nothing else"):
        in_wheel.parse(signer.sign_release([ALICE], files, "demo", "1.0"))


# The table


def test_the_table_has_each_format_under_its_name() -> None:
    assert [name for name, kind in FORMATS.items() if kind.name == name] == [
        "release-statement",
        "in-wheel",
        "record-jws",
    ]
    assert [kind.in_wheel for kind in FORMATS.values()] == [False, True, True]
    assert [kind.default for kind in FORMATS.values()] == [True, True, False]


def test_the_trust_file_knows_the_same_names() -> None:
    assert set(KNOWN_FORMATS) == set(FORMATS)
