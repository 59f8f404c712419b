"""What the tests of the store in DynamoDB share: a server, and tables in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.session import Session, get_session

from flux_aws import DynamoDBStorage
from flux_aws._dynamodb.items import key_of

from services.dynamodb_local import DynamoDBLocal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sign with keys that no account has."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture(scope="session")
def server() -> Iterator[DynamoDBLocal]:
    """A DynamoDB for all tests of a process; each has tables of its own."""
    with DynamoDBLocal() as server:
        yield server


@pytest.fixture(scope="session")
def session() -> Session:
    """What botocore knows of AWS; it reads it from files, for longer than most tests take."""
    return get_session()


@pytest.fixture
def quick_clients(monkeypatch: pytest.MonkeyPatch, session: Session) -> None:
    """Have clients made without reading those files again; for tests with the same credentials and region."""
    monkeypatch.setattr("pynamodb.connection.base.get_session", lambda: session)


@pytest.fixture
def opened(server: DynamoDBLocal, quick_clients: None) -> Iterator[Callable[..., DynamoDBStorage]]:
    """Opens stores over one empty table, and closes them in the end."""
    name = f"runs-{uuid4().hex}"
    stores: list[DynamoDBStorage] = []

    def opened(**options: Any) -> DynamoDBStorage:
        stores.append(DynamoDBStorage(name, endpoint=server.endpoint, **options))
        return stores[-1]

    opened().create_table()
    yield opened
    for store in stores:
        store.close()


@pytest.fixture
def storage(opened: Callable[..., DynamoDBStorage]) -> DynamoDBStorage:
    """A store over an empty table."""
    return opened()


def item_at(storage: DynamoDBStorage, run_id: str) -> dict[str, Any]:
    """Return the run's item as the table has it."""
    item: dict[str, Any] = storage._requests.send("GetItem", {"Key": key_of(run_id)})["Item"]
    return item
