"""A value as it stands in a document: in its place, or as a reference to the blob that holds it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from flux_core._errors import NotSerializable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LARGE: Final = 8192  # characters; a longer value goes out to a blob
NOT_SMALL: Final = (
    1024  # the same for a value of which a document may hold many: a field of large data, a letter
)

dumps = json.JSONEncoder(separators=(",", ":")).encode


def reference(key: str) -> str:
    """Return what stands in the document for the blob of that key."""
    return f'{{"$":"blob","v":"{key}"}}'


def is_reference(value: object) -> bool:
    """Whether the value stands in a blob; a user's dict with a key `$` is never encoded like this."""
    return isinstance(value, dict) and value.get("$") == "blob"


def text_of(value: Any, blobs: Mapping[str, str]) -> str:
    """Return the encoded text of a value that was parsed; `blobs` holds what it may refer to, by key."""
    return blobs[value["v"]] if is_reference(value) else dumps(value)


def check_size(largest: float, texts: Iterable[str]) -> None:
    """Do nothing if the store takes values as long as these.

    Raises:
        NotSerializable: one is longer.
    """
    if (length := max(map(len, texts), default=0)) > largest:
        raise NotSerializable(
            f"a value of {length:,} characters, and the store takes {largest:,} at most: keep it elsewhere and save"
            " where, or give the store a place for large values"
        )


def put_out(text: str, blobs: dict[str, bytes]) -> str:
    """Add the text to the blobs, and return its key there: what it holds, hashed."""
    from hashlib import sha256  # few runs have a large value

    value = text.encode()
    key = sha256(value).hexdigest()
    blobs[key] = value
    return key
