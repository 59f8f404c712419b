"""The event loop of functions-framework stays free while runs work."""

from __future__ import annotations

import asyncio
from threading import Event
from typing import Any

from gcp.fronts import starlette_request

import flux_gcp.aio
from flux_core import App, Workflow
from flux_core.storage import MemoryStorage


def test_a_run_that_takes_its_time_holds_up_no_other() -> None:
    """A second request is answered while the run of the first waits for it."""
    second_came = Event()

    def work(ctx: Any) -> None:
        if ctx.input["place"] == 2:
            second_came.set()
        assert second_came.wait(10)

    function = flux_gcp.aio.http(App([Workflow("order").step("work", work)], MemoryStorage()))

    async def both() -> list[int]:
        requests = [starlette_request(b'{"place": %d}' % place, {}, "/", "POST") for place in (1, 2)]
        return [answer.status_code for answer in await asyncio.gather(*map(function, requests))]

    assert asyncio.run(both()) == [200, 200]
