"""A parsed trust file and the questions it answers: who signs a project, is it exempt, which pins hold.

Project names come in normalised (PEP 503). What the trust file leaves ambiguous is refused, never guessed:
two publishers equally specific for a project, a ``--signed-by`` that names nobody.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from functools import cached_property
from typing import Literal, TypeAlias

from pip_verify.errors import UsageError
from pip_verify.keys import PublicKey
from pip_verify.pins import InlinePin, Origin, Pin

Mode: TypeAlias = Literal["enforce", "report"]  # report: refusals are told, and stop nothing

KNOWN_FORMATS = ("release-statement", "in-wheel", "record-jws")  # the names that ``formats`` may list

_NO_MATCH = (0, 0)


@dataclass(frozen=True)
class Publisher:
    """One ``[publishers.NAME]`` table (docs/trust-file.md).

    key_list: an https URL, or None; keys: alone the pinned keys, with a key list a narrowing of it. releases: an
    absolute https template that overrides the list's, or None. threshold: how many distinct keys must have signed.
    projects: exact normalised names and patterns, in which ``*`` stands for any characters; empty: only a
    ``--signed-by`` reaches this publisher. formats: the kinds of evidence allowed; empty means the default ones.
    """

    name: str
    key_list: str | None
    keys: tuple[PublicKey, ...]
    releases: str | None
    threshold: int
    projects: tuple[str, ...]
    formats: tuple[str, ...]
    origin: Origin

    def claims(self, project: str) -> tuple[int, int]:
        """How specifically this publisher claims ``project``: greater is more specific, (0, 0) is not at all."""
        return max((_specificity(pattern, project) for pattern in self.projects), default=_NO_MATCH)

    def pin(self) -> Pin:
        """What this publisher's table demands of an artifact."""
        return Pin(self.keys, self.key_list, self.threshold, self.name, self.releases, self.formats, self.origin)


@dataclass(frozen=True)
class Exemption:
    """One ``[[exempt]]`` table: a project that may install unsigned, and why.

    hashes: hex sha256 digests; when there are any, only these bytes are exempt. Where a publisher claims the project
    there always are some, and of all other bytes its signature is demanded. until: the last day (UTC) it holds, or
    None. origin_note: how the table came to be (its key ``origin``).
    """

    project: str
    reason: str
    hashes: tuple[str, ...]
    until: date | None
    origin_note: str | None
    origin: Origin

    @property
    def ends(self) -> float | None:
        """The instant it ends, in seconds since the epoch: when the day ``until`` is over, UTC. None: it does not."""
        if self.until is None:
            return None
        begins = datetime(self.until.year, self.until.month, self.until.day, tzinfo=timezone.utc)
        return begins.timestamp() + 24 * 3600

    def active(self, now: float) -> bool:
        """Whether it still holds at ``now`` (seconds since the epoch)."""
        return self.ends is None or now < self.ends


@dataclass(frozen=True)
class Policy:
    """A whole trust file; the fields up to ``mode`` are its ``[policy]`` table (docs/trust-file.md).

    max_stale: seconds a key list may be used after it expired. source: the file's name, None when there is none.
    """

    unsigned: Literal["deny", "hash-pinned"] = "deny"
    first_use: Literal["deny", "record"] = "deny"
    max_stale: int = 0
    vcs: Literal["deny", "commit"] = "deny"
    local: Literal["allow", "deny"] = "allow"
    mode: Mode = "enforce"
    publishers: tuple[Publisher, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    source: str | None = None

    def publisher_for(self, project: str) -> Publisher | None:
        """The publisher whose claim is the most specific: the exact name, else the longest pattern.

        Raises UsageError when two claim the project equally specifically.
        """
        claimants = self._by_name.get(project) or self._by_pattern(project)
        if not claimants:
            return None
        if len(claimants) > 1:
            raise _contested(project, claimants)
        return claimants[0]

    def exemption_for(self, project: str) -> Exemption | None:
        """The project's exemption, whether or not it still holds."""
        return self._exempt.get(project)

    @cached_property
    def _by_name(self) -> Mapping[str, Sequence[Publisher]]:
        """Who claims a project by its exact name: a gate asks for thousands of projects."""
        found: dict[str, list[Publisher]] = {}
        for publisher in self.publishers:
            for name in publisher.projects:
                found.setdefault(name, []).append(publisher)
        return found

    @cached_property
    def _with_patterns(self) -> Sequence[Publisher]:
        return [publisher for publisher in self.publishers if any("*" in name for name in publisher.projects)]

    @cached_property
    def _exempt(self) -> Mapping[str, Exemption]:
        return {exemption.project: exemption for exemption in reversed(self.exemptions)}

    def _by_pattern(self, project: str) -> Sequence[Publisher]:
        """Who claims a project by the longest of the patterns that match it."""
        claims = [(publisher.claims(project), publisher) for publisher in self._with_patterns]
        best = max((claim for claim, _ in claims), default=_NO_MATCH)
        return [publisher for claim, publisher in claims if claim == best != _NO_MATCH]

    def pins_for(self, project: str, inline: Sequence[InlinePin]) -> tuple[Pin, ...]:
        """Every pin that must hold for ``project``: the trust file's, then those of each inline pin.

        An inline pin can only narrow, since all pins must hold. Raises UsageError when ``signed_by`` names no
        publisher, when an inline pin and the publisher it names contradict each other, or as ``publisher_for``.
        """
        publisher = self.publisher_for(project)
        pins = [] if publisher is None else [publisher.pin()]
        for pin in inline:
            pins.extend(self._resolve(pin))
        return tuple(pins)

    def _resolve(self, inline: InlinePin) -> list[Pin]:
        if inline.signed_by is None:
            return [Pin(inline.keys, inline.key_list, inline.threshold or 1, origin=inline.origin)]
        pins = [_narrowed(self._publisher_named(inline.signed_by, inline.origin), inline)]
        if inline.key_list is not None:
            pins.append(Pin(inline.keys, inline.key_list, inline.threshold or 1, origin=inline.origin))
        return pins

    def _publisher_named(self, name: str, origin: Origin) -> Publisher:
        for publisher in self.publishers:
            if publisher.name == name:
                return publisher
        nearest = difflib.get_close_matches(name, [publisher.name for publisher in self.publishers], n=1)
        if nearest:
            hint = f"did you mean --signed-by={nearest[0]}?"
        else:
            hint = f"add a table [publishers.{name}] to {self.source or 'a pip-verify.toml'}"
        expected = f"a publisher of {self.source}" if self.source else "a trust file with this publisher"
        raise UsageError(f"{origin}: --signed-by", expected=expected, got=name, hint=hint)


EMPTY_POLICY = Policy()  # no trust file: nobody is trusted, so whatever no inline pin covers is denied


def _specificity(pattern: str, project: str) -> tuple[int, int]:
    if pattern == project:
        return (2, 0)
    # Only "*" is special: the parser lets neither "?" nor "[" into a pattern. Most entries are plain names, and
    # fnmatch would compile an expression for each.
    return (1, len(pattern)) if "*" in pattern and fnmatch.fnmatchcase(project, pattern) else _NO_MATCH


def _narrowed(publisher: Publisher, inline: InlinePin) -> Pin:
    """The publisher's pin, narrowed to the inline keys and to the greater threshold.

    One pin, not two: of two, one key of the publisher's and another of the line's could each satisfy one, although
    no signer is both pinned by the line and (still) the publisher's.
    """
    pin = replace(publisher.pin(), origin=inline.origin)
    subject = f"{inline.origin}: --signed-by={publisher.name}"
    if inline.keys:
        keys = tuple(key for key in inline.keys if not pin.keys or key in pin.keys)
        if not keys:
            got = ", ".join(key.text for key in inline.keys)
            expected = f"a --key that is one of {publisher.origin}"
            raise UsageError(subject, expected=expected, got=got, hint="leave --key out: then any of them may sign")
        pin = replace(pin, keys=keys)
    threshold = max(pin.threshold, inline.threshold or 1)
    if pin.keys and threshold > len(pin.keys):
        expected = f"a threshold of at most {len(pin.keys)}, the number of keys left"
        hint = f"--threshold={len(pin.keys)}, or more keys"
        raise UsageError(subject, expected=expected, got=str(threshold), hint=hint)
    return replace(pin, threshold=threshold)


def _contested(project: str, claimants: Sequence[Publisher]) -> UsageError:
    names = " and ".join(f"{publisher.name} ({publisher.origin})" for publisher in claimants)
    hint = f'name it exactly under one of them: projects = ["{project}", …]'
    return UsageError(f"project {project}", expected="one publisher with the most specific claim", got=names, hint=hint)
