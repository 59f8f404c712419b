"""Two workers on one run, over a table of Azure."""

from __future__ import annotations

import pytest
from contract.two_workers import TwoWorkersContract


@pytest.mark.xdist_group("azurite")
class TestAzureTables(TwoWorkersContract):
    """The orders of two workers over Azurite."""
