"""The deployment, started once, for all tests that call deployed functions: they run in one process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from gcp.deployed.deployment import Deployment

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The functions, over a Firestore and a queue of Cloud Tasks."""
    with Deployment(tmp_path_factory.mktemp("deployed")) as deployed, pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", deployed.environment["FIRESTORE_EMULATOR_HOST"])
        yield deployed
