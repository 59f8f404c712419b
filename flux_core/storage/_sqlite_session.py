"""Connections to an SQLite file: one a thread, how it is opened, what its errors mean, and where it ends.

A connection ends with its thread, with its store, and before a fork. A child that inherited one would take the
parent's file locks for its own: the parent could then delete the log that the child is writing to, and what the
child has saved would be lost.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from flux_core._errors import StoreError
from flux_core.storage._sqlite_schema import migrate

if TYPE_CHECKING:
    from types import TracebackType

_LOCKED_AGAIN_AFTER: Final = 0.005  # seconds
_PRIMARY_CODE: Final = 0xFF  # the rest of an SQLite error code is detail

_SYNCHRONOUS: Final = {"NORMAL": "PRAGMA synchronous = NORMAL", "FULL": "PRAGMA synchronous = FULL"}

_ADVICE: Final = {
    sqlite3.SQLITE_BUSY: "is locked by another process; end that one's transaction or raise busy_timeout",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; give this process access to the file and to its directory",
    sqlite3.SQLITE_CORRUPT: "is damaged; restore a copy, or get out what can be read with sqlite3's .recover",
    sqlite3.SQLITE_FULL: "cannot grow, the disk is full; make room and try again",
    sqlite3.SQLITE_IOERR: "cannot be read or written; check the disk and the file system",
    sqlite3.SQLITE_NOTADB: "is not an SQLite database and was left as it is; name another file",
    sqlite3.SQLITE_READONLY: "is read-only; give this process write access to the file and to its directory",
}


class File:
    """A file that holds a store: opens connections to it, and says what their errors mean."""

    def __init__(self, path: str, *, synchronous: str, busy_timeout: float) -> None:
        self.path = path
        self.closed = False
        self._synchronous = synchronous
        self._busy_timeout = busy_timeout

    def connect(self) -> sqlite3.Connection:
        """Return a new connection; a file that is not there is made, an older one brought up to date.

        Raises:
            StoreError: the file cannot be opened, or the store has been closed.
        """
        if self.closed:
            raise StoreError(f"the store in {self.path} was closed; open another one")
        try:
            return self._connect()
        except sqlite3.Error as error:
            raise self.explain(error) from error

    def explain(self, error: sqlite3.Error) -> StoreError:
        """Return the error that says what happened to the file and what to do about it."""
        path = Path(self.path)
        if path.is_dir():
            return StoreError(f"{path} is a directory; name a file in it")
        if not path.parent.is_dir():
            return StoreError(f"{path} cannot be created: there is no directory {path.parent}; make it first")
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY_CODE
        advice = _ADVICE.get(code, "cannot be used; see what SQLite says of it")
        return StoreError(f"{path} {advice} ({error})")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self._busy_timeout, isolation_level=None, check_same_thread=False
        )
        try:
            self._log_ahead(connection)
            connection.execute(_SYNCHRONOUS[self._synchronous])
            migrate(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _log_ahead(self, connection: sqlite3.Connection) -> None:
        # SQLite does not wait for this lock, whatever the time-out: many may be switching a new file at once.
        deadline = time.monotonic() + self._busy_timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & _PRIMARY_CODE == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() >= deadline:
                    raise
                time.sleep(_LOCKED_AGAIN_AFTER)
            else:
                return


class Session:
    """One thread's use of a file: a context that gives the connection, and explains its errors."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.lock = Lock()  # held in the context, and while the process forks
        self._connection: sqlite3.Connection | None = None
        with _registry:
            _sessions.add(self)

    def __enter__(self) -> sqlite3.Connection:
        self.lock.acquire()
        if self._connection is None:
            try:
                self._connection = self.file.connect()
            except BaseException:
                self.lock.release()
                raise
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.lock.release()
        if isinstance(error, sqlite3.Error):
            raise self.file.explain(error) from error

    def disconnect(self) -> None:
        """Close the connection; the next use opens another. The caller holds the lock, or nobody else can."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __del__(self) -> None:
        self.disconnect()


def close(file: File) -> None:
    """Close every thread's connection to the file, for good."""
    file.closed = True
    with _registry:
        sessions = [session for session in _sessions if session.file is file]
    for session in sessions:
        with session.lock:
            session.disconnect()


_registry: Final = Lock()
_sessions: Final[WeakSet[Session]] = WeakSet()
_held: Final[list[Session]] = []


def _before_fork() -> None:
    _registry.acquire()
    for session in list(_sessions):
        session.lock.acquire()
        session.disconnect()
        _held.append(session)


def _after_fork() -> None:
    while _held:
        _held.pop().lock.release()
    _registry.release()


with suppress(AttributeError):  # on Windows nothing forks
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
