"""What the tests of Azure's fronts share: a shop, and a storage account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from clouds.shop import Shop

from services.azurite import Azurite

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """A storage account, for all tests of a process."""
    with Azurite() as server:
        yield server


@pytest.fixture
def shop() -> Shop:
    """A shop that has sold nothing yet."""
    return Shop()


@pytest.fixture(autouse=True)
def on_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variable by which a function app knows that it runs on Azure, and no other."""
    monkeypatch.setenv("WEBSITE_SITE_NAME", "orders")
    for name in ("FLUX_STORE", "AzureWebJobsStorage", "AzureFunctionsJobHost__functionTimeout"):
        monkeypatch.delenv(name, raising=False)
