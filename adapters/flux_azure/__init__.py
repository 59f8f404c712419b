"""Flux on Azure: a workflow behind Azure Functions, its runs in Table Storage, its traces in Application Insights."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from flux_azure._blueprint import blueprint, message_id

if TYPE_CHECKING:
    from flux_azure._queue_waker import QueueWaker
    from flux_azure._tables.storage import TableStorage
    from flux_azure._trace import AppInsightsTrace

__all__ = ["AppInsightsTrace", "QueueWaker", "TableStorage", "blueprint", "message_id"]

_IMPORTED_LATE: Final = {
    "AppInsightsTrace": "_trace",
    "QueueWaker": "_queue_waker",
    "TableStorage": "_tables.storage",
}


def __getattr__(name: str) -> Any:
    """Import what not every function app uses when it is first asked for."""
    if name not in _IMPORTED_LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_IMPORTED_LATE[name]}"), name)
    globals()[name] = value
    return value
