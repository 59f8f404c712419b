"""What tests of pictures are given."""

from __future__ import annotations

import pytest
from web.pictures.shop import Shop


@pytest.fixture
def shop() -> Shop:
    """An engine that has run nothing yet."""
    return Shop()
