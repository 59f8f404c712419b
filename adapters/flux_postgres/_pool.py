"""Connections to a database: as many as threads need at a time, kept for the next, replaced once they are broken.

A forked child begins without any. It neither uses nor ends those of its parent, whose sessions they are.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from selectors import EVENT_READ, DefaultSelector
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from weakref import WeakSet

import psycopg
from psycopg.pq import TransactionStatus

from flux_core import InvalidInput, StoreError
from flux_postgres._refusals import READ_ONLY, not_connected, passes, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg.sql import Composed

    from flux_postgres._place import Place

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

PATIENCE: Final = 30.0  # seconds that a thread waits for a connection
KEPT: Final = (
    60.0  # seconds for which an idle connection is trusted: gateways forget theirs after some minutes
)


class Answer(NamedTuple):
    """What a statement gave."""

    rows: list[tuple[Any, ...]]
    written: int
    """How many rows there were, or were written."""


class Pool:
    """At most `most` connections to a place, each lent to one thread at a time."""

    def __init__(self, place: Place, *, most: int) -> None:
        self.place = place
        self._most = most
        self._closed = False
        self._begin()
        _pools.add(self)

    def run(
        self,
        what: str,
        statement: Composed,
        parameters: Sequence[Any] | Mapping[str, Any],
        *,
        again: bool = True,
    ) -> Answer:
        """Run a statement in a transaction of its own; `what` says of errors what was to be done.

        `again` is whether it may be run a second time if nobody knows what has become of the first.

        Raises:
            InvalidInput: a parameter is no text that PostgreSQL can keep.
            StoreError: the statement was refused, or there is no connection.
        """
        try:
            return self._run(statement, parameters)
        except psycopg.Error as error:
            if not (again and passes(error)):
                raise refusal(self.place, what, error) from error
        except UnicodeEncodeError as error:
            raise InvalidInput(
                f"{what} was refused, ids, names and tags are Unicode text ({error})"
            ) from error
        try:
            return self._run(statement, parameters)
        except psycopg.Error as error:
            raise refusal(self.place, what, error) from error

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection.

        Raises:
            StoreError: none can be made, none was given back in time, or the store was closed.
        """
        room = self._room
        if not room.acquire(timeout=PATIENCE):
            raise StoreError(
                f"all {self._most} connections to {self.place} were in use for {PATIENCE:.0f} seconds;"
                " raise `connections`, or see what takes so long"
            )
        try:
            connection = self._take()
            try:
                yield connection
            except psycopg.Error as error:
                if error.sqlstate == READ_ONLY:  # another server may have become the primary
                    connection.close()
                raise
            finally:
                self._give_back(connection)
        finally:
            room.release()

    def close(self) -> None:
        """End all connections, those that are lent when they come back."""
        self._closed = True
        self._end_idle()

    def begin_as_child(self) -> None:
        """Begin anew in a forked process, with nothing that the parent's threads hold or the parent's server knows."""
        _inherited.extend(connection for _, connection in self._idle)
        self._begin()

    def _begin(self) -> None:
        self._idle: list[tuple[float, Connection]] = []
        self._room = BoundedSemaphore(self._most)

    def _run(self, statement: Composed, parameters: Sequence[Any] | Mapping[str, Any]) -> Answer:
        with self.connection() as connection:
            cursor = connection.execute(statement, parameters, binary=True)
            rows = cursor.fetchall() if cursor.description else []
            return Answer(rows, cursor.rowcount)

    def _take(self) -> Connection:
        if self._closed:
            raise StoreError(f"the store in {self.place} was closed; open another one")
        with suppress(IndexError):  # none is idle
            while True:
                since, connection = self._idle.pop()
                if time.time() - since < KEPT and not _has_ended(connection):
                    return connection
                connection.close()
        try:
            # What is prepared belongs to a session, and a pooler between may give each transaction another one.
            return psycopg.connect(**self.place.parameters, autocommit=True, prepare_threshold=None)
        except psycopg.Error as error:
            raise not_connected(self.place, error) from error

    def _give_back(self, connection: Connection) -> None:
        if connection.closed:
            self._end_idle()  # what has ended this one has most likely ended the others
        elif connection.info.transaction_status != TransactionStatus.IDLE:
            connection.close()
        else:
            self._idle.append((time.time(), connection))
        if self._closed:
            self._end_idle()

    def _end_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop()[1].close()


def _has_ended(connection: Connection) -> bool:
    """Whether the server has something to say to a connection that asks for nothing: that it was ended."""
    with DefaultSelector() as selector:
        selector.register(connection, EVENT_READ)
        return bool(selector.select(0))


_pools: Final[WeakSet[Pool]] = WeakSet()
_inherited: Final[list[Connection]] = []  # kept, because to be dropped is to be ended


def _after_fork() -> None:
    for pool in list(_pools):
        pool.begin_as_child()


with suppress(AttributeError):  # on Windows nothing forks
    os.register_at_fork(after_in_child=_after_fork)
