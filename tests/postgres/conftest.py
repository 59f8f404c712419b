"""What the tests of the store in PostgreSQL share: a server, and databases in it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest

from flux_postgres import PostgreSQLStorage

from services.postgres import PostgreSQL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nothing said about databases by the variables of whoever runs the tests."""
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGOPTIONS", "PGCONNECT_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSQL]:
    """A PostgreSQL for all tests of a process; each has a schema of its own."""
    with PostgreSQL() as server:
        yield server


@pytest.fixture
def admin(server: PostgreSQL) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection, which waits for nobody else."""
    with closing(
        psycopg.connect(server.url(), autocommit=True, options="-c synchronous_commit=local")
    ) as admin:
        yield admin


@pytest.fixture
def opened(server: PostgreSQL) -> Iterator[Callable[..., PostgreSQLStorage]]:
    """Opens stores over one empty schema, and closes them in the end."""
    schema = f"flux_{uuid4().hex}"
    stores: list[PostgreSQLStorage] = []

    def opened(**options: Any) -> PostgreSQLStorage:
        stores.append(PostgreSQLStorage(server.url(), **{"schema": schema, **options}))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


@pytest.fixture
def storage(opened: Callable[..., PostgreSQLStorage]) -> PostgreSQLStorage:
    """A store over an empty schema."""
    return opened()
