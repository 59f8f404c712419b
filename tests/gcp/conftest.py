"""The shop of the tests of Google Cloud, and the two ways in which functions-framework calls a function."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from clouds.shop import Shop
from gcp.fronts import FRONTS

from flux_gcp._invocation import TIMEOUTS
from flux_gcp._logging.context import PROJECTS, project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gcp.fronts import Front


@pytest.fixture
def shop() -> Shop:
    """A shop that has sold nothing yet."""
    return Shop()


@pytest.fixture(params=FRONTS, ids=lambda front: front.name)
def front(request: pytest.FixtureRequest) -> Front:
    """Either of the two: the function called in a thread, or awaited on an event loop."""
    called: Front = request.param
    return called


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing of Google Cloud."""
    for name in (*TIMEOUTS, *PROJECTS, "K_SERVICE", "FLUX_STORE", "FLUX_TASKS_QUEUE", "FLUX_CONTROL_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("FLUX_SERVICE_ACCOUNT", raising=False)
    project.cache_clear()


@pytest.fixture
def silent() -> Iterator[str]:
    """`HOST:PORT` of a server that takes connections, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"
