"""Options that are numbers: what they may be."""

from __future__ import annotations

from math import inf

from flux_core import InvalidInput


def check_seconds(value: object, name: str) -> None:
    """Do nothing if that is how long something may take.

    Raises:
        InvalidInput: it is no number of seconds above 0, or never ends.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < inf:
        raise InvalidInput(f"expected a number of seconds above 0, got {value!r}", path=name)


def check_count(value: object, name: str, of: str) -> None:
    """Do nothing if there may be so many.

    Raises:
        InvalidInput: it is no whole number, or below 1.
    """
    if type(value) is not int or value < 1:
        raise InvalidInput(f"expected a number of {of}, at least 1; got {value!r}", path=name)
