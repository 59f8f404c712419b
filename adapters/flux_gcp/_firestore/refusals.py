"""What the errors of Google's services mean: which of them pass, and what to do about the others."""

from __future__ import annotations

from typing import Final, NamedTuple

from google.api_core.exceptions import (
    Aborted,
    BadGateway,
    FailedPrecondition,
    Forbidden,
    GatewayTimeout,
    GoogleAPIError,
    InternalServerError,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
    Unknown,
)
from google.auth.exceptions import GoogleAuthError, TransportError

from flux_core import StoreError, StoreNotFound

TRANSIENT: Final = (
    Aborted,
    BadGateway,
    GatewayTimeout,
    InternalServerError,
    ServiceUnavailable,
    TooManyRequests,
    TransportError,
    Unknown,
)
"""https://cloud.google.com/firestore/native/docs/understand-error-codes, and Cloud Storage's of that kind."""
RAISED: Final = (GoogleAPIError, GoogleAuthError, OSError)

NO_CREDENTIALS: Final = (
    "{what} needs valid Google credentials: {error}; give the function a service account, set"
    " GOOGLE_APPLICATION_CREDENTIALS, or run: gcloud auth application-default login"
)
NO_PROJECT: Final = (
    "{what} needs a project: {error}; name it in the store's URL (firestore://PROJECT/COLLECTION) or as"
    " FirestoreStorage(project=...), or set GOOGLE_CLOUD_PROJECT"
)
NO_INDEX: Final = (
    "{what} needs the two composite indexes of the collection, and one is not there or not ready: make them by"
    " terraform/gcp, or by the link that Firestore gives: {error}"
)
REFUSED: Final = "{what} was refused: {error}"


class Refusals(NamedTuple):
    """What the errors of a service mean to a store."""

    role: str
    """What the account needs that asks."""
    missing: str
    """How to make what is not there."""
    not_found: type[StoreError] = StoreNotFound
    raised: tuple[type[Exception], ...] = RAISED
    """The errors that the client raises."""
    transient: tuple[type[Exception], ...] = TRANSIENT

    def passes(self, error: Exception) -> bool:
        """Whether the same request may well succeed a moment later."""
        # The HTTP client's errors are subclasses of OSError; the class itself is what names no project.
        return isinstance(error, self.transient) or (
            isinstance(error, OSError) and type(error) is not OSError
        )

    def explained(self, what: str, error: Exception) -> StoreError:
        """Return the error that says what was refused, why, and what to do about it."""
        words = " ".join(str(error).split()).rstrip(".")  # some are written over several lines
        if isinstance(error, NotFound):
            return self.not_found(f"{what} found nothing there: {words}; {self.missing}")
        return StoreError(self._told(error).format(what=what, error=words))

    def _told(self, error: Exception) -> str:
        if isinstance(error, Forbidden):
            return f"{{what}} is not allowed; give {self.role} to the account that runs this: {{error}}"
        if isinstance(error, FailedPrecondition) and "index" in str(error):
            return NO_INDEX
        return next((told for kind, told in TOLD.items() if isinstance(error, kind)), REFUSED)


TOLD: Final[dict[type[Exception], str]] = {
    GoogleAuthError: NO_CREDENTIALS,
    Unauthorized: NO_CREDENTIALS,
    OSError: NO_PROJECT,
}
