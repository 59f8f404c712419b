"""Every command over a table of DynamoDB, which moto keeps here."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from flux_aws import DynamoDBStorage

from services.moto_server import ENVIRONMENT, moto_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    Flux = Callable[..., Result]

ORDER = '{"order_id": "o1"}'
BURNT = '{"order_id": "o1", "trouble": "burnt"}'
LOST = '{"order_id": "o1", "trouble": "lost parcel"}'


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but those of the tests."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The URL of moto's server."""
    with moto_server() as url:
        yield url


@pytest.fixture
def stored(flux: Flux, moto: str, monkeypatch: pytest.MonkeyPatch) -> Flux:
    """Run the command over an empty table."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    table = f"runs-{time.time_ns()}"
    DynamoDBStorage(table).create_table()

    def invoke(*arguments: str) -> Result:
        return flux("--store", f"dynamodb://{table}", *arguments)

    return invoke


def test_runs_are_run_listed_shown_and_deleted(stored: Flux, folder: Path) -> None:
    """`run`, `show`, `list` with filters and pages, and `delete`; no file is made."""
    for index in range(3):
        assert stored("run", "order", "--input", ORDER, "--id", f"r{index}", "--tag", "vip").exit_code == 0
    assert stored("run", "order", "--input", BURNT, "--id", "r3").exit_code == 1
    assert "tags vip" in stored("show", "r0").stdout
    page = json.loads(stored("list", "--status", "completed", "--limit", "2", "--json").stdout)
    rest = json.loads(stored("list", "--status", "completed", "--cursor", page["cursor"], "--json").stdout)
    assert {run["id"] for run in page["runs"] + rest["runs"]} == {"r0", "r1", "r2"}
    assert stored("delete", "r0", "--yes").exit_code == 0
    assert stored("show", "r0").exit_code == 3
    assert not list(folder.iterdir())


def test_runs_are_steered(stored: Flux) -> None:
    """`pause`, `resume`, `signal`, `tick` and `cancel`."""
    assert stored("run", "cake", "--input", ORDER, "--id", "r1").exit_code == 6
    assert stored("pause", "r1").exit_code == 0
    assert stored("resume", "r1").exit_code == 6
    assert stored("tick").stdout.startswith("0 due; next at 2")
    assert stored("signal", "r1", "approved", "--no-run").exit_code == 0
    assert json.loads(stored("tick", "--json").stdout)["completed"] == 1
    stored("run", "cake", "--input", ORDER, "--id", "r2")
    assert "rolled_back" in stored("cancel", "r2", "--compensate", "--yes").stdout


def test_runs_are_mended(stored: Flux, folder: Path) -> None:
    """`retry` of one run and of many, and `resolve`."""
    for index in range(3):
        stored("run", "order", "--input", BURNT, "--id", f"r{index}")
    stored("run", "cake", "--input", LOST, "--id", "lost")
    stored("signal", "lost", "approved")
    (folder / "mended").touch()
    assert stored("retry", "r0").exit_code == 0
    assert stored("retry", "--workflow", "order", "--yes").stdout == "2 runs: 2 completed\n"
    assert stored("resolve", "lost", "send", "--output", '"by bike"').exit_code == 0


@pytest.mark.parametrize("command", [["list"], ["show", "r1"], ["tick"]])
def test_a_table_that_is_not_there_is_named(
    flux: Flux, moto: str, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """A command over a table that is not there is exit code 3, in one line."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    result = flux("--store", "dynamodb://nope", *command)
    assert (result.exit_code, len(result.stderr.splitlines())) == (3, 1)
    assert "nope" in result.stderr
