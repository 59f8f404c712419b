"""Who works on a run: for how long it holds one, and when it must have stopped."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flux_core._entry import Lease

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flux_core._context import Context
    from flux_core._policy import Policy
    from flux_core._retry import Retry
    from flux_core._workflow import Node, Workflow

MARGIN: Final = 0.5  # seconds before a deadline in which no further node is begun
CLOCK_SKEW: Final = 5.0  # seconds that a lease outlasts the deadline of the worker that holds it


class Deadline(NamedTuple):
    """When an invocation must have ended."""

    at: float
    """Monotonic seconds."""
    budget: float
    """The seconds that there were until then when the invocation began."""
    killed: float
    """When it is ended by force, whatever it does: `at`, or later. Until then nobody else may take its runs over."""

    def leaves(self, seconds: float | None, now: float) -> bool:
        """Whether work of so many seconds (None: nobody knows) may be begun now.

        Work that is longer than any invocation is begun all the same, while at least half of one is left.
        """
        left = self.at - now - MARGIN
        return left > 0 and (seconds is None or left >= min(seconds, self.budget / 2 - MARGIN))


class Worker(NamedTuple):
    """Who runs a workflow: the machine instance that holds, or is about to hold, a run of it."""

    workflow: Workflow[Any, Any]
    versions: Mapping[str, Workflow[Any, Any]]
    """All that are known of it, by version: a run goes on under its own."""
    policy: Policy
    token: str
    """Drawn when the instance starts; it marks what the instance wrote and the lease that it holds."""
    deadline: Deadline | None
    """When the worker must have stopped."""
    draw: Callable[[], float]
    """Gives a random number from [0, 1) for jitter."""
    monotonic: Callable[[], float]
    """For a handler's `ctx.remaining()`."""
    report: Callable[[Context[Any, Any], float, str], None]
    """For a handler's `ctx.progress()`."""
    traceparent: Callable[[str, str], str | None]
    """Gives the trace that a new run, of that id and workflow, belongs to."""

    def retry(self, node: Node) -> Retry:
        """Return how the node is retried: as it says, or else as the engine does."""
        return node.retry or self.policy.retry

    def expiry(self, time: float) -> float | None:
        """Return when the time-out of the workflow is over, if it begins now."""
        timeout = self.workflow.timeout
        return None if timeout is None or timeout == inf else time + timeout

    def lease(self, time: float, monotonic: float) -> Lease:
        """Return the lease that the worker takes now: until it is gone, or for the policy's span, to be renewed."""
        if self.deadline is None:
            return Lease(self.token, time + self.policy.lease)
        return Lease(self.token, time + max(0.0, self.deadline.killed - monotonic) + CLOCK_SKEW)
