"""Options of a store's URL: each is read by its reader, and what cannot be taken is named."""

from __future__ import annotations

from typing import Any

import pytest

from flux_core import InvalidInput
from flux_core.storage._options import duration, read_options, seconds, whole, words

READERS = {"bucket": words, "shards": whole, "patience": seconds, "ttl": duration}


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("", {}),
        ("bucket=b%20c", {"bucket": "b c"}),
        ("shards=4&patience=2.5", {"shards": 4, "patience": 2.5}),
        ("ttl=30d", {"ttl": 2_592_000.0}),
        ("ttl=90", {"ttl": 90.0}),
    ],
)
def test_an_option_is_what_its_reader_says(query: str, options: dict[str, Any]) -> None:
    """Escaped as in any URL."""
    assert read_options("shop", query, READERS) == options


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("colour=red", "shop has no option 'colour'; known: bucket, shards, patience, ttl"),
        ("shards=1&shards=2", "shards is given twice"),
        ("bucket=", "bucket is empty; give it a value or leave it out"),
        ("shards=many", "shards is a whole number, not 'many'"),
        ("patience=long", "patience is a number of seconds, not 'long'"),
        ("ttl=for ever", "ttl is a duration such as 30d or 720h, not 'for ever'"),
        ("ttl=d", "ttl is a duration such as 30d or 720h, not 'd'"),
    ],
)
def test_what_cannot_be_taken_is_named(query: str, message: str) -> None:
    """With what would be right."""
    with pytest.raises(InvalidInput, match=message) as caught:
        read_options("shop", query, READERS)
    assert caught.value.path == "url"
