"""The tick loop: what is due goes on for as long as a server lives."""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from web.shop import PATIENCE, Client, Store, shop, until

import flux_web
from flux_core import App, InvalidInput, Workflow
from flux_web import _tick_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


def status(app: App, run_id: str) -> str:
    """Return where a run stands."""
    run = app.get(run_id)
    assert run is not None
    return str(run.status)


class Held:
    """An app with a run that is due: its step tells when it has `begun`, and does not end before `go`."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self.app = App([Workflow("work").step("work", self._work)], Store())
        self.app.start("work", {}, id="w1")

    def _work(self, ctx: Any) -> None:
        self.begun.set()
        self.go.wait(PATIENCE)


def test_what_is_due_goes_on_while_the_server_lives() -> None:
    """Without a request: by the lifespan of the application."""
    app = shop()
    app.start("order", {}, id="o1")
    with Client(flux_web.asgi(app)):
        until(lambda: status(app, "o1") == "completed")


def test_nothing_goes_on_where_others_tick() -> None:
    """`tick_every=None` looks for nothing."""
    store = Store()
    with Client(flux_web.asgi(shop(store), tick_every=None)) as client:
        client.get("/viewer/about")
    assert store.finds == 0


def test_a_long_run_holds_no_other_up() -> None:
    """While one tick works, the next begins in another thread."""
    both = threading.Barrier(2, timeout=PATIENCE)
    meeting = Workflow("meeting").step("meet", lambda ctx: both.wait())
    app = App([meeting], Store())
    app.start("meeting", {}, id="m1")
    with Client(flux_web.asgi(app, tick_every=0.01)):
        until(lambda: both.n_waiting == 1)
        app.start("meeting", {}, id="m2")
        until(lambda: {status(app, "m1"), status(app, "m2")} == {"completed"})


def test_no_more_run_at_once_than_there_are_workers() -> None:
    """One worker is one run at a time."""
    at_once: list[int] = []
    lock = threading.Lock()

    def work(ctx: Any) -> None:
        alone = lock.acquire(blocking=False)
        at_once.append(1 if alone else 2)
        if alone:
            lock.release()

    app = App([Workflow("work").step("work", work)], Store())
    for number in range(5):
        app.start("work", {}, id=f"w{number}")
    with Client(flux_web.asgi(app, tick_every=0.001, workers=1)):
        until(lambda: len(at_once) == 5)
    assert at_once == [1] * 5


def test_more_than_one_tick_takes_are_gone_on_with_at_once() -> None:
    """A tick that has found as much as it takes is followed by another without a rest."""
    app = App([Workflow("work").step("work", lambda ctx: None)], Store())
    names = [f"w{number}" for number in range(3 * _tick_loop.HANDFUL)]
    for name in names:
        app.start("work", {}, id=name)
    with Client(flux_web.asgi(app, tick_every=3600)):
        until(lambda: all(status(app, name) == "completed" for name in names))


def test_a_store_that_is_down_is_asked_less_and_less(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each failure doubles the rest up to a limit; what is said names the error; it goes on where the store is back."""
    monkeypatch.setattr(_tick_loop, "LONGEST_REST", 0.08)
    store = Store()
    app = shop(store)
    app.start("order", {}, id="o1")
    store.down = True
    with Client(flux_web.asgi(app, tick_every=0.01)):
        until(lambda: len(caplog.messages) >= 5)
        store.down = False
        until(lambda: status(app, "o1") == "completed")
    said = [message for message in caplog.messages if message.startswith("a tick has failed")]
    assert [message.partition(" in ")[2] for message in said[:5]] == [
        f"{rest} s: StoreError: the store is on holiday" for rest in ("0.02", "0.04", "0.08", "0.08", "0.08")
    ]
    assert not any(record.exc_info for record in caplog.records)


def mounted(app: App, *, ticks: Callable[[], Any] | None = None) -> Starlette:
    """Return an application that the app's is mounted in."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if ticks is None:
            yield
            return
        async with ticks():
            yield

    return Starlette(routes=[Mount("/flux", flux_web.asgi(app))], lifespan=lifespan)


def test_an_application_that_mounts_it_ticks_in_its_own_lifespan() -> None:
    """`ticking` in the lifespan of the outer application goes on with what is due, and is poked."""
    app = shop()
    with Client(mounted(app, ticks=lambda: flux_web.ticking(app, every=3600))) as client:
        until(lambda: _tick_loop.loop_of(app) is not None)
        answer = client.post("/flux/workflows/order/runs", json={}, headers={"Prefer": "respond-async"})
        until(lambda: status(app, answer.json()["id"]) == "completed")
    assert _tick_loop.loop_of(app) is None


def test_a_mount_that_nobody_ticks_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """By the first request, in the log; not again."""
    with Client(mounted(shop())) as client:
        for _ in range(3):
            assert client.get("/flux/healthz").status_code == 200
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "flux_web.ticking(app)" in caplog.text


def test_a_mount_that_is_ticked_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """Neither is one that others tick."""
    app = shop()
    with Client(mounted(app, ticks=lambda: flux_web.ticking(app))) as client:
        client.get("/flux/healthz")
    with Client(flux_web.asgi(shop(), tick_every=None)) as client:
        client.get("/healthz")
    assert caplog.messages == []


def test_a_server_that_ends_waits_for_the_tick_in_hand() -> None:
    """The run that is being worked on is not left in the middle."""
    held = Held()

    async def live() -> None:
        async with flux_web.ticking(held.app):
            await anyio.to_thread.run_sync(held.begun.wait)
            threading.Timer(0.05, held.go.set).start()  # while the block is being left

    anyio.run(live)
    assert status(held.app, "w1") == "completed"


def test_what_the_block_raises_is_raised_as_it_is() -> None:
    """Whoever connects to something else in the lifespan catches the errors of that."""
    app, refused = shop(), ConnectionError("refused")

    async def live() -> None:
        async with flux_web.ticking(app):
            raise refused

    with pytest.raises(ConnectionError) as raised:
        anyio.run(live)
    assert raised.value is refused
    assert _tick_loop.loop_of(app) is None


def test_what_the_block_raises_is_raised_though_the_loop_fails_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log knows of the loop."""
    refused = ConnectionError("refused")

    async def run(loop: _tick_loop.TickLoop) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise ValueError("the loop is broken")

    async def live() -> None:
        async with flux_web.ticking(shop()):
            await anyio.wait_all_tasks_blocked()
            raise refused

    monkeypatch.setattr(_tick_loop.TickLoop, "run", run)
    with pytest.raises(ConnectionError) as raised:
        anyio.run(live)
    assert raised.value is refused
    assert "the loop is broken" in caplog.text


def test_a_loop_that_fails_ends_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody believes that runs go on."""

    async def run(loop: _tick_loop.TickLoop) -> None:
        raise ValueError("the loop is broken")

    async def live() -> None:
        async with flux_web.ticking(shop()):
            await anyio.sleep_forever()

    monkeypatch.setattr(_tick_loop.TickLoop, "run", run)
    with pytest.raises(ExceptionGroup) as raised:
        anyio.run(live)
    assert raised.group_contains(ValueError, match="the loop is broken")


def test_what_the_block_raises_waits_for_no_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run in hand is left to who comes when its lease has ended."""
    monkeypatch.setattr(_tick_loop, "LAST_WAIT", PATIENCE * 2)
    held = Held()

    async def live() -> None:
        async with flux_web.ticking(held.app):
            await anyio.to_thread.run_sync(held.begun.wait)
            raise ConnectionError("refused")

    with pytest.raises(ConnectionError):
        anyio.run(live)
    assert status(held.app, "w1") == "running"
    held.go.set()


def test_a_server_that_ends_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that takes longer is left to who comes when its lease has ended."""
    monkeypatch.setattr(_tick_loop, "LAST_WAIT", 0.05)
    held = Held()

    async def live() -> None:
        async with flux_web.ticking(held.app):
            await anyio.to_thread.run_sync(held.begun.wait)

    anyio.run(live)
    assert status(held.app, "w1") == "running"
    held.go.set()


def test_a_server_that_ends_begins_no_more_runs() -> None:
    """Of the runs of the tick in hand only that is brought to its end which is worked on."""
    begun: list[str] = []
    first, go = threading.Event(), threading.Event()

    def work(ctx: Any) -> None:
        begun.append(ctx.id)
        first.set()
        go.wait(PATIENCE)

    app = App([Workflow("work").step("work", work)], Store())
    for number in range(5):
        app.start("work", {}, id=f"w{number}")

    async def live() -> None:
        async with flux_web.ticking(app, workers=1):
            await anyio.to_thread.run_sync(first.wait, PATIENCE)
            threading.Timer(0.05, go.set).start()  # while the block is being left

    anyio.run(live)
    assert [status(app, run_id) for run_id in begun] == ["completed"]


def test_a_handler_that_would_end_the_process_ends_its_tick(caplog: pytest.LogCaptureFixture) -> None:
    """What it calls is told by the log, and other runs go on."""
    leaves, stays = Workflow("leaves").step("go", lambda ctx: sys.exit(3)), Workflow("stays").step("go", str)
    app = App([leaves, stays], Store())
    app.start("leaves", {}, id="l1")
    with Client(flux_web.asgi(app, tick_every=0.01)) as client:
        until(lambda: "a handler ended its thread by SystemExit(3)" in caplog.text)
        app.start("stays", {}, id="s1")
        until(lambda: client.get("/runs/s1").json()["status"] == "completed")


def test_workers_that_are_all_busy_for_long_are_told_of_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing else that is due goes on meanwhile, timers neither: somebody has to know."""
    monkeypatch.setattr(_tick_loop, "BUSY", 0.01)
    held = Held()
    with Client(flux_web.asgi(held.app, tick_every=0.001, workers=1)) as client:
        until(lambda: caplog.messages)
        assert held.begun.is_set()
        for _ in range(10):
            client.get("/runs")
        held.go.set()
    assert [message.partition(" for ")[0] for message in caplog.messages] == ["all 1 workers have been busy"]


@pytest.mark.parametrize(
    "options", [{"every": 0}, {"every": -1}, {"every": float("nan")}, {"workers": 0}, {"workers": "4"}]
)
def test_a_pace_that_cannot_be_is_an_error(options: dict[str, Any]) -> None:
    """Said by the option's name, before anything is ticked."""

    async def live() -> None:
        async with flux_web.ticking(shop(), **options):
            raise AssertionError("it ticks")

    with pytest.raises(InvalidInput, match=next(iter(options))):
        anyio.run(live)
