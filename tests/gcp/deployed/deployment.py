"""What the tests deploy: the functions of `main.py`, each on a server of its own, over one Firestore."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

from flux_core import Engine
from flux_core.storage import open_storage

from services.cloud_tasks import QUEUE, CloudTasks
from services.firestore import FirestoreEmulator
from services.functions_framework import FunctionsFramework

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from email.message import Message
    from types import TracebackType

    from flux_core import Run

SIGNATURES = {"events": "cloudevent"}
"""Those of the functions that are not deployed with signature http."""


class Answer(NamedTuple):
    """What a server answers."""

    status: int
    headers: Message
    body: str

    @property
    def document(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.body)


class Deployment:
    """The functions, started when they are first asked for, and the world that they share.

    Attributes:
        environment: the settings of every function.
    """

    def __init__(self, folder: Path) -> None:
        self._ledger = folder / "ledger"
        self._ledger.touch()
        self._resources = ExitStack()
        self._started: dict[tuple[str, int], FunctionsFramework] = {}
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        firestore = self._resources.enter_context(FirestoreEmulator())
        self.tasks = self._resources.enter_context(CloudTasks())
        self.environment = {
            "FIRESTORE_EMULATOR_HOST": firestore.host,
            "FLUX_STORE": f"firestore://flux-{uuid4().hex[:8]}/flux-runs",
            "LEDGER": str(self._ledger),
            "LOG_EXECUTION_ID": "true",  # as functions are deployed
            "TASKS_EMULATOR": self.tasks.endpoint,
            "FLUX_TASKS_QUEUE": QUEUE,
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._resources.close()

    def charges(self, order_id: str) -> list[str]:
        """Return the charges of an order, each the attempt in which it was tried."""
        lines = [line.split() for line in self._ledger.read_text().splitlines()]
        return [attempt for order, attempt in lines if order == order_id]

    def run(self, run_id: str) -> Run | None:
        """Return a run as the store has it."""
        return self._engine.get(run_id)

    @property
    def _engine(self) -> Engine:
        return Engine(open_storage(self.environment["FLUX_STORE"]))

    def function(self, target: str, timeout: int = 30) -> FunctionsFramework:
        """Return a function that has so many seconds a call; its runs are woken in one that has as many."""
        if (target, timeout) not in self._started:
            self._started[target, timeout] = self._start(target, timeout)
        return self._started[target, timeout]

    def _start(self, target: str, timeout: int) -> FunctionsFramework:
        control = "{url}" if target.startswith("control") else self.function("control", timeout).url
        server = FunctionsFramework(
            Path(__file__).parent / "main.py",
            target,
            signature=SIGNATURES.get(target, "http"),
            asgi=target.endswith("_aio"),
            environment=self.environment
            | {"FLUX_CONTROL_URL": control, "FLUX_FUNCTION_TIMEOUT": f"{timeout}"},
        )
        return self._resources.enter_context(server)


def post(url: str, body: object, headers: Mapping[str, str] | None = None) -> Answer:
    """Send a request; a body that is not bytes goes as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json", **(headers or {})})  # noqa: S310
    try:
        with urlopen(request, timeout=30) as response:  # noqa: S310 (this machine)
            return Answer(response.status, response.headers, response.read().decode())
    except HTTPError as error:
        return Answer(error.code, error.headers, error.read().decode())


def until(come_true: Callable[[], object], patience: float = 60.0) -> None:
    """Wait for something to come true.

    Raises:
        TimeoutError: it has not, within so many seconds.
    """
    deadline = time.monotonic() + patience
    while not come_true():
        if time.monotonic() > deadline:
            raise TimeoutError("what was waited for has not come true")
        time.sleep(0.05)
