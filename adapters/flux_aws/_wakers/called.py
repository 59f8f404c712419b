"""What all wakers do alike: the function that is woken, the patience of a call."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from flux_core import InvalidInput
from flux_core._invocation import CURRENT

if TYPE_CHECKING:
    from botocore.config import Config


def named_function(name: str | None) -> str:
    """Return the function's name or ARN: as given, else of the invocation that is being served, else of the sandbox.

    Raises:
        InvalidInput: there is none of these.
    """
    invocation = CURRENT.get()
    invoked: Any = getattr(invocation.context, "invoked_function_arn", None) if invocation else None
    known = name or invoked or os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    if not known:
        raise InvalidInput(
            "name the function to wake; it is only known by itself while it runs on Lambda", path="function"
        )
    return str(known)


def short_calls() -> Config:
    """Return the settings of a client that is called while a function's time runs out."""
    from botocore.config import Config

    return Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
