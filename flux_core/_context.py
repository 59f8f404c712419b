"""What a handler is given: the run it works on and the attempt it is."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import LoggerAdapter

I = TypeVar("I")  # noqa: E741 (what a workflow is started with)
D = TypeVar("D")  # what its nodes share


class Context(Generic[I, D]):
    """One attempt of one node.

    Attributes:
        id: the run's id.
        workflow: the workflow's name.
        step: the node's name.
        attempt: 1 for the first attempt; interrupted attempts count.
        input: what the run was started with; read it, do not change it.
        data: what the nodes share; what a completed node changed is saved, what a failed attempt changed is gone.
        results: the outputs of the completed nodes before, by name.
        key: the idempotency key to hand to other systems, `run/node/generation`: the same for every attempt of
            the node, in every process, for ever. A compensation's ends in `/compensate`: it is another operation.
        deadline: the moment, on the engine's monotonic clock, at which the attempt must have ended; None if
            there is none.
    """

    __slots__ = (
        "_cancelled",
        "_logger",
        "_monotonic",
        "_report",
        "attempt",
        "data",
        "deadline",
        "id",
        "input",
        "key",
        "results",
        "step",
        "workflow",
    )

    def __init__(
        self,
        *,
        id: str,
        workflow: str,
        step: str,
        input: I,
        data: D,
        attempt: int = 1,
        results: dict[str, Any] | None = None,
        key: str | None = None,
        deadline: float | None = None,
        monotonic: Callable[[], float] | None = None,
        report: Callable[[Context[Any, Any], float, str], None] | None = None,
    ) -> None:
        self.id: Final = id
        self.workflow: Final = workflow
        self.step: Final = step
        self.attempt: Final = attempt
        self.input: Final = input
        self.data = data
        self.results: Final[dict[str, Any]] = {} if results is None else results
        self.key: Final = f"{id}/{step}/1" if key is None else key
        self.deadline: Final = deadline
        self._monotonic = monotonic
        self._report = report
        self._cancelled = False
        self._logger: LoggerAdapter[Any] | None = None

    @property
    def cancelled(self) -> bool:
        """Whether to stop: the attempt has timed out, or its run is to be cancelled. A long loop looks here.

        What an attempt does after its time-out does not count. Without a deadline, a cancellation is seen within a
        quarter of the engine's lease.
        """
        return self._cancelled

    def remaining(self) -> float:
        """Return the seconds until the deadline, 0 or less when it has passed; infinity without one."""
        if self.deadline is None:
            return inf
        from time import monotonic  # a context made in a unit test has no clock of its own

        return self.deadline - (self._monotonic or monotonic)()

    def progress(self, fraction: float, message: str = "") -> None:
        """Report how far the step is, from 0 to 1, to the trace; it is not saved.

        Raises:
            ValueError: the fraction is not between 0 and 1.
        """
        if not 0 <= fraction <= 1:
            raise ValueError(f"progress goes from 0 to 1; got {fraction!r}")
        if self._report is not None:
            self._report(self, fraction, message)

    @property
    def logger(self) -> LoggerAdapter[Any]:
        """Return a logger named `flux.<workflow>`, whose records carry `run_id`, `step` and `attempt`."""
        if self._logger is None:
            from logging import LoggerAdapter, getLogger  # loaded by those who log

            extra = {"run_id": self.id, "step": self.step, "attempt": self.attempt}
            self._logger = LoggerAdapter(getLogger(f"flux.{self.workflow}"), extra)
        return self._logger

    def __repr__(self) -> str:
        return f"<Context of {self.step!r} in run {self.id!r}, attempt {self.attempt}>"
