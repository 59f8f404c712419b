"""The shop of the tests of AWS."""

from __future__ import annotations

import pytest
from clouds.shop import Shop


@pytest.fixture
def shop() -> Shop:
    """A shop that has sold nothing yet."""
    return Shop()


@pytest.fixture(autouse=True)
def on_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variable by which a function knows that it runs on Lambda."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders")
