"""What a test of workflows, or of a store for them, needs."""

from __future__ import annotations

from flux_core.testing._storage import StorageContract

__all__ = ["StorageContract"]
