"""A worker process of the crash tests: `python worker.py STORE COMMAND ...`.

`hammer IDS...` starts a run for each id; `run ID` starts one; `tick` goes on with what is due until nothing is left.
The ledger, a file that the environment names, gets a line for each effect, so that they can be counted from outside.
"""

from __future__ import annotations

import os
import sys
import time

from flux_core import Context, Engine, LeaseLost, RunBusy, Workflow
from flux_core.storage import open_storage

LEASE = 2.0  # seconds
Ctx = Context[dict[str, object], dict[str, object]]


def append(line: str) -> None:
    """Append a line to the ledger, whole."""
    ledger = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(ledger, f"{line}\n".encode())
    os.close(ledger)


def charge(ctx: Ctx) -> None:
    """Have an effect."""
    append(f"charge {ctx.id}")


def reserve(ctx: Ctx) -> None:
    """Say that the step is under way; the first attempt of a run named `stuck...` then hangs."""
    append(f"reserve {ctx.id}")
    if ctx.id.startswith("stuck") and ctx.attempt == 1:
        time.sleep(60)


flow = Workflow("order").step("validate", lambda ctx: None).commit("charge", charge).step("reserve", reserve)


def main() -> None:
    """Do what the command says."""
    engine = Engine(open_storage(sys.argv[1]), lease=LEASE)
    command, arguments = sys.argv[2], sys.argv[3:]
    if command == "tick":
        print(engine.tick([flow]))
    for run_id in arguments:
        while True:
            try:
                engine.execute(flow, {"order": run_id}, id=run_id)
            except (RunBusy, LeaseLost):
                time.sleep(0.001)
                continue
            break


if __name__ == "__main__":
    main()
