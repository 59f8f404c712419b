"""Workers that are killed: `python death_worker.py STORE PORT`, where the port is the ledger's.

This process loads everything once and does what its input says, so that a worker costs a fork: `start FIRST SEED`
answers the process id of a new worker on the runs from that number on, `kill PID` what came of it: -9, or what it
ended with by itself. When the input ends, so do the workers.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from crash.ledger import EFFECT, RECORDED, Ledger

from flux_core import (
    Context,
    Engine,
    Fatal,
    LeaseLost,
    Retry,
    RunBusy,
    RunNotFound,
    SignalNotExpected,
    Workflow,
)
from flux_core.storage import SQLiteStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core import TraceEvent

Ctx = Context[dict[str, Any], dict[str, Any]]

LEASE = 0.3
"""Seconds."""
WINDOW = 24
"""So many runs are worked on at a time, each of them by several workers."""
GOES_BACK = 2
"""Every second run fails: in turn inside `ship`, which then has not completed, and after it."""


class Recorder:
    """A trace sink that tells the ledger what was saved as completed."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def emit(self, event: TraceEvent) -> None:
        """Tell it: these events come after the save."""
        key = f"{event.workflow_id}/{event.step_name}/1"
        if event.type == "step:complete":
            self._ledger.note(RECORDED, key, (event.retries or 0) + 1)
        elif (event.type, event.status) == ("step:compensate", "compensated"):
            self._ledger.note(RECORDED, f"{key}/compensate", (event.retries or 0) + 1)

    def close(self) -> None:
        """Close the connection to the ledger."""
        self._ledger.close()


def order_flow(ledger: Ledger) -> Workflow[dict[str, Any], dict[str, Any]]:
    """Return the workflow of the runs: all that a run can be made of, each node with an effect."""

    def have_effect(ctx: Ctx) -> str:
        ledger.note(EFFECT, ctx.key, ctx.attempt)
        return ctx.key

    async def pack(ctx: Ctx) -> str:
        ledger.note(EFFECT, ctx.key, ctx.attempt)
        if ctx.attempt == 1 and ctx.input["number"] % 3 == 0:
            raise OSError("the first box is too small")
        return ctx.key

    def ship(ctx: Ctx) -> str:
        have_effect(ctx)
        if ctx.input["number"] % (2 * GOES_BACK) == 0:
            raise Fatal("the lorry is too small")
        return ctx.key

    def notify(ctx: Ctx) -> str:
        have_effect(ctx)
        if ctx.input["number"] % GOES_BACK == 0:
            raise Fatal("nobody answers")
        return ctx.key

    return (
        Workflow("order")
        .step("validate", have_effect)
        .commit("charge", have_effect, compensate=have_effect)
        .step("pack", pack, retries=Retry(2, initial=0.01))
        .wait("approval")
        .commit("invoice", have_effect, once=True)
        .commit("ship", ship, compensate=have_effect)
        .step("notify", notify)
    )


class Worker:
    """What a process does with the runs; each of its methods may meet another process at the same run."""

    def __init__(self, store: Path, port: int) -> None:
        ledger = Ledger(port)
        self.flow = order_flow(ledger)
        self.engine = Engine(
            SQLiteStorage(store), lease=LEASE, max_interruptions=1000, trace=[Recorder(ledger)]
        )

    def execute(self, number: int) -> None:
        """Start a run, or go on with it."""
        self.engine.execute(self.flow, {"number": number}, id=run_id(number))

    def approve(self, number: int) -> None:
        """Send a run the signal that it waits for, or will; everybody sends the same one."""
        self.engine.signal(self.flow, run_id(number), "approval", number, id="approval")

    def tick(self, _: int = 0) -> None:
        """Go on with what is due."""
        self.engine.tick([self.flow])

    def work(self, first: int, seed: str) -> None:
        """Do this and that, for ever."""
        chance = Random(seed)
        deeds: tuple[Callable[[int], None], ...] = (self.execute, self.approve, self.tick)
        while True:
            with suppress(RunBusy, LeaseLost, RunNotFound, SignalNotExpected):
                chance.choices(deeds, (2, 2, 1))[0](first + chance.randrange(WINDOW))


def run_id(number: int) -> str:
    """Return the id of the run of that number."""
    return f"order-{number:04}"


def start(store: Path, port: int, first: int, seed: str) -> int:
    """Start a worker; return its process id."""
    if pid := os.fork():
        return pid
    try:
        Worker(store, port).work(first, seed)
    except BaseException:  # noqa: BLE001 (whatever it is, the worker should not have ended)
        traceback.print_exc()
    os._exit(1)


def kill(pid: int) -> int:
    """Kill a worker; return minus the signal that ended it, or what it ended with."""
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def main() -> None:
    """Do what the input says."""
    store, port = Path(sys.argv[1]), int(sys.argv[2])
    workers: set[int] = set()
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "start":
            workers.add(pid := start(store, port, int(arguments[0]), arguments[1]))
            print(pid, flush=True)
        else:
            workers.remove(pid := int(arguments[0]))
            print(kill(pid), flush=True)
    for pid in workers:
        kill(pid)


if __name__ == "__main__":
    main()
