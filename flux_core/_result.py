"""The result of a call: how a run stood when it returned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic

from flux_core._context import D

if TYPE_CHECKING:
    from flux_core._run import ErrorInfo, StepRecord
    from flux_core._state import RunState
    from flux_core._status import RunStatus


class Result(Generic[D]):
    """How a run stood when the call that worked on it returned.

    Attributes:
        data: the data, of the workflow's type.
        results: the outputs of the completed nodes, by name.
    """

    __slots__ = ("_state", "data", "results")

    def __init__(self, state: RunState, data: D, results: dict[str, Any]) -> None:
        self._state = state
        self.data: Final = data
        self.results: Final = results

    @property
    def id(self) -> str:
        """The run's id."""
        return self._state.id

    @property
    def workflow(self) -> str:
        """The workflow's name."""
        return self._state.origin.workflow

    @property
    def status(self) -> RunStatus:
        """Where the run stands; a failing step makes this `failed`, not an exception."""
        return self._state.status

    @property
    def error(self) -> ErrorInfo | None:
        """What the run failed with."""
        return self._state.error

    @property
    def duration(self) -> float:
        """Seconds from the run's creation to its last save."""
        return max(
            0.0, self._state.updated_at - self._state.origin.created_at
        )  # a clock may have been put back

    @property
    def wake_at(self) -> float | None:
        """When the run goes on, in Unix seconds; None once it has ended."""
        return self._state.wake_at

    @property
    def history(self) -> tuple[StepRecord, ...]:
        """One record a node, in node order, up to where the run stands."""
        from flux_core._views import step_records  # with the machine, that made this result

        return step_records(self._state)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as a JSON-able dict: `id, workflow, status, data, results, duration, error`."""
        from flux_core._views import result_dict  # with the machine, that made this result

        return result_dict(self._state, self.results)

    def __repr__(self) -> str:
        return f"<Result of run {self.id!r}: {self.status}>"
