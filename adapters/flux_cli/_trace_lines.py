"""A trace event in a line of text, as trace files and the logs of functions have it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from flux_core import TraceEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST: Final = 3  # times that a line is looked for in a line
LAST_MOMENT: Final = 253_402_214_400_000
"""Unix milliseconds: the last day of the year 9999, behind which there are no dates to show."""


def _wire_name(field: str) -> str:
    first, *others = field.split("_")
    return first + "".join(word.capitalize() for word in others)


WIRE_NAMES: Final = {field: _wire_name(field) for field in TraceEvent._fields}
"""What the trace format calls the fields of an event."""

TYPES: Final[dict[str, type]] = {
    "step_name": str,
    "error": str,
    "status": str,
    "retries": int,
    "max_retries": int,
    "duration": int,
    "data": dict,
    "meta": dict,
}


def event_of(line: str) -> TraceEvent | None:
    """Return the event that a line tells of, or None.

    The line is an event of a trace file, or one that has an event under `flux`, as CloudWatchTrace writes it; there
    may be text before it, and it may stand in the `message` of another, as in Lambda's own JSON logs.
    """
    begin = line.find("{")
    return None if begin < 0 else next(_events_in(_parsed(line[begin:]), DEEPEST), None)


def _events_in(value: Any, depth: int) -> Iterator[TraceEvent]:
    if isinstance(value, str):
        value = _parsed(value)
    if not isinstance(value, dict) or not depth:
        return
    if _is_event(value):
        yield TraceEvent(**{field: _field(value.get(name), field) for field, name in WIRE_NAMES.items()})
        return
    for field in ("flux", "message"):
        yield from _events_in(value.get(field), depth - 1)


def _field(value: Any, field: str) -> Any:
    """Return the value, or None if it is not of the field's type, such as data that was too long for its line."""
    expected = TYPES.get(field, object)
    return value if (_is_number(value) if expected is int else isinstance(value, expected)) else None


def _is_event(value: dict[str, Any]) -> bool:
    texts = (value.get(name) for name in ("type", "workflowId", "workflowName"))
    return all(isinstance(text, str) for text in texts) and _is_number(value.get("timestamp"))


def _is_number(value: object) -> bool:
    """Whether it is a count or milliseconds; a number beyond all dates is neither."""
    return type(value) is int and 0 <= value <= LAST_MOMENT


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
