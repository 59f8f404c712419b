"""Threads for what blocks: the event loop is free for other requests."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """At most so many threads at the same time; who comes then has to wait.

    Args:
        most: how many.
    """

    def __init__(self, most: int) -> None:
        self._most = most

    @cached_property
    def _limiter(self) -> anyio.CapacityLimiter:
        return anyio.CapacityLimiter(self._most)  # which belongs to an event loop

    async def run(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Return what the work returns.

        If nobody waits for it any more, it goes on nevertheless, and keeps its place: else clients that come and go
        would have more threads at work than there may be.

        Raises:
            RuntimeError: the work would have ended more than its thread; beside all that it raises.
        """
        return await anyio.to_thread.run_sync(
            partial(contained, work, *arguments, **named), limiter=self._limiter
        )


def contained(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Return what the work returns; called in a thread.

    Raises:
        RuntimeError: a handler called `sys.exit`, or raised another error that is no `Exception`. On the event loop,
            where a thread's error is raised again, it would end the server.
    """
    try:
        return work(*arguments, **named)
    except Exception:
        raise
    except BaseException as error:
        raise RuntimeError(f"a handler ended its thread by {type(error).__name__}({error})") from error
