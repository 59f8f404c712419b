"""The spans of runs, begun and ended as their events tell."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import attach, detach
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanKind,
    get_current_span,
    set_span_in_context,
)

from flux_core._invocation import CURRENT
from flux_otel import _attributes as named
from flux_otel._open import OpenAttempt, OpenRun, Tried, worker
from flux_otel._places import around, of_flux, remote, traceparent_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.trace import Span, SpanContext, Tracer

    from flux_core import Context, TraceEvent

BEGINNINGS: Final = frozenset({"workflow:start", "workflow:resume"})
ATTEMPTS: Final = frozenset({("step:start", "running"), ("step:compensate", "compensating")})
"""The type and the status of the events by which an attempt begins."""
OUTCOMES: Final = frozenset({"step:complete", "step:error", "step:suspend", "step:compensate"})
"""The types of the events by which one ends."""
MOST: Final = 4096
"""Runs whose spans are open at the same time; the one that was begun first is ended then."""
MOST_BEGUN: Final = 1024
"""Runs that are about to be created at the same time."""


class Spans:
    """The spans of the runs that this process works on.

    Args:
        tracer: makes them.
        data: put values into them.
    """

    def __init__(self, tracer: Tracer, *, data: bool) -> None:
        self._tracer = tracer
        self._data = data
        self._lock = Lock()
        self._begun: dict[tuple[str, object], tuple[str | None, Span]] = {}
        """By run and worker, the spans of runs that are about to be created, or were there already; their places."""
        self._open: dict[str, OpenRun] = {}

    def begin(self, run_id: str, workflow: str) -> str | None:
        """Begin the span of a run that is about to be created, and return its place; None if it has none."""
        span = self._run_span(run_id, workflow, None)
        place = traceparent_of(span.get_span_context())
        with self._lock:
            self._begun[run_id, worker()] = place, span
            _shrink(self._begun, MOST_BEGUN)
        return place

    def follow(self, event: TraceEvent) -> Tried | None:
        """Begin, end or add to the span that the event is about; return the attempt that it has ended, if any."""
        if event.type in BEGINNINGS:
            self._begin(event)
            return None
        run = self._open.get(event.workflow_id)
        if event.type == "step:progress":
            if run and (attempt := run.attempt_of(event.step_name)):
                self._note(attempt.span, event)
            return None
        if run is None:
            self._follow_unknown(event)
            return None
        if event.step_name is not None:
            return self._follow_step(run, event)
        self._follow_run(run, event)
        return None

    @contextmanager
    def within(self, context: Context[Any, Any]) -> Iterator[None]:
        """Call what is the user's in the block: within its attempt's span, which begins here, or else its run's."""
        run = self._open.get(context.id)
        if run is None:
            yield
            return
        if run.told is not None and run.told.step_name == context.step:
            run.attempt, run.told = self._attempt(run, run.told, context.attempt), None
        attempt = run.attempt_of(context.step)
        span = run.span if attempt is None else attempt.span
        is_somewhere = span.get_span_context().is_valid  # without an SDK it may not be
        token = attach(of_flux(set_span_in_context(span))) if is_somewhere else None
        try:
            yield
        finally:
            if token is not None:
                detach(token)
            if attempt is not None:
                attempt.returned()

    def left(self, run_id: str, error: BaseException | None) -> None:
        """End what is still open of a run that this worker has left, unless another one in this process has it.

        What was begun of a run that was there already is forgotten: it has never been.
        """
        me = worker()
        with self._lock:
            if self._begun.pop((run_id, me), None) is not None:
                return  # what is open is of the worker's own handler, which has tried to start its run again
            run = self._open.get(run_id)
            if run is None or run.worker != me:
                return
            del self._open[run_id]
        run.lose(named.LOST, error)

    def end_all(self) -> None:
        """End everything."""
        with self._lock:
            runs = [*self._open.values()]
            self._open.clear()
            self._begun.clear()
        for run in runs:
            run.lose(named.CUT)

    def _begin(self, event: TraceEvent) -> None:
        """Begin the span of a run that was created or is resumed; that of one which is left to others ends at once."""
        meta = event.meta or {}
        place = meta.get("traceparent")
        with self._lock:
            begun, span = self._begun.pop((event.workflow_id, worker()), (None, None))
            before = self._open.pop(event.workflow_id, None)
        if before is not None:
            before.lose(named.LOST)
        if span is None or event.type != "workflow:start" or begun != place:
            span = self._run_span(event.workflow_id, event.workflow_name, remote(place))
        if isinstance(step := meta.get("fromStep"), int):
            span.set_attribute(named.FROM_STEP, step)
        self._show(span, {"flux.run.input": event.input})
        run = OpenRun(span)
        if event.status == "pending":
            run.end(event.status)
        else:
            with self._lock:
                self._open[event.workflow_id] = run
                oldest = _shrink(self._open, MOST)
            for lost in oldest:
                lost.lose(named.CUT)

    def _run_span(self, run_id: str, workflow: str, stored: SpanContext | None) -> Span:
        """Begin a run's span: below the place that is stored with it, and linked to what is around, or below that."""
        places = around()
        parent = stored or next(iter(places), None)
        invocation = CURRENT.get()
        said: named.Attributes = {named.RUN: run_id, named.WORKFLOW: named.clean(workflow)}
        if invocation is not None and invocation.request_id:
            said[named.INVOCATION] = invocation.request_id
        return self._tracer.start_span(
            named.clean(workflow),
            context=None if parent is None else set_span_in_context(NonRecordingSpan(parent)),
            kind=SpanKind.CONSUMER if parent is not None and parent.is_remote else SpanKind.INTERNAL,
            attributes=said,
            links=[Link(place) for place in places if place is not parent],
        )

    def _follow_step(self, run: OpenRun, event: TraceEvent) -> Tried | None:
        if (event.type, event.status) in ATTEMPTS:
            run.end_attempt()  # its end may not have been told
            run.told = event
            return None
        attempt = run.attempt if event.type in OUTCOMES else None
        error = named.error_type(event) if event.type == "step:error" else None
        if attempt is None or event.type == "step:suspend":
            self._note(run.span, event, error)
        if attempt is None:
            return None
        if error is not None:
            named.fail(attempt.span, error, event.error or "", recorded=True)
        meta = event.meta or {}
        self._show(attempt.span, {f"flux.step.{name}": meta.get(name) for name in ("output", "changes")})
        return run.end_attempt(error)

    def _follow_run(self, run: OpenRun, event: TraceEvent) -> None:
        if event.type == "workflow:error":
            named.fail(run.span, named.error_type(event), event.error or "", recorded=False)
        if not named.ends(event):
            self._note(run.span, event)
            return
        with self._lock:
            self._open.pop(event.workflow_id, None)
        self._show(run.span, {"flux.run.data": event.data})
        run.end(event.status)

    def _follow_unknown(self, event: TraceEvent) -> None:
        """Tell of what has happened to a run that no worker of this process has."""
        if event.type == "signal:received":  # whoever sends it goes on with the run, or leaves it to others
            self._note(get_current_span(), event)
        elif event.type == "workflow:error" and named.ends(event):  # whoever found it lost has failed it
            self._begin(event)
            self.follow(event)

    def _attempt(self, run: OpenRun, event: TraceEvent, number: int) -> OpenAttempt:
        """Begin the span of the attempt of that number, of which the event has told."""
        step = event.step_name or ""
        compensates = event.type == "step:compensate"
        kind = "compensation" if compensates else "commit" if event.commit else "step"
        said = named.of_step(event) | {
            named.RUN: event.workflow_id,
            named.WORKFLOW: named.clean(event.workflow_name),
            named.KIND: kind,
            named.ATTEMPT: number,
        }
        if event.max_retries is not None:
            said[named.MAX_RETRIES] = event.max_retries
        span = self._tracer.start_span(
            f"compensate {named.clean(step)}" if compensates else named.clean(step),
            context=set_span_in_context(run.span),
            attributes=said,
        )
        return OpenAttempt(step, kind, span)

    def _show(self, span: Span, values: dict[str, Any]) -> None:
        """Put values of the run into the span, if that is kept, and they are to be there."""
        if self._data and span.is_recording():
            span.set_attributes(named.values(values))

    def _note(self, span: Span, event: TraceEvent, error: str | None = None) -> None:
        """Add the event to the span, if that is kept."""
        if not span.is_recording():
            return
        said = named.of_note(event, data=self._data)
        if error is not None:
            said |= {named.ERROR_TYPE: error, "exception.message": named.clean(event.error or "")}
        span.add_event(f"flux.{event.type.replace(':', '.')}", said)


def _shrink(spans: dict[Any, Any], most: int) -> list[Any]:
    """Take out the oldest, if there are more than that, and return it."""
    return [spans.pop(next(iter(spans)))] if len(spans) > most else []
