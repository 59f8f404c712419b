"""The shop of the tests of AWS."""

from __future__ import annotations

import pytest
from aws.shop import Shop


@pytest.fixture
def shop() -> Shop:
    """A shop that has sold nothing yet."""
    return Shop()
