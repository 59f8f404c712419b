"""The command as a process: pipes, signals, terminals, and a crash for real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import IO, TYPE_CHECKING

import pytest
from cli.bakery import patient

from flux_core import App
from flux_core.storage import SQLiteStorage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Spawn = Callable[..., subprocess.Popen[str]]

PATIENCE = 30.0  # seconds, for a machine that is busy with other tests


def until_there(file: Path) -> None:
    """Wait for a file that another process makes."""
    deadline = time.monotonic() + PATIENCE
    while not file.exists():
        assert time.monotonic() < deadline, f"{file.name} did not appear"
        time.sleep(0.01)


def pipe(stream: IO[str] | None) -> IO[str]:
    """Return the process's end of a pipe."""
    assert stream is not None
    return stream


def test_the_exit_code_is_the_processs(spawn: Spawn) -> None:
    """The exit code of a failed run is that of the process."""
    process = spawn("run", "order", "--input", "-", "--json")
    out, err = process.communicate('{"order_id": "o1", "trouble": "burnt"}', PATIENCE)
    assert (process.returncode, json.loads(out)["status"], err) == (1, "failed", "charging o1\n")


def test_a_reader_that_leaves_early_is_no_error(spawn: Spawn) -> None:
    """Where nobody reads the output any more, the command ends quietly."""
    read, write = os.pipe()
    os.close(read)
    process = spawn("graph", "order", stdout=write)
    os.close(write)
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")


def test_a_terminal_that_lacks_the_marks_is_no_error(spawn: Spawn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks that the output's encoding cannot say become question marks."""
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    process = spawn("run", "order", "--input", '{"order_id": "o1"}', "--id", "r1", encoding="latin-1")
    out, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out.splitlines()[0]) == (0, "r1  ? completed")


def test_streams_that_are_no_files_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process without standard streams can run the command."""
    code = "import sys; sys.stderr = None; sys.argv = ['flux', '--version']; import flux_cli; flux_cli.main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0


def test_an_interrupted_run_is_saved(spawn: Spawn, folder: Path) -> None:
    """Ctrl-C in a run is exit code 130, and says how the run goes on."""
    process = spawn("run", "patient", "--input", "{}", "--id", "r1")
    until_there(folder / "begun")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (
        130,
        "flux: interrupted; run r1 is saved, and goes on after its lease with: flux tick\n",
    )


def test_a_run_that_was_killed_is_completed_by_tick(spawn: Spawn, folder: Path) -> None:
    """A run whose process is killed in the middle of a step is completed by a tick after its lease.

    The tick that watches ends with exit code 0 at Ctrl-C.
    """
    process = spawn("run", "patient", "--input", "{}", "--id", "r1")
    until_there(folder / "begun")
    process.kill()
    process.wait(PATIENCE)
    (folder / "go").touch()
    watch = spawn("tick", "--watch", "--every", "0.05", "--json")
    completed = 0
    while not completed:
        completed = json.loads(pipe(watch.stdout).readline())["completed"]
    watch.send_signal(signal.SIGINT)
    assert watch.wait(PATIENCE) == 0
    shown = spawn("show", "r1", "--json").communicate(timeout=PATIENCE)[0]
    assert json.loads(shown)["results"] == {"wait": "gone"}


@pytest.fixture
def started(folder: Path) -> None:
    """A run that waits for a worker, and then for a file `go`."""
    with App([patient], SQLiteStorage("flux.db")) as app:
        app.start("patient", {}, id="r1")


@pytest.mark.usefixtures("started")
def test_a_first_signal_lets_the_tick_end(spawn: Spawn, folder: Path) -> None:
    """SIGTERM while a tick works lets it end before the watch does, with exit code 0."""
    watch = spawn("tick", "--watch")
    until_there(folder / "begun")
    watch.send_signal(signal.SIGTERM)
    (folder / "go").touch()
    out, _ = watch.communicate(timeout=PATIENCE)
    assert (watch.returncode, out) == (0, "1 due: 1 claimed, 1 completed\n")


@pytest.mark.usefixtures("started")
def test_a_second_signal_interrupts_the_tick(spawn: Spawn, folder: Path) -> None:
    """Ctrl-C again does not wait for the tick to end: exit code 130."""
    watch = spawn("tick", "--watch")
    until_there(folder / "begun")
    watch.send_signal(signal.SIGINT)
    assert pipe(watch.stderr).readline().endswith("once more to stop at once\n")
    watch.send_signal(signal.SIGINT)
    assert watch.wait(PATIENCE) == 130


def test_a_terminal_shows_the_step_in_hand(spawn: Spawn, folder: Path) -> None:
    """While a run goes on, standard error says which step and how far, if it is a terminal; the output is clean."""
    ours, theirs = os.openpty()
    process = spawn("run", "patient", "--input", "{}", "--id", "r1", "--json", stderr=theirs)
    os.close(theirs)
    seen = b""
    while b"wait \xc2\xb7 50% half way" not in seen:
        seen += os.read(ours, 1024)
    (folder / "go").touch()
    assert json.loads(process.communicate(timeout=PATIENCE)[0])["status"] == "completed"
    os.close(ours)


@pytest.mark.usefixtures("started")
def test_a_terminal_shows_how_many_runs_are_done(spawn: Spawn, folder: Path) -> None:
    """While many runs are gone on with, standard error says how many are done; the output is the counts."""
    ours, theirs = os.openpty()
    process = spawn("resume", "--status", "pending", "--yes", stderr=theirs)
    os.close(theirs)
    seen = b""
    while b"0 of 1" not in seen or b"half way" not in seen:
        seen += os.read(ours, 1024)
    (folder / "go").touch()
    assert process.communicate(timeout=PATIENCE)[0] == "1 run: 1 completed\n"
    os.close(ours)
