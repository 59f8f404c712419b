"""What holds for every test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from flux_core._serving import store

if TYPE_CHECKING:
    from collections.abc import Iterator

# A busy machine is no reason to fail. The examples are the same each time, so that a change is judged by itself;
# where FLUX_SOAK_MINUTES is set they are ever new.
settings.register_profile(
    "flux",
    derandomize="FLUX_SOAK_MINUTES" not in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("flux")


@pytest.fixture(scope="session", autouse=True)
def nothing_left() -> Iterator[None]:
    """Have an app that names no store leave nothing in the current folder."""
    with pytest.MonkeyPatch.context() as defaults:
        defaults.setattr(store, "ELSEWHERE", "memory://")
        yield
