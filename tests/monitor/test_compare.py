"""The comparison: recorded, served and signed, each against the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_verify.artifact.name import Artifact, parse_filename
from pip_verify.keys import PublicKey
from pip_verify.monitor import compare as module
from pip_verify.monitor.compare import STICKY, Known, Outcome, Served, Signed, compare, is_whole, set_digest
from pip_verify.verdict import CATALOGUE, Decision, Reason, Verdict
from tests.signer import Signer, sha256
from tests.test_layers import impurities, parse

A, B, C = (sha256(text.encode()) for text in "abc")
WHEEL, SDIST = "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"
NAMES = [f"demo-{number}.0.tar.gz" for number in range(4)]
ALICE = PublicKey.from_raw(Signer.of("alice").raw)


def served(filename: str = WHEEL, digest: str | None = A, *, yanked: bool = False) -> Served:
    return Served(parse_filename(filename, sha256=digest), yanked)


def verdict(file: Served, code: str = "PV001", by: str = "signature") -> Verdict:
    decision = Decision.REJECT if CATALOGUE[code].exit_code else Decision.ACCEPT
    reason = Reason(code, file.artifact.filename)
    keys = (ALICE,) if by == "signature" else ()
    return Verdict(file.artifact, decision, (reason,), keys=keys, by="" if decision is Decision.REJECT else by)


def signed(*verdicts: Verdict, **files: str) -> Signed:
    return Signed({item.artifact: item for item in verdicts}, files)


def told(outcome: Outcome) -> list[tuple[str, tuple[str, ...]]]:
    return [(alarm.artifact.filename, tuple(reason.id for reason in alarm.reasons)) for alarm in outcome.alarms]


def test_the_module_is_pure() -> None:
    for name in ("compare.py", "inputs.py", "listdiff.py"):
        assert impurities(parse(Path(module.__file__).with_name(name))) == []


# Only watched.


def test_what_is_new_is_recorded_and_quiet() -> None:
    outcome = compare("demo", (), [served(), served(SDIST, B, yanked=True)], None)
    assert outcome.record == (Known(WHEEL, A), Known(SDIST, B, yanked=True))
    assert outcome.quiet is not None
    assert (outcome.quiet.by, outcome.quiet.reasons[0].id, outcome.files) == ("hash", "PV008", 2)
    assert outcome.quiet.artifact.filename == "demo (2 files)"


def test_what_is_as_recorded_is_quiet_and_recorded_once() -> None:
    outcome = compare("demo", [Known(WHEEL, A)], [served()], None)
    assert (outcome.alarms, outcome.record) == ((), ())


def test_another_digest_is_an_alarm_and_is_not_recorded() -> None:
    outcome = compare("demo", [Known(WHEEL, A)], [served(digest=B)], None)
    assert (told(outcome), outcome.record, outcome.quiet) == ([(WHEEL, ("PV313",))], (), None)
    reason = outcome.alarms[0].reasons[0]
    assert (reason.expected, reason.got) == (f"sha256:{A}, as recorded", f"sha256:{B}")
    assert f"--accept demo {WHEEL} --sha256={B} " in reason.hint


def test_one_of_two_indexes_that_serves_another_digest_is_an_alarm_about_that_one() -> None:
    outcome = compare("demo", [Known(WHEEL, A)], [served(), served(digest=B)], None)
    assert [(alarm.artifact.sha256, alarm.reasons[0].id) for alarm in outcome.alarms] == [(B, "PV313")]


def test_two_digests_that_were_recorded_are_as_recorded_and_either_may_vanish() -> None:
    known = [Known(WHEEL, A), Known(WHEEL, B)]
    assert compare("demo", known, [served(), served(digest=B)], None).alarms == ()
    assert told(compare("demo", known, [served()], None)) == [(WHEEL, ("PV314",))]


def test_a_file_that_is_gone_is_an_alarm_about_that_file() -> None:
    outcome = compare("demo", [Known(WHEEL, A), Known(SDIST, B)], [served()], None)
    assert told(outcome) == [(SDIST, ("PV314",))]
    assert outcome.alarms[0].artifact.sha256 == B


def test_a_file_whose_name_only_pip_reads_can_be_gone_too() -> None:
    outcome = compare("demo", [Known("q.tgz#egg=demo-9", A), Known(SDIST, B)], [served(SDIST, B)], None)
    assert told(outcome) == [("q.tgz#egg=demo-9", ("PV314",))]
    assert not is_whole(outcome.alarms[0].artifact)


def test_a_project_without_any_file_left_is_one_alarm() -> None:
    outcome = compare("demo", [Known(WHEEL, A), Known(SDIST, B)], [], None)
    assert told(outcome) == [("demo (2 files)", ("PV314",))]
    digest = set_digest([(SDIST, B), (WHEEL, A)])
    assert is_whole(outcome.alarms[0].artifact)
    assert outcome.alarms[0].artifact.sha256 == digest
    assert f"--accept demo '*' --sha256={digest}" in outcome.alarms[0].reasons[0].hint


def test_a_file_that_may_be_gone_is_no_alarm_and_its_name_never_comes_back_as_another() -> None:
    known = [Known(WHEEL, A, state="gone"), Known(SDIST, B)]
    assert compare("demo", known, [served(SDIST, B)], None).alarms == ()
    back = compare("demo", known, [served(SDIST, B), served()], None)
    assert (back.alarms, back.record) == ((), (Known(WHEEL, A),))
    other = compare("demo", known, [served(SDIST, B), served(digest=C)], None)
    assert told(other) == [(WHEEL, ("PV313",))]


@pytest.mark.parametrize("before", [True, False])
def test_a_yank_and_its_end_are_alarms(before: bool) -> None:  # noqa: FBT001 - pytest's
    known = [Known(WHEEL, A, yanked=before)]
    assert told(compare("demo", known, [served(yanked=not before)], None)) == [(WHEEL, ("PV315",))]
    assert compare("demo", known, [served(yanked=before)], None).alarms == ()


def test_a_digest_that_is_no_longer_stated_is_not_decided_and_no_deletion() -> None:
    outcome = compare("demo", [Known(WHEEL, A)], [served(digest=None)], None)
    assert told(outcome) == [(WHEEL, ("PV503",))]
    assert (outcome.alarms[0].decision, outcome.record) == (Decision.UNDECIDED, ())


# Signed.


def test_signed_files_are_quiet_and_their_keys_are_told() -> None:
    file = served()
    outcome = compare("demo", (), [file], signed(verdict(file)))
    assert outcome.quiet is not None
    assert (outcome.quiet.by, outcome.quiet.keys, outcome.quiet.reasons[0].id) == ("signature", (ALICE,), "PV001")


def test_unsigned_files_are_alarms_and_recorded_all_the_same() -> None:
    file = served()
    outcome = compare("demo", (), [file], signed(verdict(file, "PV102")))
    assert (told(outcome), outcome.record) == ([(WHEEL, ("PV102",))], (Known(WHEEL, A),))


def test_a_change_is_an_alarm_though_the_new_bytes_are_signed() -> None:
    file = served(digest=B)
    assert told(compare("demo", [Known(WHEEL, A)], [file], signed(verdict(file)))) == [(WHEEL, ("PV313",))]


def test_a_change_to_bytes_that_are_not_signed_says_both() -> None:
    file = served(digest=B)
    outcome = compare("demo", [Known(WHEEL, A)], [file], signed(verdict(file, "PV302")))
    assert told(outcome) == [(WHEEL, ("PV313", "PV302"))]


def test_signed_files_that_are_not_served_are_alarms_unless_somebody_accepted_that() -> None:
    file = served()
    both = signed(verdict(file), **{SDIST: B, WHEEL: A})
    assert told(compare("demo", (), [file], both)) == [(SDIST, ("PV317",))]
    assert told(compare("demo", (), [], signed(**{SDIST: B}))) == [(SDIST, ("PV317",))]
    assert compare("demo", [Known(SDIST, B, state="gone")], [file], both).alarms == ()


@pytest.mark.parametrize("code", ["PV102", "PV201", "PV302", "PV401"])
def test_accepted_bytes_need_no_signature(code: str) -> None:
    file = served()
    by_hand = [Known(WHEEL, A, state="accepted")]
    refused = signed(verdict(file, code))
    for outcome in (compare("demo", by_hand, [file], refused), compare("demo", (), [file], refused, {A})):
        assert outcome.quiet is not None
        assert outcome.quiet.by == "hash"
    assert told(compare("demo", [Known(WHEEL, A)], [file], refused, {B})) == [(WHEEL, (code,))]


def test_accepted_bytes_excuse_no_change_and_no_yank() -> None:
    assert told(compare("demo", [Known(WHEEL, A)], [served(digest=B)], None, {A, B})) == [(WHEEL, ("PV313",))]
    known = [Known(WHEEL, A, state="accepted")]
    assert told(compare("demo", known, [served(yanked=True)], None, {A})) == [(WHEEL, ("PV315",))]


def test_what_is_partly_signed_is_not_called_signed() -> None:
    first, second = served(), served(SDIST, B)
    known = [Known(SDIST, B, state="accepted"), Known(WHEEL, A)]
    outcome = compare("demo", known, [first, second], signed(verdict(first), verdict(second, "PV102")))
    assert outcome.quiet is not None
    assert (outcome.quiet.by, outcome.quiet.keys) == ("hash", (ALICE,))
    exempt = compare("demo", (), [first], signed(verdict(first, "PV002", "exemption")))
    assert exempt.quiet is not None
    assert exempt.quiet.by == "exemption"


# Whatever is served.


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Known], list[Served]]:
    digests = st.sampled_from([A, B, C])
    states = st.sampled_from(["seen", "accepted", "gone"])
    known = draw(
        st.lists(
            st.builds(Known, st.sampled_from(NAMES), digests, st.booleans(), states),
            unique_by=lambda entry: (entry.filename, entry.sha256),
            max_size=6,
        )
    )
    files = draw(
        st.lists(
            st.builds(
                lambda *parts: served(*parts[:2], yanked=parts[2]), st.sampled_from(NAMES), digests, st.booleans()
            ),
            unique_by=lambda file: (file.artifact.filename, file.artifact.sha256),
            max_size=6,
        )
    )
    return known, files


@given(worlds())
def test_quiet_means_just_what_was_recorded_and_new_names(world: tuple[list[Known], list[Served]]) -> None:
    known, files = world
    outcome = compare("demo", known, files, None)
    recorded = {(entry.filename, entry.sha256): entry for entry in known}
    there = {entry for entry in recorded if recorded[entry].state != "gone"}
    stated = {(file.artifact.filename, file.artifact.sha256 or ""): file.yanked for file in files}
    names = {entry.filename for entry in known}
    as_recorded = all(
        (key in recorded and (recorded[key].state == "gone" or recorded[key].yanked == yanked)) or key[0] not in names
        for key, yanked in stated.items()
    )
    assert (outcome.quiet is not None) == (not outcome.alarms) == (as_recorded and there <= set(stated))


@given(worlds())
def test_after_recording_the_same_is_quiet_or_the_same_alarm(world: tuple[list[Known], list[Served]]) -> None:
    known, files = world
    first = compare("demo", known, files, None)
    merged = {(entry.filename, entry.sha256): entry for entry in (*known, *first.record)}
    second = compare("demo", list(merged.values()), files, None)
    assert (told(second), second.record) == (told(first), ())
    assert all(alarm.reasons[0].id in STICKY for alarm in second.alarms)


@given(worlds())
def test_a_change_is_never_recorded(world: tuple[list[Known], list[Served]]) -> None:
    known, files = world
    digests = {entry.filename: {item.sha256 for item in known if item.filename == entry.filename} for entry in known}
    for entry in compare("demo", known, files, None).record:
        assert entry.filename not in digests or entry.sha256 in digests[entry.filename]


def test_artifacts_are_what_verdicts_are_found_by() -> None:
    file = served()
    assert {file.artifact: 1}[Artifact("demo", "1.0", WHEEL, "wheel", A)] == 1
