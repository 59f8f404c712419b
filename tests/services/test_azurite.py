"""Azurite starts, ends, and says what it needs where it cannot start."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest
from azure.storage.queue import QueueServiceClient

from services import azurite
from services.azurite import Azurite, program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCRIPT = "node_modules/azurite/dist/src/azurite.js"


@pytest.fixture
def not_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An empty folder for what is fetched."""
    monkeypatch.setattr(azurite, "_CACHE", tmp_path)
    monkeypatch.delenv("FLUX_TEST_REQUIRE", raising=False)
    azurite.fetched.cache_clear()
    yield tmp_path
    azurite.fetched.cache_clear()


@pytest.mark.xdist_group("azurite")
def test_a_server_serves_until_its_context_ends() -> None:
    """The connection string opens every service inside the context, and the process is gone after it."""
    with Azurite() as server:
        with QueueServiceClient.from_connection_string(server.connection) as queues:
            assert list(queues.list_queues()) == []
        for url in (server.table_url, server.queue_url, server.blob_url):
            with socket.create_connection(("127.0.0.1", int(url.split(":")[2].partition("/")[0])), 5):
                pass
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


def test_a_missing_node_is_named(not_fetched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Node.js the test is skipped, and it is said what to install."""
    monkeypatch.setenv("PATH", str(not_fetched))
    with pytest.raises(pytest.skip.Exception, match=r"needs Node\.js"):
        program()


def test_a_missing_npm_is_named(not_fetched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without npm it is said how the package may be put there by hand."""
    _pretend(not_fetched / "bin" / "node", "exit 0")
    monkeypatch.setenv("PATH", str(not_fetched / "bin"))
    with pytest.raises(pytest.skip.Exception, match=r"no `npm`.*run `npm install --prefix .*azurite-3"):
        program()


def test_a_fetch_that_fails_is_told(not_fetched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What npm says of a package that it cannot fetch is in the reason."""
    _pretend(not_fetched / "bin" / "node", "exit 0")
    _pretend(not_fetched / "bin" / "npm", "echo no network >&2; exit 1")
    monkeypatch.setenv("PATH", f"{not_fetched / 'bin'}:/bin:/usr/bin")
    with pytest.raises(pytest.skip.Exception, match=r"npm cannot fetch .*: no network;"):
        program()


def test_a_package_is_fetched_once(not_fetched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What npm installs goes into the cache, and is taken from there the next time."""
    _pretend(not_fetched / "bin" / "node", "exit 0")
    install = f"""
echo x >> {not_fetched}/calls
while [ "$1" != --prefix ]; do shift; done
mkdir -p "$2/{SCRIPT.rpartition("/")[0]}" && echo script > "$2/{SCRIPT}"
"""
    _pretend(not_fetched / "bin" / "npm", install)
    monkeypatch.setenv("PATH", f"{not_fetched / 'bin'}:/bin:/usr/bin")
    for _ in range(2):
        azurite.fetched.cache_clear()
        assert program().read_text() == "script\n"
    assert (not_fetched / "calls").read_text() == "x\n"


def _pretend(path: Path, script: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
