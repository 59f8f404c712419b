"""A run that may not be there is used as if it were."""

from flux_core import Engine
from flux_core.storage import MemoryStorage

engine = Engine()
engine.get("order-1").status  # error
engine.get("order-1").data  # error
MemoryStorage().load("order-1").document  # error
