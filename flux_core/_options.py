"""What an engine can be told when it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import timedelta

    from flux_core._clock import Clock
    from flux_core._context import Context
    from flux_core._retry import Retry
    from flux_core._trace import TraceSink
    from flux_core._waker import Waker


class Hooks(TypedDict, total=False):
    """What an engine calls as it goes, `def` or `async def`, all of them optional."""

    step_start: Callable[[str, Context[Any, Any]], object]
    """Called with the step's name for each attempt, and so is `step_error`."""
    step_complete: Callable[[str, Context[Any, Any], Any], object]
    """Called once, with the output."""
    step_error: Callable[[str, Context[Any, Any], Exception], object]
    workflow_complete: Callable[[Context[Any, Any]], object]
    workflow_error: Callable[[Context[Any, Any], Exception], object]


class EngineOptions(TypedDict, total=False):
    """The options of an engine, all of them optional."""

    trace: Iterable[TraceSink]
    """Where trace events go."""
    on: Hooks
    """What to call as it goes."""
    default_retries: int | Retry
    """For nodes that say nothing; 0."""
    default_timeout: float | timedelta | None
    """Seconds, for nodes that say nothing; None."""
    checkpoint: Literal["step", "commit"]
    """When a run is saved: after every `"step"`, or only where it must be durable (a `"commit"`, a node with a
    compensation, a failed attempt, a suspension, the end), for steps that are cheap and safe to run again; `"step"`."""
    waker: Waker | None
    """What brings suspended runs back promptly; None leaves it to `tick`."""
    lease: float
    """Seconds after which a worker that shows no sign of life may be taken over from; 60."""
    max_inline_wait: float
    """The longest back-off, in seconds, that is waited out in the process; 5."""
    max_interruptions: int
    """How many take-overs in a row without a completed node end a run; 5."""
    redact: Iterable[str]
    """Paths such as `card.number`, masked wherever data is shown: in traces, logs, answers, the viewer, on the
    command line."""
    clock: Clock
    """Where the time comes from; the computer's own."""
