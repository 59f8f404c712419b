"""A network between a store and its database that loses connections as it is told to."""

from __future__ import annotations

import os
import socket
from threading import local
from typing import TYPE_CHECKING, Any, Self

import psycopg
from contract.storm import Storm

if TYPE_CHECKING:
    from flux_postgres import PostgreSQLStorage


class PostgreSQLStorm(Storm):
    """Loses connections, before the statement or after it; a thread that was struck is spared once."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, ("before", "after"))
        self._thread = local()

    def over(self, storage: PostgreSQLStorage) -> PostgreSQLStorage:
        """Have the storm strike the connections that the store makes from now on."""
        storage._pool.place.parameters["cursor_factory"] = self._cursor()
        return storage

    def strikes(self) -> str | None:
        """Return when the next statement loses its connection, if it does."""
        spared = getattr(self._thread, "struck", False)
        when = None if spared else super().strikes()
        self._thread.struck = when is not None
        return when

    def _cursor(self) -> type[psycopg.Cursor[Any]]:
        storm = self

        class Cursor(psycopg.Cursor[Any]):
            def execute(self, *statement: Any, **options: Any) -> Self:
                when = storm.strikes()
                if when == "before":
                    hang_up(self.connection)
                super().execute(*statement, **options)
                if when == "after":  # committed, and the answer is taken away
                    hang_up(self.connection)
                    super().execute("SELECT 1")
                return self

        return Cursor


def hang_up(connection: psycopg.Connection[Any]) -> None:
    """Break a connection as a network does: neither end was asked."""
    with socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)
