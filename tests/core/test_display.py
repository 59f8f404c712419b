"""Values as plain JSON-able data."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from math import inf, nan
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_core._display import plain


class Colour(Enum):
    """An enum."""

    RED = (1, 2)


class Level(IntEnum):
    """An enum of numbers."""

    LOW = 1


class State(StrEnum):
    """An enum of texts."""

    OPEN = "o"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (1, 1),
        (1.5, 1.5),
        ("a", "a"),
        (nan, "nan"),
        (inf, "inf"),
        (-inf, "-inf"),
        (Colour.RED, "RED"),
        (Level.LOW, "LOW"),
        (State.OPEN, "OPEN"),
        (
            {"a": {1: nan}, None: 1, Colour.RED: 2, date(2026, 1, 2): 3},
            {"a": {"1": "nan"}, "None": 1, "RED": 2, "2026-01-02": 3},
        ),
        ([1, (2,), {3}, frozenset({4})], [1, [2], [3], [4]]),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (time(3, 4), "03:04:00"),
        (timedelta(minutes=1.5), 90.0),
        (b"\xff", "/w=="),
        (Decimal("1.10"), "1.10"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_a_value_is_shown_plainly(value: object, shown: object) -> None:
    """Times are ISO 8601, spans seconds, bytes base64, members their names."""
    assert plain(value) == shown
    assert type(plain(value)) is type(shown)


KEYS = st.text() | st.integers() | st.none() | st.booleans() | st.floats() | st.dates()
LEAVES = (
    KEYS
    | st.binary()
    | st.decimals()
    | st.timedeltas()
    | st.datetimes()
    | st.uuids()
    | st.sampled_from(Colour)
)


@given(
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner) | st.tuples(inner, inner),
        max_leaves=10,
    )
)
def test_whatever_is_shown_is_json(value: object) -> None:
    """Strict JSON can say it."""
    json.dumps(plain(value), allow_nan=False)
