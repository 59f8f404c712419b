"""One deployment for all the tests of the chain, and the orders that were sent to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sam.deployment import deploy

from services.aws_sam import SAM_ENVIRONMENT
from services.ministack import MiniStack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sam.deployment import Deployment


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Deploy the application to an AWS of its own, with nothing sent to it yet."""
    with MiniStack() as aws:
        yield deploy(aws.endpoint, tmp_path_factory.mktemp("sam"))


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process reach the local services, as the root of their account."""
    for name, value in SAM_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
