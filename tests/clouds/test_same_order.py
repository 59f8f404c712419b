"""One workflow, three clouds: the same order is answered, run and traced alike on each."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from clouds.deployed import CLOUDS, TEMPLATE

from flux_core import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clouds.deployed import Cloud

pytestmark = pytest.mark.xdist_group("clouds")

TIMES = frozenset(
    {"created_at", "updated_at", "started_at", "completed_at", "ended_at", "duration", "timestamp", "wake_at"}
)
"""Fields in which no two runs are alike."""


def event(name: str) -> str:
    """Return an order event of the template."""
    return (TEMPLATE / "events" / f"{name}.json").read_text()


def timeless(value: Any) -> Any:
    """Return the value without its times."""
    if isinstance(value, dict):
        return {name: timeless(field) for name, field in value.items() if name not in TIMES}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def stored(cloud: Cloud, run_id: str) -> Any:
    """Return the run as the cloud's store has it, without its times."""
    run = Engine(cloud.storage).get(run_id)
    assert run is not None
    return timeless(run.to_dict())


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Cloud]]:
    """Give the template on each cloud, with a shop of its own."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(deployed(tmp_path_factory.mktemp("shop") / "shop.db"))
            for name, deployed in CLOUDS.items()
        }


def alike(told: dict[str, Any]) -> Any:
    """Return what every cloud says."""
    (first, said), *others = told.items()
    for name, other in others:
        assert other == said, f"{name} does not say what {first} says"
    return said


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (event("order"), 200),
        (event("order-redelivered"), 200),
        (event("out-of-stock"), 422),
        (event("too-many"), 422),
        (event("order").replace("2", '"two"'), 422),
        ("no JSON", 400),
        ("", 400),
    ],
    ids=["order", "redelivered", "out of stock", "refunded", "wrong type", "no JSON", "no body"],
)
def test_a_request_is_answered_alike(clouds: dict[str, Cloud], body: str, status: int) -> None:
    """Status, media type and every byte of the body are the same."""
    answer = alike({name: cloud.post(body) for name, cloud in clouds.items()})
    assert answer.status == status


@pytest.mark.parametrize(
    ("order", "status", "last"),
    [("order", "completed", "workflow:complete"), ("too-many", "rolled_back", "workflow:rollback_complete")],
)
def test_an_order_is_run_and_traced_alike(
    clouds: dict[str, Cloud], order: str, status: str, last: str
) -> None:
    """The run in the cloud's own store, and the events in the cloud's own log, differ in their times alone."""
    body = event(order)
    run_id = f"order-{json.loads(body)['order_id']}"
    for cloud in clouds.values():
        cloud.post(body)

    run = alike({name: stored(cloud, run_id) for name, cloud in clouds.items()})
    assert run["status"] == status

    trace = alike({name: timeless(cloud.trace(run_id)) for name, cloud in clouds.items()})
    assert (trace[0]["type"], trace[-1]["type"]) == ("workflow:start", last)


@pytest.mark.parametrize(
    ("body", "acknowledged", "status"),
    [
        (event("another-order"), True, "completed"),
        (event("order").replace("o_001", "o_011").replace("mug", "poster"), True, "failed"),
        (event("order").replace("o_001", "o_012").replace("mug", "outage"), False, "failed"),
        ("no JSON", False, None),
    ],
    ids=["order", "out of stock", "outage", "no JSON"],
)
def test_a_message_is_treated_alike(
    clouds: dict[str, Cloud], body: str, *, acknowledged: bool, status: str | None
) -> None:
    """What no redelivery could mend is acknowledged; what one could comes again, to the run that failed."""
    assert alike({name: cloud.deliver(body) for name, cloud in clouds.items()}) is acknowledged
    if status is not None:
        run_id = f"order-{json.loads(body)['order_id']}"
        assert alike({name: stored(cloud, run_id) for name, cloud in clouds.items()})["status"] == status
        alike({name: timeless(cloud.trace(run_id)) for name, cloud in clouds.items()})
