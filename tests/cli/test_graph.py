"""`flux graph`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result


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


def test_svg_is_a_picture_that_stands_alone(flux: Callable[..., Result]) -> None:
    """`--format svg` prints an image that carries its own colours."""
    picture = flux("graph", "order", "--format", "svg").stdout
    assert (picture[:4], "prefers-color-scheme: dark" in picture) == ("<svg", True)
