"""Round trips with other tools: an independent signer and an independent checker, both written from the page on formats
alone, agree with us in both directions: on what is sound, on what hypothesis makes of it, on vectors from elsewhere.
And ``openssl`` verifies one of our signatures by the recipe in the docs."""

from __future__ import annotations

import ast
import base64
import copy
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pip_verify.artifact.name import parse_filename
from pip_verify.artifact.wheel import read_wheel
from pip_verify.encoding import json_decode
from pip_verify.errors import EvidenceError
from pip_verify.evidence import Evidence, Found, Place
from pip_verify.keys import KeyList, PublicKey, parse_key_list
from pip_verify.pins import Pin
from pip_verify.publish.artifacts import read_release
from pip_verify.publish.embed import sign_in_wheels
from pip_verify.publish.keyfile import SigningKey, store
from pip_verify.publish.sign import make_statement, sign_statement
from pip_verify.verifier import Rules, verify
from tests import checker, makers, signer
from tests.checker import Refused
from tests.publish.support import sign_artifacts
from tests.signer import Signer, b64u, to_json
from tests.test_docs import section
from tests.vectors import vectors_dir

ROOT = Path(__file__).resolve().parent.parent
ALICE, BOB, EVE = (Signer.of(name) for name in ("alice", "bob", "eve"))
WHEEL, SDIST = "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"
SHA, OTHER_SHA = "a1" * 32, "b2" * 32
FILES = {WHEEL: SHA, SDIST: OTHER_SHA}
NOW = 1_790_000_000.0
LIST_URL = "https://keys.example/keys.json"


def key(of: Signer) -> PublicKey:
    return PublicKey.from_raw(of.raw)


# The two answers to one question


def ours(jws: bytes, pin: Pin, key_list: KeyList | None, filename: str = WHEEL, sha256: str = SHA) -> set[bytes]:
    """By which keys our verifier accepts the file; none when it refuses."""
    artifact = parse_filename(filename, sha256=sha256)
    looks = (Found(Evidence("release-statement", Place("beside", "x"), jws)),)
    verdict = verify(artifact, looks, (pin,), {} if key_list is None else {LIST_URL: key_list}, Rules(), NOW)
    return {found.raw for found in verdict.keys} if verdict.accepted else set()


def theirs(check: Callable[[], set[bytes]]) -> set[bytes]:
    try:
        return check()
    except Refused:
        return set()


def both(
    jws: bytes, signers: Sequence[Signer], filename: str = WHEEL, sha256: str = SHA, threshold: int = 1
) -> set[bytes]:
    """What both say about a statement under these pinned keys; they must agree."""
    pin = Pin(tuple(key(one) for one in signers), threshold=threshold)
    mine = ours(jws, pin, None, filename, sha256)
    names = {one.thumbprint: one.raw for one in signers}
    their = theirs(lambda: checker.speaks_for(jws, names, filename, sha256, threshold=threshold))
    assert mine == their, jws
    return mine


# What is independent, and what is sound


@pytest.mark.parametrize("name", ["signer.py", "checker.py"])
def test_signer_and_checker_import_nothing_of_ours(name: str) -> None:
    tree = ast.parse((ROOT / "tests" / name).read_text("utf-8"))
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    found |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {module.split(".")[0] for module in found} - set(sys.stdlib_module_names)
    assert foreign <= {"nacl", "packaging"}, foreign


def test_what_we_sign_the_checker_accepts() -> None:
    jws = sign_statement(make_statement("demo", "1.0", list(FILES.items())), [SigningKey(ALICE.seed)])
    assert both(jws, [ALICE]) == {ALICE.raw}
    assert both(jws, [ALICE], SDIST, OTHER_SHA) == {ALICE.raw}
    assert both(jws, [BOB]) == both(jws, [ALICE], SDIST, SHA) == both(jws, [ALICE], WHEEL, OTHER_SHA) == set()


def test_what_the_signer_signs_we_accept() -> None:
    jws = signer.sign_release([ALICE, BOB], FILES, "demo", "1.0")
    assert both(jws, [ALICE, BOB, EVE], threshold=2) == {ALICE.raw, BOB.raw}
    assert both(jws, [ALICE, EVE], threshold=2) == set()


def test_our_files_on_disk_are_read_by_the_checker(tmp_path: Path) -> None:
    for name, data in ((WHEEL, makers.make_wheel("demo", "1.0")), (SDIST, makers.make_sdist("demo", "1.0"))):
        (tmp_path / name).write_bytes(data)
    paths = [tmp_path / WHEEL, tmp_path / SDIST]
    statement = sign_in_wheels(read_release(paths), SigningKey(ALICE.seed), tmp_path / "releases").statement
    names = {ALICE.thumbprint: ALICE.raw}
    for path in paths:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert checker.speaks_for(statement.read_bytes(), names, path.name, digest) == {ALICE.raw}
    assert checker.speaks_in_wheel(paths[0].read_bytes(), names, WHEEL) == {ALICE.raw}


versions = st.from_regex(
    r"([1-9]!)?[0-9]{1,2}(\.[0-9]{1,2}){0,2}(rc[1-9]|a1|b2)?(\.post[1-9])?(\.dev[1-9])?(\+[a-z]{1,3})?", fullmatch=True
)
projects = st.from_regex(r"[a-z][a-z0-9]{0,5}([._-][a-z0-9]{1,4})?", fullmatch=True)


@given(
    project=projects,
    version=versions,
    digest=st.binary(min_size=32, max_size=32),
    seed=st.binary(min_size=32, max_size=32),
)
def test_any_release_is_signed_and_checked_both_ways(project: str, version: str, digest: bytes, seed: bytes) -> None:
    one = Signer(seed)
    filename = f"{project.replace('-', '_').replace('.', '_')}-{version}-py3-none-any.whl"
    stated = parse_filename(filename)
    we = sign_statement(
        make_statement(project, version, [(filename, digest.hex())])
        if stated.version == version
        else make_statement(project, stated.version, [(filename, digest.hex())]),
        [SigningKey(seed)],
    )
    they = signer.sign_release([one], {filename: digest.hex()}, project, version)
    for jws in (we, they):
        assert both(jws, [one], filename, digest.hex()) == {one.raw}
        assert both(jws, [one], filename, digest[::-1].hex()) == ({one.raw} if digest == digest[::-1] else set())


# What hypothesis makes of a statement

VALUES: list[Any] = [None, True, 0, 1.5, "", "x", [], {}, ["x"], {"x": "y"}]
VALUES += ["Ed25519", "EdDSA", "none", "ES256", "HS256", "JWT", "https://slsa.dev/provenance/v1"]
VALUES += [signer.TYP, signer.STATEMENT_TYPE, signer.PREDICATE_TYPE]
VALUES += [ALICE.thumbprint, BOB.thumbprint, EVE.thumbprint, WHEEL, SDIST, f"./{WHEEL}", WHEEL.upper(), "RECORD", ".."]
VALUES += [
    SHA,
    OTHER_SHA,
    SHA[:-1],
    SHA.upper(),
    OTHER_SHA.upper(),
    {"sha256": SHA},
    {"sha256": OTHER_SHA},
    {"sha512": SHA * 2},
]
VALUES += [{"sha256": SHA, "md5": "x"}, {"sha256": SHA, "md5": 1}, {"sha256": OTHER_SHA.upper()}]
PURLS = [
    "demo@1.0",
    "Demo@1.0",
    "de.mo@1.0",
    "demo@1.0.0",
    "demo@1",
    "demo@1.1",
    "demo@v1.0",
    "demo@1%2E0",
    "other@1.0",
]
PURLS += ["demo@1.0%2Bx", "demo@1.0+x", "demo@0!1.0", "demo@0%211.0", "demo", "demo@", "demo@1.0?x=y", "demo@1.0#x"]
PURLS += ["x/demo@1.0", "demo@1.0 ", "%64emo@1.0", "demo@one", "demo@1.0%zz", "demo@1.0%", "demo@%ff"]
VALUES += [f"pkg:pypi/{purl}" for purl in PURLS] + ["pkg:npm/demo@1.0", "PKG:pypi/demo@1.0"]
NAMES = ["payload", "signatures", "protected", "signature", "header", "alg", "kid", "typ", "crit", "b64", "jwk", "jku"]
NAMES += ["_type", "subject", "predicateType", "predicate", "purl", "name", "digest", "sha256", "sha512", "approved"]
NAMES += ["uri", "annotations", "mediaType", "content", "downloadLocation"]


def paths_of(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for name, item in items for path in paths_of(item, (*at, name)))]


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """A JSON value with up to two places in it changed, removed, doubled or added."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 1, 2]))):
        places = [path for path in paths_of(value) if path]
        assume(places)
        *above, last = draw(st.sampled_from(places))
        parent = value
        for step in above:
            parent = parent[step]
        match draw(st.sampled_from(["set", "remove", "double", "add", "move"])):
            case "set":
                parent[last] = copy.deepcopy(draw(st.sampled_from(VALUES)))
            case "remove":
                del parent[last]
            case "double" if isinstance(parent, list):
                parent.append(copy.deepcopy(parent[last]))
            case "add" if isinstance(parent, dict):
                parent[draw(st.sampled_from(NAMES))] = copy.deepcopy(draw(st.sampled_from(VALUES)))
            case "move" if isinstance(parent, dict):
                parent[draw(st.sampled_from(NAMES))] = parent.pop(last)
            case _:
                pass
    return value


@st.composite
def statements(draw: st.DrawFn) -> bytes:
    """A JWS of which any layer may be off, and whose signatures are good over what it is."""
    said = draw(mutated(signer.statement(FILES, "pkg:pypi/demo@1.0")))
    payload = b64u(to_json(said))
    entries = []
    for one in draw(st.lists(st.sampled_from([ALICE, ALICE, BOB, EVE]), min_size=1, max_size=3)):
        header = b64u(to_json(draw(mutated(signer.protected(one)))))
        over = draw(st.sampled_from([payload] * 6 + [payload + "A", ""]))
        value = one.sign(f"{header}.{over}".encode())
        entries.append({"protected": header, "signature": b64u(value)})
    return to_json(draw(mutated({"payload": payload, "signatures": entries})))


@settings(max_examples=400)
@given(
    jws=statements(),
    filename=st.sampled_from([WHEEL, WHEEL, SDIST]),
    sha256=st.sampled_from([SHA, SHA, OTHER_SHA]),
    threshold=st.integers(1, 2),
)
def test_both_answer_the_same_about_statements_of_any_shape(
    jws: bytes, filename: str, sha256: str, threshold: int
) -> None:
    both(jws, [ALICE, BOB], filename, sha256, threshold)


def every_change(value: Any) -> Iterator[Any]:
    """The value with each one of its places in turn set to each of VALUES, removed, or called by each of NAMES."""
    for *above, last in filter(None, paths_of(value)):
        for new in [*VALUES, *(Ellipsis,), *NAMES]:
            changed = copy.deepcopy(value)
            parent = changed
            for step in above:
                parent = parent[step]
            if new is Ellipsis:
                del parent[last]
            else:
                parent[last] = copy.deepcopy(new)
            yield changed


def test_both_answer_the_same_about_every_single_change_of_a_statement() -> None:
    answers = []
    for said in every_change(signer.statement(FILES, "pkg:pypi/demo@1.0")):
        payload = to_json(said)
        answers.append(both(signer.jws(payload, [signer.signature(ALICE, payload)]), [ALICE]))
    assert len(answers) > 1000
    assert 20 < sum(map(bool, answers)) < 300


def test_both_answer_the_same_about_every_single_change_of_a_header() -> None:
    payload = b64u(to_json(signer.statement(FILES, "pkg:pypi/demo@1.0")))
    accepted = 0
    for header in every_change(signer.protected(ALICE)):
        protected = b64u(to_json(header))
        value = b64u(ALICE.sign(f"{protected}.{payload}".encode()))
        entries = [{"protected": protected, "signature": value}]
        accepted += bool(both(to_json({"payload": payload, "signatures": entries}), [ALICE]))
    assert accepted == 4  # what it was, thrice, and the algorithm's older name


def test_both_answer_the_same_about_every_single_change_of_the_whole() -> None:
    for document in every_change(json.loads(GOOD)):
        assert both(to_json(document), [ALICE]) == set()


GOOD = signer.sign_release([ALICE], FILES, "demo", "1.0")


@settings(max_examples=400)
@given(
    at=st.integers(0, len(GOOD) - 1),
    bit=st.integers(0, 7),
    cut=st.integers(0, 3),
    more=st.sampled_from([b"", b" ", b"\n", b"\0", b",", b"="]),
)
def test_both_answer_the_same_about_bytes_that_flipped_vanished_or_came(
    at: int, bit: int, cut: int, more: bytes
) -> None:
    flipped = bytes([GOOD[at] ^ (1 << bit)]) if not cut else b""
    both(GOOD[:at] + flipped + more + GOOD[at + max(cut, 1) :], [ALICE])


TEXTS = [
    GOOD.replace(b'{"payload"', b'{"payload":"x","payload"'),
    GOOD.replace(b'"signatures":[', b'"signatures":[],"signatures":['),
    b"\xef\xbb\xbf" + GOOD,
    GOOD.decode().encode("utf-16"),
    GOOD + b"\n",
    b" \t\r\n" + GOOD,
    GOOD + GOOD,
    GOOD.replace(b'"}]}', b'="}]}'),
    GOOD.replace(b'"}]}', b'","header":{}}]}'),
    GOOD.replace(b'"}]}', b'"},{}]}'),
    GOOD.replace(b'"}]}', b'"}],"x":NaN}'),
    GOOD.replace(b'"payload":"', b'"payload":"\\ud800'),
    b"[" * 40 + b"]" * 40,
    json.dumps(json.loads(GOOD), indent=3, sort_keys=True).encode(),
    GOOD.replace(b"payload", b"\\u0070ayload"),
]


@pytest.mark.parametrize("text", TEXTS)
def test_both_answer_the_same_about_json_that_readers_take_differently(text: bytes) -> None:
    both(text, [ALICE])


def test_the_generators_reach_both_answers() -> None:
    """Else the tests above would hold for two that always refuse."""
    answers: list[bool] = []

    @settings(max_examples=200, database=None)
    @given(jws=statements())
    def collect(jws: bytes) -> None:
        answers.append(bool(both(jws, [ALICE, BOB])))

    collect()
    assert min(answers.count(True), answers.count(False)) >= 20


# Key lists

ODD: dict[str, list[Any]] = {  # what a member of an entry may be instead
    "kid": ["2026", BOB.thumbprint, 1, None],
    "use": ["enc", "sig", None],
    "key_ops": [["verify"], ["sign"], "verify", []],
    "alg": ["EdDSA", "RS256", "Ed25519"],
    "kty": ["EC", "OKP", 1],
    "crv": ["X25519", "Ed448"],
    "x": [BOB.jwk()["x"], b64u(bytes(32)), b64u(b"\1" + bytes(31)), "A", "", 1],
    "d": ["x"],
    "new": [{}],
}


@st.composite
def key_lists(draw: st.DrawFn) -> bytes:
    times = st.sampled_from([0, 1, NOW - 1, NOW, NOW + 1, 4e9, -1, 1e15, "1", True, None])
    entries = []
    for one in draw(st.lists(st.sampled_from([ALICE, BOB, EVE]), max_size=3, unique=True)):
        entry = one.jwk()
        for name in draw(st.sets(st.sampled_from(["iat", "nbf", "exp"]))):
            entry[name] = draw(times)
        if draw(st.integers(0, 7)) == 0:
            entry["revoked"] = draw(st.sampled_from([{"revoked_at": 1}, {"revoked_at": 4e9, "reason": "x"}, {}, 1]))
        if draw(st.integers(0, 3)) == 0:
            member = draw(st.sampled_from(sorted(ODD)))
            entry[member] = draw(st.sampled_from(ODD[member]))
        if draw(st.integers(0, 5)) == 0:
            del entry[draw(st.sampled_from(sorted(entry)))]
        entries.append(entry)
    return to_json({"keys": entries} | draw(st.sampled_from([{}, {}, {"new": 1}])))


@settings(max_examples=400)
@given(data=key_lists(), kid=st.sampled_from([None, None, "2026"]))
def test_both_answer_the_same_about_key_lists(data: bytes, kid: str | None) -> None:
    payload = to_json(signer.statement(FILES, "pkg:pypi/demo@1.0"))
    members = {} if kid is None else {"kid": kid}
    jws = signer.jws(payload, [signer.signature(ALICE, payload, **members), signer.signature(BOB, payload)])
    try:
        mine = ours(jws, Pin(key_list=LIST_URL), parse_key_list(data))
        refused = False
    except EvidenceError:
        mine, refused = set(), True
    try:
        names = checker.read_key_list(data, NOW)
    except Refused:
        assert refused, data
        return
    assert not refused, data
    assert mine == theirs(lambda: checker.speaks_for(jws, names, WHEEL, SHA)), data


# Inside wheels


def inside_ours(data: bytes, signers: Sequence[Signer], filename: str = WHEEL) -> set[bytes]:
    """By which keys we accept the wheel for what is inside."""
    try:
        facts = read_wheel(io.BytesIO(data), len(data), parse_filename(filename))
    except EvidenceError:
        return set()
    place, record = Place("in-wheel", "x"), facts.record_signed_sha256
    evidence = Evidence("in-wheel", place, facts.release_jws or b"", record, wheel_tags=facts.tags)
    pin = Pin(tuple(key(one) for one in signers))
    artifact = parse_filename(filename, sha256=facts.sha256)
    verdict = verify(artifact, (Found(evidence),), (pin,), {}, Rules(), NOW)
    return {found.raw for found in verdict.keys} if verdict.accepted else set()


def inside(data: bytes, signers: Sequence[Signer], filename: str = WHEEL) -> tuple[set[bytes], set[bytes]]:
    """What ours and what theirs say of it."""
    names = {one.thumbprint: one.raw for one in signers}
    return inside_ours(data, signers, filename), theirs(lambda: checker.speaks_in_wheel(data, names, filename))


def makers_wheel(sign: Callable[[str], bytes]) -> bytes:
    return makers.make_wheel("demo", "1.0", sign=sign)


@pytest.mark.parametrize(
    ("sign", "accepted"),
    [
        (lambda digest: signer.sign_release([ALICE], {"RECORD": digest}, "demo", "1.0"), True),
        (lambda digest: signer.sign_release([ALICE], {"RECORD": digest}, "Demo", "1.0.0"), True),
        (lambda digest: signer.sign_release([EVE], {"RECORD": digest}, "demo", "1.0"), False),
        (lambda digest: signer.sign_release([ALICE], {"RECORD": digest}, "demo", "1.1"), False),
        (lambda digest: signer.sign_release([ALICE], {"RECORD": digest}, "other", "1.0"), False),
        (lambda digest: signer.sign_release([ALICE], {WHEEL: digest}, "demo", "1.0"), False),
        (lambda digest: signer.sign_release([ALICE], {"RECORD": digest, WHEEL: digest}, "demo", "1.0"), False),
        (lambda digest: signer.sign_release([ALICE], {"RECORD": digest[::-1]}, "demo", "1.0"), False),
        (lambda _: b"{}", False),
    ],
)
def test_both_answer_the_same_about_what_is_inside_a_wheel(sign: Callable[[str], bytes], accepted: object) -> None:
    expected = {ALICE.raw} if accepted else set()
    assert inside(makers_wheel(sign), [ALICE, BOB]) == (expected, expected)


def test_both_refuse_a_wheel_under_another_name() -> None:
    data = makers_wheel(lambda digest: signer.sign_release([ALICE], {"RECORD": digest}, "demo", "1.0"))
    for name in ("demo-1.1-py3-none-any.whl", "other-1.0-py3-none-any.whl", "demo-1.0-cp312-cp312-win_amd64.whl"):
        assert inside(data, [ALICE], name) == (set(), set())


@given(
    contents=st.dictionaries(
        st.from_regex(r"[a-z]{1,3}(,?[a-z])?\.py", fullmatch=True), st.binary(max_size=60), max_size=4
    ),
    seed=st.binary(min_size=32, max_size=32),
)
def test_what_the_signer_puts_into_any_wheel_both_accept(contents: dict[str, bytes], seed: bytes) -> None:
    one = Signer(seed)
    files = {f"demo/{name}": data for name, data in contents.items()}
    data = makers.make_wheel(
        "demo", "1.0", files, sign=lambda digest: signer.sign_release([one], {"RECORD": digest}, "demo", "1.0")
    )
    assert inside(data, [one]) == ({one.raw}, {one.raw})


SIGNED = makers_wheel(lambda digest: signer.sign_release([ALICE], {"RECORD": digest}, "demo", "1.0"))


@settings(max_examples=300)
@given(at=st.integers(0, len(SIGNED) - 1), bit=st.integers(0, 7))
def test_what_we_accept_a_plain_reader_accepts_too(at: int, bit: int) -> None:
    """The other way round it does not hold, and must not: that is what reading strictly is for."""
    data = SIGNED[:at] + bytes([SIGNED[at] ^ (1 << bit)]) + SIGNED[at + 1 :]
    if inside_ours(data, [ALICE]):
        assert checker.speaks_in_wheel(data, {ALICE.thumbprint: ALICE.raw}, WHEEL) == {ALICE.raw}


def test_some_flipped_bits_are_accepted_by_both() -> None:
    """A file's time is covered by nothing that is in the wheel; else the test above would hold for one that refuses."""
    flips = [SIGNED[:at] + bytes([SIGNED[at] ^ 1]) + SIGNED[at + 1 :] for at in range(0, len(SIGNED), 7)]
    assert sum(bool(inside_ours(data, [ALICE])) for data in flips) >= 1


# Vectors from elsewhere


def test_both_answer_the_same_about_the_jws_vectors() -> None:
    """They are compact or have no ``typ``, so what is told apart here is the header's own rules and the signature."""
    document = json.loads((vectors_dir("jws") / "cases.json").read_text("utf-8"))
    raw = checker.gate(checker.b64u(document["public_jwk"]["x"], 32))
    answers = {case["name"]: judged_as_vector(case["jws"], {"k1": raw}) for case in document["cases"]}
    assert len(answers) == 31
    assert answers == {case["name"]: case["valid"] for case in document["cases"]}


def judged_as_vector(text: str, keys: Mapping[str, bytes]) -> bool:
    try:
        if text.startswith("{"):
            parsed = checker.exactly(checker.read_object(text.encode()), ("payload", "signatures"))
            entries = [checker.exactly(entry, ("protected", "signature")) for entry in parsed["signatures"]]
            payload = parsed["payload"]
        else:
            protected, payload, value = text.split(".")
            entries = [{"protected": protected, "signature": value}]
        checker.b64u(payload)
        for entry in entries:
            header = checker.exactly(checker.read_object(checker.b64u(entry["protected"])), ("alg", "kid"))
            checker.demand(header["alg"] in ("Ed25519", "EdDSA"), "another algorithm")
            message = f"{entry['protected']}.{payload}".encode()
            if header["kid"] in keys and checker.verifies(
                keys[header["kid"]], message, checker.b64u(entry["signature"], 64)
            ):
                return True
    except (Refused, ValueError):
        pass
    return False


def test_both_answer_the_same_about_json_vectors() -> None:
    cases = json.loads((vectors_dir("json") / "jsontestsuite.json").read_text("utf-8"))
    assert len(cases) == 317
    for name, encoded in cases.items():
        data = base64.b64decode(encoded)
        try:
            mine: Any = json_decode(data, name, max_bytes=1 << 20)
        except EvidenceError:
            with pytest.raises(Refused):
                checker.read_json(data)
        else:
            assert checker.read_json(data) == mine, name


def ed25519_cases() -> list[tuple[str, bytes, str]]:
    folder = vectors_dir("ed25519")
    cctv, wycheproof, speccheck = (
        json.loads((folder / f"{name}.json").read_text("utf-8")) for name in ("cctv", "wycheproof", "speccheck")
    )
    cases = [(case["key"], case["msg"].encode(), case["sig"]) for case in cctv]
    cases += [
        (group["publicKey"]["pk"], bytes.fromhex(case["msg"]), case["sig"])
        for group in wycheproof["testGroups"]
        for case in group["tests"]
    ]
    return cases + [(case["pub_key"], bytes.fromhex(case["message"]), case["signature"]) for case in speccheck]


def test_both_answer_the_same_about_ed25519_vectors() -> None:
    cases = ed25519_cases()
    assert len(cases) == 914 + 151 + 12
    accepted = 0
    for raw, message, signature in cases:
        try:
            mine = PublicKey.from_raw(bytes.fromhex(raw)).verifies(message, bytes.fromhex(signature))
        except EvidenceError:
            mine = False
        try:
            their = checker.verifies(checker.gate(bytes.fromhex(raw)), message, bytes.fromhex(signature))
        except Refused:
            their = False
        assert mine == their, (raw, signature)
        accepted += mine
    assert accepted == 1 + 88


def test_no_crafted_wheel_that_we_accept_is_one_that_a_plain_reader_refuses() -> None:
    folder = vectors_dir("wheels")
    cases = json.loads((folder / "expected.json").read_text())
    assert len(cases) == 46
    accepted = []
    for name, case in cases.items():
        data = (folder / name / case["file"]).read_bytes()
        try:
            read_wheel(io.BytesIO(data), len(data), parse_filename(case["file"]))
        except EvidenceError:
            continue
        accepted.append(name)
        with zipfile.ZipFile(io.BytesIO(data)) as wheel:
            inside = checker.dist_info(wheel)
            checker.check_record(wheel, wheel.read(f"{inside}/RECORD"), inside)
    assert "a00_ok" in accepted
    assert len(accepted) <= 3


def test_the_signer_s_legacy_signature_is_read_by_both() -> None:
    from pip_verify.evidence.record_jws import parse

    data = makers.make_wheel("demo", "1.0")
    with zipfile.ZipFile(io.BytesIO(data)) as wheel:
        record = wheel.read("demo-1.0.dist-info/RECORD")
    jws = signer.sign_record_jws([ALICE, BOB], record)
    data = makers.make_wheel("demo", "1.0", legacy_sign=lambda _: jws)
    assert checker.speaks_legacy(data, [ALICE.raw]) == {ALICE.raw}
    with pytest.raises(Refused):
        checker.speaks_legacy(data, [EVE.raw])
    assert [found.kid for found in parse(jws).signatures] == [ALICE.thumbprint, BOB.thumbprint]


# openssl

RECIPE = "## Check a signature without pip-verify"


def recipe() -> str:
    (script,) = re.findall(r"^```sh\n(.*?)^```$", section("docs/signing.md", RECIPE), re.DOTALL | re.MULTILINE)
    return str(script)


def run_recipe(directory: Path, statement: Path, public: str) -> subprocess.CompletedProcess[str]:
    (directory / "check.sh").write_text(recipe(), "utf-8")
    command = ["sh", "check.sh", str(statement), public]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def openssl_3() -> None:
    found = shutil.which("openssl")
    told = subprocess.run([found, "version"], capture_output=True, text=True, check=False).stdout if found else ""
    if not re.match(r"OpenSSL ([3-9]|\d\d)\.", told):
        pytest.skip(f"the recipe needs openssl 3, and here is {told.strip() or 'none'}")


@pytest.mark.usefixtures("openssl_3")
def test_openssl_verifies_one_of_our_signatures_by_the_recipe_in_the_docs(tmp_path: Path) -> None:
    store(tmp_path / "signing.key", ALICE.seed, None)
    (tmp_path / SDIST).write_bytes(makers.make_sdist("demo", "1.0"))
    path = sign_artifacts([tmp_path / SDIST], SigningKey(BOB.seed), tmp_path / "releases")
    path = sign_artifacts([tmp_path / SDIST], SigningKey(ALICE.seed), tmp_path / "releases")
    for one in (ALICE, BOB):
        done = run_recipe(tmp_path, path, one.text)
        assert (done.returncode, done.stdout.splitlines()[0]) == (0, "Signature Verified Successfully"), done
        digest = hashlib.sha256((tmp_path / SDIST).read_bytes()).hexdigest()
        assert done.stdout.splitlines()[1:] == ["pkg:pypi/demo@1.0", f"{digest}  {SDIST}"]
    compare = ["sha256sum", "-c"]  # what one does with the last lines
    listed = subprocess.run(
        compare, cwd=tmp_path, input=done.stdout.splitlines()[2], text=True, check=True, capture_output=True
    )
    assert listed.stdout == f"{SDIST}: OK\n"


@pytest.mark.usefixtures("openssl_3")
def test_openssl_refuses_what_is_not_signed(tmp_path: Path) -> None:
    (tmp_path / SDIST).write_bytes(makers.make_sdist("demo", "1.0"))
    path = sign_artifacts([tmp_path / SDIST], SigningKey(ALICE.seed), tmp_path / "releases")
    stranger = run_recipe(tmp_path, path, EVE.text)
    assert stranger.returncode != 0
    document = json.loads(path.read_bytes())
    said = json.loads(base64.urlsafe_b64decode(document["payload"] + "=="))
    said["subject"][0]["digest"]["sha256"] = "0" * 64
    path.write_bytes(to_json({**document, "payload": b64u(to_json(said))}))
    altered = run_recipe(tmp_path, path, ALICE.text)
    assert altered.returncode != 0
    assert "pkg:pypi" not in altered.stdout
