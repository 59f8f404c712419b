"""Where in a value an error stands, written as `items[0].qty`."""

from __future__ import annotations

from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Final, TypeVar

from flux_core._errors import InvalidInput, NotSerializable

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_PATH: Final = 200

PathError = TypeVar("PathError", InvalidInput, NotSerializable)


def within(error: PathError, part: str) -> PathError:
    """Return the same error as it looks from one level further out, where `part` leads to its value."""
    path = part + error.path if error.path.startswith("[") or not error.path else f"{part}.{error.path}"
    if len(path) > LONGEST_PATH:
        path = f"{path[: LONGEST_PATH - 3]}..."
    return type(error)(error.reason, path=path)


def key_part(key: object) -> str:
    """Return the part of a path that leads to a dict's value under `key`."""
    if type(key) is not str:
        return f"[{key!r}]"
    return key if key.isidentifier() else f"[{encode_basestring(key)}]"


def type_name(tp: type) -> str:
    """Return what messages call a class."""
    return "None" if tp is type(None) else tp.__name__


MARKER_TAKEN: Final = "a field '$', which is what marks a tagged value in saved text: rename it"
"""The reason for refusing such a field."""


def mismatch(expected: str, value: object) -> str:
    """Return the reason for refusing a value of the wrong type; it never quotes the value."""
    return f"expected {expected}, got {type_name(type(value))}"


def missing(field: str) -> str:
    """Return the reason for refusing an object without one of its fields."""
    return f"missing field {field!r}"


def unknown(field: object, known: Iterable[str]) -> str:
    """Return the reason for refusing a field that the type does not have, with the name it was close to."""
    from difflib import get_close_matches  # only errors need it, and it is slow to import

    close = get_close_matches(str(field), known, n=1)
    return f"unknown field {field!r}" + (f"; did you mean {close[0]!r}?" if close else "")
