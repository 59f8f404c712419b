"""Where the entities of a run lie in the table: all that one write changes, in one partition.

The partition is a shard of the runs, so that one entity group transaction takes a run together with its entries in the
orders in which runs are found. The row keys in it are

    run|ID                                   the run
    due|WAKE_AT|ID                           if somebody must look at it
    failed|CREATED_AT|ID                     if it waits for a person
    new|CREATED_AT|ID
    of|WORKFLOW|CREATED_AT|ID

Instants are 16 hexadecimal digits in the order of time, those of creations in the order of the newest first; a
workflow is a digest of its name, which may have characters that no key takes. Beside the shards, each run may have a
partition `parts|ID`, of what is too large for its entity.
"""

from __future__ import annotations

import struct
import zlib
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, unquote

from flux_core.storage._cursor import Position
from flux_core.storage._rows.finding import FAILED

if TYPE_CHECKING:
    from flux_core.storage import Record

SHARDS: Final = tuple(f"{number:02x}" for number in range(16))
"""The partitions of all runs, in every table for good; one takes 2,000 entities a second, an account 20,000."""
BEHIND: Final = "}"
"""What stands behind every key that goes on with `|`."""
LAST: Final = "~"
"""What stands behind every character of a name."""
_SIGN: Final = 1 << 63
_ALL: Final = (1 << 64) - 1


class Order(NamedTuple):
    """An order of entries in each partition."""

    prefix: str
    newest_first: bool

    def key(self, position: Position) -> str:
        """Return the row key of the entry that stands there."""
        return f"{self.at(position.at)}|{position.id}"

    def at(self, instant: float) -> str:
        """Return how the row keys of the entries of an instant begin."""
        return f"{self.prefix}|{_ALL - _ordinal(instant) if self.newest_first else _ordinal(instant):016x}"

    def position(self, key: str) -> Position:
        """Return where the entry of a row key stands."""
        digits, _, run_id = key.removeprefix(f"{self.prefix}|").partition("|")
        ordinal = int(digits, 16)
        return Position(_instant(_ALL - ordinal if self.newest_first else ordinal), run_id)


DUE: Final = Order("due", newest_first=False)
FAILURES: Final = Order("failed", newest_first=True)
NEWEST: Final = Order("new", newest_first=True)


def newest_of(workflow: str) -> Order:
    """Return the order of a workflow's runs."""
    return Order(f"of|{sha256(workflow.encode()).hexdigest()[:32]}", newest_first=True)


def shard_of(run_id: str) -> str:
    """Return the partition of a run, the same in every process."""
    return SHARDS[zlib.crc32(run_id.encode()) % len(SHARDS)]


def run_key(run_id: str) -> str:
    """Return the row key of a run."""
    return f"run|{run_id}"


def entries_of(record: Record) -> frozenset[str]:
    """Return the row keys of the entries of a run, as it stands at this revision."""
    created = Position(record.created_at, record.id)
    orders = [NEWEST, newest_of(record.workflow), *([FAILURES] if record.status in FAILED else [])]
    due = [] if record.wake_at is None else [DUE.key(Position(record.wake_at, record.id))]
    return frozenset([*(order.key(created) for order in orders), *due])


def parts_of(run_id: str) -> str:
    """Return the partition of what stands beside a run's entity."""
    return f"parts|{run_id}"


def part_key(name: str, part: int) -> str:
    """Return the row key of a part of a value."""
    return f"{key_name(name)}|{part:04}"


def key_name(name: str) -> str:
    """Return a name in the characters that a key takes; one that begins another does so in both forms."""
    return quote(name, safe="").replace("%", "=").replace("~", "=7E")


def name_in(key: str) -> str:
    """Return the name in the row key of a part."""
    return unquote(key.rpartition("|")[0].replace("=", "%"))


def _ordinal(instant: float) -> int:
    """Return a whole number for each float, in the order of these: its bits, turned round if it is negative."""
    bits = int.from_bytes(struct.pack(">d", instant + 0.0))  # which makes of -0.0 what equals it
    return bits ^ _ALL if bits & _SIGN else bits ^ _SIGN


def _instant(ordinal: int) -> float:
    bits = ordinal ^ _SIGN if ordinal & _SIGN else ordinal ^ _ALL
    instant: float
    (instant,) = struct.unpack(">d", bits.to_bytes(8))
    return instant
