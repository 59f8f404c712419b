"""Runs as documents that are not too long to be shown: long values are cut, and it is said which."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST: Final = 65_536
"""Bytes of a value, as JSON, that is shown whole."""
MOST: Final = 1_000_000
"""Bytes of all values together; beyond that the longest of them are cut too."""
KEPT: Final = 1000
"""Characters that are left of a longer one."""


def shorten_values(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with the fields of `Run.to_dict`, or some of them, its long values cut in place.

    A value that has more than `LONGEST` bytes as JSON becomes the begin of that JSON, with an ellipsis; so do the
    longest of the others while all together have more than `MOST`. `shortened` then says by its path, such as
    `data.notes`, how many bytes a value has.
    """
    sizes = [(_size(place[name]), path, place, name) for path, place, name in _values(document)]
    sizes.sort(key=lambda value: -value[0])
    left = sum(size for size, *_ in sizes)
    cut = {}
    for size, path, place, name in sizes:
        if size <= LONGEST and (left <= MOST or size <= 2 * KEPT):
            break
        place[name] = f"{json.dumps(place[name], ensure_ascii=False)[:KEPT]}…"
        cut[path] = size
        left -= size
    if cut:
        document["shortened"] = cut
    return document


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _values(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Give each value that may be long: its path, what it stands in, and under which name."""
    if "input" in document:
        yield "input", document, "input"
    for field in ("initial", "data", "results"):
        for name in document.get(field, ()):
            yield f"{field}.{name}", document[field], name
    for field in ("history", "compensations"):
        for step in document.get(field, ()):
            yield f"{field}.{step['name']}.output", step, "output"
            for name in step["changes"]:
                yield f"{field}.{step['name']}.changes.{name}", step["changes"], name
