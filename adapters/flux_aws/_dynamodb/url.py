"""Opening the store in DynamoDB by its URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

from flux_aws._dynamodb.storage import DynamoDBStorage
from flux_core import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core.storage import Storage

UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def open_dynamodb(url: str) -> Storage:
    """Open the store at `dynamodb://TABLE`, with the options of `DynamoDBStorage` behind a question mark.

    A `ttl` is a number with a unit, such as `30d`, or one of seconds.

    Raises:
        InvalidInput: the URL names no table, or has an option that is not known or a value that it cannot take.
        StoreError: PynamoDB is not installed.
    """
    location, _, query = url.removeprefix("dynamodb://").partition("?")
    options: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name not in _OPTIONS:
            raise InvalidInput(f"dynamodb has no option {name!r}; known: {', '.join(_OPTIONS)}", path="url")
        if name in options:
            raise InvalidInput(f"{name} is given twice", path="url")
        options[name] = _OPTIONS[name](name, text)
    return DynamoDBStorage(unquote(location.removesuffix("/")), **options)


def _text(name: str, text: str) -> str:
    if not text:
        raise InvalidInput(f"{name} is empty; give it a value or leave it out", path="url")
    return text


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InvalidInput(f"{name} is a whole number, not {text!r}", path="url") from None


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(f"{name} is a number of seconds, not {text!r}", path="url") from None


def _duration(name: str, text: str) -> float:
    unit = UNITS.get(text[-1:])
    try:
        return float(text) if unit is None else float(text[:-1]) * unit
    except ValueError:
        raise InvalidInput(f"{name} is a duration such as 30d or 720h, not {text!r}", path="url") from None


_OPTIONS: Final[dict[str, Callable[[str, str], Any]]] = {
    "region": _text,
    "endpoint": _text,
    "bucket": _text,
    "ttl": _duration,
    "shards": _whole,
    "patience": _number,
}
