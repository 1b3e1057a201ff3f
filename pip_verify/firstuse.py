"""Trust on first use, as values: what ``pip-verify.lock`` says was seen, and where an artifact departs from it.

Bytes of the lock come in, a ``Seen`` for each project goes out, and back to the same bytes. Refused: anything that
pip-verify would not have written just so. An empty or torn lock must never pass for a fresh start, and one that was
cut between two entries is sound TOML; so the last line is fixed, and the whole is compared with its own serialisation.

Evidence has ranks: a legacy ``RECORD.jws`` signs less than ``release.jws`` does, and that is weaker than a statement
which covers the file as it is. What was seen of a release line holds for it and for newer lines; an older line that
was never seen may still be signed in another way, or not yet.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import zip_longest

from packaging.version import Version

from pip_verify.artifact.name import Artifact, normalise
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.keys import PublicKey
from pip_verify.pins import Origin, Pin
from pip_verify.policy.table import Table
from pip_verify.verdict import Decision, Reason, Verdict, reject

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    import tomli as tomllib

FIRST_USE_MAX_BYTES = 16 * 1024 * 1024  # a thousand projects with a hundred release lines each take 4 MiB
RANKS = ("record-jws", "in-wheel", "release-statement")  # the weakest first

_VERSION = 1
_HEADER = """\
# Who signed each project when it was first used here (trust on first use). pip-verify writes this file.
# Commit it, and review each change as you review code: a changed key is another publisher.
"""
_FOOTER = "# end of pip-verify.lock\n"
_TOP = ("version", "projects")
_ENTRY = ("first-seen", "key-list", "keys", "lines")
_NO_LIST = ("PV310", "PV501")
_LINE_RE = re.compile(r"(?:[1-9][0-9]*!)?(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\Z")
_URL_RE = re.compile(r"https://[!#-\[\]-~]+\Z")  # what a TOML basic string holds as it is


@dataclass(frozen=True)
class Seen:
    """What was seen of one project. keys: any of them may sign, sorted by their text. key_list: then they must be on
    it, too. lines: by release line, the strongest format of evidence. origin: the entry in the lock."""

    project: str
    keys: tuple[PublicKey, ...]
    key_list: str | None
    first_seen: date
    lines: Mapping[str, str]
    origin: Origin = field(default_factory=lambda: Origin("pip-verify.lock"), compare=False)

    def line_for(self, version: str) -> str | None:
        """The recorded line that a release is held against: its own, else the nearest older one. None when only newer
        lines were seen."""
        own = _order(release_line(version))
        return max((line for line in self.lines if _order(line) <= own), key=_order, default=None)

    def strongest(self, version: str) -> str | None:
        """The format that a release must be signed in, or in a stronger one; None when any will do."""
        line = self.line_for(version)
        return None if line is None else self.lines[line]

    def pin(self, version: str | None = None) -> Pin:
        """What this entry demands of a release; without a version, of all releases."""
        strongest = None if version is None else self.strongest(version)
        formats = () if strongest is None else tuple(name for name in RANKS if not _weaker(name, strongest))
        return Pin(self.keys, self.key_list, formats=formats, origin=self.origin)

    def having(self, version: str, evidence: str) -> Seen:
        """The entry after this evidence was seen; itself when that is nothing new."""
        line = release_line(version)
        if line in self.lines and not _weaker(self.lines[line], evidence):
            return self
        return replace(self, lines={**self.lines, line: evidence})


def release_line(version: str) -> str:
    """The line of releases that a version (PEP 440) belongs to: its epoch, if any, and its first two numbers."""
    parsed = Version(version)
    epoch = f"{parsed.epoch}!" if parsed.epoch else ""
    return f"{epoch}{parsed.major}.{parsed.minor}"


def merge(theirs: Seen, ours: Seen) -> Seen | None:
    """One entry of two that were made at the same time; None when they name other keys or another key list."""
    if (theirs.keys, theirs.key_list) != (ours.keys, ours.key_list):
        return None
    merged = replace(theirs, first_seen=min(theirs.first_seen, ours.first_seen))
    for line, evidence in ours.lines.items():
        merged = merged.having(line, evidence)
    return merged


# The lock.


def parse_first_use(data: bytes, name: str) -> dict[str, Seen]:
    """Parse ``pip-verify.lock``; by project. name: of the file, for messages and origins.

    Raises UsageError, or EvidenceError for a weak or malformed key.
    """
    if len(data) > FIRST_USE_MAX_BYTES:
        raise UsageError(name, expected=f"at most {FIRST_USE_MAX_BYTES} bytes", got="more", hint=_again(name))
    if not data.strip():
        raise _torn(name, "an empty file")
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and TOMLDecodeError are ValueErrors
        raise _torn(name, str(error)) from error
    if document.get("version") != _VERSION:
        got = f"version {document['version']!a}" if "version" in document else "no version"
        raise UsageError(name, expected=f"version = {_VERSION}", got=got[:80], hint="update pip-verify")
    top = Table(document, name, "", _TOP, hint=_again(name))
    projects = Table(top.values.get("projects", {}), name, "projects", hint=top.hint)
    seen = {project: _parse_entry(project, projects) for project in projects.values}
    numbers = {line: number for number, line in enumerate(data.decode("utf-8").split("\n"), start=1)}
    written = serialise(seen)
    if written != data:
        raise _torn(name, f"another line {_first_difference(written, data)} than pip-verify writes")
    return {
        project: replace(entry, origin=Origin(name, numbers[f"[projects.{project}]"]))
        for project, entry in seen.items()
    }


def serialise(seen: Mapping[str, Seen]) -> bytes:
    """The lock's bytes: sorted, one value a line, so that a change of one entry is a change of its lines only."""
    entries = "".join(_entry_text(seen[project]) for project in sorted(seen))
    return f"{_HEADER}version = {_VERSION}\n{entries}\n{_FOOTER}".encode("ascii")


def _entry_text(entry: Seen) -> str:
    key_list = "" if entry.key_list is None else f'key-list = "{entry.key_list}"\n'
    keys = "".join(f'    "{key.text}",\n' for key in entry.keys)
    lines = "".join(f'"{line}" = "{entry.lines[line]}"\n' for line in sorted(entry.lines, key=_order))
    return (
        f"\n[projects.{entry.project}]\nfirst-seen = {entry.first_seen.isoformat()}\n{key_list}keys = [\n{keys}]\n"
        f"[projects.{entry.project}.lines]\n{lines}"
    )


def _parse_entry(project: str, projects: Table) -> Seen:
    if project != _normalised(project):
        raise projects.error(ascii(project[:80]), "a normalised project name (PEP 503)", "another")
    table = Table(projects.values[project], projects.where, f"projects.{project}", _ENTRY, hint=projects.hint)
    keys = table.array("keys", lambda path, text: PublicKey.from_text(text, f"{table.where}: {table.path}.{path}"))
    first_seen, key_list = table.local_date("first-seen"), table.text("key-list")
    if first_seen is None or not keys:
        raise table.error("", "first-seen and keys", "an entry without one of them")
    if key_list is not None and not _URL_RE.match(key_list):
        raise table.error("key-list", "an https URL", ascii(key_list[:80]))
    lines = Table(table.values.get("lines", {}), table.where, f"{table.path}.lines", hint=table.hint)
    for line, evidence in lines.values.items():
        if not _LINE_RE.match(line) or evidence not in RANKS:
            got = f"{line} = {evidence!a}"
            raise lines.error("", 'release lines such as "1.0" = "release-statement"', got[:80])
    return Seen(project, keys, key_list, first_seen, dict(lines.values))


def _normalised(project: str) -> str | None:
    try:
        return normalise(project)
    except EvidenceError:
        return None


def _torn(name: str, got: str) -> UsageError:
    return UsageError(name, expected="a whole lock as pip-verify wrote it", got=got, hint=_again(name))


def _again(name: str) -> str:
    return f"take {name} from version control again; pip-verify never begins it anew by itself"


def _first_difference(written: bytes, data: bytes) -> int:
    """The number of the first line that differs, from 1; the two must not be the same."""
    pairs = zip_longest(written.split(b"\n"), data.split(b"\n"))
    return next(number for number, (ours, theirs) in enumerate(pairs, start=1) if ours != theirs)


# What departs from it.


@dataclass(frozen=True)
class Today:
    """How a refused artifact presents itself today. verdict: under what it says itself (its key list, or the keys it
    carries) in any format, or None when it says nothing. key_lists: those that its metadata names. unread: its bytes
    are not here, so that nobody knows what it says itself."""

    verdict: Verdict | None = None
    key_lists: Sequence[str] = ()
    unread: bool = False


def compare(seen: Seen, verdict: Verdict, today: Today) -> Reason | None:
    """Why ``verdict``, which was reached under the entry's pin, departs from what was seen; None when it does not, or
    when what it says already is more telling: a bad signature, a revoked key, a source out of reach."""
    if verdict.decision is not Decision.REJECT or verdict.reasons[0].id not in ("PV102", "PV201"):
        return None
    now = today.verdict
    if now is not None and now.accepted:
        strangers = not set(now.keys) & set(seen.keys)
        return _other_key(seen, verdict, _signers(now)) if strangers else _weaker_evidence(seen, verdict, now)
    telling = verdict if now is None or verdict.reasons[0].id == "PV201" else now
    if telling.reasons[0].id == "PV201":
        return _other_key(seen, verdict, telling.reasons[0].got)
    return None if seen.strongest(verdict.artifact.version) is None else _vanished(seen, verdict, today)


def explained(verdict: Verdict, seen: Seen, today: Today) -> Verdict:
    """A refusal, with a word on its key list: where the metadata names another one now, or it is not to be had."""
    others = [url for url in today.key_lists if url != seen.key_list]
    if seen.key_list is None or seen.key_list in today.key_lists:
        others = []
    notes = [f"its metadata now names the key list {others[0]}, and no longer {seen.key_list}"] if others else []
    if verdict.reasons[0].id in _NO_LIST:
        notes.append(f"if its publisher has moved the list for good: pip-verify unpin {seen.project}, and use it anew")
    first, *rest = verdict.reasons
    hint = "; ".join(filter(None, (first.hint, *notes)))
    return replace(verdict, reasons=(replace(first, hint=hint), *rest))


def departed(verdict: Verdict, reason: Reason) -> Verdict:
    """``verdict``, refused first of all for ``reason``."""
    return replace(verdict, decision=Decision.REJECT, reasons=(reason, *verdict.reasons), by="", keys=())


def first_used(verdict: Verdict, seen: Seen) -> Verdict:
    """An acceptance by what the artifact says of itself, in the words of a first use."""
    keys = ", ".join(key.text for key in verdict.keys)
    where = f"on the key list {seen.key_list}" if seen.key_list is not None else "which the file carries itself"
    reason = Reason("PV007", verdict.artifact.filename, got=f"signed by {keys}, {where}")
    return replace(verdict, reasons=(reason,), by="first-use", origins=(seen.origin,))


def not_here(artifact: Artifact, why: str, lock: str) -> Verdict:
    """The refusal of a first use. why: what forbids it, in words; lock: the lock's name."""
    hint = f"where you can review it: pip-verify download --no-deps {artifact.project}; then commit {lock}"
    got = f"none, and no first use is allowed ({why})"
    reason = Reason("PV108", artifact.filename, f"a pin, or an entry for {artifact.project} in {lock}", got, hint)
    return reject(artifact, reason)


def bytes_needed(artifact: Artifact) -> Verdict:
    """Undecided: nobody is pinned, and who signs it stands in the file's own metadata."""
    hint = f"look into the file, too: pip-verify check --download; or pin it: pip-verify pin {artifact.project}"
    reason = Reason("PV504", artifact.filename, "its metadata, which may name who signs it", "no bytes yet", hint)
    return Verdict(artifact, Decision.UNDECIDED, (reason,))


def contradicted(verdict: Verdict, theirs: Seen) -> Verdict:
    """The refusal of what was accepted here while another run recorded other keys for the project."""
    return departed(verdict, _other_key(theirs, verdict, _signers(verdict)))


def _other_key(seen: Seen, verdict: Verdict, got: str) -> Reason:
    keys = " or ".join(key.text for key in seen.keys)
    project = seen.project
    hint = (
        f"do not install it before the publisher of {project} has told you, by another way than the index, that this "
        f"key is theirs; if it is: pip-verify unpin {project}, and use it anew; or pip-verify pin {project} "
        f"--key-list=URL, which trusts that list and every change of it"
    )
    return Reason("PV204", verdict.artifact.filename, f"a signature by {keys}{_since(seen)}", got, hint)


def _weaker_evidence(seen: Seen, verdict: Verdict, now: Verdict) -> Reason:
    expected = _as_before(seen, verdict.artifact.version)
    hint = f"ask its publisher why; if it is meant: pip-verify unpin {seen.project}, and use it anew"
    return Reason("PV205", verdict.artifact.filename, expected, f"only {now.evidence} evidence", hint)


def _vanished(seen: Seen, verdict: Verdict, today: Today) -> Reason:
    expected, got = _as_before(seen, verdict.artifact.version), "no signature at any place"
    hint = (
        f"do not install it; ask the publisher of {seen.project} whether this release is theirs. If they stopped "
        f"signing: pip-verify unpin {seen.project}, and exempt these bytes by hash"
    )
    if today.unread:
        got = "none at the places known before; whom the file itself names now, only its bytes can tell"
        hint = f"look into the file, too: pip-verify check --download; else {hint}"
    return Reason("PV109", verdict.artifact.filename, expected, got, hint)


def _as_before(seen: Seen, version: str) -> str:
    line = seen.line_for(version)
    return f"{seen.strongest(version)} evidence, as was seen of release line {line}{_since(seen)}"


def _since(seen: Seen) -> str:
    listed = f", on the key list {seen.key_list}" if seen.key_list is not None else ""
    return f"{listed} (first seen {seen.first_seen.isoformat()}, {seen.origin})"


def _signers(verdict: Verdict) -> str:
    keys = ", ".join(key.text for key in verdict.keys)
    lists = [text for text in (origin.file for origin in verdict.origins) if text.startswith("https://")]
    return f"signed by {keys}" + (f", which is on the key list {lists[0]} now" if lists else "")


def _weaker(evidence: str, than: str) -> bool:
    return RANKS.index(evidence) < RANKS.index(than)


def _order(line: str) -> Version:
    return Version(line)
