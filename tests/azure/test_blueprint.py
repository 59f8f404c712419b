"""A blueprint has a function for each source that is named, and says what cannot be."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import azure.functions as func
import pytest
from clouds.shop import order_id

import flux_azure
from flux_core import App, InvalidInput, InvalidWorkflow, UnknownWorkflow, Workflow
from flux_core._invocation import CURRENT
from flux_core.storage import MemoryStorage

from .triggers import context, functions, queued, request, tick

if TYPE_CHECKING:
    from pathlib import Path

    from clouds.shop import Shop

    from flux_core._invocation import Invocation


class Sleepless:
    """A waker that has a queue and wakes nobody."""

    queue_name = "flux-wakes"

    def wake(self, run_id: str, at: float) -> None:
        """Do nothing."""


def test_a_function_for_each_source_that_is_named(shop: Shop) -> None:
    """The timer comes by itself, and the waker's queue where the app has a waker with one."""
    made = flux_azure.blueprint(
        shop.app(waker=Sleepless()), http="v1/orders", queue="orders", event_grid=True
    )

    assert list(functions(made)) == ["http_v1_orders", "queue_orders", "event_grid", "tick", "wake"]


def test_without_a_timer_nothing_is_commanded(shop: Shop) -> None:
    """A second blueprint of the app leaves timer and waker to the first."""
    app = shop.app(waker=Sleepless())
    first = flux_azure.blueprint(app, queue="orders")
    second = flux_azure.blueprint(app, queue="returns", timer=None)

    assert list(functions(first, second)) == ["queue_orders", "tick", "wake", "queue_returns"]


def test_a_waker_without_a_queue_has_no_function(shop: Shop) -> None:
    """One that wakes runs in another way is not read from."""

    class Bell:
        def wake(self, run_id: str, at: float) -> None: ...

    assert list(functions(flux_azure.blueprint(shop.app(waker=Bell())))) == ["tick"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, {"queue": "AzureWebJobsStorage", "bus": "ServiceBusConnection", "hub": "EventHubConnection"}),
        ("Orders", {"queue": "Orders", "bus": "Orders", "hub": "Orders"}),
    ],
)
def test_connections_are_named_settings(shop: Shop, given: str | None, expected: dict[str, str]) -> None:
    """No secret is in the code: a setting says how a source is reached, by default the platform's usual one."""
    app = func.FunctionApp()
    app.register_functions(
        flux_azure.blueprint(
            shop.app(), queue="orders", service_bus="orders", event_hub="orders", timer=None, connection=given
        )
    )
    triggers: list[Any] = [made.get_trigger() for made in app.get_functions()]
    bound = [trigger.get_dict_repr()["connection"] for trigger in triggers]

    assert bound == [expected["queue"], expected["bus"], expected["hub"]]


def test_a_workflow_alone_is_an_app(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its runs are kept where the setting FLUX_STORE says."""
    monkeypatch.setenv("FLUX_STORE", f"sqlite:///{tmp_path}/runs.db")
    functions(flux_azure.blueprint(shop.order, queue="orders", key=order_id))["queue_orders"](
        queued({"order_id": "o_1"}), context()
    )

    assert (tmp_path / "runs.db").exists()


def test_the_store_is_opened_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The worker's threads share it, whichever function was called first; a fleeting one is warned of once."""
    monkeypatch.delenv("FLUX_STORE", raising=False)
    monkeypatch.setattr("flux_core._serving.store.DEFAULT", f"sqlite:///{tmp_path}/runs.db")
    monkeypatch.setattr("flux_core._serving.store.FLEETING", f"{tmp_path}/")
    called = functions(flux_azure.blueprint(Workflow("steps").step("one", lambda ctx: 1), http="steps"))
    threads = [threading.Thread(target=called["http_steps"], args=(request({}), context())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    called["tick"](tick(), context())

    assert caplog.text.count("lives and dies with this sandbox") == 1


def test_an_invocation_is_current_while_it_is_served() -> None:
    """What a store, a waker and a trace want to know of it, they find."""
    seen: list[Invocation | None] = []
    workflow = Workflow("look").step("look", lambda ctx: seen.append(CURRENT.get()))
    called = functions(flux_azure.blueprint(App([workflow], MemoryStorage()), http="look"))["http_look"]
    asked, told = request({}), context()
    called(asked, told)

    assert CURRENT.get() is None
    assert seen[0] is not None
    assert (seen[0].event, seen[0].context, seen[0].request_id) == (asked, told, "i-1")


def test_a_function_has_the_time_that_the_host_gives(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its runs stop before the host ends it."""
    monkeypatch.setenv("AzureFunctionsJobHost__functionTimeout", "00:00:40")
    functions(flux_azure.blueprint(shop.app(), queue="orders", key=order_id))["queue_orders"](
        queued({"order_id": "o_1"}), context()
    )

    assert shop.remaining == pytest.approx(40, abs=2)


def test_a_function_without_a_time_out_has_all_the_time(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the host never ends a function, neither does Flux."""
    monkeypatch.setenv("AzureFunctionsJobHost__functionTimeout", "-1")
    functions(flux_azure.blueprint(shop.app(), queue="orders", key=order_id))["queue_orders"](
        queued({"order_id": "o_1"}), context()
    )

    assert shop.charged == ["o_1"]


def test_what_cannot_be_is_said_at_once(shop: Shop) -> None:
    """A blueprint that could run nothing is none."""
    with pytest.raises(UnknownWorkflow):
        flux_azure.blueprint(shop.app(), workflow="returns")
    with pytest.raises(InvalidWorkflow, match="give one of them"):
        flux_azure.blueprint(shop.app(), workflow="order", route=lambda event: "order")
    with pytest.raises(InvalidInput, match="max_body"):
        flux_azure.blueprint(shop.app(), max_body=0)


def test_without_azure_functions_it_says_what_to_install(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is only needed where functions are made, and is asked for by its name."""
    for name in [name for name in sys.modules if name.startswith("flux_azure._functions.")]:
        if not name.endswith(".source"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "azure.functions", None)
    with pytest.raises(InvalidInput, match="pip install azure-functions"):
        flux_azure.blueprint(shop.app())


def test_another_module_that_is_missing_is_not_explained_away(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only azure-functions is what is to be installed."""
    monkeypatch.setitem(sys.modules, "flux_azure._functions.made", None)
    with pytest.raises(ModuleNotFoundError, match=r"flux_azure\._functions\.made"):
        flux_azure.blueprint(shop.app())


def test_there_is_nothing_else() -> None:
    """A name that the package does not have is an AttributeError."""
    with pytest.raises(AttributeError, match="no attribute 'Blueprint'"):
        _ = flux_azure.Blueprint
