"""What `import flux_core` adds to the start of a bare Python, and `import flux_aws` to that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final
from venv import EnvBuilder

sys.path.insert(0, str(Path(__file__).parents[1]))  # a checkout needs no installation

from benchmarks.report import Options, Row, Section, main
from benchmarks.rounds import alternate, seconds

ROOT: Final = Path(__file__).parents[1]
GOAL: Final = 30  # milliseconds
REACHABLE: Final = f"import sys; sys.path[:0] = {[str(ROOT), str(ROOT / 'adapters')]!r}; "


def measure(options: Options) -> Section:
    """Start interpreters that differ in one import, in an environment that has no start-up hooks."""
    rounds = options.rounds(60)
    note = f"{rounds} rounds, each one start of either interpreter; measured is the difference."
    rows = []
    with TemporaryDirectory(prefix=".bench-", dir=".") as folder:
        EnvBuilder().create(folder)
        python = Path(folder).absolute() / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        rows.append(_row(python, "import flux_core", "pass", rounds, GOAL))
        if (ROOT / "adapters/flux_aws/__init__.py").exists():
            rows.append(_row(python, "import flux_aws", "import flux_core", rounds, None))
    return Section("Start-up", rows, [note])


def _row(python: Path, statement: str, below: str, rounds: int, goal: int | None) -> Row:
    both = alternate(rounds, lambda: _start(python, statement), lambda: _start(python, below))
    added = both.difference * 1000
    return Row(
        f"{statement}, over {'bare Python' if below == 'pass' else below}",
        f"{added:.1f} ms",
        f"{median(both.floor) * 1000:.1f} ms",
        f"{both.ratio:.2f}",
        f"at most {goal} ms" if goal else "",
        added <= goal if goal else None,
    )


def _start(python: Path, statement: str) -> float:
    command = [str(python), "-I", "-c", REACHABLE + statement]
    return seconds(lambda: subprocess.run(command, check=True))


if __name__ == "__main__":
    main({"imports": measure})
