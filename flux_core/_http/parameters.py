"""The parameters of the API: how each is read, and how the OpenAPI document describes it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from urllib.parse import parse_qsl

from flux_core import InvalidInput, RunStatus
from flux_core._display import LAST_MOMENT
from flux_core._http.call import wrong
from flux_core._ids import ALPHABET, LONGEST, check_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Schema: TypeAlias = dict[str, Any]

MOST_PARAMETERS: Final = 100
NUMBER: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
WHOLE: Final = re.compile(r"[0-9]{1,9}")
LONGEST_NAME: Final = 128
"""Characters of the name of a workflow, a node or a signal."""


class Parameter(NamedTuple):
    """A parameter in the query, or a segment of the path."""

    name: str
    about: str
    schema: Schema
    read: Callable[[str, str], Any]
    """Return the value of a text; raises `InvalidInput` with the parameter's name, which is the first argument."""
    many: bool = False
    """Whether it may be given several times; its value is a list then."""
    default: Any = None
    """What counts if it is not given; None leaves it out."""
    required: bool = False


class Header(NamedTuple):
    """A header that a route looks at by itself."""

    name: str
    about: str
    schema: Schema


def text(name: str, value: str) -> str:
    """Return a text that may be the name of something."""
    if not value.strip() or not value.isprintable() or len(value) > LONGEST_NAME:
        raise wrong(name, f"1 to {LONGEST_NAME} printable characters", value)
    return value


def tag(name: str, value: str) -> str:
    """Return a text that may be a tag."""
    if not value or not value.isprintable():
        raise wrong(name, "a tag, of printable characters", value)
    return value


def cursor(name: str, value: str) -> str:
    """Return a text that may be the cursor of a page."""
    if not value.isascii() or not value.isprintable():
        raise InvalidInput("this is not the cursor of any page; pass it on as it came", path=name)
    return value


def id_prefix(name: str, value: str) -> str:
    """Return a text with which the id of a run may begin."""
    if len(value) > LONGEST or not ALPHABET.issuperset(value):
        raise wrong(name, f"the begin of a run id: at most {LONGEST} of A-Z a-z 0-9 . _ : @ -", value)
    return value


def run_id(name: str, value: str) -> str:  # noqa: ARG001 (the error of an id says itself what it is about)
    """Return the id of a run."""
    return check_id(value)


def status(name: str, value: str) -> RunStatus:
    """Return the status of that name."""
    try:
        return RunStatus(value)
    except ValueError:
        raise wrong(name, f"one of {', '.join(RunStatus)}", value) from None


def flag(name: str, value: str) -> bool:
    """Return what `true` or `false` says."""
    if value not in {"true", "false"}:
        raise wrong(name, "true or false", value)
    return value == "true"


def count(lowest: int, highest: int) -> Callable[[str, str], int]:
    """Return the reader of a whole number in a range, its ends included."""

    def read(name: str, value: str) -> int:
        number = int(value) if WHOLE.fullmatch(value) else lowest - 1
        if not lowest <= number <= highest:
            raise wrong(name, f"a whole number from {lowest} to {highest}", value)
        return number

    return read


def moment(name: str, value: str) -> float:
    """Return the Unix seconds of a moment: these themselves, or ISO 8601 with a time zone."""
    seconds = float(value) if NUMBER.fullmatch(value) else _iso(value)
    if seconds is None or not 0 <= seconds <= LAST_MOMENT:
        raise wrong(
            name,
            "Unix seconds, or ISO 8601 with a time zone as in 2026-01-31T12:00:00Z (a + is sent as %2B), from the year"
            " 1970 on",
            value,
        )
    return seconds


def _iso(value: str) -> float | None:
    try:
        said = datetime.fromisoformat(value)
        return None if said.tzinfo is None else said.timestamp()
    except (ValueError, OverflowError):
        return None


def read_query(query: str, known: Sequence[Parameter]) -> dict[str, Any]:
    """Return the values of the parameters in a query, defaults included.

    Raises:
        InvalidInput: a parameter is not known, is given twice, or has a value that it cannot have.
    """
    try:
        given = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError as error:
        raise InvalidInput(f"the query cannot be read: {error}", path="query") from None
    parameters = {parameter.name: parameter for parameter in known}
    values: dict[str, Any] = {
        parameter.name: parameter.default for parameter in known if parameter.default is not None
    }
    texts: dict[str, list[str]] = {}
    for name, value in given:
        texts.setdefault(name, []).append(value)
    for name, several in texts.items():
        values[name] = _value(parameters, name, several)
    for parameter in known:
        if parameter.required and parameter.name not in values:
            raise InvalidInput("it is missing from the query", path=parameter.name)
    return values


def _value(parameters: Mapping[str, Parameter], name: str, texts: Sequence[str]) -> Any:
    parameter = parameters.get(name)
    if parameter is None:
        there_are = ", ".join(parameters) or "none"
        raise InvalidInput(f"unknown parameter; there are: {there_are}", path=name[:200])
    if parameter.many:
        return [parameter.read(name, each) for each in texts]
    if len(texts) > 1:
        raise InvalidInput("it is given more than once", path=name)
    return parameter.read(name, texts[0])


MOMENT: Final[Schema] = {
    "anyOf": [
        {"type": "string", "format": "date-time"},
        {"type": "number", "minimum": 0, "maximum": LAST_MOMENT},
    ]
}
NAME: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}
PREFIX: Final[Schema] = {"type": "string", "pattern": "^[A-Za-z0-9._:@-]*$", "maxLength": LONGEST}
ID: Final[Schema] = {"type": "string", "pattern": "^[A-Za-z0-9._:@-]+$", "minLength": 1, "maxLength": LONGEST}
STATUS: Final[Schema] = {"type": "string", "enum": [str(each) for each in RunStatus]}
FLAG: Final[Schema] = {"type": "boolean"}

RUN_ID: Final = Parameter("id", "The id of a run.", ID, run_id)
WORKFLOW_NAME: Final = Parameter("name", "The name of a workflow.", NAME, text)
SIGNAL_NAME: Final = Parameter("name", "The name of a signal.", NAME, text)

WORKFLOW: Final = Parameter("workflow", "Only runs of this workflow.", NAME, text)
STATUSES: Final = Parameter(
    "status", "Only runs with this status, or one of these.", STATUS, status, many=True
)
TAG: Final = Parameter("tag", "Only runs with this tag.", {"type": "string", "minLength": 1}, tag)
SINCE: Final = Parameter("since", "Only runs created at this moment or later.", MOMENT, moment)
UNTIL: Final = Parameter("until", "Only runs created before this moment.", MOMENT, moment)
ID_PREFIX: Final = Parameter("id", "Only runs whose ids begin so.", PREFIX, id_prefix)
FILTERS: Final = (WORKFLOW, STATUSES, TAG, ID_PREFIX)


def counted(name: str, about: str, lowest: int, highest: int, default: int) -> Parameter:
    """Return a parameter that is a whole number in a range, its ends included."""
    schema = {"type": "integer", "minimum": lowest, "maximum": highest, "default": default}
    return Parameter(name, about, schema, count(lowest, highest), default=default)
