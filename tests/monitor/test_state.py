"""What a monitor remembers: whole or refused, also after a kill in the middle of writing."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pip_verify.artifact.name import parse_filename
from pip_verify.errors import SourceError, UsageError
from pip_verify.monitor import state
from pip_verify.monitor.accept import Acceptance, accept
from pip_verify.monitor.compare import Known, Outcome, Served, compare
from pip_verify.monitor.signed import Document
from pip_verify.monitor.state import Looked, Store, create, opened
from pip_verify.monitor.watch import run_key
from pip_verify.sources.index import IndexFile, Page
from pip_verify.verdict import Decision, Reason, Verdict
from tests.signer import sha256

A, B = sha256(b"a"), sha256(b"b")
NAME = "demo-1.0.tar.gz"
URL = "https://keys.example/simple/demo/"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create(tmp_path / "state")
    return tmp_path / "state"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with opened(path) as store:
        yield store


def served(digest: str = A, name: str = NAME) -> list[Served]:
    return [Served(parse_filename(name, sha256=digest))]


def looked(store: Store, digest: str | None = A, project: str = "demo") -> Looked:
    """A look at a project that has one file, or none."""
    files = [] if digest is None else served(digest, f"{project}-1.0.tar.gz")
    return Looked(project, compare(project, store.recall(project).known, files, None))


def codes(store: Store, run: int) -> list[str]:
    return [verdict.reasons[0].id for verdict in store.alarms(run, 100)[0]]


def test_what_was_saved_is_remembered(store: Store) -> None:
    run, _ = store.begin("key", 1000.0, 60.0)
    file = IndexFile("demo", "1.0", NAME, "https://user:s3cret@keys.example/x", sha256=A, yanked=True)
    page = Page(URL, there=True, files=(file,), etag='"x"', last_modified="yesterday")
    document = Document("https://keys.example/1.0.jws", b"{}", '"y"', "")
    nothing = Document("https://keys.example/2.0.jws", None)
    known = Known(NAME, A, yanked=True)
    outcome = Outcome((), None, (known,), 1)
    store.save(run, Looked("demo", outcome, (page,), (document, nothing)), 1000.0)
    memory = store.recall("demo")
    assert memory.known == (known,)
    assert memory.documents == {document.place: document, nothing.place: nothing}
    again = memory.pages[URL]
    assert (again.etag, again.last_modified, again.there) == ('"x"', "yesterday", True)
    assert [(kept.filename, kept.version, kept.sha256, kept.yanked, kept.url) for kept in again.files] == [
        (NAME, "1.0", A, True, "")
    ]
    assert store.recall("other").known == ()


def test_no_secret_of_a_url_is_in_the_file(path: Path) -> None:
    file = IndexFile("demo", "1.0", NAME, "https://user:s3cret@keys.example/x", sha256=A)
    with opened(path) as store:
        store.save(
            1, Looked("demo", Outcome((), None, (), 1), (Page(URL, there=True, files=(file,), url="s3cret"),)), 1.0
        )
    assert b"s3cret" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


def test_pages_that_did_not_change_stay(store: Store) -> None:
    page = Page(URL, there=False, files=())
    store.save(1, Looked("demo", Outcome((), None, (), 0), (page,), ()), 1.0)
    store.save(1, Looked("demo", Outcome((), None, (), 0)), 2.0)
    assert dict(store.recall("demo").pages) == {URL: page}


def test_what_was_not_reached_changes_nothing_that_is_known_and_no_alarm_that_stays(store: Store) -> None:
    for digest in (A, B):
        store.save(1, looked(store, digest), 1.0)
    assert codes(store, 1) == ["PV313"]
    reason = Reason("PV502", "demo")
    gone = Outcome((Verdict(parse_filename(NAME), Decision.UNDECIDED, (reason,)),), None, (), 0)
    store.save(2, Looked("demo", gone, reached=False), 2.0)
    assert sorted(codes(store, 2)) == ["PV313", "PV502"]
    assert store.exit_codes(2) == {12, 14}
    assert "again" not in store.alarms(2, 9)[0][0].reasons[0].got
    assert not store.is_done(2, "demo")
    store.save(2, looked(store, A), 3.0)
    assert (codes(store, 2), store.is_done(2, "demo")) == (["PV313"], True)
    assert "now as recorded again" in store.alarms(2, 9)[0][0].reasons[0].got
    assert store.recall("demo").known == (Known(NAME, A),)


def test_only_alarms_of_the_runs_projects_are_told_and_not_more_than_asked_for(store: Store) -> None:
    for project in ("one", "two", "three"):
        store.save(1, looked(store, A, project), 1.0)
    for project in ("one", "two"):
        store.save(2, looked(store, B, project), 2.0)
    verdicts, total = store.alarms(2, 1)
    assert (len(verdicts), total) == (1, 2)
    assert (codes(store, 1), [item.artifact.project for item in store.quiet(1)]) == ([], ["three"])


def test_first_looks_are_counted_when_they_succeed(store: Store) -> None:
    store.save(1, Looked("demo", Outcome((), None, (), 0), reached=False), 1.0)
    assert store.counts(1).first_projects == 0
    store.save(2, looked(store), 2.0)
    assert (store.counts(2).first_projects, store.counts(2).first_files, store.counts(2).absent) == (1, 1, ())
    store.save(3, looked(store), 3.0)
    assert store.counts(3).first_projects == 0


# Runs.


def test_a_run_is_gone_on_with_if_it_is_the_same_young_and_did_not_end(store: Store) -> None:
    first, resumed = store.begin("key", 1000.0, 60.0)
    assert not resumed
    assert store.begin("key", 1060.0, 60.0) == (first, True)
    assert store.begin("other", 1000.0, 60.0) == (first + 1, False)
    later, resumed = store.begin("key", 1061.0, 60.0)
    assert (later > first, resumed) == (True, False)
    store.end(later, 1062.0)
    assert store.begin("key", 1063.0, 60.0)[1] is False


def test_a_run_that_began_in_the_future_is_not_gone_on_with(store: Store) -> None:
    store.begin("key", 1000.0, 60.0)
    assert store.begin("key", 999.0, 60.0)[1] is False


def test_runs_are_the_same_by_projects_and_options() -> None:
    keys = {run_key(["a", "b"], []), run_key(["a"], ["b"]), run_key(["ab"], []), run_key(["a", "b"], ["c"])}
    assert len(keys) == 4


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.monitor.test_state import looked
from pip_verify.monitor.state import opened
with opened(Path(sys.argv[1])) as store:
    run, _ = store.begin("key", 1000.0, 1e9)
    for number in range(50):
        store.save(run, looked(store, project=f"p{number}x"), 1000.0)
    print(store.database.in_transaction, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_loses_the_last_looks_and_nothing_else(path: Path) -> None:
    root = Path(__file__).resolve().parent.parent.parent
    command = [sys.executable, "-c", KILLED, str(path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (-signal.SIGKILL, "True"), done.stderr
    with opened(path) as store:
        run, resumed = store.begin("key", 1001.0, 60.0)
        finished = [number for number in range(50) if store.is_done(run, f"p{number}x")]
        assert (resumed, finished) == (True, list(range(32)))
        assert all(store.recall(f"p{number}x").known for number in finished)
        assert not any(store.recall(f"p{number}x").known for number in range(32, 50))


def test_one_process_at_a_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "LOCK_TIMEOUT", 0.05)
    with opened(path), pytest.raises(SourceError, match="another process"), opened(path):
        pass


# What is no whole state.


def refused(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(UsageError), opened(path) as store:
        store.recall("demo")
    assert path.read_bytes() == before


def filled(path: Path) -> bytes:
    with opened(path) as store:
        for number in range(300):
            store.save(1, looked(store, project=f"p{number}x"), 1.0)
    return path.read_bytes()


def test_a_state_that_was_cut_anywhere_is_refused(path: Path) -> None:
    data = filled(path)
    assert len(data) > 40_000
    for length in (*range(0, len(data), 4096), 1, 15, 100, 5000, len(data) - 1):
        path.write_bytes(data[:length])
        refused(path)
    path.write_bytes(data)
    with opened(path) as store:
        assert store.recall("p7x").known


def test_a_state_with_a_damaged_page_is_refused_wherever_it_is(path: Path) -> None:
    data = filled(path)
    for start in range(4096, len(data), 4096):
        path.write_bytes(data[:start] + b"\xa5" * 4096 + data[start + 4096 :])
        refused(path)


def test_other_files_are_refused(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b'{"schema": 1}')
    refused(path)
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE run (id)")
    refused(path)
    path.unlink()
    create(tmp_path / "state")
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA user_version = 1")
    refused(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(UsageError), opened(path):
        pass


def test_nothing_is_created_over_what_is_there(path: Path) -> None:
    with pytest.raises(UsageError):
        create(path)
    with pytest.raises(UsageError, match="expected the state of an earlier run"), opened(path.with_name("other")):
        pass


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE page SET files = x'00'",
        "UPDATE document SET body = x'00'",
        "UPDATE page SET files = (SELECT body FROM document)",
    ],
)
def test_entries_that_make_no_sense_are_refused(path: Path, change: str) -> None:
    with opened(path) as store:
        page = Page(URL, there=True, files=())
        document = Document("https://keys.example/1.0.jws", b"[[1]]", "", "")
        store.save(1, Looked("demo", Outcome((), None, (), 0), (page,), (document,)), 1.0)
        store.commit()
        store.database.execute(change)
    refused(path)


def test_alarms_that_make_no_sense_are_refused(store: Store) -> None:
    for digest in (A, B):
        store.save(1, looked(store, digest), 1.0)
    store.database.execute("""UPDATE alarm SET verdict = '{"artifact": []}'""")
    with pytest.raises(UsageError, match="damaged"):
        store.alarms(1, 9)


# Accepting.


def wish(filename: str = NAME, digest: str = B) -> Acceptance:
    return Acceptance("demo", filename, digest, "ann", "meant")


def test_what_is_no_alarm_cannot_be_accepted(store: Store) -> None:
    store.save(1, looked(store), 1.0)
    store.commit()
    with pytest.raises(UsageError, match="an open alarm"):
        accept(store, wish(), 2.0)


def test_an_old_digest_that_is_served_beside_the_new_one_counts_no_more(store: Store) -> None:
    store.save(1, looked(store), 1.0)
    store.save(1, looked(store, B), 2.0)
    store.commit()
    accept(store, wish(), 3.0)
    assert store.recall("demo").known == (Known(NAME, B, state="accepted"),)
    store.save(2, looked(store, A), 4.0)
    assert codes(store, 2) == ["PV313"]


def test_a_whole_project_is_accepted_by_the_digest_of_its_files(store: Store) -> None:
    store.save(1, looked(store), 1.0)
    store.save(1, looked(store, None), 2.0)
    store.commit()
    (alarm,), _ = store.alarms(1, 9)
    with pytest.raises(UsageError, match="one of the digests"):
        accept(store, wish("*", A), 3.0)
    accept(store, wish("*", str(alarm.artifact.sha256)), 3.0)
    assert store.recall("demo").known == (Known(NAME, A, state="gone"),)
    store.save(2, looked(store, None), 4.0)
    assert codes(store, 2) == []
