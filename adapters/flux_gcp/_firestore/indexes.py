"""What a database must know of the collections before it answers a query: its indexes, and what it lets expire.

`terraform/gcp` declares what stands here. Firestore makes an index for each field by itself; those are switched off:
no query uses them, and one over a time alone, which only ever grows, takes 500 writes a second at most
(https://cloud.google.com/firestore/native/docs/solutions/shard-timestamp).
"""

from __future__ import annotations

from typing import Final, NamedTuple

FACETS: Final = "facets"
"""What a run is found by, each with the run's shard before it."""
EXPIRY: Final = "expires_at"
"""The timestamp after which Firestore may remove a document; its expiry policy must name the field."""


class Index(NamedTuple):
    """A composite index: the documents that have a facet, in the order of a time and then of their ids."""

    time: str
    """The field."""
    direction: str
    """`ASCENDING` or `DESCENDING`, as Firestore writes it."""


DUE: Final = Index("wake_at", "ASCENDING")
NEWEST: Final = Index("created_at", "DESCENDING")
COMPOSITE: Final = (DUE, NEWEST)
"""In the collection of runs, each over `FACETS` (array config `CONTAINS`) and then its time."""

RUN_FIELDS: Final = (
    "blobs",
    "created_at",
    "document",
    "elsewhere",
    EXPIRY,
    FACETS,
    "revision",
    "status",
    "tags",
    "updated_at",
    "v",
    "wake_at",
    "workflow",
    "writer",
)
PART_FIELDS: Final = ("count", EXPIRY, "value")


def parts_of(collection: str) -> str:
    """Return the name of the collection that stands under each run of a collection, for what its document cannot hold.

    Policies go by the name of a collection, wherever it is, so that it must be nobody else's.
    """
    return f"{collection}-parts"
