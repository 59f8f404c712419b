"""Whether a step costs more the more steps have gone before: step 5,000 of a run beside step 50."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))  # a checkout needs no installation

from benchmarks.report import Options, Row, Section, main
from benchmarks.rounds import Comparison
from flux_core import Context, Engine, Workflow
from flux_core.storage import MemoryStorage, SQLiteStorage

if TYPE_CHECKING:
    from collections.abc import Callable


NODES: Final = 5_000
WINDOW: Final = 100  # steps: the first of the run, and its last
GOAL: Final = 1.2


def measure(options: Options) -> Section:
    """Run the long workflow on each store, again and again."""
    rounds = options.rounds(30)
    began: list[float] = []

    def advance(ctx: Context[dict[str, Any], dict[str, Any]]) -> str:
        began.append(perf_counter())
        ctx.data["done"] = ctx.data.get("done", 0) + 1
        return ctx.step

    workflow = Workflow("long")
    for number in range(NODES + 1):
        workflow = workflow.step(f"step-{number}", advance)
    with (
        TemporaryDirectory(prefix=".bench-", dir=".") as folder,
        Engine(MemoryStorage()) as memory,
        Engine(SQLiteStorage(Path(folder) / "growth.db")) as file,
    ):
        found = {
            what: [_steps(workflow, engine, began) for _ in range(rounds + 1)][1:]
            for what, engine in {"memory": memory, "SQLite, NORMAL": file}.items()
        }
    rows = [
        row
        for what, runs in found.items()
        for row in (_row(f"step in {what}", median, runs), _row(f"step in {what}, mean", fmean, runs))
    ]
    return Section(
        f"Growth: a step around {NODES:,} (measured) beside one around {WINDOW // 2} (floor)",
        rows,
        [
            f"{rounds} rounds, each a run of {NODES:,} steps; the median of {WINDOW} steps at either end,",
            "and their mean, which counts the pages of history that some steps move out.",
        ],
    )


def _steps(workflow: Workflow[Any, Any], engine: Engine, began: list[float]) -> list[float]:
    """Return the seconds from the beginning of each step to the beginning of the next."""
    began.clear()
    engine.execute(workflow, {})
    return [after - before for before, after in pairwise(began)]


def _row(what: str, middle: Callable[[list[float]], float], runs: list[list[float]]) -> Row:
    both = Comparison([middle(run[-WINDOW:]) for run in runs], [middle(run[:WINDOW]) for run in runs])
    return Row(
        what,
        f"{median(both.measured) * 1e6:.1f} us",
        f"{median(both.floor) * 1e6:.1f} us",
        f"{both.ratio:.2f}",
        f"at most {GOAL} times",
        both.ratio <= GOAL,
    )


if __name__ == "__main__":
    main({"growth": measure})
