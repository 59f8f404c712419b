"""Memory of a process that shows a trace file, by the file's size, and what it costs when nothing happens."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).parents[1] / "adapters"))
sys.path.insert(0, str(Path(__file__).parents[1]))  # a checkout needs no installation

from benchmarks.report import Row, Section, main
from flux_web._traces import open_trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.report import Options

MEGABYTES: Final = (64, 256, 1024)
GOAL: Final = 32.0  # megabytes that the largest file may take more than the smallest
IDLE: Final = 30.0  # seconds
EVERY: Final = 2.0  # seconds between two looks of a page that is open
STATUS: Final = Path("/proc/self/status")


def measure(options: Options) -> Section:
    """Show a file of each size in a process of its own."""
    sizes = MEGABYTES[:1] if options.quick else MEGABYTES
    idle = IDLE / 10 if options.quick else IDLE
    found: list[dict[str, float]] = []
    with TemporaryDirectory(prefix=".bench-", dir=".") as folder:
        for size in sizes:
            file = Path(folder) / f"{size}.ndjson"
            runs = _write(file, size << 20)
            found.append(_child(file, idle) | {"runs": runs})
            file.unlink()
    rows = [
        Row(
            f"{size:,} MB, {one['runs']:,.0f} runs: memory",
            f"{one['memory']:.1f} MB",
            f"{found[0]['memory']:.1f} MB",
            f"{one['memory'] - found[0]['memory']:+.1f} MB",
            f"at most {GOAL:+.0f} MB",
            one["memory"] - found[0]["memory"] <= GOAL,
        )
        for size, one in zip(sizes, found, strict=True)
    ]
    rows += [
        row
        for size, one in zip(sizes, found, strict=True)
        for row in (
            Row(f"{size:,} MB: first page", f"{one['first']:.2f} s"),
            Row(f"{size:,} MB: all of it read", f"{one['all']:.1f} s"),
            Row(f"{size:,} MB: a page when it is", f"{one['page'] * 1000:.1f} ms"),
        )
    ]
    rows += [
        Row(f"idle for {idle:.0f} s, nobody asks: CPU", f"{found[-1]['idle'] * 1000:.1f} ms"),
        Row(f"idle for {idle:.0f} s, an open page asks: CPU", f"{found[-1]['polled'] * 1000:.1f} ms"),
    ]
    return Section(
        f"Traces: memory of a process that shows a file (measured) beside one of {sizes[0]} MB (floor)",
        rows,
        [
            "The most that the process held while it read the file, while pages were shown meanwhile, and 20 pages and",
            f"200 runs after. An open page asks every {EVERY:.0f} s for the newest 50 runs.",
        ],
    )


def browse(file: str, idle: float) -> dict[str, float]:
    """Show the file as the viewer does, and return what that took."""
    begun = time.perf_counter()
    with open_trace(file) as runs:
        runs.list(limit=50)
        first = time.perf_counter() - begun
        while runs.progress < 1:
            runs.list(limit=50)
            time.sleep(0.2)
        whole = time.perf_counter() - begun
        begun = time.perf_counter()
        page = runs.list(limit=50)
        took = time.perf_counter() - begun
        for _ in range(20):
            for run in page.runs[:10]:
                runs.get(run.id)
            if page.cursor is None:
                break
            page = runs.list(limit=50, cursor=page.cursor)
        memory = _peak()
        return {
            "memory": memory,
            "first": first,
            "all": whole,
            "page": took,
            "idle": _cpu(lambda: time.sleep(idle)),
            "polled": _cpu(lambda: _poll(runs, idle)),
        }


def _poll(runs: Any, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        runs.list(limit=50)
        time.sleep(EVERY)


def _cpu(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _peak() -> float:
    """Return the most memory that the process has held, in megabytes."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _child(file: Path, idle: float) -> dict[str, float]:
    command = [sys.executable, __file__, "browse", str(file), str(idle)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    told: dict[str, float] = json.loads(answer)
    return told


def _write(file: Path, size: int) -> int:
    """Write a trace of at least so many bytes; ten runs at a time are interleaved. Return how many runs it is of."""
    number = 0
    with file.open("w") as out:
        while out.tell() < size:
            for event in zip(*(_events(number + offset) for offset in range(10)), strict=True):
                out.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in event)
            number += 10
    return number


def _events(number: int) -> list[dict[str, Any]]:
    run = {
        "timestamp": 1_700_000_000_000 + number * 50,
        "workflowId": f"order-{number:09}",
        "workflowName": "order",
    }
    step = {"stepName": "charge", "stepIndex": 0, "commit": True, "retries": 0}
    data = {
        "payment_id": f"pay-{number}",
        "items": [{"product_id": "p-100", "qty": 1}] * 5,
        "notes": "x" * 300,
    }
    done = {"meta": {"output": {"payment_id": f"pay-{number}"}, "changes": data}}
    return [
        run | {"type": "workflow:start", "status": "running", "input": {"order_id": number}},
        run | step | {"type": "step:start", "maxRetries": 3, "status": "running"},
        run | step | done | {"type": "step:complete", "duration": 12, "status": "completed"},
        run | {"type": "workflow:complete", "duration": 15, "status": "completed", "data": data},
    ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["browse"]:
        print(json.dumps(browse(sys.argv[2], float(sys.argv[3]))))
    else:
        main({"trace_memory": measure})
