"""The rooms of docs/how-it-works.md, read from the import statements: each room imports only from its left,
and the pure rooms reach for no clock, file, socket, process or environment."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "pip_verify"
ROOMS = [
    "errors",
    "encoding",
    "keys",
    "artifact",
    "pins",
    "requirements",
    "lockfiles",
    "policy",
    "evidence",
    "verdict",
    "firstuse",
    "binding",
    "verifier",
    "trustfile",
    "report",
    "sources",
    "judge",
    "inspection",
    "discovery",
    "requested",
    "session",
    "gate",
    "installed",
    "install",
    "publish",
    "monitor",
    "config",
    "cli",
]
PURE = ROOMS[: ROOMS.index("sources")]
# of install/: they run inside any pip's interpreter
CHILD = ["canary", "channel", "digests", "readers", "receipts", "runner", "seams", "table"]
LEAVES = ["storage"]  # they do I/O, know nothing of ours but errors, and serve the rooms that do I/O
FORBIDDEN = {
    "asyncio",
    "concurrent",
    "ctypes",
    "fileinput",
    "filelock",
    "getpass",
    "glob",
    "http",
    "importlib",
    "locale",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "platform",
    "platformdirs",
    "random",
    "requests",
    "secrets",
    "select",
    "shutil",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib.request",
    "urllib3",
    "uuid",
    "webbrowser",
}
ALLOWED_OF_SYS = {"version_info"}
FORBIDDEN_CALLS = {"open", "print", "input", "exec", "eval", "__import__", "breakpoint"}
CLOCKS = {"now", "utcnow", "today"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def imported(tree: ast.Module) -> Iterator[str]:
    """Every module a file imports, wherever the statement stands; ``from a import b`` counts as ``a.b``, and a
    relative import begins with dots."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ("." * node.level + f"{node.module or ''}.{alias.name}" for alias in node.names)


def own_rooms(tree: ast.Module) -> set[str]:
    """The rooms of ours that a file imports from."""
    names = (name.split(".") for name in imported(tree))
    return {parts[1] for parts in names if parts[0] == "pip_verify" and len(parts) > 1 and parts[1] != "__version__"}


def reaches_outside(node: ast.Attribute) -> bool:
    """Whether an attribute is a clock of ``datetime``, or anything of ``sys`` but the version."""
    owner = ast.unparse(node.value)
    return (node.attr in CLOCKS and "date" in owner) or (owner == "sys" and node.attr not in ALLOWED_OF_SYS)


def impurities(tree: ast.Module) -> list[str]:
    """What a pure room must not have: imports and calls that reach outside."""
    found = [
        name
        for name in imported(tree)
        if name.startswith(("sys.", "."))
        or any(name == banned or name.startswith(banned + ".") for banned in FORBIDDEN)
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
            found.append(f"{node.func.id}() in line {node.lineno}")
        if isinstance(node, ast.Attribute) and reaches_outside(node):
            found.append(f"{ast.unparse(node)} in line {node.lineno}")
    return found


def faults_of(room: str, tree: ast.Module) -> list[str]:
    """Which imports of a module in ``room`` lead to its right, and what it does though its room is pure."""
    if room in LEAVES:
        allowed = {"errors", room}
    else:
        allowed = set(ROOMS[: ROOMS.index(room) + 1]) | (set() if room in PURE else set(LEAVES))
    faults = [f"imports {other}" for other in sorted(own_rooms(tree) - allowed)]
    if room not in PURE:  # a relative import may only name a sibling; in a pure room none is needed at all
        faults += [f"imports {name}" for name in imported(tree) if name.startswith("..")]
    return faults + (impurities(tree) if room in PURE else [])


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_module_imports_only_from_its_left_and_is_pure_where_it_must_be(path: Path) -> None:
    room = room_of(path)
    if room in {"__init__", "__main__"}:
        room = "cli"
    assert room in ROOMS + LEAVES, "a new room needs its place in the order"
    assert faults_of(room, parse(path)) == []


@pytest.mark.parametrize("name", CHILD)
def test_the_child_process_needs_the_standard_library_and_pip_only(name: str) -> None:
    names = set(imported(parse(PACKAGE / "install" / f"{name}.py")))
    own = {module for module in names if module.startswith(".")}
    roots = {module.split(".")[0] for module in names - own}
    assert roots - sys.stdlib_module_names - {"pip"} == set()
    assert {module.split(".")[1] for module in own} <= set(CHILD)


def test_every_pure_room_is_there() -> None:
    there = {room_of(path) for path in modules()}
    assert len(modules()) > 20
    assert set(PURE) <= there


@pytest.mark.parametrize(
    ("room", "source", "fault"),
    [
        ("keys", "from pip_verify.verifier import verify", "imports verifier"),
        ("keys", "def f():\n    from pip_verify import sources", "imports sources"),
        ("verifier", "import pip_verify.session", "imports session"),
        ("evidence", "from pip_verify.storage import locked", "imports storage"),
        ("storage", "from pip_verify.keys import PublicKey", "imports keys"),
        ("verifier", "import time", "time"),
        ("verifier", "import sys\nsys.argv", "sys.argv in line 2"),
        ("verifier", "from sys import argv", "sys.argv"),
        ("verifier", "from . import session", "..session"),
        ("sources", "from ..cli import main", "imports ..cli.main"),
        ("verifier", "from os import environ", "os.environ"),
        ("verifier", "import urllib.request as x", "urllib.request"),
        ("policy", "import datetime\ndatetime.datetime.now()", "datetime.datetime.now in line 2"),
        ("policy", "from datetime import date\ndate.today()", "date.today in line 2"),
        ("report", "x = open('y')", "open() in line 1"),
    ],
)
def test_the_test_sees_what_it_is_for(room: str, source: str, fault: str) -> None:
    assert faults_of(room, ast.parse(source)) == [fault]


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("verifier", "from pip_verify.keys import KeyList\nfrom datetime import datetime\nimport urllib.parse"),
        ("policy", "import sys\nsys.version_info >= (3, 11)"),
        ("sources", "import socket\nfrom pip_verify.storage import locked\nfrom pip_verify.keys import KeyList"),
        ("storage", "import os\nfrom pip_verify.errors import SourceError"),
    ],
)
def test_the_test_lets_the_rest_pass(room: str, source: str) -> None:
    assert faults_of(room, ast.parse(source)) == []
