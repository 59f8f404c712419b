"""What a source of events is: how its events are recognised, and how they are answered."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from flux_core import Run, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_aws._service import Service
    from flux_core import Result


class LambdaContext(Protocol):
    """What is used of the context that Lambda passes; a call without one, or with None, works as well."""

    aws_request_id: str
    """One for each invocation, and the same one when Lambda repeats an asynchronous invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that are left before the function is killed."""
        ...


class Invocation(NamedTuple):
    """One call of the function."""

    event: Any
    deadline: float | None
    """When the function is killed, in `time.monotonic()` seconds; None if nobody says."""
    request_id: str | None
    context: LambdaContext | None = None

    @classmethod
    def of(cls, event: Any, context: LambdaContext | None) -> Self:
        """Return the invocation that Lambda's two arguments make."""
        remaining = getattr(context, "get_remaining_time_in_millis", None)
        deadline = None if remaining is None else time.monotonic() + remaining() / 1000
        return cls(event, deadline, getattr(context, "aws_request_id", None), context)


class Source(NamedTuple):
    """One kind of event."""

    name: str
    """What messages call it."""
    recognises: Callable[[dict[str, Any]], bool]
    """Whether an event, always a JSON object, comes from this source: by its shape alone."""
    respond: Callable[[Service, Invocation], Any]
    """Serve such an event, and return what Lambda is to answer."""


def answer(run: Result[Any] | Run) -> dict[str, Any]:
    """Return how a run stands, as every source that answers says it: `status, id, data`, and `error` if it failed."""
    data = plain(run.data) if isinstance(run, Run) else run.to_dict()["data"]
    stands = {"status": str(run.status), "id": run.id, "data": data}
    if run.error is not None:
        stands["error"] = {name: value for name, value in run.error._asdict().items() if name != "traceback"}
    return stands
