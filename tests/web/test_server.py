"""Serving by uvicorn in a process of its own: how it begins, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from web.shop import PATIENCE, shop, until

import flux_web

from services.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
PROGRAM = """
    import time
    from pathlib import Path
    import flux_web
    from flux_core import App, Workflow
    from flux_core.storage import SQLiteStorage

    def work(ctx):
        Path("begun").touch()
        while not Path("go").exists():
            time.sleep(0.01)
        Path("done").touch()

    app = App([Workflow("work").step("work", work), Workflow("waits").wait("approved")], SQLiteStorage("runs.db"))
    app.execute("waits", {}, id="w1")
    flux_web.serve(flux_web.asgi(app, tick_every=TICK), HOST, 0, listening=lambda url: print(url, flush=True))
    print("ended", flush=True)
"""


class Process:
    """The program above, started."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", tick_every: float | None = None) -> None:
        program = textwrap.dedent(PROGRAM).replace("TICK", repr(tick_every)).replace("HOST", repr(host))
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "adapters")])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    def begin(self) -> threading.Thread:
        """Have a client start a run that takes as long as there is no file `go`, and wait until it is at work."""
        client = threading.Thread(target=self._start)
        client.start()
        until((self._folder / "begun").exists)
        return client

    def _start(self) -> None:
        try:
            self.answer = httpx.post(f"{self.url}workflows/work/runs", json={}, timeout=PATIENCE)
        except httpx.HTTPError as error:
            self.answer = error

    def go(self) -> None:
        """Let the run go on."""
        (self._folder / "go").touch()

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        self._process.send_signal(number)

    def end(self) -> tuple[int, str, str]:
        """Return the exit code, and what is still to be read of the output and the errors."""
        out, err = self._process.communicate(timeout=PATIENCE)
        return self._process.returncode, out, err

    def kill(self) -> None:
        """End it whatever it does."""
        self._process.kill()
        self._process.communicate()

    answer: httpx.Response | httpx.HTTPError


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Start the program; it is killed when the test ends."""
    processes: list[Process] = []

    def start(**options: Any) -> Process:
        processes.append(Process(tmp_path, **options))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()


def test_a_request_in_hand_is_answered_and_no_stream_holds_the_end_up(
    started: Callable[..., Process],
) -> None:
    """Told to end, it ends the streams and answers the rest; `serve` returns, and the process goes on."""
    process = started()
    with httpx.stream("GET", f"{process.url}events?run=w1", timeout=PATIENCE) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 1000"
        client = process.begin()
        process.signal(signal.SIGTERM)
        assert [*lines][-1] == ""  # the stream ends, while the run is still at work
    assert not hasattr(process, "answer")
    process.go()
    assert process.end() == (0, "ended\n", "")
    client.join()
    assert isinstance(process.answer, httpx.Response)
    assert process.answer.json()["status"] == "completed"


def test_the_second_ctrl_c_does_not_wait(started: Callable[..., Process]) -> None:
    """`serve` raises; the run that is at work keeps the interpreter until its step has ended."""
    process = started()
    client = process.begin()
    process.signal(signal.SIGINT)
    until(lambda: not is_listening(process.url))
    process.signal(signal.SIGINT)
    client.join(PATIENCE)
    assert getattr(process.answer, "status_code", 500) == 500  # as far as it is answered any more
    process.go()
    code, out, err = process.end()
    assert (code, out) == (-signal.SIGINT, "")  # as Python ends on an interrupt that nobody catches
    assert "KeyboardInterrupt" in err


def is_listening(url: str) -> bool:
    """Return whether a server takes connections."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", httpx.URL(url).port or 0)) == 0


def test_a_tick_in_hand_is_waited_for(started: Callable[..., Process], tmp_path: Path) -> None:
    """What the tick loop works on is brought to its end before the process ends."""
    process = started(tick_every=0.01)
    httpx.post(f"{process.url}workflows/work/runs", json={}, headers={"Prefer": "respond-async"})
    until((tmp_path / "begun").exists)
    process.signal(signal.SIGINT)
    until(lambda: not is_listening(process.url))
    process.go()
    assert process.end() == (0, "ended\n", "")
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize(
    ("name", "module", "missing"),
    [("asgi", "_asgi", "starlette.applications"), ("ticking", "_tick_loop", "anyio.to_thread")],
)
def test_what_it_is_built_on_may_be_missing(
    monkeypatch: pytest.MonkeyPatch, name: str, module: str, missing: str
) -> None:
    """It says what to install; a name that it does not have is an error as everywhere."""
    monkeypatch.delitem(vars(flux_web), name, raising=False)
    monkeypatch.delitem(sys.modules, f"flux_web.{module}", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    package = missing.partition(".")[0]
    with pytest.raises(
        ModuleNotFoundError, match=rf"flux_web needs {package}: pip install 'flux-serverless\[web\]'"
    ) as raised:
        getattr(flux_web, name)
    assert raised.value.name == missing
    assert not hasattr(flux_web, "app")


def test_another_module_that_is_missing_is_not_explained_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not of the extra."""
    monkeypatch.delitem(vars(flux_web), "asgi", raising=False)
    monkeypatch.setitem(sys.modules, "flux_web._asgi", None)
    with pytest.raises(ModuleNotFoundError, match="flux_web"):
        flux_web.asgi  # noqa: B018 (it is imported when it is asked for)


def test_uvicorn_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is mounted elsewhere does not need it."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ModuleNotFoundError, match="serve needs uvicorn: pip install") as raised:
        flux_web.serve(flux_web.asgi(shop()))
    assert raised.value.name == "uvicorn"


def test_a_port_that_is_taken_is_said() -> None:
    """With the address, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            flux_web.PortInUse, match=f"something listens at 127.0.0.1:{port} already; end it"
        ):
            flux_web.serve(flux_web.asgi(shop()), port=port)


def test_an_address_that_cannot_be_listened_at_is_said() -> None:
    """Such as one of another computer."""
    with pytest.raises(flux_web.PortInUse, match=r"cannot listen at 192\.0\.2\.1:\d+: "):
        flux_web.serve(flux_web.asgi(shop()), "192.0.2.1", free_port())


def test_an_address_of_ipv6_is_written_as_such(started: Callable[..., Process]) -> None:
    """In brackets; this computer is trusted there too."""
    if not socket.has_ipv6:
        pytest.skip("there is no IPv6 here")
    process = started(host="[::1]")
    assert process.url.startswith("http://[::1]:")
    assert [run["id"] for run in httpx.get(f"{process.url}runs", timeout=PATIENCE).json()["runs"]] == ["w1"]
