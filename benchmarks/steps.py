"""What a step costs: in memory, and in an SQLite file beside the same rows written without an engine."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal, TypeAlias

sys.path.insert(0, str(Path(__file__).parents[1]))  # a checkout needs no installation

from benchmarks.report import Options, Row, Section, main
from benchmarks.rounds import alternate, seconds
from flux_core import Context, Engine, Workflow
from flux_core.storage import MemoryStorage, Record, SQLiteStorage

Statement: TypeAlias = tuple[str, tuple[Any, ...]]

STEPS: Final = 5
MEMORY_GOAL: Final = 10  # microseconds
# SQLite writes its log back after some 500 writes. With FULL that is little beside the writes themselves; with
# NORMAL it is not, and a round is long enough to hold its share of it.
RUNS_A_ROUND: Final = {"memory": 40, "FULL": 4, "NORMAL": 160}
GOALS: Final[dict[Literal["FULL", "NORMAL"], float]] = {"FULL": 1.2, "NORMAL": 2.5}

# The leanest statements that leave the same rows behind: no compare-and-swap, and an index is written only
# where its column has changed.
CREATE: Final = """
    INSERT INTO flux_runs
        (id, workflow, status, revision, writer, wake_at, created_at, updated_at, document, tags)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)
"""
SAVE: Final = """
    UPDATE flux_runs SET status = ?, revision = ?, writer = ?, updated_at = ?, document = ? WHERE id = ?
"""
SAVE_AND_RESCHEDULE: Final = """
    UPDATE flux_runs SET status = ?, revision = ?, writer = ?, updated_at = ?, document = ?, wake_at = ?
    WHERE id = ?
"""


@dataclass
class Order:
    """What a run is started with."""

    order_id: str
    amount: int


@dataclass
class Progress:
    """What its steps share."""

    done: int = 0
    payment_id: str | None = None


def advance(ctx: Context[Order, Progress]) -> str:
    """Do the least that a step with a result does: change the data and return something."""
    ctx.data.done += 1
    ctx.data.payment_id = ctx.key
    return ctx.input.order_id


def five_steps() -> Workflow[Order, Progress]:
    """Return the workflow that is run."""
    workflow = Workflow("five-steps", input=Order, data=Progress)
    for number in range(STEPS):
        workflow = workflow.step(f"step-{number}", advance)
    return workflow


class RecordedStorage(SQLiteStorage):
    """Remembers what was written, for the floor to write again; its cost counts against the engine."""

    def __init__(self, path: Path, synchronous: Literal["FULL", "NORMAL"]) -> None:
        super().__init__(path, synchronous=synchronous)
        self.written: list[Record] = []

    def create(self, record: Record) -> None:
        """Store a new run."""
        self.written.append(record)
        super().create(record)

    def save(self, record: Record, *, replaces: int) -> None:
        """Replace the run."""
        self.written.append(record)
        super().save(record, replaces=replaces)


def measure(options: Options) -> Section:
    """Measure each store."""
    rounds = options.rounds(150)
    memory = _memory(rounds)
    rows = [_memory_row(memory)]
    with TemporaryDirectory(prefix=".bench-", dir=".") as folder:
        rows += [_sqlite(Path(folder), level, goal, rounds) for level, goal in GOALS.items()]
    return Section(
        "A step of a five-step run, its save and its share of the run's start included",
        rows,
        [
            f"{rounds} rounds; runs a round: {', '.join(f'{runs} {what}' for what, runs in RUNS_A_ROUND.items())}.",
            f"In memory the fastest round took {min(memory):.1f} us a step; the median is what counts.",
            "The floor writes the rows that the engine wrote, a transaction each, with plain sqlite3.",
        ],
    )


def _memory(rounds: int) -> list[float]:
    """Return the microseconds a step of each round."""
    workflow, order, runs = five_steps(), Order("o_001", 42), RUNS_A_ROUND["memory"]

    def execute() -> None:
        for _ in range(runs):
            engine.execute(workflow, order)

    times = []
    for _ in range(rounds + 1):
        engine = Engine(MemoryStorage())
        times.append(seconds(execute) * 1e6 / runs / STEPS)
    return times[1:]


def _memory_row(times: list[float]) -> Row:
    step = median(times)
    return Row("step in memory", f"{step:.1f} us", goal=f"at most {MEMORY_GOAL} us", met=step <= MEMORY_GOAL)


def _sqlite(folder: Path, synchronous: Literal["FULL", "NORMAL"], goal: float, rounds: int) -> Row:
    workflow, order, runs, numbers = five_steps(), Order("o_001", 42), RUNS_A_ROUND[synchronous], count()
    path = folder / f"floor-{synchronous}.db"
    SQLiteStorage(path).close()  # makes the tables and indexes
    storage = RecordedStorage(folder / f"engine-{synchronous}.db", synchronous)
    with Engine(storage) as engine, closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")

        def execute() -> None:
            for _ in range(runs):
                engine.execute(workflow, order, id=f"order-{next(numbers):08}")

        def write(statements: list[Statement]) -> None:
            for statement, values in statements:
                connection.execute(statement, values)

        def timed_floor() -> float:
            statements = _statements(storage.written)
            storage.written.clear()
            return seconds(lambda: write(statements)) / runs / STEPS

        both = alternate(rounds, lambda: seconds(execute) / runs / STEPS, timed_floor)
        _check_same(storage, connection)
    return Row(
        f"step in SQLite, synchronous={synchronous}",
        f"{median(both.measured) * 1e6:.1f} us",
        f"{median(both.floor) * 1e6:.1f} us",
        f"{both.ratio:.2f}",
        f"at most {goal} times",
        both.ratio <= goal,
    )


def _statements(records: list[Record]) -> list[Statement]:
    statements: list[Statement] = []
    wake_at: dict[str, float | None] = {}
    for record in records:
        changed = (str(record.status), record.revision, record.writer, record.updated_at, record.document)
        if record.id not in wake_at:
            statements.append((CREATE, (*record[:2], str(record.status), *record[3:9])))
        elif record.wake_at == wake_at[record.id]:
            statements.append((SAVE, (*changed, record.id)))
        else:
            statements.append((SAVE_AND_RESCHEDULE, (*changed, record.wake_at, record.id)))
        wake_at[record.id] = record.wake_at
    return statements


def _check_same(storage: SQLiteStorage, connection: sqlite3.Connection) -> None:
    """Stop if the floor did not leave behind what the engine left behind."""
    select = "SELECT * FROM flux_runs ORDER BY id"
    with closing(sqlite3.connect(storage.path)) as written:
        assert written.execute(select).fetchall() == connection.execute(select).fetchall()


if __name__ == "__main__":
    main({"steps": measure})
