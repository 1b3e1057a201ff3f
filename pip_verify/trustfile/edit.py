"""A trust file that can be changed: its text comes in, the changed text goes out, with every other line as it was.

``TrustFile`` keeps two things in step: the text, cut into blocks, and the ``Policy`` that the text shall mean.
``text()`` parses the text again as any run would, and raises unless that gives just this policy; so an edit that went
wrong, or that the file's layout does not allow, is never written.

Refused: a project that another publisher names already; an exemption of all bytes of a pinned project; a change to a
table that stands inline (``publishers = {…}``) or in dotted keys and has no header of its own.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

import tomlkit

from pip_verify.artifact.name import normalise
from pip_verify.errors import UsageError
from pip_verify.keys import PublicKey
from pip_verify.pins import Origin
from pip_verify.policy import Exemption, Policy, Publisher, parse_pyproject, parse_trust_file
from pip_verify.trustfile import values
from pip_verify.trustfile.layout import Block, Layout

HEADER = """\
# Whom this project trusts for what it installs, and what is exempt; all else is refused. Commit it.
# Change it by hand, or with "pip-verify pin", "unpin", "prune" and "renew".
"""

_PYPROJECT = "pyproject.toml"
_LONGEST_NAME = 60
_NOWHERE = Origin("")


class TrustFile:
    """A ``pip-verify.toml``, or the table ``[tool.pip-verify]`` of a ``pyproject.toml``, that can be changed.

    Projects may come in normalised (PEP 503) or not; a name that is none is an EvidenceError, as everywhere.
    """

    def __init__(self, layout: Layout, policy: Policy, name: str) -> None:
        """Use ``parse``."""
        self._layout = layout
        self._policy = policy
        self._name = name
        self._root = ("tool", "pip-verify") if _is_pyproject(name) else ()

    @classmethod
    def parse(cls, text: str, name: str) -> TrustFile:
        """Parse a trust file; ``""`` is a new one, which begins with a comment that says what it is.

        name: its path; it stands in messages, and a ``pyproject.toml`` must have the table ``[tool.pip-verify]``.
        Raises UsageError, or EvidenceError for a weak key, as every run does.
        """
        if not text and not _is_pyproject(name):
            text = HEADER
        policy = _parse(text, name)
        return cls(Layout(text), policy, name)

    @property
    def policy(self) -> Policy:
        """What the file means now. What was added has no line number yet."""
        return self._policy

    # -- publishers --------------------------------------------------------------------------------------

    def add_publisher(
        self,
        name: str,
        *,
        key_list: str | None = None,
        keys: Sequence[PublicKey] = (),
        releases: str | None = None,
        threshold: int = 1,
        formats: Sequence[str] = (),
        projects: Sequence[str] = (),
    ) -> None:
        """Add a table ``[publishers.NAME]`` behind the last one; the values as ``Publisher`` has them.

        Raises UsageError when the name is taken, and for projects as ``add_projects`` does.
        """
        if self._publisher(name) is not None:
            expected, hint = f"a name that {self._name} has not yet", "choose another: --publisher=NAME"
            raise UsageError(f"publisher {name}", expected=expected, got="one it has", hint=hint)
        named = self._to_be_named(projects, name)
        publisher = Publisher(
            name, key_list, tuple(keys), releases, threshold, named, tuple(formats), Origin(self._name)
        )
        block = self._new_block(("publishers", name))
        stated: dict[str, values.Value | None] = {
            "key-list": key_list,
            "keys": [key.text for key in keys],
            "releases": releases,
            "threshold": threshold if threshold != 1 else None,
            "formats": list(formats),
            "projects": list(named),
        }
        values.update(block, {}, stated, self._layout.newline)
        self._layout.insert(block, self._behind_publishers())
        self._policy = replace(self._policy, publishers=(*self._policy.publishers, publisher))

    def add_projects(self, publisher: str, projects: Sequence[str]) -> None:
        """Let a publisher of this file sign these projects (or patterns), too; those it names already stay.

        Raises UsageError when there is no such publisher, when another names one of the projects, and when one is
        exempt with all its bytes.
        """
        held = self._publisher(publisher)
        if held is None:
            expected, hint = f"a publisher of {self._name}", f"add a table [publishers.{publisher}] to it"
            raise UsageError(f"publisher {publisher}", expected=expected, got="no such table", hint=hint)
        new = tuple(project for project in self._to_be_named(projects, publisher) if project not in held.projects)
        if new and held.projects:
            values.extend(self._publisher_block(publisher), "projects", new, self._layout.newline)
        elif new:
            values.update(self._publisher_block(publisher), {}, {"projects": list(new)}, self._layout.newline)
        self._replace_publisher(held, replace(held, projects=held.projects + new))

    def remove_project(self, project: str) -> str | None:
        """No longer say who signs a project. Returns the publisher that went with it because it named nothing else.

        Raises UsageError when no publisher names the project exactly.
        """
        project = normalise(project)
        held = next((held for held in self._policy.publishers if project in held.projects), None)
        if held is None:
            raise self._named_by_nobody(project)
        block = self._publisher_block(held.name)
        left = tuple(name for name in held.projects if name != project)
        if left:
            values.delete(block, "projects", lambda text: "*" not in text and normalise(text) == project)
            self._replace_publisher(held, replace(held, projects=left))
            return None
        self._remove(block)
        self._replace_publisher(held, None)
        return held.name

    def publisher_name_for(self, url_or_project: str) -> str:
        """A free name for a publisher, always the same for the same file: made of a key list's host and first
        directory, else the project's name.

        The host is always in it, lest a stranger's list look like whom its path names.
        """
        readable = re.sub(r"[^a-z0-9]+", "-", _telling(url_or_project).lower())
        name = readable[:_LONGEST_NAME].strip("-") or "publisher"
        free, number = name, 1
        while self._publisher(free) is not None:
            number += 1
            free = f"{name}-{number}"
        return free

    # -- exemptions --------------------------------------------------------------------------------------

    def set_exemption(
        self,
        project: str,
        *,
        reason: str,
        hashes: Iterable[str] = (),
        until: date | None = None,
        origin: str | None = None,
    ) -> None:
        """Exempt a project; of an exemption that is there, only what differs is changed.

        hashes: hex sha256 digests, as ``Exemption`` has them. origin: how it came to be (its key ``origin``). Raises
        UsageError for an exemption of all bytes of a project that a publisher claims.
        """
        project = normalise(project)
        new = Exemption(project, reason, tuple(sorted(set(hashes))), until, origin, Origin(self._name))
        claimant = self._policy.publisher_for(project)
        if claimant is not None and not new.hashes:
            raise self._silenced(project, claimant.name)
        old = self._policy.exemption_for(project)
        blocks = self._exemption_blocks()
        if old is None:
            block = self._new_block(("exempt",), array=True)
            values.update(block, {}, _exemption_values(new), self._layout.newline)
            self._layout.insert(block, blocks[-1] if blocks else self._own_blocks()[-1])
            self._policy = replace(self._policy, exemptions=(*self._policy.exemptions, new))
            return
        if set(new.hashes) == set(old.hashes):
            new = replace(new, hashes=old.hashes)  # in their owner's order
        block = blocks[self._policy.exemptions.index(old)]
        values.update(block, _exemption_values(old), _exemption_values(new), self._layout.newline)
        self._replace_exemption(old, new)

    def remove_exemption(self, project: str) -> None:
        """Take out a project's exemption; raises UsageError when it has none."""
        project = normalise(project)
        old = self._policy.exemption_for(project)
        if old is None:
            hint = f"compare the name with those under [[exempt]] in {self._name}"
            raise UsageError(f"project {project}", expected=f"an [[exempt]] in {self._name}", got="none", hint=hint)
        self._remove(self._exemption_blocks()[self._policy.exemptions.index(old)])
        self._replace_exemption(old, None)

    # -- the text ----------------------------------------------------------------------------------------

    def text(self) -> str:
        """The text now: proved, by parsing it again, to mean just ``policy``. Raises UsageError when it does not."""
        text = str(self._layout)
        try:
            meant = _parse(text, self._name)
        except UsageError as error:
            expected = "a change that leaves a valid trust file"
            raise UsageError(self._name, expected=expected, got=str(error), hint=error.hint) from error
        if _comparable(meant) != _comparable(self._policy):
            raise self._not_editable("a text that would mean something else")
        return text

    def _publisher(self, name: str) -> Publisher | None:
        return next((publisher for publisher in self._policy.publishers if publisher.name == name), None)

    def _replace_publisher(self, old: Publisher, new: Publisher | None) -> None:
        now = [new if publisher is old else publisher for publisher in self._policy.publishers]
        self._policy = replace(self._policy, publishers=tuple(publisher for publisher in now if publisher is not None))

    def _replace_exemption(self, old: Exemption, new: Exemption | None) -> None:
        now = [new if exemption is old else exemption for exemption in self._policy.exemptions]
        self._policy = replace(self._policy, exemptions=tuple(exemption for exemption in now if exemption is not None))

    def _to_be_named(self, projects: Sequence[str], publisher: str) -> tuple[str, ...]:
        """The projects as the policy will have them; refuses what another publisher names."""
        names = dict.fromkeys(_pattern(project) if "*" in project else normalise(project) for project in projects)
        for name in names:
            for other in self._policy.publishers:
                if other.name != publisher and name in other.projects:
                    subject, got = f"project {name}", f"one that {other.name} ({other.origin}) signs"
                    expected = f"a project for {publisher} to sign that no other publisher names"
                    raise UsageError(subject, expected=expected, got=got, hint=f"pip-verify unpin {name}")
            exemption = self._policy.exemption_for(name)
            if exemption is not None and not exemption.hashes:
                raise self._silenced(name, publisher)
        return tuple(names)

    # -- blocks ------------------------------------------------------------------------------------------

    def _own_blocks(self) -> list[Block]:
        """The blocks of the trust file: all but what else a pyproject.toml holds."""
        blocks = [block for block in self._layout.blocks if block.path[: len(self._root)] == self._root]
        if not blocks:
            raise self._not_editable("[tool.pip-verify] without a header")
        return blocks

    def _behind_publishers(self) -> Block:
        """The block behind which a new publisher goes: before the exemptions, if they are last."""
        own = self._own_blocks()
        others = [block for block in own if self._below_root(block) != "exempt"]
        publishers = [block for block in others if self._below_root(block) == "publishers"]
        if others:
            return (publishers or others)[-1]
        return self._layout.blocks[self._layout.blocks.index(own[0]) - 1]

    def _below_root(self, block: Block) -> str:
        return "".join(block.path[len(self._root) :][:1])

    def _publisher_block(self, name: str) -> Block:
        blocks = self._layout.headed((*self._root, "publishers", name))
        if len(blocks) != 1:
            raise self._not_editable(f"publisher {name} without a header of its own")
        return blocks[0]

    def _exemption_blocks(self) -> list[Block]:
        blocks = self._layout.headed((*self._root, "exempt"), array=True)
        if len(blocks) != len(self._policy.exemptions):
            raise self._not_editable("exemptions that do not stand under [[exempt]] each")
        return blocks

    def _new_block(self, path: tuple[str, ...], *, array: bool = False) -> Block:
        path = (*self._root, *path)
        dotted = ".".join(tomlkit.key(part).as_string() for part in path)
        header = f"[[{dotted}]]" if array else f"[{dotted}]"
        return Block(path, array, header=header + self._layout.newline)

    def _remove(self, block: Block) -> None:
        if self._root and len(self._own_blocks()) == 1:  # without any table it would be no trust file any more
            empty = Block(self._root, header=f"[{'.'.join(self._root)}]{self._layout.newline}")
            self._layout.insert(empty, block)
        self._layout.remove(block)

    # -- refusals ----------------------------------------------------------------------------------------

    def _named_by_nobody(self, project: str) -> UsageError:
        claimant = self._policy.publisher_for(project)
        expected = f"a project that a publisher of {self._name} names"
        if claimant is None:
            hint = f"compare the name with those in {self._name}; without a slip, nothing is left to be done"
            return UsageError(f"project {project}", expected=expected, got="no pin of it", hint=hint)
        hint = f"change projects in [publishers.{claimant.name}] ({claimant.origin}) by hand"
        return UsageError(f"project {project}", expected=expected, got=f"a pattern of {claimant.name}", hint=hint)

    def _silenced(self, project: str, publisher: str) -> UsageError:
        expected = f"no exemption of all its bytes, since {publisher} signs it"
        hint = f"remove the [[exempt]] of {project}, or give it hashes"
        return UsageError(
            f"{self._name}: project {project}", expected=expected, got="an exemption without hashes", hint=hint
        )

    def _not_editable(self, got: str) -> UsageError:
        expected = "[publishers.NAME] and [[exempt]], each a header with its own keys below"
        return UsageError(self._name, expected=expected, got=got, hint="make this change by hand")


def diff(old: str, new: str, name: str) -> str:
    """A change as a unified diff that ``patch`` takes, empty when there is none. old: empty for a new file."""
    lines = difflib.unified_diff(_lines(old), _lines(new), name if old else "/dev/null", name)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)  # str.splitlines would cut at more than TOML does


def _is_pyproject(name: str) -> bool:
    return re.split(r"[/\\]", name)[-1] == _PYPROJECT


def _parse(text: str, name: str) -> Policy:
    data = text.encode("utf-8", "surrogateescape")  # what was no UTF-8 is told as such by the parser
    if not _is_pyproject(name):
        return parse_trust_file(data, name)
    policy = parse_pyproject(data, name)
    if policy is None:
        hint = "add a line [tool.pip-verify], or write a pip-verify.toml"
        raise UsageError(name, expected="a table [tool.pip-verify]", got="none", hint=hint)
    return policy


def _comparable(policy: Policy) -> Policy:
    """The policy without the places of its parts, which each line added moves, and without orders that mean nothing."""
    publishers = sorted((replace(one, origin=_NOWHERE) for one in policy.publishers), key=lambda one: one.name)
    exemptions = [replace(one, origin=_NOWHERE, hashes=tuple(sorted(one.hashes))) for one in policy.exemptions]
    exemptions.sort(key=lambda one: one.project)
    return replace(policy, publishers=tuple(publishers), exemptions=tuple(exemptions))


def _exemption_values(exemption: Exemption) -> dict[str, values.Value | None]:
    return {
        "project": exemption.project,
        "reason": exemption.reason,
        "hashes": [f"sha256:{digest}" for digest in exemption.hashes],
        "until": exemption.until,
        "origin": exemption.origin_note,
    }


def _pattern(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def _telling(url_or_project: str) -> str:
    """What tells one key list from another: the host, and the first directory that is not just for keys."""
    match = re.match(r"https://([^/?#]*)/?([^?#]*)", url_or_project)
    if match is None:
        return url_or_project
    directories = [part for part in match[2].split("/")[:-1] if part != "keys" and not part.startswith(".")]
    return "-".join([match[1], *directories[:1]])
