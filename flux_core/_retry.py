"""How often, and after what delay, a failed attempt is tried again."""

from __future__ import annotations

from math import inf
from typing import Literal, NamedTuple, Self

from flux_core._errors import Fatal, Interrupted, InvalidWorkflow, NotSerializable, WorkflowTimeout

NEVER_RETRIED = (Fatal, Interrupted, NotSerializable, WorkflowTimeout)


class _Retry(NamedTuple):
    retries: int
    initial: float
    factor: float
    max: float
    jitter: Literal["full", "none"]
    retry_on: tuple[type[Exception], ...]
    give_up_on: tuple[type[Exception], ...]


class Retry(_Retry):
    """A retry policy: `retries` more attempts after the first, with exponential back-off.

    Args:
        retries: attempts after the first; 0 is none.
        initial: seconds before the first retry.
        factor: by which each further delay is longer than the one before.
        max: the longest delay, in seconds.
        jitter: `"full"` draws each delay evenly between 0 and its value, so that many runs that failed at
            once do not come back at once; `"none"` waits it out exactly.
        retry_on: only errors of these types are retried.
        give_up_on: errors of these types are not retried, whatever `retry_on` says.

    Raises:
        InvalidWorkflow: an option is out of its range.
    """

    __slots__ = ()

    def __new__(
        cls,
        retries: int,
        *,
        initial: float = 1.0,
        factor: float = 2.0,
        max: float = 60.0,
        jitter: Literal["full", "none"] = "full",
        retry_on: tuple[type[Exception], ...] = (Exception,),
        give_up_on: tuple[type[Exception], ...] = (),
    ) -> Self:
        if type(retries) is not int or retries < 0:
            raise InvalidWorkflow(f"retries must be a whole number, 0 or more; got {retries!r}")
        numbers: tuple[tuple[str, object, int], ...] = (
            ("initial", initial, 0),
            ("factor", factor, 1),
            ("max", max, 0),
        )
        for name, value, least in numbers:
            if not isinstance(value, int | float) or not least <= value < inf:
                raise InvalidWorkflow(f"Retry({name}=...) must be a number, {least} or more; got {value!r}")
        kinds: dict[str, object] = {"retry_on": retry_on, "give_up_on": give_up_on}
        for name, types in kinds.items():
            if not isinstance(types, tuple | list) or not all(map(_is_exception, types)):
                raise InvalidWorkflow(f"Retry({name}=...) must be a tuple of exception types; got {types!r}")
        if jitter not in ("full", "none"):
            raise InvalidWorkflow(f'Retry(jitter=...) must be "full" or "none"; got {jitter!r}')
        return super().__new__(cls, retries, initial, factor, max, jitter, tuple(retry_on), tuple(give_up_on))

    def covers(self, error: Exception) -> bool:
        """Whether an error of this type is one to try again after."""
        return isinstance(error, self.retry_on) and not isinstance(error, self.give_up_on + NEVER_RETRIED)

    def delay(self, failures: int, draw: float) -> float:
        """Return the seconds to wait after the given number of failures; `draw` is evenly from [0, 1)."""
        try:
            longest = min(self.max, self.initial * self.factor ** (failures - 1))
        except OverflowError:
            longest = self.max if self.initial else 0.0
        return longest * draw if self.jitter == "full" else longest


def _is_exception(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Exception)
