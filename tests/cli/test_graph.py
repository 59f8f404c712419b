"""`flux graph`."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from flux_cli._svg import svg
from flux_core import Workflow

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

SVG = "{http://www.w3.org/2000/svg}"


def drawn(workflow: Workflow[dict[str, object], dict[str, object]]) -> ET.Element:
    """Return the picture, parsed."""
    return ET.fromstring(svg(workflow))  # noqa: S314 (the same)


def test_mermaid_is_the_default(flux: Callable[..., Result]) -> None:
    """`flux graph` prints a Mermaid flowchart."""
    assert flux("graph", "order").stdout.startswith("flowchart TD\n")


def test_json_is_the_description(flux: Callable[..., Result]) -> None:
    """`--format json` prints the workflow's description."""
    nodes = json.loads(flux("graph", "order", "--format", "json").stdout)["nodes"]
    assert [node["name"] for node in nodes] == ["rest", "charge", "bake", "gift", "deliver"]


def test_out_writes_a_file(flux: Callable[..., Result], folder: Path) -> None:
    """`--out` writes the picture to a file, and prints nothing."""
    result = flux("graph", "order", "--format", "svg", "--out", "order.svg")
    assert (result.stdout, (folder / "order.svg").read_text()[:4]) == ("", "<svg")


def test_a_file_that_cannot_be_written_exits_with_2(flux: Callable[..., Result]) -> None:
    """A file in a folder that is not there is exit code 2."""
    result = flux("graph", "order", "--out", "nowhere/order.mmd")
    assert (result.exit_code, "nowhere/order.mmd cannot be written" in result.stderr) == (2, True)


def test_an_unknown_workflow_exits_with_2(flux: Callable[..., Result]) -> None:
    """A workflow that the app does not have is exit code 2."""
    assert flux("graph", "bread").exit_code == 2


def test_the_picture_is_named_for_those_who_do_not_see_it() -> None:
    """The SVG is an image with a title, and each node's box says what it is."""
    picture = drawn(Workflow("w").step("s", print, retries=2, timeout=5))
    assert (picture.get("role"), picture.findtext(f"{SVG}title")) == ("img", "Workflow w, version 1")
    assert picture.findtext(f"{SVG}g/{SVG}title") == "s: step · retries 2 · timeout 5 s"


def test_a_commit_has_two_frames() -> None:
    """A step is drawn with one frame, a commit with two."""
    boxes = drawn(Workflow("w").step("s", print).commit("c", print, compensate=print)).findall(f"{SVG}g")
    assert [len(box.findall(f"{SVG}rect")) for box in boxes] == [1, 2]


def test_a_sleep_and_a_wait_are_no_boxes() -> None:
    """A sleep is drawn round at its ends, a wait as a hexagon; neither looks like a step."""
    picture = drawn(Workflow("w").sleep("night", 60).wait("go"))
    sleep, wait = picture.findall(f"{SVG}g")
    (frame,) = sleep.findall(f"{SVG}rect")
    assert (frame.get("class"), frame.get("rx")) == ("frame sleep", "23")
    assert [path.get("class") for path in wait.findall(f"{SVG}path")] == ["frame wait"]


def test_a_box_says_how_its_node_is_treated() -> None:
    """How long a sleep or a wait is, what becomes of the wait then, and what is undone or made once, is said."""
    picture = drawn(
        Workflow("w")
        .sleep("night", 60)
        .sleep("nap", lambda ctx: 5)
        .wait("go", timeout=90, on_timeout="skip")
        .commit("pay", print, once=True, compensate=print)
    )
    assert [title.text for title in picture.iterfind(f"{SVG}g/{SVG}title")] == [
        "night: sleep · 60 s",
        "nap: sleep · as the run says",
        "go: wait · timeout 90 s · then skipped",
        "pay: commit · once · compensated",
    ]


def test_the_picture_names_the_time_out_of_the_workflow() -> None:
    """How long a run may take is in the picture's title."""
    picture = drawn(Workflow("w", timeout=3600).step("s", print))
    assert picture.findtext(f"{SVG}title") == "Workflow w, version 1, timeout 3600 s"


def test_a_condition_is_a_diamond_with_an_edge_past_the_node() -> None:
    """A conditional node has a diamond before it, and an edge labelled no that passes it by."""
    picture = drawn(Workflow("w").step("s", print, when=bool))
    labels = [text.text for text in picture.iter(f"{SVG}text")]
    assert [label for label in labels if label in {"when", "yes", "no"}] == ["when", "yes", "no"]


def test_every_name_is_escaped() -> None:
    """Names that are markup are text in the picture."""
    picture = drawn(Workflow('<b>"w"&').step("<script>", print))
    assert picture.findtext(f"{SVG}title") == 'Workflow <b>"w"&, version 1'
    assert "<script>" in [text.text for text in picture.iter(f"{SVG}text")]


def test_a_long_name_is_cut() -> None:
    """A name that is too long for a box ends with an ellipsis; its title has the whole of it."""
    picture = drawn(Workflow("w").step("n" * 100, print))
    assert "n" * 47 + "…" in [text.text for text in picture.iter(f"{SVG}text")]
    assert str(picture.findtext(f"{SVG}g/{SVG}title")).startswith("n" * 100)


def test_everything_is_inside_the_picture() -> None:
    """No box and no edge reaches beyond the picture's own size."""
    picture = drawn(Workflow("w").step("a", print, when=bool).commit("b" * 60, print, when=bool).wait("go"))
    width, height = float(str(picture.get("width"))), float(str(picture.get("height")))
    for box in picture.iter(f"{SVG}rect"):
        assert float(str(box.get("x"))) + float(str(box.get("width"))) < width
        assert float(str(box.get("y"))) + float(str(box.get("height"))) < height
