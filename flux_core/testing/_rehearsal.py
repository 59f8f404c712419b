"""A run that goes on under a definition, up to where something would be done in the world."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar, cast

from flux_core._context import Context, D
from flux_core._definition import check_definition, fitting
from flux_core._effects import Invoke
from flux_core._errors import DefinitionChanged, Interrupted, StepTimeout, WorkflowTimeout
from flux_core._keeping import load
from flux_core._outside import check_workflow
from flux_core._status import RunStatus, StepStatus
from flux_core._suspension import seconds
from flux_core._walk import outputs
from flux_core._workflow import COMMIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core._driver import Driver
    from flux_core._effects import Attempt, Flow
    from flux_core._entry import Entry
    from flux_core._flows import Flows
    from flux_core._plan import PlannedNode
    from flux_core._result import Result
    from flux_core._state import RunState
    from flux_core._workflow import Node, Workflow

T = TypeVar("T")

FOREGONE: Final = (Interrupted.code, StepTimeout.code, WorkflowTimeout.code)
"""The codes of failures that a run may come to under any definition."""


class Replay(NamedTuple, Generic[D]):
    """How a recorded run would go on."""

    id: str
    status: RunStatus
    """Where the run stood when it was recorded."""
    position: int
    """How many nodes it had behind it."""
    node: str | None
    """The node whose handler, or whose compensation, would be called next, or at which the run sleeps or waits.

    None if none would be: the run has ended, is to be cancelled, has nothing left to run or no time left, or was
    interrupted in a commit with `once=True`, which a person decides about.
    """
    data: D
    """What that node would be given; at the end, the data as it is."""


class Rehearsal(Generic[D]):
    """A stored run, tried under a definition."""

    def __init__(self, run_id: str, workflow: Workflow[Any, D], flows: Flows, driver: Driver) -> None:
        self._id = run_id
        self._workflow = workflow
        self._plan = workflow.plan
        self._flows = flows
        self._driver = driver
        self._state = self._loaded()

    def replay(self) -> Replay[D]:
        """Check what lies behind the run, and go on with it."""
        state = self._state
        check_workflow(state.origin, self._workflow.name)
        check_definition(state, self._workflow, len(state.entries))
        self._check_past()
        self._check_present()
        node, data = self._fitting(self._go_on, " in its inbox")
        return Replay(state.id, state.status, len(state.history), node, data)

    def _loaded(self) -> RunState:
        return cast("RunState", self._driver.run(load(self._id)))

    def _check_past(self) -> None:
        """Go through the nodes that ran, each with the data that it found."""
        state, plan, latest = self._state, self._plan, 0.0
        self._fitting(partial(plan.input.decode, state.origin.input), " as its input")
        fields = dict(state.origin.initial)
        self._fitting(partial(plan.data.build, fields), " as data before its first node")
        for place, entry in enumerate(state.entries):
            planned, name = plan.nodes[place], f"{entry.kind} {entry.name!r}"
            self._check_decision(planned, place, entry, fields, latest)
            if entry.status is StepStatus.COMPLETED:
                self._fitting(partial(planned.output.decode, entry.output), f" as the output of {name}")
            entry.apply(fields)
            self._fitting(partial(plan.data.build, fields), f" as data after {name}")
            latest = max(latest, entry.completed_at or 0.0)

    def _check_present(self) -> None:
        """Look at what the run has beside its history."""
        state, build = self._state, self._plan.data.build
        self._fitting(partial(build, state.data), " as its data")
        for entry in state.kept.values():
            name = f"{entry.kind} {entry.name!r}"
            self._fitting(partial(outputs, self._workflow, [entry]), f" as the output of {name}")
            self._fitting(partial(build, {**state.data, **entry.changes}), f" as data after {name}")

    def _check_decision(
        self, planned: PlannedNode, place: int, entry: Entry, fields: dict[str, str], latest: float
    ) -> None:
        """Let the node's condition decide again, and its duration be told."""
        node, ran = planned.node, _has_run(planned, entry, latest)
        if ran is None:
            return
        if ran is not (node.when is None or self._asked(node.when, place, fields)):
            raise DefinitionChanged(
                f"run {self._id!r} {'ran' if ran else 'skipped'} {entry.kind} {entry.name!r}, which workflow"
                f" {self._workflow.name!r} would now {'skip' if ran else 'run'}, given the same data"
            )
        if ran and callable(node.duration):
            self._asked(node.duration, place, fields)

    def _asked(self, function: Callable[..., Any], place: int, fields: dict[str, str]) -> Any:
        """Return what a function of the context says of a node, with the data that the node found."""
        state, plan = self._state, self._plan
        name = plan.nodes[place].node.name
        context: Context[Any, D] = Context(
            id=state.id,
            workflow=self._workflow.name,
            step=name,
            input=plan.input.decode(state.origin.input),
            data=plan.data.build(fields),
            results=outputs(self._workflow, state.history[:place]),
            key=f"{state.id}/{name}/{state.generations.get(name, 1)}",
        )
        return self._answer(Invoke(function, context, None, is_async=False))

    def _answer(self, effect: Invoke) -> Any:
        """Ask a condition, or how long a sleep is."""
        node = self._node(effect)
        is_condition = effect.function is node.when
        read: Callable[[Any], Any] = bool if is_condition else partial(seconds, path="duration")
        value, error = cast("Attempt", self._driver.perform(effect))
        if error is None:
            try:
                return read(value)
            except Exception as unreadable:  # noqa: BLE001 (an array, for one, has no truth)
                error = unreadable
        raise DefinitionChanged(
            f"the {'condition' if is_condition else 'duration'} of {node.kind} {node.name!r} cannot be told for run"
            f" {self._id!r}: {type(error).__name__}: {error}"
        ) from error

    def _go_on(self) -> tuple[str | None, D]:
        """Let the engine go on, and return where it stops, and the data there."""
        call = self._next_call()
        state = self._loaded()
        error = state.error
        if error is not None and error != self._state.error and error.code not in FOREGONE:
            raise DefinitionChanged(f"run {self._id!r} would fail: {error.message}")
        if isinstance(call, Invoke):
            return call.context.step, call.context.data
        waiting = None if state.status.ended else state.undoing or state.current
        return waiting.name if waiting else None, call.data

    def _next_call(self) -> Invoke | Result[D]:
        """Return the call that would have effects on the world, or what the run comes to without one."""
        flow, clock = self._flow(), self._flows.clock
        try:
            effect = next(flow)
            while True:
                if not isinstance(effect, Invoke):
                    value = self._driver.perform(effect)
                elif self._is_work(effect):
                    flow.close()
                    return effect
                else:
                    value = (self._answer(effect), None)
                effect = flow.send((value, clock.time(), clock.monotonic()))
        except StopIteration as stop:
            return cast("Result[D]", stop.value)

    def _flow(self) -> Flow[Result[D]]:
        """Return what the engine would do: retry a failed run, unless somebody knows what came of its commit."""
        state, current = self._state, self._state.current
        if state.status is RunStatus.FAILED and current is not None and not state.outcome(current.name):
            return self._flows.retry_step(
                self._workflow, self._id, current.name, redo_commits=False, revision=None, deadline=None
            )
        return self._flows.resume(self._workflow, self._id, None)

    def _node(self, effect: Invoke) -> Node:
        return self._workflow.nodes[self._workflow.index(effect.context.step)]

    def _is_work(self, effect: Invoke) -> bool:
        """Whether it would call what has effects on the world, and not just a function that decides."""
        node = self._node(effect)
        return effect.function is node.handler or effect.function is node.compensate

    def _fitting(self, read: Callable[[], T], what: str) -> T:
        return fitting(self._state, self._workflow, read, what)


def _has_run(planned: PlannedNode, entry: Entry, latest: float) -> bool | None:
    """Return whether the node's condition let it run; None if it was not asked, or nobody knows what it said.

    Args:
        planned: the node.
        entry: what came of it.
        latest: when the last of the nodes before it was put behind.
    """
    if entry.status is StepStatus.SKIPPED:
        return None if planned.node.on_timeout == "skip" else False
    if entry.status is StepStatus.COMPLETED:
        is_kept = entry.kind == COMMIT and (entry.completed_at or 0.0) < latest
        return None if is_kept else True  # a retry that passes a completed commit does not ask whether to
    was_attempted = entry.status is StepStatus.RUNNING and (entry.failures or entry.intent)
    return True if entry.status is StepStatus.SUSPENDED or was_attempted else None
