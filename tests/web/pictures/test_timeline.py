"""Runs along a line of time."""

from __future__ import annotations

from operator import ge, gt
from typing import TYPE_CHECKING, Any

import pytest
from web.pictures.drawing import classed, number, overlaps, parsed, texts, tips

from flux_core import Context, Retry, Run, RunStatus, StepStatus, Workflow, sleep
from flux_web._pictures import timeline

if TYPE_CHECKING:
    import xml.etree.ElementTree as ET

    from web.pictures.shop import Shop


def drawn(run: Run, now: float, **options: Any) -> ET.Element:
    """Return the picture, parsed; no text in it is over another."""
    picture = parsed(timeline(run, now=now, **options))
    assert overlaps(picture) == []
    return picture


def row(picture: ET.Element, step: str, name: str = "data-step") -> ET.Element:
    """Return the row of a step."""
    (found,) = (row for row in classed(picture, "row") if row.get(name) == step)
    return found


def bars(row: ET.Element) -> list[str]:
    """Return what its bars are, in their order."""
    return [str(bar.get("class")).removeprefix("bar is-") for bar in classed(row, "bar")]


def test_each_attempt_is_a_bar(shop: Shop) -> None:
    """Attempts that failed stand on their own, with the back-off between them, then the one that did not fail."""
    run = shop.run(shop.order(charge=2))
    charge = row(drawn(run, shop.clock.time()), "charge")
    assert bars(charge) == ["failed", "backing-off", "failed", "backing-off", "completed"]
    told = [tip.splitlines()[0] for tip in tips(charge)]
    assert told[1:4] == ["attempt 1 failed after 1 s", "back-off, 2 s", "attempt 2 failed after 1 s"]
    assert "ConnectionError: refused <by> the card service" in tips(charge)[1]


def test_bars_are_as_long_as_they_took(shop: Shop) -> None:
    """What took twice as long is twice as long, and each begins where the one before it ended."""
    run = shop.run(Workflow("w").step("a", shop.takes(1)).step("b", shop.takes(2)))
    first, second = classed(drawn(run, shop.clock.time()), "span")
    assert number(second, "width") == pytest.approx(2 * number(first, "width"), abs=0.3)
    assert number(second, "x") == pytest.approx(number(first, "x") + number(first, "width"), abs=0.3)


def test_a_long_wait_is_cut_short(shop: Shop) -> None:
    """A wait of a day leaves room for steps of seconds: the line is broken, and the break says how long it is."""
    run = shop.run(shop.order())
    picture = drawn(run, shop.clock.time())
    assert [label.text for label in classed(picture, "break-label")] == ["1 d"]
    assert (len(classed(picture, "break")), "+1 s" in texts(picture)) == (1, True)
    (validate,) = classed(row(picture, "validate"), "span")
    assert number(validate, "width") > 100


def test_a_wait_is_hatched(shop: Shop) -> None:
    """A wait looks like no work, and says how long it was."""
    run = shop.run(shop.order())
    approved = row(drawn(run, shop.clock.time()), "approved")
    assert (bars(approved), len(classed(approved, "hatch"))) == (["waiting"], 1)
    assert tips(approved)[1].startswith("waited 1 d")


def test_what_is_under_way_is_open(shop: Shop) -> None:
    """A wait that is not over reaches up to now, and has no end."""
    run = shop.run(shop.order(), approve=False)
    picture = drawn(run, shop.clock.time() + 60)
    approved = row(picture, "approved")
    assert (bars(approved), len(classed(approved, "open-end"))) == (["waiting is-open"], 1)
    assert "1 min so far" in tips(approved)[1]


def test_what_did_not_run_has_no_bar(shop: Shop) -> None:
    """A node that its condition passed by has a row without a bar, and says that it was skipped."""
    gift = row(drawn(shop.run(shop.order()), shop.clock.time()), "gift-wrap")
    assert (bars(gift), texts(gift)) == ([], ["gift-wrap", "skipped"])


def test_compensations_have_rows_of_their_own(shop: Shop) -> None:
    """What was undone is below what was done, and says so."""
    picture = drawn(shop.run(shop.order(ship=1)), shop.clock.time())
    assert [row.get("class") for row in classed(picture, "row")][-1] == "row is-compensated compensation"
    assert texts(row(picture, "charge", "data-compensation"))[0] == "undo charge"
    assert bars(row(picture, "charge", "data-compensation")) == ["compensated"]
    assert texts(row(picture, "charge"))[1] == "undone · 1 s"


def test_the_node_in_hand_has_a_row(shop: Shop) -> None:
    """What a worker is at has no record yet: the definition names it."""
    seen: list[Run] = []
    workflow = Workflow("w").step("a", shop.takes(1)).step("b", lambda ctx: seen.append(shop.stored()))
    shop.run(workflow)
    now = shop.clock.time() + 3
    picture = drawn(seen[0], now, description=workflow.describe())
    assert (bars(row(picture, "b")), texts(row(picture, "b"))[1]) == (["running is-open"], "running")
    assert bars(row(drawn(seen[0], now), "the next step")) == ["running is-open"]


def test_a_worker_that_is_not_heard_of_is_told(shop: Shop) -> None:
    """A run whose lease is over says so where it stands."""
    seen: list[Run] = []
    workflow = Workflow("w").step("a", lambda ctx: seen.append(shop.stored()))
    shop.run(workflow)
    picture = drawn(seen[0], shop.clock.time() + 3600, description=workflow.describe())
    assert texts(row(picture, "a"))[1] == "running · its lease is over"


def test_an_attempt_after_another_is_running(shop: Shop) -> None:
    """A node that is being tried again has its failed attempt, and what it is at since."""
    run = shop.run(shop.order(charge=1), rounds=0)._replace(status=RunStatus.RUNNING, waits_until=None)
    assert bars(row(drawn(run, shop.clock.time() + 5), "charge")) == ["failed", "running is-open"]


@pytest.mark.parametrize(
    ("status", "shown"), [("suspended", "backing-off is-open"), ("cancelled", "backing-off")]
)
def test_a_back_off_is_open_while_the_run_is(shop: Shop, status: str, shown: str) -> None:
    """Until it is tried again, a node backs off; in a run that has ended it does so no more."""
    run = shop.run(shop.order(charge=1), rounds=0)
    run = run._replace(status=RunStatus(status), updated_at=run.updated_at + 1)
    assert bars(row(drawn(run, shop.clock.time() + 5), "charge")) == ["failed", shown]


def test_attempts_that_are_no_longer_kept_are_told(shop: Shop) -> None:
    """Of many attempts the oldest are not kept: where they were is said."""
    retry = Retry(13, initial=1, factor=1, jitter="none")
    run = shop.run(Workflow("w").step("a", shop.takes(1, 99), retries=retry), rounds=99)
    a = row(drawn(run, shop.clock.time()), "a")
    assert (bars(a)[:2], bars(a).count("failed")) == (["backing-off", "failed"], 10)
    assert tips(a)[1].startswith("attempts before number 5, no longer kept")


def test_a_failure_without_attempts_kept_is_a_bar(shop: Shop) -> None:
    """A run of an older Flux has no attempts of its own: the node is one bar, with its error."""
    run = shop.run(Workflow("w").step("a", shop.takes(1, 9)))
    (record,) = run.history
    old = run._replace(history=(record._replace(tries=()),))
    a = row(drawn(old, shop.clock.time()), "a")
    assert (bars(a), tips(a)[1].splitlines()[1]) == (
        ["failed"],
        "ConnectionError: refused <by> the card service",
    )


def test_a_handler_that_suspends_is_hatched(shop: Shop) -> None:
    """A step that returned a sleep waits."""

    def nap(ctx: Context[Any, Any]) -> Any:
        shop.clock.advance(1)
        return sleep(60)

    run = shop.run(Workflow("w").step("nap", nap), rounds=0)
    assert bars(row(drawn(run, shop.clock.time() + 9), "nap")) == ["waiting is-open"]


@pytest.mark.parametrize("status", ["skipped", "failed"])
def test_a_wait_that_nobody_answered_says_what_followed(shop: Shop, status: str) -> None:
    """A wait that ran out says whether it was skipped or failed."""
    workflow = Workflow("w").wait("go", timeout=60, on_timeout="skip" if status == "skipped" else "fail")
    shop.run(workflow, approve=False)
    shop.clock.advance(60)
    shop.engine.resume(workflow, "r")
    go = row(drawn(shop.stored(), shop.clock.time()), "go")
    assert tips(go)[1].startswith(f"waited 1 min, then {status}")


def test_a_record_without_an_end_that_is_done_reaches_the_end(shop: Shop) -> None:
    """A record that a foreign engine left without an end is drawn up to that of its run."""
    run = shop.run(Workflow("w").step("a", shop.takes(1)))
    (record,) = run.history
    open_ended = run._replace(history=(record._replace(status=StepStatus.COMPLETED, completed_at=None),))
    assert bars(row(drawn(open_ended, shop.clock.time()), "a")) == ["completed"]


@pytest.mark.parametrize(
    ("asked", "width"), [(400, 400), ("400", 400), (1, 280), (99_999, 2000), ("wide", 720)]
)
def test_a_picture_is_as_wide_as_there_is_room(shop: Shop, asked: object, width: float) -> None:
    """The picture fills what the client has, within reason, and its text keeps its size."""
    picture = drawn(shop.run(shop.order(charge=2, ship=9)), shop.clock.time(), width=asked)
    assert number(picture, "width") == width
    assert {text.get("font-size") for text in picture.iter() if text.get("font-size")} == {"11", "13"}


@pytest.mark.parametrize("status", ["rolling_back", "paused"])
def test_a_compensation_that_backs_off_has_its_attempts(shop: Shop, status: str) -> None:
    """Between two tries of a compensation the row has the attempt that failed, and is not done."""
    retry = Retry(1, initial=5, jitter="none")
    workflow = Workflow("w").step("a", print, compensate=shop.takes(1, 1), retries=retry)
    run = shop.run(workflow.step("b", shop.takes(1, 9)), rounds=0)
    run = run._replace(status=RunStatus(status), updated_at=run.updated_at + 1)
    undo = row(drawn(run, shop.clock.time() + 1), "a", "data-compensation")
    assert bars(undo) == ["failed", "backing-off" + (" is-open" if status == "rolling_back" else "")]


def test_a_tick_without_room_has_no_label(shop: Shop) -> None:
    """Where the length of a break stands, a tick beside it keeps its line and loses its label."""
    nap = 13 * 60 + 20
    run = shop.run(Workflow("w").step("a", shop.takes(1)).sleep("nap", nap).step("b", shop.takes(1)))
    pictures = [drawn(run, shop.clock.time(), width=width) for width in range(280, 800, 40)]
    lines, labels = ([len(classed(picture, name)) for picture in pictures] for name in ("grid", "tick"))
    assert (all(map(ge, lines, labels)), any(map(gt, lines, labels))) == (True, True)


def test_a_run_that_took_no_time_is_drawn(shop: Shop) -> None:
    """A run whose nodes all have one time has bars that can be seen."""
    run = shop.run(Workflow("w").step("a", print).step("b", print))
    picture = drawn(run, shop.clock.time())
    assert min(number(span, "width") for span in classed(picture, "span")) >= 3
