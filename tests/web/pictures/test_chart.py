"""How many runs there were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from web.pictures.drawing import SVG, classed, number, overlaps, parsed, texts, tips

from flux_web._pictures import chart

if TYPE_CHECKING:
    import xml.etree.ElementTree as ET

    from flux_web._pictures.columns import Slots

NOON = 1_763_899_200.0
HOURS = [
    (NOON, {"completed": 3, "failed": 1}),
    (NOON + 3600, {}),
    (NOON + 7200, {"completed": 6, "rolled_back": 2}),
]


def drawn(slots: Slots = HOURS, until: float = NOON + 10_800, width: int = 720) -> ET.Element:
    """Return the picture, parsed; no text in it is over another."""
    picture = parsed(chart(slots, until, width=width))
    assert overlaps(picture) == []
    return picture


def test_columns_are_as_high_as_there_are_runs() -> None:
    """Parts of a column stand on one another, failures at the bottom, in proportion."""
    failed, completed = classed(classed(drawn(), "slot")[0], "segment")
    assert (failed.get("class"), completed.get("class")) == ("segment is-failed", "segment is-completed")
    assert number(completed, "y") + number(completed, "height") <= number(failed, "y")
    assert (number(completed, "height") + 1) == pytest.approx(3 * (number(failed, "height") + 1), abs=0.3)


def test_failures_are_hatched() -> None:
    """What needs a person is told apart by more than colour."""
    first, _, last = classed(drawn(), "slot")
    assert (len(classed(first, "hatch")), len(classed(last, "hatch"))) == (1, 0)


def test_the_picture_says_its_numbers() -> None:
    """Who does not see it hears what there is, where most of it is, and between which times."""
    picture = drawn()
    assert tips(picture)[0] == "12 runs by status, 2025-11-23 12:00:00 to 15:00:00 UTC"
    assert picture.findtext(f"{SVG}desc") == (
        "1 failed, 2 rolled back, 9 completed. Columns of 1 h each; "
        "the highest, from 2025-11-23 14:00:00, has 8 runs."
    )


def test_a_column_says_its_numbers() -> None:
    """A pointer over a column, or over where there is none, learns its time and its runs."""
    assert [tips(slot)[0].rpartition(": ")[2] for slot in classed(drawn(), "slot")] == [
        "1 failed, 3 completed",
        "no runs",
        "2 rolled back, 6 completed",
    ]


def test_the_key_has_words_and_shapes() -> None:
    """Each status that there is has its mark, its word and its number below the columns."""
    keys = classed(drawn(), "key")
    assert [texts(key) for key in keys] == [["failed 1"], ["rolled back 2"], ["completed 9"]]
    assert len({mark.get("d") for key in keys for mark in classed(key, "mark")}) == 3


@pytest.mark.parametrize("slots", [[], [(NOON, {})], [(NOON, {"completed": 0})]])
def test_no_runs_are_told(slots: Slots) -> None:
    """Where there is nothing to show the picture says so."""
    picture = drawn(slots)
    assert (texts(picture), "is-empty" in str(picture.get("class"))) == (["No runs in this time."], True)


@pytest.mark.parametrize(
    ("length", "label"),
    [
        (60, "12:00:30"),
        (3600, "12:30"),
        (86_400, "Nov 24"),
        (30 * 86_400, "Dec 04"),
        (3000 * 86_400, "Oct 2027"),
    ],
)
def test_times_are_round(length: float, label: str) -> None:
    """From seconds to years the times below are round ones; a midnight has its day."""
    assert label in texts(drawn([(NOON, {"completed": 1})], NOON + length))


@pytest.mark.parametrize(
    ("most", "counts"), [(1, ["0", "1"]), (9, ["0", "5", "10"]), (70_000, ["0", "20,000"])]
)
def test_counts_are_round(most: int, counts: list[str]) -> None:
    """Lines are at a 1, 2 or 5 with zeros behind it."""
    assert texts(drawn([(NOON, {"completed": most})]))[: len(counts)] == counts


def test_times_are_round_on_the_clocks_of_who_looks() -> None:
    """East of UTC the day begins earlier."""
    shown = texts(parsed(chart([(NOON, {"completed": 1})], NOON + 86_400, offset=330)))
    assert {"Nov 24", "UTC+5:30"} <= {*shown}


def test_a_key_that_is_too_long_takes_more_lines() -> None:
    """On a narrow screen the key goes on below."""
    every = dict.fromkeys(("failed", "compensation_failed", "rolling_back", "rolled_back", "<new>"), 1000)
    narrow, wide = (drawn([(NOON, every)], width=width) for width in (300, 1200))
    assert number(narrow, "height") > number(wide, "height")
    assert len(classed(narrow, "key")) == 5
