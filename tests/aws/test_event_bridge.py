"""An event of EventBridge is one run, however often it is delivered, replayed or sent by a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws import events

import flux_aws
from flux_core import App, InvalidInput, RunBusy, Workflow
from flux_core._serving.delivery import Undone
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from clouds.shop import Shop

ANY: Workflow[Any, Any] = Workflow("any").step("step", lambda ctx: ctx.input)


def test_the_detail_is_the_input(shop: Shop) -> None:
    """The event's id is the run's, and nothing is answered."""
    app = shop.app()
    handler, event = flux_aws.handler(app), events.event_bridge({"order_id": "o_1"}, "e-1")

    assert [handler(event, events.Context()) for _ in range(2)] == [None, None]
    assert [(run.id, run.input) for run in app.list()] == [("e-1", {"order_id": "o_1"})]


def test_the_trace_is_not_of_the_input(shop: Shop) -> None:
    """An order that is published again, in another trace, is the same order; what is no trace is left in place."""
    app = shop.app()
    handler = flux_aws.handler(app, key=lambda order: str(order["order_id"]))
    for number, trace in enumerate("ab"):
        detail = {"order_id": "o_1", "traceparent": f"00-{trace * 32}-{trace * 16}-01"}
        handler(events.event_bridge(detail, f"e-{number}"), events.Context())
    with pytest.raises(Undone):
        handler(events.event_bridge({"order_id": "o_2", "traceparent": "my own"}), events.Context())

    assert [(run.id, run.input) for run in app.list()] == [("o_1", {"order_id": "o_1"})]
    assert shop.charged == ["o_1"]


def test_a_replay_retries_what_failed(shop: Shop) -> None:
    """An event that comes again out of an archive has its id, and goes on with the run that it was."""
    app = shop.app()
    handler, event = flux_aws.handler(app), events.event_bridge({"order_id": "o_1"}, "e-1")
    shop.declined["o_1"] = ConnectionError("payment service")
    with pytest.raises(Undone, match="event e-1"):
        handler(event, events.Context())
    shop.declined.clear()
    handler(event | {"replay-name": "after-the-outage"}, events.Context())

    assert [(run.id, run.status) for run in app.list()] == [("e-1", "completed")]


def test_a_replay_repeats_no_completed_run(shop: Shop) -> None:
    """An order that was charged is not charged again."""
    handler, event = flux_aws.handler(shop.app()), events.event_bridge({"order_id": "o_1"}, "e-1")
    handler(event, events.Context())
    handler(event | {"replay-name": "by-mistake"}, events.Context())

    assert shop.charged == ["o_1"]


@pytest.mark.parametrize("detail", [{}, "{}"])
def test_a_schedule_without_an_input_has_an_empty_one(detail: object) -> None:
    """A rule sends an empty object, and Scheduler the same as text."""
    app = App([ANY], MemoryStorage())
    flux_aws.handler(app)(events.event_bridge(detail, detail_type="Scheduled Event"), events.Context())

    assert [run.input for run in app.list()] == [{}]


def test_a_schedules_input_may_be_written_as_an_event() -> None:
    """Its id, with the moment that it is scheduled for, makes the run of that moment one."""
    sent = {
        "id": "nightly@2026-03-22T18:59:43Z",
        "detail-type": "nightly",
        "source": "schedule",
        "detail": {"report": "sales"},
    }
    app = App([ANY], MemoryStorage())
    handler = flux_aws.handler(app)
    handler(sent, events.Context())
    handler(sent, events.Context())

    assert [(run.id, run.input) for run in app.list()] == [
        ("nightly@2026-03-22T18:59:43Z", {"report": "sales"})
    ]


def test_a_schedules_input_is_a_direct_invocation() -> None:
    """What a schedule is configured to send is the input as it stands; Lambda's request id names the run."""
    app, context = App([ANY], MemoryStorage()), events.Context()
    flux_aws.handler(app)({"report": "sales"}, context)

    assert [(run.id, run.input) for run in app.list()] == [(context.aws_request_id, {"report": "sales"})]


def test_a_detail_that_is_no_order_raises(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """It ends in the function's dead-letter queue, and the log says what is wrong with it."""
    with pytest.raises(Undone):
        flux_aws.handler(shop.app())(events.event_bridge({"order_id": 7}, "e-1"), events.Context())

    assert f"event e-1 is to come again: {InvalidInput.__name__}: order_id: expected str" in caplog.text


def test_a_run_that_is_held_raises(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """The event comes again when the other worker may be done."""
    handler, event = flux_aws.handler(shop.app()), events.event_bridge({"order_id": "o_1"}, "e-1")
    shop.declined["o_1"] = SystemExit("the process ends")
    with pytest.raises(SystemExit):
        handler(event, events.Context())
    with pytest.raises(Undone):
        handler(event, events.Context())

    assert f"event e-1 is to come again: {RunBusy.__name__}" in caplog.text
