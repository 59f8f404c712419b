"""What every benchmark shares: its command line, and the tables that it prints."""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

HEADINGS: Final = ("what", "measured", "floor", "ratio", "goal", "met")
LEAST_ROWS: Final = 10_000
MET: Final = {True: "yes", False: "NO", None: ""}


class Options(NamedTuple):
    """What the command line asks for."""

    quick: bool
    """Fewer and shorter rounds: a look, not a measurement."""
    rows: int
    """How many rows `due` looks among."""

    def rounds(self, full: int) -> int:
        """Return how many rounds to do where a full measurement has so many."""
        return max(3, full // 10) if self.quick else full


class Row(NamedTuple):
    """One line of a table."""

    what: str
    measured: str
    floor: str = ""
    ratio: str = ""
    goal: str = ""
    met: bool | None = None
    """Whether the goal is met; None where there is none."""


class Section(NamedTuple):
    """What one benchmark has to say."""

    title: str
    rows: list[Row]
    notes: list[str]
    """How it was measured, the number of rounds included."""


def main(benchmarks: Mapping[str, Callable[[Options], Section]]) -> None:
    """Run the benchmarks that the command line names, all of them by default, and print their tables."""
    parser = argparse.ArgumentParser(description="Measure Flux against its goals and against the raw floor.")
    if len(benchmarks) > 1:
        parser.add_argument("name", nargs="*", help=f"which to run: {', '.join(benchmarks)}; default: all")
    parser.add_argument("--quick", action="store_true", help="a short version")
    parser.add_argument("--markdown", action="store_true", help="print one Markdown table")
    parser.add_argument("--rows", type=int, help="rows that `due` looks among; 1000000")
    arguments = parser.parse_args()
    names: list[str] = getattr(arguments, "name", []) or list(benchmarks)
    if unknown := [name for name in names if name not in benchmarks]:
        parser.error(f"no benchmark is called {unknown[0]!r}; there are: {', '.join(benchmarks)}")
    if arguments.rows is not None and arguments.rows < LEAST_ROWS:
        parser.error(f"--rows must be {LEAST_ROWS} or more")
    options = Options(arguments.quick, arguments.rows or (100_000 if arguments.quick else 1_000_000))
    if arguments.markdown:
        sections = [benchmarks[name](options) for name in names]
        print(markdown([row for section in sections for row in section.rows]))
        print(f"\n{surroundings()}.", *[note for section in sections for note in section.notes])
        return
    print(surroundings())
    for name in names:
        section = benchmarks[name](options)
        print(f"\n{section.title}\n\n{text(section.rows)}\n", *section.notes, sep="\n  ", flush=True)


def surroundings() -> str:
    """Return what the numbers depend on: versions, system, processors."""
    return (
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    )


def text(rows: Iterable[Row]) -> str:
    """Return the rows as an aligned table: words to the left, numbers to the right."""
    table = [HEADINGS, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    aligns = "<>>><<"
    return "\n".join(
        "  ".join(f"{cell:{align}{width}}" for cell, align, width in zip(line, aligns, widths, strict=True))
        for line in [table[0], tuple("-" * width for width in widths), *table[1:]]
    )


def markdown(rows: Iterable[Row]) -> str:
    """Return the rows as a Markdown table."""
    table = [HEADINGS, ("---", "---:", "---:", "---:", "---", "---"), *map(_cells, rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in table)


def _cells(row: Row) -> tuple[str, ...]:
    return (*row[:-1], MET[row.met])
