"""Memory of a process that shows a trace file stays flat, however long the file is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from web.traces.writing import write_runs

ROOT: Final = Path(__file__).parents[3]
SHOW: Final = """
import sys, time
sys.path[:0] = [{root!r}, {adapters!r}]
from flux_web._traces import open_trace
with open_trace(sys.argv[1]) as runs:
    while runs.progress < 1:
        runs.list()
        time.sleep(0.05)
    page = runs.list(limit=200)
    for run in page:
        runs.get(run.id)
    runs.list(limit=50, cursor=page.cursor)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def test_memory_stays_flat_over_a_large_file(tmp_path: Path) -> None:
    """The most that a process holds for 32 MB of trace is within a few megabytes of what it holds for 6."""
    peaks = []
    for size in (6, 32):
        file = tmp_path / f"{size}.ndjson"
        write_runs(file, size << 20, filler=1000)
        peaks.append(_peak(file))
        file.unlink()
    assert peaks[1] - peaks[0] < 12, peaks


def _peak(file: Path) -> float:
    """Return the most memory that a process held which has shown the file, in megabytes."""
    script = SHOW.format(root=str(ROOT), adapters=str(ROOT / "adapters"))
    command = [sys.executable, "-c", script, str(file)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024
