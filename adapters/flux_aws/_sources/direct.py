"""Direct invocations: an event that is the workflow's input, or a word to the control plane.

The latter is `{"flux": {"action": ...}}` and nothing beside it, as the platform's timer or a person with the right
to invoke the function sends it; never what stands in an HTTP body or in a message, which is always an input.

A REST API with a non-proxy integration passes the client's body on as a direct event, and so its control commands
too: do not put this handler behind one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_aws._sources.source import Source
from flux_core._serving.answer import answer

if TYPE_CHECKING:
    from flux_core._invocation import Invocation
    from flux_core._serving.served import Served


def _respond(served: Served, invocation: Invocation) -> dict[str, Any]:
    # Lambda gives the repetition of an asynchronous invocation the request id of the first.
    event = invocation.event
    result = served.service.execute(
        event, event, identity=invocation.request_id, deadline=invocation.deadline
    )
    return answer(served.service.app, result)


def _is_control(event: dict[str, Any]) -> bool:
    return event.keys() == {"flux"}


def _control(served: Served, invocation: Invocation) -> dict[str, Any]:
    from flux_core._serving.control.actions import control  # an order needs none of it

    return control(served.service, invocation.event["flux"], invocation.deadline)


CONTROL: Final = Source('a control command ({"flux": {...}})', _is_control, _control)
DIRECT: Final = Source("a direct invocation", lambda _event: True, _respond)
