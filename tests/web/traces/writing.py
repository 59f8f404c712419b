"""Trace files as tests write them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

AT = 1_700_000_000_000  # Unix milliseconds


def line(run: str = "r1", **fields: Any) -> bytes:
    """Return an event as a line of a trace file."""
    event = {"type": "workflow:start", "timestamp": AT, "workflowId": run, "workflowName": "order"}
    return json.dumps(event | fields).encode() + b"\n"


def lines_of(number: int, *, size: int = 0) -> bytes:
    """Return the six events of a run that completes, of that number; `size` bytes of its data are filler."""
    run, at = f"run-{number:07}", AT + number * 1000
    step = {"stepName": "bake", "stepIndex": 0}
    data = {"payment": f"pay-{number}", "notes": "x" * size}
    return b"".join(
        [
            line(run, timestamp=at, status="running", input={"order_id": number}),
            line(run, timestamp=at + 1, type="step:start", retries=0, maxRetries=2, status="running", **step),
            line(run, timestamp=at + 2, type="step:error", retries=0, status="running", error="cold", **step),
            line(run, timestamp=at + 3, type="step:start", retries=1, maxRetries=2, status="running", **step),
            line(
                run,
                timestamp=at + 4,
                type="step:complete",
                retries=1,
                status="completed",
                meta={"output": "bread", "changes": data},
                **step,
            ),
            line(run, timestamp=at + 5, type="workflow:complete", duration=5, status="completed", data=data),
        ]
    )


def write_runs(path: Path, size: int, *, filler: int = 600) -> int:
    """Write a trace file of at least so many bytes; return how many runs it is of."""
    number = written = 0
    with path.open("wb") as file:
        while written < size:
            written += file.write(lines_of(number, size=filler))
            number += 1
    return number
