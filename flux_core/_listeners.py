"""Whoever listens to an engine: trace sinks and hooks. What they raise is logged, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from flux_core._errors import FluxError, InvalidInput
from flux_core._masking import checked_paths, mask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from flux_core._context import Context
    from flux_core._trace import TraceEvent, TraceSink

FROM_THE_RUN = (
    "output",
    "changes",
    "payload",
)  # what of an event's meta is the run's own, and may be redacted
AROUND = ("within", "left")  # the methods of `Around`


class Around(Protocol):
    """What a trace sink has besides, if it is to be around what a worker does: both methods, or neither."""

    def within(self, context: Context[Any, Any]) -> AbstractContextManager[object]:
        """Return what a user's function is called within: a handler, a compensation, a condition.

        It is entered and left in the worker's thread or task, and context variables that it sets reach the function,
        wherever that runs. It sees no error: what came of an attempt is told by events.
        """

    def left(self, run_id: str, error: BaseException | None) -> None:
        """Take note that the worker does not work on the run any more, or did not create it: it was there already.

        Args:
            run_id: the run's id.
            error: what has stopped the worker, if it did not come to an end: a lost lease, a store that is down.
        """


class Listeners:
    """The trace sinks and hooks of an engine; `redact` names the paths that no sink gets to see."""

    __slots__ = ("_redact", "around", "hooks", "sinks")

    def __init__(
        self, sinks: Iterable[TraceSink], hooks: Mapping[str, object], redact: Iterable[str]
    ) -> None:
        if not isinstance(hooks, Mapping):
            raise InvalidInput(f"expected a dict, got {hooks!r}", path="on")
        self.sinks = checked_sinks(sinks)
        self.hooks: dict[str, Any] = dict(hooks)
        for name, hook in self.hooks.items():
            if not callable(hook):
                raise InvalidInput(f"expected a function, got {hook!r}", path=f"on.{name}")
        around: list[Any] = [sink for sink in self.sinks if hasattr(sink, "within")]
        self.around: tuple[Around, ...] = tuple(around)
        self._redact = checked_paths(redact)

    def masked(self, value: Any) -> Any:
        """Return the value with what `redact` names masked."""
        for path in self._redact:
            value = mask(value, path)
        return value

    def emit(self, event: TraceEvent) -> None:
        """Send the event to every sink, masked."""
        if self._redact:
            event = self._masked(event)
        for sink in self.sinks:
            try:
                sink.emit(event)
            except Exception as error:  # noqa: BLE001 (a sink breaks no run)
                report_failure(f"trace sink {type(sink).__name__}.emit", error)

    def close(self) -> None:
        """Close every sink."""
        for sink in self.sinks:
            try:
                sink.close()
            except Exception as error:  # noqa: BLE001 (a sink breaks no run)
                report_failure(f"trace sink {type(sink).__name__}.close", error)

    @contextmanager
    def within(self, context: Context[Any, Any]) -> Iterator[None]:
        """Call a user's function in the block: within what each sink has around it, which sees no error of that."""
        entered = []
        for sink in self.around:
            try:
                manager = sink.within(context)
                manager.__enter__()
            except Exception as error:  # noqa: BLE001 (a sink breaks no run)
                report_failure(f"trace sink {type(sink).__name__}.within", error)
            else:
                entered.append((sink, manager))
        try:
            yield
        finally:
            for sink, manager in reversed(entered):
                try:
                    manager.__exit__(None, None, None)
                except Exception as error:  # noqa: BLE001 (a sink breaks no run)
                    report_failure(f"trace sink {type(sink).__name__}.within", error)

    def left(self, run_id: str, error: BaseException | None) -> None:
        """Tell those sinks that the worker does not work on the run any more; the error is what has stopped it."""
        for sink in self.around:
            try:
                sink.left(run_id, error)
            except Exception as broken:  # noqa: BLE001 (a sink breaks no run)
                report_failure(f"trace sink {type(sink).__name__}.left", broken)

    def _masked(self, event: TraceEvent) -> TraceEvent:
        meta = event.meta and {
            name: self.masked(value) if name in FROM_THE_RUN else value for name, value in event.meta.items()
        }
        return event._replace(input=self.masked(event.input), data=self.masked(event.data), meta=meta)


def checked_sinks(sinks: Iterable[TraceSink]) -> tuple[TraceSink, ...]:
    """Return the trace sinks.

    Raises:
        InvalidInput: it is one instead of several, or one of them is none.
    """
    given: object = sinks
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InvalidInput(
            f"expected several sinks, as in trace=[NDJSONTrace(...)], got {given!r}", path="trace"
        )
    sinks = tuple(sinks)
    for index, sink in enumerate(sinks):
        if not callable(getattr(sink, "emit", None)):
            raise InvalidInput(
                f"expected a sink with a method emit(event), got {sink!r}", path=f"trace[{index}]"
            )
        if any(hasattr(sink, name) for name in AROUND) and not all(
            callable(getattr(sink, name, None)) for name in AROUND
        ):
            raise InvalidInput(
                "expected a sink with both methods, within(context) and left(run_id, error), or with neither,"
                f" got {sink!r}",
                path=f"trace[{index}]",
            )
    return sinks


def report_failure(what: str, error: BaseException) -> None:
    """Log an error that changes nothing, under `flux`; one of Flux's own says what it is about without a traceback."""
    from logging import getLogger  # loaded by the first failure

    if isinstance(error, FluxError):
        getLogger("flux").error("%s failed: %s: %s", what, type(error).__name__, error)
    else:
        getLogger("flux").error("%s failed", what, exc_info=error)
