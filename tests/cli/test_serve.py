"""`flux serve`: an app's HTTP API and viewer, as a process."""

from __future__ import annotations

import json
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from cli.bakery import patient
from cli.test_process import PATIENCE, pipe, until_there

from flux_cli import _serving
from flux_cli._options import Place
from flux_core import App
from flux_core.storage import MemoryStorage, SQLiteStorage

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Spawn = Callable[..., subprocess.Popen[str]]

TOKEN = "a-token-that-operates"


def address(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return where the server says that it is, and what it says that it serves."""
    url, _, what = pipe(process.stdout).readline().strip().partition("  ")
    return url, what


def ask(url: str, *, token: str | None = None, body: Any = None, **headers: str) -> Any:
    """Return the answer to a request."""
    given = headers | ({} if token is None else {"Authorization": f"Bearer {token}"})
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, given)  # noqa: S310 (the server that the test has started)
    with urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 (the same)
        return json.load(answer)


def test_it_serves_the_app_over_the_store_and_goes_on_with_what_is_due(spawn: Spawn, folder: Path) -> None:
    """The address is the first thing it says; Ctrl-C ends it with exit code 0."""
    (folder / "go").touch()
    process = spawn("serve", "--port", "0", "--store", "sqlite:///bread.db")
    url, what = address(process)
    assert what == "sqlite:///bread.db; Ctrl-C ends it"
    about = ask(f"{url}viewer/about")
    assert (about["source"], about["acts"], about["role"]) == ("sqlite:///bread.db", True, "operate")
    with App([patient], SQLiteStorage("bread.db")) as elsewhere:
        elsewhere.start("patient", {}, id="p1")
    until_there(folder / "begun")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (
        0,
        "flux: stopping when what is in hand has ended; once more to stop at once\n",
    )
    with App([patient], SQLiteStorage("bread.db")) as elsewhere:
        run = elsewhere.get("p1")
        assert run is not None
        assert run.status == "completed"


def test_the_second_ctrl_c_ends_it_in_the_middle_of_a_step(spawn: Spawn, folder: Path) -> None:
    """Exit code 130; the run is left as it is saved, and goes on after its lease."""
    process = spawn("serve", "--port", "0", "--no-tick")
    url, _ = address(process)
    ask(f"{url}workflows/patient/runs", body={}, Prefer="respond-async", **{"Idempotency-Key": "p1"})
    with pytest.raises(HTTPError, match="404"):
        ask(f"{url}runs/p2")
    resume = f"{url}runs/p1/resume"
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2].strip("/")))) as client:
        client.sendall(
            f"POST {resume} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".replace(
                url, "/"
            ).encode()
        )
        until_there(folder / "begun")
        process.send_signal(signal.SIGINT)
        assert pipe(process.stderr).readline().endswith("once more to stop at once\n")
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
    assert process.returncode == 130
    assert not (folder / "go").exists()


def test_a_port_that_is_taken_is_said(flux: Callable[..., Result]) -> None:
    """With exit code 2, and no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = flux("serve", "--port", str(port))
    assert (result.exit_code, result.stderr) == (
        2,
        f"flux: something listens at 127.0.0.1:{port} already; end it, or take another port\n",
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "flux.example.com"])  # noqa: S104 (is to be refused)
def test_other_computers_are_not_served_without_a_token(flux: Callable[..., Result], host: str) -> None:
    """It says which variables set one."""
    result = flux("serve", "--host", host, "--port", "0")
    assert result.exit_code == 2
    assert "set FLUX_OPERATE_TOKEN, or FLUX_READ_TOKEN" in result.stderr
    assert f"--host: {host}" in result.stderr


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "::1", "[::1]"])
def test_this_computer_is_served_without_a_token(
    flux: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """By each of its own names, an address of IPv6 also as URLs write it."""
    served: list[str] = []
    monkeypatch.setattr(_serving, "until_stopped", lambda *_, host, **__: served.append(host))
    flux("serve", "--host", host)
    assert served == [host]


def test_with_a_token_other_computers_are_served(spawn: Spawn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then who asks needs it, whoever that is; the password of a store's URL is told nobody."""
    monkeypatch.setenv("FLUX_OPERATE_TOKEN", TOKEN)
    process = spawn("serve", "--host", "0.0.0.0", "--port", "0", "--no-tick")  # noqa: S104 (it has a token)
    url, _ = address(process)
    assert url.startswith("http://0.0.0.0:")
    url = url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 (it is what is told)
    with pytest.raises(HTTPError, match="401"):
        ask(f"{url}runs")
    assert ask(f"{url}runs", token=TOKEN) == {"runs": [], "cursor": None}


def test_a_function_is_not_served(flux: Callable[..., Result]) -> None:
    """It has its own app, which is not here."""
    result = flux("--remote", "lambda://orders", "serve")
    assert result.exit_code == 2
    assert "an app is served from here" in result.stderr


def test_without_an_app_there_is_nothing_to_serve(
    flux: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for every command that needs one."""
    monkeypatch.delenv("FLUX_APP")
    result = flux("serve", "--port", "0")
    assert result.exit_code == 2
    assert "no app is named" in result.stderr


@pytest.mark.parametrize("package", ["anyio", "starlette", "uvicorn"])
def test_what_it_is_built_on_may_be_missing(
    flux: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    """It says what to install."""
    monkeypatch.setattr(_serving, "find_spec", lambda name: None if name == package else sys)
    result = flux("serve", "--port", "0")
    assert (result.exit_code, result.stderr) == (
        2,
        f"flux: flux serve needs {package}: pip install 'flux-serverless[web]'\n",
    )


@pytest.mark.parametrize(
    ("store", "told"),
    [
        (
            "postgresql://ann:secret@db.example:5432/orders?sslpassword=secret",
            "postgresql://db.example:5432/orders",
        ),
        ("sqlite:///orders.db", "sqlite:///orders.db"),
        ("dynamodb://orders", "dynamodb://orders"),
        ("memory://", "memory://"),
    ],
)
def test_no_password_is_told(store: str, told: str) -> None:
    """Of the store's URL no more is shown than where it is."""
    assert _serving.source_of(Place(store=store), App([])) == told


def test_a_store_that_the_app_brings_is_named(tmp_path: Path) -> None:
    """By its file, or by its class."""
    with App([], SQLiteStorage(tmp_path / "own.db")) as app:
        assert _serving.source_of(Place(), app) == f"sqlite:///{tmp_path}/own.db"
    assert _serving.source_of(Place(), App([], MemoryStorage())) == "MemoryStorage"
