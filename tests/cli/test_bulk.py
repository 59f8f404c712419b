"""`flux retry`, `flux resume`, `flux pause` and `flux cancel` with filters: many runs at once."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from cli.bakery import order

from flux_core import App, RunBusy, Workflow
from flux_core.storage import SQLiteStorage
from flux_core.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

pytestmark = pytest.mark.usefixtures("three_failed")

RETRY = ("retry", "--status", "failed", "--yes")


@pytest.fixture
def three_failed(folder: Path) -> None:
    """Orders a, b and c that failed an hour apart from 2026-01-01 on, and one that completed."""
    clock = FakeClock(1_767_225_600)
    with App([order], SQLiteStorage("flux.db"), clock=clock) as app:
        for run_id, trouble in {"a": "burnt", "b": "cut short", "c": "burnt", "done": ""}.items():
            app.execute("order", {"order_id": run_id, "trouble": trouble}, id=run_id)
            clock.advance(3600)


@pytest.fixture
def mended(folder: Path, three_failed: None) -> None:
    """The ovens are mended, so that a retry does not fail again."""
    (folder / "mended").touch()


def statuses(flux: Callable[..., Result]) -> dict[str, str]:
    """Return the status of each stored run."""
    return {run["id"]: run["status"] for run in json.loads(flux("list", "--json").stdout)["runs"]}


@pytest.mark.usefixtures("mended")
def test_every_run_that_the_filters_let_through_is_retried(flux: Callable[..., Result]) -> None:
    """Filters stand for many runs: those created since and before, and no other, are retried; counts tell of them."""
    result = flux(*RETRY, "--since", "2026-01-01T02:00", "--until", "2026-01-01T03:00")
    assert (result.exit_code, result.stdout) == (0, "1 run: 1 completed\n")
    assert statuses(flux) == {"a": "failed", "b": "failed", "c": "completed", "done": "completed"}


def test_a_run_that_fails_again_is_told_and_stops_no_other(flux: Callable[..., Result]) -> None:
    """Each run that ends failed has a line with its error, before the counts: exit code 1."""
    result = flux(*RETRY)
    assert (result.exit_code, result.stdout.splitlines()) == (
        1,
        [
            "c: failed: RuntimeError: the oven is too hot",
            "b: failed: RuntimeError: the oven is too hot",
            "a: failed: RuntimeError: the oven is too hot",
            "3 runs: 3 failed",
        ],
    )


@pytest.mark.usefixtures("mended")
def test_a_run_that_cannot_be_touched_is_told_and_stops_no_other(flux: Callable[..., Result]) -> None:
    """A run with an error of its own has a line that says why, and the others have their turn: exit code 4."""
    result = flux(
        "retry", "--workflow", "order", "--status", "completed", "--status", "failed", "--limit", "2", "--yes"
    )
    assert (result.exit_code, result.stdout.splitlines()) == (
        4,
        [
            (
                "done: not touched: run 'done' is completed, no step of it has failed; name the one to go back"
                " to with --step"
            ),
            "2 runs: 1 not touched, 1 completed",
        ],
    )


def test_a_failed_run_goes_before_one_that_was_not_touched(flux: Callable[..., Result]) -> None:
    """Where one run failed and another could not be touched, the exit code is that of the failed one."""
    assert flux("retry", "--status", "failed", "--status", "completed", "--yes").exit_code == 1


def test_the_json_tells_of_every_run(flux: Callable[..., Result]) -> None:
    """`--json` is one document: counts, and each run with its own error or with what kept it from being touched."""
    result = flux("retry", "--status", "failed", "--status", "completed", "--limit", "2", "--yes", "--json")
    document = json.loads(result.stdout)
    runs = document.pop("runs")
    assert document == {"matched": 2, "left": 0, "untouched": 1, "counts": {"failed": 1}}
    assert [(run["id"], run["status"]) for run in runs] == [("done", "completed"), ("c", "failed")]
    assert [run["refusal"] and run["refusal"]["code"] for run in runs] == ["NOT_RETRYABLE", None]
    assert [run["error"] and run["error"]["message"] for run in runs] == [None, "the oven is too hot"]


def test_the_json_holds_tracebacks_only_if_asked(flux: Callable[..., Result]) -> None:
    """With `--traceback` a run's error in the document has one."""
    documents = [json.loads(flux(*RETRY, "--json", *more).stdout) for more in ([], ["--traceback"])]
    assert ["traceback" in document["runs"][0]["error"] for document in documents] == [False, True]


@pytest.mark.usefixtures("mended")
def test_without_a_status_those_are_meant_that_the_command_is_for(flux: Callable[..., Result]) -> None:
    """`flux retry --workflow` leaves runs alone that have not failed."""
    result = flux("retry", "--workflow", "order", "--until", "2026-01-01T01:00", "--yes")
    assert result.stdout == "1 run: 1 completed\n"


def test_a_dry_run_lists_and_changes_nothing(flux: Callable[..., Result]) -> None:
    """`--dry-run` shows the table of `flux list` without asking, and leaves every run as it is."""
    before = flux("list", "--status", "failed", "--json").stdout
    result = flux("retry", "--status", "failed", "--limit", "2", "--dry-run")
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["id", "c", "b"]
    assert flux("list", "--status", "failed", "--json").stdout == before


def test_a_dry_run_can_be_json(flux: Callable[..., Result]) -> None:
    """`--dry-run --json` is a page as `flux list` prints it."""
    document = json.loads(flux("retry", "--status", "failed", "--dry-run", "--json").stdout)
    assert ([run["id"] for run in document["runs"]], document["cursor"]) == (["c", "b", "a"], None)


def test_many_are_asked_about(flux: Callable[..., Result]) -> None:
    """Without `--yes` it asks, saying how many runs of what; yes goes on."""
    result = flux("retry", "--since", "2026-01-01T01:00", input="y\n")
    assert "Retry 2 runs (2 failed order)?" in result.stderr
    assert result.stdout.splitlines()[-1] == "2 runs: 2 failed"


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_what_is_not_confirmed_is_not_done(flux: Callable[..., Result], answer: str) -> None:
    """Any other answer, or nobody there to give one, leaves every run as it is: exit code 130."""
    result = flux("retry", "--status", "failed", "--json", input=answer)
    assert (result.exit_code, result.stdout) == (130, "")
    assert "nothing was done; say --yes" in result.stderr


def test_no_run_is_no_error(flux: Callable[..., Result]) -> None:
    """Where no run passes the filters nothing is asked, and the counts say so."""
    result = flux("retry", "--status", "failed", "--since", "1s")
    assert (result.exit_code, result.stdout) == (0, "0 runs\n")


def test_more_runs_than_a_page_are_all_retried(flux: Callable[..., Result], folder: Path) -> None:
    """All runs are found before the first is retried, so that none is missed or done twice, page by page."""
    with App([order], SQLiteStorage("flux.db")) as app:
        for number in range(210):
            app.execute("order", {"order_id": "o", "trouble": "fatal"}, id=f"r{number}")
    (folder / "mended").touch()
    result = flux(*RETRY, "--since", "1d")
    assert (result.exit_code, result.stdout) == (0, "210 runs: 210 completed\n")


def test_runs_of_other_apps_are_left_alone(flux: Callable[..., Result]) -> None:
    """In a store that several apps share, filters let through runs of this app's workflows alone."""
    with App([Workflow("theirs").step("s", lambda ctx: 1 / 0)], SQLiteStorage("flux.db")) as app:
        app.execute("theirs", {}, id="theirs")
    assert flux(*RETRY).stdout.splitlines()[-1] == "3 runs: 3 failed"


def test_a_workflow_that_the_app_does_not_have_exits_with_2(flux: Callable[..., Result]) -> None:
    """A workflow's name that is mistyped is told, and is not taken for one without runs."""
    result = flux("retry", "--workflow", "ordr", "--yes")
    assert (result.exit_code, "the app has no workflow 'ordr'" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [("a", "--status", "failed"), ("a", "--until", "1h"), ("a", "--limit", "1"), ("a", "--dry-run")],
)
def test_an_id_and_filters_are_wrong_usage(flux: Callable[..., Result], arguments: tuple[str, ...]) -> None:
    """An ID is one run and filters are many: both is exit code 2, and nothing is done."""
    result = flux("retry", *arguments)
    assert (result.exit_code, "an ID is one run, and filters are many" in result.stderr) == (2, True)


@pytest.mark.parametrize("command", ["retry", "resume", "pause", "cancel"])
def test_neither_an_id_nor_filters_is_wrong_usage(flux: Callable[..., Result], command: str) -> None:
    """A command that is told no run is exit code 2, and says how to name some; `--limit` alone names none."""
    result = flux(command, "--limit", "3", "--yes")
    assert result.exit_code == 2
    said = re.sub(r"\s+", " ", result.stderr)
    filters = "--workflow, --status, --since, --until, --tag, --id-prefix"
    assert f"give the ID of a run, or filters for many: {filters}" in said


@pytest.mark.usefixtures("mended")
def test_an_interrupt_tells_how_far_it_came(flux: Callable[..., Result]) -> None:
    """Ctrl-C ends with exit code 130; what was done is told, and how the run in hand goes on."""
    result = flux(*RETRY)
    assert (result.exit_code, result.stdout) == (130, "1 of 3 runs: 1 completed\n")
    assert result.stderr.endswith(
        "flux: interrupted after 1 of 3 runs; run b is saved, and goes on after its lease with: flux tick\n"
    )


@pytest.mark.usefixtures("mended")
def test_an_interrupt_leaves_the_document_whole(flux: Callable[..., Result]) -> None:
    """Ctrl-C with `--json` prints the document of what was done, and how many runs are left."""
    document = json.loads(flux(*RETRY, "--json").stdout)
    assert (document["matched"], document["left"], document["counts"]) == (3, 2, {"completed": 1})


def test_an_interrupt_between_two_runs_names_none(
    flux: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C before a run is begun says nothing of a run that is saved."""

    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("flux_core.App.retry_step", interrupt)
    assert flux(*RETRY).stderr == "flux: interrupted after 0 of 3 runs\n"


def test_a_defect_in_one_run_is_told_with_it(
    flux: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody expected is told in the run's line; FLUX_DEBUG=1 shows where it comes from."""
    monkeypatch.setattr("flux_core.App.retry_step", lambda *arguments, **options: 1 / 0)
    result = flux(*RETRY, "--limit", "1", env={"FLUX_DEBUG": "1"})
    assert (result.exit_code, result.stderr.splitlines()[0]) == (70, "Traceback (most recent call last):")
    assert result.stdout.startswith("c: not touched: this is a defect in flux: ZeroDivisionError")


def test_a_message_is_no_markup(flux: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """Brackets in a message are shown as they are."""

    def refuse(*arguments: object, **options: object) -> None:
        raise RunBusy("held by [red]", until=1)

    monkeypatch.setattr("flux_core.App.retry_step", refuse)
    assert flux(*RETRY, "--limit", "1").stdout.splitlines()[0] == "c: not touched: held by [red]"
