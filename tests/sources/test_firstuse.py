"""The lock on disk, and the first uses of one run: what is asked, what is kept, what is written and when."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pytest

from pip_verify.artifact.name import Artifact
from pip_verify.errors import PipVerifyError, UsageError
from pip_verify.firstuse import Seen, parse_first_use, serialise
from pip_verify.keys import PublicKey
from pip_verify.pins import InlinePin, Pin
from pip_verify.policy import Policy, parse_trust_file
from pip_verify.sources.firstuse import Carried, FirstUse, forget, read_lock
from pip_verify.verdict import Decision, Reason, Verdict
from tests.makers import metadata_of
from tests.signer import Signer, sign_record_jws

LIST, OTHER = "https://keys.example/keys.json", "https://eve.example/keys.json"
ALICE, EVE = (PublicKey.from_raw(Signer.of(name).raw) for name in ("alice", "eve"))
WHEEL = Artifact("demo", "1.0", "demo-1.0-py3-none-any.whl", "wheel", "5" * 64)
TODAY = 1_795_132_800.0  # 2026-11-20
POLICY = parse_trust_file(b'[policy]\nfirst-use = "record"\n', "pip-verify.toml")
NOTHING = "PV102"


@dataclass
class World:
    """Stands for the judge: who signs, by key list (None: nobody's list), and in which formats. asked: every pin."""

    signers: Mapping[str | None, PublicKey] = field(default_factory=lambda: {LIST: ALICE})
    formats: Sequence[str] = ("release-statement",)
    asked: list[Pin] = field(default_factory=list)
    artifact: Artifact = WHEEL
    away: str = "PV102"  # what becomes of a list that is not among the signers
    unpinned: Verdict | None = None  # what becomes of it without a pin; None: refused

    def under(self, pins: tuple[Pin, ...]) -> Verdict:
        if not pins:
            return self.unpinned or self._refused("PV101")
        verdicts = [self._under(pin) for pin in pins]
        return next((verdict for verdict in verdicts if not verdict.accepted), verdicts[0])

    def _under(self, pin: Pin) -> Verdict:
        self.asked.append(pin)
        signer = self.signers.get(pin.key_list)
        if signer is None:
            return self._refused(self.away)
        found = [name for name in self.formats if not pin.formats or name in pin.formats]
        if not found:
            return self._refused(NOTHING)
        if pin.keys and signer not in pin.keys:
            return self._refused("PV201")
        reasons = (Reason("PV001", self.artifact.filename),)
        return Verdict(
            self.artifact, Decision.ACCEPT, reasons, (signer,), origins=(pin.origin,), by="signature", evidence=found[0]
        )

    def _refused(self, code: str) -> Verdict:
        reason = Reason(code, self.artifact.filename)
        decision = Decision.UNDECIDED if reason.exit_code == 14 else Decision.REJECT
        return Verdict(self.artifact, decision, (reason,))


def naming(*urls: str, record_jws: bytes | None = None) -> Carried:
    extra = "".join(f"Project-URL: Signing-Keys, {url}\n" for url in urls)
    return Carried(metadata_of("demo", "1.0", extra=extra).encode(), record_jws)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pip-verify.lock"


def run(path: Path | None, policy: Policy = POLICY, frozen: str = "", now: float = TODAY) -> FirstUse:
    return FirstUse(policy, path, frozen=frozen, clock=lambda: now)


def judged(first_use: FirstUse, world: World, carried: Carried | None = None) -> Verdict:
    artifact = world.artifact
    pins = first_use.pins_for(artifact.project, (), artifact.version)
    return first_use.judge(artifact, pins, world.under, (lambda: carried) if carried is not None else None)


def code(verdict: Verdict) -> str:
    return verdict.reasons[0].id


def recorded(path: Path, **fields: object) -> Seen:
    """Alice's entry for demo, written to the lock."""
    seen = replace(Seen("demo", (ALICE,), LIST, date(2026, 1, 2), {"1.0": "release-statement"}), **fields)  # type: ignore[arg-type]
    path.write_bytes(serialise({"demo": seen}))
    return seen


# Judging.


def test_where_first_uses_are_not_recorded_the_pins_decide() -> None:
    world = World()
    assert code(judged(run(None), world, naming(LIST))) == "PV101"
    assert world.asked == []


def test_a_requirements_own_pin_decides_where_nothing_was_seen(path: Path) -> None:
    world, first_use = World({OTHER: EVE}), run(path)
    pins = first_use.pins_for("demo", [InlinePin(key_list=OTHER)], "1.0")
    assert [pin.key_list for pin in pins] == [OTHER]
    assert first_use.judge(WHEEL, pins, world.under, None).keys == (EVE,)


def test_a_requirements_own_pin_only_narrows_what_was_seen(path: Path) -> None:
    """Whoever can change a requirement file could name anybody."""
    recorded(path)
    first_use = run(path)
    pins = first_use.pins_for("demo", [InlinePin(key_list=OTHER)], "1.0")
    assert [pin.key_list for pin in pins] == [OTHER, LIST]
    assert code(first_use.judge(WHEEL, pins, World({OTHER: EVE, LIST: EVE}).under, None)) == "PV204"
    assert code(first_use.judge(WHEEL, pins, World({OTHER: EVE}).under, None)) == "PV109"
    assert code(first_use.judge(WHEEL, pins, World({LIST: ALICE}, away="PV501").under, None)) == "PV501"
    assert first_use.judge(WHEEL, pins, World({OTHER: ALICE, LIST: ALICE}).under, None).accepted


def test_a_publisher_of_the_trust_file_decides_alone(path: Path) -> None:
    recorded(path)
    text = f'[policy]\nfirst-use = "record"\n[publishers.eve]\nkey-list = "{OTHER}"\nprojects = ["demo"]\n'
    first_use = run(path, parse_trust_file(text.encode(), "pip-verify.toml"))
    pins = first_use.pins_for("demo", (), "1.0")
    assert [pin.key_list for pin in pins] == [OTHER]
    assert first_use.judge(WHEEL, pins, World({OTHER: EVE}).under, None).keys == (EVE,)


@pytest.mark.parametrize(
    ("until", "applies"), [("", True), ("until = 2030-01-01\n", True), ("until = 2020-01-01\n", False)]
)
def test_an_exemption_decides_while_it_holds(path: Path, until: str, applies: bool) -> None:  # noqa: FBT001
    recorded(path)
    text = f'[policy]\nfirst-use = "record"\n[[exempt]]\nproject = "demo"\nreason = "r"\n{until}'
    first_use = run(path, parse_trust_file(text.encode(), "pip-verify.toml"))
    assert (first_use.pins_for("demo", (), "1.0") == ()) == applies
    assert (code(judged(first_use, World(), naming(LIST))) == "PV101") == applies


def test_before_its_bytes_are_here_it_is_not_decided(path: Path) -> None:
    verdict = judged(run(path), World())
    assert (verdict.decision, code(verdict)) == (Decision.UNDECIDED, "PV504")


def test_where_no_first_use_is_allowed_bytes_could_not_help(path: Path) -> None:
    verdict = judged(run(path, frozen="CI"), World())
    assert [reason.id for reason in verdict.reasons] == ["PV108", "PV101"]
    assert (verdict.decision, verdict.exit_code) == (Decision.REJECT, 10)


def test_where_a_hash_would_do_only_the_bytes_tell_whether_it_names_a_signer(path: Path) -> None:
    world = World(unpinned=Verdict(WHEEL, Decision.ACCEPT, (Reason("PV003", "x"),), by="hash"))
    assert code(judged(run(path, frozen="CI"), world)) == "PV504"


def test_the_strongest_evidence_is_asked_for_first(path: Path) -> None:
    world = World(formats=("in-wheel", "release-statement"))
    assert judged(run(path), world, naming(LIST)).evidence == "release-statement"
    assert [pin.formats for pin in world.asked] == [("release-statement",)]
    assert judged(run(path), World(formats=("in-wheel",)), naming(LIST)).evidence == "in-wheel"


def test_a_second_list_may_be_the_right_one(path: Path) -> None:
    first_use = run(path)
    assert code(judged(first_use, World(away="PV201"), naming(OTHER, LIST))) == "PV007"
    first_use.commit()
    assert read_lock(path)["demo"].key_list == LIST


@pytest.mark.parametrize(
    ("codes", "expected"),
    [(("PV102", "PV501"), "PV501"), (("PV501", "PV201"), "PV201"), (("PV102", "PV302"), "PV302")],
)
def test_the_most_telling_of_several_refusals(path: Path, codes: tuple[str, ...], expected: str) -> None:
    lists = [f"https://keys.example/{number}" for number in range(len(codes))]

    def under(pins: tuple[Pin, ...]) -> Verdict:
        return World(signers={}, away=codes[lists.index(pins[0].key_list or "")]).under(pins)

    assert code(run(path).judge(WHEEL, (), under, lambda: naming(*lists))) == expected


def test_the_key_inside_a_legacy_signature(path: Path) -> None:
    jws = sign_record_jws([Signer.of("alice")], b"RECORD")
    world, first_use = World({None: ALICE}, ("record-jws",)), run(path)
    assert code(judged(first_use, world, naming(record_jws=jws))) == "PV007"
    assert world.asked == [replace(world.asked[0], keys=(ALICE,), key_list=None, formats=("record-jws",))]
    first_use.commit()
    assert read_lock(path)["demo"].lines == {"1.0": "record-jws"}


def test_a_malformed_legacy_signature_names_nobody(path: Path) -> None:
    assert code(judged(run(path), World(), naming(record_jws=b"{}"))) == "PV101"


def test_an_address_that_cannot_be_asked_is_passed_over(path: Path) -> None:
    assert code(judged(run(path), World(), naming("https://user:secret@keys.example/keys.json"))) == "PV101"


def test_where_nobody_can_review_it_nobody_is_asked(path: Path) -> None:
    world = World()
    assert code(judged(run(path, frozen="CI"), world, naming(LIST))) == "PV108"
    assert world.asked == []


def test_where_nobody_can_review_it_a_refused_file_has_no_strangers_address_asked(path: Path) -> None:
    recorded(path)
    world = World({LIST: EVE, OTHER: EVE})
    assert code(judged(run(path, frozen="CI"), world, naming(OTHER))) == "PV204"
    assert OTHER not in [pin.key_list for pin in world.asked]
    judged(run(path), World({}, away="PV102"), naming(OTHER))


def test_a_recorded_key_in_a_weaker_format(path: Path) -> None:
    recorded(path)
    assert code(judged(run(path), World(formats=("in-wheel",)), naming(LIST))) == "PV205"
    recorded(path, key_list=None, lines={"1.0": "in-wheel"})
    assert code(judged(run(path), World({None: ALICE}, ("record-jws",)), naming())) == "PV205"


def test_another_file_of_the_project_in_the_same_run_must_be_by_the_same_key(path: Path) -> None:
    first_use, world = run(path), World()
    assert code(judged(first_use, world, naming(LIST))) == "PV007"
    sdist = replace(WHEEL, filename="demo-1.0.tar.gz", kind="sdist")
    same = judged(first_use, World(artifact=sdist), naming(LIST))
    assert (code(same), same.by) == ("PV007", "first-use")
    assert code(judged(first_use, World({LIST: EVE}, artifact=sdist), naming(LIST))) == "PV204"


def test_of_two_files_judged_at_once_one_is_first(path: Path) -> None:
    first_use, barrier = run(path), threading.Barrier(2, timeout=10)
    codes = []

    def judge(signer: PublicKey) -> None:
        world = World({LIST: signer})

        def under(pins: tuple[Pin, ...]) -> Verdict:
            if not pins[0].keys and pins[0].formats == ("release-statement",):
                barrier.wait()
            return world.under(pins)

        codes.append(code(first_use.judge(WHEEL, (), under, lambda: naming(LIST))))

    threads = [threading.Thread(target=judge, args=(signer,)) for signer in (ALICE, EVE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(codes) == ["PV007", "PV204"]


# Writing.


def test_what_was_seen_is_written_when_it_is_said_to_be_good(path: Path) -> None:
    first_use = run(path)
    judged(first_use, World(), naming(LIST))
    assert not path.exists()
    assert first_use.commit() == []
    (seen,) = parse_first_use(path.read_bytes(), str(path)).values()
    assert (seen.keys, seen.key_list, seen.first_seen) == ((ALICE,), LIST, date(2026, 11, 20))
    before = path.stat().st_mtime_ns
    assert first_use.commit() == []
    assert path.stat().st_mtime_ns == before


def test_a_later_line_is_added_and_a_known_one_changes_nothing(path: Path) -> None:
    recorded(path)
    first_use = run(path)
    written = path.stat().st_mtime_ns
    judged(first_use, World())
    first_use.commit()
    assert path.stat().st_mtime_ns == written
    judged(first_use, World(artifact=replace(WHEEL, version="1.1")))
    first_use.commit()
    assert read_lock(path)["demo"].lines == {"1.0": "release-statement", "1.1": "release-statement"}


def test_frozen_it_is_never_written(path: Path) -> None:
    recorded(path)
    before, first_use = path.read_bytes(), run(path, frozen="--frozen")
    assert judged(first_use, World(artifact=replace(WHEEL, version="1.1"))).accepted
    assert first_use.commit() == []
    assert path.read_bytes() == before


def test_what_another_run_recorded_meanwhile_is_kept(path: Path) -> None:
    first_use = run(path)
    judged(first_use, World(), naming(LIST))
    other = run(path)
    judged(other, World(artifact=replace(WHEEL, project="other")), naming(LIST))
    other.commit()
    assert first_use.commit() == []
    assert set(read_lock(path)) == {"demo", "other"}


def test_many_runs_at_once_lose_nothing(path: Path) -> None:
    projects = [f"demo-{number}" for number in range(8)]

    def use(project: str) -> None:
        first_use = run(path)
        judged(first_use, World(artifact=replace(WHEEL, project=project)), naming(LIST))
        assert first_use.commit() == []

    threads = [threading.Thread(target=use, args=(project,)) for project in projects]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(read_lock(path)) == projects


def test_another_runs_other_key_is_refused_and_nothing_is_written(path: Path) -> None:
    first_use = run(path)
    judged(first_use, World(), naming(LIST))
    judged(first_use, World(artifact=replace(WHEEL, project="other")), naming(LIST))
    recorded(path, keys=(EVE,))
    before = path.read_bytes()
    (verdict,) = first_use.commit()
    assert (code(verdict), verdict.artifact.project) == ("PV204", "demo")
    assert path.read_bytes() == before


def test_an_entry_that_was_removed_meanwhile_stays_removed(path: Path) -> None:
    recorded(path)
    first_use = run(path)
    judged(first_use, World(artifact=replace(WHEEL, version="1.1")))
    path.write_bytes(serialise({}))
    assert first_use.commit() == []
    assert read_lock(path) == {}


def test_the_modes_of_the_file_are_kept(path: Path) -> None:
    recorded(path)
    path.chmod(0o600)
    first_use = run(path)
    judged(first_use, World(artifact=replace(WHEEL, version="1.1")))
    first_use.commit()
    assert path.stat().st_mode & 0o777 == 0o600


# Reading.


def test_nothing_there_is_no_entry(path: Path) -> None:
    assert read_lock(path) == {}


def make_link(path: Path) -> None:
    (path.parent / "elsewhere").write_bytes(serialise({}))
    path.symlink_to("elsewhere")


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.touch(),
        lambda path: path.write_bytes(serialise({})[:-1]),
        make_link,
        lambda path: path.symlink_to("nowhere"),
        os.mkfifo,
        Path.mkdir,
    ],
    ids=["empty", "torn", "link", "dangling link", "pipe", "directory"],
)
def test_what_is_no_whole_lock_is_an_error_for_all(path: Path, make: object) -> None:
    first_use = run(path)
    judged(first_use, World(), naming(LIST))
    make(path)  # type: ignore[operator]
    for action in (lambda: run(path), first_use.commit, lambda: forget(path, ["demo"])):
        with pytest.raises(PipVerifyError):
            action()


def test_a_file_that_others_could_have_changed_is_for_the_caller_to_refuse(path: Path) -> None:
    recorded(path)

    def check(where: Path, status: os.stat_result) -> None:
        assert status.st_ino == path.stat().st_ino
        raise UsageError(str(where), hint="chmod")

    with pytest.raises(UsageError):
        FirstUse(POLICY, path, check=check)


# Forgetting.


def test_an_entry_is_forgotten(path: Path) -> None:
    recorded(path)
    before = path.read_text()
    assert forget(path, ["demo"], dry_run=True)[0] == before == path.read_text()
    old, new = forget(path, ["demo"])
    assert (old, new) == (before, path.read_text())
    assert read_lock(path) == {}


def test_there_is_nothing_to_forget(path: Path) -> None:
    assert forget(path, ["demo"]) == ("", "")
    recorded(path)
    old, new = forget(path, ["other"])
    assert old == new == path.read_text()
