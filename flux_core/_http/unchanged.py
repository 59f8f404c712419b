"""What stayed as it was: entity tags, conditional reads, and acts on a run as it was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flux_core._http.refused import RUN_CHANGED, Refused
from flux_core._serving.http import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_core._http.call import Call

EVENT_STREAM: Final = "text/event-stream"
DIGITS: Final = 32
"""Hexadecimal digits of an entity tag; half of a SHA-256."""


def etag(text: str) -> str:
    """Return the strong entity tag of what is sent."""
    from hashlib import sha256  # loading it costs as much as a request

    return f'"{sha256(text.encode()).hexdigest()[:DIGITS]}"'


def tagged(reply: Reply, headers: Mapping[str, str]) -> Reply:
    """Return the answer to a read with its entity tag, or 304 if the client has it already.

    One that is not 200 has none, nor have server-sent events.
    """
    if reply.status != 200 or reply.headers.get("Content-Type") == EVENT_STREAM:  # noqa: PLR2004 (OK)
        return reply
    text = reply.text
    tag = etag(text)
    if _names(headers.get("if-none-match"), tag, weakly=True):
        return Reply(304, {"ETag": tag}, "")
    return Reply(reply.status, {**reply.headers, "ETag": tag}, text)


def seen_revision(call: Call) -> int | None:
    """Return the revision of the run that `If-Match` speaks of; None without that header.

    Raises:
        RunNotFound: there is no such run.
        Refused: the run is not any more as the client saw it.
    """
    wanted = call.headers.get("if-match")
    if wanted is None:
        return None
    from flux_core._http.reading import run_reply  # which reads the same run for who looks at it

    run = call.run
    if not _names(wanted, etag(run_reply(call.runs, run).text), weakly=False):
        raise changed(run.id)
    return run.revision


def changed(run_id: str) -> Refused:
    """Return the refusal to act on a run that has changed since it was looked at."""
    return Refused(
        RUN_CHANGED,
        f"run {run_id!r} has changed since you looked at it, and nothing was done; look at it again",
    )


def _names(tags: str | None, tag: str, *, weakly: bool) -> bool:
    """Whether a list of entity tags names this one; a weak one only counts where that is enough."""
    if tags is None:
        return False
    said = [each.strip() for each in tags.split(",")]
    return "*" in said or tag in said or (weakly and f"W/{tag}" in said)
