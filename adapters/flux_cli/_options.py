"""The options that commands share, and what they say together: which app, which store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


@dataclass(frozen=True)
class Place:
    """Where a command works, as far as options and environment say; None leaves it to what comes after them."""

    app: str | None = None
    store: str | None = None


def _remember(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Keep the option's value in the context's place; a command's own option goes before the group's."""
    if value:
        ctx.obj = replace(ctx.ensure_object(Place), **{str(param.name): value})


def app_option(**more: Any) -> Decorator:
    """Return the decorator that adds `--app`; `more` are arguments of `click.option`."""
    return click.option(
        "--app",
        metavar="MODULE:NAME",
        help="The app: module:name or path/to/file.py:name.",
        callback=_remember,
        expose_value=False,
        **more,
    )


def store_option(**more: Any) -> Decorator:
    """Return the decorator that adds `--store`; `more` are arguments of `click.option`."""
    return click.option(
        "--store",
        metavar="URL",
        help="The store, such as sqlite:///orders.db.",
        callback=_remember,
        expose_value=False,
        **more,
    )


def placed(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--app` and `--store` to the command, and hand it the `Place` that they name."""
    return app_option()(store_option()(click.make_pass_decorator(Place, ensure=True)(command)))


json_option: Final[Decorator] = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document instead of text."
)
traceback_option: Final[Decorator] = click.option(
    "--traceback", is_flag=True, help="Show the tracebacks of failed steps."
)
