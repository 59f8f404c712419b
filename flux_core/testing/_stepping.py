"""An engine whose calls are performed effect by effect, so that a test decides what happens in between."""

from __future__ import annotations

from types import GeneratorType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flux_core._driver import Driver
from flux_core._effects import Create, Delete, Find, GetBlob, Load, PutBlob, Save
from flux_core._engine import Engine
from flux_core._loop import refuse_running_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from flux_core._clock import Clock
    from flux_core._effects import Effect, Flow

T = TypeVar("T")

STORE_EFFECTS = (Create, Delete, Find, GetBlob, Load, PutBlob, Save)


class Call:
    """A call of an engine in progress: the effect that stands next, and how it ended once there is none."""

    def __init__(self, flow: Flow[Any], driver: Driver, clock: Clock) -> None:
        self._flow = flow
        self._driver = driver
        self._clock = clock
        self.next: Effect | None = None
        """The effect that the next `step` performs; None when the call has ended."""
        self.result: Any = None
        self.error: Exception | None = None
        self._go(lambda: next(flow))

    @property
    def touches_store(self) -> bool:
        """Whether the next effect is one that another worker could notice."""
        return isinstance(self.next, STORE_EFFECTS)

    def step(self) -> None:
        """Perform the next effect."""
        assert self.next is not None, "the call has ended"  # noqa: S101 (a misuse by a test)
        try:
            value = self._driver.perform(self.next)
        except Exception as error:  # noqa: BLE001 (the flow decides)
            self._go(lambda error=error: self._flow.throw(error))  # type: ignore[misc]  # a default argument
        else:
            self._go(lambda: self._flow.send((value, self._clock.time(), self._clock.monotonic())))

    def finish(self) -> Any:
        """Perform what is left, and return the result or raise the error of the call."""
        while self.next is not None:
            self.step()
        if self.error is not None:
            raise self.error
        return self.result

    def stop(self) -> None:
        """Die here: nothing more is performed."""
        self._flow.close()
        self.next = None

    def _go(self, advance: Callable[[], Effect]) -> None:
        self.next = None
        try:
            self.next = advance()
        except StopIteration as stop:
            self.result = stop.value
        except Exception as error:  # noqa: BLE001 (how the call ended)
            self.error = error


class Script(Call):
    """Several calls, one after the other: each is made when the one before it has ended.

    Args:
        calls: yields them; it is sent what each returned, and what a call raised is raised in it.
    """

    def __init__(self, calls: Generator[Call, Any, Any]) -> None:
        self._calls = calls
        self._call: Call | None = None
        self.result = self.error = None
        self._go(self._advance)

    @property
    def touches_store(self) -> bool:
        """Whether the next effect is one that another worker could notice."""
        return self._call is not None and self._call.touches_store

    def step(self) -> None:
        """Perform the next effect."""
        assert self._call is not None, "there are no calls"  # noqa: S101 (a misuse by a test)
        self._call.step()
        self._go(self._advance)

    def stop(self) -> None:
        """Die here: nothing more is performed, and no call made."""
        if self._call is not None:
            self._call.stop()
        self._calls.close()
        self.next = None

    def _advance(self) -> Effect:
        """Return the effect that stands next; it is one of the next call if the last has ended."""
        while self._call is None or self._call.next is None:
            if self._call is not None and self._call.error is not None:
                self._call = self._calls.throw(self._call.error)
            else:
                self._call = self._calls.send(self._call and self._call.result)
        return self._call.next


class StillEngine(Engine):
    """An engine for a clock that the test moves: it has no heart-beat, which goes by real time, in a thread."""

    def _drive(self, flow: Flow[T]) -> T:
        refuse_running_loop()
        return Driver(self._flows, self._loop).run(flow)


class SteppingEngine(Engine):
    """An engine whose methods return at once, with a `Call` to step through instead of a result."""

    def _drive(self, flow: Flow[T]) -> T:
        return cast("T", Call(flow, Driver(self._flows, self._loop), self._flows.clock))


def begun(call: Callable[[Engine], Any], engine: SteppingEngine) -> Call:
    """Return what a test's function has the engine do: one call, or the several that it yields."""
    made = call(engine)
    return Script(made) if isinstance(made, GeneratorType) else made
