"""Two workers on one run, over a table of DynamoDB."""

from __future__ import annotations

import pytest
from contract.two_workers import TwoWorkersContract


@pytest.mark.xdist_group("dynamodb-local")
class TestDynamoDB(TwoWorkersContract):
    """The orders of two workers over DynamoDB Local."""
