"""Opening the store in Firestore by its URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from flux_core import InvalidInput
from flux_core.storage._options import duration, read_options, seconds, words
from flux_gcp._firestore.storage import FirestoreStorage

if TYPE_CHECKING:
    from flux_core.storage import Storage

OPTIONS: Final = {"database": words, "bucket": words, "ttl": duration, "patience": seconds}


def open_firestore(url: str) -> Storage:
    """Open the store at `firestore://PROJECT/COLLECTION`, with options of `FirestoreStorage` behind a question mark.

    Without a project (`firestore:///COLLECTION`) it is the environment's. A `ttl` is a number with a unit, such as
    `30d`, or one of seconds.

    Raises:
        InvalidInput: the URL names no collection, or has an option that is not known or a value that it cannot take.
        StoreError: google-cloud-firestore is not installed.
    """
    location, _, query = url.removeprefix("firestore://").partition("?")
    project, _, collection = location.partition("/")
    if not collection:
        raise InvalidInput(
            "firestore names a project and a collection, firestore://PROJECT/COLLECTION, or the collection alone behind"
            " three slashes: firestore:///flux-runs",
            path="url",
        )
    options = read_options("firestore", query, OPTIONS)
    return FirestoreStorage(
        unquote(collection.removesuffix("/")), project=unquote(project) or None, **options
    )
