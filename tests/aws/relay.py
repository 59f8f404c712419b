"""A function whose runs outlast its invocations, `handler` and `stalling`, and the queue by which it wakes itself.

The environment variable `WORLD` names a folder: `effects` there gets a line for each effect, and `queue` a file for
each message, named by the moment at which it is to be delivered.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import flux_aws
from flux_core import App, Context, Workflow

WORLD = Path(os.environ["WORLD"])


class Queue:
    """A waker: it sends the function a message that has it go on with the run."""

    def wake(self, run_id: str, at: float) -> None:
        """Send the message, whole."""
        workflow, _, _ = run_id.partition("-")
        message = {"flux": {"action": "resume", "workflow": workflow, "id": run_id}}
        unsent = WORLD / uuid4().hex
        unsent.write_text(json.dumps(message))
        unsent.rename(WORLD / "queue" / f"{at:.6f}-{unsent.name}")


def take_effect(ctx: Context[Any, Any]) -> None:
    """Have the effect of the node."""
    with (WORLD / "effects").open("a") as effects:
        effects.write(f"{ctx.step}\n")


def lap(ctx: Context[Any, Any]) -> None:
    """Work for a second."""
    time.sleep(1)
    take_effect(ctx)


def stall(ctx: Context[Any, Any]) -> None:
    """Take longer than any invocation, in the first attempt."""
    take_effect(ctx)
    if ctx.attempt == 1:
        time.sleep(60)


def with_laps(workflow: Workflow[Any, Any], number: int) -> Workflow[Any, Any]:
    """Return the workflow with so many seconds of work at its end."""
    for lap_number in range(number):
        workflow = workflow.step(f"lap-{lap_number}", lap, timeout=1.5)
    return workflow


app = App(
    [
        with_laps(Workflow("relay"), 10),
        with_laps(Workflow("stalling").commit("charge", take_effect).step("stall", stall), 3),
    ],
    waker=Queue(),
)
handler = flux_aws.handler(app, workflow="relay", key=lambda order: f"relay-{order['order_id']}")
stalling = flux_aws.handler(app, workflow="stalling", key=lambda order: f"stalling-{order['order_id']}")
