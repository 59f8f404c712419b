"""Opening a store by its URL."""

from __future__ import annotations

import importlib.metadata
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import flux_core.storage
from flux_core._errors import InvalidInput, StoreError
from flux_core.storage import MemoryStorage, SQLiteStorage, open_storage

if TYPE_CHECKING:
    from pathlib import Path

    from flux_core.storage import Storage

KNOWN = "azuretable, dynamodb, firestore, memory, postgres, postgresql, sqlite"


class RedisStorage(MemoryStorage):
    """A store that another distribution brings."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url


def test_memory() -> None:
    """`memory://` is a new store in memory."""
    assert isinstance(open_storage("memory://"), MemoryStorage)


def test_three_slashes_are_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sqlite:///flux.db` is a file in the working directory."""
    monkeypatch.chdir(tmp_path)
    with closing(open_storage("sqlite:///flux.db")) as storage:
        assert isinstance(storage, SQLiteStorage)
    assert (tmp_path / "flux.db").exists()


def test_four_slashes_are_absolute(tmp_path: Path) -> None:
    """`sqlite:////abs/flux.db` is that file; an escaped character is the character."""
    open_storage(f"sqlite:///{tmp_path}/my%20runs%3F.db").close()
    assert (tmp_path / "my runs?.db").exists()


@pytest.mark.parametrize(("query", "level"), [("", 1), ("?synchronous=FULL", 2), ("?busy_timeout=2.5", 1)])
def test_options(tmp_path: Path, query: str, level: int) -> None:
    """Options behind the question mark are those of the store."""
    with closing(open_storage(f"sqlite:///{tmp_path}/flux.db{query}")) as storage:
        assert isinstance(storage, SQLiteStorage)
        with storage._local.session as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
            expected = 2500 if "busy_timeout" in query else 30_000
            assert connection.execute("PRAGMA busy_timeout").fetchone() == (expected,)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "orders.db",
            "a store is named by a URL, such as sqlite:///orders.db, dynamodb://orders or memory://",
        ),
        ("", "a store is named by a URL"),
        (
            "redis://localhost:6379/0",
            rf"no store is known for 'redis://\.\.\.'; known: {KNOWN}",
        ),
        (
            "://",
            rf"no store is known for '://\.\.\.'; known: {KNOWN}",
        ),
        ("memory://name", "neither name nor option"),
        ("sqlite://orders.db", "three slashes and a relative path, or four and an absolute one"),
        ("sqlite://", "three slashes"),
        ("sqlite:///", "'' is no file"),
        ("sqlite:///:memory:", r"use MemoryStorage\(\)"),
        ("sqlite:///orders.db?sync=FULL", "sqlite has no option 'sync'; known: busy_timeout, synchronous"),
        ("sqlite:///orders.db?synchronous=OFF", "synchronous: is NORMAL or FULL, not 'OFF'"),
        ("sqlite:///orders.db?synchronous", "synchronous: is NORMAL or FULL, not ''"),
        ("sqlite:///orders.db?busy_timeout=soon", "busy_timeout is a number of seconds, not 'soon'"),
        ("sqlite:///orders.db?busy_timeout=-1", "busy_timeout: is 0 to"),
    ],
)
def test_what_cannot_be_opened_is_named(url: str, message: str) -> None:
    """An error says what is wrong with the URL and what would be right."""
    with pytest.raises(InvalidInput, match=message):
        open_storage(url)


def test_a_store_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    """The errors of the store itself come through."""
    with pytest.raises(StoreError, match="is a directory"):
        open_storage(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize(
    "url", ["redis://me:s3cret@host/0", "memory://me:s3cret@host", "sqlite://me:s3cret@host/x"]
)
def test_a_password_is_not_repeated(url: str) -> None:
    """No message shows the password of a URL."""
    with pytest.raises(InvalidInput) as caught:
        open_storage(url)
    assert "s3cret" not in str(caught.value)


def test_an_installed_adapter_brings_its_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution adds a scheme by an entry point, which is given the whole URL."""
    entry = importlib.metadata.EntryPoint("redis", f"{__name__}:RedisStorage", "flux.storage")
    monkeypatch.setattr(entry.__class__, "load", lambda self: RedisStorage)
    found = importlib.metadata.EntryPoints([entry])
    monkeypatch.setattr(importlib.metadata, "entry_points", found.select)
    storage: Storage = open_storage("redis://localhost/0")
    assert isinstance(storage, RedisStorage)
    assert storage.url == "redis://localhost/0"
    with pytest.raises(InvalidInput, match="known: memory, redis, sqlite"):
        open_storage("mongo://localhost")


def test_built_in_schemes_look_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """No adapter is looked for, or can stand in, where the scheme is built in."""
    monkeypatch.delattr(importlib.metadata, "entry_points")
    open_storage("memory://").close()


def test_the_package_has_nothing_else() -> None:
    """A name that the package does not have is an error as in any module."""
    with pytest.raises(AttributeError, match="has no attribute 'RedisStorage'"):
        _ = flux_core.storage.RedisStorage


def test_an_option_is_given_once(tmp_path: Path) -> None:
    """Of two values nobody can say which one is meant."""
    with pytest.raises(InvalidInput, match="busy_timeout is given twice"):
        open_storage(f"sqlite:///{tmp_path}/x.db?busy_timeout=1&busy_timeout=2")
