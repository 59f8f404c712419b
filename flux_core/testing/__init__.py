"""What a project needs to test its own workflows, and its own stores."""

from flux_core.testing._clock import FakeClock
from flux_core.testing._crashes import Crash, crash_points
from flux_core.testing._interleavings import Schedule, interleavings
from flux_core.testing._recordings import record, replay
from flux_core.testing._rehearsal import Replay
from flux_core.testing._storage import StorageContract

__all__ = [
    "Crash",
    "FakeClock",
    "Replay",
    "Schedule",
    "StorageContract",
    "crash_points",
    "interleavings",
    "record",
    "replay",
]
