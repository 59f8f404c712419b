"""What the functions of a blueprint share: the service, and the frame around each invocation."""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import azure.functions as func

from flux_azure._functions.timeout import function_timeout
from flux_core import InvalidInput, StoreError
from flux_core._invocation import Invocation
from flux_core._serving.measure import serving
from flux_core._serving.served import Served
from flux_core._serving.store import Platform, with_store
from flux_core._serving.trace_context import valid_traceparent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_core._serving.served import Steering
    from flux_core._serving.service import Service

AZURE: Final = Platform("WEBSITE_SITE_NAME", {"azuretable": "flux_azure._tables.url:open_azure_tables"})


class Front:
    """The functions, and what they serve.

    Args:
        service: whose store is opened when the first invocation comes: what fails while the functions are found makes
            all of them vanish, and does not say why to whoever calls.
        steering: who may steer its runs over HTTP; None if nobody may.

    Attributes:
        blueprint: where the functions are added.
    """

    def __init__(self, service: Service, steering: Steering | None = None) -> None:
        self.blueprint: Final = func.Blueprint()  # type: ignore[no-untyped-call]  # it has no __init__ of its own
        self._given = service
        self._steering = steering
        self._seconds = function_timeout()
        self._opened: Served | None = None
        self._lock = Lock()

    @contextmanager
    def serving(self, event: Any, context: func.Context) -> Iterator[tuple[Service, Invocation]]:
        """Serve an invocation in the block, as the one that is current.

        Args:
            event: what the worker delivers.
            context: what it says of the invocation.

        Raises:
            StoreError: the store cannot be opened.
        """
        deadline = None if self._seconds is None else time.monotonic() + self._seconds
        traceparent = valid_traceparent(getattr(context.trace_context, "trace_parent", None))
        invocation = Invocation(event, deadline, context.invocation_id, context, traceparent)
        with serving(self._given.app, invocation):
            yield self.served().service, invocation

    def served(self) -> Served:
        """Return the service over its store, and who may steer it; the worker's threads may ask at once.

        Raises:
            StoreError: the store cannot be opened, or the setting names none: never the fault of what was sent.
        """
        with self._lock:
            if self._opened is None:
                try:
                    service = self._given._replace(app=with_store(self._given.app, AZURE))
                except InvalidInput as error:
                    raise StoreError(f"the store cannot be opened: {error}") from error
                self._opened = Served.of(service, self._steering)
            return self._opened
