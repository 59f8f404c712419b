"""Entities and keys by themselves, and what of them cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flux_azure._tables.entities import joined, pieces, row_of
from flux_azure._tables.keys import (
    BEHIND,
    DUE,
    LAST,
    NEWEST,
    SHARDS,
    key_name,
    name_in,
    newest_of,
    part_key,
    run_key,
    shard_of,
)
from flux_core import RunStatus, StoreError
from flux_core.storage import Record
from flux_core.storage._cursor import Position

if TYPE_CHECKING:
    from flux_azure import TableStorage
    from flux_azure._tables.keys import Order

RUN = Record("order-1", "order", RunStatus.RUNNING, 1, "w", 160.0, 100.0, 100.0, b"{}", ("vip",))
IDS = st.text("ABCyz019._:@-", min_size=1)
INSTANTS = st.floats(allow_nan=False)
FORBIDDEN = frozenset("/\\#?") | {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))}


@given(INSTANTS, IDS)
@pytest.mark.parametrize("order", [DUE, NEWEST, newest_of("order")])
def test_an_entry_says_where_its_run_stands(order: Order, at: float, run_id: str) -> None:
    """The position in a row key is the one that it was made of, to the last bit."""
    assert order.position(order.key(Position(at, run_id))) == (at, run_id)


@example(-0.0, 0.0)
@given(INSTANTS, INSTANTS)
def test_keys_are_in_the_order_of_time(one: float, other: float) -> None:
    """Row keys compare as instants do, or the other way round where the newest comes first."""
    assert (DUE.at(one) < DUE.at(other)) == (one < other)
    assert (NEWEST.at(one) > NEWEST.at(other)) == (one < other)


@example("~", "a")
@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_name_becomes_a_key_and_comes_back(name: str, prefix: str) -> None:
    """Any name makes a key without a character that Azure forbids, and stands between the bounds of its beginnings."""
    key = part_key(prefix + name, 7)
    assert name_in(key) == prefix + name
    assert not FORBIDDEN.intersection(key)
    low = key_name(prefix)
    assert low <= key < low + LAST
    assert f"{key_name(prefix + name)}|" < key < key_name(prefix + name) + BEHIND


def test_runs_are_spread_over_all_shards() -> None:
    """Each shard is some run's, and each run's is one of them."""
    assert {shard_of(f"order-{number}") for number in range(1_000)} == set(SHARDS)


@given(st.binary(max_size=200_000))
def test_pieces_make_the_value(value: bytes) -> None:
    """A value in pieces is the value, none of them larger than a property."""
    entity = pieces("value", value)
    assert joined(entity, "value") == value
    assert all(len(piece) <= 65_536 for piece in entity.values())


def test_an_entity_without_what_may_be_missing_is_read() -> None:
    """A run without tags, time or document is one."""
    entity: dict[str, Any] = {
        "RowKey": run_key("order-1"),
        "v": 1,
        "workflow": "order",
        "status": "completed",
        "revision": 3,
        "writer": "w",
        "created_at": "100.0",
        "updated_at": "101.5",
    }
    record = Record("order-1", "order", RunStatus.COMPLETED, 3, "w", None, 100.0, 101.5, b"")
    row = row_of(entity, "etag")
    assert row.record == record
    assert row.version == ("etag", frozenset())


@pytest.mark.xdist_group("azurite")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"v": 2}, "run 'order-1' was written by a newer Flux .format 2.*upgrade flux-serverless"),
        ({"v": "one"}, "the entity of run 'order-1' cannot be read"),
        ({"writer": 3}, "the entity of run 'order-1' cannot be read"),
        ({"created_at": "yesterday"}, "the entity of run 'order-1' cannot be read"),
        ({"document0": "text"}, "the entity of run 'order-1' cannot be read"),
        ({"document0": b"no zlib"}, "the document of run 'order-1' cannot be read"),
        ({"tags0": b"no json"}, "the entity of run 'order-1' cannot be read"),
        ({"elsewhere": "1.nowhere"}, "the document of run 'order-1' is missing from the table 't"),
    ],
)
def test_an_entity_that_cannot_be_read_is_told(
    storage: TableStorage, change: dict[str, Any], message: str
) -> None:
    """An entity that a newer Flux wrote, or something else, is named; nothing is made up, and nothing overwritten."""
    storage.create(RUN)
    entity = {"PartitionKey": shard_of(RUN.id), "RowKey": run_key(RUN.id), **change}
    storage._requests._client.update_entity(entity)
    with pytest.raises(StoreError, match=message):
        storage.load(RUN.id)
    with pytest.raises(StoreError, match=message):
        storage.create(RUN)


@pytest.mark.xdist_group("azurite")
def test_an_entity_that_is_none_of_flux_is_told(storage: TableStorage) -> None:
    """A row that somebody else has put where a run would be is not taken for one."""
    storage._requests.put({"PartitionKey": shard_of(RUN.id), "RowKey": run_key(RUN.id), "price": 3})
    with pytest.raises(StoreError, match=r"the entity of run 'order-1' cannot be read: KeyError\('v'\)"):
        storage.load(RUN.id)
