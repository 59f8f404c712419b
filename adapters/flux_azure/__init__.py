"""Flux on Azure: a workflow behind Azure Functions, its runs in Table Storage, its traces in Application Insights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flux_azure._blueprint import blueprint, message_id
from flux_core import _late

if TYPE_CHECKING:
    from flux_azure._queue_waker import QueueWaker
    from flux_azure._tables.storage import TableStorage
    from flux_azure._trace import AppInsightsTrace

__all__ = ["AppInsightsTrace", "QueueWaker", "TableStorage", "blueprint", "message_id"]

__getattr__ = _late.importer(
    globals(),
    {
        "AppInsightsTrace": "_trace",
        "QueueWaker": "_queue_waker",
        "TableStorage": "_tables.storage",
    },
)
