"""The trace that a run belongs to: where it comes from, and who is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.conftest import Recorder

from flux_core import Context, Workflow, sleep
from flux_core._invocation import CURRENT, Invocation

if TYPE_CHECKING:
    import pytest
    from core.conftest import Clock, MakeEngine

    from flux_core.storage import MemoryStorage

Ctx = Context[Any, Any]
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FLOW = Workflow("w").step("rest", lambda _: sleep(60))


class Tracer(Recorder):
    """A sink that has a trace of its own for each run."""

    def __init__(self, parent: str | None) -> None:
        super().__init__()
        self.parent = parent
        self.asked: list[tuple[str, str]] = []

    def traceparent(self, run_id: str, workflow: str) -> str | None:
        """Give the trace."""
        self.asked.append((run_id, workflow))
        return self.parent


class Broken(Recorder):
    """A sink that cannot say."""

    def traceparent(self, run_id: str, workflow: str) -> str | None:
        """Fail."""
        raise OSError("no trace today")


def test_a_sink_says_which_trace_a_run_belongs_to(make_engine: MakeEngine, store: MemoryStorage) -> None:
    """The first sink that says one is heard, once, before the run is created; the run keeps it."""
    silent, wrong, tracer = Tracer(None), Tracer("no trace"), Tracer(PARENT)
    engine = make_engine(store, trace=[silent, wrong, tracer, Tracer("another")])
    engine.execute(FLOW, {}, id="r")
    assert silent.asked == wrong.asked == tracer.asked == [("r", "w")]
    assert engine.run("r").traceparent == PARENT
    assert engine.run("r").to_dict()["traceparent"] == PARENT


def test_begin_and_going_on_tell_it(make_engine: MakeEngine, store: MemoryStorage, clock: Clock) -> None:
    """Another process is told of it when it goes on with the run."""
    make_engine(store, trace=[Tracer(PARENT)]).execute(FLOW, {}, id="r")
    clock.advance(60)
    sink = Recorder()
    make_engine(store, trace=[sink]).resume(FLOW, "r")
    told = [(event.type, event.meta) for event in sink.events if event.type == "workflow:resume"]
    assert told == [("workflow:resume", {"traceparent": PARENT})]


def test_a_failure_tells_it_too(make_engine: MakeEngine, store: MemoryStorage) -> None:
    """A run that has lost its worker too often fails without having gone on."""

    def fail(ctx: Ctx) -> None:
        raise ValueError

    sink = Recorder()
    make_engine(store, trace=[Tracer(PARENT), sink]).execute(Workflow("w").step("a", fail), {})
    (failed,) = [event.meta for event in sink.events if event.type == "workflow:error"]
    assert failed is not None
    assert failed["traceparent"] == PARENT


def test_without_a_sink_that_says_it_the_invocation_does(
    make_engine: MakeEngine, store: MemoryStorage, caplog: pytest.LogCaptureFixture
) -> None:
    """What is being served belongs to a trace, and so does the run; a sink that fails breaks nothing."""
    token = CURRENT.set(Invocation({}, traceparent=PARENT))
    try:
        make_engine(store, trace=[Broken()]).start(FLOW, {}, id="r")
    finally:
        CURRENT.reset(token)
    assert make_engine(store).run("r").traceparent == PARENT
    assert "trace sink Broken.traceparent failed" in caplog.text


def test_a_run_may_belong_to_none(make_engine: MakeEngine) -> None:
    """Without anybody to say it a run belongs to no trace."""
    engine = make_engine()
    engine.start(FLOW, {}, id="r")
    assert engine.run("r").traceparent is None
