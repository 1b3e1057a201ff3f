"""The documentation's commands, run word for word by ``sh`` in a fresh directory, a fresh home and a fresh environment.

What is run, from a document's top to its end in one shell: each block marked ``console``, and the files of blocks
below ``<!-- file: NAME -->``. In a ``console`` block ``$ `` begins a command, ``> `` continues it, and what stands
below is its output, in which ``...`` stands for anything. No output shown: none is compared. Every command must
succeed, unless the next one is ``echo $?``.

The real index is asked, as the reader's pip would. Only ``keys.example`` is put in place: it is a publisher on
loopback whose site is what the commands of ``docs/publishing.md`` have made.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEYS_EXAMPLE = "https://keys.example"
CONSOLE = [
    str(path.relative_to(ROOT))
    for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")))
    if "```console" in path.read_text("utf-8")
]
_SIGN_OFF = "--- the command ended with"  # a line of ours between the outputs of two commands
# What pip says of the machine it runs on, not of the command
_OF_THE_MACHINE_RE = re.compile(r"(?:Looking in (?:indexes|links): |WARNING: Location |\[notice\]).*\n")


@dataclass
class Step:
    """A command with the output shown below it (None: none is), or a file to write. line: where it begins."""

    line: int
    command: str = ""
    shown: str | None = None
    file: str = ""
    text: str = ""


def read_steps(document: str) -> list[Step]:
    """The steps of a document's text, in order."""
    steps: list[Step] = []
    fence, file = "", ""
    for number, line in enumerate(document.splitlines(), start=1):
        if line.startswith("```"):
            fence = "" if fence else line[3:].strip() or "plain"
            if fence and file:
                steps.append(Step(number, file=file))
            elif not fence:
                file = ""
        elif fence and file:
            steps[-1].text += line + "\n"
        elif fence == "console":
            _read_console(steps, number, line)
        elif marked := re.fullmatch(r"<!-- file: (\S+) -->", line):
            file = marked[1]
    return steps


def _read_console(steps: list[Step], number: int, line: str) -> None:
    if line.startswith("$ "):
        steps.append(Step(number, command=line[2:]))
    elif line.startswith("> ") and steps[-1].shown is None:
        steps[-1].command += "\n" + line[2:]
    else:
        steps[-1].shown = (steps[-1].shown or "") + line + "\n"


def as_script(steps: list[Step]) -> str:
    """A shell script of the steps; it ends early behind a command that failed unasked."""
    parts = []
    for step, after in zip(steps, [*steps[1:], Step(0)], strict=True):
        if step.file:
            parts.append(f"cat > {step.file} << 'END-OF-FILE'\n{step.text}END-OF-FILE\n")
            continue
        may_fail = after.command == "echo $?"
        parts.append(f"{step.command}\ncode=$?; echo '{_SIGN_OFF}' $code\n")
        parts.append("(exit $code)\n" if may_fail else '[ "$code" = 0 ] || exit\n')
    return "".join(parts)


def run_document(name: str, directory: Path, environ: Mapping[str, str], *, keys_example: str = KEYS_EXAMPLE) -> None:
    """Run the document in ``directory``; fails with its name and line when an exit code or an output differs."""
    steps = read_steps((ROOT / name).read_text("utf-8"))
    script = as_script(steps).replace(KEYS_EXAMPLE, keys_example)
    done = subprocess.run(
        ["sh", "-c", script],  # noqa: S607 - the reader's shell, wherever it is
        cwd=directory,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    output = _OF_THE_MACHINE_RE.sub("", done.stdout.replace(keys_example, KEYS_EXAMPLE))
    outputs = re.split(rf"{_SIGN_OFF} (\d+)\n", output)
    commands = [step for step in steps if step.command]
    for step, after, printed, code in zip(
        commands, [*commands[1:], Step(0)], outputs[::2], outputs[1::2], strict=False
    ):
        told = f"{name}:{step.line}: $ {step.command}\n{printed}(exit code {code})"
        assert code == "0" or after.command == "echo $?", told
        assert step.shown is None or _matches(step.shown, printed), f"{told}\nbut the document shows\n{step.shown}"
    assert len(outputs) // 2 == len(commands), f"{name}: not all commands were run\n{output}"


def _matches(shown: str, printed: str) -> bool:
    """Whether ``printed`` is what is shown: ``...`` on a line of its own is any lines, within a line any text."""
    lines = ["(?:.*\n)*?" if line == "..." else _line(line) for line in shown.rstrip("\n").split("\n")]
    return re.fullmatch("".join(lines), printed) is not None


def _line(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.split("...")) + "\n"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader has who has just unpacked the source."""
    copy = tmp_path_factory.mktemp("source") / "pip-verify"
    shutil.copytree(ROOT / "pip_verify", copy / "pip_verify", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    return copy


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a reader with an empty home and one Python; the machine's network settings stay."""
    home = tmp_path_factory.mktemp("home")
    python = home / "bin" / "python3"
    python.parent.mkdir()
    base = getattr(sys, "_base_executable", sys.executable)  # not the virtual environment that the tests run in
    python.write_text(f'#!/bin/sh\nexec "{base}" "$@"\n')
    python.chmod(0o755)
    # CI and GITHUB_*: the reader sits at a terminal, wherever the tests run (with CI set, no first use is allowed)
    dropped = re.compile(
        r"PYTHON|VIRTUAL_ENV|XDG_|COV|CI$|GITHUB_|PIP_(?:VERIFY_|PYTHON|CACHE_DIR|FIND_LINKS|REQUIRE)"
    )
    kept = {name: value for name, value in os.environ.items() if not dropped.match(name)}
    # unbuffered: both outputs in one file, in the order in which a terminal shows them
    own = {"HOME": str(home), "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin", "PYTHONUNBUFFERED": "1"}
    return kept | own


@pytest.fixture(scope="module")
def with_tool(environ: dict[str, str], checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The same with pip-verify installed as the README does, for the documents that begin behind that."""
    tool = tmp_path_factory.mktemp("tool")
    install = [f"{tool}/bin/python", "-m", "pip", "install", "-q", ".[serve]"]
    for command in (["python3", "-m", "venv", str(tool)], install):
        subprocess.run(command, cwd=checkout, env=environ, check=True)
    return {**environ, "PATH": f"{environ['PATH']}:{tool}/bin"}


@pytest.fixture(scope="module")
def site(with_tool: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``docs/publishing.md`` makes of a release: its key list and statement."""
    directory = tmp_path_factory.mktemp("site")
    release = ["itsdangerous==2.2.0", "--no-deps", "--only-binary=:all:", "--dest", "dist"]
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", *release], cwd=directory, env=with_tool, check=True)
    run_document("docs/publishing.md", directory, with_tool)
    return directory


@pytest.fixture(scope="module")
def publisher(site: Path) -> Iterator[tuple[str, str]]:
    """That site, served by the example for it: its address, and the file of the CA that vouches for it."""
    serve = [sys.executable, "-u", str(ROOT / "examples" / "publisher.py")]
    with subprocess.Popen(serve, cwd=site, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        address = process.stdout.readline().strip()
        yield address, process.stdout.readline().removeprefix("--extra-ca ").strip()
        process.communicate("\n")


def test_readme(checkout: Path, environ: dict[str, str], publisher: tuple[str, str]) -> None:
    address, ca_file = publisher
    trusting = {**environ, "PIP_VERIFY_EXTRA_CA": ca_file}
    before = set(checkout.rglob("*"))
    run_document("README.md", checkout, trusting, keys_example=address)
    assert set(checkout.rglob("*")) == before  # whoever tries it has a clean checkout afterwards
    assert {path.name for path in checkout.parent.iterdir()} == {checkout.name, "try"}


def test_publishing(site: Path) -> None:
    assert sorted(path.name for path in site.glob("[!.]*")) == ["dist", "keys.json", "releases", "signing.key"]
    assert [path.name for path in site.glob("releases/*/*")] == ["2.2.0.jws"]


@pytest.mark.parametrize("name", [name for name in CONSOLE if name not in ("README.md", "docs/publishing.md")])
def test_document(name: str, with_tool: dict[str, str], tmp_path: Path) -> None:
    run_document(name, tmp_path, with_tool)


def test_the_documents_that_show_commands_are_found() -> None:
    assert {"README.md", "docs/publishing.md", "docs/trust-file.md"} <= set(CONSOLE)


DOCUMENT = """\
<!-- file: a.txt -->
```
one
```
```console
$ cat a.txt
one
$ sh -c 'echo two
> exit 3'
t...
$ echo $?
3
```
```sh
not run
```
"""


def test_a_document_is_read_as_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    path = tmp_path / "a.md"
    path.write_text(DOCUMENT)
    run_document("a.md", tmp_path, os.environ)
    for old, new in (("\none\n$", "\nother\n$"), ("$ echo $?\n3\n", ""), ("3'", "4'"), ("t...", "to...")):
        path.write_text(DOCUMENT.replace(old, new))
        with pytest.raises(AssertionError, match=r"a\.md:"):
            run_document("a.md", tmp_path, os.environ)
