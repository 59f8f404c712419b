"""`flux list`, `flux show` and `flux delete`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from flux_core import App, Workflow, wait
from flux_core.storage import SQLiteStorage
from flux_core.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

pytestmark = pytest.mark.usefixtures("three_runs")

STORE = "sqlite:///three.db"


def fail(ctx: object) -> None:
    """Fail."""
    raise ValueError("no")


@pytest.fixture
def three_runs(folder: Path) -> None:
    """Runs a, b and c, made a day apart from 2026-01-01 on: a failed, b completed, c is pending."""
    clock = FakeClock(1_767_225_600)
    workflows = [Workflow("sad").step("s", fail), Workflow("glad").step("s", lambda ctx: None)]
    with App(workflows, SQLiteStorage("three.db"), clock=clock) as app:
        app.execute("sad", {}, id="a")
        clock.advance(86_400)
        app.execute("glad", {}, id="b")
        clock.advance(86_400)
        app.start("glad", {}, id="c", tags=["vip"])


def ids(result: Result) -> list[str]:
    """Return the ids of the runs in a page."""
    return [run["id"] for run in json.loads(result.stdout)["runs"]]


def test_list_needs_only_a_store(flux: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are listed newest first, without any app."""
    monkeypatch.delenv("FLUX_APP")
    assert ids(flux("list", "--store", STORE, "--json")) == ["c", "b", "a"]


def test_list_is_a_table_of_lines_without_colour_in_a_pipe(flux: Callable[..., Result]) -> None:
    """In a pipe the table is plain text: a heading and a line a run, nothing cut, no trailing blanks."""
    lines = flux("list", "--store", STORE).stdout.splitlines()
    assert [line.split()[:4] for line in lines] == [
        ["id", "workflow", "status", "at"],
        ["c", "glad", "○", "pending"],
        ["b", "glad", "✔", "completed"],
        ["a", "sad", "✘", "failed"],
    ]
    assert all(line == line.rstrip() for line in lines)


def test_list_is_coloured_on_a_terminal(flux: Callable[..., Result]) -> None:
    """On a terminal the status has its colour."""
    result = flux("list", "--store", STORE, env={"FORCE_COLOR": "1", "TERM": "xterm"})
    assert "\x1b[31m✘ failed" in result.stdout


def test_list_shows_the_step_and_its_tries(flux: Callable[..., Result]) -> None:
    """A run is listed with the step that it has come to, and with how often that was tried if more than once."""
    flux("run", "order", "--input", '{"order_id": "o1", "trouble": "burnt"}', "--id", "r1")
    flux("run", "order", "--input", '{"order_id": "o2", "trouble": "cold oven"}', "--id", "r2")
    lines = flux("list").stdout.splitlines()
    assert ["  bake, 2 tries  " in lines[1], "  bake           " in lines[2]] == [True, True]


def test_list_shows_what_a_step_waits_for(flux: Callable[..., Result]) -> None:
    """A step whose handler waits for a signal of another name is listed with that name."""
    ask = Workflow("ask").step("ask", lambda ctx: wait("answer"))
    with App([ask], SQLiteStorage("flux.db")) as app:
        app.execute("ask", {}, id="r1")
    assert "  ask, for answer  " in flux("list").stdout


def test_list_shows_the_compensation_that_failed(flux: Callable[..., Result]) -> None:
    """A run whose rollback failed is listed with what could not be undone, one rolled back with what failed first."""
    flow = Workflow("w").commit("pay", print, compensate=lambda ctx: 1 / len(ctx.input)).step("s", fail)
    with App([flow], SQLiteStorage("flux.db")) as app:
        app.execute("w", {}, id="r1")
        app.execute("w", {"a": 1}, id="r2")
    lines = flux("list").stdout.splitlines()[1:]
    assert [line.split()[3:5] for line in lines] == [["rolled_back", "s"], ["compensation_failed", "pay"]]


def test_list_until_a_time(flux: Callable[..., Result]) -> None:
    """`--until` lists runs created before then; the moment itself is out."""
    assert ids(flux("list", "--store", STORE, "--until", "2026-01-02", "--json")) == ["a"]


def test_list_folds_long_ids_on_a_narrow_terminal(flux: Callable[..., Result], folder: Path) -> None:
    """At 80 columns an id of 64 characters goes on over lines, whole; nothing but it and the workflow gives way."""
    run_id = "0123456789abcdef" * 4
    with App([Workflow("order-fulfillment").step("reserve", fail)], SQLiteStorage("long.db")) as app:
        app.execute("order-fulfillment", {}, id=run_id)
    environment = {"FORCE_COLOR": "1", "TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "80"}
    _, first, *rest = flux("list", "--store", "sqlite:///long.db", env=environment).stdout.splitlines()
    assert all(text in first for text in ("✘ failed  reserve  ", " ms"))
    assert first.split()[0] + "".join(line.strip() for line in rest) == run_id


def test_list_by_workflow(flux: Callable[..., Result]) -> None:
    """`--workflow` lists that workflow's runs alone."""
    assert ids(flux("list", "--store", STORE, "--workflow", "sad", "--json")) == ["a"]


def test_list_by_tag(flux: Callable[..., Result]) -> None:
    """`--tag` lists the runs that were given that tag."""
    assert ids(flux("list", "--store", STORE, "--tag", "vip", "--json")) == ["c"]


def test_list_by_the_begin_of_the_id(flux: Callable[..., Result]) -> None:
    """`--id-prefix` lists the runs whose id begins so."""
    assert ids(flux("list", "--store", STORE, "--id-prefix", "b", "--json")) == ["b"]


def test_list_by_several_statuses(flux: Callable[..., Result]) -> None:
    """`--status` may be given again, for runs that have one of several."""
    assert ids(flux("list", "--store", STORE, "--status", "failed", "--status", "pending", "--json")) == [
        "c",
        "a",
    ]


def test_list_refuses_a_status_that_there_is_not(flux: Callable[..., Result]) -> None:
    """An unknown status is wrong usage, and those there are are listed."""
    result = flux("list", "--store", STORE, "--status", "tired")
    assert (result.exit_code, "'suspended'" in result.stderr) == (2, True)


@pytest.mark.parametrize("since", ["2026-01-02", "2026-01-02T00:00:00Z", "2026-01-02T01:00:00+01:00"])
def test_list_since_a_time(flux: Callable[..., Result], since: str) -> None:
    """`--since` takes an ISO 8601 time, in UTC unless it says otherwise; the moment itself is in."""
    assert ids(flux("list", "--store", STORE, "--since", since, "--json")) == ["c", "b"]


def test_list_since_a_span(flux: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """`--since` takes a span before now."""
    monkeypatch.setattr("time.time", lambda: 1_767_225_600 + 3 * 86_400)
    assert ids(flux("list", "--store", STORE, "--since", "1d", "--json")) == ["c"]
    assert ids(flux("list", "--store", STORE, "--since", "48h", "--json")) == ["c", "b"]


def test_list_refuses_a_moment_that_is_none(flux: Callable[..., Result]) -> None:
    """What is neither a span nor a time is wrong usage, with an example of each."""
    result = flux("list", "--store", STORE, "--since", "yesterday")
    assert (result.exit_code, "'yesterday' is neither a span such as 30m" in result.stderr) == (2, True)


def test_list_says_how_to_get_the_next_page(flux: Callable[..., Result]) -> None:
    """A page that is not the last one names the cursor of the next, beside the table."""
    first = flux("list", "--store", STORE, "--limit", "2")
    cursor = first.stderr.split()[-1]
    assert ids(flux("list", "--store", STORE, "--limit", "2", "--cursor", cursor, "--json")) == ["a"]


def test_the_json_of_a_page_ends_with_a_null_cursor(flux: Callable[..., Result]) -> None:
    """The last page has the cursor null, any other one text."""
    pages = [
        json.loads(flux("list", "--store", STORE, "--limit", limit, "--json").stdout) for limit in ("2", "3")
    ]
    assert [type(page["cursor"]) for page in pages] == [str, type(None)]


def test_list_refuses_a_cursor_of_its_own_making(flux: Callable[..., Result]) -> None:
    """A cursor that no page gave is exit code 2."""
    assert flux("list", "--store", STORE, "--cursor", "nonsense").exit_code == 2


def test_an_empty_page_is_said_beside_the_output(flux: Callable[..., Result]) -> None:
    """Where there are no runs, standard output is empty and standard error says so."""
    result = flux("list", "--store", STORE, "--workflow", "none")
    assert (result.stdout, result.stderr) == ("", "no runs\n")


def test_show_needs_only_a_store(flux: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is shown without any app."""
    monkeypatch.delenv("FLUX_APP")
    result = flux("show", "a", "--store", STORE)
    assert (result.exit_code, "ValueError: no" in result.stdout) == (0, True)


@pytest.mark.parametrize("app", ["nowhere:app", "broken:app"])
def test_show_needs_no_app_where_the_store_is_named(
    flux: Callable[..., Result], folder: Path, app: str
) -> None:
    """An app that is not there, or cannot be imported, is a note on standard error; the run is shown."""
    (folder / "broken.py").write_text("1 / 0")
    result = flux("show", "a", "--app", app, "--store", STORE)
    assert (result.exit_code, "ValueError: no" in result.stdout) == (0, True)
    assert result.stderr.startswith("flux: shown without the app: ")


def test_show_needs_the_app_where_no_store_is_named(flux: Callable[..., Result]) -> None:
    """An app that is not there may have the store: without one named it is missed."""
    assert flux("show", "a", "--app", "nowhere:app").exit_code == 2


def test_show_of_a_run_that_has_not_begun(flux: Callable[..., Result]) -> None:
    """A pending run has no timeline yet, and says how it begins."""
    assert flux("show", "c", "--store", STORE).stdout == (
        "c  ○ pending\n"
        "glad version 1\n"
        "created 2026-01-03 00:00:00Z · took 0 ms\n"
        "tags vip\n"
        "\n"
        "begins with the next: flux tick\n"
    )


def test_show_of_an_unknown_run_exits_with_3(flux: Callable[..., Result]) -> None:
    """A run that the store does not have is exit code 3."""
    result = flux("show", "z", "--store", STORE, "--json")
    assert (result.exit_code, json.loads(result.stderr)["error"]["code"]) == (3, "RUN_NOT_FOUND")


def test_show_of_an_impossible_id_exits_with_2(flux: Callable[..., Result]) -> None:
    """An id that no run can have is exit code 2."""
    assert flux("show", "a b", "--store", STORE).exit_code == 2


def test_delete_asks_and_deletes(flux: Callable[..., Result]) -> None:
    """`flux delete` asks, naming the run; yes deletes it."""
    result = flux("delete", "a", "--store", STORE, input="y\n")
    assert (result.exit_code, "Delete run a of sad, failed?" in result.stderr) == (0, True)
    assert ids(flux("list", "--store", STORE, "--json")) == ["c", "b"]


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_delete_leaves_what_is_not_confirmed(flux: Callable[..., Result], answer: str) -> None:
    """Any other answer, or none, leaves the run: exit code 130."""
    assert flux("delete", "a", "--store", STORE, input=answer).exit_code == 130
    assert flux("show", "a", "--store", STORE).exit_code == 0


def test_delete_says_how_not_to_be_asked(flux: Callable[..., Result]) -> None:
    """Where nobody is there to answer, what to say instead is said."""
    assert flux("delete", "a", "--store", STORE, input="").stderr.endswith("flux: not deleted; say --yes\n")


def test_delete_yes_does_not_ask(flux: Callable[..., Result]) -> None:
    """`--yes` deletes at once; the run is not there any more."""
    assert flux("delete", "a", "--yes", "--store", STORE).exit_code == 0
    assert flux("delete", "a", "--yes", "--store", STORE).exit_code == 3
