"""Workflows drawn without a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from web.pictures.drawing import SVG, classed, number, overlaps, parsed, texts, tips

from flux_core import Workflow
from flux_web._pictures import graph

if TYPE_CHECKING:
    import xml.etree.ElementTree as ET


def drawn(workflow: Workflow[Any, Any], *, standalone: bool = True) -> ET.Element:
    """Return the picture, parsed."""
    return parsed(graph(workflow.describe(), standalone=standalone))


def test_the_picture_is_named_for_those_who_do_not_see_it() -> None:
    """The SVG is an image with a title, and each node's box says what it is."""
    picture = drawn(Workflow("w").step("s", print, retries=2, timeout=5))
    assert (picture.get("role"), picture.findtext(f"{SVG}title")) == ("img", "Workflow w, version 1")
    (node,) = classed(picture, "node")
    assert tips(node) == ["s: step · retries 2 · timeout 5 s"]


def test_a_commit_has_two_frames() -> None:
    """A step is drawn with one frame, a commit with two."""
    picture = drawn(Workflow("w").step("s", print).commit("c", print, compensate=print))
    assert [len(classed(node, "frame")) for node in classed(picture, "node")] == [1, 2]


def test_a_sleep_and_a_wait_are_no_boxes() -> None:
    """A sleep is drawn round at its ends, a wait as a hexagon; neither looks like a step."""
    picture = drawn(Workflow("w").sleep("night", 60).wait("go"))
    (sleep,) = classed(picture, "frame", "sleep")
    (wait,) = classed(picture, "frame", "wait")
    assert (number(sleep, "rx") * 2, wait.tag) == (number(sleep, "height"), f"{SVG}path")


def test_a_box_says_how_its_node_is_treated() -> None:
    """How long a sleep or a wait is, what becomes of the wait then, and what is undone or made once, is said."""
    picture = drawn(
        Workflow("w")
        .sleep("night", 60)
        .sleep("nap", lambda ctx: 5)
        .wait("go", timeout=90, on_timeout="skip")
        .commit("pay", print, once=True, compensate=print)
    )
    assert [tips(node) for node in classed(picture, "node")] == [
        ["night: sleep · 1 min"],
        ["nap: sleep · as the run says"],
        ["go: wait · timeout 1 min 30 s · then skipped"],
        ["pay: commit · once · compensated"],
    ]


def test_the_picture_names_the_time_out_of_the_workflow() -> None:
    """How long a run may take is in the picture's title."""
    picture = drawn(Workflow("w", timeout=3600).step("s", print))
    assert picture.findtext(f"{SVG}title") == "Workflow w, version 1, timeout 1 h"


def test_a_condition_is_a_diamond_with_an_edge_past_the_node() -> None:
    """A conditional node has a diamond before it, and an edge labelled no that passes it by."""
    picture = drawn(Workflow("w").step("s", print, when=bool))
    assert [label for label in texts(picture) if label in {"when", "yes", "no"}] == ["when", "yes", "no"]


def test_every_name_is_escaped() -> None:
    """Names that are markup are text in the picture."""
    picture = drawn(Workflow('<b>"w"&').step("<script>", print), standalone=False)
    assert picture.findtext(f"{SVG}title") == 'Workflow <b>"w"&, version 1'
    assert ("<script>" in texts(picture), classed(picture, "node")[0].get("data-step")) == (True, "<script>")


def test_a_long_name_is_cut() -> None:
    """A name that is too long for a box ends with an ellipsis; its title has the whole of it."""
    (node,) = classed(drawn(Workflow("w").step("n" * 100, print)), "node")
    assert (texts(node)[0].startswith("n" * 40), texts(node)[0][-1]) == (True, "…")
    assert tips(node)[0].startswith("n" * 100)


def test_everything_is_inside_the_picture() -> None:
    """No box and no edge reaches beyond the picture's own size."""
    picture = drawn(Workflow("w").step("a", print, when=bool).commit("b" * 60, print, when=bool).wait("go"))
    for box in picture.iter(f"{SVG}rect"):
        assert number(box, "x") + number(box, "width") < number(picture, "width")
        assert number(box, "y") + number(box, "height") < number(picture, "height")
    assert overlaps(picture) == []


def test_a_picture_in_a_page_brings_no_style() -> None:
    """A page with a strict policy shows it: colours come by class; alone it has a style, for dark ground too."""
    workflow = Workflow("w").step("s", print)
    alone, in_page = drawn(workflow), drawn(workflow, standalone=False)
    assert [len(list(picture.iter(f"{SVG}style"))) for picture in (alone, in_page)] == [1, 0]
    assert "prefers-color-scheme: dark" in str(alone.findtext(f"{SVG}style"))


def test_a_node_in_a_page_can_be_pressed() -> None:
    """A node is a button that a keyboard reaches, says what it is, and names its step."""
    (node,) = classed(drawn(Workflow("w").commit("pay", print, once=True), standalone=False), "node")
    assert {
        name: node.get(name) for name in ("data-step", "data-kind", "tabindex", "role", "aria-label")
    } == {
        "data-step": "pay",
        "data-kind": "commit",
        "tabindex": "0",
        "role": "button",
        "aria-label": "pay: commit, once",
    }


def test_a_node_can_be_marked() -> None:
    """The step that is asked for is the one that stands out."""
    picture = parsed(graph(Workflow("w").step("a", print).step("b", print).describe(), step="b"))
    assert [node.get("data-step") for node in classed(picture, "is-chosen")] == ["b"]
