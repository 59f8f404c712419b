"""The HTTP API: runs and workflows to look at and to steer, the same on every front; loaded where it is served."""

from flux_core._http.access import Access, access_of
from flux_core._http.router import Router
from flux_core._http.runs import Runs

__all__ = ["Access", "Router", "Runs", "access_of"]
