"""Paging cursors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_core._errors import InvalidInput
from flux_core.storage._cursor import Position, decode, encode

positions = st.builds(Position, st.floats(allow_nan=False), st.text(st.characters(exclude_categories=["Cs"])))


@given(positions)
def test_a_cursor_keeps_the_position(position: Position) -> None:
    """A position is decoded as it was encoded, to the last bit."""
    assert decode("due", encode("due", position)) == position


@given(positions)
def test_a_cursor_is_safe_in_a_url(position: Position) -> None:
    """A cursor needs no escaping in a path, and is ASCII."""
    assert set(encode("newest", position)) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_="
    )


@given(positions)
def test_a_cursor_of_another_order_says_so(position: Position) -> None:
    """The error names both orders."""
    with pytest.raises(InvalidInput, match="cursor: this cursor is for due runs, the query for newest ones"):
        decode("newest", encode("due", position))


@given(st.text() | st.binary().map(lambda raw: raw.hex()))
def test_any_other_text_is_refused(text: str) -> None:
    """Whatever a client sends instead of a cursor is an error of one kind."""
    with pytest.raises(InvalidInput, match="cursor: this is not the cursor of any page"):
        decode("due", text)


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "[]",
        '["due",1,"x"]',
        '["due",1.0]',
        '["due","1","x"]',
        '["due",1.0,2]',
        '["due", 1.0, "x"]',
        "[" * 9**6,
    ],
)
def test_other_json_is_refused(text: str) -> None:
    """JSON that no store would have written is no cursor, be it ever so deep."""
    import base64

    with pytest.raises(InvalidInput):
        decode("due", base64.urlsafe_b64encode(text.encode()).decode())
