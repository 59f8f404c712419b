"""The way that a run took, drawn in its workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from web.pictures.drawing import classed, number, overlaps, parsed, texts, tips

from flux_core import Context, Retry, RunStatus, Workflow, sleep
from flux_web._pictures import graph

if TYPE_CHECKING:
    import xml.etree.ElementTree as ET

    from web.pictures.shop import Shop

    from flux_core import Run


def drawn(workflow: Workflow[Any, Any], run: Run, step: str | int | None = None) -> ET.Element:
    """Return the picture, parsed; no text in it is over another."""
    picture = parsed(graph(workflow.describe(), run, step=step))
    assert overlaps(picture) == []
    return picture


def spoken(picture: ET.Element, class_: str = "node") -> dict[str, str]:
    """Return the status of each element by its step, as its class says it."""
    step = "data-step" if class_ == "node" else "data-compensation"
    return {
        str(node.get(step)): next(part for part in str(node.get("class")).split() if part.startswith("is-"))
        for node in classed(picture, class_)
    }


def label(picture: ET.Element, step: str) -> str:
    """Return what the node of that step is called for those who hear it."""
    (node,) = (node for node in classed(picture, "node") if node.get("data-step") == step)
    return str(node.get("aria-label"))


def test_a_completed_run_shows_what_it_skipped(shop: Shop) -> None:
    """Each node has its status; the edge past the skipped one is taken, that into it is not."""
    workflow = shop.order()
    picture = drawn(workflow, shop.run(workflow))
    assert spoken(picture) == {
        "validate": "is-completed",
        "charge": "is-completed",
        "gift-wrap": "is-skipped",
        "approved": "is-completed",
        "ship": "is-completed",
    }
    past = [edge for edge in classed(picture, "edge") if "H" in str(edge.get("d"))]
    assert [edge.get("class") for edge in past] == ["edge is-taken", "edge is-not-taken"]
    assert [end.get("class") for end in classed(picture, "end")][-1] == "end is-completed"


def test_a_node_says_how_often_it_was_tried_and_how_long_it_took(shop: Shop) -> None:
    """Tries and duration stand in the box and in what a screen reader says."""
    workflow = shop.order(charge=2)
    picture = drawn(workflow, shop.run(workflow))
    assert label(picture, "charge").startswith("charge: completed after 3 tries, ")
    assert any("completed · " in text and "3 tries" in text for text in texts(picture))


def test_statuses_are_shapes_and_words(shop: Shop) -> None:
    """No two statuses have one mark, and each is written too: nobody needs to see their colours."""
    workflow = shop.order()
    picture = drawn(workflow, shop.run(workflow, approve=False))
    marks = {
        node.get("class"): mark.get("d")
        for node in classed(picture, "node")
        for mark in classed(node, "mark")
    }
    assert len(set(marks.values())) == len(marks) == 4
    shown = " ".join(texts(picture))
    assert all(word in shown for word in ("completed", "skipped", "suspended", "not reached"))


def test_a_failed_node_tells_its_error(shop: Shop) -> None:
    """The error is in the tooltip of the node, and what comes after it is not reached."""
    workflow = Workflow("w").step("a", shop.takes(1, 9), retries=1).step("b", print)
    run = shop.run(workflow)
    picture = drawn(workflow, run)
    assert spoken(picture) == {"a": "is-failed", "b": "is-not-reached"}
    assert "ConnectionError: refused <by> the card service" in tips(picture)[1]


def test_a_run_that_went_back_shows_the_way(shop: Shop) -> None:
    """What was undone has its compensation beside it, and edges lead up through it to an end of its own."""
    workflow = shop.order(ship=1)
    picture = drawn(workflow, shop.run(workflow))
    assert spoken(picture, "undo") == {"charge": "is-compensated"}
    assert spoken(picture)["charge"] == "is-compensated"
    back = classed(picture, "head", "is-back")
    tops = [float(str(head.get("d")).split()[2]) for head in back]
    assert (len(back), tops) == (2, sorted(tops, reverse=True))
    assert [end.get("class") for end in classed(picture, "end", "undone")] == ["end undone is-rolled-back"]


def test_a_compensation_that_failed_is_apparent(shop: Shop) -> None:
    """The compensation and its node are marked as failed; what it was to go on with is not undone."""
    workflow = (
        Workflow("w")
        .step("a", print, compensate=print)
        .step("b", print, compensate=shop.takes(1, 9))
        .step("c", shop.takes(1, 9))
    )
    picture = drawn(workflow, shop.run(workflow))
    assert spoken(picture, "undo") == {"a": "is-not-reached", "b": "is-failed"}
    assert spoken(picture) == {"a": "is-completed", "b": "is-compensation-failed", "c": "is-failed"}
    assert "not undone" in texts(picture)


def test_a_run_that_went_back_can_stand_alone(shop: Shop) -> None:
    """With its own style its compensations are there too, and nothing can be pressed."""
    workflow = shop.order(ship=1)
    picture = parsed(graph(workflow.describe(), shop.run(workflow), standalone=True))
    assert (len(classed(picture, "undo")), classed(picture, "undo")[0].get("tabindex")) == (1, None)


def test_a_run_that_goes_back_shows_what_is_being_undone(shop: Shop) -> None:
    """The compensation that a worker has in hand, of which there is no record yet, is shown as such."""
    seen: list[Run] = []
    workflow = (
        Workflow("w")
        .step("a", print, compensate=lambda ctx: seen.append(shop.stored()))
        .step("b", print, compensate=print)
        .step("c", shop.takes(1, 9))
    )
    shop.run(workflow)
    assert spoken(drawn(workflow, seen[0]), "undo") == {"a": "is-compensating", "b": "is-compensated"}


def test_a_compensation_that_backs_off_is_still_being_undone(shop: Shop) -> None:
    """Between two tries of a compensation it is being undone, and paused if the run is."""
    workflow = (
        Workflow("w")
        .step("a", print, compensate=shop.takes(1, 1), retries=Retry(1, initial=5, jitter="none"))
        .step("b", shop.takes(1, 9))
    )
    run = shop.run(workflow, rounds=0)
    assert (run.status, spoken(drawn(workflow, run), "undo")) == ("rolling_back", {"a": "is-compensating"})
    paused = run._replace(status=RunStatus.PAUSED)
    assert spoken(drawn(workflow, paused), "undo") == {"a": "is-paused"}


def test_the_node_in_hand_is_running(shop: Shop) -> None:
    """The first node without a record is running while a worker has the run."""
    seen: list[Run] = []
    workflow = (
        Workflow("w").step("a", print).step("b", lambda ctx: seen.append(shop.stored())).step("c", print)
    )
    shop.run(workflow)
    assert spoken(drawn(workflow, seen[0])) == {"a": "is-completed", "b": "is-running", "c": "is-not-reached"}


def test_a_wait_says_until_when(shop: Shop) -> None:
    """A waiting node says when its time is over; the signal only where it has another name than the node."""
    workflow = shop.order()
    picture = drawn(workflow, shop.run(workflow, approve=False))
    assert label(picture, "approved") == "approved: suspended, until Nov 30 12:13 UTC"


def test_times_are_those_of_who_looks(shop: Shop) -> None:
    """East of UTC clocks show more."""
    workflow = shop.order()
    picture = parsed(graph(workflow.describe(), shop.run(workflow, approve=False), offset=120))
    assert label(picture, "approved") == "approved: suspended, until Nov 30 14:13 UTC+2"


def test_a_wait_whose_condition_said_no_was_passed_by(shop: Shop) -> None:
    """A wait that was left out was not waited for, though deciding that takes its time."""

    def said_no(ctx: Context[Any, Any]) -> bool:
        shop.clock.advance(0.001)
        return False

    workflow = Workflow("w").wait("go", when=said_no)
    run = shop.run(workflow)
    assert label(drawn(workflow, run), "go") == "go: skipped"


def test_a_wait_that_has_its_signal_says_so(shop: Shop) -> None:
    """While nobody has gone on with the run yet, its node says that the signal has come."""
    workflow = shop.order()
    shop.run(workflow, approve=False)
    shop.engine.signal(workflow, "r", "approved", run=False)
    assert label(drawn(workflow, shop.stored()), "approved") == "approved: suspended, has its signal"


def test_a_handler_that_sleeps_says_until_when(shop: Shop) -> None:
    """A step that suspended the run from inside says, to the second, when it goes on."""
    workflow = Workflow("w").step("nap", lambda ctx: sleep(60))
    assert label(drawn(workflow, shop.run(workflow, rounds=0)), "nap") == "nap: suspended, until 12:14:20 UTC"


def test_a_back_off_says_when_the_next_try_is(shop: Shop) -> None:
    """A node that is to be tried again waits, and says until when."""
    workflow = shop.order(charge=9)
    picture = drawn(workflow, shop.run(workflow, rounds=0))
    assert label(picture, "charge") == "charge: suspended, next try 12:13:24 UTC"
    handed_over = shop.stored()._replace(waits_until=None)
    assert label(drawn(workflow, handed_over), "charge") == "charge: suspended, backs off"


@pytest.mark.parametrize(("act", "status"), [("pause", "is-paused"), ("cancel", "is-cancelled")])
def test_a_node_shows_that_the_run_was_stopped_there(shop: Shop, act: str, status: str) -> None:
    """Where a run was stopped while it waited, the node says so."""
    workflow = shop.order()
    shop.run(workflow, approve=False)
    if act == "pause":
        shop.engine.pause("r")
    else:
        shop.engine.cancel(workflow, "r")
    assert spoken(drawn(workflow, shop.stored()))["approved"] == status


def test_a_run_that_stopped_between_nodes_has_a_mark_there(shop: Shop) -> None:
    """A run that was stopped between two nodes has a bar across the edge, with the word."""

    def stop(ctx: Context[Any, Any]) -> None:
        shop.engine.pause("r")

    workflow = Workflow("w").step("a", stop).step("b", print)
    (mark,) = classed(drawn(workflow, shop.run(workflow)), "stop")
    assert (mark.get("class"), texts(mark)) == ("stop is-paused", ["paused"])


def test_a_run_that_stopped_at_its_end_has_a_mark_there(shop: Shop) -> None:
    """After the last node it is before the end."""
    workflow = Workflow("w").step("a", print)
    run = shop.run(workflow)._replace(status=RunStatus.PAUSED)
    assert len(classed(drawn(workflow, run), "stop")) == 1


def test_a_wait_that_nobody_answered_was_not_passed_by(shop: Shop) -> None:
    """A wait that was skipped says how long nobody answered."""
    workflow = Workflow("w").wait("go", timeout=60, on_timeout="skip", when=lambda ctx: True)
    shop.run(workflow, approve=False)
    shop.clock.advance(61)
    shop.engine.resume(workflow, "r")
    assert label(drawn(workflow, shop.stored()), "go") == "go: skipped, no signal in 1 min 1 s"


def test_as_of_a_step_what_came_after_it_is_not_reached(shop: Shop) -> None:
    """A step that is asked for is marked, nothing after it is reached, and nothing is undone yet."""
    workflow = shop.order(ship=1)
    picture = drawn(workflow, shop.run(workflow), "charge")
    assert list(spoken(picture).values()) == ["is-completed"] * 2 + ["is-not-reached"] * 3
    assert [node.get("data-step") for node in classed(picture, "is-chosen")] == ["charge"]
    assert classed(picture, "undo") == []


@pytest.mark.parametrize(("passed", "reached"), [("0", 0), (2, 2), ("5", 5), (99, 5)])
def test_as_of_counts_nodes_too(shop: Shop, passed: str | int, reached: int) -> None:
    """A number says how many nodes are reached; from their count on the picture shows all that happened."""
    workflow = shop.order(ship=1)
    picture = drawn(workflow, shop.run(workflow), passed)
    assert [*spoken(picture).values()].count("is-not-reached") == 5 - reached
    assert len(classed(picture, "undo")) == (reached == 5)


def test_a_run_of_another_definition_is_drawn_from_its_history(shop: Shop) -> None:
    """A run whose history the definition does not have shows the nodes that it came to, and no other."""
    workflow = shop.order()
    run = shop.run(workflow)
    other = Workflow("order").step("validate", print).step("pay", print)
    assert list(spoken(drawn(other, run))) == ["validate", "charge", "gift-wrap", "approved", "ship"]


def test_a_completed_run_of_a_shorter_definition_has_no_nodes_to_come(shop: Shop) -> None:
    """What was added to the end of a definition later is not drawn in a run that ended without it."""
    workflow = Workflow("w").step("a", print)
    run = shop.run(workflow)
    assert spoken(drawn(workflow.step("b", print), run)) == {"a": "is-completed"}


def test_a_run_that_has_not_begun_has_reached_nothing(shop: Shop) -> None:
    """A pending run shows every node as not reached, and its start too."""
    workflow = shop.order()
    run = shop.run(workflow)._replace(status=RunStatus.PENDING, history=())
    picture = drawn(workflow, run)
    assert {*spoken(picture).values()} == {"is-not-reached"}
    assert classed(picture, "start")[0].get("class") == "end start is-not-reached"


def test_a_run_that_was_cancelled_between_nodes_goes_back_from_there(shop: Shop) -> None:
    """The way back begins at the mark of where it stood."""

    def stop(ctx: Context[Any, Any]) -> None:
        shop.engine.cancel(workflow, "r", compensate=True)

    workflow = Workflow("w").step("a", stop, compensate=print).step("b", print)
    run = shop.run(workflow)
    picture = drawn(workflow, run)
    (mark,) = classed(picture, "stop", "is-cancelled")
    y = str(classed(mark, "mark")[0].get("d")).split()[2]
    assert any(f" {y} H" in str(edge.get("d")) for edge in classed(picture, "edge", "is-back"))
    assert number(picture, "height") > float(y)
