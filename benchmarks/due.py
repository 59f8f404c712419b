"""How long it takes to find the runs that are due among a million that are stored."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parents[1]))  # a checkout needs no installation

from benchmarks.report import Options, Row, Section, main
from benchmarks.rounds import alternate, seconds
from flux_core.storage import Query, SQLiteStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

GOAL: Final = 5  # milliseconds
NOW: Final = 1_760_000_000.0
WORKFLOWS: Final = ("order", "refund", "report", "import")
DUE: Final = 300  # of the workflow that is asked for, and as many of each other one
LIVE: Final = 50  # one run in so many is alive but not due
LIMIT: Final = 100
DOCUMENT: Final = b'{"format":1,' + b'"history":[]' * 20 + b"}"
QUERY: Final = Query(workflow=WORKFLOWS[0], wake_before=NOW, limit=LIMIT)

FILL: Final = """
    INSERT INTO flux_runs (id, workflow, status, revision, writer, wake_at, created_at, updated_at, document)
    VALUES (?, ?, ?, 6, '0123456789abcdef', ?, ?, ?, ?)
"""
SELECT: Final = """
    SELECT id, workflow, status, revision, writer, wake_at, created_at, updated_at, document, tags
    FROM flux_runs WHERE workflow = ? AND wake_at <= ? ORDER BY wake_at, id LIMIT ?
"""


def measure(options: Options) -> Section:
    """Fill a file, open it anew, and ask it again and again."""
    rounds = options.rounds(500)
    with TemporaryDirectory(prefix=".bench-", dir=".") as folder:
        path = Path(folder) / "due.db"
        filling = seconds(lambda: _fill(path, options.rows))
        with closing(SQLiteStorage(path)) as storage, closing(sqlite3.connect(path)) as connection:
            first = seconds(lambda: storage.find(QUERY))
            both = alternate(
                rounds,
                lambda: seconds(lambda: storage.find(QUERY)),
                lambda: seconds(lambda: connection.execute(SELECT, (WORKFLOWS[0], NOW, LIMIT)).fetchall()),
            )
            assert len(storage.find(QUERY).records) == LIMIT
        size = path.stat().st_size / 1e6
    worst = max(first, *both.measured) * 1000
    middle = median(both.measured) * 1000
    what = f"{LIMIT} due among {options.rows:,}"
    return Section(
        "Finding due runs in SQLite",
        [
            Row(
                f"{what}, median",
                f"{middle:.2f} ms",
                f"{median(both.floor) * 1000:.2f} ms",
                f"{both.ratio:.2f}",
                f"under {GOAL} ms",
                middle < GOAL,
            ),
            Row(
                f"{what}, worst",
                f"{worst:.2f} ms",
                f"{max(both.floor) * 1000:.2f} ms",
                "",
                f"under {GOAL} ms",
                worst < GOAL,
            ),
        ],
        [
            f"{rounds} rounds; the first search of a file just opened took {first * 1000:.2f} ms and counts.",
            f"Filling took {filling:.1f} s and made {size:.0f} MB; the floor is the same search by plain sqlite3.",
        ],
    )


def _fill(path: Path, rows: int) -> None:
    SQLiteStorage(path).close()  # makes the tables and indexes
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        with connection:
            connection.executemany(FILL, _rows(rows))


def _rows(rows: int) -> Iterator[tuple[str, str, str, float | None, float, float, bytes]]:
    """Give runs in the order of their creation: most have ended, some are alive, a few are due."""
    between_due = max(1, rows // (DUE * len(WORKFLOWS)))
    for number in range(rows):
        created_at = NOW - rows + number
        workflow = WORKFLOWS[number // between_due % len(WORKFLOWS)]
        if number % between_due == 0:
            status, wake_at = "running", NOW - number % 1000
        elif number % LIVE == 0:
            status, wake_at = "suspended", NOW + 1 + number % 100_000
        else:
            status, wake_at = "completed", None
        yield f"{number:012x}", workflow, status, wake_at, created_at, created_at + 1, DOCUMENT


if __name__ == "__main__":
    main({"due": measure})
