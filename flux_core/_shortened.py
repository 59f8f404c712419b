"""A run as a document that is not too long to be shown: long values are cut, and it says which."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST: Final = 65_536
"""Bytes of a value, as JSON, that is shown whole."""
KEPT: Final = 1000
"""Characters that are left of a longer one."""


def shortened(document: dict[str, Any], longest: int = LONGEST) -> dict[str, Any]:
    """Return what `Run.to_dict` gave, in place, its long values cut.

    A value that has more than `longest` bytes as JSON becomes the begin of that JSON, with an ellipsis. `shortened`
    then says by its path, such as `data.notes`, how many bytes it has.
    """
    cut = {}
    for path, place, name in _values(document):
        text = json.dumps(place[name], ensure_ascii=False)
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > longest:
            place[name] = f"{text[:KEPT]}…"
            cut[path] = size
    if cut:
        document["shortened"] = cut
    return document


def _values(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Give each value that may be long: its path, what it stands in, and under which name."""
    yield "input", document, "input"
    for field in ("initial", "data", "results"):
        for name in document[field]:
            yield f"{field}.{name}", document[field], name
    for field in ("history", "compensations"):
        for step in document[field]:
            yield f"{field}.{step['name']}.output", step, "output"
            for name in step["changes"]:
                yield f"{field}.{step['name']}.changes.{name}", step["changes"], name
