"""The function in a container, as `sam local` runs it, with its state in DynamoDB Local on the host."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

import pytest
from sam.application import APPLICATION, PROJECT, build, environment, sam
from sam.deployment import wait_for

from flux_aws import DynamoDBStorage

from services.aws_sam import sam_binary
from services.dynamodb_local import DynamoDBLocal
from services.lambda_image import ARCHITECTURE, RUNTIME, make_lambda_image
from services.podman import HOST, Podman
from services.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("sam-local")

TABLE = "runs"


class Containers(NamedTuple):
    """What `sam local` is started with, and where the state is."""

    options: tuple[str, ...]
    environment: dict[str, str]
    storage: DynamoDBStorage


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """Build the application, make an image for it, and start DynamoDB Local with an empty table."""
    folder = tmp_path_factory.mktemp("local")
    with Podman() as podman, DynamoDBLocal() as database, pytest.MonkeyPatch.context() as patch:
        template, _ = build(folder / "build")
        make_lambda_image(podman)
        for name, value in environment().items():
            patch.setenv(name, value)
        storage = DynamoDBStorage(TABLE, region="us-east-1", endpoint=database.endpoint)
        storage.create_table()
        reached = database.endpoint.replace("127.0.0.1", HOST)
        yield Containers(
            (
                *("--template", str(template), "--skip-pull-image"),
                *("--env-vars", str(variables(folder, f"dynamodb://{TABLE}?endpoint={reached}"))),
                *("--parameter-overrides", f"Runtime={RUNTIME} Architecture={ARCHITECTURE}"),
            ),
            environment(**podman.environment),
            storage,
        )


def variables(folder: Path, store: str) -> Path:
    """Write the application's own file of variables with another store, and return where it is."""
    shipped = json.loads((APPLICATION / "local.json").read_text())
    shipped["OrderFunction"]["FLUX_STORE"] = store
    written = folder / "local.json"
    written.write_text(json.dumps(shipped))
    return written


@contextmanager
def api(containers: Containers) -> Iterator[str]:
    """Serve the API, and yield the URL of its orders."""
    port = free_port()
    command = [str(sam_binary()), "local", "start-api", "--port", str(port), *containers.options]
    server = subprocess.Popen(
        command,
        cwd=APPLICATION,
        env=containers.environment,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        stderr=sys.stderr,
    )
    try:
        wait_for(lambda: server.poll() is not None or listens(port), "sam local start-api")
        yield f"http://127.0.0.1:{port}/orders"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)


def listens(port: int) -> bool:
    """Return whether somebody listens on the port."""
    with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


def test_sam_local_invoke_runs_the_order_event(containers: Containers) -> None:
    """The function answers from its container that the run is completed, and DynamoDB has it."""
    printed = sam(
        "local", "invoke", "--event", "events/order.json", *containers.options, env=containers.environment
    )
    answer = next(json.loads(line) for line in printed.splitlines() if line.startswith('{"status"'))
    assert (answer["status"], answer["id"]) == ("completed", "order-o_001")
    record = containers.storage.load("order-o_001")
    assert record is not None
    assert record.status == "completed"


def test_sam_local_start_api_takes_an_order(containers: Containers) -> None:
    """An order that is POSTed is answered with its run, which DynamoDB has."""
    order = (PROJECT / "events" / "another-order.json").read_bytes()
    with api(containers) as url:
        request = urllib.request.Request(url, order, {"Content-Type": "application/json"})  # noqa: S310 (it is ours)
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            run = json.load(answer)
    assert (answer.status, run["status"], run["id"]) == (200, "completed", "order-o_004")
    record = containers.storage.load("order-o_004")
    assert record is not None
    assert record.status == "completed"
