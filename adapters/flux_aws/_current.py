"""The invocation that is being served: what a store, a waker and a trace want to know of it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flux_aws._sources.source import Invocation

CURRENT: Final[ContextVar[Invocation | None]] = ContextVar("flux_aws_invocation", default=None)
"""Set by the handler for as long as it serves an event; None outside of a function."""
