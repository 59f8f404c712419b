"""Runs that Cloud Tasks brings back, through the control function."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import pytest
from gcp.deployed.deployment import post, until
from google.cloud.tasks_v2 import CloudTasksClient, HttpMethod, HttpRequest, Task

from flux_core import RunStatus

from services.cloud_tasks import QUEUE

if TYPE_CHECKING:
    from pathlib import Path

    from gcp.deployed.deployment import Deployment

pytestmark = pytest.mark.xdist_group("google-functions")


def status(deployment: Deployment, run_id: str) -> RunStatus | None:
    """Return how a run stands."""
    run = deployment.run(run_id)
    return run and run.status


def test_a_sleeping_run_is_woken(deployment: Deployment) -> None:
    """A task comes at the end of the sleep, and the control function goes on with the run."""
    answer = post(f"{deployment.function('orders').url}night", {"order_id": "sleeper"})
    assert (answer.status, answer.document["status"]) == (202, "suspended")

    until(lambda: status(deployment, "sleeper") is RunStatus.COMPLETED)
    assert deployment.charges("sleeper") == ["1"]


def test_a_run_outlasts_its_function(deployment: Deployment) -> None:
    """A run of four seconds in functions of three is handed over before the time is up, and does nothing twice."""
    short = deployment.function("orders", 3)
    answer = post(f"{short.url}long", {"order_id": "marathon", "work": 0.5})
    assert (answer.status, answer.document["status"]) == (202, "suspended")

    until(lambda: status(deployment, "marathon") is RunStatus.COMPLETED)
    assert deployment.charges("marathon") == ["1"] * 8


def test_a_task_for_a_busy_run_comes_again(deployment: Deployment, tmp_path: Path) -> None:
    """While another function works on the run, the task is answered 500; Cloud Tasks sends it until that is over."""
    gate, control = tmp_path / "gate", deployment.function("control")
    order = {"order_id": "busy", "gate": str(gate), "night": 0}
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, f"{deployment.function('orders').url}night", order)
        until(lambda: status(deployment, "busy") is RunStatus.RUNNING)
        _create_task(deployment, control.url, {"flux": {"action": "resume", "id": "busy"}})
        until(lambda: control.log().count("is to come again: RunBusy") >= 2)
        gate.touch()
        assert answer.result().status == 200

    assert status(deployment, "busy") is RunStatus.COMPLETED
    assert deployment.charges("busy") == ["1"]


def _create_task(deployment: Deployment, url: str, command: object) -> None:
    """Put a command into the queue."""
    transport = CloudTasksClient.get_transport_class("grpc")
    with grpc.insecure_channel(deployment.tasks.endpoint) as channel:
        client = CloudTasksClient(transport=transport(channel=channel))
        request = HttpRequest(url=url, http_method=HttpMethod.POST, body=json.dumps(command).encode())
        client.create_task(parent=QUEUE, task=Task(http_request=request))
