"""What runs on DynamoDB cost: units as DynamoDB Local reports them, and dollars for a million such runs."""

from __future__ import annotations

import os
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))  # a checkout needs no installation
sys.path.insert(0, str(Path(__file__).parents[1] / "adapters"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from benchmarks.capacity import Meter, read, written
from benchmarks.report import Options, Row, Section, main
from flux_aws import DynamoDBStorage
from flux_core import Context, Engine, Suspension, Workflow, sleep
from flux_core.testing import FakeClock

from services.dynamodb_local import DynamoDBLocal, fetched

if TYPE_CHECKING:
    from collections.abc import Callable

WRITE: Final = 0.625  # dollars for a million write request units, on demand, us-east-1
READ: Final = 0.125  # the same for read request units; https://aws.amazon.com/dynamodb/pricing/on-demand/
HOUR: Final = 3600.0
ORDER: Final = {"order_id": "o_001", "items": [{"product": "mug", "qty": 2}], "address": {"city": "Berlin"}}


class Case(NamedTuple):
    """A way for a run to go, and how many units it may cost."""

    run: Callable[[DynamoDBStorage], None]
    goal: int


def measure(_: Options) -> Section:
    """Take one run each way, on a server of its own, or say what that needs."""
    title = "DynamoDB: units of one run (measured), dollars for a million (floor)"
    if isinstance(missing := fetched(), str):
        return Section(title, [], [missing])
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "local")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "local")
    with (
        DynamoDBLocal() as server,
        closing(DynamoDBStorage("flux", region="us-east-1", endpoint=server.endpoint)) as storage,
    ):
        storage.create_table()
        meter = Meter(storage)
        rows = [_row(what, case, storage, meter) for what, case in CASES.items()]
    return Section(
        title,
        rows,
        [
            "Write units and read units as DynamoDB Local reports them, documents of at most 1 KB compressed;",
            f"dollars at {WRITE} a million write units and {READ} a million read units (us-east-1, on demand).",
        ],
    )


def _row(what: str, case: Case, storage: DynamoDBStorage, meter: Meter) -> Row:
    case.run(storage)
    requests = meter.take()
    writes, reads = written(requests), read(requests)
    dollars = writes * WRITE + reads * READ
    return Row(
        what,
        f"{writes:.0f} W, {reads:.0f} R",
        f"${dollars:,.2f}",
        "",
        f"at most {case.goal} W",
        writes <= case.goal,
    )


def _work(ctx: Context[Any, Any]) -> dict[str, str]:
    return {"step": ctx.step}


def _rest(_: Context[Any, Any]) -> Suspension:
    return sleep(HOUR)


def _four() -> Workflow[Any, Any]:
    order: Workflow[Any, Any] = Workflow("order")
    return order.step("check", _work).commit("reserve", _work).commit("charge", _work).step("notify", _work)


def _every_step(storage: DynamoDBStorage) -> None:
    Engine(storage).execute(_four(), ORDER, id="steps")


def _every_commit(storage: DynamoDBStorage) -> None:
    Engine(storage, checkpoint="commit").execute(_four(), ORDER)


def _duplicate(storage: DynamoDBStorage) -> None:
    """Start the run of the first case again."""
    Engine(storage).execute(_four(), ORDER, id="steps")


def _hundred(storage: DynamoDBStorage) -> None:
    long: Workflow[Any, Any] = Workflow("long")
    for number in range(100):
        long = long.step(f"step-{number}", _work)
    Engine(storage).execute(long, ORDER)


def _pause(storage: DynamoDBStorage) -> None:
    pause: Workflow[Any, Any] = Workflow("pause").step("rest", _rest).step("notify", _work)
    clock = FakeClock(time.time())
    engine = Engine(storage, clock=clock)
    engine.execute(pause, ORDER, id="pause")
    clock.advance(HOUR)
    engine.resume(pause, "pause")


CASES: Final = {
    "four nodes": Case(_every_step, 8),
    'four nodes, checkpoint="commit"': Case(_every_commit, 7),
    "a duplicate start": Case(_duplicate, 1),
    "a hundred steps": Case(_hundred, 130),
    "two steps, suspended once": Case(_pause, 12),
}

if __name__ == "__main__":
    main({"dynamodb": measure})
