"""Clients of AWS's services: each is made when it is first used, and what they raise is said in words."""

from __future__ import annotations

from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, ClassVar, Final, Generic, NamedTuple, TypeVar

from flux_core import FluxError, InvalidInput, ResourceNotFound, ServiceFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from boto3.session import Session

T = TypeVar("T")


class Site(NamedTuple):
    """Where a service is called; None leaves it to the environment, as AWS's own tools do."""

    region: str | None = None
    endpoint: str | None = None
    """A URL, for a service that is not AWS's own."""


class Once(Generic[T]):
    """Makes a value when it is first asked for, and keeps it; any thread may ask."""

    _lock: ClassVar = (
        RLock()
    )  # of all of them: clients are made from one session, which threads must not share

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: T | None = None

    @property
    def made(self) -> T | None:
        """The value, if anybody has asked for it."""
        return self._made

    def __call__(self) -> T:
        """Return the value."""
        if self._made is None:
            with self._lock:
                if self._made is None:
                    self._made = self._make()
        return self._made


def _load_session() -> Session:
    try:
        from boto3.session import Session
        from botocore.session import Session as Settings
    except ModuleNotFoundError as error:
        raise InvalidInput("AWS is called through boto3: pip install 'flux-serverless[aws]'") from error
    return Session(botocore_session=Settings({"region": REGION}))


session: Final = Once(_load_session)
"""Gives the session that every client is made from; what the second one needs is mostly there. It loads boto3.

Raises:
    InvalidInput: boto3 is not installed.
"""


@contextmanager
def calling(what: str, action: str) -> Iterator[None]:
    """Say in words what botocore raises in the block.

    Args:
        what: what is called, such as `function orders`.
        action: what the caller must be allowed to do, such as `lambda:InvokeFunction`.

    Raises:
        InvalidInput: no region is known, or it is no name of one, or the endpoint is no URL.
        ResourceNotFound: it is not there.
        ServiceFailed: anything else that botocore reports.
    """
    try:
        yield
    except FluxError:
        raise
    except (
        ValueError
    ) as error:  # what a client cannot be made of; botocore has no class of its own for all of that
        raise InvalidInput(f"{what} cannot be called: {error}") from error
    except Exception as error:
        if not type(error).__module__.startswith("botocore."):
            raise
        raise _explained(error, what, action) from error


def _explained(error: Exception, what: str, action: str) -> FluxError:
    from botocore.exceptions import ClientError, NoRegionError

    if isinstance(error, NoRegionError):
        return InvalidInput(f"{what} cannot be called: {NO_REGION}")
    name = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    said = error.response["Error"].get("Message", "") if isinstance(error, ClientError) else str(error)
    said = " ".join(said.split())[:LONGEST]
    if name in ABSENT:
        return ResourceNotFound(f"there is no {what} in this account and region: {said}")
    reason = next((reason for names, reason in REASONS.items() if name in names), "{name}: {said}")
    return ServiceFailed(f"{what}: {reason.format(name=name, said=said, action=action)}")


REGION: Final = ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)
"""Where a session finds its region: botocore itself looks at the second variable, then at the profile."""
NO_REGION: Final = (
    "no AWS region is known; set AWS_REGION, or name it by region=, in code or a URL, or by --region"
)
LONGEST: Final = 400  # characters of what a service has said that are passed on
ABSENT: Final = frozenset(
    {"ResourceNotFoundException", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"}
)
REASONS: Final = {
    frozenset({"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}): (
        "there are no credentials of AWS; set AWS_PROFILE, or log in with: aws sso login ({said})"
    ),
    frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRetrievalError", "SSOTokenLoadError"}): (
        "the credentials have expired; log in again with: aws sso login ({said})"
    ),
    frozenset(
        {
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "InvalidSignatureException",
            "InvalidAccessKeyId",
        }
    ): "the credentials are not valid: {said}",
    frozenset(
        {"AccessDenied", "AccessDeniedException", "AuthorizationError", "AccessDeniedForDependencyException"}
    ): "access denied; allow {action} to whoever calls ({said})",
    frozenset(
        {
            "ThrottlingException",
            "Throttling",
            "TooManyRequestsException",
            "RequestThrottled",
            "LimitExceededException",
        }
    ): "throttled; try again a little later ({said})",
    frozenset(
        {"EndpointConnectionError", "ConnectTimeoutError", "ConnectionClosedError", "ReadTimeoutError"}
    ): ("no answer: {said}"),
    # of a function whose process has ended, in the runtime's emulator
    frozenset({"502"}): "it ended without an answer; its log may say why",
}
"""What to say of an error, by the names that the services give to it."""
