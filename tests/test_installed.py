"""What is in an environment, against its receipts: the readers and the comparison, without pip."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pip_verify.artifact.name import Artifact
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.evidence import Place, PlaceKind
from pip_verify.installed.again import judge_again
from pip_verify.installed.check import MOST_NAMED, Installed, check_installed
from pip_verify.installed.files import fault_of, foreign_files, read_small
from pip_verify.installed.receipt import Receipt, document_of, parse_receipt
from pip_verify.installed.record import InstalledRow, parse_installed_record
from pip_verify.judge import Case
from pip_verify.keys import PublicKey
from pip_verify.pins import Origin
from pip_verify.policy import Policy
from pip_verify.policy.model import Exemption
from pip_verify.verdict import Decision, Reason, Verdict
from tests import makers
from tests.signer import Signer, sha256

NOW = 1_795_000_000.0
ALICE = Signer.of("alice")
WHEEL = Artifact("demo", "1.0", "demo-1.0-py3-none-any.whl", "wheel", "a" * 64)
SDIST = Artifact("demo", "1.0", "demo-1.0.tar.gz", "sdist", "b" * 64)
FOLDER = "demo-1.0.dist-info"
NAME = f"{FOLDER}/pip-verify.json"
DIGESTS = dict.fromkeys(("record_sha256", "wheel_record_sha256", "wheel_record_signed_sha256"), "c" * 64)
PLACE = Place("releases", "https://keys.example/releases/demo/1.0.jws")


def accepted(artifact: Artifact = WHEEL, by: str = "signature", code: str = "PV001") -> Verdict:
    return Verdict(
        artifact,
        Decision.ACCEPT,
        (Reason(code, artifact.filename),),
        keys=(PublicKey.from_text(ALICE.text),),
        publishers=("team",),
        place=PLACE,
        by=by,
        evidence="release-statement",
    )


BUILT = Verdict(WHEEL, Decision.ACCEPT, (Reason("PV004", WHEEL.filename),), by="built")
REFUSED = Verdict(WHEEL, Decision.REJECT, (Reason("PV101", WHEEL.filename),))


def document(verdict: Verdict | None = None, source: Verdict | None = None, **changed: Any) -> dict[str, Any]:
    made = document_of(verdict or accepted(), source, policy="pip-verify.toml", now=NOW)
    return {**made, **DIGESTS, **changed}


def parsed(value: Mapping[str, Any]) -> Receipt:
    return parse_receipt(json.dumps(value).encode(), "receipt")


# The document.


def test_a_receipt_is_read_as_it_was_written() -> None:
    receipt = parsed(document())
    assert receipt.artifact == receipt.origin == WHEEL
    assert (receipt.decision, receipt.by, receipt.reasons) == (Decision.ACCEPT, "signature", ("PV001",))
    assert (receipt.keys, receipt.publishers) == ((PublicKey.from_text(ALICE.text),), ("team",))
    assert (receipt.evidence, receipt.place) == ("release-statement", PLACE)
    assert (receipt.policy, receipt.time) == ("pip-verify.toml", "2026-11-18T11:06:40Z")
    assert receipt.source is None


def test_a_receipt_says_where_the_evidence_was_but_no_token() -> None:
    def place(kind: PlaceKind, location: str) -> str:
        told = parsed(document(replace(accepted(), place=Place(kind, location)))).place
        assert told is not None
        return told.location

    assert place("releases", "https://k.example/1.0.jws?token=t0ken") == "https://k.example/1.0.jws?***"
    assert place("beside", "/a?b#c/demo.whl.jws") == "/a?b#c/demo.whl.jws"


def test_the_receipt_of_a_built_wheel_says_what_spoke_for_its_source() -> None:
    receipt = parsed(document(BUILT, accepted(SDIST)))
    assert receipt.origin == SDIST
    assert receipt.source is not None
    assert (receipt.by, receipt.source.by) == ("built", "signature")
    assert receipt.keys == (PublicKey.from_text(ALICE.text),)


def test_a_directory_has_no_digest_and_its_path_may_be_no_unicode() -> None:
    source = Verdict(Artifact("demo", "", "/a\udcff", "directory"), Decision.ACCEPT, (Reason("PV005", ""),), by="local")
    receipt = parsed(document_of(BUILT, source, policy=None, now=NOW) | DIGESTS)
    assert receipt.origin == Artifact("demo", "1.0", "/a\\udcff", "directory")
    assert (receipt.place, receipt.policy) == (None, None)


def test_what_was_refused_in_report_mode_says_so() -> None:
    receipt = parsed(document(REFUSED))
    assert (receipt.decision, receipt.by, receipt.reasons) == (Decision.REJECT, "", ("PV101",))


@pytest.mark.parametrize(
    "changed",
    [
        {"schema": "pip-verify-receipt/2"},
        {"schema": 1},
        {"more": 1},
        {"decision": "ACCEPT"},
        {"project": "Demo"},
        {"project": "other"},
        {"version": "1.0.0"} | {"filename": "demo-2.0-py3-none-any.whl"},
        {"version": "v1.0"},
        {"version": 1.0},
        {"filename": "demo-1.0.tar.gz"},
        {"filename": "../demo-1.0-py3-none-any.whl"},
        {"sha256": "A" * 64},
        {"sha256": None},
        {"source": "demo-1.0.tar.gz"},
        {"source": {"kind": "wheel", "filename": "x", "sha256": "b" * 64, "by": ""}},
        {"source": {"kind": "sdist", "filename": "x", "sha256": None, "by": ""}},
        {"source": {"kind": "sdist", "filename": "x", "sha256": "b" * 64, "by": "", "more": 1}},
        {"source": {"kind": "vcs", "filename": "x", "sha256": "b" * 64, "by": "vcs"}},
        {"by": ""},
        {"by": "me"},
        {"reasons": []},
        {"reasons": ["PV000"]},
        {"reasons": ["PV101"]},
        {"reasons": "PV001"},
        {"keys": [1]},
        {"keys": ["ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]},
        {"evidence": "faith"},
        {"place": {"kind": "dream", "location": "x"}},
        {"place": {"kind": "url"}},
        {"policy": 1},
        {"time": "2026-11-18 10:26:40"},
        {"time": "2026-1-18T10:26:40Z"},
        {"record_sha256": ""},
    ],
    ids=str,
)
def test_a_receipt_that_we_would_not_have_written_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(EvidenceError):
        parsed(document() | changed)


@pytest.mark.parametrize("name", sorted(document()))
def test_a_receipt_without_one_of_its_members_is_refused(name: str) -> None:
    whole = document()
    del whole[name]
    with pytest.raises(EvidenceError, match=name):
        parsed(whole)


@pytest.mark.parametrize("length", [0, 1, 100, -1, -3])
def test_a_torn_receipt_is_refused(length: int) -> None:
    data = json.dumps(document()).encode()
    with pytest.raises(EvidenceError):
        parse_receipt(data[:length], "receipt")


def test_a_receipt_that_accepts_for_a_reason_to_refuse_is_refused() -> None:
    with pytest.raises(EvidenceError, match="fits the decision"):
        parsed(document(REFUSED, reasons=["PV001"]))


# RECORD as pip leaves it.

DIGEST = "sha256=" + base64.urlsafe_b64encode(bytes(32)).rstrip(b"=").decode()


def rows(*lines: str) -> dict[str, InstalledRow]:
    return parse_installed_record("".join(lines).encode(), "/env/lib/packages", FOLDER)


def test_record_may_name_scripts_absolute_paths_and_byte_code_without_digest() -> None:
    found = rows(
        f"../../bin/demo,{DIGEST},3\r\n",
        f"/env/lib/packages/demo.py,{DIGEST},\r\n",
        "__pycache__/demo.cpython-311.pyc,,\r\n",
        f"{FOLDER}/RECORD,,\r\n",
        f"{FOLDER}/RECORD.jws,,\r\n",
        f'"with, comma.txt",{DIGEST},0\n',
    )
    assert list(found) == [
        "/env/bin/demo",
        "/env/lib/packages/demo.py",
        "/env/lib/packages/__pycache__/demo.cpython-311.pyc",
        f"/env/lib/packages/{FOLDER}/RECORD",
        f"/env/lib/packages/{FOLDER}/RECORD.jws",
        "/env/lib/packages/with, comma.txt",
    ]
    assert found["/env/bin/demo"] == InstalledRow("/env/bin/demo", "sha256", bytes(32), 3)
    assert found["/env/lib/packages/demo.py"].size is None


def test_an_absolute_path_through_a_link_names_the_file_it_leads_to(tmp_path: Path) -> None:
    real = Path(os.path.realpath(tmp_path)) / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    found = parse_installed_record(f"{tmp_path}/link/demo.py,{DIGEST},1\n".encode(), str(real), FOLDER)
    assert list(found) == [str(real / "demo.py")]


@pytest.mark.parametrize(
    "line",
    [
        "demo.py,,\n",
        "other-1.0.dist-info/RECORD,,\n",
        "demo.pyc,,\n",
        f"demo.py,{DIGEST}\n",
        f"demo.py,{DIGEST},1,\n",
        "\n",
        f",{DIGEST},1\n",
        f"demo.py,{DIGEST},-1\n",
        f"demo.py,{DIGEST},1e3\n",
        f"demo.py,{DIGEST},01\n",
        f"demo.py,{DIGEST}=,1\n",
        f"demo.py,{DIGEST[:-1]}B,1\n",
        "demo.py,md5=aaaa,1\n",
        f'"demo.py,{DIGEST},1\n',
        f"demo\x00.py,{DIGEST},1\n",
        f"demo.py,{DIGEST},1\ndemo.py,{DIGEST},1\n",
        f"demo.py,{DIGEST},1\nx/../demo.py,{DIGEST},1\n",
        f"demo.py,{DIGEST},1\n/env/lib/packages/demo.py,{DIGEST},1\n",
    ],
)
def test_a_record_that_can_be_read_in_two_ways_is_refused(line: str) -> None:
    with pytest.raises(EvidenceError):
        rows(line)


def test_a_record_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(EvidenceError, match="line 1"):
        parse_installed_record(b"d\xff.py,,\n", "/env", FOLDER)


# Files.


def row_for(path: Path, data: bytes) -> InstalledRow:
    return InstalledRow(str(path), "sha256", hashlib.sha256(data).digest(), len(data))


def test_a_file_is_as_its_row_says_or_why_not(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"data")
    row = row_for(path, b"data")
    assert fault_of(row) is None
    assert fault_of(row_for(path, b"datum")) == "changed: 4 bytes"
    assert fault_of(row_for(path, b"mata")) == f"changed: sha256 {sha256(b'data')}"
    assert fault_of(row._replace(size=None, algorithm="sha512", digest=hashlib.sha512(b"data").digest())) is None
    path.unlink()
    assert fault_of(row) == "missing"
    assert fault_of(row._replace(algorithm=None, digest=None)) is None
    path.symlink_to(tmp_path / "elsewhere")
    assert fault_of(row) == "a symbolic link"
    assert fault_of(row._replace(algorithm=None, digest=None)) == "a symbolic link"
    assert fault_of(row._replace(path=str(tmp_path / "a.py" / "b"))) is not None
    path.unlink()
    os.mkfifo(path)
    assert fault_of(row) == "no regular file"
    path.unlink()
    path.write_bytes(b"data")
    assert fault_of(row._replace(path=str(path / "below"))) == "unreadable: Not a directory"
    assert fault_of(row._replace(algorithm=None, digest=None)) is None


def test_only_small_regular_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"data")
    assert read_small(str(path), 4) == b"data"
    assert read_small(str(path), 3) is None
    assert read_small(str(tmp_path), 4) is None
    (tmp_path / "b").symlink_to(path)
    assert read_small(str(tmp_path / "b"), 4) is None
    os.mkfifo(tmp_path / "c")
    assert read_small(str(tmp_path / "c"), 4) is None


def test_foreign_files_are_those_that_nobody_lists_what_runs_at_start_first(tmp_path: Path) -> None:
    listed = ["demo.py", "pkg/mod.py", "pkg/__pycache__/listed.bin"]
    foreign = [
        "z.pth",
        "sitecustomize.py",
        "__pycache__/demo.pyc",
        "__pycache__/other.cpython-311.pyc",
        "pkg/__pycache__/demo.cpython-311.pyc",
        "pkg/__pycache__/mod.cpython-311.pyc.tmp",
        "pkg/a.pth",
        "pkg/mod.cpython-311.pyc",
        "pkg/planted.so",
    ]
    bytecode = ["__pycache__/demo.cpython-311.pyc", "pkg/__pycache__/mod.cpython-312.opt-1.pyc"]
    for name in (*listed, *foreign, *bytecode):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "pkg")
    (tmp_path / "pkg/__pycache__/mod.cpython-313.pyc").symlink_to(tmp_path / "demo.py")
    found = foreign_files(str(tmp_path), {str(tmp_path / name) for name in listed})
    named = [str(Path(path).relative_to(tmp_path)) for path in found]
    assert named[:2] == ["z.pth", "sitecustomize.py"]
    assert sorted(named) == sorted([*foreign, "link", "pkg/__pycache__/mod.cpython-313.pyc"])


# An environment.


class Environment:
    """A directory with packages, as the hook leaves it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)

    def add(
        self,
        project: str = "demo",
        version: str = "1.0",
        *,
        receipt: Mapping[str, Any] | None = None,
        files: Mapping[str, str | bytes] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> Path:
        """Install a distribution; its receipt is made unless an empty one is given. Returns its .dist-info."""
        folder = makers.dist_info(project, version)
        found = makers.wheel_files(project, version, files)
        found |= {f"{folder}/{name}": data.encode() for name, data in {"INSTALLER": "pip\n", **(extra or {})}.items()}
        for path, data in found.items():
            self.write(path, data)
        record = makers.record_of(found, folder)
        if receipt is None:
            artifact = Artifact(project, version, makers.wheel_filename(project, version), "wheel", "a" * 64)
            receipt = document(accepted(artifact))
        if receipt:
            digest = {"record_sha256": sha256(makers.rows_of(found))}
            data = json.dumps({**receipt, **digest}).encode()
            self.write(f"{folder}/pip-verify.json", data)
            record += makers.record_row(f"{folder}/pip-verify.json", data)
        self.write(f"{folder}/RECORD", record)
        return self.path / folder

    def write(self, name: str, data: bytes = b"") -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def check(self, *exemptions: Exemption) -> Installed:
        by_project = {exemption.project: exemption for exemption in exemptions}
        return check_installed([self.path, self.path], exemption_for=by_project.get, now=NOW)

    def only(self, *exemptions: Exemption) -> Verdict:
        (verdict,) = self.check(*exemptions).verdicts
        return verdict


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(Path(os.path.realpath(tmp_path)) / "lib" / "packages")


def exempt(project: str = "demo", hashes: tuple[str, ...] = (), until: date | None = None) -> Exemption:
    return Exemption(project, "ours", hashes, until, None, Origin("pip-verify.toml", 1))


def receipts_of(found: Installed) -> list[Receipt]:
    """The receipts that are handed on, to be judged again."""
    return [finding.receipt for finding in found.findings if finding.receipt is not None]


def test_what_is_as_its_receipt_says_is_accepted_by_it(environment: Environment) -> None:
    environment.add()
    environment.write("demo/__pycache__/__init__.cpython-311.pyc")
    found = environment.check()
    (verdict,) = found.verdicts
    assert replace(verdict, reasons=accepted().reasons) == accepted()
    assert verdict.reasons[0].id == "PV001"
    assert verdict.reasons[0].got.startswith("by its receipt of 2026-11-18")
    assert [receipt.artifact for receipt in receipts_of(found)] == [WHEEL]


def test_an_environment_without_a_directory_of_packages_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        check_installed([tmp_path / "none"], exemption_for=lambda _: None, now=NOW)


def refusal(environment: Environment, code: str, *exemptions: Exemption) -> Reason:
    """The first reason of the one refusal; nothing of it is handed on."""
    found = environment.check(*exemptions)
    (verdict,) = found.verdicts
    assert not verdict.accepted
    assert receipts_of(found) == []
    assert verdict.reasons[0].id == code
    return verdict.reasons[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda receipt: {**receipt, "record_sha256": "d" * 64},
        lambda _: document(accepted(Artifact("other", "1.0", "other-1.0-py3-none-any.whl", "wheel", "a" * 64))),
        lambda _: document(accepted(Artifact("demo", "2.0", "demo-2.0-py3-none-any.whl", "wheel", "a" * 64))),
        lambda _: {},
    ],
)
def test_a_receipt_that_is_not_of_this_distribution_is_refused_even_if_record_has_its_digest(
    environment: Environment, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    folder = environment.add()
    path = folder / "pip-verify.json"
    before, receipt = path.read_bytes(), json.loads(path.read_bytes())
    path.write_text(json.dumps(change(receipt)))
    record = (folder / "RECORD").read_bytes()
    old, new = (makers.record_row(NAME, data) for data in (before, path.read_bytes()))
    (folder / "RECORD").write_bytes(record.replace(old, new))
    assert refusal(environment, "PV311").subject.startswith(str(folder))


def test_a_receipt_that_record_does_not_list_is_refused(environment: Environment) -> None:
    folder = environment.add(receipt={})
    record = sha256((folder / "RECORD").read_bytes().replace(f"{FOLDER}/RECORD,,\n".encode(), b""))
    environment.write(NAME, json.dumps(document(record_sha256=record)).encode())
    reasons = {reason.subject: reason.got for verdict in environment.check().verdicts for reason in verdict.reasons}
    assert reasons[str(folder / "pip-verify.json")] == "a foreign file"
    assert [verdict.accepted for verdict in environment.check(exempt()).verdicts] == [False, False]


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.symlink_to("METADATA")])
def test_a_receipt_that_is_no_regular_file_is_refused(environment: Environment, make: Callable[[Path], None]) -> None:
    path = environment.add() / "pip-verify.json"
    path.unlink()
    make(path)
    refusal(environment, "PV311", exempt())


def test_a_receipt_that_was_removed_is_missing_and_missed(environment: Environment) -> None:
    (environment.add() / "pip-verify.json").unlink()
    verdict = environment.only()
    assert [reason.id for reason in verdict.reasons] == ["PV311", "PV111"]
    assert verdict.exit_code == 12


def test_changes_are_named_up_to_a_number_and_the_rest_is_counted(environment: Environment) -> None:
    environment.add(files={f"demo/{number}.py": b"" for number in range(MOST_NAMED + 3)})
    for number in range(MOST_NAMED + 3):
        environment.write(f"demo/{number}.py", b"x")
    verdict = environment.only()
    assert len(verdict.reasons) == MOST_NAMED + 1
    assert verdict.reasons[-1].got == "3 more"
    assert verdict.reasons[0].hint.endswith("--force-reinstall --no-deps demo==1.0")


def test_foreign_files_are_named_up_to_a_number_and_the_rest_is_counted(environment: Environment) -> None:
    environment.add()
    for number in range(MOST_NAMED + 2):
        environment.write(f"{number}.py")
    environment.write("z.pth")
    first, second = environment.check().verdicts
    assert first.accepted
    assert second.artifact.filename == str(environment.path)
    assert second.reasons[0].subject == str(environment.path / "z.pth")
    assert (len(second.reasons), second.reasons[-1].got) == (MOST_NAMED + 1, "3 more")


@pytest.mark.parametrize("text", ["", "demo\n", "x,,\n"])
def test_a_record_that_cannot_be_read_is_named(environment: Environment, text: str) -> None:
    (environment.add(files={}) / "RECORD").write_text(text)
    reasons = environment.check(exempt()).verdicts[0].reasons
    assert {reason.id for reason in reasons} == {"PV311"}


def test_a_record_that_is_no_regular_file_is_named(environment: Environment) -> None:
    folder = environment.add(files={}, receipt={})
    (folder / "RECORD").unlink()
    (folder / "RECORD").mkdir()
    assert environment.check(exempt()).verdicts[0].reasons[0].subject == str(folder / "RECORD")


def test_without_record_every_file_is_foreign(environment: Environment) -> None:
    (environment.add(receipt={}) / "RECORD").unlink()
    first, second = environment.check(exempt()).verdicts
    assert first.reasons[0].id == "PV002"
    assert str(environment.path / "demo/__init__.py") in [reason.subject for reason in second.reasons]


def test_metadata_that_is_gone_or_another_projects_is_refused(environment: Environment) -> None:
    folder = environment.add()
    text = makers.metadata_of("other", "1.0").encode()
    old, new = (makers.record_row(f"{FOLDER}/METADATA", data) for data in ((folder / "METADATA").read_bytes(), text))
    (folder / "METADATA").write_bytes(text)
    (folder / "RECORD").write_bytes((folder / "RECORD").read_bytes().replace(old, new))
    assert "other 1.0" in refusal(environment, "PV311").got
    (folder / "METADATA").unlink()
    verdict = environment.only()
    assert (verdict.artifact.project, verdict.artifact.version) == ("demo", "1.0")


def test_a_receipt_speaks_for_no_directory_of_another_name(environment: Environment) -> None:
    environment.add("evil", "1.0", receipt=document(), extra={"METADATA": makers.metadata_of("demo", "1.0")})
    assert refusal(environment, "PV311").got == "a receipt for demo 1.0"


def test_a_project_that_is_there_twice_is_refused(environment: Environment) -> None:
    environment.add()
    environment.add("demo", "2.0", files={})
    verdicts = environment.check().verdicts
    assert [verdict.reasons[0].expected for verdict in verdicts] == ["demo once"] * 2


def test_without_a_receipt_only_an_exemption_without_hashes_accepts(environment: Environment) -> None:
    environment.add(receipt={})
    assert "installed by 'pip'" in refusal(environment, "PV111").got
    assert "names hashes" in refusal(environment, "PV111", exempt(hashes=("a" * 64,))).got
    assert refusal(environment, "PV107", exempt(until=date(2026, 1, 1))).got == "ended 2026-01-02 00:00 UTC"
    verdict = environment.only(exempt(until=date(2027, 1, 1)))
    assert (verdict.accepted, verdict.by, verdict.reasons[0].id) == (True, "exemption", "PV002")
    assert receipts_of(environment.check(exempt())) == []
    environment.write("demo/__init__.py", b"changed")
    assert refusal(environment, "PV311", exempt())


def test_a_direct_url_is_named_without_its_secrets(environment: Environment) -> None:
    url = json.dumps({"url": "https://user:secret@host.example/demo.git", "vcs_info": {}})
    environment.add(receipt={}, extra={"direct_url.json": url})
    assert refusal(environment, "PV111").got.endswith("from 'https://host.example/demo.git'")


@pytest.mark.parametrize("text", ["[]", "{", '{"url": 1}', '{"dir_info": {"editable": "true"}}'])
def test_a_direct_url_that_says_nothing_changes_nothing(environment: Environment, text: str) -> None:
    environment.add(extra={"direct_url.json": text})
    assert environment.only().accepted


@pytest.mark.parametrize("receipt", [None, {}])
def test_an_editable_install_is_named_with_and_without_receipt(
    environment: Environment, receipt: dict[str, Any] | None
) -> None:
    text = '{"url": "file:///src", "dir_info": {"editable": true}}'
    environment.add(receipt=receipt, extra={"direct_url.json": text})
    assert "editable" in refusal(environment, "PV111").got
    assert environment.only(exempt()).reasons[0].id == "PV002"


def test_what_was_installed_in_report_mode_is_refused(environment: Environment) -> None:
    environment.add(receipt=document(REFUSED))
    assert "PV101" in refusal(environment, "PV111").got


def test_what_was_built_in_report_mode_from_a_refused_source_is_refused(environment: Environment) -> None:
    refused = Verdict(SDIST, Decision.REJECT, (Reason("PV101", SDIST.filename),))
    environment.add(receipt=document(BUILT, refused))
    assert "demo-1.0.tar.gz" in refusal(environment, "PV111").got


def test_directories_that_are_no_distributions_are_foreign(environment: Environment) -> None:
    for name in ("~emo-1.0.dist-info", "demo.dist-info", "demo-1.0.egg-info"):
        environment.write(f"{name}/METADATA")
    environment.add("other", "1.0")
    (environment.path / "linked-1.0.dist-info").symlink_to(environment.path / "other-1.0.dist-info")
    first, second = environment.check().verdicts
    assert first.artifact.project == "other"
    assert [Path(reason.subject).parts[-2] for reason in second.reasons][1:] == [
        "demo.dist-info",
        environment.path.name,
        "~emo-1.0.dist-info",
    ]


# Judged again.


class Asked:
    """Stands where the judge stands: keeps what it is asked, and accepts only what is in ``trusted``."""

    def __init__(self, *trusted: str) -> None:
        self.trusted = trusted
        self.cases: list[Case] = []

    def gather(self, cases: list[Case]) -> None:
        assert all(case.artifact.sha256 for case in cases)

    def judge(self, case: Case) -> Verdict:
        self.cases.append(case)
        if case.artifact.sha256 in self.trusted:
            return accepted(case.artifact)
        return Verdict(case.artifact, Decision.REJECT, (Reason("PV401", case.artifact.filename),))


def again(found: Installed, judge: Asked, policy: Policy | None = None) -> tuple[Verdict, ...]:
    return judge_again(found, policy or Policy(), judge, pins_for=lambda *_: ())  # type: ignore[arg-type]


def test_a_receipt_is_no_evidence_what_it_names_is_judged_again(environment: Environment) -> None:
    environment.add()
    found = environment.check()
    assert again(found, Asked("a" * 64)) == (accepted(),)
    (verdict,) = again(found, Asked())
    assert (verdict.accepted, verdict.reasons[0].id) == (False, "PV401")


def test_what_has_no_receipt_is_not_judged_again(environment: Environment) -> None:
    environment.add(receipt={})
    judge = Asked("a" * 64)
    (verdict,) = again(environment.check(exempt()), judge)
    assert (verdict.reasons[0].id, judge.cases) == ("PV002", [])


def test_of_a_built_wheel_its_source_is_judged_again(environment: Environment) -> None:
    environment.add(receipt=document(BUILT, accepted(SDIST)))
    found = environment.check()
    (verdict,) = again(found, Asked("b" * 64))
    assert (verdict.artifact, verdict.by) == (WHEEL, "built")
    assert [reason.id for reason in verdict.reasons] == ["PV004", "PV001"]
    (verdict,) = again(found, Asked("a" * 64))
    assert (verdict.artifact, verdict.accepted, verdict.reasons[0].id) == (WHEEL, False, "PV401")


@pytest.mark.parametrize(
    ("kind", "location", "policy", "code"),
    [
        ("directory", "/src", Policy(), "PV005"),
        ("directory", "/src", Policy(local="deny"), "PV105"),
        ("vcs", f"git+https://host.example/demo@{'a' * 40}", Policy(vcs="commit"), "PV006"),
        ("vcs", f"git+https://host.example/demo@{'a' * 40}", Policy(), "PV104"),
    ],
)
def test_of_a_source_without_bytes_the_policy_of_today_decides(
    environment: Environment, kind: Any, location: str, policy: Policy, code: str
) -> None:
    source = Verdict(Artifact("demo", "", location, kind), Decision.ACCEPT, (Reason("PV005", ""),), by="local")
    environment.add(receipt=document(BUILT, source))
    (verdict,) = again(environment.check(), Asked(), policy)
    assert code in [reason.id for reason in verdict.reasons]
    assert verdict.accepted == code.startswith("PV00")


@pytest.mark.parametrize(
    ("place", "beside", "url"),
    [
        (PLACE, None, None),
        (Place("beside", "/dist/demo.whl.jws"), Path("/dist/demo.whl"), None),
        (Place("url", "https://index.example/demo.whl.jws"), None, "https://index.example/demo.whl"),
        (Place("url", "http://index.example/demo.whl.jws"), None, None),
        (Place("url", "https://index.example/demo.whl"), None, None),
    ],
)
def test_a_statement_is_looked_for_where_it_was(
    environment: Environment, place: Place, beside: Path | None, url: str | None
) -> None:
    stated = {"kind": place.kind, "location": place.location}
    environment.add(receipt=document(place=stated))
    judge = Asked()
    again(environment.check(), judge)
    assert (judge.cases[0].beside, judge.cases[0].url) == (beside, url)


@pytest.mark.parametrize(
    ("verdict", "source", "given"),
    [
        (accepted(by="hash"), None, {"a" * 64}),
        (accepted(by="signature"), None, set()),
        (BUILT, accepted(SDIST, by="hash"), {"b" * 64}),
        (BUILT, accepted(SDIST), set()),
    ],
)
def test_a_hash_given_then_is_given_again(
    environment: Environment, verdict: Verdict, source: Verdict | None, given: set[str]
) -> None:
    environment.add(receipt=document(verdict, source))
    judge = Asked()
    again(environment.check(), judge)
    assert judge.cases[0].user_sha256 == given


@pytest.mark.parametrize("name", ["release.jws", "RECORD.jws"])
def test_a_signature_inside_is_handed_on_with_what_it_signs(environment: Environment, name: str) -> None:
    environment.add(extra={name: "signed"})
    judge = Asked()
    again(environment.check(), judge)
    facts = judge.cases[0].wheel
    assert facts is not None
    assert (facts.release_jws or facts.record_jws) == b"signed"
    assert (facts.record_sha256, facts.record_signed_sha256) == ("c" * 64, "c" * 64)
    assert facts.tags == ("py3-none-any",)


def test_a_wheel_file_that_says_nothing_speaks_for_no_tags(environment: Environment) -> None:
    environment.add(extra={"release.jws": "signed", "WHEEL": "nothing\n"})
    judge = Asked()
    again(environment.check(), judge)
    assert judge.cases[0].wheel is None


def test_ten_thousand_files_are_checked_in_linear_time(environment: Environment) -> None:
    """Generously: it is a fraction of a second."""
    environment.add(files={f"demo/{number}.py": b"" for number in range(10_000)})
    started = time.process_time()
    assert environment.only().accepted
    assert time.process_time() - started < 5
