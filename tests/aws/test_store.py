"""An app without a store is put on one, and a store that dies with its sandbox is warned of."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

import flux_aws
from flux_aws._handler import LAMBDA
from flux_core import App, Workflow, storage
from flux_core._serving import store
from flux_core._serving.store import ELSEWHERE, with_store
from flux_core.storage import MemoryStorage, SQLiteStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

ONE: Workflow[Any, Any] = Workflow("one").step("step", lambda ctx: 1)
WARNING = "lives and dies with this sandbox"


@pytest.fixture
def lasting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder that counts as one that outlives the sandbox."""
    monkeypatch.setattr(store, "FLEETING", "/nowhere/")
    return tmp_path


@pytest.fixture
def fleeting() -> Iterator[Path]:
    """A folder in `/tmp`, which is what Lambda's functions have."""
    with TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_the_environment_names_the_store(lasting: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`FLUX_STORE` is the store's URL."""
    monkeypatch.setenv("FLUX_STORE", f"sqlite:///{lasting}/runs.db")
    flux_aws.handler(ONE)({}, None)

    assert (lasting / "runs.db").exists()


def test_the_default_store_is_a_file_in_tmp(
    fleeting: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a word about the store, runs are kept in `/tmp` on Lambda, and the log warns of it once."""
    monkeypatch.delenv("FLUX_STORE", raising=False)
    monkeypatch.setattr(store, "DEFAULT", store.DEFAULT.replace(store.FLEETING, f"{fleeting}/"))
    handler = flux_aws.handler(ONE)
    handler({}, None)

    assert caplog.text.count(f"runs are kept in {fleeting}/flux.db, which {WARNING}") == 1


def test_off_lambda_the_default_store_is_that_of_the_command_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On a laptop the runs are where `flux list` looks for them: in the current folder."""
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME")
    monkeypatch.delenv("FLUX_STORE", raising=False)
    monkeypatch.setattr(store, "ELSEWHERE", ELSEWHERE)
    monkeypatch.chdir(tmp_path)
    flux_aws.handler(ONE)({}, None)

    assert (tmp_path / "flux.db").exists()


def test_the_apps_own_store_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment does not overrule the app."""
    monkeypatch.setenv("FLUX_STORE", "sqlite:////nowhere/runs.db")
    app = App([ONE], MemoryStorage())
    flux_aws.handler(app)({}, None)

    assert len(list(app.list())) == 1


def test_memory_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """A store in memory loses its runs with the sandbox."""
    flux_aws.handler(App([ONE], MemoryStorage()))

    assert f"runs are kept in memory, which {WARNING}" in caplog.text


def test_off_lambda_nothing_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On a laptop or in a test there is no sandbox for runs to die with."""
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME")
    flux_aws.handler(App([ONE], MemoryStorage()))({}, None)

    assert WARNING not in caplog.text


def test_a_given_file_in_tmp_is_warned_of(fleeting: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file in `/tmp` is as fleeting when the app names it."""
    with App([ONE], SQLiteStorage(fleeting / "runs.db")) as app:
        flux_aws.handler(app)

    assert WARNING in caplog.text


def test_a_file_that_outlives_the_sandbox_is_not_warned_of(
    lasting: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file on a file system of its own is nobody's to warn of."""
    with App([ONE], SQLiteStorage(lasting / "runs.db")) as app:
        flux_aws.handler(app)

    assert WARNING not in caplog.text


def test_elsewhere_the_store_is_opened_by_the_first_event(
    lasting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that makes a handler can be imported off Lambda, for its app, without a store being opened."""
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME")
    monkeypatch.setenv("FLUX_STORE", f"sqlite:///{lasting}/late.db")
    handler = flux_aws.handler(ONE)
    assert not (lasting / "late.db").exists()
    handler({}, None)

    assert (lasting / "late.db").exists()


def test_a_table_is_opened_without_a_search_for_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cold start reads no list of the installed packages, by which other stores are found."""
    monkeypatch.setattr(storage, "open_storage", None)
    monkeypatch.setenv("FLUX_STORE", "dynamodb://runs?region=eu-west-1")
    app = with_store(App([ONE]), LAMBDA)

    assert isinstance(app.storage, flux_aws.DynamoDBStorage)
