"""Flux on the web: the HTTP API and the viewer as one ASGI application, to serve alone or to mount in another.

app = flux_web.asgi(orders)                   # uvicorn main:app
outer.mount("/flux", flux_web.asgi(orders))   # in FastAPI or Starlette; see `ticking`
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flux_core import _late

if TYPE_CHECKING:
    from flux_web._asgi import asgi
    from flux_web._server import PortInUse, serve
    from flux_web._tick_loop import ticking

__all__ = ["PortInUse", "asgi", "serve", "ticking"]

_imported = _late.importer(
    globals(), {"PortInUse": "_server", "asgi": "_asgi", "serve": "_server", "ticking": "_tick_loop"}
)


def __getattr__(name: str) -> Any:
    try:
        return _imported(name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in {"anyio", "starlette"}:
            raise
        raise ModuleNotFoundError(
            f"flux_web needs {missing}: pip install 'flux-serverless[web]'", name=error.name
        ) from error
