"""The events in `sam/events/` are what AWS sends, and what the app understands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from sam.application import APPLICATION, PROJECT, REPOSITORY, TEMPLATE

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = APPLICATION / "events"
COMPLETED = {"status": "completed", "id": "order-o_001"}
ANSWERS: dict[str, dict[str, Any]] = {
    "order.json": COMPLETED,
    "order-eventbridge.json": {},  # nobody waits for its answer
    "order-api.json": {"statusCode": 200},
    "order-sqs.json": {"batchItemFailures": [{"itemIdentifier": "2e1424d4-f796-459a-8184-9c92662be6da"}]},
    "outage.json": {"status": "failed", "id": "order-o_006"},
    "tick.json": {"due": 0},
}
"""What the handler answers to each event, in part."""
DEADLY = "crash.json"
FOR_THE_BUS = "put-events.json"


def deliver(event: str, world: Path) -> subprocess.CompletedProcess[str]:
    """Hand an event to the template's handler, in a process of its own."""
    code = "import json, sys, app; print(json.dumps(app.handler(json.load(open(sys.argv[1])), None)))"
    return subprocess.run(
        [sys.executable, "-c", code, str(EVENTS / event)],
        cwd=PROJECT,
        env=os.environ
        | {
            "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'adapters'}",
            "FLUX_STORE": f"sqlite:///{world}/runs.db",
            "SHOP_DB": f"{world}/shop.db",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize("event", ANSWERS)
def test_the_app_understands_the_event(event: str, tmp_path: Path) -> None:
    """It is recognised, and answered as its source expects."""
    delivered = deliver(event, tmp_path)
    assert delivered.returncode == 0, delivered.stderr
    answer = json.loads(delivered.stdout) or {}
    assert ANSWERS[event].items() <= answer.items()


def test_the_crash_ends_the_process_once(tmp_path: Path) -> None:
    """The event kills the function in the middle of a step: the first time only, for the tick to go on."""
    assert deliver(DEADLY, tmp_path).returncode == 1
    again = deliver(DEADLY, tmp_path)
    assert "RunBusy" in again.stderr  # the dead worker's lease is not over yet


def test_no_event_is_left_out() -> None:
    """Every file is tried here."""
    assert {path.name for path in EVENTS.iterdir()} == {*ANSWERS, DEADLY, FOR_THE_BUS}


def test_what_is_put_on_the_bus_matches_the_rule() -> None:
    """It is the order of `order.json`, with the source and the type that the template's rule looks for."""
    (entry,) = json.loads((EVENTS / FOR_THE_BUS).read_text())
    assert json.loads(entry["Detail"]) == json.loads((EVENTS / "order.json").read_text())
    delivered = json.loads((EVENTS / "order-eventbridge.json").read_text())
    template = TEMPLATE.read_text()
    for name, kind in (("Source", "source"), ("DetailType", "detail-type")):
        assert entry[name] == delivered[kind]
        assert f"{kind}: [{entry[name]}]" in template
