"""What a monitor remembers, in one SQLite file: what was recorded of each project, open alarms, how far a run came.

SQLite, because 10,000 projects with a million files must be changed one project at a time: a JSON document would have
to be held in memory and written anew each time, and lines appended to a text need a reader that makes sense of a torn
last one. SQLite's journal makes each change whole or none, also when the process is killed; Python brings it.

Refused: a file that is empty, torn, no state or of another version, a symbolic link, and a second process at once.
Nothing is ever begun anew in its place. Passwords and tokens of URLs are never in it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sqlite3
import stat
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pip_verify.errors import EvidenceError, UsageError
from pip_verify.monitor.compare import STICKY, WHOLE, Known, Outcome, is_whole
from pip_verify.monitor.signed import Document
from pip_verify.monitor.stored import dump, load, pack, told, unpack
from pip_verify.sources.index import Page
from pip_verify.storage import locked, not_written, write_atomically
from pip_verify.verdict import Verdict

VERSION = 2
LOCK_TIMEOUT = 3.0  # seconds; who holds it is a whole run

_APPLICATION = 0x70766D31  # "pvm1", as SQLite's application_id
_BATCH = 32  # projects in one transaction: what a kill can lose, to be looked at again
_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {VERSION};
CREATE TABLE run (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, began REAL NOT NULL, ended REAL);
CREATE TABLE project (
    name TEXT PRIMARY KEY, since REAL NOT NULL, run INTEGER NOT NULL, reached INTEGER NOT NULL, first INTEGER NOT NULL,
    files INTEGER NOT NULL, quiet TEXT
) WITHOUT ROWID;
CREATE TABLE page (
    project TEXT NOT NULL, location TEXT NOT NULL, there INTEGER NOT NULL, etag TEXT NOT NULL, modified TEXT NOT NULL,
    left_out INTEGER NOT NULL, files BLOB NOT NULL, PRIMARY KEY (project, location)
) WITHOUT ROWID;
CREATE TABLE document (
    project TEXT NOT NULL, place TEXT NOT NULL, etag TEXT NOT NULL, modified TEXT NOT NULL, body BLOB,
    PRIMARY KEY (project, place)
) WITHOUT ROWID;
CREATE TABLE known (
    project TEXT NOT NULL, filename TEXT NOT NULL, sha256 TEXT NOT NULL, yanked INTEGER NOT NULL, state TEXT NOT NULL,
    since REAL NOT NULL, PRIMARY KEY (project, filename, sha256)
) WITHOUT ROWID;
CREATE TABLE alarm (
    project TEXT NOT NULL, filename TEXT NOT NULL, code TEXT NOT NULL, sha256 TEXT NOT NULL, exit_code INTEGER NOT NULL,
    since REAL NOT NULL, standing INTEGER NOT NULL, verdict TEXT NOT NULL,
    PRIMARY KEY (project, filename, code, sha256)
) WITHOUT ROWID;
CREATE TABLE decision (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL, project TEXT NOT NULL,
    filename TEXT NOT NULL, code TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL
);
"""


@dataclass(frozen=True)
class Memory:
    """What is remembered of one project. pages: by location; documents: by place."""

    known: tuple[Known, ...]
    pages: Mapping[str, Page]
    documents: Mapping[str, Document]


@dataclass(frozen=True)
class Looked:
    """One look at one project. error: why it could not be looked at; then there is nothing else. pages, documents: as
    they are now; None where they are as remembered."""

    project: str
    outcome: Outcome
    pages: tuple[Page, ...] | None = None
    documents: tuple[Document, ...] | None = None
    reached: bool = True


@dataclass(frozen=True)
class Counts:
    """Of one run: how many projects and files were recorded for the first time; which are on no index. recorded:
    whether anything is known of any of its projects. left_out, left_out_of: files that pip never takes, and of how many
    projects."""

    projects: int
    first_projects: int
    first_files: int
    absent: tuple[str, ...]
    recorded: bool
    left_out: int
    left_out_of: int


def create(path: Path) -> None:
    """Begin a state; raises UsageError when something is there already or it cannot be written."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="pip-verify-") as folder:
            scratch = Path(folder) / "state"
            with contextlib.closing(sqlite3.connect(scratch, isolation_level=None)) as database:
                database.executescript(_SCHEMA)
            data = scratch.read_bytes()
    except OSError as error:
        refused = not_written(path, error)
        raise UsageError(str(path), expected="to be able to make it", got=refused.got, hint=refused.hint) from error
    write_atomically(path, data, mode=0o600, overwrite=False)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Store]:
    """The state at ``path``, for this process alone.

    Raises UsageError when there is none or it is not whole, SourceError when another process has it.
    """
    _refuse_what_is_no_state(path)
    with locked(path, timeout=LOCK_TIMEOUT), _explained(path):
        database = sqlite3.connect(path.absolute().as_uri() + "?mode=rw", uri=True, isolation_level=None)
        with contextlib.closing(database):
            _check(database, path)
            store = Store(database)
            yield store
            store.commit()


def _refuse_what_is_no_state(path: Path) -> None:
    try:
        status = path.lstat()
    except OSError as error:
        hint = f"if this is the first run: --first, which begins {path}"
        raise UsageError(str(path), expected="the state of an earlier run", got="none", hint=hint) from error
    if not stat.S_ISREG(status.st_mode):
        hint = "name the file itself: --state FILE"
        raise UsageError(str(path), expected="a regular file, no link", got="something else", hint=hint)
    if os.name == "posix" and status.st_mode & stat.S_IWOTH:
        hint = f"chmod o-w {shlex.quote(str(path))}  (if you trust its contents; else begin anew: --state FILE --first)"
        raise UsageError(str(path), expected="a file that not everybody can change", got="mode o+w", hint=hint)


def _check(database: sqlite3.Connection, path: Path) -> None:
    database.execute("PRAGMA trusted_schema = OFF")
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if (application, version) != (_APPLICATION, VERSION):
        got = f"version {version}" if application == _APPLICATION else "another file, or an empty one"
        hint = _ANEW if application != _APPLICATION else f"use the pip-verify that wrote it; {_FORGET}"
        raise UsageError(str(path), expected=f"a state of version {VERSION}", got=got, hint=hint)
    (problem,) = database.execute("PRAGMA quick_check(1)").fetchone()
    size = database.execute("PRAGMA page_size").fetchone()[0] * database.execute("PRAGMA page_count").fetchone()[0]
    if problem != "ok" or path.stat().st_size != size:  # SQLite takes a part of the last page for all of it
        got = "a part of one" if problem == "ok" else f"a damaged one ({problem[:80]})"
        raise UsageError(str(path), expected="a whole state", got=got, hint=_ANEW)


_FORGET = "to begin anew, and forget what was recorded, move it away and say --first"
_ANEW = f"restore it from a backup; {_FORGET}"


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise UsageError(
            str(path), expected="a state that can be read and written", got=str(error), hint=_ANEW
        ) from error


@contextlib.contextmanager
def _sound(what: str) -> Iterator[None]:
    """Whatever values of a state do not make sense."""
    try:
        yield
    except (ValueError, TypeError, LookupError, zlib.error, EvidenceError) as error:
        got = f"a damaged entry ({type(error).__name__})"
        raise UsageError(f"state: {what}", expected="what was written there", got=got, hint=_ANEW) from error


class Store:
    """An open state; for one thread. Times: seconds since the epoch."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        self._pending = 0

    # A run.

    def begin(self, key: str, now: float, window: float) -> tuple[int, bool]:
        """The number of the run to go on with, and whether it began earlier: one for the same ``key``, at most
        ``window`` seconds ago, that never ended."""
        row = self.database.execute(
            "SELECT id FROM run WHERE key = ? AND ended IS NULL AND ? - began BETWEEN 0 AND ? ORDER BY id DESC",
            (key, now, window),
        ).fetchone()
        if row is not None:
            return int(row[0]), True
        self.database.execute("DELETE FROM run WHERE key = ?", (key,))
        number = self.database.execute("INSERT INTO run (key, began) VALUES (?, ?)", (key, now)).lastrowid
        return int(number or 0), False

    def end(self, run: int, now: float) -> None:
        """Say that the run has looked at everything."""
        self.commit()
        self.database.execute("UPDATE run SET ended = ? WHERE id = ?", (now, run))

    def is_done(self, run: int, project: str) -> bool:
        """Whether the run has reached this project already."""
        row = self.database.execute("SELECT 1 FROM project WHERE name = ? AND run = ? AND reached", (project, run))
        return row.fetchone() is not None

    # One project.

    def recall(self, project: str) -> Memory:
        """All that is remembered of a project."""
        known = self._of(project, "filename, sha256, yanked, state", "known")
        pages = self._of(project, "location, there, files, etag, modified, left_out", "page")
        documents = self._of(project, "place, body, etag, modified", "document")
        with _sound(project):
            return Memory(
                tuple(Known(name, digest, bool(yanked), state) for name, digest, yanked, state in known),
                {
                    place: Page(place, bool(there), unpack(project, files), *tags)
                    for place, there, files, *tags in pages
                },
                {
                    place: Document(place, None if body is None else zlib.decompress(body), *tags)
                    for place, body, *tags in documents
                },
            )

    def _of(self, project: str, columns: str, table: str) -> list[tuple[Any, ...]]:
        statement = f"SELECT {columns} FROM {table} WHERE project = ?"  # noqa: S608 - names of ours
        return self.database.execute(statement, (project,)).fetchall()

    def save(self, run: int, looked: Looked, now: float) -> None:
        """Remember a look; it is in the file, whole, after the next ``commit``, which comes by itself at times."""
        if not self._pending:
            self.database.execute("BEGIN")
        self._save_project(run, looked, now)
        self._save_pages(looked)
        for entry in looked.outcome.record:
            self.database.execute(
                "INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?, ?, ?)",
                (looked.project, entry.filename, entry.sha256, entry.yanked, entry.state, now),
            )
        self._save_alarms(looked, now)
        self._pending += 1
        if self._pending >= _BATCH:
            self.commit()

    def commit(self) -> None:
        """Make what was saved lasting."""
        if self._pending:
            self.database.execute("COMMIT")
            self._pending = 0

    def _save_project(self, run: int, looked: Looked, now: float) -> None:
        """since: 0 until the project was reached for the first time."""
        row = self.database.execute("SELECT since, files FROM project WHERE name = ?", (looked.project,)).fetchone()
        since, files = (0.0, 0) if row is None else row
        first = looked.reached and not since
        quiet = None if looked.outcome.quiet is None else dump(looked.outcome.quiet)
        self.database.execute(
            "INSERT OR REPLACE INTO project VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                looked.project,
                now if first else since,
                run,
                looked.reached,
                first,
                looked.outcome.files if looked.reached else files,
                quiet,
            ),
        )

    def _save_pages(self, looked: Looked) -> None:
        if looked.pages is not None:
            self.database.execute("DELETE FROM page WHERE project = ?", (looked.project,))
            rows = (
                (
                    looked.project,
                    page.location,
                    page.there,
                    page.etag,
                    page.last_modified,
                    page.left_out,
                    pack(page.files),
                )
                for page in looked.pages
            )
            self.database.executemany("INSERT OR REPLACE INTO page VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        if looked.documents is not None:
            self.database.execute("DELETE FROM document WHERE project = ?", (looked.project,))
            self.database.executemany(
                "INSERT INTO document VALUES (?, ?, ?, ?, ?)",
                (
                    (
                        looked.project,
                        document.place,
                        document.etag,
                        document.last_modified,
                        None if document.body is None else zlib.compress(document.body),
                    )
                    for document in looked.documents
                ),
            )

    def _save_alarms(self, looked: Looked, now: float) -> None:
        """What is an alarm no longer goes, but for those that somebody must accept."""
        sticky = ", ".join(f"'{code}'" for code in sorted(STICKY))
        self.database.execute(
            f"DELETE FROM alarm WHERE project = ? AND code NOT IN ({sticky})",  # noqa: S608 - codes of ours
            (looked.project,),
        )
        if looked.reached:
            self.database.execute("UPDATE alarm SET standing = 0 WHERE project = ?", (looked.project,))
        for verdict in looked.outcome.alarms:
            self.database.execute(
                "INSERT INTO alarm VALUES (?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT (project, filename, code, sha256)"
                " DO UPDATE SET standing = 1, verdict = excluded.verdict, exit_code = excluded.exit_code",
                (
                    looked.project,
                    WHOLE if is_whole(verdict.artifact) else verdict.artifact.filename,
                    verdict.reasons[0].id,
                    verdict.artifact.sha256 or "",
                    verdict.exit_code,
                    now,
                    dump(verdict),
                ),
            )

    # What a run came to.

    def counts(self, run: int) -> Counts:
        """What was recorded for the first time, and what is on no index."""
        row = self.database.execute(
            "SELECT count(*), ifnull(sum(first), 0), ifnull(sum(files * first), 0) FROM project WHERE run = ?", (run,)
        ).fetchone()
        absent = self.database.execute(
            "SELECT name FROM project WHERE run = ? AND reached AND NOT files"
            " AND NOT EXISTS (SELECT 1 FROM alarm WHERE alarm.project = name) ORDER BY name LIMIT 100",
            (run,),
        )
        projects, first_projects, first_files = row
        known = self.database.execute(
            "SELECT 1 FROM project WHERE run = ? AND EXISTS (SELECT 1 FROM known WHERE known.project = name) LIMIT 1",
            (run,),
        ).fetchone()
        names = tuple(name for (name,) in absent)
        left_out, of = self.database.execute(
            "SELECT ifnull(sum(left_out), 0), count(DISTINCT project) FROM page"
            " WHERE left_out > 0 AND project IN (SELECT name FROM project WHERE run = ?)",
            (run,),
        ).fetchone()
        return Counts(projects, first_projects, first_files, names, known is not None, left_out, of)

    def files(self, project: str) -> int:
        """How many files of a project were served, or are known."""
        (served,) = self.database.execute(
            "SELECT ifnull(max(files), 0) FROM project WHERE name = ?", (project,)
        ).fetchone()
        (known,) = self.database.execute("SELECT count(*) FROM known WHERE project = ?", (project,)).fetchone()
        return max(int(served), int(known))

    def exit_codes(self, run: int) -> set[int]:
        """The exit codes of all open alarms of the run's projects."""
        rows = self.database.execute(f"SELECT DISTINCT exit_code {_ALARMS_OF_RUN}", (run,))
        return {int(code) for (code,) in rows}

    def alarms(self, run: int, limit: int) -> tuple[list[Verdict], int]:
        """At most ``limit`` open alarms of the run's projects, by project, and how many there are in all."""
        (total,) = self.database.execute(f"SELECT count(*) {_ALARMS_OF_RUN}", (run,)).fetchone()
        columns = "SELECT alarm.verdict, alarm.standing, alarm.since"
        order = "ORDER BY alarm.exit_code != 12, alarm.exit_code, alarm.project, alarm.filename LIMIT ?"
        rows = self.database.execute(f"{columns} {_ALARMS_OF_RUN} {order}", (run, limit)).fetchall()
        with _sound("alarm"):
            return [self._in_words(load(text), bool(standing), since) for text, standing, since in rows], int(total)

    def _in_words(self, verdict: Verdict, standing: bool, since: float) -> Verdict:  # noqa: FBT001 - as it is stored
        artifact = verdict.artifact
        recorded = self.database.execute(
            "SELECT sha256 FROM known WHERE project = ? AND filename = ? AND state != 'gone' ORDER BY sha256",
            (artifact.project, artifact.filename),
        ).fetchone()
        return told(verdict, standing=standing, since=since, recorded=None if recorded is None else recorded[0])

    def quiet(self, run: int) -> Iterator[Verdict]:
        """The verdicts on the run's projects that have no open alarm."""
        rows = self.database.execute(
            "SELECT quiet FROM project WHERE run = ? AND quiet IS NOT NULL AND files > 0"
            " AND NOT EXISTS (SELECT 1 FROM alarm WHERE alarm.project = name) ORDER BY name",
            (run,),
        )
        with _sound("project"):
            yield from (load(text) for (text,) in rows)


_ALARMS_OF_RUN = "FROM alarm JOIN project ON project.name = alarm.project WHERE project.run = ?"
