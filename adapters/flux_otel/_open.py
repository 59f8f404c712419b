"""Spans that are open: those of a run that a worker has, and of the attempt that it makes."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from threading import get_ident
from typing import TYPE_CHECKING, NamedTuple

from flux_otel._attributes import STATUS, clean, fail

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from flux_core import TraceEvent


class Tried(NamedTuple):
    """An attempt that has ended."""

    kind: str
    """`step`, `commit` or `compensation`."""
    seconds: float
    error: str | None
    """The type of the error that it failed with."""


class OpenAttempt:
    """An attempt of a step whose handler was called, and its span."""

    def __init__(self, step: str, kind: str, span: Span) -> None:
        self.step = step
        self.kind = kind
        self.span = span
        self._began = time.perf_counter()
        self._seconds: float | None = None
        self._returned_at: int | None = None

    def returned(self) -> None:
        """Take note that the handler has returned: what it did is still to be saved."""
        self._seconds = time.perf_counter() - self._began
        self._returned_at = time.time_ns()

    def end(self, error: str | None) -> Tried:
        """End the span; it lasts until the handler returned."""
        self.span.end(self._returned_at)
        seconds = time.perf_counter() - self._began if self._seconds is None else self._seconds
        return Tried(self.kind, seconds, error)


class OpenRun:
    """A run that a worker of this process has, and its span."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self.worker = worker()
        self.told: TraceEvent | None = None
        """The event that an attempt begins whose handler was not called yet."""
        self.attempt: OpenAttempt | None = None

    def attempt_of(self, step: str | None) -> OpenAttempt | None:
        """Return the attempt that is open, if it is one of that step; another thread may end it meanwhile."""
        attempt = self.attempt
        return attempt if attempt is not None and attempt.step == step else None

    def end_attempt(self, error: str | None = None) -> Tried | None:
        """End the span of the attempt, if one is open; one that was not made has none."""
        self.told = None
        attempt, self.attempt = self.attempt, None
        return None if attempt is None else attempt.end(error)

    def end(self, status: str | None) -> None:
        """End the span, and what is open below it."""
        self.end_attempt()
        if status is not None:
            self.span.set_attribute(STATUS, status)
        self.span.end()

    def lose(self, mark: str, error: BaseException | None = None) -> None:
        """End the span, and what is open below it, without knowing what became of the run.

        Args:
            mark: the attribute that says why.
            error: what has stopped the worker, if that is known.
        """
        for span in (self.attempt.span if self.attempt else None, self.span):
            if span is not None:
                span.set_attribute(mark, value=True)
        if error is not None:
            fail(self.span, clean(type(error).__name__), str(error), recorded=True)
        self.end(None)


def worker() -> object:
    """Return who calls: the task of an event loop, or else the thread."""
    asyncio = sys.modules.get("asyncio")
    with suppress(AttributeError, RuntimeError):  # it is not loaded, or no loop runs in this thread
        return asyncio.current_task() or get_ident()  # type: ignore[union-attr]  # as above
    return get_ident()
