"""The child's end of receipts: where they go, what they bind, and that nothing stays where one cannot be."""

from __future__ import annotations

import json
import os
import stat
import types
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from pip_verify.install import receipts
from pip_verify.install.receipts import CannotWrite, Layout, ReceiptFile, own_receipt
from pip_verify.install.table import SeamMissing
from pip_verify.installed.receipt import NAME
from tests import makers
from tests.signer import sha256

FOLDER = "demo-1.0.dist-info"
DOCUMENT = {"schema": "pip-verify-receipt/1"}


def wheel(**parts: object) -> zipfile.ZipFile:
    return zipfile.ZipFile(BytesIO(makers.make_wheel("demo", "1.0", **parts)))  # type: ignore[arg-type]


def install(library: Path) -> bytes:
    """What pip leaves: the files, byte code, a script, and RECORD with CRLF; returns RECORD."""
    files = makers.wheel_files("demo", "1.0")
    for path, data in {**files, "demo/__pycache__/__init__.cpython-311.pyc": b""}.items():
        (library / path).parent.mkdir(parents=True, exist_ok=True)
        (library / path).write_bytes(data)
    script = library.parent / "bin/demo"
    script.parent.mkdir()
    script.touch()
    more = makers.record_row("../bin/demo", b"") + b"demo/__pycache__/__init__.cpython-311.pyc,,\n"
    record = (makers.record_of(files, FOLDER) + more).replace(b"\n", b"\r\n")
    (library / FOLDER / "RECORD").write_bytes(record)
    return record


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "packages"
    path.mkdir()
    return path


def test_parent_and_child_call_it_alike() -> None:
    assert receipts.NAME == NAME


def test_a_receipt_is_listed_and_binds_the_rest_of_record(library: Path) -> None:
    receipt = ReceiptFile(wheel(), str(library), FOLDER)
    record = install(library)
    receipt.write(DOCUMENT)
    data = (library / FOLDER / NAME).read_bytes()
    row = makers.record_row(f"{FOLDER}/{NAME}", data).replace(b"\n", b"\r\n")
    assert (library / FOLDER / "RECORD").read_bytes() == record + row
    own = f"{FOLDER}/RECORD,,\r\n".encode()
    rows = makers.rows_of(makers.wheel_files("demo", "1.0"))
    assert json.loads(data) == {
        **DOCUMENT,
        "record_sha256": sha256(record.replace(own, b"")),
        "wheel_record_sha256": sha256(rows + own.replace(b"\r", b"")),
        "wheel_record_signed_sha256": sha256(rows),
    }


def test_a_receipt_has_the_mode_that_the_umask_leaves(library: Path) -> None:
    install(library)
    before = os.umask(0o007)
    try:
        ReceiptFile(wheel(), str(library), FOLDER).write(DOCUMENT)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE((library / FOLDER / name).stat().st_mode) for name in (NAME, "RECORD")}
    assert modes == {0o660}


def test_a_leftover_is_replaced(library: Path) -> None:
    install(library)
    (library / FOLDER / NAME).write_text("{}")
    ReceiptFile(wheel(), str(library), FOLDER).write(DOCUMENT)
    assert json.loads((library / FOLDER / NAME).read_bytes())["schema"] == DOCUMENT["schema"]


def test_a_leftover_that_is_a_link_is_refused_before_anything_is_installed(library: Path) -> None:
    (library / FOLDER).mkdir()
    (library / FOLDER / NAME).symlink_to("/etc/passwd")
    with pytest.raises(CannotWrite, match="no regular file"):
        ReceiptFile(wheel(), str(library), FOLDER)


def test_a_wheel_whose_record_cannot_be_read_is_refused(library: Path) -> None:
    with pytest.raises(CannotWrite, match="cannot be read"):
        ReceiptFile(wheel(), str(library), "other-1.0.dist-info")


def test_what_gets_no_receipt_is_taken_back_and_other_files_stay(library: Path) -> None:
    (library / "other.py").touch()
    receipt = ReceiptFile(wheel(), str(library), FOLDER)
    install(library)
    (library / FOLDER / NAME).mkdir()  # appeared meanwhile: nothing can be renamed over it
    with pytest.raises(CannotWrite, match="cannot be written"):
        receipt.write(DOCUMENT)
    assert os.listdir(library) == ["other.py"]
    assert os.listdir(library.parent / "bin") == []


def test_where_record_is_gone_at_least_the_metadata_is_taken_back(library: Path) -> None:
    receipt = ReceiptFile(wheel(), str(library), FOLDER)
    install(library)
    (library / FOLDER / "RECORD").unlink()
    with pytest.raises(CannotWrite):
        receipt.write(DOCUMENT)
    assert not (library / FOLDER).exists()


def test_a_record_that_lists_a_receipt_already_is_refused(library: Path) -> None:
    receipt = ReceiptFile(wheel(), str(library), FOLDER)
    record = install(library)
    (library / FOLDER / "RECORD").write_bytes(record + f"{FOLDER}/{NAME},,\r\n".encode())
    with pytest.raises(CannotWrite, match="only pip-verify writes"):
        receipt.write(DOCUMENT)
    assert not (library / "demo").exists()


def test_an_interrupt_takes_it_back_too(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    receipt = ReceiptFile(wheel(), str(library), FOLDER)
    install(library)
    monkeypatch.setattr(receipts, "_replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        receipt.write(DOCUMENT)
    assert not (library / FOLDER).exists()


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (f"{FOLDER}/{NAME}", True),
        (f"{FOLDER}/PIP-VERIFY.JSON", True),
        ("Demo-1.0.Dist-Info/pip-verify.json", True),
        (f"{FOLDER}/\uff50ip-verify.json", True),
        (f"demo-1.0.data/purelib/{FOLDER}/{NAME}", True),
        (f"demo/{NAME}", False),
        (f"{FOLDER}/sub/{NAME}", False),
    ],
)
def test_a_receipt_of_the_publishers_own_is_found_however_it_is_spelled(path: str, *, found: bool) -> None:
    assert own_receipt(wheel(files={path: "{}"})) == (path if found else None)


def test_pips_own_functions_say_where_a_wheel_goes() -> None:
    scheme = types.SimpleNamespace(purelib="/pure", platlib="/plat")
    assert Layout().of(wheel(), "demo", scheme) == ("/pure", FOLDER)


def test_a_pip_without_these_functions_is_refused() -> None:
    with pytest.raises(SeamMissing, match=r"wheel\.no_such"):
        Layout._find("pip._internal.utils.wheel", "no_such")
