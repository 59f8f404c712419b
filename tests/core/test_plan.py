"""What a workflow compiles to: which handlers are async, and what their outputs are saved as."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock, Mock

import pytest

from flux_core import Context, Workflow
from flux_core._plan import is_async

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.conftest import AnyEngine

Ctx = Context[Any, Any]


def plain(ctx: Ctx) -> int:
    """Return a number."""
    return 1


async def coroutine(ctx: Ctx) -> int:
    """Return a number."""
    return 1


class Service:
    """An object whose methods are handlers, and which is one itself."""

    def plain(self, ctx: Ctx) -> int:
        """Return a number."""
        return 1

    async def coroutine(self, ctx: Ctx) -> int:
        """Return a number."""
        return 1

    async def __call__(self, ctx: Ctx) -> int:
        """Return a number."""
        return 1


class PlainService:
    """An object that is a handler."""

    method = classmethod(partial(coroutine))

    def __call__(self, ctx: Ctx) -> int:
        """Return a number."""
        return 1


class Unsaveable:
    """What Flux cannot save."""


def unresolvable(ctx: Ctx) -> Nowhere:  # type: ignore[name-defined]  # noqa: F821
    """Say that it returns what does not exist."""
    return 1


def unsaveable(ctx: Ctx) -> Unsaveable | int:
    """Say that it may return what cannot be saved."""
    return 1


def lying(ctx: Ctx) -> str:
    """Say str, and return a number."""
    wrong: Any = 1
    return wrong  # type: ignore[no-any-return]


def as_tuple(ctx: Ctx) -> tuple[int, ...]:
    """Return a tuple."""
    return 1, 2


def nothing(ctx: Ctx) -> None:
    """Return nothing, it says."""
    return 1  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (plain, False),
        (coroutine, True),
        (partial(plain), False),
        (partial(partial(coroutine)), True),
        (Service().plain, False),
        (Service().coroutine, True),
        (Service(), True),
        (PlainService(), False),
        (PlainService.method, True),
        (print, False),
        (len, False),
        (Mock(), False),
        (AsyncMock(), True),
    ],
)
def test_an_async_handler_is_recognised(function: Callable[..., Any], expected: bool) -> None:  # noqa: FBT001
    """Functions, partials, methods, callable objects and mocks say whether they give a coroutine."""
    assert is_async(function) is expected


@pytest.mark.parametrize(
    "handler",
    [plain, coroutine, partial(coroutine), Service().coroutine, Service(), unresolvable, unsaveable, nothing],
)
def test_a_handler_may_be_anything_callable(engine: AnyEngine, handler: Callable[[Ctx], Any]) -> None:
    """Its output is recorded, whatever it says of it."""
    result = engine.execute(Workflow("w").step("a", handler), {}, id="x")
    assert result.results == {"a": 1}


def test_a_mock_may_be_a_handler(engine: AnyEngine) -> None:
    """A test may put a mock in a handler's place."""
    handler = Mock(return_value=7)
    result = engine.execute(Workflow("w").step("a", handler), {})
    assert (result.results, handler.call_count) == ({"a": 7}, 1)


def test_an_output_comes_back_as_its_annotation_says(engine: AnyEngine) -> None:
    """A tuple that was saved is a tuple to a later call."""
    workflow = Workflow("w").step("a", as_tuple)
    engine.execute(workflow, {}, id="x")
    assert engine.resume(workflow, "x").results == {"a": (1, 2)}


def test_an_output_that_is_not_what_its_annotation_says_fails_the_step(engine: AnyEngine) -> None:
    """What would not come back under the annotation is not saved."""
    result = engine.execute(Workflow("w").step("a", lying), {})
    assert result.error is not None
    assert result.error.code == "NOT_SERIALIZABLE"
    assert "step 'a'" in result.error.message
