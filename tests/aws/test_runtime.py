"""The handler in the real Lambda runtime: orders in, answers out, and what a killed function leaves behind."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from aws import events

from services.lambda_rie import LambdaRuntime

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = """
import asyncio, os, pathlib, time
import flux_aws
from flux_core import App, Context, Fatal, Workflow

WORLD = pathlib.Path(os.environ["WORLD"])

def call(service: str) -> int:
    with (WORLD / service).open("a") as calls:
        calls.write(".")
    return (WORLD / service).stat().st_size

async def charge(ctx: Context) -> str:
    await asyncio.sleep(0)
    call("payment")
    return "pay-" + ctx.key

def ship(ctx: Context) -> str:
    if call("shipping") == 1 and ctx.input.get("slow"):
        time.sleep(60)
    return "sent"

order = Workflow("order").commit("charge", charge).commit("ship", ship)
handler = flux_aws.handler(App([order]), key=lambda order: order["order_id"])
"""

ORDER = {"order_id": "o_001"}
TEMPLATE = Path(__file__).resolve().parents[2] / "templates" / "order-fulfillment"
LEASE_OUTLASTS = 5.0
"""Seconds by which a lease outlasts the deadline of the invocation that held it."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The function's folder, which is also the world that it has effects on."""
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


@pytest.fixture
def function(folder: Path) -> Iterator[LambdaRuntime]:
    """The function, deployed."""
    with deployed(folder) as runtime:
        yield runtime


def deployed(folder: Path, *, timeout: int = 10) -> LambdaRuntime:
    """Return the function with a store of its own."""
    return LambdaRuntime(
        folder, timeout=timeout, env={"WORLD": str(folder), "FLUX_STORE": f"sqlite:///{folder}/runs.db"}
    )


def calls(folder: Path, service: str) -> int:
    """Return how often the service was called."""
    return (folder / service).stat().st_size


def test_an_order_goes_in_and_its_run_comes_out(function: LambdaRuntime) -> None:
    """A direct invocation answers the run; one step of it is sync, the other async."""
    assert function.invoke(ORDER).payload == {"status": "completed", "id": "o_001", "data": {}}


def test_the_same_order_is_the_same_run(folder: Path, function: LambdaRuntime) -> None:
    """An event that comes twice is charged once."""
    first, second = function.invoke(ORDER), function.invoke(ORDER)

    assert first.payload == second.payload
    assert calls(folder, "payment") == 1


def test_a_killed_function_is_taken_over(folder: Path) -> None:
    """After a time-out in mid-step another sandbox completes the run, and no completed step is run again."""
    order = {**ORDER, "slow": True}
    with deployed(folder, timeout=4) as function:
        killed = function.invoke(order)
        ended = time.monotonic()
        while (answer := function.invoke(order)).function_error == "RunBusy":
            assert time.monotonic() < ended + LEASE_OUTLASTS + 30, "the lease does not end"
            time.sleep(0.1)

    assert killed.function_error == "Sandbox.Timedout"
    assert answer.payload["status"] == "completed"
    assert (calls(folder, "payment"), calls(folder, "shipping")) == (1, 2)


def test_a_batch_with_a_poison_message_is_partly_answered(folder: Path, function: LambdaRuntime) -> None:
    """The message that is no order comes back; the orders around it are filled."""
    batch = events.sqs(
        events.message(ORDER, "m-1"),
        events.message("{not json", "m-2"),
        events.message({"order_id": "o_002"}, "m-3"),
    )

    assert function.invoke(batch).payload == events.failures("m-2")
    assert calls(folder, "payment") == 2


def test_malformed_json_over_http_is_a_400(function: LambdaRuntime) -> None:
    """API Gateway gets a problem document, not a function error."""
    invocation = function.invoke(events.http_api("{not json"))

    assert invocation.function_error is None
    assert invocation.payload["statusCode"] == 400
    assert invocation.payload["headers"] == {"Content-Type": "application/problem+json"}
    assert json.loads(invocation.payload["body"])["code"] == "MALFORMED_BODY"


def test_a_store_in_tmp_is_warned_of_once(tmp_path: Path) -> None:
    """A cold sandbox says in the log what its store is worth, and a warm one does not say it again."""
    (tmp_path / "app.py").write_text(
        "import flux_aws\nfrom flux_core import Workflow\n"
        'handler = flux_aws.handler(Workflow("hello").step("say", lambda ctx: "hello"))\n'
    )
    with (
        TemporaryDirectory(dir="/tmp") as sandbox,
        LambdaRuntime(tmp_path, env={"FLUX_STORE": f"sqlite:///{sandbox}/flux.db"}) as function,
    ):
        function.invoke({})
        function.invoke({})

        assert function.log.count("lives and dies with this sandbox") == 1


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[LambdaRuntime]:
    """The order template, deployed as it is."""
    environment = {"SHOP_DB": str(tmp_path / "shop.db"), "FLUX_STORE": f"sqlite:///{tmp_path}/runs.db"}
    with LambdaRuntime(TEMPLATE, timeout=60, env=environment) as runtime:
        yield runtime


def template_event(name: str) -> Any:
    """Return one of the template's events."""
    return json.loads((TEMPLATE / "events" / f"{name}.json").read_text())


def test_the_template_fills_an_order(shop: LambdaRuntime) -> None:
    """The template's order is paid and reserved."""
    answer = shop.invoke(template_event("order")).payload

    assert (answer["status"], answer["id"]) == ("completed", "order-o_001")
    assert answer["data"]["reserved"] == ["mug", "tee"]


def test_the_template_charges_an_order_once(shop: LambdaRuntime, tmp_path: Path) -> None:
    """The order that comes again through a queue is the run that was there, with its one payment."""
    order = template_event("order")
    first = shop.invoke(order).payload
    shop.invoke(events.sqs(events.message(order)))

    assert shop.invoke(order).payload == first
    with closing(sqlite3.connect(tmp_path / "shop.db")) as world:
        assert world.execute("SELECT COUNT(*) FROM calls WHERE service = 'payment'").fetchone() == (1,)


def test_the_template_refuses_what_is_out_of_stock(shop: LambdaRuntime) -> None:
    """An order that cannot be filled fails for good, before any payment."""
    answer = shop.invoke(template_event("out-of-stock")).payload

    assert (answer["status"], answer["error"]["retryable"]) == ("failed", False)
    assert answer["data"]["payment_id"] is None
