"""What the SQLite store promises beyond the port: its file, its errors, its processes, its speed."""

from __future__ import annotations

import gc
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

import pytest

from flux_core._errors import InvalidInput, RunExists, StoreError
from flux_core._status import RunStatus
from flux_core.storage import Query, Record, SQLiteStorage
from flux_core.storage import _sqlite as sqlite
from flux_core.storage import _sqlite_schema as schema
from flux_core.storage import _sqlite_session as session
from flux_core.storage._cursor import Position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
RUN = Record("order-1", "order", RunStatus.RUNNING, 1, "w-1", 160.0, 100.0, 100.0, b"{}")
PRELUDE = """
import os, sys
from flux_core.storage import MemoryStorage, Query, Record
from flux_core._status import RunStatus
from flux_core._errors import *
RUN = Record("order-1", "order", RunStatus.RUNNING, 1, "w-1", 160.0, 100.0, 100.0, b"{}")
path = sys.argv[1]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a file that is not there yet."""
    return tmp_path / "flux.db"


@pytest.fixture
def storage(path: Path) -> Iterator[SQLiteStorage]:
    """Give a store in a new file."""
    with closing(SQLiteStorage(path)) as storage:
        yield storage


def python(script: str, path: Path) -> subprocess.Popen[str]:
    """Start a process of its own that runs the script on the file, with no package installed."""
    return subprocess.Popen(
        [sys.executable, "-S", "-W", "error", "-c", PRELUDE + textwrap.dedent(script), str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def output(script: str, path: Path) -> str:
    """Run the script on the file in a process of its own, and return what it printed."""
    process = python(script, path)
    printed, complaint = process.communicate(timeout=60)
    assert process.returncode == 0, complaint
    assert complaint == ""
    return printed


def plan(storage: SQLiteStorage, query: Query, after: Position | None = None) -> str:
    """Return how SQLite goes about the query."""
    statement, parameters = sqlite._select(query, after)
    with storage._local.session as connection:
        rows = connection.execute("EXPLAIN QUERY PLAN " + statement, parameters).fetchall()
    return "; ".join(row[3] for row in rows)


def test_importing_the_package_leaves_sqlite_alone(path: Path) -> None:
    """`import flux_core.storage` does not load sqlite3."""
    assert output("print('sqlite3' in sys.modules)", path) == "False\n"


def test_runs_outlast_the_store(path: Path) -> None:
    """What one store saved, the next one on the same file loads."""
    with closing(SQLiteStorage(path)) as storage:
        storage.create(RUN)
    with closing(SQLiteStorage(path)) as storage:
        assert storage.load(RUN.id) == RUN


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is taken once, from the directory in which the store was opened."""
    monkeypatch.chdir(tmp_path)
    with closing(SQLiteStorage("flux.db")) as storage:
        storage.create(RUN)
        monkeypatch.chdir("/")
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(storage.load, RUN.id).result() == RUN


def test_the_tables_live_in_an_application_s_own_file(path: Path) -> None:
    """Tables that are there already stay as they are."""
    with closing(sqlite3.connect(path)) as own, own:
        own.execute("CREATE TABLE runs (id)")
        own.execute("INSERT INTO runs VALUES (7)")
    with closing(SQLiteStorage(path)) as storage:
        storage.create(RUN)
    with closing(sqlite3.connect(path)) as own:
        assert own.execute("SELECT id FROM runs").fetchall() == [(7,)]
        tables = own.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        assert {name for (name,) in tables} == {"runs", "flux_schema", "flux_runs", "flux_tags", "flux_blobs"}


@pytest.mark.parametrize(("synchronous", "level"), [("NORMAL", 1), ("FULL", 2)])
def test_durability_is_as_asked(path: Path, synchronous: sqlite.Synchronous, level: int) -> None:
    """`synchronous` reaches the connection, and the journal is a write-ahead log."""
    with (
        closing(SQLiteStorage(path, synchronous=synchronous)) as storage,
        storage._local.session as connection,
    ):
        assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("name", ["", ":memory:"])
def test_a_store_in_memory_is_another_one(name: str) -> None:
    """A path that SQLite would take for no file is refused, with the way to go."""
    with pytest.raises(InvalidInput, match=r"use MemoryStorage\(\)"):
        SQLiteStorage(name)


def test_an_unknown_durability_is_refused(path: Path) -> None:
    """`synchronous` is one of two words."""
    with pytest.raises(InvalidInput, match="synchronous: is NORMAL or FULL, not 'OFF'"):
        SQLiteStorage(path, synchronous="OFF")  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize("busy_timeout", [-1.0, 1e10, float("nan")])
def test_an_impossible_time_out_is_refused(path: Path, busy_timeout: float) -> None:
    """`busy_timeout` is a number of seconds that SQLite can count."""
    with pytest.raises(InvalidInput, match="busy_timeout: is 0 to"):
        SQLiteStorage(path, busy_timeout=busy_timeout)


def test_an_old_sqlite_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python built with an SQLite that lacks what the store needs is told so."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 7, 17))
    with pytest.raises(StoreError, match=r"needs 3\.24 or newer"):
        SQLiteStorage(path)


def test_a_directory_is_no_store(tmp_path: Path) -> None:
    """A directory is refused by name, the SQLite error behind it."""
    with pytest.raises(StoreError, match="is a directory; name a file in it") as caught:
        SQLiteStorage(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    """A file cannot be made in a directory that is not there."""
    with pytest.raises(StoreError, match=f"no directory {tmp_path / 'missing'}; make it first"):
        SQLiteStorage(tmp_path / "missing" / "flux.db")


@pytest.mark.parametrize("content", [b"hello\n", b"not a database " * 100, b"SQLite format 4\0" * 100])
def test_another_file_is_left_as_it_was(path: Path, content: bytes) -> None:
    """A file that is not SQLite is refused, and not a byte of it changes."""
    path.write_bytes(content)
    with pytest.raises(StoreError, match=f"{path} is not an SQLite database and was left as it is"):
        SQLiteStorage(path)
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "write",
    [
        lambda storage: storage.create(RUN),
        lambda storage: storage.create(RUN._replace(tags=("vip",))),
        lambda storage: storage.save(RUN, replaces=1),
        lambda storage: storage.delete(RUN.id),
        lambda storage: storage.put_blob(RUN.id, "key", b""),
    ],
    ids=["create", "create with tags", "save", "delete", "put_blob"],
)
def test_a_locked_file_is_named(path: Path, write: Callable[[SQLiteStorage], None]) -> None:
    """A lock that is held beyond the time-out is an error that says what to do, and the store goes on."""
    with (
        closing(SQLiteStorage(path, busy_timeout=0)) as storage,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=f"{path} is locked .* raise busy_timeout"):
            write(storage)
        other.execute("ROLLBACK")
        storage.create(RUN)
        assert storage.load(RUN.id) == RUN


def test_a_file_locked_at_the_start_is_named(path: Path) -> None:
    """A new file that another process keeps for itself cannot be opened within the time-out."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="is locked"):
            SQLiteStorage(path, busy_timeout=0.02)


def test_a_file_that_others_are_opening_is_opened_when_they_are_done(path: Path) -> None:
    """SQLite does not wait for the lock that the switch of a new file needs; the store does."""

    class Contended:
        attempts = 0

        def execute(self, statement: str) -> None:
            self.attempts += 1
            if self.attempts < 3:
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = sqlite3.SQLITE_BUSY_RECOVERY
                raise error

    contended = Contended()
    session.File(str(path), synchronous="NORMAL", busy_timeout=30)._log_ahead(
        cast("sqlite3.Connection", contended)
    )
    assert contended.attempts == 3


def test_a_full_disk_is_named(storage: SQLiteStorage, path: Path) -> None:
    """A write for which there is no room says so, changes nothing, and the store goes on."""
    storage.create(RUN)
    with storage._local.session as connection:
        connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(StoreError, match=f"{path} cannot grow, the disk is full"):
        storage.save(RUN._replace(revision=2, document=b"x" * 300_000), replaces=1)
    with pytest.raises(StoreError, match="the disk is full"):
        storage.create(RUN._replace(id="order-2", tags=("vip",), document=b"x" * 300_000))
    assert storage.load(RUN.id) == RUN
    storage.save(RUN._replace(revision=2), replaces=1)


def test_a_damaged_file_is_named(path: Path) -> None:
    """A database whose pages are not what they should be is an error, not a wrong answer."""
    with closing(SQLiteStorage(path)) as storage:
        for number in range(100):
            storage.create(RUN._replace(id=f"order-{number}", document=b"x" * 1000))
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(StoreError, match=f"{path} is damaged"):
        SQLiteStorage(path).find(Query())


def test_any_other_error_is_named(storage: SQLiteStorage, path: Path) -> None:
    """What SQLite says and the file that it says it of are in the message."""
    message = rf"{path} cannot be used; see what SQLite says of it \(no such table: nowhere\)"
    with pytest.raises(StoreError, match=message), storage._local.session as connection:
        connection.execute("SELECT * FROM nowhere")


@pytest.mark.parametrize("stored", [False, True])
def test_a_read_only_file_is_named(stored: bool) -> None:  # noqa: FBT001 (pytest passes it by name)
    """A file that the process may not write to is neither made a store nor saved to."""
    script = """
        from flux_core.storage import SQLiteStorage
        if os.getuid() == 0:  # whom no mode keeps out
            os.setgid(65534)
            os.setuid(65534)
        try:
            SQLiteStorage(path).save(RUN, replaces=1)
        except StoreError as error:
            print(error)
    """
    with TemporaryDirectory() as folder:
        path = Path(folder, "flux.db")
        path.touch()
        if stored:
            SQLiteStorage(path).close()
        path.chmod(0o444)
        path.parent.chmod(0o777)
        assert f"{path} is read-only; give this process write access" in output(script, path)


def test_a_closed_store_is_named(storage: SQLiteStorage, path: Path) -> None:
    """A store that is used after it was closed says so, and closing it again is no error."""
    storage.close()
    storage.close()
    with pytest.raises(StoreError, match=f"the store in {path} was closed"):
        storage.load(RUN.id)


def test_a_run_that_goes_while_it_is_refused_is_created(
    storage: SQLiteStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the run that holds the id is deleted before it can be read, the id is free after all."""
    storage.create(RUN)

    def load(run_id: str) -> None:
        storage.delete(run_id)

    monkeypatch.setattr(storage, "load", load)
    storage.create(RUN._replace(writer="w-2"))
    monkeypatch.undo()
    assert storage.load(RUN.id) == RUN._replace(writer="w-2")


def test_a_refused_run_leaves_no_tags(storage: SQLiteStorage) -> None:
    """The tags are written with the run or not at all."""
    storage.create(RUN)
    with pytest.raises(RunExists):
        storage.create(RUN._replace(tags=("vip",)))
    with storage._local.session as connection:
        assert connection.execute("SELECT count(*) FROM flux_tags").fetchone() == (0,)


def test_a_newer_schema_is_refused(path: Path) -> None:
    """A file that a newer Flux wrote is left alone."""
    SQLiteStorage(path).close()
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("INSERT INTO flux_schema VALUES (7)")
    expected = r"written by a newer Flux \(schema 7, this one knows 1\); upgrade flux-serverless"
    with pytest.raises(StoreError, match=expected):
        SQLiteStorage(path)


def test_an_older_schema_is_brought_up_to_date(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a file applies the migrations that it has not seen, once each, and keeps what is in it."""
    with closing(SQLiteStorage(path)) as storage:
        storage.create(RUN)
    steps = (*schema.MIGRATIONS, ("CREATE TABLE flux_second (x)",), ("CREATE TABLE flux_third (x)",))
    monkeypatch.setattr(schema, "MIGRATIONS", steps)
    for _ in range(2):
        with closing(SQLiteStorage(path)) as storage:
            assert storage.load(RUN.id) == RUN
            with storage._local.session as connection:
                assert schema.schema_version(connection) == 3


def test_a_failed_migration_leaves_the_version_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration is applied whole or not at all; those before it stand."""
    bad = ("CREATE TABLE flux_second (x)", "no SQL at all")
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, bad))
        with pytest.raises(StoreError, match="syntax error"):
            SQLiteStorage(path)
    with closing(SQLiteStorage(path)) as storage, storage._local.session as connection:
        assert schema.schema_version(connection) == 1
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'flux_second'").fetchall()


def test_a_migration_that_another_process_did_is_not_repeated(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that was old when it was read, and is not when the lock is held, needs nothing more."""
    SQLiteStorage(path).close()
    read = schema.schema_version
    stale = [0]
    monkeypatch.setattr(
        schema, "schema_version", lambda connection: stale.pop() if stale else read(connection)
    )
    SQLiteStorage(path).close()


def test_each_thread_has_a_connection_until_it_ends(storage: SQLiteStorage) -> None:
    """A thread's connection is its own, and is closed when the thread has ended."""
    connections: list[sqlite3.Connection] = []

    def use() -> None:
        storage.load(RUN.id)
        connections.append(storage._local.session.__enter__())
        storage._local.session.__exit__(None, None, None)

    for _ in range(3):
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    gc.collect()
    for connection in connections:
        with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
            connection.execute("SELECT 1")


def test_closing_the_store_closes_the_connections_of_living_threads(path: Path) -> None:
    """`close` reaches connections that other threads still hold, and leaves those of other stores alone."""
    with closing(SQLiteStorage(path)) as other:
        storage = SQLiteStorage(path)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(storage.create, RUN).result()
            storage.close()
            with pytest.raises(StoreError, match="was closed"):
                pool.submit(storage.load, RUN.id).result()
        assert other.load(RUN.id) == RUN


def test_four_processes_share_a_new_file(path: Path) -> None:
    """Four processes that open one new file at once and write to it all succeed."""
    script = """
        from flux_core.storage import SQLiteStorage
        sys.stdin.readline()
        storage = SQLiteStorage(path)
        for number in range(50):
            run = RUN._replace(id=f"order-{os.getpid()}-{number}", tags=("vip",))
            storage.create(run)
            for revision in range(2, 7):
                storage.save(run._replace(revision=revision, wake_at=float(revision // 3)), replaces=revision - 1)
            try:
                storage.create(RUN._replace(id=f"shared-{number}"))
            except RunExists:
                pass
            else:
                print("won")
        storage.close()
    """
    processes = [python(script, path) for _ in range(4)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60) for process in processes]
    assert [complaint for _, complaint in answers] == [""] * 4
    assert "".join(printed for printed, _ in answers) == "won\n" * 50
    with closing(SQLiteStorage(path)) as storage:
        own = storage.find(Query(tag="vip", limit=1000)).records
        assert len(own) == 200
        assert {record.revision for record in own} == {6}


def test_a_killed_writer_leaves_whole_runs(path: Path) -> None:
    """A process killed (SIGKILL) while it writes leaves every save that it had been told of, and no half of one."""
    script = """
        from flux_core.storage import SQLiteStorage
        storage = SQLiteStorage(path)
        storage.create(RUN._replace(document=b"1" * 5000))
        revision = 1
        while True:
            revision += 1
            document = str(revision % 10).encode() * 5000
            storage.save(RUN._replace(revision=revision, document=document), replaces=revision - 1)
            print(revision, flush=True)
    """
    with python(script, path) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(100)]
        process.kill()
        told += process.stdout.readlines()
    last = int(told[-1])
    with closing(SQLiteStorage(path)) as storage:
        stored = storage.load(RUN.id)
        assert stored is not None
        assert stored.revision in {last, last + 1}
        assert stored.document == str(stored.revision % 10).encode() * 5000
        storage.save(stored._replace(revision=stored.revision + 1), replaces=stored.revision)


def test_a_store_is_used_on_both_sides_of_a_fork(path: Path) -> None:
    """What a forked child saves stays, although the parent, which opened the store, closes it first."""
    script = """
        from flux_core.storage import SQLiteStorage
        storage = SQLiteStorage(path)
        storage.create(RUN)
        closed, saved = os.pipe(), os.pipe()
        child = os.fork()
        if child == 0:
            storage.save(RUN._replace(revision=2), replaces=1)
            os.write(saved[1], b".")
            os.read(closed[0], 1)
            storage.save(RUN._replace(revision=3), replaces=2)
            os._exit(0)
        os.read(saved[0], 1)
        print(storage.load(RUN.id).revision)
        storage.close()
        os.write(closed[1], b".")
        print(os.waitpid(child, 0)[1])
    """
    assert output(script, path) == "2\n0\n"
    with closing(SQLiteStorage(path)) as storage:
        stored = storage.load(RUN.id)
        assert stored is not None
        assert stored.revision == 3


def test_no_connection_is_carried_over_a_fork(storage: SQLiteStorage) -> None:
    """All connections are closed before a fork, and opened again by whoever needs them after it."""
    with storage._local.session as before:
        pass
    session._before_fork()
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        before.execute("SELECT 1")
    session._after_fork()
    storage.create(RUN)
    assert storage.load(RUN.id) == RUN


def test_a_fork_waits_for_other_threads_and_lets_them_go_on(path: Path) -> None:
    """Threads that write while the process forks again and again see nothing of it."""
    script = """
        from flux_core.storage import SQLiteStorage
        import threading
        storage = SQLiteStorage(path)
        storage.create(RUN)
        stop = threading.Event()
        def write():
            revision = 1
            while not stop.is_set():
                storage.save(RUN._replace(revision=revision + 1), replaces=revision)
                revision += 1
            print(revision == storage.load(RUN.id).revision)
        thread = threading.Thread(target=write)
        thread.start()
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        for _ in range(20):
            child = os.fork()
            if child == 0:
                os._exit(storage.load(RUN.id) is None)
            print(os.waitpid(child, 0)[1])
        stop.set()
        thread.join()
        storage.close()
    """
    assert output(script, path) == "0\n" * 20 + "True\n"


@pytest.mark.parametrize("after", [None, Position(5.0, "order-1")])
def test_due_runs_of_a_workflow_come_from_their_index(storage: SQLiteStorage, after: Position | None) -> None:
    """Finding a workflow's due runs reads the partial index in its order, and sorts nothing."""
    steps = plan(storage, Query(workflow="order", wake_before=9.0), after)
    assert steps.startswith("SEARCH flux_runs USING INDEX flux_runs_due (workflow=?")
    assert "TEMP B-TREE" not in steps


def test_due_runs_of_all_workflows_come_from_the_live_runs(storage: SQLiteStorage) -> None:
    """Finding due runs of whatever workflow reads no run that has ended."""
    assert "USING INDEX flux_runs_due" in plan(storage, Query(wake_before=9.0))


@pytest.mark.parametrize("after", [None, Position(5.0, "order-1")])
@pytest.mark.parametrize(
    ("query", "index"),
    [
        (Query(), "flux_runs_newest"),
        (Query(created_since=1.0, created_until=2.0), "flux_runs_newest"),
        (Query(id_prefix="order-"), "flux_runs_newest"),
        (Query(statuses=frozenset({RunStatus.FAILED})), "flux_runs_newest"),
        (Query(workflow="order"), "flux_runs_newest_of_workflow"),
        (Query(workflow="order", created_since=1.0), "flux_runs_newest_of_workflow"),
    ],
)
def test_the_newest_come_from_an_index(
    storage: SQLiteStorage, query: Query, index: str, after: Position | None
) -> None:
    """Listing newest first, on whichever page, reads an index in its order, and sorts nothing."""
    steps = plan(storage, query, after)
    assert f"USING INDEX {index}" in steps
    assert "TEMP B-TREE" not in steps


def test_a_save_leaves_the_index_of_due_runs_alone(storage: SQLiteStorage) -> None:
    """A save that leaves `wake_at` as it is does not open the index for writing; one that moves it does."""
    with storage._local.session as connection:
        (index,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'flux_runs_due'"
        ).fetchone()
        opened = {
            statement: [
                row[3]
                for row in connection.execute("EXPLAIN " + statement, (None,) * 8)
                if row[1] == "OpenWrite"
            ]
            for statement in (sqlite.SAVE, sqlite.SAVE_AND_RESCHEDULE)
        }
    assert index not in opened[sqlite.SAVE]
    assert index in opened[sqlite.SAVE_AND_RESCHEDULE]


def test_it_says_where_its_file_is(storage: SQLiteStorage, path: Path) -> None:
    """The path is absolute, however it was given."""
    assert storage.path == str(path.absolute())
