"""One call of a function on Google Cloud: what the platform says of it, and how much time it has."""

from __future__ import annotations

import os
import time
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from flux_core import InvalidInput
from flux_core._invocation import Invocation
from flux_core._serving.store import Platform
from flux_core._serving.trace_context import traceparent_in

if TYPE_CHECKING:
    from collections.abc import Mapping

GOOGLE: Final = Platform("K_SERVICE", {"firestore": "flux_gcp._firestore.url:open_firestore"})
"""Cloud Run, under which functions run: https://cloud.google.com/run/docs/container-contract#env-vars"""
TIMEOUTS: Final = ("FLUX_FUNCTION_TIMEOUT", "CLOUD_RUN_TIMEOUT_SECONDS", "FUNCTION_TIMEOUT_SEC")
"""The variables that may say how many seconds a call has, the first of them before the others.

The second is what functions-framework itself goes by; Google documents neither it nor when it is set. The last is set
for functions of the first generation."""
UNSAID: Final = 60.0
"""Seconds: the time-out of a function that was deployed without one."""
EXECUTION_ID: Final = "function-execution-id"
"""The header by which functions-framework names a call, one that the platform has not named included."""


def seconds_of_a_call() -> float | None:
    """Return how long a call may take, as the environment says it; None outside of Google Cloud if nothing does.

    Raises:
        InvalidInput: a variable that should say it does not hold a number of seconds.
    """
    variable = next((name for name in TIMEOUTS if os.environ.get(name)), None)
    if variable is None:
        return UNSAID if GOOGLE.is_here else None
    said = os.environ[variable]
    try:
        seconds = float(said)
    except ValueError:
        seconds = 0.0
    if seconds <= 0 or not isfinite(seconds):
        raise InvalidInput(f"expected the function's time-out in seconds, got {said!r}", path=variable)
    return seconds


def invocation_of(event: Any, headers: Mapping[str, str], seconds: float | None) -> Invocation:
    """Return the call that begins now.

    Args:
        event: what is delivered, as functions-framework passes it.
        headers: of the request that brought it, their names in lower case; they are the invocation's context.
        seconds: how long the call may take; None if nobody says.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    return Invocation(event, deadline, headers.get(EXECUTION_ID), headers, traceparent_in(headers))
