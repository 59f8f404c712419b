"""What a run is found by: one list of words, so that two indexes answer every query.

Each word begins with the run's shard, which spreads an index over as many places as there are shards: one whose
entries only ever grow takes 500 writes a second in each. Their number is fixed. It could not be lowered without
losing runs, and six times 500 is more than a function platform asks of one collection; who needs more gives each
workflow a collection of its own. A query asks for all shards at once, and Firestore merges them.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flux_core.storage import Query, Record

SHARDS: Final = 6
MOST_FACETS: Final = 30  # that Firestore takes in one query
LONGEST: Final = 100  # characters of a tag that an index sees; it cuts what is longer than 1,500 bytes


def facets_of(record: Record) -> list[str]:
    """Return the words by which the run is found."""
    shard = zlib.crc32(record.id.encode()) % SHARDS
    kinds = [
        *(_kind(status, workflow) for status in ("", record.status) for workflow in ("", record.workflow)),
        *dict.fromkeys(map(_tagged, record.tags)),
    ]
    return [f"{shard}{kind}" for kind in kinds]


def facets_for(query: Query) -> list[str]:
    """Return the words one of which each run has that meets the query; others may have them too.

    Of two conditions that no word is made of, the tag is looked for, being the rarer thing; and more statuses than fit
    into one query are nearly all of them.
    """
    return [f"{shard}{kind}" for shard in range(SHARDS) for kind in _kinds(query)]


def _kinds(query: Query) -> list[str]:
    workflow = query.workflow or ""
    if query.tag is not None:
        return [_tagged(query.tag)]
    if query.statuses is None or len(query.statuses) > MOST_FACETS // SHARDS:
        return [_kind("", workflow)]
    return [_kind(status, workflow) for status in sorted(query.statuses)]


def _kind(status: str, workflow: str) -> str:
    return f"|{status}|{workflow}"


def _tagged(tag: str) -> str:
    return f"#{tag[:LONGEST]}"
