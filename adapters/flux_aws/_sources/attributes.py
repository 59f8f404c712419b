"""DynamoDB's attribute values, as the JSON that they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_core._serving.body import MalformedBody

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def plain_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item as JSON would say it.

    Sets are lists, and binary values the base64 that they come in. A number is an int if it is written as one, else
    a float, as in any JSON: of more than 17 digits after a point the last are lost.

    Raises:
        MalformedBody: a value is of no type of DynamoDB.
    """
    return {name: _plain(value) for name, value in item.items()}


def _plain(value: Mapping[str, Any]) -> Any:
    kind, content = next(iter(value.items()), ("no type", None))
    if kind not in READERS:
        raise MalformedBody(f"expected an attribute value of DynamoDB, got one of type {kind!r}")
    return READERS[kind](content)


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _same(content: Any) -> Any:
    return content


READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "S": _same,
    "N": _number,
    "B": _same,
    "BOOL": _same,
    "NULL": lambda _: None,
    "M": plain_item,
    "L": lambda values: [_plain(value) for value in values],
    "SS": list,
    "NS": lambda numbers: [_number(number) for number in numbers],
    "BS": list,
}
"""By the name of the type: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html"""
