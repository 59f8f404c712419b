"""200 workers on one store die by SIGKILL, each at a random moment; a ledger outside knows what they had done."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import closing, suppress
from typing import TYPE_CHECKING, NamedTuple, Self

import pytest
from crash import death_worker, ledger
from crash.death_worker import GOES_BACK, LEASE, Worker
from crash.ledger import EFFECT, RECORDED, Line, open_ledger

from flux_core import Interrupted, Run, RunBusy, RunStatus

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

DEATHS = 200
WORKERS = 3
RUNS_A_DEATH = 4
"""So many runs does the window move on with each death."""
LIFE = (0.05, 0.3)
"""Seconds between two deaths."""
PATIENCE = 60.0
"""Seconds after the last death in which every run is to end."""


class Nursery:
    """The process that starts workers, and kills them."""

    def __init__(self, store: Path, port: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, death_worker.__file__, str(store), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.__exit__(kind, error, trace)

    def start(self, first: int, seed: str) -> int:
        """Start a worker on the runs from that number on; return its process id."""
        return self._ask("start", first, seed)

    def kill(self, pid: int) -> int:
        """Kill a worker; return what it ended with."""
        return self._ask("kill", pid)

    def _ask(self, *words: object) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


class World(NamedTuple):
    """What is left when every run has ended."""

    runs: list[Run]
    lines: list[Line]
    """What the ledger was told, in order."""
    ends: list[int]
    """What each worker ended with."""
    resolved: list[str]
    """Runs whose commit a person has resolved."""
    store: Path

    def attempts(self, kind: str) -> dict[str, list[int]]:
        """Return the attempts of the lines of a kind, by key."""
        attempts = defaultdict(list)
        for line in self.lines:
            if line.kind == kind:
                attempts[line.key].append(line.attempt)
        return attempts


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Kill worker after worker, let the rest of the runs end, and give what is left."""
    store, log = tmp_path / "orders.db", tmp_path / "ledger"
    seed = os.environ.get("FLUX_SEED") or os.urandom(4).hex()
    print(f"FLUX_SEED={seed}")
    with open_ledger(log) as port:
        with Nursery(store, port) as nursery:
            ends = massacre(nursery, random.Random(seed))
        worker = Worker(store, port)
        with worker.engine as engine:
            resolved = drain(worker, log)
            runs = list(engine.list(limit=10_000))
    return World(runs, ledger.read(log), ends, resolved, store)


def massacre(nursery: Nursery, chance: random.Random) -> list[int]:
    """Kill one of three workers and start another, again and again; return what each ended with."""
    alive = [nursery.start(0, f"{chance.random()}") for _ in range(WORKERS)]
    ends = []
    for death in range(DEATHS):
        time.sleep(chance.uniform(*LIFE))
        ends.append(nursery.kill(alive.pop(chance.randrange(WORKERS))))
        alive.append(nursery.start(death * RUNS_A_DEATH, f"{chance.random()}"))
    return ends


def drain(worker: Worker, log: Path) -> list[str]:
    """Go on with the runs that are left, as a timer and a person would; return those that the person resolved."""
    resolved = []
    until = time.monotonic() + PATIENCE
    while left := [run for run in worker.engine.list(limit=10_000) if is_open(run)]:
        assert time.monotonic() < until, f"these do not end: {[(run.id, run.status) for run in left]}"
        for run in left:
            if run.status is RunStatus.FAILED:
                resolve(worker, run, log)
                resolved.append(run.id)
            else:
                with suppress(RunBusy):
                    worker.approve(run.input["number"])
        worker.tick()
        time.sleep(LEASE / 4)
    return resolved


def is_open(run: Run) -> bool:
    """Whether something is still to be done about the run, by a worker or by a person."""
    return not run.status.ended or (run.error is not None and run.error.code == Interrupted.code)


def resolve(worker: Worker, run: Run, log: Path) -> None:
    """Look into the ledger whether the commit happened; if it did, say so, and if not, have it done."""
    key = f"{run.id}/invoice/1"
    if any((line.kind, line.key) == (EFFECT, key) for line in ledger.read(log)):
        worker.engine.resolve(worker.flow, run.id, "invoice", output=key)
    else:
        worker.engine.retry_step(worker.flow, run.id, "invoice")


def fails(run: Run) -> bool:
    """Whether it is one of those runs that fail late, and go back."""
    number: int = run.input["number"]
    return number % GOES_BACK == 0


def the_workers_were_killed(world: World) -> None:
    """Each died by SIGKILL: none ended by itself, with an error that it should not have met."""
    assert world.ends == [-signal.SIGKILL] * DEATHS


def they_died_in_the_middle_of_their_work(world: World) -> None:
    """Many a node lost its worker, so did compensations, and commits were left for a person to resolve."""
    effects = world.attempts(EFFECT)
    interrupted = [key for key, attempts in effects.items() if max(attempts) > 1 and "/pack/" not in key]
    assert any("/charge/" in key for key in interrupted)
    assert any("/compensate" in key for key in interrupted)
    assert len(interrupted) > DEATHS / 10
    assert world.resolved


def every_run_ends_as_it_must(world: World) -> None:
    """No run is stuck, and none ends otherwise than it would have without a death."""
    for run in world.runs:
        assert run.status == ("rolled_back" if fails(run) else "completed"), run


def nothing_that_was_recorded_is_done_again(world: World) -> None:
    """Once a node or a compensation was saved as completed, no attempt of it has begun.

    A later attempt than the one that was saved would show; so would a number that is used twice. An earlier one may
    have its effect late: its worker was stopped for longer than its lease, and taken over from.
    """
    effects = world.attempts(EFFECT)
    for key, recorded in world.attempts(RECORDED).items():
        assert len(recorded) == 1, key
        assert max(effects[key], default=0) <= recorded[0], key
    for key, attempts in effects.items():
        assert len(attempts) == len(set(attempts)), key


def what_is_recorded_was_done(world: World) -> None:
    """Each node and compensation of a run had its effect, and each attempt that had one is counted."""
    effects = world.attempts(EFFECT)
    for run in world.runs:
        done = {f"{run.id}/{record.name}/1": record for record in run.history if record.name != "approval"}
        undone = {f"{run.id}/{record.name}/1/compensate": record for record in run.compensations}
        for key, record in (done | undone).items():
            assert 1 <= max(effects[key], default=0) <= record.attempts, run


def a_commit_that_is_done_once_is_done_once(world: World) -> None:
    """Whatever happened to its worker and whatever the person said, no invoice was sent twice."""
    effects = world.attempts(EFFECT)
    assert {len(effects[f"{run.id}/invoice/1"]) for run in world.runs} == {1}


def what_was_completed_is_compensated_when_the_run_goes_back(world: World) -> None:
    """Each completed node with a compensation, and no other: not one that failed, nor one of a run that went on."""
    compensated = {key for key in world.attempts(EFFECT) if key.endswith("/compensate")}
    failing = [run for run in world.runs if fails(run)]
    charged = {f"{run.id}/charge/1/compensate" for run in failing}
    shipped = {f"{run.id}/ship/1/compensate" for run in failing if run.history[-1].name == "notify"}
    assert compensated == charged | shipped


def every_signal_arrived_once(world: World) -> None:
    """What many processes sent many times is the output of the wait, and none is left over."""
    for run in world.runs:
        outputs = [record.output for record in run.history if record.name == "approval"]
        assert outputs == [run.input["number"]], run
        assert "signal approval" not in run.inbox, run


def the_file_is_whole(world: World) -> None:
    """SQLite finds nothing wrong with what 200 killed processes have left."""
    with closing(sqlite3.connect(world.store)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


CLAIMS = (
    the_workers_were_killed,
    they_died_in_the_middle_of_their_work,
    every_run_ends_as_it_must,
    nothing_that_was_recorded_is_done_again,
    what_is_recorded_was_done,
    a_commit_that_is_done_once_is_done_once,
    what_was_completed_is_compensated_when_the_run_goes_back,
    every_signal_arrived_once,
    the_file_is_whole,
)


def test_deaths_lose_nothing_and_do_nothing_twice(world: World, subtests: pytest.Subtests) -> None:
    """What is left of 200 deaths bears out each claim; they are all about one world, for it takes long to make."""
    for claim in CLAIMS:
        with subtests.test(claim.__doc__):
            claim(world)
