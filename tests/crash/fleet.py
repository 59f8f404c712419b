"""Workers on one store that a test moves effect by effect: any of them may be killed, or lose the store's answer."""

from __future__ import annotations

from math import inf
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

from flux_core import Engine, StoreError
from flux_core._attempt import timed_out
from flux_core._driver import Driver
from flux_core._effects import AwaitThread, Create, Hold, Invoke, PutBlob, Save
from flux_core._outside import renew
from flux_core.testing._stepping import Call

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core._effects import Attempt, Effect, Flow
    from flux_core.storage import Storage

T = TypeVar("T")
WRITES: Final = (Create, Save, PutBlob)
LEASE: Final = 60.0  # seconds
BEFORE, AFTER = "before", "after"


class MovableClock:
    """Shows what the test makes it show; the wall clock may be set back, the monotonic one may not."""

    def __init__(self) -> None:
        self._wall = 1_000_000.0
        self._monotonic = 500.0

    def time(self) -> float:
        """Return Unix seconds."""
        return self._wall

    def monotonic(self) -> float:
        """Return monotonic seconds."""
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._wall += seconds
        self._monotonic += seconds

    async def sleep_async(self, seconds: float) -> None:
        """Let time pass."""
        self.sleep(seconds)

    def set_wall(self, by: float) -> None:
        """Set the wall clock forward, or back."""
        self._wall += by


class SlowAttempt(Exception):
    """Raised by a handler that takes longer than its node's time-out."""

    def __init__(self, *, ends: bool) -> None:
        super().__init__()
        self.ends = ends
        """Whether the thread that the attempt leaves behind ends."""


class InlineDriver(Driver):
    """Performs effects; time-outs and coroutines take no thread, and what is written or answered may get lost."""

    def __init__(self, engine: StepEngine) -> None:
        super().__init__(engine._flows, engine._loop)
        self._movable = engine.movable
        self._thread_ends = True
        self.losses: list[str] = []
        """When the next writes are lost: `before` they arrive, or `after` it."""
        self.hearts: dict[str, str] = {}
        """The tokens of the worker's leases that a heart-beat would renew, by run."""

    def perform(self, effect: Effect) -> object:
        """Perform one effect."""
        if isinstance(effect, Invoke):
            return self._attempt(effect)
        if isinstance(effect, AwaitThread):
            self._movable.sleep(0 if self._thread_ends else effect.timeout)
            return self._thread_ends
        if isinstance(effect, Hold) and effect.worker.deadline is None:
            self.hearts[effect.run_id] = effect.worker.token
        if self.losses and isinstance(effect, WRITES):
            return self._lose(effect)
        return super().perform(effect)

    def _lose(self, effect: Effect) -> object:
        if self.losses.pop() == AFTER:
            try:
                super().perform(effect)
            except Exception as error:  # that it was refused is lost, too
                raise StoreError("no answer") from error
        raise StoreError("no answer")

    def _attempt(self, effect: Invoke) -> Attempt:
        try:
            output = effect.function(effect.context)
            return _awaited(output) if hasattr(output, "__await__") else output, None
        except SlowAttempt as slow:
            self._thread_ends = slow.ends
            self._movable.sleep(effect.timeout or 0.0)
            return None, timed_out(effect)
        except Exception as error:  # noqa: BLE001 (it is the handler's)
            return None, error


def _awaited(coroutine: Any) -> object:
    """Return what a coroutine that waits for nothing returns."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("a handler of the model waits for nothing")


class StepEngine(Engine):
    """An engine whose methods return at once, with the call to step through; its draws are repeatable."""

    def __init__(self, storage: Storage, clock: MovableClock, **options: Any) -> None:
        super().__init__(storage, clock=clock, lease=LEASE, **options)
        self.movable = clock
        self.sparing = options.get("checkpoint") == "commit"
        self._flows._draw = Random(0).random  # type: ignore[method-assign]

    def beat(self, run_id: str, token: str, writer: str) -> object:
        """Renew the lease of a worker, as its heart does."""
        return self._drive(renew(run_id, token, LEASE, writer))

    def _drive(self, flow: Flow[T]) -> T:
        driver = InlineDriver(self)
        return cast("T", (Call(flow, driver, self.movable), driver))


class Request(NamedTuple):
    """What somebody asks of an engine."""

    verb: str
    run: str | None
    """The run that it is about; None if it is about whatever is due."""
    ask: Callable[[StepEngine], Any]
    """Calls the engine."""
    input: Any = None
    retry_failed: bool = False
    id: str = ""
    """Of a signal."""
    payload: Any = None
    compensate: bool = False
    step: str = ""
    output: Any = None
    redo: bool = False
    heart_of: Flight | None = None


class Flight:
    """A call in progress, one of several on the same store."""

    def __init__(self, request: Request, engine: StepEngine) -> None:
        self.request = request
        self.verb = request.verb
        self.sparing = engine.sparing
        """Whether it saves only what must be durable."""
        self.loses = False
        """Whether what it wrote, or an answer, was lost."""
        self.latest = -inf
        """The latest time that the wall clock has shown since it began."""
        self._clock = engine.movable
        self._engine = engine
        self._call: Call | None = None
        self._driver: InlineDriver | None = None

    def begin(self) -> None:
        """Make the call, up to its first effect."""
        self._note_time()
        self._call, self._driver = self.request.ask(self._engine)

    @property
    def call(self) -> Call:
        """The call, once it has begun."""
        assert self._call is not None
        return self._call

    @property
    def hearts(self) -> dict[str, str]:
        """The tokens of the leases that a heart-beat would renew, by run."""
        assert self._driver is not None
        return self._driver.hearts

    def step(self) -> None:
        """Perform the next effect."""
        self._note_time()
        self.call.step()
        self._note_time()

    def lose(self, *when: str) -> None:
        """Let the next writes get lost, before or after they have arrived."""
        assert self._driver is not None
        self._driver.losses += when
        self.loses = True

    def _note_time(self) -> None:
        self.latest = max(self.latest, self._clock.time())
