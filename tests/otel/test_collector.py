"""Spans and metrics as a collector receives them: over OTLP, from processes that stand still after each invocation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from services.otlp_collector import OTLPCollector

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDERS = Path(__file__).with_name("orders.py")
ROOT = Path(__file__).parents[2]
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

pytestmark = pytest.mark.xdist_group("otlp")

Received = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def collector() -> Iterator[OTLPCollector]:
    """A collector, for the tests of this file."""
    with OTLPCollector() as server:
        yield server


@pytest.fixture(scope="module")
def received(collector: OTLPCollector, tmp_path_factory: pytest.TempPathFactory) -> Received:
    """What it has received of an order that one process has started, and another one has shipped."""
    store = tmp_path_factory.mktemp("orders") / "runs.db"
    for arguments in (["start", f"00-{TRACE}-{SPAN}-01"], ["approve"]):
        ended = subprocess.run(
            [sys.executable, "-W", "error", ORDERS, store, *arguments],
            env={
                "PYTHONPATH": f"{ROOT}:{ROOT / 'adapters'}",
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
                "OTEL_SERVICE_NAME": "orders",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
    return collector.received()


def named(received: Received, name: str) -> list[dict[str, Any]]:
    """Return the spans of that name, in the order in which they began."""
    return sorted(
        (span for span in received["spans"] if span["name"] == name), key=lambda span: span["start"]
    )


def test_the_run_is_one_trace_with_its_parents(received: Received) -> None:
    """The sender's, whoever went on with it; each attempt is below the stretch that it was made in."""
    begun, resumed = named(received, "order")
    first, second = named(received, "charge")
    (ship,) = named(received, "ship")
    of_flux = [span for span in received["spans"] if span["scope"] == "flux_otel"]
    assert len(of_flux) == 5
    assert {span["trace"] for span in of_flux} == {TRACE}
    assert (begun["parent"], resumed["parent"]) == (SPAN, begun["id"])
    assert {first["parent"], second["parent"]} == {begun["id"]}
    assert ship["parent"] == resumed["id"]
    assert {span["service"] for span in of_flux} == {"orders"}


def test_the_resumption_is_linked_to_what_caused_it(received: Received) -> None:
    """Which is a trace of its own."""
    begun, resumed = named(received, "order")
    (approval,) = named(received, "approval")
    assert begun["links"] == []
    assert resumed["links"] == [{"trace": approval["trace"], "id": approval["id"]}]
    assert approval["trace"] != TRACE


def test_the_retry_and_the_wait_can_be_seen(received: Received) -> None:
    """The failed attempt is an error; back-off and wait are events; both stretches say how they ended."""
    begun, resumed = named(received, "order")
    first, second = named(received, "charge")
    assert (first["status"], first["message"], second["status"]) == ("ERROR", "the bank is away", "UNSET")
    assert first["attributes"]["error.type"] == "ConnectionError"
    assert [event["name"] for event in first["events"]] == ["exception"]
    assert [event["name"] for event in begun["events"]] == ["flux.step.retry", "flux.step.suspend"]
    assert [event["name"] for event in resumed["events"]] == ["flux.step.complete"]
    assert [span["attributes"]["flux.run.status"] for span in (begun, resumed)] == ["suspended", "completed"]
    assert [span["kind"] for span in (begun, resumed, first)] == ["CONSUMER", "CONSUMER", "INTERNAL"]


def test_the_attributes_arrive(received: Received) -> None:
    """With their types."""
    (ship,) = named(received, "ship")
    assert ship["attributes"] == {
        "flux.run.id": "r1",
        "flux.workflow.name": "order",
        "flux.step.name": "ship",
        "flux.step.index": 2,
        "flux.step.kind": "commit",
        "flux.step.attempt": 1,
        "flux.step.max_retries": 0,
    }
    assert [span["attributes"]["faas.invocation_id"] for span in named(received, "order")] == [
        "q-start",
        "q-approve",
    ]


def test_what_a_handler_calls_goes_on_with_the_trace(received: Received) -> None:
    """The carrier was asked from within the attempt's span."""
    (ship,) = named(received, "ship")
    (call,) = received["calls"]
    assert call["traceparent"].startswith(f"00-{TRACE}-{ship['id']}-")


def test_the_metrics_arrive(received: Received) -> None:
    """Each process has sent its own."""
    of_order = {"flux.workflow.name": "order"}
    counted = {
        (point["name"], point["attributes"].get("flux.run.status")): point.get("value", point.get("count"))
        for point in received["metrics"]
        if point["name"].startswith("flux.") and point["name"] != "flux.step.duration"  # the SDK has its own
    }
    assert counted == {
        ("flux.run.started", None): 1,
        ("flux.runs", "suspended"): 1,
        ("flux.runs", "completed"): 1,
        ("flux.run.duration", "completed"): 1,
        ("flux.step.retries", None): 1,
        ("flux.due.lag", None): 0.25,
    }
    timed = [point for point in received["metrics"] if point["name"] == "flux.step.duration"]
    assert {point["unit"] for point in timed} == {"s"}
    assert sorted(
        (point["attributes"]["flux.step.name"], point["attributes"].get("error.type", ""), point["count"])
        for point in timed
    ) == [("charge", "", 1), ("charge", "ConnectionError", 1), ("ship", "", 1)]
    assert all(of_order.items() <= point["attributes"].items() for point in timed)
