"""The shared storage suite over a private PostgreSQL."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest

from flux_core.testing import StorageContract
from flux_postgres import PostgreSQLStorage

from services.postgres import PostgreSQL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_core.storage import Storage


@pytest.mark.xdist_group("postgres")
class TestPostgreSQLStorage(StorageContract):
    """The store in PostgreSQL; its tables are emptied after each test, which is quicker than making them."""

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[PostgreSQL]:
        """Give a server."""
        with PostgreSQL() as server:
            yield server

    @pytest.fixture(scope="class")
    @classmethod
    def client(cls, server: PostgreSQL) -> Iterator[PostgreSQLStorage]:
        """Give a store with tables."""
        with closing(PostgreSQLStorage(server.url())) as client:
            client.create_tables()
            yield client

    @pytest.fixture
    def storage(self, server: PostgreSQL, client: PostgreSQLStorage) -> Iterator[Storage]:
        """Give an empty store."""
        yield client
        with closing(psycopg.connect(server.url(), autocommit=True)) as admin:
            admin.execute("DELETE FROM flux.runs")
            admin.execute("DELETE FROM flux.blobs")
