"""Many workers on one collection through a bad network: each order is charged once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from contract.storm import WORKERS, StormContract, Stormy
from gcp.firestore.weather import FirestoreStorm

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flux_gcp import FirestoreStorage


@pytest.mark.xdist_group("firestore")
class TestFirestore(StormContract):
    """The shop over the emulator."""

    @pytest.fixture
    def stormy(self, opened: Callable[..., FirestoreStorage]) -> Sequence[Stormy]:
        """Give each worker a store, and a storm."""
        storms = [FirestoreStorm(number) for number in range(WORKERS)]
        return [Stormy(storm.over(opened(patience=60.0)), storm) for storm in storms]
