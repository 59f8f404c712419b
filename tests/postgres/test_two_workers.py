"""Two workers on one run, over a schema of PostgreSQL."""

from __future__ import annotations

import pytest
from contract.two_workers import TwoWorkersContract


@pytest.mark.xdist_group("postgres")
class TestPostgreSQL(TwoWorkersContract):
    """The orders of two workers over PostgreSQL itself."""
