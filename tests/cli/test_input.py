"""`--input`: JSON text, a file, standard input."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result


def test_a_file_is_read(flux: Callable[..., Result], folder: Path) -> None:
    """What does not look like JSON is the name of a file that holds it."""
    (folder / "order.json").write_text('{"order_id": "o7"}')
    document = json.loads(flux("run", "order", "--input", "order.json", "--json").stdout)
    assert document["input"]["order_id"] == "o7"


def test_a_dash_is_standard_input(flux: Callable[..., Result]) -> None:
    """`--input -` reads JSON from standard input."""
    document = json.loads(flux("run", "order", "--input", "-", "--json", input='{"order_id": "o8"}').stdout)
    assert document["input"]["order_id"] == "o8"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ('{"a": 1,\n "b": }', "the text is not JSON: Expecting value at line 2, column 7"),
        ("[1, 2", "the text is not JSON: Expecting ',' delimiter at line 1, column 6"),
        ('{"a": NaN}', "the text is not JSON: JSON has no NaN"),
        (
            "order.json",
            'the file order.json cannot be read: No such file or directory; JSON begins with {, [ or ", or is a number',
        ),
        ("[" * 100_000, "the text is not JSON: "),
    ],
)
def test_malformed_input_is_told_by_place(
    flux: Callable[..., Result], folder: Path, given: str, told: str
) -> None:
    """Input that is not JSON is exit code 2, told with line and column; no store is made."""
    result = flux("run", "order", "--input", given)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"flux: input: {told}")
    assert not list(folder.iterdir())


def test_bytes_that_are_not_text_are_no_json(flux: Callable[..., Result], folder: Path) -> None:
    """A file that is not UTF-8 is told as such, not as a defect."""
    (folder / "order.json").write_bytes(b'{"order_id": "\xff\xfe"}')
    result = flux("run", "order", "--input", "order.json")
    assert (result.exit_code, "order.json is not JSON: 'utf-8'" in result.stderr) == (2, True)


def test_input_is_required(flux: Callable[..., Result]) -> None:
    """A run without input is wrong usage."""
    result = flux("run", "order")
    assert (result.exit_code, "'--input'" in result.stderr) == (2, True)
