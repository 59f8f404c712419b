"""Texts and times in pictures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web.pictures.drawing import parsed

from flux_web._pictures.svg import element
from flux_web._pictures.text import cut, escaped, printable, width_of
from flux_web._pictures.words import Zone, span, zone_of


@given(st.text())
def test_every_text_comes_back(content: str) -> None:
    """What XML can hold is read as it was written, in a text as in an attribute; the rest is a replacement mark."""
    read = parsed(element("a", escaped(content) or " ", b=content)).get("b")
    assert read is not None
    assert all(now in {was, "\ufffd"} for was, now in zip(content, read, strict=True))


@pytest.mark.parametrize("content", ["\x00", "\x1b[31m", "\ud800", "\ufffe", "\u202e", "\x85"])
def test_what_drives_a_terminal_or_turns_a_line_is_not_shown(content: str) -> None:
    """Controls show as a replacement mark."""
    assert printable(content)[0] in {"\ufffd", " "}


def test_a_text_stands_on_one_line() -> None:
    """Line ends and tabs are spaces."""
    assert printable("a\n\tb  c") == "a b c"


@given(st.text(max_size=200), st.floats(20, 400))
def test_a_text_is_cut_to_its_room(content: str, room: float) -> None:
    """No text is wider than the room that it has."""
    assert width_of(cut(content, room, 13), 13) <= room


def test_a_text_that_is_mostly_spaces_is_cut_too() -> None:
    """What follows more spaces than there is room for is left out."""
    assert cut("a" + " " * 999 + "b", 100, 13) == "a …"


def test_a_text_that_fits_is_whole() -> None:
    """What has room is not cut."""
    assert (cut("charge", 100, 13), cut("charge the card", 60, 13)[-1]) == ("charge", "…")


def test_accents_take_no_room() -> None:
    """A letter with an accent of its own is as wide as the letter; an ideograph is wider."""
    assert width_of("e\u0301", 10) == width_of("e", 10) < width_of("界", 10)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-1, "0 s"),
        (0.00005, "50 µs"),
        (0.0123, "12.3 ms"),
        (0.9996, "1 s"),
        (59.96, "1 min"),
        (3601, "1 h"),
        (90_061, "1 d 1 h"),
        (1e9, "31 y 259 d"),
    ],
)
def test_a_span_has_two_units_at_most(seconds: float, told: str) -> None:
    """Spans are told as people do."""
    assert span(seconds) == told


def test_a_moment_that_is_soon_has_its_seconds() -> None:
    """Within the hour seconds matter; later the day does."""
    assert (Zone().due(3599, 0), Zone().due(3600, 0)) == ("00:59:59 UTC", "Jan 1 01:00 UTC")


def test_a_moment_beyond_the_calendar_is_its_last() -> None:
    """A time that no calendar has stops no picture."""
    assert Zone().instant(1e300) == "9999-12-31 23:59:59 UTC"


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (60, "1970-01-01 01:00:00 UTC+1"),
        ("-210", "1969-12-31 20:30:00 UTC-3:30"),
        (0, "1970-01-01 00:00:00 UTC"),
        ("here", "1970-01-01 00:00:00 UTC"),
        (9999, "1970-01-01 00:00:00 UTC"),
    ],
)
def test_times_are_those_of_who_looks(asked: object, shown: str) -> None:
    """A moment is told as the clocks of the reader show it, with how far they are from UTC."""
    assert zone_of(asked).instant(0) == shown
