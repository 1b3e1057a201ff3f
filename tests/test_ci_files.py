"""What lives in other people's CI: the action, the hooks and the snippets of docs/ci.md, held by linters made for them.

The schemas come with ``check-jsonschema``: no network is needed. ``tests/e2e/test_action.py`` runs what is linted here.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pip_verify import cli
from pip_verify.requirements.parse import parse_requirements
from tests.test_docs import codes, rows, section
from tests.tools import passes, tool

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
ACTION = ROOT / "action.yml"
HOOKS = ROOT / ".pre-commit-hooks.yaml"
LOCKED = ROOT / ".github" / "action-requirements.txt"

_SNIPPET_RE = re.compile(r"<!-- lint: (\S+) -->\n```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_EXPRESSION = "${{"


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def steps() -> list[dict[str, Any]]:
    return list(load(ACTION)["runs"]["steps"])


def scripts() -> list[str]:
    return [step["run"] for step in steps()]


def snippets(schema: str) -> list[str]:
    text = (ROOT / "docs" / "ci.md").read_text("utf-8")
    return [snippet for found, snippet in _SNIPPET_RE.findall(text) if found == schema]


# The action.


def test_the_action_is_one_by_github_s_schema() -> None:
    passes(tool("check-jsonschema"), "--builtin-schema", "vendor.github-actions", ACTION)


def test_no_script_has_anything_interpolated_into_it() -> None:
    assert len(scripts()) == 2
    for step in steps():
        assert _EXPRESSION not in step["run"], step["name"]
        assert step["shell"] == "bash"
        assert set(step) <= {"name", "id", "shell", "env", "run"}


def test_inputs_and_outputs_reach_the_scripts_through_the_environment_alone() -> None:
    action = load(ACTION)
    for step in steps():
        for name, value in step["env"].items():
            assert re.fullmatch(r"\$\{\{ (?:inputs\.[a-z-]+|steps\.install\.outputs\.python) \}\}", value), name
            assert f"${name}" in step["run"] or f"${{{name}" in step["run"], f"{name} is not used"
    used = re.findall(r"\$\{\{ inputs\.([a-z-]+) \}\}", ACTION.read_text("utf-8"))
    assert sorted(used) == sorted(action["inputs"])
    assert not any(
        name.startswith("PIP_VERIFY_") for step in steps() for name in step["env"]
    )  # unknown ones are errors


@pytest.mark.parametrize("number", range(2))
def test_shellcheck_finds_nothing_in_the_scripts(number: int) -> None:
    passes(tool("shellcheck"), "--shell=bash", "-", text=scripts()[number])


def test_the_auditor_of_actions_finds_nothing() -> None:
    passes(tool("zizmor"), "--offline", "--no-progress", "--pedantic", ACTION)


def test_inputs_and_outputs_stand_in_the_docs() -> None:
    action = load(ACTION)
    documented = [codes(row[0])[0] for row in rows(section("docs/ci.md", "## GitHub Actions"))]
    assert documented == [*action["inputs"], *action["outputs"]]


def test_what_the_action_installs_is_locked_by_hash_and_is_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    asked = [Requirement(text) for text in (*project["project"]["dependencies"], *project["build-system"]["requires"])]
    locked: dict[str, list[str]] = {}
    for found in parse_requirements(LOCKED.read_bytes(), LOCKED.name, constraint=False, environ={}).requirements:
        assert found.hashes
        locked.setdefault(str(found.project), []).append(str(found.exact_version))
    for requirement in asked:
        versions = locked[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version in versions), requirement.name
    assert cli.main(["lint", str(LOCKED)]) == 0


# The hooks.


def test_the_hooks_are_some_by_pre_commit_s_own_check() -> None:
    passes(tool("pre-commit"), "validate-manifest", HOOKS)


def test_the_hooks_call_commands_of_ours() -> None:
    hooks = {hook["id"]: hook for hook in load(HOOKS)}
    assert hooks["pip-verify-lint"]["entry"] == "pip-verify lint"
    assert hooks["pip-verify-annotate"]["entry"] == "pip-verify annotate --check"
    assert {hook["language"] for hook in hooks.values()} == {"python"}


REQUIREMENT_FILES = ["requirements.txt", "a/requirements-dev.txt", "dev-requirements.txt", "requirements/base.txt"]
LINT_ALONE = ["requirements.in", "constraints.txt", "pip-verify.toml", "a/pyproject.toml", "pip-verify.lock"]
OTHERS = ["README.md", "notes.txt", "src/requirements.py", "uv.lock", "my-pyproject.toml", "requirements.txt.orig"]


@pytest.mark.parametrize(
    ("hook", "taken", "left"),
    [
        ("pip-verify-lint", [*REQUIREMENT_FILES, *LINT_ALONE], OTHERS),
        ("pip-verify-annotate", REQUIREMENT_FILES, [*OTHERS, *LINT_ALONE]),
    ],
)
def test_the_hooks_are_given_the_files_that_are_meant(hook: str, taken: list[str], left: list[str]) -> None:
    (pattern,) = [found["files"] for found in load(HOOKS) if found["id"] == hook]
    assert [name for name in taken if not re.search(pattern, name)] == []
    assert [name for name in left if re.search(pattern, name)] == []


# The snippets.


@pytest.mark.parametrize(("schema", "count"), [("vendor.github-workflows", 2), ("vendor.gitlab-ci", 1)])
def test_the_snippets_are_sound_by_their_schema(schema: str, count: int, tmp_path: Path) -> None:
    found = snippets(schema)
    assert len(found) == count
    for number, snippet in enumerate(found):
        path = tmp_path / f"{number}.yml"
        path.write_text(snippet, "utf-8")
        passes(tool("check-jsonschema"), "--builtin-schema", schema, path)


def test_the_schemas_see_what_they_are_for(tmp_path: Path) -> None:
    path = tmp_path / "action.yml"
    path.write_text(ACTION.read_text("utf-8").replace("shell: bash", "shel: bash"), "utf-8")
    with pytest.raises(AssertionError, match="shel"):
        passes(tool("check-jsonschema"), "--builtin-schema", "vendor.github-actions", path)


def test_the_snippets_use_inputs_and_hooks_that_there_are() -> None:
    inputs = set(load(ACTION)["inputs"])
    for snippet in snippets("vendor.github-workflows"):
        for step in yaml.safe_load(snippet)["jobs"]["signatures"]["steps"]:
            if step["uses"].endswith("/pip-verify@COMMIT"):
                assert set(step["with"]) <= inputs
    (config,) = snippets("pre-commit")
    hooks = [hook["id"] for repository in yaml.safe_load(config)["repos"] for hook in repository["hooks"]]
    assert hooks == [hook["id"] for hook in load(HOOKS)]


def test_the_pre_commit_snippet_is_one_by_pre_commit_s_own_check(tmp_path: Path) -> None:
    path = tmp_path / ".pre-commit-config.yaml"
    path.write_text(snippets("pre-commit")[0], "utf-8")
    passes(tool("pre-commit"), "validate-config", path)
