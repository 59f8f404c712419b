"""What is built for Azure, in Microsoft's Python worker: its library, and the package as Flex Consumption has it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from built.building import ORDER

from services.azure_worker import AzureWorker, http, text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("build")
TARGET = "azure"


def test_an_order_by_http_and_from_a_queue_is_one_run(
    package: Path, stores: dict[str, str], charges: Callable[[], int]
) -> None:
    """The worker indexes the app as deployed, and its functions share the store: one run, one charge."""
    settings = stores | {"WEBSITE_SITE_NAME": "orders", "AzureWebJobsStorage__accountName": "shop"}
    site = package / ".python_packages" / "lib" / "site-packages"  # which Azure puts before the worker's own
    with AzureWorker(package, env=settings, packages=(), path=(site,)) as worker:
        functions = set(worker.functions)
        answer = worker.call(by_trigger(worker, "httpTrigger"), {"request": http("POST", json.dumps(ORDER))})
        queue = by_trigger(worker, "queueTrigger")
        delivered = worker.call(queue, {"message": text(json.dumps(ORDER))}, {"Id": text('"1"')})
    assert answer.http is not None, answer
    body = json.loads(answer.http["body"])
    assert (answer.http["status"], body["status"], body["id"]) == (200, "completed", "order-o_001")
    assert delivered.error is None
    assert charges() == 1
    assert len(functions) == 4  # orders by HTTP and from the queue, the tick, the wake-ups


def by_trigger(worker: AzureWorker, kind: str) -> str:
    """Return the name of the first function that has a trigger of that kind."""
    return next(
        name
        for name, function in worker.functions.items()
        if any(binding["type"] == kind for binding in function.bindings)
    )
