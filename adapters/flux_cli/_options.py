"""The options that commands share, and what they say together: which app, which store, or which function."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from collections.abc import Callable

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


@dataclass(frozen=True)
class Place:
    """Where a command works, as far as options and environment say; None leaves it to what comes after them."""

    app: str | None = None
    store: str | None = None
    remote: str | None = None
    typed: frozenset[str] = frozenset()
    """Those of the three that an option names, and not the environment."""

    def settled(self) -> Place:
        """Return the place: here, or a function; an option goes before the environment.

        Raises:
            click.UsageError: both are named, by options or by the environment.
        """
        if self.remote is None:
            return self
        here = self.typed - {"remote"}
        if here and "remote" in self.typed:
            named = " and ".join(f"--{name}" for name in sorted(here))
            raise click.UsageError(f"a function has its own app and store: give either --remote, or {named}")
        if here:
            return replace(self, remote=None)
        if self.store is not None and "remote" not in self.typed:
            raise click.UsageError("FLUX_REMOTE and FLUX_STORE are both set: give --remote or --store")
        return Place(remote=self.remote, typed=self.typed)

    def with_app(self, app: str) -> Place:
        """Return the place with that app, named as an option names it."""
        return replace(self, app=app, typed=self.typed | {"app"}).settled()


def _remember(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Keep the option's value in the context's place; a command's own option goes before the group's."""
    if value:
        place, name = ctx.ensure_object(Place), str(param.name)
        is_typed = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        typed = place.typed | {name} if is_typed else place.typed
        ctx.obj = replace(place, **{name: value}, typed=typed)


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
        help="The store, such as sqlite:///orders.db or dynamodb://orders.",
        callback=_remember,
        expose_value=False,
        **more,
    )


def remote_option(**more: Any) -> Decorator:
    """Return the decorator that adds `--remote`; `more` are arguments of `click.option`."""
    return click.option(
        "--remote",
        metavar="URL",
        help="A deployed function to work through, such as lambda://orders.",
        callback=_remember,
        expose_value=False,
        **more,
    )


def placed(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--app`, `--store` and `--remote` to the command, and hand it the `Place` that they name."""

    @wraps(command)
    def settled(place: Place, *arguments: Any, **options: Any) -> Any:
        return command(place.settled(), *arguments, **options)

    return app_option()(
        store_option()(remote_option()(click.make_pass_decorator(Place, ensure=True)(settled)))
    )


json_option: Final[Decorator] = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document instead of text."
)
traceback_option: Final[Decorator] = click.option(
    "--traceback", is_flag=True, help="Show the tracebacks of failed steps."
)
