"""What the tests of the store in Azure Tables share: a server, and tables in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from flux_azure import TableStorage

from services.azurite import Azurite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def server() -> Iterator[Azurite]:
    """Azure's storage for all tests of a process; each has tables of its own."""
    with Azurite() as server:
        yield server


@pytest.fixture
def opened(server: Azurite) -> Iterator[Callable[..., TableStorage]]:
    """Opens stores over one empty table, and one empty container where one is asked for; closes them in the end."""
    name = f"t{uuid4().hex}"
    stores: list[TableStorage] = []

    def opened(*, container: bool = False, **options: Any) -> TableStorage:
        beside = name if container else None
        stores.append(TableStorage(name, connection=server.connection, container=beside, **options))
        return stores[-1]

    opened(container=True).create_table()
    yield opened
    for store in stores:
        store.close()


@pytest.fixture
def storage(opened: Callable[..., TableStorage]) -> TableStorage:
    """A store over an empty table."""
    return opened()
