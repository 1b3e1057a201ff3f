"""What a wheel must be: each attack is otherwise sound, RECORD included, so that only its own rule can refuse it."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping

import pytest

from pip_verify.artifact.limits import DEFAULT, Limits
from pip_verify.artifact.name import parse_filename
from pip_verify.artifact.wheel import WheelFacts, read_wheel
from pip_verify.errors import EvidenceError
from tests.artifact.rawzip import UTF8, Raw, raw_zip
from tests.artifact.support import refusing
from tests.makers import make_wheel, metadata_of, record_of, record_row, rows_of, wheel_files, zip_of
from tests.vectors import vectors_dir

NAME = "demo-1.0-py3-none-any.whl"
FOLDER = "demo-1.0.dist-info"
DATA = "demo-1.0.data"

Files = dict[str, bytes]


def read(data: bytes, filename: str = NAME, limits: Limits = DEFAULT) -> WheelFacts:
    return read_wheel(io.BytesIO(data), len(data), parse_filename(filename), limits)


def accepted(data: bytes, filename: str = NAME) -> None:
    assert read(data, filename).sha256 == hashlib.sha256(data).hexdigest()


refused = refusing(read, NAME)


def demo() -> Files:
    """The demo wheel's files but RECORD."""
    return wheel_files("demo", "1.0")


def with_files(files: Mapping[str, bytes]) -> bytes:
    """The demo wheel with these files too, all of them in RECORD."""
    found = {**demo(), **files}
    return zip_of({**found, f"{FOLDER}/RECORD": record_of(found, FOLDER)})


def with_record(record: bytes, files: Mapping[str, bytes] | None = None) -> bytes:
    return zip_of({**(demo() if files is None else files), f"{FOLDER}/RECORD": record})


# What is sound


def test_the_facts_of_a_wheel() -> None:
    data = make_wheel("demo", "1.0", sign=lambda digest: digest.encode(), legacy_sign=lambda digest: digest.encode())
    files = wheel_files("demo", "1.0")
    signature = hashlib.sha256(rows_of(files)).hexdigest()
    record = record_of({**files, f"{FOLDER}/release.jws": signature.encode()}, FOLDER)
    metadata = metadata_of("demo", "1.0").encode()
    legacy = hashlib.sha256(record).hexdigest()
    assert read(data) == WheelFacts(
        sha256=hashlib.sha256(data).hexdigest(),
        metadata=metadata,
        metadata_sha256=hashlib.sha256(metadata).hexdigest(),
        release_jws=signature.encode(),
        record_jws=legacy.encode(),
        record_sha256=legacy,
        record_signed_sha256=signature,
        tags=("py3-none-any",),
    )


def test_a_wheel_without_signatures() -> None:
    facts = read(make_wheel("demo", "1.0"))
    assert facts.release_jws is None
    assert facts.record_jws is None


@pytest.mark.parametrize(
    ("project", "version", "filename"),
    [
        ("Demo.Pkg", "1.0", "Demo_Pkg-1.0.0-py2.py3-none-any.whl"),
        ("demo-pkg", "1.0+local.1", "demo_pkg-1.0+local_1-7-cp311-cp311-linux_x86_64.whl"),
        ("demo", "2!1.0.post1", "demo-2!1.0.post1-py3-none-any.whl"),
    ],
)
def test_spellings_of_one_name_and_version(project: str, version: str, filename: str) -> None:
    accepted(make_wheel(project, version), filename)


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_digests_of_three_kinds(algorithm: str) -> None:
    accepted(with_record(rows_of(demo(), algorithm) + f"{FOLDER}/RECORD,,\n".encode()))


@pytest.mark.parametrize("scheme", ["purelib", "platlib", "headers", "scripts", "data"])
def test_the_own_data_directory(scheme: str) -> None:
    files = {f"{DATA}/": b"", f"{DATA}/{scheme}/": b"", f"{DATA}/{scheme}/deep/x": b"x", f"{DATA}/{scheme}/y": b"y"}
    accepted(with_files(files))


def test_a_vendored_dist_info_directory_below_a_package() -> None:
    vendored = {"demo/_vendor/other-2.0.dist-info/METADATA": b"x", "demo/_vendor/other-2.0.dist-info/RECORD": b""}
    accepted(with_files(vendored))
    purelib = {f"{DATA}/purelib/{path}": data for path, data in vendored.items()}
    accepted(with_files(purelib))
    accepted(with_files({f"{DATA}/purelib/demo/other-2.0.dist-info/METADATA": b""}))


def test_files_that_only_look_as_if_they_were_installed_over_others() -> None:
    files = {"x": b"", f"{DATA}/scripts/x": b"", f"{DATA}/data/x": b"", "zzz/purelib/x": b"", "purelib/x": b""}
    accepted(with_files(files))


def test_windows_line_ends_in_record_are_part_of_what_is_signed() -> None:
    record = record_of(demo(), FOLDER).replace(b"\n", b"\r\n")
    facts = read(with_record(record))
    assert facts.record_sha256 == hashlib.sha256(record).hexdigest()
    signed = record.replace(f"{FOLDER}/RECORD,,\r\n".encode(), b"")
    assert facts.record_signed_sha256 == hashlib.sha256(signed).hexdigest()


# RECORD against the files


@pytest.mark.parametrize(
    "path",
    ["evil.pth", f"{DATA}/scripts/evil", f"{FOLDER}/INSTALLER", f"{FOLDER}/RECORD.p7s", f"{FOLDER}/release.jws", "x"],
)
def test_a_file_that_is_not_listed(path: str) -> None:
    data = with_record(record_of(demo(), FOLDER), {**demo(), path: b"evil"})
    assert path in refused(data, "a row in RECORD for each file").subject


def test_a_listed_file_that_is_absent() -> None:
    refused(with_record(record_of({**demo(), "gone.py": b""}, FOLDER)), "a file in the wheel for each row")


def test_a_directory_that_is_listed() -> None:
    files = {**demo(), "demo/sub/": b""}
    record = record_row("demo/sub/", b"") + record_of(files, FOLDER)
    refused(with_record(record, files), "a file in the wheel for each row")


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("path", ["demo/__init__.py", f"{FOLDER}/METADATA", f"{FOLDER}/WHEEL", f"{FOLDER}/release.jws"])
def test_a_file_that_was_changed(path: str, algorithm: str) -> None:
    files = demo() | {f"{FOLDER}/release.jws": b"{}"}
    rows = rows_of(files, algorithm)
    data = files[path]
    changed = {**files, path: bytes([data[0] ^ 1]) + data[1:]}
    error = refused(with_record(rows + f"{FOLDER}/RECORD,,\n".encode(), changed), f"the {algorithm} digest in RECORD")
    assert path in error.subject


def test_a_file_of_another_size() -> None:
    size = len(demo()["demo/__init__.py"])
    record = record_of(demo(), FOLDER).replace(b",%d\n" % size, b",%d\n" % (size + 1), 1)
    refused(with_record(record), f"{size + 1} bytes, as RECORD says")


def test_a_legacy_signature_that_is_listed() -> None:
    refused(with_files({f"{FOLDER}/RECORD.jws": b"{}"}), "no row for a legacy signature file")


def test_no_record() -> None:
    refused(zip_of(demo()), f"a file {FOLDER}/RECORD")
    refused(zip_of({**demo(), f"{FOLDER}/RECORD/": b""}), f"a file {FOLDER}/RECORD")


def test_a_record_that_changes_between_its_two_readings() -> None:
    entries = [Raw(path, data, method=0) for path, data in demo().items()]
    record = record_of(demo(), FOLDER)
    good = raw_zip([*entries, Raw(f"{FOLDER}/RECORD", record, method=0)])
    # five bytes that change what they are added to, and not its CRC: the generator itself, its highest power first
    delta = int(f"{0x104C11DB7:b}"[::-1], 2).to_bytes(5, "little")
    position = good.index(record)
    changed = bytes(byte ^ change for byte, change in zip(good[position:], delta, strict=False))

    class Changing(io.BytesIO):
        def seek(self, offset: int, whence: int = 0) -> int:
            if offset == 0:  # the one pass over the whole file begins
                self.getbuffer()[position : position + 5] = changed
            return super().seek(offset, whence)

    assert read(good)
    with pytest.raises(EvidenceError) as caught:
        read_wheel(Changing(good), len(good), parse_filename(NAME))
    assert caught.value.subject == f"{NAME}: '{FOLDER}/RECORD'"
    assert caught.value.expected == "the sha256 digest in RECORD"


# .dist-info and .data


def test_no_dist_info_directory() -> None:
    error = refused(zip_of({"demo/__init__.py": b""}), "exactly one top-level .dist-info directory")
    assert error.got == "none"


@pytest.mark.parametrize("other", ["other-2.0.dist-info", "demo-1.0-1.DIST-INFO", "x.dist-info", "y.Dist-Info."])
def test_a_second_dist_info_directory(other: str) -> None:
    error = refused(with_files({f"{other}/METADATA": b"x"}), "exactly one top-level .dist-info directory")
    assert error.got == ", ".join(sorted([repr(FOLDER), repr(other)]))


def test_a_second_dist_info_directory_in_full_width_letters() -> None:
    files = demo()
    twin = "other-1.0.\uff44ist-info/METADATA"
    record = record_of({**files, twin: b"x"}, FOLDER)
    entries = [Raw(path, data) for path, data in files.items()]
    entries += [Raw(twin, b"x", flags=UTF8), Raw(f"{FOLDER}/RECORD", record)]
    refused(raw_zip(entries), "exactly one top-level .dist-info directory")


@pytest.mark.parametrize(
    "filename",
    [
        "other-1.0-py3-none-any.whl",
        "demo-1.1-py3-none-any.whl",
        "demo_1-0-py3-none-any.whl",
        "demo-1.0.1-py3-none-any.whl",
    ],
)
def test_a_dist_info_directory_of_another_name_or_version(filename: str) -> None:
    refused(make_wheel("demo", "1.0"), "as the file name says", filename)


def test_a_dist_info_directory_in_capitals() -> None:
    folder = "demo-1.0.DIST-INFO"
    files = {path.replace(FOLDER, folder): data for path, data in demo().items()}
    refused(zip_of({**files, f"{folder}/RECORD": record_of(files, folder)}), "as the file name says")


def test_a_dist_info_directory_in_capitals_that_is_a_local_version() -> None:
    folder = "demo-1.0+x.DIST-INFO"
    files = {path.replace(FOLDER, folder): data for path, data in demo().items()}
    data = zip_of({**files, f"{folder}/RECORD": record_of(files, folder)})
    refused(data, "the .dist-info directory of demo 1.0+x.dist.info", "demo-1.0+x.dist_info-py3-none-any.whl")


@pytest.mark.parametrize("other", ["zzz-9.data", "demo-1.1.data", "Demo-1.0.data", "x.DATA", "demo-1.0.data."])
def test_the_data_directory_of_another(other: str) -> None:
    refused(with_files({f"{other}/scripts/evil": b"x"}), f"no .data directory but {DATA}")


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        (f"{DATA}/evil/x", "in .data only purelib"),
        (f"{DATA}/Purelib/x", "in .data only purelib"),
        (f"{DATA}/evil/", "in .data only purelib"),
        (f"{DATA}/scripts", "files below .data in one of"),
        (f"{DATA}/x", "files below .data in one of"),
    ],
)
def test_an_unknown_place_in_the_data_directory(path: str, rule: str) -> None:
    refused(with_files({path: b""}), rule)


@pytest.mark.parametrize(
    "path",
    [
        f"{DATA}/purelib/other-2.0.dist-info/METADATA",
        f"{DATA}/platlib/other-2.0.Dist-Info/METADATA",
        f"{DATA}/purelib/{FOLDER}/RECORD",
        f"{DATA}/data/lib/python3.11/site-packages/other-2.0.dist-info/METADATA",
        f"{DATA}/purelib/other-2.0.dist-info/",
        f"{DATA}/data/other-2.0.dist-info/METADATA",
    ],
)
def test_another_projects_metadata_through_the_data_directory(path: str) -> None:
    refused(with_files({path: b""}), "no .dist-info directory below .data")


@pytest.mark.parametrize("scheme", ["purelib", "platlib"])
@pytest.mark.parametrize("path", ["demo/__init__.py", "Demo/__INIT__.py", "demo/__init__.py/x", "demo"])
def test_a_file_that_would_be_installed_over_another(scheme: str, path: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        read(with_files({f"{DATA}/{scheme}/{path}": b"evil"}))
    assert caught.value.expected in (
        "a name of its own, whatever its letter case and Unicode form",
        "nothing below a name that is no directory",
    )


def test_purelib_and_platlib_meet() -> None:
    files = {f"{DATA}/purelib/x.py": b"1", f"{DATA}/platlib/x.py": b"2"}
    refused(with_files(files), "a name of its own")


# METADATA, WHEEL, entry points, sizes


@pytest.mark.parametrize("name", ["METADATA", "WHEEL"])
def test_a_missing_file(name: str) -> None:
    files = {path: data for path, data in demo().items() if not path.endswith(name)}
    refused(with_record(record_of(files, FOLDER), files), f"a file {FOLDER}/{name}")


@pytest.mark.parametrize(("project", "version"), [("other", "1.0"), ("demo", "2.0")])
def test_metadata_of_another_project_or_version(project: str, version: str) -> None:
    files = {f"{FOLDER}/METADATA": metadata_of(project, version).encode()}
    assert f"{FOLDER}/METADATA" in refused(with_files(files), "demo 1.0, as the file name says").subject


def test_a_wheel_of_a_later_format() -> None:
    files = {f"{FOLDER}/WHEEL": b"Wheel-Version: 2.0\nRoot-Is-Purelib: true\n"}
    assert f"{FOLDER}/WHEEL" in refused(with_files(files), "Wheel-Version 1.x").subject


def test_an_entry_point_that_leaves_the_scripts_directory() -> None:
    data = make_wheel("demo", "1.0", entry_points="[console_scripts]\n../evil = demo:main\n")
    assert f"{FOLDER}/entry_points.txt" in refused(data, "script names that are plain file names").subject
    accepted(make_wheel("demo", "1.0", entry_points="[console_scripts]\ndemo = demo:main\n"))


@pytest.mark.parametrize("name", ["METADATA", "release.jws", "RECORD.jws"])
def test_a_small_file_that_is_large(name: str) -> None:
    data = make_wheel(
        "demo",
        "1.0",
        metadata_extra="\n" + "x" * 999 * (name == "METADATA"),
        sign=lambda _: b"x" * 999 * (name == "release.jws"),
        legacy_sign=lambda _: b"x" * 999 * (name == "RECORD.jws"),
    )
    assert name in refused(data, "at most 500 bytes in this file", limits=Limits(text=500)).subject
    assert read(data, limits=Limits(text=1200))


def test_a_large_record() -> None:
    refused(make_wheel("demo", "1.0"), "at most 100 bytes in this file", limits=Limits(record=100))


# The crafted wheels nobody here wrote the answers for

# What must have refused each: a wheel refused for another reason would hide that its own rule does not work.
RULES = {
    "n01_fname_name": "as the file name says",
    "n02_fname_version": "as the file name says",
    "r01_unlisted_pth": "a row in RECORD for each file",
    "r02_unlisted_data_script": "a row in RECORD for each file",
    "r04_two_distinfo": "exactly one top-level .dist-info directory",
    "r04b_distinfo_case": "a name of its own",
    "r04c_distinfo_nested": "a row in RECORD for each file",
    "r06b_empty_hash_size": "a sha256, sha384 or sha512 digest",
    "r07_size_lie": "bytes, as RECORD says",
    "r09_jws_listed": "no row for a legacy signature file",
    "r10b_p7s": "a row in RECORD for each file",
    "r12_path_dot": "a row in RECORD for each file",
    "r12b_path_abs": "a row in RECORD for each file",
    "r12c_path_case": "a row in RECORD for each file",
    "r13_missing_file": "a file in the wheel for each row",
    "r15c_distinfo_version": "as the file name says",
    "r16_other_data": "no .data directory but",
    "r19c_lone_cr": "lines that end in LF or CRLF",
    "r21_dotfiles": "a row in RECORD for each file",
    "r23_two_records": "a name of its own",
    "r25b_unknown": "a sha256, sha384 or sha512 digest",
    "r25e_b64noncanon": "canonical base64url",
    "z01_dup_evil_last": "a name of its own",
    "z02_dup_evil_first": "a name of its own",
    "z03_lfh_name": "one name, method, time and set of flags",
    "z07_prefix_noshift": "a central directory that ends where",
    "z11_eocd_count": "entries in the central directory",
    "z15_nfc_nfd": "a name of its own",
    "z15b_nfd_unlisted": "a row in RECORD for each file",
    "z16_dotdot": "a relative path",
    "z18_backslash": "a path without backslash",
    "z19_alias_dot": "a relative path",
    "z19b_alias_dslash": "a relative path",
    "z20_alias_dotdot": "a relative path",
    "z20b_alias_listed": "a relative path",
    "z21b_symlink_dir": "a regular file",
    "z24b_lzma": "stored or deflated",
    "z25_badcrc": "with CRC",
    "z25b_lcrc": "one CRC and one pair of sizes",
    "z27_bomb": "entries that inflate at most",
    "z28_dirpayload": "a regular file",
    "z28b_dirattr": "a regular file",
    "z29_newline": "a path without backslash",
}


def test_the_crafted_wheels() -> None:
    folder = vectors_dir("wheels")
    cases = json.loads((folder / "expected.json").read_text())
    verdicts = {"accept": 0, "reject": 0, "either": 0}
    for case, expected in cases.items():
        data = (folder / case / expected["file"]).read_bytes()
        verdicts[expected["expect"]] += 1
        if expected["expect"] == "reject":
            refused(data, RULES[case], expected["file"])
        else:
            assert read(data, expected["file"]).record_jws is not None
    assert verdicts == {"accept": 2, "reject": 43, "either": 1}
