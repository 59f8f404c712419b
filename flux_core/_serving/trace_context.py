"""Where in a trace a request or message belongs, as W3C's Trace Context says it: https://www.w3.org/TR/trace-context/."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADER: Final = "traceparent"
FIELDS: Final = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})(?P<span>[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-[^,]*)?"
)
"""A comma is how two headers of one name are joined, and two are none."""
LONGEST: Final = 512
"""Characters of a header that are looked at: the version known here has 55, a later one may have more."""
KNOWN_FLAGS: Final = 0b11
"""Sampled, and random (https://www.w3.org/TR/trace-context-2/#trace-flags); all others are to be handed on as 0."""


def traceparent_in(headers: Mapping[str, str]) -> str | None:
    """Return the `traceparent` that the headers carry, as `valid_traceparent` does; their names may be in any case."""
    values = [value for name, value in headers.items() if name.lower() == HEADER]
    return valid_traceparent(values[0]) if len(values) == 1 else None


def valid_traceparent(text: object) -> str | None:
    """Return the text as a `traceparent` of version 00, or None if it names no place in a trace.

    Refused are version ff, ids of zeros alone, upper case, whatever is no text, and more than `LONGEST` characters.
    Of a version above 00 the fields that this one has are taken; flags that nobody knows become 0.
    """
    if not isinstance(text, str) or len(text) > LONGEST:
        return None
    said = FIELDS.fullmatch(text.strip(" \t"))
    if said is None or (said["version"] == "00" and said["more"] is not None):
        return None
    return f"00-{said['trace']}-{said['span']}-{int(said['flags'], 16) & KNOWN_FLAGS:02x}"
