"""The gate: verdicts on what a lock states, by digest, with real stores and a real publisher on loopback."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pip_verify.errors import EvidenceError, SourceError, UsageError
from pip_verify.gate import Download, Gate, result
from pip_verify.judge import Judge
from pip_verify.lockfiles.model import LockedFile, LockedSet, LockedSource, Unlocked
from pip_verify.pins import Origin
from pip_verify.policy import Policy, parse_trust_file
from pip_verify.sources.firstuse import FirstUse
from pip_verify.sources.https import Fetcher
from pip_verify.sources.keylists import KeyListStore
from pip_verify.sources.statements import StatementStore
from pip_verify.verdict import Decision, Verdict
from tests import makers
from tests.https_world import HttpsWorld
from tests.signer import Signer, key_list, sha256, sign_release

ALICE, EVE = Signer.of("alice"), Signer.of("eve")
WHEEL, SDIST = makers.wheel_filename("demo", "1.0"), "demo-1.0.tar.gz"
DIGESTS = {WHEEL: sha256(b"wheel"), SDIST: sha256(b"sdist")}
LINE = Origin("uv.lock", 7)
DEADLINE = 1.0


@pytest.fixture
def site() -> Iterator[HttpsWorld]:
    with HttpsWorld() as site:
        site.put("/keys.json", key_list(ALICE), headers={"Cache-Control": "max-age=600"})
        yield site


def policy(site: HttpsWorld, more: str = "", projects: str = '"demo"', table: str = "") -> Policy:
    text = f'{table}\n[publishers.alice]\nkey-list = "{site.url}/keys.json"\nprojects = [{projects}]\n{more}'
    return parse_trust_file(text.encode(), "pip-verify.toml")


def sign(site: HttpsWorld, *signers: Signer, project: str = "demo", files: dict[str, str] | None = None) -> None:
    statement = sign_release(signers, files or DIGESTS, project, "1.0")
    site.put(f"/releases/{project}/1.0.jws", statement)


def locked(
    filename: str | None = WHEEL, project: str = "demo", sha256: str | None = None, **more: object
) -> LockedFile:
    digest = DIGESTS[filename or WHEEL] if sha256 is None else sha256
    return replace(LockedFile(project, "1.0", filename, digest, LINE), **more)  # type: ignore[arg-type]


def judge(
    site: HttpsWorld, tmp_path: Path, *files: LockedFile, trust: Policy | None = None, download: Download | None = None
) -> list[Verdict]:
    return gate(site, tmp_path, trust or policy(site), download).judge_all(LockedSet(files))


class Asked(Gate):
    def judge_all(self, locked: LockedSet) -> list[Verdict]:
        return list(self.judge(locked))


def gate(site: HttpsWorld, tmp_path: Path, trust: Policy, download: Download | None = None) -> Asked:
    fetcher = Fetcher(extra_ca=[site.ca_file])
    lists = KeyListStore(fetcher, tmp_path / "lists", clock=time.time, deadline_seconds=DEADLINE)
    statements = StatementStore(fetcher, tmp_path / "statements", deadline_seconds=DEADLINE)
    judge = Judge(trust, lists, statements, statements_dir=None, clock=time.time, warn=lambda _: None)
    return Asked(trust, judge, FirstUse(trust), download=download)


def ids(verdicts: list[Verdict]) -> list[str]:
    return [verdict.reasons[0].id for verdict in verdicts]


def test_every_file_of_a_signed_release_is_accepted_and_each_document_is_asked_for_once(
    site: HttpsWorld, tmp_path: Path
) -> None:
    sign(site, ALICE)
    verdicts = judge(site, tmp_path, locked(), locked(SDIST), locked(None))
    assert [verdict.accepted for verdict in verdicts] == [True] * 3
    assert [verdict.artifact.filename for verdict in verdicts] == [WHEEL, SDIST, WHEEL]
    assert verdicts[0].origins[0] == LINE
    assert Counter(seen.path for seen in site.requests) == {"/keys.json": 1, "/releases/demo/1.0.jws": 1}


def test_a_second_run_asks_nobody(site: HttpsWorld, tmp_path: Path) -> None:
    sign(site, ALICE)
    judge(site, tmp_path, locked())
    site.requests.clear()
    assert judge(site, tmp_path, locked())[0].accepted
    assert site.requests == []


def test_a_bad_signature_stays_bad_when_the_list_is_out_of_reach_for_another(site: HttpsWorld, tmp_path: Path) -> None:
    """A key that the copy at hand lacks makes us ask for the list again; that must not turn 12 into "try again"."""
    sign(site, ALICE)
    judge(site, tmp_path, locked())
    statement = json.loads(sign_release([ALICE, EVE], DIGESTS, "demo", "1.0"))
    first, second = statement["signatures"]
    first["signature"] = second["signature"]
    site.put("/releases/demo/1.0.jws", json.dumps(statement).encode())
    site.put("/keys.json", b"", status=500)
    shutil.rmtree(tmp_path / "statements")  # the one that proved
    (verdict,) = judge(site, tmp_path, locked())
    assert site.requests[-1].path == "/keys.json"
    assert (verdict.reasons[0].id, verdict.exit_code) == ("PV301", 12)


@pytest.mark.parametrize("filename", [WHEEL, None])
def test_a_digest_tampered_with_is_bad(site: HttpsWorld, tmp_path: Path, filename: str | None) -> None:
    sign(site, ALICE)
    (verdict,) = judge(site, tmp_path, locked(filename, sha256="0" * 64))
    assert (verdict.reasons[0].id, verdict.exit_code) == ("PV302", 12)


def test_a_file_swapped_for_another_of_the_same_release_is_bad(site: HttpsWorld, tmp_path: Path) -> None:
    sign(site, ALICE)
    assert ids(judge(site, tmp_path, locked(sha256=DIGESTS[SDIST]))) == ["PV302"]


def test_a_key_removed_from_the_list_turns_it_red(site: HttpsWorld, tmp_path: Path) -> None:
    sign(site, ALICE)
    site.put("/keys.json", key_list(EVE))
    (verdict,) = judge(site, tmp_path, locked())
    assert (verdict.reasons[0].id, verdict.exit_code) == ("PV201", 11)


def test_a_missing_statement_is_unsigned_and_the_unread_file_is_mentioned(site: HttpsWorld, tmp_path: Path) -> None:
    wheel, sdist = judge(site, tmp_path, locked(), locked(SDIST))
    assert ([reason.id for reason in wheel.reasons], wheel.exit_code) == (["PV102", "PV504"], 10)
    assert [reason.id for reason in sdist.reasons] == ["PV102"]


def test_where_only_the_file_could_be_signed_it_is_undecided_and_never_unsigned(
    site: HttpsWorld, tmp_path: Path
) -> None:
    by_key = f'[publishers.alice]\nkeys = ["{ALICE.text}"]\nprojects = ["demo"]\n'
    for trust in (by_key, by_key + 'formats = ["in-wheel"]\n'):
        (verdict,) = judge(site, tmp_path, locked(), trust=parse_trust_file(trust.encode(), "t"))
        assert (verdict.decision, verdict.reasons[0].id) == (Decision.UNDECIDED, "PV504")


def test_one_failing_and_one_hanging_document_do_not_touch_the_others(site: HttpsWorld, tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    for name in names:
        sign(site, ALICE, project=name, files={makers.wheel_filename(name, "1.0"): sha256(name.encode())})
    site.put("/releases/b/1.0.jws", b"", status=500)
    site.put("/releases/c/1.0.jws", b"", delay=10)
    files = [locked(makers.wheel_filename(name, "1.0"), name, sha256(name.encode())) for name in names]
    started = time.monotonic()
    verdicts = judge(site, tmp_path, *files, trust=policy(site, projects='"a", "b", "c"'))
    assert time.monotonic() - started < 5
    assert ids(verdicts) == ["PV001", "PV502", "PV502"]
    assert [verdict.exit_code for verdict in verdicts] == [0, 14, 14]


def test_hundreds_of_documents_on_a_hanging_server_cost_a_few_deadlines(site: HttpsWorld, tmp_path: Path) -> None:
    names = [f"p{number}" for number in range(100)]
    for name in names:
        site.put(f"/releases/{name}/1.0.jws", b"", delay=10)
    files = [locked(makers.wheel_filename(name, "1.0"), name, sha256(name.encode())) for name in names]
    started = time.monotonic()
    verdicts = judge(site, tmp_path, *files, trust=policy(site, projects='"p*"'))
    assert time.monotonic() - started < 5 * DEADLINE
    assert set(ids(verdicts)) == {"PV502"}
    assert len(verdicts) == 100


def test_what_answers_at_once_is_had_though_the_first_documents_hang(site: HttpsWorld, tmp_path: Path) -> None:
    names = [f"p{number}" for number in range(60)]
    for name in names:
        sign(site, ALICE, project=name, files={makers.wheel_filename(name, "1.0"): sha256(name.encode())})
    for name in names[:40]:
        site.put(f"/releases/{name}/1.0.jws", b"", delay=10)
    files = [locked(makers.wheel_filename(name, "1.0"), name, sha256(name.encode())) for name in names]
    verdicts = judge(site, tmp_path, *files, trust=policy(site, projects='"p*"'))
    assert ids(verdicts) == ["PV502"] * 40 + ["PV001"] * 20


def test_what_the_lock_leaves_open_is_not_locked(site: HttpsWorld, tmp_path: Path) -> None:
    unlocked = Unlocked("flask", "flask>=3", Origin("requirements.txt", 2))
    files = (locked(sha256="x", digests=(("md5", "0" * 32),)), locked(version=None))
    files = (replace(files[0], sha256=None), files[1])
    verdicts = gate(site, tmp_path, policy(site)).judge(LockedSet(files, unlocked=(unlocked,)))
    assert ids(list(verdicts)) == ["PV110"] * 3
    assert "md5 alone" in verdicts[0].reasons[0].got
    assert verdicts[2].origins == (unlocked.origin,)


def test_a_digest_by_another_algorithm_beside_sha256_could_be_of_another_file(site: HttpsWorld, tmp_path: Path) -> None:
    """Whoever installs takes a file that has any one of them; the gate has judged by sha256."""
    sign(site, ALICE)
    (verdict,) = judge(site, tmp_path, locked(digests=(("sha512", "0" * 128),)))
    assert (verdict.reasons[0].id, verdict.exit_code) == ("PV110", 10)
    assert verdict.reasons[0].got == "sha512, too: a file that has any one of them is installed"


def test_an_empty_lock_does_not_pass(site: HttpsWorld, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one locked artifact"):
        judge(site, tmp_path)


def test_a_file_name_of_another_project_or_version_is_bad(site: HttpsWorld, tmp_path: Path) -> None:
    other = locked(makers.wheel_filename("evil", "1.0"), sha256=DIGESTS[WHEEL])
    assert ids(judge(site, tmp_path, other)) == ["PV303"]
    assert ids(judge(site, tmp_path, locked("demo.exe", sha256=DIGESTS[WHEEL]))) == ["PV103"]


def test_sources_are_decided_by_policy(site: HttpsWorld, tmp_path: Path) -> None:
    sources = (
        LockedSource("vcs", f"git+https://vcs.example/demo@{'a' * 40}", "demo", "1.0", LINE),
        LockedSource("directory", "./demo", "demo", None, LINE),
    )
    strict = gate(site, tmp_path, policy(site, table='[policy]\nlocal = "deny"')).judge(LockedSet(sources=sources))
    lenient = gate(site, tmp_path, policy(site, table='[policy]\nvcs = "commit"')).judge(LockedSet(sources=sources))
    assert ids(list(strict)) == ["PV104", "PV105"]
    assert ids(list(lenient)) == ["PV006", "PV005"]


def test_locked_hashes_are_the_users_where_policy_lets_them_be_enough(site: HttpsWorld, tmp_path: Path) -> None:
    trust = policy(site, table='[policy]\nunsigned = "hash-pinned"')
    file = locked(makers.wheel_filename("plain", "1.0"), "plain", "3" * 64)
    assert ids(judge(site, tmp_path, file, trust=trust)) == ["PV003"]
    assert ids(judge(site, tmp_path, file)) == ["PV101"]


def test_a_file_at_hand_that_vanished_is_a_usage_error(site: HttpsWorld, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a file that can be read"):
        judge(site, tmp_path, locked(path=str(tmp_path / WHEEL)))


# With --download.


def fetching(data: bytes, name: str = WHEEL) -> Download:
    def download(_: LockedFile, folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return download


def test_the_signature_inside_a_wheel_is_found_by_download(site: HttpsWorld, tmp_path: Path) -> None:
    data = makers.signed_inside(ALICE)
    file = locked(sha256=sha256(data))
    for asked in (file, replace(file, filename=None)):
        (verdict,) = judge(site, tmp_path, asked, download=fetching(data))
        assert verdict.accepted
        assert (verdict.evidence, verdict.artifact.filename) == ("in-wheel", WHEEL)


def test_other_bytes_than_the_locked_ones_are_bad(site: HttpsWorld, tmp_path: Path) -> None:
    file = locked(sha256=sha256(makers.signed_inside(ALICE)))
    assert ids(judge(site, tmp_path, file, download=fetching(makers.signed_inside(EVE)))) == ["PV302"]


def test_what_could_not_be_downloaded_is_undecided(site: HttpsWorld, tmp_path: Path) -> None:
    def fails(file: LockedFile, _: Path) -> Path:
        raise SourceError(file.project, expected="the file", got="a time-out")

    (verdict,) = judge(site, tmp_path, locked(), download=fails)
    assert (verdict.decision, verdict.reasons[0].id) == (Decision.UNDECIDED, "PV502")


def test_a_download_that_is_bad_keeps_the_next_step_that_its_error_has(site: HttpsWorld, tmp_path: Path) -> None:
    def fails(file: LockedFile, _: Path) -> Path:
        raise EvidenceError(file.project, expected="its bytes", got="others", hint="ask the index's owner")

    (verdict,) = judge(site, tmp_path, locked(), download=fails)
    assert (verdict.reasons[0].id, verdict.reasons[0].hint) == ("PV303", "ask the index's owner")


def test_a_download_of_another_project_is_bad(site: HttpsWorld, tmp_path: Path) -> None:
    name = makers.wheel_filename("evil", "1.0")
    assert ids(judge(site, tmp_path, locked(), download=fetching(b"", name))) == ["PV303"]


def test_a_download_of_another_version_than_the_locked_one_is_bad(site: HttpsWorld, tmp_path: Path) -> None:
    data = makers.signed_inside(ALICE)  # of 1.0
    nameless = locked(None, sha256=sha256(data))
    assert ids(judge(site, tmp_path, replace(nameless, version="2.0"), download=fetching(data))) == ["PV303"]
    assert ids(judge(site, tmp_path, replace(nameless, version="1.0.0"), download=fetching(data))) == ["PV001"]


def test_nothing_is_downloaded_for_what_is_accepted_or_bad_already(site: HttpsWorld, tmp_path: Path) -> None:
    def never(_: LockedFile, __: Path) -> Path:
        raise AssertionError

    sign(site, ALICE)
    assert ids(judge(site, tmp_path, locked(), locked(None, sha256="0" * 64), download=never)) == ["PV001", "PV302"]


# The run.


def test_too_little_coverage_is_as_unsigned(site: HttpsWorld, tmp_path: Path) -> None:
    trust = policy(site, more='[[exempt]]\nproject = "six"\nreason = "x"\n')
    sign(site, ALICE)
    six = locked(makers.wheel_filename("six", "1.0"), "six", "3" * 64)
    verdicts = judge(site, tmp_path, locked(), six, trust=trust)
    codes = {
        least: result("check", verdicts, warnings=(), started=0.0, min_coverage=least).exit_code
        for least in (None, 0, 50, 50.1, 100)
    }
    assert codes == {None: 0, 0: 0, 50: 0, 50.1: 10, 100: 10}


def test_report_mode_ends_with_0_and_says_so_in_the_run(site: HttpsWorld, tmp_path: Path) -> None:
    verdicts = judge(site, tmp_path, locked())
    run = result("check", verdicts, warnings=(), started=0.0, report_only=True, min_coverage=100)
    assert (run.exit_code, run.mode) == (0, "report")
    assert not run.verdicts[0].accepted
