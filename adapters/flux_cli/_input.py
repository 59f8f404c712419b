"""A value as the command line gives it: a run's input, a signal's payload, a commit's output."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Final, NoReturn

from flux_core import InvalidInput

METAVAR: Final = "FILE|-|JSON"
STANDARD_INPUT: Final = "-"
_JSON: Final = re.compile(r'\s*([{["]|(-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|null)\s*$)')
"""What begins an object, an array or a text, or is the whole of any other value."""


def read_value(given: str, path: str) -> Any:
    """Return the value: of JSON text, of standard input for `-`, else of a file.

    Args:
        given: JSON text is what begins with `{`, `[` or `"`, and numbers, true, false and null.
        path: what errors call the value.

    Raises:
        InvalidInput: it cannot be read, or is not JSON; the message says where, by line and column.
    """
    source, text = _source(given, path)
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"{source} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}", path=path
        ) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{source} is not JSON: {error}", path=path) from error


def _source(given: str, path: str) -> tuple[str, str | bytes]:
    if _JSON.match(given):
        return "the text", given
    if given == STANDARD_INPUT:
        return "standard input", sys.stdin.buffer.read()
    try:
        return given, Path(given).read_bytes()
    except OSError as error:
        raise InvalidInput(
            f'the file {given} cannot be read: {error.strerror}; JSON begins with {{, [ or ", or is a number, true,'
            " false or null",
            path=path,
        ) from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"JSON has no {constant}")
