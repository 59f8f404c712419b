"""What one run of four steps asks of each store, and what a save takes: every store in every round."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parents[1]))  # a checkout needs no installation
sys.path.insert(0, str(Path(__file__).parents[1] / "adapters"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from urllib3.connectionpool import HTTPConnectionPool

from benchmarks.report import Options, Row, Section, main
from benchmarks.rounds import seconds
from flux_aws import DynamoDBStorage
from flux_azure import TableStorage
from flux_core import Context, Engine, Workflow
from flux_core.storage import MemoryStorage, SQLiteStorage
from flux_gcp import FirestoreStorage
from flux_postgres import PostgreSQLStorage

from services.azurite import Azurite
from services.dynamodb_local import DynamoDBLocal
from services.firestore import FirestoreEmulator
from services.postgres import PostgreSQL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_core.storage import Storage

SAVES: Final = 5  # of a run of four steps: it is created, and saved after each
RUNS: Final = 5  # in a round
ORDER: Final = {"order_id": "o_001", "items": [{"product": "mug", "qty": 2}], "address": {"city": "Berlin"}}


def _work(ctx: Context[Any, Any]) -> dict[str, str]:
    return {"step": ctx.step}


FOUR: Final[Workflow[Any, Any]] = (
    Workflow[Any, Any]("order")
    .step("check", _work)
    .commit("reserve", _work)
    .commit("charge", _work)
    .step("notify", _work)
)


class Calls:
    """Counts the calls of a method of an object or of a class."""

    def __init__(self, owner: Any, method: str) -> None:
        self._owner = owner
        self._method = method

    @contextmanager
    def counted(self) -> Iterator[list[None]]:
        """Give a list that has one entry for each call in the block."""
        calls: list[None] = []
        call = getattr(self._owner, self._method)

        def counting(*arguments: Any, **options: Any) -> Any:
            calls.append(None)
            return call(*arguments, **options)

        with patch.object(self._owner, self._method, counting):
            yield calls


class Subject:
    """A store, and where its requests go through: None if it has no service to ask."""

    def __init__(self, what: str, storage: Storage, requests: Calls | None = None) -> None:
        self.what: Final = what
        self._engine = Engine(storage)
        self._requests = requests

    def run(self) -> None:
        """Take one run through the store."""
        self._engine.execute(FOUR, ORDER)

    def run_some(self) -> None:
        """Take the runs of a round through the store."""
        for _ in range(RUNS):
            self.run()

    def asked(self) -> str:
        """Return how many requests a run makes, after one that opens the connections."""
        self.run()
        if self._requests is None:
            return "no request"
        with self._requests.counted() as calls:
            self.run()
        return f"{len(calls)} requests"


def measure(options: Options) -> Section:
    """Take runs through every store in turn, each service on a server of its own on this machine."""
    rounds = options.rounds(30)
    with ExitStack() as stack:
        subjects = list(_subjects(stack))
        requests = [subject.asked() for subject in subjects]
        times: list[list[float]] = [[] for _ in subjects]
        for _ in range(rounds):
            for subject, taken in zip(subjects, times, strict=True):
                taken.append(seconds(subject.run_some) / RUNS / SAVES)
    floor = median(times[1])
    rows = [
        Row(
            subject.what, f"{asked}, {median(taken) * 1e6:,.0f} µs a save", "", f"{median(taken) / floor:.2f}"
        )
        for subject, asked, taken in zip(subjects, requests, times, strict=True)
    ]
    return Section(
        "A run of four steps in each store: requests, and the time of a save, over SQLite's",
        rows,
        [
            f"{rounds} rounds of {RUNS} runs; the medians. Each save is one request, whatever its service calls it.",
            "The services are emulators on this machine, but PostgreSQL is itself: no network, and not their speed.",
        ],
    )


def _subjects(stack: ExitStack) -> Iterator[Subject]:
    folder = Path(stack.enter_context(TemporaryDirectory(prefix=".bench-", dir=".")))
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "local")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "local")
    http = Calls(HTTPConnectionPool, "urlopen")
    yield Subject("memory", MemoryStorage())
    yield Subject("SQLite, `synchronous=NORMAL`", SQLiteStorage(folder / "normal.db"))
    yield Subject("SQLite, `synchronous=FULL`", SQLiteStorage(folder / "full.db", synchronous="FULL"))

    postgres = PostgreSQLStorage(stack.enter_context(PostgreSQL()).url())
    postgres.create_tables()
    yield Subject("PostgreSQL", postgres, Calls(postgres._pool, "run"))  # noqa: SLF001 (no store counts for its user)

    endpoint = stack.enter_context(DynamoDBLocal()).endpoint
    dynamodb = DynamoDBStorage("runs", region="us-east-1", endpoint=endpoint)
    dynamodb.create_table()
    yield Subject("DynamoDB (DynamoDB Local)", dynamodb, http)

    host = stack.enter_context(FirestoreEmulator()).host
    stack.enter_context(patch.dict(os.environ, {"FIRESTORE_EMULATOR_HOST": host}))
    firestore = FirestoreStorage("runs", project="benchmark")
    yield Subject("Firestore (Google's emulator)", firestore, Calls(firestore._service, "ask"))  # noqa: SLF001 (the same)

    tables = TableStorage("runs", connection=stack.enter_context(Azurite()).connection)
    tables.create_table()
    yield Subject("Azure Tables (Azurite)", tables, http)


if __name__ == "__main__":
    main({"stores": measure})
