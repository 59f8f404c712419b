"""What Cloud Tasks refuses, said in words: what is wrong, and what to do about it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from flux_core import FluxError, InvalidInput, ResourceNotFound, ServiceFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST: Final = 400  # characters of what the service has said that are passed on
NO_CREDENTIALS: Final = (
    "there are no credentials of Google Cloud; give the function a service account, set"
    " GOOGLE_APPLICATION_CREDENTIALS, or log in with: gcloud auth application-default login ({said})"
)
REASONS: Final = {
    "DefaultCredentialsError": NO_CREDENTIALS,
    "RefreshError": "the credentials are not valid any more: {said}",
    "Unauthenticated": "the credentials are not accepted: {said}",
    "PermissionDenied": (
        "access denied; grant whoever calls roles/cloudtasks.enqueuer on the queue, and"
        " roles/iam.serviceAccountUser (iam.serviceAccounts.actAs) on {account} ({said})"
    ),
    "Forbidden": "access denied: {said}",
    "ResourceExhausted": "it takes no more for now; try again a little later ({said})",
    "TooManyRequests": "it takes no more for now; try again a little later ({said})",
    "RetryError": "no answer: {said}",
    "DeadlineExceeded": "no answer: {said}",
    "ServiceUnavailable": "no answer: {said}",
}
"""What to say of an error, by the name of its class in google.api_core and google.auth."""


@contextmanager
def calling(queue: str, account: str | None) -> Iterator[None]:
    """Say in words what Google's client raises in the block.

    Args:
        queue: the queue that is called, by its full name.
        account: the service account that its tasks are sent as; None if it is none.

    Raises:
        InvalidInput: the service finds fault with the task.
        ResourceNotFound: there is no such queue.
        ServiceFailed: anything else that the client reports.
    """
    try:
        yield
    except FluxError:
        raise
    except Exception as error:
        if not type(error).__module__.startswith(("google.", "grpc")):
            raise
        raise _explained(error, queue, account) from error


def _explained(error: Any, queue: str, account: str | None) -> FluxError:
    name = type(error).__name__
    said = " ".join(str(getattr(error, "message", error)).split())[:LONGEST]
    if name == "NotFound" or "does not exist" in said:
        _, project, _, location, _, queue_id = queue.split("/")
        return ResourceNotFound(
            f"there is no queue {queue}; make it with:"
            f" gcloud tasks queues create {queue_id} --location={location} --project={project} ({said})"
        )
    if name == "InvalidArgument":
        return InvalidInput(f"queue {queue} takes no such task: {said}")
    reason = REASONS.get(name, "{name}: {said}")
    return ServiceFailed(
        f"queue {queue}: {reason.format(name=name, said=said, account=account or 'no account')}"
    )
