"""Real processes on one SQLite file: many at once, and some that are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from crash.worker import LEASE

from flux_core import Engine, RunStatus
from flux_core.storage import SQLiteStorage

WORKER = Path(__file__).with_name("worker.py")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the store will be; the ledger stands beside it, for the workers and for this process."""
    store = tmp_path / "orders.db"
    monkeypatch.setenv("LEDGER", str(ledger_of(store)))
    return store


def start(store: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a worker."""
    command = [sys.executable, str(WORKER), f"sqlite:///{store}", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ledger_of(store: Path) -> Path:
    """Return the file to which the workers append their effects."""
    return store.with_suffix(".ledger")


def charges(store: Path) -> Counter[str]:
    """Count the charges by run."""
    lines = ledger_of(store).read_text().splitlines()
    return Counter(line.split()[1] for line in lines if line.startswith("charge "))


def test_four_processes_with_duplicate_starts_charge_each_order_once(store: Path) -> None:
    """200 starts of 50 ids, in four processes at once: 50 runs, 50 charges, and no database is locked."""
    ids = [f"order-{number:02}" for number in range(50)]
    workers = []
    for seed in range(4):
        shuffled = random.Random(seed).sample(ids, k=len(ids))
        workers.append(start(store, "hammer", *shuffled))
    for worker in workers:
        output, _ = worker.communicate(timeout=120)
        assert (worker.returncode, output) == (0, "")
    assert charges(store) == Counter(ids)
    with Engine(SQLiteStorage(store)) as engine:
        runs = list(engine.list(limit=100))
    assert sorted(run.id for run in runs) == ids
    assert {run.status for run in runs} == {RunStatus.COMPLETED}


def test_a_worker_killed_inside_a_step_is_taken_over(store: Path) -> None:
    """SIGKILL while `reserve` runs: once the lease has ended another process completes the run, charged once."""
    killed = start(store, "run", "stuck-1")
    wait_for(store, "reserve stuck-1")
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    with Engine(SQLiteStorage(store)) as engine:
        assert status_of(engine, "stuck-1") == "running"
        deadline = time.monotonic() + 20 * LEASE
        while status_of(engine, "stuck-1") == "running":
            assert time.monotonic() < deadline, "nobody took the run over"
            output, _ = start(store, "tick").communicate(timeout=60)
            assert "TickReport" in output
        run = engine.get("stuck-1")
    assert run is not None
    assert run.status is RunStatus.COMPLETED
    assert run.history[2].attempts == 2
    assert charges(store) == {"stuck-1": 1}


def status_of(engine: Engine, run_id: str) -> str:
    """Return where the run stands."""
    run = engine.get(run_id)
    assert run is not None
    return run.status


def wait_for(store: Path, line: str) -> None:
    """Wait until the ledger has the line."""
    deadline = time.monotonic() + 60
    while not (ledger_of(store).exists() and line in ledger_of(store).read_text()):
        assert time.monotonic() < deadline, f"{line!r} never came"
        time.sleep(0.01)
