"""Two workers on one run, over a collection of Firestore."""

from __future__ import annotations

import pytest
from contract.two_workers import TwoWorkersContract


@pytest.mark.xdist_group("firestore")
class TestFirestore(TwoWorkersContract):
    """The orders of two workers over the emulator."""
