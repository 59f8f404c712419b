"""What a function is triggered by."""

from __future__ import annotations

import re
from typing import NamedTuple


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
