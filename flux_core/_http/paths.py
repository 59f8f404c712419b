"""Paths: which are the API's, which route one fits, what its segments say."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from flux_core._http.refused import INVALID_PATH, Refused
from flux_core._serving.problem import METHOD_NOT_ALLOWED

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence


def matched(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    """Return the variable segments of a path by their names, as they were sent; None if it does not fit the pattern.

    Args:
        pattern: the segments of a route's path, the variable ones in braces.
        segments: those of the path, percent-encoded.
    """
    if len(pattern) != len(segments):
        return None
    variables = {}
    for name, segment in zip(pattern, segments, strict=True):
        if name.startswith("{") and segment:
            variables[name[1:-1]] = segment
        elif name != segment:
            return None
    return variables


def decoded(segment: str) -> str:
    """Return a segment, decoded once.

    Raises:
        Refused: it is not of UTF-8, or has control characters in it; nothing is called so.
    """
    try:
        text = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        text = ""
    if not text.isprintable() or not text:
        raise Refused(
            INVALID_PATH,
            f"the segment {segment[:200]!r} of the path is not of printable characters; send UTF-8, percent-encoded",
        )
    return text


def is_meant_for(path: str, first: Container[str], posted: Iterable[Sequence[str]]) -> bool:
    """Whether whoever sent a request to that path meant the API, be it that they did not quite find it.

    What is meant as an act on a run must not start another: also with a slash too many, in another case, encoded, or
    below a prefix that the API does not have.

    Args:
        path: as it was sent, without a query.
        first: the first segments of the API's routes.
        posted: the patterns of those that take POST; what ends so is meant for the API too.
    """
    words = [word.strip().lower() for word in unquote(path).split("/")]
    words = [word for word in words if word not in {"", ".", ".."}]
    if words and words[0] in first:
        return True
    return any(matched(pattern, words[-len(pattern) :]) is not None for pattern in posted)


def not_allowed(method: str | None, allowed: Sequence[str]) -> Refused:
    """Return the refusal of a method that a path does not take."""
    taken = ", ".join(allowed)
    return Refused(
        METHOD_NOT_ALLOWED,
        f"{str(method)[:200]} is not what this takes; it takes {taken}",
        headers={"Allow": taken},
    )
