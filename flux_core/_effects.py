"""The effects that the machine asks its driver for, and the outcome that it is sent back."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core._context import Context
    from flux_core._trace import TraceEvent
    from flux_core.storage import Query, Record


class Now(NamedTuple):
    """Tell the time, and nothing else."""


class Load(NamedTuple):
    """`Storage.load`; the outcome's value is the record or None."""

    run_id: str


class Create(NamedTuple):
    """`Storage.create`; its errors are thrown in."""

    record: Record


class Save(NamedTuple):
    """`Storage.save`; its errors are thrown in."""

    record: Record
    replaces: int


class PutBlob(NamedTuple):
    """`Storage.put_blob`."""

    run_id: str
    key: str
    value: bytes


class GetBlob(NamedTuple):
    """`Storage.get_blob`; the outcome's value is the bytes, its errors are thrown in."""

    run_id: str
    key: str


class Find(NamedTuple):
    """`Storage.find`; the outcome's value is the page."""

    query: Query


class Delete(NamedTuple):
    """`Storage.delete`."""

    run_id: str


class Invoke(NamedTuple):
    """Call a user's function with the context; the outcome's value is an `Attempt`."""

    function: Callable[[Context[Any, Any]], Any]
    context: Context[Any, Any]
    timeout: float | None
    """Seconds after which the attempt has failed with `StepTimeout`."""
    is_async: bool


class AwaitThread(NamedTuple):
    """Wait for the thread that a timed-out attempt left behind; the outcome's value is whether it has ended."""

    timeout: float


class Delay(NamedTuple):
    """Wait so many seconds."""

    seconds: float


class Emit(NamedTuple):
    """Send an event to every trace sink."""

    event: TraceEvent


class Call(NamedTuple):
    """Call the hook of that name, if there is one."""

    hook: str
    arguments: tuple[Any, ...]


class Outcome(NamedTuple):
    """What the driver sends back for an effect: its value, and the time after it."""

    value: Any
    time: float
    """Unix seconds."""
    monotonic: float
    """Seconds of a clock that never goes back, on which deadlines are given."""


Effect: TypeAlias = (
    Now
    | Load
    | Create
    | Save
    | PutBlob
    | GetBlob
    | Find
    | Delete
    | Invoke
    | AwaitThread
    | Delay
    | Emit
    | Call
)
Attempt: TypeAlias = tuple[Any, Exception | None]
"""What came of an `Invoke`: an output, or an error."""
T = TypeVar("T")
Flow: TypeAlias = Generator[Effect, Outcome, T]
"""A decision in progress: yields effects, is sent their outcomes, returns a `T`."""
