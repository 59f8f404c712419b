"""What holds for every test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from flux_core._serving import store

if TYPE_CHECKING:
    from collections.abc import Iterator

# A busy machine is no reason to fail. In CI the parent draws the same examples each time.
settings.register_profile(
    "flux", parent=settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("flux")


@pytest.fixture(scope="session", autouse=True)
def nothing_left() -> Iterator[None]:
    """Have an app that names no store leave nothing in the current folder."""
    with pytest.MonkeyPatch.context() as defaults:
        defaults.setattr(store, "ELSEWHERE", "memory://")
        yield
