"""A worker process that does not survive its work: `python killed_worker.py STORE` goes on with what is due."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from flux_core import Context, Engine, Workflow
from flux_core.storage import SQLiteStorage

LEASE = 0.05  # seconds


def eat_memory(ctx: Context[dict[str, Any], dict[str, Any]]) -> None:
    """Be killed, as by the kernel when memory runs out."""
    with Path(ctx.input["ledger"]).open("a") as ledger:
        ledger.write(f"attempt {ctx.attempt}\n")
    os._exit(137)


flow = Workflow("hungry").commit("eat", eat_memory, retries=2)


def main() -> None:
    """Go on with what is due."""
    with Engine(SQLiteStorage(sys.argv[1]), lease=LEASE) as engine:
        print(engine.tick([flow]).claimed)


if __name__ == "__main__":
    main()
