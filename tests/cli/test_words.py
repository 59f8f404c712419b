"""Times, durations and values in words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flux_cli._words import age, duration, instant, printable, shortened, value


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 ms"),
        (0.0124, "12 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (59.994, "59.99 s"),
        (59.996, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (3 * 86_400 + 4 * 3600 + 59, "3 d 4 h"),
    ],
)
def test_a_duration_has_three_digits_or_two_units(seconds: float, words: str) -> None:
    """A duration is in milliseconds, in seconds, or in its two largest units; units change where rounding does."""
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "now"), (0.9, "now"), (59, "59 s ago"), (60, "1 min ago"), (200_000, "2 d ago")],
)
def test_an_age_has_its_largest_unit(seconds: float, words: str) -> None:
    """An age is told in its largest unit; the future is now."""
    assert age(seconds) == words


def test_an_instant_is_in_utc() -> None:
    """An instant is a date and a time in UTC."""
    assert instant(datetime(2026, 1, 5, 12, 0, 7, tzinfo=UTC).timestamp()) == "2026-01-05 12:00:07Z"


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ("short", '"short"'),
        ("a text that is long", '"a text th…"'),
        ([1, 2, 3, 4, 5, 6], "[1, 2, 3, …]"),
        (123_456_789_012_345, "12345678901…"),
        ("crème", '"crème"'),
    ],
)
def test_a_long_value_is_cut_but_closed(shown: object, text: str) -> None:
    """A value of more than 12 characters ends with an ellipsis, and with the quote or bracket that closes it."""
    assert value(shown, 12) == text


def test_a_text_is_put_on_one_line() -> None:
    """Line breaks and runs of blanks become one blank."""
    assert shortened("a\n  b\tc", 20) == "a b c"


def test_what_would_drive_a_terminal_is_replaced() -> None:
    """Escape and other control characters become replacement marks; line breaks stay, tabs become blanks."""
    assert (
        printable("\x1b[31mred\n\tx\x9b")
        == "\N{REPLACEMENT CHARACTER}[31mred\n    x\N{REPLACEMENT CHARACTER}"
    )
