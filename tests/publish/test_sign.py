"""Release statements as the publisher makes them, read back by the verifier's own code and compared with an
independent signer; and every set of files that is refused."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pip_verify.encoding import b64u_decode, b64u_encode
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.evidence.jws import prove
from pip_verify.evidence.release import parse
from pip_verify.publish.artifacts import read_release
from pip_verify.publish.keyfile import SigningKey
from pip_verify.publish.sign import add_signature, make_statement, release_path, sign_statement, write_statements
from pip_verify.publish.standing import known_keys
from tests import signer
from tests.makers import make_sdist, make_wheel
from tests.publish.support import sign_artifacts
from tests.signer import Signer

ROOT = Path(__file__).resolve().parent.parent.parent
ALICE, BOB = Signer.of("alice"), Signer.of("bob")
A, B = SigningKey(ALICE.seed), SigningKey(BOB.seed)
WHEEL, SDIST = "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"
SHA = hashlib.sha256(b"x").hexdigest()
NOISE = random.Random(1).randbytes(2**20)  # noqa: S311 - it only must not compress

SIGN = """
import sys
import time
from pathlib import Path
from pip_verify.publish.keyfile import SigningKey
from pip_verify.publish.artifacts import read_release
from pip_verify.publish.sign import write_statement
write_statement(read_release([Path(sys.argv[1])]), SigningKey(bytes([int(sys.argv[3])]) * 32), Path(sys.argv[2]))
"""


def artifact(name: str, **parts: Any) -> bytes:
    """A real wheel or sdist for a file name; any other file is bytes."""
    project, _, rest = name.removesuffix(".tar.gz").partition("-")
    if name.endswith(".whl"):
        version, _, tag = rest.removesuffix(".whl").partition("-")
        return make_wheel(project, version, tag=tag, **parts)
    return make_sdist(project, rest, **parts) if name.endswith(".tar.gz") else b"text"


def artifacts(directory: Path, *names: str) -> list[Path]:
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        (directory / name).write_bytes(artifact(name))
    return [directory / name for name in names]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def proved(jws: bytes, *keys: SigningKey) -> list[SigningKey]:
    """Which of ``keys`` the verifier finds to have signed."""
    proof = prove(parse(jws), {key.public.thumbprint: key.public for key in keys})
    assert not proof.bad
    return [key for key in keys if key.public in proof.keys]


def payload(jws: bytes) -> Any:
    return json.loads(b64u_decode(json.loads(jws)["payload"], "payload"))


# statements


def test_a_statement_is_what_an_independent_signer_writes() -> None:
    ours = make_statement("demo", "1.0", [(SDIST, SHA), (WHEEL, "0" * 64)])
    assert ours == signer.to_json(signer.statement({WHEEL: "0" * 64, SDIST: SHA}, "pkg:pypi/demo@1.0"))


def test_the_same_files_give_the_same_bytes_in_any_order() -> None:
    files = [(WHEEL, SHA), (SDIST, SHA), ("demo-1.0-cp312-cp312-linux_x86_64.whl", SHA)]
    assert make_statement("demo", "1.0", files) == make_statement("Demo", "1.0", files[::-1])


@pytest.mark.parametrize(
    ("project", "version", "filename", "purl"),
    [
        ("Ruamel.YAML", "1.0", "ruamel_yaml-1.0.tar.gz", "pkg:pypi/ruamel-yaml@1.0"),
        ("demo", "1.0+local.1", "demo-1.0+local.1-py3-none-any.whl", "pkg:pypi/demo@1.0%2Blocal.1"),
        ("demo", "1!2.0", "demo-1!2.0.tar.gz", "pkg:pypi/demo@1%212.0"),
        ("demo", "1.0-RC1", "demo-1.0rc1.tar.gz", "pkg:pypi/demo@1.0rc1"),
    ],
)
def test_the_purl_is_encoded_and_read_back(project: str, version: str, filename: str, purl: str) -> None:
    statement = make_statement(project, version, [(filename, SHA)])
    assert json.loads(statement)["predicate"] == {"purl": purl}
    claim = parse(sign_statement(statement, [A]))
    assert (claim.project, claim.subjects[0].name) == (
        json.loads(statement)["predicate"]["purl"][9:].split("@")[0],
        filename,
    )
    assert make_statement(claim.project or "", claim.version or "", [(filename, SHA)]) == statement


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "expected 1 to 4096 wheels and sdists, got none"),
        ([(WHEEL, SHA), (WHEEL, SHA)], "expected each file once"),
        ([(WHEEL, SHA), (WHEEL, "0" * 64)], "expected each file once"),
        ([(WHEEL, SHA), ("other-1.0.tar.gz", SHA)], "a file of demo 1.0, got one of other 1.0"),
        ([(WHEEL, SHA), ("demo-1.1.tar.gz", SHA)], "a file of demo 1.0, got one of demo 1.1"),
        ([(WHEEL, SHA), ("demo-1.0.0.tar.gz", SHA)], "a file of demo 1.0, got one of demo 1.0.0"),
        ([("demo.whl", SHA)], "wheel"),
        ([("demo-1.0.exe", SHA)], "sdist"),
        ([(f"../{WHEEL}", SHA)], "other characters"),
        ([(f"{WHEEL}\n", SHA)], "other characters"),
        (
            [(f"demo-1.0-{number}-py3-none-any.whl", SHA) for number in range(4097)],
            "1 to 4096 wheels and sdists, got 4097",
        ),
    ],
)
def test_files_that_are_not_one_release_are_refused(files: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_statement("demo", "1.0", files)


def test_the_largest_release() -> None:
    files = [(f"demo-1.0-{number}-py3-none-any.whl", SHA) for number in range(4096)]
    assert len(parse(sign_statement(make_statement("demo", "1.0", files), [A])).subjects) == 4096


@pytest.mark.parametrize(
    ("project", "version"), [("é", "1.0"), ("", "1.0"), ("demo", "one"), ("../x", "1.0"), ("demo", "../1")]
)
def test_a_project_or_version_that_is_none_is_refused(project: str, version: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        make_statement(project, version, [(WHEEL, SHA)])
    with pytest.raises(UsageError):
        release_path(tmp_path, project, version)


def test_a_release_is_at_its_normalised_name_and_canonical_version(tmp_path: Path) -> None:
    assert release_path(tmp_path, "Foo_Bar", "1.0-RC1") == tmp_path / "foo-bar" / "1.0rc1.jws"


# signatures


def test_a_jws_is_what_an_independent_signer_writes() -> None:
    statement = make_statement("demo", "1.0", [(WHEEL, SHA)])
    assert sign_statement(statement, [A, B]) == signer.sign_release([ALICE, BOB], {WHEEL: SHA}, "demo", "1.0")


def test_every_key_is_proved_and_no_other() -> None:
    jws = sign_statement(make_statement("demo", "1.0", [(WHEEL, SHA)]), [A])
    assert proved(jws, A, B) == [A]
    assert proved(add_signature(jws, [B]), A, B) == [A, B]


def test_another_signature_leaves_the_payload_and_the_others_as_they_are() -> None:
    jws = sign_statement(make_statement("demo", "1.0", [(WHEEL, SHA)]), [A])
    more = json.loads(add_signature(jws, [B]))
    assert more["payload"] == json.loads(jws)["payload"]
    assert more["signatures"][0] == json.loads(jws)["signatures"][0]


def test_our_own_signature_is_replaced_also_when_it_was_bad() -> None:
    statement = make_statement("demo", "1.0", [(WHEEL, SHA)])
    jws = sign_statement(statement, [B, A])
    assert add_signature(jws, [A]) == jws
    document = json.loads(jws)
    document["signatures"][1]["signature"] = b64u_encode(bytes(64))
    assert add_signature(json.dumps(document).encode(), [A]) == jws


@pytest.mark.parametrize(
    ("keys", "got"), [([], "none"), ([A, A], "one twice"), ([A, SigningKey(ALICE.seed)], "one twice")]
)
def test_no_key_and_one_key_twice_are_refused(keys: list[SigningKey], got: str) -> None:
    statement = make_statement("demo", "1.0", [(WHEEL, SHA)])
    with pytest.raises(UsageError, match=f"one or more, each once, got {got}"):
        sign_statement(statement, keys)
    with pytest.raises(UsageError, match=f"one or more, each once, got {got}"):
        add_signature(sign_statement(statement, [B]), keys)


@pytest.mark.parametrize("statement", [b"", b"{}", b"[]", b"hello", b'{"_type":"https://in-toto.io/Statement/v1"}'])
def test_what_is_no_statement_is_not_signed(statement: bytes) -> None:
    with pytest.raises(EvidenceError):
        sign_statement(statement, [A])


def test_a_digest_that_is_none_is_not_signed() -> None:
    with pytest.raises(EvidenceError, match="64 lower-case hex"):
        sign_statement(make_statement("demo", "1.0", [(WHEEL, SHA.upper())]), [A])


def test_the_65th_signature_is_refused() -> None:
    statement = make_statement("demo", "1.0", [(WHEEL, SHA)])
    full = sign_statement(statement, [SigningKey(bytes([number]) * 32) for number in range(64)])
    with pytest.raises(UsageError, match="at most 64 signatures"):
        add_signature(full, [A])
    assert add_signature(full, [SigningKey(bytes(32))]) != b""


# files


def test_signs_the_bytes_of_the_files(tmp_path: Path) -> None:
    files = artifacts(tmp_path / "dist", WHEEL, SDIST)
    path = sign_artifacts(files, A, tmp_path / "releases")
    assert path == tmp_path / "releases" / "demo" / "1.0.jws"
    assert proved(path.read_bytes(), A) == [A]
    claim = parse(path.read_bytes())
    assert (claim.project, claim.version) == ("demo", "1.0")
    assert {entry.name: entry.sha256 for entry in claim.subjects} == {file.name: sha256(file) for file in files}


def test_hashes_a_file_larger_than_one_chunk(tmp_path: Path) -> None:
    (file,) = artifacts(tmp_path, WHEEL)
    file.write_bytes(artifact(WHEEL, files={"demo/data": NOISE}))
    path = sign_artifacts([file], A, tmp_path)
    assert parse(path.read_bytes()).subjects[0].sha256 == sha256(file)


def test_signing_again_changes_nothing(tmp_path: Path) -> None:
    files = artifacts(tmp_path, WHEEL, SDIST)
    path = sign_artifacts(files, A, tmp_path / "releases")
    before = path.read_bytes()
    assert sign_artifacts(files[::-1], A, tmp_path / "releases") == path
    assert path.read_bytes() == before


def test_a_second_key_signs_the_same_statement(tmp_path: Path) -> None:
    files = artifacts(tmp_path, WHEEL, SDIST)
    sign_artifacts(files, A, tmp_path / "releases")
    path = sign_artifacts(files, B, tmp_path / "releases")
    assert proved(path.read_bytes(), A, B) == [A, B]


def test_two_versions_and_two_projects_stand_side_by_side(tmp_path: Path) -> None:
    for name in (SDIST, "demo-1.1.tar.gz", "other-1.0.tar.gz"):
        sign_artifacts(artifacts(tmp_path, name), A, tmp_path / "releases")
    found = sorted(str(path.relative_to(tmp_path / "releases")) for path in (tmp_path / "releases").rglob("*.jws"))
    assert found == [str(Path("demo", "1.0.jws")), str(Path("demo", "1.1.jws")), str(Path("other", "1.0.jws"))]


def refused_over(path: Path, files: list[Path], releases: Path) -> None:
    """Signing is refused, and the statement that is there stays as it is."""
    before = path.read_bytes()
    with pytest.raises(UsageError, match="got a statement that says something else"):
        sign_artifacts(files, B, releases)
    assert path.read_bytes() == before


def test_a_changed_file_does_not_silently_replace_the_statement(tmp_path: Path) -> None:
    files = artifacts(tmp_path, WHEEL, SDIST)
    path = sign_artifacts(files, A, tmp_path / "releases")
    files[0].write_bytes(artifact(WHEEL, files={"demo.py": "rebuilt = True"}))
    refused_over(path, files, tmp_path / "releases")


@pytest.mark.parametrize(("first", "second"), [([WHEEL, SDIST], [WHEEL]), ([WHEEL], [WHEEL, SDIST])])
def test_fewer_or_more_files_do_not_silently_replace_the_statement(
    tmp_path: Path, first: list[str], second: list[str]
) -> None:
    path = sign_artifacts(artifacts(tmp_path, *first), A, tmp_path / "releases")
    refused_over(path, artifacts(tmp_path, *second), tmp_path / "releases")


@pytest.mark.parametrize(
    "top",
    [
        {"predicate": {"purl": "pkg:pypi/demo@1.0", "approved": True}},
        {"predicate": {"purl": "pkg:pypi/demo@1.1"}},
        {"predicate": {"purl": "pkg:pypi/other@1.0"}},
    ],
)
def test_nothing_that_we_do_not_say_ourselves_is_signed(tmp_path: Path, top: dict[str, Any]) -> None:
    files = artifacts(tmp_path, WHEEL)
    path = tmp_path / "demo" / "1.0.jws"
    path.parent.mkdir()
    statement = signer.to_json(signer.statement({WHEEL: sha256(files[0])}, "pkg:pypi/demo@1.0", **top))
    path.write_bytes(signer.jws(statement, [signer.signature(ALICE, statement)]))
    refused_over(path, files, tmp_path)


def test_a_statement_that_another_tool_wrote_is_signed_as_it_stands(tmp_path: Path) -> None:
    files = artifacts(tmp_path, WHEEL, SDIST)
    path = tmp_path / "demo" / "1.0.jws"
    path.parent.mkdir()
    digests = {SDIST: sha256(files[1]), WHEEL: sha256(files[0])}
    statement = json.dumps(signer.statement(digests, "pkg:pypi/demo@1.0"), indent=1, sort_keys=True).encode()
    path.write_bytes(signer.jws(statement, [signer.signature(ALICE, statement)]))
    sign_artifacts(files, B, tmp_path)
    assert proved(path.read_bytes(), A, B) == [A, B]


@pytest.mark.parametrize("data", [b"", b"{}", b'{"payload": "', b"\xff", b" " * (2**20 + 1)])
def test_a_torn_statement_is_refused_by_its_path_and_not_replaced(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "demo" / "1.0.jws"
    path.parent.mkdir()
    path.write_bytes(data)
    with pytest.raises(EvidenceError) as caught:
        sign_artifacts(artifacts(tmp_path, WHEEL), A, tmp_path)
    assert caught.value.subject.startswith(str(path))
    assert path.read_bytes() == data


def test_a_dangling_link_in_place_of_the_statement_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "1.0.jws").symlink_to("nowhere")
    with pytest.raises(UsageError, match="expected a release statement"):
        sign_artifacts(artifacts(tmp_path, WHEEL), A, tmp_path)


def test_a_set_that_is_not_one_release_writes_nothing(tmp_path: Path) -> None:
    files = artifacts(tmp_path / "dist", WHEEL, "other-1.0.tar.gz", "demo-1.1.tar.gz")
    twice = artifacts(tmp_path / "old", WHEEL)
    for paths in (files[:2], [files[0], files[2]], [files[0], twice[0]], [files[0], files[0]], []):
        with pytest.raises(UsageError):
            sign_artifacts(paths, A, tmp_path / "releases")
    assert not (tmp_path / "releases").exists()


@pytest.mark.parametrize("name", ["missing-1.0.tar.gz", "demo-1.0.tar.gz/x-1.0.tar.gz", "README.md", "."])
def test_what_is_no_artifact_is_refused(tmp_path: Path, name: str) -> None:
    artifacts(tmp_path, SDIST, "README.md")
    with pytest.raises(UsageError):
        sign_artifacts([tmp_path / name], A, tmp_path / "releases")
    assert not (tmp_path / "releases").exists()


def test_a_wheel_that_is_not_strict_is_not_signed(tmp_path: Path) -> None:
    files = artifacts(tmp_path, WHEEL, SDIST)
    before = files[0].read_bytes()
    files[0].write_bytes(before + b"x")
    with pytest.raises(EvidenceError, match="end record") as caught:
        sign_artifacts(files, A, tmp_path / "releases")
    assert "it was not signed" in caught.value.hint
    assert not (tmp_path / "releases").exists()


def test_an_sdist_that_is_not_strict_is_not_signed(tmp_path: Path) -> None:
    files = artifacts(tmp_path, WHEEL, SDIST)
    files[1].write_bytes(artifact("demo-1.1.tar.gz"))
    with pytest.raises(EvidenceError, match=r"everything in one directory named for demo 1\.0"):
        sign_artifacts(files, A, tmp_path / "releases")


def test_every_file_that_is_not_strict_is_named(tmp_path: Path) -> None:
    names = [f"demo-1.0-{number}-py3-none-any.whl" for number in range(8)]
    files = artifacts(tmp_path, WHEEL, *names)
    for path in files:
        path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(EvidenceError) as caught:
        sign_artifacts(files, A, tmp_path / "releases")
    assert caught.value.subject == names[0]
    assert f"and 8 more that break a rule: {', '.join(names[1:6])}, ..." in caught.value.got


def test_ten_thousand_files_are_refused_before_one_is_read(tmp_path: Path) -> None:
    paths = [tmp_path / f"demo-1.0-{number}-py3-none-any.whl" for number in range(10_000)]
    with pytest.raises(UsageError, match="1 to 4096 wheels and sdists, got 10000"):
        sign_artifacts(paths, A, tmp_path / "releases")


def test_a_mixture_is_refused_before_a_file_is_read(tmp_path: Path) -> None:
    missing = [tmp_path / "demo-1.0.tar.gz", tmp_path / "other-1.0.tar.gz"]
    with pytest.raises(UsageError, match=r"a file of demo 1\.0, got one of other 1\.0"):
        sign_artifacts(missing, A, tmp_path / "releases")


def test_a_pipe_in_place_of_an_artifact_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / SDIST)
    with pytest.raises(UsageError, match="something that is no regular file"):
        sign_artifacts([tmp_path / SDIST], A, tmp_path / "releases")


@pytest.mark.parametrize("offset", [-(365 * 86400), 365 * 86400])
def test_a_clock_a_year_off_changes_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offset: float) -> None:
    files = artifacts(tmp_path, WHEEL, SDIST)
    expected = sign_artifacts(files, A, tmp_path / "releases").read_bytes()
    now = time.time() + offset
    monkeypatch.setattr(time, "time", lambda: now)
    assert sign_artifacts(files, A, tmp_path / "again").read_bytes() == expected


# what somebody altered between two signers


def tampered(jws: bytes, digest: str) -> bytes:
    """The same signatures on a statement with another digest."""
    document = json.loads(jws)
    said = payload(jws)
    said["subject"][0]["digest"]["sha256"] = digest
    return json.dumps({**document, "payload": b64u_encode(signer.to_json(said))}).encode()


def test_a_statement_altered_to_fit_other_files_is_not_signed_by_its_first_signer(tmp_path: Path) -> None:
    (file,) = artifacts(tmp_path, WHEEL)
    path = sign_artifacts([file], A, tmp_path)
    file.write_bytes(artifact(WHEEL, files={"demo.py": "evil = True"}))
    altered = tampered(path.read_bytes(), sha256(file))
    path.write_bytes(altered)
    with pytest.raises(EvidenceError, match=r"got one by ed25519:.* that does not"):
        sign_artifacts([file], A, tmp_path)
    assert path.read_bytes() == altered


def test_nor_by_a_second_signer_who_knows_the_first(tmp_path: Path) -> None:
    (file,) = artifacts(tmp_path, WHEEL)
    path = sign_artifacts([file], A, tmp_path)
    file.write_bytes(artifact(WHEEL, files={"demo.py": "evil = True"}))
    altered = tampered(path.read_bytes(), sha256(file))
    path.write_bytes(altered)
    with pytest.raises(EvidenceError, match=r"got one by ed25519:.* that does not"):
        sign_artifacts([file], B, tmp_path, known_keys([A.public], now=0))
    assert path.read_bytes() == altered
    sign_artifacts([file], B, tmp_path)  # who knows nobody signs the files at hand, and these are what they are
    assert prove(parse(path.read_bytes()), {A.public.thumbprint: A.public}).bad


def test_a_releases_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    files = artifacts(tmp_path, SDIST)
    with pytest.raises(UsageError, match="expected a directory, got"):
        sign_artifacts(files, A, files[0])


def test_eight_signers_at_once_lose_no_signature(tmp_path: Path) -> None:
    (file,) = artifacts(tmp_path, WHEEL)
    command = [sys.executable, "-c", SIGN, str(file), str(tmp_path)]
    processes = [subprocess.Popen([*command, str(number)], cwd=ROOT) for number in range(8)]
    assert [process.wait(60) for process in processes] == [0] * 8
    keys = [SigningKey(bytes([number]) * 32) for number in range(8)]
    assert proved((tmp_path / "demo" / "1.0.jws").read_bytes(), *keys) == keys


def test_of_several_releases_none_is_signed_when_one_is_in_the_way(tmp_path: Path) -> None:
    releases = [read_release(artifacts(tmp_path / "dist", name)) for name in ("demo-1.1.tar.gz", SDIST)]
    (other,) = artifacts(tmp_path / "other", WHEEL)
    there = sign_artifacts([other], A, tmp_path / "releases")
    with pytest.raises(UsageError, match="says something else"):
        list(write_statements(releases, A, tmp_path / "releases"))
    assert list((tmp_path / "releases").rglob("*.jws")) == [there]
