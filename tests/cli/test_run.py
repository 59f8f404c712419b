"""`flux run`, `flux retry` and `flux resume`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from cli.bakery import Order

from flux_core import App, Workflow
from flux_core.storage import SQLiteStorage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

ORDER = '{"order_id": "o1", "items": [{"product_id": "rye", "qty": 2}]}'
BURNT = '{"order_id": "o1", "trouble": "burnt"}'
SLOW = '{"order_id": "o1", "trouble": "slow dough"}'


def test_a_run_that_completes_exits_with_0(flux: Callable[..., Result]) -> None:
    """A run that completes is exit code 0, and its timeline says so."""
    result = flux("run", "order", "--input", ORDER, "--id", "r1")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "r1  ✔ completed")


def test_a_run_is_stored_in_flux_db_by_default(flux: Callable[..., Result], folder: Path) -> None:
    """Where neither a store is named nor the app has one, runs are kept in `flux.db` in the current folder."""
    flux("run", "order", "--input", ORDER)
    assert (folder / "flux.db").exists()


def test_what_the_app_prints_goes_to_standard_error(flux: Callable[..., Result]) -> None:
    """Standard output is the command's answer alone: one JSON document, whatever handlers print."""
    result = flux("run", "order", "--input", ORDER, "--json")
    assert json.loads(result.stdout)["status"] == "completed"
    assert "charging o1" in result.stderr


def test_the_json_of_a_run_holds_its_data_and_results(flux: Callable[..., Result]) -> None:
    """`--json` shows data, outputs, history and tags of the run, with times in ISO 8601."""
    document = json.loads(
        flux("run", "order", "--input", ORDER, "--id", "r1", "--tag", "vip", "--tag", "eu", "--json").stdout
    )
    assert document["id"] == "r1"
    assert document["tags"] == ["vip", "eu"]
    assert document["data"] == {"payment_id": "pay-o1", "baked": ["rye"]}
    assert document["results"] == {
        "rest": None,
        "charge": None,
        "bake": ["rye"],
        "deliver": "delivered o1",
    }
    assert [step["status"] for step in document["history"]] == [*["completed"] * 3, "skipped", "completed"]
    assert document["created_at"].endswith("Z")
    assert document["wake_at"] is None


def test_a_run_that_fails_exits_with_1(flux: Callable[..., Result]) -> None:
    """A run that fails is exit code 1; the timeline shows the error and what to type next, and no traceback."""
    result = flux("run", "order", "--input", BURNT, "--id", "r1")
    assert result.exit_code == 1
    assert "RuntimeError: the oven is too hot" in result.stdout
    assert "flux retry r1" in result.stdout
    assert "Traceback" not in result.output


def test_traceback_shows_the_traceback_of_the_failed_step(flux: Callable[..., Result]) -> None:
    """`--traceback` shows where the step failed."""
    result = flux("run", "order", "--input", BURNT, "--traceback")
    assert "bakery.py" in result.stdout


def test_the_json_of_a_failure_holds_a_traceback_only_if_asked(flux: Callable[..., Result]) -> None:
    """The traceback is in the JSON document with `--traceback`, and not without."""
    flux("run", "order", "--input", BURNT, "--id", "r1")
    plain = json.loads(flux("show", "r1", "--json").stdout)
    full = json.loads(flux("show", "r1", "--json", "--traceback").stdout)
    assert set(full["error"]) - set(plain["error"]) == {"traceback"}
    assert "bakery.py" in full["history"][-1]["error"]["traceback"]


def test_a_value_that_cannot_be_saved_names_step_and_path(flux: Callable[..., Result]) -> None:
    """Data that cannot be saved fails the run; the error names the step and the path in the data."""
    given = '{"order_id": "o1", "trouble": "unsavable"}'
    result = flux("run", "order", "--input", given, "--json")
    error = json.loads(result.stdout)["error"]
    assert (result.exit_code, error["code"]) == (1, "NOT_SERIALIZABLE")
    assert "'bake'" in error["message"]
    assert "baked[0]" in error["message"]


def test_a_suspended_run_exits_with_6(flux: Callable[..., Result]) -> None:
    """A run that backs off for long is saved: exit code 6, and the timeline says how it goes on."""
    result = flux("run", "order", "--input", SLOW, "--id", "r1")
    assert result.exit_code == 6
    assert "goes on at" in result.stdout
    assert "flux tick" in result.stdout


def test_the_app_may_stand_before_the_workflow(flux: Callable[..., Result], folder: Path) -> None:
    """`flux run APP WORKFLOW` takes the app from the first name, before any other place that names one."""
    (folder / "mini.py").write_text("from flux_core import *\napp = App([Workflow('w').step('s', print)])\n")
    assert flux("run", "mini:app", "w", "--input", "{}").exit_code == 0


def test_three_names_are_too_many(flux: Callable[..., Result]) -> None:
    """`flux run` takes an app and a workflow; a third name is wrong usage."""
    result = flux("run", "a:app", "order", "again", "--input", "{}")
    assert (result.exit_code, "got 3 names" in result.stderr) == (2, True)


def test_an_unknown_workflow_leaves_nothing_behind(flux: Callable[..., Result], folder: Path) -> None:
    """A workflow that the app does not have is exit code 2; those it has are listed, and no store is made."""
    result = flux("run", "bread", "--input", "{}")
    assert (result.exit_code, result.stderr) == (
        2,
        "flux: the app has no workflow 'bread'; it has: order, cake, patient\n",
    )
    assert not list(folder.iterdir())


def test_input_of_the_wrong_shape_names_the_path(flux: Callable[..., Result], folder: Path) -> None:
    """Input that does not fit is exit code 2 with the path to what is wrong; nothing is written."""
    result = flux(
        "run", "order", "--input", '{"order_id": "o1", "items": [{"product_id": "rye", "qty": "two"}]}'
    )
    assert (result.exit_code, result.stderr) == (2, "flux: input: items[0].qty: expected int, got str\n")
    assert not list(folder.iterdir())


def test_an_id_outside_the_alphabet_is_refused(flux: Callable[..., Result], folder: Path) -> None:
    """A run id with a character that ids do not have is exit code 2; nothing is written."""
    result = flux("run", "order", "--input", ORDER, "--id", "no spaces")
    assert (result.exit_code, "A-Z a-z 0-9 . _ : @ -" in result.stderr) == (2, True)
    assert not list(folder.iterdir())


def test_the_same_id_with_another_input_exits_with_4(flux: Callable[..., Result]) -> None:
    """An id that is taken by a run with another input is exit code 4."""
    flux("run", "order", "--input", ORDER, "--id", "r1")
    result = flux("run", "order", "--input", BURNT, "--id", "r1", "--json")
    assert (result.exit_code, json.loads(result.stderr)["error"]["code"]) == (4, "INPUT_MISMATCH")


def test_retry_goes_back_to_the_failed_step(flux: Callable[..., Result], folder: Path) -> None:
    """`flux retry` runs on from the step that failed; the commit before it is not run again."""
    flux("run", "order", "--input", BURNT, "--id", "r1")
    (folder / "mended").touch()
    result = flux("retry", "r1", "--json")
    assert (result.exit_code, json.loads(result.stdout)["status"]) == (0, "completed")
    assert "charging" not in result.stderr


def test_retry_can_redo_commits(flux: Callable[..., Result]) -> None:
    """`flux retry --step --redo-commits` runs a completed commit again."""
    flux("run", "order", "--input", ORDER, "--id", "r1")
    result = flux("retry", "r1", "--step", "charge", "--redo-commits")
    assert (result.exit_code, "charging o1" in result.stderr) == (0, True)


def test_retry_of_a_completed_commit_exits_with_4(flux: Callable[..., Result]) -> None:
    """A completed commit is not retried unless that is said: exit code 4."""
    flux("run", "order", "--input", ORDER, "--id", "r1")
    assert flux("retry", "r1", "--step", "charge").exit_code == 4


def test_retry_of_a_run_without_a_failed_step_exits_with_4(flux: Callable[..., Result]) -> None:
    """Where no step has failed, `flux retry` asks for the step: exit code 4."""
    flux("run", "order", "--input", ORDER, "--id", "r1")
    result = flux("retry", "r1")
    assert (result.exit_code, "--step" in result.stderr) == (4, True)


def test_retry_of_an_unknown_step_exits_with_3(flux: Callable[..., Result]) -> None:
    """A step that the workflow does not have is exit code 3."""
    flux("run", "order", "--input", ORDER, "--id", "r1")
    result = flux("retry", "r1", "--step", "knead")
    assert (result.exit_code, "'knead'" in result.stderr) == (3, True)


def test_resume_shows_a_run_that_cannot_go_on_yet(flux: Callable[..., Result]) -> None:
    """`flux resume` of a run that is not due shows it as it stands: exit code 6."""
    flux("run", "order", "--input", SLOW, "--id", "r1")
    result = flux("resume", "r1")
    assert (result.exit_code, "r1  … suspended" in result.stdout) == (6, True)


def test_resume_of_an_unknown_run_exits_with_3(flux: Callable[..., Result]) -> None:
    """A run that the store does not have is exit code 3."""
    flux("run", "order", "--input", ORDER)
    result = flux("resume", "nix")
    assert (result.exit_code, result.stderr) == (
        3,
        "flux: no run 'nix' in the store; see those there are with: flux list\n",
    )


def test_retry_of_a_run_that_is_held_says_until_when(flux: Callable[..., Result]) -> None:
    """A run that a worker holds is busy until its lease ends; naming a step would not help."""
    leave = Workflow("order", input=Order).step("leave", lambda ctx: sys.exit())
    with App([leave], SQLiteStorage("flux.db"), lease=3600) as app, pytest.raises(SystemExit):
        app.execute("order", {"order_id": "o1"}, id="r1")
    result = flux("retry", "r1")
    assert (result.exit_code, "held by a worker until" in result.stderr) == (4, True)
