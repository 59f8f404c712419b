"""What the errors of a storage account's services mean: which of them pass, and what to do about the others."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
)

from flux_core import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SERVER_ERROR: Final = 500
TRANSIENT: Final = frozenset({408, 429})
"""Statuses below 500 of what may well succeed a moment later."""
LONGEST: Final = 300  # characters of what a service has said that are passed on
HERE: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Unreachable(ServiceRequestError):
    """Nobody answers where the service is to be."""


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Say in words that nobody answers at the address: the SDK says it by the names of its classes."""
    try:
        yield
    except ServiceRequestError as error:
        reason = getattr(error.inner_exception, "reason", error.inner_exception) or error
        advice = (
            "is Azurite running?"
            if urlsplit(url).hostname in HERE
            else "is the account's name right, and its network open to this machine?"
        )
        said = str(reason).rpartition(">: ")[2] or str(reason)
        raise Unreachable(f"nobody answers at {url} ({said}); {advice}") from error


def code_of(error: Exception) -> str:
    """Return the service's code for what went wrong, "" if it was not the service that said so."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


class AccountRefusals:
    """What the errors of one service mean.

    Args:
        role: the role that whoever calls must have, such as `Storage Table Data Contributor`.
        told: what is said of errors by their codes, beside what every service says; `{what}` is an action, and on
            what, `{said}` what the service has said.
        kinds: the errors that are raised for codes, where `StoreError` does not say enough.
    """

    raised: tuple[type[Exception], ...] = (AzureError, OSError)
    """The SDK's errors, and those of `requests`, which the SDK lets out where it reads the answer to a batch."""

    def __init__(
        self, role: str, told: Mapping[str, str], kinds: Mapping[str, type[Exception]] | None = None
    ) -> None:
        self._role = role
        self._told = {**TOLD, **told}
        self._kinds = kinds or {}

    def passes(self, error: Exception) -> bool:
        """Whether the same request may well succeed a moment later."""
        if getattr(error, "response", None) is None:  # no answer came, or not all of it
            return not isinstance(error, ClientAuthenticationError)
        status = getattr(error, "status_code", None) or 0
        return status >= SERVER_ERROR or status in TRANSIENT or code_of(error) in PASSING

    def explained(self, what: str, error: Exception) -> Exception:
        """Return the error that says what was refused, why, and what to do about it."""
        code = code_of(error)
        if isinstance(error, ClientAuthenticationError) and error.response is None:
            told = NO_CREDENTIALS
        elif isinstance(error, HttpResponseError) and not code:
            told = STRANGER
        else:
            told = self._told.get(code, "{what} was refused: {said}")
        kind = self._kinds.get(code, StoreError)
        return kind(told.format(what=what, said=_said(error), role=self._role))


def _said(error: Exception) -> str:
    """Return what was said first: what follows are request ids, and the attempts of each credential."""
    said = str(getattr(error, "message", error)).partition(ATTEMPTS)[0]
    lines = [line.strip() for line in said.splitlines()]
    return " ".join(line for line in lines if line and not line.startswith(NOISE))[:LONGEST]


ATTEMPTS: Final = "Attempted credentials:"
NOISE: Final = ("RequestId:", "Time:", "ErrorCode:", "To mitigate", "Content:")
NO_CREDENTIALS: Final = (
    "{what} needs credentials of Azure; set AzureWebJobsStorage to a connection string, give the function a"
    " managed identity (AzureWebJobsStorage__accountName, and AzureWebJobsStorage__clientId if it is user-assigned), or"
    " log in with: az login ({said})"
)
STRANGER: Final = "{what} got an answer that is none of Azure Storage ({said}); is the address right?"
NOT_ALLOWED: Final = (
    "{what} is not allowed; give the role {role!r} on the storage account to whoever runs this: {said}"
)
PASSING: Final = frozenset(
    {"AccountBeingCreated", "TableBeingDeleted", "QueueBeingDeleted", "ContainerBeingDeleted"}
)
TOLD: Final = {
    "AuthorizationPermissionMismatch": NOT_ALLOWED,
    "InsufficientAccountPermissions": NOT_ALLOWED,
    "AuthorizationFailure": (
        "{what} is not allowed: {said}; give the role {role!r} on the storage account to the identity that runs this,"
        " and see that the account's firewall lets it in"
    ),
    "KeyBasedAuthenticationNotPermitted": (
        "{what} is refused because the storage account takes no keys; take AzureWebJobsStorage, or connection=, away"
        " and set AzureWebJobsStorage__accountName, so that it is entered by identity, which needs the role {role!r}"
    ),
    "AuthenticationFailed": (
        "{what} is refused because the credentials are not valid: {said}; is the key in the connection string still the"
        " account's, or has its signature expired?"
    ),
    "InvalidAuthenticationInfo": "{what} needs valid credentials of Azure: {said}",
    "NoAuthenticationInformation": NO_CREDENTIALS,
    "AccountIsDisabled": "{what} is refused because the storage account is disabled: {said}",
}
"""https://learn.microsoft.com/en-us/rest/api/storageservices/common-rest-api-error-codes"""
