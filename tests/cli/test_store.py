"""Which store a command works on, and what is told of one that it cannot use."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

OWN_STORE = """
from flux_core import App, Workflow
from flux_core.storage import SQLiteStorage

app = App([Workflow("w").step("s", lambda ctx: None)], SQLiteStorage("own.db"))
"""


def test_the_apps_own_store_is_the_default(flux: Callable[..., Result], folder: Path) -> None:
    """Without a store named, the app's own is used, and no other is made."""
    (folder / "own.py").write_text(OWN_STORE)
    flux("run", "w", "--app", "own:app", "--input", "{}", "--id", "r1")
    assert flux("show", "r1", "--store", "sqlite:///own.db").exit_code == 0
    assert not (folder / "flux.db").exists()


def test_the_apps_own_store_is_listed(flux: Callable[..., Result], folder: Path) -> None:
    """`flux list` looks into the app's own store if none is named."""
    (folder / "own.py").write_text(OWN_STORE)
    flux("run", "w", "--app", "own:app", "--store", "sqlite:///own.db", "--input", "{}", "--id", "r1")
    runs = json.loads(flux("list", "--app", "own:app", "--json").stdout)["runs"]
    assert [run["id"] for run in runs] == ["r1"]


def test_a_named_store_goes_before_the_apps_own(flux: Callable[..., Result], folder: Path) -> None:
    """`--store` is used instead of the app's own store."""
    (folder / "own.py").write_text(OWN_STORE)
    flux("run", "w", "--app", "own:app", "--store", "sqlite:///else.db", "--input", "{}", "--id", "r1")
    assert flux("show", "r1", "--app", "own:app").exit_code == 3
    assert flux("show", "r1", "--app", "own:app", "--store", "sqlite:///else.db").exit_code == 0


def test_the_environment_names_the_store(flux: Callable[..., Result], folder: Path) -> None:
    """FLUX_STORE names the store where no option does."""
    flux("run", "order", "--input", '{"order_id": "o1"}', env={"FLUX_STORE": "sqlite:///from-env.db"})
    assert (folder / "from-env.db").exists()


def test_the_option_may_stand_before_the_command(flux: Callable[..., Result], folder: Path) -> None:
    """`flux --store URL run` is the same as `flux run --store URL`, and goes before the environment."""
    environment = {"FLUX_STORE": "sqlite:///from-env.db"}
    flux("--store", "sqlite:///before.db", "run", "order", "--input", '{"order_id": "o1"}', env=environment)
    assert [file.name for file in folder.glob("*.db")] == ["before.db"]


def test_the_option_behind_the_command_goes_first(flux: Callable[..., Result], folder: Path) -> None:
    """Of two, the option that stands behind the command is meant."""
    flux(
        "--store",
        "sqlite:///a.db",
        "run",
        "--store",
        "sqlite:///b.db",
        "order",
        "--input",
        '{"order_id": "o1"}',
    )
    assert [file.name for file in folder.glob("*.db")] == ["b.db"]


def test_a_store_of_an_unknown_kind_exits_with_2(flux: Callable[..., Result], folder: Path) -> None:
    """A URL that no store is known for is exit code 2, with the kinds there are; nothing is written."""
    result = flux("run", "order", "--input", '{"order_id": "o1"}', "--store", "foo://x")
    assert result.exit_code == 2
    assert re.search(
        r"no store is known for 'foo://...'; known: azuretable, dynamodb, firestore, memory, postgres, postgresql,"
        r" sqlite",
        result.stderr,
    )
    assert not list(folder.iterdir())


@pytest.mark.parametrize("command", [["list"], ["show", "r1"], ["retry", "r1"], ["resume", "r1"]])
def test_reading_does_not_make_a_store(flux: Callable[..., Result], folder: Path, command: list[str]) -> None:
    """A command that looks for a run says that there is no store, with exit code 3, and makes none."""
    result = flux(*command)
    assert (result.exit_code, f"there is no store {folder / 'flux.db'}" in result.stderr) == (3, True)
    assert not list(folder.iterdir())


def test_a_store_in_memory_is_never_missing(flux: Callable[..., Result]) -> None:
    """A store that is no file is opened as it is."""
    assert flux("list", "--store", "memory://").exit_code == 0


def test_a_file_that_is_no_database_exits_with_5(flux: Callable[..., Result], folder: Path) -> None:
    """A file that is not SQLite is exit code 5, and is left as it was."""
    (folder / "notes.txt").write_text("remember the milk " * 100)
    result = flux("list", "--store", "sqlite:///notes.txt")
    assert (result.exit_code, "notes.txt is not an SQLite database" in result.stderr) == (5, True)
    assert (folder / "notes.txt").read_text() == "remember the milk " * 100


@pytest.mark.parametrize("command", [["list"], ["show", "r1"], ["retry", "r1"], ["resume", "r1"]])
def test_reading_does_not_make_tables(flux: Callable[..., Result], folder: Path, command: list[str]) -> None:
    """A database of something else is exit code 3 to a command that looks for a run, and is left as it was."""
    with closing(sqlite3.connect(folder / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE stock (product TEXT)")
    before = (folder / "shop.db").read_bytes()
    result = flux(*command, "--store", "sqlite:///shop.db")
    assert (result.exit_code, f"no Flux tables in {folder / 'shop.db'}" in result.stderr) == (3, True)
    assert (folder / "shop.db").read_bytes() == before


def test_a_store_that_a_newer_flux_wrote_exits_with_5(flux: Callable[..., Result], folder: Path) -> None:
    """A file with a schema of the future is exit code 5, and no run is written to it."""
    flux("run", "order", "--input", '{"order_id": "o1"}')
    with closing(sqlite3.connect(folder / "flux.db")) as connection, connection:
        connection.execute("INSERT INTO flux_schema (version) VALUES (99)")
    result = flux("run", "order", "--input", '{"order_id": "o2"}')
    assert (result.exit_code, "was written by a newer Flux (schema 99" in result.stderr) == (5, True)
    with closing(sqlite3.connect(folder / "flux.db")) as connection:
        assert connection.execute("SELECT count(*) FROM flux_runs").fetchone() == (1,)
