"""Whoever listens to an engine: trace sinks and hooks. What they raise is logged, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from flux_core._errors import InvalidInput

if TYPE_CHECKING:
    from flux_core._trace import TraceEvent, TraceSink

MASK = "***"


class Listeners:
    """The trace sinks and hooks of an engine; `redact` names the paths that no sink gets to see."""

    __slots__ = ("_redact", "hooks", "sinks")

    def __init__(
        self, sinks: Iterable[TraceSink], hooks: Mapping[str, object], redact: Iterable[str]
    ) -> None:
        if isinstance(redact, str):
            raise InvalidInput(f"expected several paths, got the one string {redact!r}", path="redact")
        for path, given, kind in (
            ("trace", sinks, Iterable),
            ("on", hooks, Mapping),
            ("redact", redact, Iterable),
        ):
            if not isinstance(given, kind):
                raise InvalidInput(
                    f"expected {'a dict' if kind is Mapping else 'several'}, got {given!r}", path=path
                )
        self.sinks = tuple(sinks)
        self.hooks: dict[str, Any] = dict(hooks)
        for index, sink in enumerate(self.sinks):
            if not callable(getattr(sink, "emit", None)):
                raise InvalidInput(
                    f"expected a sink with a method emit(event), got {sink!r}", path=f"trace[{index}]"
                )
        for name, hook in self.hooks.items():
            if not callable(hook):
                raise InvalidInput(f"expected a function, got {hook!r}", path=f"on.{name}")
        self._redact = tuple(tuple(path.split(".")) for path in redact)

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

    def _masked(self, event: TraceEvent) -> TraceEvent:
        shown, data, meta = event.input, event.data, event.meta
        for path in self._redact:
            shown = mask(shown, path)
            data = mask(data, path)
            if meta:
                meta = {name: mask(value, path) for name, value in meta.items()}
        return event._replace(input=shown, data=data, meta=meta)


def mask(value: Any, path: tuple[str, ...]) -> Any:
    """Return the value with what stands at the path masked; a list on the way means each of its items."""
    if isinstance(value, list):
        return [mask(item, path) for item in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    inner = MASK if len(path) == 1 else mask(value[path[0]], path[1:])
    return {**value, path[0]: inner}


def report_failure(what: str, error: BaseException) -> None:
    """Log an error that changes nothing, under `flux`."""
    from logging import getLogger  # loaded by the first failure

    getLogger("flux").error("%s failed", what, exc_info=error)
