"""What the tests of the store in Firestore share: a server, and collections in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from flux_gcp import FirestoreStorage

from services.firestore import FirestoreEmulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def server() -> Iterator[FirestoreEmulator]:
    """A Firestore for all tests of a process; each has a project of its own."""
    with FirestoreEmulator() as server:
        yield server


@pytest.fixture
def opened(
    server: FirestoreEmulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., FirestoreStorage]]:
    """Opens stores over one empty collection, and closes them in the end."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.host)
    project = f"flux-{uuid4().hex[:8]}"
    stores: list[FirestoreStorage] = []

    def opened(**options: Any) -> FirestoreStorage:
        stores.append(FirestoreStorage(**{"project": project, **options}))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


@pytest.fixture
def storage(opened: Callable[..., FirestoreStorage]) -> FirestoreStorage:
    """A store over an empty collection."""
    return opened()
