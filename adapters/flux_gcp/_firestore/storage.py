"""The store in a Firestore database: durable, for every instance of every function, nothing to operate."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from flux_core import InvalidInput, StoreError
from flux_core.storage._rows.blobs import Blobs
from flux_core.storage._rows.expiry import seconds_of
from flux_core.storage._rows.storage import RowStorage

if TYPE_CHECKING:
    from datetime import timedelta

COLLECTION: Final = re.compile(r"(?!__.*__$)[A-Za-z0-9_-]{1,100}")
MADE_BY: Final = (
    "make the database by terraform/gcp, or with: gcloud firestore databases create --database={database!r}"
    " --location=REGION"
)


class FirestoreStorage(RowStorage):
    """Runs in a collection of a Firestore database in Native mode; `Storage` says what each method does.

    The collection makes itself; its two indexes, and its expiry, the deployment makes (terraform/gcp). `project` is
    the environment's by default, and so are the credentials; `FIRESTORE_EMULATOR_HOST` is heeded. `bucket` names a
    bucket in Cloud Storage for values that are too large for a document; without one they go into several documents,
    up to 10 MB a value. `ttl`, a timedelta or seconds, at least 14 days, is how long a run is kept that has completed,
    was rolled back or cancelled; None keeps it. What such a run has in a bucket is left to the bucket's lifecycle
    rules. A request that fails in passing is made again for `patience` seconds, and never past the deadline of the
    invocation that is being served.

    A collection takes some 3,000 writes a second that begin, suspend, wake or end runs; the saves between them are not
    limited so, being in no index. Run ids that are given in rising order all go to one end of the collection, which
    Firestore divides only as the load lasts; ids that begin at random are spread from the first.

    Raises:
        InvalidInput: an option has a value that it cannot take.
        StoreError: google-cloud-firestore is not installed, or google-cloud-storage, which `bucket` needs.
    """

    def __init__(
        self,
        collection: str = "flux-runs",
        *,
        project: str | None = None,
        database: str = "(default)",
        bucket: str | None = None,
        ttl: timedelta | float | None = None,
        patience: float = 10.0,
    ) -> None:
        if not COLLECTION.fullmatch(collection):
            raise InvalidInput(
                f"{collection!r} is no name of a collection: 1 to 100 letters, digits, `_` or `-`",
                path="collection",
            )
        keep = seconds_of(ttl)
        if not 0 <= patience < math.inf:
            raise InvalidInput(f"is a number of seconds, 0 or more, not {patience!r}", path="patience")
        try:
            from google.cloud.firestore import Client

            from flux_gcp._firestore.parts import SubDocuments
            from flux_gcp._firestore.refusals import Refusals
            from flux_gcp._firestore.rows import Documents
            from flux_gcp._firestore.service import Place, Service

            if bucket is not None:
                from flux_gcp._firestore.objects import BucketObjects
        except ImportError as error:
            raise StoreError(
                f"a store in Firestore needs google-cloud-firestore, and one with a bucket google-cloud-storage"
                f" ({error}); pip install 'flux-serverless[gcp]'"
            ) from error
        refusals = Refusals("roles/datastore.user", MADE_BY.format(database=database))
        self._place = Place(collection, database, project)
        self._service = Service(
            self._place, lambda: Client(project=project, database=database), refusals, patience
        )
        blobs = Blobs(
            SubDocuments(self._service, collection),
            None if bucket is None else BucketObjects(bucket, patience=patience),
            advice="give FirestoreStorage(bucket=...) a bucket in Cloud Storage",
        )
        super().__init__(Documents(self._service, collection), blobs, ttl=keep)

    def __repr__(self) -> str:
        return f"<FirestoreStorage on {self._place}>"
