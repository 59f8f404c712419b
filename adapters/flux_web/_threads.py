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
        """Return what the work returns; if nobody waits for it any more, it goes on nevertheless."""
        return await anyio.to_thread.run_sync(
            partial(work, *arguments, **named), abandon_on_cancel=True, limiter=self._limiter
        )
