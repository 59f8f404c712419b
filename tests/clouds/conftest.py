"""The fronts of the shop that can be steered, started once for all tests of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from clouds.steering import fronts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.http.asking import Respond


@pytest.fixture(scope="session")
def steered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Respond]]:
    """What sends a request to each of the fronts, by its name."""
    with fronts(tmp_path_factory.mktemp("steered")) as started:
        yield started
