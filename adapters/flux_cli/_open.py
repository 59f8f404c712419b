"""Opening what a command works on: the app over a store, or a deployed function."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from flux_cli._find_app import required_app
from flux_core import StoreNotFound
from flux_core.storage import open_storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flux_cli._options import Place
    from flux_cli._runs import Runs
    from flux_core import App
    from flux_core.storage import Storage
    from flux_core.trace import TraceSink

DEFAULT_STORE: Final = "sqlite:///flux.db"


def its_app(place: Place) -> App:
    """Return the app of the place; see `required_app`."""
    return required_app(place.app)


@contextmanager
def reached(
    place: Place,
    find: Callable[[Place], App] = its_app,
    *,
    existing: bool = False,
    trace: tuple[TraceSink, ...] = (),
) -> Iterator[Runs]:
    """Give the runs of the place: of the function that it names, else of the app over its store.

    Args:
        place: where to work.
        find: gives the app; it is not called for a function, which has its own.
        existing: as in `opened`, and so is `trace`; neither means anything to a function.
        trace: sinks beside those of the app.

    Raises:
        InvalidInput: the place is not named as one of its kind; beside all that `opened` raises.
    """
    if place.remote is not None:
        from flux_cli._remote import remote_at

        yield remote_at(place.remote)
        return
    with opened(find(place), place.store, existing=existing, trace=trace) as app:
        yield app


@contextmanager
def opened(
    app: App, store: str | None, *, existing: bool = False, trace: tuple[TraceSink, ...] = ()
) -> Iterator[App]:
    """Give the app over the store at the URL, without one over its own, else over the default; close it at the end.

    Args:
        app: what to open; it is left as it is.
        store: the URL.
        existing: refuse to make a new file, for commands that look for what is there.
        trace: sinks beside those of the app.

    Raises:
        StoreNotFound: there is no file where there must be one, or it is a database without Flux tables.
        InvalidInput: no store is known for the URL.
        StoreError: the store cannot be opened.
    """
    storage = app.storage if store is None else None
    if storage is None:
        storage = _open(store or DEFAULT_STORE, existing=existing)
    with app.on(storage, trace=trace) as open_app:
        yield open_app


def _open(url: str, *, existing: bool) -> Storage:
    scheme, _, location = url.partition(":///")
    file = Path(unquote(location.partition("?")[0]))
    if existing and scheme == "sqlite":
        if not file.exists():
            raise StoreNotFound(
                f"there is no store {file.absolute()}; name one with --store, such as {DEFAULT_STORE}"
            )
        if _lacks_tables(file):
            raise StoreNotFound(f"no Flux tables in {file.absolute()}; name a store with --store")
    return open_storage(url)


def _lacks_tables(file: Path) -> bool:
    """Whether the file is a database of something else, which opening it as a store would make tables in."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'flux_schema'").fetchone()
    except sqlite3.Error:
        return False  # opening it as a store tells what is wrong with it
    return found is None
