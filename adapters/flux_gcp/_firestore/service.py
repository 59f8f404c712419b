"""A service of Google as a store asks it: one client in each process, patience, and errors that say what to do."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from google.api_core.retry import Retry

from flux_core._invocation import seconds_for_a_call
from flux_core.storage._rows.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_gcp._firestore.refusals import Refusals

Client = TypeVar("Client")
T = TypeVar("T")

NEVER: Final = Retry(predicate=lambda _: False)
LONGEST: Final = 5.0  # seconds of one call


def call() -> dict[str, Any]:
    """Return what a client's call that is made now is made with.

    `Patience` is what tries again, and neither it nor a call goes past the deadline of the invocation.
    """
    return {"retry": NEVER, "timeout": seconds_for_a_call(LONGEST)}


class Place(NamedTuple):
    """Where a collection is."""

    collection: str
    database: str
    project: str | None
    """None for the environment's."""

    def __str__(self) -> str:
        project = "the environment's project" if self.project is None else f"the project {self.project!r}"
        emulator = os.environ.get("FIRESTORE_EMULATOR_HOST")
        where = "" if emulator is None else f" (FIRESTORE_EMULATOR_HOST={emulator})"
        return f"the collection {self.collection!r} in the database {self.database!r} of {project}{where}"


class Service(Generic[Client]):
    """One service, from any thread of any process.

    A client is made when it is first needed, and belongs to the process that made it. The servers of functions load
    a function and then fork: gRPC's connections do not live through that, and those of HTTP would be shared. So a
    store may be made before a fork, and be used after it. One that was used before may be used after as well, as long
    as no request was under way when the process was forked. What the parent had is not touched by the child.
    """

    def __init__(
        self, place: object, make: Callable[[], Client], refusals: Refusals, patience: float
    ) -> None:
        self._place = place
        self._make = make
        self._patience = Patience(patience, refusals)
        self._clients: dict[int, Client] = {}

    def __str__(self) -> str:
        return str(self._place)

    def ask(self, permission: str, request: Callable[[Client], T]) -> T:
        """Make a request, for which the account needs the permission.

        Raises:
            StoreError: it was refused, or has failed for longer than the patience lasts; beside what `request` raises.
        """
        return self._patience.persist(f"{permission} on {self._place}", lambda: request(self._client()))

    def close(self, end: Callable[[Client], object]) -> None:
        """End the client of this process, if it has one."""
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            end(client)

    def _client(self) -> Client:
        process = os.getpid()
        client = self._clients.get(process)
        # Of two threads that make one at the same time, both use the first; the other never connects.
        return self._clients.setdefault(process, self._make()) if client is None else client
