"""The input of a run, as the command line gives it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final, NoReturn

from flux_core import InvalidInput

JSON_BEGINS_WITH: Final = ("{", "[", '"')
STANDARD_INPUT: Final = "-"


def read_input(given: str) -> Any:
    """Return the value: of JSON text that begins with `{`, `[` or `"`, of standard input for `-`, else of a file.

    Raises:
        InvalidInput: it cannot be read, or is not JSON; the message says where, by line and column.
    """
    source, text = _source(given)
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"{source} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}", path="input"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{source} is not JSON: {error}", path="input") from error


def _source(given: str) -> tuple[str, str | bytes]:
    if given.lstrip().startswith(JSON_BEGINS_WITH):
        return "the text", given
    if given == STANDARD_INPUT:
        return "standard input", sys.stdin.buffer.read()
    try:
        return given, Path(given).read_bytes()
    except OSError as error:
        raise InvalidInput(
            f'the file {given} cannot be read: {error.strerror}; JSON begins with {{, [ or "', path="input"
        ) from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"JSON has no {constant}")
