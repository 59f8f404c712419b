"""Flux on Google Cloud: a workflow behind HTTP and CloudEvents, its runs in Firestore, woken by Cloud Tasks."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from flux_gcp._functions import cloud_event, control, http

if TYPE_CHECKING:
    from flux_gcp._firestore.storage import FirestoreStorage
    from flux_gcp._logging.trace import CloudLoggingTrace
    from flux_gcp._tasks.waker import CloudTasksWaker

__all__ = [
    "CloudLoggingTrace",
    "CloudTasksWaker",
    "FirestoreStorage",
    "cloud_event",
    "control",
    "http",
]

_IMPORTED_LATE: Final = {
    "CloudLoggingTrace": "_logging.trace",
    "CloudTasksWaker": "_tasks.waker",
    "FirestoreStorage": "_firestore.storage",
}


def __getattr__(name: str) -> Any:
    """Import what not every function uses when it is first asked for."""
    if name not in _IMPORTED_LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_IMPORTED_LATE[name]}"), name)
    globals()[name] = value
    return value
