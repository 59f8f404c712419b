"""A network between a store and its database that loses connections as it is told to."""

from __future__ import annotations

import os
import socket
from random import Random
from threading import Lock, local
from typing import TYPE_CHECKING, Any, Self

import psycopg

if TYPE_CHECKING:
    from flux_postgres import PostgreSQLStorage


class Storm:
    """Loses one connection in six, before the statement or after it; a thread that was struck is spared once."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._lock = Lock()
        self._thread = local()
        self.struck = {"before": 0, "after": 0}

    def over(self, storage: PostgreSQLStorage) -> PostgreSQLStorage:
        """Have the storm strike the connections that the store makes from now on."""
        storage._pool.place.parameters["cursor_factory"] = self._cursor()
        return storage

    def strikes(self) -> str | None:
        """Return when the next statement loses its connection, if it does."""
        spared, self._thread.spared = getattr(self._thread, "spared", False), False
        with self._lock:
            if spared or self._random.random() > 1 / 6:
                return None
            self._thread.spared = True
            when = self._random.choice(("before", "after"))
            self.struck[when] += 1
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
