"""Pins: what a requirement or the trust file demands of an artifact's evidence. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field

from pip_verify.keys import PublicKey


@dataclass(frozen=True)
class Origin:
    """Where a pin was stated. file: a path, a URL, ``<command line>`` …; line: from 1, 0 when there is none."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Pin:
    """One demand; every pin of an artifact must hold.

    keys: any of these may sign (none: any key of the list). key_list: an https URL; a key must be on it
    *now*. Both: pinned and listed. threshold: how many distinct keys must have signed. publisher: the trust
    file's name for it. releases: a template that overrides the list's (absolute https, or relative to the
    key list). formats: the kinds of evidence allowed; empty means the default ones. origin: who says so.
    """

    keys: tuple[PublicKey, ...] = ()
    key_list: str | None = None
    threshold: int = 1
    publisher: str | None = None
    releases: str | None = None
    formats: tuple[str, ...] = ()
    origin: Origin = field(default_factory=lambda: Origin("<unknown>"))


@dataclass(frozen=True)
class InlinePin:
    """What a requirement line or the command line says, before ``--signed-by`` is looked up in the trust file.

    At least one of keys, key_list, signed_by is there. threshold: None when not stated.
    """

    keys: tuple[PublicKey, ...] = ()
    key_list: str | None = None
    threshold: int | None = None
    signed_by: str | None = None
    origin: Origin = field(default_factory=lambda: Origin("<unknown>"))
