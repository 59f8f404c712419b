"""A run knows the trace that its message says it belongs to, else the one in which the host invokes the function."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import flux_azure
from flux_core import App, Context, Workflow
from flux_core._invocation import CURRENT
from flux_core.storage import MemoryStorage

from .triggers import SPAN, TRACE, bus_message, context, functions, grid_event, hub_events, queued, request

HOST = f"00-{TRACE}-{SPAN}-01"
ONE = f"00-{'a' * 32}-{'b' * 16}-01"
OTHER = f"00-{'c' * 32}-{'d' * 16}-00"


def seen(delivered: Any, traceparent: Any = HOST, **source: Any) -> list[str | None]:
    """Return the traces that the runs find themselves in, in their order."""
    found: list[str | None] = []

    def look(_: Context[Any, Any]) -> None:
        invocation = CURRENT.get()
        assert invocation is not None
        found.append(invocation.traceparent)

    app = App([Workflow("look").step("look", look)], MemoryStorage())
    (function,) = functions(flux_azure.blueprint(app, timer=None, **source)).values()
    function(delivered, context(traceparent=traceparent))
    return found


@pytest.mark.parametrize(
    ("delivered", "source"),
    [
        (request({}), {"http": "orders"}),
        (queued({}), {"queue": "orders"}),
        (bus_message({}), {"service_bus": "orders"}),
        (grid_event({}), {"event_grid": True}),
        (hub_events({}), {"event_hub": "orders"}),
    ],
    ids=["HTTP", "queue", "Service Bus", "Event Grid", "Event Hubs"],
)
def test_the_host_says_it(delivered: Any, source: dict[str, Any]) -> None:
    """Of a request it is the one of its header, taken up by the host; what is no trace is none."""
    assert seen(delivered, **source) == [HOST]
    assert seen(delivered, "", **source) == [None]
    assert seen(delivered, None, **source) == [None]


@pytest.mark.parametrize("name", ["traceparent", "Diagnostic-Id"])
def test_a_message_of_service_bus_has_a_property(name: str) -> None:
    """Clients of Azure write the one or the other."""
    assert seen(bus_message({}, properties={name: ONE}), service_bus="orders") == [ONE]
    assert seen(bus_message({}, properties={name: "|abc.1."}), service_bus="orders") == [HOST]


def test_each_event_of_a_batch_has_its_own() -> None:
    """The host tells the properties of all events beside them."""
    batch = hub_events({}, {}, {}, properties=[{"Diagnostic-Id": ONE}, {}, {"traceparent": OTHER}])

    assert seen(batch, event_hub="orders") == [ONE, HOST, OTHER]


def test_properties_that_are_not_those_of_the_events_are_none() -> None:
    """Nobody knows whose they are."""
    assert seen(hub_events({}, {}, properties=[{"traceparent": ONE}]), event_hub="orders") == [HOST, HOST]


def test_a_cloud_event_has_an_extension() -> None:
    """That of CloudEvents for distributed tracing, as a newer worker tells it."""
    event = SimpleNamespace(
        id="e-1", source="/shop", get_json=dict, extension_attrs={"traceparent": ONE, "other": 1}
    )

    assert seen(event, event_grid=True) == [ONE]


def test_the_run_of_an_event_that_is_only_saved_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last time there may be no time left to run it; whoever goes on with it knows the trace."""
    monkeypatch.setenv("AzureFunctionsJobHost__functionTimeout", "00:00:01")
    app = App([Workflow("one").step("one", lambda ctx: 1)], MemoryStorage())
    (function,) = functions(flux_azure.blueprint(app, timer=None, event_hub="orders")).values()
    function(hub_events({}, properties=[{"traceparent": ONE}]), context(retries=(8, 8)))

    (run,) = app.list()
    assert (run.status, run.traceparent) == ("pending", ONE)
