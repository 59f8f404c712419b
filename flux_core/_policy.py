"""What an engine was told about how to run: the machine's options, checked once."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from flux_core._errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core._retry import Retry

HOOKS: Final = frozenset({"step_start", "step_complete", "step_error", "workflow_complete", "workflow_error"})


class Policy(NamedTuple):
    """The options that the machine goes by."""

    retry: Retry
    """For nodes that say nothing."""
    timeout: float | None
    """For nodes that say nothing; seconds."""
    lease: float
    """Seconds for which a worker without a deadline holds a run."""
    max_inline_wait: float
    """Seconds of back-off that are waited out in the process; a longer one suspends the run."""
    max_interruptions: int
    """The take-over in a row without a completed node that ends the run."""
    hooks: frozenset[str]
    traced: bool
    """Whether there is a trace sink."""
    sparing: bool
    """Whether only that is saved which must be durable."""
    wakes: bool
    """Whether there is a waker."""
    heard: bool
    """Whether anybody listens at all, sink or hook."""
    largest: float = inf
    """Characters of the longest value that the store takes."""


def check_policy(policy: Policy) -> Policy:
    """Return the policy.

    Raises:
        InvalidInput: an option is out of its range, or a hook has a name that no hook has.
    """
    timeout = inf if policy.timeout is None else policy.timeout
    ranges: tuple[tuple[str, object, Callable[[float], bool]], ...] = (
        ("default_timeout", timeout, lambda seconds: seconds > 0),
        ("lease", policy.lease, lambda seconds: 0 < seconds < inf),
        ("max_inline_wait", policy.max_inline_wait, lambda seconds: seconds >= 0),
        ("max_interruptions", policy.max_interruptions, lambda times: times >= 1),
    )
    for name, value, allows in ranges:
        if isinstance(value, bool) or not isinstance(value, int | float) or not allows(value):
            raise InvalidInput(f"Engine({name}=...) is out of its range; got {value!r}", path=name)
    if unknown := sorted(policy.hooks - HOOKS):
        raise InvalidInput(
            f"no hook is called {unknown[0]!r}; there are: {', '.join(sorted(HOOKS))}", path="on"
        )
    return policy
