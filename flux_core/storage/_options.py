"""Options behind the question mark of a store's URL: the reader of each takes its name and its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import parse_qsl

from flux_core._errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Reader: TypeAlias = Callable[[str, str], Any]

UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def read_options(store: str, query: str, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Return the options of a URL, each as its reader has it.

    Raises:
        InvalidInput: the store has no such option, one is given twice, or a value cannot be taken.
    """
    options: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name not in readers:
            raise InvalidInput(f"{store} has no option {name!r}; known: {', '.join(readers)}", path="url")
        if name in options:
            raise InvalidInput(f"{name} is given twice", path="url")
        options[name] = readers[name](name, text)
    return options


def words(name: str, text: str) -> str:
    """Return a text that is not empty."""
    if not text:
        raise InvalidInput(f"{name} is empty; give it a value or leave it out", path="url")
    return text


def whole(name: str, text: str) -> int:
    """Return a whole number."""
    try:
        return int(text)
    except ValueError:
        raise InvalidInput(f"{name} is a whole number, not {text!r}", path="url") from None


def seconds(name: str, text: str) -> float:
    """Return a number of seconds."""
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(f"{name} is a number of seconds, not {text!r}", path="url") from None


def duration(name: str, text: str) -> float:
    """Return the seconds of a number with a unit, such as `30d`, or of one without."""
    unit = UNITS.get(text[-1:])
    try:
        return float(text) if unit is None else float(text[:-1]) * unit
    except ValueError:
        raise InvalidInput(f"{name} is a duration such as 30d or 720h, not {text!r}", path="url") from None
