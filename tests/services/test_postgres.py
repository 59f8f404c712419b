"""A private PostgreSQL starts, restarts, ends, and says what it needs where it cannot start."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import psycopg
import pytest

from services import postgres
from services.postgres import PostgreSQL, programs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.xdist_group("postgres")
def test_a_server_answers_until_its_context_ends() -> None:
    """The server answers inside the context; its process and its folder are gone after it."""
    with PostgreSQL() as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        pid, folder = server._process.pid, server._folder
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not folder.exists()


@pytest.mark.xdist_group("postgres")
def test_a_server_that_does_not_start_shows_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ends before it takes connections is an error that carries what it wrote."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(postgres, "free_port", lambda: taken.getsockname()[1])
        with pytest.raises(RuntimeError, match=r"(?s)its log:.*Address already in use"):
            PostgreSQL().__enter__()


def test_a_missing_server_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PostgreSQL the test is skipped, and it is said what to install."""
    monkeypatch.delenv("FLUX_TEST_REQUIRE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgres, "_DEBIAN", tmp_path)
    with pytest.raises(pytest.skip.Exception, match="apt-get install postgresql"):
        programs()


def test_a_server_off_the_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Debian puts PostgreSQL is looked into, the newest version first."""
    for version in ("14", "15"):
        folder = tmp_path / version / "bin"
        folder.mkdir(parents=True)
        (folder / "postgres").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgres, "_DEBIAN", tmp_path)
    assert programs() == tmp_path / "15" / "bin"


def test_the_tests_user_runs_it_unless_it_is_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root cannot run PostgreSQL, and hands it to another user; anyone else runs it himself."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert postgres.owner() in {"postgres", "nobody"}
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert postgres.owner() is None
