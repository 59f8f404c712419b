"""A trace event as a line of a function's log: what every cloud's line of it says, and how long it may be."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from flux_core import TraceEvent

KEPT: Final = 1000  # characters that are left of a field that makes a line too long
FIELDS: Final = ("data", "input", "meta", "error")
"""The fields of an event that may be long."""
LEVELS: Final = {"workflow:error": logging.ERROR, "step:error": logging.ERROR, "step:retry": logging.WARNING}


def level_of(event: TraceEvent) -> int:
    """Return how much the event matters, as `logging` counts it."""
    return LEVELS.get(event.type, logging.INFO)


def message_of(event: TraceEvent) -> str:
    """Return the event in a few words."""
    return f"{event.type} {event.workflow_id} {event.step_name or ''}".rstrip()


def shortened(line: dict[str, Any], longest: int, event: dict[str, Any] | None = None) -> str:
    """Return the line as JSON; while it has more bytes than that, the event's fields are cut, the longest first.

    The event is the line's `flux` unless it is given. Its `shortened` says which fields were cut, and how many bytes
    each had.
    """
    text = _json(line)
    if len(text.encode()) <= longest:
        return text
    event = line["flux"] if event is None else event
    whole = {field: _json(event[field]) for field in FIELDS if field in event}
    event["shortened"] = {}
    for field in sorted(whole, key=lambda field: len(whole[field]), reverse=True):
        event[field] = f"{whole[field][:KEPT]}…"
        event["shortened"][field] = len(whole[field].encode())
        text = _json(line)
        if len(text.encode()) <= longest:
            break
    return text


def _json(value: Any) -> str:
    """Return the value as JSON that any stream can take: half of a surrogate pair becomes its escape."""
    text = json.dumps(value, default=str, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace").decode()
