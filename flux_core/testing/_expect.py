"""What the shared suites say beside `assert`, with nothing but the standard library."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

E = TypeVar("E", bound=Exception)


@contextmanager
def raises(expected: type[E]) -> Iterator[list[E]]:
    """Expect the block to raise such an error; the list that it gives holds the error afterwards."""
    caught: list[E] = []
    try:
        yield caught
    except expected as error:
        caught.append(error)
    else:
        raise AssertionError(f"{expected.__name__} was not raised")
