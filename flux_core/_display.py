"""A value as plain JSON-able data, for people and for other systems; the types that JSON lacks become text."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

PLAIN = (bool, int, str, type(None))
LAST_MOMENT: Final = 253_402_300_799.0  # the end of the year 9999, in Unix seconds: the last that has a date


def plain(value: object) -> Any:  # noqa: PLR0911 (a table of types)
    """Return the value as JSON can say it: times in ISO 8601, spans in seconds, bytes in base64, sets as lists."""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # JSON has no infinity and no NaN
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, dict):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        from base64 import b64encode  # few runs carry bytes

        return b64encode(value).decode()
    from datetime import date, datetime, time, timedelta  # few values are one, and every cold start would pay

    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value)
