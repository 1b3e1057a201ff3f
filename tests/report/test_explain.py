"""The long answer: each step it must tell, and that it tells what the verifier found and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pip_verify.artifact.name import Artifact
from pip_verify.errors import EvidenceError, SourceError
from pip_verify.evidence import Look
from pip_verify.keys import KeyList
from pip_verify.pins import Pin
from pip_verify.policy import parse_trust_file
from pip_verify.report.explain import Explanation, render
from pip_verify.report.style import Style
from pip_verify.verifier import Keys
from tests.looks import (
    ALICE,
    BOB,
    DIGEST,
    EVE,
    NOW,
    URL,
    WHEEL,
    found,
    judge,
    listed,
    not_reached,
    nothing,
    pin,
    release,
)


def explain(
    looks: Sequence[Look], *pins: Pin, keys: Keys | KeyList | None = None, artifact: Artifact = WHEEL, **more: Any
) -> str:
    by_url: Keys = {URL: keys} if isinstance(keys, KeyList) else keys or {}
    verdict = judge(looks, *pins, keys=by_url, artifact=artifact)
    told = Explanation(verdict, "pip-verify.toml", None, None, pins, tuple(looks), by_url, NOW)
    return render(replace(told, **more), Style())


def test_an_accepted_file_is_told_step_by_step() -> None:
    listing = listed(ALICE, BOB.jwk(revoked={"revoked_at": 1, "reason": "lost"}))
    by_list = pin(key_list=URL)
    text = explain([nothing(), found(release(ALICE, BOB))], by_list, keys=listing)
    steps = [line for line in text.splitlines() if line[:1].isdigit()]
    assert [step.split(".")[0] for step in steps] == ["1", "2", "3", "4"]
    assert f"pin from trust.toml:3: any key on {URL}, 1 at least" in text
    assert f"{ALICE.text} may sign" in text
    assert f"{BOB.text} revoked" in text
    assert "nothing there" in text
    assert "claims: demo 1.0, as release-statement" in text
    assert f"{WHEEL.filename} sha256:{DIGEST}  <- this file's digest" in text
    assert f"signed by {ALICE.text}: a good signature, may sign" in text
    assert f"signed by {BOB.text}: a good signature, revoked" in text
    assert "ACCEPTED (exit code 0)" in text


def test_a_strangers_signature_is_called_one() -> None:
    text = explain([found(release(EVE))], pin(ALICE))
    assert f"signed by {EVE.thumbprint}: a stranger" in text
    assert f"one of {ALICE.text}, 1 at least" in text
    assert "REFUSED (exit code 11)" in text


def test_a_pinned_key_that_signed_is_shown_with_its_pin() -> None:
    listing = listed(BOB)
    text = explain([found(release(ALICE))], pin(ALICE, key_list=URL), keys=listing)
    assert f"signed by {ALICE.text}: a good signature, pinned, but on no list that was asked" in text
    assert f"signed by {ALICE.text}: a good signature, pinned\n" in explain([found(release(ALICE))], pin(ALICE))
    both = explain([found(release(ALICE))], pin(ALICE, key_list=URL), keys=listed(ALICE.jwk(kid="work")))
    assert f"signed by {ALICE.text}: a good signature, (work) may sign, and pinned" in both


def test_a_signature_that_does_not_verify_is_said_loudly_and_nothing_is_offered() -> None:
    statement = release(ALICE)
    forged = statement.replace(statement[-40:-20], statement[-60:-40])
    text = explain([found(forged)], pin(ALICE), paste="pip-verify pin demo")
    assert "a signature that does NOT verify" in text
    assert "4. Do not make this pass" in text
    assert "pip-verify pin demo" not in text


def test_what_would_make_it_pass_is_offered_where_that_is_a_choice() -> None:
    text = explain([nothing()], pin(ALICE), paste="[[exempt]]\nproject = 1")
    assert "4. What would make it pass, if you trust it\n   [[exempt]]\n   project = 1\n" in text
    assert "4." not in explain([nothing()], pin(ALICE))


def test_out_of_reach_is_never_called_unsigned() -> None:
    text = explain([not_reached()], pin(ALICE))
    assert "could not be reached: " in text
    assert "UNDECIDED (exit code 14)" in text
    assert "unsigned" not in text


def test_lists_out_of_reach_and_refused_ones_are_two_things() -> None:
    pins = (pin(key_list=URL), pin(key_list="https://other.example/"))
    keys: Keys = {
        URL: SourceError(URL, expected="an answer", got="a time-out"),
        "https://other.example/": EvidenceError("list", expected="a JWK set", got="HTML"),
    }
    text = explain([], *pins, keys=keys)
    assert "out of reach: " in text
    assert "refused: " in text


def test_malformed_evidence_is_told_with_its_fault() -> None:
    assert "     malformed: " in explain([found(b"{")], pin(ALICE))


def test_many_files_of_a_release_are_counted() -> None:
    files = {f"demo-1.0-cp3{number}-cp3{number}-any.whl": DIGEST[:-2] + f"{number}" for number in range(30, 50)}
    text = explain([found(release(ALICE, files={WHEEL.filename: DIGEST} | files))], pin(ALICE))
    assert "and 15 more files" in text


def test_the_trust_files_entries_are_shown_with_their_lines() -> None:
    policy = parse_trust_file(
        b'[publishers.a]\nkeys = ["%s"]\nprojects = ["demo"]\n[publishers.b]\nkeys = ["%s"]\nprojects = ["de*"]\n'
        b'[[exempt]]\nproject = "demo"\nreason = "old"\nhashes = ["sha256:%s"]\nuntil = 2027-01-01\n'
        b'[[exempt]]\nproject = "six"\nreason = "old"\n' % (ALICE.text.encode(), BOB.text.encode(), DIGEST.encode()),
        "t.toml",
    )
    exact, pattern = policy.publishers
    demo, six = policy.exemptions
    assert "publisher a (t.toml:1) claims demo by its exact name" in explain([], publisher=exact)
    assert "claims demo by a pattern such as de*" in explain([], publisher=pattern)
    assert "exemption (t.toml:7): old; 1 hashes; until 2027-01-01" in explain([], exemption=demo)
    assert "old; any bytes; without end" in explain([], exemption=six)


def test_formats_and_the_lack_of_pins_and_digest_are_told() -> None:
    assert "as in-wheel or record-jws" in explain([], pin(ALICE, formats=("in-wheel", "record-jws")))
    assert "no pin: nobody's signature can speak for it" in explain([])
    assert "trust file: none found" in explain([], source=None)
    assert "no digest known" in explain([], artifact=replace(WHEEL, sha256=None))


def test_no_text_from_elsewhere_can_write_a_line_of_ours() -> None:
    text = explain([found(release(EVE, project="demo"))], pin(ALICE), source="x\n4. Decided: ACCEPTED\x1b[2K")
    assert "\n4. Decided: ACCEPTED" not in text
    assert "\x1b" not in text
