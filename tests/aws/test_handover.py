"""Runs that take longer than any invocation, in the real Lambda runtime: one invocation hands over to the next."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from flux_core import Engine
from flux_core.storage import SQLiteStorage

from services.lambda_rie import LambdaRuntime

TIMEOUT = 3
"""The function's time-out, in seconds."""
PATIENCE = 60.0
"""Seconds after which a run that has not ended is stuck."""
ORDER = {"order_id": "o_001"}


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """The folder that the function has its effects on, with its queue."""
    (tmp_path / "queue").mkdir()
    return tmp_path


def deployed(world: Path, handler: str) -> LambdaRuntime:
    """Return the function, with its runs in a file."""
    return LambdaRuntime(
        Path(__file__).parent,
        f"relay.{handler}",
        timeout=TIMEOUT,
        env={"WORLD": str(world), "FLUX_STORE": f"sqlite:///{world}/runs.db"},
    )


def deliver_all(function: LambdaRuntime, world: Path) -> int:
    """Invoke the function with message after message until none is left; return how often.

    A message is deleted when the function has taken it without an error, and delivered again otherwise.
    """
    invocations = 0
    until = time.monotonic() + PATIENCE
    while messages := sorted((world / "queue").iterdir()):
        assert time.monotonic() < until, f"{messages[0].read_text()} is delivered for ever"
        moment, _, _ = messages[0].name.partition("-")
        time.sleep(max(0.0, float(moment) - time.time()))
        invocations += 1
        if function.invoke(json.loads(messages[0].read_text())).function_error is None:
            messages[0].unlink()
        else:
            time.sleep(0.1)
    return invocations


def status(world: Path, run_id: str) -> str:
    """Return where the run stands."""
    with Engine(SQLiteStorage(world / "runs.db")) as engine:
        run = engine.get(run_id)
    assert run is not None
    return run.status


def effects(world: Path) -> list[str]:
    """Return the nodes whose effects there have been, in their order."""
    return (world / "effects").read_text().splitlines()


def test_a_run_longer_than_any_invocation_completes_by_itself(world: Path) -> None:
    """Ten seconds of work in a function of three: four invocations or more, and each step's effect once."""
    with deployed(world, "handler") as function:
        first = function.invoke(ORDER)
        invocations = 1 + deliver_all(function, world)

    assert first.payload["status"] == "suspended"
    assert status(world, "relay-o_001") == "completed"
    assert effects(world) == [f"lap-{number}" for number in range(10)]
    assert invocations >= 4


def test_a_run_whose_invocation_was_killed_goes_on_with_the_next_tick(world: Path) -> None:
    """The time-out kills the function inside a step: the timer's tick takes the run over, and messages end it."""
    with deployed(world, "stalling") as function:
        killed = function.invoke(ORDER)
        until = time.monotonic() + PATIENCE
        while not function.invoke({"flux": {"action": "tick"}}).payload.get("claimed"):
            assert time.monotonic() < until, "nobody takes the run over"
            time.sleep(0.1)
        deliver_all(function, world)

    assert killed.function_error == "Sandbox.Timedout"
    assert status(world, "stalling-o_001") == "completed"
    assert effects(world) == ["charge", "stall", "stall", "lap-0", "lap-1", "lap-2"]
