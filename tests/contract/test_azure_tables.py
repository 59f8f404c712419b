"""The shared storage suite over Azure Tables, as Azurite has them, and Blob Storage for large values."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from flux_azure import TableStorage
from flux_core.testing import StorageContract

from services.azurite import Azurite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_core.storage import Storage

pytestmark = pytest.mark.xdist_group("azurite")


@pytest.fixture(scope="module")
def server() -> Iterator[Azurite]:
    """Start the server."""
    with Azurite() as server:
        yield server


class TestAzureTables(StorageContract):
    """The store over Azurite, each test with a table of its own."""

    @pytest.fixture
    def storage(self, server: Azurite) -> Iterator[Storage]:
        """Give an empty store."""
        with closing(TableStorage(f"t{uuid4().hex}", connection=server.connection)) as storage:
            storage.create_table()
            yield storage


BESIDE = [claim for claim in dir(StorageContract) if "_blob" in claim or "_large" in claim]


@pytest.mark.parametrize("claim", BESIDE)
def test_a_container_keeps_what_is_promised(server: Azurite, claim: str) -> None:
    """Blobs, and documents beside them, are kept as in any store."""
    name = f"t{uuid4().hex}"
    with closing(TableStorage(name, connection=server.connection, container=name)) as storage:
        storage.create_table()
        getattr(StorageContract(), claim)(storage)
