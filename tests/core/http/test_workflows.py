"""Workflows as they are defined, or as their runs show them, and how their last runs went."""

from __future__ import annotations

from typing import Any

import pytest
from core.http.asking import Got, Respond, Sent, by, router
from core.http.shop_of_runs import AS_OPERATOR, IDS, ORDER, shop
from hypothesis import given
from hypothesis import strategies as st

from flux_core import App, Context, Workflow
from flux_core._describe import describe
from flux_core._http.statistics import percentile
from flux_core.storage import MemoryStorage
from flux_core.testing import FakeClock

Ctx = Context[dict[str, Any], dict[str, Any]]


def look(respond: Respond, path: str, query: str = "") -> Got:
    """Ask for something."""
    return respond(Sent("GET", path, query, AS_OPERATOR))


def test_workflows_are_described() -> None:
    """Once each, in the version that starts new runs; it is said which others there are."""
    with shop() as app:
        report, order = look(by(router(app)), "/workflows").json["workflows"]
    assert order == describe(ORDER) | {"observed": False, "versions": ["1"]}
    assert (report["version"], report["versions"]) == ("2", ["1", "2"])


def orphans() -> Respond:
    """Return what asks an app for runs of which it has no definition."""
    storage = MemoryStorage()
    shop(storage)
    return by(router(App([Workflow("other").step("a", lambda ctx: 1)], storage)))


def test_workflows_that_are_only_known_by_their_runs() -> None:
    """Their nodes are those that the runs have come to, in the order in which they came."""
    other, order, report = look(orphans(), "/workflows").json["workflows"]
    assert (other["name"], other["observed"]) == ("other", False)
    assert (order["name"], order["observed"], order["versions"]) == ("order", True, ["1"])
    assert [(node["name"], node["kind"]) for node in order["nodes"]] == [
        (node.name, node.kind) for node in ORDER.nodes
    ]
    assert order["nodes"][0].keys() == describe(ORDER)["nodes"][0].keys()
    assert [node["name"] for node in report["nodes"]] == ["read", "send"]


def test_a_workflow_that_is_only_known_by_its_runs() -> None:
    """It has statistics all the same."""
    got = look(orphans(), "/workflows/report").json
    assert (got["observed"], got["statistics"]["runs"]) == (True, 2)


def test_an_unknown_workflow() -> None:
    """It has neither a definition nor a run."""
    got = look(orphans(), "/workflows/none")
    assert (got.status, got.json["code"]) == (404, "UNKNOWN_WORKFLOW")


def test_a_workflow_without_runs() -> None:
    """Nothing is known of how it goes."""
    with App([ORDER]) as app:
        statistics = look(by(router(app)), "/workflows/order").json["statistics"]
    assert (statistics["runs"], statistics["since"], statistics["success_rate"]) == (0, None, None)
    assert statistics["statuses"] == {}
    assert {step["tries"] for step in statistics["steps"]} == {None}


def test_statistics_of_a_shop() -> None:
    """Every run counts; of those that have ended, the completed ones are successes."""
    with shop() as app:
        got = look(by(router(app)), "/workflows/order").json["statistics"]
    assert got["runs"] == len(IDS) - 2
    assert sum(got["statuses"].values()) == got["runs"]
    assert got["success_rate"] == pytest.approx(1 / 6)
    check = got["steps"][0]
    assert (check["name"], check["completed"], check["failed"], check["skipped"]) == ("check", 6, 2, 0)
    assert next(step for step in got["steps"] if step["name"] == "pack")["skipped"] == 4


def test_a_step_that_was_undone_had_completed() -> None:
    """A compensation says nothing of how the step went."""
    with shop() as app:
        steps = look(by(router(app)), "/workflows/order").json["statistics"]["steps"]
    assert next(step for step in steps if step["name"] == "charge")["completed"] == 6


def timed(seconds: list[float]) -> Respond:
    """Return what asks an app whose step took those seconds, one run each, the first at its second attempt."""
    clock, failing = FakeClock(1_000_000.0), [True]

    def work(ctx: Ctx) -> None:
        clock.advance(ctx.input["seconds"])
        if failing and failing.pop():
            raise ValueError

    app = App([Workflow("timed").step("work", work, retries=1)], MemoryStorage(), clock=clock)
    for each in seconds:
        app.execute("timed", {"seconds": each})
        clock.advance(1)
    return by(router(app))


def test_durations_and_attempts_of_a_step() -> None:
    """The median, the 95th percentile, and how many attempts it took on average."""
    statistics = look(timed([1.0, *range(2, 21)]), "/workflows/timed", "last=19").json["statistics"]
    [step] = statistics["steps"]
    assert statistics["runs"] == 19
    assert (step["reached"], step["completed"], step["tries"], step["p50"], step["p95"]) == (
        19,
        19,
        1.0,
        11,
        20,
    )
    [step] = look(timed([1.0, 2.0]), "/workflows/timed").json["statistics"]["steps"]
    assert step["tries"] == 1.5


def test_many_runs_are_looked_at_page_by_page() -> None:
    """The newest count."""
    app = App([Workflow("w").step("a", lambda ctx: None)])
    for number in range(205):
        app.execute("w", {}, id=f"r-{number}")
    respond = by(router(app))
    assert look(respond, "/workflows/w", "last=203").json["statistics"]["runs"] == 203
    assert look(respond, "/workflows/w").json["statistics"]["runs"] == 200
    assert look(respond, "/workflows/w", "last=1000").json["statistics"]["runs"] == 205


def test_how_many_runs_are_looked_at_has_a_limit() -> None:
    """A page of the viewer is not to read a million."""
    with App([ORDER]) as app:
        got = look(by(router(app)), "/workflows/order", "last=1001")
    assert (got.status, got.json["path"]) == (422, "last")


@given(st.lists(st.integers(0, 20).map(float), min_size=1, max_size=30).map(sorted), st.floats(0.01, 1))
def test_a_percentile_is_one_of_the_values(values: list[float], part: float) -> None:
    """At least that part of them is no greater, and it is the smallest of which that is so."""
    value = percentile(values, part)
    assert value is not None
    assert sum(each <= value for each in values) >= part * len(values) - 1e-9
    assert sum(each < value for each in values) < part * len(values)


def test_no_values_have_no_percentile() -> None:
    """There is none to say."""
    assert percentile([], 0.5) is None
