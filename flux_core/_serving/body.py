"""A text that carries the workflow's input, such as the body of an HTTP request or of a queue's message."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, ClassVar, NoReturn

from flux_core import InvalidInput


class MalformedBody(InvalidInput):
    """A body that should carry the input is missing, or is not what it is said to be."""

    code: ClassVar[str] = "MALFORMED_BODY"


def parse_body(body: str | bytes | None) -> Any:
    """Return the value that the body carries.

    Raises:
        MalformedBody: it is missing, or is not JSON as RFC 8259 has it; the message does not quote it.
    """
    if not body:
        raise MalformedBody("there is no body; send the workflow's input as JSON")
    try:
        text = body if isinstance(body, str) else body.decode()
    except UnicodeDecodeError:
        raise MalformedBody("the body is not JSON: it is not of UTF-8") from None
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise MalformedBody(f"the body is not JSON: {error}") from None


def from_base64(text: str) -> bytes:
    """Return the bytes that the text stands for.

    Raises:
        MalformedBody: it is not base64.
    """
    from base64 import b64decode  # few bodies need it

    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise MalformedBody("the body is said to be base64, and is not") from None


def _finite(digits: str) -> float:
    number = float(digits)
    return number if isfinite(number) else _refuse(digits[:200])


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
