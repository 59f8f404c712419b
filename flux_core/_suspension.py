"""What a handler returns to suspend its run from inside a step: a sleep, or a wait for a signal."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from flux_core._errors import InvalidInput

if TYPE_CHECKING:
    from datetime import timedelta


LONGEST: Final = 1e12  # seconds: some 30,000 years
LONGEST_NAME: Final = 128


class Suspension(NamedTuple):
    """How long a step that has done its work still stands open, and for what."""

    signal: str | None
    """The signal that ends it, with its payload as the step's output; None for a sleep."""
    seconds: float | None
    """How long at most; None for a wait without a time-out."""


def sleep(duration: float | timedelta) -> Suspension:
    """Return what a handler returns to let its run sleep; no process waits, and the step's output is None.

    Args:
        duration: seconds, or a `timedelta`.

    Raises:
        InvalidInput: it is not a finite time of 0 or more seconds.
    """
    return Suspension(None, seconds(duration, "sleep"))


def wait(signal: str, *, timeout: float | timedelta | None = None) -> Suspension:
    """Return what a handler returns to wait for a signal; its payload becomes the step's output.

    Args:
        signal: the name that `engine.signal` calls it by.
        timeout: seconds, or a `timedelta`, after which the step has failed with `StepTimeout`; None: never.

    Raises:
        InvalidInput: the name or the time-out cannot be taken.
    """
    limit = None if timeout in (None, inf) else seconds(timeout, "timeout")
    return Suspension(signal_name(signal), limit)


def signal_name(name: object) -> str:
    """Return the name of a signal.

    Raises:
        InvalidInput: it is not a str of 1 to 128 printable characters.
    """
    if isinstance(name, str) and name.strip() and name.isprintable() and len(name) <= LONGEST_NAME:
        return name
    raise InvalidInput(
        f"expected the name of a signal, 1 to {LONGEST_NAME} printable characters; got {name!r}",
        path="signal",
    )


def seconds(duration: object, path: str) -> float:
    """Return a time, given in seconds or as a `timedelta`, in seconds.

    Raises:
        InvalidInput: it is not a finite time of 0 or more seconds.
    """
    number = duration.total_seconds() if hasattr(duration, "total_seconds") else duration
    if not isinstance(number, int | float) or isinstance(number, bool) or not 0 <= number <= LONGEST:
        raise InvalidInput(f"expected a finite time of 0 to {LONGEST:g} seconds; got {duration!r}", path=path)
    return float(number)
