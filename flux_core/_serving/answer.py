"""How a run stands, as every front says it that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flux_core import Run, plain

if TYPE_CHECKING:
    from flux_core import App, Result


def answer(app: App, run: Result[Any] | Run) -> dict[str, Any]:
    """Return how a run of the app stands, as `status, id, data`, masked, and `error` if it failed."""
    data = plain(run.data) if isinstance(run, Run) else run.to_dict()["data"]
    stands = {"status": str(run.status), "id": run.id, "data": app.masked(data)}
    if run.error is not None:
        stands["error"] = run.error.to_dict()
    return stands
