"""The effects that the machine asks its driver for, and the outcome that it is sent back."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flux_core._context import Context
    from flux_core._trace import TraceEvent
    from flux_core._worker import Worker
    from flux_core.storage import Query, Record


class _Effect:
    """An effect is a plain object with slots: a NamedTuple takes longer to define, and a little longer to make."""

    __slots__: tuple[str, ...] = ()

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({values})"


class Now(_Effect):
    """Tell the time, and nothing else; the outcome's value is a `Moment`."""

    __slots__ = ()


class Hold(_Effect):
    """Know that a worker holds the run from now on: renew its lease while this flow lasts, if it is to be renewed."""

    __slots__ = ("run_id", "worker")

    def __init__(self, run_id: str, worker: Worker) -> None:
        self.run_id = run_id
        self.worker = worker


class Left(_Effect):
    """Know that the worker does not hold the run any more because of the error, though the flow goes on."""

    __slots__ = ("error", "run_id")

    def __init__(self, run_id: str, error: Exception) -> None:
        self.run_id = run_id
        self.error = error


class Load(_Effect):
    """`Storage.load`; the outcome's value is the record or None."""

    __slots__ = ("run_id",)

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id


class Create(_Effect):
    """`Storage.create`; the outcome's value is the record that stood there before, or None."""

    __slots__ = ("record",)

    def __init__(self, record: Record) -> None:
        self.record = record


class Save(_Effect):
    """`Storage.save`; its errors are thrown in."""

    __slots__ = ("record", "replaces")

    def __init__(self, record: Record, replaces: int) -> None:
        self.record = record
        self.replaces = replaces


class PutBlob(_Effect):
    """`Storage.put_blob`."""

    __slots__ = ("key", "run_id", "value")

    def __init__(self, run_id: str, key: str, value: bytes) -> None:
        self.run_id = run_id
        self.key = key
        self.value = value


class GetBlob(_Effect):
    """`Storage.get_blob`; the outcome's value is the bytes, its errors are thrown in."""

    __slots__ = ("key", "run_id")

    def __init__(self, run_id: str, key: str) -> None:
        self.run_id = run_id
        self.key = key


class Find(_Effect):
    """`Storage.find`; the outcome's value is the page."""

    __slots__ = ("query",)

    def __init__(self, query: Query) -> None:
        self.query = query


class Tally(_Effect):
    """`Storage.tally`, of a store that can count; the outcome's value is what it counted."""

    __slots__ = ("edges", "query")

    def __init__(self, query: Query, edges: Sequence[float]) -> None:
        self.query = query
        self.edges = edges


class Delete(_Effect):
    """`Storage.delete`."""

    __slots__ = ("run_id",)

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id


class Invoke(_Effect):
    """Call a user's function with the context; the outcome's value is an `Attempt`."""

    __slots__ = ("context", "function", "is_async", "timeout")

    def __init__(
        self,
        function: Callable[[Context[Any, Any]], Any],
        context: Context[Any, Any],
        timeout: float | None,
        *,
        is_async: bool,
    ) -> None:
        self.function = function
        self.context = context
        self.timeout = timeout
        """Seconds after which the attempt has failed with `StepTimeout`."""
        self.is_async = is_async


class AwaitThread(_Effect):
    """Wait for the thread that a timed-out attempt left behind; the outcome's value is whether it has ended."""

    __slots__ = ("timeout",)

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout


class Delay(_Effect):
    """Wait so many seconds."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class Wake(_Effect):
    """Have the waker bring the run back at that time, if it can; `tick` makes it certain."""

    __slots__ = ("at", "run_id")

    def __init__(self, run_id: str, at: float) -> None:
        self.run_id = run_id
        self.at = at


class Emit(_Effect):
    """Send an event to every trace sink."""

    __slots__ = ("event",)

    def __init__(self, event: TraceEvent) -> None:
        self.event = event


class Call(_Effect):
    """Call the hook of that name, if there is one."""

    __slots__ = ("arguments", "hook")

    def __init__(self, hook: str, arguments: tuple[Any, ...]) -> None:
        self.hook = hook
        self.arguments = arguments


class Moment(NamedTuple):
    """What the clocks show."""

    time: float
    """Unix seconds."""
    monotonic: float
    """Seconds of a clock that never goes back, on which deadlines are given."""


Effect: TypeAlias = (
    Now
    | Hold
    | Left
    | Load
    | Create
    | Save
    | PutBlob
    | GetBlob
    | Find
    | Tally
    | Delete
    | Invoke
    | AwaitThread
    | Delay
    | Wake
    | Emit
    | Call
)
Attempt: TypeAlias = tuple[Any, Exception | None]
"""What came of an `Invoke`: an output, or an error."""
Outcome: TypeAlias = tuple[Any, float, float]
"""What the driver sends back for an effect: its value, then the time and the monotonic time after it."""
T = TypeVar("T")
Flow: TypeAlias = Generator[Effect, Outcome, T]
"""A decision in progress: yields effects, is sent their outcomes, returns a `T`."""
