"""What the engine's tests share: a clock that stands still, and one front for the engine and its async twin."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from contextlib import closing, contextmanager
from contextvars import copy_context
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import pytest

from flux_core import AsyncEngine, Engine
from flux_core.storage import MemoryStorage, SQLiteStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import Unpack

    from flux_core import EngineOptions, Page, Result, Run, TickReport, TraceEvent, Workflow
    from flux_core.storage import Storage

I = TypeVar("I")  # noqa: E741 (as in flux_core)
D = TypeVar("D")
T = TypeVar("T")

START = 1_000_000.0


class Clock:
    """A clock that only waits and tests move; its Unix and monotonic seconds differ, as they do in the world."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.slept: list[float] = []

    def time(self) -> float:
        """Return Unix seconds."""
        return START + self.passed

    def monotonic(self) -> float:
        """Return monotonic seconds."""
        return 500.0 + self.passed

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.passed += seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass at once, and note it."""
        self.slept.append(seconds)
        self.passed += seconds

    async def sleep_async(self, seconds: float) -> None:
        """Let time pass at once, and note it."""
        self.sleep(seconds)


def steal(store: Storage, run_id: str) -> None:
    """Take a run over as another worker does: with a lease of its own."""
    record = store.load(run_id)
    assert record is not None
    document = json.loads(record.document) | {"lease": {"token": "other", "until": 0.0}}
    taken = record._replace(
        revision=record.revision + 1, writer="other", document=json.dumps(document).encode()
    )
    store.save(taken, replaces=record.revision)


def elsewhere(call: Callable[[], object]) -> None:
    """Make the call in another thread, where no event loop runs, and wait for it."""
    thread = Thread(target=call)
    thread.start()
    thread.join(5)


class Death(BaseException):
    """Raised by a handler whose process dies there: no `Exception`, so the engine saves nothing of it."""


def die(ctx: object) -> None:
    """Be a handler that takes its process down."""
    raise Death


class AnyEngine:
    """An `Engine`, or an `AsyncEngine` on a loop that each call runs, with the same blocking methods."""

    def __init__(self, engine: Engine | AsyncEngine, runner: asyncio.Runner) -> None:
        self.engine = engine
        self._runner = runner

    def wait(self, called: T | Awaitable[T]) -> T:
        """Return what was called, or what came of awaiting it."""
        if not isinstance(called, Awaitable):
            return called

        async def whole() -> T:
            return await cast("Awaitable[T]", called)

        return self._runner.run(whole(), context=copy_context())

    def execute(self, workflow: Workflow[I, D], input: Any, **options: Any) -> Result[D]:
        """Call `execute`."""
        result: Result[D] = self.wait(self.engine.execute(workflow, input, **options))
        return result

    def start(self, workflow: Workflow[I, D], input: Any, **options: Any) -> Result[D]:
        """Call `start`."""
        result: Result[D] = self.wait(self.engine.start(workflow, input, **options))
        return result

    def resume(self, workflow: Workflow[I, D], run_id: str, **options: Any) -> Result[D]:
        """Call `resume`."""
        result: Result[D] = self.wait(self.engine.resume(workflow, run_id, **options))
        return result

    def wake(self, workflow: Workflow[I, D], run_id: str, **options: Any) -> Result[D]:
        """Call `wake`."""
        result: Result[D] = self.wait(self.engine.wake(workflow, run_id, **options))
        return result

    def retry_step(self, workflow: Workflow[I, D], run_id: str, step: str, **options: Any) -> Result[D]:
        """Call `retry_step`."""
        result: Result[D] = self.wait(self.engine.retry_step(workflow, run_id, step, **options))
        return result

    def signal(
        self, workflow: Workflow[I, D], run_id: str, name: Any, payload: Any = None, **options: Any
    ) -> Result[D]:
        """Call `signal`."""
        result: Result[D] = self.wait(self.engine.signal(workflow, run_id, name, payload, **options))
        return result

    def cancel(self, workflow: Workflow[I, D], run_id: str, **options: Any) -> Result[D]:
        """Call `cancel`."""
        result: Result[D] = self.wait(self.engine.cancel(workflow, run_id, **options))
        return result

    def pause(self, run_id: str) -> Run:
        """Call `pause`."""
        return self.wait(self.engine.pause(run_id))

    def resolve(self, workflow: Workflow[I, D], run_id: str, step: str, **options: Any) -> Result[D]:
        """Call `resolve`."""
        result: Result[D] = self.wait(self.engine.resolve(workflow, run_id, step, **options))
        return result

    def tick(self, workflows: Iterable[Workflow[Any, Any]], **options: Any) -> TickReport:
        """Call `tick`."""
        return self.wait(self.engine.tick(workflows, **options))

    def get(self, run_id: str) -> Run | None:
        """Call `get`."""
        return self.wait(self.engine.get(run_id))

    def run(self, run_id: str) -> Run:
        """Return a run that is there."""
        run = self.get(run_id)
        assert run is not None
        return run

    def list(self, **options: Any) -> Page:
        """Call `list`."""
        return self.wait(self.engine.list(**options))

    def delete(self, run_id: str) -> None:
        """Call `delete`."""
        self.wait(self.engine.delete(run_id))


class MakeEngine(Protocol):
    """Makes engines of the kind that the test is run with, on the test's clock."""

    def __call__(self, storage: Storage | None = None, **options: Unpack[EngineOptions]) -> AnyEngine:
        """Return an engine; its clock is the test's unless another is given."""


class Recorder:
    """A trace sink that keeps what it is sent."""

    def __init__(self) -> None:
        self.events: list[TraceEvent] = []
        self.closed = 0

    def emit(self, event: TraceEvent) -> None:
        """Keep the event."""
        self.events.append(event)

    def close(self) -> None:
        """Count the call."""
        self.closed += 1

    @property
    def types(self) -> list[str]:
        """The types of the events so far."""
        return [event.type for event in self.events]


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


@pytest.fixture
def recorder() -> Recorder:
    """Give a trace sink that keeps what it is sent."""
    return Recorder()


@contextmanager
def _engines(make: Callable[..., Engine | AsyncEngine], clock: Clock) -> Iterator[MakeEngine]:
    made: list[Engine | AsyncEngine] = []
    with asyncio.Runner() as runner:

        def make_engine(storage: Storage | None = None, **options: Unpack[EngineOptions]) -> AnyEngine:
            settings: EngineOptions = {"clock": clock, **options}
            made.append(make(storage, **settings))
            return AnyEngine(made[-1], runner)

        yield make_engine
        for engine in made:
            engine.close()


@pytest.fixture(params=[Engine, AsyncEngine])
def make_engine(request: pytest.FixtureRequest, clock: Clock) -> Iterator[MakeEngine]:
    """Give what makes engines, in turn synchronous and asynchronous ones."""
    with _engines(request.param, clock) as make:
        yield make


@pytest.fixture
def store() -> MemoryStorage:
    """Give an empty store in memory."""
    return MemoryStorage()


@pytest.fixture(params=["memory", "sqlite"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """Give an empty store, in memory and in a file."""
    made = MemoryStorage() if request.param == "memory" else SQLiteStorage(tmp_path / "flux.db")
    with closing(made):
        yield made


@pytest.fixture
def engine(make_engine: MakeEngine, store: MemoryStorage) -> AnyEngine:
    """Give an engine, in turn a synchronous and an asynchronous one, over the store in memory."""
    return make_engine(store)
