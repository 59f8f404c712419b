"""Many workers on one table through a bad network: each order is charged once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aws.dynamodb.weather import DynamoDBStorm, Network
from contract.storm import WORKERS, StormContract, Stormy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flux_aws import DynamoDBStorage


@pytest.mark.xdist_group("dynamodb-local")
class TestDynamoDB(StormContract):
    """The shop over DynamoDB Local, which never throttles and loses nothing by itself."""

    @pytest.fixture
    def stormy(self, opened: Callable[..., DynamoDBStorage]) -> Sequence[Stormy]:
        """Give each worker a store, and a storm."""
        storms = [DynamoDBStorm(number) for number in range(WORKERS)]
        stores = [opened(patience=60.0) for _ in storms]
        for storage, storm in zip(stores, storms, strict=True):
            Network(storage, before=storm.before, after=storm.after)
        return [Stormy(*both) for both in zip(stores, storms, strict=True)]
