"""A trace sink lacks a method of the port, or has one with another signature."""

from flux_core import Engine, TraceEvent
from flux_core.trace import TraceSink


class NoClose:
    def emit(self, event: TraceEvent) -> None: ...


class TakesText:
    def emit(self, event: str) -> None: ...
    def close(self) -> None: ...


sink: TraceSink = NoClose()  # error
Engine(trace=[NoClose()])  # error
Engine(trace=[TakesText()])  # error
