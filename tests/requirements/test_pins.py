"""Pins: values, comments, the command line."""

from __future__ import annotations

import pytest

from pip_verify.errors import EvidenceError, UsageError
from pip_verify.pins import InlinePin, Origin
from pip_verify.requirements.pins import MAX_URL, parse_inline_options
from tests.requirements.support import KEYS, SHA256, WEAK, A, B, C, one, parse, public_key, refused

LIST = "https://keys.example/keys.json"
ORIGIN = Origin("req.txt", 1)


@pytest.mark.parametrize(
    ("options", "pin"),
    [
        (f"--key={A}", InlinePin(keys=KEYS[:1])),
        (f"--key {A}", InlinePin(keys=KEYS[:1])),
        (f"--key={C} --key {A}", InlinePin(keys=(KEYS[2], KEYS[0]))),
        (f"--key-list={LIST}", InlinePin(key_list=LIST)),
        (f"--key-list {LIST} --threshold 128", InlinePin(key_list=LIST, threshold=128)),
        (f"--key-list={LIST} --key={A}", InlinePin(keys=KEYS[:1], key_list=LIST)),
        (f"--key={A} --key={B} --threshold=2", InlinePin(keys=KEYS[:2], threshold=2)),
        ("--signed-by=numpy-team", InlinePin(signed_by="numpy-team")),
        ("--signed-by=0.A_b --threshold=1", InlinePin(signed_by="0.A_b", threshold=1)),
        (f"--threshold=1 --signed-by=a --key={A}", InlinePin(keys=KEYS[:1], signed_by="a", threshold=1)),
    ],
)
def test_a_pin_reads_the_same_as_option_as_comment_and_on_the_command_line(options: str, pin: InlinePin) -> None:
    for text, line in ((f"demo {options}\n", 1), (f"demo\n# pip-verify: {options}\n", 2)):
        (found,) = one(text).pins
        assert found == InlinePin(pin.keys, pin.key_list, pin.threshold, pin.signed_by, Origin("req.txt", line))
    found_on_command_line, rest = parse_inline_options(["install", *options.split(), "demo"])
    expected = InlinePin(pin.keys, pin.key_list, pin.threshold, pin.signed_by, Origin("<command line>"))
    assert (found_on_command_line, rest) == (expected, ("install", "demo"))


@pytest.mark.parametrize(
    "options",
    [
        "--threshold=1",
        f"--key={A} --threshold=2",
        f"--key={A} --key-list={LIST} --threshold=2",
        f"--key={A} --threshold=0",
        f"--key-list={LIST} --threshold=129",
        f"--key-list={LIST} --threshold=1000",
        f"--key-list={LIST} --threshold=01",
        f"--key-list={LIST} --threshold=+1",
        f"--key-list={LIST} --threshold=1.0",
        f"--key-list={LIST} --threshold=\u0661",
        f"--key-list={LIST} --threshold=",
        f"--key-list={LIST} --threshold=1 --threshold=1",
        f"--key-list={LIST} --key-list={LIST}",
        "--signed-by=a --signed-by=b",
        "--signed-by=",
        "--signed-by=-a",
        "--signed-by=a/b",
        "--signed-by=a,b",
        "--signed-by=\u212a",
        f"--key={A} --key={A}",
        f"--key={A},{B}",
        "--key",
        "--key=",
        "--key --signed-by=a",
        f"--key={A[8:]}",
        f"--key=ED25519:{A[8:]}",
        f"--key={A}=",
        f"--key={A[:-1]}",
        f"--key={A}A",
        f"--key={A[:-1]}_" if not A.endswith("_") else f"--key={A[:-1]}-",  # left-over bits
        f"--key={A[:-2]}+/",
    ],
)
def test_a_malformed_pin_is_the_callers_fault_wherever_it_stands(options: str) -> None:
    refused(f"demo {options}\n")
    refused(f"demo\n# pip-verify: {options}\n")
    with pytest.raises(UsageError) as caught:
        parse_inline_options(options.split())
    assert caught.value.subject == "<command line>"


def test_as_many_keys_as_a_key_list_may_hold() -> None:
    keys = [f"--key={public_key(seed).text}" for seed in range(129)]
    (pin,) = one(f"demo {' '.join(keys[1:])} --threshold=128\n").pins
    assert (len(pin.keys), pin.threshold) == (128, 128)
    assert refused(f"demo {' '.join(keys)}\n").expected == "at most 128 keys"


def test_a_weak_key_is_an_attack_wherever_it_stands() -> None:
    with pytest.raises(EvidenceError, match=r"req\.txt:1: --key"):
        parse(f"demo --key={WEAK}\n")
    with pytest.raises(EvidenceError, match=r"req\.txt:2: --key"):
        parse(f"demo\n#pip-verify: --key={WEAK}\n")
    with pytest.raises(EvidenceError, match="<command line>: --key"):
        parse_inline_options(["--key", WEAK])


@pytest.mark.parametrize(
    "url",
    [
        "https://keys.example",
        "https://keys.example:8443/a/b.json?x=1&y=%20",
        "https://127.0.0.1/keys.json",
        "https://[::1]:8443/keys.json",
        "https://keys.example/@team/(a)!*$+,;=~",
        "https://keys.example/" + "a" * (MAX_URL - 21),
    ],
)
def test_key_list_urls(url: str) -> None:
    assert one(f"demo --key-list={url}\n").pins == (InlinePin(key_list=url, origin=ORIGIN),)


@pytest.mark.parametrize("url", ["http://keys.example/keys.json", "http://127.0.0.1/k", "HTTP://localhost/k", "http:x"])
def test_a_key_list_over_http_is_refused_loopback_too(url: str) -> None:
    assert "loopback too" in refused(f"demo --key-list={url}\n").expected


@pytest.mark.parametrize(
    "url",
    [
        "keys.example/keys.json",
        "HTTPS://keys.example/keys.json",
        "ftp://keys.example/keys.json",
        "file:///keys.json",
        "https:/keys.example",
        "https://",
        "https:///keys.json",
        "https://:443/keys.json",
        "https://keys.example:x/keys.json",
        "https://keys.example:0/keys.json",
        "https://keys.example:65536/keys.json",
        "https://[::1/keys.json",
        "https://me@keys.example/keys.json",
        "https://me:s3cret@keys.example/keys.json",
        "https://@keys.example/keys.json",
        "https://keys.example/keys.json#a",
        "https://keys.example/keys.json#",
        "https://keys.example/{project}",
        "https://keys.example/<a>",
        "https://keys.example/\xe4",
        "https://k\uff0eexample/keys.json",
        "https://keys.example/" + "a" * (MAX_URL - 20),
    ],
)
def test_other_key_list_urls_are_refused(url: str) -> None:
    error = refused(f"demo --key-list={url}\n")
    assert error.expected.startswith("--key-list=https://")
    assert "s3cret" not in str(error)


def test_pins_are_literal() -> None:
    for line in ("demo --key=${KEY}", "demo --signed-by ${KEY}", "demo --key-list=https://${KEY}/x"):
        assert "no ${VAR}" in refused(line, KEY="x").expected
    for value in (f"--key={A}", f"--pre --key={A}", "--key"):
        assert refused("demo --require-hashes ${KEY}", KEY=value).expected == "pin options written out, not in a ${VAR}"
    error = refused("demo ${KEY}", KEY=f"--key={A}")
    assert error.expected == "pin options written out, not in a ${VAR}"
    assert error.got == "'demo ${KEY}'"


@pytest.mark.parametrize(
    "options", [f'--key="{A}"', f"'--key={A}'", f"--k'e'y={A}", f"--key '{A}'", f"--key=\\{A}", f'--key "{A}"']
)
def test_pins_have_no_quotes(options: str) -> None:
    refused(f"demo {options}\n")
    refused(f"demo\n# pip-verify: {options}\n")


@pytest.mark.parametrize(
    "comment",
    [
        "# pip-verify: --signed-by=a",
        "    # pip-verify: --signed-by=a",
        "\t#pip-verify:--signed-by=a",
        "#  \t pip-verify: \t --signed-by\ta  ",
    ],
)
def test_a_pin_comment_may_be_indented_and_spaced(comment: str) -> None:
    parsed = parse(f"demo\n{comment}\nother\n")
    assert [len(requirement.pins) for requirement in parsed.requirements] == [1, 0]
    assert parsed.requirements[0].pins[0] == InlinePin(signed_by="a", origin=Origin("req.txt", 2))
    assert parsed.text_for_pip == f"demo\n{comment}\nother\n"


@pytest.mark.parametrize(
    "comment",
    [
        "# pip-verify",
        "# pip-verify:",
        "# pip-verify --signed-by=a",
        "# pip-verify : --signed-by=a",
        "# pip-verify:: --signed-by=a",
        "# pip-verify; --signed-by=a",
        "# pip_verify: --signed-by=a",
        "# pip verify: --signed-by=a",
        "#pipverify: --signed-by=a",
        "# Pip-Verify: --signed-by=a",
        "# pip-verfiy: --signed-by=a",
        "# pip\u2011verify: --signed-by=a",
        "# verify : --key",
        "# signed: --Key-List=x",
        "#\xa0pip-verify: --signed-by=a",
        "# \u200bpip-verify: --signed-by=a",
        "# pip-verify: signed-by=a",
        "# pip-verify: \u2014signed-by=a",
        "# pip-verify: --signed=a",
        "# pip-verify: --signed-by=a b",
        "# pip-verify: --signed-by=a # why",
        "# pip-verify: --signed-by=a \\",
        "# pip-verify: --signed-by=a --",
        "# pip-verify: -- --signed-by=a",
        "# pip-verify: --signed-by=a --pre",
        "# pip-verify: --signed-by\xa0a",
        "# pip-verify: --hash=sha256:" + SHA256,
        "# pip-verify: ignore",
        "# pip-verify annotates these",
        "# via other  # pip-verify: --signed-by=a",
    ],
)
def test_a_typo_cannot_drop_a_pin_comment(comment: str) -> None:
    assert refused(f"demo\n{comment}\n").subject == "req.txt:2"


@pytest.mark.parametrize(
    "comment",
    [
        "# via other",
        "# # pip-verify: --signed-by=a",
        "## pip-verify: --signed-by=a",
        "# demo --key=" + A,
        "#     --key=" + A,
        "# see https://docs.example/pip-verify: it explains --key",
        "# signed by pip-verify",
        "#",
    ],
)
def test_other_comments_and_commented_out_pins_are_no_pins(comment: str) -> None:
    assert one(f"demo\n{comment}\n").pins == ()


@pytest.mark.parametrize("comment", ["# pip-verify: --signed-by=a", "#pip-verify", "# why # pip-verify: --signed-by=a"])
@pytest.mark.parametrize("line", ["demo", "demo --signed-by=a", "-e .", "-r nested.txt", "--pre"])
def test_a_pin_comment_behind_other_text_is_refused(line: str, comment: str) -> None:
    error = refused(f"{line} {comment}\n")
    assert "a line of its own" in error.hint


def test_a_pin_comment_belongs_to_the_requirement_above_over_other_comments() -> None:
    parsed = parse(
        f"demo==1.0 \\\n    --hash=sha256:{SHA256}\n    # via other\n    # pip-verify: --signed-by=a\n    #\n"
        "    # pip-verify: --signed-by=b\nother --signed-by=c\n# pip-verify: --signed-by=d\n"
    )
    demo, other = parsed.requirements
    assert [(pin.signed_by, pin.origin.line) for pin in demo.pins] == [("a", 4), ("b", 6)]
    assert [(pin.signed_by, pin.origin.line) for pin in other.pins] == [("c", 7), ("d", 8)]


@pytest.mark.parametrize(
    "above",
    ["", "\n", "demo\n\n", "demo\n  \t\n", "demo\n# via\n\n", "demo\n-r nested.txt\n", "demo\n--pre\n", "# via\n"],
)
def test_a_pin_comment_that_belongs_to_no_requirement_is_refused(above: str) -> None:
    error = refused(f"{above}# pip-verify: --signed-by=a\n")
    assert "this pin comment belongs to no requirement" in error.expected
    assert error.subject == f"req.txt:{above.count(chr(10)) + 1}"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("-e .", "an editable"),
        ("-e 'demo @ git+https://h.example/r'", "an editable"),
        ("demo @ git+https://h.example/r", "a version-control source"),
        ("git+https://h.example/r#egg=demo", "a version-control source"),
        (".", "a project's name"),
        ("https://h.example/demo-1.0.tar.gz", "a project's name"),
    ],
)
def test_a_pin_that_cannot_be_checked_is_refused(line: str, why: str) -> None:
    assert why in refused(f"{line} --signed-by=a\n").expected
    error = refused(f"{line}\n# pip-verify: --signed-by=a\n")
    assert why in error.expected
    assert error.subject == "req.txt:2"


@pytest.mark.parametrize(
    "line", ["--signed-by=a", "    --signed-by=a", "--pre --signed-by=a", "-r x.txt --signed-by=a"]
)
def test_a_pin_option_without_a_requirement_is_refused(line: str) -> None:
    assert refused(f"demo\n{line}\n").expected == "a requirement before pin options"


def test_constraints_may_have_pins() -> None:
    (requirement,) = parse("demo<2 --signed-by=a\n", constraint=True).requirements
    assert requirement.constraint
    assert [pin.signed_by for pin in requirement.pins] == ["a"]


def test_a_pin_on_a_direct_reference_whose_project_is_known() -> None:
    for line in ("demo @ https://h.example/x.zip", "./demo-1.0-py3-none-any.whl", "https://h.example/x.zip#egg=demo"):
        requirement = one(f"{line} --signed-by=a\n")
        assert (requirement.project, requirement.specifier) == ("demo", line)


def test_the_command_line_keeps_everything_else_in_order() -> None:
    argv = ["-r", "--key", "flask>=3", "--keyring-provider=x", "--key-l=y", "--", "--key=z", "--threshold"]
    assert parse_inline_options(argv) == (None, tuple(argv))
    argv = ["a", f"--key={A}", "-r", "x", "--threshold", "1", "--", "--signed-by=z"]
    pin = InlinePin(keys=KEYS[:1], threshold=1, origin=Origin("<command line>"))
    assert parse_inline_options(argv) == (pin, ("a", "-r", "x", "--", "--signed-by=z"))
    assert parse_inline_options([]) == (None, ())
