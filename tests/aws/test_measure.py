"""Measurements that no trace event carries reach the sinks that take them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from aws import events
from clouds.shop import order_id

import flux_aws
from flux_aws._sources.source import invocation_of
from flux_core import App, LeaseLost, Workflow
from flux_core._invocation import CURRENT
from flux_core._serving.measure import serving
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from clouds.shop import Shop

    from flux_core import TraceEvent
    from flux_core.storage import Query, RecordPage


class Deaf:
    """A sink that takes events alone."""

    def emit(self, event: TraceEvent) -> None:
        """Take an event."""

    def close(self) -> None:
        """Do nothing."""


class Meter(Deaf):
    """A sink that keeps its measurements, and may break."""

    def __init__(self, error: Exception | None = None) -> None:
        self.taken: list[tuple[str, float, str, str | None]] = []
        self._error = error

    def measure(self, name: str, value: float, *, unit: str, workflow: str | None = None) -> None:
        """Keep it."""
        if self._error:
            raise self._error
        self.taken.append((name, value, unit, workflow))


def losing(app: App, method: str) -> Callable[..., Any]:
    """Return a handler of an app whose method finds that another worker has the run."""

    def lose(*arguments: object, **options: object) -> None:
        raise LeaseLost("another worker has it")

    setattr(app, method, lose)
    return flux_aws.handler(app, key=order_id)


def test_a_lost_lease_is_counted(shop: Shop) -> None:
    """Each that an order comes upon counts one, under the order's workflow."""
    meter = Meter()
    handler = losing(shop.app(trace=[Deaf(), meter]), "execute")
    with pytest.raises(LeaseLost):
        handler({"order_id": "o_1"}, events.Context())

    assert meter.taken == [("LeaseLost", 1, "Count", "order")]


@pytest.mark.parametrize(
    ("method", "command"),
    [
        ("resume", {"action": "resume", "id": "o_1"}),
        ("signal", {"action": "signal", "id": "o_1", "name": "approved"}),
        ("execute", {"action": "run", "input": {"order_id": "o_1"}}),
    ],
)
def test_a_lost_lease_of_a_command_is_counted(shop: Shop, method: str, command: dict[str, Any]) -> None:
    """So does each that a command comes upon."""
    meter = Meter()
    app = shop.app(trace=[meter])
    app.start("order", {"order_id": "o_1"}, id="o_1")
    handler = losing(app, method)
    with pytest.raises(LeaseLost):
        handler({"flux": command}, events.Context())

    assert meter.taken == [("LeaseLost", 1, "Count", "order")]


def test_a_tick_measures_what_has_been_due_longest() -> None:
    """The age is that of the oldest, in seconds, before the tick has gone on with it."""
    meter = Meter()
    app = App([Workflow("one").step("step", lambda ctx: 1)], MemoryStorage(), trace=[meter])
    app.start("one", {})
    time.sleep(0.02)
    app.start("one", {})
    flux_aws.handler(app)({"flux": {"action": "tick"}}, events.Context())
    ((name, age, unit, workflow),) = meter.taken

    assert (name, unit, workflow) == ("DueAge", "Seconds", None)
    assert 0.02 <= age < 5


def test_a_tick_with_nothing_due_measures_zero() -> None:
    """An alarm on the age must see that it is over."""
    meter = Meter()
    app = App([Workflow("one").step("step", lambda ctx: 1)], MemoryStorage(), trace=[meter])
    flux_aws.handler(app)({"flux": {"action": "tick"}}, events.Context())

    assert meter.taken == [("DueAge", 0.0, "Seconds", None)]


def test_runs_of_other_apps_are_not_measured() -> None:
    """Several apps may keep their runs in one table; each measures what it goes on with itself, the oldest of all."""
    meter = Meter()
    storage = MemoryStorage()
    served = [Workflow(name).step("step", lambda ctx: 1) for name in ("one", "two")]
    with App([Workflow("other").step("step", lambda ctx: 1)], storage) as other:
        other.start("other", {})
        app = App(served, storage, trace=[meter])
        tick = flux_aws.handler(app, workflow="one")
        tick({"flux": {"action": "tick"}}, events.Context())
        app.start("two", {})
        time.sleep(0.02)
        app.start("one", {})
        tick({"flux": {"action": "tick"}}, events.Context())

    (_, idle, *_), (_, age, *_) = meter.taken
    assert idle == 0.0
    assert 0.02 <= age < 5


class Follower(Deaf):
    """A sink that keeps which invocations begin and end."""

    def __init__(self, error: Exception | None = None) -> None:
        self.told: list[str] = []
        self._error = error

    def begin_invocation(self) -> None:
        """Keep it."""
        self._keep("begin")

    def end_invocation(self) -> None:
        """Keep it."""
        self._keep("end")

    def _keep(self, what: str) -> None:
        invocation = CURRENT.get()
        self.told.append(f"{what} {invocation.request_id if invocation else None}")
        if self._error:
            raise self._error


@pytest.mark.parametrize("error", [None, ZeroDivisionError()])
def test_sinks_are_told_of_each_invocation(error: Exception | None) -> None:
    """Begin and end, while it is the current one, even if it fails; a sink that breaks breaks nothing."""
    follower = Follower(error)
    app = App([Workflow("one").step("step", lambda ctx: 1)], MemoryStorage(), trace=[Deaf(), follower])
    invocation = invocation_of({}, events.Context())
    with pytest.raises(KeyError), serving(app, invocation):
        raise KeyError

    assert follower.told == [f"begin {invocation.request_id}", f"end {invocation.request_id}"]


def test_nobody_who_measures_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a sink for it the store is not asked for the oldest."""
    app = App([Workflow("one").step("step", lambda ctx: 1)], MemoryStorage(), trace=[Deaf()])
    find, asked = app.engine.storage.find, []

    def counted(query: Query) -> RecordPage:
        asked.append(query)
        return find(query)

    monkeypatch.setattr(app.engine.storage, "find", counted)
    flux_aws.handler(app)({"flux": {"action": "tick"}}, events.Context())

    assert len(asked) == 1  # the tick's own


def test_a_sink_that_breaks_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The others still measure, and the log says what is lost."""
    meter = Meter()
    sinks = [Meter(ZeroDivisionError("no disk")), meter]
    app = App([Workflow("one").step("step", lambda ctx: 1)], MemoryStorage(), trace=sinks)
    report = flux_aws.handler(app)({"flux": {"action": "tick"}}, events.Context())

    assert report["due"] == 0
    assert (len(meter.taken), "measurement DueAge is lost" in caplog.text) == (1, True)
