"""The function app in Microsoft's own worker, its runs in Azure Tables, its queues in Queue Storage (Azurite)."""

from __future__ import annotations

import json
import time
from pathlib import Path
from shutil import copy
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from flux_azure import TableStorage

from .relay import Relay
from services.azure_worker import AzureWorker, NotIndexed, as_json, http, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services.azure_worker import Called
    from services.azurite import Azurite

pytestmark = pytest.mark.xdist_group("azure worker")

FUNCTION_APP = Path(__file__).with_name("function_app.py")
PATIENCE = 60.0  # seconds, for a machine that is busy with other tests


class Place:
    """A function app that is served, and what it has effects on."""

    def __init__(self, folder: Path, worker: AzureWorker, storage: TableStorage) -> None:
        self.worker = worker
        self._storage = storage
        self.folder = folder
        self._down = folder / "down"

    def reset(self) -> None:
        """Have the services work, and forget what they did."""
        for name in ("payment", "carrier", "down"):
            (self.folder / name).unlink(missing_ok=True)

    def calls(self, service: str) -> int:
        """Return how often a service was called."""
        called = self.folder / service
        return called.stat().st_size if called.exists() else 0

    @property
    def charges(self) -> int:
        """How often money was taken."""
        return self.calls("payment")

    def close_payments(self) -> None:
        """Have the payment service fail."""
        self._down.touch()

    def open_payments(self) -> None:
        """Have the payment service work."""
        self._down.unlink()

    def post(
        self, function: str, body: str, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Return the status and the document with which a request is answered."""
        called = self.worker.call(function, {"request": http("POST", body, headers)})
        assert called.http is not None
        return called.http["status"], json.loads(called.http["body"])

    def status(self, run_id: str) -> str | None:
        """Return how a run stands, from the store: to ask over HTTP would go on with one that is due."""
        record = self._storage.load(run_id)
        return record and record.status


def settings(folder: Path, server: Azurite) -> dict[str, str]:
    """Return the settings of the function app in a folder, which is what it has effects on as well."""
    return {
        "AzureWebJobsStorage": server.connection,
        "FLUX_STORE": "azuretable:///orders",
        "WORLD": str(folder),
    }


@pytest.fixture(scope="module")
def served(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The function app in one worker, for all tests."""
    folder = tmp_path_factory.mktemp("orders")
    copy(FUNCTION_APP, folder)
    storage = TableStorage("orders", connection=azurite.connection)
    storage.create_table()
    with AzureWorker(folder, env=settings(folder, azurite)) as worker:
        yield Place(folder, worker, storage)


@pytest.fixture
def place(served: Place) -> Place:
    """The function app, with nothing done yet."""
    served.reset()
    return served


def order(order_id: str, **fields: Any) -> str:
    """Return an order as it travels."""
    return json.dumps({"order_id": order_id, **fields})


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until it is so, or fail."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.05)


def warnings(called: Called) -> list[str]:
    """Return what Flux warned of."""
    return [line["text"] for line in called.logs if line["logger"] == "flux"]


def test_the_worker_finds_the_functions(place: Place) -> None:
    """It takes their annotations and bindings, and the triggers are those that were asked for."""
    triggers = {
        name: next(binding for binding in found.bindings if binding["type"].endswith("Trigger"))
        for name, found in place.worker.functions.items()
    }
    asked = {
        "http_orders": {"type": "httpTrigger", "route": "orders", "authLevel": "FUNCTION"},
        "queue_orders": {"type": "queueTrigger", "queueName": "orders", "connection": "AzureWebJobsStorage"},
        "service_bus_orders": {"type": "serviceBusTrigger", "queueName": "orders"},
        "event_grid": {"type": "eventGridTrigger"},
        "event_hub_orders": {"type": "eventHubTrigger", "eventHubName": "orders", "cardinality": "MANY"},
        "tick": {"type": "timerTrigger", "schedule": "0 * * * * *"},
        "wake": {"type": "queueTrigger", "queueName": "flux-wakes", "connection": "AzureWebJobsStorage"},
        "http_naps": {"type": "httpTrigger", "route": "naps"},
        "http_laps": {"type": "httpTrigger", "route": "laps"},
    }

    assert triggers.keys() == asked.keys()
    assert {name: trigger | asked[name] for name, trigger in triggers.items()} == triggers


def test_only_the_event_hub_has_a_retry_policy(place: Place) -> None:
    """The others' sources repeat by themselves."""
    policies = {name: found.retries for name, found in place.worker.functions.items()}

    assert {name: retries for name, retries in policies.items() if retries} == {"event_hub_orders": 8}


def test_an_order_over_http(place: Place) -> None:
    """It is filled, by a step that is async and one that is not; a second one is the same run."""
    answers = [place.post("http_orders", order("h-1")) for _ in range(2)]

    assert answers == [(200, {"status": "completed", "id": "h-1", "data": {}})] * 2
    assert place.charges == 1


def test_what_is_no_order_is_a_problem(place: Place) -> None:
    """The worker returns the problem document, and no error of the function."""
    assert place.post("http_orders", "{not json")[1]["code"] == "MALFORMED_BODY"
    assert place.post("http_orders", order("h-2", items="two"))[1]["path"] == "items"


def test_a_control_command_over_http_is_an_order(place: Place) -> None:
    """One that cannot be read: a body commands nothing."""
    place.post("http_orders", order("h-3"))
    status, problem = place.post("http_orders", json.dumps({"flux": {"action": "delete", "id": "h-3"}}))

    assert (status, problem["code"]) == (422, "INVALID_INPUT")
    assert place.post("http_orders", order("h-3"))[0] == 200
    assert place.charges == 1


def test_an_order_that_comes_twice_through_the_queue(place: Place, azurite: Azurite) -> None:
    """Both messages are deleted, and money is taken once."""
    relay = Relay(azurite, "orders", place.worker, "queue_orders")
    for _ in range(2):
        relay.queue.send_message(order("q-1"))

    assert [called.error for called in relay.drain(2)] == [None, None]
    assert place.charges == 1


def test_a_failure_is_tried_again_by_the_queue(place: Place, azurite: Azurite) -> None:
    """A message whose step failed comes back, and goes on with its run."""
    relay = Relay(azurite, "orders", place.worker, "queue_orders")
    place.close_payments()
    failed = place.worker.call("queue_orders", {"message": text(order("q-2"))}, {"Id": text("m-2")})
    place.open_payments()
    relay.queue.send_message(order("q-2"))

    assert failed.error == "Undone: 1 of 1 is to come again; the log says why: message m-2"
    assert [called.error for called in relay.drain()] == [None]
    assert place.status("q-2") == "completed"


def test_a_poison_message_ends_in_the_poison_queue(place: Place, azurite: Azurite) -> None:
    """It is tried five times, says each time why, and does not hold up what is behind it."""
    relay = Relay(azurite, "orders", place.worker, "queue_orders")
    relay.queue.send_message("{not json")
    relay.queue.send_message(order("q-3"))
    called = relay.drain(2)
    failed = [call for call in called if call.error]

    assert (len(called), len(failed), place.charges) == (6, 5, 1)
    assert all("the body is not JSON" in warnings(call)[0] for call in failed)
    assert [message.content for message in relay.poison.receive_messages()] == ["{not json"]


def test_a_fatal_order_is_not_poison(place: Place, azurite: Azurite) -> None:
    """What no retry can help is deleted; the log says so."""
    relay = Relay(azurite, "orders", place.worker, "queue_orders")
    relay.queue.send_message(order("q-4", items=9))
    (called,) = relay.drain()

    assert called.error is None
    assert "is acknowledged, since no retry can help: run q-4 failed" in warnings(called)[0]


def test_a_control_command_in_a_queue_of_orders_is_an_order(place: Place, azurite: Azurite) -> None:
    """It is refused as one, and ends with the poison."""
    relay = Relay(azurite, "orders", place.worker, "queue_orders")
    relay.queue.send_message(json.dumps({"flux": {"action": "tick"}}))

    assert len(relay.drain()) == 5
    assert len(list(relay.poison.receive_messages())) == 1


def test_a_sleeping_run_is_woken_from_its_queue(place: Place, azurite: Azurite) -> None:
    """The waker's message is hidden until it is time, is what the host can decode, and completes the run."""
    relay = Relay(azurite, "flux-wakes", place.worker, "wake")
    asleep = place.post("http_naps", "{}", {"Idempotency-Key": "n-1"})

    assert (asleep[0], asleep[1]["status"]) == (202, "suspended")
    assert [called.error for called in relay.drain()] == [None]
    assert place.status("n-1") == "completed"


def test_a_tick_goes_on_with_a_run_that_nobody_woke(place: Place) -> None:
    """The timer finds what is due, whatever became of its message."""
    place.post("http_naps", "{}", {"Idempotency-Key": "n-2"})

    def is_awake() -> bool:
        assert place.worker.call("tick", {"timer": as_json({"IsPastDue": False})}).error is None
        return place.status("n-2") == "completed"

    wait_for(is_awake)


def test_a_run_may_last_longer_than_any_invocation(place: Place, azurite: Azurite) -> None:
    """Before the function's time is over the run is saved, and goes on in an invocation that its waker brings about."""
    environment = settings(place.folder, azurite) | {"AzureFunctionsJobHost__functionTimeout": "00:00:02"}
    with AzureWorker(place.folder, env=environment) as worker:
        relay = Relay(azurite, "flux-wakes", worker, "wake")
        begun = worker.call("http_laps", {"request": http("POST", "{}", {"Idempotency-Key": "l-1"})})
        woken: list[Called] = []
        while place.status("l-1") == "suspended":
            woken += relay.drain()

    assert begun.http is not None
    assert (begun.http["status"], place.status("l-1"), len(woken) >= 2) == (202, "completed", True)


def test_a_message_of_service_bus(place: Place) -> None:
    """The worker makes it of what the host says beside the body."""
    metadata = {"UserProperties": as_json({}), "MessageId": text("b-1"), "SequenceNumber": text("3")}
    called = [
        place.worker.call("service_bus_orders", {"message": text(order("b-1"))}, metadata) for _ in range(2)
    ]

    assert [call.error for call in called] == [None, None]
    assert place.charges == 1


def test_an_event_of_event_grid(place: Place) -> None:
    """The worker makes it of the event's JSON, in either schema."""
    event = {"id": "e-1", "topic": "shop", "subject": "orders", "eventType": "Ordered", "dataVersion": "1"}
    cloud_event = {"specversion": "1.0", "id": "e-2", "source": "/shop", "type": "Ordered"}
    called = [
        place.worker.call("event_grid", {"event": as_json({**told, "data": {"order_id": told["id"]}})})
        for told in (event, cloud_event)
    ]

    assert [call.error for call in called] == [None, None]
    assert place.charges == 2


def test_a_batch_of_an_event_hub(place: Place) -> None:
    """The worker makes a list of it; one that is repeated goes on where it stopped."""
    batch = {"events": {"collection_string": [order("v-1"), order("v-2")]}}
    numbers = [{"SequenceNumber": 1, "Offset": "1"}, {"SequenceNumber": 2, "Offset": "2"}]
    metadata = {
        "SystemPropertiesArray": as_json(numbers),
        "PartitionContext": as_json({"PartitionId": "0", "EventHubName": "orders"}),
    }
    place.close_payments()
    first = place.worker.call("event_hub_orders", batch, metadata)
    place.open_payments()
    second = place.worker.call("event_hub_orders", batch, metadata, retries=(1, 8))

    assert (first.error or "").startswith("Undone: 2 of 2 is to come again")
    assert (second.error, place.charges) == (None, 2)


def test_the_trace_is_forwarded_by_the_worker(place: Place) -> None:
    """Its records are in the function's log, each a line of JSON."""
    called = place.worker.call("http_orders", {"request": http("POST", order("t-1"))})
    events = [json.loads(line["text"])["flux"] for line in called.logs if line["logger"] == "flux.trace"]

    assert [event["type"] for event in events] == [
        "workflow:start",
        "step:start",
        "step:complete",
        "step:start",
        "step:complete",
        "workflow:complete",
    ]
    assert {event["workflowId"] for event in events} == {"t-1"}


def test_what_a_killed_worker_left_is_taken_over(place: Place, azurite: Azurite) -> None:
    """After its lease, 5 seconds past its time, a tick elsewhere completes the run, and charges nothing twice."""
    environment = settings(place.folder, azurite) | {"AzureFunctionsJobHost__functionTimeout": "00:00:04"}
    with AzureWorker(place.folder, env=environment) as doomed:
        # What is imported late takes none of the order's time.
        doomed.call("tick", {"timer": as_json({"IsPastDue": False})})

        def kill_as_it_ships() -> None:
            wait_for(lambda: place.calls("carrier") == 1)
            doomed.kill()

        watch = Thread(target=kill_as_it_ships)
        watch.start()
        with pytest.raises(RuntimeError, match="the worker has ended"):
            doomed.call("queue_orders", {"message": text(order("k-1", slow=True))}, {"Id": text("m-9")})
        watch.join()

    def is_filled() -> bool:
        place.worker.call("tick", {"timer": as_json({"IsPastDue": False})})
        return place.calls("carrier") == 2

    wait_for(is_filled)
    assert (place.status("k-1"), place.calls("payment")) == ("completed", 1)


def test_two_functions_of_one_name_are_refused(tmp_path: Path) -> None:
    """The worker says so while it finds the functions, as Azure does at a deployment."""
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func, flux_azure\n"
        "from flux_core import Workflow\n"
        'hello = Workflow("hello").step("say", lambda ctx: "hello")\n'
        "app = func.FunctionApp()\n"
        "app.register_functions(flux_azure.blueprint(hello))\n"
        "app.register_functions(flux_azure.blueprint(hello))\n"
    )
    with pytest.raises(NotIndexed, match="tick does not have a unique function name"), AzureWorker(tmp_path):
        pass
