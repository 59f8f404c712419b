"""A trace event in a line of text, as trace files and the logs of functions have it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from flux_core import TraceEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST: Final = 3  # times that a line is looked for in a line


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
    return value if isinstance(value, TYPES.get(field, object)) else None


def _is_event(value: dict[str, Any]) -> bool:
    texts = (value.get(name) for name in ("type", "workflowId", "workflowName"))
    return all(isinstance(text, str) for text in texts) and isinstance(value.get("timestamp"), int)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
