"""What a function is triggered by."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from flux_core._serving.trace_context import HEADER, valid_traceparent

if TYPE_CHECKING:
    from collections.abc import Mapping

DIAGNOSTIC_ID: Final = "Diagnostic-Id"
"""Where older clients of Azure write the same:
https://learn.microsoft.com/azure/service-bus-messaging/service-bus-end-to-end-tracing"""


class Source(NamedTuple):
    """Something that triggers a function."""

    kind: str
    """Such as `queue`."""
    what: str | tuple[str, str] | None
    """Which one: a queue's name, a route, a schedule; a topic of Service Bus and a subscription. None is no source."""
    connection: str = ""
    """The setting that says how it is reached."""

    @property
    def name(self) -> str:
        """How messages and the ids of runs name it."""
        return self.what if isinstance(self.what, str) else ":".join(self.what or ())

    @property
    def function(self) -> str:
        """What its function is called: the host takes letters, digits and underscores."""
        return "_".join(filter(None, (self.kind, re.sub(r"\W+", "_", self.name, flags=re.ASCII).strip("_"))))


def trace_among(properties: Mapping[str, object] | None) -> str | None:
    """Return the trace that whoever sent a message or an event has named among its properties."""
    told = properties or {}
    return valid_traceparent(told.get(HEADER)) or valid_traceparent(told.get(DIAGNOSTIC_ID))
