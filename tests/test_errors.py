"""Every error of the caller's says what to do next (CONTRIBUTING.md): the signature, and what stands at each call.

What is computed while it runs is held by ``conftest.every_usage_error_has_a_next_step``, in every other test.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import pip_verify
from pip_verify import cli
from pip_verify.errors import UsageError
from pip_verify.policy.table import AS_DOCUMENTED, Table
from pip_verify.sources.status import AnswerError, StatusError, TooLargeError
from pip_verify.storage import read_file

PACKAGE = Path(pip_verify.__file__).parent
# where an empty hint is replaced by the parser's or the reader's own, or is no UsageError's
MAY_BE_EMPTY = {
    "errors.py: __init__",
    "policy/table.py: error",
    "policy/table.py: _nearest",
    "storage.py: read_file",
}


def is_empty(value: ast.expr | None) -> bool:
    """Whether an expression is "", or may choose it."""
    if isinstance(value, ast.IfExp):
        return is_empty(value.body) or is_empty(value.orelse)
    if isinstance(value, ast.BoolOp):
        return is_empty(value.values[-1])
    return isinstance(value, ast.Constant) and value.value == ""


def named_hint(function: ast.FunctionDef) -> Iterator[ast.expr | None]:
    """What stands for a hint in a function: its parameter's default, what is assigned, what is passed on."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args][-len(arguments.defaults) :] if arguments.defaults else []
    pairs = [
        *zip(positional, arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    yield from (default for argument, default in pairs if argument.arg == "hint")
    for node in ast.walk(function):
        if isinstance(node, ast.keyword) and node.arg == "hint":
            yield node.value
        elif isinstance(node, ast.Assign):
            yield from _assigned(node)


def _assigned(node: ast.Assign) -> Iterator[ast.expr]:
    for target in node.targets:
        if isinstance(target, ast.Name) and target.id == "hint":
            yield node.value
        elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = zip(target.elts, node.value.elts, strict=True)
            yield from (value for name, value in pairs if isinstance(name, ast.Name) and name.id == "hint")


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            yield f"{path.relative_to(PACKAGE).as_posix()}: {node.name}", node


def test_a_usage_error_cannot_be_made_without_a_next_step() -> None:
    assert inspect.signature(UsageError).parameters["hint"].default is inspect.Parameter.empty
    with pytest.raises(TypeError, match="hint"):
        UsageError("--key", expected="a key", got="none")  # type: ignore[call-arg]


def test_no_call_leaves_the_next_step_empty() -> None:
    raising = [
        (name, function)
        for path in sorted(PACKAGE.rglob("*.py"))
        for name, function in functions(path)
        if any(isinstance(node, ast.Name) and node.id == "UsageError" for node in ast.walk(function))
        or any(isinstance(node, ast.Attribute) and node.attr == "refusal" for node in ast.walk(function))
    ]
    assert len(raising) > 150
    empty = {name for name, function in raising if any(map(is_empty, named_hint(function)))}
    assert empty <= MAY_BE_EMPTY


@pytest.mark.parametrize(
    "text",
    [
        "def f(hint=''): raise UsageError('x', hint=hint)",
        "def f(*, hint: str = ''): raise UsageError('x', hint=hint)",
        "def f(): raise UsageError('x', hint='')",
        "def f(y): raise UsageError('x', hint='z' if y else '')",
        "def f(y): raise UsageError('x', hint=y or '')",
        "def f(y):\n hint = '' if y else 'z'\n raise UsageError('x', hint=hint)",
        "def f(y):\n got, hint = y, ''\n raise UsageError('x', got=got, hint=hint)",
    ],
)
def test_an_empty_next_step_is_found(text: str) -> None:
    (function,) = ast.parse(text).body
    assert isinstance(function, ast.FunctionDef)
    assert any(map(is_empty, named_hint(function)))


def test_where_no_next_step_is_given_there_is_one(tmp_path: Path) -> None:
    assert Table({}, "t.toml", "policy").error("mode", "a string", "none").hint == AS_DOCUMENTED
    assert Table({}, "t.lock", "", hint="take it again").error("mode", "a string", "none").hint == "take it again"
    for path in (tmp_path / "it's none", tmp_path):
        with pytest.raises(UsageError) as caught:
            read_file(path, max_bytes=1, expected="a file")
        assert caught.value.hint == f"look what is there: ls -l {path.parent}"


def test_an_answer_of_no_use_makes_one_look_at_who_answers() -> None:
    for error in (AnswerError("u"), TooLargeError.over("u", 1), StatusError("u", 500, expected="200")):
        assert "proxy" in error.hint


@pytest.mark.parametrize(
    ("arguments", "next_step"),
    [
        (["verify", "no.whl"], "look what is there: ls -l ."),
        (["verify", "x.whl", "--trust-file", "conf/no.toml"], "look what is there: ls -l {here}/conf"),
        (["verify", "x.whl", "--statements", "my files/no"], "look what is there: ls -l 'my files'"),
        (["verify", "x.whl", "--format", "Json"], "--format=json"),
        (["check", "-r", "no.txt"], "look what is there: ls -l ."),
        (["monitor", "--rate", "0"], "--rate=10"),
        (["pin", "demo", "--offline"], "leave it out: then who signs is looked up; or add --key-list=URL"),
        (["keylist", "add", "k.json", "ed25519:abc"], "copy the whole of it, or name a file: KEY.json, KEY.pub"),
        (["vouch", "demo==x", "--key-file=k", "--yes"], "for example: pip-verify vouch requests==2.32.3"),
        (["explain", "demo==x"], "pip-verify explain flask, or flask==3.0.3, or dist/flask-3.0.3-py3-none-any.whl"),
        (
            ["keygen", "-o", "no/k", "--no-passphrase"],
            "look whether it is there, is yours and has room: ls -ld no; df no",
        ),
    ],
)
def test_a_slip_on_the_command_line(
    arguments: list[str],
    next_step: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.whl").touch()
    assert cli.main(arguments) == 2
    told = [re.sub(r"^(pip-verify:)? *", "", line) for line in capsys.readouterr().err.splitlines()]
    assert next_step.format(here=tmp_path) in [
        re.sub("^next: *", "", line) for line in told if line.startswith("next:")
    ]
