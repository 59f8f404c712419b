"""What the errors of DynamoDB and S3 mean: which of them pass, and what to do about the others."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.exceptions import ConnectionError as AwsConnectionError
from botocore.parsers import ResponseParserError

from flux_core import StoreError, StoreNotFound

NO_TABLE: Final = "ResourceNotFoundException"
CONDITION_FAILED: Final = "ConditionalCheckFailedException"
SERVER_ERROR: Final = 500
TRANSIENT: Final = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "ReplicatedWriteConflictException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TransactionConflictException",
    }
)
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html, and S3's of that kind."""


class Place(NamedTuple):
    """Where a table is."""

    table: str
    region: str
    endpoint: str

    def __str__(self) -> str:
        return f"the table {self.table!r} in {self.region} ({self.endpoint})"

    @property
    def storage(self) -> str:
        """The code that opens a store there."""
        endpoint = "" if "amazonaws.com" in self.endpoint else f", endpoint={self.endpoint!r}"
        return f"flux_aws.DynamoDBStorage({self.table!r}, region={self.region!r}{endpoint})"


class NotAll(Exception):
    """A batch was done in part: the table, or the size of an answer, allowed no more."""


def code_of(error: Exception) -> str:
    """Return the service's code for what went wrong, "" if it was not the service that said so."""
    code: str = getattr(error, "response", {}).get("Error", {}).get("Code", "")
    return code


class Refusals(NamedTuple):
    """What the errors of the services mean that a store at a place calls."""

    place: Place
    raised: tuple[type[Exception], ...] = (BotoCoreError, ClientError, ResponseParserError, NotAll)
    """The errors that botocore raises."""

    def passes(self, error: Exception) -> bool:
        """Whether the same request may well succeed a moment later."""
        if isinstance(error, (AwsConnectionError, HTTPClientError, IncompleteReadError, NotAll)):
            return True
        # PynamoDB's error has lost the status, botocore's behind it has kept it.
        answer: dict[str, Any] = getattr(error.__cause__ or error, "response", {})
        status: int = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= SERVER_ERROR or code_of(error) in TRANSIENT

    def explained(self, what: str, error: Exception) -> StoreError:
        """Return the error that says what was refused, why, and what to do about it."""
        if isinstance(error, ResponseParserError):
            return StoreError(f"{what} got no answer of AWS; is the endpoint right?")
        if isinstance(error, (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)):
            told = NO_CREDENTIALS
        else:
            told = TOLD.get(code_of(error), "{what} was refused: {message}")
        message = getattr(error, "response", {}).get("Error", {}).get("Message", str(error))
        kind = StoreNotFound if code_of(error) == NO_TABLE else StoreError
        return kind(told.format(what=what, place=self.place, message=message))


NO_CREDENTIALS: Final = (
    "{what} needs valid AWS credentials: {message}; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and"
    " AWS_SECRET_ACCESS_KEY, or give the function a role"
)
NOT_ALLOWED: Final = "{what} is not allowed; allow it to the role or user that runs this: {message}"
TOLD: Final = {
    NO_TABLE: (
        "there is no table {place.table!r} in {place.region} ({place.endpoint}); name another table or region, or make"
        " it: by a deployment (sam/, terraform/aws), or with {place.storage}.create_table()"
    ),
    # No table of Flux refuses a request as invalid: its keys are others, or it has no such index.
    "ValidationException": (
        "{what} was refused: {message}; a table of Flux has the keys `id` and `sk` and the indexes `attention` and"
        " `runs`: if this one has others it is not one of Flux; name another"
    ),
    "NoSuchBucket": "{what} was refused: {message}; make the bucket, or name another",
    **dict.fromkeys(("AccessDenied", "AccessDeniedException"), NOT_ALLOWED),
    **dict.fromkeys(
        (
            "ExpiredToken",
            "ExpiredTokenException",
            "IncompleteSignature",
            "InvalidAccessKeyId",
            "InvalidSignatureException",
            "MissingAuthenticationTokenException",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        ),
        NO_CREDENTIALS,
    ),
}
"""What is said of an error by its code, which a service's documents list."""
