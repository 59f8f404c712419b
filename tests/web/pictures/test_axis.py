"""Lines of time."""

from __future__ import annotations

import pytest

from flux_web._pictures.axis import BREAK_WIDTH, TICK_ROOM, TimeAxis

DAY = 86_400


@pytest.mark.parametrize(
    ("length", "labels"),
    [
        (0.003, ["0", "500 µs", "1 ms"]),
        (10, ["0", "2 s", "4 s"]),
        (90, ["0", "15 s", "30 s"]),
        (3600, ["0", "10 min", "20 min"]),
        (20 * 3600, ["0", "3 h", "6 h"]),
        (70 * DAY, ["0", "14 d", "28 d"]),
        (9000 * DAY, ["0", "3 y 361 d", "7 y 357 d"]),
    ],
)
def test_ticks_are_round(length: float, labels: list[str]) -> None:
    """From milliseconds to years ticks are what clocks and calendars count in, with room between them."""
    ticks = list(TimeAxis(0, length, 0, 600).ticks())
    assert [tick.label for tick in ticks][:3] == labels
    assert all(ticks[index + 1].x - ticks[index].x >= TICK_ROOM - 0.001 for index in range(len(ticks) - 1))


def test_a_line_without_length_has_one_tick() -> None:
    """A run that took no time begins, and that is all."""
    assert [tick.label for tick in TimeAxis(5, 5, 0, 600).ticks()] == ["0"]


def test_what_was_first_is_left() -> None:
    """Breaks or not, a later moment is never left of an earlier one, and all are on the line."""
    axis = TimeAxis(
        0, 10 * DAY, 10, 610, [(0, 5), (DAY, DAY + 5), (9 * DAY, 9 * DAY + 1), (10 * DAY - 1, 10 * DAY)]
    )
    places = [axis.x(moment) for moment in (*range(-100, 10 * DAY, 977), 10 * DAY, 11 * DAY)]
    assert places == sorted(places)
    assert [places[0], places[-1]] == pytest.approx([10, 610])


def test_idle_time_that_dwarfs_the_rest_is_broken() -> None:
    """Two waits of days beside a few seconds of work are both cut short; the seconds get the room."""
    axis = TimeAxis(0, 9 * DAY, 0, 600, [(0, 4), (3 * DAY, 3 * DAY + 4), (9 * DAY - 4, 9 * DAY)])
    breaks = [stretch for stretch in axis.stretches if stretch.is_break]
    assert [round(stretch.right - stretch.left) for stretch in breaks] == [BREAK_WIDTH, BREAK_WIDTH]
    assert axis.x(4) - axis.x(0) == pytest.approx((600 - 2 * BREAK_WIDTH) / 3)


@pytest.mark.parametrize("work", [[(0, 50), (60, 100)], [(0, 100)], []])
def test_idle_time_that_does_not_is_drawn_to_scale(work: list[tuple[float, float]]) -> None:
    """A pause as long as the work, or nothing but a pause, stays as long as it was."""
    axis = TimeAxis(0, 100, 0, 600, work)
    assert (len(axis.stretches), axis.x(50)) == (1, 300)


def test_breaks_leave_room_for_the_work() -> None:
    """However many waits there are, breaks take less than half of the line."""
    work = [(index * DAY, index * DAY + 1.0) for index in range(30)]
    axis = TimeAxis(0, 29 * DAY + 1, 0, 600, work)
    assert sum(stretch.is_break for stretch in axis.stretches) * BREAK_WIDTH < 300
