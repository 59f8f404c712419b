"""Trying again, within reason: a request that fails in passing is made again for some seconds."""

from __future__ import annotations

import time
from random import SystemRandom
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from flux_core._errors import StoreError
from flux_core._invocation import CURRENT

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

FIRST_PAUSE: Final = 0.05  # seconds at most, doubled at each attempt
LONGEST_PAUSE: Final = 2.0
DOUBLINGS: Final = 10  # which bring the first pause over the longest
SPARE: Final = 1.0  # seconds of the invocation that are left to whoever is told of the failure

# Sandboxes that are cloned from one image have one state of `random`, and would all come back at the same moment.
_JITTER: Final = SystemRandom()


class Refusals(Protocol):
    """What the errors of a service mean."""

    @property
    def raised(self) -> tuple[type[Exception], ...]:
        """The errors that its client raises."""
        ...

    def passes(self, error: Exception) -> bool:
        """Whether the same request may well succeed a moment later."""
        ...

    def explained(self, what: str, error: Exception) -> Exception:
        """Return the error that says what was refused, why, and what to do about it.

        `what` is an action, and on what; it begins the sentence.
        """
        ...


class Patience:
    """Makes requests until they succeed, are refused, or have failed for so many seconds.

    Pauses have full jitter, and the deadline of the invocation that is being served is never passed.
    """

    def __init__(self, seconds: float, refusals: Refusals) -> None:
        self.seconds: Final = seconds
        self._refusals = refusals

    def persist(self, what: str, request: Callable[[], T]) -> T:
        """Make the request; errors say `what` was to be done, and on what.

        Raises:
            StoreError: it has failed for longer than the patience lasts; beside all that the service refuses it with.
        """
        began = time.monotonic()
        until = self._until(began)
        attempts = 0
        while True:
            attempts += 1
            try:
                return request()
            except self._refusals.raised as error:
                if not self._refusals.passes(error):
                    raise self._refusals.explained(what, error) from error
                longest = FIRST_PAUSE * 2 ** min(attempts - 1, DOUBLINGS)
                pause = _JITTER.uniform(0, min(longest, LONGEST_PAUSE))
                now = time.monotonic()
                if now + pause >= until:
                    raise StoreError(
                        f"{what} has failed for {now - began:.1f} s, {attempts} times,"
                        f" the last time with: {error}"
                    ) from error
            time.sleep(pause)

    def _until(self, now: float) -> float:
        """Return when patience ends, in monotonic seconds."""
        invocation = CURRENT.get()
        if invocation is None or invocation.deadline is None:
            return now + self.seconds
        return min(now + self.seconds, invocation.deadline - SPARE)
