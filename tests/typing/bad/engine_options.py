"""An option of an engine is misspelt or of the wrong type."""

import time

from flux_core import App, AsyncEngine, Engine
from flux_core.trace import ConsoleTrace

Engine(default_retrys=3)  # error
AsyncEngine(retries=3)  # error
App([], default_time_out=3)  # error
Engine(default_retries="3")  # error
Engine(default_timeout="30s")  # error
Engine(trace=ConsoleTrace())  # error
Engine(trace=[print])  # error
Engine(lease=None)  # error
Engine(redact=[1])  # error
Engine("sqlite:///orders.db")  # error
Engine(clock=time)  # error
