"""Flux on Google Cloud: a workflow behind HTTP and CloudEvents, its runs in Firestore, woken by Cloud Tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flux_core import _late
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

__getattr__ = _late.importer(
    globals(),
    {
        "CloudLoggingTrace": "_logging.trace",
        "CloudTasksWaker": "_tasks.waker",
        "FirestoreStorage": "_firestore.storage",
    },
)
