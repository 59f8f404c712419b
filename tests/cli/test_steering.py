"""`flux signal`, `flux pause`, `flux cancel` and `flux resolve`, and how runs go on after them."""

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

CAKE = '{"order_id": "o1"}'
LOST = '{"order_id": "o1", "trouble": "lost parcel"}'
NO_REFUND = '{"order_id": "o1", "trouble": "no refund"}'


@pytest.fixture
def waiting(flux: Callable[..., Result]) -> None:
    """Run r1 of a cake, charged, which waits to be approved."""
    flux("run", "cake", "--input", CAKE, "--id", "r1")


@pytest.fixture
def unclear(flux: Callable[..., Result]) -> None:
    """Run r1 of a cake of which nobody knows whether it was sent."""
    flux("run", "cake", "--input", LOST, "--id", "r1")
    flux("signal", "r1", "approved")


@pytest.fixture
def held(folder: Path) -> None:
    """Run r1, which a worker holds that is not there any more."""
    leave = Workflow("order", input=Order).step("leave", lambda ctx: sys.exit())
    with App([leave], SQLiteStorage("flux.db"), lease=3600) as app, pytest.raises(SystemExit):
        app.execute("order", {"order_id": "o1"}, id="r1")


def shown(flux: Callable[..., Result]) -> dict[str, object]:
    """Return the document of run r1."""
    document: dict[str, object] = json.loads(flux("show", "r1", "--json").stdout)
    return document


def test_a_run_that_waits_exits_with_6(flux: Callable[..., Result]) -> None:
    """A run that waits for a signal is exit code 6; what to type, until when, and the run's own end are shown."""
    result = flux("run", "cake", "--input", CAKE, "--id", "r1")
    assert (result.exit_code, "r1  … suspended" in result.stdout) == (6, True)
    assert result.stdout.splitlines()[-1].startswith("waits until 2")
    assert result.stdout.splitlines()[-1].endswith("Z for: flux signal r1 approved")
    assert "must have ended by 2" in result.stdout


@pytest.mark.usefixtures("waiting")
def test_the_json_says_what_a_run_waits_for(flux: Callable[..., Result]) -> None:
    """The document names the signal, the end of the wait and the end of the run, in `flux list` too."""
    document = shown(flux)
    (listed,) = json.loads(flux("list", "--json").stdout)["runs"]
    assert (document["waits_for"], listed["waits_for"]) == ("approved", "approved")
    assert str(document["wake_at"]) < str(document["expires_at"])


@pytest.mark.usefixtures("waiting")
def test_a_signal_goes_on_with_the_run(flux: Callable[..., Result]) -> None:
    """The signal's payload is the result of the wait, and the run goes on in the command."""
    result = flux("signal", "r1", "approved", "--payload", '{"by": "ada"}', "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["status"]) == (0, "completed")
    assert document["results"] == {"charge": None, "approved": {"by": "ada"}, "send": "sent"}


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize(
    ("payload", "value"), [("true", True), ("-1.5e3", -1500.0), ('"x"', "x"), ("-", [1])]
)
def test_a_payload_may_be_any_json(flux: Callable[..., Result], payload: str, value: object) -> None:
    """Numbers, true, false and null are JSON too; `-` is standard input."""
    result = flux("signal", "r1", "approved", "--payload", payload, "--json", input="[1]")
    assert json.loads(result.stdout)["results"]["approved"] == value


@pytest.mark.usefixtures("waiting")
def test_a_malformed_payload_is_called_the_payload(flux: Callable[..., Result]) -> None:
    """A payload that is not JSON is exit code 2, and nothing is sent."""
    result = flux("signal", "r1", "approved", "--payload", "{")
    assert (result.exit_code, result.stderr.startswith("flux: payload: the text is not JSON")) == (2, True)
    assert shown(flux)["status"] == "suspended"


@pytest.mark.usefixtures("waiting")
def test_a_signal_that_is_not_awaited_yet_is_kept(flux: Callable[..., Result]) -> None:
    """A signal of another name leaves the run waiting, exit code 6, and lies in its inbox."""
    result = flux("signal", "r1", "tasted", "--payload", '{"sweet": true}')
    assert result.exit_code == 6
    assert "in its inbox:\n  signal tasted\n" in result.stdout
    assert "flux signal r1 approved" in result.stdout


@pytest.mark.usefixtures("waiting")
def test_a_signal_can_be_left_to_others(flux: Callable[..., Result]) -> None:
    """With `--no-run` the signal is saved and nothing is run: exit code 0; the next tick goes on with the run."""
    result = flux("signal", "r1", "approved", "--no-run")
    assert (result.exit_code, "r1  … suspended" in result.stdout) == (0, True)
    assert "in its inbox:\n  signal approved\n\ngoes on at" in result.stdout
    assert flux("tick").stdout == "1 due: 1 claimed, 1 completed\n"


@pytest.mark.usefixtures("waiting")
def test_a_signal_with_the_same_id_is_delivered_once(flux: Callable[..., Result]) -> None:
    """`--signal-id` names the delivery: a second one with that id changes nothing."""
    for _ in range(2):
        flux("signal", "r1", "tasted", "--signal-id", "s1", "--no-run")
    assert shown(flux)["inbox"] == ["signal tasted"]


@pytest.mark.usefixtures("waiting")
def test_a_signal_to_a_run_that_has_ended_exits_with_4(flux: Callable[..., Result]) -> None:
    """A run that has ended takes no signal: exit code 4."""
    flux("signal", "r1", "approved")
    result = flux("signal", "r1", "approved", "--json")
    assert (result.exit_code, json.loads(result.stderr)["error"]["code"]) == (4, "SIGNAL_NOT_EXPECTED")


@pytest.mark.usefixtures("waiting")
def test_cancel_asks_and_cancels(flux: Callable[..., Result]) -> None:
    """`flux cancel` asks, naming the run; yes ends it as it stands, which is what was asked: exit code 0."""
    result = flux("cancel", "r1", input="y\n")
    assert (result.exit_code, "Cancel run r1 of cake, suspended?" in result.stderr) == (0, True)
    assert result.stdout.splitlines()[0] == "r1  ⊘ cancelled"


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize("answer", ["n\n", ""])
def test_cancel_leaves_what_is_not_confirmed(flux: Callable[..., Result], answer: str) -> None:
    """Any other answer, or none, leaves the run: exit code 130."""
    result = flux("cancel", "r1", input=answer)
    assert (result.exit_code, result.stderr.endswith("flux: nothing was done; say --yes\n")) == (130, True)
    assert shown(flux)["status"] == "suspended"


@pytest.mark.usefixtures("waiting")
def test_cancel_can_roll_back(flux: Callable[..., Result]) -> None:
    """`--compensate` undoes what the steps did, which is in the timeline: exit code 0."""
    result = flux("cancel", "r1", "--compensate", "--yes")
    assert (result.exit_code, "refunding o1" in result.stderr) == (0, True)
    assert result.stdout.splitlines()[0] == "r1  ↺ rolled_back"
    assert "  ↺ charge    compensation" in result.stdout
    assert '      payment_id: "pay-o1" → null' in result.stdout


@pytest.mark.usefixtures("waiting")
def test_the_json_holds_the_compensations(flux: Callable[..., Result]) -> None:
    """Each compensation is in the document as a step is."""
    document = json.loads(flux("cancel", "r1", "--compensate", "--yes", "--json").stdout)
    assert [(step["name"], step["status"]) for step in document["compensations"]] == [
        ("charge", "compensated")
    ]


@pytest.mark.usefixtures("waiting")
def test_cancel_of_a_run_that_has_ended_exits_with_4(flux: Callable[..., Result]) -> None:
    """A run that has ended cannot be cancelled, and nobody is asked: exit code 4."""
    flux("cancel", "r1", "--yes")
    result = flux("cancel", "r1", "--json")
    assert (result.exit_code, json.loads(result.stderr)["error"]["code"]) == (4, "RUN_ENDED")


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(("command", "told"), [("cancel", "cancel"), ("pause", "pause")])
def test_what_a_worker_has_still_to_see_exits_with_6(
    flux: Callable[..., Result], command: str, told: str
) -> None:
    """A run that a worker holds has a letter in its inbox, and has not stopped yet: exit code 6."""
    result = flux(command, "r1", "--yes")
    assert (result.exit_code, "r1  ▶ running" in result.stdout) == (6, True)
    assert f"in its inbox:\n  {told}\n\na worker holds it until" in result.stdout


def test_a_rollback_that_fails_exits_with_1(flux: Callable[..., Result]) -> None:
    """A compensation that fails leaves the run to a person: exit code 1, its error, and what to type."""
    flux("run", "cake", "--input", NO_REFUND, "--id", "r1")
    result = flux("cancel", "r1", "--compensate", "--yes")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (1, "r1  ! compensation_failed")
    assert "      RuntimeError: the bank is closed" in result.stdout
    assert result.stdout.endswith("once the cause is gone: flux retry r1\n")


def test_retry_goes_on_with_a_rollback(flux: Callable[..., Result], folder: Path) -> None:
    """`flux retry` of a run whose rollback failed goes on with that; the run has not completed: exit code 1."""
    flux("run", "cake", "--input", NO_REFUND, "--id", "r1")
    flux("cancel", "r1", "--compensate", "--yes")
    (folder / "mended").touch()
    result = flux("retry", "r1", "--json")
    assert (result.exit_code, json.loads(result.stdout)["status"]) == (1, "rolled_back")


def test_retry_of_a_step_does_not_stop_a_rollback(flux: Callable[..., Result]) -> None:
    """`flux retry --step` of a run whose rollback failed is refused: exit code 4."""
    flux("run", "cake", "--input", NO_REFUND, "--id", "r1")
    flux("cancel", "r1", "--compensate", "--yes")
    assert flux("retry", "r1", "--step", "charge").exit_code == 4


@pytest.mark.usefixtures("waiting")
def test_pause_and_resume(flux: Callable[..., Result]) -> None:
    """A paused run stands still, exit code 0, and says how it goes on; resumed it waits as before."""
    result = flux("pause", "r1")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "r1  ‖ paused")
    assert result.stdout.endswith("stands still until: flux resume r1\n")
    result = flux("resume", "r1")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (6, "r1  … suspended")


@pytest.mark.usefixtures("waiting")
def test_pause_of_a_run_that_has_ended_exits_with_4(flux: Callable[..., Result]) -> None:
    """A run that has ended cannot be paused: exit code 4."""
    flux("signal", "r1", "approved")
    assert flux("pause", "r1").exit_code == 4


@pytest.mark.usefixtures("unclear")
def test_a_commit_of_which_nobody_knows_says_what_to_type(flux: Callable[..., Result]) -> None:
    """A run that failed as interrupted asks a person, and names the command for each answer."""
    assert flux("show", "r1").stdout.splitlines()[-3:] == [
        "nobody knows whether send happened",
        "if it did: flux resolve r1 send, and --output if it gave one",
        "if it did not: flux retry r1",
    ]


@pytest.mark.usefixtures("unclear")
def test_resolve_goes_on_behind_the_commit(flux: Callable[..., Result]) -> None:
    """A commit that did happen has the output that it is given, and the run goes on."""
    result = flux("resolve", "r1", "send", "--output", '"by hand"', "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["status"]) == (0, "completed")
    assert document["results"]["send"] == "by hand"


@pytest.mark.usefixtures("unclear")
def test_resolve_can_be_left_to_others(flux: Callable[..., Result]) -> None:
    """With `--no-run` the outcome is saved and nothing is run: exit code 0; the next tick goes on with the run."""
    result = flux("resolve", "r1", "send", "--output", '"by hand"', "--no-run")
    assert (result.exit_code, "in its inbox:\n  outcome send\n\ngoes on at" in result.stdout) == (0, True)
    assert flux("tick").stdout == "1 due: 1 claimed, 1 completed\n"


@pytest.mark.usefixtures("waiting")
def test_resolve_of_a_run_that_did_not_fail_there_exits_with_4(flux: Callable[..., Result]) -> None:
    """A run that has not failed at that commit has nothing to resolve: exit code 4."""
    assert flux("resolve", "r1", "send", "--output", '"sent"').exit_code == 4


@pytest.mark.usefixtures("waiting")
def test_many_are_paused_resumed_and_cancelled(flux: Callable[..., Result]) -> None:
    """Filters name many runs; each command is for those that it can do something with, and counts what came of it."""
    flux("run", "cake", "--input", CAKE, "--id", "r2")
    many = ("--workflow", "cake", "--yes")
    results = [flux(*command, *many) for command in (["pause"], ["resume"], ["cancel"], ["cancel"])]
    assert [(result.exit_code, result.stdout) for result in results] == [
        (0, "2 runs: 2 paused\n"),
        (6, "2 runs: 2 suspended\n"),
        (0, "2 runs: 2 cancelled\n"),
        (0, "0 runs\n"),
    ]


@pytest.mark.usefixtures("waiting")
def test_many_are_asked_about_as_one_is(flux: Callable[..., Result]) -> None:
    """The question says that the runs are rolled back, if they are."""
    result = flux("cancel", "--workflow", "cake", "--compensate", input="y\n")
    assert "Cancel and roll back 1 run (1 suspended cake)?" in result.stderr
    assert (result.exit_code, result.stdout) == (0, "1 run: 1 rolled_back\n")
