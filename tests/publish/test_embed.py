"""Signatures put into wheels: what changes in the file and what does not, read by our own strict reader, by zipfile and
by an independent reading of RECORD; and everything that leaves the wheel as it was."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pip_verify.artifact.name import parse_filename
from pip_verify.artifact.wheel import WheelFacts, read_wheel
from pip_verify.errors import EvidenceError, PipVerifyError, SourceError, UsageError
from pip_verify.evidence.release import parse
from pip_verify.publish import embed, rezip
from pip_verify.publish.artifacts import read_release
from pip_verify.publish.countersign import countersign, review
from pip_verify.publish.embed import list_signature, sign_in_wheels
from pip_verify.publish.keyfile import SigningKey
from pip_verify.publish.standing import Known, known_keys
from tests import signer
from tests.makers import make_sdist, make_wheel, record_of, wheel_files, zip_of
from tests.publish.test_sign import proved
from tests.signer import Signer

ROOT = Path(__file__).resolve().parent.parent.parent
ALICE, BOB = Signer.of("alice"), Signer.of("bob")
A, B = SigningKey(ALICE.seed), SigningKey(BOB.seed)
NAME, FOLDER = "demo-1.0-py3-none-any.whl", "demo-1.0.dist-info"
JWS, RECORD = f"{FOLDER}/release.jws", f"{FOLDER}/RECORD"


def save(directory: Path, data: bytes, name: str = NAME) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_bytes(data)
    return path


def wheel(directory: Path, name: str = NAME) -> Path:
    return save(directory, make_wheel("demo", "1.0"), name)


def sign_in(
    *paths: Path, key: SigningKey = A, to: str = "releases", known: Known | None = None, add: bool = False
) -> list[Path]:
    """Sign these files inside, with a statement in a directory beside the first's; returns what changed."""
    return sign_in_wheels(read_release(paths), key, paths[0].parent.parent / to, known, add=add)[0]


def facts(path: Path, data: bytes | None = None) -> WheelFacts:
    """What the strict reader finds in a wheel."""
    data = path.read_bytes() if data is None else data
    return read_wheel(io.BytesIO(data), len(data), parse_filename(path.name))


def left_alone(directory: Path, *paths: Path) -> None:
    """Nothing but these files is in the directory: nothing was left aside."""
    assert sorted(directory.iterdir()) == sorted(paths)


def refused(path: Path, error: type[PipVerifyError], match: str, **how: object) -> PipVerifyError:
    """Signing inside is refused with this error and leaves the wheel, byte for byte, and nothing beside it."""
    before, status = path.read_bytes(), path.stat()
    with pytest.raises(error, match=match) as caught:
        sign_in(path, **how)  # type: ignore[arg-type]
    assert path.read_bytes() == before
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (status.st_ino, status.st_mtime_ns)
    left_alone(path.parent, path)
    assert not list(path.parent.parent.rglob("*.jws"))
    return caught.value


def local_bytes(data: bytes) -> dict[str, bytes]:
    """Of each entry the bytes from its local header to the next one, by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
        ends = [*(info.header_offset for info in infos[1:]), archive.start_dir]
    return {info.filename: data[info.header_offset : end] for info, end in zip(infos, ends, strict=True)}


# What is in the wheel then


def signed_rows(record: bytes) -> bytes:
    """RECORD without the rows for release.jws and itself, as formats.md 4 has it."""
    own = (JWS.encode() + b",", RECORD.encode() + b",")
    return b"".join(line for line in record.splitlines(keepends=True) if not line.startswith(own))


def member(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(name)


def test_the_wheel_carries_what_an_independent_signer_writes(tmp_path: Path) -> None:
    path = wheel(tmp_path / "dist")
    record = signed_rows(member(path, RECORD))
    assert sign_in(path) == [path]
    assert facts(path).release_jws == member(path, JWS) == signer.sign_in_wheel([ALICE], record, "demo", "1.0")
    assert signed_rows(member(path, RECORD)) == record


def test_record_lists_it_with_its_digest_and_size_before_its_own_row(tmp_path: Path) -> None:
    path = wheel(tmp_path / "dist")
    before = list(csv.reader(io.StringIO(member(path, RECORD).decode())))
    sign_in(path)
    jws = member(path, JWS)
    digest = base64.urlsafe_b64encode(hashlib.sha256(jws).digest()).rstrip(b"=").decode()
    rows = list(csv.reader(io.StringIO(member(path, RECORD).decode())))
    assert rows == [*before[:-1], [JWS, f"sha256={digest}", str(len(jws))], [RECORD, "", ""]]


def test_the_statement_covers_the_new_bytes_and_the_sdist(tmp_path: Path) -> None:
    path = wheel(tmp_path / "dist")
    sdist = save(tmp_path / "dist", make_sdist("demo", "1.0"), "demo-1.0.tar.gz")
    sign_in(path, sdist)
    claim = parse((tmp_path / "releases" / "demo" / "1.0.jws").read_bytes())
    assert {one.name: one.sha256 for one in claim.subjects} == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (path, sdist)
    }


# What is reproducible and what stays


def test_the_same_input_gives_the_same_bytes_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [wheel(tmp_path / name / "dist") for name in ("one", "two")]
    sign_in(paths[0])
    os.utime(paths[1], (0, 0))
    now = time.time() + 365 * 86400
    monkeypatch.setattr(time, "time", lambda: now)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    sign_in(paths[1])
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_no_compressor_has_a_say_in_it(tmp_path: Path) -> None:
    path = wheel(tmp_path / "dist")
    sign_in(path)
    with zipfile.ZipFile(path) as archive:
        assert [archive.getinfo(name).compress_type for name in (JWS, RECORD)] == [zipfile.ZIP_STORED] * 2


def various() -> bytes:
    """A wheel of entries that differ in everything an entry may differ in; RECORD stands in their midst."""
    folder, files = FOLDER, wheel_files("demo", "1.0", {"demo/__init__.py": "x = 1\n", "demo/big": "a" * 9999})
    files[f"{folder}/RECORD"] = record_of(files, folder)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(_entry("demo/", 0o40755 << 16 | 0x10, (2001, 2, 3, 4, 5, 6), zipfile.ZIP_STORED), b"")
        for number, name in enumerate(sorted(files, reverse=True)):
            method = zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED
            mode = (0o100755 << 16) if number % 3 else 0
            archive.writestr(_entry(name, mode, (2020, 1, 1 + number, 2, 3, 2 * number), method), files[name])
        later = archive.infolist()[-1]
        later.extra = b""
    return buffer.getvalue()


def _entry(name: str, attributes: int, date: tuple[int, int, int, int, int, int], method: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, date)
    info.external_attr, info.compress_type = attributes, method
    return info


class _Unseekable(io.BytesIO):
    """Makes zipfile write data descriptors."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise io.UnsupportedOperation

    def tell(self) -> int:
        raise io.UnsupportedOperation


def with_descriptors() -> bytes:
    files = wheel_files("demo", "1.0")
    files[RECORD] = record_of(files, FOLDER)
    buffer = _Unseekable()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(_entry(name, 0o100644 << 16, (2022, 2, 2, 2, 2, 2), zipfile.ZIP_DEFLATED), data)
    return buffer.getvalue()


def with_zip64() -> bytes:
    """Local zip64 fields, as writers use them that do not know how large a file will be."""
    files = wheel_files("demo", "1.0")
    files[RECORD] = record_of(files, FOLDER)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files, reverse=True):
            with archive.open(zipfile.ZipInfo(name, (2022, 2, 2, 2, 2, 2)), "w", force_zip64=True) as target:
                target.write(files[name])
    return buffer.getvalue()


@pytest.mark.parametrize("make", [various, with_descriptors, with_zip64, lambda: make_wheel("demo", "1.0")])
def test_every_other_member_stays_byte_for_byte_and_in_order(make: object, tmp_path: Path) -> None:
    data = make()  # type: ignore[operator]
    path = save(tmp_path / "dist", data)
    facts(path)  # a strict wheel to begin with
    sign_in(path)
    before, after = local_bytes(data), local_bytes(path.read_bytes())
    assert [*after] == [*(name for name in before if name != RECORD), JWS, RECORD]
    assert {name: after[name] for name in before if name != RECORD} == {
        name: before[name] for name in before if name != RECORD
    }
    assert facts(path).tags == ("py3-none-any",)


@pytest.mark.parametrize("make", [various, with_descriptors, with_zip64])
def test_times_permissions_and_kinds_stay_and_the_new_file_has_records(make: object, tmp_path: Path) -> None:
    path = save(tmp_path / "dist", make())  # type: ignore[operator]
    with zipfile.ZipFile(path) as archive:
        before = {info.filename: info for info in archive.infolist()}
    sign_in(path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        for info in archive.infolist():
            like = before[RECORD if info.filename == JWS else info.filename]
            assert (info.date_time, info.external_attr, info.create_system) == (
                like.date_time,
                like.external_attr,
                like.create_system,
            )
            if info.filename not in (JWS, RECORD):
                assert (info.compress_type, info.flag_bits, info.extra) == (
                    like.compress_type,
                    like.flag_bits,
                    like.extra,
                )


def test_the_permissions_of_the_file_stay(tmp_path: Path) -> None:
    path = wheel(tmp_path / "dist")
    path.chmod(0o664)
    old = os.umask(0o077)
    try:
        sign_in(path)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o7777 == 0o664


def test_an_offset_is_moved_wherever_the_central_directory_states_it() -> None:
    """Behind RECORD's old place all offsets shrink; a zip64 field may state one, alone or beside the plain one."""
    size, packed, offset = 5, 5, 1000
    whole = struct.pack("<2H3Q", 1, 24, size, packed, offset)
    alone = struct.pack("<2HQ", 1, 8, offset)
    two = struct.pack("<2H2Q", 1, 16, size, packed)
    times = struct.pack("<2HBI", 0x5455, 5, 1, 7)
    long = 0xFFFFFFFF
    for stated, extra, expected in (
        ((packed, size, offset), b"", b""),
        ((packed, size, offset), times, times),
        ((packed, size, offset), times + whole, times + whole[:-8] + struct.pack("<Q", 7)),
        ((packed, size, long), alone + times, alone[:-8] + struct.pack("<Q", 7) + times),
        ((long, long, offset), two, two),
        ((long, long, long), whole, whole[:-8] + struct.pack("<Q", 7)),
    ):
        fields: tuple[Any, ...] = (b"PK\1\2", 20, 45, 0, 0, 0, 0, *stated[:2], 1, len(extra), 0, 0, 0, 0, stated[2])
        header = rezip._Central(rezip._CENTRAL.pack(*fields) + b"n" + extra, fields, b"n", offset)
        moved = rezip._moved(header, 7)
        assert moved[47:] == expected
        assert rezip._CENTRAL.unpack_from(moved)[-1] == (long if stated[2] == long else 7)
        assert rezip._moved(header, offset) == header.data


def test_numbers_too_large_for_their_fields_get_zip64_fields() -> None:
    fields: tuple[Any, ...] = (b"", 20, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0)
    like = rezip._Central(b"", fields, b"d/RECORD", 0)
    header = rezip._new_central(like, b"d/x", b"data", 5 << 32)
    assert rezip._CENTRAL.unpack_from(header)[2::13] == (45, 0xFFFFFFFF)
    assert header.endswith(b"d/x" + struct.pack("<2HQ", 1, 8, 5 << 32))
    assert rezip._ending([b"a"] * 3, 10) == b"aaa" + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 3, 3, 3, 10, 0)
    for count, start in ((65535, 10), (3, 5 << 32)):
        ending = rezip._ending([b"a"] * count, start)
        record = struct.unpack("<4sQ2H2I4Q", ending[count : count + 56])
        assert record == (b"PK\6\6", 44, 45, 45, 0, 0, count, count, count, start)
        assert ending[count + 56 : count + 76] == struct.pack("<4sIQI", b"PK\6\7", 0, start + count, 1)
        assert struct.unpack("<2IH", ending[-10:]) == (count, min(start, 0xFFFFFFFF), 0)


NAMES = st.text(st.characters(blacklist_categories=("C", "Z"), blacklist_characters="/\\:"), min_size=1, max_size=8)


@given(
    names=st.sets(NAMES.filter(lambda name: name.strip(". ")), max_size=6),
    ending=st.sampled_from(["\n", "\r\n"]),
    quoted=st.booleans(),
    last=st.booleans(),
    unended=st.booleans(),
)
def test_any_record_keeps_its_lines_and_gets_one(
    names: set[str], ending: str, *, quoted: bool, last: bool, unended: bool
) -> None:
    rows = [[f"demo/{name}", "sha256=x", "1"] for name in sorted(names)]
    rows.insert(len(rows) if last else 0, [RECORD, "", ""])
    text = io.StringIO()
    csv.writer(text, lineterminator=ending, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL).writerows(rows)
    record = text.getvalue().encode()
    record = record.removesuffix(ending.encode()) if unended else record
    listed = list_signature(record, FOLDER, b"jws")
    assert listed.count(b"release.jws,sha256=") == 1
    found = [row for row in csv.reader(io.StringIO(listed.decode(), newline="")) if row[0] != JWS]
    assert found == rows
    assert b"".join(line for line in listed.splitlines(keepends=True) if JWS.encode() not in line) == record
    assert list_signature(listed, FOLDER, b"other") == list_signature(record, FOLDER, b"other")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(contents=st.dictionaries(st.from_regex(r"[a-c]{1,3}\.py", fullmatch=True), st.binary(max_size=300), max_size=5))
def test_any_wheel_stays_the_one_it_was(contents: dict[str, bytes], tmp_path: Path) -> None:
    path = save(tmp_path / "dist", make_wheel("demo", "1.0", {f"demo/{name}": data for name, data in contents.items()}))
    before = facts(path)
    sign_in(path, to=f"releases-{time.monotonic_ns()}")
    after = facts(path)
    assert after.record_signed_sha256 == before.record_signed_sha256
    for name, data in contents.items():
        assert member(path, f"demo/{name}") == data


# Again, and by others


def test_signing_again_changes_nothing(tmp_path: Path) -> None:
    path = wheel(tmp_path / "dist")
    sign_in(path)
    before, statement = path.read_bytes(), (tmp_path / "releases" / "demo" / "1.0.jws").read_bytes()
    assert sign_in(path) == []
    assert path.read_bytes() == before
    assert (tmp_path / "releases" / "demo" / "1.0.jws").read_bytes() == statement
    left_alone(tmp_path / "dist", path)


def test_another_key_needs_to_say_add(tmp_path: Path) -> None:
    path = wheel(tmp_path / "dist")
    sign_in(path, to="old")
    (tmp_path / "old" / "demo" / "1.0.jws").unlink()
    error = refused(path, UsageError, "a wheel without a signature inside", key=B)
    assert "--add" in error.hint
    assert sign_in(path, key=B, add=True) == [path]
    jws = facts(path).release_jws
    assert jws
    assert proved(jws, A, B) == [A, B]


def both_sign_inside(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Alice has signed a wheel inside, and it and an sdist in the statement; returns all three."""
    path = wheel(tmp_path / "dist")
    sdist = save(tmp_path / "dist", make_sdist("demo", "1.0"), "demo-1.0.tar.gz")
    sign_in(path, sdist)
    return path, sdist, tmp_path / "releases" / "demo" / "1.0.jws"


def test_the_second_signer_works_in_the_same_tree(tmp_path: Path) -> None:
    path, sdist, statement = both_sign_inside(tmp_path)
    known = known_keys([A.public], now=0)
    done = sign_in_wheels(read_release([path, sdist]), B, tmp_path / "releases", known, add=True)
    assert (done.wheels, done.statement) == ([path], statement)
    assert [str(one) for one in done.superseded] == [f"{A.public}: verifies"]
    assert proved(facts(path).release_jws or b"", A, B) == [A, B]
    assert proved(statement.read_bytes(), A, B) == [B]
    assert {one.name: one.sha256 for one in parse(statement.read_bytes()).subjects} == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (path, sdist)
    }
    again = sign_in_wheels(read_release([path, sdist]), B, tmp_path / "releases", known, add=True)
    assert again == ([], statement, ())
    list(countersign(review([statement], [path, sdist], known_keys([B.public], now=0)), A))
    assert proved(statement.read_bytes(), A, B) == [A, B]


def test_our_own_earlier_signature_is_not_told_as_lost(tmp_path: Path) -> None:
    from tests.publish.support import sign_artifacts

    path = wheel(tmp_path / "dist")
    sign_artifacts([path], A, tmp_path / "releases")
    assert sign_in_wheels(read_release([path]), A, tmp_path / "releases", add=True).superseded == ()


@pytest.mark.parametrize("change", ["digest", "file", "more", "signature"])
def test_a_statement_about_anything_else_is_not_replaced(change: str, tmp_path: Path) -> None:
    """Only the one about just these files is; and not when it was altered behind a known signer."""
    path, sdist, statement = both_sign_inside(tmp_path)
    said = json.loads(base64.urlsafe_b64decode(json.loads(statement.read_bytes())["payload"] + "=="))
    if change == "digest":
        said["subject"][1]["digest"]["sha256"] = "0" * 64
    elif change == "file":
        said["subject"].append({"name": "demo-1.0-1-py3-none-any.whl", "digest": {"sha256": "0" * 64}})
    elif change == "more":
        said["predicate"]["note"] = "more"
    data = signer.to_json(said)
    by = BOB if change == "signature" else ALICE
    statement.write_bytes(signer.jws(data, [signer.signature(by, data, kid=ALICE.thumbprint)]))
    before = [one.read_bytes() for one in (path, sdist, statement)]
    error, match = (EvidenceError, "that does not") if change == "signature" else (UsageError, "says something else")
    with pytest.raises(error, match=match):
        sign_in_wheels(
            read_release([path, sdist]), B, tmp_path / "releases", known_keys([A.public], now=0), add=True
        )
    assert [one.read_bytes() for one in (path, sdist, statement)] == before
    left_alone(tmp_path / "dist", path, sdist)


def test_the_order_of_two_signers_is_all_that_differs(tmp_path: Path) -> None:
    paths = [wheel(tmp_path / name / "dist") for name in ("one", "two")]
    sign_in(paths[0], key=A)
    sign_in(paths[0], key=B, add=True, to="again")
    sign_in(paths[1], key=A)
    sign_in(paths[1], key=B, add=True, to="again")
    assert paths[0].read_bytes() == paths[1].read_bytes()


def signed_by_hand(jws: bytes) -> bytes:
    """A strict wheel with this ``release.jws``, whatever it says."""
    return make_wheel("demo", "1.0", sign=lambda _: jws)


def test_a_signature_altered_behind_a_known_signer_is_not_joined(tmp_path: Path) -> None:
    jws = json.loads(
        signer.sign_release([ALICE], {"RECORD": facts(wheel(tmp_path)).record_signed_sha256}, "demo", "1.0")
    )
    jws["signatures"][0]["signature"] = signer.b64u(bytes(64))
    path = save(tmp_path / "dist", signed_by_hand(json.dumps(jws).encode()))
    refused(path, EvidenceError, "that does not", key=B, add=True, known=known_keys([A.public], now=0))
    refused(path, EvidenceError, "that does not", key=A)


@pytest.mark.parametrize(
    ("project", "version", "digest"), [("other", "1.0", None), ("demo", "1.1", None), ("demo", "1.0", "0" * 64)]
)
def test_a_signature_for_something_else_is_not_joined(
    project: str, version: str, digest: str | None, tmp_path: Path
) -> None:
    right = facts(wheel(tmp_path)).record_signed_sha256
    jws = signer.sign_release([ALICE], {"RECORD": digest or right}, project, version)
    path = save(tmp_path / "dist", signed_by_hand(jws))
    refused(path, EvidenceError, "one for other contents", key=B, add=True)


@pytest.mark.parametrize("members", [{"note": "more"}, {"purl": "pkg:pypi/Demo@1.0"}])
def test_a_signature_for_more_than_is_shown_is_not_joined(members: dict[str, str], tmp_path: Path) -> None:
    said = signer.statement({"RECORD": facts(wheel(tmp_path)).record_signed_sha256}, "pkg:pypi/demo@1.0")
    said["predicate"].update(members)
    data = signer.to_json(said)
    path = save(tmp_path / "dist", signed_by_hand(signer.jws(data, [signer.signature(ALICE, data)])))
    match = f"and of nothing else, got one with predicate: {next(iter(members))}"
    refused(path, UsageError, match, key=B, add=True, known=known_keys([A.public], now=0))


@pytest.mark.parametrize("jws", [b"", b"{}", b"torn"])
def test_a_malformed_signature_is_not_joined(jws: bytes, tmp_path: Path) -> None:
    refused(save(tmp_path / "dist", signed_by_hand(jws)), EvidenceError, "release.jws: ", key=B, add=True)


# What is refused


def test_a_legacy_signature_would_break(tmp_path: Path) -> None:
    data = make_wheel("demo", "1.0", legacy_sign=lambda _: b"{}")
    refused(save(tmp_path / "dist", data), UsageError, "RECORD.jws, which signs RECORD")


def test_a_wheel_under_tags_that_its_contents_do_not_state(tmp_path: Path) -> None:
    path = wheel(tmp_path / "dist", "demo-1.0-cp312-cp312-linux_x86_64.whl")
    error = refused(path, EvidenceError, "a file name with tags of py3-none-any")
    assert "without --in-wheel" in error.hint


def test_sdists_alone_cannot_be_signed_inside(tmp_path: Path) -> None:
    path = save(tmp_path / "dist", make_sdist("demo", "1.0"), "demo-1.0.tar.gz")
    refused(path, UsageError, "at least one wheel, got sdists")


def test_a_statement_about_the_old_bytes_is_in_the_way(tmp_path: Path) -> None:
    from tests.publish.support import sign_artifacts

    path = wheel(tmp_path / "dist")
    statement = sign_artifacts([path], A, tmp_path / "releases")
    before = path.read_bytes(), statement.read_bytes()
    with pytest.raises(UsageError, match=f"says something else of {NAME}"):
        sign_in(path)
    assert (path.read_bytes(), statement.read_bytes()) == before
    left_alone(tmp_path / "dist", path)


def test_one_bad_wheel_leaves_all_as_they_are(tmp_path: Path) -> None:
    good = wheel(tmp_path / "dist")
    bad = save(tmp_path / "dist", make_wheel("demo", "1.0", tag="cp39-abi3-linux_x86_64", legacy_sign=lambda _: b"{}"))
    bad = bad.rename(bad.with_name("demo-1.0-cp39-abi3-linux_x86_64.whl"))
    good = wheel(tmp_path / "dist")
    before = good.read_bytes(), bad.read_bytes()
    with pytest.raises(UsageError, match=r"RECORD\.jws"):
        sign_in(good, bad)
    assert (good.read_bytes(), bad.read_bytes()) == before
    left_alone(tmp_path / "dist", good, bad)


def test_a_link_in_the_wheels_place_is_refused(tmp_path: Path) -> None:
    real = wheel(tmp_path / "real")
    (tmp_path / "dist").mkdir()
    link = tmp_path / "dist" / NAME
    link.symlink_to(real)
    refused(link, UsageError, "got a symbolic link")


def test_a_wheel_that_changes_after_it_was_read_is_not_signed(tmp_path: Path) -> None:
    path = wheel(tmp_path / "dist")
    release = read_release([path])
    other = make_wheel("demo", "1.0", {"demo.py": "evil = True"})
    path.write_bytes(other)
    with pytest.raises(UsageError, match="nobody else changes"):
        sign_in_wheels(release, A, tmp_path / "releases")
    assert path.read_bytes() == other
    left_alone(tmp_path / "dist", path)


def test_nor_is_one_that_changes_while_it_is_signed(tmp_path: Path) -> None:
    path = wheel(tmp_path / "dist")
    other = make_wheel("demo", "1.0", {"demo.py": "evil = True"})

    def meanwhile(_: object) -> None:
        path.write_bytes(other)

    with pytest.raises(UsageError, match="nobody else changes"):
        sign_in_wheels(read_release([path]), A, tmp_path / "releases", show=meanwhile)
    assert path.read_bytes() == other
    left_alone(tmp_path / "dist", path)
    assert not list((tmp_path / "releases").rglob("*.jws"))


def test_nor_are_those_beside_it(tmp_path: Path) -> None:
    """Not one of two is replaced when the other changed."""
    paths = [wheel(tmp_path / "dist"), wheel(tmp_path / "dist", "demo-1.0-1-py3-none-any.whl")]
    before = [path.read_bytes() for path in paths]
    for changing in paths:

        def meanwhile(_: object, path: Path = changing) -> None:
            os.utime(path, (1, 1))

        with pytest.raises(UsageError, match="nobody else changes"):
            sign_in_wheels(read_release(paths), A, tmp_path / "releases", show=meanwhile)
        assert [path.read_bytes() for path in paths] == before

    def removed(_: object) -> None:
        paths[1].unlink()

    with pytest.raises(UsageError, match="No such file"):
        sign_in_wheels(read_release(paths), A, tmp_path / "releases", show=removed)
    left_alone(tmp_path / "dist", paths[0])


def test_a_wheel_that_slips_in_behind_all_that_is_not_signed_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has the old one's name, size and time, and whatever else a file is told by."""
    other = make_wheel("demo", "1.0", {"demo/__init__.py": "evil = True"})

    def slipped(_: object, __: int, name: str) -> rezip.OpenWheel:
        return rezip.open_wheel(io.BytesIO(other), len(other), name)

    monkeypatch.setattr(embed, "open_wheel", slipped)
    refused(wheel(tmp_path / "dist"), EvidenceError, "expected the wheel that was read, signed, got another one")


def test_a_directory_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = wheel(tmp_path / "dist")
    monkeypatch.setattr(Path, "replace", denied)
    refused(path, UsageError, "expected to be able to write it anew, got Permission denied")
    monkeypatch.setattr(os, "fsync", denied)
    refused(path, UsageError, "expected to be able to write it anew, got Permission denied")


def test_what_was_written_aside_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rewrite = rezip.rewrite

    def wrong(wheel: rezip.OpenWheel, signature: bytes, record: bytes, target: io.BytesIO) -> None:
        rewrite(wheel, signature, record.replace(b"demo", b"dem0", 1), target)

    monkeypatch.setattr(embed, "rewrite", wrong)
    refused(wheel(tmp_path / "dist"), EvidenceError, "a row in RECORD for each file|a file in the wheel")


# Accidents


class Gone:
    """An agent that signs once and is not there the second time."""

    def __init__(self) -> None:
        self.public = A.public
        self._left = 1

    def sign(self, message: bytes) -> bytes:
        if not self._left:
            raise SourceError("ssh-agent", expected="a running agent", got="none")
        self._left -= 1
        return A.sign(message)


def test_an_agent_that_goes_away_mid_way(tmp_path: Path) -> None:
    paths = [wheel(tmp_path / "dist"), wheel(tmp_path / "dist", "demo-1.0-1-py3-none-any.whl")]
    before = [path.read_bytes() for path in paths]
    with pytest.raises(SourceError, match="a running agent"):
        sign_in_wheels(read_release(paths), Gone(), tmp_path / "releases")
    assert [path.read_bytes() for path in paths] == before
    left_alone(tmp_path / "dist", *paths)


KILLED = """
import os, signal, sys
from pathlib import Path
from pip_verify.publish import embed
from pip_verify.publish.artifacts import read_release
from pip_verify.publish.countersign import countersign, review
from pip_verify.publish.keyfile import SigningKey
count = 0
def die(*_):
    global count
    count += 1
    if count == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
for name in ("rewrite", "_compose", "put", "_refuse_changed", "_sync_directories"):
    def wrapped(*arguments, _inner=getattr(embed, name), **named):
        die()
        return _inner(*arguments, **named)
    setattr(embed, name, wrapped)
paths = sorted(Path(sys.argv[1], "dist").iterdir())
embed.sign_in_wheels(read_release(paths), SigningKey(b"k" * 32), Path(sys.argv[1], "releases"), add=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("second", [False, True])
def test_killed_at_any_moment_every_wheel_is_whole_and_the_same_command_completes_it(
    tmp_path: Path, *, second: bool
) -> None:
    """Also when a second signer replaces the first one's statement."""
    names = (NAME, "demo-1.0-1-py3-none-any.whl")

    def lay_out(place: Path) -> None:
        paths = [wheel(place / "dist", name) for name in names]
        if second:
            sign_in(*paths)

    whole = tmp_path / "whole"
    lay_out(whole)
    old = {name: (whole / "dist" / name).read_bytes() for name in names}
    run = [sys.executable, "-c", KILLED]
    assert subprocess.run([*run, str(whole), "0"], cwd=ROOT, check=False).returncode == 0
    new = {name: (whole / "dist" / name).read_bytes() for name in names}
    statement = (whole / "releases" / "demo" / "1.0.jws").read_bytes()
    key = SigningKey(b"k" * 32)
    assert proved(statement, A, key) == [key]
    for moment in range(1, 9):
        place = tmp_path / str(moment)
        lay_out(place)
        done = subprocess.run([*run, str(place), str(moment)], cwd=ROOT, check=False)
        assert done.returncode == -9, moment
        assert all((place / "dist" / name).read_bytes() in (old[name], new[name]) for name in names)
        for aside in (place / "dist").glob(".*"):
            aside.unlink()
        sign_in_wheels(read_release(sorted((place / "dist").iterdir())), key, place / "releases", add=True)
        assert {name: (place / "dist" / name).read_bytes() for name in names} == new
        assert (place / "releases" / "demo" / "1.0.jws").read_bytes() == statement


FULL = """
import resource, sys
from pathlib import Path
from pip_verify.errors import UsageError
from pip_verify.publish.artifacts import read_release
from pip_verify.publish.countersign import countersign, review
from pip_verify.publish.embed import sign_in_wheels
from pip_verify.publish.keyfile import SigningKey
path = Path(sys.argv[1])
release = read_release([path])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    sign_in_wheels(release, SigningKey(b"k" * 32), path.parent.parent / "releases")
except UsageError as error:
    print(error, "|", error.hint)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits")
def test_a_disk_that_is_full_while_embedding(tmp_path: Path) -> None:
    """A limit on the size of files stops writing half-way, as a full disk does."""
    path = wheel(tmp_path / "dist")
    before = path.read_bytes()
    for limit in (10, 500, len(before)):
        command = [sys.executable, "-c", FULL, str(path), str(limit)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.stdout == (
            f"{path}: expected to be able to write it anew, got File too large | the file is as it was before\n"
        ), done.stderr
        assert path.read_bytes() == before
        left_alone(tmp_path / "dist", path)
        assert not list((tmp_path / "releases").rglob("*.jws"))


def test_memory_does_not_grow_with_the_wheel(tmp_path: Path) -> None:
    """Blocks are copied, not files read whole."""
    path = save(tmp_path / "dist", make_wheel("demo", "1.0", {"demo/big": os.urandom(16 << 20)}))
    tracemalloc.start()
    try:
        sign_in(path)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_zip_of_and_ours_agree_on_what_a_wheel_is(tmp_path: Path) -> None:
    """The makers' own in-wheel signature is the one that is made here, in another container."""
    path = wheel(tmp_path / "dist")
    sign_in(path)
    jws = member(path, JWS)
    files = wheel_files("demo", "1.0")
    files[JWS] = jws
    files[RECORD] = record_of(files, FOLDER)
    assert facts(path, zip_of(files)).record_sha256 == facts(path).record_sha256
