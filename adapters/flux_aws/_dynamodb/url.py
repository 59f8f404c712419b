"""Opening the store in DynamoDB by its URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from flux_aws._dynamodb.storage import DynamoDBStorage
from flux_core.storage._options import duration, read_options, seconds, whole, words

if TYPE_CHECKING:
    from flux_core.storage import Storage

OPTIONS: Final = {
    "region": words,
    "endpoint": words,
    "bucket": words,
    "ttl": duration,
    "shards": whole,
    "patience": seconds,
}


def open_dynamodb(url: str) -> Storage:
    """Open the store at `dynamodb://TABLE`, with the options of `DynamoDBStorage` behind a question mark.

    A `ttl` is a number with a unit, such as `30d`, or one of seconds.

    Raises:
        InvalidInput: the URL names no table, or has an option that is not known or a value that it cannot take.
        StoreError: PynamoDB is not installed.
    """
    location, _, query = url.removeprefix("dynamodb://").partition("?")
    options = read_options("dynamodb", query, OPTIONS)
    return DynamoDBStorage(unquote(location.removesuffix("/")), **options)
